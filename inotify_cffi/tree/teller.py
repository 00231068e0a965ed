"""One ledger, one mutation, one event: the verbs that change the ledger, each telling what it changed.

An event about an entry is told if and only if the ledger changes. So what was told, applied to what the
ledger was, gives what the ledger is, at every moment and whatever the rest of the tree makes of the kernel.
What is told of a change, and when, is ``telling``.
"""

from __future__ import annotations

import os

from inotify_cffi.base import bits, causes
from inotify_cffi.base.encoding import decoded
from inotify_cffi.events import AN_ENTRY, Event, UnwatchedEvent, about_itself
from inotify_cffi.ledger.nodes import NO_WD
from inotify_cffi.tree.bulk import AsFound, found_below, told_at_once
from inotify_cffi.tree.telling import Telling, as_in, join, which
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.kernel.listings import Crawled
    from inotify_cffi.ledger.nodes import Node, Place
    from inotify_cffi.ledger.storage import Memory, Told
    from inotify_cffi.tree.moves import Raw

__all__ = ["THIRD", "Teller"]

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


# How the third name begins by which an exchange of two entries is told.
THIRD = ".inotify_cffi-exchange-"

# Of a half of a move: what the kernel has reported, and what follows from that.
_CAUSES = (causes.KERNEL, causes.ANOTHER_EVENT)


