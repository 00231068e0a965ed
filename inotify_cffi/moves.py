"""Pair the halves of a move, without a clock: the raw events that wait to be applied, and a look ahead.

The kernel holds the locks of both parent directories until it has queued both halves (fs/namei.c vfs_rename,
include/linux/fsnotify.h fsnotify_move). So between MOVED_FROM and its MOVED_TO there is no other event about an
entry of either directory, only of others. Two things follow. To take the second half out of its place and tell
it right behind the first changes nothing that anyone could order. And another entry event of the
source's watch proves that no second half will come.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from inotify_cffi.flags import Mask

if TYPE_CHECKING:
    from inotify_cffi._syscalls import Columns

__all__ = ["Queue", "Raw"]

MOVED_TO = int(Mask.MOVED_TO)
ENTRY = int(Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO)
OVERFLOW = int(Mask.Q_OVERFLOW)


class Raw(NamedTuple):
    """One raw event with its name as str."""

    wd: int
    mask: int
    cookie: int
    name: str


class Queue:
    """The raw events that were read and are not yet applied."""

    def __init__(self) -> None:
        self._raws: list[Raw] = []
        self._at = 0
        # What take_partner and proves_gone have indexed so far, and what the former took out.
        self._indexed = 0
        self._partners: dict[int, int] = {}
        self._last_entry: dict[int, int] = {}
        self._taken: set[int] = set()

    def extend(self, columns: Columns) -> int:
        """Add what was read behind what waits; the number of raw events."""
        if self._at == len(self._raws):
            self._forget()
        names = os.fsdecode(columns.names).split("\0")
        self._raws.extend(map(Raw, columns.wds, columns.masks, columns.cookies, names))
        return len(columns.wds)

    def _forget(self) -> None:
        self._raws.clear()
        self._partners.clear()
        self._last_entry.clear()
        self._taken.clear()
        self._at = self._indexed = 0

    def __len__(self) -> int:
        return len(self._raws) - self._at

    def next(self) -> Raw | None:
        """Take the next raw event; None if none waits."""
        while self._at < len(self._raws):
            at = self._at
            self._at = at + 1
            if at not in self._taken:
                return self._raws[at]
        return None

    def _index(self) -> None:
        for at in range(max(self._indexed, self._at), len(self._raws)):
            raw = self._raws[at]
            if raw.mask & ENTRY:
                self._last_entry[raw.wd] = at
                if raw.mask & MOVED_TO:
                    self._partners[raw.cookie] = at
        self._indexed = len(self._raws)

    def take_partner(self, cookie: int) -> Raw | None:
        """Take the MOVED_TO with this cookie out of what waits; None if it is not there."""
        self._index()
        at = self._partners.pop(cookie, -1)
        if at < self._at:
            return None
        self._taken.add(at)
        return self._raws[at]

    def proves_gone(self, wd: int) -> bool:
        """Return True if what waits holds another entry event of *wd*: its move has no second half."""
        self._index()
        return self._last_entry.get(wd, -1) >= self._at
