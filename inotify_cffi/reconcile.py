"""Settle what is in doubt: look at marked names and directories until the ledger and the disk agree."""

from __future__ import annotations

from inotify_cffi.crawl import kind_told
from inotify_cffi.nodes import NO_WD
from inotify_cffi.places import NOT_THERE
from inotify_cffi.root import Root
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.admission import Admission
    from inotify_cffi.crawl import Crawler
    from inotify_cffi.doubts import Doubts
    from inotify_cffi.fences import Fences
    from inotify_cffi.ledger import Ledger
    from inotify_cffi.nodes import Node
    from inotify_cffi.places import Places
    from inotify_cffi.scan import Disk
    from inotify_cffi.teller import Teller

__all__ = ["Reconciler"]


class Reconciler:
    """The second looks."""

    def __init__(
        self,
        ledger: Ledger,
        teller: Teller,
        disk: Disk,
        doubts: Doubts,
        places: Places,
        crawler: Crawler,
        admission: Admission,
        fences: Fences,
    ) -> None:
        self._admission = admission
        self._fences = fences
        self._ledger = ledger
        self._teller = teller
        self._disk = disk
        self._doubts = doubts
        self._places = places
        self._crawler = crawler

    def settle(self, *, since: float | None = None, most: int | None = None) -> None:
        """Look once at all that is marked, the topmost first; what that leaves in doubt is marked again.

        *since*: after lost events, tell files as changed whose ctime is not before it. *most*: look at so many
        names and so many directories only; the others stay marked.
        """
        for parent, name in self._doubts.take_suspects(most):
            # What has no watch has no names to look at: when it gets one it is listed.
            if self._ledger.is_attached(parent) and parent.wd != NO_WD:
                self._look(parent, name)
        stale = self._doubts.take_stale()
        topmost = sorted(stale, key=self._ledger.depth)
        for node in topmost[most:] if most is not None else ():
            self._doubts.doubt(node, relist=stale[node])
        for node in topmost[:most]:
            if not self._ledger.is_attached(node):
                continue
            if isinstance(node, Root) and node.waits:
                self._places.reconsider(node)
            if self._crawler.enters(node):
                self._crawler.scan(node, relist=stale[node], since=since)
            elif node.wd != NO_WD or node.children:
                # It was moved to where nothing is watched any more.
                self._crawler.close(node)

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
        kind = self.kind(parent, name, fd)
        if kind and not self._admission.admits(parent, name, is_dir=kind != "-"):
            kind = ""
        if name in parent.children:
            child = parent.children[name]
            if kind_told(child) == kind:
                if child is not None:
                    self._doubts.doubt(child, relist=False)
                return
            self._crawler.take_back(parent, name)
        if kind == "-" and not self._ledger.place(parent).root.rules.tracks_files:
            if not parent.fresh:
                return
            # Its CREATE may be queued by now.
            self._fences.refresh(parent)
        if kind:
            self.appeared(self._teller.found(parent, name, is_dir=kind != "-", link=kind == "L"))

    def kind(self, parent: Node, name: str, fd: int) -> str:
        """Return what the ledger would call the entry *name* of the directory *fd*; empty if it is not there."""
        kind = self._disk.kind(fd, name, follow=False)
        if kind == "l":
            follow = self._ledger.place(parent).root.rules.follow_symlinks
            return "L" if follow and self._disk.kind(fd, name, follow=True) == "d" else "-"
        return kind

    def appeared(self, node: Node | None) -> None:
        """A directory is new in the ledger: watch and list it."""
        if node is not None and self._crawler.enters(node):
            self._crawler.scan(node)
