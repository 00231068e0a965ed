"""What holds only until all that is queued now has been applied. Pure: the bytes of the queue mark the place.

Of roots whose files are not tracked, the ledger has the names that a listing told for so long: for the kernel's
CREATE of the same files may be queued, and is not to be told once more. And what a crawl counted as a leaf, by
its name, is sure when nothing is queued any more that says that the name changed hands.
"""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, Dict

    from inotify_cffi.ledger import Ledger
    from inotify_cffi.nodes import Node

__all__ = ["Fences"]


class Fences:
    """One fence at a time, for all that came up to when it was set; what comes later waits for the next one.

    That is later than need be for some, which does no harm: what is kept longer is kept true.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        # Directories that have names of files: those that wait for a fence to be set, and for the one that is.
        self._later: Dict[Node, None] = {}
        self._fresh: Dict[Node, None] = {}
        # The same of crawls.
        self._counts_later = False
        self._counted = False
        # The bytes that were read when all that was queued then has been.
        self._end = 0

    def refresh(self, node: Node) -> None:
        """Names of files were just added to a directory."""
        node.fresh = True
        self._fresh.pop(node, None)
        self._later[node] = None

    def counted(self) -> None:
        """Directories were just counted as leaves by their links."""
        self._counts_later = True

    @property
    def counting(self) -> bool:
        """True while it may turn out that another directory was counted than the one that is watched."""
        return self._counts_later or self._counted

    def pass_by(self, read: int, queued: Callable[[], int]) -> None:
        """All *read* bytes were applied: forget what waited for no more; *queued* says how many there are now."""
        if (self._fresh or self._counted) and read >= self._end:
            self._forget()
        if (self._later or self._counts_later) and not (self._fresh or self._counted):
            self._fresh, self._later = self._later, {}
            self._counted, self._counts_later = self._counts_later, False
            behind = queued()
            self._end = read + behind
            if not behind:
                self._forget()

    def _forget(self) -> None:
        for node in self._fresh:
            if self._ledger.is_attached(node) and node.fresh:
                if node.listed:
                    self._ledger.forget_files(node)
                else:
                    # Its listing was interrupted, and goes on.
                    self._later[node] = None
        self._fresh.clear()
        self._counted = False
