"""Know that something was mounted or unmounted somewhere: /proc/self/mountinfo is urgent then (proc(5)).

It is so once for each open file: whoever polls it first is told, and nobody after (fs/proc_namespace.c
mounts_poll). Our epoll descriptor may be in the epoll of an event loop, and when that one asks ours, ours asks the
file, and what it was told is not told again when the watcher looks. So from the moment at which the descriptor is
handed out, the watcher has a second open file for itself.
"""

from __future__ import annotations

import os
import select

from inotify_cffi.scan import MOUNTS
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Collection

__all__ = ["MountNews"]

NOT_THERE = -1


class MountNews:
    """The descriptor to wait for, and whether there is news; never any where /proc is not mounted."""

    def __init__(self) -> None:
        self.fd = _open()
        self._own = NOT_THERE
        self._poll: select.poll | None = None

    def share(self) -> None:
        """Others may wait for the descriptor from now on, in an epoll or a poll of their own."""
        if self._own == NOT_THERE and self.fd != NOT_THERE:
            self._own = _open()
            self._poll = select.poll()
            self._poll.register(self._own, select.POLLPRI)

    def came(self, ready: Collection[int]) -> bool:
        """Return True if there is news: the descriptor is among those that are *ready*, or others took it."""
        # The second file has to be asked in any case, or it would tell the same news later.
        taken = self._poll is not None and bool(self._poll.poll(0))
        return taken or self.fd in ready

    def close(self) -> None:
        """Free the descriptors; more than once does no harm."""
        fds = (self.fd, self._own)
        self.fd = self._own = NOT_THERE
        self._poll = None
        for fd in fds:
            if fd != NOT_THERE:
                os.close(fd)


def _open() -> int:
    try:
        return os.open(MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return NOT_THERE
