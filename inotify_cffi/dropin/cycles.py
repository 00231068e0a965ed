"""The cycles of the drop-in's generator: wait, and read what is to be handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Protocol, TypeVar

from inotify_cffi.base.locks import StepLock
from inotify_cffi.kernel.instance import Instance
from inotify_cffi.kernel.poller import Poller

if TYPE_CHECKING:
    from inotify_cffi.dropin.tuples import EventTuple
    from inotify_cffi.watching.arguments import BlockDuration

    Result = TypeVar("Result")

__all__ = ["Cycles", "Source"]


class Source(Protocol):
    """Where the events come from."""

    @property
    def in_doubt(self) -> bool:
        """True while :meth:`read` has something to do, though nothing may be queued."""

    def read(self, ready: list[EventTuple]) -> None:
        """Put what has come in front of what is *ready*, without waiting; see ``watching/handout.py``."""


class Cycles:
    """Owns the descriptors, and the events that were read and not yet handed out.

    Args:
        block_duration_s: how long a cycle blocks, in seconds: a number, or a callable that returns one and is
            asked in each cycle. None, and less than 0: until something happens.

    Raises OSError where no descriptor is left.

    """

    def __init__(self, block_duration_s: BlockDuration) -> None:
        self._block_duration_s = block_duration_s
        # The next one last.
        self.ready: list[EventTuple] = []
        self._instances: list[Instance] = []
        self._awake = False
        # Held while the descriptors are in use, and while the watches are.
        self._reading = StepLock()
        self._steps = StepLock()
        self.closed = True
        self._poller = Poller()
        self.closed = False

    def open(self) -> Instance:
        """Return a new inotify instance; it is waited for, and closed with the rest. Raises OSError."""
        instance = Instance()
        self._instances.append(instance)
        self._poller.add(instance.fileno())
        return instance

    def step(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Call what changes the watches, while no other thread does; BusyError in the middle of such a call."""
        return self._steps.run(work, *arguments)

    def drop(self, wds: set[int]) -> None:
        """Forget what was read of some watches."""
        self.ready[:] = [event for event in self.ready if event[0].wd not in wds]

    def read(self, source: Source) -> bool:
        """Wait for the time of a cycle and read; False if that was the end."""
        duration = self._block_duration_s
        seconds = duration() if callable(duration) else duration
        try:
            self._reading.run(self._wait_and_read, source, seconds)
        finally:
            if self.closed:
                self._free()
        return not self.closed

    def _wait_and_read(self, source: Source, seconds: float | None) -> None:
        if not self.closed:
            self._wait(source, seconds)
        if not self.closed:
            self._steps.run_in_turn(source.read, self.ready)

    def _wait(self, source: Source, seconds: float | None) -> None:
        if self._awake:
            self._awake = False
            self._poller.rest()
        if not self.ready and not source.in_doubt:
            self._poller.wait(None if seconds is not None and seconds < 0 else seconds)

    def stay_readable(self, source: Source) -> None:
        """What was read already would not wake who waits for the descriptor."""
        if not self.closed and (self.ready or source.in_doubt):
            self._awake = True
            self._poller.wake()

    def fileno(self) -> int:
        """Return a descriptor that is readable when a cycle would not block. Raises ClosedError."""
        return self._poller.fileno()

    def close(self) -> None:
        """Free the descriptors; who waits in another thread returns. More than once does no harm.

        In the middle of a cycle of this thread (in a signal handler) they are freed at its end.
        """
        self.closed = True
        self._poller.wake()
        if self._steps.is_mine:
            self._steps.run_later(self._free_unless_read)
        else:
            self._free_unless_read()

    def _free_unless_read(self) -> None:
        # Whoever reads frees them.
        self._reading.run_if_free(self._free)

    def _free(self) -> None:
        for instance in self._instances:
            instance.close()
        self._poller.close()

    def __del__(self) -> None:
        # The original frees its descriptors this way, and has no other.
        if not getattr(self, "closed", True):
            self.close()
