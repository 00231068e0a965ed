"""What the consumer has been told: directories as nodes, and the names in each. No input or output.

A node knows its name and its parent, so a path is climbed and a rename is one re-link, however much is
below. A watch descriptor names an inode, not a place: one inode may be at several places (bind mounts,
overlapping roots, followed links), so one descriptor may have several nodes.

All of it is in C memory, where a directory costs some 80 bytes and an entry some 15 (``ledger/storage.py``),
and where the most common events are applied many at a time (``tree/plain.py``).
"""

from __future__ import annotations

import errno
import os

from inotify_cffi.base.encoding import decoded, encoded
from inotify_cffi.ledger.nodes import NO_WD, Candidate, Place, Root
from inotify_cffi.ledger.storage import ABSENT, NONE, TWINS, Way
from inotify_cffi.ledger.watches import A_FEW, Watches
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Collection, Dict, Iterator, Tuple

    from inotify_cffi.kernel.listings import Crawled
    from inotify_cffi.ledger.nodes import Node

__all__ = ["Ledger"]

# To what is not in the ledger any more.
NO_WAY = Way(0, 0, is_loop=False)

# PATH_MAX, with the NUL at the end (limits.h).
LONGEST_PATH = 4096

# The bytes of names that are made to entries at once.
PART = 8192


