"""Apply to the ledger what the kernel says of an entry: it was made, removed, moved.

What it says may be old news: told before by a listing, or overtaken by one. And what is said of a directory's
name is true of the inode that had the name then. So before a directory is re-linked, the disk is asked.
"""

from __future__ import annotations

from operator import itemgetter

from inotify_cffi.base import bits
from inotify_cffi.ledger.nodes import NO_WD, Candidate
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.admission import Admission
    from inotify_cffi.tree.crawls import Crawls
    from inotify_cffi.tree.files import Files
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.listing import Lister
    from inotify_cffi.tree.moves import Raw
    from inotify_cffi.tree.places import Places
    from inotify_cffi.tree.reconcile import Reconciler

__all__ = ["Entries", "Started"]

ISDIR = bits.ISDIR


class Started:
    """A raw event that is applied in several turns, for there is much to take back: what is left of it.

    Nothing that came behind it is applied before, and nothing else is done.
    """

    __slots__ = ("fence", "is_paired", "partner", "parts", "raw")

    def __init__(self, raw: Raw, parts: list[tuple[Node | None, Node | None]]) -> None:
        self.raw = raw
        # The nodes that it is about, the next at the end; of a move source and target, as far as there are.
        self.parts = parts
        # Of a move: the second half, and whether it is known yet if there is one; else what is to be read first.
        self.partner: Raw | None = None
        self.is_paired = False
        self.fence: int | None = None


