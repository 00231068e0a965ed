"""Notice what is mounted and unmounted below the roots.

A mount over a watched directory hides it, and the unmount of a bind mount shows another, with no inotify event.
But /proc/self/mountinfo becomes urgent on any change (proc(5)). Then each directory is looked at where a
mount came or went.
"""

from __future__ import annotations

from inotify_cffi.kernel.mounts import is_within
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.ledger.nodes import Node, Root
    from inotify_cffi.tree.ground import Ground

__all__ = ["Mounts"]


class Mounts:
    """The mount points when they were last looked at."""

    def __init__(self, ground: Ground) -> None:
        self._ledger = ground.ledger
        self._disk = ground.disk
        self._doubts = ground.doubts
        self._mounted = ground.mounted
        self._known = self._mounted.table

    def regard(self, root: Root) -> None:
        """A root is new, or may lead elsewhere: see what it is on."""
        self._mounted.regard(root)

    def automount(self, path: str) -> str | None:
        """See :meth:`Mounted.automount <inotify_cffi.tree.mounted.Mounted.automount>`."""
        return self._mounted.automount(path)

    def look(self) -> None:
        """Mark each directory at which a mount came or went."""
        now = self._mounted.renew()
        # A path at which two things are mounted is there twice.
        more: Dict[str, int] = {}
        for mounts, one in ((now, 1), (self._known, -1)):
            for mount in mounts:
                more[mount.point] = more.get(mount.point, 0) + one
        changed = [path for path, count in more.items() if count]
        for root in self._ledger.roots:
            if self._mounted.automount(root.top) is not None:
                # To look where it is would mount what is there.
                self._doubts.doubt(root, relist=False)
                continue
            self._mounted.regard(root)
            top = self._disk.real_path(root.top)
            for path in changed:
                node = _node_at(root, top, path)
                if node is not None:
                    self._doubts.doubt(node, relist=False)
        # At the end: who is interrupted before looks again.
        self._known = now


def _node_at(root: Root, top: str, path: str) -> Node | None:
    """Return the node that a mount at *path* concerns; the root itself if that is above it."""
    if is_within(top, path):
        return root
    if not is_within(path, top):
        return None
    node: Node | None = root
    for name in path[len(top) :].strip("/").split("/"):
        node = node.children.get(name) if node is not None else None
    return node
