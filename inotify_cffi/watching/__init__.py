"""What ``Watcher`` is made of besides the tree: wait, read, hand out events, to one reader at a time.

What is here: the options and other arguments, checked (``options``, ``arguments``); the parts that a watcher
owns, made and freed (``parts``); its roots (``roots``), what can be asked of what it knows (``contents``), and
whether a root answers at all (``answers``);
what reads (``reading``), in batches too (``batches``), and who reads (``claim``); what is ready and not handed
out yet, so that no exception loses it (``handout``); when a watcher that was stopped has told all (``ending``);
the coroutine side (``asynchronous``, ``loops``) and a thread (``background``).

It relies on ``kernel`` to block and on ``tree`` for the events. It knows threads, signals, event loops and time
limits; it does not know how a tree is kept true, and it knows no plugins.
"""
