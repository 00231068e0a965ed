"""One ledger, one mutation, one event: the verbs that change the ledger, each telling what it changed.

An event about an entry is told if and only if the ledger changes. So what was told, applied to what the
ledger was, gives what the ledger is, at every moment and whatever the rest of the tree makes of the kernel.
Which events the consumer asked for is decided here, and for the most common ones in ``tree/plain.py``.

An exception of a signal handler may come between the two. So each change of the ledger is noted first, then told,
then made: whoever was interrupted sees by the ledger whether it was made, and if not takes back what was told.
"""

from __future__ import annotations

import os

from inotify_cffi.base import bits, causes
from inotify_cffi.events import AN_ENTRY, AN_ENTRY_BEHIND_A_SLASH, ITSELF, Event, UnwatchedEvent
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Callable

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.ledger.ledger import Ledger
    from inotify_cffi.ledger.nodes import Node, Place, Root
    from inotify_cffi.tree.moves import Raw

__all__ = ["Teller", "join"]

ISDIR = bits.ISDIR
MOVED_FROM = bits.MOVED_FROM
MOVED_TO = bits.MOVED_TO
DELETE = bits.DELETE
DELETE_SELF = bits.DELETE_SELF
MOVE_SELF = bits.MOVE_SELF
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


class Change(NamedTuple):
    """A change of the ledger that is under way."""

    before: int  # how many events were told before it
    is_made: Callable[[], bool]
    is_raw: bool  # True if it is what the kernel reported


