"""Find the directory that is at a place: from its root down, or on a shorter way from one that is open.

Paths follow the stream, watches follow the disk. The disk may be ahead of the events that were read, so what is at
a place is found one name at a time, and each directory on the way must be the inode that the ledger has there.
A watch pins its inode and an instance has one watch per inode (inotify(7)), so equal watch descriptors are a
perfect identity test.

While a crawl or a batch of events lasts, the last directory on the way stays open, and the next look begins there
if that is nearer than the root: up by "..", then down by names. So to go through a tree costs one step for each
directory, however deep it is. If a directory above was moved meanwhile, it was moved from a directory that is
watched, and that event is still to be read; the same holds for what a crawl has open.
"""

from __future__ import annotations

import errno
import os

from inotify_cffi.ledger.nodes import Root
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Dict, Tuple

    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.anchors import Anchors
    from inotify_cffi.tree.ground import Ground

__all__ = ["AUTOMOUNT", "NOT_THERE", "Found", "Stand", "Ways"]

# What openat(2) says where the ledger's directory is not: nothing, not a directory, a symbolic link.
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)

# Nothing is mounted there, and to enter it would change that.
AUTOMOUNT = errno.EREMOTE


class Found(NamedTuple):
    """What is at the place of a node: an open descriptor, and the watch descriptor of the inode there."""

    fd: int
    wd: int


class Stand(NamedTuple):
    """A directory of the ledger that is open, and the watch descriptor that it had then."""

    node: Node
    fd: int
    wd: int


