"""Which written files have been quiet for long enough: pure, the clock is passed in.

A file that waits is a node in a tree of names, so a rename is one re-link, of the file or of a directory above
it, however many wait below; its path is climbed when its time has come. A node whose place is gone does not reach
the top any more: that is how deletion cancels, without looking for what was below.

Each waiting file is in one heap once. A write only moves the time in the node; when the heap's older entry comes
up, it goes back in with that time. So an event costs a walk down its path, however many files wait.
"""

from __future__ import annotations

import heapq
import os
from typing import TYPE_CHECKING, Dict, Tuple

from inotify_cffi import bits

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent

__all__ = ["WANTED", "Settle"]

ISDIR = bits.ISDIR
WRITTEN = bits.MODIFY | bits.CLOSE_WRITE
CREATE = bits.CREATE
MOVED_FROM = bits.MOVED_FROM
MOVED_TO = bits.MOVED_TO
GONE = bits.DELETE | bits.DELETE_SELF | bits.MOVED_FROM

# The events that change what waits.
WANTED = WRITTEN | CREATE | MOVED_TO | GONE


class Node:
    """A name that waits, or that has such names below it."""

    __slots__ = ("children", "event", "name", "parent", "queued", "quiet_at")

    def __init__(self, name: str, parent: Node | None) -> None:
        self.name = name
        self.parent = parent
        self.children: Dict[str, Node] = {}
        # The last event of a file that waits; None for one that does not.
        self.event: AnyEvent | None = None
        self.quiet_at = 0.0
        # True while it has an entry in the heap.
        self.queued = False


class Settle:
    """The files that were written and are not quiet yet.

    Args:
        seconds: how long a file has to be quiet.

    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._top = Node("", None)
        self._heap: list[Tuple[float, int, Node]] = []
        # Those that were found to be quiet, and not taken yet.
        self._settled: list[Tuple[str | bytes, AnyEvent]] = []
        self._count = 0
        # What the last MOVED_FROM took out, until its other half, which is the next event, puts it back.
        self._parked: Tuple[int, Node] | None = None

    @property
    def seconds(self) -> float:
        """How long a file has to be quiet; what waits already keeps its time."""
        return self._seconds

    @seconds.setter
    def seconds(self, seconds: float) -> None:
        if not seconds >= 0:
            raise ValueError(f"to settle takes a number of seconds, 0 or more, not {seconds!r}")
        self._seconds = seconds

    def note(self, event: AnyEvent, now: float) -> None:
        """Take an event into account.

        A write starts the wait, or starts it again; so does an entry that was complete when it was found: in a
        listing, or moved in from a place that is not watched.
        """
        mask = event.mask
        parked, self._parked = self._parked, None
        path = os.fsdecode(event.path)
        if mask & GONE:
            node = self._take(path)
            if node is not None and mask & MOVED_FROM:
                self._parked = (event.cookie, node)
        elif mask & MOVED_TO and event.moved_from is not None:
            # What was there before under this name was replaced.
            self._take(path)
            if parked is not None and parked[0] == event.cookie:
                self._graft(parked[1], path)
        elif mask & ISDIR:
            return
        elif mask & (WRITTEN | MOVED_TO) or (mask & CREATE and event.synthetic):
            self._wait(self._reach(path), event, now + self._seconds)

    def next(self) -> float | None:
        """Return when :meth:`due` has something to look at, at the earliest; None if nothing waits."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> list[Tuple[str | bytes, AnyEvent]]:
        """Return the files that are quiet by now, each with its path and the last event; they wait no more."""
        settled = self.look(now)
        self._settled = []
        return settled

    def look(self, now: float) -> list[Tuple[str | bytes, AnyEvent]]:
        """Do the same, but return them again the next time, unless the caller has taken them out of the list."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            at, _, node = heap[0]
            event = node.event
            if event is None or not self._is_placed(node):
                self._pop(node)
            elif node.quiet_at > at:
                # Written since. It goes back also if that is over by now: the order is that of time.
                self._count += 1
                heapq.heapreplace(heap, (node.quiet_at, self._count, node))
            else:
                path = self._path(node)
                settled = [(os.fsencode(path) if isinstance(event.path, bytes) else path, event)]
                # One line, see handout.py.
                self._settled += settled; node.event = None  # noqa: E702  # fmt: skip
                self._pop(node)
                self._prune(node)
        return self._settled

    def _pop(self, node: Node) -> None:
        # In this order: two entries in the heap do no harm, none would.
        node.queued = False
        heapq.heappop(self._heap)

    def _wait(self, node: Node, event: AnyEvent, quiet_at: float) -> None:
        node.event = event
        node.quiet_at = quiet_at
        if not node.queued:
            self._push(node)

    def _push(self, node: Node) -> None:
        self._count += 1
        node.queued = True
        heapq.heappush(self._heap, (node.quiet_at, self._count, node))

    # --- the tree of names ---

    def _reach(self, path: str) -> Node:
        """Return the node of a path, made if need be."""
        node = self._top
        for name in path.split("/"):
            child = node.children.get(name)
            if child is None:
                child = node.children[name] = Node(name, node)
            node = child
        return node

    def _take(self, path: str) -> Node | None:
        """Unlink the node of a path with all below it; None if nothing waits there."""
        node = self._top
        for name in path.split("/"):
            child = node.children.get(name)
            if child is None:
                return None
            node = child
        parent, node.parent = node.parent, None
        if parent is not None:
            del parent.children[node.name]
            self._prune(parent)
        return node

    def _graft(self, node: Node, path: str) -> None:
        directory, _, name = path.rpartition("/")
        parent = self._reach(directory) if directory or path.startswith("/") else self._top
        node.name = name
        node.parent = parent
        parent.children[name] = node

    def _prune(self, node: Node) -> None:
        """Drop a node that is of no use, and those above it that had only that."""
        while node.parent is not None and not node.children and node.event is None:
            parent, node.parent = node.parent, None
            del parent.children[node.name]
            node = parent

    def _is_placed(self, node: Node) -> bool:
        while node.parent is not None:
            node = node.parent
        return node is self._top

    def _path(self, node: Node) -> str:
        names: list[str] = []
        while node.parent is not None:
            names.append(node.name)
            node = node.parent
        return "/".join(reversed(names))
