"""Apply to the ledger what the kernel says of an entry: it was made, removed, moved.

What it says may be old news: told before by a listing, or overtaken by one. And what is said of a directory's
name is true of the inode that had the name then. So before a directory is re-linked, the disk is asked.
"""

from __future__ import annotations

from operator import itemgetter

from inotify_cffi import bits
from inotify_cffi.nodes import NO_WD, Candidate
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.admission import Admission
    from inotify_cffi.crawl import Crawler
    from inotify_cffi.doubts import Doubts
    from inotify_cffi.fences import Fences
    from inotify_cffi.intake import Intake
    from inotify_cffi.ledger import Ledger
    from inotify_cffi.moves import Raw
    from inotify_cffi.nodes import Node
    from inotify_cffi.places import Places
    from inotify_cffi.reconcile import Reconciler
    from inotify_cffi.scan import Disk
    from inotify_cffi.teller import Teller

__all__ = ["Entries"]

ISDIR = bits.ISDIR


class Entries:
    """The entries of watched directories."""

    def __init__(
        self,
        ledger: Ledger,
        teller: Teller,
        disk: Disk,
        doubts: Doubts,
        places: Places,
        crawler: Crawler,
        reconciler: Reconciler,
        intake: Intake,
        admission: Admission,
        fences: Fences,
    ) -> None:
        self._admission = admission
        self._fences = fences
        self._ledger = ledger
        self._teller = teller
        self._disk = disk
        self._doubts = doubts
        self._places = places
        self._crawler = crawler
        self._reconciler = reconciler
        self._intake = intake
        self.counts: Dict[str, int] = {"moves": 0, "barriers": 0}

    def created(self, node: Node, raw: Raw, *, is_dir: bool) -> None:
        """A new entry, unless a listing has told it before."""
        if node.knows(raw.name, is_dir=is_dir):
            return
        if raw.name in node.children:
            if not is_dir:
                child = node.children[raw.name]
                if child is not None and child.link:
                    return
            self._crawler.take_back(node, raw.name)
        self._came(node, raw, is_dir=is_dir)

    def gone(self, node: Node, raw: Raw, *, is_dir: bool) -> None:
        """An entry is not there any more, unless the ledger has another by that name: then this is older news."""
        if node.knows(raw.name, is_dir=is_dir):
            self._places.free(self._teller.gone(node, raw.name, raw))
        elif raw.name in node.children:
            self._doubts.suspect(node, raw.name)
        elif not is_dir and self.passes(node, raw.name):
            self._teller.passed(node, raw)

    def passes(self, node: Node, name: str) -> bool:
        """Return True if what happens to a file that the ledger does not have is told as the kernel has it."""
        return not self._ledger.keeps_files(node) and self._admission.admits(node, name, is_dir=False)

    def _knows(self, node: Node, name: str, *, is_dir: bool) -> bool:
        """Return True if an entry was told, as far as that is known."""
        if node.knows(name, is_dir=is_dir):
            return True
        return not is_dir and name not in node.children and self.passes(node, name)

    def _came(self, node: Node, raw: Raw, *, is_dir: bool) -> None:
        link = not is_dir and self._is_followed_link(node, raw.name)
        if not self._admission.admits(node, raw.name, is_dir=is_dir or link):
            return
        self._reconciler.appeared(self._teller.came(node, raw, is_dir=is_dir or link, link=link))

    def _is_followed_link(self, node: Node, name: str) -> bool:
        if not self._ledger.place(node).root.rules.follow_symlinks:
            return False
        try:
            found = self._places.locate(node)
        except OSError:
            found = None
        if found is None:
            # The directory has moved on; wherever it turns up, it is looked at again.
            self._doubts.suspect(node, name)
            return False
        try:
            if found.wd == node.wd:
                return self._reconciler.kind(node, name, found.fd) == "L"
        finally:
            self._disk.close(found.fd)
        self._places.stray(node, found.wd)
        self._doubts.suspect(node, name)
        return False

    # --- moves ---

    def moved_from(self, raw: Raw) -> Raw | None:
        """Tell a move as soon as it is known whether it has a second half, and where that is.

        An inode at several places gives several moves: a half is joined with the half that is nearest to it.
        Returns the second half, which may be of a watch that has no node.
        """
        partner = self._partner(raw)
        sources = self._ledger.owners(raw.wd)
        targets = self._ledger.owners(partner.wd) if partner is not None else []
        for source in sources:
            self._admission.changed(source, raw.name)
        if partner is not None:
            for target in targets:
                self._admission.changed(target, partner.name)
            self.counts["moves"] += 1
            for source, target in self._pairs(sources, targets):
                self._moved(source, raw, target, partner)
        for source in sources:
            self._left(source, raw)
        for target in targets:
            if partner is not None:
                self.arrived(target, partner, is_dir=bool(partner.mask & ISDIR))
        return partner

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

    def _partner(self, raw: Raw) -> Raw | None:
        """Find the second half of a move: in what was read, or behind the lock barrier in the queue.

        A listing of the source directory takes the lock that a rename holds until both halves are queued
        (fs/readdir.c iterate_dir). So when it returns, no rename from there is between its halves.
        """
        waiting = self._intake.waiting
        partner = waiting.take_partner(raw.cookie)
        if partner is not None or waiting.proves_gone(raw.wd):
            return partner
        self.counts["barriers"] += 1
        self._lock_barrier(raw.wd)
        self._intake.read_queued()
        return waiting.take_partner(raw.cookie)

    def _lock_barrier(self, wd: int) -> None:
        node = self._ledger.owner(wd)
        if node is None:
            return
        try:
            found = self._places.locate(node)
            if found is not None:
                try:
                    self._disk.entries(found.fd)
                finally:
                    self._disk.close(found.fd)
                self._places.reap(found.wd)
        except OSError:
            # It can not be listed, so it is not there: what was moved from it is looked for by name.
            return

    def _left(self, node: Node, raw: Raw) -> None:
        """An entry was moved out: its own entries are taken back, its watches removed.

        The name is looked at again: something may have been put there whose MOVED_TO the kernel merged into an
        earlier one, for it does not compare the cookies (fs/notify/inotify/inotify_fsnotify.c event_compare).
        """
        if not self._ledger.is_attached(node):
            return
        self.gone(node, raw, is_dir=bool(raw.mask & ISDIR))
        self._doubts.suspect(node, raw.name)

    def arrived(self, node: Node, raw: Raw, *, is_dir: bool) -> None:
        """An entry was moved in from where nothing is watched. What it replaced sends no DELETE."""
        if not self._ledger.is_attached(node):
            return
        if raw.name in node.children:
            if is_dir and self._is_there(node, raw.name, self._wd_at(node, raw.name)):
                # A listing has told it before.
                return
            self._replaced(node, raw.name)
        self._came(node, raw, is_dir=is_dir)

    def _replaced(self, node: Node, name: str) -> None:
        """Something was moved over an entry. Overwriting sends no DELETE; an exchange sends two crossed moves."""
        self._places.free(self._teller.gone(node, name, replaced=True))
        self._doubts.suspect(node, name)

    def _moved(self, source: Node, raw: Raw, target: Node, partner: Raw) -> None:
        """Both halves are known: one re-link, if the ledger knows what was moved."""
        is_dir = bool(raw.mask & ISDIR)
        if not self._ledger.is_attached(target) or not self._admission.admits(target, partner.name, is_dir=is_dir):
            self._left(source, raw)
            return
        self._doubts.suspect(source, raw.name)
        if not self._knows(source, raw.name, is_dir=is_dir):
            self.arrived(target, partner, is_dir=is_dir)
            return
        if source is target and raw.name == partner.name:
            return
        node = source.children.get(raw.name)
        there = NO_WD
        if node is not None:
            there = self._wd_at(target, partner.name)
            if self._is_there(target, partner.name, there):
                # A listing has told before what is there now, and it is never taken from where it is.
                self._left(source, raw)
                return
            if self._is_another(node, target, there):
                self.arrived(target, partner, is_dir=is_dir)
                return
        if partner.name in target.children:
            self._replaced(target, partner.name)
            if not self._ledger.is_attached(source) or not self._knows(source, raw.name, is_dir=is_dir):
                self.arrived(target, partner, is_dir=is_dir)
                return
        old_rules = self._ledger.place(source).root.rules
        new_rules = self._ledger.place(target).root.rules
        # It may be at one place too many then.
        recount = new_rules.follow_symlinks and self._ledger.is_border(source, target)
        was_covered = node is not None and self._admission.covers(node)
        self._teller.moved(source, raw, target, partner)
        if node is not None:
            is_another_way = self._admission.covers(node) != was_covered
            relist = recount or new_rules != old_rules
            self._regard(node, relist=relist, sure=there == node.wd != NO_WD, is_another_way=is_another_way)
        elif new_rules.follow_symlinks:
            # It may be a link that leads to a directory from here.
            self._doubts.suspect(target, partner.name)

    def _is_there(self, parent: Node, name: str, wd: int) -> bool:
        """Return True if the ledger has at a name the directory that was found there as *wd*."""
        child = parent.children.get(name)
        return child is not None and not child.link and child.wd == wd != NO_WD

    def _is_another(self, node: Node, target: Node, there: int) -> bool:
        """Return True if what was moved is not the ledger's *node*.

        After an exchange the ledger has, at the source of the second pair, what the first pair put there. Then
        another inode is *there*, at the target, and *node* is at its place still: it is never taken from there.
        """
        if self._ledger.is_within(target, node):
            return True
        if node.wd == NO_WD or there in (NO_WD, node.wd):
            return False
        return self._places.is_at_its_place(node, node.wd)

    def _regard(self, node: Node, *, relist: bool, sure: bool, is_another_way: bool) -> None:
        """Look once more at a directory that was re-linked: is it there, and, to *relist* it, what is in it?

        *is_another_way*: the way to it says something else of the files below it.
        Was it counted as a leaf just now, by its name, then it may be another directory that was counted.
        """
        root = self._ledger.place(node).root
        if relist or root.rules.depend_on_place or self._fences.counting:
            self._doubts.doubt(node, relist=True)
        elif not sure:
            self._doubts.doubt(node, relist=False)
        if (root.rules.excludes_by_place or is_another_way) and not root.rules.tracks_files:
            # What was left out of it may be to be told from here, and the other way round.
            for below in self._ledger.subtree(node):
                self._teller.rescan(below)
        # What barred the way to a directory may not be on its way any more.
        self._places.retry_below(node)
        if root.rules.follow_symlinks:
            # Links may lead elsewhere from here.
            for below in self._ledger.links_below(node):
                self._doubts.doubt(below, relist=False)
        if root.raw:
            # The users of the drop-in see a renamed directory being listed.
            self._lock_barrier(node.wd)

    def _wd_at(self, parent: Node, name: str) -> int:
        """Return the watch descriptor of the directory at a name, whatever the ledger has there; NO_WD if none."""
        try:
            found = self._places.locate(Candidate(name, parent))
        except OSError:
            return NO_WD
        if found is None:
            return NO_WD
        self._disk.close(found.fd)
        self._places.reap(found.wd)
        return found.wd
