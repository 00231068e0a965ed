"""Read a file that somebody named, without being held up by what is there in its place."""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["check_regular", "read_regular"]

KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check_regular(path: str) -> None:
    """Check that a regular file is at *path*, links followed; an open of anything else may block, or do something.

    Raises OSError where there is none, or another kind of file.
    """
    _check_kind(os.stat(path).st_mode, path)


def read_regular(path: str, most: int, what: str) -> bytes:
    """Return what is in a regular file.

    Args:
        path: where it is; links are followed.
        most: how many bytes it may have.
        what: what it is to be, with its article, for the message.

    Raises:
        OSError: it can not be read, is no regular file, or is larger.

    """
    # Twice: to open a device may do something; and what is opened may be another file than what was looked at.
    check_regular(path)
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(fd, "rb") as stream:
        _check_kind(os.fstat(fd).st_mode, path)
        data = stream.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {what} may be, {most} bytes", path)
    return data


def _check_kind(mode: int, path: str) -> None:
    for is_kind, name in KINDS:
        if is_kind(mode):
            number = errno.EISDIR if is_kind is stat.S_ISDIR else errno.EINVAL
            raise OSError(number, f"it is {name}, not a regular file", path)
