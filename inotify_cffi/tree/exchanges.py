"""What follows a move of directories right behind: which one was moved, and whether it was an exchange.

The kernel queues it under the same locks as both halves, so nothing comes in between. An exchange is two pairs;
it is told as moves through a third name.
"""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.ledger.nodes import NO_WD
from inotify_cffi.tree.grafts import Grafts
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Tuple

    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.moves import Behind, Raw

__all__ = ["Exchanges", "Started"]

ISDIR = bits.ISDIR


class Started:
    """A raw event that is applied in several turns, for there is much to take back: what is left of it.

    Nothing that came behind it is applied before, and nothing else is done.
    """

    __slots__ = ("behind", "end", "fence", "is_paired", "moved", "partner", "parts", "raw", "second", "there")

    def __init__(self, raw: Raw, parts: list[tuple[Node | None, Node | None]]) -> None:
        self.raw = raw
        # The nodes that it is about, the next at the end; of a move source and target, as far as there are.
        self.parts = parts
        # Of a move: the second half, and whether it is known yet if there is one; else what is to be read first.
        self.partner: Raw | None = None
        self.is_paired = False
        self.fence: int | None = None
        # What is queued right behind both halves, and what is to be read before that is known. Of an exchange the
        # halves of the other move.
        self.behind: Behind | None = None
        # The watches that this is about: of what is expected to have been moved, and of what was at the target.
        self.moved = self.there = NO_WD
        self.end: int | None = None
        self.second: Tuple[Raw, Raw] | None = None


class Exchanges(Grafts):
    """What is queued behind a move, and the two moves of an exchange."""

    def _look_behind(self, started: Started) -> bool:
        """See what the kernel has queued behind both halves of a move of directories, before it let go of them.

        A directory that has a watch says by MOVE_SELF that it was moved, so it is known which one that was,
        wherever it is by now; and whether what was at the target was moved back, or replaced. False as
        :meth:`gone`.
        """
        raw, partner = started.raw, started.partner
        source, target = self._ledger.owner(raw.wd), None if partner is None else self._ledger.owner(partner.wd)
        if source is None or target is None or partner is None:
            return True
        moved, there = self._wd_then(source, raw.name), self._wd_then(target, partner.name)
        may_be_exchange = partner.name in target.children and (there != NO_WD or bool(raw.mask & ISDIR))
        if moved == NO_WD and not may_be_exchange:
            return True
        started.moved, started.there = moved, there
        behind = self._intake.waiting.behind_partner(raw, partner, moved, there)
        if not behind.is_known and (may_be_exchange or not behind.itself or behind.second is not None):
            if started.end is None:
                started.end = self._begin_barrier(raw.wd)
            if not self._intake.read_to(started.end, self._turn):
                return False
            behind = self._intake.waiting.behind_partner(raw, partner, moved, there)
        started.behind = behind
        return True

    def _is_exchange(
        self, started: Started, second: Tuple[int, int], parts: list[tuple[Node | None, Node | None]]
    ) -> bool:
        """Return True if what was at the target was moved to the source, and not replaced.

        Of two files nothing tells that apart: see :meth:`_is_moved_back`. The users of the drop-in know no third
        name.
        """
        behind, raw, partner = started.behind, started.raw, started.partner
        if behind is None or partner is None or not parts:
            return False
        is_dir = bool(raw.mask & ISDIR)
        other = self._intake.waiting.peek(second[0])
        second_is_dir = bool(other.mask & ISDIR)
        if not behind.is_exchange and is_dir == second_is_dir:
            return False
        return all(
            source is not None
            and target is not None
            and (self._has(source, raw) or self._has(target, other))
            and self._admission.admits(target, partner.name, is_dir=is_dir)
            and self._admission.admits(source, raw.name, is_dir=second_is_dir)
            and not self._ledger.place(source).root.raw
            and not self._is_knotted(source, raw.name, target, partner.name)
            and self._is_said_of(source, raw.name, started.moved)
            and self._is_said_of(target, partner.name, started.there)
            for source, target in parts
        )

    def _is_said_of(self, node: Node, name: str, wd: int) -> bool:
        """Return True if what a watch says of itself may be about the directory that the ledger has at a name.

        An inode may have several places, and of one of them the ledger may know by now what came later.
        """
        return self._wd_then(node, name) in (NO_WD, wd)

    def _has(self, node: Node, raw: Raw) -> bool:
        """Return True if the ledger has, at the name of a half of a move, what that is about."""
        return node.knows(raw.name, is_dir=bool(raw.mask & ISDIR)) and not self._is_about_another(node, raw.name)

    def _is_moved_back(self, raw: Raw, partner: Raw) -> bool:
        """Return True for the second move of what may have been an exchange of two files.

        It may as well have been that one was moved over the other, and back. So each half is told by itself, as
        what left and what came: then whoever keeps contents reads what came, which is right in both cases.
        """
        over, self._over = self._over, None
        return not raw.mask & ISDIR and over == (partner.wd, partner.name, raw.wd, raw.name)

    def _is_knotted(self, source: Node, name: str, target: Node, new_name: str) -> bool:
        """Return True if, for the ledger, one of two entries is within the other: it has fallen behind."""
        first, second = source.children.get(name), target.children.get(new_name)
        if first is not None and self._ledger.is_within(target, first):
            return True
        return second is not None and self._ledger.is_within(source, second)

    def _exchange(self, source: Node, raw: Raw, target: Node, partner: Raw, second: Tuple[Raw, Raw]) -> bool:
        """Tell an exchange; False as :meth:`gone`."""
        if not self._has(source, raw):
            return self._moved_before(target, second[0], source, second[1], target, partner)
        if not self._has(target, second[0]):
            return self._moved_before(source, raw, target, partner, source, second[1])
        third = self._teller.third(target, partner.cookie)
        self._doubts.suspect(source, raw.name)
        self._doubts.suspect(target, partner.name)
        self._teller.set_aside(target, partner.name, third)
        # Moves through a third name, so that whoever follows moves needs to know no more.
        self._graft(source, raw, target, partner, sure=True)
        self._graft(target, second[0]._replace(name=third), source, second[1], sure=True, shown=partner.name)
        return True

    def _moved_before(self, source: Node, raw: Raw, target: Node, partner: Raw, place: Node, arrival: Raw) -> bool:
        """Tell a move, and that what it was exchanged with came, which is not known; False as :meth:`gone`."""
        if not self._moved(source, raw, target, partner, is_itself=True):
            return False
        if not self.arrived(place, arrival, is_dir=bool(arrival.mask & ISDIR)):
            self._doubts.suspect(place, arrival.name)
        return True
