"""Take raw events in: read the queue, keep what is not applied yet, know when all was quiet."""

from __future__ import annotations

from inotify_cffi._syscalls import LARGEST_RECORD
from inotify_cffi.instance import READ_SIZES
from inotify_cffi.moves import Queue
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Iterator

    from inotify_cffi.moves import Raw
    from inotify_cffi.scan import Disk

__all__ = ["Intake"]

# A read that took no more than this had room for any record, with any interpreter: a recording is played by both.
FULL = min(READ_SIZES.values()) - LARGEST_RECORD


class Intake:
    """The raw events of a tree, from the kernel's queue to where they are applied."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.waiting = Queue()
        self.raw_events = 0
        self.bytes = 0
        # True if the last read took so much that there may be more.
        self.was_full = False
        # The last moment at which nothing was queued and nothing was lost: whatever is lost later is younger.
        self.calm = disk.now()
        self._last_read = self.calm

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
        waiting = records.count - records.at
        size = self._disk.read(records)
        self.was_full = size > FULL
        if size:
            self.raw_events += records.count - records.at - waiting
            self.bytes += size
        return size

    def read_queued(self) -> None:
        """Read all that is queued now, and no more than one read beyond it."""
        amount = self._disk.queued()
        while amount > 0:
            size = self.read()
            if not size:
                return
            amount -= size

    def note_calm(self) -> None:
        """The last read found nothing queued, and nothing is lost: so it was calm when it began."""
        self.calm = self._last_read

    def discard(self) -> Iterator[Raw]:
        """Take out all that was read and all that is queued now, not to be applied any more."""
        self.read_queued()
        while True:
            raw = self.waiting.next()
            if raw is None:
                return
            yield raw
