"""The exceptions, by what the caller can do about them.

A failed call on a path is the OSError subclass that Python has for its errno (FileNotFoundError,
NotADirectoryError, PermissionError, ...), with ``errno``, ``strerror`` and ``filename``. The classes here
are for what has no class there.
"""

from __future__ import annotations

__all__ = [
    "BusyError",
    "ClosedError",
    "DecodeError",
    "ForgottenError",
    "ForkError",
    "GenerationError",
    "InotifyError",
    "InstanceLimitError",
    "LedgerError",
    "MirrorError",
    "PathError",
    "PluginError",
    "StateError",
    "WatchLimitError",
]


class InotifyError(Exception):
    """The base of the others; never raised itself."""


class WatchLimitError(InotifyError, OSError):
    """No watch is left for this user (ENOSPC): raise ``fs.inotify.max_user_watches`` or watch less."""


class InstanceLimitError(InotifyError, OSError):
    """No inotify instance is left for this user (EMFILE): raise ``fs.inotify.max_user_instances``."""


class ClosedError(InotifyError, ValueError):
    """The object was closed before: make a new one."""


class ForkError(ClosedError):
    """The object belongs to the process that this one was forked from: make a new one after the fork."""


class DecodeError(InotifyError, ValueError):
    """The bytes are not whole inotify records."""


class LedgerError(InotifyError, RuntimeError):
    """A step met a directory that is not watched any more, and was refused: a defect of this library."""


class PathError(InotifyError, OSError, ValueError):
    """The path can not name a file (EINVAL): it is empty or holds a NUL byte."""


class BusyError(InotifyError, RuntimeError):
    """Another thread or task is reading this watcher: one reader at a time, or each would get a part."""


class PluginError(InotifyError, ValueError):
    """A plugin can not be loaded or registered; the message names it, and the hook where it is about one."""


class MirrorError(InotifyError, ValueError):
    """An event does not fit what a mirror was told before; the message names the event and what is missing."""


class GenerationError(InotifyError, LookupError):
    """A number was not given by this journal, but by another or an earlier generation of it: begin anew."""


class ForgottenError(InotifyError, LookupError):
    """Events behind a number were forgotten, because they were too old or too many: begin anew."""


class StateError(InotifyError, ValueError):
    """A state can not be gone on from: it is damaged, of another version, or none; begin anew without it."""
