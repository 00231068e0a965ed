"""When a watcher that was stopped has told all that had happened by then, whatever writers go on to do."""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.tree.tree import Tree

__all__ = ["Ending"]

# What is in doubt by then is settled in so many rounds, or not at all.
LAST_LOOKS = 16


class Ending:
    """What is to be waited for: one thing after the other, each of which has an end.

    Args:
        tree: the tree, at the moment of the stop.

    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        tree.hurry()
        # Where the queue ended, the raw events up to there, the doubts that these left, what was found by those.
        self._fence = tree.fence()
        self._events: int | None = None
        self._rounds: int | None = None
        self._crawls: int | None = None

    def has_come(self) -> bool:
        """Return True if all of it is told."""
        tree = self._tree
        if self._events is None and tree.has_read(self._fence):
            self._events = tree.read
        if self._rounds is None and self._events is not None and tree.applied >= self._events:
            self._rounds = tree.rounds + LAST_LOOKS
        if self._crawls is None and self._rounds is not None and tree.rounds >= self._rounds:
            self._crawls = tree.crawls
        return self._crawls is not None and tree.has_crawled(self._crawls)
