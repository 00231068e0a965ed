"""Keep every event in a file, and know at the next start what has changed in between.

Each event gets a sequence number that only grows and the time at which it was told, in seconds since 1970 by the
clock of the machine. ``inotify-cffi journal since N`` and ``inotify-cffi journal changed since TIME`` read it,
also while it is written. At the start the tree is compared with what was known of it at the end: what differs is
kept as synthetic events. A root that was never journalled has nothing to compare with; its entries are only noted.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Dict, Iterator, Optional, Sequence, Tuple, Union

from inotify_cffi import Event, Mask, hookimpl, parse_duration, parse_size

from .known import Known, State, look
from .store import Record, Store, StoreError

if TYPE_CHECKING:
    from inotify_cffi import Watcher

    AnyEvent = Union[Event[str], Event[bytes]]
    AnyWatcher = Union[Watcher[str], Watcher[bytes]]

    # Time, path, mask, cookie, moved_from, synthetic.
    Row = Tuple[float, bytes, int, int, Optional[bytes], bool]

__all__ = ["Journal"]

CREATE = int(Mask.CREATE)
MODIFY = int(Mask.MODIFY)
ATTRIB = int(Mask.ATTRIB)
MOVED_FROM = int(Mask.MOVED_FROM)
MOVED_TO = int(Mask.MOVED_TO)
DELETE = int(Mask.DELETE)
ISDIR = int(Mask.ISDIR)
CAME = int(Mask.CREATE | Mask.MOVED_TO)
GONE = int(Mask.DELETE | Mask.MOVED_FROM)
TOUCHED = int(Mask.CREATE | Mask.MOVED_TO | Mask.MODIFY | Mask.CLOSE_WRITE | Mask.ATTRIB)

# Without all of these what is known of the tree would go wrong.
NEEDED = CAME | GONE


class Journal:
    """Write each batch in one transaction."""

    def __init__(self) -> None:
        self._options = argparse.Namespace(journal_file=default_file(), journal_keep=None, journal_size=None)
        self._parser = argparse.ArgumentParser()
        self._store: Store | None = None
        self._own: frozenset[bytes] = frozenset()

    @hookimpl
    def inotify_add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add where the file is, and how much it keeps."""
        self._parser = parser
        group = parser.add_argument_group("journal", "where events are kept, and how long")
        group.add_argument(
            "--journal-file",
            default=default_file(),
            metavar="FILE",
            help="default: inotify-cffi/journal.sqlite in $XDG_STATE_HOME or ~/.local/state",
        )
        group.add_argument("--journal-keep", type=_duration, metavar="TIME", help="forget what is older: 30d")
        group.add_argument("--journal-size", type=_size, metavar="SIZE", help="forget the oldest beyond: 100M")

    @hookimpl
    def inotify_configure(self, options: argparse.Namespace) -> None:
        """Open the file, so that one that can not be written is told before all is listed."""
        asked = 0
        for mask in options.events or ():
            asked |= int(mask)
        if asked and asked & NEEDED != NEEDED:
            self._parser.error("the journal needs the events create, delete and move; add them to --events")
        if getattr(options, "track", "entries") != "entries":
            self._parser.error("the journal needs the names of files; leave --track directories out")
        self._options = options
        self._store = self._opened()

    @hookimpl
    def inotify_start(self, watcher: AnyWatcher) -> None:
        """Tell what has changed since the tree was last known."""
        if watcher.track != "entries":
            raise SystemExit("the journal needs the names of files; leave track='directories' out")
        if self._store is None:
            self._store = self._opened()
        roots = [_absolute(path) for path in getattr(self._options, "paths", ())]
        entries = {_absolute(path): is_dir for path, is_dir in watcher.snapshot().items()}
        with self._store.batch():
            known = Known(self._store)
            changes: list[Row] = []
            for root in roots:
                inside = {path: is_dir for path, is_dir in entries.items() if _is_in(path, root)}
                changes.extend(self._compare(known, root, inside))
            self._store.add(changes)

    @hookimpl
    def inotify_events(self, events: Sequence[AnyEvent]) -> None:
        """Keep a batch, and know the tree as it says."""
        if self._store is None:
            return
        now = time.time()
        rows = [(now, *_fields(event)) for event in events]
        # The journal may lie in what it watches: to write about its own file would never end.
        rows = [row for row in rows if row[1] not in self._own]
        if not rows:
            return
        with self._store.batch():
            follower = Follower(Known(self._store))
            for row in rows:
                follower.follow(row)
            follower.finish()
            self._store.add(rows)
        self._store.prune(now)

    @hookimpl
    def inotify_stop(self) -> None:
        """Close the file."""
        if self._store is not None:
            self._store.prune(time.time(), always=True)
            self._store.close()
            self._store = None

    # --- for the command line ---

    def since(self, file: str, seq: int) -> Iterator[Record]:
        """Yield the events in a journal after a sequence number."""
        with _reading(file) as store:
            yield from store.since(seq)

    def changed_since(self, file: str, moment: float) -> Iterator[Record]:
        """Yield the last event of each path in a journal since a time, in seconds since 1970."""
        with _reading(file) as store:
            yield from store.changed_since(moment)

    # --- inside ---

    def _opened(self) -> Store:
        options = self._options
        file = os.path.abspath(options.journal_file)
        self._own = frozenset(os.fsencode(file + ending) for ending in ("", "-wal", "-shm", "-journal"))
        try:
            return Store(file, keep_s=options.journal_keep, keep_bytes=options.journal_size)
        except StoreError as error:
            raise SystemExit(str(error)) from error

    def _compare(self, known: Known, root: bytes, entries: dict[bytes, bool]) -> Iterator[Row]:
        """Make what is known of a root what it is; yield what that changed."""
        now = time.time()
        was_known = known.has_root(root)
        before = dict(known.at(root))
        # Deepest first, as the watcher tells it.
        for path in reversed([path for path in before if path not in entries]):
            known.drop(path)
            yield now, path, DELETE | (ISDIR if before[path].is_dir else 0), 0, None, True
        for path, is_dir in entries.items():
            if path in self._own:
                continue
            state = look(path) or State(is_dir)
            old = before.get(path)
            if old == state:
                continue
            directory = ISDIR if state.is_dir else 0
            if old is not None and old.is_dir != state.is_dir:
                known.drop(path)
                yield now, path, DELETE | (ISDIR if old.is_dir else 0), 0, None, True
                old = None
            known.put(path, state)
            if not was_known:
                continue
            if old is None:
                yield now, path, CREATE | directory, 0, None, True
            else:
                same_content = (old.inode, old.size, old.mtime_ns) == (state.inode, state.size, state.mtime_ns)
                yield now, path, ATTRIB if same_content else MODIFY, 0, None, True


