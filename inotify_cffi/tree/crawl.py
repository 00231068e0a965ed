"""Watch and list a directory and what is below it, and apply the difference to the ledger.

Each directory is bound to its watch first and listed second, through one descriptor. The kernel queues an
entry's event under the lock that a listing takes (fs/readdir.c iterate_dir), so whatever a listing shows of a
watched directory has its event queued already, and whatever comes later will have one. What happens in
between is seen twice, never zero times; the ledger removes the double. This holds for a listing that begins
behind the watch: a file system may fix its end when the directory is opened, or set to its beginning.

Here is one step of it; ``tree/crawls.py`` has the whole, which may take several turns.

Where nothing else hangs on a directory, as in most trees, all this is done in C for many at once, see
``tree/atonce.py``; what is left out there for any reason is entered one at a time.

No recursion, for PATH_MAX does not limit how deep a tree may be.
"""

from __future__ import annotations

from inotify_cffi.ledger.nodes import NO_WD
from inotify_cffi.tree.atonce import MOST_OPEN, AtOnce
from inotify_cffi.tree.frames import Crawl, Frame
from inotify_cffi.tree.places import NOT_THERE, Found, Stand
from inotify_cffi.tree.shown import Listing
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.ledger.nodes import Node

__all__ = ["Crawl", "Crawler", "Frame"]