class Ways:
    """Goes to directories, by descriptors."""

    def __init__(self, ground: Ground, anchors: Anchors) -> None:
        self._anchors = anchors
        self._ledger = ground.ledger
        self._disk = ground.disk
        self._doubts = ground.doubts
        self.mounted = ground.mounted
        # A root that is being added: the user wants what would be mounted there.
        self.added: Root | None = None
        self._stand: Stand | None = None
        # Directories to which all on the way from the root is to be watched once more: what is open was watched
        # for less than is wanted now.
        self._afar: Dict[Node, None] = {}

    def locate(self, node: Node, near: Stand | None = None) -> Found | None:
        """Open and watch what is at the place of *node* now; the caller compares, binds and closes.

        *near* is a directory that the caller has open. None if the way there is not what the ledger says; then the
        place that differs is marked. Raises OSError, FileNotFoundError among them, where *node* itself can not be
        opened or watched, and where a directory on the way may not be entered.
        """
        root = self._root(node)
        if node in self._afar:
            start, way = None, self._ledger.lineage(node)
        else:
            start, way = self._approach(node, near, root)
        stand, place = start, node
        try:
            for place in way:
                found = self._step(stand, place, root)
                if place is node:
                    return found
                if found.wd != place.wd:
                    self._disk.close(found.fd)
                    self.stray(place, found.wd)
                    break
                before, stand = stand, Stand(place, *found)
                if before is not None and before is not start:
                    self._disk.close(before.fd)
        except OSError as error:
            if place is node or error.errno not in NOT_THERE:
                raise
            # Only a mark: whoever looks for a node is in the middle of something.
            if place.parent is not None:
                self._doubts.suspect(place.parent, place.name)
            else:
                self._doubts.doubt(place, relist=False)
        finally:
            if stand is not None and stand is not start:
                self.stand(stand)
        return None

    def _root(self, node: Node) -> Root:
        root = self._ledger.root(node)
        if root is None:
            raise TypeError(f"{node.name!r} is not below a root")
        return root

    def _step(self, stand: Stand | None, place: Node, root: Root) -> Found:
        """Open and watch what is at a place, in the directory that it is in; a root by its path."""
        if stand is not None:
            fd = self.enter(stand.fd, place, root)
        else:
            if self.mounted.has_automounts:
                self.check(root, root)
            try:
                fd = self._disk.open_root(root.top)
            except OSError as error:
                error.filename = root.given
                raise
        try:
            return Found(fd, self.watch(fd, place, root))
        except OSError:
            self._disk.close(fd)
            raise

    def enter(self, fd: int, node: Node, root: Root) -> int:
        """Open the directory *node* in the directory *fd*. Raises OSError, also for an automount point."""
        if self.mounted.has_automounts:
            self.check(node, root, fd)
        return self._disk.enter(fd, node.name, follow=node.link)

    def check(self, node: Node, root: Root, fd: int = -1) -> None:
        """Raise OSError, AUTOMOUNT, if to enter *node*, in the directory *fd*, would mount something there."""
        if not self.mounted.has_automounts or root is self.added:
            return
        path = self._path(node)
        if node.link and fd >= 0:
            path = os.path.normpath(os.path.join(os.path.dirname(path), self._disk.where(fd, node.name) or ""))
        elif self.mounted.automount(root.top) is None:
            path = self._disk.real_path(root.top).rstrip("/") + path[len(root.top.rstrip("/")) :]
        point = self.mounted.automount(path)
        if point is not None:
            raise OSError(
                AUTOMOUNT, f"{os.fsencode(point)!r} is an automount point, and nothing is mounted there", path
            )

    def is_above_automount(self, node: Node, root: Root) -> bool:
        """Return True if there is an automount at or below *node*: there each directory is looked at by itself."""
        if not self.mounted.has_automounts:
            return False
        path = self._disk.real_path(root.top).rstrip("/") + self._path(node)[len(root.top.rstrip("/")) :]
        return self.mounted.is_above_automount(path)

    # --- shorter ways ---

    def stand(self, stand: Stand) -> None:
        """Begin the next look at a directory that is open; it is closed by :meth:`rest`, or for another one."""
        before, self._stand = self._stand, stand
        if before is not None:
            self._disk.close(before.fd)

    def rest(self) -> None:
        """Have no directory open. Whatever will be, is opened on a way that begins at a root."""
        self._afar.clear()
        stand, self._stand = self._stand, None
        if stand is not None:
            self._disk.close(stand.fd)

    def _approach(self, node: Node, near: Stand | None, root: Root) -> Tuple[Stand | None, list[Node]]:
        """Return a directory on the way to *node* that is open, None for none, and the places from there on."""
        shortest: Tuple[int, Stand, Node, list[Node]] | None = None
        for stand in (near, self._stand):
            if node.parent is None or stand is None or stand.node.wd != stand.wd or self._disk.by_path:
                continue
            between = _between(stand.node, node.parent)
            if between is not None and (shortest is None or between[0] < shortest[0]):
                shortest = (between[0], stand, *between[1:])
        if shortest is not None:
            _, stand, top, down = shortest
            if stand.node is top:
                return stand, [*down, node]
            ups = shortest[0] - len(down)
            if self._climb(stand, ups, top, root):
                return self._stand, [*down, node]
        return None, self._ledger.lineage(node)

    def _climb(self, stand: Stand, steps: int, top: Node, root: Root) -> bool:
        """Stand on the directory *top*, so many *steps* above; False if that is not where ".." leads."""
        fd = stand.fd
        try:
            for _ in range(steps):
                above = self._disk.enter(fd, "..", follow=False)
                if fd != stand.fd:
                    self._disk.close(fd)
                fd = above
            wd = self.watch(fd, top, root)
        except OSError:
            if fd != stand.fd:
                self._disk.close(fd)
            return False
        if wd != top.wd:
            self._disk.close(fd)
            self.reap(wd)
            return False
        self.stand(Stand(top, fd, wd))
        return True

    # --- watching ---

    def watch(self, fd: int, node: Node, root: Root, *, listed: bool = False) -> int:
        """Watch the directory open as *fd*, which is at the place of *node*, for what its root wants.

        *listed*: it was listed, so it may report from now on what a listing would have made it report.
        """
        mask = root.reports if listed else root.kernel_mask
        try:
            if root.rules.poll_s is not None:
                return self._disk.identify(fd) if root.rules.polls_only else self._disk.watch_or_identify(fd, mask)
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

    def heed_end(self, root: Root, fd: int) -> None:
        """A root was found, and is open as *fd*: have its end noticed, also where it says nothing itself."""
        self._anchors.heed_end(root, fd)

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

    def is_surely_at_its_place(self, node: Node) -> bool:
        """Return True if a directory, and each on the way to it, is where the ledger has it, from its root on."""
        stand, self._stand = self._stand, None
        try:
            return self.is_at_its_place(node, node.wd)
        finally:
            if stand is not None:
                self.stand(stand)

    def stray(self, place: Node, wd: int) -> None:
        """Another inode than the ledger's is at this place."""
        self.reap(wd)
        self._doubts.doubt(place, relist=False)

    def reap(self, wd: int) -> None:
        """Remove a watch that was added to see which inode is somewhere, if no node has it."""
        if self._ledger.owner(wd) is None:
            self._unwatch(wd)

    def _unwatch(self, wd: int) -> None:
        if wd not in self._anchors:
            self._disk.unwatch(wd)

    def close(self, fd: int) -> None:
        """Close a descriptor, if there is one."""
        if fd >= 0:
            self._disk.close(fd)


def _between(start: Node, goal: Node) -> Tuple[int, Node, list[Node]] | None:
    """Return the way from one directory to another: how many steps, its highest place, the places down from there.

    None if the root is not farther from *goal*, or a link is on the way up: ".." does not lead back.
    """
    ups, downs = {start: 0}, {goal: 0}
    high, low = start, goal
    while low not in ups and high not in downs:
        if low.parent is None:
            return None
        low = low.parent
        downs[low] = len(downs)
        if high.parent is not None and not high.link:
            high = high.parent
            ups[high] = len(ups)
    top = low if low in ups else high
    down = list(downs)[: downs[top]]
    down.reverse()
    return ups[top] + len(down), top, down
