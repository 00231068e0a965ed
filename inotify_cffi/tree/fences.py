"""What holds only until all that is queued now has been applied. Pure: the bytes of the queue mark the place.

Of roots whose files are not tracked, the ledger has the names that a listing told for so long: for the kernel's
CREATE of the same files may be queued, and is not to be told once more. And what a crawl counted as a leaf, by
its name, is sure when nothing is queued any more that says that the name changed hands.
"""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, Dict

    from inotify_cffi.ledger.ledger import Ledger
    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.turns import Turn

__all__ = ["Fences"]


class Fences:
    """One fence at a time, for all that came up to when it was set; what comes later waits for the next one.

    That is later than need be for some, which does no harm: what is kept longer is kept true.
    """

    def __init__(self, ledger: Ledger, turn: Turn) -> None:
        self._ledger = ledger
        self._turn = turn
        # Directories that have names of files: those that wait for a fence to be set, for the one that is, and
        # those that are behind theirs.
        self._later: Dict[Node, None] = {}
        self._fresh: Dict[Node, None] = {}
        self._past: Dict[Node, None] = {}
        # The same of crawls.
        self._counts_later = False
        self._counted = False
        # The bytes that were read when all that was queued then has been.
        self._end = 0

    def refresh(self, node: Node) -> None:
        """Names of files were just added to a directory."""
        node.fresh = True
        self._fresh.pop(node, None)
        self._past.pop(node, None)
        self._later[node] = None

    def counted(self) -> None:
        """Directories were just counted as leaves by their links."""
        self._counts_later = True

    @property
    def counting(self) -> bool:
        """True while it may turn out that another directory was counted than the one that is watched."""
        return self._counts_later or self._counted

    @property
    def waits(self) -> bool:
        """True while something is to be forgotten once all that is queued now has been applied."""
        return bool(self._later or self._fresh or self._past or self._counts_later or self._counted)

    @property
    def is_late(self) -> bool:
        """True while there are names to be forgotten for which there was no time."""
        return bool(self._past)

    def pass_by(self, read: int, queued: Callable[[], int]) -> None:
        """All *read* bytes were applied: forget what waited for no more; *queued* says how many there are now."""
        if (self._fresh or self._counted) and read >= self._end:
            self._reached()
        if (self._later or self._counts_later) and not (self._fresh or self._counted):
            self._fresh, self._later = self._later, {}
            self._counted, self._counts_later = self._counts_later, False
            behind = queued()
            self._end = read + behind
            if not behind:
                self._reached()
        if self._past:
            self._forget()

    def _reached(self) -> None:
        self._past.update(self._fresh)
        self._fresh = {}
        self._counted = False

    def _forget(self) -> None:
        """What is kept longer, for there was no time, is kept true."""
        while self._past:
            node = next(reversed(self._past))
            if self._ledger.is_attached(node) and node.fresh:
                if node.listed:
                    self._ledger.forget_files(node)
                else:
                    # It is listed in parts, or its listing was interrupted, and goes on.
                    self._later[node] = None
            # Last of all: who is interrupted here, and forgets it again before anything is listed, does no harm.
            self._past.popitem()
            if self._turn.is_over():
                return
