"""Pair the halves of a move, without a clock: the raw events that wait to be applied, and a look ahead.

The kernel holds the locks of both parent directories until it has queued both halves (fs/namei.c vfs_rename,
include/linux/fsnotify.h fsnotify_move). So between MOVED_FROM and its MOVED_TO there is no other event about an
entry of either directory, only of others. Two things follow. To take the second half out of its place and tell
it right behind the first changes nothing that anyone could order. And another entry event of the
source's watch proves that no second half will come.
"""

from __future__ import annotations

import os

from inotify_cffi import bits
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from inotify_cffi._syscalls import Columns

__all__ = ["Queue", "Raw"]

MOVED_TO = bits.MOVED_TO
ENTRY = bits.CREATE | bits.DELETE | bits.MOVED_FROM | bits.MOVED_TO
OVERFLOW = bits.Q_OVERFLOW


class Raw(NamedTuple):
    """One raw event with its name as str."""

    wd: int
    mask: int
    cookie: int
    name: str


class Queue:
    """The raw events that were read and are not yet applied, in columns: those from :attr:`at` on."""

    def __init__(self) -> None:
        self.wds: list[int] = []
        self.masks: list[int] = []
        self.cookies: list[int] = []
        self.names: list[str] = []
        self.at = 0
        # What take_partner and proves_gone have indexed so far, and what the former took out.
        self._indexed = 0
        self._partners: dict[int, int] = {}
        self._last_entry: dict[int, int] = {}
        self._taken: set[int] = set()

    def extend(self, columns: Columns) -> int:
        """Add what was read behind what waits; the number of raw events."""
        if self.at == len(self.wds):
            self._forget()
        self.wds += columns.wds
        self.masks += columns.masks
        self.cookies += columns.cookies
        self.names += os.fsdecode(columns.names).split("\0")
        # Behind the last NUL is nothing.
        self.names.pop()
        return len(columns.wds)

    def _forget(self) -> None:
        for column in (self.wds, self.masks, self.cookies, self.names):
            column.clear()
        self._partners.clear()
        self._last_entry.clear()
        self._taken.clear()
        self.at = self._indexed = 0

    def __len__(self) -> int:
        return len(self.wds) - self.at

    def next(self) -> Raw | None:
        """Take the next raw event; None if none waits."""
        while self.at < len(self.wds):
            at = self.at
            self.at = at + 1
            if at not in self._taken:
                return self._raw(at)
        return None

    def _raw(self, at: int) -> Raw:
        return Raw(self.wds[at], self.masks[at], self.cookies[at], self.names[at])

    def _index(self) -> None:
        masks = self.masks
        for at in range(max(self._indexed, self.at), len(masks)):
            mask = masks[at]
            if mask & ENTRY:
                self._last_entry[self.wds[at]] = at
                if mask & MOVED_TO:
                    self._partners[self.cookies[at]] = at
        self._indexed = len(masks)

    def take_partner(self, cookie: int) -> Raw | None:
        """Take the MOVED_TO with this cookie out of what waits; None if it is not there."""
        self._index()
        at = self._partners.pop(cookie, -1)
        if at < self.at:
            return None
        self._taken.add(at)
        return self._raw(at)

    def proves_gone(self, wd: int) -> bool:
        """Return True if what waits holds another entry event of *wd*: its move has no second half."""
        self._index()
        return self._last_entry.get(wd, -1) >= self.at
