"""The ledger in plain Python, by which the one that is used is measured: slower, larger, and easy to see through."""

from __future__ import annotations

import os
from typing import Dict, Iterator, NamedTuple

NO_WD = -1


class Place(NamedTuple):
    """Where a node is now, in the consumer's words; true for one generation of the ledger."""

    generation: int
    root: Root
    path: str | bytes
    prefix: str | bytes


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
    """A path that the user added."""

    __slots__ = ("given",)

    def __init__(self, given: str | bytes) -> None:
        super().__init__(os.fsdecode(given), None)
        self.given = given


class Ledger:
    """The nodes below some roots, by place and by watch descriptor."""

    def __init__(self) -> None:
        self.roots: list[Root] = []
        self._owner: Dict[int, Node] = {}
        self._twins: Dict[int, list[Node]] = {}
        self._generation = 0

    def add_root(self, root: Root) -> None:
        """Add a root that is in no ledger yet."""
        self.roots.append(root)

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
        if isinstance(root.given, bytes):
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
        return isinstance(node, Root) or node.parent is not None

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
        return node

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