class Entries:
    """The entries of watched directories."""

    def __init__(
        self,
        ground: Ground,
        places: Places,
        crawls: Crawls,
        lister: Lister,
        reconciler: Reconciler,
        admission: Admission,
        files: Files,
    ) -> None:
        self._admission = admission
        self._files = files
        self._fences = ground.fences
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._disk = ground.disk
        self._doubts = ground.doubts
        self._places = places
        self._crawls = crawls
        self._lister = lister
        self._reconciler = reconciler
        self._intake = ground.intake
        self._turn = ground.turn
        self.counts: Dict[str, int] = {"moves": 0, "barriers": 0}

    def created(self, node: Node, raw: Raw, *, is_dir: bool) -> bool:
        """A new entry, unless a listing has told it before. False as :meth:`gone`."""
        if node.knows(raw.name, is_dir=is_dir):
            return True
        if raw.name in node.children:
            if not is_dir:
                child = node.children[raw.name]
                if child is not None and child.link:
                    return True
            if not self._places.take_back(node, raw.name):
                return False
        self._came(node, raw, is_dir=is_dir)
        return True

    def gone(self, node: Node, raw: Raw, *, is_dir: bool) -> bool:
        """An entry is not there any more, unless the ledger has another by that name: then this is older news.

        False if there was no time to take back what is below it: then it is to be told again.
        """
        if node.knows(raw.name, is_dir=is_dir):
            return self._places.take_back(node, raw.name, raw)
        if raw.name in node.children:
            self._doubts.suspect(node, raw.name)
        elif not is_dir and self.passes(node, raw.name):
            self._teller.passed(node, raw)
        return True

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
        if not self._ledger.place(node).root.rules.follows_links:
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
                return self._lister.kind(node, name, found.fd) == "L"
        finally:
            self._disk.close(found.fd)
        self._places.stray(node, found.wd)
        self._doubts.suspect(node, name)
        return False

    # --- moves ---

    def moved_from(self, started: Started) -> bool:
        """Tell a move as soon as it is known where its second half is, if it has one; False as :meth:`gone`.

        An inode at several places gives several moves: a half is joined with the half that is nearest to it.
        The second half may be of a watch that has no node.
        """
        if not started.is_paired:
            if not self._find_partner(started):
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
        parts: list[tuple[Node | None, Node | None]] = []
        for source in sources:
            self._admission.changed(source, raw.name)
        if partner is not None:
            for target in targets:
                self._admission.changed(target, partner.name)
            self.counts["moves"] += 1
            parts += self._pairs(sources, targets)
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
        return self._moved(source, started.raw, target, partner)

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
            self.counts["barriers"] += 1
            self._lock_barrier(raw.wd)
            started.fence = self._intake.fence()
        if not self._intake.read_to(started.fence, self._turn):
            return False
        started.partner = waiting.take_partner(raw.cookie)
        return True

    def _lock_barrier(self, wd: int) -> None:
        node = self._ledger.owner(wd)
        if node is None:
            return
        try:
            found = self._places.locate(node)
            if found is not None:
                try:
                    # Each part of a listing takes the lock.
                    _, rest = self._disk.entries(found.fd, whole=False)
                    self._places.close(rest)
                finally:
                    self._disk.close(found.fd)
                self._places.reap(found.wd)
        except OSError:
            # It can not be listed, so it is not there: what was moved from it is looked for by name.
            return

    def _left(self, node: Node, raw: Raw) -> bool:
        """An entry was moved out: its own entries are taken back, its watches removed.

        The name is looked at again: something may have been put there whose MOVED_TO the kernel merged into an
        earlier one, for it does not compare the cookies (fs/notify/inotify/inotify_fsnotify.c event_compare).
        """
        if not self._ledger.is_attached(node):
            return True
        if not self.gone(node, raw, is_dir=bool(raw.mask & ISDIR)):
            return False
        self._doubts.suspect(node, raw.name)
        return True

    def arrived(self, node: Node, raw: Raw, *, is_dir: bool) -> bool:
        """An entry was moved in from where nothing is watched. What it replaced sends no DELETE."""
        if not self._ledger.is_attached(node):
            return True
        if raw.name in node.children:
            if is_dir and self._was_told(node, raw.name):
                return True
            if not self._replaced(node, raw.name):
                return False
        self._came(node, raw, is_dir=is_dir)
        return True

    def _was_told(self, node: Node, name: str) -> bool:
        """Return True if a listing has told the directory before that is at a name.

        One that a crawl has found and not entered yet may be that one as well as any: nothing is told of it but
        its name.
        """
        child = node.children.get(name)
        if child is not None and child.wd == NO_WD and not child.children and self._crawls:
            self._doubts.doubt(child, relist=True)
            return True
        return self._is_there(node, name, self._wd_at(node, name))

    def _replaced(self, node: Node, name: str) -> bool:
        """Something was moved over an entry. Overwriting sends no DELETE; an exchange sends two crossed moves."""
        if not self._places.take_back(node, name, replaced=True):
            return False
        self._doubts.suspect(node, name)
        return True

    def _moved(self, source: Node, raw: Raw, target: Node, partner: Raw) -> bool:
        """Both halves are known: one re-link, if the ledger knows what was moved."""
        is_dir = bool(raw.mask & ISDIR)
        if not self._ledger.is_attached(target) or not self._admission.admits(target, partner.name, is_dir=is_dir):
            return self._left(source, raw)
        if not self._ledger.is_attached(source):
            return self.arrived(target, partner, is_dir=is_dir)
        self._doubts.suspect(source, raw.name)
        if not self._knows(source, raw.name, is_dir=is_dir):
            return self.arrived(target, partner, is_dir=is_dir)
        if source is target and raw.name == partner.name:
            return True
        node = source.children.get(raw.name)
        there = NO_WD
        if node is not None:
            there = self._wd_at(target, partner.name)
            if self._is_there(target, partner.name, there):
                # A listing has told before what is there now, and it is never taken from where it is.
                return self._left(source, raw)
            if self._is_another(node, target, there):
                return self.arrived(target, partner, is_dir=is_dir)
        if partner.name in target.children:
            if not self._replaced(target, partner.name):
                return False
            if not self._ledger.is_attached(source) or not self._knows(source, raw.name, is_dir=is_dir):
                return self.arrived(target, partner, is_dir=is_dir)
        self._graft(source, raw, target, partner, sure=node is not None and there == node.wd != NO_WD)
        return True

    def _graft(self, source: Node, raw: Raw, target: Node, partner: Raw, *, sure: bool) -> None:
        """Tell the move, and look again at a directory if it is not *sure*, or other things hold for it now."""
        old_root = self._ledger.place(source).root
        new_root = self._ledger.place(target).root
        new_rules = new_root.rules
        node = source.children.get(raw.name)
        if node is None:
            self._teller.moved(source, raw, target, partner)
            self._files.links.moved(source, raw.name, target, partner.name)
            if new_rules.follows_links:
                # It may be a link that leads to a directory from here.
                self._doubts.suspect(target, partner.name)
            return
        # It may be at one place too many then.
        recount = new_rules.follow_symlinks and self._ledger.is_border(source, target)
        is_for_more = new_root.reports & ~old_root.reports
        relist = recount or bool(is_for_more) or new_rules != old_root.rules or self._is_to_be_listed(source)
        was_covered = self._admission.covers(node)
        self._teller.moved(source, raw, target, partner)
        is_another_way = self._admission.covers(node) != was_covered
        self._regard(node, relist=relist, sure=sure, is_another_way=is_another_way)

    def _is_to_be_listed(self, source: Node) -> bool:
        """Return True if a directory is still to be listed with all in it: what is moved out would be missed."""
        if not self._doubts.stale and not self._crawls:
            return False
        lineage = self._ledger.lineage(source)
        return any(above in self._doubts.stale for above in lineage) or self._crawls.compares(lineage)

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
            self._reconciler.reread(node)
        # What barred the way to a directory may not be on its way any more.
        self._places.retry_below(node)
        if root.rules.follow_symlinks:
            # Links may lead elsewhere from here.
            for below in self._ledger.links_below(node):
                self._doubts.doubt(below, relist=False)
        if root.rules.follows_files:
            self._files.links.doubt_below(node)
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
