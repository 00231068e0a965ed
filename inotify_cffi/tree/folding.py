"""Names that fold: where a directory knows an entry by several spellings, the events have the caller's.

vfat, exfat, ntfs, smb and some FUSE file systems find ``LOW`` where ``low`` is stored, and inotify tells the
spelling of whoever opens, creates, removes. A name that the ledger has is what it is. For any other, in a
directory where names may fold, it is looked what it leads to. Of a name that comes, the listing's entry of that
inode is the name that is stored; of one that is there, the ledger's entry of that inode; of one that is gone, the
ledger's name that folds to it and leads to nothing any more. Where that does not decide, all is looked at, when
the queue is empty, in which the directory and the ledger differ. A directory is listed once in a batch of events.

On FUSE nobody can say what is behind it. There a directory has to show it once: where a name of letters is found,
and is not with their case swapped, names are what they are, and nothing more is looked at.
"""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.ledger.nodes import NO_WD, Root
from inotify_cffi.ledger.storage import ABSENT
from inotify_cffi.ledger.storage import EXACT as MARK
from inotify_cffi.tree.spellings import EXACT, KEPT, OPEN
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.moves import Raw
    from inotify_cffi.tree.ways import Ways

__all__ = ["Folding"]

COMES = bits.CREATE | bits.MOVED_TO
GOES = bits.DELETE | bits.MOVED_FROM

# It was seen that names fold there.
FOLDS = OPEN + 1
# Of so many directories it is remembered at most.
MOST = 1 << 16
NOTHING = -1


