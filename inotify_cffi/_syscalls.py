"""The one door to C: each function calls, checks, converts and raises; none decides anything.

cffi releases the GIL around each call. A call that fails gives -errno, see ``csrc/kernel.c``. What has to be
closed has an owner from the call on, see ``csrc/owner.c``: no exception comes in between.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

from inotify_cffi._inotify import ffi, lib
from inotify_cffi.encoding import decoded, encoded
from inotify_cffi.errors import DecodeError, InstanceLimitError, PathError, WatchLimitError
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from typing import Callable, NoReturn, Tuple

    from inotify_cffi._inotify import Ahead, CData, CrawlStruct, FileStruct, Owner
    from inotify_cffi._storage import Records

__all__ = [
    "O_PATH",
    "POLL_IN",
    "POLL_ONCE",
    "POLL_ONE",
    "POLL_OUT",
    "POLL_PRI",
    "Columns",
    "CrawlBuffer",
    "CrawlColumns",
    "Crawled",
    "Descriptor",
    "EpollBuffer",
    "ListBuffer",
    "ReadAhead",
    "ReadBuffer",
    "add_watch",
    "epoll_add",
    "epoll_create",
    "epoll_remove",
    "eventfd",
    "inotify_init",
    "open_fd",
    "pipe",
    "queued_bytes",
    "reason",
    "rm_watch",
    "set_next_wd",
    "split",
    "sysctl",
    "watch_fd",
]

# The os module of PyPy lacks it.
O_PATH: int = lib.O_PATH
POLL_IN: int = lib.EPOLLIN
POLL_PRI: int = lib.EPOLLPRI
POLL_OUT: int = lib.EPOLLOUT
# Told once, and no more.
POLL_ONCE: int = lib.EPOLLONESHOT
# Of all who wait with it, one is woken.
POLL_ONE: int = lib.EPOLLEXCLUSIVE

# A record is 16 bytes and a name of up to 255 in steps of 16 (inotify(7)).
RECORD_SIZE = 16
LARGEST_RECORD = RECORD_SIZE + 256
LIST_SIZE = 32768

# What is visited at once; it takes some milliseconds.
CRAWL_RECORDS = 1024
CRAWL_SLOTS = 8192
CRAWL_ROOM = 1 << 18

# What the kernel takes for a full queue of 16,384 events with short names, at the least.
MEMORY_OF_AN_INSTANCE = 1 << 20

# There is no regular file at a path: no such name, no such way, another kind.
NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENODATA)

# What belongs to C is made by an allocator of a struct, not given to ffi.gc. CPython's collector finalizes what is
# in a cycle in no order (gcmodule.c, finalize_garbage), and with it what ffi.gc gave: its memory is gone while a
# __del__ or the end of a generator in that cycle still uses it. What an allocator has made for a struct hangs on
# an object that this collector does not know, so it is ended after the last use.
new_owner: Callable[[str], Owner] = ffi.new_allocator(lib.ic_owner_new, lib.ic_owner_free, False)
new_ahead: Callable[[str], Ahead] = ffi.new_allocator(lib.ic_ahead_new, lib.ic_ahead_free, False)
new_crawl: Callable[[str], CrawlStruct] = ffi.new_allocator(lib.ic_crawl_new, lib.ic_crawl_free, False)

# The process has none left, or the system.
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)

# openat(2): relative to the working directory.
WORKING_DIRECTORY: int = lib.AT_FDCWD


class Columns(NamedTuple):
    """What one read returned, a list for each field; a name is empty for the watched object itself."""

    wds: list[int]
    masks: list[int]
    cookies: list[int]
    names: bytes  # joined, each ended by a NUL
    size: int  # in bytes, of the records


def sysctl(name: str) -> str:
    """Return the value of an inotify sysctl such as ``max_user_watches``, or ``"unknown"``."""
    return _value(f"/proc/sys/fs/inotify/{name}")


def _value(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "unknown"


def _limit(name: str, in_namespace: str) -> str:
    """Return what to raise and its value: the sysctl, or the limit of the user namespace if that is lower."""
    value, lower = sysctl(name), _value(f"/proc/sys/user/{in_namespace}")
    if value.isdigit() and lower.isdigit() and int(lower) < int(value):
        return f"raise fs.inotify.{name} (now {value}) and user.{in_namespace} (now {lower})"
    return f"raise fs.inotify.{name} (now {value})"


def reason(code: int) -> str:
    """Return what an errno means; if no descriptor is left, with what to raise and its value."""
    if code == errno.EMFILE:
        return f"no file descriptor is left; raise RLIMIT_NOFILE (ulimit -n, now {os.sysconf('SC_OPEN_MAX')})"
    if code == errno.ENFILE:
        limit_of_all = _value("/proc/sys/fs/file-max")
        return f"no file descriptor is left for all processes together; raise fs.file-max (now {limit_of_all})"
    return os.strerror(code)


def _fail(code: int, path: str | bytes | None = None) -> NoReturn:
    raise OSError(code, reason(code), path)


def weigh(size: int) -> None:
    """Tell the collector of PyPy, which knows its own bytes only, that so many more hang on an object."""
    if sys.implementation.name == "pypy":
        from __pypy__ import add_memory_pressure  # type: ignore[import-not-found]

        add_memory_pressure(size)


class Descriptor:
    """The owner of a file descriptor: it closes it, and whoever forgets the owner has closed it, too.

    It is made before the call that opens the descriptor, which stores that here.
    """

    __slots__ = ("cdata",)

    def __init__(self) -> None:
        self.cdata = new_owner("struct ic_owner *")

    @property
    def fd(self) -> int:
        """The descriptor, -1 if there is none (any more)."""
        return self.cdata.fd

    def close(self) -> None:
        """Close it; more than once, and in any thread, does no harm."""
        lib.ic_close(self.cdata)

    def let_go(self) -> int:
        """Return the descriptor, which is the caller's from now on."""
        return lib.ic_let_go(self.cdata)


