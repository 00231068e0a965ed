"""The roots of a tree: added at once or in several steps, removed, asked for more; as a whole or not at all."""

from __future__ import annotations

from inotify_cffi.base import bits, causes
from inotify_cffi.tree.assembly import Assembly, Begun, a_step
from inotify_cffi.tree.places import NOT_THERE
from inotify_cffi.tree.turns import SLICE_S
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Tuple, TypeVar

    from typing_extensions import ParamSpec

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.ledger.nodes import Node, Root
    from inotify_cffi.ledger.saved import SavedRoot
    from inotify_cffi.tree.places import Found
    from inotify_cffi.tree.since import Since

    P = ParamSpec("P")
    Result = TypeVar("Result")

__all__ = ["Rooting"]


def _cause(since: SavedRoot | None) -> int:
    return causes.START if since is None else causes.RESTART


class Rooting(Assembly):
    """What can be done with roots, and with what is below one."""

    @a_step
    def add_root(self, root: Root, *, tell: bool, since: SavedRoot | None = None) -> None:
        """Watch and list a root and all below it; its entries are told if *tell*, and what differs from *since*.

        Raises the OSError of the root itself, and then leaves nothing behind.
        """
        self._mark_root("add_root", root, tell=tell, since=since)
        self._turn.begin(None)
        found = self._open_new(root, tell=tell, since=since)
        if found is not None:
            self._crawls.crawl(root, found, cause=_cause(since))
        self._finish(root)

    @a_step
    def begin_root(self, root: Root, *, tell: bool, since: SavedRoot | None = None) -> None:
        """Do the first step of :meth:`add_root`; the others are for :meth:`continue_root`.

        In between :meth:`advance` only reads and applies nothing.
        """
        self._mark_root("begin_root", root, tell=tell, since=since)
        self._turn.begin(SLICE_S)
        found = self._open_new(root, tell=tell, since=since)
        if found is not None:
            crawl = self._crawls.begin(root, found, cause=_cause(since))
            self._begun[root] = Begun(crawl, [], tell or since is not None)
            self._hold(root)
        self._finish(root)

    @a_step
    def continue_root(self, root: Root, most: int) -> bool:
        """List some *most* directories of a root that was begun, as far as there is time in one slice.

        True if it is done, or was removed meanwhile. Raises what :meth:`add_root` raises.
        """
        self._disk.mark("continue_root", root.location, most)
        self._turn.begin(SLICE_S)
        if root not in self._begun:
            return True
        begun = self._begun[root]
        self._unfinished[root] = len(self._teller)
        self._teller.silent = not begun.tell
        done = self._crawls.go_on_with(begun.crawl, most)
        self._hold(root)
        if done:
            # One line, see handout.py.
            self._teller.told += begun.held; del self._begun[root], self._unfinished[root]  # noqa: E702  # fmt: skip
        self._finish(root)
        return done

    def _hold(self, root: Root) -> None:
        """Keep back what was told of a root until all of it is there: it may not come to that."""
        held, told, before = self._begun[root].held, self._teller.told, self._unfinished[root]
        # One line, see handout.py.
        held += told[before:]; del told[before:]  # noqa: E702  # fmt: skip

    @property
    def is_adding(self) -> bool:
        """True while a root is begun and not done."""
        return bool(self._begun)

    def _mark_root(self, step: str, root: Root, *, tell: bool, since: SavedRoot | None) -> None:
        self._disk.mark(
            step, root.name, root.location, root.asked, root.kernel_mask, root.waits, tell, since, *root.rules
        )

    def _finish(self, root: Root) -> None:
        self._files.rearm()
        self._teller.silent = False
        self._teller.cause = causes.LOOK
        self._intake.note_listing()
        self._places.rest()
        self._unfinished.pop(root, None)

    def _open_new(self, root: Root, *, tell: bool, since: SavedRoot | None) -> Found | None:
        self._teller.silent = not (tell or since is not None)
        self._teller.cause = _cause(since)
        self._admission.prepare(root)
        self._mounts.regard(root)
        self._prepare(root)
        self._unfinished[root] = len(self._teller)
        try:
            self.ledger.add_root(root)
            if self._ground.polls is not None:
                self._ground.polls.heed(root)
            return self._find_root(root, since)
        except OSError:
            # Nothing but the root was touched.
            self._take_back_unfinished()
            self.is_whole = True
            raise

    def _prepare(self, root: Root) -> None:
        """Make what few roots need, if this is the first one that does; each is there with one statement."""
        ground, rules = self._ground, root.wanted
        if rules.keep_stat and ground.stamps is None:
            from inotify_cffi.tree.stamps import Stamps

            ground.stamps = Stamps(ground, self._places)
        if rules.poll_s is not None and ground.polls is None:
            from inotify_cffi.tree.polls import Polls

            ground.polls = Polls(ground, self._crawls)

    def _find_root(self, root: Root, since: SavedRoot | None) -> Found | None:
        """Open a new root; None if it is waited for, or is a file, which is watched by that."""
        if since is not None:
            self._since().restore(root, since)
        if root.is_file or self._disk.is_file(root.location):
            if not root.is_file:
                root.become_file()
            self._files.look(root, agree=True, is_new=True)
            if since is not None:
                self._since().look_at_file(root, since)
            return None
        if root.waits:
            self._anchors.arm(root)
        try:
            self._places.added = root
            return self._places.locate(root)
        except OSError as error:
            if not root.waits or error.errno not in NOT_THERE:
                raise
            self._places.go_blind(root, error)
        finally:
            self._places.added = None
        # All ways to it are watched now. It may have come before they were.
        self._doubts.doubt(root, relist=True)
        return None

    def save(self) -> Tuple[list[SavedRoot], list[AnyEvent], bool]:
        """Return what was told of each root, what of it was not taken, and whether the end of a gap is to come."""
        self._disk.mark("save")
        self._plain.tell()
        is_gap = self._losses.is_gap or self._losses.is_due
        if not (is_gap or self._crawls or self._begun or self._applier.is_busy):
            self._intake.look_if_calm()
        return self._since().save(), list(self._teller.told), is_gap

    def reopen_gap(self) -> None:
        """Tell that no more is missing when all is quiet: that was still to be told before a restart."""
        self._disk.mark("reopen_gap")
        self._losses.is_gap = True

    def _since(self) -> Since:
        """Return what takes roots out and puts them in: imported with the options of a root that can be saved."""
        from inotify_cffi.tree.since import Since

        return Since(self._ground, self._files)

    def root_at(self, location: str, told_as: str | bytes | None = None) -> Root | None:
        """Return the root at a location that is told as such a path, or as itself; None if there is none."""
        place = (location.rstrip("/"), told_as)
        return next(
            (root for root in self.ledger.roots if (root.location.rstrip("/"), root.told_as) == place), None
        )

    @a_step
    def remove_root(self, root: Root) -> None:
        """Forget a root and all below it, and remove the watches that nobody else needs; nothing is told."""
        self._disk.mark("remove_root", root.location)
        self._turn.begin(None)
        self._unfinished[root] = len(self._teller)
        self._take_back_unfinished()

    def take_back(self, root: Root) -> None:
        """Do the same with a root that was begun; one that is done stays, and what was told of it."""
        self.make_good()
        if root in self._begun:
            self.remove_root(root)

    def _take_back_unfinished(self) -> None:
        """Take out the roots that could not be added or removed as a whole, whatever there is of them."""
        self._turn.begin(None)
        for root, told in list(self._unfinished.items()):
            del self._teller.told[told:]
            begun = self._begun.pop(root, None)
            if begun is not None:
                self._crawls.drop(begun.crawl)
            if self.ledger.is_attached(root):
                self._abandon(root)
            self._anchors.disarm(root)
            self._files.drop(root)
            self._losses.removed(root)
            if self._ground.polls is not None:
                self._ground.polls.removed(root)
            self.ledger.remove_root(root)
            self._teller.taken_out += 1
            self._files.links.tidy()
            self._crawls.tidy()
            self._finish(root)

    @a_step
    def ask_also(self, mask: int) -> None:
        """Have these kinds of events told whatever was asked for, from now on; 0 ends that."""
        self._disk.mark("ask_also", mask)
        self._turn.begin(None)
        try:
            for root in list(self.ledger.roots):
                root.ask_also(mask)
                if root.watch_also(mask & bits.ALL):
                    # Each watch is added again when its directory is listed.
                    self._crawls.scan(root)
        finally:
            self._places.rest()

    @a_step
    def leave(self, node: Node) -> None:
        """Watch a directory below a root no more, nor what is below it; it stays an entry, and nothing is told."""
        self._turn.begin(None)
        self._abandon(node)
        self.crawler.shut = {shut for shut in self.crawler.shut if self.ledger.is_attached(shut)} | {node}

    @a_step
    def rejoin(self, node: Node) -> None:
        """Watch and list a directory again that was left; what is in it is not told."""
        self._turn.begin(None)
        self.crawler.shut.discard(node)
        self._teller.silent = True
        try:
            self._crawls.scan(node)
        finally:
            self._places.rest()
            self._teller.silent = False
            self._intake.note_listing()

    def _abandon(self, node: Node) -> None:
        self._teller.silent = True
        try:
            self.crawler.close(node)
        finally:
            self._teller.silent = False
