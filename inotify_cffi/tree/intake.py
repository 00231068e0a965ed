"""Take raw events in: read the queue, keep what is not applied yet, know when all was quiet."""

from __future__ import annotations

from inotify_cffi.kernel.buffers import LARGEST_RECORD
from inotify_cffi.kernel.instance import READ_SIZES
from inotify_cffi.tree.moves import Queue
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.tree.disk import Disk
    from inotify_cffi.tree.moves import Raw
    from inotify_cffi.tree.turns import Turn

__all__ = ["Intake"]

# A read that took no more than this had room for any record, with any interpreter: a recording is played by both.
FULL = min(READ_SIZES.values()) - LARGEST_RECORD


# While there is something to go on with, the queue is read on, lest it runs over: up to so many raw events.
MOST_WAITING = 1 << 16

# For each so many bytes that are queued it is not asked once how many there are.
ASK_AGAIN = 1 << 14


class Intake:
    """The raw events of a tree, from the kernel's queue to where they are applied."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.waiting = Queue()
        self.raw_events = 0
        self.bytes = 0
        # True if the last read took so much that there may be more.
        self.was_full = False
        # True if a read since the last fence was set found nothing.
        self._was_empty = False
        # How many bytes may be older than a first listing; None if it is not known yet.
        self._old: int | None = 0
        # The last moment at which nothing was queued and nothing was lost: whatever is lost later is younger.
        self.calm = disk.now()
        self._last_read = self.calm
        # How many bytes had been queued when that was asked last, and how often it is not asked now.
        self._moment = 0
        self._unasked = 0
        # True if it was not asked for the last moment.
        self.is_guessing = False

    def next(self) -> Raw | None:
        """Take the next raw event that was read; None if none waits."""
        return self.waiting.next()

    def read(self) -> int:
        """Read once; the bytes that came."""
        self._last_read = self._disk.now()
        return self.read_on()

    def read_on(self) -> int:
        """Do the same where it need not be known when that was, for something is queued."""
        self.waiting.begin_anew()
        records = self.waiting.records
        waiting = records.waiting
        size = self._disk.read(records)
        self.was_full = size > FULL
        self._was_empty = self._was_empty or not size
        if size:
            self.raw_events += records.waiting - waiting
            self.bytes += size
        elif self._old is None:
            self._old = self.bytes
        return size

    def note_listing(self) -> None:
        """A first listing is done: what was queued meanwhile is read when nothing is queued any more."""
        self._old = None

    @property
    def is_behind_listings(self) -> bool:
        """True if the raw event that is being applied was for sure queued behind all first listings."""
        return self._old is not None and self.applied > self._old

    def fence(self) -> int:
        """Return how many bytes will have been read when all that is queued now has been."""
        self._was_empty = False
        return self.bytes + self._disk.queued()

    def moment(self) -> int:
        """Return about how many bytes had been queued by now, those that were read among them; never too many.

        To say so the kernel goes through all that is queued: the more that is, the less often it is asked.
        """
        self.is_guessing = self._unasked > 0
        if self._unasked:
            self._unasked -= 1
        else:
            queued = self._disk.queued()
            self._moment = self.bytes + queued
            self._unasked = queued // ASK_AGAIN
        return max(self._moment, self.bytes)

    @property
    def applied(self) -> int:
        """How many bytes of raw events were applied, or are being applied."""
        records = self.waiting.records
        return self.bytes - records.bytes_from(records.at)

    def begins_to_move(self, wds: list[int]) -> int:
        """Return how many bytes had been queued when the first said that it was moved, of these in what waits."""
        return self.queued_with(self.waiting.first_moved(wds))

    def queued_with(self, at: int) -> int:
        """Return how many bytes had been queued with what is at a place in what waits."""
        return self.bytes - self.waiting.records.bytes_from(at + 1)

    def read_all(self) -> bool:
        """Read all that is queued now, unless too much waits; True if that is all.

        It may take several reads, above all where it is read ahead.
        """
        end = self.bytes + self._disk.queued()
        while self.bytes < end and self.waiting.records.count < MOST_WAITING and self.read_on():
            pass
        return self.bytes >= end

    def may_have_moved(self) -> bool:
        """Return True if a directory may have been moved by now that is not moved in the ledger yet."""
        return not self.read_all() or self.waiting.has_moves()

    def has_read(self, fence: int) -> bool:
        """Return True if all up to a fence was read, the last one that was set."""
        # There may be less than was said.
        return self.bytes >= fence or self._was_empty

    def read_to(self, fence: int, turn: Turn | None = None) -> bool:
        """Read all up to a fence, and no more than one read beyond it; False if the *turn* was over before."""
        while self.bytes < fence:
            if not self.read():
                # There is less than was said.
                return True
            if turn is not None and turn.is_over():
                return self.bytes >= fence
        return True

    def look_if_calm(self) -> None:
        """Note that it is calm if nothing is queued now, and all that was read is applied."""
        now = self._disk.now()
        if not len(self.waiting) and not self._disk.queued():
            self.calm = self._last_read = now

    def note_calm(self) -> None:
        """The last read found nothing queued, and nothing is lost: so it was calm when it began."""
        self.calm = self._last_read