def open_fd(path: str, flags: int, *, dir_fd: int | None = None) -> Descriptor:
    """Open *path* (openat(2)). Raises OSError; its filename is *path*."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise PathError(errno.EINVAL, "a path can not hold a NUL byte", path)
    opened = Descriptor()
    directory = WORKING_DIRECTORY if dir_fd is None else dir_fd
    while True:
        code = -lib.ic_have_open(opened.cdata, directory, encoded, flags)
        # A signal handler has run by the next step.
        if code != errno.EINTR:
            break
    if code > 0:
        _fail(code, path)
    return opened


class File(NamedTuple):
    """A regular file, and what is known of who has it open: *code* is 0 if nobody has it open for writing."""

    # EAGAIN if somebody has; any other errno is why it can not be known: see ic_unopened().
    code: int
    # In bytes.
    size: int
    device: int
    inode: int


def look_at_file(path: str | bytes) -> File | None:
    """Look whether anybody has a file open for writing; None if there is no regular file, links not followed.

    To know that the file is opened, for reading, and closed again.
    """
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        return None
    found = cast("FileStruct", ffi.new("struct ic_file *"))
    code = -lib.ic_unopened(encoded, found)
    if code in NO_FILE:
        return None
    return File(code, found.size, found.device, found.inode)


def pipe() -> tuple[Descriptor, Descriptor]:
    """Return the two ends of a pipe, to read from and to write to, non-blocking and close-on-exec."""
    ends = Descriptor(), Descriptor()
    failed = -lib.ic_have_pipe(ends[0].cdata, ends[1].cdata)
    if failed:
        _fail(failed)
    return ends


def inotify_init() -> Descriptor:
    """Return a new inotify instance, non-blocking and close-on-exec.

    Raises InstanceLimitError where the user has too many instances, OSError for any other failure.
    """
    made = Descriptor()
    code = -lib.ic_have_inotify(made.cdata)
    if code == errno.EMFILE:
        # Those that were forgotten, not closed, are free when the collector has come to them.
        gc.collect()
        code = -lib.ic_have_inotify(made.cdata)
    if code == errno.EMFILE:
        _fail_instance()
    if code > 0:
        _fail(code)
    weigh(MEMORY_OF_AN_INSTANCE)
    return made


def _fail_instance() -> NoReturn:
    """Tell the two limits apart that inotify_init1(2) reports alike: it is the process's if open fails."""
    try:
        open_fd("/", O_PATH | os.O_CLOEXEC).close()
    except OSError as error:
        if error.errno == errno.EMFILE:
            raise OSError(error.errno, error.strerror) from None
    remedy = _limit("max_user_instances", "max_inotify_instances")
    raise InstanceLimitError(errno.EMFILE, f"no inotify instance is left for this user; {remedy}")