class Folding:
    """Finds the names that are stored."""

    def __init__(self, ground: Ground, ways: Ways) -> None:
        self._ledger = ground.ledger
        self._disk = ground.disk
        self._doubts = ground.doubts
        self._mounted = ground.mounted
        self._intake = ground.intake
        self._ways = ways
        self._can_be_flagged = ground.disk.can_be_flagged()
        # What is known of directories, by their watch: it names the inode, and is not used again.
        self._known: Dict[int, int] = {}
        # What was listed for the events that were read last, of which there were so many by then. All of these had
        # happened, so it is good for each.
        self._shown: Dict[int, Dict[str, int]] = {}
        self._read = 0

    def begin(self) -> None:
        """Events are going to be applied: what was listed for those that were read before is old."""
        if self._read != self._intake.raw_events:
            self._read = self._intake.raw_events
            self._shown.clear()

    def forget(self, node: Node) -> None:
        """A directory is going to be another inode: what names are in it is to be found out."""
        self._ledger.memory.mark(node.number, MARK, is_set=False)

    def begin_looks(self) -> None:
        """Names are going to be looked at: what was listed before is old."""
        if self._shown:
            self._shown.clear()

    def stores(self, node: Node, name: str, fd: int) -> bool:
        """Return True if a name that is found in a directory, open as *fd*, is stored in that very spelling."""
        return not self.folds(node, fd) or name in self._list(node, fd)

    def concerns(self, mask: int) -> bool:
        """Return True if what the kernel says of a name may be said of another one, somewhere in the tree."""
        return self._mounted.may_fold or (self._can_be_flagged and not mask & bits.CREATE)

    def folds(self, node: Node, fd: int) -> bool:
        """Return True if names may fold in a directory, which is open as *fd*."""
        root = self._ledger.root(node)
        if root is None or not (root.folds or self._can_be_flagged):
            return False
        return self._know(node, fd, marks=root.folds) != EXACT

    def stored(self, raw: Raw, node: Node) -> Raw:
        """Return what the kernel says of an entry under the name that is stored, as far as that can be known.

        *node*: a directory that has the watch.
        """
        root = self._ledger.root(node)
        if root is None or not (root.folds or (self._can_be_flagged and not raw.mask & bits.CREATE)):
            return raw
        known = self._known.get(node.wd)
        if root.rules.only is not None and node is root and raw.name in root.rules.only:
            # A file is what the user calls it.
            return raw
        if known == EXACT or (known is not None and node.entry(raw.name) != ABSENT):
            return raw
        name = raw.name
        try:
            found = self._ways.locate(node)
        except OSError:
            found = None
        if found is None:
            # Wherever it turns up it is listed.
            self._doubts.doubt(node, relist=True)
            return raw
        try:
            if found.wd == node.wd:
                name = self._spelled(node, raw, found.fd, marks=root.folds)
            else:
                self._doubts.doubt(node, relist=True)
        finally:
            self._disk.close(found.fd)
            self._ways.reap(found.wd)
        return raw if name == raw.name else raw._replace(name=name)

    def _know(self, node: Node, fd: int, *, marks: bool) -> int:
        known = self._known.get(node.wd)
        if known is None:
            known = self._note(node, self._disk.spelling(fd), marks=marks)
        return known

    def _note(self, node: Node, known: int, *, marks: bool) -> int:
        if node.wd != NO_WD:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[node.wd] = known
            if marks and known == EXACT:
                # From now on its events are applied in C.
                self._ledger.memory.mark(node.number, MARK, is_set=True)
        return known

    def _spelled(self, node: Node, raw: Raw, fd: int, *, marks: bool) -> str:
        """Return the name that is stored; the one that is given if that is it, or nobody knows."""
        name = raw.name
        known = self._know(node, fd, marks=marks)
        if known == EXACT or node.entry(name) != ABSENT or (known == KEPT and raw.mask & bits.CREATE):
            return name
        if isinstance(node, Root) and node.rules.only is not None:
            return next((own for own in node.rules.only if _folded(own) == _folded(name)), name)
        inode = self._disk.inode(fd, name)
        if known == OPEN and inode != NOTHING:
            known = self._note(node, self._seen(node, name, inode, fd), marks=marks)
            if known == EXACT:
                return name
        if raw.mask & COMES:
            return self._came(node, name, inode, fd)
        alike = [other for other in self._names(node) if _folded(other) == _folded(name)]
        if raw.mask & GOES:
            return self._gone(node, name, inode, alike, fd)
        return self._there(node, name, inode, alike, fd)

    def _seen(self, node: Node, name: str, inode: int, fd: int) -> int:
        """Return what a name that is there shows of its directory."""
        other = name.swapcase()
        if other == name or not name.isascii() or name != name.rstrip(". "):
            return OPEN
        swapped = self._disk.inode(fd, other)
        if swapped == NOTHING:
            # If it was not removed just now.
            return EXACT if self._disk.inode(fd, name) == inode else OPEN
        if swapped == inode:
            # Or they are two names of one file.
            return FOLDS if not {name, other} <= self._list(node, fd).keys() else EXACT
        return EXACT if other in self._list(node, fd) else FOLDS

    def _came(self, node: Node, name: str, inode: int, fd: int) -> str:
        """Return how the name is stored of an entry that came."""
        if inode == NOTHING:
            # It is gone again, or has another name by now, which is to be told still.
            return name
        shown = self._list(node, fd)
        if name in shown:
            return name
        found = [other for other, number in shown.items() if number == inode]
        alike = [other for other in found or shown if _folded(other) == _folded(name)]
        if not (alike or found):
            self._compare(node, fd)
            return name
        return (alike or found)[0]

    def _gone(self, node: Node, name: str, inode: int, alike: list[str], fd: int) -> str:
        """Return under which name the ledger has what is gone; if several may be that, they are looked at."""
        gone = [other for other in alike if self._disk.inode(fd, other) == NOTHING]
        if inode == NOTHING and len(gone) == 1:
            return gone[0]
        self._compare(node, fd)
        # It has come again since, most likely, and that is to be told still.
        return alike[0] if len(alike) == 1 and self._known.get(node.wd) in (FOLDS, KEPT) else name

    def _there(self, node: Node, name: str, inode: int, alike: list[str], fd: int) -> str:
        """Return under which name the ledger has what is there, or was until just now."""
        if inode == NOTHING:
            return alike[0] if len(alike) == 1 else name
        for other in alike:
            if self._disk.inode(fd, other) == inode:
                return other
        found = [other for other, number in self._list(node, fd).items() if number == inode]
        return found[0] if found and name not in found else name

    def _compare(self, node: Node, fd: int) -> None:
        """Have each name looked at that the ledger has and the directory has not, or the other way round."""
        if not self._ledger.keeps_files(node):
            self._doubts.doubt(node, relist=True)
            return
        for name in set(self._names(node)) ^ self._list(node, fd).keys():
            self._doubts.suspect(node, name)

    def _names(self, node: Node) -> list[str]:
        return [name for name, _ in node.children.items()]

    def _list(self, node: Node, fd: int) -> Dict[str, int]:
        shown = self._shown.get(node.wd)
        if shown is None:
            shown = self._shown[node.wd] = self._disk.inodes(fd)
        return shown


def _folded(name: str) -> str:
    return name.casefold().rstrip(". ")
