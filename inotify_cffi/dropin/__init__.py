"""The parts of the drop-in for the PyPI package ``inotify``; what users import is ``inotify_cffi.adapters``.

It stands on ``kernel`` and ``tree`` and makes that package's tuples of what they say. It does not use
``Watcher``: the original has one instance for each tree, names masks in its own way, and reports a directory
that it watches itself.
"""
