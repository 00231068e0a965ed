"""The parts of the drop-in for the PyPI package ``inotify``; what users import is ``inotify_cffi.adapters``.

What is here: watches by path (``single``), trees of them (``trees``, of the library's own trees in ``roots``),
the generator: how long it waits, when it yields None (``cycles``), and the tuple that an event is (``tuples``).

It stands on ``kernel`` and ``tree`` and makes that package's tuples of what they say. It does not use
``Watcher``: the original has one instance for each tree, names masks in its own way, and reports a directory
that it watches itself.
"""
