"""Entries that come and go, one at a time: made, removed, moved in from or out to where nothing is watched."""

from __future__ import annotations

from inotify_cffi.base import bits, causes
from inotify_cffi.ledger.nodes import NO_WD, Candidate, Root
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, Tuple

    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.admission import Admission
    from inotify_cffi.tree.crawls import Crawls
    from inotify_cffi.tree.files import Files
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.listing import Lister
    from inotify_cffi.tree.moments import Moments
    from inotify_cffi.tree.moves import Raw
    from inotify_cffi.tree.places import Places
    from inotify_cffi.tree.reconcile import Reconciler

__all__ = ["Comings"]


class Comings:
    """What the kernel says of one name, where it is not both halves of a move."""

    def __init__(
        self,
        ground: Ground,
        places: Places,
        crawls: Crawls,
        lister: Lister,
        reconciler: Reconciler,
        admission: Admission,
        files: Files,
        moments: Moments,
    ) -> None:
        self._moments = moments
        self._admission = admission
        self._files = files
        self._fences = ground.fences
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._disk = ground.disk
        self._doubts = ground.doubts
        self._places = places
        self._crawls = crawls
        self._lister = lister
        self._reconciler = reconciler
        self._intake = ground.intake
        self._turn = ground.turn
        self.counts: Dict[str, int] = {"moves": 0, "barriers": 0}
        # The last move of a file over another one: from where, to where.
        self._over: Tuple[int, str, int, str] | None = None
        # The arrival for which all is to be read that was queued by a certain moment, and that: see Grafts.
        self._read_on: Tuple[Raw | None, int] = None, 0

    @property
    def may_come_back(self) -> bool:
        """True if the last move was of a file over another one: the next may be the second half of an exchange."""
        return self._over is not None

    def created(self, node: Node, raw: Raw, *, is_dir: bool) -> bool:
        """A new entry, unless a listing has told it before. False as :meth:`gone`."""
        if node.knows(raw.name, is_dir=is_dir) or self._becomes_directory(node, is_dir=is_dir):
            return True
        if raw.name in node.children:
            child = node.children[raw.name]
            if (child is not None and child.link and not is_dir) or self._is_about_another(node, raw.name):
                return True
            if not self._places.take_back(node, raw.name):
                return False
        self._came(node, raw, is_dir=is_dir)
        return True

    def _becomes_directory(self, node: Node, *, is_dir: bool) -> bool:
        """Return True if a file that is waited for came as a directory: it is told as a root then, not here."""
        if not is_dir or not isinstance(node, Root) or not node.is_file or not node.waits:
            return False
        self._doubts.doubt(node, relist=True)
        return True

    def gone(self, node: Node, raw: Raw, *, is_dir: bool) -> bool:
        """An entry is not there any more, unless the ledger has another by that name: then this is older news.

        False if there was no time to take back what is below it: then it is to be told again.
        """
        if node.knows(raw.name, is_dir=is_dir):
            if self._is_about_another(node, raw.name):
                # It is looked at once more all the same: nothing hangs on the count of bytes then.
                self._doubts.suspect(node, raw.name)
                return True
            return self._places.take_back(node, raw.name, raw)
        if raw.name in node.children:
            self._doubts.suspect(node, raw.name)
        elif not is_dir and self.passes(node, raw.name):
            self._teller.passed(node, raw)
        return True

    def _is_about_another(self, node: Node, name: str) -> bool:
        """Return True if the raw event is older than what the ledger has at a name, so it is of another one."""
        return self._moments.is_about_another(node.children.get(name))

    def _wd_then(self, node: Node, name: str) -> int:
        """Return the watch of the directory that had a name when the raw event was queued; NO_WD if not known."""
        child = node.children.get(name)
        return NO_WD if child is None or child.link or self._moments.is_about_another(child) else child.wd

    def passes(self, node: Node, name: str) -> bool:
        """Return True if what happens to a file that the ledger does not have is told as the kernel has it."""
        return not self._ledger.keeps_files(node) and self._admission.admits(node, name, is_dir=False)

    def _knows(self, node: Node, name: str, *, is_dir: bool) -> bool:
        """Return True if an entry was told, as far as that is known."""
        if node.knows(name, is_dir=is_dir):
            return True
        return not is_dir and name not in node.children and self.passes(node, name)

    def _came(self, node: Node, raw: Raw, *, is_dir: bool) -> None:
        link = not is_dir and self._is_followed_link(node, raw.name)
        if not self._admission.admits(node, raw.name, is_dir=is_dir or link):
            return
        cause = causes.MOVED_IN if raw.mask & bits.MOVED_TO else causes.NEW_DIRECTORY
        self._reconciler.appeared(self._teller.came(node, raw, is_dir=is_dir or link, link=link), cause)

    def _is_followed_link(self, node: Node, name: str) -> bool:
        if not self._ledger.place(node).root.rules.follows_links:
            return False
        try:
            found = self._places.locate(node)
        except OSError:
            found = None
        if found is None:
            # The directory has moved on; wherever it turns up, it is looked at again.
            self._doubts.suspect(node, name)
            return False
        try:
            if found.wd == node.wd:
                return self._lister.kind(node, name, found.fd) == "L"
        finally:
            self._disk.close(found.fd)
        self._places.stray(node, found.wd)
        self._doubts.suspect(node, name)
        return False

    def _was_told(self, node: Node, name: str) -> bool:
        """Return True if a listing has told the directory before that is at a name.

        One that a crawl has found and not entered yet may be that one as well as any: nothing is told of it but
        its name.
        """
        child = node.children.get(name)
        if child is not None and child.wd == NO_WD and not child.children and self._crawls:
            self._doubts.doubt(child, relist=True)
            return True
        return self._is_there(node, name, self._wd_at(node, name))

    def _replaced(self, node: Node, name: str) -> bool:
        """Something was moved over an entry. Overwriting sends no DELETE; an exchange sends two crossed moves."""
        if not self._places.take_back(node, name, replaced=True):
            return False
        self._doubts.suspect(node, name)
        return True

    def _is_there(self, parent: Node, name: str, wd: int) -> bool:
        """Return True if the ledger has at a name the directory that was found there as *wd*."""
        child = parent.children.get(name)
        return child is not None and not child.link and child.wd == wd != NO_WD

    def _wd_at(self, parent: Node, name: str) -> int:
        """Return the watch descriptor of the directory at a name, whatever the ledger has there; NO_WD if none."""
        try:
            found = self._places.locate(Candidate(name, parent))
        except OSError:
            return NO_WD
        if found is None:
            return NO_WD
        self._disk.close(found.fd)
        self._places.reap(found.wd)
        return found.wd

    def _begin_barrier(self, wd: int) -> int:
        """Have no rename from a directory between its halves; up to where all is to be read then."""
        self.counts["barriers"] += 1
        self._lock_barrier(wd)
        return self._intake.fence()

    def _lock_barrier(self, wd: int) -> None:
        node = self._ledger.owner(wd)
        if node is None:
            return
        try:
            found = self._places.locate(node)
            if found is not None:
                try:
                    self._disk.pass_lock(found.fd)
                finally:
                    self._disk.close(found.fd)
                self._places.reap(found.wd)
        except OSError:
            # It can not be listed, so it is not there: what was moved from it is looked for by name.
            return
