"""Who uses inotify on this machine, from /proc. No printing."""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

__all__ = ["LIMITS", "Mount", "Process", "is_blind", "limits", "mount_of", "processes"]

LIMITS = ("max_user_watches", "max_user_instances", "max_queued_events")

SYSCTLS = "/proc/sys/fs/inotify"

# Others write there without this kernel, so it has nothing to report.
REMOTE = {
    "9p": "the host",
    "afs": "other machines",
    "ceph": "other machines",
    "cifs": "other machines",
    "coda": "other machines",
    "gfs2": "other machines",
    "glusterfs": "other machines",
    "lustre": "other machines",
    "ncpfs": "other machines",
    "nfs": "other machines",
    "nfs4": "other machines",
    "ocfs2": "other machines",
    "smb3": "other machines",
    "smbfs": "other machines",
    "vboxsf": "the host",
    "virtiofs": "the host",
}


class Process(NamedTuple):
    """One process with inotify instances."""

    pid: int
    uid: int
    name: str
    instances: int
    watches: int


class Mount(NamedTuple):
    """Where a path lies: the mount point and the type of the file system."""

    point: str
    kind: str


def limits(directory: str = SYSCTLS) -> dict[str, int]:
    """Return the three limits of this machine; raises OSError where there is no /proc or no inotify."""
    found = {}
    for name in LIMITS:
        with open(os.path.join(directory, name), encoding="ascii") as stream:
            found[name] = int(stream.read())
    return found


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
    return Process(pid, os.stat(directory).st_uid, name, instances, watches)


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError as error:
        # What is open lies deeper than a path can be long: fs/proc/base.c, do_proc_readlink.
        if error.errno != errno.ENAMETOOLONG:
            raise
        return ""


def mount_of(path: str) -> Mount:
    """Return the mount that a path lies on; raises OSError if it is not there."""
    number = os.stat(path)
    device = f"{os.major(number.st_dev)}:{os.minor(number.st_dev)}"
    real = os.path.realpath(path)
    best = Mount("/", "unknown")
    with open("/proc/self/mountinfo", "rb") as stream:
        for line in stream:
            fields, _, rest = line.partition(b" - ")
            words = fields.split()
            point = os.fsdecode(words[4].decode("unicode_escape").encode("latin-1"))
            inside = real == point or real.startswith(point.rstrip("/") + "/")
            # Of several over one another the last is on top. Subvolumes (btrfs) have devices of their own.
            if (
                inside
                and len(point) >= len(best.point)
                and (words[2].decode() == device or best.kind == "unknown")
            ):
                best = Mount(point, os.fsdecode(rest.split()[0]))
    return best


def is_blind(kind: str) -> str:
    """Return in words what inotify can not see on a type of file system; empty if it sees all."""
    if kind in REMOTE:
        return f"what {REMOTE[kind]} change there is not seen, only what this one does"
    if kind == "fuse" or kind.startswith("fuse."):
        return "what the program behind it changes on its own is not seen"
    if kind == "overlay":
        return "what is changed in its layers directly is not seen, only what is changed through it"
    if kind in {"proc", "sysfs", "cgroup", "cgroup2", "devpts", "debugfs", "tracefs"}:
        return "its files change without anybody writing to them, and that is not seen"
    return ""
