"""The command line: a program whose standard output is only data, and whose every end has a meaning.

What is here: the program with its exit codes (``program``), from arguments to a command (``parser``,
``config``, ``options``), one module for each command (``watch``, ``run``, ``stats``, ``journal``, ``plugins``,
``doctor``; ``command`` is what they have in common, ``watching`` what those that watch have), what it prints
and to whom (``outputs``, ``usage``, ``table``, ``progress``, ``document``, ``extra``), and what is around it
(``surroundings``, ``service``, ``ending``, ``init``).

It uses a watcher and a dispatcher as any program does. Nothing imports it.
"""
