"""What is done to the file system: trees, and events that wait in the queue."""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["EVENTS_PER_FILE", "FAN_OUT", "LAST", "Trees", "Writers", "in_memory", "queue_events"]

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


# Names are of these, and a few have letters that are not ASCII.
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
OTHERS = "äéñöйλ"
SHORTEST, LONGEST = 9, 40
ONE_IN = 50


class Writers:
    """Files that are written at random, the same for each one who has the same *seed*.

    Args:
        seed: of all that is random here: names, where a directory is, which file is written next.
        root: an empty directory.
        directories: how many are made below it.
        deep: whether each of them is in any other one, or all are in the root.

    """

    EVENTS = 5
    MOST_OPEN = 6

    def __init__(self, seed: int, root: str, directories: int, *, deep: bool) -> None:
        self._random = random.Random(seed)
        self._root = root
        self._directories = [root] if deep else []
        self._names: set[str] = set()
        while len(self._directories) < directories + deep:
            above = self._random.choice(self._directories) if deep else root
            self._directories.append(f"{above}/{self._name()}")
            os.mkdir(self._directories[-1])

    def _name(self) -> str:
        """Return a name that there was not, of some bytes."""
        size = self._random.randint(SHORTEST, LONGEST)
        while True:
            name = "".join(self._random.choices(LETTERS, k=size - 1))
            name = self._random.choice(LETTERS[:26]) + name
            if self._random.randrange(ONE_IN) == 0:
                name = name[: size - 2] + self._random.choice(OTHERS)
            if name not in self._names:
                self._names.add(name)
                return name

    def queue(self, events: int, last: str) -> int:
        """Cause about so many *events*, then one about a file *last*; how many.

        A file is created and opened, written, closed, deleted: five events of five kinds. Some files are under way
        at a time, and any of them is next. No two neighbours are equal, which the kernel would merge.
        """
        files = events // self.EVENTS
        under_way: list[tuple[str, int]] = []
        begun = 0
        while begun < files or under_way:
            place = self._random.randrange(self.MOST_OPEN)
            if place < len(under_way):
                path, fd = under_way[place]
                if fd < 0:
                    os.unlink(path)
                    del under_way[place]
                else:
                    os.write(fd, b"x")
                    os.close(fd)
                    under_way[place] = (path, -1)
            elif begun < files:
                begun += 1
                path = f"{self._random.choice(self._directories)}/{self._name()}"
                under_way.append((path, os.open(path, os.O_CREAT | os.O_WRONLY)))
        os.mknod(last)
        return self.EVENTS * files + 1
