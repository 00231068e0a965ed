"""Turns that are over whenever the clock is asked, or at random: so that events come between any two steps.

Only so what can happen between two slices does happen, in a tree that is small enough to be compared at each moment.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import struct
from typing import TYPE_CHECKING, Iterator
from unittest import mock

from inotify_cffi.kernel import listings
from inotify_cffi.kernel.listings import ListBuffer
from inotify_cffi.tree import apply, atonce, doubts, listing, losses, removal
from inotify_cffi.tree.disk import Disk

if TYPE_CHECKING:
    import random

libc = ctypes.CDLL(None, use_errno=True)
# getdents64, which has no function in older versions of glibc.
GETDENTS = {"x86_64": 217, "aarch64": 61}
# What fits in so many bytes: some two entries with short names, or one with any name.
PARTS = (64, 288)
HEADER = struct.Struct("=QqHB")
DIRECTORY, LINK, UNKNOWN = 4, 10, 0


def first_entries(buffer: ListBuffer, fd: int) -> tuple[list[str], bool]:
    """What :meth:`ListBuffer.first_entries` returns, a few of them; on a tmpfs none of these reads was the only one."""
    entries = more_entries(buffer, fd)
    more = more_entries(buffer, fd) if entries else []
    return entries + more, bool(more) or listings.leaves_out(fd)


def more_entries(_buffer: ListBuffer, fd: int) -> list[str]:
    """The next entries of a directory, a few of them; none at the end."""
    while True:
        data = getdents(fd)
        entries = []
        at = 0
        while at < len(data):
            _, _, size, kind = HEADER.unpack_from(data, at)
            name = os.fsdecode(data[at + HEADER.size : at + size].split(b"\0")[0])
            at += size
            if name not in (".", ".."):
                assert kind != UNKNOWN, "this file system does not tell the types of entries"
                entries.append({DIRECTORY: "d", LINK: "l"}.get(kind, "-") + name)
        if entries or not data:
            return entries


def getdents(fd: int) -> bytes:
    """Call it once, with as little room as will do."""
    for room in PARTS:
        buffer = ctypes.create_string_buffer(room)
        size = libc.syscall(GETDENTS[platform.machine()], fd, buffer, room)
        if size >= 0:
            return buffer.raw[:size]
        if ctypes.get_errno() != errno.EINVAL:
            break
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def small_steps(few: int = 0) -> Iterator[None]:
    """Let the clock be asked behind each single thing.

    *few*: directories with more entries are listed and taken back one entry at a time.
    """
    with contextlib.ExitStack() as stack:
        for module, name, value in (
            (apply, "PLAIN_RUN", 1),
            (doubts, "SOME", 1),
            (listing, "FEW", few),
            (listing, "FEW_BY_PATTERN", few),
            (listing, "SOME", 1),
            (losses, "SOME", 1),
            (removal, "FEW", few),
            (removal, "SOME", 1),
            # One at a time, or few at once.
            (atonce, "MOST_TOLD", max(few, 1)),
            (removal, "MOST_RAZED", max(few, 1)),
            (removal, "PATHS_RAZED", 300 * max(few, 1)),
        ):
            stack.enter_context(mock.patch.object(module, name, value))
        if few < atonce.A_FEW:
            stack.enter_context(mock.patch.object(removal.Removal, "_raze", lambda *_: False))
        yield


@contextlib.contextmanager
def short_turns(dice: random.Random | None = None, *, share: float = 1.0, few: int = 0) -> Iterator[None]:
    """Let a turn be over after one small step, or with *dice* after one with this probability.

    Whatever is listed in parts is listed a few entries at a time, where this machine is known; without *dice* on a
    tmpfs, too, where who moves entries meanwhile may find that it forgets others.
    """

    def is_over(_disk: Disk, _share: float) -> bool:
        return dice is None or dice.random() < share

    with contextlib.ExitStack() as stack:
        stack.enter_context(small_steps(few))
        stack.enter_context(mock.patch.object(Disk, "is_over", is_over))
        if dice is None:
            stack.enter_context(mock.patch.object(listings, "leaves_out", lambda _fd: False))
        if platform.machine() in GETDENTS:
            stack.enter_context(mock.patch.object(ListBuffer, "first_entries", first_entries))
            stack.enter_context(mock.patch.object(ListBuffer, "more_entries", more_entries))
        yield
