"""What a command runs in: its messages, its signals."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator, TextIO

if TYPE_CHECKING:
    from types import FrameType

__all__ = [
    "Lines",
    "Objects",
    "escaped",
    "logging_to_stderr",
    "one_line",
    "standard_output",
    "terminating_cleanly",
]

# What would end the process at once, without inotify_stop: raised as SystemExit instead.
ENDING = (signal.SIGTERM, signal.SIGHUP)


logger = logging.getLogger("inotify_cffi")


class Lines(logging.Formatter):
    """A message in one line; with the traceback only where INOTIFY_CFFI_DEBUG is set."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        text = record.getMessage().replace("\n", " ")
        if not getattr(record, "bare", False):
            text = f"inotify-cffi: {text}"
        if record.exc_info and os.environ.get("INOTIFY_CFFI_DEBUG"):
            text += "\n" + self.formatException(record.exc_info)
        return text


class Objects(logging.Formatter):
    """A message as a JSON object in one line, for a service's log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        row = {"time": record.created, "level": record.levelname.lower(), "message": record.getMessage()}
        if record.exc_info:
            row["traceback"] = self.formatException(record.exc_info)
        return json.dumps(row)


@contextmanager
def logging_to_stderr() -> Iterator[logging.Handler]:
    """Print what is logged by the library, its plugins and this program; gives the handler that does."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        logger.setLevel(level)
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
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
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
    raise SystemExit(128 + number)


def standard_output() -> TextIO:
    """Return where data goes; ends the program where that was closed before it was started."""
    # It need not be there, whatever the type says.
    output: TextIO | None = sys.stdout
    if output is None:
        raise SystemExit("the standard output is closed, so nothing can be printed")
    return output


def one_line(error: BaseException) -> str:
    """Return what an expected error says to a user: the path, if it is about one, and why."""
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        if error.filename is not None:
            name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else str(error.filename)
            text = f"{name or repr(name)}: {text}"
    else:
        text = str(error)
    return escaped(text)


def escaped(text: str) -> str:
    """Return a text in one line: a name in it may hold a newline, or what a terminal obeys."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
