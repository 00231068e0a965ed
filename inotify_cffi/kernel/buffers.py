"""The memory that the kernel's answers are put into: what is read, listed and crawled; a part of the door to C.

As in ``syscalls``, each function calls, checks, converts and raises; none decides anything.
"""

from __future__ import annotations

import errno
import os
import sys

from inotify_cffi._inotify import ffi, lib
from inotify_cffi.base.encoding import decoded, encoded
from inotify_cffi.errors import DecodeError, LedgerError
from inotify_cffi.kernel.syscalls import fail, weigh
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from typing import Callable, NoReturn, Tuple

    from inotify_cffi._inotify import Ahead, CData, CrawlStruct, QueueStruct, RawStruct

__all__ = [
    "Columns",
    "CrawlBuffer",
    "CrawlColumns",
    "Crawled",
    "ListBuffer",
    "ReadAhead",
    "ReadBuffer",
    "Records",
    "checked",
    "refuse",
    "split",
]

# A record is 16 bytes and a name of up to 255 in steps of 16 (inotify(7)).
RECORD_SIZE = 16
LARGEST_RECORD = RECORD_SIZE + 256
LIST_SIZE = 32768
# What is visited at once; it takes some milliseconds.
CRAWL_RECORDS = 1024
CRAWL_SLOTS = 8192
CRAWL_ROOM = 1 << 18

# Rough sizes of C memory, for a garbage collector that wants to know what hangs on an object (PyPy's).
SOME_MEMORY = 1 << 16
# Of a name; those that are longer take a second call.
NAME_ROOM = 256

# How C says that a step is not to be done on this node, or on anything.
REFUSALS = {
    errno.ESTALE: "the directory is not in the ledger any more",
    errno.EBUSY: "the directory is the owner of another watch descriptor",
    errno.EINVAL: "there is no such place, flag or watch descriptor",
}

# See syscalls.new_owner.
new_ahead: Callable[[str], Ahead] = ffi.new_allocator(lib.ic_ahead_new, lib.ic_ahead_free, False)
new_crawl: Callable[[str], CrawlStruct] = ffi.new_allocator(lib.ic_crawl_new, lib.ic_crawl_free, False)
new_queue: Callable[[str], QueueStruct] = ffi.new_allocator(lib.iq_new, lib.iq_free, False)


def refuse(code: int) -> NoReturn:
    """Raise what an errno of the C code means: no memory, a verb refused, or an error of the kernel."""
    if code == errno.ENOMEM:
        raise MemoryError
    if code in REFUSALS:
        raise LedgerError(f"{REFUSALS[code]}; nothing was changed")
    raise OSError(code, os.strerror(code))


def checked(answer: int) -> int:
    """Return what C answered. Raises what it means if that is -errno, which is below all else."""
    if answer < lib.IL_ABSENT:
        refuse(-answer)
    return answer


class Records:
    """The raw events that were read and are not yet applied: those from :attr:`at` on, up to :attr:`count`."""

    # What sets :attr:`at` of :attr:`cdata`, for who has to do that and more in one step (``watching/handout.py``).
    move_to = staticmethod(lib.iq_move_to)

    def __init__(self) -> None:
        self.cdata = new_queue("struct iq_queue *")
        weigh(SOME_MEMORY)

    @property
    def at(self) -> int:
        """The place of the next one."""
        return self.cdata.at

    @at.setter
    def at(self, at: int) -> None:
        checked(lib.iq_move_to(self.cdata, at))

    @property
    def count(self) -> int:
        """The place behind the last one."""
        return self.cdata.count

    def feed(self, data: bytes) -> int:
        """Add what read(2) returned; the number of records. If none waited, the places begin anew.

        Raises DecodeError where *data* is not whole records, and then adds nothing.
        """
        count = lib.iq_feed(self.cdata, ffi.from_buffer(data), len(data))
        if count == -errno.EINVAL:
            raise DecodeError(f"byte {self.cdata.bad} of {len(data)} does not begin a whole inotify record")
        if count < 0:
            refuse(-count)
        return count

    def raw(self, at: int) -> Tuple[int, int, int, bytes]:
        """Return one: the watch descriptor, the mask, the cookie, the name."""
        raw, name = cast("RawStruct", ffi.new("struct iq_raw *")), ffi.new("char[]", NAME_ROOM)
        length = checked(lib.iq_raw(self.cdata, at, raw, name, NAME_ROOM))
        if length > NAME_ROOM:
            name = ffi.new("char[]", length)
            checked(lib.iq_raw(self.cdata, at, raw, name, length))
        return raw.wd, raw.mask, raw.cookie, bytes(ffi.buffer(name, length)[:])

    def rows(self) -> list[Tuple[int, int, int, bytes]]:
        """Return all that wait, each as :meth:`raw` does."""
        return [self.raw(at) for at in range(self.at, self.count)]

    def columns(self, begin: int) -> Tuple[list[int], list[int], list[int]]:
        """Return watch descriptors, masks and cookies of those from a place on."""
        count = self.cdata.count - begin
        if not count:
            return [], [], []
        if count < 0:
            refuse(errno.EINVAL)
        wds = ffi.new("int32_t[]", count)
        masks, cookies = ffi.new("uint32_t[]", count), ffi.new("uint32_t[]", count)
        checked(lib.iq_columns(self.cdata, begin, count, wds, masks, cookies))
        return ffi.unpack(wds, count), ffi.unpack(masks, count), ffi.unpack(cookies, count)


