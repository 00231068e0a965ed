"""What the consumer has been told: directories as nodes, and the names in each. No input or output.

A node knows its name and its parent, so a path is climbed and a rename is one re-link, however much is
below. A watch descriptor names an inode, not a place: one inode may be at several places (bind mounts,
overlapping roots, followed links), so one descriptor may have several nodes.

All of it is in C memory, where a directory costs some 80 bytes and an entry some 15 (``_storage.py``), and where
the most common events are applied many at a time (``plain.py``). A :class:`Node` is a handle: made when
somebody looks, one for each directory at a time, gone when nobody holds it.
"""

from __future__ import annotations

import os
from collections import deque
from weakref import ref

from inotify_cffi._storage import ABSENT, FRESH, LINK, LISTED, NONE, TWINS, Memory
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Dict, Iterator, Tuple

    from inotify_cffi._syscalls import Crawled
    from inotify_cffi.rules import Rules

__all__ = ["Candidate", "Children", "Ledger", "Node", "Place", "Root"]

NO_WD = NONE

# How many handles are made before those are looked for that nobody holds any more; later twice what is left.
MANY = 128
# How many are held by the ledger itself, with those above them.
A_FEW = 64


class Place(NamedTuple):
    """Where a node is now, in the consumer's words; true for one generation of the ledger."""

    generation: int
    root: Root
    path: str | bytes
    prefix: str | bytes


