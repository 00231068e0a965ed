"""The memory that listings and crawls are put into; a part of the door to C.

As in ``syscalls``, each function calls, checks, converts and raises; none decides anything.
"""

from __future__ import annotations

import errno

from inotify_cffi._inotify import ffi, lib
from inotify_cffi.base.encoding import decoded, joined
from inotify_cffi.kernel.syscalls import fail, weigh
from inotify_cffi.typed import FOREVER, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Callable, Tuple

    from inotify_cffi._inotify import CData, CrawlStruct

__all__ = [
    "STAMP",
    "CrawlBuffer",
    "CrawlColumns",
    "Crawled",
    "ListBuffer",
    "entries_at_once",
    "leaves_out",
    "stamps",
]

LIST_SIZE = 32768
# What a large directory is listed into at once, four times as much if that is not enough.
LIST_ROOM = 1 << 20
# What is visited at once; it takes some milliseconds.
CRAWL_RECORDS = 1024
CRAWL_SLOTS = 8192
CRAWL_ROOM = 1 << 18

# The bytes of a stamp: inode, size, mtime_ns, ctime_ns.
STAMP = 32

# See syscalls.new_owner.
new_crawl: Callable[[str], CrawlStruct] = ffi.new_allocator(lib.ic_crawl_new, lib.ic_crawl_free, False)


def stamps(fd: int, names: bytes, count: int) -> bytes:
    """Return what some entries of the directory *fd* are, a stamp each; of what is gone one with no size.

    *names*: so many, each ended by a NUL.
    """
    found = ffi.new("struct ic_stamp[]", count)
    lib.ic_stamp_all(fd, names, len(names), found, count)
    return bytes(ffi.buffer(found)[:])


class ListBuffer:
    """Room for a part of a listing; reused, for to clear it costs as much as the listing of a small directory."""

    def __init__(self) -> None:
        self._out = ffi.new("char[]", LIST_SIZE)
        self._is_cut = ffi.new("int *")

    def first_entries(self, fd: int) -> Tuple[list[str], bool]:
        """Return the first entries of the directory that is open as *fd*, and whether there may be more.

        Each is a kind and the name: ``"dsub"``. The kinds are ``d`` a directory, ``l`` a symbolic link, ``-``
        anything else. Raises OSError.
        """
        first, is_cut = self._part(fd)
        if not first:
            return [], False
        more, _ = self._part(fd)
        return decoded(first + more).split("\0")[:-1], is_cut or bool(more)

    def more_entries(self, fd: int) -> list[str]:
        """Return the next of the entries, as many as one call gives; none at the end. Raises OSError."""
        return decoded(self._part(fd)[0]).split("\0")[:-1]

    def _part(self, fd: int) -> Tuple[bytes, bool]:
        count = lib.ic_list(fd, self._out, LIST_SIZE, self._is_cut)
        if count < 0:
            fail(-count)
        return bytes(ffi.buffer(self._out, count)[:]), bool(self._is_cut[0])


def leaves_out(fd: int) -> bool:
    """Return True if a listing of the directory *fd* that takes several reads may leave out what stays."""
    return bool(lib.ic_leaves_out(fd))


def entries_at_once(fd: int) -> list[str]:
    """Return all entries of the directory that is open as *fd*, by one read. Raises OSError, MemoryError."""
    size = LIST_ROOM
    while True:
        out = ffi.new("char[]", size)
        count = lib.ic_list_at_once(fd, out, size)
        if count >= 0:
            return decoded(bytes(ffi.buffer(out, count)[:])).split("\0")[:-1]
        if count != -errno.ENOBUFS:
            fail(-count)
        size *= 4


class CrawlColumns(NamedTuple):
    """What a crawl found: a column each for directories that were visited, parents first, and for slots.

    The directories to visit have the first slots, in their order; those that were found have the others, in the
    order in which the directories that they are in were visited.
    """

    wds: list[int]
    file_counts: list[int]
    dir_counts: list[int]
    # By slot: which of the visited directories it is, or -1.
    visits: list[int]
    # Names: of the files, and of the directories that were found.
    files: list[str]
    dirs: list[str]
    # Of directories that were compared: 1 for one in which a file may have changed. None is meant if it is empty.
    changed: list[int] = []  # noqa: RUF012  # a tuple's default
    # Whether there was more than there was time for, or than was to be visited at most.
    is_cut: bool = False


