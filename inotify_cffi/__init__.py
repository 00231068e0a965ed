"""A recursive inotify watcher whose event stream is the file system, with plugins; for CPython and PyPy."""

from inotify_cffi.errors import (
    BusyError,
    ClosedError,
    DecodeError,
    InotifyError,
    InstanceLimitError,
    PathError,
    WatchLimitError,
)
from inotify_cffi.events import Event, RawEvent, decode
from inotify_cffi.flags import Mask, flag_names, parse_mask
from inotify_cffi.instance import Instance
from inotify_cffi.watcher import Watcher, watch

__all__ = [
    "BusyError",
    "ClosedError",
    "DecodeError",
    "Event",
    "InotifyError",
    "Instance",
    "InstanceLimitError",
    "Mask",
    "PathError",
    "RawEvent",
    "WatchLimitError",
    "Watcher",
    "decode",
    "flag_names",
    "parse_mask",
    "watch",
]
