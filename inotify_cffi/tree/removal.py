"""Take back all that is in a directory, deepest first, a part in each step if it is much.

Whoever needs that asks for it again until it is done; so he decides each time anew whether it is to be. What was
taken back by then and is to be there after all is found again by a listing: the caller marks the directory.
"""

from __future__ import annotations

from inotify_cffi.ledger.storage import Told
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator, Tuple

    from inotify_cffi.ledger.ledger import Ledger
    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.teller import Teller
    from inotify_cffi.tree.turns import Turn

__all__ = ["Removal"]

# A directory with more entries is emptied one by one, with others at once.
FEW = 512

# How many entries are taken back between two looks at the clock.
SOME = 64

# What is told of by one call, where directories are emptied many at a time: it takes some milliseconds.
MOST_RAZED = 8192
PATHS_RAZED = 1 << 20

# How many are begun at most: more are not asked for in turn.
MOST_BEGUN = 256


class Level:
    """A directory that is being emptied, on the way from the one that was asked for."""

    __slots__ = ("directories", "entries", "names", "node", "parts")

    def __init__(self, node: Node) -> None:
        self.node = node
        # Of one with few entries: these, and the directories among them that were not emptied yet, the next at the
        # end. None: not known, or not any more.
        self.entries: list[Tuple[str, Node | None]] | None = None
        self.directories: list[Node] = []
        # Of one with many: those to be taken back, the next at the end, and those behind them.
        self.names: list[Tuple[str, bool]] = []
        self.parts: Iterator[list[Tuple[str, bool]]] | None = None


class Removal:
    """Of several that are asked for in turn each goes on where it was left."""

    def __init__(self, ledger: Ledger, teller: Teller, turn: Turn, free: Callable[[int], None]) -> None:
        self._ledger = ledger
        self._teller = teller
        self._turn = turn
        self._free = free
        # The way to where it is now, and all that were begun and not done: who asked for them may ask no more.
        self._levels: list[Level] = []
        self._begun: Dict[Node, list[Level]] = {}
        self._told: Told | None = None

    def empty(self, top: Node) -> bool:
        """Take back what is in a directory as far as there is time, some of it at least; True if all is."""
        if not len(top.children):
            if self._begun:
                self._begun.pop(top, None)
            return True
        if self._raze(top):
            return not len(top.children)
        self._begin(top)
        while self._levels:
            level = self._levels[-1]
            if self._ledger.memory.count(level.node.number) <= FEW:
                self._take_all(level)
            else:
                self._take_some(level)
            if self._levels and self._turn.is_over():
                return False
        self._begun.pop(top, None)
        return True

    def _raze(self, top: Node) -> bool:
        """Take back what can be, many directories at a time; True if that is all, or there is no time for more."""
        if not self._is_plain(top):
            return False
        if self._told is None:
            self._told = Told(most=MOST_RAZED, room=PATHS_RAZED)
        while True:
            before = self._teller.taken_out
            for wd in self._teller.razed(top, self._told):
                self._free(wd)
            if not len(top.children):
                self._begun.pop(top, None)
                return True
            if self._teller.taken_out == before:
                return False
            if self._turn.is_over():
                return True

    def _is_plain(self, top: Node) -> bool:
        root = self._ledger.root(top)
        return root is not None and root.rules.is_plain and not root.is_file and not self._ledger.crowded

    def forget(self) -> None:
        """Begin anew, whatever is asked for."""
        self._begun.clear()

    def _begin(self, top: Node) -> None:
        """Go on where it was left, if every directory on the way is still where it was."""
        levels = self._levels = self._begun.get(top, [])
        is_as_it_was = all(below.node.parent is above.node for above, below in zip(levels, levels[1:]))
        if levels and is_as_it_was:
            # Something may have come into what was emptied before.
            for level in levels:
                level.entries = None
        else:
            if len(self._begun) >= MOST_BEGUN:
                self._begun.clear()
            self._levels = self._begun[top] = [Level(top)]

    def _take_all(self, level: Level) -> None:
        """Empty the directories in one that has few entries, then take these out all at once."""
        node = level.node
        if level.entries is None:
            level.entries = node.children.items()
            level.directories = [child for _, child in level.entries if child is not None]
            level.directories.reverse()
        while level.directories:
            child = level.directories[-1]
            count = self._ledger.memory.count(child.number)
            if count:
                if count > FEW or not self._clear_leaf(child):
                    self._levels.append(Level(child))
                    return
                if self._turn.is_over():
                    return
            else:
                level.directories.pop()
                self._unbind(child)
        self._teller.cleared(node, level.entries)
        self._levels.pop()

    def _clear_leaf(self, node: Node) -> bool:
        """Take all out of a directory that has no directories in it, as most have none; else False."""
        entries = node.children.items()
        if any(child is not None for _, child in entries):
            return False
        self._teller.cleared(node, entries)
        return True

    def _take_some(self, level: Level) -> None:
        """Take out entries one after the other, each when it is empty."""
        node = level.node
        children = node.children
        for _ in range(SOME):
            if not level.names and not self._next_part(level):
                return
            name, is_dir = level.names[-1]
            child = children.get(name) if is_dir else None
            if child is not None and len(child.children):
                self._levels.append(Level(child))
                return
            level.names.pop()
            if name in children and children[name] is child:
                for wd in self._teller.gone(node, name, child):
                    self._free(wd)

    def _next_part(self, level: Level) -> bool:
        """Find out which entries are next; False if the directory has none any more, or is to be begun anew."""
        if level.parts is None:
            level.parts = self._ledger.parts(level.node)
        level.names = next(level.parts, [])
        level.names.reverse()
        if level.names:
            return True
        level.parts = None
        if not len(level.node.children):
            self._levels.pop()
        return False

    def _unbind(self, node: Node) -> None:
        wd = node.wd
        if self._ledger.unbind(node):
            self._free(wd)
