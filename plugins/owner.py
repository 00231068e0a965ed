"""Whose a journal is: one process writes it, and its files are for nobody else to read."""

from __future__ import annotations

import fcntl
import os

__all__ = ["Owner", "TakenError", "make_private", "writer"]

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


class TakenError(Exception):
    """Another process writes the journal; ``pid`` is its number, 0 if it did not say."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"process {pid} writes it" if pid else "another process writes it")
        self.pid = pid


class Owner:
    """The lock of the one process that writes: a file beside the journal, which stays there.

    It is not the journal itself. To close a descriptor of that would take away the locks that SQLite has on it,
    for those of fcntl(2) belong to the process.

    Args:
        file: the path of the lock.

    Raises:
        TakenError: another one has it.
        OSError: the file can not be made.

    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TakenError(_number(os.pread(self._fd, 20, 0))) from None
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)
        except BaseException:
            os.close(self._fd)
            raise

    def hold(self) -> None:
        """Make the lock anew if its file was removed or replaced. Raises TakenError, OSError."""
        mine = os.fstat(self._fd)
        try:
            if os.path.samestat(os.stat(self._file), mine):
                return
        except FileNotFoundError:
            # Another one would make it, too.
            pass
        other = Owner(self._file)
        os.close(self._fd)
        self._fd = other._fd

    def release(self) -> None:
        """Let another process write; more than once is harmless."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def writer(file: str) -> int | None:
    """Return the number of the process that has the lock; None if none has it, as far as is to be seen."""
    try:
        with open(file, "rb") as stream:
            pid, inode = _number(stream.read(20)), os.fstat(stream.fileno()).st_ino
        # Not by a lock of our own: a writer that begins at this moment would be refused.
        with open("/proc/locks", encoding="ascii") as stream:
            held = any(line.split()[1:2] == ["FLOCK"] and f":{inode} " in line for line in stream)
    except OSError:
        return None
    return pid if held else None


def make_private(file: str) -> None:
    """Make a file and the directories above it, if they are not there, for this user alone.

    A link is followed, but no directory is made where it leads.
    """
    _make_directory(os.path.dirname(file))
    try:
        os.close(os.open(os.path.realpath(file), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    except FileExistsError:
        # Whose it is was decided by who made it.
        return


def _make_directory(path: str) -> None:
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for each in reversed(missing):
        try:
            os.mkdir(each, DIRECTORY_MODE)
        except FileExistsError:
            if not os.path.isdir(each):
                raise


def _number(text: bytes) -> int:
    digits = text.strip()
    return int(digits) if digits.isdigit() else 0
