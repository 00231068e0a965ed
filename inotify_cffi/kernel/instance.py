"""One inotify instance in kernel terms: a queue with its descriptor, watches in, raw events out."""

from __future__ import annotations

import errno
import os
import sys

from inotify_cffi.errors import ClosedError, ForkError, WatchLimitError
from inotify_cffi.kernel import buffers, syscalls
from inotify_cffi.kernel.decode import RawEvent
from inotify_cffi.kernel.forks import forget_in_child
from inotify_cffi.typed import TYPE_CHECKING, index

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType
    from typing import NoReturn

    from inotify_cffi.kernel.buffers import Columns, Records
    from inotify_cffi.kernel.listings import CrawlBuffer, Crawled

__all__ = ["Instance", "Refused", "check_read_ahead"]

# One read takes at most this much: some 500 records with short names, or 120. What a batch is made of is to be
# gone before a collector looks at it. CPython's does when 700 objects more were made than freed; PyPy's when the
# nursery is full, of which it copies what lives, and that has 1 MiB where the L2 cache has 2.
READ_SIZES = {"cpython": 16384, "pypy": 8192}
READ_SIZE = READ_SIZES.get(sys.implementation.name, 16384)

# The least that may be read ahead: a fraction of what the kernel's queue holds would be of no use.
LEAST_AHEAD = 65536

CLOSED = -1
FORKED = -2


def check_read_ahead(size: int | None) -> None:
    """Raise ValueError where *size* is too small, TypeError where it is no number of bytes."""
    if size is not None and index(size) < LEAST_AHEAD:
        raise ValueError(f"read_ahead is {LEAST_AHEAD} bytes or more (16 << 20, say), or None; not {size!r}")


