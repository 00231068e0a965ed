"""Watch and list a directory and what is below it, and apply the difference to the ledger.

Each directory is bound to its watch first and listed second, through one descriptor. The kernel queues an
entry's event under the lock that a listing takes (fs/readdir.c iterate_dir), so whatever a listing shows of a
watched directory has its event queued already, and whatever comes later will have one. What happens in
between is seen twice, never zero times; the ledger removes the double. This holds for a listing that begins
behind the watch: a file system may fix its end when the directory is opened, or set to its beginning.

Where nothing is told and nothing else hangs on a directory, as in most first crawls, all this is done in C for
many at once; what is left out there for any reason is entered one at a time.

No recursion, for PATH_MAX does not limit how deep a tree may be.
"""

from __future__ import annotations

import errno
from collections import deque

from inotify_cffi.nodes import NO_WD
from inotify_cffi.places import NOT_THERE, Found, Stand
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, Deque, Dict

    from inotify_cffi.admission import Admission
    from inotify_cffi.doubts import Doubts
    from inotify_cffi.fences import Fences
    from inotify_cffi.ledger import Ledger
    from inotify_cffi.nodes import Node
    from inotify_cffi.places import Places
    from inotify_cffi.root import Root
    from inotify_cffi.scan import Disk
    from inotify_cffi.teller import Teller

__all__ = ["Crawler", "kind_told"]

# How many descriptors a crawl holds open at most, of the directories it is in; those above them are closed
# and found again from the root when it comes back.
MOST_OPEN = 32

# How many directories are entered at once, where nothing is to be decided about any of them.
MOST_AT_ONCE = 1024

# What runs out. Without a watch left (ENOSPC) another inode is there, for the ledger's has its watch.
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC)


class Frame:
    """A directory that the crawl is in: its descriptor while it is open, and the directories still to enter."""

    __slots__ = ("fd", "node", "todo", "tried")

    def __init__(self, node: Node, fd: int, todo: list[Node], *, tried: bool = False) -> None:
        self.node = node
        self.fd = fd
        self.todo = todo
        # True if they could not be entered at once.
        self.tried = tried


class Crawl:
    """One crawl under way."""

    __slots__ = ("at_once", "frames", "later", "root", "since")

    def __init__(self, root: Root, *, since: float | None, at_once: bool) -> None:
        self.root = root
        self.since = since
        # True if nothing is told of what is found, and nothing hangs on it but to watch and list it.
        self.at_once = at_once
        self.frames: list[Frame] = []
        # Directories with links to follow: when all else is done, in the order in which they were found. So of the
        # places of an inode those with the fewest links on the way are entered first.
        self.later: Deque[Frame] = deque()


