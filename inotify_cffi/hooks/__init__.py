"""The plugin host: hook specifications (``specs``), loading plugins, calling each one by itself and guarded.

What is here: find plugins and load them (``loading``), keep them, in the order in which they are called
(``registry``), call one (``caller``, ``guard``) or have a thread call it (``workers``); go through a watcher's
events and make the calls (``dispatch``, ``adispatch``, ``delivery``, ``pace``), by the kind of each event
(``kinds``); and say which files are finished (``settle``; ``openers`` looks whether anybody has one open for
writing; ``hiding`` keeps from plugins what is read for that alone).

It uses a watcher as any consumer does, through its public methods. It does not know the shipped plugins: they
come through the entry points, as everybody's do.
"""
