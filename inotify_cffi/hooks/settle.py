"""Which files are finished: quiet for long enough, and nowhere open for writing. Pure: what it needs is passed in.

A file that waits is a node in a tree of names, so a rename is one re-link, of the file or of a directory above
it, however many wait below; its path is climbed when its time has come. A node whose place is gone does not reach
the top any more: that is how deletion cancels, without looking for what was below.

A write only moves the time in the node; when the heap's older entry comes up, it goes back in with that time. So
an event costs a walk down its path, however many files wait.

When a file was quiet for so long, it is looked whether anybody has it open for writing. Where that can not be
known, what the events say decides: a close behind the last write, or a name that came with its content.
"""

from __future__ import annotations

import heapq
import os
from typing import TYPE_CHECKING, Callable, Dict, NamedTuple, Tuple

from inotify_cffi.base import bits

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent

__all__ = ["CLOSED", "NOBODY_KNOWS", "QUIET", "UNOPENED", "WANTED", "Finished", "Look", "Settle"]

ISDIR = bits.ISDIR
MODIFY = bits.MODIFY
CLOSE_WRITE = bits.CLOSE_WRITE
CREATE = bits.CREATE
MOVED_FROM = bits.MOVED_FROM
MOVED_TO = bits.MOVED_TO
GONE = bits.DELETE | bits.DELETE_SELF | bits.MOVED_FROM

# The events that change what waits.
WANTED = MODIFY | CLOSE_WRITE | CREATE | MOVED_TO | GONE

# How it is known that a file is finished: nobody has it open for writing; it was closed behind the last write; it
# was quiet, and no more than that.
UNOPENED = "unopened"
CLOSED = "closed"
QUIET = "quiet"

# What was seen of a file last: its name was made; its name came with all of it; a write; a close.
NEW, WHOLE, WRITTEN, CLOSED_LAST = range(4)

# How long a file that is open still waits for the next look, in seconds: twice as long each time.
LONGEST_PAUSE_S = 60.0
SHORTEST_PAUSE_S = 0.1
# After a close that comes when the last write was long ago: what is closed may be renamed next.
AFTER_CLOSE_S = 0.1
# A file that was written and not closed is taken as finished, where nothing more can be known, if it was quiet for
# so long, or for so many times what was asked for.
BOUND_S = 60.0
BOUND_TIMES = 10
# So many files are looked at in one go, and so many in a second.
MOST_LOOKS = 256
LOOKS_A_SECOND = 10_000


class Look(NamedTuple):
    """What is known of the file at a path at this moment."""

    # None: nobody can say.
    is_open: bool | None
    # In bytes.
    size: int


class Finished(NamedTuple):
    """A file that is finished."""

    path: str | bytes
    event: AnyEvent
    evidence: str


def NOBODY_KNOWS(path: str | bytes) -> Look:  # noqa: N802, ARG001  # it is a value
    """Say of any file that it is there, has something in it, and that nothing else is known."""
    return Look(None, 1)


class Node:
    """A name that waits, or that has such names below it."""

    __slots__ = (
        "bound",
        "children",
        "entry",
        "event",
        "name",
        "parent",
        "pauses",
        "quiet_at",
        "seen",
        "written_at",
    )

    def __init__(self, name: str, parent: Node | None) -> None:
        self.name = name
        self.parent = parent
        self.children: Dict[str, Node] = {}
        # The last event of a file that waits; None for one that does not.
        self.event: AnyEvent | None = None
        self.seen = NEW
        # When the wait began, and when it is over.
        self.written_at = self.quiet_at = 0.0
        # When it is taken as finished though it was not closed; None before that was asked.
        self.bound: float | None = None
        # How often it was found to be open.
        self.pauses = 0
        # The time and number of its entry in the heap; any other is void.
        self.entry: Tuple[float, int] | None = None


