"""Settle what is in doubt: look at marked names and directories until the ledger and the disk agree.

It goes round: names, directories that may be elsewhere, directories to be listed. What is marked meanwhile is for
the next round, and a round may take many turns.
"""

from __future__ import annotations

from inotify_cffi.base import causes
from inotify_cffi.ledger.nodes import NO_WD, Root
from inotify_cffi.ledger.storage import ABSENT
from inotify_cffi.tree.places import NOT_THERE
from inotify_cffi.tree.shown import kind_told
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.admission import Admission
    from inotify_cffi.tree.crawl import Crawler
    from inotify_cffi.tree.crawls import Crawls
    from inotify_cffi.tree.doubts import Batch
    from inotify_cffi.tree.files import Files
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.listing import Lister
    from inotify_cffi.tree.moments import Moments
    from inotify_cffi.tree.places import Places

__all__ = ["Reconciler"]


class Reconciler:
    """The second looks."""

    def __init__(
        self,
        ground: Ground,
        places: Places,
        crawler: Crawler,
        crawls: Crawls,
        lister: Lister,
        files: Files,
        admission: Admission,
        moments: Moments,
    ) -> None:
        self._ground = ground
        self._admission = admission
        self._moments = moments
        self._fences = ground.fences
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._disk = ground.disk
        self._doubts = ground.doubts
        self._places = places
        self._crawler = crawler
        self._crawls = crawls
        self._lister = lister
        self._files = files
        self._turn = ground.turn
        # What is looked at, one after the other in each round, but for what is listed; and where it is.
        self._stages = (self._look_at_moved, self._look_at_names, self._look_for_places)
        self._stage = 0

    @property
    def is_under_way(self) -> bool:
        """True while a round was begun and not done."""
        return self._stage > 0

    def settle(self, *, since: float | None = None, lists: bool = True) -> bool:
        """Look once at all that is marked; what that leaves in doubt is marked again. False if there was no time.

        *since*: after lost events, tell files as changed whose ctime is not before it. Not *lists*: leave those
        to be listed for another round.
        """
        self._places.folding.begin_looks()
        try:
            self._teller.cause = causes.LOOK if since is None else causes.LOSS
            return self._look_at_all(since, lists=lists)
        finally:
            self._teller.cause = causes.LOOK

    def _look_at_all(self, since: float | None, *, lists: bool) -> bool:
        while self._stage < len(self._stages):
            if not self._stages[self._stage](since):
                return False
            self._stage += 1
        if lists and not self._list_all(since):
            return False
        self._stage = 0
        return True

    def reread(self, top: Node) -> None:
        """A directory was moved to where something else is told of files: have all in it read again."""
        self._doubts.moved.append(top)
        self._look_at_moved(None)

    def _look_at_moved(self, _since: float | None) -> bool:
        """What is moved meanwhile is moved with its mark, or has one of its own."""
        moved = self._doubts.moved
        while moved:
            node = moved[-1]
            below: list[Node] = []
            if self._ledger.is_attached(node):
                self._teller.rescan(node)
                below = node.children.directories()
                below.reverse()
            moved[-1:] = below
            if self._turn.is_over():
                return not moved
        return True

    def _look_at_names(self, _since: float | None) -> bool:
        self._doubts.begin_names()
        while True:
            suspect = self._doubts.next_name()
            if suspect is None:
                return True
            parent, name = suspect
            # What has no watch has no names to look at: when it gets one it is listed.
            if self._ledger.is_attached(parent) and parent.wd != NO_WD:
                self._look(parent, name)
            if self._doubts.has_names and self._turn.is_over():
                return False

    def _look_for_places(self, since: float | None) -> bool:
        unsure = self._doubts.unsure
        return not unsure or self._look_at(unsure, since, relist=False)

    def _list_all(self, since: float | None) -> bool:
        stale = self._doubts.stale
        return not stale or self._look_at(stale, since, relist=True)

    def _look_at(self, batch: Batch, since: float | None, *, relist: bool) -> bool:
        """Look at directories, the topmost first, for what is below is listed with them."""
        if not batch.begin(self._ledger.depth, self._turn.is_over):
            return False
        while True:
            node = batch.next()
            if node is None:
                return True
            if self._ledger.is_attached(node) and self._is_what_it_was(node):
                if self._crawler.enters(node):
                    self._crawls.scan(node, relist=relist, since=since)
                elif node.wd != NO_WD or node.children:
                    # It was moved to where nothing is watched any more.
                    self._crawler.close(node)
            if self._turn.is_over():
                return batch.is_done

    def _is_what_it_was(self, node: Node) -> bool:
        """Return True if it can be looked at; a root that became a file, or a directory, is made that first."""
        return not isinstance(node, Root) or not node.waits or self._files.reconsider(node)

    def _look(self, parent: Node, name: str) -> None:
        """Make one name agree with the disk, in the very directory that is meant: never by path."""
        try:
            found = self._places.locate(parent)
        except OSError as error:
            self._crawler.not_entered(parent, error, relist=False)
            if error.errno in NOT_THERE:
                self._later(parent, name)
            return
        if found is None:
            self._later(parent, name)
            return
        try:
            if found.wd == parent.wd:
                self._agree(parent, name, found.fd)
            else:
                self._places.stray(parent, found.wd)
                self._later(parent, name)
        except PermissionError:
            # The directory may be read and not searched: a listing says more than a look at the name.
            self._doubts.doubt(parent, relist=True)
        finally:
            self._disk.close(found.fd)

    def _later(self, parent: Node, name: str) -> None:
        """Keep a name in mind whose directory is not where it was: it may turn up elsewhere, with all it holds.

        A root can only come back where it was, and then it is listed as a whole.
        """
        if parent.parent is not None:
            self._doubts.suspect(parent, name)
        else:
            self._doubts.doubt(parent, relist=True)

    def _agree(self, parent: Node, name: str, fd: int) -> None:
        kind = self._lister.kind(parent, name, fd)
        if kind and not self._places.folding.stores(parent, name, fd):
            kind = ""
        is_excluded = bool(kind) and not self._admission.admits(parent, name, is_dir=kind != "-")
        if is_excluded:
            kind = ""
        if parent.entry(name) != ABSENT:
            child = parent.children[name]
            if kind_told(child) == kind:
                if child is not None:
                    self._doubts.doubt(child, relist=False)
                return
            if child is not None and not is_excluded and self._moments.puts_off(child, NO_WD):
                return
            if not self._places.take_back(parent, name):
                self._doubts.suspect(parent, name)
                return
        if kind == "-" and not self._ledger.place(parent).root.rules.tracks_files:
            if not parent.fresh:
                return
            # Its CREATE may be queued by now.
            self._fences.refresh(parent)
        stamps = self._ground.stamps
        if kind == "-" and stamps is not None:
            stamps.seen(parent.wd, name)
        if kind:
            self.appeared(self._teller.found(parent, name, is_dir=kind != "-", link=kind == "L"))

    def appeared(self, node: Node | None, cause: int | None = None) -> None:
        """A directory is new in the ledger: watch and list it; *cause* as :meth:`Crawls.scan`."""
        if node is not None and self._crawler.enters(node):
            if self._teller.cause == causes.LOSS:
                cause = causes.LOSS
            self._crawls.scan(node, cause=cause)
