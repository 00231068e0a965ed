"""Whether the files that are written are those at their paths still, and whole.

Anybody may delete a file that is open, put another one in its place, truncate it or write into it. SQLite does not
look: it writes on into what nobody finds any more, or beside what is missing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from enum import Enum
from typing import Dict, List, Tuple

__all__ = ["Found", "Place"]

# SQLite's own files beside the database; both are there as long as it is open.
BESIDE = ("-wal", "-shm")

# The WAL may take so much of what is free, as 1 / PART: what is in it needs room in the file, too.
PART = 8
# Pages of the WAL at which it is written into the file: SQLite's own choice, and what a small disk has left.
MOST_PAGES = 1000
LEAST_PAGES = 16
PAGE_BYTES = 4096


# To read through a larger file would hold up the events; that it is no smaller has to do.
MOST_CHECKED = 64 << 20


class Found(Enum):
    """What has become of the files."""

    THERE = ""
    GONE = "has vanished, or a part of it: it is made anew"
    ANOTHER = "was replaced by another one, which is used now"
    CHANGED = "was changed by somebody else"


class Place:
    """The files of one journal.

    Args:
        file: the database, which is there.

    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.inode = _inode(os.stat(file))
        self._beside: Dict[str, Tuple[int, int]] = {}
        # Of the file its size and when it was written, of the WAL its size.
        self._state: Tuple[int, int, int] | None = None

    def begin(self) -> None:
        """Take note of the files that SQLite has made beside it."""
        self._beside = {ending: _inode(os.stat(self.file + ending)) for ending in BESIDE}

    def take_note(self) -> None:
        """Take note of what we have made of them: what changes from now on, somebody else has changed."""
        self._state = None
        with suppress(OSError):
            main, wal, _ = self._stat()
            self._state = (main.st_size, main.st_mtime_ns, wal.st_size)

    def look(self) -> Found:
        """Return what has become of them since they were noted.

        Raises:
            OSError: they are not to be seen.

        """
        try:
            main, wal, shm = self._stat()
        except (FileNotFoundError, NotADirectoryError):
            return Found.GONE
        if _inode(main) != self.inode:
            return Found.ANOTHER
        if self._beside and [_inode(wal), _inode(shm)] != list(self._beside.values()):
            return Found.GONE
        if self._state is None:
            return Found.THERE
        size, written_at, wal_size = self._state
        is_cut = main.st_size < size or wal.st_size < wal_size
        is_written = main.st_mtime_ns != written_at and main.st_size <= MOST_CHECKED
        return Found.CHANGED if is_cut or is_written else Found.THERE

    def is_empty(self) -> bool:
        """Return True if nothing of the file is left."""
        return os.stat(self.file).st_size == 0

    def _stat(self) -> List[os.stat_result]:
        return [os.stat(self.file + ending) for ending in ("", *BESIDE)]

    def pages_for_wal(self) -> int:
        """Return at how many pages the WAL is to be written into the file, for the room that there is."""
        try:
            found = os.statvfs(self.file)
        except OSError:
            return MOST_PAGES
        pages = MOST_PAGES
        while pages > LEAST_PAGES and pages * PAGE_BYTES * PART > found.f_bavail * found.f_frsize:
            pages //= 2
        return pages

    def sweep(self) -> None:
        """Remove what is left beside a file that is gone, when it is closed.

        SQLite would take the WAL for that of the file that is there now, and mix the two.
        """
        with suppress(OSError):
            if _inode(os.stat(self.file)) == self.inode:
                return
        for ending, inode in self._beside.items():
            with suppress(OSError):
                if _inode(os.stat(self.file + ending)) == inode:
                    os.unlink(self.file + ending)


def _inode(found: os.stat_result) -> Tuple[int, int]:
    return found.st_dev, found.st_ino
