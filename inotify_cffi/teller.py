"""One ledger, one mutation, one event: the verbs that change the ledger, each telling what it changed.

An event about an entry is told if and only if the ledger changes. So what was told, applied to what the
ledger was, gives what the ledger is, at every moment and whatever the rest of the tree makes of the kernel.
Which events the consumer asked for is decided here, and for the most common ones in ``plain.py``.
"""

from __future__ import annotations

import os

from inotify_cffi import bits
from inotify_cffi.events import AN_ENTRY, AN_ENTRY_BEHIND_A_SLASH, ITSELF, Event, UnwatchedEvent
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.ledger import Ledger
    from inotify_cffi.moves import Raw
    from inotify_cffi.nodes import Node, Place
    from inotify_cffi.root import Root

__all__ = ["Teller"]

ISDIR = bits.ISDIR
MOVED_FROM = bits.MOVED_FROM
MOVED_TO = bits.MOVED_TO
DELETE = bits.DELETE
OVERFLOW = bits.Q_OVERFLOW
UNWATCHED = bits.UNWATCHED
WATCHED = bits.WATCHED
IN_SYNC = bits.IN_SYNC
RESCAN = bits.RESCAN

# What a listing finds is told as the first of these that was asked for: so who waits for finished files only
# still hears of a file that was there before its directory could be watched.
FILE_FOUND = (bits.CREATE, bits.MOVED_TO, bits.CLOSE_WRITE, bits.MODIFY)
DIRECTORY_FOUND = (bits.CREATE, bits.MOVED_TO)
FILE_CHANGED = (bits.MODIFY, bits.CLOSE_WRITE, bits.ATTRIB)
GONE = (bits.DELETE, bits.MOVED_FROM)


def _first(flags: tuple[int, ...], asked: int) -> int:
    for flag in flags:
        if asked & flag:
            return flag
    return 0


