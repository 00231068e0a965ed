"""The constants that the PyPI package ``inotify`` has, under the same names and with the same order of names."""

from __future__ import annotations

import os
from typing import Dict

from inotify_cffi.base import bits

__all__ = [
    "IN_ACCESS",
    "IN_ALL_EVENTS",
    "IN_ATTRIB",
    "IN_CLOEXEC",
    "IN_CLOSE",
    "IN_CLOSE_NOWRITE",
    "IN_CLOSE_WRITE",
    "IN_CREATE",
    "IN_DELETE",
    "IN_DELETE_SELF",
    "IN_DONT_FOLLOW",
    "IN_IGNORED",
    "IN_ISDIR",
    "IN_MASK_ADD",
    "IN_MODIFY",
    "IN_MOVE",
    "IN_MOVED_FROM",
    "IN_MOVED_TO",
    "IN_MOVE_SELF",
    "IN_NONBLOCK",
    "IN_ONESHOT",
    "IN_ONLYDIR",
    "IN_OPEN",
    "IN_Q_OVERFLOW",
    "IN_UNMOUNT",
    "MASK_LOOKUP",
]

# For inotify_init1(2), which takes them from open(2).
IN_CLOEXEC = os.O_CLOEXEC
IN_NONBLOCK = os.O_NONBLOCK

IN_ACCESS = bits.ACCESS
IN_MODIFY = bits.MODIFY
IN_ATTRIB = bits.ATTRIB
IN_CLOSE_WRITE = bits.CLOSE_WRITE
IN_CLOSE_NOWRITE = bits.CLOSE_NOWRITE
IN_OPEN = bits.OPEN
IN_MOVED_FROM = bits.MOVED_FROM
IN_MOVED_TO = bits.MOVED_TO
IN_CREATE = bits.CREATE
IN_DELETE = bits.DELETE
IN_DELETE_SELF = bits.DELETE_SELF
IN_MOVE_SELF = bits.MOVE_SELF

IN_CLOSE = bits.CLOSE
IN_MOVE = bits.MOVE
IN_ALL_EVENTS = bits.ALL

IN_UNMOUNT = bits.UNMOUNT
IN_Q_OVERFLOW = bits.Q_OVERFLOW
IN_IGNORED = bits.IGNORED

IN_ONLYDIR = bits.ONLYDIR
IN_DONT_FOLLOW = bits.DONT_FOLLOW
IN_MASK_ADD = bits.MASK_ADD
IN_ISDIR = bits.ISDIR
IN_ONESHOT = bits.ONESHOT

# The name of each bit. The names in an event are in this order. IN_MOVE_SELF is second, not behind
# IN_DELETE_SELF, for 0x800 is IN_NONBLOCK, too.
MASK_LOOKUP: Dict[int, str] = {
    IN_CLOEXEC: "IN_CLOEXEC",
    IN_MOVE_SELF: "IN_MOVE_SELF",
    IN_ACCESS: "IN_ACCESS",
    IN_MODIFY: "IN_MODIFY",
    IN_ATTRIB: "IN_ATTRIB",
    IN_CLOSE_WRITE: "IN_CLOSE_WRITE",
    IN_CLOSE_NOWRITE: "IN_CLOSE_NOWRITE",
    IN_OPEN: "IN_OPEN",
    IN_MOVED_FROM: "IN_MOVED_FROM",
    IN_MOVED_TO: "IN_MOVED_TO",
    IN_CREATE: "IN_CREATE",
    IN_DELETE: "IN_DELETE",
    IN_DELETE_SELF: "IN_DELETE_SELF",
    IN_UNMOUNT: "IN_UNMOUNT",
    IN_Q_OVERFLOW: "IN_Q_OVERFLOW",
    IN_IGNORED: "IN_IGNORED",
    IN_ONLYDIR: "IN_ONLYDIR",
    IN_DONT_FOLLOW: "IN_DONT_FOLLOW",
    IN_MASK_ADD: "IN_MASK_ADD",
    IN_ISDIR: "IN_ISDIR",
    IN_ONESHOT: "IN_ONESHOT",
}
