"""What is in doubt: names and directories that are to be looked at again when the queue is empty. Pure.

Whatever goes wrong (a race, a watch that failed, lost events, an unmount) has this one remedy. What is marked
stays marked until it is looked at; it may take many turns to look at all of it.
"""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, Dict, Tuple

    from inotify_cffi.ledger.nodes import Node

__all__ = ["Batch", "Doubts"]


class Batch:
    """Marked directories, and those of them that are looked at now, the topmost first.

    What is marked while a batch is looked at is for the next one: so nothing is looked at for ever before the
    rest has its turn.
    """

    def __init__(self) -> None:
        self.marked: Dict[Node, None] = {}
        # Those that are looked at now: not sorted yet, by depth, and the depths, the least at the end.
        self.taken: Dict[Node, None] = {}
        self._unsorted: list[Node] = []
        self._by_depth: Dict[int, list[Node]] = {}
        self._depths: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.marked or self.taken)

    def __contains__(self, node: Node) -> bool:
        return node in self.marked or node in self.taken

    def mark(self, node: Node) -> None:
        """Have a directory looked at."""
        if node not in self.taken:
            self.marked[node] = None

    def clear(self, node: Node) -> None:
        """Have it not looked at any more."""
        self.marked.pop(node, None)
        self.taken.pop(node, None)

    def begin(self, depth: Callable[[Node], int], is_over: Callable[[], bool]) -> bool:
        """Take what is marked, if no batch is under way, and sort it; False if the time was over before."""
        if not self.taken:
            self.taken, self.marked = self.marked, {}
            self._unsorted = list(self.taken)
            self._by_depth = {}
            self._depths = []
        unsorted = self._unsorted
        while unsorted:
            node = unsorted.pop()
            self._by_depth.setdefault(depth(node), []).append(node)
            if not len(unsorted) % SOME and unsorted and is_over():
                return False
        if not self._depths:
            self._depths = sorted(self._by_depth, reverse=True)
        return True

    @property
    def is_done(self) -> bool:
        """True if all of the batch were looked at."""
        return not self.taken

    def next(self) -> Node | None:
        """Take the next one off; None if all of the batch were looked at."""
        while self._depths:
            nodes = self._by_depth[self._depths[-1]]
            while nodes:
                node = nodes.pop()
                if node in self.taken:
                    del self.taken[node]
                    return node
            del self._by_depth[self._depths.pop()]
        self.taken.clear()
        return None


# How many directories are sorted between two looks at the clock.
SOME = 256


class Doubts:
    """Marks, each once, in the order in which they were made."""

    def __init__(self) -> None:
        self._suspects: Dict[Tuple[Node, str], None] = {}
        # Those that are looked at now, the first at the end; and how many were looked at.
        self._names: list[Tuple[Node, str]] = []
        self.looked_at = 0
        # Directories that were moved to where something else is told of files, and some below them. The next at
        # the end.
        self.moved: list[Node] = []
        # Is it still where it is said to be?
        self.unsure = Batch()
        # And what does it hold?
        self.stale = Batch()

    def suspect(self, parent: Node, name: str) -> None:
        """Mark a name: does the directory hold it, and as what?"""
        self._suspects[parent, name] = None

    def doubt(self, node: Node, *, relist: bool) -> None:
        """Mark a directory as stale: is it still where it is said to be, and (*relist*) what does it hold?"""
        if relist:
            self.unsure.clear(node)
            self.stale.mark(node)
        elif node not in self.stale:
            self.unsure.mark(node)

    def clear_node(self, node: Node) -> None:
        """Take the mark off a directory that was just watched and listed."""
        if self.unsure or self.stale:
            self.unsure.clear(node)
            self.stale.clear(node)

    def __bool__(self) -> bool:
        # It is asked several times in each read.
        unsure, stale = self.unsure, self.stale
        if self._suspects or self._names or self.moved or unsure.marked or unsure.taken:
            return True
        return bool(stale.marked or stale.taken)

    def begin_names(self) -> None:
        """Take the marked names, if those that were taken before were looked at."""
        if not self._names:
            self._names = list(self._suspects)
            self._names.reverse()
            self._suspects = {}

    @property
    def has_names(self) -> bool:
        """True if not all names that were taken were looked at."""
        return bool(self._names)

    def next_name(self) -> Tuple[Node, str] | None:
        """Take the next name off; None if all that were taken were looked at."""
        if not self._names:
            return None
        self.looked_at += 1
        return self._names.pop()