class Columns(NamedTuple):
    """What one read returned, a list for each field; a name is empty for the watched object itself."""

    wds: list[int]
    masks: list[int]
    cookies: list[int]
    names: bytes  # joined, each ended by a NUL
    size: int  # in bytes, of the records


class _Split:
    """The C columns that a buffer of a given size may be split into."""

    def __init__(self, size: int) -> None:
        most = size // RECORD_SIZE + 1
        self._wds = ffi.new("int32_t[]", most)
        self._masks = ffi.new("uint32_t[]", most)
        self._cookies = ffi.new("uint32_t[]", most)
        self._names = ffi.new("char[]", size + 1)
        self._filled = ffi.new("size_t *")

    def run(self, buffer: CData, size: int) -> Columns:
        count = lib.ic_split(buffer, size, self._wds, self._masks, self._cookies, self._names, self._filled)
        if count < 0:
            raise DecodeError(f"byte {-1 - count} of {size} does not begin a whole inotify record")
        return Columns(
            ffi.unpack(self._wds, count),
            ffi.unpack(self._masks, count),
            ffi.unpack(self._cookies, count),
            bytes(ffi.buffer(self._names, self._filled[0])[:]),
            size,
        )


def split(data: bytes) -> Columns:
    """Split whole records into columns. Raises DecodeError where *data* is not whole records."""
    return _Split(len(data)).run(ffi.from_buffer(data), len(data))


class ReadAhead:
    """A thread that reads the inotify descriptor *fd* into at most *size* bytes of memory; see ``csrc/ahead.c``.

    *shares*: who takes what it read waits for *fd*, too, and has been told so before; so there is no hurry.

    Raises OSError where there is no memory, no descriptor or no thread left.
    """

    def __init__(self, fd: int, size: int, *, shares: bool) -> None:
        # Whoever forgets to end it has no thread left over all the same.
        self.cdata = new_ahead("struct ic_ahead *")
        code = -lib.ic_ahead_start(self.cdata, fd, min(size, sys.maxsize), shares)
        if code == errno.EAGAIN:
            raise OSError(code, "no thread is left to read ahead; raise RLIMIT_NPROC (ulimit -u)")
        if code == errno.ENOMEM:
            raise OSError(code, f"there is no memory to read {size} bytes ahead; take a smaller read_ahead")
        if code:
            fail(code)

    def fileno(self) -> int:
        """Return a descriptor that is readable while the memory holds something."""
        return lib.ic_ahead_filled(self.cdata)

    def queued_bytes(self) -> int:
        """Return how many bytes wait, in the memory and in the kernel's queue. Raises OSError."""
        count = lib.ic_ahead_queued(self.cdata)
        if count < 0:
            fail(-count)
        return count

    @property
    def most_held(self) -> int:
        """The most bytes that the memory has held so far."""
        return lib.ic_ahead_most_held(self.cdata)

    def end(self) -> None:
        """End the thread and free the memory; more than once, and in any thread, does no harm."""
        lib.ic_ahead_end(self.cdata)

    def forked(self) -> None:
        """Free the copy in a forked child, in which there is no such thread."""
        lib.ic_ahead_forked(self.cdata)


