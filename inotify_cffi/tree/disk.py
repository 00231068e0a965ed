"""Look at the disk and watch it, by descriptors: every input and output that the tree does is here.

A directory is reached from its root by openat(2), one name at a time, and never through a symbolic link that is
not to be followed. It is opened with O_PATH, which no watch reports, and watched as /proc/self/fd/N, which binds
the watch to the very inode that is open, however its path changes meanwhile, and has no PATH_MAX.
No descriptor is kept: an open directory delays its own DELETE_SELF and holds its mount.

Each watch is added with IN_MASK_ADD. A plain add on an inode that has a watch already sets the mask to 0 for
a moment, and events are lost (fs/notify/inotify/inotify_user.c, inotify_update_existing_watch).
"""

from __future__ import annotations

import errno
import os
import time

from inotify_cffi.base import bits
from inotify_cffi.base.encoding import joined
from inotify_cffi.kernel import listings, syscalls
from inotify_cffi.kernel.sights import Sights
from inotify_cffi.tree import ends
from inotify_cffi.tree.identities import FIRST, Identities
from inotify_cffi.tree.looks import Looks
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Dict, Tuple

    from inotify_cffi.kernel.buffers import Records
    from inotify_cffi.kernel.instance import Instance
    from inotify_cffi.kernel.listings import Crawled

__all__ = ["MAGIC", "RECORD", "Disk", "Moment"]


ENTER = syscalls.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
OBJECT = syscalls.O_PATH | os.O_CLOEXEC
LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
ADD = bits.MASK_ADD | bits.ONLYDIR
PROC = "/proc/self/fd"
# In the place of where a link leads: only the kernel knows, and no event says when that changes.
MAGIC = ""
# The environment variable that names the file for a recording.
RECORD = "INOTIFY_CFFI_RECORD"


class Moment(NamedTuple):
    """One moment by two clocks: the file system's, which may be set back, and one that is never."""

    wall: float
    steady: float


