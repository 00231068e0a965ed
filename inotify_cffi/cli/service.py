"""To run under systemd: say when it is ready and when it ends, and read the configuration again on SIGHUP."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

from inotify_cffi.hookspecs import hookimpl

if TYPE_CHECKING:
    from types import FrameType

    from inotify_cffi.hookspecs import AnyWatcher

__all__ = ["Again", "Notifier", "Reread", "notifier", "rereading"]


class Again(Exception):  # noqa: N818  # it is no error
    """Start over with the configuration as it is now."""


class Reread:
    """Whether SIGHUP has asked for the configuration to be read again."""

    asked = False


class Notifier:
    """Tell the service manager, by the protocol of sd_notify(3): a datagram to the socket that it names."""

    def __init__(self, address: str, reread: Reread) -> None:
        self._reread = reread
        # An abstract name is written with @ for its NUL.
        self._address = "\0" + address[1:] if address.startswith("@") else address

    @hookimpl(trylast=True)
    def inotify_start(self) -> None:
        """Say that it is ready, after all other plugins have started."""
        self._send(b"READY=1")

    @hookimpl(tryfirst=True)
    def inotify_stop(self) -> None:
        """Say that it ends, or only for a moment: a manager kills what says that it ends and then does not."""
        if self._reread.asked:
            self._send(b"RELOADING=1\nMONOTONIC_USEC=%d" % (time.monotonic_ns() // 1000))
        else:
            self._send(b"STOPPING=1")

    def _send(self, message: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(message, self._address)


def notifier(reread: Reread) -> Notifier | None:
    """Return what tells the service manager; None where there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    return Notifier(address, reread) if address[:1] in {"/", "@"} else None


@contextmanager
def rereading(watcher: AnyWatcher, *, enabled: bool) -> Iterator[Reread]:
    """Let SIGHUP stop the watcher, and raise Again in the end; another one waits until this is entered again."""
    reread = Reread()
    if not enabled or threading.current_thread() is not threading.main_thread():
        yield reread
        return

    def ask(_number: int, _frame: FrameType | None) -> None:
        reread.asked = True
        watcher.stop()

    before = signal.signal(signal.SIGHUP, ask)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
    try:
        yield reread
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
        if reread.asked:
            raise Again
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
    finally:
        signal.signal(signal.SIGHUP, before)
