"""Watch the ways to roots that are waited for, and to files: whatever makes a path lead elsewhere.

A path is resolved as open(2) does, one name at a time, and each link on the way is watched, also those that the
target of another link goes through. Every watch is in place before it is looked what is there, so whatever makes
the end of the way appear, vanish or be another is either seen by that look or reported by a watch. The events are
only a reason to look: whoever is on the way now is found out afresh.

Of a root that is waited for all directories on the way are watched for the next name. Of a file that is not, the
names of links only, the name at the end of the last one, and the first name that is not there; of the directories
in between the end and the move of themselves. So nothing else that happens in these directories wakes anybody.
"""

from __future__ import annotations

import errno
import os

from inotify_cffi.base import bits
from inotify_cffi.ledger.nodes import NO_WD, Root
from inotify_cffi.tree.disk import MAGIC
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, KeysView, Tuple, Union

    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.disk import Disk
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.looks import Stamp
    from inotify_cffi.tree.moves import Raw

    # Whoever has a way: a root that may be a directory, or a file.
    Goer = Union[Root, "Followed"]

__all__ = ["MOST_LINKS", "Anchors", "Followed"]

# What can make the next name on the way another directory, or none; and one that may be entered.
NAMES = bits.CREATE | bits.DELETE | bits.MOVED_FROM | bits.MOVED_TO
SELF = bits.DELETE_SELF | bits.MOVE_SELF
ATTRIB = bits.ATTRIB
ON_THE_WAY = NAMES | SELF | ATTRIB
OVER = bits.IGNORED

# As many links the kernel follows on a path (include/linux/namei.h MAXSYMLINKS): what is behind more than that can
# not be opened.
MOST_LINKS = 40

# A directory on the way says something of itself: the name of none.
ITSELF = ""


class Followed:
    """A file that is watched by itself: where it is in the ledger, and what was last there."""

    __slots__ = ("error", "is_alone", "is_known", "name", "node", "stamp", "waits_at", "wd")

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.name = name
        # The watch on the object, and what was known of that when it was last watched.
        self.wd = NO_WD
        self.stamp: Stamp | None = None
        # Why not all is covered that should be.
        self.error: OSError | None = None
        # Of a link in a tree: whether it was looked at before; the object that is at as many places as it may be.
        self.is_known = False
        self.waits_at = NO_WD
        # True while its directory is not watched: what the object says of itself is all there is.
        self.is_alone = False


