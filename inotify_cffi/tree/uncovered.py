"""Which directories are not covered, and why; and which of them are to be looked at again. No input or output.

There are three reasons, and each ends in its own way. Permissions bar the way, or something ran out: it is
tried again when attributes change. No watch was left: when watches are freed. With links that are followed, a
directory is at as many places as it may be: when it is at one less.
"""

from __future__ import annotations

import errno
from itertools import islice

from inotify_cffi.ledger.nodes import NO_WD
from inotify_cffi.typed import FOREVER, TYPE_CHECKING, deque

if TYPE_CHECKING:
    from typing import Deque, Dict, Iterator, Tuple

    from inotify_cffi.ledger.nodes import Node, Root
    from inotify_cffi.tree.ground import Ground

__all__ = ["Uncovered"]

# How many there are before it is looked whether they are still in the ledger; later twice what is left.
MANY = 256

# How many are looked at between two looks at the clock.
SOME = 64

# A directory with more below it is a large one.
FEW = 1024


class Uncovered:
    """The directories that should be covered and are not."""

    def __init__(self, ground: Ground) -> None:
        self._ledger = ground.ledger
        self._doubts = ground.doubts
        self._turn = ground.turn
        self._errors: Dict[Node, OSError] = {}
        # Those of the first two reasons, and of the second alone.
        self._barred: Dict[Node, None] = {}
        self._unwatched: Dict[Node, None] = {}
        # Those of the third, first come first served: by the inode that they lead to and the root that they are
        # below. Who is in a queue and waits for something else by now is passed over.
        self._queues: Dict[Tuple[int, Root], Deque[Node]] = {}
        self._waits_for: Dict[Node, Tuple[int, Root]] = {}
        # Directories whose attributes have changed; and where it is looked what is barred below some of them.
        self._changed: Dict[Node, None] = {}
        self._search: Iterator[None] | None = None
        self._many = MANY

    def __bool__(self) -> bool:
        return bool(self._errors)

    def bar(self, node: Node, error: OSError) -> bool:
        """A directory can not be opened, watched or listed; True if that is new, or another errno than before."""
        self._waits_for.pop(node, None)
        self._barred[node] = None
        if error.errno == errno.ENOSPC:
            self._unwatched[node] = None
        else:
            self._unwatched.pop(node, None)
        return self._note(node, error)

    def turn_away(self, node: Node, error: OSError, wd: int, root: Root) -> bool:
        """A directory is not entered for the links that lead to it; True if that is new, as :meth:`bar` has it.

        It waits until the inode that *wd* names is at fewer places below *root*; NO_WD: for nothing.
        """
        self._barred.pop(node, None)
        self._unwatched.pop(node, None)
        key = (wd, root)
        if wd == NO_WD:
            self._waits_for.pop(node, None)
        elif self._waits_for.get(node) != key:
            # In this order: who is interrupted here, and looks again, does no harm.
            self._ledger.crowded.add(wd)
            queue = self._queues.setdefault(key, deque())
            queue.append(node)
            self._waits_for[node] = key
            if len(queue) > self._many:
                self._forget_gone()
        return self._note(node, error)

    def _note(self, node: Node, error: OSError) -> bool:
        known = self._errors.get(node)
        self._errors[node] = error
        if len(self._errors) > self._many:
            self._forget_gone()
        return known is None or known.errno != error.errno

    def forget(self, node: Node) -> bool:
        """A directory is covered, or is not to be any more; True if it was one of these."""
        self._barred.pop(node, None)
        self._unwatched.pop(node, None)
        self._waits_for.pop(node, None)
        return self._errors.pop(node, None) is not None

    def errors(self) -> Dict[Node, OSError]:
        """Return the directories that are not covered and should be, each with its reason."""
        for node in [node for node in self._errors if not self._is_wanted(node)]:
            self.forget(node)
        return self._errors

    def _is_wanted(self, node: Node) -> bool:
        """Return True if the directory is still there, and not deeper now than its root is watched."""
        root = self._ledger.root(node)
        if root is None or root.rules.max_depth is None:
            return root is not None
        return root.rules.enters(self._ledger.depth(node))

    def _forget_gone(self) -> None:
        self.errors()
        for key, queue in list(self._queues.items()):
            left = dict.fromkeys(node for node in queue if self._waits_for.get(node) == key)
            if left:
                self._queues[key] = deque(left)
            else:
                self._end_queue(key)
        self._many = max(MANY, 2 * len(self._errors))

    def _end_queue(self, key: Tuple[int, Root]) -> None:
        del self._queues[key]
        if not any((key[0], root) in self._queues for root in self._ledger.roots):
            self._ledger.crowded.discard(key[0])

    # --- looking again ---

    @property
    def has_news(self) -> bool:
        """True if something happened that may let a directory be covered."""
        return bool(self._changed or self._search is not None or self._ledger.thinned)

    def changed(self, top: Node) -> None:
        """The attributes of a directory have changed: what is barred at and below it may be covered now."""
        if self._barred:
            self._changed[top] = None

    def look_again(self, freed: int) -> int:
        """Mark what may be covered now, as far as there is time.

        *freed* is how many watches there are more; returns how many of these nobody was marked for yet.
        """
        for node in list(islice(self._unwatched, freed + SOME)) if freed else ():
            if not freed:
                break
            if self._is_wanted(node):
                self._doubts.doubt(node, relist=True)
                # Until it was looked at: else the next watch would be for the same one.
                del self._unwatched[node]
                freed -= 1
            else:
                self.forget(node)
        for wd in list(self._ledger.thinned):
            if not self._serve(wd):
                del self._ledger.thinned[wd]
        if self._search is None and self._changed:
            changed, self._changed = self._changed, {}
            self._search = self._look_below(changed)
        if self._search is not None and self._has_searched(self._search):
            self._search = None
        return freed if self._unwatched else 0

    def _has_searched(self, search: Iterator[None]) -> bool:
        """Go on with a search; True at its end."""
        return not any(self._turn.is_over() for _ in search)

    def _look_below(self, tops: Dict[Node, None]) -> Iterator[None]:
        """Mark what is barred at and below some directories, a few at a time.

        Below a small one all is gone through; for all that are large what is barred is, once.
        """
        large: set[Node] = set()
        for top in tops:
            found = self._ledger.within_few(top, self._barred, min(len(self._barred), FEW))
            if found is None:
                large.add(top)
            for node in found or ():
                self._doubts.doubt(node, relist=True)
            yield
        for number, node in enumerate(list(self._barred) if large else (), 1):
            if self._is_wanted(node) and not large.isdisjoint(self._ledger.lineage(node)):
                self._doubts.doubt(node, relist=True)
            if number % SOME == 0:
                yield

    def begin_anew(self) -> None:
        """All will be looked at."""
        self._search = None

    def _serve(self, wd: int) -> bool:
        """Mark as many as the inode has free places; True if others wait that may come to have these.

        For one that is marked may lead elsewhere by now. Where the inode has no watch any more, all do.
        """
        more = False
        for root in self._ledger.roots:
            key = (wd, root)
            queue = self._queues.get(key)
            if queue is None:
                continue
            left = free = self._free_places(wd, root)
            while queue and left > 0:
                node = queue[0]
                if self._waits_for.get(node) == key and self._ledger.is_attached(node):
                    self._doubts.doubt(node, relist=True)
                    del self._waits_for[node]
                    left -= 1
                queue.popleft()
            if not queue:
                self._end_queue(key)
            more = more or (free > 0 and bool(queue))
        return more

    def _free_places(self, wd: int, root: Root) -> float:
        if not self._ledger.count(wd):
            return FOREVER
        return root.rules.max_places - len(self._ledger.places(wd, root)[1])
