"""The interface of pyinotify, which does not import on Python 3.12 and newer, on an inotify instance of ours.

Change the import: ``from inotify_cffi.compat import pyinotify``. It is written from what pyinotify documents and
does; docs/from-pyinotify.md has what differs.
"""

from __future__ import annotations

from inotify_cffi.compat import pyinotify_words
from inotify_cffi.compat.pyinotify_extras import Limit, NotifierError, Stats
from inotify_cffi.compat.pyinotify_loops import AsyncioNotifier, ThreadedNotifier, TornadoAsyncNotifier
from inotify_cffi.compat.pyinotify_notifier import Notifier
from inotify_cffi.compat.pyinotify_watches import ExcludeFilter, Watch, WatchManager, WatchManagerError
from inotify_cffi.compat.pyinotify_words import (
    ALL_EVENTS,
    ChainIfTrue,
    Event,
    EventsCodes,
    PrintAllEvents,
    ProcessEvent,
    ProcessEventError,
    PyinotifyError,
    log,
)

__all__ = [
    "ALL_EVENTS",
    "AsyncioNotifier",
    "ChainIfTrue",
    "Event",
    "EventsCodes",
    "ExcludeFilter",
    "Notifier",
    "NotifierError",
    "PrintAllEvents",
    "ProcessEvent",
    "ProcessEventError",
    "PyinotifyError",
    "Stats",
    "ThreadedNotifier",
    "TornadoAsyncNotifier",
    "Watch",
    "WatchManager",
    "WatchManagerError",
    "log",
    "max_queued_events",
    "max_user_instances",
    "max_user_watches",
]

max_queued_events = Limit("max_queued_events")
max_user_instances = Limit("max_user_instances")
max_user_watches = Limit("max_user_watches")

# For those who read the types; the values are those of :class:`EventsCodes`.
IN_ACCESS: int
IN_MODIFY: int
IN_ATTRIB: int
IN_CLOSE_WRITE: int
IN_CLOSE_NOWRITE: int
IN_OPEN: int
IN_MOVED_FROM: int
IN_MOVED_TO: int
IN_CREATE: int
IN_DELETE: int
IN_DELETE_SELF: int
IN_MOVE_SELF: int
IN_UNMOUNT: int
IN_Q_OVERFLOW: int
IN_IGNORED: int
IN_ONLYDIR: int
IN_DONT_FOLLOW: int
IN_EXCL_UNLINK: int
IN_MASK_ADD: int
IN_ISDIR: int
IN_ONESHOT: int

globals().update(pyinotify_words.FLAGS)
__all__ += list(pyinotify_words.FLAGS)
