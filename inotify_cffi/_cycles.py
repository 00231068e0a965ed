"""The cycles of the drop-in's generator: wait, read, hand out, and None at the end of each."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Callable, Deque, Iterator, Protocol

from inotify_cffi.instance import Instance
from inotify_cffi.poller import Poller

if TYPE_CHECKING:
    from inotify_cffi._tuples import EventTuple
    from inotify_cffi.arguments import BlockDuration

__all__ = ["Cycles", "Source"]


class Source(Protocol):
    """Where the events come from."""

    @property
    def in_doubt(self) -> bool:
        """True while :meth:`read` has something to do, though nothing may be queued."""

    def read(self) -> list[EventTuple]:
        """Return what has come, without waiting."""


class Cycles:
    """Owns the descriptors, and the events that were read and not yet handed out.

    Args:
        block_duration_s: how long a cycle blocks, in seconds: a number, or a callable that returns one and is
            asked in each cycle. None, and less than 0: until something happens.

    Raises OSError where no descriptor is left.

    """

    def __init__(self, block_duration_s: BlockDuration) -> None:
        self._block_duration_s = block_duration_s
        self._pending: Deque[EventTuple] = deque()
        self._instances: list[Instance] = []
        self._awake = False
        # Held while the descriptors are in use.
        self._reading = threading.Lock()
        self._closed = True
        self._poller = Poller()
        self._closed = False

    def open(self) -> Instance:
        """Return a new inotify instance; it is waited for, and closed with the rest. Raises OSError."""
        instance = Instance()
        self._instances.append(instance)
        self._poller.add(instance.fileno())
        return instance

    def drop(self, wds: set[int]) -> None:
        """Forget what was read of some watches."""
        self._pending = deque(event for event in self._pending if event[0].wd not in wds)

    def run(
        self,
        source: Source,
        stops: Callable[[EventTuple], bool],
        *,
        timeout_s: float | None,
        yield_nones: bool,
    ) -> Iterator[EventTuple | None]:
        """Yield events, and None after each cycle if *yield_nones*.

        Ends after :meth:`close`, at an event that *stops*, and with a cycle that ends *timeout_s* seconds or
        more after the last event or the start. What was read by then is kept for the next run.
        """
        last = time.monotonic()
        try:
            while self._read(source):
                while self._pending and not self._closed:
                    event = self._pending.popleft()
                    last = time.monotonic()
                    if stops(event):
                        return
                    yield event
                if self._closed or (timeout_s is not None and time.monotonic() - last >= timeout_s):
                    return
                if yield_nones:
                    yield None
        finally:
            self._stay_readable(source)

    def _read(self, source: Source) -> bool:
        """Wait and read; False if that was the end."""
        duration = self._block_duration_s
        seconds = duration() if callable(duration) else duration
        try:
            with self._reading:
                if not self._closed:
                    self._wait(source, seconds)
                if not self._closed:
                    self._pending.extend(source.read())
        finally:
            if self._closed:
                self._free()
        return not self._closed

    def _wait(self, source: Source, seconds: float | None) -> None:
        if self._awake:
            self._awake = False
            self._poller.rest()
        if not self._pending and not source.in_doubt:
            self._poller.wait(None if seconds is not None and seconds < 0 else seconds)

    def _stay_readable(self, source: Source) -> None:
        """What was read already would not wake who waits for the descriptor."""
        if not self._closed and not self._awake and (self._pending or source.in_doubt):
            self._awake = True
            self._poller.wake()

    def fileno(self) -> int:
        """Return a descriptor that is readable when a run would not block. Raises ClosedError."""
        return self._poller.fileno()

    def close(self) -> None:
        """Free the descriptors; who waits in another thread returns. More than once does no harm."""
        if self._closed:
            return
        self._closed = True
        self._poller.wake()
        if self._reading.acquire(blocking=False):
            try:
                self._free()
            finally:
                self._reading.release()

    def _free(self) -> None:
        for instance in self._instances:
            instance.close()
        self._poller.close()

    def __del__(self) -> None:
        # The original frees its descriptors this way, and has no other.
        self.close()
