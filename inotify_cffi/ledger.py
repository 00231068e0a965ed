"""What the consumer has been told: directories as nodes, and the names in each. No input or output.

A node knows its name and its parent, so a path is climbed and a rename is one re-link, however much is
below. A watch descriptor names an inode, not a place: one inode may be at several places (bind mounts,
overlapping roots, followed links), so one descriptor may have several nodes.
"""

from __future__ import annotations

import os
from itertools import islice

from inotify_cffi.typed import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from typing import Dict, Iterator, Optional, Tuple

    from inotify_cffi._syscalls import Crawled
    from inotify_cffi.rules import Rules

__all__ = ["Facts", "Ledger", "Node", "Place", "Root"]

NO_WD = -1


class Place(NamedTuple):
    """Where a node is now, in the consumer's words; true for one generation of the ledger."""

    generation: int
    root: Root
    path: str | bytes
    prefix: str | bytes


class Facts(NamedTuple):
    """What is needed to apply events about entries of a directory that is at one place only.

    ``asked`` is what the consumer wants to be told. The paths are bytes if the root's is; whoever joins them with
    names has those as bytes, too.
    """

    children: Dict[str, Optional[Node]]  # noqa: UP045 (3.9 evaluates it)
    prefix: str
    path: str
    asked: int


class Node:
    """One directory. An entry that is not a directory is a name with the value None."""

    __slots__ = ("children", "link", "name", "parent", "place", "wd")

    def __init__(self, name: str, parent: Node | None) -> None:
        self.name = name
        self.parent = parent
        self.wd = NO_WD
        self.children: Dict[str, Node | None] = {}
        # True for a symbolic link that is followed: the kernel's events call it no directory.
        self.link = False
        self.place: Place | None = None

    def knows(self, name: str, *, is_dir: bool) -> bool:
        """Return True if *name* is an entry of the kind that the kernel's ISDIR says."""
        if name not in self.children:
            return False
        child = self.children[name]
        return (child is not None and not child.link) == is_dir


class Root(Node):
    """A path that the user added, and what was asked for it.

    ``given`` is the path as the user wrote it, str or bytes, and ``name`` the same as str; ``location`` is
    where it is, whatever the working directory will be.
    """

    __slots__ = (
        "asked",
        "attached",
        "device",
        "given",
        "kernel_mask",
        "location",
        "raised",
        "raw",
        "rules",
        "shown",
        "top",
        "waits",
        "wanted",
    )

    def __init__(self, given: str | bytes, location: str, *, asked: int, kernel_mask: int, rules: Rules) -> None:
        super().__init__(os.fsdecode(given), None)
        self.given = given
        self.location = location
        # The directory that is watched, and the path it is told by: those of the location, or of where a file is.
        self.top = location
        self.shown = given
        self.asked = asked
        self.kernel_mask = kernel_mask
        self.rules = rules
        self.wanted = rules
        self.attached = True
        # True if it may be missing, and is waited for.
        self.waits = False
        # Of the file system that the root was last seen on.
        self.device = 0
        # True for the drop-in: tell also what a watched directory says of itself, and who reads directories.
        self.raw = False
        # What a directory reports besides once it is listed, with all below it: not the listing itself, then.
        self.raised = 0

    def become_file(self) -> None:
        """What is at the location is no directory: watch the directory that it is in, for its name only."""
        self.top, name = os.path.split(self.location)
        self._name(os.path.dirname(self.given))
        self.rules = self.wanted._replace(only=frozenset([name]), max_depth=1, exclude=(), gitignore=False)

    def become_directory(self) -> None:
        """What is at the location is a directory, or to be one."""
        self.top = self.location
        self._name(self.given)
        self.rules = self.wanted

    def _name(self, shown: str | bytes) -> None:
        self.shown = shown
        self.name = os.fsdecode(shown)
        self.place = None


