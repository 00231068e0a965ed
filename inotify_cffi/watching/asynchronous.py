"""The asynchronous half of the watcher, for asyncio, uvloop and trio: the same reading, awaited.

The loop waits for the watcher's own descriptor: no thread, no timer. It is not held up: one turn reads the queue
once, or lists directories for some milliseconds, or hands out events for as long, and then all others have theirs.
And wherever a task is cancelled no event is lost: what was read is the watcher's until it is handed out, and
nothing is awaited in between.
"""

# ruff: noqa: SLF001  # the iteration is a part of the watcher

from __future__ import annotations

import time

from inotify_cffi.kernel.poller import check_timeout
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic
from inotify_cffi.watching import loops
from inotify_cffi.watching.claim import Iteration, Reader
from inotify_cffi.watching.handout import HandingOut

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType
    from typing import AsyncIterator, Callable, TypeVar

    from typing_extensions import Unpack

    from inotify_cffi.events import Event
    from inotify_cffi.ledger.nodes import Root
    from inotify_cffi.watching.options import RootOptions

    Result = TypeVar("Result")

__all__ = ["TURN_S", "AsyncEvents", "Asynchronous"]

# How long the others wait for their turn at most, if nothing takes longer that can not be divided.
TURN_S = 0.005

# More directories than a turn has time for.
MOST_STEPS = 1 << 20

# So many directories are listed in the first turn; then as many as there was time for.
FIRST_STEPS = 64


class Asynchronous(HandingOut[AnyStr], Generic[AnyStr]):
    """What can be awaited of a watcher."""

    _ended: bool

    # --- what the watcher has for it ---

    def _readable_fd(self) -> int:
        """Return a descriptor that is readable when there is something to read."""
        raise NotImplementedError

    def close(self) -> None:
        """Free all."""
        raise NotImplementedError

    def _read_once(self) -> bool:
        """Read once without waiting; True if there is something to hand out."""
        raise NotImplementedError

    def _step(self, work: Callable[..., Result], *arguments: object) -> Result:
        raise NotImplementedError

    def _new_root(
        self, path: str | bytes | PathLike[str] | PathLike[bytes], options: RootOptions
    ) -> tuple[Root, bool]:
        raise NotImplementedError

    def _begin_adding(self, root: Root, existing: object) -> None:
        raise NotImplementedError

    def _go_on_adding(self, root: Root, steps: int) -> bool:
        raise NotImplementedError

    def _give_up_adding(self, root: Root) -> None:
        raise NotImplementedError

    # --- awaited ---

    async def aread(self, timeout: float | None = None) -> list[Event[AnyStr]]:
        """Return the next events, as ``read`` does, and let all else go on meanwhile; asyncio and trio.

        Args:
            timeout: seconds; 0 does not wait for events, only gives the others a turn; None waits for ever.

        Returns:
            The events; none after the timeout, and after ``stop()``.

        Raises:
            ValueError: the timeout is negative.
            BusyError: another task or thread reads.
            ClosedError: the watcher is closed.

        """
        ready, holder, reader = self._ready, self._reading.holder, Reader()
        try:
            self._begin_reading(reader)
            await self._arrival(reader, timeout)
            events = ready[::-1]
            # One line, see handout.py.
            del ready[:]; del holder[0]; return events  # noqa: E702, TRY300  # fmt: skip
        except BaseException:
            self._break_off(reader)
            raise

    async def _arrival(self, reader: Reader, timeout: float | None) -> None:
        """Wait until something is ready to be handed out, or nothing will be; the descriptors are left then."""
        check_timeout(timeout, "timeout")
        # As in _await_some.
        reader.waits = True
        await self._arrived(timeout, 0)
        self._leave_descriptors(reader)

    async def _arrived(self, timeout: float | None, beyond: int) -> None:
        """Wait until more than *beyond* events are ready, or for so many seconds, or nothing more will be."""
        deadline = None if timeout is None else time.monotonic() + timeout
        self._check_not_forked()
        await loops.pause()
        while not self._closed and len(self._ready) <= beyond:
            if self._ended or (self._read_once() and len(self._ready) > beyond) or self._ended:
                return
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return
            await loops.readable(self._readable_fd(), left)

    def __aiter__(self) -> AsyncIterator[Event[AnyStr]]:
        """Iterate in asyncio or trio; it ends after ``stop()`` or ``close()``.

        One task at a time: to begin while another is iterating raises BusyError.
        """
        return AsyncEvents(self)

    async def aadd(self, path: AnyStr | PathLike[AnyStr], **options: Unpack[RootOptions]) -> None:
        """Watch one more directory, as ``add`` does, and let all else go on while a large tree is listed.

        Events of the whole watcher that come meanwhile are read, and told when the listing is over. If the task is
        cancelled, or the listing fails, nothing of this directory is left; until it is over, ``sync`` raises
        BusyError, and ``snapshot`` has what was listed so far.

        Raises what ``add`` raises.
        """
        await self._aadd(path, options)

    async def _aadd(self, path: AnyStr | PathLike[AnyStr], options: RootOptions, *, undo: bool = True) -> None:
        """Add; what failed half-way is not undone if the watcher is going to be closed: that takes less time."""
        await loops.pause()
        root, existing = self._new_root(path, options)
        try:
            self._step(self._begin_adding, root, existing)
            steps = FIRST_STEPS
            while True:
                began = time.monotonic()
                if self._step(self._go_on_adding, root, steps):
                    return
                steps = _steps(steps, time.monotonic() - began)
                await loops.pause()
        except BaseException:
            if undo:
                self._steps.run(self._give_up_adding, root)
            raise

    async def aclose(self) -> None:
        """Close, as ``close`` does; a task that is reading comes to its end. It waits for nothing."""
        self.close()

    async def __aenter__(self) -> Asynchronous[AnyStr]:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncEvents(Iteration, Generic[AnyStr]):
    """An iteration; what it has not handed out stays with the watcher.

    Args:
        watcher: the watcher.

    """

    __slots__ = ("_turn_ends", "_watcher")

    def __init__(self, watcher: Asynchronous[AnyStr]) -> None:
        super().__init__()
        self._watcher: Asynchronous[AnyStr] = watcher
        self._turn_ends = 0.0

    def __aiter__(self) -> AsyncEvents[AnyStr]:
        return self

    async def __anext__(self) -> Event[AnyStr]:
        watcher = self._watcher
        ready = watcher._ready
        if not ready or watcher._closed or time.monotonic() > self._turn_ends:
            await self._next_turn()
            self._turn_ends = time.monotonic() + TURN_S
        # One line, see handout.py.
        if ready and not watcher._closed: event = ready[-1]; del ready[-1]; return event  # noqa: E701, E702  # fmt: skip
        raise StopAsyncIteration

    async def _next_turn(self) -> None:
        watcher = self._watcher
        if watcher._closed:
            watcher._check_not_forked()
            return
        try:
            watcher._go_on_reading(self)
            await watcher._arrival(self, None)
            watcher._reading.end(self)
        except BaseException:
            watcher._break_off(self)
            # It was cancelled, and may be referred to by the traceback of that for long.
            watcher._claim.release(self)
            raise


def _steps(steps: int, took: float) -> int:
    """Return how many steps a turn has time for, if *steps* of them *took* so many seconds."""
    return max(1, min(int(steps * TURN_S / max(took, 1e-6)), 4 * steps, MOST_STEPS))