class ReadBuffer:
    """A buffer to read an inotify descriptor into; reused, so a read allocates nothing of its size."""

    def __init__(self, size: int) -> None:
        if size < LARGEST_RECORD:
            raise ValueError(f"a read buffer needs {LARGEST_RECORD} bytes for the longest name, not {size}")
        self._size = size
        self._buffer = ffi.new("char[]", size)
        self._split = _Split(size)
        # The bytes that were read and not handed out yet.
        self.kept = ffi.new("int64_t *")

    def read(self, fd: int, most: int | None = None, *, ahead: ReadAhead | None = None) -> Columns | None:
        """Read once, at most *most* bytes; None where nothing is queued. Raises OSError on a failed read.

        What this returns is returned again by the next call, unless ``kept[0] = 0`` says that it was handed out.
        *ahead* is what reads *fd* ahead, if something does.
        """
        size = self._size if most is None else min(self._size, max(most, LARGEST_RECORD))
        reads_ahead = ffi.NULL if ahead is None else ahead.cdata
        count = lib.ic_read_kept(self.kept, fd, reads_ahead, self._buffer, size)
        if count in (-errno.EAGAIN, -errno.EINTR):
            return None
        if count < 0:
            fail(-count)
        return self._split.run(self._buffer, count)

    def read_into(self, records: Records, fd: int, *, ahead: ReadAhead | None = None) -> int:
        """Read once and add what came to *records*; the bytes, 0 where nothing is queued."""
        if ahead is None:
            count = lib.iq_read(records.cdata, fd, self._buffer, self._size)
        else:
            count = lib.iq_read_ahead(records.cdata, ahead.cdata, self._buffer, self._size)
        if count >= 0:
            return count
        if count in (-errno.EAGAIN, -errno.EINTR):
            return 0
        if count == -errno.ENOMEM:
            raise MemoryError
        return fail(-count)


class ListBuffer:
    """Room for a part of a listing; reused, for to clear it costs as much as the listing of a small directory."""

    def __init__(self) -> None:
        self._out = ffi.new("char[]", LIST_SIZE)

    def entries(self, fd: int) -> list[str]:
        """Return the entries of the directory that is open as *fd*, each a kind and the name: ``"dsub"``.

        The kinds are ``d`` a directory, ``l`` a symbolic link, ``-`` anything else. Raises OSError.
        """
        entries: list[str] = []
        while True:
            part = self._part(fd)
            if not part:
                return entries
            # By parts, for what is decoded is then still in the processor's cache.
            entries += decoded(part).split("\0")
            entries.pop()

    def first_entries(self, fd: int) -> Tuple[list[str], bool]:
        """Return the first of the entries, and whether there are more. Raises OSError."""
        first = self._part(fd)
        if not first:
            return [], False
        more = self._part(fd)
        return decoded(first + more).split("\0")[:-1], bool(more)

    def more_entries(self, fd: int) -> list[str]:
        """Return the next of the entries, as many as one call gives; none at the end. Raises OSError."""
        return decoded(self._part(fd)).split("\0")[:-1]

    def _part(self, fd: int) -> bytes:
        count = lib.ic_list(fd, self._out, LIST_SIZE)
        if count < 0:
            fail(-count)
        return bytes(ffi.buffer(self._out, count)[:])


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
    def slots(self) -> int:
        """How many directories were given and found."""
        return self.cdata.slots

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
    ) -> Crawled:
        """Watch and list the directories *names* of the directory *fd*, and all below them, links not followed.

        Not *files*: of directories only, and where the number of its links says that a directory has none, it
        is not even opened. Then what is queued behind may say that what was looked at is not what is watched:
        a directory that moves there has to be listed.

        What is not to be had is left out: what can not be opened, watched or listed, what has a watch that is not
        newer than *last_wd*, what is very deep, what there is no room for, and more than *most* directories.
        """
        joined = encoded("".join([name + "\0" for name in names]))
        crawl = lib.ic_crawl if files else lib.ic_crawl_directories
        crawl(self._crawl, inotify, mask, last_wd, most, fd, joined, len(joined))
        return Crawled(self, self._crawl)

    def columns(self) -> CrawlColumns:
        """Return what is in it."""
        crawl = self._crawl
        return CrawlColumns(
            ffi.unpack(crawl.wds, crawl.records),
            ffi.unpack(crawl.file_counts, crawl.records),
            ffi.unpack(crawl.dir_counts, crawl.records),
            ffi.unpack(crawl.visits, crawl.slots),
            _names(crawl.files, crawl.files_filled),
            _names(crawl.dirs, crawl.dirs_filled),
        )

    def fill(self, columns: CrawlColumns) -> Crawled:
        """Put in what a crawl has found before, to be adopted again. Raises ValueError if there is no room."""
        wds, file_counts, dir_counts, visits, *names = columns
        if not len(wds) == len(file_counts) == len(dir_counts):
            raise ValueError("a crawl has as many numbers of files, and of directories, as it has watches")
        files, dirs = (encoded("".join([text + "\0" for text in texts])) for texts in names)
        count = (len(wds), wds, file_counts, dir_counts, len(visits), visits)
        if lib.ic_crawl_fill(self._crawl, *count, files, len(files), dirs, len(dirs)) < 0:
            raise ValueError(f"there is no room for a crawl of {len(wds)} directories; take a larger buffer")
        return Crawled(self, self._crawl)


def _names(joined: CData, size: int) -> list[str]:
    return decoded(bytes(ffi.buffer(joined, size)[:])).split("\0")[:-1]
