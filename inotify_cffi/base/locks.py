"""Locks that are free again whatever comes, and what is not let in twice.

A signal handler may raise an exception wherever Python looks for signals. From ``with`` to the end of its block no
lock is lost: that is C, and enters and leaves in one step. But a tracer, and CPython 3.9 and PyPy for signals, may
raise one at the end of the block, before the lock is left. So behind each block it is seen whether it was.
"""

from __future__ import annotations

from _thread import RLock, allocate_lock

from inotify_cffi.errors import BusyError
from inotify_cffi.typed import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from typing import Callable, Protocol, TypeVar

    Result = TypeVar("Result")

    class Owned(Protocol):
        """What C knows of a lock: the thread that has it, from the very step on in which it got it."""

        def _is_owned(self) -> bool: ...
        def acquire(self, *, blocking: bool) -> bool: ...
        def release(self) -> None: ...
        def __enter__(self) -> bool: ...
        def __exit__(self, *exception: object) -> None: ...


__all__ = ["SafeLock", "Signal", "StepLock"]

IN_THE_MIDDLE = (
    "this thread is in the middle of a step of this watcher; what runs in there (on_progress, a signal handler, "
    "__del__) may call stop(), close() and retry(); all else when the step is over"
)


class SafeLock:
    """Other threads wait for the thread that has it; that one gets in again."""

    def __init__(self) -> None:
        self._lock = cast("Owned", RLock())

    @property
    def is_mine(self) -> bool:
        """True if this thread has it."""
        return self._lock._is_owned()  # noqa: SLF001  # threading.Condition asks it so as well

    def run(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Call *work* while no other thread is in here."""
        had = self.is_mine
        try:
            with self._lock:
                return work(*arguments)
        finally:
            if not had:
                self._leave()

    def pass_by(self) -> None:
        """Wait until no other thread is in here."""
        lock = self._lock
        had = lock._is_owned()  # noqa: SLF001  # as above
        try:
            with lock:
                pass
        finally:
            if not had and lock._is_owned():  # noqa: SLF001
                self._leave()

    def run_if_free(self, work: Callable[[], object]) -> bool:
        """Call *work* if nobody is in here; False, at once, if somebody is, also this thread."""
        if self.is_mine:
            return False
        try:
            is_free = self._lock.acquire(blocking=False)
            if is_free:
                work()
            return is_free
        finally:
            self._leave()

    def _leave(self) -> None:
        while self.is_mine:
            self._lock.release()


class StepLock(SafeLock):
    """What the thread that has it is refused, so that it never meets what it left half-done; or it is put off.

    A thread that does one step after the other would have the lock again before one that waits for it wakes. So
    the others wait behind a door, and have that until they are done.
    """

    def __init__(self) -> None:
        super().__init__()
        self._door = SafeLock()
        self._put_off: list[Callable[[], object]] = []

    def check(self) -> None:
        """Raise BusyError in the middle of a step."""
        if self.is_mine:
            raise BusyError(IN_THE_MIDDLE)

    def run(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Call *work*, as one step. Raises BusyError in the middle of one."""
        self.check()
        result: Result = self._door.run(self._step, work, *arguments)
        return result

    def run_in_turn(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Do the same with one of many steps that a thread does one after the other: who waits comes first."""
        if self._lock._is_owned():  # noqa: SLF001  # as above
            self.check()
        self._door.pass_by()
        return self._step(work, *arguments)

    def _step(self, work: Callable[..., Result], *arguments: object) -> Result:
        lock = self._lock
        try:
            with lock:
                return work(*arguments)
        finally:
            if lock._is_owned():  # noqa: SLF001  # as above
                self._leave()
            if self._put_off:
                self._catch_up()

    def run_later(self, work: Callable[[], object]) -> None:
        """Call *work* at the end of the step that this thread is in the middle of.

        If that is interrupted it is called again, at the end of the next step.
        """
        if work not in self._put_off:
            self._put_off.append(work)

    def _catch_up(self) -> None:
        work: Callable[[], object] | None = None
        try:
            while self._put_off:
                # One line, see handout.py.
                work = self._put_off[0]; del self._put_off[0]  # noqa: E702  # fmt: skip
                work()
                work = None
        except BaseException:
            if work is not None:
                self._put_off.insert(0, work)
            raise


class Signal:
    """Wakes one thread that waits, now or later; threading.Event may keep its lock where it is interrupted."""

    def __init__(self) -> None:
        self._told = allocate_lock()
        self._told.acquire()

    def wait(self) -> None:
        """Wait until it was told since the last wait."""
        self._told.acquire()

    def tell(self) -> None:
        """Let one that waits go on; if none does, the next one that will."""
        if self._told.locked():
            # Another thread may have been faster.
            try:  # noqa: SIM105  # contextlib is not imported for this
                self._told.release()
            except RuntimeError:
                pass