class Teller(Telling):
    """Owns what is to be told, in order."""

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

    def found_at_once(self, parent: Node, tops: list[Node], crawled: Crawled) -> Dict[Node, list[Node]]:
        """Directories in *parent* that the ledger has, new ones, were visited with all below them.

        Returns those that were not, by the directory that they are in.
        """
        memory = self._ledger.memory
        numbers = [top.number for top in tops]
        events = [] if self.silent else self._found_below(parent, tops, crawled)
        self._tell(events, lambda: any(memory.wd(number) != NO_WD for number in numbers), is_raw=False)
        left = self._ledger.adopt(tops, crawled)
        self._made(is_raw=False)
        return left

    def _found_below(self, parent: Node, tops: list[Node], crawled: Crawled) -> list[AnyEvent]:
        root, prefix = self._root(parent), self._ledger.place(parent).prefix
        text = decoded(prefix) if isinstance(prefix, bytes) else prefix
        found = AsFound(
            root.first(FILE_FOUND), root.first(DIRECTORY_FOUND), self.cause, as_bytes=isinstance(prefix, bytes)
        )
        return found_below([text + top.name for top in tops], crawled.columns(), found)

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
        return [about_itself(place.path, flag, parent.wd, cause)]

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
        prefix, where, wd, raw = place.prefix, which(place), node.wd, place.root.raw
        flag_dir, cause = flag | ISDIR, self.cause
        return [
            Event((join(prefix, name), flag_of, None, 0, wd, where, cause, as_in(prefix, name)))
            for name, flag_of in [
                (name, flag if child is None or (raw and child.link) else flag_dir) for name, child in entries
            ]
        ]

    def razed(self, top: Node, told: Told) -> list[int]:
        """Take back what is below a directory, as much as fits in *told*, deepest first.

        Returns the watches that nobody has any more. That is nothing, and nothing is done, where what would be the
        first is not as simple as that.
        """
        root, memory = self._root(top), self._ledger.memory
        flag = 0 if self.silent else root.first(GONE)
        numbers = memory.fell(top.number, told, of_file=flag, of_directory=flag and flag | ISDIR)
        if not numbers:
            return []
        first = numbers[0]
        self.taken_out += 1
        events = told_at_once(told, self.cause, as_bytes=isinstance(root.given, bytes))
        self._tell(events, lambda: _is_razed(memory, first, top.number), is_raw=False)
        freed = self._ledger.raze(top, numbers)
        self._made(is_raw=False)
        return freed

    def third(self, parent: Node, cookie: int) -> str:
        """Return a name that a directory does not have, for an exchange."""
        name = f"{THIRD}{cookie}"
        while name in parent.children:
            name += "+"
        return name

    def set_aside(self, parent: Node, name: str, third: str) -> None:
        """An entry is going to be moved by an exchange: until then it has a third name, which is told as a move.

        Of a raw root that is not told, as the kernel has nothing like it.
        """
        node = parent.children[name]
        old_path = join(self._ledger.place(parent).prefix, name)
        is_dir = self._kind_of(parent, node)
        events: list[AnyEvent] = []
        if not self._root(parent).raw:
            events += self._events(parent, name, MOVED_FROM | is_dir, cause=causes.ANOTHER_EVENT)
            events += self._events(
                parent, third, MOVED_TO | is_dir, moved_from=old_path, cause=causes.ANOTHER_EVENT
            )
            if node is not None:
                events += self._moved_along(node, self._ledger.place(parent), parent, name, third)
        self._tell(events, lambda: name not in parent.children, is_raw=False)
        self._ledger.graft(parent, name, parent, third)
        self._made(is_raw=False)

    def moved(
        self,
        source: Node,
        source_raw: Raw,
        parent: Node,
        raw: Raw,
        *,
        shown: str | None = None,
        found: int = 0,
    ) -> Node | None:
        """An entry that the ledger has moved to where it has none: both halves, next to each other.

        *shown*: the name that was exchanged, if the one in the ledger is the third; a raw root tells that.
        *found*: the half (its flag) that the kernel did not report, for nobody watched that directory then.
        """
        ledger, old_name, new_name = self._ledger, source_raw.name, raw.name
        is_third = (shown is not None and not self._root(source).raw) or found == MOVED_FROM
        told_name = old_name if shown is None or is_third else shown
        old_path = join(ledger.place(source).prefix, told_name)
        node = source.children.get(old_name)
        is_dir = self._kind_of(source, node)
        first, second = _CAUSES[is_third], _CAUSES[found == MOVED_TO]
        events = self._events(source, told_name, source_raw.mask | is_dir, cookie=raw.cookie, cause=first)
        events += self._events(
            parent,
            new_name,
            raw.mask | is_dir,
            cookie=raw.cookie,
            moved_from=old_path,
            cause=second,
        )
        if node is not None:
            events += self._moved_along(node, ledger.place(source), parent, told_name, new_name)
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
            kind, cause = ISDIR if is_dir else 0, causes.ANOTHER_EVENT
            own = os.fsdecode(path.rpartition(b"/")[2])
            if leaves:
                left = _below(source, path)
                events.append(Event((left, MOVED_FROM | kind, None, 0, -1, AN_ENTRY, cause, as_in(source, own))))
            if comes:
                was = _below(_like(source, target), path)
                events.append(
                    Event((_below(target, path), MOVED_TO | kind, was, 0, -1, AN_ENTRY, cause, as_in(target, own)))
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
            self._add(about_itself(place.path, mask | kind, wd, causes.KERNEL))

    def rescan(self, node: Node) -> None:
        """What files are in a directory, and what is in them, may be another than what was told."""
        if not self.silent:
            place = self._ledger.place(node)
            self._add(about_itself(place.path, RESCAN | ISDIR, -1, self.cause))

    def overflow(self) -> None:
        """Events were lost; what follows, up to IN_SYNC, is the difference that they made."""
        self.told += self._everywhere(OVERFLOW)

    def in_sync(self) -> list[AnyEvent]:
        """Return what tells that all is told that could be told of a gap."""
        return self._everywhere(IN_SYNC)

    def unwatched(self, node: Node, error: OSError) -> None:
        """A directory, or a root that is a file, is not covered any more, or could not be from the start."""
        mask = UNWATCHED | self._kind_of_itself(node)
        event = about_itself(self._ledger.place(node).path, mask, -1, self.cause)
        self.told.append(UnwatchedEvent((*event, error)))

    def file_unwatched(self, node: Node, name: str, error: OSError) -> None:
        """What a link in a directory leads to is not covered as a whole."""
        place = self._ledger.place(node)
        path, own = join(place.prefix, name), as_in(place.prefix, name)
        self.told.append(UnwatchedEvent((path, UNWATCHED, None, 0, -1, which(place), self.cause, own, error)))

    def file_watched(self, node: Node, name: str) -> None:
        """What a link leads to is covered again."""
        place = self._ledger.place(node)
        path, own = join(place.prefix, name), as_in(place.prefix, name)
        self._add(Event((path, WATCHED, None, 0, -1, which(place), self.cause, own)))

    def watched(self, node: Node) -> None:
        """What was not covered is again; what follows about it is what was missed."""
        mask = WATCHED | self._kind_of_itself(node)
        self._add(about_itself(self._ledger.place(node).path, mask, -1, self.cause))


def _is_razed(memory: Memory, number: int, top: int) -> bool:
    """Return True if a directory was emptied, and taken off its watch if it is not the *top*."""
    return not memory.is_node(number) or (
        not memory.count(number) and (number == top or memory.wd(number) == NO_WD)
    )


def _below(path: str | bytes, way: bytes) -> str | bytes:
    return f"{path}/{os.fsdecode(way)}" if isinstance(path, str) else path + b"/" + way


def _like(path: str | bytes, other: str | bytes) -> str | bytes:
    return os.fsdecode(path) if isinstance(other, str) else os.fsencode(path)