class Crawler:
    """Lists directories into the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        teller: Teller,
        disk: Disk,
        doubts: Doubts,
        places: Places,
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
        # Directories that the user wants neither watched nor listed, nor what is below them.
        self.shut: set[Node] = set()
        self.listed = 0
        self.on_directory: Callable[[], None] | None = None

    def enters(self, node: Node) -> bool:
        """Return True if *node* is to be watched and listed."""
        root = self._ledger.root(node)
        if root is None or (self.shut and not self.shut.isdisjoint(self._ledger.lineage(node))):
            return False
        return root.rules.max_depth is None or root.rules.enters(self._ledger.depth(node))

    def scan(self, node: Node, *, relist: bool = True, since: float | None = None) -> None:
        """Watch and list *node* and all directories below it.

        Not *relist*: only if another directory than the ledger's is there. A file that stays is told as
        changed if the directory is another, or if its ctime is not before *since* (seconds, wall clock).
        """
        try:
            found = self._places.locate(node)
        except OSError as error:
            self.not_entered(node, error, relist=relist, lost=relist and since is not None)
            return
        if found is None:
            self._doubts.doubt(node, relist=relist)
            return
        if not relist and found.wd == node.wd and not self._is_loop(node):
            self._disk.close(found.fd)
            return
        self.crawl(node, found, since=since)

    def _is_loop(self, node: Node) -> bool:
        """Return True if a link that is followed leads, where it is now, to a directory that it is in."""
        return node.link and self._ledger.is_loop(node, node.wd)

    def crawl(self, node: Node, found: Found, *, since: float | None = None) -> None:
        """Go on with a scan whose directory is open and watched; closes its descriptor."""
        crawl = self._crawl_of(node, since=since)
        try:
            self._enter(crawl, node, found)
            while crawl.frames:
                self._advance(crawl, MOST_AT_ONCE)
        finally:
            self._rest(crawl)

    def begin(self, node: Node, found: Found) -> Crawl:
        """Do the first step of a crawl; the others are for :meth:`go_on`. Closes the descriptor of *found*.

        Between the steps nothing may be applied to the ledger but what leaves all below *node* as it is.
        """
        crawl = self._crawl_of(node, since=None)
        try:
            self._enter(crawl, node, found)
        finally:
            self._rest(crawl)
        return crawl

    def go_on(self, crawl: Crawl, most: int) -> bool:
        """Do *most* steps of a crawl, about one for each directory, and hold no descriptor; True at its end."""
        done = 0
        try:
            while done < most:
                if not crawl.frames:
                    return True
                done += self._advance(crawl, most - done)
        finally:
            self._rest(crawl)
        return not crawl.frames

    def _crawl_of(self, node: Node, *, since: float | None) -> Crawl:
        root = self._ledger.root(node)
        if root is None:
            raise TypeError(f"{node.name!r} is not below a root")
        at_once = (
            self._teller.silent
            and not self._disk.by_path
            and not root.raised
            and root.rules.is_plain
            and root.rules.max_depth is None
            and not root.rules.one_file_system
        )
        return Crawl(root, since=since, at_once=at_once)

    def _rest(self, crawl: Crawl) -> None:
        """Close the descriptors of a crawl; they are opened again when it goes on."""
        self._disk.visited()
        for frame in crawl.frames:
            fd, frame.fd = frame.fd, -1
            self._places.close(fd)

    def _advance(self, crawl: Crawl, most: int) -> int:
        """Enter the next directory of the innermost frame, or *most* at once, or leave it; how many it did."""
        frame = crawl.frames[-1]
        if not frame.todo:
            if crawl.root.raised and frame.fd < 0 and not self._reopen(crawl, frame):
                self._doubts.doubt(frame.node, relist=True)
            crawl.frames.pop()
            self._leave(crawl, frame.node, frame.fd)
            self._go_on_later(crawl)
            return 1
        if frame.fd < 0 and not self._reopen(crawl, frame):
            for waiting in frame.todo:
                self._doubts.doubt(waiting, relist=True)
            frame.todo.clear()
            return 1
        if crawl.at_once and not frame.tried:
            done = self._visit(crawl, frame, most)
            if done:
                return done
        node = frame.todo.pop()
        if node.parent is not frame.node:
            return 1
        fd = -1
        try:
            fd = self._disk.enter(frame.fd, node.name, follow=node.link)
            wd = self._places.watch(fd, node, crawl.root)
        except OSError as error:
            self._places.close(fd)
            self.not_entered(node, error, lost=crawl.since is not None)
            return 1
        self._enter(crawl, node, Found(fd, wd))
        return 1

    def _visit(self, crawl: Crawl, frame: Frame, most: int) -> int:
        """Enter directories of a frame at once, as far as that goes, with all below them; how many it did.

        What is left of those below, for whatever reason, is entered one at a time, from frames of their own.
        """
        tops = frame.todo[-most:]
        if not all(top.parent is frame.node and top.wd == NO_WD and not top.children for top in tops):
            return 0
        tops.reverse()
        files = crawl.root.rules.tracks_files
        names = [top.name for top in tops]
        crawled = self._disk.visit(frame.fd, names, crawl.root.kernel_mask, most, files=files)
        if not files:
            self._fences.counted()
        done = crawled.count
        if not done:
            frame.tried = True
            return 0
        left = self._ledger.adopt(tops, crawled)
        # Else there was no room for more.
        tried = done < min(most, MOST_AT_ONCE)
        del frame.todo[-len(tops) :]
        again = left.pop(frame.node, [])
        if tried and again:
            left[frame.node] = again
        else:
            frame.todo += reversed(again)
        for node, todo in left.items():
            todo.reverse()
            crawl.frames.append(Frame(node, -1, todo, tried=tried))
        self._close_outer(crawl, len(left))
        self.listed += done
        if self.on_directory is not None:
            for _ in range(done):
                self.on_directory()
        return done

    def _go_on_later(self, crawl: Crawl) -> None:
        """When all else is done, enter what was put off, but where it was taken back meanwhile."""
        while not crawl.frames and crawl.later:
            frame = crawl.later.popleft()
            if self._ledger.is_attached(frame.node):
                crawl.frames.append(frame)

    def _close_outer(self, crawl: Crawl, pushed: int) -> None:
        """So many frames were pushed: close the descriptors of those that are not among the innermost any more."""
        for outer in crawl.frames[-MOST_OPEN - pushed : -MOST_OPEN]:
            fd, outer.fd = outer.fd, -1
            self._places.close(fd)

    def _reopen(self, crawl: Crawl, frame: Frame) -> bool:
        """Open the directory of the innermost frame again, if it is still where it was."""
        around = crawl.frames[-2 : -2 - MOST_OPEN : -1]
        near = next((Stand(outer.node, outer.fd, outer.node.wd) for outer in around if outer.fd >= 0), None)
        try:
            found = self._places.locate(frame.node, near)
        except OSError as error:
            self.not_entered(frame.node, error)
            return False
        if found is None:
            return False
        if found.wd != frame.node.wd:
            self._disk.close(found.fd)
            self._places.stray(frame.node, found.wd)
            return False
        frame.fd = found.fd
        return True

    def _enter(self, crawl: Crawl, node: Node, found: Found) -> None:
        """Bind, list, apply the difference; open a frame if there are directories to enter."""
        if not self._is_on_this_file_system(crawl, node, found):
            self._disk.close(found.fd)
            self._places.reap(found.wd)
            self._places.excuse(node)
            self.close(node)
            return
        is_another = node.wd != found.wd
        replaced = is_another and (node.wd != NO_WD or bool(node.children))
        if not self._places.bind(node, found, crawl.root):
            self._disk.close(found.fd)
            return
        self._doubts.clear_node(node)
        self.listed += 1
        try:
            kinds = self._list(crawl.root, node, found.fd)
        except OSError as error:
            self._disk.close(found.fd)
            # A directory that was removed since it was opened can not be listed; its DELETE is queued.
            if error.errno not in NOT_THERE:
                error.filename = self._ledger.place(node).path
                self._places.go_blind(node, error)
            return
        self._places.covered(node)
        if self.on_directory is not None:
            self.on_directory()
        if not crawl.root.rules.tracks_files:
            kinds = self._without_files(crawl, node, kinds, found.fd, is_another=is_another)
        todo = self._apply(crawl, node, kinds, found.fd, replaced=replaced)
        if not crawl.root.rules.tracks_files:
            # Now all that was in it is told: who is interrupted before goes on with what is missing.
            node.listed = True
        links = [child for child in todo if child.link]
        if links:
            todo = [child for child in todo if not child.link]
            crawl.later.append(Frame(node, -1, links))
        if todo:
            crawl.frames.append(Frame(node, found.fd, todo))
            self._close_outer(crawl, 1)
        else:
            self._leave(crawl, node, found.fd)
            self._go_on_later(crawl)

    def _leave(self, crawl: Crawl, node: Node, fd: int) -> None:
        """A directory is listed with all below it: what is next may be near."""
        if fd < 0:
            return
        self._places.stand(Stand(node, fd, node.wd))
        try:
            if crawl.root.raised:
                self._places.watch(fd, node, crawl.root, listed=True)
        except OSError as error:
            self.not_entered(node, error)

    def _is_on_this_file_system(self, crawl: Crawl, node: Node, found: Found) -> bool:
        """Return False for what is mounted below a root that is to be watched on its own file system only."""
        if not crawl.root.rules.one_file_system:
            return True
        device = self._disk.device(found.fd)
        if node is crawl.root:
            crawl.root.device = device
        return device == crawl.root.device

    def _list(self, root: Root, node: Node, fd: int) -> Dict[str, str]:
        """Return what the ledger would call each entry that is admitted, by name: see :func:`kind_told`."""
        follow = root.rules.follow_symlinks
        if root.rules.gitignore:
            self._admission.learn(node, fd)
        kinds: Dict[str, str] = {}
        for entry in self._disk.entries(fd):
            kind, name = entry[0], entry[1:]
            if kind == "l":
                kind = "L" if follow and self._disk.kind(fd, name, follow=True) == "d" else "-"
            kinds[name] = kind
        return kinds if root.rules.admit_all else self._admission.admitted(node, kinds)

    def _without_files(
        self, crawl: Crawl, node: Node, kinds: Dict[str, str], fd: int, *, is_another: bool
    ) -> Dict[str, str]:
        """Return what of a listing concerns the ledger where files are not tracked.

        A directory that is new brings its files: they are told, and remembered until all that is queued now has
        been applied. Of one that is not, nobody knows which files were told; so if it is another inode than it
        was, it is told as to be read again, and after lost events if a time of it or of its files is not older.
        """
        was_listed = node.listed
        if node.fresh or not (was_listed or self._teller.silent):
            self._fences.refresh(node)
            return kinds
        if was_listed and (is_another or self._has_changed(kinds, fd, crawl.since)):
            self._teller.rescan(node)
        return {name: kind for name, kind in kinds.items() if kind != "-"}

    def _has_changed(self, kinds: Dict[str, str], fd: int, since: float | None) -> bool:
        if since is None:
            return False
        changed = self._disk.changed_since
        return changed(fd, None, since) or any(
            changed(fd, name, since) for name, kind in kinds.items() if kind == "-"
        )

    def _apply(self, crawl: Crawl, node: Node, kinds: Dict[str, str], fd: int, *, replaced: bool) -> list[Node]:
        """Tell what is gone and what is new; the directories to enter."""
        known = dict(node.children.items())
        for name in [name for name, child in known.items() if kinds.get(name) != kind_told(child)]:
            self.take_back(node, name)
            del known[name]
        rules = crawl.root.rules
        enters = rules.max_depth is None or rules.enters(self._ledger.depth(node) + 1)
        since = crawl.since
        todo: list[Node] = []
        for name, kind in kinds.items():
            child = known.get(name)
            if child is None and name not in known:
                child = self._teller.found(node, name, is_dir=kind != "-", link=kind == "L")
            elif child is None and (replaced or (since is not None and self._disk.changed_since(fd, name, since))):
                self._teller.changed(node, name)
            if child is None or child in self.shut:
                continue
            if enters:
                todo.append(child)
            elif child.wd != NO_WD or child.children:
                self.close(child)
        todo.reverse()
        return todo

    def close(self, node: Node) -> None:
        """Watch a directory no more: what is in it is taken back, the directory stays."""
        self._places.free(self._teller.emptied(node))
        self._places.release(node)

    def take_back(self, parent: Node, name: str) -> None:
        """The entry is not there any more, and no event has said so yet."""
        self._places.free(self._teller.gone(parent, name))

    def not_entered(self, node: Node, error: OSError, *, relist: bool = True, lost: bool = False) -> None:
        """A directory could not be opened or watched.

        If it is not where the ledger has it, its coming and going is still to be read. It is not forgotten that it
        was to be listed: after lost events what it holds is not known, wherever it will turn up.
        """
        if error.errno in NOT_THERE:
            self._places.missing(node, error)
            if node.parent is not None:
                self._doubts.doubt(node, relist=relist)
            return
        if error.filename is None or not str(error.filename).startswith("/"):
            error.filename = self._ledger.place(node).path
        if node.wd == NO_WD or lost or error.errno in EXHAUSTED:
            self._places.go_blind(node, error)
        else:
            # A directory that is watched stays watched if permissions bar the way to it; not if events of it were
            # lost, for what it holds is not known then, or if nothing can be looked at any more.
            self._places.bar(node, error)


def kind_told(child: Node | None) -> str:
    """Return the kind of an entry of the ledger: ``d``, ``L`` a link that is followed, ``-`` anything else."""
    if child is None:
        return "-"
    return "L" if child.link else "d"