class Disk(Looks):
    """The kernel's side of a tree: its queue, its watches, its directories."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        # Where /proc is not mounted a watch is added by path, with the race that this has.
        self.by_path = not os.path.isdir(PROC)
        # What is open now. Between two calls of the tree nothing is, unless an exception came out of the first.
        self._open: Dict[int, syscalls.Descriptor] = {}
        # But for directories that are listed a part in each step, in between.
        self._kept: Dict[int, syscalls.Descriptor] = {}
        # When the turn that is under way began, and how long it lasts.
        self._turn_began = 0.0
        self._turn_s = 0.0
        self._listing = listings.ListBuffer()
        # The highest watch descriptor so far: a directory that gets a higher one was not watched before.
        self._last_wd = 0
        # Directories that are not watched; and what inotify sees on the file systems that were looked at.
        self._identities = Identities()
        self._sights = Sights()
        # Large, and needed while a crawl lasts.
        self._crawling: listings.CrawlBuffer | None = None

    def mark(self, step: str, *arguments: object) -> None:
        """Note what the watcher wants of the tree; for a :class:`~inotify_cffi.tree.record.Recorder`."""

    def end(self) -> None:
        """Nothing is looked at any more: close what is open between two steps."""
        for opened in list(self._kept.values()):
            opened.close()
        self._kept.clear()

    # --- the clock ---

    def begin_turn(self, seconds: float) -> None:
        """Begin to measure the time of a turn that lasts so long."""
        self._turn_s = seconds
        self._turn_began = time.monotonic()

    def is_over(self, share: float) -> bool:
        """Return True if this share of the turn is over."""
        return time.monotonic() - self._turn_began >= share * self._turn_s

    def now(self) -> Moment:
        """Return this moment."""
        return Moment(time.time(), time.monotonic())

    # --- the queue ---

    def read(self, records: Records) -> int:
        """Read once and add what came to *records*; the bytes, 0 if nothing is queued."""
        return self._instance.read_into(records)

    def queued(self) -> int:
        """Return the bytes that are queued."""
        return self._instance.queued_bytes()

    def unwatch(self, wd: int) -> None:
        """Remove a watch, if it is still there; or forget what is told apart by its inode."""
        if wd < FIRST:
            self._instance.rm_watch(wd)
        else:
            self._identities.forget(wd)

    def watched(self) -> list[int]:
        """Return all watches; none where that can not be known."""
        return self._instance.watched()

    # --- directories ---

    def open_root(self, path: str) -> int:
        """Open the directory at *path*; a symbolic link there is followed, for the user named it."""
        return self._have(syscalls.open_fd(path, ENTER))

    def enter(self, fd: int, name: str, *, follow: bool) -> int:
        """Open the directory *name* in the directory *fd*."""
        return self._have(syscalls.open_fd(name, ENTER if follow else ENTER | os.O_NOFOLLOW, dir_fd=fd))

    def _have(self, opened: syscalls.Descriptor) -> int:
        fd = opened.cdata.fd
        self._open[fd] = opened
        return fd

    def watch(self, fd: int, mask: int) -> int:
        """Watch the directory that is open as *fd* and return the watch descriptor of its inode."""
        wd = self._instance.watch_fd(fd, mask | ADD)
        if wd > self._last_wd:  # noqa: PLR1730  # a call less, for each step of each way
            self._last_wd = wd
        return wd

    def identify(self, fd: int) -> int:
        """Return a number for the object that is open as *fd*, as :meth:`watch` does, and watch nothing."""
        return self._identities.number(os.stat(fd))

    def watch_or_identify(self, fd: int, mask: int) -> int:
        """Watch the directory that is open as *fd*; if no watch is left, or was for it, :meth:`identify` it."""
        known = self._identities.known(os.stat(fd))
        if known is not None:
            return known
        try:
            # Not what a recorder makes of it, which has this call.
            return Disk.watch(self, fd, mask)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return self._identities.number(os.stat(fd))

    def is_seen(self, fd: int, wd: int) -> bool:
        """Return True if inotify reports all that happens in the directory *fd*, which is *wd*."""
        return wd < FIRST and not self._sights.of(fd).is_blind

    @property
    def identified(self) -> int:
        """How many objects have a number and no watch."""
        return len(self._identities)

    def visit(
        self, fd: int, names: list[str], mask: int, most: int, *, files: bool, seconds: float = 0.0
    ) -> Crawled:
        """Open, watch and list directories in the directory *fd*, and all below them: *most* in all.

        Links are not followed. What can not be had at once is left out; so is what was watched before. Not
        *files*: a leaf is not opened, see :class:`~inotify_cffi.kernel.listings.CrawlBuffer`. *seconds*: how long
        it may take, 0 for any time.
        """
        crawled = self._instance.crawl(
            self._room(),
            fd,
            names,
            mask | ADD,
            last_wd=self._last_wd,
            most=most,
            files=files,
            seconds=seconds,
        )
        self._last_wd = crawled.last_wd
        return crawled

    def revisit(
        self, fd: int, names: list[str], mask: int, most: int, since: float | None, seconds: float = 0.0
    ) -> Crawled:
        """Do the same with directories that are known, whatever watch they get, to compare them with the ledger.

        *since*: see whether a file in them may have changed since then, by its ctime.
        """
        crawled = self._instance.crawl_known(
            self._room(),
            fd,
            names,
            mask | ADD,
            last_wd=self._last_wd,
            most=most,
            since=since,
            seconds=seconds,
        )
        self._last_wd = crawled.last_wd
        return crawled

    def _room(self) -> listings.CrawlBuffer:
        """Return the room for what they find, the same until :meth:`visited`."""
        if self._crawling is None:
            self._crawling = listings.CrawlBuffer()
        return self._crawling

    def visited(self) -> None:
        """Free what :meth:`visit` and :meth:`revisit` need."""
        self._crawling = None

    def watch_path(self, fd: int, path: str, mask: int) -> int:
        """Do the same by path, for where /proc is not mounted: what is there must be what is open as *fd*."""
        wd = self._instance.add_watch(path, mask | ADD)
        if not os.path.samestat(os.stat(fd), os.stat(path)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self._last_wd = max(self._last_wd, wd)
        return wd

    def watch_end(self, fd: int, path: str) -> Tuple[int, str] | None:
        """Watch where it is said that a root ends, open as *fd* and at *path*; the watch, and the name there.

        None if its own watch says it. Raises OSError, FileNotFoundError if it is not there any more.
        """
        end = ends.find(fd, path)
        if end is None:
            return None
        directory = end.directory.fd
        try:
            if self.by_path:
                wd = self._instance.add_watch(end.path, bits.DELETE | ADD)
            else:
                wd = self._instance.watch_fd(directory, bits.DELETE | ADD)
            self._last_wd = max(self._last_wd, wd)
            end.check()
        finally:
            end.directory.close()
        return wd, end.name

    # --- files that are watched by themselves ---

    def where(self, fd: int, name: str) -> str | None:
        """Return where the entry *name* of the directory *fd* leads, if it is a link; None if it is none.

        :data:`MAGIC` for a link of /proc. Raises OSError, also if nothing is there.
        """
        try:
            target = os.readlink(name, dir_fd=fd)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return None
        return MAGIC if os.stat(fd).st_dev == _device_of_proc() else target

    def open_object(self, fd: int, name: str) -> int:
        """Open what the entry *name* of the directory *fd* leads to, whatever it is; no watch reports that."""
        return self._have(syscalls.open_fd(name, OBJECT, dir_fd=fd))

    def watch_object(self, fd: int, path: str, mask: int) -> int:
        """Watch what is open as *fd*, no directory; where /proc is not mounted by its *path*."""
        if not self.by_path:
            return self._instance.watch_fd(fd, mask | bits.MASK_ADD)
        wd = self._instance.add_watch(path, mask | bits.MASK_ADD)
        if not os.path.samestat(os.stat(fd), os.stat(path)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return wd

    # --- what is in a directory ---

    def entries(self, fd: int, *, whole: bool = True) -> Tuple[list[str], int]:
        """Return the entries of the directory *fd*, each its kind (``d``, ``l``, ``-``) and its name.

        Not *whole*: if they are many, the first of them, and a descriptor for :meth:`more_entries`, to be closed;
        else that is -1, also where a file system forgets entries between two reads. It is opened anew, for a file
        system may show only what was there at the opening.
        """
        listed, rest = _open_anew(fd), -1
        try:
            entries, are_more = self._listing.first_entries(listed.fd)
            if are_more and listings.leaves_out(listed.fd):
                entries = listings.entries_at_once(listed.fd)
            elif whole:
                while are_more:
                    more = self._listing.more_entries(listed.fd)
                    entries += more
                    are_more = bool(more)
            elif are_more:
                rest = self._have(listed)
            return entries, rest
        finally:
            if rest < 0:
                listed.close()

    def pass_lock(self, fd: int) -> None:
        """Wait until nobody changes the directory *fd* who did when this was called; raises OSError as a listing.

        A part of a listing is read, under the lock that whoever changes it holds (fs/readdir.c iterate_dir).
        """
        listed = _open_anew(fd)
        try:
            self._listing.more_entries(listed.fd)
        finally:
            listed.close()

    def more_entries(self, listed: int) -> list[str]:
        """Return the next entries of a directory that is listed in parts; none at its end."""
        return self._listing.more_entries(listed)

    def stamps(self, fd: int, names: list[str]) -> bytes:
        """Return what each of some entries of the directory *fd* is: its stamp, see ``csrc/stamps.c``."""
        return listings.stamps(fd, joined(names), len(names))

    def foreign_clock(self, fd: int) -> int:
        """Return 0 if the times in the directory *fd* are by our clock, else a number for their clock."""
        return 0 if self._sights.have_our_clock(fd) else os.stat(fd).st_dev

    def mounts_changed(self) -> None:
        """Something was mounted or unmounted somewhere: what was found out of file systems may be of others."""
        self._sights.forget()

    def keep(self, fd: int) -> None:
        """Let a descriptor stay open when the step is over."""
        opened = self._open.get(fd)
        if opened is not None:
            self._kept[fd] = opened
            del self._open[fd]

    def close(self, fd: int) -> None:
        """Close a descriptor that this class opened."""
        opened = self._open.pop(fd, None) or self._kept.pop(fd, None)
        if opened is not None:
            opened.close()

    def close_all(self, *kept: int) -> None:
        """Close what an interruption left open, but for what is *kept*."""
        for fd in [*self._open, *self._kept]:
            if fd not in kept:
                self.close(fd)


def _open_anew(fd: int) -> syscalls.Descriptor:
    """Open the directory *fd* once more, to be listed from its beginning."""
    try:
        return syscalls.open_fd(".", LIST, dir_fd=fd)
    except PermissionError:
        # One that may be read and not searched has no "." for us.
        return syscalls.open_fd(f"{PROC}/{fd}", LIST)


def _device_of_proc() -> int:
    """Return the number of the file system at /proc, -1 if there is none."""
    try:
        return os.stat("/proc/self").st_dev
    except OSError:
        return -1