class Anchors:
    """The watches on the ways."""

    def __init__(self, ground: Ground) -> None:
        self._ledger = ground.ledger
        self._disk = ground.disk
        self._doubts = ground.doubts
        # Who wants to know what happens to which name, by watch; and the same by who it is.
        self._names: Dict[int, set[Tuple[Goer, str]]] = {}
        self._ways: Dict[Goer, list[Tuple[int, str]]] = {}
        self._due: Dict[Root, None] = {}
        # Files on whose way something happened.
        self.due_files: Dict[Followed, None] = {}

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
        before = self._forget(root)
        Walk(self, self._disk, root, ON_THE_WAY, whole=True).go_from_top(root.location)
        self._drop(before)

    def arm_file(self, file: Followed, location: str, *, whole: bool) -> OSError | None:
        """Do the same for a file at a *location*; why not all of the way can be watched, None if it is.

        Not *whole*: as far as links lead it elsewhere. Permissions are only heeded where they bar the way.
        """
        before = self._forget(file)
        walk = Walk(self, self._disk, file, ON_THE_WAY & ~ATTRIB, whole=whole)
        walk.go_from_top(location)
        if walk.is_barred:
            walk = Walk(self, self._disk, file, ON_THE_WAY, whole=True)
            walk.go_from_top(location)
        self._drop(before)
        return walk.uncovered

    def arm_link(self, file: Followed, fd: int, path: str) -> OSError | None:
        """Do so for a link in the directory *fd*, which is at *path*."""
        before = self._forget(file)
        for mask in (ON_THE_WAY & ~ATTRIB, ON_THE_WAY):
            walk = Walk(self, self._disk, file, mask, whole=False)
            walk.go_from(fd, path, file.name)
            if not walk.is_barred:
                break
        self._drop(before)
        return walk.uncovered

    def heed_end(self, root: Root, fd: int, file: Followed | None = None) -> None:
        """Have it noticed when the directory of *root*, open as *fd*, is removed and does not say so itself.

        *file*: what is in it, if the root is a file, behind :meth:`arm_file`.
        """
        if root.waits:
            # All of its way is watched.
            return
        before = [] if file is not None else self._forget(root)
        try:
            end = self._disk.watch_end(fd, root.top)
            if end is not None:
                self.note(end[0], root if file is None else file, end[1])
        except FileNotFoundError:
            self._doubts.doubt(root, relist=False)
        except OSError:
            # There is no watch left, or it may not be read: retry() notices it.
            return
        finally:
            self._drop(before)

    def disarm(self, goer: Goer) -> None:
        """Watch the way of a root or of a file no more."""
        if isinstance(goer, Root):
            self._due.pop(goer, None)
        else:
            self.due_files.pop(goer, None)
        self._drop(self._forget(goer))

    def _forget(self, goer: Goer) -> list[int]:
        """Take off what is known of a way; the watches that were on it."""
        way = self._ways.get(goer, [])
        for wd, name in way:
            names = self._names.get(wd)
            if names is not None:
                names.discard((goer, name))
        self._ways.pop(goer, None)
        return [wd for wd, _ in way]

    def _drop(self, wds: list[int]) -> None:
        """Remove those watches that nobody has any more."""
        for wd in wds:
            if not self._names.get(wd):
                self._names.pop(wd, None)
                if self._ledger.owner(wd) is None:
                    self._disk.unwatch(wd)

    def note(self, wd: int, goer: Goer, name: str) -> None:
        """What happens to *name* where *wd* is, or to that itself, is of interest to *goer*."""
        self._ways.setdefault(goer, []).append((wd, name))
        self._names.setdefault(wd, set()).add((goer, name))

    def heard(self, raw: Raw) -> None:
        """Something happened on the way; look again if it concerns the next name, or the watch itself."""
        for goer, name in self._names.get(raw.wd, ()):
            # Where names fold it may be called otherwise.
            if not raw.name or raw.name == name or raw.name.casefold() == name.casefold():
                self._call(goer, raw)
        if raw.mask & OVER:
            self._names.pop(raw.wd, None)

    def _call(self, goer: Goer, raw: Raw) -> None:
        if isinstance(goer, Root):
            self._due[goer] = None
            self._doubts.doubt(goer, relist=False)
        elif raw.mask & (ON_THE_WAY | OVER):
            self.due_files[goer] = None

    def rearm(self) -> None:
        """Watch the ways anew on which something happened."""
        for root in list(self._due):
            if root.waits and self._ledger.is_attached(root) and not root.is_file:
                self.arm(root)
            self._due.pop(root, None)

    def rearm_all(self) -> None:
        """Watch all ways anew: events were lost."""
        for root in self._roots():
            self.arm(root)

    def doubt_all(self) -> None:
        """Do so the next time: something was interrupted. What nobody has is removed."""
        self._due.update(self._roots())
        self._drop(list(self._names))

    def _roots(self) -> Dict[Root, None]:
        return {root: None for root in self._ledger.roots if root.waits and not root.is_file}