class Nodes:
    """The handles that somebody holds, by number."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._handles: Dict[int, ref[Node]] = {}
        self._many = MANY

    def at(self, number: int) -> Node:
        """Return the handle of a directory, the same one while somebody holds it."""
        held = self._handles.get(number)
        node = held() if held is not None else None
        return self._take_up(number) if node is None else node

    def below(self, parent: Node, number: int, name: str) -> Node:
        """Return the handle of a directory in *parent*, as :meth:`at` does."""
        held = self._handles.get(number)
        node = held() if held is not None else None
        if node is not None:
            return node
        memory = self.memory
        return self.made(number, name, parent, wd=memory.wd(number), link=memory.has(number, LINK))

    def _take_up(self, number: int) -> Node:
        """Make the handle of a directory, and of those above it that have none."""
        missing = []
        above: Node | None = None
        while number != NONE:
            held = self._handles.get(number)
            above = held() if held is not None else None
            if above is not None:
                break
            missing.append((number, *self.memory.look(number)))
            number = missing[-1][1]
        while missing:
            number, _, wd, is_link, name = missing.pop()
            above = self.made(number, os.fsdecode(name), above, wd=wd, link=is_link)
        if above is None:
            raise ValueError("a root has a handle as long as there is one")
        return above

    def made(self, number: int, name: str, parent: Node | None, *, wd: int = NO_WD, link: bool = False) -> Node:
        """Make a handle of which all is known."""
        node = Node(self, number, name, parent)
        node.wd = wd
        node._link = link  # noqa: SLF001  # its own kind
        self.hold(node)
        return node

    def hold(self, node: Node) -> None:
        """Let a handle be the one of its number."""
        self._handles[node.number] = ref(node)
        if len(self._handles) > self._many:
            self._handles = {number: held for number, held in self._handles.items() if held() is not None}
            self._many = max(MANY, 2 * len(self._handles))

    def forget(self, number: int) -> None:
        """A directory is no more: whoever holds its handle has one of nothing."""
        held = self._handles.pop(number, None)
        node = held() if held is not None else None
        if node is not None:
            node.number = NONE
            node.parent = None
            node.wd = NO_WD
            node.place = None

    def refresh(self) -> None:
        """Let all handles say again what the memory says: something was interrupted between the two."""
        for number, held in list(self._handles.items()):
            node = held()
            if not self.memory.is_node(number):
                self.forget(number)
            elif node is not None:
                parent, node.wd, node._link, name = self.memory.look(number)  # noqa: SLF001  # its own kind
                if parent != NONE:
                    node.name = os.fsdecode(name)
                    node.parent = self.at(parent)


class Children:
    """The entries of a directory: for each name the node of a directory, or None for anything else."""

    __slots__ = ("_node", "_nodes", "_number")

    def __init__(self, nodes: Nodes, node: Node) -> None:
        self._nodes = nodes
        self._node = node
        self._number = node.number

    def __contains__(self, name: str) -> bool:
        return self._number != NONE and self._nodes.memory.get(self._number, os.fsencode(name)) != ABSENT

    def __len__(self) -> int:
        return self._nodes.memory.count(self._number) if self._number != NONE else 0

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._numbers()])

    def __getitem__(self, name: str) -> Node | None:
        number = self._nodes.memory.get(self._number, os.fsencode(name)) if self._number != NONE else ABSENT
        if number == ABSENT:
            raise KeyError(name)
        return None if number == NONE else self._nodes.at(number)

    def get(self, name: str) -> Node | None:
        """Return the node of a directory; None for anything else, and for what is not there."""
        number = self._nodes.memory.get(self._number, os.fsencode(name)) if self._number != NONE else ABSENT
        return None if number < 0 else self._nodes.at(number)

    def items(self) -> list[Tuple[str, Node | None]]:
        """Return all entries, in the order in which they came."""
        below, node = self._nodes.below, self._node
        return [(name, None if number == NONE else below(node, number, name)) for name, number in self._numbers()]

    def directories(self) -> list[Node]:
        """Return the nodes of those that are directories."""
        below, node = self._nodes.below, self._node
        return [below(node, number, name) for name, number in self._numbers() if number != NONE]

    def _numbers(self) -> Iterator[Tuple[str, int]]:
        if self._number == NONE:
            return iter(())
        names, numbers = self._nodes.memory.entries(self._number)
        # Behind the last NUL is a text more, for which there is no number.
        return zip(os.fsdecode(names).split("\0"), numbers)


class Node:
    """One directory. An entry that is not a directory has none.

    Of a directory that is not in the ledger any more it says that it is nowhere and has nothing.
    """

    __slots__ = ("__weakref__", "_link", "_nodes", "name", "number", "parent", "place", "wd")

    def __init__(self, nodes: Nodes, number: int, name: str, parent: Node | None) -> None:
        self._nodes = nodes
        self.number = number
        # What the memory has of it, too; only the ledger changes them, in both.
        self.name = name
        self.parent = parent
        self.wd = NO_WD
        self._link = False
        self.place: Place | None = None

    @property
    def link(self) -> bool:
        """True for a symbolic link that is followed: the kernel's events call it no directory."""
        return self._link

    @link.setter
    def link(self, is_set: bool) -> None:
        self._nodes.memory.mark(self.number, LINK, is_set=is_set)
        self._link = is_set

    @property
    def listed(self) -> bool:
        """Where files are not tracked: True if those that were in it were told, or are the consumer's to know."""
        return self.number != NONE and self._nodes.memory.has(self.number, LISTED)

    @listed.setter
    def listed(self, is_set: bool) -> None:
        self._nodes.memory.mark(self.number, LISTED, is_set=is_set)

    @property
    def fresh(self) -> bool:
        """Where files are not tracked: True while it has their names all the same."""
        return self.number != NONE and self._nodes.memory.has(self.number, FRESH)

    @fresh.setter
    def fresh(self, is_set: bool) -> None:
        self._nodes.memory.mark(self.number, FRESH, is_set=is_set)

    @property
    def children(self) -> Children:
        """Its entries, as they are at each moment."""
        return Children(self._nodes, self)

    def knows(self, name: str, *, is_dir: bool) -> bool:
        """Return True if *name* is an entry of the kind that the kernel's ISDIR says."""
        if self.number == NONE:
            return False
        child = self._nodes.memory.get(self.number, os.fsencode(name))
        if child < 0:
            return child == NONE and not is_dir
        return self._nodes.memory.has(child, LINK) != is_dir

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


class Candidate(Node):
    """What may be a directory at a name, whatever the ledger has there: only to look at it."""

    __slots__ = ()

    def __init__(self, name: str, parent: Node) -> None:
        super().__init__(parent._nodes, NONE, name, parent)  # noqa: SLF001  # its own kind


