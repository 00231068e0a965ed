"""One inotify instance in kernel terms: a queue with its descriptor, watches in, raw events out."""

from __future__ import annotations

import os

from inotify_cffi import _syscalls
from inotify_cffi.errors import ClosedError, ForkError
from inotify_cffi.events import RawEvent
from inotify_cffi.forks import forget_in_child
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType

    from inotify_cffi._storage import Records
    from inotify_cffi._syscalls import Columns, CrawlBuffer, Crawled

__all__ = ["Instance"]

# One read takes at most this much: some 2,000 records with short names, little memory, few calls.
READ_SIZE = 65536

CLOSED = -1
FORKED = -2


class Instance:
    """An inotify instance (inotify(7)): flat, non-blocking, close-on-exec.

    Args:
        read_size: the bytes that one read takes at most, 272 or more.

    Raises InstanceLimitError where ``fs.inotify.max_user_instances`` is reached, OSError otherwise.

    """

    def __init__(self, *, read_size: int = READ_SIZE) -> None:
        self._buffer = _syscalls.ReadBuffer(read_size)
        self._fd = _syscalls.inotify_init()
        forget_in_child(self)

    def fileno(self) -> int:
        """Return the descriptor; it is readable when events wait. Raises ClosedError after close.

        In a process that was forked since, all but :meth:`close` raises ForkError.
        """
        if self._fd == FORKED:
            raise ForkError("the inotify instance belongs to the parent process; make one after the fork")
        if self._fd < 0:
            raise ClosedError("the inotify instance is closed")
        return self._fd

    def add_watch(self, path: str | bytes | PathLike[str] | PathLike[bytes], mask: int) -> int:
        """Watch *path* and return the watch descriptor, the same one for the same inode.

        Raises WatchLimitError, PathError for a NUL, or the OSError of the failed call with errno and filename.
        """
        return _syscalls.add_watch(self.fileno(), os.fspath(path), mask)

    def watch_fd(self, target: int, mask: int, path: str | bytes | None = None) -> int:
        """Watch the object open as *target*; *path* only names it in an error."""
        return _syscalls.watch_fd(self.fileno(), target, mask, path)

    def crawl(
        self, buffer: CrawlBuffer, target: int, names: list[str], mask: int, *, last_wd: int, most: int
    ) -> Crawled:
        """Watch and list directories in the one open as *target*, and all below: see :class:`CrawlBuffer`."""
        return buffer.visit(self.fileno(), target, names, mask, last_wd=last_wd, most=most)

    def rm_watch(self, wd: int) -> bool:
        """Remove a watch. False if the kernel had removed it already."""
        return _syscalls.rm_watch(self.fileno(), wd)

    def queued_bytes(self) -> int:
        """Return the size of the queue in bytes: all that was done so far is in that much (FIONREAD)."""
        return _syscalls.queued_bytes(self.fileno())

    def read(self) -> list[RawEvent]:
        """Return what one read gives, without waiting; empty if nothing is queued."""
        columns = self.read_columns()
        if columns is None:
            return []
        names = columns.names.split(b"\0")[:-1]
        return list(map(RawEvent, columns.wds, columns.masks, columns.cookies, names))

    def read_columns(self) -> Columns | None:
        """Return what one read gives as columns, None if nothing is queued."""
        return self._buffer.read(self.fileno())

    def read_into(self, records: Records) -> int:
        """Read once, without waiting, and add what came to *records*; the bytes, 0 if nothing is queued."""
        return self._buffer.read_into(records, self._fd if self._fd >= 0 else self.fileno())

    def close(self) -> None:
        """Free the descriptor and all its watches; more than once does no harm."""
        fd, self._fd = self._fd, min(self._fd, CLOSED)
        if fd >= 0:
            os.close(fd)

    def forked(self) -> None:
        """Close the copy of the descriptor in a forked child; the parent's instance and watches stay."""
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
