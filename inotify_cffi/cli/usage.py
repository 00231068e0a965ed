"""Who uses inotify on this machine, from /proc. No printing."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from typing import NamedTuple

__all__ = ["Process", "processes"]

# linux/nsfs.h: of a user namespace the one that it is in, and the user who made it.
NS_GET_PARENT = 0xB702
NS_GET_OWNER_UID = 0xB704


class Process(NamedTuple):
    """One process with inotify instances; *charged* is whose limits in this user namespace they count against."""

    pid: int
    uid: int
    charged: int
    name: str
    instances: int
    watches: int


def processes() -> tuple[list[Process], int]:
    """Return the processes that use inotify, the biggest first, and how many could not be looked at."""
    found = []
    unseen = 0
    for entry in os.listdir("/proc"):
        if not entry.isdecimal():
            continue
        try:
            process = _process(int(entry))
        except PermissionError:
            unseen += 1
        except (FileNotFoundError, ProcessLookupError):
            # It has ended meanwhile.
            continue
        else:
            if process.instances:
                found.append(process)
    return sorted(found, key=lambda process: (-process.watches, -process.instances, process.pid)), unseen


def _process(pid: int) -> Process:
    directory = f"/proc/{pid}"
    instances = watches = 0
    for fd in os.listdir(f"{directory}/fd"):
        try:
            if _target(f"{directory}/fd/{fd}") != "anon_inode:inotify":
                continue
            with open(f"{directory}/fdinfo/{fd}", encoding="ascii") as stream:
                watches += sum(line.startswith("inotify ") for line in stream)
        except FileNotFoundError:
            # Closed meanwhile.
            continue
        instances += 1
    with open(f"{directory}/comm", encoding="utf-8", errors="replace") as stream:
        name = stream.read().rstrip("\n")
    uid = _user(directory)
    return Process(pid, uid, _charged(directory, uid) if instances else uid, name, instances, watches)


def _user(directory: str) -> int:
    # The owner of the directory is root for some: those that may not be dumped (proc(5)).
    with open(f"{directory}/status", "rb") as stream:
        ids = next(line for line in stream if line.startswith(b"Uid:"))
    # The real one, and the effective one, which is counted.
    return int(ids.split()[2])


def _charged(directory: str, uid: int) -> int:
    """Return the user in our user namespace that a process counts for: if it is in one below, that one's owner."""
    ours = os.stat("/proc/self/ns/user").st_ino
    try:
        fd = os.open(f"{directory}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        while os.fstat(fd).st_ino != ours:
            owner = bytearray(4)
            try:
                fcntl.ioctl(fd, NS_GET_OWNER_UID, owner)
                above = fcntl.ioctl(fd, NS_GET_PARENT)
            finally:
                os.close(fd)
            fd, uid = above, int.from_bytes(owner, sys.byteorder)
        os.close(fd)
    except OSError:
        # There are no user namespaces, or it is in none that is below ours.
        return uid
    return uid


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError as error:
        # What is open lies deeper than a path can be long: fs/proc/base.c, do_proc_readlink.
        if error.errno != errno.ENAMETOOLONG:
            raise
        return ""