class Crawled:
    """What a crawl found, where it found it: good until the next one that uses the same buffer."""

    def __init__(self, buffer: CrawlBuffer, cdata: CrawlStruct) -> None:
        self._buffer = buffer
        self.cdata = cdata

    @property
    def count(self) -> int:
        """How many directories were visited."""
        return self.cdata.records

    @property
    def is_cut(self) -> bool:
        """True if there was more than there was time for, or than was to be visited at most."""
        return bool(self.cdata.is_cut)

    @property
    def slots(self) -> int:
        """How many directories were given and found."""
        return self.cdata.slots

    @property
    def wds(self) -> list[int]:
        """The watch descriptors of those that were visited."""
        return ffi.unpack(self.cdata.wds, self.count)

    @property
    def last_wd(self) -> int:
        """The highest watch descriptor so far."""
        return self.cdata.last_wd

    def columns(self) -> CrawlColumns:
        """Return all of it."""
        return self._buffer.columns()


class CrawlBuffer:
    """Room for a part of a crawl: so many directories visited, so many found, so many bytes of names."""

    def __init__(self, *, records: int = CRAWL_RECORDS, slots: int = CRAWL_SLOTS, room: int = CRAWL_ROOM) -> None:
        self._crawl = new_crawl("struct ic_crawl *")
        if lib.ic_crawl_have(self._crawl, records, slots, room) < 0:
            raise MemoryError
        weigh((records + slots) * 16 + room * 2)

    def visit(
        self,
        inotify: int,
        fd: int,
        names: list[str],
        mask: int,
        *,
        last_wd: int,
        most: int,
        files: bool = True,
        seconds: float = 0.0,
    ) -> Crawled:
        """Watch and list the directories *names* of the directory *fd*, and all below them, links not followed.

        Not *files*: of directories only, and where the number of its links says that a directory has none, it
        is not even opened. Then what is queued behind may say that what was looked at is not what is watched:
        a directory that moves there has to be listed.

        What is not to be had is left out: what can not be opened, watched or listed, what has a watch that is not
        newer than *last_wd*, what is very deep, what there is no room for, and more than *most* directories or
        than there is time for in so many *seconds*, 0 for any.
        """
        given = joined(names)
        crawl = lib.ic_crawl if files else lib.ic_crawl_directories
        crawl(self._crawl, inotify, mask, last_wd, most, _ns(seconds), fd, given, len(given))
        return Crawled(self, self._crawl)

    def compare(
        self,
        inotify: int,
        fd: int,
        names: list[str],
        mask: int,
        *,
        last_wd: int,
        most: int,
        since: float | None,
        seconds: float = 0.0,
    ) -> Crawled:
        """Do the same with directories that are known, whatever watch they get, to compare them with the ledger.

        *since*: of interest is whether a file may have changed since then, by its ctime (seconds, wall clock).
        """
        given = joined(names)
        moment = FOREVER if since is None else since
        lib.ic_crawl_known(self._crawl, inotify, mask, last_wd, most, _ns(seconds), moment, fd, given, len(given))
        return Crawled(self, self._crawl)

    def columns(self) -> CrawlColumns:
        """Return what is in it."""
        crawl = self._crawl
        changed = ffi.unpack(crawl.changed, crawl.records)
        return CrawlColumns(
            ffi.unpack(crawl.wds, crawl.records),
            ffi.unpack(crawl.file_counts, crawl.records),
            ffi.unpack(crawl.dir_counts, crawl.records),
            ffi.unpack(crawl.visits, crawl.slots),
            _names(crawl.files, crawl.files_filled),
            _names(crawl.dirs, crawl.dirs_filled),
            changed if any(changed) else [],
            bool(crawl.is_cut),
        )

    def fill(self, columns: CrawlColumns) -> Crawled:
        """Put in what a crawl has found before, to be adopted again. Raises ValueError if there is no room."""
        wds, file_counts, dir_counts, visits, *names, changed, is_cut = columns
        changed = changed or [0] * len(wds)
        if not len(wds) == len(file_counts) == len(dir_counts) == len(changed):
            raise ValueError("a crawl has as many numbers of files, and of directories, as it has watches")
        files, dirs = map(joined, names)
        count = (len(wds), wds, file_counts, dir_counts, bytes(map(bool, changed)), len(visits), visits)
        if lib.ic_crawl_fill(self._crawl, *count, files, len(files), dirs, len(dirs), is_cut) < 0:
            raise ValueError(f"there is no room for a crawl of {len(wds)} directories; take a larger buffer")
        return Crawled(self, self._crawl)


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


def _names(names: CData, size: int) -> list[str]:
    return decoded(bytes(ffi.buffer(names, size)[:])).split("\0")[:-1]
