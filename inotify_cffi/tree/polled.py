"""Directories in which inotify does not see all, below roots that are polled where that is so."""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.ledger.ledger import Ledger
    from inotify_cffi.ledger.nodes import Node, Root
    from inotify_cffi.tree.disk import Disk

__all__ = ["MANY", "Polled"]

# How many there are before those are looked for that are not in the ledger any more; later twice what is left.
MANY = 256


class Polled:
    """Those that were bound to a number and have no watch, or are on a file system that others change unseen."""

    def __init__(self, ledger: Ledger, disk: Disk) -> None:
        self._ledger = ledger
        self._disk = disk
        self._nodes: Dict[Node, None] = {}
        self._many = MANY

    def regard(self, node: Node, fd: int, wd: int) -> None:
        """A directory is bound to what is open as *fd*."""
        if self._disk.is_seen(fd, wd):
            self._nodes.pop(node, None)
            return
        self._nodes[node] = None
        if len(self._nodes) > self._many:
            self._nodes = {other: None for other in self._nodes if self._ledger.is_attached(other)}
            self._many = max(MANY, 2 * len(self._nodes))

    def tops(self, root: Root) -> list[Node]:
        """Return those below a root, or the root itself, that are not in another one."""
        return [
            node
            for node in self._nodes
            if self._ledger.root(node) is root and (node.parent is None or node.parent not in self._nodes)
        ]
