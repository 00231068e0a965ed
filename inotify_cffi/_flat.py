"""Watches by path, one inotify watch each, and what they report as tuples: the flat part of the drop-in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Dict

from inotify_cffi import bits
from inotify_cffi._tuples import event_tuple

if TYPE_CHECKING:
    from inotify_cffi._tuples import EventTuple, Path
    from inotify_cffi.events import RawEvent
    from inotify_cffi.instance import Instance

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

    def add(self, path: Path, mask: int) -> int | None:
        """Watch *path* and return the watch descriptor, None if it is watched already. Raises OSError."""
        known = self._wds.get(path)
        wd = self._instance.add_watch(path, mask) + self._base if known is None else self._again(path, mask, known)
        if wd is None:
            return None
        self._wds[path] = wd
        self._paths.setdefault(wd, []).append(path)
        return wd

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
        wd = self._wds.pop(path, None)
        if wd is None:
            return set()
        self._paths[wd].remove(path)
        return set() if self._paths[wd] else self.remove_wd(wd, forget=forget)

    def remove_wd(self, wd: int, *, forget: bool) -> set[int]:
        """Do the same for all paths of a watch descriptor. Raises KeyError if it is unknown."""
        self._forget(wd)
        if not forget:
            self._instance.rm_watch(wd - self._base)
        return {wd}

    def _forget(self, wd: int) -> None:
        for path in self._paths.pop(wd):
            if self._wds.get(path) == wd:
                del self._wds[path]

    def read(self) -> list[EventTuple]:
        """Return what one read gives, without waiting; what no watch has any more is left out."""
        events = map(self._told, self._instance.read())
        return [event for event in events if event is not None]

    def _told(self, raw: RawEvent) -> EventTuple | None:
        if raw.mask & OVERFLOW:
            empty = b"" if isinstance(next(iter(self._wds), ""), bytes) else ""
            return event_tuple(raw.wd, raw.mask, 0, empty, empty)
        wd = raw.wd + self._base
        paths = self._paths.get(wd)
        if paths is None:
            return None
        path = paths[-1]
        filename = os.fsdecode(raw.name) if isinstance(path, str) else raw.name
        event = event_tuple(wd, raw.mask, raw.cookie, path, filename)
        if raw.mask & IGNORED:
            self._forget(wd)
        return event
