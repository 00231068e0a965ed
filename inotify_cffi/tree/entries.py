"""Apply to the ledger what the kernel says of an entry: it was made, removed, moved.

What it says may be old news: told before by a listing, or overtaken by one. And what is said of a directory's
name is true of the inode that had the name then. So before a directory is re-linked, the disk is asked.
"""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.tree.exchanges import Exchanges, Started
from inotify_cffi.typed import TYPE_CHECKING, itemgetter

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.ledger.nodes import Node

__all__ = ["Entries", "Started"]

ISDIR = bits.ISDIR


class Entries(Exchanges):
    """The entries of watched directories."""

    def moved_from(self, started: Started) -> bool:
        """Tell a move as soon as it is known where its second half is, if it has one; False as :meth:`gone`.

        An inode at several places gives several moves: a half is joined with the half that is nearest to it.
        The second half may be of a watch that has no node.
        """
        if not started.is_paired:
            if started.partner is None and not self._find_partner(started):
                return False
            if not self._look_behind(started):
                return False
            self._pair(started)
        while started.parts:
            if not self._move(started, *started.parts[-1]):
                return False
            started.parts.pop()
        return True

    def _pair(self, started: Started) -> None:
        """Find out what there is to tell."""
        raw, partner = started.raw, started.partner
        sources = self._ledger.owners(raw.wd)
        targets = self._ledger.owners(partner.wd) if partner is not None else []
        if partner is not None and targets and self._places.folding.concerns(partner.mask):
            partner = started.partner = self._places.folding.stored(partner, targets[0])
        parts: list[tuple[Node | None, Node | None]] = []
        for source in sources:
            self._admission.changed(source, raw.name)
        if partner is not None:
            for target in targets:
                self._admission.changed(target, partner.name)
            self.counts["moves"] += 1
            if not self._is_moved_back(raw, partner):
                parts += self._pairs(sources, targets)
            second = None if started.behind is None or sources or targets else started.behind.second
            if second is not None and self._is_exchange(started, second, parts):
                started.second = self._intake.waiting.take_pair(second)
        parts += [(source, None) for source in sources]
        parts += [(None, target) for target in targets]
        parts.reverse()
        started.parts = parts
        started.is_paired = True

    def _move(self, started: Started, source: Node | None, target: Node | None) -> bool:
        partner = started.partner
        if source is None:
            if target is None or partner is None:
                return True
            return self.arrived(target, partner, is_dir=bool(partner.mask & ISDIR))
        if target is None or partner is None:
            return self._left(source, started.raw)
        if started.second is not None:
            return self._exchange(source, started.raw, target, partner, started.second)
        is_itself = is_another = False
        behind = started.behind
        if behind is not None and (behind.itself or behind.is_all):
            # An inode may have several places, and of one of them the ledger may know by now what came later.
            child = source.children.get(started.raw.name)
            if child is not None and child.wd == started.moved:
                is_itself = behind.itself
                is_another = not is_itself and not child.link and self._moments.is_bound_since(child)
        if is_another and self._ledger.is_attached(source) and self._ledger.is_attached(target):
            # It would have said so: what was moved came there by what the kernel merged.
            self._doubts.suspect(source, started.raw.name)
            return self.arrived(target, partner, is_dir=bool(partner.mask & ISDIR))
        return self._moved(source, started.raw, target, partner, is_itself=is_itself)

    def _pairs(self, sources: list[Node], targets: list[Node]) -> list[tuple[Node, Node]]:
        """Take pairs out of both lists, those with the longest common way from a root first."""
        if not sources or not targets:
            return []
        if not self._ledger.has_any_twins():
            return [(sources.pop(), targets.pop())]
        # One place under two roots that overlap: to pair across them would be to mix up two tellings.
        pairs = list(zip(sources, targets)) if sources == targets else self._nearest(sources, targets)
        for source, target in pairs:
            sources.remove(source)
            targets.remove(target)
        return pairs

    def _nearest(self, sources: list[Node], targets: list[Node]) -> list[tuple[Node, Node]]:
        """Return pairs that are below one root: from the deepest directory that has both below it upwards."""
        below: Dict[Node, tuple[int, tuple[list[Node], list[Node]]]] = {}
        for which, nodes in enumerate((sources, targets)):
            for node in nodes:
                for depth, above in enumerate(self._ledger.lineage(node)):
                    below.setdefault(above, (depth, ([], [])))[1][which].append(node)
        pairs: list[tuple[Node, Node]] = []
        paired: set[Node] = set()
        for _, both in sorted(below.values(), key=itemgetter(0), reverse=True):
            found = list(zip(*([node for node in nodes if node not in paired] for nodes in both)))
            paired.update(*found)
            pairs += found
        return pairs

    def _find_partner(self, started: Started) -> bool:
        """Find the second half of a move: in what was read, or behind the lock barrier in the queue.

        A listing of the source directory takes the lock that a rename holds until both halves are queued
        (fs/readdir.c iterate_dir). So when it returns, no rename from there is between its halves. False if there
        was no time to read all that was queued then.
        """
        raw = started.raw
        waiting = self._intake.waiting
        if started.fence is None:
            started.partner = waiting.take_partner(raw.cookie)
            if started.partner is not None or waiting.proves_gone(raw.wd):
                return True
            started.fence = self._begin_barrier(raw.wd)
        if not self._intake.read_to(started.fence, self._turn):
            return False
        started.partner = waiting.take_partner(raw.cookie)
        return True
