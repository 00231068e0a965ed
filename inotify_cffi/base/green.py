"""A thread of the kernel where ``threading.Thread`` is a green one, of gevent or eventlet."""

from __future__ import annotations

import sys
import threading
from _thread import get_ident
from typing import Callable

__all__ = ["NativeThread"]


class NativeThread(threading.Thread):
    """A thread that can be started, joined and asked like any other.

    Args:
        work: what it does.
        name: what it is called.
        begin: begins a thread of the kernel that does what it is given.
        over: a lock of the kernel's; held while it works.

    """

    def __init__(
        self,
        work: Callable[[], object],
        name: str,
        begin: Callable[[Callable[[], object]], None],
        over: threading.Lock,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._begin = begin
        self._over = over
        self._number: int | None = None

    def start(self) -> None:
        """Begin to work. Raises RuntimeError where no thread is to be had."""
        self._over.acquire()
        try:
            self._begin(self._run_natively)
        except BaseException:
            self._over.release()
            raise

    def _run_natively(self) -> None:
        self._number = get_ident()
        try:
            self._work()
        except SystemExit:
            return
        except BaseException:  # noqa: BLE001  # whatever it is, it is reported
            kind, error, traceback = sys.exc_info()
            threading.excepthook(threading.ExceptHookArgs((kind, error, traceback, self)))
        finally:
            self._over.release()

    @property
    def ident(self) -> int | None:
        """What ``get_ident()`` returns in it; None before it was started."""
        return self._number

    def is_alive(self) -> bool:
        """Return True while it works."""
        return self._over.locked()

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, or so many seconds; all green threads wait with it."""
        if self._number == get_ident():
            raise RuntimeError("a thread can not wait for its own end")
        if self._over.acquire(timeout=-1 if timeout is None else timeout):
            self._over.release()
