"""Apply raw events to the ledger, in the order of the stream, each at the path that the ledger has for its watch.

What a raw event says may be old news, told before by a listing, or about something that has moved on: then the
ledger does not change and nothing is told, or the name or the directory is marked and looked at again.
"""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.ledger.nodes import Root
from inotify_cffi.tree.entries import Started
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.admission import Admission
    from inotify_cffi.tree.anchors import Anchors
    from inotify_cffi.tree.entries import Entries
    from inotify_cffi.tree.files import Files
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.losses import Losses
    from inotify_cffi.tree.moves import Queue, Raw
    from inotify_cffi.tree.places import Places
    from inotify_cffi.tree.plain import Plain
    from inotify_cffi.tree.shifts import Shifts

__all__ = ["Applier"]

CREATE = bits.CREATE
DELETE = bits.DELETE
MOVED_FROM = bits.MOVED_FROM
MOVED_TO = bits.MOVED_TO
ATTRIB = bits.ATTRIB
CLOSE_WRITE = bits.CLOSE_WRITE
ISDIR = bits.ISDIR
IGNORED = bits.IGNORED
UNMOUNT = bits.UNMOUNT
OVERFLOW = bits.Q_OVERFLOW
READS = bits.READS
# What is read of a file may be something else from here on. A MODIFY is followed by a CLOSE_WRITE.
ANOTHER_CONTENT = CREATE | DELETE | MOVED_FROM | MOVED_TO | CLOSE_WRITE | ATTRIB
NAMES = CREATE | DELETE | MOVED_FROM | MOVED_TO
SELF_GONE = bits.DELETE_SELF | bits.MOVE_SELF

# How many plain events are applied between two looks at the clock: it takes some milliseconds.
PLAIN_RUN = 2048


