"""Why an event is told: the kernel reported it, or the library made it, and from what."""

from __future__ import annotations

from enum import IntEnum

from inotify_cffi.base import causes

__all__ = ["Cause"]


class Cause(IntEnum):
    """Why an event is told; all but KERNEL are ``synthetic``. Later versions may have more of them."""

    KERNEL = causes.KERNEL
    """The kernel reported it."""
    LOOK = causes.LOOK
    """It was seen when something was looked at again, of which the kernel's events say too little."""
    START = causes.START
    """It was there when its root was added."""
    NEW_DIRECTORY = causes.NEW_DIRECTORY
    """It was in a directory when that was first listed, which was made, came as a root, or can be read again."""
    MOVED_IN = causes.MOVED_IN
    """It was in a directory when that was moved in from where nothing is watched."""
    ANOTHER_EVENT = causes.ANOTHER_EVENT
    """It comes of another event: what a directory took along when it left, what a move overwrote."""
    LOSS = causes.LOSS
    """The kernel's queue ran over: this is the difference that the lost events made, or its end."""
    RESYNC = causes.RESYNC
    """It is a difference to the disk that somebody asked for: ``Watcher.resync()``."""
    POLL = causes.POLL
    """It was found by comparing again and again, where inotify sees nothing: ``poll_s``."""
    RESTART = causes.RESTART
    """It happened while nobody watched, or was not handed out: before a start with ``since`` or a journal."""

    @classmethod
    def _missing_(cls, value: object) -> Cause | None:
        """Return the one that says least for a number that only a later version has."""
        return cls.LOOK if isinstance(value, int) and value > 0 else None