class Instance:
    """An inotify instance (inotify(7)): flat, non-blocking, close-on-exec.

    Args:
        read_size: the bytes that one read takes at most, 272 or more.
        read_ahead: :meth:`begin_reading_ahead` with so many bytes.

    Raises InstanceLimitError where ``fs.inotify.max_user_instances`` is reached, OSError otherwise.

    """

    def __init__(self, *, read_size: int = READ_SIZE, read_ahead: int | None = None) -> None:
        self._ahead: buffers.ReadAhead | None = None
        check_read_ahead(read_ahead)
        self._buffer = buffers.ReadBuffer(read_size)
        self._held = syscalls.inotify_init()
        self._fd = self._held.fd
        try:
            forget_in_child(self)
            if read_ahead is not None:
                self.begin_reading_ahead(read_ahead)
        except BaseException:
            self.close()
            raise

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied or pickled, with a TypeError: a descriptor is closed once, by one owner."""
        raise TypeError(
            "an Instance can not be copied or pickled, for its descriptor is this process's; make another"
        )

    def begin_reading_ahead(self, size: int, *, shares: bool = False) -> None:
        """Have a thread, which runs no Python, empty the queue into memory whenever nobody reads in time.

        The memory holds *size* bytes. When it is full the queue fills up behind it, and its overflow is told by
        the kernel as ever. :meth:`fileno` is another descriptor from then on. *shares*: the one that it was before
        is waited for as well, by :meth:`Poller.add_shared <inotify_cffi.kernel.poller.Poller.add_shared>`.

        Raises ValueError for a size below 65536, or if it was begun before; ClosedError; OSError where no memory,
        no descriptor or no thread is left.
        """
        check_read_ahead(size)
        fd = self._inotify()
        if self._ahead is not None:
            raise ValueError("the inotify instance is read ahead already")
        self._ahead = buffers.ReadAhead(fd, size, shares=shares)

    @property
    def most_ahead(self) -> int:
        """The most bytes that were held in memory at once so far; 0 if nothing is read ahead."""
        return 0 if self._ahead is None else self._ahead.most_held

    def fileno(self) -> int:
        """Return a descriptor that is readable when events wait. Raises ClosedError after close.

        In a process that was forked since, all but :meth:`close` raises ForkError.
        """
        fd = self._inotify()
        return fd if self._ahead is None else self._ahead.fileno()

    def _inotify(self) -> int:
        if self._fd == FORKED:
            raise ForkError("the inotify instance belongs to the parent process; make one after the fork")
        if self._fd < 0:
            raise ClosedError("the inotify instance is closed")
        return self._fd

    def add_watch(self, path: str | bytes | PathLike[str] | PathLike[bytes], mask: int) -> int:
        """Watch *path* and return the watch descriptor, the same one for the same inode.

        Raises WatchLimitError, PathError for a NUL, or the OSError of the failed call with errno and filename.
        """
        return syscalls.add_watch(self._inotify(), os.fspath(path), mask)

    def watch_fd(self, target: int, mask: int, path: str | bytes | None = None) -> int:
        """Watch the object open as *target*; *path* only names it in an error."""
        return syscalls.watch_fd(self._fd if self._fd >= 0 else self._inotify(), target, mask, path)

    def crawl(
        self,
        buffer: CrawlBuffer,
        target: int,
        names: list[str],
        mask: int,
        *,
        last_wd: int,
        most: int,
        files: bool = True,
        seconds: float = 0.0,
    ) -> Crawled:
        """Watch and list directories in the one open as *target*, and all below: see :class:`CrawlBuffer`."""
        inotify = self._inotify()
        return buffer.visit(inotify, target, names, mask, last_wd=last_wd, most=most, files=files, seconds=seconds)

    def crawl_known(
        self,
        buffer: CrawlBuffer,
        target: int,
        names: list[str],
        mask: int,
        *,
        last_wd: int,
        most: int,
        since: float | None,
        seconds: float = 0.0,
    ) -> Crawled:
        """Watch and list directories that are known, and all below them: see ``CrawlBuffer.compare``."""
        inotify = self._inotify()
        return buffer.compare(
            inotify, target, names, mask, last_wd=last_wd, most=most, since=since, seconds=seconds
        )

    def rm_watch(self, wd: int) -> bool:
        """Remove a watch. False if the kernel had removed it already."""
        return syscalls.rm_watch(self._inotify(), wd)

    def watched(self) -> list[int]:
        """Return all watch descriptors (proc(5), fdinfo); none where /proc can not be read."""
        try:
            with open(f"/proc/self/fdinfo/{self._inotify()}", encoding="ascii") as lines:
                return [int(line.split(" ")[1][len("wd:") :], 16) for line in lines if line.startswith("inotify ")]
        except OSError:
            return []

    def queued_bytes(self) -> int:
        """Return the size of the queue in bytes: all that was done so far is in that much (FIONREAD).

        What was read ahead is a part of it.
        """
        fd = self._fd if self._fd >= 0 else self._inotify()
        return syscalls.queued_bytes(fd) if self._ahead is None else self._ahead.queued_bytes()

    def read(self) -> list[RawEvent]:
        """Return what one read gives, without waiting; empty if nothing is queued."""
        buffer = self._buffer
        columns = buffer.read(self._inotify(), ahead=self._ahead)
        if columns is None:
            return []
        names = columns.names.split(b"\0")[:-1]
        events = list(map(RawEvent, columns.wds, columns.masks, columns.cookies, names))
        # One line, see handout.py.
        buffer.kept[0] = 0; return events  # noqa: E702  # fmt: skip

    def read_columns(self) -> Columns | None:
        """Return what one read gives as columns, None if nothing is queued."""
        buffer = self._buffer
        columns = buffer.read(self._inotify(), ahead=self._ahead)
        # One line, see handout.py.
        buffer.kept[0] = 0; return columns  # noqa: E702  # fmt: skip

    def read_into(self, records: Records) -> int:
        """Read once, without waiting, and add what came to *records*; the bytes, 0 if nothing is queued."""
        return self._buffer.read_into(records, self._fd if self._fd >= 0 else self._inotify(), ahead=self._ahead)

    def close(self) -> None:
        """Free the descriptor and all its watches; more than once does no harm."""
        self._fd = min(self._fd, CLOSED)
        if self._ahead is not None:
            self._ahead.end()
        self._held.close()

    def forked(self) -> None:
        """Close the copy of the descriptor in a forked child; the parent's instance and watches stay."""
        if self._ahead is not None:
            self._ahead.forked()
        self.close()
        self._fd = FORKED

    def __enter__(self) -> Instance:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Refused(Instance):
    """In the place of an instance that there is not: it watches nothing, and each try to is a WatchLimitError.

    Args:
        error: why there is none.

    """

    def __init__(self, error: OSError) -> None:
        self._ahead = None
        self._error = error
        # Something that is never readable.
        self._held = syscalls.eventfd()
        self._fd = self._held.fd
        try:
            forget_in_child(self)
        except BaseException:
            self.close()
            raise

    def _refuse(self, path: str | bytes | None) -> NoReturn:
        raise WatchLimitError(errno.ENOSPC, f"there is no inotify instance: {self._error.strerror}", path)

    def add_watch(self, path: str | bytes | PathLike[str] | PathLike[bytes], mask: int) -> int:  # noqa: ARG002
        """Raise WatchLimitError."""
        self._refuse(os.fspath(path))

    def watch_fd(self, target: int, mask: int, path: str | bytes | None = None) -> int:  # noqa: ARG002
        """Raise WatchLimitError."""
        self._refuse(path)

    def rm_watch(self, wd: int) -> bool:  # noqa: ARG002
        """There is none to be removed."""
        return False

    def watched(self) -> list[int]:
        """There are none."""
        return []

    def queued_bytes(self) -> int:
        """Nothing is queued."""
        return 0

    def read_into(self, records: Records) -> int:  # noqa: ARG002
        """Nothing is read."""
        return 0
