"""Which watch descriptor names which directory, and which names several. No input or output."""

from __future__ import annotations

from inotify_cffi.ledger.nodes import NO_WD, Nodes
from inotify_cffi.ledger.storage import NONE, TWINS, Memory
from inotify_cffi.typed import TYPE_CHECKING, deque

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.ledger.nodes import Node

__all__ = ["A_FEW", "Watches"]

# How many handles are held by the ledger itself, with those above them.
A_FEW = 64


class Watches:
    """The nodes that have a watch descriptor, by that."""

    def __init__(self) -> None:
        self.memory = Memory()
        self._nodes = Nodes(self.memory)
        self._twins: Dict[int, list[Node]] = {}
        # Inodes that are at as many places by links as they may be; of these, those that may have lost one since.
        self.crowded: set[int] = set()
        self.thinned: Dict[int, None] = {}
        # What was looked for lately will be again, and then it has its handle still.
        self._recent: deque[Node] = deque(maxlen=A_FEW)

    def owner(self, wd: int) -> Node | None:
        """Return a node bound to *wd*, the first one if there are several."""
        number = self.memory.owner(wd)
        return None if number == NONE else self.at(number)

    def at(self, number: int) -> Node:
        """Return the node that has a number, as :meth:`owner` does."""
        node = self._nodes.at(number)
        self._recent.append(node)
        return node

    def owners(self, wd: int) -> list[Node]:
        """Return all nodes bound to *wd*."""
        first = self.owner(wd)
        return [] if first is None else [first, *self._twins.get(wd, ())]

    def has_twins(self, wd: int) -> bool:
        """Return True if *wd* has more than one node."""
        return wd in self._twins

    def has_any_twins(self) -> bool:
        """Return True if any inode is at more than one place: roots overlap, or there are bind mounts or links."""
        return bool(self._twins)

    def is_elsewhere(self, node: Node, wd: int) -> bool:
        """Return True if another node than *node* is bound to *wd*."""
        return self.memory.owner(wd) not in (NONE, node.number) or wd in self._twins

    def count(self, wd: int) -> int:
        """Return how many nodes are bound to *wd*."""
        return 0 if self.memory.owner(wd) == NONE else 1 + len(self._twins.get(wd, ()))

    def bind(self, node: Node, wd: int) -> None:
        """Let *node* be at the inode that *wd* names, beside the nodes that are bound to it already."""
        if node.wd == wd:
            return
        self.unbind(node)
        first = self.memory.owner(wd)
        if first == NONE:
            self.memory.own(wd, node.number)
        else:
            # In an order that _refresh_twins makes good wherever it ends.
            self.memory.mark(first, TWINS, is_set=True)
            self._twins.setdefault(wd, []).append(node)
            self.memory.set_wd(node.number, wd)
        node.wd = wd

    def unbind(self, node: Node) -> bool:
        """Take *node* off its watch descriptor; True if that leaves the descriptor without a node."""
        wd = node.wd
        if wd == NO_WD:
            return False
        if wd in self.crowded:
            self.thinned[wd] = None
        twins = self._twins.get(wd)
        if twins is None:
            self.memory.disown(wd)
            node.wd = NO_WD
            return True
        if self.memory.owner(wd) == node.number:
            self.memory.mark(node.number, TWINS, is_set=False)
            self.memory.disown(wd)
            self.memory.own(wd, twins[0].number)
            del twins[0]
        else:
            self.memory.set_wd(node.number, NO_WD)
            twins.remove(node)
        node.wd = NO_WD
        self.memory.mark(self.memory.owner(wd), TWINS, is_set=bool(twins))
        if not twins:
            del self._twins[wd]
        return False

    @property
    def bound(self) -> int:
        """How many watch descriptors have a node."""
        return self.memory.owned()

    def wds(self) -> set[int]:
        """Return all watch descriptors that have a node."""
        return set(self.memory.wds())