class Root(Node):
    """A path that the user added, and what was asked for it.

    ``given`` is the path as the user wrote it, str or bytes, and ``name`` the same as str; ``location`` is
    where it is, whatever the working directory will be.
    """

    __slots__ = (
        "_asked",
        "_rules",
        "attached",
        "device",
        "given",
        "kernel_mask",
        "location",
        "raised",
        "raw",
        "shown",
        "top",
        "waits",
        "wanted",
    )

    def __init__(self, given: str | bytes, location: str, *, asked: int, kernel_mask: int, rules: Rules) -> None:
        # It is not in a ledger yet, and then it is no handle of what is elsewhere.
        self.number = NONE
        self.name = os.fsdecode(given)
        self.parent = None
        self.wd = NO_WD
        self._link = False
        self.place = None
        self.given = given
        self.location = location
        # The directory that is watched, and the path it is told by: those of the location, or of where a file is.
        self.top = location
        self.shown = given
        self._asked = asked
        self.kernel_mask = kernel_mask
        self._rules = rules
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
        rules = self.wanted._replace(
            only=frozenset([name]), max_depth=1, exclude=(), gitignore=False, tracks_files=True
        )
        self._become(os.path.dirname(self.given), rules)

    def become_directory(self) -> None:
        """What is at the location is a directory, or to be one."""
        self.top = self.location
        self._become(self.given, self.wanted)

    def _become(self, shown: str | bytes, rules: Rules) -> None:
        self.shown = shown
        self.name = os.fsdecode(shown)
        self._rules = rules
        self.place = None
        self._say()

    def join(self, nodes: Nodes) -> None:
        """Be a node of a ledger."""
        self._nodes = nodes
        self.number = nodes.memory.add_root()
        nodes.hold(self)
        self._say()

    def _say(self) -> None:
        if self.number != NONE:
            rules = self._rules
            self._nodes.memory.set_root(
                self.number,
                os.fsencode(self.shown),
                asked=self._asked,
                is_plain=rules.is_plain,
                passes=not rules.tracks_files,
            )

    @property
    def asked(self) -> int:
        """What is told of it, and of all below it: a mask."""
        return self._asked

    @property
    def rules(self) -> Rules:
        """What is watched of it now."""
        return self._rules


