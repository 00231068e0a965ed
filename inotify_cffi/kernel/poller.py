"""The one place that blocks: epoll over some descriptors and an eventfd to wake it.

epoll_wait(2) ends early with EINTR when a signal comes. cffi does not retry it, and that is what is wanted:
Python runs its signal handlers when the call has returned, an exception from one (Ctrl-C) leaves the wait at
once, and the loop goes on with the time that is left, by the monotonic clock. A signal that comes just before
the call blocks does not end it; for those the main thread waits for a pipe, too (see ``kernel/interrupts.py``).
"""

from __future__ import annotations

import errno
import os
import sys
import time

from inotify_cffi.base.locks import SafeLock
from inotify_cffi.errors import ClosedError, ForkError
from inotify_cffi.kernel import syscalls
from inotify_cffi.kernel.forks import forget_in_child
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, Dict, FrozenSet

    from inotify_cffi.kernel.interrupts import Interrupts

__all__ = ["Call", "Poller", "check_timeout"]

# epoll_wait takes an int of milliseconds; a longer wait goes round again.
LONGEST_MS = 2**31 - 1

# What is written to an eventfd (eventfd(2)).
ONE = (1).to_bytes(8, sys.byteorder)

# At once, for a timer: 0 is never.
SOON_S = 1e-6

CLOSED = -1
FORKED = -2


def check_timeout(timeout: float | None, what: str) -> None:
    """Raise ValueError or TypeError where *timeout*, which the user knows as *what*, is no length of time."""
    try:
        if timeout is None or timeout >= 0:
            return
    except TypeError:
        raise TypeError(f"{what} is a number of seconds, 0 or more, or None; not {timeout!r}") from None
    raise ValueError(f"{what} is a number of seconds, 0 or more, or None; not {timeout!r}")


class Call:
    """What is to be called when a descriptor has one of some events."""

    __slots__ = ("callback", "events")

    def __init__(self, events: int, callback: Callable[[], object]) -> None:
        self.events = events
        self.callback = callback


