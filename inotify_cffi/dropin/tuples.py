"""The event of the drop-in: a tuple of a header, the names of its flags, the watched path, and the name in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Tuple, Union

from inotify_cffi.constants import MASK_LOOKUP

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["EventTuple", "GivenPath", "Header", "Path", "event_tuple", "names_of", "unknown_bits"]

Path = Union[str, bytes]
GivenPath = Union[str, bytes, "PathLike[str]", "PathLike[bytes]"]

KNOWN_BITS = sum(MASK_LOOKUP)


class Header(NamedTuple):
    """The kernel's record (inotify(7)) without its name; ``len`` is the room that the name takes there."""

    wd: int
    mask: int
    cookie: int
    len: int


# The path and the name are str or bytes, as the path was given; most users have str and no wish to narrow it.
EventTuple = Tuple[Header, List[str], Any, Any]

_names: Dict[int, Tuple[str, ...]] = {}


def names_of(mask: int) -> list[str]:
    """Return the names of the flags in *mask* as a new list, in the order of MASK_LOOKUP."""
    names = _names.get(mask)
    if names is None:
        names = _names[mask] = tuple(name for bit, name in MASK_LOOKUP.items() if mask & bit)
    return list(names)


def unknown_bits(mask: int) -> int:
    """Return the bits of *mask* that have no name."""
    return mask & ~KNOWN_BITS


def event_tuple(wd: int, mask: int, cookie: int, path: Path, filename: Path) -> EventTuple:
    """Return the event that *filename* in *path* had; it is empty for the path itself."""
    room = 0
    if filename:
        is_ascii = isinstance(filename, bytes) or filename.isascii()
        size = len(filename) if is_ascii else len(os.fsencode(filename))
        # The kernel ends a name with a NUL and fills it up to a multiple of 16 (round_event_name_len).
        room = (size + 16) & ~15
    return Header(wd, mask, cookie, room), names_of(mask), path, filename