class Teller:
    """Owns what is to be told, in order."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        # What is told and not taken yet; whoever takes it puts another list in its place.
        self.told: list[AnyEvent] = []
        # Set while a root is listed for the first time: then the ledger is filled and nothing is told.
        self.silent = False
        # Why is told what no event of the kernel's says: of a look or a listing that is under way.
        self.cause = causes.LOOK
        self._change: Change | None = None
        # How often directories were taken out of the ledger.
        self.taken_out = 0
        # Of the raw event that is applied: how many were told before it, and whether it itself was told.
        self._before = 0
        self._said = False

    def __len__(self) -> int:
        return len(self.told)

    # --- interruptions ---

    def begin(self) -> None:
        """A raw event is going to be applied."""
        self._before = len(self.told)
        self._said = False

    def go_on(self) -> None:
        """One is going to be applied on, of which a part was applied, and what was told may have been taken."""
        self._before = len(self.told)

    def make_good(self) -> bool:
        """Undo or finish what was interrupted; True if the raw event that is applied is still to be told."""
        self.silent = False
        self.cause = causes.LOOK
        change = self._change
        if change is not None:
            if change.is_made():
                self._said = self._said or change.is_raw
            else:
                del self.told[change.before :]
            self._change = None
        return not self._said and all(event.synthetic for event in self.told[self._before :])

    def _tell(self, events: list[AnyEvent], is_made: Callable[[], bool], *, is_raw: bool) -> None:
        """Tell what comes of a change, right before that is made; to be followed by :meth:`_made`."""
        self._change = Change(len(self.told), is_made, is_raw)
        self.told += events

    def _made(self, *, is_raw: bool) -> None:
        if is_raw:
            self._said = True
        self._change = None

    def tell_behind(self, count: int, events: list[AnyEvent]) -> None:
        """Tell what :mod:`~inotify_cffi.tree.plain` has applied, with the same rules; once, if it is told again.

        *count* is how many events were told before it.
        """
        self.told[count:] = events

    # --- the verbs ---

    def found(self, parent: Node, name: str, *, is_dir: bool, link: bool = False) -> Node | None:
        """A listing or a look found an entry that the ledger does not have."""
        flag = self._root(parent).first(DIRECTORY_FOUND if is_dir else FILE_FOUND)
        events = self._events(parent, name, flag | self._kind(parent, is_dir=is_dir, link=link), cause=self.cause)
        return self._create(parent, name, events, is_dir=is_dir, link=link, is_raw=False)

    def came(self, parent: Node, raw: Raw, *, is_dir: bool, link: bool = False) -> Node | None:
        """The kernel reported an entry that the ledger does not have: created, or moved in."""
        keeps = is_dir or self._ledger.keeps_files(parent)
        kind = self._kind(parent, is_dir=is_dir and keeps, link=link)
        events = self._events(parent, raw.name, raw.mask | kind, cookie=raw.cookie)
        if not keeps:
            self.told += events
            return None
        return self._create(parent, raw.name, events, is_dir=is_dir, link=link, is_raw=True)

    def _create(
        self, parent: Node, name: str, events: list[AnyEvent], *, is_dir: bool, link: bool, is_raw: bool
    ) -> Node | None:
        self._tell(events, lambda: self._is_created(parent, name, link=link), is_raw=is_raw)
        node = self._ledger.create(parent, name, is_dir=is_dir, link=link)
        self._made(is_raw=is_raw)
        return node

    def _is_created(self, parent: Node, name: str, *, link: bool) -> bool:
        if name not in parent.children:
            return False
        child = parent.children[name]
        if child is not None and link:
            self._ledger.mark_link(child)
        return True

    def gone(
        self, parent: Node, name: str, node: Node | None, raw: Raw | None = None, *, replaced: bool = False
    ) -> list[int]:
        """Take an entry out that has no entries; its watch descriptor, if that has no node any more.

        What the kernel reported is told as it did (DELETE or MOVED_FROM), what nobody reported as a synthetic
        delete. Of a raw root an entry that was *replaced* has no delete, as the kernel has none.
        """
        freed: list[int] = []
        if node is not None:
            self.taken_out += 1
            wd = node.wd
            if self._ledger.unbind(node):
                freed.append(wd)
        is_dir = self._kind_of(parent, node)
        root = self._ledger.place(parent).root
        cause = self.cause if raw is None else causes.KERNEL
        if raw is not None:
            events = self._events(parent, name, raw.mask | is_dir, cookie=raw.cookie)
        elif replaced and root.raw:
            events = []
        else:
            events = self._events(
                parent, name, root.first(GONE) | is_dir, cause=causes.ANOTHER_EVENT if replaced else cause
            )
        if not replaced:
            flag = MOVE_SELF if raw is not None and raw.mask & MOVED_FROM else DELETE_SELF
            events += self._end_of_file(parent, flag, cause)
        self._tell(events, lambda: name not in parent.children, is_raw=raw is not None)
        self._ledger.drop(parent, name)
        self._made(is_raw=raw is not None)
        return freed

    def _end_of_file(self, parent: Node, flag: int, cause: int) -> list[AnyEvent]:
        """Return what tells, behind its entry, that a root that is a file has lost its name."""
        place = self._ledger.place(parent)
        if self.silent or not place.root.is_file or not flag & place.root.asked:
            return []
        return [Event((place.path, flag, None, 0, parent.wd, ITSELF, cause))]

    def cleared(self, node: Node, entries: list[tuple[str, Node | None]]) -> None:
        """Take out all entries of a directory, which are these; the directories have no entries and no watch."""
        self.taken_out += 1
        events = self._all_gone(node, entries)
        if entries:
            events += self._end_of_file(node, DELETE_SELF, self.cause)
        self._tell(events, lambda: not len(node.children), is_raw=False)
        self._ledger.clear(node)
        self._made(is_raw=False)

    def _all_gone(self, node: Node, entries: list[tuple[str, Node | None]]) -> list[AnyEvent]:
        """Return the synthetic deletes of the entries of a directory, if they are to be told."""
        place = self._ledger.place(node)
        flag = place.root.first(GONE)
        if self.silent or not flag:
            return []
        prefix, which, wd, raw = place.prefix, _which(place), node.wd, place.root.raw
        flag_dir, cause = flag | ISDIR, self.cause
        return [
            Event((join(prefix, name), flag_of, None, 0, wd, which, cause))
            for name, flag_of in [
                (name, flag if child is None or (raw and child.link) else flag_dir) for name, child in entries
            ]
        ]

    def moved(self, source: Node, source_raw: Raw, parent: Node, raw: Raw) -> Node | None:
        """An entry that the ledger has moved to where it has none: both halves, next to each other."""
        ledger, old_name, new_name = self._ledger, source_raw.name, raw.name
        old_path = join(ledger.place(source).prefix, old_name)
        node = source.children.get(old_name)
        is_dir = self._kind_of(source, node)
        events = self._events(source, old_name, source_raw.mask | is_dir, cookie=raw.cookie)
        events += self._events(parent, new_name, raw.mask | is_dir, cookie=raw.cookie, moved_from=old_path)
        if node is not None:
            events += self._moved_along(node, ledger.place(source), parent, old_name, new_name)
        from_files, to_files = ledger.keeps_files(source), ledger.keeps_files(parent)
        if node is not None or from_files:
            self._tell(events, lambda: old_name not in source.children, is_raw=True)
            if node is not None or to_files:
                ledger.graft(source, old_name, parent, new_name)
            else:
                ledger.drop(source, old_name)
        elif to_files:
            self._tell(events, lambda: new_name in parent.children, is_raw=True)
            ledger.create(parent, new_name, is_dir=False)
        else:
            self.told += events
        self._made(is_raw=True)
        return node

    def _moved_along(self, node: Node, old: Place, parent: Node, old_name: str, new_name: str) -> list[AnyEvent]:
        """Return a move for each entry below a directory that is moved, for a root that is to have them."""
        new = self._ledger.place(parent)
        if self.silent or not (old.root.each_move or new.root.each_move):
            return []
        leaves = old.root.each_move and old.root.asked & MOVED_FROM
        comes = new.root.each_move and new.root.asked & MOVED_TO
        source, target = join(old.prefix, old_name), join(new.prefix, new_name)
        events: list[AnyEvent] = []
        for path, is_dir in self._ledger.below(node):
            kind = ISDIR if is_dir else 0
            if leaves:
                events.append(
                    Event((_below(source, path), MOVED_FROM | kind, None, 0, -1, AN_ENTRY, causes.ANOTHER_EVENT))
                )
            if comes:
                was = _below(_like(source, target), path)
                events.append(
                    Event((_below(target, path), MOVED_TO | kind, was, 0, -1, AN_ENTRY, causes.ANOTHER_EVENT))
                )
        return events

    def changed(self, parent: Node, name: str) -> None:
        """A file may have another content than when it was last told."""
        self.told += self._events(parent, name, self._root(parent).first(FILE_CHANGED), cause=self.cause)

    # --- what changes no entry ---

    def passed(self, node: Node, raw: Raw) -> None:
        """The kernel reported something about an entry that stays: its content, its attributes."""
        child = node.children.get(raw.name)
        # For the kernel a link that is followed to a directory is none.
        is_dir = self._kind_of(node, child) if child is not None and child.link else 0
        self.told += self._events(node, raw.name, raw.mask | is_dir, cookie=raw.cookie)

    def content(self, node: Node, name: str, mask: int, wd: int) -> None:
        """The kernel reported something of a file that is watched by itself, as *wd*."""
        self.told += self._events(node, name, mask, wd=wd)

    def itself(self, node: Node, mask: int, wd: int) -> None:
        """The kernel reported something about a watched directory itself."""
        place = self._ledger.place(node)
        if mask & ~ISDIR & place.root.asked:
            kind = 0 if place.root.raw else self._kind_of_itself(node)
            self._add((place.path, mask | kind, None, 0, wd, ITSELF, causes.KERNEL))

    def _kind_of_itself(self, node: Node) -> int:
        """Return ISDIR, or 0 for a root that is a file."""
        return 0 if node.parent is None and self._ledger.place(node).root.is_file else ISDIR

    def rescan(self, node: Node) -> None:
        """What files are in a directory, and what is in them, may be another than what was told."""
        if not self.silent:
            place = self._ledger.place(node)
            self._add((place.path, RESCAN | ISDIR, None, 0, -1, ITSELF, self.cause))

    def overflow(self) -> None:
        """Events were lost; what follows, up to IN_SYNC, is the difference that they made."""
        self.told += self._everywhere(OVERFLOW)

    def in_sync(self) -> list[AnyEvent]:
        """Return what tells that all is told that could be told of a gap."""
        return self._everywhere(IN_SYNC)

    def unwatched(self, node: Node, error: OSError) -> None:
        """A directory, or a root that is a file, is not covered any more, or could not be from the start."""
        mask = UNWATCHED | self._kind_of_itself(node)
        self.told.append(
            UnwatchedEvent((self._ledger.place(node).path, mask, None, 0, -1, ITSELF, self.cause, error))
        )

    def file_unwatched(self, node: Node, name: str, error: OSError) -> None:
        """What a link in a directory leads to is not covered as a whole."""
        place = self._ledger.place(node)
        path = join(place.prefix, name)
        self.told.append(UnwatchedEvent((path, UNWATCHED, None, 0, -1, _which(place), self.cause, error)))

    def file_watched(self, node: Node, name: str) -> None:
        """What a link leads to is covered again."""
        place = self._ledger.place(node)
        self._add((join(place.prefix, name), WATCHED, None, 0, -1, _which(place), self.cause))

    def watched(self, node: Node) -> None:
        """What was not covered is again; what follows about it is what was missed."""
        mask = WATCHED | self._kind_of_itself(node)
        self._add((self._ledger.place(node).path, mask, None, 0, -1, ITSELF, self.cause))

    def _root(self, parent: Node) -> Root:
        return self._ledger.place(parent).root

    def _kind_of(self, parent: Node, node: Node | None) -> int:
        return self._kind(parent, is_dir=node is not None, link=node is not None and node.link)

    def _kind(self, parent: Node, *, is_dir: bool, link: bool) -> int:
        """Return ISDIR for a directory; for a link that is followed unless it is to be told as the kernel does."""
        if not is_dir or (link and self._ledger.place(parent).root.raw):
            return 0
        return ISDIR

    def _everywhere(self, mask: int) -> list[AnyEvent]:
        roots: list[Root] = self._ledger.roots
        empty = b"" if roots and isinstance(roots[0].given, bytes) else ""
        cause = causes.KERNEL if mask == OVERFLOW else causes.LOSS
        return [Event((empty, mask, None, 0, -1, ITSELF, cause))]

    def _events(
        self,
        parent: Node,
        name: str,
        mask: int,
        *,
        cookie: int = 0,
        moved_from: str | bytes | None = None,
        cause: int = causes.KERNEL,
        wd: int | None = None,
    ) -> list[AnyEvent]:
        """Return the event of an entry, if it is to be told; *wd*, if that is not its directory's."""
        place = self._ledger.place(parent)
        if self.silent or not mask & ~ISDIR & place.root.asked:
            return []
        prefix = place.prefix
        which = _which(place)
        wd = parent.wd if wd is None else wd
        if isinstance(prefix, str):
            old = os.fsdecode(moved_from) if isinstance(moved_from, bytes) else moved_from
            return [Event((prefix + name, mask, old, cookie, wd, which, cause))]
        bold = os.fsencode(moved_from) if isinstance(moved_from, str) else moved_from
        return [Event((prefix + os.fsencode(name), mask, bold, cookie, wd, which, cause))]

    def _add(self, fields: tuple[object, ...]) -> None:
        self.told.append(Event(fields))


def _which(place: Place) -> int:
    directory = place.root.shown if place.root.is_file else place.path
    return AN_ENTRY if len(place.prefix) > len(directory) or not place.prefix else AN_ENTRY_BEHIND_A_SLASH


def _below(path: str | bytes, way: bytes) -> str | bytes:
    return f"{path}/{os.fsdecode(way)}" if isinstance(path, str) else path + b"/" + way


def _like(path: str | bytes, other: str | bytes) -> str | bytes:
    return os.fsdecode(path) if isinstance(other, str) else os.fsencode(path)


def join(prefix: str | bytes, name: str) -> str | bytes:
    """Return the path of a name behind the prefix of the directory that it is in."""
    return prefix + name if isinstance(prefix, str) else prefix + os.fsencode(name)
