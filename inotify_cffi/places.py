"""What is at a place: find a directory by descriptors, tell by its watch which inode it is, bind it.

Paths follow the stream, watches follow the disk. The disk may be ahead of the events that were read, so what is
at a place is found from the root down, one name at a time, and each directory on the way must be the inode
that the ledger has there. A watch pins its inode and an instance has one watch per inode (inotify(7)), so
equal watch descriptors are a perfect identity test.
"""

from __future__ import annotations

import errno

from inotify_cffi import bits
from inotify_cffi.nodes import NO_WD
from inotify_cffi.root import Root
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.anchors import Anchors
    from inotify_cffi.doubts import Doubts
    from inotify_cffi.ledger import Ledger
    from inotify_cffi.nodes import Node
    from inotify_cffi.scan import Disk
    from inotify_cffi.teller import Teller

__all__ = ["NOT_THERE", "Found", "Places"]

# What openat(2) says where the ledger's directory is not: nothing, not a directory, a symbolic link.
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
ATTRIB = bits.ATTRIB


class Found(NamedTuple):
    """What is at the place of a node: an open descriptor, and the watch descriptor of the inode there."""

    fd: int
    wd: int


class Places:
    """Binds the ledger's nodes to what is on the disk."""

    def __init__(self, ledger: Ledger, teller: Teller, disk: Disk, doubts: Doubts, anchors: Anchors) -> None:
        self._anchors = anchors
        self._ledger = ledger
        self._teller = teller
        self._disk = disk
        self._doubts = doubts
        # The directories that can not be covered, and why.
        self._blind: Dict[Node, OSError] = {}
        # Watches that were freed since it was last tried to cover what there was no watch for.
        self.freed = 0

    # --- finding ---

    def locate(self, node: Node) -> Found | None:
        """Open and watch what is at the place of *node* now; the caller compares, binds and closes.

        None if the way there is not what the ledger says; then the place that differs is marked. Raises
        OSError, FileNotFoundError among them, where *node* itself can not be opened or watched, and where
        a directory on the way may not be entered.
        """
        fd = -1
        lineage = self._ledger.lineage(node)
        root = lineage[0]
        place = node
        try:
            for place in lineage:
                fd = self._step_down(fd, place)
                wd = self.watch(fd, place, root)
                if place is node:
                    return Found(fd, wd)
                if wd != place.wd:
                    self.stray(place, wd)
                    break
        except OSError as error:
            self.close(fd)
            if place is node or error.errno not in NOT_THERE:
                raise
            # Only a mark: whoever looks for a node is in the middle of something.
            if place.parent is not None:
                self._doubts.suspect(place.parent, place.name)
            else:
                self._doubts.doubt(place, relist=False)
            return None
        self.close(fd)
        return None

    def _step_down(self, fd: int, place: Node) -> int:
        if isinstance(place, Root):
            try:
                return self._disk.open_root(place.top)
            except OSError as error:
                error.filename = place.given
                raise
        below = self._disk.enter(fd, place.name, follow=place.link)
        self._disk.close(fd)
        return below

    def watch(self, fd: int, node: Node, root: Node, *, listed: bool = False) -> int:
        """Watch the directory open as *fd*, which is at the place of *node*, for what its root wants.

        *listed*: it was listed, so it may report from now on what a listing would have made it report.
        """
        if not isinstance(root, Root):
            raise TypeError(f"{root.name!r} is not a root")
        mask = root.kernel_mask | root.raised if listed else root.kernel_mask
        try:
            if self._disk.by_path:
                return self._disk.watch_path(fd, self._path(node), mask)
            return self._disk.watch(fd, mask)
        except OSError as error:
            error.filename = self._ledger.place(node).path
            raise

    def _path(self, node: Node) -> str:
        lineage = self._ledger.lineage(node)
        root = lineage[0]
        top = root.top if isinstance(root, Root) else root.name
        return "/".join([top.rstrip("/"), *(place.name for place in lineage[1:])]) or "/"

    def close(self, fd: int) -> None:
        """Close a descriptor, if there is one."""
        if fd >= 0:
            self._disk.close(fd)

    def is_at_its_place(self, node: Node, wd: int) -> bool:
        """Return True if the inode that *wd* names is at the place of *node* now."""
        try:
            found = self.locate(node)
        except OSError:
            return False
        if found is None:
            return False
        self._disk.close(found.fd)
        if found.wd != wd:
            self.reap(found.wd)
        return found.wd == wd

    # --- what was not as the ledger says ---

    def stray(self, place: Node, wd: int) -> None:
        """Another inode than the ledger's is at this place."""
        self.reap(wd)
        self._doubts.doubt(place, relist=False)

    def missing(self, place: Node, error: OSError) -> None:
        """Nothing that could be entered is at this place."""
        if place.parent is not None:
            self._doubts.suspect(place.parent, place.name)
        else:
            self.go_blind(place, error)

    def reconsider(self, root: Root) -> None:
        """See whether a root that is waited for is a file now, or was one and is to be a directory again."""
        is_file = self._disk.is_file(root.location)
        if is_file == (root.rules.only is not None):
            return
        self.free(self._teller.emptied(root))
        self.release(root)
        self._blind.pop(root, None)
        if is_file:
            root.become_file()
        else:
            root.become_directory()

    def reap(self, wd: int) -> None:
        """Remove a watch that was added to see which inode is somewhere, if no node has it."""
        if self._ledger.owner(wd) is None:
            self._unwatch(wd)

    def _unwatch(self, wd: int) -> None:
        if wd not in self._anchors:
            self._disk.unwatch(wd)

    # --- binding ---

    def bind(self, node: Node, found: Found) -> bool:
        """Let *node* be the inode that was found; False if it is above itself: by a link, a bind mount.

        Who has the inode already is still at its place (a bind mount, overlapping roots, a followed link) and
        keeps it, or its place is old news: then it loses the watch descriptor and is looked at again.
        """
        wd = found.wd
        for owner in self._ledger.owners(wd):
            if owner is node:
                continue
            if self._ledger.is_within(node, owner):
                # Who is above was seen there once more behind the node: it was not moved from there to here.
                if self.is_at_its_place(owner, wd):
                    self.free(self._teller.emptied(node))
                    self.release(node)
                else:
                    self._doubts.doubt(owner, relist=False)
                    self._doubts.doubt(node, relist=True)
                return False
            if not self.is_at_its_place(owner, wd):
                self._ledger.unbind(owner)
                self._doubts.doubt(owner, relist=True)
        if node.wd not in (NO_WD, wd):
            self.release(node)
        self._ledger.bind(node, wd)
        return True

    def release(self, node: Node) -> None:
        """Take a node off its watch, and remove the watch if nobody else has it."""
        wd = node.wd
        if self._ledger.unbind(node):
            self.free([wd])

    def free(self, wds: list[int]) -> None:
        """Remove watches that have no node any more."""
        for wd in wds:
            self._unwatch(wd)
        self.freed += len(wds)

    # --- blind directories ---

    def go_blind(self, node: Node, error: OSError) -> None:
        """A directory can not be covered: its entries are taken back, and that is told, once."""
        self.free(self._teller.emptied(node))
        self.release(node)
        self.bar(node, error)

    def bar(self, node: Node, error: OSError) -> None:
        """A directory can not be looked at, though what its watch reports is still told."""
        known = self._blind.get(node)
        self._blind[node] = error
        if known is None or known.errno != error.errno:
            self._teller.unwatched(node, error)
            self._listen(node)

    def covered(self, node: Node) -> None:
        """A directory is watched and could be listed: tell it if that was not so before."""
        if self._blind.pop(node, None) is not None:
            self._teller.watched(node)

    def excuse(self, node: Node) -> None:
        """A directory that could not be covered is not to be covered any more."""
        self._blind.pop(node, None)

    def _listen(self, node: Node) -> None:
        """Have all directories on the way report when permissions change, and look once more.

        The look goes that way and adds to each watch what the root wants; and they may have changed before.
        """
        root = self._ledger.place(node).root
        if not root.asked & ATTRIB:
            root.kernel_mask |= ATTRIB
            self._doubts.doubt(node, relist=True)

    def blind(self) -> Dict[Node, OSError]:
        """Return the directories that are not covered and should be, each with its reason."""
        for node in [node for node in self._blind if not self._is_wanted(node)]:
            del self._blind[node]
        return self._blind

    def _is_wanted(self, node: Node) -> bool:
        """Return True if the directory is still there, and not deeper now than its root is watched."""
        if not self._ledger.is_attached(node):
            return False
        lineage = self._ledger.lineage(node)
        root = lineage[0]
        return isinstance(root, Root) and root.rules.enters(len(lineage) - 1)

    @property
    def has_room(self) -> bool:
        """True if watches were freed and it was not yet tried to cover more with them."""
        return bool(self.freed and self._blind)

    def retry_freed(self) -> None:
        """Look again at as many directories that there was no watch for as watches were freed."""
        freed, self.freed = self.freed, 0
        if freed and self._blind:
            waiting = [node for node, error in self.blind().items() if error.errno == errno.ENOSPC]
            for node in waiting[:freed]:
                self._doubts.doubt(node, relist=True)

    def retry_below(self, top: Node) -> None:
        """Look again at the blind directories at and below *top*: its attributes have changed."""
        if self._blind:
            for node in self.blind():
                if self._ledger.is_within(node, top):
                    self._doubts.doubt(node, relist=True)
