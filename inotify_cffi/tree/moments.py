"""When something was seen on the disk, against the raw events that were queued by then.

The disk is ahead of the events. What is seen of a directory that has a watch, and is not what the ledger says, is
most often what the events are about to say: it was moved or removed, and whoever believed the disk now would tell
hundreds of entries as deleted and created for one rename. So it is put off until all that was queued at that
moment has been applied: a fence, in bytes of the queue, for the queue of a busy tree is never empty. Then the
events have made it so; or they have not, for one was merged into another or there was none, and what is seen is
believed.

The other way round, an event that was queued before a directory was bound to its watch is not about that one.
"""

from __future__ import annotations

from inotify_cffi.base import bits, causes
from inotify_cffi.ledger.nodes import NO_WD, Root
from inotify_cffi.tree.identities import FIRST
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, Tuple

    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.moves import Raw
    from inotify_cffi.tree.places import Places

__all__ = ["Moments"]


# What is compared with the disk because no event may tell of it.
COMPARISONS = (causes.RESYNC, causes.POLL)

# All was applied until which a listing was put off.
OVER = -1


class PutOff:
    """What was seen at the place of a directory, and is not believed yet."""

    __slots__ = ("before", "end", "is_over", "lists", "seen", "whose")

    def __init__(self, seen: Tuple[object, ...], whose: list[Node], before: int, end: int, *, lists: bool) -> None:
        # Which inode was found, None for none, and where all were for the ledger that it concerns.
        self.seen = seen
        self.whose = whose
        # How many bytes had been queued before it was seen.
        self.before = before
        # How many bytes have to be applied before it is believed; and whether they were.
        self.end = end
        self.is_over = False
        # True if it was going to be listed: then that is still to be done, whatever is at its place.
        self.lists = lists


