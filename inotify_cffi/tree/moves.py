"""Pair the halves of a move, without a clock: the raw events that wait to be applied, and a look ahead.

The kernel holds the locks of both parent directories until it has queued both halves (fs/namei.c vfs_rename,
include/linux/fsnotify.h fsnotify_move). So between MOVED_FROM and its MOVED_TO there is no other event about an
entry of either directory, only of others. Two things follow. To take the second half out of its place and tell
it right behind the first changes nothing that anyone could order. And another entry event of the
source's watch proves that no second half will come.
"""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.base.encoding import decoded
from inotify_cffi.kernel.buffers import Records
from inotify_cffi.typed import NamedTuple

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
    """The raw events that were read and are not yet applied."""

    def __init__(self) -> None:
        self.records = Records()
        # What take_partner and proves_gone have indexed so far, and what the former took out.
        self._indexed = 0
        self._partners: dict[int, int] = {}
        self._last_entry: dict[int, int] = {}
        self._taken: set[int] = set()
        # The raw event that is being applied; its second half, if it has taken that. If it is begun once more, it
        # is given that again.
        self.begun: Raw | None = None
        self._partner: Raw | None = None
        self._given: Raw | None = None

    def extend(self, data: bytes) -> int:
        """Add what was read behind what waits; the number of raw events. Raises DecodeError."""
        self.begin_anew()
        return self.records.feed(data)

    def begin_anew(self) -> None:
        """Forget what is known of places that were applied, if nothing waits: what is read then begins anew."""
        if self._indexed and not len(self):
            self._partners.clear()
            self._last_entry.clear()
            self._taken.clear()
            self._indexed = 0

    def __len__(self) -> int:
        return self.records.count - self.records.at

    def next(self) -> Raw | None:
        """Take the next raw event; None if none waits."""
        records = self.records
        at = records.at
        while at < records.count:
            records.at = at + 1
            if at not in self._taken:
                return self._raw(at)
            at += 1
        return None

    def begin_next(self) -> Raw | None:
        """Take the next one, which is :attr:`begun` until it is :meth:`done`."""
        records = self.records
        at = records.at
        while at < records.count:
            raw = None if at in self._taken else self._raw(at)
            # One line, see handout.py.
            self._partner = self._given = None; self.begun = raw; records.at = at + 1  # noqa: E702  # fmt: skip
            if raw is not None:
                return raw
            at += 1
        return None

    def begin_again(self, raw: Raw) -> None:
        """Apply one that was given back."""
        self._partner = None
        self.begun = raw

    def done(self) -> None:
        """The one that was begun was applied."""
        self.begun = None

    def give_back(self) -> None:
        """Let the second half that was taken be found again: what was begun is going to be begun once more."""
        self._given = self._partner or self._given

    def _raw(self, at: int) -> Raw:
        wd, mask, cookie, name = self.records.raw(at)
        return Raw(wd, mask, cookie, decoded(name))

    def _index(self) -> None:
        begin = max(self._indexed, self.records.at)
        for at, (wd, mask, cookie) in enumerate(zip(*self.records.columns(begin)), begin):
            if mask & ENTRY:
                self._last_entry[wd] = at
                if mask & MOVED_TO:
                    self._partners[cookie] = at
        self._indexed = self.records.count

    def take_partner(self, cookie: int) -> Raw | None:
        """Take the MOVED_TO with this cookie out of what waits; None if it is not there."""
        given = self._given
        if given is not None and given.cookie == cookie:
            self._partner = given
            return given
        self._index()
        at = self._partners.get(cookie, -1)
        if at < self.records.at:
            return None
        partner = self._raw(at)
        # In this order: who is interrupted here, and takes it again, gets it.
        self._taken.add(at)
        self._partner = partner
        del self._partners[cookie]
        return partner

    def proves_gone(self, wd: int) -> bool:
        """Return True if what waits holds another entry event of *wd*: its move has no second half."""
        self._index()
        return self._last_entry.get(wd, -1) >= self.records.at
