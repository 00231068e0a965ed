"""The interfaces that programs call already, on top of a watcher: watchdog, watchfiles, pyinotify.

Nothing is taken from those packages and nothing is changed in them unasked: each module says how to begin. They
stand on top, and nothing else of the library knows them.
"""
