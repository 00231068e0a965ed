"""The calls that the PyPI package ``inotify`` has, and its exception."""

from __future__ import annotations

import errno
import os
from typing import Dict, NoReturn

from inotify_cffi import errors
from inotify_cffi.kernel import syscalls

__all__ = [
    "InotifyAccessError",
    "InotifyError",
    "InotifyMissingError",
    "InotifyNotDirectoryError",
    "errno",
    "inotify_add_watch",
    "inotify_init",
    "inotify_rm_watch",
]


class InotifyError(errors.InotifyError, OSError):
    """A call to the kernel failed.

    It has ``errno`` and ``errmsg`` as in the original, and ``strerror`` and ``filename`` as any OSError.

    Args:
        message: what failed; the errno and its text are added behind it.
        args: what else goes into ``args``.
        error: the OSError that tells why; without it the errno is 0.

    """

    def __init__(self, message: str, *args: object, error: OSError | None = None) -> None:
        code = (error.errno if error is not None else None) or 0
        self.errmsg = (error.strerror if error is not None else None) or os.strerror(code)
        text = f"{message} ERRNO=({code}) [{self.errmsg}]"
        # OSError takes more than one argument apart: as errno, strerror and filename.
        super().__init__(text)
        self.args = (text, *args)
        self.errno = code
        self.strerror = self.errmsg
        self.filename = error.filename if error is not None else None

    def __str__(self) -> str:
        return str(self.args[0] if len(self.args) == 1 else self.args)


class InotifyMissingError(InotifyError, FileNotFoundError):
    """There is nothing at the path."""


class InotifyNotDirectoryError(InotifyError, NotADirectoryError):
    """What is at the path is no directory."""


class InotifyAccessError(InotifyError, PermissionError):
    """The path may not be read."""


_BY_ERRNO: Dict[int | None, type[InotifyError]] = {
    errno.ENOENT: InotifyMissingError,
    errno.ENOTDIR: InotifyNotDirectoryError,
    errno.EACCES: InotifyAccessError,
    errno.EPERM: InotifyAccessError,
}


def fail(message: str, error: OSError) -> NoReturn:
    """Raise *error* as an InotifyError, and as the OSError that Python has for its errno."""
    if isinstance(error, InotifyError):
        raise error
    raise _BY_ERRNO.get(error.errno, InotifyError)(message, error=error) from error


def inotify_init() -> int:
    """Return the descriptor of a new inotify instance; reading it blocks, and programs do not inherit it.

    Raises InotifyError.
    """
    try:
        made = syscalls.inotify_init()
    except OSError as error:
        fail("no inotify instance", error)
    os.set_blocking(made.fd, True)
    return made.let_go()


def inotify_add_watch(fd: int, path: bytes, mask: int) -> int:
    """Watch *path* through the instance *fd* and return the watch descriptor. Raises InotifyError."""
    try:
        return syscalls.add_watch(fd, path, mask)
    except OSError as error:
        fail(f"cannot watch {path!r}", error)


def inotify_rm_watch(fd: int, wd: int) -> int:
    """Remove a watch and return 0. Raises InotifyError, also where the watch is gone already."""
    try:
        if not syscalls.rm_watch(fd, wd):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    except OSError as error:
        fail(f"cannot remove the watch {wd}", error)
    return 0


def _check_zero(result: int) -> int:
    if result != 0:
        raise InotifyError(f"a call returned {result}, not 0")
    return result


def _check_nonzero(result: int) -> int:
    if result == 0:
        raise InotifyError("a call returned 0")
    return result


def _check_nonnegative(result: int) -> int:
    if result == -1:
        raise InotifyError("a call returned -1")
    return result
