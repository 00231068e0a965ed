"""What a command has to say besides its data: messages, on the standard error."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

from inotify_cffi.base.printing import printable
from inotify_cffi.cli.outputs import write

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["Lines", "Objects", "logging_to_stderr", "one_line"]

logger = logging.getLogger("inotify_cffi")


class Lines(logging.Formatter):
    """A message in one line; with the traceback only where INOTIFY_CFFI_DEBUG is set."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        text = printable(record.getMessage())
        if not getattr(record, "bare", False):
            text = f"inotify-cffi: {text}"
        if record.exc_info and os.environ.get("INOTIFY_CFFI_DEBUG"):
            lines = self.formatException(record.exc_info).split("\n")
            text = "\n".join([text, *map(printable, lines)])
        return text


class Objects(logging.Formatter):
    """A message as a JSON object in one line, for a service's log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        import json

        row = {"time": record.created, "level": record.levelname.lower(), "message": _paired(record.getMessage())}
        if record.exc_info:
            row["traceback"] = _paired(self.formatException(record.exc_info))
        return json.dumps(row)


def _paired(text: str) -> str:
    """Return a text with each half of a pair of surrogates escaped, which strict readers of JSON refuse."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Messages(logging.Handler):
    """Write messages to a stream; who does not read them holds nobody up who is to end."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        if self._stream is None:
            return
        try:
            write(self._stream, self.format(record) + "\n")
        except OSError:
            # There is nobody who could be told.
            return


@contextmanager
def logging_to_stderr() -> Iterator[logging.Handler]:
    """Print what is logged by the library, its plugins and this program; gives the handler that does."""
    handler = Messages(sys.stderr)
    handler.setFormatter(Lines())
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def one_line(error: BaseException) -> str:
    """Return what an expected error says to a user: the path, if it is about one, and why."""
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        if error.filename is not None:
            name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else str(error.filename)
            text = f"{name or repr(name)}: {text}"
    else:
        text = str(error)
    return text
