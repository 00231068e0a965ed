"""Polls: roots, or what inotify does not see of them, are compared with the disk every so often.

A poll is a crawl like any other, in slices. The next one begins when its time has come, no other crawl is under
way, and all that the last one left to be looked at by itself has been: where a poll takes longer than there is
between two, whoever waits for rest would never find it else.
"""

from __future__ import annotations

from inotify_cffi.base import causes
from inotify_cffi.tree.polled import Polled
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.ledger.nodes import Node, Root
    from inotify_cffi.tree.crawls import Crawls
    from inotify_cffi.tree.files import Files
    from inotify_cffi.tree.ground import Ground

__all__ = ["Polls"]


class Polls:
    """When which root is polled."""

    def __init__(self, ground: Ground, crawls: Crawls) -> None:
        self._ledger = ground.ledger
        self._disk = ground.disk
        self._crawls = crawls
        # Where inotify does not see all.
        self.unseen = Polled(ground.ledger, ground.disk)
        # The roots that are polled, each with the moment at which it is to be, by the steady clock.
        self._next: Dict[Root, float] = {}
        # True while all of them are to be polled, whatever the clock says.
        self.is_asked = False
        # True from the beginning of a poll until its crawls are done; what these left: so many looks at files, and
        # rounds in which what was in doubt was looked at.
        self._is_under_way = False
        self._looks = self._rounds = 0

    def __bool__(self) -> bool:
        return bool(self._next)

    def heed(self, root: Root) -> None:
        """A root is added."""
        if root.wanted.poll_s is not None:
            self._next[root] = self._disk.now().steady + root.wanted.poll_s

    def removed(self, root: Root) -> None:
        """A root is polled no more."""
        self._next.pop(root, None)

    def ask(self) -> None:
        """Have all of them polled."""
        self.is_asked = bool(self._next)

    @property
    def due(self) -> float | None:
        """The moment of the next poll, by the steady clock; None if there will be none."""
        return min(self._next.values()) if self._next else None

    def begin(self, files: Files, rounds: int) -> bool:
        """Begin the polls whose time has come; most of it is left to the crawls that are under way then.

        It is for who knows that none are. *rounds*: how often all that was in doubt was looked at. False if there
        are none to begin.
        """
        if not self._next:
            self.is_asked = False
            return False
        if not (self._is_behind(files, rounds) or self.is_asked):
            return False
        now = self._disk.now().steady
        begun = [root for root, due in self._next.items() if self.is_asked or due <= now]
        for root in begun:
            self._next[root] = now + (root.wanted.poll_s or 0.0)
            if self._ledger.is_attached(root):
                for top in self._tops(root):
                    self._crawls.scan(top, cause=causes.POLL)
        self.is_asked = False
        self._is_under_way = bool(begun)
        return bool(begun)

    def _is_behind(self, files: Files, rounds: int) -> bool:
        """Return True if all that the last poll left to be looked at was, whatever came behind it."""
        if self._is_under_way:
            self._looks, self._rounds = files.looks + files.due, rounds + 1
            self._is_under_way = False
        return (files.looks >= self._looks or not files.due) and rounds >= self._rounds

    def _tops(self, root: Root) -> list[Node]:
        if root.rules.polls_only or root.is_file:
            return [root]
        return self.unseen.tops(root)
