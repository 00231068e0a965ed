"""Handles of the directories that the ledger has in C memory: made when somebody looks, one for each at a time.

A :class:`Node` is gone when nobody holds it. While somebody does, it is the one of its directory, so ``is`` is
identity; of a directory that is not in the ledger any more it says that it is nowhere and has nothing, and to
change it raises LedgerError.
"""

from __future__ import annotations

import os

from inotify_cffi.base.encoding import decoded, encoded
from inotify_cffi.errors import LedgerError
from inotify_cffi.ledger.rules import STRUCTURE
from inotify_cffi.ledger.storage import ABSENT, FRESH, LINK, LISTED, NONE, Memory
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple, ref

if TYPE_CHECKING:
    from typing import Dict, Iterator, Tuple

    from inotify_cffi.ledger.rules import Rules

__all__ = ["NO_WD", "Candidate", "Children", "Node", "Nodes", "Place", "Root"]

NO_WD = NONE

# How many handles are made before those are looked for that nobody holds any more; later twice what is left.
MANY = 128


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
            above = self.made(number, decoded(name), above, wd=wd, link=is_link)
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

    def held(self) -> list[Node]:
        """Return the handles that somebody holds."""
        return [node for node in [held() for held in list(self._handles.values())] if node is not None]

    def forget(self, number: int) -> None:
        """A directory is no more: whoever holds its handle has one of nothing. To be interrupted does no harm."""
        held = self._handles.get(number)
        node = held() if held is not None else None
        if node is not None:
            node.number = NONE
            node.parent = None
            node.wd = NO_WD
            node.place = None
        self._handles.pop(number, None)

    def refresh(self) -> None:
        """Let all handles say again what the memory says: something was interrupted between the two."""
        for number, held in list(self._handles.items()):
            node = held()
            if not self.memory.is_node(number):
                self.forget(number)
            elif node is not None:
                parent, node.wd, node._link, name = self.memory.look(number)  # noqa: SLF001  # its own kind
                if parent != NONE:
                    node.name = decoded(name)
                    node.parent = self.at(parent)


class Children:
    """The entries of a directory: for each name the node of a directory, or None for anything else."""

    __slots__ = ("_node",)

    def __init__(self, node: Node) -> None:
        self._node = node

    def __contains__(self, name: str) -> bool:
        return self._node.entry(name) != ABSENT

    def __len__(self) -> int:
        node = self._node
        return node.memory.count(node.number) if node.number != NONE else 0

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._numbers()])

    def __getitem__(self, name: str) -> Node | None:
        number = self._node.entry(name)
        if number == ABSENT:
            raise KeyError(name)
        return None if number == NONE else self._node.nodes.at(number)

    def get(self, name: str) -> Node | None:
        """Return the node of a directory; None for anything else, and for what is not there."""
        number = self._node.entry(name)
        return None if number < 0 else self._node.nodes.at(number)

    def items(self) -> list[Tuple[str, Node | None]]:
        """Return all entries, in the order in which they came."""
        node = self._node
        return [
            (name, None if number == NONE else node.nodes.below(node, number, name))
            for name, number in self._numbers()
        ]

    def directories(self) -> list[Node]:
        """Return the nodes of those that are directories."""
        node = self._node
        return [node.nodes.below(node, number, name) for name, number in self._numbers() if number != NONE]

    def _numbers(self) -> Iterator[Tuple[str, int]]:
        node = self._node
        if node.number == NONE:
            return iter(())
        names, numbers = node.memory.entries(node.number)
        # Behind the last NUL is a text more, for which there is no number.
        return zip(decoded(names).split("\0"), numbers)