class Poller:
    """Wait for any of some descriptors, or to be woken.

    Raises OSError where no descriptor is left.
    """

    def __init__(self) -> None:
        self._lock = SafeLock()
        self._answers = syscalls.EpollBuffer()
        self._interrupts = _new_interrupts()
        # The answer when the first descriptor that was added is ready, and nothing else.
        self._usual: list[int] = []
        self._first: FrozenSet[int] = frozenset()
        # What is to be called once, by the descriptor that is waited for.
        self._calls: Dict[int, Call] = {}
        # True if one of these may have been told, and not called: an exception came in between.
        self._may_be_due = False
        # A timer that wakes, and the moment for which it is set, by the steady clock.
        self._timer = CLOSED
        self._wakes_at: float | None = None
        self._held: list[syscalls.Descriptor] = []
        self._epoll = self._wake = CLOSED
        try:
            self._held.append(syscalls.epoll_create())
            self._held.append(syscalls.eventfd())
            self._epoll, self._wake = (held.fd for held in self._held)
            syscalls.epoll_add(self._epoll, self._wake, syscalls.POLL_IN)
            forget_in_child(self)
        except BaseException:
            self.close()
            raise

    def add(self, fd: int) -> None:
        """Wait for *fd* to become readable."""
        syscalls.epoll_add(self.fileno(), fd, syscalls.POLL_IN)
        if not self._usual:
            self._usual, self._first = [fd], frozenset([fd])

    def add_shared(self, fd: int) -> None:
        """Wait for *fd* to become readable, and be the only one that this wakes; who shares *fd* waits likewise.

        Who was added first is asked first, and only one that waits at that moment is woken (epoll_ctl(2),
        EPOLLEXCLUSIVE).
        """
        syscalls.epoll_add(self.fileno(), fd, syscalls.POLL_IN | syscalls.POLL_ONE)

    def add_urgent(self, fd: int) -> None:
        """Wait for *fd* to have something urgent, as /proc/self/mountinfo has it (proc(5), poll)."""
        syscalls.epoll_add(self.fileno(), fd, syscalls.POLL_PRI)

    def call_when(self, fd: int, call: Call) -> None:
        """Let a wait make a call, once, when *fd* has one of its events, or is broken; then go on waiting.

        Raises OSError: PermissionError for a file, which is always ready (epoll_ctl(2), EPERM), FileExistsError
        where *fd* waits for a call.
        """
        if self._calls.setdefault(fd, call) is not call:
            raise FileExistsError(errno.EEXIST, f"descriptor {fd} is waited for already")
        self._await_call(fd, call)

    def _await_call(self, fd: int, call: Call) -> None:
        # One that is closed while its file is open can not be removed, and may not be told for ever.
        syscalls.epoll_add(self.fileno(), fd, call.events | syscalls.POLL_ONCE)

    def call_off(self, fd: int, call: Call) -> None:
        """Forget a call; more than once, or one that was never asked for, does no harm."""
        if self._calls.get(fd) is call:
            if self._epoll >= 0:
                syscalls.epoll_remove(self._epoll, fd)
            self._calls.pop(fd, None)

    def fileno(self) -> int:
        """Return the epoll descriptor, itself readable when :meth:`wait` would return at once."""
        if self._epoll == FORKED:
            raise ForkError("the poller belongs to the parent process; make one after the fork")
        if self._epoll < 0:
            raise ClosedError("the poller is closed")
        return self._epoll

    def wait(self, timeout: float | None) -> FrozenSet[int]:
        """Return the descriptors that are ready; empty after *timeout* seconds (None: no end).

        The eventfd is not among them: to be woken gives a set without it, empty if nothing else is ready.
        """
        interrupts = self._interrupts
        if timeout == 0 or not interrupts.wanted:
            return self._wait(timeout)
        if interrupts.fd < 0:
            syscalls.epoll_add(self.fileno(), interrupts.open(), syscalls.POLL_IN)
            interrupts.use()
        try:
            try:
                interrupts.arm()
                return self._wait(timeout)
            finally:
                interrupts.disarm_here()
        finally:
            # Where an exception came right before the first one.
            interrupts.disarm_here()

    def _wait(self, timeout: float | None) -> FrozenSet[int]:
        if self._may_be_due:
            self._ask_again()
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while True:
                milliseconds = -1
                if deadline is not None:
                    # Rounded up: to wait a part of a millisecond longer is late, to wake before it is a busy loop.
                    left = (deadline - time.monotonic()) * 1000
                    milliseconds = -int(-min(max(left, 0), LONGEST_MS) // 1)
                ready = self._answers.wait(self.fileno(), milliseconds)
                if ready == self._usual:
                    return self._first
                if ready and self._interrupts.fd in ready:
                    self._interrupts.drain()
                    ready.remove(self._interrupts.fd)
                if ready and self._calls:
                    ready = [fd for fd in ready if not self._called(fd)]
                if ready is None and self._interrupts.wanted:
                    self._interrupts.run_handlers()
                if ready:
                    return frozenset(ready) - {self._wake}
                # Where signals come one upon the other each look finds another one, also after the deadline.
                # Nothing else was ready in the last look; only one that a signal has ended (EINTR) has not looked.
                if ready is not None and deadline is not None and time.monotonic() >= deadline:
                    return frozenset()
        except BaseException:
            self._may_be_due = True
            raise

    def _ask_again(self) -> None:
        """Each call that is awaited is told once. One that was told, and not made, is told again by this."""
        for fd, call in list(self._calls.items()):
            syscalls.epoll_remove(self.fileno(), fd)
            try:
                self._await_call(fd, call)
            except OSError:
                # It was closed meanwhile.
                self._calls.pop(fd, None)
        self._may_be_due = False

    def _called(self, fd: int) -> bool:
        """Call what is to be called when *fd* is ready; True if there is something."""
        call = self._calls.get(fd)
        if call is None:
            return False
        # First, so that it may ask for another call.
        syscalls.epoll_remove(self.fileno(), fd)
        # One line, see handout.py.
        del self._calls[fd]; call.callback()  # noqa: E702  # fmt: skip
        return True

    def wake(self) -> None:
        """Let :meth:`wait` return, until :meth:`rest`; safe from threads and signal handlers."""
        self._lock.run(self._awaken)

    def _awaken(self) -> None:
        if self._wake >= 0:
            try:
                os.write(self._wake, ONE)
            except OSError as error:
                # The counter is full, so it is awake already; or a signal handler has closed it in between.
                if error.errno != errno.EAGAIN and self._wake >= 0:
                    raise

    def wake_at(self, moment: float | None) -> None:
        """Let :meth:`wait` return from a moment on, by the steady clock; None: not any more."""
        if moment == self._wakes_at or self._epoll < 0:
            return
        if self._timer < 0:
            held = syscalls.timer()
            self._held.append(held)
            syscalls.epoll_add(self._epoll, held.fd, syscalls.POLL_IN)
            self._timer = held.fd
        # In this order: who is interrupted sets it once more.
        self._wakes_at = None
        syscalls.set_timer(self._timer, 0.0 if moment is None else max(moment - time.monotonic(), SOON_S))
        self._wakes_at = moment

    def rest(self) -> None:
        """Undo all calls of :meth:`wake`."""
        self._lock.run(self._calm)

    def _calm(self) -> None:
        if self._wake >= 0:
            try:
                os.read(self._wake, 8)
            except OSError as error:
                if error.errno != errno.EAGAIN and self._wake >= 0:
                    raise

    def close(self) -> None:
        """Free the descriptors; more than once does no harm."""
        # Nobody may write to the number of a descriptor that is closed: it may be somebody else's.
        self._lock.run(self._forget)
        self._interrupts.close()
        for held in self._held:
            held.close()

    def _forget(self) -> None:
        self._calls.clear()
        self._epoll = min(self._epoll, CLOSED)
        self._wake = CLOSED

    def forked(self) -> None:
        """Close the copies of the descriptors in a forked child; the parent's stay as they are."""
        # Another thread may have held it.
        self._lock = SafeLock()
        self.close()
        self._epoll = FORKED


def _new_interrupts() -> Interrupts:
    """Import what a wait needs before there is one: no descriptor may be left then, or the root be another."""
    try:
        from inotify_cffi.kernel.interrupts import Interrupts
    except OSError as error:
        raise OSError(error.errno, syscalls.reason(error.errno or 0)) from None
    return Interrupts()
