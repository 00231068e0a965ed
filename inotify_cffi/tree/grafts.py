"""A move as the ledger has it: an entry taken from one directory to another, or what is left of one half."""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.ledger.nodes import NO_WD
from inotify_cffi.tree.comings import Comings
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.moves import Left, Raw

__all__ = ["Grafts"]

ISDIR = bits.ISDIR


class Grafts(Comings):
    """What is done with the halves of a move, when it is known what belongs together."""

    def arrived(self, node: Node, raw: Raw, *, is_dir: bool) -> bool:
        """An entry was moved in from where nothing is watched. What it replaced sends no DELETE."""
        if not self._ledger.is_attached(node) or self._becomes_directory(node, is_dir=is_dir):
            return True
        if raw.name in node.children:
            if self._is_about_another(node, raw.name):
                self._doubts.suspect(node, raw.name)
                return True
            if not self._makes_place(node, raw):
                return False
        if raw.name in node.children:
            if is_dir and self._was_told(node, raw.name):
                return True
            if is_dir and self._comes_from(node, raw):
                return True
            if not self._replaced(node, raw.name):
                return False
        elif is_dir and self._comes_from(node, raw):
            return True
        self._came(node, raw, is_dir=is_dir)
        return True

    def _left(self, node: Node, raw: Raw) -> bool:
        """An entry was moved out: its own entries are taken back, its watches removed.

        The name is looked at again: something may have been put there whose MOVED_TO the kernel merged into an
        earlier one, for it does not compare the cookies (fs/notify/inotify/inotify_fsnotify.c event_compare).
        """
        if not self._ledger.is_attached(node):
            return True
        child = node.children.get(raw.name) if raw.mask & ISDIR else None
        place = None if child is None or self._moments.is_about_another(child) else self._moments.found_at(child)
        if child is not None and place is not None and self._goes_to(node, raw, child, place):
            return True
        if not self.gone(node, raw, is_dir=bool(raw.mask & ISDIR)):
            return False
        self._doubts.suspect(node, raw.name)
        return True

    def _makes_place(self, node: Node, raw: Raw) -> bool:
        """Tell first that a directory left, if what came was exchanged with it; False as :meth:`gone`.

        It is told where it went, if that is known: one half of the other move may have been merged into another.
        """
        there = self._wd_then(node, raw.name)
        left = None if there == NO_WD else self._look_who_left(raw, there)
        waiting = self._intake.waiting
        if left is None:
            return there == NO_WD
        if left.half is None:
            return True
        first = waiting.peek(left.half)
        partner = None if left.second is None else waiting.peek(left.second)
        target = None if partner is None or self._ledger.has_any_twins() else self._ledger.owner(partner.wd)
        # What is still to be taken back is, and then this is asked again.
        if partner is None or target is None or left.second is None:
            if not self._left(node, first):
                return False
            waiting.take(left.half)
        elif self._moved(node, first, target, partner, is_itself=True):
            waiting.take_pair((left.half, left.second))
            self._files.renamed(partner)
        else:
            return False
        return True

    def _look_who_left(self, raw: Raw, there: int) -> Left | None:
        """See whether what was at the target of an arrival left; None if there was no time to read on."""
        left = self._intake.waiting.takes_its_place(raw, there)
        if left.is_known:
            return left
        arrival, fence = self._read_on
        if arrival != raw:
            fence = self._begin_barrier(raw.wd)
            self._read_on = raw, fence
        if not self._intake.read_to(fence, self._turn):
            return None
        self._read_on = None, 0
        return self._intake.waiting.takes_its_place(raw, there)

    def _goes_to(self, node: Node, raw: Raw, child: Node, place: Node) -> bool:
        """Tell a move into a directory that was not watched by then, if it is known where to; False if it is not.

        A listing has found the directory there, and its place was left open until the events have come so far. It
        was there by that move already if what it is in was not moved itself meanwhile.
        """
        target = place.parent
        if target is None or len(place.children) or self._ledger.is_within(place, child):
            return False
        if not self._is_where_it_was(target, place):
            return False
        if self._intake.waiting.says_moved(child.wd) > 1:
            # It went on from there, and what was seen is a later place.
            return False
        self._moments.settles(child, place)
        if not self._places.take_back(target, place.name, replaced=True):
            return False
        partner = raw._replace(wd=target.wd, mask=bits.MOVED_TO | ISDIR, name=place.name)
        self._doubts.suspect(node, raw.name)
        self._graft(node, raw, target, partner, sure=False, found=bits.MOVED_TO)
        return True

    def _is_where_it_was(self, node: Node, place: Node) -> bool:
        """Return True if a directory had its name before the raw event, and until something was seen in it.

        So it is if the directory that it is in was watched by then, and nothing waits that says of that name.
        """
        above = node.parent
        if above is None or above.link or above.wd == NO_WD or self._moments.is_about_another(above):
            return False
        if not self._intake.read_to(self._moments.seen_by(place), self._turn):
            return False
        return not self._intake.waiting.names(above.wd, node.name)

    def _comes_from(self, node: Node, raw: Raw) -> bool:
        """Tell an arrival as a move if the ledger has what came, at another place; False if it has not.

        It was moved out of a directory that was not watched by then, and says that itself.
        """
        wd = self._intake.waiting.moves_itself(raw.wd)
        if wd == NO_WD:
            return False
        top = self._ledger.domain(node)
        for child in self._ledger.owners(wd):
            source = child.parent
            if source is None or child.link or self._ledger.domain(child) is not top:
                continue
            if (source is node and child.name == raw.name) or self._ledger.is_within(node, child):
                continue
            there = node.children.get(raw.name)
            if there is not None and self._ledger.is_within(source, there):
                # The ledger has fallen behind: it would go with what it replaces.
                continue
            if raw.name in node.children and not self._replaced(node, raw.name):
                continue
            if not self._admission.admits(node, raw.name, is_dir=True):
                continue
            self._doubts.suspect(source, child.name)
            first = raw._replace(wd=source.wd, mask=bits.MOVED_FROM | ISDIR, name=child.name)
            self._graft(source, first, node, raw, sure=True, found=bits.MOVED_FROM)
            return True
        return False

    def _moved(self, source: Node, raw: Raw, target: Node, partner: Raw, *, is_itself: bool) -> bool:
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
        if (node is None or node.wd == NO_WD) and self._is_about_another(target, partner.name):
            # What is at the target came later, and it is known.
            return self._left(source, raw)
        if node is not None and is_itself and not self._ledger.is_within(target, node):
            there = node.wd
            if self._is_there(target, partner.name, there):
                return self._left(source, raw)
        elif node is not None:
            if self._is_about_another(source, raw.name):
                return self.arrived(target, partner, is_dir=is_dir)
            there = self._wd_at(target, partner.name)
            if self._is_there(target, partner.name, there):
                # A listing has told before what is there now, and it is never taken from where it is.
                return self._left(source, raw)
            if self._is_another(node, target, there):
                return self.arrived(target, partner, is_dir=is_dir)
        if partner.name in target.children:
            if not self._replaced(target, partner.name):
                return False
            if not is_dir:
                self._over = (raw.wd, raw.name, partner.wd, partner.name)
            if not self._ledger.is_attached(source) or not self._knows(source, raw.name, is_dir=is_dir):
                return self.arrived(target, partner, is_dir=is_dir)
        self._graft(source, raw, target, partner, sure=node is not None and there == node.wd != NO_WD)
        return True

    def _graft(
        self,
        source: Node,
        raw: Raw,
        target: Node,
        partner: Raw,
        *,
        sure: bool,
        shown: str | None = None,
        found: int = 0,
    ) -> None:
        """Tell the move, and look again at a directory if it is not *sure*, or other things hold for it now.

        *shown*, *found* as for :meth:`Teller.moved`.
        """
        old_root = self._ledger.place(source).root
        new_root = self._ledger.place(target).root
        new_rules = new_root.rules
        node = source.children.get(raw.name)
        if node is None:
            self._teller.moved(source, raw, target, partner, shown=shown)
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
        self._teller.moved(source, raw, target, partner, shown=shown, found=found)
        self._moments.moved(node)
        is_another_way = self._admission.covers(node) != was_covered
        # What has no watch yet is looked at where it is now, for whoever was about to does not.
        is_sure = sure and node.wd != NO_WD
        self._regard(node, relist=relist, sure=is_sure, is_another_way=is_another_way)

    def _is_to_be_listed(self, source: Node) -> bool:
        """Return True if a directory is still to be listed with all in it: what is moved out would be missed."""
        if not self._doubts.stale and not self._crawls and not self._moments.is_waiting:
            return False
        lineage = self._ledger.lineage(source)
        if self._moments.is_to_be_listed(lineage):
            return True
        return any(above in self._doubts.stale for above in lineage) or self._crawls.compares(lineage)

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
