"""Why an event is told, as plain integers: what everything inside works with.

:class:`~inotify_cffi.causes.Cause` has the same for those who read them, with what each one means. It needs
``enum``, which takes its time to import; so it is made when it is first asked for. The numbers are kept in
journals: none is ever given another meaning.
"""

from __future__ import annotations

KERNEL = 0
LOOK = 1
START = 2
NEW_DIRECTORY = 3
MOVED_IN = 4
ANOTHER_EVENT = 5
LOSS = 6
RESYNC = 7
POLL = 8
RESTART = 9
