"""The consumer's side of the stream: what each kind of event makes of the entries that were known before.

A watcher promises that its events, applied in order to a snapshot, give what is on the disk. This is how to apply
them, written down once; docs/mirror.md has the contract, kind by kind.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, AnyStr, Dict, Generic, Iterable, List, Mapping, Tuple, Union, cast

from inotify_cffi.base import causes
from inotify_cffi.errors import MirrorError
from inotify_cffi.events import Event
from inotify_cffi.flags import Mask
from inotify_cffi.mirroring.difference import Difference
from inotify_cffi.mirroring.entries import Entries
from inotify_cffi.mirroring.numbers import Numbers
from inotify_cffi.mirroring.paths import trimmed

if TYPE_CHECKING:
    from os import PathLike
    from typing import Literal

    from inotify_cffi.mirroring.entries import Entry

    Paths = Union["Mirror[AnyStr]", Mapping[AnyStr, bool], Iterable[AnyStr]]

__all__ = ["Mirror"]

ISDIR = int(Mask.ISDIR)
MOVED_FROM = int(Mask.MOVED_FROM)
MOVED_TO = int(Mask.MOVED_TO)
DELETE = int(Mask.DELETE)
OVERFLOW = int(Mask.Q_OVERFLOW)
UNWATCHED = int(Mask.UNWATCHED)
IN_SYNC = int(Mask.IN_SYNC)
RESCAN = int(Mask.RESCAN)
RESTART = int(Mask.RESTART)

CAME = int(Mask.CREATE | Mask.MOVED_TO)
GONE = int(Mask.DELETE | Mask.MOVED_FROM)
# Events about a root, or about the whole stream: they change no entry.
APART = int(Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.UNMOUNT | Mask.WATCHED | Mask.IGNORED)


class Mirror(Generic[AnyStr]):
    """The entries below some roots, as the events have them.

    Make ``Mirror(watcher.snapshot(), roots=["incoming"])`` before anything is read, then call
    ``apply(watcher.read())`` again and again. The watcher has to report creations, deletions and both halves of
    moves. It is for one thread at a time.

    Args:
        entries: what is known at the beginning, path to True for a directory: a snapshot. With ``existing=True``
            the watcher tells it all, so it may be left out.
        roots: the paths that are watched, as they were given to the watcher. Without them events that lie
            outside can not be told from others, and roots that lie in one another are not understood.
        track: what the watcher tracks. With "directories" events of files are taken as they come, and
            :meth:`unread` tells which directories to read again.
        number: the number in a journal up to which *entries* are true; see docs/plugins/journal.md.

    Raises:
        TypeError: paths of str and bytes, or not a mapping.
        MirrorError: an entry lies in what is a file.

    """

    def __init__(
        self,
        entries: Mapping[AnyStr, bool] | None = None,
        *,
        roots: Iterable[AnyStr | PathLike[AnyStr]] = (),
        track: Literal["entries", "directories"] = "entries",
        number: int | None = None,
    ) -> None:
        if track not in ("entries", "directories"):
            raise ValueError(f"track must be 'entries' or 'directories', not {track!r}")
        if entries is not None and not isinstance(entries, Mapping):
            raise TypeError(f"entries must be a mapping of paths, as snapshot() returns it, not {entries!r}")
        if isinstance(roots, (str, bytes)):
            raise TypeError(f"roots must be a list of paths, not the single path {roots!r}")
        self._kind: type | None = None
        self._numbers = Numbers(number)
        self._entries: Entries[AnyStr] = Entries(self._numbers)
        self._names_files = track == "entries"
        # The first half of a move that may follow: its path, and what was there.
        self._half: Tuple[AnyStr, Entry[AnyStr]] | None = None
        self._in_sync = True
        for root in roots:
            self._entries.add_root(self._checked(os.fspath(root)))
        for path, is_dir in (entries or {}).items():
            self._entries.put(self._checked(path), is_dir=bool(is_dir))

    # --- following ---

    def apply(self, events: Iterable[Event[AnyStr]]) -> None:
        """Make of the entries what the events say, in their order; any number at a time.

        Raises:
            MirrorError: an event does not fit what was told before: of an unknown path, most often.
            TypeError: something is not an event, or has paths of the other type.

        The events before the one that raises are applied; it, and those behind it, are not.

        """
        for event in self._each(events):
            self._take(event)

    def expand(self, events: Iterable[Event[AnyStr]]) -> List[Event[AnyStr]]:
        """Apply the events and return them with what happens to whole directories spelled out.

        Behind the move of a directory comes a move, both halves, of each entry below it, directories before
        what is in them. Before the end of a directory of which entries are still known come their deletions,
        deepest first. The cause of these is ``Cause.ANOTHER_EVENT``.

        Raises what :meth:`apply` raises.
        """
        told: List[Event[AnyStr]] = []
        for event in self._each(events):
            taken_along = self._taken_along(event)
            if self._take(event):
                told += taken_along
                told.append(event)
                if event.moved_from is not None and event.is_dir:
                    told += self._moved_along(event)
        return told

    def reread(self, directory: AnyStr, files: Iterable[AnyStr]) -> None:
        """Say what files are in a directory, by their names, links among them; it is not to be read again then.

        Raises MirrorError where the directory is not known.
        """
        path = self._checked(directory)
        entry = self._entries.find(path)
        if entry is None or not entry.is_dir:
            raise MirrorError(f"{path!r} is not a known directory")
        self._entries.replace_files(entry, [self._checked(name) for name in files])

    def add(self, root: AnyStr | PathLike[AnyStr], entries: Mapping[AnyStr, bool] | None = None) -> None:
        """Follow one more root, after ``watcher.add(root)``; *entries* is what is below it."""
        self._entries.add_root(self._checked(os.fspath(root)))
        for path, is_dir in (entries or {}).items():
            self._entries.put(self._checked(path), is_dir=bool(is_dir), copies=1)

    def remove(self, root: AnyStr | PathLike[AnyStr]) -> None:
        """Follow a root no more, after ``watcher.remove(root)``, and forget what no other root has.

        Raises MirrorError where it is not one of the roots.
        """
        path = self._checked(os.fspath(root))
        if not self._entries.remove_root(path):
            raise MirrorError(f"{path!r} is not a root of this mirror")

    # --- what is known ---

    def paths(self) -> Dict[AnyStr, bool]:
        """Return all entries: path to True for a directory. The roots themselves are not among them."""
        return self._entries.listing()

    def __contains__(self, path: AnyStr) -> bool:
        entry = self._entries.find(self._checked(path))
        return entry is not None and entry.copies > 0

    def below(self, path: AnyStr) -> Dict[AnyStr, bool]:
        """Return the entries below a directory: path to True for a directory; empty if there is no such one."""
        return self._entries.listing(self._checked(path))

    def diff(self, other: Paths[AnyStr], *, files: bool = True) -> Difference[AnyStr]:
        """Compare with another mirror, a snapshot, or paths.

        Args:
            other: a Mirror, a mapping of path to True for a directory, or paths alone: no kinds then.
            files: False to compare directories only, as a snapshot with ``track="directories"`` has no others.

        Raises:
            TypeError: it has paths of the other type.

        """
        mine = self.paths()
        if isinstance(other, Mirror):
            theirs: Dict[AnyStr, bool | None] = dict(other.paths())
        elif isinstance(other, Mapping):
            theirs = dict(other)
        elif isinstance(other, (str, bytes)):
            raise TypeError(f"diff() takes a mirror, a snapshot or paths, not the single path {other!r}")
        else:
            theirs = {path: mine.get(path) for path in other}
        for path in theirs:
            self._checked(path)
        if not files:
            mine = {path: is_dir for path, is_dir in mine.items() if is_dir}
            theirs = {path: is_dir for path, is_dir in theirs.items() if is_dir is not False}
        extra = {path: is_dir for path, is_dir in mine.items() if theirs.get(path, not is_dir) != is_dir}
        missing = {p: is_dir for p, is_dir in theirs.items() if p not in mine or p in extra}
        return Difference(extra, missing)

    def unread(self) -> List[AnyStr]:
        """Return the directories whose files are to be read again, where they are by now; see :meth:`reread`."""
        return self._entries.unread()

    @property
    def in_sync(self) -> bool:
        """False while the difference that lost events made is told: from Q_OVERFLOW or RESTART to IN_SYNC."""
        return self._in_sync

    @property
    def number(self) -> int | None:
        """The number of the last row of a journal that was applied; None where no event had one."""
        return self._numbers.last

    def __repr__(self) -> str:
        return f"<Mirror of {len(self._entries.listing())} entries>"

    # --- one event ---

    def _each(self, events: Iterable[Event[AnyStr]]) -> Iterable[Event[AnyStr]]:
        if isinstance(events, (Event, str, bytes)):
            raise TypeError(f"apply() takes events, in a list or another iterable, not {events!r}")
        return events

    def _take(self, event: Event[AnyStr]) -> bool:
        """Apply one event; False if it is a row of a journal that was applied before."""
        if not isinstance(event, Event):
            raise TypeError(f"this is not an event, as read() returns them: {event!r:.200}")
        mask, path = event.mask, event.path
        if path:
            self._checked(path)
        if not self._numbers.begin(event):
            return False
        half = self._half
        if mask & CAME:
            self._came(event, half)
        elif mask & GONE:
            self._gone(event)
        elif mask & (OVERFLOW | IN_SYNC | RESTART):
            self._in_sync = bool(mask & IN_SYNC)
            if mask & RESTART:
                self._numbers.restart(getattr(event, "durable", None))
        elif mask & UNWATCHED:
            if event.is_dir and self._is_bare(path):
                self._entries.empty(path)
        elif mask & RESCAN:
            self._entries.doubt(path)
        elif not mask & APART:
            self._touched(event)
        if self._half is half:
            self._half = None
        self._numbers.end()
        return True

    def _came(self, event: Event[AnyStr], half: Tuple[AnyStr, Entry[AnyStr]] | None) -> None:
        path, source = event.path, event.moved_from
        if source is None:
            self._entries.create(path, is_dir=event.is_dir)
            return
        moved = half[1] if half is not None and half[0] == self._checked(source) else None
        found = self._entries.find(source) if moved is None else moved
        if found is None or not found.copies:
            if not self._forgives(source, event):
                raise MirrorError(f"{event!r}: {source!r} is not known, so it can not have moved")
            self._entries.create(path, is_dir=event.is_dir)
            return
        self._check_kind(event, found)
        self._entries.check_directory(path)
        # Its first half may not have been asked for.
        self._entries.graft(self._entries.take(found) if moved is None else moved, path)

    def _gone(self, event: Event[AnyStr]) -> None:
        path = event.path
        entry = self._entries.find(path)
        if entry is None or not entry.copies:
            if not self._forgives(path, event):
                raise MirrorError(f"{event!r}: this path is not known{self._hint()}")
            return
        self._check_kind(event, entry)
        if event.mask & DELETE:
            self._entries.drop(entry)
        else:
            self._half = (path, self._entries.take(entry))

    def _touched(self, event: Event[AnyStr]) -> None:
        """Its content, its attributes or nothing changed: no entry does, but it has to be there."""
        entry = self._entries.find(event.path)
        if (entry is None or not entry.copies) and not (
            self._forgives(event.path, event) or self._may_be_root(event)
        ):
            raise MirrorError(f"{event!r}: this path is not known{self._hint()}")

    def _is_bare(self, path: AnyStr) -> bool:
        """Return True if a directory that is not covered any more has nothing but files that are not tracked.

        What else was known below was told as deleted. Where it was not the directory can not be looked at, but its
        watch goes on, and what is known stays true.
        """
        return not self._names_files and not any(self.below(path).values())

    def _forgives(self, path: AnyStr, event: Event[AnyStr]) -> bool:
        """Return True where an unknown path is in order.

        Files that are not tracked are; and where roots overlap, one of them may have told the end of a directory
        before another one told that of what was in it.
        """
        return (not self._names_files and not event.is_dir) or self._entries.cover(path) > 1

    def _may_be_root(self, event: Event[AnyStr]) -> bool:
        path = event.path
        if not event.name or self._entries.is_root(path):
            return True
        if self._entries.roots or not event.is_dir:
            return False
        above = self._entries.nearest(path)
        return not above.copies

    def _check_kind(self, event: Event[AnyStr], entry: Entry[AnyStr]) -> None:
        if entry.is_dir != event.is_dir:
            known = "a directory" if entry.is_dir else "a file"
            raise MirrorError(f"{event!r}: the entry is known as {known}")

    def _hint(self) -> str:
        if self._entries.roots:
            return ""
        return "; roots that lie in one another must be named: Mirror(snapshot, roots=[...])"

    def _checked(self, path: AnyStr) -> AnyStr:
        """Return a path that is of the mirror's type. Raises TypeError."""
        kind = type(path)
        if kind is not self._kind:
            if kind not in (str, bytes):
                raise TypeError(f"a path must be str or bytes, not {path!r:.200}")
            if self._kind is not None:
                raise TypeError(f"this mirror has {self._kind.__name__} paths, not {path!r:.200}")
            self._kind = kind
        return path

    # --- spelled out ---

    def _moved_along(self, event: Event[AnyStr]) -> List[Event[AnyStr]]:
        """Return the moves of what is below a directory that has moved."""
        old, new = trimmed(cast("AnyStr", event.moved_from)), trimmed(event.path)
        told: List[Event[AnyStr]] = []
        for path, is_dir in self.below(event.path).items():
            source, kind = old + path[len(new) :], ISDIR if is_dir else 0
            cookie = event.cookie
            told += (
                Event.of(source, MOVED_FROM | kind, cookie=cookie, cause=causes.ANOTHER_EVENT),
                Event.of(path, MOVED_TO | kind, moved_from=source, cookie=cookie, cause=causes.ANOTHER_EVENT),
            )
        return told

    def _taken_along(self, event: Event[AnyStr]) -> List[Event[AnyStr]]:
        """Return the deletions of what is known below a directory that goes without them."""
        if not (isinstance(event, Event) and event.is_dir):
            return []
        if not (event.mask & DELETE or (event.mask & UNWATCHED and self._is_bare(event.path))):
            return []
        below = list(self.below(event.path).items())
        return [
            Event.of(path, DELETE | (ISDIR if is_dir else 0), cause=causes.ANOTHER_EVENT)
            for path, is_dir in reversed(below)
        ]