class Moments:
    """What was seen, and when."""

    def __init__(self, ground: Ground, places: Places) -> None:
        self._places = places
        self._ledger = ground.ledger
        self._doubts = ground.doubts
        self._teller = ground.teller
        self._intake = ground.intake
        self._turn = ground.turn
        self._put_off: Dict[Node, PutOff] = {}
        # Directories that were listed too early, and how many bytes have to be applied before they are once more.
        self._unlisted: Dict[Node, int] = {}
        # Directories that were bound to a watch when so many bytes had been queued, the first one first: at least
        # so many, and at most so many.
        self._bound: Dict[Node, Tuple[int, int]] = {}
        # The same of those that were bound many at once: by the first of their watches, and the last one.
        self._bound_at_once: list[Tuple[int, int, int, int]] = []
        # How many had been queued before the last look.
        self._before = 0
        # And when it was asked last whether there are more.
        self._after = 0
        # True while events are lost: then only the disk is to be believed.
        self.is_gap = False
        self.counts: Dict[str, int] = {"put_off": 0}

    @property
    def _is_all_believed(self) -> bool:
        """True while only the disk can say how it is, or there is no next turn in which events could."""
        return self.is_gap or not self._turn.is_limited

    def look(self) -> None:
        """A directory is going to be looked for: what was queued by now is older than what will be seen."""
        self._before = self._intake.moment()

    def may_have_grown(self) -> bool:
        """Return True if something was queued since the last look, or it is not known whether."""
        self._after = self._intake.moment()
        if self._is_all_believed:
            return False
        return self._after != self._before or self._intake.is_guessing

    # --- the disk is ahead ---

    def puts_off(self, node: Node, wd: int, *, lists: bool = False) -> bool:
        """Return True if it is not to be believed yet what was found at the place of a directory.

        *wd* is the inode there, NO_WD for none. What is found in a first listing is believed, and what is found
        where no event tells of it: at a root, behind a link, and where all is compared with the disk while nothing
        is queued. *lists*: it was going to be listed.
        """
        if self._is_all_believed or node.link or isinstance(node, Root):
            return False
        others = self._elsewhere(node, wd)
        if node.wd == NO_WD and not others:
            return False
        whose = [node, *others]
        # An inode that nobody has gets another watch each time.
        seen = (bool(others), wd == NO_WD, *((each.wd, each.parent, each.name) for each in whose))
        before = self._put_off.get(node)
        if before is not None:
            lists = before.lists = lists or before.lists
            if before.seen == seen:
                if before.is_over:
                    del self._put_off[node]
                return not before.is_over
        end = self._intake.fence()
        if self._teller.cause in COMPARISONS and end <= self._intake.applied:
            return False
        self.counts["put_off"] += 1
        self._put_off[node] = PutOff(seen, whose, self._before, end, lists=lists)
        return True

    def _elsewhere(self, node: Node, wd: int) -> list[Node]:
        """Return the places of an inode that can not be true beside that of *node*, but by a bind mount."""
        if wd == NO_WD or not self._ledger.is_elsewhere(node, wd):
            return []
        top = self._ledger.domain(node)
        return [
            other for other in self._ledger.owners(wd) if other is not node and self._ledger.domain(other) is top
        ]

    def agreed(self, node: Node) -> bool:
        """What is at the place of a directory is what the ledger says, after all; True if it is to be listed."""
        put_off = self._put_off.pop(node, None) if self._put_off else None
        return put_off is not None and put_off.lists

    def is_to_be_listed(self, lineage: list[Node]) -> bool:
        """Return True if one of these directories is still to be listed, with all in it."""
        if any(node in lineage for node in self._unlisted):
            return True
        return any(put_off.lists and node in lineage for node, put_off in self._put_off.items())

    def moved(self, node: Node) -> None:
        """An event has moved a directory: what was seen of it before is no evidence any more."""
        for put_off in self._put_off.values():
            if node in put_off.whose:
                put_off.seen = ()

    def found_at(self, node: Node) -> Node | None:
        """Return the place where the inode of a directory was seen, and which waits for the events to say so."""
        for place, put_off in self._put_off.items():
            if node in put_off.whose[1:] and put_off.seen and self._ledger.is_attached(place):
                return place
        return None

    def seen_by(self, place: Node) -> int:
        """Return how many bytes had been queued when something had been seen at a place."""
        return self._put_off[place].end

    def settles(self, node: Node, place: Node) -> None:
        """A directory is going to be moved to the place where it was seen: what was queued by then is older."""
        put_off = self._put_off.pop(place)
        self._bound.pop(node, None)
        self._bound[node] = (put_off.before, put_off.before)

    @property
    def waiting(self) -> int:
        """How much is put off now."""
        unlisted = sum(end != OVER for end in self._unlisted.values())
        return unlisted + sum(not put_off.is_over for put_off in self._put_off.values())

    @property
    def waits(self) -> bool:
        """True while something is remembered until all that is queued now has been applied."""
        return bool(self._put_off or self._bound or self._unlisted or self._bound_at_once)

    @property
    def is_waiting(self) -> bool:
        """True while something is put off."""
        return bool(self._put_off or self._unlisted) and self.waiting > 0

    def is_too_early(self, node: Node) -> bool:
        """Return True if events that wait say of a directory, or of one on the way, that it was moved.

        Then it is to be listed when all that waits has been applied; but it is put off only once.
        """
        end = self._unlisted.get(node, 0)
        if end == OVER or self._is_all_believed or not self._intake.waiting.has_moves():
            return False
        if not self._intake.waiting.has_moved([each.wd for each in self._ledger.lineage(node)]):
            return False
        if not end:
            self.counts["put_off"] += 1
            self._unlisted[node] = self._intake.bytes
        return True

    def has_moved_above(self, node: Node) -> bool:
        """Return True if what waits says that one on the way to a directory was moved before that was bound."""
        wds = [each.wd for each in self._ledger.lineage(node)[:-1]]
        if not self._intake.waiting.has_moved(wds):
            return False
        return self._intake.is_guessing or self._intake.begins_to_move(wds) <= self._after

    def is_listed_too_early(self, node: Node) -> bool:
        """Return True if a directory in which something was just found is not for sure where the ledger has it.

        Then what was found may never have been at that path, even if it is there again by now; and it is listed
        once more. Whatever waits by then, it is believed if the directory is there: else one that is moved all
        the time would never be listed.
        """
        if self._is_all_believed or node.wd == NO_WD or not self._intake.may_have_moved():
            self._unlisted.pop(node, None)
            return False
        if self.is_too_early(node):
            return True
        if not self._places.is_surely_at_its_place(node):
            self._doubts.doubt(node, relist=True)
            return True
        self._unlisted.pop(node, None)
        return False

    def is_on_the_move(self, node: Node, since: int) -> bool:
        """Return True if what was found below a directory, all at once, may not be where it was found.

        *since*: the first of the watches that were added by that.
        """
        if self._is_all_believed:
            return False
        if not self._intake.read_all():
            return True
        return self._intake.waiting.has_shifted([each.wd for each in self._ledger.lineage(node)], since)

    # --- the events are behind ---

    def bound(self, node: Node) -> None:
        """A directory was just bound to its watch, and asked before whether more was queued meanwhile."""
        self._bound.pop(node, None)
        self._bound[node] = (self._before, self._after)

    def bound_at_once(self, first: int, last: int) -> None:
        """Directories were just bound to their watches, from the *first* to the *last*; all queued was read."""
        self._bound_at_once.append((first, last, self._before, self._intake.bytes))

    def _moment_of(self, node: Node) -> Tuple[int, int] | None:
        """Return how many bytes had been queued when a directory was bound, at least and at most, if need be."""
        moment = self._bound.get(node)
        if moment is None:
            for first, last, least, most in self._bound_at_once:
                if first <= node.wd <= last:
                    return least, most
        return moment

    def is_about_another(self, node: Node | None) -> bool:
        """Return True if the raw event that is being applied was queued before *node* was bound to its watch.

        Then what it says of that name it says of what was there before. If it was queued right then, that is so
        unless the directory says that it was moved by that. One that was opened, moved away, watched, and moved
        back says nothing of the first move. One that came to its place before its watch and left it the other way
        is not what was exchanged: then it would have left before it was seen there behind its watch.
        """
        moment = None if node is None else self._moment_of(node)
        if node is None or moment is None or node.wd == NO_WD:
            return False
        applied = self._intake.applied
        if applied <= moment[0]:
            return not self._leaves_by_what_was_merged(node)
        queue = self._intake.waiting
        if applied > moment[1]:
            return False
        moves = queue.moves(node.wd)
        if moves is not None:
            return not self._is_of(queue.begun, node) and self._intake.queued_with(moves) > moment[1]
        if node.parent is None:
            return True
        # It was seen at its place behind its watch: so if it came back that is queued.
        self._intake.read_all()
        return not queue.comes_back(node.wd, node.parent.wd, node.name)

    def is_bound_since(self, node: Node) -> bool:
        """Return True if a directory says so if it is moved by the raw event that is being applied.

        It had its watch before that was queued.
        """
        if self._is_all_believed or not NO_WD < node.wd < FIRST or not self._intake.is_behind_listings:
            return False
        moment = self._moment_of(node)
        return moment is None or self._intake.applied > moment[1]

    def _leaves_by_what_was_merged(self, node: Node) -> bool:
        """Return True if a directory leaves by the raw event that is being applied, though that is older.

        The kernel queues nothing that says the same as what it queued last, for it compares no cookies: what left
        the name before, and what leaves it now, are told once. But the directory says that it was moved.
        """
        begun = self._intake.waiting.begun
        if begun is None or not begun.mask & bits.MOVED_FROM or not self._is_of(begun, node):
            return False
        # It is all read: behind each binding a listing reads what is queued.
        behind = self._intake.waiting.behind_departure(node.wd)
        return behind is not None and (behind == NO_WD or self._ledger.owner(behind) is None)

    def _is_of(self, raw: Raw | None, node: Node) -> bool:
        """Return True if a raw event says something of the name of a directory, in the one that it is in."""
        parent = node.parent
        return raw is not None and parent is not None and (parent.wd, node.name) == (raw.wd, raw.name)

    # --- the fence ---

    def pass_by(self) -> None:
        """Some raw events were applied: look again at what was put off until they were."""
        if not self.waits:
            return
        applied = self._intake.applied
        if self._bound_at_once:
            self._bound_at_once = [bound for bound in self._bound_at_once if bound[3] > applied]
        for node, end in list(self._unlisted.items()):
            if not self._ledger.is_attached(node):
                del self._unlisted[node]
            elif end != OVER and end <= applied:
                self._unlisted[node] = OVER
                self._doubts.doubt(node, relist=True)
        while self._bound:
            node = next(iter(self._bound))
            if self._bound[node][1] > applied and self._ledger.is_attached(node):
                break
            del self._bound[node]
        for node, put_off in list(self._put_off.items()):
            if not self._ledger.is_attached(node):
                del self._put_off[node]
            elif not put_off.is_over and put_off.end <= applied:
                put_off.is_over = True
                self._doubts.doubt(node, relist=True)
                if node.parent is not None:
                    self._doubts.suspect(node.parent, node.name)
