"""Who takes the events: one iteration at a time, so that nobody gets a part of them without knowing it.

An iteration that was left by ``break`` has no moment at which it says so: it just is no more.
So it is held weakly.
"""

from __future__ import annotations

import gc
import weakref
from _thread import get_ident

from inotify_cffi import loops
from inotify_cffi.errors import BusyError
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Union

    Who = Union[weakref.ref[object], int, None]

__all__ = ["Claim", "Iteration"]


class Iteration:
    """One iteration over a watcher; it is over when nothing refers to it any more."""

    __slots__ = ("__weakref__",)


class Claim:
    """The iteration that is under way, and the thread or task that it is in."""

    def __init__(self) -> None:
        self._iteration: weakref.ref[Iteration] | None = None
        self._who: Who = None

    def take(self, iteration: Iteration) -> None:
        """Let *iteration* have the events from now on; one thread or task may go from one to another.

        Raises BusyError if another thread or task iterates.
        """
        self.check(iteration)
        self._who = _who()
        self._iteration = weakref.ref(iteration)

    def check(self, iteration: Iteration | None = None) -> None:
        """Raise BusyError if another than *iteration* has the events, in another thread or task."""
        if not self._is_others(iteration):
            return
        # Where references are not counted, one that was left is there until somebody looks.
        gc.collect()
        if self._is_others(iteration):
            raise BusyError(
                "another thread or task iterates over this watcher; one reader at a time (an iteration is over "
                "when it is closed, or nothing refers to it)"
            )

    def release(self, iteration: Iteration) -> None:
        """End an iteration."""
        if self._iteration is not None and self._iteration() is iteration:
            self._iteration = None

    def _is_others(self, iteration: Iteration | None) -> bool:
        current = self._iteration() if self._iteration is not None else None
        if current is None or current is iteration:
            return False
        if isinstance(self._who, weakref.ref) and self._who() is None:
            return False
        return self._who != _who()


def _who() -> Who:
    task = loops.task()
    return get_ident() if task is None else weakref.ref(task)
