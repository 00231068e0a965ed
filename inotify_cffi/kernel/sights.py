"""What inotify sees where a directory is, and whose clock its times are by; the answer is kept for each device."""

from __future__ import annotations

import os

from inotify_cffi.kernel.filesystems import HOST, MACHINES, OTHERS, Sight, sight_of
from inotify_cffi.kernel.mounts import mount_of, mounts
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict

__all__ = ["Sights", "is_our_clock"]

# The type of a file system that can not be found out.
NO_KIND = ""


class Sights:
    """What was found out of the file systems that were looked at."""

    def __init__(self) -> None:
        self._kinds: Dict[int, str] = {}

    def of(self, fd: int) -> Sight:
        """Return what inotify sees in the directory that is open as *fd*."""
        return sight_of(self._kind(fd))

    def have_our_clock(self, fd: int) -> bool:
        """Return True if the times in the directory *fd* are by this machine's clock."""
        return is_our_clock(self._kind(fd))

    def forget(self) -> None:
        """Something was mounted or unmounted: the number of a device may be another's by now."""
        self._kinds.clear()

    def _kind(self, fd: int) -> str:
        device = os.fstat(fd).st_dev
        kind = self._kinds.get(device)
        if kind is None:
            kind = self._kinds[device] = _kind_of(fd)
        return kind


def _kind_of(fd: int) -> str:
    try:
        mount = mount_of(fd, mounts())
    except OSError:
        return NO_KIND
    return NO_KIND if mount is None else mount.kind


def is_our_clock(kind: str) -> bool:
    """Return True if the times on a type of file system are by this machine's clock, as far as that is known."""
    if kind in OTHERS:
        return OTHERS[kind] not in (MACHINES, HOST)
    return not sight_of(kind).is_blind
