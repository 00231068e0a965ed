"""What is mounted in this mount namespace, and on which of it an open file lies (proc(5), mountinfo and fdinfo).

The number of a device does not say it: each btrfs subvolume has one of its own, an overlay shows those of its
layers, and one device may be mounted at many places. The number of the mount does, and only /proc tells it.
"""

from __future__ import annotations

from inotify_cffi.kernel.mountinfo import MOUNTS
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Dict, List, Set

__all__ = ["Mount", "below", "is_within", "mount_of", "mounts", "unescaped"]


class Mount(NamedTuple):
    """One mount: its number, that of the one it is mounted on, where, its file system's type and options."""

    number: int
    parent: int
    point: str
    kind: str
    options: str = ""


def mounts() -> List[Mount]:
    """Return what is mounted, in the kernel's order; raises OSError where /proc is not mounted."""
    found = []
    with open(MOUNTS, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        for line in lines:
            fields, _, rest = line.partition(" - ")
            number, parent, _device, _root, point, *_ = fields.split(" ")
            kind, _source, options, *_ = [*rest.rstrip("\n").split(" "), "", ""]
            found.append(Mount(int(number), int(parent), unescaped(point), unescaped(kind), options))
    return found


def mount_of(fd: int, among: List[Mount]) -> Mount | None:
    """Return the mount of *among* that an open file lies on.

    None if it is none of them: of another mount namespace, outside of the root directory, or of a mount that
    has been taken away (MNT_DETACH). Raises OSError where /proc is not mounted.
    """
    number = -1
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            if key == "mnt_id":
                number = int(value)
    return next((mount for mount in among if mount.number == number), None)


def below(path: str, among: List[Mount]) -> List[Mount]:
    """Return the mounts of *among* that are seen below a path: nothing is mounted over them."""
    hidden = _hidden(among)
    return [
        mount
        for mount in among
        if mount.point != path and is_within(mount.point, path) and mount.number not in hidden
    ]


def _hidden(among: List[Mount]) -> Set[int]:
    """Return the numbers of the mounts over which others are, or over a directory that leads to them."""
    on: Dict[int, List[Mount]] = {}
    for mount in among:
        if mount.number != mount.parent:
            on.setdefault(mount.parent, []).append(mount)
    hidden: Set[int] = set()
    for mount in among:
        if any(other.point == mount.point for other in on.get(mount.number, ())):
            # What is over it is seen.
            hidden.add(mount.number)
        if any(
            other.point != mount.point and is_within(mount.point, other.point)
            for other in on.get(mount.parent, ())
        ):
            # Nothing of it is seen, nor of what is mounted on it.
            todo = [mount]
            while todo:
                lost = todo.pop()
                hidden.add(lost.number)
                todo += on.get(lost.number, ())
    return hidden


def is_within(path: str, top: str) -> bool:
    """Return True if a path is that of a directory, or is below it."""
    return path == top or path.startswith(top.rstrip("/") + "/")


def unescaped(path: str) -> str:
    """Return a path as it is; mountinfo has its spaces, tabs, newlines and backslashes in octal."""
    if "\\" not in path:
        return path
    first, *others = path.split("\\")
    return first + "".join(chr(int(other[:3], 8)) + other[3:] for other in others)
