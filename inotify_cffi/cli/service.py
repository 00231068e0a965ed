"""To run under systemd: say when it is ready and when it ends, and read the configuration again on SIGHUP."""

from __future__ import annotations

import functools
import logging
import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

from inotify_cffi.hooks.specs import hookimpl

if TYPE_CHECKING:
    import socket
    from types import FrameType

    from inotify_cffi.hooks.specs import AnyWatcher

__all__ = ["Again", "Notifier", "Reread", "notifier", "rereading"]

logger = logging.getLogger(__name__)

READY = b"READY=1"


class Again(Exception):  # noqa: N818  # it is no error
    """Start over with the configuration as it is now."""


class Reread:
    """Whether SIGHUP has asked for the configuration to be read again."""

    asked = False


class Notifier:
    """Tell the service manager, by the protocol of sd_notify(3): a datagram to the socket that it names.

    The socket is the manager's, and may be full. Nothing waits for it then: the manager is told that all is ready
    when it has made room, for it may end what never says so. That all ends is said once, if there is room: the
    manager sees the end by itself.
    """

    def __init__(self, address: str, reread: Reread) -> None:
        self._reread = reread
        self._name = address
        # An abstract name is written with @ for its NUL.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        self._waits = b""

    @hookimpl(trylast=True)
    def inotify_start(self, watcher: AnyWatcher) -> None:
        """Say that it is ready, after all other plugins have started."""
        # Imported here: few are started by a service manager.
        import socket

        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.setblocking(False)
            self._socket.connect(self._address)
            if self._send(READY):
                return
            self._waits = READY
            watcher.call_when(self._socket.fileno(), "writable", functools.partial(self._send_late, watcher))
        except OSError as error:
            self._give_up(READY, error)
        else:
            logger.warning("the queue of NOTIFY_SOCKET is full; READY=1 is sent as soon as there is room")

    @hookimpl
    def inotify_events(self) -> None:
        """Try again: where events never cease there is no wait that could tell of room."""
        if self._waits:
            self._try_again()

    @hookimpl(tryfirst=True)
    def inotify_stop(self) -> None:
        """Say that it ends, or only for a moment: a manager kills what says that it ends and then does not."""
        message = b"STOPPING=1"
        if self._reread.asked:
            message = b"RELOADING=1\nMONOTONIC_USEC=%d" % (time.monotonic_ns() // 1000)
        try:
            if not self._send(message) and self._reread.asked:
                logger.warning("the queue of NOTIFY_SOCKET is full; %s is not sent", _first_line(message))
        except OSError as error:
            self._give_up(message, error)
        self._close()

    def _send(self, message: bytes) -> bool:
        """Send it; False if there is no room. Where the manager can not be told, nothing is sent."""
        if self._socket is not None:
            try:
                self._socket.send(message)
            except BlockingIOError:
                return False
        return True

    def _send_late(self, watcher: AnyWatcher) -> None:
        self._try_again()
        if self._socket is not None and self._waits:
            # Another process was faster.
            watcher.call_when(self._socket.fileno(), "writable", functools.partial(self._send_late, watcher))

    def _try_again(self) -> None:
        try:
            if self._send(self._waits):
                self._waits = b""
        except OSError as error:
            self._give_up(self._waits, error)

    def _give_up(self, message: bytes, error: OSError) -> None:
        reason = error.strerror or error
        logger.error("the service manager can not be told %s: %s: %s", _first_line(message), self._name, reason)
        self._close()

    def _close(self) -> None:
        self._waits = b""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _first_line(message: bytes) -> str:
    return message.partition(b"\n")[0].decode()


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
