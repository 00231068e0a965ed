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
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Tuple

__all__ = ["Behind", "Left", "Queue", "Raw"]

MOVED_FROM = bits.MOVED_FROM
MOVED_TO = bits.MOVED_TO
MOVE_SELF = bits.MOVE_SELF
MOVES = MOVED_FROM | MOVED_TO
ENTRY = bits.CREATE | bits.DELETE | MOVES
OVERFLOW = bits.Q_OVERFLOW


class Raw(NamedTuple):
    """One raw event with its name as str."""

    wd: int
    mask: int
    cookie: int
    name: str


class Behind(NamedTuple):
    """What follows a pair of halves, queued under the same locks."""

    itself: bool  # the directory that was expected says that it was moved
    second: Tuple[int, int] | None  # the places of a pair the other way round: an exchange, or it was moved back
    is_exchange: bool  # what was at the target says that it was moved by that
    is_known: bool  # False if more may be still to be read
    is_all: bool = False  # all was looked at, if all is read that was queued by then


class Left(NamedTuple):
    """Where the halves are of the move by which a directory made place."""

    half: int | None  # None: it did not, as far as is known
    second: int | None  # None: it went to where nobody watches
    is_known: bool  # False if more may be still to be read


# So many raw events are looked at for what the kernel has queued right behind.
NEAR = 256

# No watch.
NO_WD = -1