class Ledger:
    """The nodes below some roots, by place and by watch descriptor."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.roots: list[Root] = []
        self._nodes = Nodes(self.memory)
        self._twins: Dict[int, list[Node]] = {}
        self._generation = 0
        # What was looked for lately will be again, and then it has its handle still.
        self._recent: deque[Node] = deque(maxlen=A_FEW)

    # --- roots ---

    def add_root(self, root: Root) -> None:
        """Add a root that is in no ledger yet."""
        root.join(self._nodes)
        self.roots.append(root)

    def remove_root(self, root: Root) -> None:
        """Take out a root that has no entries and no watch."""
        self.roots.remove(root)
        root.attached = False
        self.memory.drop_root(root.number)
        self._nodes.forget(root.number)

    # --- places ---

    def place(self, node: Node) -> Place:
        """Return where *node* is; climbed once and kept until a directory moves."""
        place = node.place
        if place is not None and place.generation == self._generation:
            return place
        node.place = place = self._candidate_place(node) if isinstance(node, Candidate) else self._place(node)
        return place

    def _place(self, node: Node) -> Place:
        top = node
        while top.parent is not None:
            top = top.parent
        if not isinstance(top, Root):
            raise TypeError(f"{node.name!r} is not below a root")
        prefix: str | bytes = self.memory.prefix(node.number)
        if isinstance(top.shown, str):
            prefix = os.fsdecode(prefix)
        return Place(self._generation, top, top.shown if node is top else prefix[:-1], prefix)

    def _candidate_place(self, node: Candidate) -> Place:
        if node.parent is None:
            raise TypeError(f"{node.name!r} is not below a root")
        _, root, _, prefix = self.place(node.parent)
        if isinstance(prefix, str):
            return Place(self._generation, root, prefix + node.name, prefix + node.name + "/")
        name = os.fsencode(node.name)
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

    def refresh(self) -> None:
        """Make good what an interruption in the middle of a mutation has left half-done."""
        self._generation += 1
        self._nodes.refresh()

    # --- the mutations ---

    def create(self, parent: Node, name: str, *, is_dir: bool) -> Node | None:
        """Add an entry; the node of a directory, None for anything else."""
        number = self.memory.create(parent.number, os.fsencode(name), is_dir=is_dir)
        return None if number == NONE else self._nodes.made(number, name, parent)

    def drop(self, parent: Node, name: str) -> None:
        """Take an entry out whose node, if it has one, has no entries and no watch."""
        number = self.memory.drop(parent.number, os.fsencode(name))
        if number >= 0:
            self._nodes.forget(number)

    def clear(self, parent: Node) -> None:
        """Take all entries out of a directory; those that are directories have no entries and no watch."""
        for number in self.memory.clear(parent.number):
            self._nodes.forget(number)

    def graft(self, source: Node, name: str, parent: Node, new_name: str) -> Node | None:
        """Re-attach an entry elsewhere. Nothing below it changes: watches follow the inode."""
        number = self.memory.graft(source.number, os.fsencode(name), parent.number, os.fsencode(new_name))
        if number == ABSENT:
            raise KeyError(name)
        if number == NONE:
            return None
        self._generation += 1
        node = self._nodes.at(number)
        node.name = new_name
        node.parent = parent
        return node

    def adopt(self, tops: list[Node], crawled: Crawled) -> Dict[Node, list[Node]]:
        """Fill in directories that are new, *tops*, and all below them, and bind them.

        Returns the directories that were not visited, by the directory that they are in.
        """
        numbers = [top.number for top in tops]
        left = self.memory.adopt(numbers[: crawled.slots], crawled) + numbers[crawled.slots :]
        for top in tops:
            top.wd = self.memory.wd(top.number)
        found: Dict[Node, list[Node]] = {}
        for node in map(self._nodes.at, left):
            if node.parent is not None:
                found.setdefault(node.parent, []).append(node)
        return found

    def forget_files(self, node: Node) -> None:
        """Have directories only in *node* from now on."""
        self.memory.forget_files(node.number)
        node.fresh = False

    # --- watch descriptors ---

    def owner(self, wd: int) -> Node | None:
        """Return a node bound to *wd*, the first one if there are several."""
        number = self.memory.owner(wd)
        if number == NONE:
            return None
        node = self._nodes.at(number)
        self._recent.append(node)
        return node

    def owners(self, wd: int) -> list[Node]:
        """Return all nodes bound to *wd*."""
        first = self.owner(wd)
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
        first = self.memory.owner(wd)
        if first == NONE:
            self.memory.own(wd, node.number)
            node.wd = wd
        else:
            self._twins.setdefault(wd, []).append(node)
            self.memory.set_wd(node.number, wd)
            node.wd = wd
            self.memory.mark(first, TWINS, is_set=True)

    def unbind(self, node: Node) -> bool:
        """Take *node* off its watch descriptor; True if that leaves the descriptor without a node."""
        wd = node.wd
        if wd == NO_WD:
            return False
        twins = self._twins.get(wd)
        if twins is None:
            self.memory.disown(wd)
            node.wd = NO_WD
            return True
        if self.memory.owner(wd) == node.number:
            self.memory.mark(node.number, TWINS, is_set=False)
            self.memory.own(wd, twins.pop(0).number)
        else:
            twins.remove(node)
        self.memory.set_wd(node.number, NO_WD)
        node.wd = NO_WD
        self.memory.mark(self.memory.owner(wd), TWINS, is_set=bool(twins))
        if not twins:
            del self._twins[wd]
        return False

    @property
    def bound(self) -> int:
        """How many watch descriptors have a node."""
        return self.memory.owned()

    def wds(self) -> set[int]:
        """Return all watch descriptors that have a node."""
        return set(self.memory.wds())

    # --- for the consumer ---

    def snapshot(self) -> dict[str | bytes, bool]:
        """Return each entry below the roots that is tracked: its path, and whether it is a directory."""
        found: dict[str | bytes, bool] = {}
        memory = self.memory
        for root in self.roots:
            as_given = os.fsdecode if isinstance(root.given, str) else bytes
            todo = [root.number]
            while todo:
                number = todo.pop()
                prefix = memory.prefix(number)
                names, numbers = memory.entries(number)
                for name, child in zip(names.split(b"\0"), numbers):
                    if child != NONE or root.rules.tracks_files:
                        found[as_given(prefix + name)] = child != NONE
                todo += [child for child in numbers if child != NONE]
        return found