class Walk:
    """One walk along a way; what bars it."""

    def __init__(self, anchors: Anchors, disk: Disk, goer: Goer, mask: int, *, whole: bool) -> None:
        self._anchors = anchors
        self._disk = disk
        self._goer = goer
        self._mask = mask
        self._whole = whole
        # True behind the first link.
        self._is_behind = False
        # The directory where it is, and the names that are to come, the next at the end.
        self._fd = -1
        self._path = "/"
        self._todo: list[str] = []
        self._links = 0
        # True if the next name is watched already.
        self._is_again = False
        # Why not all of the way is watched; and whether permissions are the reason, or that it ends.
        self.uncovered: OSError | None = None
        self.is_barred = False

    def go_from_top(self, location: str) -> None:
        """Walk along an absolute path."""
        self._fd = self._disk.open_root("/")
        self._put(location)
        self._walk()

    def go_from(self, fd: int, path: str, name: str) -> None:
        """Walk along what is at a *name* in the directory *fd*, which is at *path*."""
        self._fd = self._disk.enter(fd, ".", follow=False)
        self._path = path
        self._todo.append(name)
        self._walk()

    def _walk(self) -> None:
        try:
            self._go()
        except PermissionError:
            self.is_barred = True
        except OSError:
            # The way ends here; the watches up to here report if that changes.
            return
        finally:
            self._disk.close(self._fd)

    def _put(self, path: str) -> None:
        self._todo += [part for part in reversed(path.split("/")) if part not in ("", ".")]

    def _go(self) -> None:
        while self._todo:
            name = self._todo.pop()
            if name == "..":
                self._enter(name)
                continue
            is_watched = self._is_again or self._whole or (self._is_behind and not self._todo)
            if is_watched and not self._is_again:
                self._watch(name)
            self._is_again = False
            target = self._look(name, is_watched=is_watched)
            if target is None:
                if not self._todo:
                    return
                self._enter_watched(name, is_watched=is_watched)
            elif target == MAGIC:
                self._uncover(errno.EOPNOTSUPP, "no event says where a link of /proc leads", name)
                if not self._todo:
                    return
                self._enter(name, follow=True)
            else:
                self._follow(target, name)

    def _look(self, name: str, *, is_watched: bool) -> str | None:
        """Return where a link leads, None for what is none; what is a link, or is not there, is watched first."""
        try:
            target = self._disk.where(self._fd, name)
        except OSError:
            if is_watched:
                raise
            target = MAGIC
        if target is not None and not is_watched:
            self._watch(name)
            target = self._disk.where(self._fd, name)
        return target

    def _follow(self, target: str, name: str) -> None:
        self._links += 1
        if self._links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.path.join(self._path, name))
        self._is_behind = True
        self._put(target)
        if target.startswith("/"):
            self._go_to(self._disk.open_root("/"), "/")

    def _enter_watched(self, name: str, *, is_watched: bool) -> None:
        """Enter a directory; if that is not possible now, be told when it may be, and look once more."""
        try:
            self._enter(name)
        except OSError:
            if is_watched:
                raise
            self._watch(name)
            self._todo.append(name)
            self._is_again = True
            return
        if self._is_behind and not self._whole:
            self._add(SELF, ITSELF)

    def _enter(self, name: str, *, follow: bool = False) -> None:
        self._go_to(self._disk.enter(self._fd, name, follow=follow), os.path.join(self._path, name))

    def _go_to(self, fd: int, path: str) -> None:
        before, self._fd, self._path = self._fd, fd, path
        self._disk.close(before)

    def _watch(self, name: str) -> None:
        self._add(self._mask, name)

    def _add(self, mask: int, name: str) -> None:
        try:
            if self._disk.by_path:
                wd = self._disk.watch_path(self._fd, self._path, mask)
            else:
                wd = self._disk.watch(self._fd, mask)
        except PermissionError as error:
            # A directory that may be entered and not read can not be watched; those around it are.
            self.is_barred = True
            self._uncover(error.errno or errno.EACCES, "a directory on the way may not be read", "")
        except OSError as error:
            self._uncover(error.errno or errno.ENOSPC, error.strerror or "", "")
        else:
            self._anchors.note(wd, self._goer, name)

    def _uncover(self, number: int, reason: str, name: str) -> None:
        if self.uncovered is None:
            self.uncovered = OSError(number, reason, os.path.join(self._path, name))
