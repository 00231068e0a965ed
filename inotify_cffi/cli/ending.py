"""How a signal ends the program: at once and cleanly, and whatever swallows the exception that it is."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterator

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Ending", "ending", "terminating_cleanly"]

# What would end the process at once, without inotify_stop: raised as an exception instead.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """Which signal is to end the program; 0 while none is. And what ends it besides the exception."""

    number = 0

    def __init__(self) -> None:
        self._stop: Callable[[], None] | None = None

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """Let a signal call *stop*, too: a plugin may swallow the exception that was raised in it."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    def come(self, number: int) -> None:
        """Note a signal and raise what ends the program."""
        self.number = number
        if self._stop is not None:
            self._stop()
        self.check()

    def check(self) -> None:
        """Raise once more what a signal's handler raised, if it came: for where any exception is caught."""
        if self.number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.number:
            raise SystemExit(128 + self.number)


# Signals are the process's, and so is this.
ending = Ending()


@contextmanager
def terminating_cleanly() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the program as Ctrl-C does, with 128 and the signal's number as exit code.

    A signal that was ignored when the program was started stays so, as nohup(1) wants it.
    """
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may set handlers; who runs main() elsewhere has its own.
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    ending.number = 0
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in before.items():
            # None: it was not set from Python, and can not be set back from here.
            if handler is not None:
                signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> None:
    ending.come(number)
