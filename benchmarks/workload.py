"""What is done to the file system: trees, and events that wait in the queue."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["EVENTS_PER_FILE", "FAN_OUT", "LAST", "Trees", "in_memory", "queue_events"]

FAN_OUT = 10
EVENTS_PER_FILE = 4
LAST = "the-last"
_libc = ctypes.CDLL(None)


def in_memory() -> str | None:
    """Return a directory of a file system in memory, if there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None


class Trees:
    """Trees below one temporary directory, each made once and kept for all runs; a context manager."""

    def __init__(self, where: str | None) -> None:
        self._top = tempfile.mkdtemp(prefix="inotify-benchmarks-", dir=where)
        self._made: dict[tuple[int, int], list[str]] = {}

    def get(self, directories: int, files: int) -> list[str]:
        """Return the directories of a tree, its root first, with so many *directories* below the root.

        Each has up to ten directories and exactly *files* files of its own, no two names alike.
        """
        key = (directories, files)
        if key not in self._made:
            self._made[key] = self._make(directories, files)
        return self._made[key]

    def fresh(self) -> str:
        """Return a new, empty directory."""
        return tempfile.mkdtemp(dir=self._top)

    def _make(self, directories: int, files: int) -> list[str]:
        paths = [self.fresh()]
        for number in range(1, directories + 1):
            path = f"{paths[(number - 1) // FAN_OUT]}/d{number:06d}"
            os.mkdir(path)
            paths.append(path)
        for number, path in enumerate(paths[1:]):
            for file in range(files):
                os.mknod(f"{path}/f{number:06d}{file}")
        return paths

    def __enter__(self) -> Trees:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        shutil.rmtree(self._top, ignore_errors=True)


def queue_events(directories: list[str], events: int, last: str) -> int:
    """Cause so many *events*, in turn in each directory, then one about a file *last*; the number of files.

    A file is created, truncated, touched and deleted, which is one event each (CREATE, MODIFY, ATTRIB, DELETE).
    The kernel merges an event that equals the one before it; no two neighbours are equal here.
    """
    files = events // EVENTS_PER_FILE
    for number in range(files):
        path = f"{directories[number % len(directories)]}/n{number:06d}"
        os.mknod(path)
        # PyPy's os.truncate opens and closes the file, which is one event more.
        _libc.truncate(os.fsencode(path), ctypes.c_long(0))
        os.utime(path)
        os.unlink(path)
    os.mknod(last)
    return files
