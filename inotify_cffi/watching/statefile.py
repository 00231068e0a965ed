"""A state in a file: written so that there is always a whole one, and read as what comes from outside."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from inotify_cffi.errors import StateError
from inotify_cffi.ledger.saved import NOTHING, Saved, unpack
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike
    from typing import Union

    Since = Union[bytes, str, PathLike[str], None]

__all__ = ["Since", "read_state", "write_state"]

# Beside the file, until all of it is on the disk.
NEW = ".new"

# Some file systems have nothing to synchronise of a directory.
NOT_TO_SYNCHRONISE = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


def read_state(since: bytes | str | PathLike[str]) -> Saved:
    """Return what a state says, or the file that it is in: if there is none, that nothing is known.

    Raises StateError for what is no state, OSError where the file can not be read, TypeError for anything else.
    """
    if isinstance(since, (bytes, bytearray, memoryview)):
        return unpack(bytes(since))
    if not isinstance(since, (str, os.PathLike)):
        raise TypeError(f"since is what save() has returned, or the path of its file, not {since!r}")
    try:
        state = _content(since)
        if not state:
            raise StateError("it is empty; begin anew without it")
        return unpack(state)
    except FileNotFoundError:
        return NOTHING
    except StateError as error:
        raise StateError(f"{os.fsdecode(since)}: {error}") from error


def _content(file: str | PathLike[str]) -> bytes:
    # Not to wait for who writes into a pipe.
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    with open(fd, "rb") as opened:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise StateError("it is no regular file; give one that save() has written")
        return opened.read()


def write_state(file: str | bytes | PathLike[str] | PathLike[bytes], state: bytes) -> None:
    """Put a state into a file, whole or not at all, whatever comes in between: a crash, a power cut.

    Only its user can read it. Raises OSError, and leaves the file that was there as it was.
    """
    path = os.path.realpath(os.fsdecode(file))
    new = path + NEW
    # Of one that was killed.
    with suppress(FileNotFoundError):
        os.unlink(new)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as opened:
            opened.write(state)
            opened.flush()
            os.fsync(fd)
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(new)
        raise
    _synchronise(os.path.dirname(path))


def _synchronise(directory: str) -> None:
    """Have the names of a directory on the disk."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in NOT_TO_SYNCHRONISE:
            raise
    finally:
        os.close(fd)
