"""Who takes the events: one reader at a time, so that nobody gets a part of them without knowing it.

There are two marks. A *claim* is an iteration's, for as long as there is one: one that was left by ``break`` has
no moment at which it says so, it just is no more. A *reading* is a call's, from its begin until it hands out what
it took. Both are held weakly: what is no more has none, also where an exception kept it from saying so.
"""

from __future__ import annotations

import gc
from _thread import get_ident

from inotify_cffi.base.locks import SafeLock
from inotify_cffi.errors import BusyError
from inotify_cffi.typed import TYPE_CHECKING, ref
from inotify_cffi.watching import loops

if TYPE_CHECKING:
    from typing import Dict, Union

    Who = Union[ref[object], int, None]

__all__ = ["READ_BY_ANOTHER", "Claim", "Iteration", "Reader", "Reading"]

READ_BY_ANOTHER = "another thread or task is reading this watcher; one reader at a time"


class Reader:
    """One call that reads a watcher."""

    __slots__ = ("__weakref__", "mark", "waits")

    def __init__(self) -> None:
        self.mark = ref(self)
        # True while it uses the descriptors.
        self.waits = False


class Iteration(Reader):
    """One iteration over a watcher, which reads again and again; it is over when nothing refers to it any more."""

    __slots__ = ()


class Reading:
    """The call that is reading now, if there is one."""

    def __init__(self) -> None:
        # Empty, or the mark of who reads. To look and to set it is one step: setdefault.
        self.holder: Dict[int, ref[Reader]] = {}
        self._clearing = SafeLock()

    def begin(self, reader: Reader) -> bool:
        """Let *reader* read; False if another does. It is over with ``del holder[0]``, or :meth:`end`."""
        reader.waits = True
        mark = self.holder.setdefault(0, reader.mark)
        if mark is not reader.mark and mark() is None:
            # Two exceptions have ended that call, the second one before it could say that it is over.
            self._clearing.run(self._clear, mark)
            mark = self.holder.setdefault(0, reader.mark)
        return mark is reader.mark

    def _clear(self, mark: ref[Reader]) -> None:
        if self.holder.get(0) is mark:
            del self.holder[0]

    def end(self, reader: Reader) -> None:
        """It reads no more; more than once does no harm."""
        if self.is_mine(reader):
            del self.holder[0]

    def is_mine(self, reader: Reader) -> bool:
        """Return True if it is *reader* that reads."""
        return self.holder.get(0) is reader.mark

    @property
    def is_held(self) -> bool:
        """True while a call reads."""
        return self._reader() is not None

    @property
    def waits(self) -> bool:
        """True while a call uses the descriptors."""
        reader = self._reader()
        return reader is not None and reader.waits

    def _reader(self) -> Reader | None:
        mark = self.holder.get(0)
        return None if mark is None else mark()


class Claim:
    """The iteration that is under way, and the thread or task that it is in."""

    def __init__(self) -> None:
        # It may be no more.
        self.iteration: ref[Reader] | None = None
        self._who: Who = None

    def take(self, iteration: Iteration) -> None:
        """Let *iteration* have the events from now on; one thread or task may go from one to another.

        Raises BusyError if another thread or task iterates.
        """
        if self.iteration is not iteration.mark:
            self.check(iteration)
        self._who = _who()
        self.iteration = iteration.mark

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

    def release(self, iteration: Iteration) -> bool:
        """End an iteration; True if it had the events until now."""
        if self.iteration is None or self.iteration() is not iteration:
            return False
        self.iteration = None
        return True

    def _is_others(self, iteration: Iteration | None) -> bool:
        current = self.iteration() if self.iteration is not None else None
        if current is None or current is iteration:
            return False
        if isinstance(self._who, ref) and self._who() is None:
            return False
        return self._who != _who()


def _who() -> Who:
    task = loops.task()
    return get_ident() if task is None else ref(task)
