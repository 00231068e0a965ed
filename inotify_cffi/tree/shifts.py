"""Apply and tell the most common moves: both halves stand one behind the other, and nothing else hangs on them.

The ledger has what was moved, in a directory that is at one place, and lacks it where it went to, below the same
root; a directory says right behind that it was moved. And nothing is remembered that was seen on the disk, which
the move could be older or newer than. Then all that ``entries`` would ask is answered by one call of C
(``csrc/shift.c``), and by one question whether there is anything to ask.

Like ``plain`` it decides nothing that is not decided there, too, and may be left out. It is here because nearly
all renames are of this kind.
"""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.ledger.storage import Shift
from inotify_cffi.tree.moves import Raw
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.ledger.nodes import Root
    from inotify_cffi.tree.anchors import Anchors
    from inotify_cffi.tree.crawls import Crawls
    from inotify_cffi.tree.entries import Entries
    from inotify_cffi.tree.files import Files
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.moments import Moments
    from inotify_cffi.tree.moves import Queue
    from inotify_cffi.tree.places import Places

__all__ = ["Shifts"]

MOVED_FROM = bits.MOVED_FROM
ISDIR = bits.ISDIR


class Shifts:
    """Applies plain moves, one at a time."""

    def __init__(
        self,
        ground: Ground,
        anchors: Anchors,
        places: Places,
        entries: Entries,
        files: Files,
        moments: Moments,
        crawls: Crawls,
    ) -> None:
        self._ground = ground
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._doubts = ground.doubts
        self._fences = ground.fences
        self._anchors = anchors
        self._places = places
        self._entries = entries
        self._files = files
        self._moments = moments
        self._crawls = crawls
        self._found = Shift()

    def apply(self, queue: Queue) -> int:
        """Apply the move that waits, if it is plain, and nothing is to be asked; how many raw events that took."""
        ledger, found = self._ledger, self._found
        if not ledger.memory.next_shift(queue.records, found) or not queue.is_in_place() or not self._is_free():
            return 0
        numbers, first, second, behind = found.take()
        source, target = ledger.at(numbers[0]), ledger.at(numbers[1])
        place = ledger.place(source)
        root = place.root
        if root.raw or (first[1] & ISDIR and not _is_the_same_everywhere(root)):
            return 0
        raw, partner = Raw(*first), Raw(*second)
        self._teller.begin()
        taken = queue.begin_pair(raw, partner, behind)
        self._entries.counts["moves"] += 1
        # As ever: something may have been put there whose arrival was merged into another one.
        self._doubts.suspect(source, raw.name)
        node = self._teller.shifted(source, place, raw, target, partner)
        if node is not None:
            # What barred the way to it may not be on its way any more.
            self._places.retry_below(node)
        queue.done()
        return taken

    def _is_free(self) -> bool:
        """Return True if nothing is remembered that a move is to be held against, or that goes along with it.

        Nothing was just bound or is put off (``moments``), nothing is still to be listed, and nothing is
        followed, kept or folded.
        """
        if self._moments.waits or self._crawls or self._fences.counting or self._doubts.stale:
            return False
        if self._anchors or self._files or self._ground.stamps is not None:
            return False
        return not (self._entries.may_come_back or self._places.folding.concerns(MOVED_FROM))


def _is_the_same_everywhere(root: Root) -> bool:
    """Return True if a directory is the same wherever in a root, and is told by its own move alone."""
    return root.rules.max_depth is None and not root.each_move