class Node:
    """One directory. An entry that is not a directory has none.

    Of a directory that is not in the ledger, or not any more, it says that it is nowhere and has nothing. What
    changes one raises LedgerError then, and does nothing.
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
    def nodes(self) -> Nodes:
        """Those of the ledger that it is in. Raises LedgerError if it is in none."""
        if self.number == NONE:
            raise LedgerError(f"the directory {self.name!r} is not in the ledger any more; nothing was changed")
        return self._nodes

    @property
    def memory(self) -> Memory:
        """The same, as C has them."""
        return self.nodes.memory

    def entry(self, name: str) -> int:
        """Return the number of an entry: see :meth:`Memory.get`."""
        return self._nodes.memory.get(self.number, encoded(name)) if self.number != NONE else ABSENT

    @property
    def link(self) -> bool:
        """True for a symbolic link that is followed: the kernel's events call it no directory."""
        return self._link

    @link.setter
    def link(self, is_set: bool) -> None:
        self.memory.mark(self.number, LINK, is_set=is_set)
        self._link = is_set

    @property
    def listed(self) -> bool:
        """Where files are not tracked: True if those that were in it were told, or are the consumer's to know."""
        return self.number != NONE and self._nodes.memory.has(self.number, LISTED)

    @listed.setter
    def listed(self, is_set: bool) -> None:
        self.memory.mark(self.number, LISTED, is_set=is_set)

    @property
    def fresh(self) -> bool:
        """Where files are not tracked: True while it has their names all the same."""
        return self.number != NONE and self._nodes.memory.has(self.number, FRESH)

    @fresh.setter
    def fresh(self, is_set: bool) -> None:
        self.memory.mark(self.number, FRESH, is_set=is_set)

    @property
    def children(self) -> Children:
        """Its entries, as they are at each moment."""
        return Children(self)

    def knows(self, name: str, *, is_dir: bool) -> bool:
        """Return True if *name* is an entry of the kind that the kernel's ISDIR says."""
        child = self.entry(name)
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
        "also",
        "attached",
        "content_mask",
        "device",
        "each_move",
        "folds",
        "given",
        "kernel_mask",
        "location",
        "raised",
        "raw",
        "shown",
        "told_as",
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
        # What is told of it besides, for a reader that hides it.
        self.also = 0
        # What directories are watched for; and what a file is watched for, by itself.
        self.kernel_mask = kernel_mask
        self.content_mask = kernel_mask & ~STRUCTURE
        self._rules = rules
        self.wanted = rules
        self.attached = True
        # True if it may be missing, and is waited for.
        self.waits = False
        # Of the file system that the root was last seen on.
        self.device = 0
        # True for the drop-in: tell also what a watched directory says of itself, and who reads directories.
        self.raw = False
        # The path that the user gave to tell it by, if it is not its own.
        self.told_as: str | bytes | None = None
        # True if the move of a directory is told with a move of each entry below it.
        self.each_move = False
        # True if names may fold somewhere in it.
        self.folds = False
        # What a directory reports besides once it is listed, with all below it: not the listing itself, then.
        self.raised = 0

    @property
    def is_file(self) -> bool:
        """True if what is at the location is no directory, or was none when there was something."""
        return self._rules.only is not None

    def become_file(self) -> None:
        """What is at the location is no directory: watch the directory that it is in, for its name only."""
        self.top, name = os.path.split(self.location)
        rules = self.wanted._replace(
            only=frozenset([name]),
            max_depth=1,
            exclude=(),
            include=(),
            gitignore=False,
            tracks_files=True,
            follow_symlinks=False,
            follows_files=False,
        )
        self.kernel_mask = STRUCTURE
        self._become(os.path.dirname(self.given), rules)

    def become_directory(self) -> None:
        """What is at the location is a directory, or to be one."""
        self.top = self.location
        self.kernel_mask = self.content_mask | STRUCTURE
        self._become(self.given, self.wanted)

    def watch_also(self, mask: int) -> bool:
        """Watch it for these kinds of events, too; False if it is already."""
        if not mask & ~self.kernel_mask & ~self.content_mask:
            return False
        self.content_mask |= mask & ~STRUCTURE
        if not self.is_file:
            self.kernel_mask |= mask
        return True

    def _become(self, shown: str | bytes, rules: Rules) -> None:
        self.shown = shown
        self.name = os.fsdecode(shown)
        self._rules = rules
        self.place = None
        self.say()

    def join(self, nodes: Nodes) -> None:
        """Be a node of a ledger."""
        self._nodes = nodes
        self.number = nodes.memory.add_root()
        nodes.hold(self)
        self.say()

    def say(self) -> None:
        """Let the memory have what is here."""
        if self.number != NONE:
            name, plain, passes = os.fsencode(self.shown), self._rules.is_plain, not self._rules.tracks_files
            memory = self._nodes.memory
            memory.set_root(self.number, name, asked=self.asked, is_plain=plain, passes=passes, folds=self.folds)

    @property
    def asked(self) -> int:
        """What is told of it, and of all below it: a mask."""
        return self._asked | self.also

    @property
    def reports(self) -> int:
        """What each directory of it reports once it is listed with all below it: a mask."""
        return self.kernel_mask | self.raised

    @property
    def own(self) -> int:
        """What the user asked for."""
        return self._asked

    def first(self, flags: Tuple[int, ...]) -> int:
        """Return the first of some flags that the user asked for, else the first that is told; 0 if none is."""
        return next((flag for asked in (self._asked, self.also) for flag in flags if asked & flag), 0)

    def ask_also(self, mask: int) -> None:
        """Have these kinds of events told, whatever the user asked for."""
        self.also = mask
        self.say()

    @property
    def rules(self) -> Rules:
        """What is watched of it now."""
        return self._rules
