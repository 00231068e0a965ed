"""Keep every event in a file, and know at the next start what has changed in between.

Each event gets a number that only grows and is given once for ever, and the time at which it was told, in seconds
since 1970 by the clock of the machine. ``inotify-cffi journal since N`` and ``inotify-cffi journal changed since
TIME`` read it, also while it is written. At the start the tree is compared with what was known of it at the end:
what differs is kept as synthetic events. A root that was never journalled has nothing to compare with; its entries
are only noted.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple, Union

from inotify_cffi import (
    Cause,
    Event,
    JournalEvent,
    Mask,
    hookimpl,
    make_state,
    parse_duration,
    parse_size,
)

from .following import NEEDED, is_in
from .keeping import HELD, Keeper
from .known import Known, State, look
from .owner import writer
from .reading import Identity, Reader, StoreError, reading
from .store import Heir, Store

if TYPE_CHECKING:
    from inotify_cffi import Watcher

    from .following import Row

    AnyEvent = Union[Event[str], Event[bytes]]
    AnyWatcher = Union[Watcher[str], Watcher[bytes]]

__all__ = ["Journal", "Status"]

UNWATCHED = int(Mask.UNWATCHED)
RESTART = int(Cause.RESTART)
CAUSE = 5

# What was changed so shortly before the last row may have been changed once more within the same step of the clock
# of its file system.
YOUNG_NS = 10_000_000_000

# Beside the file, with these endings, lie others that are the journal's.
ENDINGS = ("", "-wal", "-shm", "-journal", "-lock")


class Status(NamedTuple):
    """What a journal is, and how far."""

    file: str
    journal: str
    generation: int
    first: int
    last: int
    # The process that writes it, if one does.
    writer: int | None
    # The last number whose row was forgotten.
    forgotten: int = 0


class Journal:
    """Write each batch in one transaction."""

    # Who asks for a journal relies on it: without it the program ends.
    inotify_required = True

    def __init__(self) -> None:
        self._options = argparse.Namespace(journal_file=default_file())
        self._parser = argparse.ArgumentParser()
        self._keeper: Keeper | None = None
        self._own: frozenset[bytes] = frozenset()
        self._base = b"/"
        self._is_plain = False
        # The batch that was kept last, the time of it, and the number of each of its events.
        self._last: Tuple[Sequence[AnyEvent], float, List[int | None]] = ((), 0.0, [])

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
        group.add_argument(
            "--journal-sync",
            choices=("normal", "full"),
            default="normal",
            help="full: synchronise each batch, so that a power cut takes no event that was read; slower",
        )
        group.add_argument(
            "--journal-memory",
            type=_size,
            default=HELD,
            metavar="SIZE",
            help="hold so much of events while the file can not be written, then leave a gap; 32M",
        )

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
        # Who prints events finds their numbers there.
        options.journal = self
        self._keeper = self._opened()

    @hookimpl
    def inotify_start(self, unfinished: Callable[[str | bytes], None], watcher: AnyWatcher) -> None:
        """Tell what has changed since the tree was last known, and which files are still to be finished."""
        if watcher.track != "entries":
            raise SystemExit("the journal needs the names of files; leave track='directories' out")
        if self._keeper is None:
            self._keeper = self._opened()
        self._base = os.getcwdb()
        roots = [os.fsencode(root) for root in watcher.roots]
        self._is_plain = all(root == os.path.abspath(root) for root in roots)
        try:
            left = frozenset(self._keeper.start(lambda: self._listing(watcher)))
        except (StoreError, sqlite3.Error) as error:
            raise SystemExit(f"the journal {self._keeper.file} can not be written: {error}") from error
        # As the watcher says it; those of other roots wait for a start with these.
        for path in watcher.snapshot() if left else ():
            if self._absolute(path) in left:
                unfinished(path)

    @hookimpl(tryfirst=True)
    def inotify_events(self, events: Sequence[AnyEvent]) -> None:
        """Keep a batch, and know the tree as it says; first, so that others can say which number an event has."""
        if self._keeper is None:
            return
        now = time.time()
        rows = [self._row(event, now) for event in events]
        kept = [row for row in rows if self._keeps(row)]
        first = self._keeper.keep(kept) if kept else None
        numbers: List[int | None] = [None] * len(events)
        if first is not None:
            following = iter(range(first, first + len(kept)))
            numbers = [next(following) if self._keeps(row) else None for row in rows]
        self._last = (events, now, numbers)

    @hookimpl(trylast=True)
    def inotify_settled(self, path: str | bytes) -> None:
        """Know that a file was told as finished; last, for if it is told twice, that is better than never."""
        name = self._absolute(path)
        if self._keeper is not None and name not in self._own:
            self._keeper.finish_file(name, look(name)[0])

    @hookimpl
    def inotify_stop(self) -> None:
        """Write what is left, and close the file."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.finish()

    # --- for those who print events ---

    def numbers(self, events: Sequence[AnyEvent]) -> Tuple[float, List[int | None]]:
        """Return the time of a batch that is being handed out, and the number of each of its events.

        None for a number that is not known yet: the file can not be written, and the event waits. Or it is about
        the journal's own file, and is not kept.
        """
        batch, moment, numbers = self._last
        return (moment, numbers) if batch is events else (time.time(), [None] * len(events))

    def identity(self) -> Identity | None:
        """Return which journal is written now; None if it is not open."""
        return None if self._keeper is None else self._keeper.identity

    def held(self) -> Tuple[int, int]:
        """Return how many bytes of events wait in memory because they can not be written, and how many may."""
        return (0, 0) if self._keeper is None else (self._keeper.held, self._keeper.most)

    # --- for the command line ---

    def since(self, file: str, seq: int, identity: str | None = None) -> Iterator[JournalEvent[bytes]]:
        """Yield the events in a journal after a number.

        Args:
            file: the journal.
            seq: the number; 0 for all that are kept.
            identity: ``UUID:GENERATION`` of the journal that gave it; None for this one.

        Raises:
            GenerationError: another journal or an earlier generation of this one gave the number.
            ForgottenError: events after it were forgotten.
            SystemExit: there is no journal, or it can not be read.

        """
        with _reading(file) as reader:
            yield from reader.since(seq, identity)

    def changed_since(self, file: str, moment: float) -> Iterator[JournalEvent[bytes]]:
        """Yield the last event of each path in a journal since a time, in seconds since 1970."""
        with _reading(file) as reader:
            yield from reader.changed_since(moment)

    def entries(self, file: str) -> Tuple[int, Dict[bytes, bool]]:
        """Return what a journal knows of the tree, path to True for a directory, and the number where it is so."""
        with _reading(file) as reader, reader.one_state():
            roots = [path for (path,) in reader.connection.execute("SELECT path FROM roots ORDER BY path")]
            known = Known(reader)
            found = {path: state.is_dir for root in roots for path, state in known.at(root)}
            return reader.bounds()[1], found

    def status(self, file: str) -> Status:
        """Return which journal it is, which numbers it has, and who writes it."""
        with _reading(file) as reader, reader.one_state():
            whose = writer(os.path.realpath(file) + "-lock")
            return Status(file, *reader.identity(), *reader.bounds(), whose, reader.forgotten())

    def state(self, file: str, paths: Sequence[str | bytes] | None = None) -> bytes:
        """Return what a journal knows of the tree as a state: for ``Watcher(path, since=state)``.

        That tells first what has changed since the last row. The journal may be written meanwhile, but not by a
        program that is to be gone on from.

        Args:
            file: the journal.
            paths: the roots, as they will be given to the watcher; None: all that the journal has, absolute.

        Raises:
            SystemExit: there is no journal, or it can not be read.

        """
        with _reading(file) as reader, reader.one_state():
            run = reader.connection.execute
            journalled = [path for (path,) in run("SELECT path FROM roots ORDER BY path")]
            last = run("SELECT max(time) FROM events").fetchone()[0] or _last_written(file)
            known = Known(reader)
            roots: Dict[str | bytes, Dict[str | bytes, Sequence[int] | None]] = {}
            for given in journalled if paths is None else paths:
                top, shown = os.path.abspath(os.fsencode(given)), os.fsencode(given).rstrip(b"/")
                if top in journalled:
                    cut = len(top.rstrip(b"/"))
                    roots[given] = {
                        os.fsencode(given) if path == top else shown + path[cut:]: _stamp(state, last)
                        for path, state in known.at(top)
                    }
        return make_state(roots)

    # --- inside ---

    def _keeps(self, row: Row) -> bool:
        """Return False for what is not to be written.

        The journal may lie in what it watches: to write about its own file would never end. And what happened
        before the start it has found itself, by what it knows.
        """
        return row[1] not in self._own and row[CAUSE] != RESTART

    def _opened(self) -> Keeper:
        file = os.path.abspath(self._options.journal_file)
        real = os.path.realpath(file)
        self._own = frozenset(os.fsencode(path + ending) for path in (file, real) for ending in ENDINGS)
        try:
            return Keeper(self._store, held=getattr(self._options, "journal_memory", HELD))
        except StoreError as error:
            raise SystemExit(str(error)) from error

    def _store(self, heir: Heir | None) -> Store:
        options = self._options
        return Store(
            os.path.abspath(options.journal_file),
            keep_s=getattr(options, "journal_keep", None),
            keep_bytes=getattr(options, "journal_size", None),
            sync=getattr(options, "journal_sync", "normal"),
            heir=heir,
        )

    def _listing(self, watcher: AnyWatcher) -> Dict[bytes, Dict[bytes, bool]]:
        """Return what is below each root, as the watcher has told it."""
        entries = {self._absolute(path): is_dir for path, is_dir in watcher.snapshot().items()}
        for own in self._own:
            entries.pop(own, None)
        roots = [os.path.normpath(os.path.join(self._base, os.fsencode(root))) for root in watcher.roots]
        return {root: {path: is_dir for path, is_dir in entries.items() if is_in(path, root)} for root in roots}

    def _row(self, event: AnyEvent, now: float) -> Row:
        path, old = event.path, event.moved_from
        error = event.error if event.mask & UNWATCHED else None
        return (
            now,
            self._absolute(path) if path else b"",
            event.mask,
            event.cookie,
            None if old is None else self._absolute(old),
            int(event.cause) if event.synthetic else 0,
            None if error is None else error.errno,
        )

    def _absolute(self, path: str | bytes) -> bytes:
        name = path if isinstance(path, bytes) else os.fsencode(path)
        return name if self._is_plain else os.path.normpath(os.path.join(self._base, name))


def default_file() -> str:
    """Return where the journal is if nothing else is said: where a user's state belongs."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "inotify-cffi", "journal.sqlite")


def _last_written(file: str) -> float:
    return max(os.path.getmtime(file + ending) for ending in ENDINGS if os.path.exists(file + ending))


def _stamp(state: State, last: float) -> Sequence[int] | None:
    """Return what a state has of an entry; *last*: when the last row was written."""
    _, inode, size, mtime_ns, ctime_ns = state
    if state.is_dir:
        return None
    if inode is None or size is None or mtime_ns is None or ctime_ns is None:
        return ()
    return () if ctime_ns > last * 1e9 - YOUNG_NS else (inode, size, mtime_ns, ctime_ns)


@contextmanager
def _reading(file: str) -> Iterator[Reader]:
    try:
        with reading(file) as reader:
            yield reader
    except StoreError as error:
        raise SystemExit(str(error)) from error


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