class Crawler(AtOnce):
    """Lists directories into the ledger."""

    @property
    def listed(self) -> int:
        """How many directories were listed."""
        return self._lister.count

    def rest(self, crawl: Crawl) -> None:
        """Close the descriptors of a crawl; they are opened again when it goes on."""
        self._disk.visited()
        for frame in crawl.frames:
            fd, frame.fd = frame.fd, -1
            self._places.close(fd)
            if frame.listing is not None:
                self._lister.rest(frame.listing)

    def kept(self, frame: Frame) -> int:
        """Return the descriptor that is kept for a directory between two steps, -1 for none."""
        return -1 if frame.listing is None else self._lister.fd(frame.listing, -1)

    def stop(self, frame: Frame) -> None:
        """Do not go on in a directory."""
        fd, frame.fd = frame.fd, -1
        self._places.close(fd)
        if not self._ledger.is_attached(frame.node):
            self._replaced.discard(frame.node)
        listing, frame.listing = frame.listing, None
        if listing is not None:
            self._lister.end(listing)

    def advance(self, crawl: Crawl, most: int | None = None) -> int:
        """Enter the next directory of the innermost frame, or *most* at once, or leave it; how many it did."""
        frame = crawl.frames[-1]
        if frame.listing is not None:
            self._list_on(crawl, frame, frame.listing)
            return 1
        if not frame.todo:
            self._close_frame(crawl, frame)
            return 1
        node = frame.todo[-1]
        if node.parent is not frame.node or node in self.shut:
            # It is gone, or whoever moved it has it looked at.
            frame.todo.pop()
            return 1
        if frame.fd < 0 and not self._reopen(crawl, frame):
            return 1
        if crawl.at_once and not frame.tried:
            done = self._enter_at_once(crawl, frame, most)
            if done:
                return done
            node = frame.todo[-1]
        frame.todo.pop()
        fd = -1
        if not self._teller.silent:
            self._moments.look()
        try:
            fd = self._places.enter(frame.fd, node, crawl.root)
            wd = self._places.watch(fd, node, crawl.root)
        except OSError as error:
            self._places.close(fd)
            self.not_entered(node, error, lost=crawl.since is not None)
            return 1
        found = Found(fd, wd)
        if not self.is_put_off(node, found):
            self.enter(crawl, node, found)
        return 1

    def _close_frame(self, crawl: Crawl, frame: Frame) -> None:
        """All in a directory was entered: leave it."""
        raises = bool(crawl.root.raised) and not frame.is_part
        if raises and frame.fd < 0 and not self._reopen(crawl, frame):
            if crawl.is_stuck:
                return
            self._doubts.doubt(frame.node, relist=True)
        crawl.frames.pop()
        self._leave(crawl, frame.node, frame.fd, raises=raises)
        self.go_on_later(crawl)

    def go_on_later(self, crawl: Crawl) -> None:
        """When all else is done, enter what was put off, but where it was taken back meanwhile.

        Where other rules may hold by now all is to be listed anew.
        """
        while not crawl.frames and crawl.later:
            frame = crawl.later[0]
            if self._ledger.is_attached(frame.node):
                if self.enters(frame.node) and self._ledger.root(frame.node) is crawl.root:
                    crawl.frames.append(frame)
                else:
                    self._doubts.doubt(frame.node, relist=True)
            crawl.later.popleft()

    def _reopen(self, crawl: Crawl, frame: Frame) -> bool:
        """Open the directory of the innermost frame again, if it is still where it was.

        If it is not there, or the way to it is another, that is marked, and the crawl waits until that is settled;
        one that can not wait leaves what it was to enter to the doubts.
        """
        around = crawl.frames[-2 : -2 - MOST_OPEN : -1]
        near = next((Stand(outer.node, outer.fd, outer.node.wd) for outer in around if outer.fd >= 0), None)
        try:
            found = self._places.locate(frame.node, near)
        except OSError as error:
            if crawl.waits and error.errno in NOT_THERE:
                self._places.missing(frame.node, error)
                crawl.is_stuck = True
                return False
            self.not_entered(frame.node, error)
            self._leave_to_doubts(frame)
            return False
        if found is not None:
            if found.wd == frame.node.wd:
                frame.fd = found.fd
                return True
            self._disk.close(found.fd)
            self._places.stray(frame.node, found.wd)
        if crawl.waits:
            crawl.is_stuck = True
        else:
            self._leave_to_doubts(frame)
        return False

    def _leave_to_doubts(self, frame: Frame) -> None:
        for waiting in frame.todo:
            self._doubts.doubt(waiting, relist=True)
        frame.todo.clear()

    def is_put_off(self, node: Node, found: Found) -> bool:
        """Return True if what was found at the place of a directory is not to be believed yet; closes it then."""
        if node.wd == found.wd or not self._moments.puts_off(node, found.wd, lists=True):
            return False
        self._give_back(found)
        return True

    def _give_back(self, found: Found) -> None:
        """Nothing is bound to what was found."""
        self._disk.close(found.fd)
        self._places.reap(found.wd)

    def enter(self, crawl: Crawl, node: Node, found: Found) -> None:
        """Bind, list, apply the difference; open a frame if that is not all, or for directories to enter."""
        if not self._is_on_this_file_system(crawl, node, found):
            self._give_back(found)
            self._places.excuse(node)
            self.close(node)
            return
        is_another = node.wd != found.wd
        is_new = node.wd == NO_WD and not node.children
        self._moments.agreed(node)
        if node.wd != NO_WD or node.children:
            crawl.compares = True
            # Stamps say more, but of a directory that was seen to be replaced.
            if is_another and not (node.wd == NO_WD and crawl.root.rules.keep_stat):
                self._replaced.add(node)
        if is_another and not self._teller.silent and self._has_left(node, found):
            self._give_back(found)
            self._doubts.doubt(node, relist=True)
            return
        if not self._places.bind(node, found, crawl.root):
            self._disk.close(found.fd)
            return
        if is_another and not self._teller.silent:
            self._moments.bound(node)
        self._doubts.clear_node(node)
        if is_another and node.parent is None:
            self._places.heed_end(crawl.root, found.fd)
        if not self._teller.silent and self._moments.is_too_early(node):
            self._leave_for_later(node, found, is_new=is_new)
            return
        replaced = node in self._replaced
        listing = Listing(crawl.root, node, since=crawl.since, is_another=is_another, replaced=replaced)
        try:
            entries, rest = self._lister.read(listing, found.fd)
        except OSError as error:
            self._disk.close(found.fd)
            self._not_listed(node, error)
            return
        if not self._teller.silent and self._moments.is_listed_too_early(node):
            self._lister.discard(rest)
            self._leave_for_later(node, found, is_new=is_new)
            return
        self._places.covered(node)
        if self.on_directory is not None:
            self.on_directory()
        self._apply_first(crawl, listing, entries, rest, found.fd)

    def _leave_for_later(self, node: Node, found: Found, *, is_new: bool) -> None:
        """A directory that was just bound is listed later: what is in it may not be where the ledger has it.

        If one on the way to it was moved, it may have come to its name behind that, and never have been at this
        path. Then what had the name before is still to be told of: so nothing is bound to the watch.
        """
        self._disk.close(found.fd)
        if is_new and self._moments.has_moved_above(node):
            self._places.release(node)

    def _has_left(self, node: Node, found: Found) -> bool:
        """Return True if a directory may have been moved from its place after it was opened, and before its watch.

        Then it does not say so itself, and nothing that it is bound for would be told to be where it is.
        """
        return self._moments.may_have_grown() and not self._places.is_at_its_place(node, found.wd)

    def _apply_first(self, crawl: Crawl, listing: Listing, entries: list[str], rest: int, fd: int) -> None:
        """Apply what was listed; that is all of it for a directory with few entries, and none to be entered."""
        node = listing.node
        try:
            try:
                is_done = self._lister.apply(listing, entries, rest, fd)
            except PermissionError:
                is_done = self._lister.apply_anew(listing, fd)
        except OSError as error:
            self._lister.end(listing)
            self._disk.close(fd)
            self._not_listed(node, error)
            self.go_on_later(crawl)
            return
        if is_done and not listing.todo:
            self._has_listed(listing)
            self._leave(crawl, node, fd, raises=bool(crawl.root.raised))
            self.go_on_later(crawl)
            return
        depth = crawl.frames[-1].depth + 1 if crawl.frames else self._ledger.depth(node)
        frame = Frame(node, depth, fd, listing)
        crawl.frames.append(frame)
        self._close_outer(crawl, 1)
        if is_done:
            self._enter_what_was_found(crawl, frame, listing)

    def _list_on(self, crawl: Crawl, frame: Frame, listing: Listing) -> None:
        """Go on with a listing, by its own descriptor if it has one, for the inode is good wherever it is now."""
        if not self._lister.is_good(listing):
            self._leave_listing(crawl, frame)
            return
        fd = self._lister.fd(listing, frame.fd)
        if fd < 0 and not self._reopen(crawl, frame):
            if not crawl.is_stuck:
                self._leave_listing(crawl, frame)
            return
        self._apply_more(crawl, frame, listing, self._lister.fd(listing, frame.fd))

    def _leave_listing(self, crawl: Crawl, frame: Frame) -> None:
        """Do not go on with a listing: the directory is to be listed anew."""
        is_listed_later = frame.listing is not None and self._lister.is_early(frame.listing)
        crawl.frames.remove(frame)
        self.stop(frame)
        if not is_listed_later:
            self._doubts.doubt(frame.node, relist=True)
        self.go_on_later(crawl)

    def _apply_more(self, crawl: Crawl, frame: Frame, listing: Listing, fd: int) -> None:
        """Apply some more of a listing; at its end it is known what is to be entered."""
        try:
            try:
                is_done = self._lister.go_on(listing, fd)
            except PermissionError:
                is_done = self._lister.apply_anew(listing, fd)
        except OSError as error:
            crawl.frames.remove(frame)
            self.stop(frame)
            self._not_listed(frame.node, error)
            self.go_on_later(crawl)
            return
        if is_done:
            self._enter_what_was_found(crawl, frame, listing)

    def _enter_what_was_found(self, crawl: Crawl, frame: Frame, listing: Listing) -> None:
        self._has_listed(listing)
        frame.listing = None
        frame.todo = self._to_enter(crawl, frame, listing.todo)

    def _has_listed(self, listing: Listing) -> None:
        """All of a listing is applied."""
        self._lister.done(listing)
        if self._replaced:
            self._replaced.discard(listing.node)

    def _not_listed(self, node: Node, error: OSError) -> None:
        # A directory that was removed since it was opened can not be listed; its DELETE is queued, but of roots.
        if error.errno not in NOT_THERE or node.parent is None:
            error.filename = self._ledger.place(node).path
            self._places.go_blind(node, error)

    def _to_enter(self, crawl: Crawl, frame: Frame, found: list[Node]) -> list[Node]:
        """Return which of the directories that were found are to be entered, the first at the end."""
        if self.shut:
            found = [child for child in found if child not in self.shut]
        rules = crawl.root.rules
        if rules.max_depth is not None and not rules.enters(self._ledger.depth(frame.node) + 1):
            for child in found:
                if child.wd != NO_WD or child.children:
                    self.close(child)
            return []
        found.reverse()
        if rules.follow_symlinks:
            later = Frame(frame.node, frame.depth, -1, None)
            later.todo = [child for child in found if child.link]
            if later.todo:
                found = [child for child in found if not child.link]
                crawl.later.append(later)
        return found

    def _leave(self, crawl: Crawl, node: Node, fd: int, *, raises: bool) -> None:
        """A directory is listed with all below it: what is next may be near."""
        if fd < 0:
            return
        self._places.stand(Stand(node, fd, node.wd))
        try:
            if raises:
                self._places.watch(fd, node, crawl.root, listed=True)
        except OSError as error:
            self.not_entered(node, error)
