"""What :class:`inotify_cffi.Mirror` is made of.

What is here: a tree of names in which a move is one step (``entries``), how paths are taken apart (``paths``),
how two of them differ (``difference``), and how far a journal was followed (``numbers``: those that the plugin
``journal`` gives to its events).

It relies on nothing but paths: no event is looked at here, no file system, no watcher.
"""