class Applier:
    """Applies what was read."""

    def __init__(
        self,
        ground: Ground,
        anchors: Anchors,
        places: Places,
        admission: Admission,
        entries: Entries,
        files: Files,
        plain: Plain,
        shifts: Shifts,
        losses: Losses,
    ) -> None:
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._disk = ground.disk
        self._doubts = ground.doubts
        self._anchors = anchors
        self._places = places
        self._admission = admission
        self._entries = entries
        self._files = files
        self._plain = plain
        self._shifts = shifts
        self._losses = losses
        self._ground = ground
        self._turn = ground.turn
        # The raw event that is applied in several turns, if there is one; and one that was taken, and was not told
        # when it was interrupted.
        self.started: Started | None = None
        self.again: Raw | None = None
        self._reaped: set[int] = set()
        self.counts: Dict[str, int] = {"unknown": 0}

    @property
    def is_busy(self) -> bool:
        """True while a raw event was taken and is not applied to its end."""
        return self.started is not None or self.again is not None

    def apply(self, queue: Queue) -> bool:
        """Apply what waits, some of it at least; True if there was time for all, and nothing was lost."""
        if self.is_busy and not self._go_on_with_one(queue):
            return False
        self._places.folding.begin()
        if self._files.due:
            self._files.rearm()
        # A move may read more, behind what was there: that is for the next time, or there might be no end.
        left = len(queue)
        while left > 0:
            run = min(left, PLAIN_RUN)
            taken = done = self._shifts.apply(queue)
            if not taken:
                done = self._plain.apply(queue.records, run, ends=not (self._reaped or self._files.wds))
                taken = self._shifts.apply(queue) if 0 < done < run else 0
                done += taken
            left -= done
            if done < run and not taken:
                self._teller.begin()
                raw = queue.begin_next()
                if raw is None:
                    break
                left -= 1
                is_done = self._apply(raw)
                if self.started is None:
                    queue.done()
                if not is_done:
                    return False
                if self._files.due:
                    # Before anything else that the object says which was there.
                    self._files.rearm()
            if left > 0 and self._turn.is_over():
                break
        return not len(queue)

    def _go_on_with_one(self, queue: Queue) -> bool:
        """Apply the one that was not applied to its end; no other was since."""
        raw = self.again
        if raw is not None:
            self._teller.begin()
            queue.begin_again(raw)
            self.again = None
            is_done = self._apply(raw)
        else:
            self._teller.go_on()
            is_done = self.started is None or self._go_on(self.started)
        if self.started is None:
            queue.done()
        return is_done

    def make_good(self, queue: Queue) -> None:
        """Something was interrupted: apply the raw event that was begun once more, if it was not told."""
        self.started = None
        if self._teller.make_good() and queue.begun is not None:
            self.again = queue.begun
            queue.give_back()
        queue.done()

    # --- one raw event ---

    def _apply(self, raw: Raw) -> bool:
        """Apply a raw event; False if there is no time for all of it, or if it says that events were lost."""
        if raw.wd in self._anchors:
            self._anchors.heard(raw)
        if raw.wd in self._files.wds:
            self._files.heard(raw)
            return True
        node = self._ledger.owner(raw.wd)
        if node is None:
            return self._unknown(raw)
        if raw.name and self._places.folding.concerns(raw.mask):
            raw = self._places.folding.stored(raw, node)
        if self._ground.stamps is not None:
            self._ground.stamps.heard(raw)
        if raw.mask & NAMES and self._files:
            self._files.renamed(raw)
        if raw.mask & MOVED_FROM:
            return self._go_on(Started(raw, []))
        if self._ledger.has_twins(raw.wd):
            twins = self._ledger.owners(raw.wd)
            twins.reverse()
            return self._go_on(Started(raw, [(twin, None) for twin in twins]))
        if self._apply_to(node, raw):
            return True
        self.started = Started(raw, [(node, None)])
        return False

    def _go_on(self, started: Started) -> bool:
        """Apply what is left of a raw event."""
        self.started = started
        done = self._move(started) if started.raw.mask & MOVED_FROM else self._apply_to_each(started)
        if done:
            self.started = None
        return done

    def _apply_to_each(self, started: Started) -> bool:
        raw = started.raw
        while started.parts:
            node, _ = started.parts[-1]
            # What was applied to one may have unbound the other.
            if node is not None and node.wd == raw.wd and not self._apply_to(node, raw):
                return False
            started.parts.pop()
        return True

    def _move(self, started: Started) -> bool:
        if not self._entries.moved_from(started):
            return False
        partner = started.partner
        if partner is not None:
            # It was taken out of its turn.
            if partner.wd in self._anchors:
                self._anchors.heard(partner)
            if self._ground.stamps is not None:
                self._ground.stamps.heard(partner)
            self._files.renamed(partner)
            if self._ledger.owner(partner.wd) is None:
                self._unknown(partner)
        for half in started.second or ():
            if half.wd in self._anchors:
                self._anchors.heard(half)
        return True

    def _apply_to(self, node: Node, raw: Raw) -> bool:
        if raw.name:
            return self._apply_to_entry(node, raw)
        self._apply_to_self(node, raw)
        return True

    def _unknown(self, raw: Raw) -> bool:
        """The overflow, or a watch that has no node any more: normal, for events outlive their watch."""
        if raw.mask & OVERFLOW:
            # Their IGNORED may be among what was lost.
            self._reaped.clear()
            self._losses.overflow()
            return False
        if raw.wd in self._anchors:
            return True
        if raw.mask & IGNORED:
            self._reaped.discard(raw.wd)
        elif raw.wd not in self._reaped:
            self.counts["unknown"] += 1
            self._reaped.add(raw.wd)
            self._disk.unwatch(raw.wd)
        return True

    def _apply_to_entry(self, node: Node, raw: Raw) -> bool:
        mask = raw.mask
        is_dir = bool(mask & ISDIR)
        if isinstance(node, Root) and node.is_file and not mask & node.kernel_mask:
            # What the object says of itself counts.
            return True
        if mask & ANOTHER_CONTENT:
            self._admission.changed(node, raw.name)
        if mask & CREATE:
            return self._entries.created(node, raw, is_dir=is_dir)
        if mask & DELETE:
            return self._entries.gone(node, raw, is_dir=is_dir)
        if mask & MOVED_TO:
            return self._entries.arrived(node, raw, is_dir=is_dir)
        if raw.name in node.children or self._ledger.place(node).root.raw:
            self._passed(node, raw, is_dir=is_dir)
        elif not is_dir and self._entries.passes(node, raw.name):
            self._teller.passed(node, raw)
        return True

    def _passed(self, node: Node, raw: Raw, *, is_dir: bool) -> None:
        """Tell what happened to an entry that stays."""
        if is_dir and raw.mask & READS and not self._tells_listings(node):
            return
        self._teller.passed(node, raw)
        if is_dir and raw.mask & ATTRIB:
            child = node.children.get(raw.name)
            if child is not None:
                self._places.retry_below(child)

    def _tells_listings(self, node: Node) -> bool:
        """Return True if who reads a directory is told, though it can not be told from our own crawl.

        Not even the drop-in tells it of the crawl behind a gap: that is of each directory, and would be a flood.
        """
        return self._ledger.place(node).root.raw and not self._losses.is_gap

    def _apply_to_self(self, node: Node, raw: Raw) -> None:
        """A watched directory reports itself."""
        mask = raw.mask
        if isinstance(node, Root) and node.is_file:
            self._apply_to_directory_of_file(node, raw)
            return
        if mask & UNMOUNT:
            self._places.mounted.unmounted()
        if self._tells_of_itself(node, mask):
            self._teller.itself(node, mask, raw.wd)
        if mask & IGNORED:
            self._ledger.unbind(node)
            self._places.freed += 1
            self._doubts.doubt(node, relist=True)
        elif mask & SELF_GONE and (isinstance(node, Root) or node.link):
            self._doubts.doubt(node, relist=False)
        if mask & ATTRIB:
            self._places.retry_below(node)

    def _apply_to_directory_of_file(self, root: Root, raw: Raw) -> None:
        """The directory of a file reports itself: the user did not give that."""
        if raw.mask & UNMOUNT:
            self._teller.itself(root, raw.mask, raw.wd)
        if raw.mask & IGNORED:
            self._ledger.unbind(root)
            self._places.freed += 1
        if raw.mask & (IGNORED | SELF_GONE):
            self._files.mark(root)

    def _tells_of_itself(self, node: Node, mask: int) -> bool:
        """Return True if this is told: of all but roots the parent's watch reports it, by name."""
        if mask & UNMOUNT:
            return True
        if mask & READS:
            return self._tells_listings(node)
        return self._ledger.place(node).root.raw or (isinstance(node, Root) and not mask & IGNORED)
