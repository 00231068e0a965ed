"""Events in batches: what came until it was quiet for a while."""

# ruff: noqa: SLF001  # the iteration is a part of the watcher

from __future__ import annotations

import time

from inotify_cffi.base import bits
from inotify_cffi.burst import Burst
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic
from inotify_cffi.watching.claim import Iteration
from inotify_cffi.watching.reading import ReadingOn

if TYPE_CHECKING:
    from typing import AsyncIterator, Iterator

    from inotify_cffi.events import Event

__all__ = ["AsyncBatches", "WithBatches"]

OVERFLOW = bits.Q_OVERFLOW


class WithBatches(ReadingOn[AnyStr], Generic[AnyStr]):
    """What hands events out in batches."""

    def batches(self, *, quiet_s: float = 0.05, at_most_s: float | None = 1.6) -> Iterator[list[Event[AnyStr]]]:
        """Yield lists of events, each when it was quiet for a while; none is empty.

        An overflow ends a batch at once: its marker is the last event, and the difference comes in the next ones.
        What has come by :meth:`stop` is the last batch; it ends then, or after :meth:`close`.

        Args:
            quiet_s: seconds without an event after which a batch is done; 0: as soon as something has come.
            at_most_s: seconds after its first event at which it is done in any case; None: never before it was
                quiet.

        Raises ValueError for a negative time, BusyError if something reads already, ClosedError.

        """
        return self._batches(Burst(quiet_s, at_most_s))

    def _batches(self, burst: Burst) -> Iterator[list[Event[AnyStr]]]:
        ready, iteration = self._ready, Iteration()
        try:
            self._check_not_reading()
            self._claim.take(iteration)
            while not self._closed:
                self._await_batch(iteration, burst)
                if not ready or self._closed:
                    break
                cut = _end_of_batch(ready)
                events = ready[cut:][::-1]
                # One line, see handout.py.
                del ready[cut:]; yield events  # noqa: E702  # fmt: skip
            self._check_not_forked()
        finally:
            self._leave_iteration(iteration)

    def _await_batch(self, iteration: Iteration, burst: Burst) -> None:
        """Have a batch ready."""
        burst.begin()
        try:
            self._go_on_reading(iteration)
            if not self._ready:
                self._await_more(None, 0)
            seen = 0
            while _goes_on(self._ready, seen, burst) and not self._ended and not self._closed:
                seen = len(self._ready)
                self._await_more(max(burst.ripe_at - time.monotonic(), 0.0), seen)
            self._leave_descriptors(iteration)
            self._reading.end(iteration)
        except BaseException:
            self._break_off(iteration)
            raise

    def abatches(
        self, *, quiet_s: float = 0.05, at_most_s: float | None = 1.6
    ) -> AsyncIterator[list[Event[AnyStr]]]:
        """Iterate over batches, as :meth:`batches`, in asyncio or trio; one task at a time.

        Wherever the task is cancelled no event is lost: what has come is for the next read.
        """
        return AsyncBatches(self, Burst(quiet_s, at_most_s))


class AsyncBatches(Iteration, Generic[AnyStr]):
    """An iteration over batches.

    Args:
        watcher: the watcher.
        burst: when a batch is done.

    """

    __slots__ = ("_burst", "_watcher")

    def __init__(self, watcher: WithBatches[AnyStr], burst: Burst) -> None:
        super().__init__()
        self._watcher: WithBatches[AnyStr] = watcher
        self._burst = burst

    def __aiter__(self) -> AsyncBatches[AnyStr]:
        return self

    async def __anext__(self) -> list[Event[AnyStr]]:
        watcher = self._watcher
        ready = watcher._ready
        if watcher._closed:
            watcher._check_not_forked()
            raise StopAsyncIteration
        await self._await_batch()
        if not ready or watcher._closed:
            raise StopAsyncIteration
        cut = _end_of_batch(ready)
        events = ready[cut:][::-1]
        # One line, see handout.py.
        del ready[cut:]; return events  # noqa: E702  # fmt: skip

    async def _await_batch(self) -> None:
        watcher, burst = self._watcher, self._burst
        burst.begin()
        try:
            watcher._go_on_reading(self)
            await watcher._arrived(None, 0)
            seen = 0
            while _goes_on(watcher._ready, seen, burst) and not watcher._ended and not watcher._closed:
                seen = len(watcher._ready)
                await watcher._arrived(max(burst.ripe_at - time.monotonic(), 0.0), seen)
            watcher._leave_descriptors(self)
            watcher._reading.end(self)
        except BaseException:
            watcher._break_off(self)
            # It was cancelled, and may be referred to by the traceback of that for long.
            watcher._claim.release(self)
            raise


def _goes_on(ready: list[Event[AnyStr]], seen: int, burst: Burst) -> bool:
    """Return True if a batch is to be waited for longer; *seen* is how many were ready when it was asked last."""
    if len(ready) > seen:
        if any(event.mask & OVERFLOW for event in ready[: len(ready) - seen]):
            return False
        burst.came(time.monotonic())
    return bool(ready) and time.monotonic() < burst.ripe_at


def _end_of_batch(ready: list[Event[AnyStr]]) -> int:
    """Return where a batch ends in what is ready, the next event last: at the marker of an overflow, if any."""
    for at in reversed(range(len(ready))):
        if ready[at].mask & OVERFLOW:
            return at
    return 0
