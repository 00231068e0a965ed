"""Where it is said that a directory is removed which does not say so itself. Input only.

inotify says that a directory is over when its inode is, that is when it has no link any more. The top of a btrfs
subvolume and a cgroup keep theirs (fs/btrfs/inode.c btrfs_delete_subvolume, fs/kernfs/dir.c): of them no
DELETE_SELF comes, no IGNORED, and on btrfs the watches keep the room of the whole subvolume from being freed. But
the directory that it is in is told a DELETE of the name (fs/namei.c d_delete_notify). A subvolume goes with all
that is in it, so for whatever is in one its top counts. One that others are in can not be removed.
"""

from __future__ import annotations

import errno
import os

from inotify_cffi.kernel import syscalls
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Tuple

__all__ = ["End", "find"]

# statfs(2), f_type.
BTRFS = 0x9123683E
CGROUPS = (0x27E0EB, 0x63677270)

# The inode number of the top of each subvolume (BTRFS_FIRST_FREE_OBJECTID).
TOP_INODE = 256

ENTER = syscalls.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class End(NamedTuple):
    """The directory, which is open, its path, and which name in it is to be heeded; and what was there."""

    directory: syscalls.Descriptor
    path: str
    name: str
    status: os.stat_result

    def check(self) -> None:
        """Raise FileNotFoundError if it is not there any more; to be asked behind the watch."""
        now = os.stat(self.name, dir_fd=self.directory.fd, follow_symlinks=False)
        if not os.path.samestat(now, self.status):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.path.join(self.path, self.name))


def find(fd: int, path: str) -> End | None:
    """Return where it is said that the directory is removed which is open as *fd* and at *path*, if not by itself.

    Raises OSError.
    """
    kind = syscalls.file_system(fd)
    if kind not in CGROUPS and kind != BTRFS:
        return None
    top = os.path.realpath(path), os.stat(fd)
    found = _top_of_subvolume(*top) if kind == BTRFS else top
    if found is None:
        return None
    path, name = os.path.split(found[0])
    directory = syscalls.open_fd(path, ENTER)
    # What is mounted has its end elsewhere, where another path leads.
    if name and syscalls.file_system(directory.fd) == kind:
        return End(directory, path, name, found[1])
    directory.close()
    return None


def _top_of_subvolume(path: str, status: os.stat_result) -> Tuple[str, os.stat_result] | None:
    """Return the top of the subvolume that a directory is in, as far as it can be reached by the path."""
    device = status.st_dev
    while status.st_ino != TOP_INODE:
        path, below = os.path.dirname(path), path
        status = os.stat(path)
        if path == below or status.st_dev != device:
            return None
    return path, status
