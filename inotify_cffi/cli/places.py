"""What can be seen of a place, as tried: the mount that it lies on, and whether a watch there reports anything."""

from __future__ import annotations

import os
import stat
import threading
from typing import NamedTuple

from inotify_cffi.base import bits
from inotify_cffi.kernel import filesystems, mounts, syscalls
from inotify_cffi.kernel.filesystems import Sight, sight_of
from inotify_cffi.kernel.instance import Instance

__all__ = ["PATIENCE_S", "Below", "Place", "look"]

# What has not answered by then, a server that is dead, may never do so.
PATIENCE_S = 10.0

NO_MOUNT = "unknown"


class Below(NamedTuple):
    """Something that is mounted below a place, and not all of which is seen."""

    point: str
    kind: str
    sight: Sight


class Place(NamedTuple):
    """A path, the mount it lies on, what inotify sees there, and why there can be no watch, if so."""

    path: str
    point: str
    kind: str
    sight: Sight
    failure: str
    below: list[Below]


class Search:
    """What has been found so far, by a thread that may be held up for ever."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._mount: mounts.Mount | None = None
        self._below: list[Below] = []
        self._failure = ""
        self._error: OSError | None = None

    def run(self) -> None:
        """Look for all of it: first what needs no answer of the file system."""
        try:
            fd = os.open(self._path, syscalls.O_PATH | os.O_CLOEXEC)
            try:
                self._find_mount(fd)
                self._failure = _why_not(fd)
            finally:
                os.close(fd)
        except OSError as error:
            self._error = error

    def result(self, *, is_over: bool) -> Place:
        """Return the place; raises OSError if there is none."""
        if self._error is not None:
            raise self._error
        failure = self._failure if is_over else "it does not answer"
        if self._mount is None:
            why = "what others change there: its mount is none of this process's mount namespace"
            return Place(self._path, NO_MOUNT, NO_MOUNT, Sight(filesystems.UNKNOWN, (why,)), failure, [])
        _, _, point, kind, _ = self._mount
        return Place(self._path, point, kind, sight_of(kind), failure, self._below)

    def _find_mount(self, fd: int) -> None:
        try:
            listed = mounts.mounts()
            self._mount = mounts.mount_of(fd, listed)
            # No server is asked for this.
            real = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            # /proc is not mounted, or the path is longer than it can say.
            return
        found = [Below(mount.point, mount.kind, sight_of(mount.kind)) for mount in mounts.below(real, listed)]
        self._below = [each for each in found if each.sight.sees != filesystems.ALL]


def look(path: str, patience_s: float = PATIENCE_S) -> Place:
    """Return what is known of a place; raises OSError if it is not there.

    Args:
        path: a directory, or anything else that can be watched.
        patience_s: how long the file system has to answer, in seconds.

    """
    search = Search(path)
    # A call that a dead server holds up ends by no signal but SIGKILL; the exit of the process is one for it.
    thread = threading.Thread(target=search.run, daemon=True)
    thread.start()
    thread.join(patience_s)
    return search.result(is_over=not thread.is_alive())


def _why_not(fd: int) -> str:
    """Return why no watch can be had on the object open as *fd*, or reports nothing; empty if it works."""
    try:
        with Instance() as instance:
            instance.watch_fd(fd, bits.OPEN)
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                os.close(os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
                if not instance.queued_bytes():
                    return "a watch can be had, but reports nothing"
    except OSError as error:
        return error.strerror or str(error)
    return ""