class Settle:
    """The files that were written and are not finished yet.

    Args:
        seconds: how long a file has to be quiet.
        look: says what is known of a file at this moment; None if there is no regular file at a path.

    """

    def __init__(self, seconds: float, look: Callable[[str | bytes], Look | None] = NOBODY_KNOWS) -> None:
        self.seconds = seconds
        self._look = look
        self._top = Node("", None)
        self._heap: list[Tuple[float, int, Node]] = []
        # Those that were found to be finished, and not taken yet.
        self._finished: list[Finished] = []
        self._count = 0
        # In the second that ends then so many more files may be looked at.
        self._second_ends = 0.0
        self._looks_left = LOOKS_A_SECOND
        # What the last MOVED_FROM took out, until its other half, which is the next event, puts it back.
        self._parked: Tuple[int, Node] | None = None
        # True if something came up that may be a part of that.
        self._is_parted = False

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
        """Take an event into account: each that has something of :data:`WANTED`, in the order of the stream.

        A write and a new name start the wait, or start it again. A close does not: the time is that since the last
        write, if there was one. A rename goes on with the wait that is there, and starts one where there is none,
        for the new name was not told yet.
        """
        mask = event.mask
        parked, self._parked = self._parked, None
        path = os.fsdecode(event.path)
        if mask & GONE:
            node = self._take(path)
            if node is not None and mask & MOVED_FROM:
                self._parked, self._is_parted = (event.cookie, node), False
        elif mask & MOVED_TO and event.moved_from is not None:
            self._renamed(event, path, parked, now)
        elif not mask & ISDIR:
            self._wait(self._reach(path), event, now, _seen(event))

    def expect(self, event: AnyEvent, now: float) -> None:
        """Have a file wait as if it had been written just now, unless it waits already."""
        node = self._reach(os.fsdecode(event.path))
        if node.event is None:
            self._wait(node, event, now, WRITTEN)

    def _renamed(self, event: AnyEvent, path: str, parked: Tuple[int, Node] | None, now: float) -> None:
        # What was there before under this name was replaced.
        self._take(path)
        if parked is not None and parked[0] == event.cookie:
            node = parked[1]
            self._graft(node, path)
            if self._is_parted:
                self._push_below(node)
            if node.event is not None:
                node.event = event
                return
        if not event.mask & ISDIR:
            self._wait(self._reach(path), event, now, WHOLE)

    def next(self) -> float | None:
        """Return when :meth:`due` has something to look at, at the earliest; None if nothing waits."""
        if not self._heap:
            return None
        return self._heap[0][0] if self._looks_left else max(self._heap[0][0], self._second_ends)

    def due(self, now: float) -> list[Finished]:
        """Return the files that are finished by now; they wait no more."""
        finished = self.look(now)
        self._finished = []
        return finished

    def look(self, now: float) -> list[Finished]:
        """Do the same, but return them again the next time, unless the caller has taken them out of the list.

        No more files are looked at than in a moment; for the others :meth:`next` says when.
        """
        if now >= self._second_ends:
            self._second_ends, self._looks_left = now + 1, LOOKS_A_SECOND
        heap, looks = self._heap, 0
        while heap and heap[0][0] <= now and looks < MOST_LOOKS and self._looks_left:
            at, number, node = heap[0]
            if node.entry != (at, number):
                heapq.heappop(heap)
            elif node.event is None or not self._is_placed(node):
                self._is_parted = self._parked is not None
                self._pop(node)
            elif node.quiet_at > at:
                # Written since. It goes back also if that is over by now: the order is that of time.
                self._push(node)
            else:
                looks += 1
                self._looks_left -= 1
                self._judge(node, node.event, now)
        return self._finished

    def _judge(self, node: Node, event: AnyEvent, now: float) -> None:
        """Look at a file that was quiet for so long: it is finished, or waits on, or is not worth it."""
        path = self._path(node)
        where = os.fsencode(path) if isinstance(event.path, bytes) else path
        found = self._look(where)
        if found is None or (node.seen == NEW and not found.size and not found.is_open):
            # Who made it empty writes to it later, or not at all: its close will say so.
            self._forget(node)
        elif found.is_open:
            node.pauses += 1
            pause = max(self._seconds, SHORTEST_PAUSE_S) * 2 ** min(node.pauses - 1, 16)
            self._put_off(node, now + min(pause, max(LONGEST_PAUSE_S, self._seconds)))
        elif found.is_open is None and node.seen == WRITTEN and not self._is_beyond(node, now):
            self._put_off(node, node.bound or now)
        else:
            known = UNOPENED if found.is_open is not None else CLOSED if node.seen == CLOSED_LAST else QUIET
            finished = [Finished(where, event, known)]
            # One line, see handout.py.
            self._finished += finished; node.event = None  # noqa: E702  # fmt: skip
            self._forget(node)

    @property
    def _bound_s(self) -> float:
        return max(BOUND_S, BOUND_TIMES * self._seconds) - self._seconds

    def _is_beyond(self, node: Node, now: float) -> bool:
        """Return True if a file that was written and not closed was quiet up to its bound; at first, set it."""
        if node.bound is None:
            node.bound = node.quiet_at + self._bound_s
        return now >= node.bound

    def _put_off(self, node: Node, until: float) -> None:
        node.quiet_at = until
        self._push(node)

    def _forget(self, node: Node) -> None:
        node.event = None
        self._pop(node)
        self._prune(node)

    def _pop(self, node: Node) -> None:
        # In this order: an entry that is void does no harm, none would.
        node.entry = None
        heapq.heappop(self._heap)

    def _wait(self, node: Node, event: AnyEvent, now: float, seen: int) -> None:
        is_waiting = node.event is not None
        if seen == NEW and is_waiting:
            # Its name was found before.
            seen = node.seen
        quiet_at = now + self._seconds
        if seen == CLOSED_LAST and is_waiting and node.seen in (WRITTEN, CLOSED_LAST):
            quiet_at = max(node.written_at + self._seconds, now + min(self._seconds, AFTER_CLOSE_S))
        else:
            node.written_at = now
        node.seen = seen
        node.event = event
        node.quiet_at = quiet_at
        node.bound, node.pauses = None, 0
        # An entry that comes up too early goes back in, one that would come up too late is of no use.
        if node.entry is None or node.entry[0] > quiet_at:
            self._push(node)

    def _push(self, node: Node) -> None:
        """Have an entry in the heap; one that there is becomes void."""
        self._count += 1
        heapq.heappush(self._heap, (node.quiet_at, self._count, node))
        node.entry = (node.quiet_at, self._count)

    def _push_below(self, top: Node) -> None:
        """Have the files of a directory wait again whose time came while it was between two places."""
        todo = [top]
        while todo:
            node = todo.pop()
            todo += node.children.values()
            if node.event is not None and node.entry is None:
                self._push(node)

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


def _seen(event: AnyEvent) -> int:
    if event.synthetic or event.mask & MOVED_TO:
        return WHOLE
    return CLOSED_LAST if event.mask & CLOSE_WRITE else WRITTEN if event.mask & MODIFY else NEW