class Queue:
    """The raw events that were read and are not yet applied."""

    def __init__(self) -> None:
        self.records = Records()
        # What take_partner and proves_gone have indexed so far, and what the former took out.
        self._indexed = 0
        self._scanned = 0
        self._last_move = -1
        self._moved: dict[int, int] = {}
        # And which directories say that one in them was moved, each with the last place where it does.
        self._shifted: dict[int, int] = {}
        self._partners: dict[int, int] = {}
        self._last_entry: dict[int, int] = {}
        self._taken: set[int] = set()
        # The raw event that is being applied; its second half, if it has taken that. If it is begun once more, it
        # is given that again.
        self.begun: Raw | None = None
        self._partner: Raw | None = None
        self._given: Raw | None = None
        self._partner_at = -1

    def extend(self, data: bytes) -> int:
        """Add what was read behind what waits; the number of raw events. Raises DecodeError."""
        self.begin_anew()
        return self.records.feed(data)

    def begin_anew(self) -> None:
        """Forget what is known of places that were applied, if nothing waits: what is read then begins anew."""
        if (self._indexed or self._scanned or self._taken) and not len(self):
            self._scanned = 0
            self._last_move = self._partner_at = -1
            self._moved.clear()
            self._shifted.clear()
            self._partners.clear()
            self._last_entry.clear()
            self._taken.clear()
            self._indexed = 0

    def __len__(self) -> int:
        return self.records.waiting

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
        cdata, move_to = records.cdata, records.move_to
        at = records.at
        while at < records.count:
            raw = None if at in self._taken else self._raw(at)
            self._partner = self._given = None
            # One line, see handout.py.
            self.begun = raw; move_to(cdata, at + 1)  # noqa: E702  # fmt: skip
            if raw is not None:
                return raw
            at += 1
        return None

    def is_in_place(self) -> bool:
        """Return True if the next one was not taken out of its place."""
        return self.records.cdata.at not in self._taken

    def begin_pair(self, first: Raw, second: Raw, behind: int) -> int:
        """Take both halves of a move, which are the next, and what is said of it, up to *behind*; how many.

        As :meth:`begin_next` and :meth:`take_partner` do.
        """
        cdata, move_to = self.records.cdata, self.records.move_to
        at = cdata.at
        self._given = None
        self._partner, self._partner_at = second, at + 1
        # One line, see handout.py.
        self.begun = first; move_to(cdata, behind)  # noqa: E702  # fmt: skip
        return behind - at

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
        self._partner_at = at
        del self._partners[cookie]
        return partner

    def behind_partner(self, first: Raw, second: Raw, moved: int, there: int) -> Behind:
        """Look for what the kernel has queued behind the halves of a move before it let go of the directories.

        That is MOVE_SELF of what was moved; of an exchange the halves of the other move, and MOVE_SELF of that.
        *moved*, *there*: the watches of what is expected to have been moved, and of what was at the target.
        """
        itself, is_back, is_known, is_all, near = False, False, True, True, (first.wd, second.wd)
        halves: list[int] = []
        records = self.records
        end = min(records.count, self._partner_at + NEAR)
        for at in range(self._partner_at + 1, end):
            raw = self._raw(at)
            if raw.mask & MOVE_SELF:
                if halves[1:] and raw.wd == there:
                    return Behind(itself, (halves[0], halves[1]), is_exchange=True, is_known=True)
                is_back = is_back or (bool(halves[1:]) and raw.wd == moved)
                itself = itself or raw.wd == moved
            elif raw.mask & ENTRY and raw.wd in near:
                if not self._is_crossed(raw, first, second, halves):
                    break
                halves.append(at)
        else:
            is_known, is_all = end < records.count, end == records.count
        if not halves[1:]:
            return Behind(itself, None, is_exchange=False, is_known=is_known, is_all=is_all)
        # What has a watch and does not say that it was moved back is where it was moved to.
        is_exchange = itself and not is_back
        return Behind(itself, (halves[0], halves[1]), is_exchange=is_exchange, is_known=is_known)

    def _is_crossed(self, raw: Raw, first: Raw, second: Raw, halves: list[int]) -> bool:
        """Return True for the next half of a move the other way round."""
        if not halves:
            return bool(raw.mask & MOVED_FROM) and (raw.wd, raw.name) == (second.wd, second.name)
        cookie = self._raw(halves[0]).cookie
        is_last = len(halves) == 1 and bool(raw.mask & MOVED_TO) and raw.cookie == cookie
        return is_last and (raw.wd, raw.name) == (first.wd, first.name)

    def _scan(self) -> None:
        """See what was read since says of directories that were moved."""
        records = self.records
        begin = max(self._scanned, records.at)
        if begin < records.count:
            wds, masks, _ = records.columns(begin)
            for at, mask in enumerate(masks, begin):
                if mask & MOVE_SELF:
                    self._last_move = self._moved[wds[at - begin]] = at
                elif mask & bits.ISDIR and mask & MOVES:
                    self._shifted[wds[at - begin]] = at
            self._scanned = records.count

    def has_moves(self) -> bool:
        """Return True if what waits says of a directory that it was moved."""
        self._scan()
        return self._last_move >= self.records.at

    def has_moved(self, wds: list[int]) -> bool:
        """Return True if what waits says of one of these directories that it was moved."""
        at = self.records.at
        return self.has_moves() and any(self._moved.get(wd, -1) >= at for wd in wds)

    def first_moved(self, wds: list[int]) -> int:
        """Return the first place where one of these directories, one of which does, says that it was moved."""
        begin = self.records.at
        each, masks, _ = self.records.columns(begin)
        return next(at for at, (wd, mask) in enumerate(zip(each, masks), begin) if mask & MOVE_SELF and wd in wds)

    def has_shifted(self, wds: list[int], since: int) -> bool:
        """Return True if what waits says that one of these was moved, or a directory in the last of them.

        Or if it says so of one whose watch is not older than *since*, or of a directory in such a one.
        """
        self._scan()
        at = self.records.at
        if any(self._moved.get(wd, -1) >= at for wd in wds) or self._shifted.get(wds[-1], -1) >= at:
            return True
        return any(
            wd >= since and last >= at for said in (self._moved, self._shifted) for wd, last in said.items()
        )

    def moves_itself(self, wd: int, behind: int | None = None) -> int:
        """Return the watch that says MOVE_SELF right behind the arrival that is being applied; NO_WD if none does.

        *wd* is the directory of the arrival: as long as nothing else is told of its entries. *behind*: the place
        of another arrival.
        """
        records = self.records
        begin = records.at if behind is None else behind + 1
        for at in range(begin, min(records.count, begin + NEAR)):
            raw = self._raw(at)
            if raw.mask & MOVE_SELF:
                return raw.wd
            if raw.mask & ENTRY and (raw.wd == wd or raw.mask & bits.ISDIR):
                break
        return NO_WD

    def moves(self, wd: int) -> int | None:
        """Return where a directory says that it was moved by what is being applied, or was exchanged by that.

        Of an exchange that is the place of the first half of the other move. None if it does not say so.
        """
        records, begun, partner = self.records, self.begun, self._partner
        if begun is None or not begun.mask & MOVED_FROM:
            return None
        halves: list[int] = []
        for at in range(records.at, min(records.count, records.at + NEAR)):
            raw = self._raw(at)
            if raw.mask & MOVE_SELF and raw.wd == wd:
                return halves[0] if halves else at
            if raw.mask & ENTRY and raw.mask & bits.ISDIR and raw.cookie != begun.cookie:
                if partner is None or not self._is_crossed(raw, begun, partner, halves):
                    break
                halves.append(at)
        return None

    def behind_departure(self, wd: int) -> int | None:
        """Return where a directory went that says MOVE_SELF right behind the departure that is being applied.

        That is the watch of the directory of an arrival in between, of another cookie; NO_WD if there is none.
        None if the directory does not say so.
        """
        records, begun, above = self.records, self.begun, NO_WD
        for at in range(records.at, min(records.count, records.at + NEAR)):
            raw = self._raw(at)
            if raw.mask & MOVE_SELF and raw.wd == wd:
                return above
            if raw.mask & ENTRY and raw.mask & bits.ISDIR:
                if above != NO_WD or not raw.mask & MOVED_TO or begun is None or raw.cookie == begun.cookie:
                    break
                above = raw.wd
        return None

    def comes_back(self, wd: int, above: int, name: str) -> bool:
        """Return True if what is moved away now comes back to its name, and is the directory that *wd* watches.

        That says of itself that it was moved by that. *above*: the watch of the directory in which the name is.
        """
        begun = self.begun
        if begun is None or not begun.mask & MOVED_FROM:
            return False
        at = self._next_of(above, name)
        return at is not None and bool(self._raw(at).mask & MOVED_TO) and self.moves_itself(above, at) == wd

    def names(self, wd: int, name: str) -> bool:
        """Return True if what waits says of an entry of a directory that it came or went."""
        return self._next_of(wd, name) is not None

    def _next_of(self, wd: int, name: str) -> int | None:
        """Return the place of the next that says of an entry of a directory that it came or went."""
        records = self.records
        wds, masks, _ = records.columns(records.at)
        for at, (each, mask) in enumerate(zip(wds, masks), records.at):
            if each == wd and mask & ENTRY and self._raw(at).name == name:
                return at
        return None

    def says_moved(self, wd: int) -> int:
        """Return how often a directory says, in what waits, that it was moved."""
        wds, masks, _ = self.records.columns(self.records.at)
        return sum(bool(mask & MOVE_SELF) for at, mask in zip(wds, masks) if at == wd)

    def takes_its_place(self, raw: Raw, there: int) -> Left:
        """Look for what says that what was at the target of an arrival left from there: it was exchanged.

        That is the second move: *there* is the watch of what was there. Of the first move one half is not known,
        for nobody watched that directory, or it was merged into one before, for the kernel compares no cookies.
        """
        records, half, second, cookie = self.records, None, None, 0
        end = min(records.count, records.at + NEAR)
        for at in range(records.at, end):
            other = self._raw(at)
            if other.wd == there and other.mask & (MOVE_SELF | bits.DELETE_SELF):
                if half is not None and other.mask & MOVE_SELF:
                    return Left(half, second, is_known=True)
                break
            if half is not None and other.mask & MOVED_TO and other.cookie == cookie:
                second = at
            elif other.mask & ENTRY and other.wd == raw.wd:
                if half is not None or not other.mask & MOVED_FROM or other.name != raw.name:
                    break
                half, cookie = at, other.cookie
        else:
            return Left(None, None, is_known=end < records.count)
        return Left(None, None, is_known=True)

    def peek(self, at: int) -> Raw:
        """Return what is at a place."""
        return self._raw(at)

    def take(self, at: int) -> None:
        """Take a half out of its place in what waits."""
        self._taken.add(at)

    def take_pair(self, places: Tuple[int, int]) -> Tuple[Raw, Raw]:
        """Take the halves of a second move out of what waits."""
        first, second = places
        pair = self._raw(first), self._raw(second)
        self._taken.update(places)
        self._partners.pop(pair[1].cookie, None)
        return pair

    def proves_gone(self, wd: int) -> bool:
        """Return True if what waits holds another entry event of *wd*: its move has no second half."""
        self._index()
        return self._last_entry.get(wd, -1) >= self.records.at
