"""The flags of a mask: values from the compiled header, names as inotify(7) has them without ``IN_``.

Masks are plain integers everywhere inside; :class:`Mask` is for those who write them down and read them.
Three flags are the library's own and never reach the kernel. They sit in bits that the kernel's interface
leaves free (include/uapi/linux/inotify.h uses 0x1 to 0xfff, 0x2000 to 0x8000 and 0x1000000 upwards).
"""

from __future__ import annotations

from enum import IntFlag

from inotify_cffi._inotify import lib

__all__ = ["Mask", "flag_names", "parse_mask"]


class Mask(IntFlag):
    """What to report, and what happened. Combine with ``|``; the names are the kernel's."""

    ACCESS = lib.IN_ACCESS
    MODIFY = lib.IN_MODIFY
    ATTRIB = lib.IN_ATTRIB
    CLOSE_WRITE = lib.IN_CLOSE_WRITE
    CLOSE_NOWRITE = lib.IN_CLOSE_NOWRITE
    OPEN = lib.IN_OPEN
    MOVED_FROM = lib.IN_MOVED_FROM
    MOVED_TO = lib.IN_MOVED_TO
    CREATE = lib.IN_CREATE
    DELETE = lib.IN_DELETE
    DELETE_SELF = lib.IN_DELETE_SELF
    MOVE_SELF = lib.IN_MOVE_SELF

    UNMOUNT = lib.IN_UNMOUNT
    Q_OVERFLOW = lib.IN_Q_OVERFLOW
    IGNORED = lib.IN_IGNORED
    ISDIR = lib.IN_ISDIR

    # The library's own: a directory is not covered; it is covered again; after Q_OVERFLOW, all that
    # could be told of the gap has been told.
    UNWATCHED = 0x10000
    WATCHED = 0x20000
    IN_SYNC = 0x40000

    ONLYDIR = lib.IN_ONLYDIR
    DONT_FOLLOW = lib.IN_DONT_FOLLOW
    EXCL_UNLINK = lib.IN_EXCL_UNLINK
    MASK_CREATE = lib.IN_MASK_CREATE
    MASK_ADD = lib.IN_MASK_ADD
    ONESHOT = lib.IN_ONESHOT

    CLOSE = CLOSE_WRITE | CLOSE_NOWRITE
    MOVE = MOVED_FROM | MOVED_TO
    READS = ACCESS | OPEN | CLOSE_NOWRITE
    CHANGES = CREATE | DELETE | MOVED_FROM | MOVED_TO | MODIFY | CLOSE_WRITE | ATTRIB | DELETE_SELF | MOVE_SELF
    ALL = CHANGES | READS


_NAMES = tuple(
    (member.value, name)
    for name, member in sorted(Mask.__members__.items(), key=lambda item: item[1].value)
    if member.value & (member.value - 1) == 0
)


def flag_names(mask: int) -> list[str]:
    """Return the names of the flags in *mask*, lowest bit first, without ``IN_``.

    A bit that has no name comes as hexadecimal, so that nothing is hidden.
    """
    names = [name for bit, name in _NAMES if mask & bit]
    unnamed = mask & ~sum(bit for bit, _ in _NAMES)
    if unnamed:
        names.append(hex(unnamed))
    return names


def parse_mask(text: str) -> Mask:
    """Return the mask that *text* names: flags separated by commas, in any case, ``IN_`` optional.

    Raises ValueError for a name that is not one of :class:`Mask`.
    """
    mask = Mask(0)
    for word in text.split(","):
        name = word.strip().upper()
        name = name[3:] if name.startswith("IN_") and name != "IN_SYNC" else name
        if name not in Mask.__members__:
            known = ", ".join(name.lower() for name in Mask.__members__)
            raise ValueError(f"{word.strip()!r} is not an event; use some of {known}")
        mask |= Mask[name]
    return mask
