"""Wait for roots that are not there: watch the directories on the way to them.

Every directory on the way is watched for the next name on it, from the top down; and only when all watches are in
place is it looked whether the root is there. So whatever makes it appear or vanish is either seen by that look or
reported by a watch. The events are only a reason to look: whoever is on the way now is found out afresh.
"""

from __future__ import annotations

import os

from inotify_cffi.base import bits
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, KeysView, Tuple

    from inotify_cffi.ledger.ledger import Ledger
    from inotify_cffi.ledger.nodes import Root
    from inotify_cffi.tree.disk import Disk
    from inotify_cffi.tree.doubts import Doubts
    from inotify_cffi.tree.moves import Raw

__all__ = ["Anchors"]

# What can make the next name on the way another directory, or none, or one that may be entered.
ON_THE_WAY = (
    bits.CREATE | bits.DELETE | bits.MOVED_FROM | bits.MOVED_TO | bits.DELETE_SELF | bits.MOVE_SELF | bits.ATTRIB
)
OVER = bits.IGNORED


class Anchors:
    """The watches on the way to the roots that are waited for."""

    def __init__(self, ledger: Ledger, disk: Disk, doubts: Doubts) -> None:
        self._ledger = ledger
        self._disk = disk
        self._doubts = doubts
        self._names: Dict[int, set[Tuple[Root, str]]] = {}
        self._due: Dict[Root, None] = {}

    @property
    def wds(self) -> KeysView[int]:
        """The watches on the way, as they are at each moment."""
        return self._names.keys()

    def __contains__(self, wd: int) -> bool:
        return wd in self._names

    def __bool__(self) -> bool:
        return bool(self._names)

    def arm(self, root: Root) -> None:
        """Watch the way to *root* as it is now; what is not on it any more is watched no more."""
        before = {wd for wd, names in self._names.items() if any(waiting is root for waiting, _ in names)}
        for names in self._names.values():
            names.difference_update({(waiting, name) for waiting, name in names if waiting is root})
        self._walk(root)
        for wd in before:
            self._drop_if_unused(wd)

    def _walk(self, root: Root) -> None:
        way = [part for part in root.location.split("/") if part not in ("", ".")]
        path = "/"
        fd = self._disk.open_root(path)
        try:
            for name in way:
                self._watch(fd, path, root, name)
                below = self._disk.enter(fd, name, follow=True)
                self._disk.close(fd)
                fd = below
                path = os.path.join(path, name)
        except OSError:
            # The way ends here, or may not be gone further; the watches up to here report if that changes.
            return
        finally:
            self._disk.close(fd)

    def _watch(self, fd: int, path: str, root: Root, name: str) -> None:
        try:
            if self._disk.by_path:
                wd = self._disk.watch_path(fd, path, ON_THE_WAY)
            else:
                wd = self._disk.watch(fd, ON_THE_WAY)
        except PermissionError:
            # A directory that may be entered and not read can not be watched; those around it are.
            return
        self._names.setdefault(wd, set()).add((root, name))

    def _drop_if_unused(self, wd: int) -> None:
        if not self._names.get(wd):
            self._names.pop(wd, None)
            if self._ledger.owner(wd) is None:
                self._disk.unwatch(wd)

    def disarm(self, root: Root) -> None:
        """Wait for *root* no more."""
        self._due.pop(root, None)
        for wd, names in list(self._names.items()):
            names.difference_update({(waiting, name) for waiting, name in names if waiting is root})
            self._drop_if_unused(wd)

    def heard(self, raw: Raw) -> None:
        """Something happened on the way; look again if it concerns the next name, or the watch itself."""
        for root, name in self._names.get(raw.wd, ()):
            if not raw.name or raw.name == name:
                self._due[root] = None
                self._doubts.doubt(root, relist=False)
        if raw.mask & OVER:
            self._names.pop(raw.wd, None)

    def rearm(self) -> None:
        """Watch the ways anew on which something happened."""
        for root in list(self._due):
            if self._ledger.is_attached(root):
                self.arm(root)
            self._due.pop(root, None)

    def rearm_all(self) -> None:
        """Watch all ways anew: events were lost."""
        for root in self._roots():
            self.arm(root)

    def doubt_all(self) -> None:
        """Do so the next time: something was interrupted."""
        self._due.update(self._roots())

    def _roots(self) -> Dict[Root, None]:
        return {root: None for root in self._ledger.roots if root.waits}
