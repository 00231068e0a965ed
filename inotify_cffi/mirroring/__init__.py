"""What :class:`inotify_cffi.Mirror` is made of: a tree of names, and the numbers of a journal.

It relies on nothing but paths: no event is looked at here, no file system, no watcher.
"""
