"""The command line. Its standard output is only data, and each exit code has one meaning.

What is here: the program with its exit codes (``program``); from arguments to a command (``parser``,
``config``, ``options``); one module for each command (``watch``, ``run``, ``stats``, ``journal``, ``plugins``,
``doctor``), with what all have in common (``command``) and what those that watch have (``watching``); what
commands print besides events (``table``, ``progress``, ``usage``), to whoever reads (``outputs``); messages
(``surroundings``), signals (``ending``, ``resync``), systemd (``service``), life as process 1 (``init``), packages
that are only needed here (``extra``), and the help in the documentation (``document``).

An event is printed by a plugin as any other, ``plugins/console.py``. The command line uses a watcher and a
dispatcher as any program does, and nothing imports it.
"""
