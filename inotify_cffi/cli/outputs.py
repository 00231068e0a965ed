"""Write to where strangers read: as patiently as it takes, but not once a signal has ended the program.

A pipe that nobody empties blocks whoever writes. A signal ends that wait; then the interpreter writes the rest at
its exit, which no signal ends. So what is left is taken out of the buffers first, and given a moment.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TextIO

from inotify_cffi.cli.ending import ending

__all__ = ["finish", "give_up", "nobody_reads", "standard_output", "write"]

# Where poll(2) says that something can be written, so much can: the least room of a pipe that has some (pipe(7)).
CHUNK = select.PIPE_BUF

# How long the reader has to make room for the next chunk, when a signal has ended the program.
PATIENCE_MS = 1000


def standard_output() -> TextIO:
    """Return where data goes; ends the program where that was closed before it was started."""
    # It need not be there, whatever the type says.
    output: TextIO | None = sys.stdout
    if output is None:
        raise SystemExit("the standard output is closed, so nothing can be printed")
    return output


def write(stream: TextIO, text: str) -> None:
    """Write a text and flush it; what nobody takes is dropped when a signal has ended the program.

    Raises OSError where it can not be written.
    """
    try:
        fd = stream.fileno()
    except io.UnsupportedOperation:
        # It is no descriptor's: of who calls main() and reads what it prints.
        stream.write(text)
        return
    _write(fd, text.encode(stream.encoding or "utf-8", "backslashreplace"))


def nobody_reads(stream: TextIO | None) -> bool:
    """Return True if what is written to a stream comes to nobody any more: the reader of a pipe has gone."""
    if stream is None:
        return False
    try:
        fd = stream.fileno()
    except io.UnsupportedOperation:
        return False
    poll = select.poll()
    poll.register(fd, 0)
    return any(what & (select.POLLERR | select.POLLHUP) for _, what in poll.poll(0))


def finish() -> None:
    """Write out what is buffered, here rather than at the interpreter's exit, which would complain."""
    for stream in _streams():
        try:
            stream.flush()
        except OSError:
            # It can not be written, and whoever tried to has said so. The rest must go somewhere.
            _to_nowhere(stream.fileno())


def give_up() -> None:
    """Write out what is buffered and is taken; nothing is left to be written later, by nobody."""
    for stream in _streams():
        try:
            fd = stream.fileno()
        except io.UnsupportedOperation:
            continue
        try:
            _write(fd, _buffered(stream, fd))
        except OSError:
            _to_nowhere(fd)


def _streams() -> list[TextIO]:
    streams: list[TextIO | None] = [sys.stdout, sys.stderr]
    return [stream for stream in streams if stream is not None]


def _buffered(stream: TextIO, fd: int) -> bytes:
    """Take what waits in the buffers of a stream, by letting it be written elsewhere."""
    # Imported here: it takes its time, and most ends are none by a signal.
    import tempfile

    true_one = os.dup(fd)
    try:
        with tempfile.TemporaryFile() as other:
            os.dup2(other.fileno(), fd)
            try:
                stream.flush()
            finally:
                os.dup2(true_one, fd)
            other.seek(0)
            return other.read()
    finally:
        os.close(true_one)


def _write(fd: int, data: bytes) -> None:
    room = select.poll()
    room.register(fd, select.POLLOUT)
    rest = memoryview(data)
    while rest:
        if room.poll(PATIENCE_MS):
            try:
                rest = rest[os.write(fd, rest[:CHUNK]) :]
            except BlockingIOError:
                # Another process was faster.
                continue
        elif ending.number:
            return


def _to_nowhere(fd: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, fd)
    os.close(nowhere)
