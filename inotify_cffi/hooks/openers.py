"""Whether anybody has a file open for writing: asked of the kernel by a lease, or looked for in ``/proc``.

A lease (``csrc/lease.c``) is right on the file systems of one machine, for files of one's own or with CAP_LEASE.
On an overlay it is about one of its layers, so there ``/proc`` is gone through, which says it all to root outside
of containers only. Elsewhere nobody can know: FUSE and network file systems have writers that are no processes of
this machine.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Iterator, Tuple

from inotify_cffi.hooks.settle import Look
from inotify_cffi.kernel.syscalls import look_at_file

if TYPE_CHECKING:
    Inode = Tuple[int, int]

__all__ = ["look", "look_at_size"]

# include/linux/proc_ns.h PROC_PID_INIT_INO: the namespace in which all processes are.
ALL_PROCESSES = "pid:[4026531836]"
WRITES = os.O_WRONLY | os.O_RDWR


def look_at_size(path: str | bytes) -> Look | None:
    """Return what is known of a file that is not opened; None if there is no regular file at *path*."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError:
        # There may be something, in a directory that may not be searched.
        return Look(None, 1)
    return Look(None, status.st_size) if stat.S_ISREG(status.st_mode) else None


def look(path: str | bytes) -> Look | None:
    """Return what is known of a file; None if there is no regular file at *path*, links not followed."""
    file = look_at_file(path)
    if file is None:
        return None
    if file.code in (0, errno.EAGAIN):
        return Look(file.code == errno.EAGAIN, file.size)
    written = _all_written() if file.code == errno.EXDEV else None
    return Look(None if written is None else (file.device, file.inode) in written, file.size)


def _all_written() -> set[Inode] | None:
    """Return the files that any process has open for writing; None if not all processes can be looked at."""
    try:
        if os.readlink("/proc/self/ns/pid") != ALL_PROCESSES:
            return None
        return {inode for pid in os.listdir("/proc") if pid.isdigit() for inode in _written_by(pid)}
    except OSError:
        # PermissionError, most likely: a process of somebody else.
        return None


def _written_by(pid: str) -> Iterator[Inode]:
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            yield from _if_written(f"/proc/{pid}/fd/{fd}", f"/proc/{pid}/fdinfo/{fd}")
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as lines:
            # Shared, and may be written to.
            found = [line.split(" ", 1)[0] for line in lines if line.split(" ", 2)[1][1::2] == "ws"]
        for place in found:
            yield from _inode_of(f"/proc/{pid}/map_files/{place}")
    except (FileNotFoundError, ProcessLookupError):
        # It has ended meanwhile, and with it its descriptors.
        return


def _if_written(link: str, info: str) -> Iterator[Inode]:
    try:
        with open(info, encoding="ascii") as lines:
            flags = next(int(line.split()[1], 8) for line in lines if line.startswith("flags:"))
    except (FileNotFoundError, ProcessLookupError):
        return
    if flags & WRITES:
        yield from _inode_of(link)


def _inode_of(link: str) -> Iterator[Inode]:
    try:
        status = os.stat(link)
    except (FileNotFoundError, ProcessLookupError):
        return
    yield status.st_dev, status.st_ino
