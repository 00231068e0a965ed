"""The flags of a mask as plain integers, from the compiled header: what everything inside works with.

:class:`~inotify_cffi.flags.Mask` has the same for those who write them down and read them. It needs ``enum``,
which takes its time to import; so it is made when it is first asked for.

Five flags are the library's own and never reach the kernel. They sit in bits that the kernel's interface
leaves free (include/uapi/linux/inotify.h uses 0x1 to 0xfff, 0x2000 to 0x8000 and 0x1000000 upwards).
"""

from __future__ import annotations

try:
    from inotify_cffi._inotify import lib
except ModuleNotFoundError as error:
    if error.name != "inotify_cffi._inotify":
        raise
    # Python looks first in the directory in which it is started, also where that is a checkout.
    raise ImportError(
        f"{__file__.rpartition('/base/')[0]} has the sources of inotify_cffi, which are not compiled there;"
        " start Python in another directory, or run: pip install --editable ."
    ) from None

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
# could be told of the gap has been told; the files of a directory, which are not tracked, are to be read again; a
# journal was not ended well, and goes on from its last durable number.
UNWATCHED = 0x10000
WATCHED = 0x20000
IN_SYNC = 0x40000
RESCAN = 0x80000
RESTART = 0x400000

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

_NAMES = sorted((bit, name) for name, bit in vars().items() if name.isupper() and bit & (bit - 1) == 0)


def flag_names(mask: int) -> list[str]:
    """Return the names of the flags in *mask*, lowest bit first, without ``IN_``.

    A bit that has no name comes as hexadecimal, so that nothing is hidden.
    """
    names = [name for bit, name in _NAMES if mask & bit]
    unnamed = mask & ~sum(bit for bit, _ in _NAMES)
    if unnamed:
        names.append(hex(unnamed))
    return names
