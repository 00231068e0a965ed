"""What the consumer has been told: directories, the names in them, and the watch descriptor of each.

What is here: the door to the ledger's memory (``storage``), handles of directories and roots (``nodes``), the
ledger with its verbs (``ledger``; ``watches`` has the watch descriptors), and what is watched of a root
(``rules``; ``patterns`` and one pattern, ``wildmatch``).

It does no input and no output: it can not be wrong about the disk, for it never claims to know it. Only the
modules ``tree/teller.py`` and ``tree/plain.py`` change it, by its verbs, and each of them reports what it changed.
"""
