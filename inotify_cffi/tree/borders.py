"""Where a crawl ends: what it enters, what it may not enter, and what is left again."""

from __future__ import annotations

import errno

from inotify_cffi.ledger.nodes import NO_WD, Root
from inotify_cffi.tree.places import AUTOMOUNT, NOT_THERE, Found
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable

    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.frames import Crawl
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.listing import Lister
    from inotify_cffi.tree.moments import Moments
    from inotify_cffi.tree.places import Places

__all__ = ["Borders"]

# What runs out. Without a watch left (ENOSPC) another inode is there, for the ledger's has its watch; and so is an
# automount point.
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, AUTOMOUNT)


class Borders:
    """What is entered and what is left."""

    def __init__(self, ground: Ground, places: Places, lister: Lister, moments: Moments) -> None:
        self._fences = ground.fences
        self._moments = moments
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._disk = ground.disk
        self._doubts = ground.doubts
        self._places = places
        self._lister = lister
        # Directories that the user wants neither watched nor listed, nor what is below them.
        self.shut: set[Node] = set()
        self.on_directory: Callable[[], None] | None = None
        # Directories that are another inode than they were, until all of what is in them was told as changed.
        self._replaced: set[Node] = set()

    def enters(self, node: Node) -> bool:
        """Return True if *node* is to be watched and listed."""
        root = self._ledger.root(node)
        if root is None or (self.shut and not self.shut.isdisjoint(self._ledger.lineage(node))):
            return False
        return root.rules.max_depth is None or root.rules.enters(self._ledger.depth(node))

    def _is_on_this_file_system(self, crawl: Crawl, node: Node, found: Found) -> bool:
        """Return False for what is mounted below a root that is to be watched on its own file system only."""
        if not crawl.root.rules.one_file_system:
            return True
        device = self._disk.device(found.fd)
        if node is crawl.root:
            crawl.root.device = device
        return device == crawl.root.device

    def close(self, node: Node) -> bool:
        """Watch a directory no more: what is in it is taken back, the directory stays.

        False if there was no time for that; then it is in doubt, and whoever looks at it comes here again.
        """
        if not self._places.empty(node):
            return False
        self._places.release(node)
        return True

    def not_entered(self, node: Node, error: OSError, *, relist: bool = True, lost: bool = False) -> None:
        """A directory could not be opened or watched.

        If it is not where the ledger has it, its coming and going is still to be read. It is not forgotten that it
        was to be listed: after lost events what it holds is not known, wherever it will turn up.
        """
        if isinstance(node, Root) and node.is_file:
            self._doubts.doubt(node, relist=True)
            return
        if error.errno in NOT_THERE:
            self._places.missing(node, error)
            if node.parent is not None:
                self._doubts.doubt(node, relist=relist)
            return
        if error.filename is None or not str(error.filename).startswith("/"):
            error.filename = self._ledger.place(node).path
        if node.wd == NO_WD or lost or error.errno in EXHAUSTED:
            self._places.go_blind(node, error)
        else:
            # A directory that is watched stays watched if permissions bar the way to it; not if events of it were
            # lost, for what it holds is not known then, or if nothing can be looked at any more.
            self._places.bar(node, error)
