"""Enter directories many at once: watched and listed in C, with all below them, and then told, or compared.

What is new is filled into the ledger as it was found. What the ledger has is compared with what was found; most of
it is as it was, and there is nothing to tell. Whatever is not as simple is left to be entered one at a time.
"""

from __future__ import annotations

from inotify_cffi.ledger.nodes import NO_WD
from inotify_cffi.tree.borders import Borders
from inotify_cffi.tree.frames import Frame
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, Iterable

    from inotify_cffi.kernel.listings import Crawled
    from inotify_cffi.ledger.nodes import Node, Root
    from inotify_cffi.tree.frames import Crawl

__all__ = ["MOST_OPEN", "AtOnce"]

# How many descriptors a crawl holds open at most, of the directories it is in; those above them are closed
# and found again from the root when it comes back.
MOST_OPEN = 32

# How many directories are entered at once; where something is told or compared, which takes longer, fewer.
MOST_AT_ONCE = 1024
MOST_TOLD = 512
# The same where each of them is watched once more when it is listed, which is done one at a time.
MOST_TO_RAISE = 256
# And how many seconds that may take then: others wait for their turn meanwhile.
LIMIT_S = 0.008

# So many have to be in one directory, where something is told or compared, to be worth it.
A_FEW = 2

# With more directories that are not covered it is not asked where each of them is.
MANY_BLIND = 64


