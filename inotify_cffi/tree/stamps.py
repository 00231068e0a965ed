"""What files were when they were last told: compared with what they are, by equality and never by a clock.

A stamp is taken before what it belongs to is handed out. So whatever it has seen is in what the consumer finds who
reads the file when he is told; and what is changed later has another stamp, however the clocks stand. A file of
which something is told without a stamp, for there was no time for one, is told as changed once more by the next
comparison.
"""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.base.encoding import encoded, joined
from inotify_cffi.kernel.listings import STAMP
from inotify_cffi.ledger.storage import UNKNOWN
from inotify_cffi.tree.youth import Youth
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Collection, Dict

    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.moves import Raw
    from inotify_cffi.tree.places import Places

__all__ = ["Look", "Stamps"]

# What may make another stamp, or a name that has none.
CHANGES = bits.CREATE | bits.MOVED_TO | bits.MODIFY | bits.CLOSE_WRITE | bits.ATTRIB

MARK = b"\1"

# How many files are looked at, whatever the time.
SOME = 64

UNKNOWN_STAMP = b"".join(number.to_bytes(8, "little", signed=True) for number in (0, UNKNOWN, 0, 0))


class Look(NamedTuple):
    """What some files of a directory are, and which of them may have another content than when they were told.

    Marks: a 1 for each that has another stamp than before, or had none.
    """

    names: list[str]
    raw: bytes
    stamps: bytes
    marks: bytes
    changed: set[str]


class Stamps:
    """Takes stamps, where they are kept."""

    def __init__(self, ground: Ground, places: Places) -> None:
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._disk = ground.disk
        self._turn = ground.turn
        self._places = places
        self._youth = Youth(ground)
        # The names, by watch descriptor, of which something was told in this step.
        self._told: Dict[int, Dict[str, None]] = {}

    def look(self, node: Node, fd: int, names: list[str], *, is_lost: bool = False) -> Look:
        """Look at files of a directory, which is open as *fd*; *is_lost*: events of them may be."""
        stamps = self._disk.stamps(fd, names)
        raw = joined(names)
        marks = node.memory.compare(node.number, raw, stamps)
        changed = {name for name, mark in zip(names, marks) if mark} if MARK in marks else set()
        changed |= self._youth.due(node, names, is_lost=is_lost)
        return Look(names, raw, stamps, marks, changed)

    def note(self, node: Node, fd: int, look: Look, *, polls: bool) -> None:
        """What was looked at is told: keep it. *polls*: it will be compared again, whatever events say."""
        if not look.changed and MARK not in look.marks:
            return
        node.memory.stamp(node.number, look.raw, look.stamps, look.marks)
        self._youth.told(node, look.changed)
        times = memoryview(look.stamps).cast("q")[3::4].tolist()
        new = {name: time for name, time, mark in zip(look.names, times, look.marks) if mark}
        if new:
            self._youth.compared(node, fd, new, polls=polls)

    def renamed(self, node: Node, look: Look, gone: list[str], known: Collection[str]) -> Dict[str, str]:
        """Tell renames within a directory: of a file that is *gone*, and one that is not *known* and is the same.

        That is so if inode, size and mtime agree. Returns the new names, by the old ones.
        """
        renamed: Dict[str, str] = {}
        if MARK not in look.marks or not self._teller.tells_renames(node):
            return renamed
        numbers = memoryview(look.stamps).cast("q").tolist()
        came = {
            tuple(numbers[4 * at : 4 * at + 3]): name
            for at, name in enumerate(look.names)
            if look.marks[at] and name not in known
        }
        for old in gone:
            new = came.pop(node.memory.stamp_of(node.number, encoded(old))[:3], None)
            if new is not None:
                self._teller.renamed(node, old, new)
                look.changed.discard(new)
                renamed[old] = new
        return renamed

    def in_doubt(self) -> Dict[int, set[str]]:
        """Return the files, by the number of their directory, whose stamps say nothing later."""
        return self._youth.in_doubt()

    def heard(self, raw: Raw) -> None:
        """The kernel reported something of an entry, which is being told."""
        if raw.mask & CHANGES and raw.name:
            self.seen(raw.wd, raw.name)

    def seen(self, wd: int, name: str) -> None:
        """Something of an entry is told by this step."""
        self._told.setdefault(wd, {})[name] = None

    @property
    def are_due(self) -> bool:
        """True if something is told that has no stamp yet."""
        return bool(self._told)

    def take(self) -> None:
        """Take the stamps of what is told by this step, as far as there is time; the others have none."""
        told, self._told = self._told, {}
        left = SOME
        for wd, names in told.items():
            nodes = [node for node in self._ledger.owners(wd) if self._ledger.place(node).root.rules.keep_stat]
            if nodes:
                left -= len(names)
                self._take(nodes, list(names), has_time=left >= 0 or not self._turn.is_over())

    def _take(self, nodes: list[Node], names: list[str], *, has_time: bool) -> None:
        stamps = self._stamps(nodes[0], names) if has_time else None
        raw = joined(names)
        if stamps is None:
            stamps = UNKNOWN_STAMP * len(names)
        for node in nodes:
            node.memory.stamp(node.number, raw, stamps, MARK * len(names))
            self._youth.heard(node, names)

    def _stamps(self, node: Node, names: list[str]) -> bytes | None:
        """Return the stamps of entries of a directory, None if it is not where it was."""
        try:
            found = self._places.locate(node)
        except OSError:
            return None
        if found is None:
            return None
        try:
            if found.wd == node.wd:
                stamps = self._disk.stamps(found.fd, names)
                return stamps if len(stamps) == STAMP * len(names) else None
            self._places.stray(node, found.wd)
            return None
        finally:
            self._disk.close(found.fd)
