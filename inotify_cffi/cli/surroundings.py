"""What a command runs in: its messages, its signals."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["logging_to_stderr", "one_line", "terminating_cleanly"]

# What would end the process at once, without inotify_stop: raised as SystemExit instead.
ENDING = (signal.SIGTERM, signal.SIGHUP)


class _OneLine(logging.Formatter):
    """A message in one line; with the traceback only where INOTIFY_CFFI_DEBUG is set."""

    def format(self, record: logging.LogRecord) -> str:
        text = f"inotify-cffi: {record.getMessage()}".replace("\n", " ")
        if record.exc_info and os.environ.get("INOTIFY_CFFI_DEBUG"):
            text += "\n" + self.formatException(record.exc_info)
        return text


@contextmanager
def logging_to_stderr() -> Iterator[None]:
    """Print what the library logs, from warnings up, a line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    logger = logging.getLogger("inotify_cffi")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


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
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: it was not set from Python, and can not be set back from here.
            if handler is not None:
                signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def one_line(error: Exception) -> str:
    """Return what an expected error says to a user: the path, if it is about one, and why."""
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        if error.filename is not None:
            name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else str(error.filename)
            text = f"{name or repr(name)}: {text}"
    else:
        text = str(error)
    # A name may hold a newline, or what a terminal obeys.
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
