"""Crawls that take several turns: what is left of them, and what became of it meanwhile.

What is left to do is kept as it is: directories still to be entered, by the directory that they are in; no
descriptor, but for one of a directory that is being listed. Between two turns anything may happen to the ledger.
A directory that is gone needs nothing. One in which something is left to do is gone on with wherever it is
now. And what is moved out of where something is compared is marked, to be listed where it is then.
"""

from __future__ import annotations

from inotify_cffi.base import causes
from inotify_cffi.ledger.nodes import NO_WD, Root
from inotify_cffi.tree.frames import Crawl
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.crawl import Crawler
    from inotify_cffi.tree.files import Files
    from inotify_cffi.tree.frames import Frame
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.moments import Moments
    from inotify_cffi.tree.places import Found, Places

__all__ = ["Crawls"]

# To find the way back costs as much as to enter some directories: in a deep one so many are entered at least, a
# part of its depth, before the clock is asked.
WAY_BACK = 8

# While so many descriptors are kept, of directories that are being listed, no more crawls are begun.
MANY_KEPT = 16


class Crawls:
    """Begins crawls, and goes on with those that are under way."""

    def __init__(self, ground: Ground, places: Places, crawler: Crawler, moments: Moments, files: Files) -> None:
        self._moments = moments
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._disk = ground.disk
        self._doubts = ground.doubts
        self._places = places
        self._crawler = crawler
        self._files = files
        self._turn = ground.turn
        # The next one first; and how many there were.
        self._under_way: list[Crawl] = []
        self.begun = 0

    # --- to begin ---

    def scan(
        self, node: Node, *, relist: bool = True, since: float | None = None, cause: int | None = None
    ) -> None:
        """Watch and list *node* and all directories below it, as far as there is time.

        Not *relist*: only if another directory than the ledger's is there. A file that stays is told as
        changed if the directory is another, or if its ctime is not before *since* (seconds, wall clock).
        *cause*: why what is found is told; None if what the ledger has says it.
        """
        before = self._teller.cause
        try:
            if since is not None:
                cause = causes.LOSS
            if cause is not None:
                self._teller.cause = cause
            self._scan(node, relist=relist, since=since, cause=cause)
        finally:
            self._teller.cause = before

    def _scan(self, node: Node, *, relist: bool, since: float | None, cause: int | None) -> None:
        if isinstance(node, Root) and node.is_file:
            self._files.look(node, agree=relist, since=since)
            return
        self._moments.look()
        try:
            found = self._places.locate(node)
        except OSError as error:
            self._crawler.not_entered(node, error, relist=relist, lost=relist and since is not None)
            return
        if found is None:
            self._doubts.doubt(node, relist=relist)
            return
        if not relist and found.wd == node.wd and not self._is_loop(node) and not self._moments.agreed(node):
            self._disk.close(found.fd)
            return
        self.crawl(node, found, since=since, cause=cause)

    def _is_loop(self, node: Node) -> bool:
        """Return True if a link that is followed leads, where it is now, to a directory that it is in."""
        return node.link and self._ledger.is_loop(node, node.wd)

    def crawl(self, node: Node, found: Found, *, since: float | None = None, cause: int | None = None) -> None:
        """Go on with a scan whose directory is open and watched; closes its descriptor.

        What another crawl has still to do there is done by that until this one has begun.
        """
        if self._crawler.is_put_off(node, found):
            return
        crawl = self._crawl_of(node, since=since, cause=cause)
        crawl.waits = self._turn.is_limited
        self._supersede(crawl)
        before = self._teller.cause
        try:
            self._teller.cause = crawl.cause
            self._crawler.enter(crawl, node, found)
            while crawl.frames and not crawl.is_stuck and not self._turn.is_over():
                self._crawler.advance(crawl)
        finally:
            self._crawler.rest(crawl)
            self._teller.cause = before
        if crawl.frames:
            self._under_way.append(crawl)

    def begin(self, node: Node, found: Found, *, cause: int) -> Crawl:
        """Do the first step of a crawl; the others are for :meth:`go_on_with`. Closes the descriptor of *found*.

        Between the steps nothing may be applied to the ledger but what leaves all below *node* as it is.
        """
        crawl = self._crawl_of(node, since=None, cause=cause)
        try:
            self._teller.cause = crawl.cause
            self._crawler.enter(crawl, node, found)
        finally:
            self._crawler.rest(crawl)
            self._teller.cause = causes.LOOK
        return crawl

    def go_on_with(self, crawl: Crawl, most: int) -> bool:
        """Do *most* steps of a crawl, about one for each directory, and hold no descriptor; True at its end."""
        done = 0
        try:
            self._teller.cause = crawl.cause
            while crawl.frames and done < most:
                done += self._crawler.advance(crawl, most - done)
                if self._turn.is_over():
                    break
        finally:
            self._crawler.rest(crawl)
            self._teller.cause = causes.LOOK
        return not crawl.frames

    def _crawl_of(self, node: Node, *, since: float | None, cause: int | None) -> Crawl:
        root = self._ledger.root(node)
        if root is None:
            raise TypeError(f"{node.name!r} is not below a root")
        self.begun += 1
        if cause is None:
            cause = causes.NEW_DIRECTORY if node.wd == NO_WD else causes.LOOK
        crawl = Crawl(node, root, self.begun, cause, since=since)
        crawl.at_once = (
            (self._teller.silent or (root.rules.tracks_files and not root.folds and not root.raised))
            and not self._disk.by_path
            and not (root.raw and root.raised)
            and root.rules.is_plain
            and root.rules.max_depth is None
            and not root.rules.one_file_system
        )
        return crawl

    # --- to go on ---

    def __bool__(self) -> bool:
        return bool(self._under_way)

    @property
    def keep_many(self) -> bool:
        """True if these are to be gone on with before others are begun: each may keep a descriptor."""
        return len(self._under_way) >= MANY_KEPT and sum(map(self._keeps, self._under_way)) >= MANY_KEPT

    def _keeps(self, crawl: Crawl) -> bool:
        """Return True if a descriptor is kept for a crawl: it is that of the innermost directory."""
        return bool(crawl.frames) and self._crawler.kept(crawl.frames[-1]) >= 0

    @property
    def is_active(self) -> bool:
        """True while a crawl is gone on with that does not wait for a doubt to be settled."""
        return bool(self._under_way) and any(not crawl.is_stuck for crawl in self._under_way)

    def are_done(self, number: int) -> bool:
        """Return True if all crawls up to that number are at their end."""
        return all(crawl.number > number for crawl in self._under_way)

    def compares(self, lineage: list[Node]) -> bool:
        """Return True if a crawl may still compare what is in the last of these, each in the one before."""
        return any(crawl.compares and crawl.top in lineage for crawl in self._under_way)

    def go_on(self) -> None:
        """Go on with what is under way, the first one first, as far as there is time, some of it at least."""
        for _ in range(len(self._under_way)):
            crawl = self._under_way[0]
            try:
                self._teller.cause = crawl.cause
                self._take_up(crawl)
                self._run(crawl)
            finally:
                self._crawler.rest(crawl)
                self._teller.cause = causes.LOOK
            if crawl.is_stuck or not crawl.frames:
                self._under_way.remove(crawl)
            if crawl.is_stuck:
                self._under_way.append(crawl)
            if self._turn.is_over():
                return

    def _run(self, crawl: Crawl) -> None:
        crawl.is_stuck = False
        steps = crawl.frames[-1].depth // WAY_BACK if crawl.frames else 0
        while crawl.frames:
            self._crawler.advance(crawl)
            steps -= 1
            if crawl.is_stuck or (steps <= 0 and self._turn.is_over()):
                return

    def _take_up(self, crawl: Crawl) -> None:
        """See what became of the directories of a crawl since its last step."""
        parts = self._parts(crawl.frames)
        crawl.frames = []
        for frames in parts:
            top = frames[0]
            if not self._is_as_it_was(crawl, top):
                # Other rules may hold where it is now: all that is in it is looked at once more.
                self._doubts.doubt(top.node, relist=True)
                self._stop(frames)
            elif crawl.frames:
                part = Crawl(top.node, crawl.root, crawl.number, crawl.cause, since=crawl.since)
                part.waits = True
                part.compares = crawl.compares
                part.at_once = crawl.at_once
                part.frames = frames
                self._under_way.append(part)
            else:
                crawl.frames = frames
        self._crawler.go_on_later(crawl)

    def _parts(self, frames: list[Frame]) -> list[list[Frame]]:
        """Divide frames into those that are still one in the other."""
        parts: list[list[Frame]] = []
        above: Node | None = None
        for frame in frames:
            if not self._ledger.is_attached(frame.node):
                self._crawler.stop(frame)
            elif parts and frame.node.parent is above:
                parts[-1].append(frame)
            else:
                parts.append([frame])
            above = frame.node
        return parts

    def _is_as_it_was(self, crawl: Crawl, frame: Frame) -> bool:
        node = frame.node
        if self._ledger.root(node) is not crawl.root or not self._crawler.enters(node):
            return False
        return not crawl.root.rules.depend_on_place or self._ledger.depth(node) == frame.depth

    # --- not to go on ---

    def _supersede(self, crawl: Crawl) -> None:
        """A crawl begins: an earlier one from the same directory has nothing to do any more but elsewhere."""
        for other in list(self._under_way):
            if other.top is crawl.top and (other.since is None or crawl.since is not None):
                self._leave_what_moved_out(other)
                self._under_way.remove(other)
                self.drop(other)

    def _leave_what_moved_out(self, crawl: Crawl) -> None:
        """What was moved out of the top of a crawl, and is not all entered, is to be listed where it is now."""
        for frame in (*crawl.frames, *crawl.later):
            if self._ledger.is_attached(frame.node) and not self._ledger.is_within(frame.node, crawl.top):
                self._doubts.doubt(frame.node, relist=True)

    def drop(self, crawl: Crawl) -> None:
        """Go on with a crawl no more."""
        frames, crawl.frames = crawl.frames, []
        crawl.later.clear()
        self._stop(frames)

    def _stop(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._crawler.stop(frame)

    def kept(self, crawl: Crawl) -> list[int]:
        """Return the descriptors that are kept for a crawl between its steps."""
        return [self._crawler.kept(frame) for frame in crawl.frames if self._crawler.kept(frame) >= 0]

    def forget(self) -> None:
        """Go on with nothing: all will be looked at anew."""
        under_way, self._under_way = self._under_way, []
        for crawl in under_way:
            self.drop(crawl)

    def tidy(self) -> None:
        """Hold nothing of what is not in the ledger any more."""
        for crawl in list(self._under_way):
            self._take_up(crawl)
            if not crawl.frames:
                self._under_way.remove(crawl)