class Ledger:
    """The nodes below some roots, by place and by watch descriptor."""

    def __init__(self) -> None:
        self.roots: list[Root] = []
        self._owner: Dict[int, Node] = {}
        self._twins: Dict[int, list[Node]] = {}
        self._generation = 0
        # By watch descriptor, while they are true.
        self._facts: Dict[int, Facts] = {}

    # --- places ---

    def place(self, node: Node) -> Place:
        """Return where *node* is; climbed once and kept until a directory moves."""
        place = node.place
        if place is not None and place.generation == self._generation:
            return place
        lineage = self.lineage(node)
        root = lineage[0]
        if not isinstance(root, Root):
            raise TypeError(f"{node.name!r} is not below a root")
        below = "/".join(part.name for part in lineage[1:])
        slash = "/" if root.name and not root.name.endswith("/") else ""
        text = root.name + slash + below if below else root.name
        path: str | bytes = text
        prefix: str | bytes = text + ("/" if below else slash)
        if isinstance(root.shown, bytes):
            path, prefix = os.fsencode(path), os.fsencode(prefix)
        node.place = place = Place(self._generation, root, path, prefix)
        return place

    def lineage(self, node: Node) -> list[Node]:
        """Return the nodes from the root down to *node*."""
        nodes = [node]
        parent = node.parent
        while parent is not None:
            nodes.append(parent)
            parent = parent.parent
        nodes.reverse()
        return nodes

    def is_attached(self, node: Node) -> bool:
        """Return True if *node* is still in the ledger; what is removed loses its parent."""
        return node.attached if isinstance(node, Root) else node.parent is not None

    def is_within(self, node: Node, ancestor: Node) -> bool:
        """Return True if *ancestor* is *node* or above it."""
        at: Node | None = node
        while at is not None:
            if at is ancestor:
                return True
            at = at.parent
        return False

    def subtree(self, node: Node) -> Iterator[Node]:
        """Yield *node* and the directories below it, parents first."""
        stack = [node]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(child for child in node.children.values() if child is not None)

    # --- the mutations ---

    def create(self, parent: Node, name: str, *, is_dir: bool) -> Node | None:
        """Add an entry; the node of a directory, None for anything else."""
        node = Node(name, parent) if is_dir else None
        parent.children[name] = node
        return node

    def drop(self, parent: Node, name: str) -> None:
        """Take an entry out whose node, if it has one, has no entries and no watch."""
        node = parent.children.pop(name)
        if node is not None:
            node.parent = None

    def graft(self, source: Node, name: str, parent: Node, new_name: str) -> Node | None:
        """Re-attach an entry elsewhere. Nothing below it changes: watches follow the inode."""
        node = source.children.pop(name)
        parent.children[new_name] = node
        if node is not None:
            node.parent = parent
            node.name = new_name
            self._generation += 1
            self._facts.clear()
        return node

    def adopt(self, tops: list[Node], crawled: Crawled) -> Dict[Node, list[Node]]:
        """Fill in directories that are new, *tops*, and all below them, and bind them.

        Returns the directories that were not visited, by the directory that they are in.
        """
        owner, visits, files = self._owner, crawled.visits, crawled.files
        # Slots that there was no room for.
        visits += [-1] * (len(tops) - len(visits))
        nodes: Dict[int, Node] = {}
        left: Dict[Node, list[Node]] = {}
        for top, visit in zip(tops, visits):
            if visit >= 0:
                nodes[visit] = top
            elif top.parent is not None:
                left.setdefault(top.parent, []).append(top)
        found = zip(crawled.dirs, visits[len(tops) :])
        begin = 0
        for record, wd in enumerate(crawled.wds):
            node = nodes.pop(record)
            node.wd = wd
            owner[wd] = node
            end = begin + crawled.file_counts[record]
            node.children = children = dict.fromkeys(files[begin:end])
            begin = end
            for name, visit in islice(found, crawled.dir_counts[record]):
                children[name] = child = Node(name, node)
                if visit >= 0:
                    nodes[visit] = child
                else:
                    left.setdefault(node, []).append(child)
        return left

    # --- watch descriptors ---

    def owner(self, wd: int) -> Node | None:
        """Return a node bound to *wd*, the first one if there are several."""
        return self._owner.get(wd)

    def owners(self, wd: int) -> list[Node]:
        """Return all nodes bound to *wd*."""
        first = self._owner.get(wd)
        return [] if first is None else [first, *self._twins.get(wd, ())]

    def has_twins(self, wd: int) -> bool:
        """Return True if *wd* has more than one node."""
        return wd in self._twins

    def has_any_twins(self) -> bool:
        """Return True if any inode is at more than one place: roots overlap, or there are bind mounts or links."""
        return bool(self._twins)

    def bind(self, node: Node, wd: int) -> None:
        """Let *node* be at the inode that *wd* names, beside the nodes that are bound to it already."""
        if node.wd == wd:
            return
        self.unbind(node)
        self._facts.pop(wd, None)
        node.wd = wd
        if wd in self._owner:
            self._twins.setdefault(wd, []).append(node)
        else:
            self._owner[wd] = node

    def unbind(self, node: Node) -> bool:
        """Take *node* off its watch descriptor; True if that leaves the descriptor without a node."""
        wd, node.wd = node.wd, NO_WD
        if wd == NO_WD:
            return False
        self._facts.pop(wd, None)
        twins = self._twins.get(wd)
        if twins is None:
            del self._owner[wd]
            return True
        if self._owner[wd] is node:
            self._owner[wd] = twins.pop(0)
        else:
            twins.remove(node)
        if not twins:
            del self._twins[wd]
        return False

    def facts(self, wd: int) -> Facts | None:
        """Return what is needed of the directory that *wd* names; None where that is not all there is to it.

        It is kept: that of a directory is the same until a directory moves, or another watch is bound.
        """
        facts = self._facts.get(wd)
        if facts is None:
            node = self._owner.get(wd)
            if node is None or wd in self._twins:
                return None
            place = self.place(node)
            if not place.root.rules.is_plain:
                return None
            prefix, path = cast("Tuple[str, str]", (place.prefix, place.path))
            facts = Facts(node.children, prefix, path, place.root.asked)
            self._facts[wd] = facts
        return facts

    def wds(self) -> set[int]:
        """Return all watch descriptors that have a node."""
        return set(self._owner)

    # --- for the consumer ---

    def snapshot(self) -> dict[str | bytes, bool]:
        """Return each entry below the roots: its path, and whether it is a directory."""
        found: dict[str | bytes, bool] = {}
        for root in self.roots:
            for node in self.subtree(root):
                prefix = self.place(node).prefix
                for name, child in node.children.items():
                    path = prefix + name if isinstance(prefix, str) else prefix + os.fsencode(name)
                    found[path] = child is not None
        return found
