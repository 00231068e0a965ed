"""The watches of a tree of the drop-in: its directories, and what its user watches beside them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, Dict

from inotify_cffi.dropin.roots import LOGGER, Roots
from inotify_cffi.dropin.single import Flat

if TYPE_CHECKING:
    from inotify_cffi.dropin.tuples import EventTuple, Path
    from inotify_cffi.kernel.instance import Instance

__all__ = ["Grove", "outermost"]

# What is added to the watch descriptors of what is beside the tree: it has an inotify instance of its own,
# and its numbers must not be those of the tree's.
BESIDE = 1 << 30


class Grove:
    """Some directories with all below them, and single watches beside them.

    Args:
        open_instance: makes an inotify instance, and owns it.
        paths: the directories.
        mask: the events to report of them.

    Raises OSError where a directory can not be watched or no instance is left.

    """

    def __init__(self, open_instance: Callable[[], Instance], paths: list[Path], mask: int) -> None:
        self._open_instance = open_instance
        self._roots = Roots(open_instance(), mask)
        self._beside: Flat | None = None
        chosen = outermost(paths)
        for path in paths:
            if path in chosen:
                chosen.remove(path)
                self._roots.add(path)
            else:
                LOGGER.warning("this path is watched already: %s", os.fsdecode(path))

    @property
    def in_doubt(self) -> bool:
        """True while :meth:`read` has something to do, though nothing may be queued."""
        return self._roots.in_doubt

    def read(self, ready: list[EventTuple]) -> None:
        """Put what has come in front of what is *ready*, without waiting."""
        self._roots.read(ready)
        if self._beside is not None:
            self._beside.read(ready)

    def add(self, path: Path, mask: int) -> int | None:
        """Watch a path, or a directory of the tree that was removed; None if it is watched. Raises OSError."""
        node = self._roots.find(path)
        if node is not None:
            return self._roots.rejoin(node)
        if self._beside is None:
            self._beside = Flat(self._open_instance(), BESIDE)
        return self._beside.add(path, mask)

    def remove(self, path: Path, *, forget: bool) -> set[int]:
        """Watch a path no more, nor what is below if it is a directory of the tree; what watches had it."""
        node = self._roots.find(path)
        if node is not None:
            return self._roots.leave(node)
        return set() if self._beside is None else self._beside.remove(path, forget=forget)

    def remove_wd(self, wd: int, *, forget: bool) -> set[int]:
        """Do the same by the watch descriptor. Raises KeyError if it is unknown."""
        node = self._roots.find_wd(wd)
        if node is not None:
            return self._roots.leave(node)
        if self._beside is None:
            raise KeyError(wd)
        return self._beside.remove_wd(wd, forget=forget)

    def unwatched(self) -> Dict[Path, OSError]:
        """Return the directories that are not covered, each with the error that says why."""
        return self._roots.unwatched()


def outermost(paths: list[Path]) -> list[Path]:
    """Return the paths without those that are below another one of them, or the same, by their words."""
    chosen: Dict[str, Path] = {}
    for path in paths:
        chosen.setdefault(_stripped(path), path)
    return [path for text, path in chosen.items() if not any(above in chosen for above in _above(text))]


def _stripped(path: Path) -> str:
    text = os.fsdecode(path)
    return text.rstrip("/") or text[:1]


def _above(text: str) -> list[str]:
    """Return the directories that the words of a path name, above the last."""
    parts = text.split("/")
    return ["/".join(parts[:end]) or "/" for end in range(1, len(parts))] if text != "/" else []
