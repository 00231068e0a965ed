"""What is at a place: bind the ledger's nodes to the inodes that were found; what could not be covered."""

from __future__ import annotations

import errno
import os

from inotify_cffi.base import bits, causes
from inotify_cffi.ledger.nodes import NO_WD
from inotify_cffi.tree.anchors import MOST_LINKS
from inotify_cffi.tree.folding import Folding
from inotify_cffi.tree.removal import Removal
from inotify_cffi.tree.uncovered import Uncovered
from inotify_cffi.tree.ways import AUTOMOUNT, NOT_THERE, Found, Stand, Ways
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.ledger.nodes import Node, Root
    from inotify_cffi.tree.anchors import Anchors
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.moves import Raw

__all__ = ["AUTOMOUNT", "NOT_THERE", "Found", "Places", "Stand"]

ATTRIB = bits.ATTRIB


class Places(Ways):
    """Binds the ledger's nodes to what is on the disk."""

    def __init__(self, ground: Ground, anchors: Anchors) -> None:
        super().__init__(ground, anchors)
        self._ground = ground
        self._teller = ground.teller
        self.folding = Folding(ground, self)
        self._removal = Removal(ground.ledger, ground.teller, ground.turn, self._free)
        self._uncovered = Uncovered(ground)
        # Watches that were freed since it was last tried to cover what there was no watch for.
        self.freed = 0

    # --- what was not as the ledger says ---

    def missing(self, place: Node, error: OSError) -> None:
        """Nothing that could be entered is at this place."""
        if place.parent is not None:
            self._doubts.suspect(place.parent, place.name)
        else:
            self.go_blind(place, error)

    # --- binding ---

    def bind(self, node: Node, found: Found, root: Root) -> bool:
        """Let *node* be the inode that was found; False if it is not to be entered, for it is covered elsewhere.

        That is so if it is above itself, by a link or a bind mount; and if links lead to it and to as many other
        places of the inode as there may be, which is told.

        Who has the inode already keeps it, and nobody looks whether it is there still. If it is not, the directory
        that it was moved from is watched: that event is queued, or it was lost, and then everything is compared.
        """
        wd = found.wd
        if root.rules.follow_symlinks or self._ledger.is_elsewhere(node, wd):
            way = self._ledger.way(node, wd)
            if way.is_loop:
                self._stay_out(node, wd)
                self.excuse(node)
                return False
            if way.links and not self._has_place(node, wd, root, way.links):
                return False
        if node.wd not in (NO_WD, wd):
            self.release(node)
        if root.folds and node.wd != wd:
            self.folding.forget(node)
        self._ledger.bind(node, wd)
        if root.rules.poll_s is not None and not root.rules.polls_only and self._ground.polls is not None:
            self._ground.polls.unseen.regard(node, found.fd, wd)
        return True

    def _stay_out(self, node: Node, wd: int) -> bool:
        """Leave a directory as it is, an entry; what is in it is taken back, and not watched from here.

        False as :meth:`empty`.
        """
        is_empty = self.empty(node)
        if is_empty:
            self.release(node)
        self.reap(wd)
        return is_empty

    def _has_place(self, node: Node, wd: int, root: Root, links: int) -> bool:
        """Return True if a directory to which so many *links* lead may be entered; else it is told why not."""
        if links > MOST_LINKS:
            reason, wd_waited_for = f"more than {MOST_LINKS} links are on the way", NO_WD
        else:
            if self._ledger.count(wd) < root.rules.max_places:
                return True
            direct, by_links = self._ledger.places(wd, root)
            others = [other for other in by_links if other is not node]
            if len(others) < root.rules.max_places:
                return True
            covered = self._ledger.place((direct or others)[0]).path
            reason, wd_waited_for = f"already covered at {os.fsdecode(covered)}", wd
        error = OSError(errno.ELOOP, reason, self._ledger.place(node).path)
        if self._stay_out(node, wd) and self._uncovered.turn_away(node, error, wd_waited_for, root):
            self._teller.unwatched(node, error)
        return False

    def release(self, node: Node) -> None:
        """Take a node off its watch, and remove the watch if nobody else has it."""
        wd = node.wd
        if self._ledger.unbind(node):
            self.free([wd])

    def free(self, wds: list[int]) -> None:
        """Remove watches that have no node any more."""
        for wd in wds:
            self._free(wd)

    def _free(self, wd: int) -> None:
        self._unwatch(wd)
        self.freed += 1

    # --- what is not there any more ---

    def empty(self, node: Node) -> bool:
        """Take back all that is in a directory, deepest first.

        False if there was no time for all of it: then the directory is in doubt, and whoever wants it empty comes
        again. If nobody does, for it is as it was after all, what was taken back is found.
        """
        if not self._removal.empty(node):
            self._doubts.doubt(node, relist=True)
            return False
        if node.listed or node.fresh:
            node.listed = node.fresh = False
        return True

    def take_back(self, parent: Node, name: str, raw: Raw | None = None, *, replaced: bool = False) -> bool:
        """Take an entry out, all below it first, as :meth:`Teller.gone` tells it; False as :meth:`empty`."""
        node = parent.children[name]
        if node is not None and len(node.children) and not self._empty_because(node, raw, replaced=replaced):
            return False
        self.free(self._teller.gone(parent, name, node, raw, replaced=replaced))
        return True

    def _empty_because(self, node: Node, raw: Raw | None, *, replaced: bool) -> bool:
        """Do what :meth:`empty` does; what is told of it comes of what happened to the directory."""
        before = self._teller.cause
        try:
            if raw is not None or replaced:
                self._teller.cause = causes.ANOTHER_EVENT
            return self.empty(node)
        finally:
            self._teller.cause = before

    def begin_anew(self) -> None:
        """Forget how far it came with what there was no time for: all will be looked at."""
        self._removal.forget()
        self._uncovered.begin_anew()

    # --- blind directories ---

    def go_blind(self, node: Node, error: OSError) -> None:
        """A directory can not be covered: its entries are taken back, and that is told, once.

        If there is no time for that it is in doubt, and the next look at it comes here again.
        """
        if self.empty(node):
            self.release(node)
            self.bar(node, error)

    def bar(self, node: Node, error: OSError) -> None:
        """A directory can not be looked at, though what its watch reports is still told."""
        if self._uncovered.bar(node, error):
            self._teller.unwatched(node, error)
            if error.errno != AUTOMOUNT:
                self._listen(node)

    def unanswered(self, node: Node, error: OSError) -> None:
        """A directory does not answer: it is told, and it is not looked at."""
        if self._uncovered.bar(node, error):
            self._teller.unwatched(node, error)

    def covered(self, node: Node) -> None:
        """A directory is watched and could be listed: tell it if that was not so before."""
        if self._uncovered.forget(node):
            self._teller.watched(node)

    def excuse(self, node: Node) -> OSError | None:
        """A directory that could not be covered is not to be covered any more; why it was not, if so."""
        error = self._uncovered.errors().get(node)
        self._uncovered.forget(node)
        return error

    def _listen(self, node: Node) -> None:
        """Have all directories on the way report when permissions change, and look once more.

        The look goes that way and adds to each watch what the root wants; and they may have changed before.
        """
        root = self._ledger.place(node).root
        if not root.asked & ATTRIB:
            root.watch_also(ATTRIB)
            self._afar[node] = None
            self._doubts.doubt(node, relist=True)

    def blind(self) -> Dict[Node, OSError]:
        """Return the directories that are not covered and should be, each with its reason."""
        return self._uncovered.errors()

    @property
    def has_room(self) -> bool:
        """True if something happened that may let a directory be covered, and it was not yet tried."""
        return bool(self.freed and self._uncovered) or self._uncovered.has_news

    def retry_freed(self) -> None:
        """Look again at what may be covered now: as many as watches were freed, and where permissions changed."""
        freed, self.freed = self.freed, 0
        self.freed += self._uncovered.look_again(freed)

    def retry_below(self, top: Node) -> None:
        """Look again at the blind directories at and below *top*: its attributes have changed."""
        self._uncovered.changed(top)
