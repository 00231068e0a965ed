"""Know that something was mounted or unmounted somewhere: /proc/self/mountinfo is urgent then (proc(5)).

It is so once for each open file: whoever polls it first is told, and nobody after (fs/proc_namespace.c
mounts_poll). Our epoll descriptor may be in the epoll of an event loop, and when that one asks ours, ours asks the
file, and what it was told is not told again when the watcher looks. So from the moment at which the descriptor is
handed out, the watcher has a second open file for itself.
"""

from __future__ import annotations

import os
import select

from inotify_cffi.base.native import new_poll
from inotify_cffi.kernel import syscalls
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Collection

__all__ = ["MOUNTS", "MountNews"]

MOUNTS = "/proc/self/mountinfo"

NOT_THERE = -1


class Own(NamedTuple):
    """The second open file, and what asks it."""

    held: syscalls.Descriptor
    poll: select.poll


class MountNews:
    """The descriptor to wait for, and whether there is news; never any where /proc is not mounted."""

    def __init__(self) -> None:
        self._held = _open()
        self.fd = NOT_THERE if self._held is None else self._held.fd
        self._own: Own | None = None
        # The file tells it once only. So it is kept until it was heeded.
        self._news = False

    def share(self) -> None:
        """Others may wait for the descriptor from now on, in an epoll or a poll of their own."""
        if self._own is None and self.fd != NOT_THERE:
            held = _open()
            if held is not None:
                poll = new_poll()
                poll.register(held.fd, select.POLLPRI)
                self._own = Own(held, poll)

    def came(self, ready: Collection[int]) -> bool:
        """Return True if there is news: the descriptor is among those that are *ready*, or others took it."""
        # The second file has to be asked in any case, or it would tell the same news later.
        own = self._own
        taken = own is not None and bool(own.poll.poll(0))
        if taken or self.fd in ready:
            self._news = True
        return self._news

    def suspect(self) -> None:
        """There may be news that was taken and not heeded: something was interrupted."""
        self._news = self.fd != NOT_THERE

    def heeded(self) -> None:
        """It was looked at what is mounted."""
        self._news = False

    def close(self) -> None:
        """Free the descriptors; more than once does no harm."""
        self.fd = NOT_THERE
        own, self._own = self._own, None
        for held in (self._held, None if own is None else own.held):
            if held is not None:
                held.close()


def _open() -> syscalls.Descriptor | None:
    try:
        return syscalls.open_fd(MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
