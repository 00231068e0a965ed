"""Watches by path, one inotify watch each, and what they report as tuples: the flat part of the drop-in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Dict

from inotify_cffi.base import bits
from inotify_cffi.dropin.tuples import event_tuple
from inotify_cffi.kernel.buffers import Records

if TYPE_CHECKING:
    from inotify_cffi.dropin.tuples import EventTuple, Path
    from inotify_cffi.kernel.instance import Instance

__all__ = ["Flat"]

OVERFLOW = bits.Q_OVERFLOW
IGNORED = bits.IGNORED
MASK_ADD = bits.MASK_ADD
MASK_CREATE = bits.MASK_CREATE


class Flat:
    """The watches of an inotify instance, by path.

    Args:
        instance: the inotify instance, whose owner closes it.
        base: what is added to the kernel's watch descriptors, so that they are not those of another instance.

    """

    in_doubt = False

    def __init__(self, instance: Instance, base: int = 0) -> None:
        self._instance = instance
        self._base = base
        self._wds: Dict[Path, int] = {}
        # One inode has one watch, so several paths may have the same; the last one is reported.
        self._paths: Dict[int, list[Path]] = {}
        # What was read and is not told yet, and the watch descriptors that are over and are not forgotten yet.
        self._records = Records()
        self._over: list[int] = []

    def add(self, path: Path, mask: int) -> int | None:
        """Watch *path* and return the watch descriptor, None if it is watched already. Raises OSError."""
        try:
            known = self._wds.get(path)
            if known is None:
                wd: int | None = self._instance.add_watch(path, mask) + self._base
            else:
                wd = self._again(path, mask, known)
            if wd is not None:
                self._wds[path] = wd
                self._paths.setdefault(wd, []).append(path)
        except OSError:
            raise
        except BaseException:
            self._sweep(path)
            raise
        return wd

    def _sweep(self, path: Path) -> None:
        """Remove what is left of an interrupted :meth:`add`."""
        known = self._wds.get(path)
        if known is not None and path not in self._paths.get(known, ()):
            del self._wds[path]
        for wd in self._instance.watched():
            if wd + self._base not in self._paths:
                self._instance.rm_watch(wd)

    def _again(self, path: Path, mask: int, known: int) -> int | None:
        """Watch a path that has a watch: that may be over and not read yet, or be of what was there before.

        What the old watch has reported comes still, and its IGNORED ends it.
        """
        try:
            wd = self._instance.add_watch(path, mask & ~MASK_ADD | MASK_CREATE) + self._base
        except FileExistsError:
            return None
        # Before Linux 4.18 nothing knows MASK_CREATE, and the old watch comes back.
        if wd == known:
            return None
        self._instance.rm_watch(known - self._base)
        return wd

    def remove(self, path: Path, *, forget: bool) -> set[int]:
        """Watch *path* no more; the watch descriptors that this leaves without a path.

        *forget*: the kernel goes on reporting, and nobody listens. Raises OSError.
        """
        wd = self._wds.get(path)
        if wd is None:
            return set()
        if self._paths[wd] == [path]:
            return self.remove_wd(wd, forget=forget)
        self._paths[wd].remove(path)
        del self._wds[path]
        return set()

    def remove_wd(self, wd: int, *, forget: bool) -> set[int]:
        """Do the same for all paths of a watch descriptor. Raises KeyError if it is unknown."""
        if wd not in self._paths:
            raise KeyError(wd)
        if not forget:
            self._instance.rm_watch(wd - self._base)
        self._forget(wd)
        return {wd}

    def _forget(self, wd: int) -> None:
        for path in self._paths[wd]:
            if self._wds.get(path) == wd:
                del self._wds[path]
        del self._paths[wd]

    def read(self, ready: list[EventTuple]) -> None:
        """Put what one read gives in front of what is *ready*, without waiting; not what no watch has any more."""
        records = self._records
        if records.at == records.count:
            self._instance.read_into(records)
        rows, queue, end = records.rows(), records.cdata, records.count
        events = [event for row in rows for event in self._told(*row)]
        over = [wd + self._base for wd, mask, _, _ in rows if mask & IGNORED]
        # One line, see handout.py.
        self._over += over; ready[:0] = events[::-1]; records.move_to(queue, end)  # noqa: E702  # fmt: skip
        for wd in self._over:
            if wd in self._paths:
                self._forget(wd)
        self._over.clear()

    def _told(self, raw_wd: int, mask: int, cookie: int, name: bytes) -> list[EventTuple]:
        if mask & OVERFLOW:
            empty = b"" if isinstance(next(iter(self._wds), ""), bytes) else ""
            return [event_tuple(raw_wd, mask, 0, empty, empty)]
        wd = raw_wd + self._base
        paths = self._paths.get(wd)
        if paths is None:
            return []
        path = paths[-1]
        filename = os.fsdecode(name) if isinstance(path, str) else name
        return [event_tuple(wd, mask, cookie, path, filename)]
