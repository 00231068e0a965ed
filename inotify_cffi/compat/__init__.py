"""The interfaces that programs call already, on top of a watcher: watchdog, watchfiles, pyinotify.

What is here: what users import (``watchdog``, ``watchfiles``, ``pyinotify``) and its parts. Of watchdog, what a
watcher tells in its words (``emitting``), and one watcher for all schedules of an observer (``hub``). Of
pyinotify, its flags and events (``pyinotify_words``), its watches (``pyinotify_watches``), its notifiers
(``pyinotify_notifier``, ``pyinotify_loops``), and what counts or becomes a daemon (``pyinotify_extras``). Our
methods in a peer's own classes, and back (``patching``); a whole program with that (``running``, ``site``). What
PyInstaller asks for (``pyinstaller``).

Nothing is taken from those packages, and nothing is changed in them unasked: each module says how to begin.
``watchdog`` and ``watchfiles`` stand on the watcher, ``pyinotify`` on an inotify instance, as that package does.
"""