class Teller:
    """Owns what is to be told, in order."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._told: list[AnyEvent] = []
        # Set while a root is listed for the first time: then the ledger is filled and nothing is told.
        self.silent = False

    def take(self) -> list[AnyEvent]:
        """Return what was told since the last call."""
        told, self._told = self._told, []
        return told

    def __len__(self) -> int:
        return len(self._told)

    def tell_behind(self, count: int, events: list[AnyEvent]) -> None:
        """Tell what :mod:`~inotify_cffi.plain` has applied, with the same rules; once, if it is told again.

        *count* is how many events were told before it.
        """
        self._told[count:] = events

    # --- the verbs ---

    def found(self, parent: Node, name: str, *, is_dir: bool, link: bool = False) -> Node | None:
        """A listing or a look found an entry that the ledger does not have."""
        node = self._ledger.create(parent, name, is_dir=is_dir, link=link)
        if not self.silent:
            asked = self._ledger.place(parent).root.asked
            flag = _first(DIRECTORY_FOUND if is_dir else FILE_FOUND, asked)
            self._entry(parent, name, flag | self._kind(parent, node), synthetic=True)
        return node

    def came(self, parent: Node, raw: Raw, *, is_dir: bool, link: bool = False) -> Node | None:
        """The kernel reported an entry that the ledger does not have: created, or moved in."""
        node = None
        if is_dir or self._ledger.keeps_files(parent):
            node = self._ledger.create(parent, raw.name, is_dir=is_dir, link=link)
        self._entry(parent, raw.name, raw.mask | self._kind(parent, node), cookie=raw.cookie)
        return node

    def gone(self, parent: Node, name: str, raw: Raw | None = None, *, replaced: bool = False) -> list[int]:
        """Take an entry out, all below it first; the watch descriptors that have no node any more.

        What the kernel reported is told as it did (DELETE or MOVED_FROM); what is below it, and what nobody
        reported, as a synthetic delete. Of a raw root an entry that was *replaced* has no delete, as the kernel
        has none.
        """
        freed: list[int] = []
        node = parent.children[name]
        if node is not None:
            self._empty(node, freed)
        is_dir = self._kind(parent, node)
        root = self._ledger.place(parent).root
        if raw is None:
            if not (replaced and root.raw):
                self._entry(parent, name, _first(GONE, root.asked) | is_dir, synthetic=True)
        else:
            self._entry(parent, name, raw.mask | is_dir, cookie=raw.cookie)
        self._ledger.drop(parent, name)
        return freed

    def emptied(self, node: Node) -> list[int]:
        """Take out all below a directory that stays; the watch descriptors below it that are free."""
        freed: list[int] = []
        for name in list(node.children):
            freed.extend(self.gone(node, name))
        if node.listed:
            node.listed = node.fresh = False
        return freed

    def _empty(self, top: Node, freed: list[int]) -> None:
        """Take out what is below *top*, deepest first, and unbind *top* too."""
        # What was deleted is nearly always empty.
        nodes = self._ledger.subtree(top) if len(top.children) else [top]
        for node in reversed(list(nodes)):
            if len(node.children):
                gone = self._all_gone(node)
                self._told += gone
                self._ledger.clear(node)
            wd = node.wd
            if self._ledger.unbind(node):
                freed.append(wd)

    def _all_gone(self, node: Node) -> list[AnyEvent]:
        """Return the synthetic deletes of all entries of a directory, if they are to be told."""
        place = self._ledger.place(node)
        flag = _first(GONE, place.root.asked)
        if self.silent or not flag:
            return []
        prefix, which = place.prefix, _which(place)
        entries = [(name, flag | self._kind(node, child)) for name, child in node.children.items()]
        return [Event((_join(prefix, name), mask, None, 0, node.wd, which, True)) for name, mask in entries]

    def moved(self, source: Node, source_raw: Raw, parent: Node, raw: Raw) -> Node | None:
        """An entry that the ledger has moved to where it has none: both halves, next to each other."""
        old_place = self._ledger.place(source)
        old_path = _join(old_place.prefix, source_raw.name)
        node = source.children.get(source_raw.name)
        is_dir = self._kind(source, node)
        self._entry(source, source_raw.name, source_raw.mask | is_dir, cookie=raw.cookie)
        if node is not None or (self._ledger.keeps_files(source) and self._ledger.keeps_files(parent)):
            self._ledger.graft(source, source_raw.name, parent, raw.name)
        elif self._ledger.keeps_files(source):
            self._ledger.drop(source, source_raw.name)
        elif self._ledger.keeps_files(parent):
            self._ledger.create(parent, raw.name, is_dir=False)
        self._entry(parent, raw.name, raw.mask | is_dir, cookie=raw.cookie, moved_from=old_path)
        return node

    def changed(self, parent: Node, name: str) -> None:
        """A file may have another content than when it was last told."""
        asked = self._ledger.place(parent).root.asked
        self._entry(parent, name, _first(FILE_CHANGED, asked), synthetic=True)

    # --- what changes no entry ---

    def passed(self, node: Node, raw: Raw) -> None:
        """The kernel reported something about an entry that stays: its content, its attributes."""
        self._entry(node, raw.name, raw.mask, cookie=raw.cookie)

    def itself(self, node: Node, mask: int, wd: int) -> None:
        """The kernel reported something about a watched directory itself."""
        place = self._ledger.place(node)
        if mask & ~ISDIR & place.root.asked:
            self._add((place.path, mask, None, 0, wd, ITSELF, False))

    def rescan(self, node: Node) -> None:
        """What files are in a directory, and what is in them, may be another than what was told."""
        if not self.silent:
            place = self._ledger.place(node)
            self._add((place.path, RESCAN | ISDIR, None, 0, -1, ITSELF, True))

    def overflow(self) -> None:
        """Events were lost; what follows, up to IN_SYNC, is the difference that they made."""
        self._everywhere(OVERFLOW)

    def in_sync(self) -> None:
        """All that could be told of a gap is told."""
        self._everywhere(IN_SYNC)

    def unwatched(self, node: Node, error: OSError) -> None:
        """A directory is not covered any more, or could not be from the start."""
        place = self._ledger.place(node)
        self._told.append(UnwatchedEvent((place.path, UNWATCHED | ISDIR, None, 0, -1, ITSELF, True, error)))

    def watched(self, node: Node) -> None:
        """A directory that was not covered is again; what follows about it is what was missed."""
        place = self._ledger.place(node)
        self._add((place.path, WATCHED | ISDIR, None, 0, -1, ITSELF, True))

    def _kind(self, parent: Node, node: Node | None) -> int:
        """Return ISDIR for a directory; for a link that is followed unless it is to be told as the kernel does."""
        if node is None or (node.link and self._ledger.place(parent).root.raw):
            return 0
        return ISDIR

    def _everywhere(self, mask: int) -> None:
        roots: list[Root] = self._ledger.roots
        empty = b"" if roots and isinstance(roots[0].given, bytes) else ""
        self._add((empty, mask, None, 0, -1, ITSELF, mask != OVERFLOW))

    def _entry(
        self,
        parent: Node,
        name: str,
        mask: int,
        *,
        cookie: int = 0,
        moved_from: str | bytes | None = None,
        synthetic: bool = False,
    ) -> None:
        place = self._ledger.place(parent)
        if self.silent or not mask & ~ISDIR & place.root.asked:
            return
        prefix = place.prefix
        which = _which(place)
        if isinstance(prefix, str):
            old = os.fsdecode(moved_from) if isinstance(moved_from, bytes) else moved_from
            self._add((prefix + name, mask, old, cookie, parent.wd, which, synthetic))
        else:
            bold = os.fsencode(moved_from) if isinstance(moved_from, str) else moved_from
            self._add((prefix + os.fsencode(name), mask, bold, cookie, parent.wd, which, synthetic))

    def _add(self, fields: tuple[object, ...]) -> None:
        self._told.append(Event(fields))


def _which(place: Place) -> int:
    return AN_ENTRY if len(place.prefix) > len(place.path) or not place.prefix else AN_ENTRY_BEHIND_A_SLASH


def _join(prefix: str | bytes, name: str) -> str | bytes:
    return prefix + name if isinstance(prefix, str) else prefix + os.fsencode(name)
