"""The parts that a watcher owns: made one after the other, put together, and freed, whatever comes in between."""

from __future__ import annotations

import os
from _thread import get_ident

from inotify_cffi.base.locks import StepLock
from inotify_cffi.kernel.forks import forget_in_child
from inotify_cffi.kernel.instance import Instance, Refused
from inotify_cffi.kernel.mountinfo import MountNews
from inotify_cffi.kernel.poller import Poller
from inotify_cffi.kernel.syscalls import reason
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic
from inotify_cffi.watching.arguments import now_and_then
from inotify_cffi.watching.claim import Reading
from inotify_cffi.watching.saving import Saving

if TYPE_CHECKING:
    import threading
    from os import PathLike

    from inotify_cffi.tree.disk import Disk
    from inotify_cffi.tree.tree import Tree
    from inotify_cffi.watching.background import Start
    from inotify_cffi.watching.options import Chosen

__all__ = ["WithParts"]


class WithParts(Saving[AnyStr], Generic[AnyStr]):
    """What makes the parts of a watcher, and frees them.

    Args:
        paths: the roots to begin with.
        chosen: the options of the watcher.

    """

    def __init__(self, paths: tuple[str | bytes | PathLike[str] | PathLike[bytes], ...], chosen: Chosen) -> None:
        super().__init__(chosen)
        self._may_be_forgotten = False
        self._disk: Disk | None = None
        self._threads: list[threading.Thread] = []
        # Whatever is made has an owner that frees it when it is forgotten: so no exception leaves a descriptor.
        self._poller = Poller()
        try:
            self._instance = _instance(may_be_refused=chosen.root.rules.poll_s is not None)
            self._mounts = MountNews()
            self._closed = False
            forget_in_child(self)
            self._begin()
            if chosen.since is not None:
                self._go_on_from(chosen.since)
            for path in paths:
                self._add(path)
        except BaseException:
            self._undo_making()
            raise

    def _begin(self) -> None:
        """Let what there is work together."""
        if self._chosen.read_ahead is not None and not isinstance(self._instance, Refused):
            # This way round: while this watcher waits it is woken by the event, else the thread is.
            self._poller.add_shared(self._instance.fileno())
            self._instance.begin_reading_ahead(self._chosen.read_ahead, shares=True)
        self._poller.add(self._instance.fileno())
        if self._mounts.fd >= 0:
            self._poller.add_urgent(self._mounts.fd)
        self._disk, self._tree = _new_tree(self._instance)
        self._tree.crawler.on_directory = now_and_then(self._chosen.on_progress)

    def _begin_thread(self, start: Start) -> list[threading.Thread]:
        """Start a thread that has the events until it is done; all such threads, of which it is the last."""
        self._check_open()
        self._check_not_reading()
        return [*(each for each in self._threads if each.is_alive()), start.begin()]

    def _undo_making(self) -> None:
        """Free what there is: it is not left to a collector."""
        if self._closed:
            for part in ("_mounts", "_instance", "_poller"):
                if hasattr(self, part):
                    getattr(self, part).close()
        else:
            self.close()

    def _end(self) -> None:
        if not self._reading.waits:
            self._free()
        for thread in self._threads:
            if thread.ident != get_ident():
                thread.join()

    def _free(self) -> None:
        if self._steps.is_mine:
            self._steps.run_later(self._free)
        else:
            self._steps.run(self._free_all)

    def _free_all(self) -> None:
        self._instance.close()
        self._poller.close()
        self._mounts.close()
        if self._disk is not None:
            self._disk.end()

    def forked(self) -> None:
        """Give up what belongs to the parent; called in a forked child, and of no use elsewhere."""
        self._forked = self._closed = True
        # Threads that held them, and those to wait for, are not in this process.
        self._steps = StepLock()
        self._reading = Reading()
        self._threads = []
        self._ready.clear()
        self._mounts.close()
        if self._disk is not None:
            self._disk.end()

    def _free_forgotten(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()
        if hasattr(self, "_mounts"):
            # Nobody reads, though a reader may not have come to its end: PyPy does not close abandoned coroutines.
            self._free()


def _instance(*, may_be_refused: bool) -> Instance:
    """Return an instance; where that can not be had, and is not needed, what stands in its place."""
    try:
        return Instance()
    except OSError as error:
        if not may_be_refused:
            raise
        return Refused(error)


def _new_tree(instance: Instance) -> tuple[Disk, Tree]:
    """Return a tree, and its way to the kernel; the first one of a process has all that it will need imported."""
    try:
        from inotify_cffi.tree.disk import RECORD, Disk
        from inotify_cffi.tree.tree import Tree
    except OSError as error:
        raise OSError(error.errno, reason(error.errno or 0)) from None
    path = os.environ.get(RECORD)
    if not path:
        disk = Disk(instance)
    else:
        from inotify_cffi.tree.record import Recorder

        disk = Recorder(instance, path)
    return disk, Tree(disk)
