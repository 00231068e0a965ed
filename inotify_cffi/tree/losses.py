"""Lost events: drop what is queued behind, then tell the difference between the ledger and the disk."""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.ledger.nodes import Root
    from inotify_cffi.tree.anchors import Anchors
    from inotify_cffi.tree.crawls import Crawls
    from inotify_cffi.tree.files import Files
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.moments import Moments

__all__ = ["Losses"]

IGNORED = bits.IGNORED
OVERFLOW = bits.Q_OVERFLOW

# Some file systems keep times in steps of 2 s (FAT), and the clock it takes them from in steps of a tick.
COARSEST_CTIME_S = 2.1

# How many raw events are dropped between two looks at the clock.
SOME = 256


class Losses:
    """What is to be done after events were lost, or after something was interrupted half-way.

    From then on until all of the difference is told there is a gap.
    """

    def __init__(self, ground: Ground, anchors: Anchors, files: Files, crawls: Crawls, moments: Moments) -> None:
        self._moments = moments
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._disk = ground.disk
        self._anchors = anchors
        self._files = files
        self._crawls = crawls
        self._intake = ground.intake
        self._turn = ground.turn
        self.overflows = 0
        # A gap was told, or is to be, and its end was not.
        self.is_gap = False
        # The ctime that a file changed in the gap can not be older than.
        self.since: float | None = None
        # The ledger is not to be trusted any more; what is queued up to a place is not to be believed.
        self._is_lost = False
        self._end: int | None = None
        # The roots that are to be compared.
        self._roots: list[Root] = []

    @property
    def is_due(self) -> bool:
        """True while there is something to be done before anything else."""
        return self._is_lost or self._end is not None or bool(self._roots)

    def overflow(self) -> None:
        """Events were lost, up to the moment at which the marker was read.

        What came behind it is dropped, for it has holes, too, and no second marker for them. The kernel queues the
        marker once, then whatever there is room for, and no other marker while that one is queued
        (fs/notify/notification.c fsnotify_insert_event). So what was queued before the marker was read is
        only good to learn which watches are over.
        """
        # In this order: who is interrupted here applies the marker once more, or it is told.
        self._end = self._intake.fence()
        self._is_lost = True
        self.overflows += 1
        self._teller.overflow()

    def distrust(self) -> None:
        """Events may be lost: compare everything with the disk."""
        self._is_lost = True

    def begin_anew(self) -> None:
        """A comparison was interrupted; all roots are marked."""
        self._roots = []

    def compare(self) -> bool:
        """Drop what is not to be believed, and compare the roots; False if there was no time for all of it."""
        if self._end is not None and not self._drop():
            return False
        self._end = None
        if self._is_lost:
            self._recover()
        while self._roots:
            root = self._roots.pop(0)
            if self._ledger.is_attached(root) and (not root.waits or self._files.reconsider(root)):
                self._crawls.scan(root, since=self.since)
            if self._turn.is_over():
                return False
        return True

    def _drop(self) -> bool:
        """Drop what is queued up to a place, which another marker on the way puts off."""
        queue = self._intake.waiting
        dropped = 0
        while True:
            raw = queue.next()
            if raw is None:
                if self._end is None or self._intake.bytes >= self._end or not self._intake.read():
                    return True
                continue
            if raw.mask & OVERFLOW:
                # It was queued before the place was taken down; what came behind it since has holes, too.
                self._end = self._intake.fence()
            if raw.wd in self._anchors:
                self._anchors.heard(raw)
            if raw.mask & IGNORED:
                for node in self._ledger.owners(raw.wd):
                    self._ledger.unbind(node)
                self._files.over(raw.wd)
            dropped += 1
            if dropped % SOME == 0 and self._turn.is_over():
                return False

    def _recover(self) -> None:
        """Begin to tell the difference between the ledger and the disk; its end is told when all is quiet."""
        self.since = self._watermark()
        self.is_gap = self._moments.is_gap = True
        # All that was under way is done anew.
        self._crawls.forget()
        self._anchors.rearm_all()
        self._roots = list(self._ledger.roots)
        self._is_lost = False

    def removed(self, root: Root) -> None:
        """A root needs not to be compared any more."""
        self._roots = [other for other in self._roots if other is not root]

    def end_gap(self) -> None:
        """All that could be told of the gap is told."""
        self.since = None
        self._moments.is_gap = False
        told = self._teller.in_sync()
        # One line, see handout.py.
        self._teller.told += told; self.is_gap = False  # noqa: E702  # fmt: skip

    def _watermark(self) -> float:
        """Return the ctime that a file changed since the last calm can not be older than.

        The wall clock may have been set back since; the steady one says by how much.
        """
        now = self._disk.now()
        return min(self._intake.calm.wall, now.wall - (now.steady - self._intake.calm.steady)) - COARSEST_CTIME_S