def _fail_watch(code: int, path: str | bytes | None) -> NoReturn:
    if code == errno.ENOSPC:
        remedy = _limit("max_user_watches", "max_inotify_watches")
        raise WatchLimitError(code, f"no watch is left for this user; {remedy}", path)
    _fail(code, path)


def add_watch(fd: int, path: str | bytes, mask: int) -> int:
    """Watch *path* through the instance *fd* and return the watch descriptor (inotify_add_watch(2)).

    Raises WatchLimitError where no watch is left, PathError for a NUL in *path*, OSError otherwise.
    """
    encoded_path = os.fsencode(path)
    if b"\0" in encoded_path:
        raise PathError(errno.EINVAL, "a path can not hold a NUL byte", path)
    wd = lib.ic_add_watch(fd, encoded_path, mask)
    if wd < 0:
        _fail_watch(-wd, path)
    return wd


def watch_fd(fd: int, target: int, mask: int, path: str | bytes | None = None) -> int:
    """Watch the object that is open as *target*, by whatever path; *path* is only for the error."""
    wd = lib.ic_watch_fd(fd, target, mask)
    if wd < 0:
        _fail_watch(-wd, path)
    return wd


def rm_watch(fd: int, wd: int) -> bool:
    """Remove a watch; False if it was gone already (EINVAL, inotify_rm_watch(2))."""
    failed = -lib.ic_rm_watch(fd, wd)
    if failed and failed != errno.EINVAL:
        _fail(failed)
    return not failed


def queued_bytes(fd: int) -> int:
    """Return how many bytes wait in the queue of the instance *fd* (FIONREAD, inotify(7))."""
    count = lib.ic_queued(fd)
    if count < 0:
        _fail(-count)
    return count


def set_next_wd(fd: int, wd: int) -> None:
    """Let the next watch of the instance have the descriptor *wd* (INOTIFY_IOC_SETNEXTWD); for tests."""
    failed = -lib.ic_set_next_wd(fd, wd)
    if failed:
        _fail(failed)


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
            _fail(code)

    def fileno(self) -> int:
        """Return a descriptor that is readable while the memory holds something."""
        return lib.ic_ahead_filled(self.cdata)

    def queued_bytes(self) -> int:
        """Return how many bytes wait, in the memory and in the kernel's queue. Raises OSError."""
        count = lib.ic_ahead_queued(self.cdata)
        if count < 0:
            _fail(-count)
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
            _fail(-count)
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
        _fail(-count)


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
            _fail(-count)
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


def epoll_create() -> Descriptor:
    """Return a new epoll instance, close-on-exec."""
    made = Descriptor()
    failed = lib.ic_have_epoll(made.cdata)
    if failed < 0:
        _fail(-failed)
    return made


def epoll_add(epoll: int, fd: int, events: int) -> None:
    """Let *epoll* wait for *events* of *fd* as well."""
    failed = -lib.ic_epoll_add(epoll, fd, events)
    if failed:
        _fail(failed)


def epoll_remove(epoll: int, fd: int) -> None:
    """Let *epoll* wait for *fd* no more, if it does: the kernel has removed it when it was closed."""
    lib.ic_epoll_remove(epoll, fd)


class EpollBuffer:
    """Room for the answers of one wait."""

    def __init__(self) -> None:
        self._ready = ffi.new("int[]", lib.IC_MOST_READY)

    def wait(self, epoll: int, timeout_ms: int) -> list[int] | None:
        """Return the descriptors that are ready, none after the timeout; None if a signal came (EINTR)."""
        count = lib.ic_epoll_wait(epoll, self._ready, timeout_ms)
        if count == -errno.EINTR:
            return None
        if count < 0:
            _fail(-count)
        return ffi.unpack(self._ready, count)


def eventfd() -> Descriptor:
    """Return a new eventfd, non-blocking and close-on-exec (eventfd(2))."""
    made = Descriptor()
    failed = lib.ic_have_eventfd(made.cdata)
    if failed < 0:
        _fail(-failed)
    return made
