"""Take raw events in: read the queue, keep what is not applied yet, know when all was quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inotify_cffi.moves import Queue

if TYPE_CHECKING:
    from inotify_cffi.moves import Raw
    from inotify_cffi.scan import Disk

__all__ = ["Intake"]


class Intake:
    """The raw events of a tree, from the kernel's queue to where they are applied."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.waiting = Queue()
        self.raw_events = 0
        # The last moment at which nothing was queued and nothing waited: whatever is lost later is younger.
        self.calm = disk.now()

    def next(self) -> Raw | None:
        """Take the next raw event that was read; None if none waits."""
        return self.waiting.next()

    def read(self) -> int:
        """Read once; the bytes that came."""
        before = self._disk.now()
        columns = self._disk.read()
        if columns is None:
            if not self.waiting:
                self.calm = before
            return 0
        self.raw_events += self.waiting.extend(columns)
        return columns.size

    def read_queued(self) -> None:
        """Read all that is queued now, and no more than one read beyond it."""
        amount = self._disk.queued()
        while amount > 0:
            size = self.read()
            if not size:
                return
            amount -= size