class Ledger(Watches):
    """The nodes below some roots, by place and by watch descriptor."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: list[Root] = []
        self._generation = 0
        # The links that are followed; some that are gone, too, until there are many.
        self._links: Dict[Node, None] = {}
        self._many_links = A_FEW
        self._deep: Node | None = None
        self._deep_place: Place | None = None

    # --- roots ---

    def add_root(self, root: Root) -> None:
        """Add a root that is in no ledger yet."""
        root.join(self._nodes)
        self.roots.append(root)

    def remove_root(self, root: Root) -> None:
        """Take out a root that has no entries and no watch; it may have been added or removed in part only."""
        root.attached = False
        if root in self.roots:
            self.roots.remove(root)
        number = root.number
        if number != NONE and self.memory.is_node(number):
            self.memory.drop_root(number)
        self._nodes.forget(number)
        root.number = NONE

    # --- places ---

    def place(self, node: Node) -> Place:
        """Return where *node* is; climbed once and kept until a directory moves.

        Of places so deep that no path leads there only the last is kept: those of all directories on the way would
        take memory by the square of the depth.
        """
        place = node.place if node is not self._deep else self._deep_place
        if place is not None and place.generation == self._generation:
            return place
        place = self._candidate_place(node) if isinstance(node, Candidate) else self._place(node)
        if len(place.prefix) <= LONGEST_PATH:
            node.place = place
        else:
            self._deep, self._deep_place = node, place
        return place

    def _place(self, node: Node) -> Place:
        top = self.root(node)
        if top is None:
            raise TypeError(f"{node.name!r} is not below a root")
        raw = self.memory.prefix(node.number)
        prefix: str | bytes = decoded(raw) if isinstance(top.shown, str) else raw
        path = prefix[:-1] if node is not top else top.given if top.is_file else top.shown
        return Place(self._generation, top, path, prefix)

    def _candidate_place(self, node: Candidate) -> Place:
        if node.parent is None:
            raise TypeError(f"{node.name!r} is not below a root")
        _, root, _, prefix = self.place(node.parent)
        if isinstance(prefix, str):
            return Place(self._generation, root, prefix + node.name, prefix + node.name + "/")
        name = encoded(node.name)
        return Place(self._generation, root, prefix + name, prefix + name + b"/")

    def lineage(self, node: Node) -> list[Node]:
        """Return the nodes from the root down to *node*."""
        nodes = [node]
        parent = node.parent
        while parent is not None:
            nodes.append(parent)
            parent = parent.parent
        nodes.reverse()
        return nodes

    def root(self, node: Node) -> Root | None:
        """Return the root that *node* is below; None if it is not in the ledger any more."""
        top = node.parent if node.number == NONE else node
        if top is None or top.number == NONE:
            return None
        if len(self.roots) == 1:
            return self.roots[0]
        while top.parent is not None:
            top = top.parent
        return top if isinstance(top, Root) else None

    def domain(self, node: Node) -> Node:
        """Return the root or the link that is followed through which *node* is reached: the nearest one."""
        while node.parent is not None and not node.link:
            node = node.parent
        return node

    def depth(self, node: Node) -> int:
        """Return how many directories are above *node*."""
        return self.way(node).depth

    def is_by_link(self, node: Node) -> bool:
        """Return True if *node* is a link that is followed, or such a link leads to it."""
        return self.way(node).links > 0

    def is_border(self, source: Node, target: Node) -> bool:
        """Return True if what moves from one directory to another counts among other places than before.

        Those to which links lead are counted, for each root.
        """
        return self.is_by_link(source) != self.is_by_link(target) or self.root(source) is not self.root(target)

    def way(self, node: Node, wd: int = NO_WD) -> Way:
        """Return what is on the way to *node*: how many links, and whether the inode that *wd* names."""
        return NO_WAY if node.number == NONE else self.memory.way(node.number, wd)

    def is_attached(self, node: Node) -> bool:
        """Return True if *node* is still in the ledger."""
        return node.number != NONE

    def is_within(self, node: Node, ancestor: Node) -> bool:
        """Return True if *ancestor* is *node* or above it."""
        if NONE in (node.number, ancestor.number):
            return node is ancestor
        return self.memory.is_within(node.number, ancestor.number)

    def keeps_files(self, node: Node) -> bool:
        """Return True if the names of files in a directory are to be in the ledger now."""
        return self.place(node).root.rules.tracks_files or node.fresh

    def subtree(self, node: Node) -> Iterator[Node]:
        """Yield *node* and the directories below it, parents first."""
        stack = [node]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(node.children.directories())

    def parts(self, node: Node) -> Iterator[list[Tuple[str, bool]]]:
        """Yield the entries that a directory has now, some at a time: each name, and True for a directory."""
        names, numbers = self.memory.entries(node.number)
        begin = at = 0
        while begin < len(names):
            end = names.index(b"\0", min(begin + PART, len(names) - 1))
            part = decoded(names[begin:end]).split("\0")
            yield [(name, number != NONE) for name, number in zip(part, numbers[at : at + len(part)])]
            begin, at = end + 1, at + len(part)

    def links_below(self, top: Node) -> list[Node]:
        """Return the links at and below *top* that are followed."""
        return self.within(top, self._links)

    def within(self, top: Node, nodes: Collection[Node]) -> list[Node]:
        """Return those of *nodes* that are *top* or below it; goes through them or what is below, as is less."""
        found = self.within_few(top, nodes, len(nodes))
        return [node for node in nodes if self.is_within(node, top)] if found is None else found

    def within_few(self, top: Node, nodes: Collection[Node], most: int) -> list[Node] | None:
        """Return those of *nodes* that are *top* or below it; None if there are more entries than *most* below."""
        left = most
        found: list[Node] = []
        stack = [top]
        while stack:
            node = stack.pop()
            left -= 1 + len(node.children)
            if left < 0:
                return None
            if node in nodes:
                found.append(node)
            stack.extend(node.children.directories())
        return found

    def refresh(self) -> None:
        """Make good what an interruption in the middle of a mutation has left half-done."""
        self._generation += 1
        self._nodes.refresh()
        self.roots[:] = [root for root in self.roots if root.number != NONE]
        for root in self.roots:
            root.say()
        for wd, twins in list(self._twins.items()):
            self._refresh_twins(wd, twins)
        for node in self._nodes.held():
            is_first = self.has_twins(node.wd) and self.memory.owner(node.wd) == node.number
            self.memory.mark(node.number, TWINS, is_set=is_first)
            if node.wd != NO_WD and node not in self.owners(node.wd):
                self.memory.set_wd(node.number, NO_WD)
                node.wd = NO_WD

    def _refresh_twins(self, wd: int, twins: list[Node]) -> None:
        """Of those that were noted as twins keep the ones that say so themselves."""
        bound = [node for node in twins if node.number != NONE and self.memory.wd(node.number) == wd]
        if bound and self.memory.owner(wd) == NONE:
            self.memory.own(wd, bound[0].number)
        first = self.memory.owner(wd)
        twins[:] = [node for node in bound if node.number != first]
        if not twins:
            del self._twins[wd]

    # --- the mutations ---

    def create(self, parent: Node, name: str, *, is_dir: bool, link: bool = False) -> Node | None:
        """Add an entry; the node of a directory, which may be a *link* to one, None for anything else."""
        number = self.memory.create(parent.number, encoded(name), is_dir=is_dir)
        if number == NONE:
            return None
        node = self._nodes.made(number, name, parent)
        if link:
            self.mark_link(node)
        return node

    def mark_link(self, node: Node) -> None:
        """Say of a directory that it is a link that is followed; once more does no harm."""
        node.link = True
        self._links[node] = None
        if len(self._links) > self._many_links:
            self._links = {other: None for other in self._links if self.is_attached(other)}
            self._many_links = max(A_FEW, 2 * len(self._links))

    def drop(self, parent: Node, name: str) -> None:
        """Take an entry out whose node, if it has one, has no entries and no watch."""
        number = self.memory.drop(parent.number, encoded(name))
        if number >= 0:
            self._deep = None
            self._nodes.forget(number)

    def clear(self, parent: Node) -> None:
        """Take all entries out of a directory; those that are directories have no entries and no watch."""
        self._deep = None
        for number in self.memory.clear(parent.number):
            self._nodes.forget(number)

    def raze(self, top: Node, numbers: list[int]) -> list[int]:
        """Empty directories at and below *top*, and take them off their watches, but for that one.

        Returns the watch descriptors that nobody has any more.
        """
        self._deep = None
        freed = self.memory.raze(top.number, numbers)
        for node in self._nodes.held():
            if not self.memory.is_node(node.number):
                self._nodes.forget(node.number)
            elif node.wd != NO_WD:
                node.wd = self.memory.wd(node.number)
        return freed

    def graft(self, source: Node, name: str, parent: Node, new_name: str) -> Node | None:
        """Re-attach an entry elsewhere. Nothing below it changes: watches follow the inode."""
        number = self.memory.graft(source.number, encoded(name), parent.number, encoded(new_name))
        if number == ABSENT:
            raise KeyError(name)
        if number == NONE:
            return None
        self._generation += 1
        node = self._nodes.at(number)
        node.name = new_name
        node.parent = parent
        if self.crowded and self.is_border(source, parent):
            self.thinned.update({below.wd: None for below in self.subtree(node) if below.wd in self.crowded})
        return node

    def adopt(self, tops: list[Node], crawled: Crawled) -> Dict[Node, list[Node]]:
        """Fill in directories that are new, *tops*, and all below them, and bind them.

        Returns the directories that were not visited, by the directory that they are in.
        """
        numbers = [top.number for top in tops]
        left = self.memory.adopt(numbers[: crawled.slots], crawled) + numbers[crawled.slots :]
        for top in tops:
            top.wd = self.memory.wd(top.number)
        return self._by_parent(left)

    def agree(
        self, tops: list[Node], crawled: Crawled
    ) -> Tuple[int, Dict[Node, list[Node]], Dict[Node, list[Node]]]:
        """Compare *tops*, and what is known below them, with what a crawl found there; as :meth:`Memory.agree`."""
        numbers = [top.number for top in tops]
        agreed, differ, unvisited = self.memory.agree(numbers[: crawled.slots], crawled)
        return agreed, self._by_parent(differ), self._by_parent(unvisited + numbers[crawled.slots :])

    def _by_parent(self, numbers: list[int]) -> Dict[Node, list[Node]]:
        found: Dict[Node, list[Node]] = {}
        for node in map(self._nodes.at, numbers):
            if node.parent is not None:
                found.setdefault(node.parent, []).append(node)
        return found

    def forget_files(self, node: Node) -> None:
        """Have directories only in *node* from now on."""
        self.memory.forget_files(node.number)
        node.fresh = False

    def is_loop(self, node: Node, wd: int) -> bool:
        """Return True if a directory above *node* is bound to *wd*."""
        return wd in self._twins and self.way(node, wd).is_loop

    def places(self, wd: int, root: Root) -> Tuple[list[Node], list[Node]]:
        """Return the nodes below *root* that are bound to *wd*: those to which no link leads, and the others."""
        direct: list[Node] = []
        by_links: list[Node] = []
        for node in self.owners(wd):
            if self.root(node) is root:
                (by_links if self.is_by_link(node) else direct).append(node)
        return direct, by_links

    # --- for the consumer ---

    def below(self, top: Node, prefix: bytes = b"") -> Iterator[Tuple[bytes, bool]]:
        """Yield each entry below a directory, parents first: its path behind *prefix*, and if it is one."""
        memory = self.memory
        todo = [(top.number, prefix)]
        while todo:
            number, prefix = todo.pop()
            names, numbers = memory.entries(number)
            for name, child in zip(names.split(b"\0"), numbers):
                yield prefix + name, child != NONE
                if child != NONE:
                    todo.append((child, prefix + name + b"/"))

    def snapshot(self, path: str | bytes | None = None) -> dict[str | bytes, bool]:
        """Return each entry below a directory, or below the roots, that is tracked, and whether it is a directory.

        Raises what :meth:`tops` raises.
        """
        found: dict[str | bytes, bool] = {}
        for root, top in self.tops(path):
            as_given = decoded if isinstance(root.given, str) else bytes
            tracks_files = root.rules.tracks_files
            for entry, is_dir in self.below(top, self.memory.prefix(top.number)):
                if is_dir or tracks_files:
                    found[as_given(entry)] = is_dir
        return found

    def tops(self, path: str | bytes | None) -> list[Tuple[Root, Node]]:
        """Return the directories that are told as *path*, each with its root; None: the roots.

        Raises FileNotFoundError where none is, NotADirectoryError where that is a file.
        """
        if path is None:
            return [(root, root) for root in self.roots]
        name = os.fsencode(path).rstrip(b"/") + b"/"
        found: list[Tuple[Root, Node]] = []
        is_file = False
        for root in self.roots:
            prefix = self.memory.prefix(root.number)
            if root.is_file or not name.startswith(prefix):
                continue
            top, way = self._descend(root, [part for part in decoded(name[len(prefix) :]).split("/") if part])
            if not way:
                found.append((root, top))
            is_file = is_file or (len(way) == 1 and way[0] in top.children)
        if found:
            return found
        if is_file:
            raise NotADirectoryError(errno.ENOTDIR, "this is a file; give the directory that it is in", path)
        raise FileNotFoundError(errno.ENOENT, "no root has this directory; give a path as events have it", path)

    def _descend(self, top: Node, way: list[str]) -> Tuple[Node, list[str]]:
        """Return the last directory on a way down, and what of the way is left there."""
        for number, name in enumerate(way):
            child = top.children.get(name)
            if child is None:
                return top, way[number:]
            top = child
        return top, []
