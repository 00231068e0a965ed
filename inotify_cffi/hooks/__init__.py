"""The plugin host: hook specifications (``specs``), loading plugins, calling each one by itself and guarded.

What is here: find and load (``registry``, ``loading``), call (``caller``, ``guard``, ``workers`` with a thread
each), go through a watcher's events (``dispatch``, ``adispatch``, ``delivery``, ``pace``), which hook an event
is for (``kinds``), and which files are finished (``settle``, ``openers``; ``hiding`` keeps from plugins what is
read for that alone).

It uses a watcher as any consumer does, through its public methods. It does not know the shipped plugins: they
come through the entry points, as everybody's do.
"""
