"""Look at what is on the disk, by descriptors and paths: what needs neither a watch nor the queue of the tree."""

from __future__ import annotations

import os
import stat

from inotify_cffi.kernel import mounts, syscalls
from inotify_cffi.tree import spellings
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Dict

__all__ = ["Looks", "Stamp", "kind_of"]

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# More than any list of patterns that a person has written; to compile that much takes seconds at the worst.
LARGEST_LIST, MOST_LINES = 1 << 18, 10_000


class Stamp(NamedTuple):
    """Which object it is, and when it was last changed: if a field differs it may have another content."""

    kind: str
    device: int
    inode: int
    changed_ns: int
    written_ns: int
    size: int


class Looks:
    """What there is to see."""

    def stamp(self, fd: int) -> Stamp:
        """Return what is known of what is open as *fd*."""
        status = os.stat(fd)
        return Stamp(
            kind_of(status.st_mode),
            status.st_dev,
            status.st_ino,
            status.st_ctime_ns,
            status.st_mtime_ns,
            status.st_size,
        )

    def kind(self, fd: int, name: str, *, follow: bool) -> str:
        """Return the kind of the entry *name* of the directory *fd*, or the empty string if it is not there.

        Raises OSError if the directory can not be searched. A link that leads nowhere is a link.
        """
        try:
            return kind_of(os.stat(name, dir_fd=fd, follow_symlinks=follow).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError:
            if follow:
                return "l"
            raise

    def can_be_flagged(self) -> bool:
        """Return True if a directory may say that names fold in it, on file systems on which they else do not."""
        return spellings.can_be_flagged()

    def spelling(self, fd: int) -> int:
        """Return what is known of how the directory *fd* spells names: see :mod:`~inotify_cffi.tree.spellings`."""
        return spellings.of(fd)

    def inode(self, fd: int, name: str) -> int:
        """Return the inode number of what the name leads to, however it is spelled, -1 if that is nothing."""
        try:
            return os.stat(name, dir_fd=fd, follow_symlinks=False).st_ino
        except OSError:
            return -1

    def inodes(self, fd: int) -> Dict[str, int]:
        """Return the inode number of each entry of the directory *fd*, by its name as it is stored."""
        try:
            return spellings.inodes(fd)
        except OSError:
            return {}

    def changed_since(self, fd: int, name: str | None, since: float) -> bool:
        """Return True if the inode behind *name* may have changed since then, by its ctime; None: *fd* itself."""
        try:
            status = os.stat(fd) if name is None else os.stat(name, dir_fd=fd, follow_symlinks=False)
        except PermissionError:
            # A directory that can be listed and not searched: who knows.
            return True
        except OSError:
            return False
        return status.st_ctime >= since

    def lines(self, fd: int, name: str) -> list[str]:
        """Return the lines of a small file in the directory *fd*; none if there is none that can be read."""
        try:
            opened = syscalls.open_fd(name, READ, dir_fd=fd)
        except OSError:
            return []
        try:
            if not stat.S_ISREG(os.fstat(opened.fd).st_mode):
                return []
            with open(opened.fd, "rb", closefd=False) as file:
                content = file.read(LARGEST_LIST + 1)
            if len(content) > LARGEST_LIST or content.count(b"\n") > MOST_LINES:
                return []
            return os.fsdecode(content).split("\n")
        except OSError:
            return []
        finally:
            opened.close()

    def is_file(self, path: str) -> bool:
        """Return True if *path* leads to something that is no directory."""
        try:
            return not stat.S_ISDIR(os.stat(path).st_mode)
        except OSError:
            return False

    def is_directory(self, path: str) -> bool:
        """Return True if *path* leads to a directory."""
        return os.path.isdir(path)

    def real_path(self, path: str) -> str:
        """Return *path* without links."""
        return os.path.realpath(path)

    def mounts(self) -> list[mounts.Mount]:
        """Return what is mounted in this mount namespace, the later ones over the earlier ones."""
        try:
            return mounts.mounts()
        except OSError:
            return []

    def device(self, fd: int) -> int:
        """Return the number of the file system that the directory *fd* is on."""
        return os.stat(fd).st_dev


def kind_of(mode: int) -> str:
    """Return the kind of an entry by its st_mode."""
    return "d" if stat.S_ISDIR(mode) else "l" if stat.S_ISLNK(mode) else "-"
