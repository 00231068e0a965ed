"""How far a mirror has followed a journal, and the way back.

After a power cut the last rows of a journal may be gone, though they were read. The first row behind it says which
was the last that stayed, and what comes then differs from the state at that one. So what the newest rows have
changed is remembered until they can not be lost any more.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Deque, Tuple

from inotify_cffi.errors import MirrorError

if TYPE_CHECKING:
    from typing import Callable

__all__ = ["MOST_UNDONE", "Numbers"]

# The journal has no more rows than this that a power cut can take (RANGE in its store).
MOST_UNDONE = 20_000


class Numbers:
    """The numbers that were applied, and how to undo the last ones.

    Args:
        last: the number up to which the mirror is true from the start; None if it does not begin with a journal.

    """

    def __init__(self, last: int | None) -> None:
        self.last = last
        # Nothing up to here can be undone.
        self._floor = last
        self._identity: Tuple[object, object] | None = None
        # Of the event at hand; None if it has none, and while something is undone.
        self._now: int | None = None
        self._log: Deque[Tuple[int, Callable[..., object], Tuple[object, ...]]] = deque()

    def begin(self, event: object) -> bool:
        """Take note of the event that is applied next; False if it was applied before."""
        number: int | None = getattr(event, "number", None)
        self._now = None
        if number is None:
            return True
        identity = (getattr(event, "journal", None), getattr(event, "generation", None))
        if identity != self._identity:
            if self._identity is not None:
                self._forget()
            self._identity = identity
        if self.last is not None and number <= self.last:
            return False
        if self._floor is None:
            self._floor = number - 1
        self._now = number
        return True

    def record(self, undo: Callable[..., object], *arguments: object) -> None:
        """Remember how to undo one change that the event at hand makes."""
        if self._now is not None:
            self._log.append((self._now, undo, arguments))

    def end(self) -> None:
        """Take note that the event was applied."""
        if self._now is None:
            return
        self.last, self._now = self._now, None
        while self._log and self._log[0][0] <= self.last - MOST_UNDONE:
            self._floor = self._log.popleft()[0]

    def restart(self, durable: int | None) -> None:
        """Undo what rows behind the last durable one have changed. Raises MirrorError if that was too long ago."""
        if durable is None or self.last is None or durable >= self.last:
            return
        if self._floor is not None and durable < self._floor:
            raise MirrorError(
                f"the journal went back to number {durable}, and this mirror can go back to {self._floor} only; "
                "build it anew"
            )
        now, self._now = self._now, None
        while self._log and self._log[-1][0] > durable:
            _, undo, arguments = self._log.pop()
            undo(*arguments)
        self._now = now

    def _forget(self) -> None:
        self.last = self._floor = None
        self._log.clear()
