"""The one place that blocks: epoll over some descriptors and an eventfd to wake it.

epoll_wait(2) ends early with EINTR when a signal comes. cffi does not retry it, and that is what is wanted:
Python runs its signal handlers when the call has returned, an exception from one (Ctrl-C) leaves
the wait at once, and the loop goes on with the time that is left, by the monotonic clock.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from typing import FrozenSet

from inotify_cffi import _syscalls
from inotify_cffi.errors import ClosedError

__all__ = ["Poller"]

# epoll_wait takes an int of milliseconds; a longer wait goes round again.
LONGEST_MS = 2**31 - 1


class Poller:
    """Wait for any of some descriptors, or to be woken.

    Raises OSError where no descriptor is left.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._answers = _syscalls.EpollBuffer()
        self._epoll = _syscalls.epoll_create()
        self._wake = -1
        try:
            self._wake = _syscalls.eventfd()
            _syscalls.epoll_add(self._epoll, self._wake, _syscalls.POLL_IN)
        except OSError:
            self.close()
            raise

    def add(self, fd: int) -> None:
        """Wait for *fd* to become readable."""
        _syscalls.epoll_add(self.fileno(), fd, _syscalls.POLL_IN)

    def add_urgent(self, fd: int) -> None:
        """Wait for *fd* to have something urgent, as /proc/self/mountinfo has it (proc(5), poll)."""
        _syscalls.epoll_add(self.fileno(), fd, _syscalls.POLL_PRI)

    def fileno(self) -> int:
        """Return the epoll descriptor, itself readable when :meth:`wait` would return at once."""
        if self._epoll < 0:
            raise ClosedError("the poller is closed")
        return self._epoll

    def wait(self, timeout: float | None) -> FrozenSet[int]:
        """Return the descriptors that are ready; empty after *timeout* seconds (None: no end).

        The eventfd is not among them: to be woken gives a set without it, empty if nothing else is ready.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            milliseconds = -1
            if deadline is not None:
                # Rounded up: to wait a part of a millisecond longer is late, to wake before it is a busy loop.
                left = (deadline - time.monotonic()) * 1000
                milliseconds = math.ceil(min(max(left, 0), LONGEST_MS))
            ready = self._answers.wait(self.fileno(), milliseconds)
            if ready:
                return frozenset(ready) - {self._wake}
            if ready is not None and (deadline is None or time.monotonic() >= deadline):
                return frozenset()

    def wake(self) -> None:
        """Let :meth:`wait` return, until :meth:`rest`; safe from threads and signal handlers."""
        with self._lock:
            if self._wake >= 0:
                try:
                    os.write(self._wake, (1).to_bytes(8, sys.byteorder))
                except BlockingIOError:
                    # The counter is full: it is awake already.
                    return

    def rest(self) -> None:
        """Undo all calls of :meth:`wake`."""
        with self._lock:
            if self._wake >= 0:
                try:
                    os.read(self._wake, 8)
                except BlockingIOError:
                    return

    def close(self) -> None:
        """Free the descriptors; more than once does no harm."""
        with self._lock:
            epoll, self._epoll = self._epoll, -1
            wake, self._wake = self._wake, -1
        for fd in (wake, epoll):
            if fd >= 0:
                os.close(fd)
