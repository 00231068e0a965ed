"""The flags of a mask by name, as inotify(7) has them without ``IN_``, for those who write and read them.

Masks are plain integers everywhere inside, see ``base/bits.py``.
"""

from __future__ import annotations

from enum import IntFlag

from inotify_cffi.base import bits
from inotify_cffi.base.suggestions import did_you_mean

__all__ = ["Mask", "parse_mask"]


class Mask(IntFlag):
    """What to report, and what happened. Combine with ``|``; the names are the kernel's."""

    ACCESS = bits.ACCESS
    MODIFY = bits.MODIFY
    ATTRIB = bits.ATTRIB
    CLOSE_WRITE = bits.CLOSE_WRITE
    CLOSE_NOWRITE = bits.CLOSE_NOWRITE
    OPEN = bits.OPEN
    MOVED_FROM = bits.MOVED_FROM
    MOVED_TO = bits.MOVED_TO
    CREATE = bits.CREATE
    DELETE = bits.DELETE
    DELETE_SELF = bits.DELETE_SELF
    MOVE_SELF = bits.MOVE_SELF

    UNMOUNT = bits.UNMOUNT
    Q_OVERFLOW = bits.Q_OVERFLOW
    IGNORED = bits.IGNORED
    ISDIR = bits.ISDIR

    UNWATCHED = bits.UNWATCHED
    WATCHED = bits.WATCHED
    IN_SYNC = bits.IN_SYNC
    RESCAN = bits.RESCAN
    RESTART = bits.RESTART

    ONLYDIR = bits.ONLYDIR
    DONT_FOLLOW = bits.DONT_FOLLOW
    EXCL_UNLINK = bits.EXCL_UNLINK
    MASK_CREATE = bits.MASK_CREATE
    MASK_ADD = bits.MASK_ADD
    ONESHOT = bits.ONESHOT

    CLOSE = bits.CLOSE
    MOVE = bits.MOVE
    READS = bits.READS
    CHANGES = bits.CHANGES
    ALL = bits.ALL


def parse_mask(text: str) -> Mask:
    """Return the mask that *text* names: flags separated by commas, in any case, ``IN_`` optional.

    Raises ValueError for a name that is not one of :class:`Mask`.
    """
    mask = Mask(0)
    for word in text.split(","):
        name = word.strip().upper()
        name = name[3:] if name.startswith("IN_") and name != "IN_SYNC" else name
        if name not in Mask.__members__:
            known = [each.lower() for each in Mask.__members__]
            hint = did_you_mean(name.lower(), known)
            raise ValueError(f"{word.strip()!r} is not an event; use some of {', '.join(known)}{hint}")
        mask |= Mask[name]
    return mask