class Follower:
    """Makes what is known what a batch of events says."""

    def __init__(self, known: Known) -> None:
        self._known = known
        # Files to be looked at when the batch is applied: once for each, and where they are then.
        self._touched: Dict[bytes, None] = {}
        self._left: bytes | None = None

    def follow(self, row: Row) -> None:
        """Apply one event."""
        _, path, mask, _, moved_from, _ = row
        left, self._left = self._left, None
        if left is not None and not (mask & MOVED_TO and moved_from == left):
            self._known.drop(left)
        if mask & MOVED_FROM:
            # Where its other half is the next event, it was moved; else it is gone.
            self._left = path
        elif mask & MOVED_TO and moved_from is not None:
            self._known.move(moved_from, path)
            self._rename(moved_from, path)
        elif mask & DELETE:
            self._known.drop(path)
            self._touched.pop(path, None)
        if mask & ISDIR:
            if mask & CAME:
                self._known.put(path, State(is_dir=True))
        elif mask & TOUCHED:
            self._touched[path] = None

    def finish(self) -> None:
        """Look at the files that were touched."""
        if self._left is not None:
            self._known.drop(self._left)
        for path in self._touched:
            state = look(path)
            if state is not None:
                self._known.put(path, state)

    def _rename(self, source: bytes, target: bytes) -> None:
        for path in [path for path in self._touched if _is_in(path, source)]:
            del self._touched[path]
            self._touched[target + path[len(source) :]] = None


def default_file() -> str:
    """Return where the journal is if nothing else is said: where a user's state belongs."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "inotify-cffi", "journal.sqlite")


@contextmanager
def _reading(file: str) -> Iterator[Store]:
    if not os.path.exists(file):
        raise SystemExit(f"there is no journal {file}; watch with --plugin journal, or see --journal-file")
    try:
        store = Store(file)
    except StoreError as error:
        raise SystemExit(str(error)) from error
    try:
        yield store
    except sqlite3.Error as error:
        raise SystemExit(f"the journal {file} can not be read: {error}") from error
    finally:
        store.close()


def _fields(event: AnyEvent) -> tuple[bytes, int, int, bytes | None, bool]:
    moved_from = None if event.moved_from is None else _absolute(event.moved_from)
    path = _absolute(event.path) if event.path else b""
    return path, event.mask, event.cookie, moved_from, event.synthetic


def _absolute(path: str | bytes) -> bytes:
    return os.path.abspath(os.fsencode(path))


def _is_in(path: bytes, root: bytes) -> bool:
    return path == root or _is_below(path, root)


def _is_below(path: bytes, root: bytes) -> bool:
    return path.startswith(root.rstrip(b"/") + b"/")


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