class AtOnce(Borders):
    """What is entered many at a time."""

    def _enter_at_once(self, crawl: Crawl, frame: Frame, most: int | None) -> int:
        """Enter directories of a frame at once, as far as that goes, with all below them; how many it did.

        What is left of those below, for whatever reason, is entered one at a time, from frames of their own.
        """
        limit = MOST_TO_RAISE if crawl.root.raised else MOST_AT_ONCE if self._teller.silent else MOST_TOLD
        limit = limit if most is None else min(most, limit)
        is_known = frame.todo[-1].wd != NO_WD
        tops = self._alike(frame, limit, is_known=is_known)
        if not tops or not self._is_simple(frame, tops, is_known=is_known):
            return 0
        if self._places.is_above_automount(frame.node, crawl.root):
            frame.tried = True
            return 0
        done = self._compare(crawl, frame, tops, limit) if is_known else self._visit(crawl, frame, tops, limit)
        if not done:
            frame.tried = True
        return done

    def _have_listed(self, count: int) -> None:
        self._lister.count += count
        if self.on_directory is not None:
            for _ in range(count):
                self.on_directory()

    def _alike(self, frame: Frame, most: int, *, is_known: bool) -> list[Node]:
        """Return directories of a frame that are next: new ones, or those that the ledger knows."""
        tops: list[Node] = []
        for top in frame.todo[: -most - 1 : -1]:
            if top.parent is not frame.node or (top.wd != NO_WD) is not is_known or top in self.shut:
                break
            if not is_known and len(top.children):
                break
            tops.append(top)
        return tops

    def _is_simple(self, frame: Frame, tops: list[Node], *, is_known: bool) -> bool:
        """Return True if directories in one may be entered at once.

        What is not covered is entered one at a time, for it may be by now, which is told; so is what is put off.
        """
        if self._teller.silent:
            return not is_known
        if len(tops) < A_FEW or (is_known and (self.shut or self._replaced or self._moments.is_waiting)):
            return False
        blind = self._places.blind()
        return len(blind) <= MANY_BLIND and not any(self._ledger.is_within(node, frame.node) for node in blind)

    def _visit(self, crawl: Crawl, frame: Frame, tops: list[Node], most: int) -> int:
        """Enter new directories; how many it did."""
        files = crawl.root.rules.tracks_files
        self._moments.look()
        names = [top.name for top in tops]
        limit = 0.0 if self._teller.silent else LIMIT_S
        crawled = self._disk.visit(frame.fd, names, crawl.root.kernel_mask, most, files=files, seconds=limit)
        if not files:
            self._fences.counted()
        done = crawled.count
        if not done or not self._is_still_there(frame, crawled):
            return 0
        left = self._teller.found_at_once(frame.node, tops, crawled)
        del frame.todo[-len(tops) :]
        if crawl.root.raised:
            left = self._raise(crawl.root, frame, tops, left)
        # Else what is left can not be had.
        tried = not crawled.is_cut
        if not tried:
            frame.todo += reversed(left.pop(frame.node, []))
        self._push(crawl, left, tried=tried, beside=frame.node)
        self._have_listed(done)
        return done

    def _compare(self, crawl: Crawl, frame: Frame, tops: list[Node], most: int) -> int:
        """Compare directories that are known with the disk; how many were looked at."""
        if crawl.since is not None and self._disk.foreign_clock(frame.fd):
            # Nobody knows which files have changed.
            return 0
        names = [top.name for top in tops]
        crawled = self._disk.revisit(frame.fd, names, crawl.root.kernel_mask, most, crawl.since, LIMIT_S)
        done = crawled.count
        if not done:
            return 0
        agreed, differ, unvisited = self._ledger.agree(tops, crawled)
        self._reap_unknown(crawled)
        tried = not crawled.is_cut
        del frame.todo[-len(tops) :]
        if not tried:
            frame.todo += reversed(unvisited.pop(frame.node, []))
        self._push(crawl, unvisited, tried=tried, beside=frame.node)
        self._push(crawl, differ, tried=True, beside=frame.node)
        self._have_listed(agreed)
        return done

    def _push(self, crawl: Crawl, left: Dict[Node, list[Node]], *, tried: bool, beside: Node) -> None:
        """Have directories entered by frames of their own; *tried*: one at a time.

        Of those in *beside* another frame has the rest.
        """
        for node, todo in left.items():
            below = Frame(node, self._ledger.depth(node), -1, None, tried=tried)
            below.is_part = node is beside
            below.todo = todo
            todo.reverse()
            crawl.frames.append(below)
        self._close_outer(crawl, len(left))

    def _close_outer(self, crawl: Crawl, pushed: int) -> None:
        """So many frames were pushed: close the descriptors of those that are not among the innermost any more."""
        for outer in crawl.frames[-MOST_OPEN - pushed : -MOST_OPEN]:
            fd, outer.fd = outer.fd, -1
            self._places.close(fd)

    def _is_still_there(self, frame: Frame, crawled: Crawled) -> bool:
        """Return True if what was visited at once is where it was found; else all of it is given back.

        What is told of a directory that is moved meanwhile has to be told when that is: one at a time.
        """
        if self._teller.silent:
            return True
        wds = crawled.wds
        if self._moments.is_on_the_move(frame.node, wds[0]):
            self._reap_all(wds)
            return False
        self._moments.bound_at_once(wds[0], wds[-1])
        return True

    def _reap_unknown(self, crawled: Crawled) -> None:
        """Remove the watches that nobody has: on what is not what the ledger has, which is entered by itself."""
        owner = self._ledger.memory.owner
        self._reap_all(wd for wd in crawled.wds if owner(wd) == NO_WD)

    def _reap_all(self, wds: Iterable[int]) -> None:
        for wd in wds:
            self._places.reap(wd)

    # --- what reports more once it is listed ---

    def _raise(
        self, root: Root, frame: Frame, tops: list[Node], left: Dict[Node, list[Node]]
    ) -> Dict[Node, list[Node]]:
        """Have directories of a frame that were listed at once, and those below them, report who reads them.

        Those above what is *left* do so later. They are returned with it, the outermost first, each with what is
        to be entered in it, for a frame of its own.
        """
        later = dict.fromkeys(left)
        for node in left:
            above = node.parent
            while node is not frame.node and above is not None and above is not frame.node:
                later[above] = None
                above = above.parent
        self._raise_below(root, frame.fd, tops, later)
        return {node: left.get(node, []) for node in sorted(later, key=self._ledger.depth)}

    def _raise_below(self, root: Root, fd: int, tops: list[Node], later: Dict[Node, None]) -> None:
        """Do it for the directories *tops* of the one that is open as *fd*."""
        levels = [(fd, list(tops))]
        try:
            while levels:
                above, todo = levels[-1]
                if not todo:
                    levels.pop()
                    if levels:
                        self._disk.close(above)
                elif todo[-1].wd == NO_WD:
                    todo.pop()
                else:
                    node = todo.pop()
                    below = self._raise_one(root, above, node, is_later=node in later)
                    if below >= 0:
                        levels.append((below, node.children.directories()))
        finally:
            for below, _ in levels[1:]:
                self._disk.close(below)

    def _raise_one(self, root: Root, above: int, node: Node, *, is_later: bool) -> int:
        """Open it, have it report, and return the descriptor, for what is below it; -1 if it is not there."""
        fd = -1
        try:
            fd = self._disk.enter(above, node.name, follow=False)
            wd = node.wd if is_later else self._places.watch(fd, node, root, listed=True)
        except OSError as error:
            self._places.close(fd)
            self.not_entered(node, error)
            return -1
        if wd == node.wd:
            return fd
        # What was there before is somewhere else: it is listed there.
        self._disk.close(fd)
        self._places.reap(wd)
        self._doubts.doubt(node, relist=True)
        return -1
