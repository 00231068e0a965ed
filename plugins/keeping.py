"""Write each batch into the journal, and lose nothing in silence where that can not be done.

A full disk, a file that is locked: the batch is kept in memory and tried again, with each that follows and once a
second. If too much is held, it is let go, and that is a gap: a row Q_OVERFLOW is written as soon as writing works,
then the difference between what the journal knows of the tree and what is there, then IN_SYNC. A file that
vanished is made anew, as the next generation, with such a gap; in one that was put in its place there is such a
gap, too. What waiting does not help against ends the program: a damaged file, a second writer, a file that is no
journal.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Callable, Deque, Dict, List, NamedTuple, Sequence, Tuple, Union

from inotify_cffi import Cause, Mask

from .following import Row, differences, follow
from .known import UNFINISHED, Known
from .place import Found
from .reading import Identity, StoreError, UnusableError

if TYPE_CHECKING:
    from .known import State
    from .store import Heir, Store

__all__ = ["HELD", "Keeper"]

# So many bytes of events are held while they can not be written, by default.
HELD = 32 << 20

# What an event takes besides its paths, about.
EVENT_BYTES = 300

AGAIN_S = 1.0

# Batches that have waited are written together, up to about so many events.
TOGETHER = 2000

logger = logging.getLogger("inotify_cffi.plugins.journal")


class Finished(NamedTuple):
    """A file that was told as finished, and how it was then."""

    path: bytes
    state: State | None


if TYPE_CHECKING:
    Waiting = Union[Sequence[Row], Finished]


class Keeper:
    """The file, as good as it can be had.

    Args:
        opened: opens the file; made anew with what is given it of a file that vanished.
        held: how many bytes of events are held in memory at most.

    Raises:
        StoreError: at the start the file can not be opened.

    """

    def __init__(self, opened: Callable[[Heir | None], Store], *, held: int = HELD) -> None:
        self._opened = opened
        self.most = held
        self._store: Store | None = opened(None)
        self._store.claim()
        self.file = self._store.file
        self._identity = self._store.identity()
        self._heir: Heir | None = None
        # What is below the roots by now: root to all its entries, path to True for a directory.
        self._listing: Callable[[], Dict[bytes, Dict[bytes, bool]]] = dict
        # In the order in which all that was told.
        self._waiting: Deque[Waiting] = deque()
        self.held = 0
        self._together = TOGETHER
        # The batches that are being written, and the number that their first event gets.
        self._writing: Tuple[List[Sequence[Row]], int] = ([], 0)
        # Rows are missing: that is to be told; or it was told, and the difference is to follow.
        self._gap = False
        self._owes_difference = False
        self._trouble = ""
        self._again = 0.0
        # The thread that tries again writes, too.
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def identity(self) -> Identity:
        """Which journal is written."""
        return self._identity

    # --- what the plugin does ---

    def start(self, listing: Callable[[], Dict[bytes, Dict[bytes, bool]]]) -> List[bytes]:
        """Tell what has changed since the tree was last known.

        Returns:
            The files that are unfinished, of roots that are not watched now, too.

        Raises:
            StoreError, sqlite3.Error: it can not be written.

        """
        self._listing = listing
        store = self._ready()
        with self._lock, store.batch():
            rows = self._differences(store, Cause.RESTART)
            # What follows a restart is a difference, too.
            store.add([*rows, _apart(Mask.IN_SYNC)] if store.restarted else rows)
            finished = Known(store).finished()
        store.place.take_note()
        return [path for path, changed in finished.items() if changed == UNFINISHED]

    def keep(self, rows: Sequence[Row]) -> int | None:
        """Keep a batch; the number of its first event, or None if that is not known yet."""
        with self._lock:
            self._look_at_file()
            if self._gap or self._owes_difference:
                # The difference has it in it.
                self._try(self._write_gap)
                return None
            return self._write_behind(rows)

    def finish_file(self, path: bytes, state: State | None) -> None:
        """Know that a file was told as finished, in a state; if that can not be kept, it will be told again."""
        with self._lock:
            self._look_at_file()
            if self._gap or self._owes_difference:
                self._try(self._write_gap)
            if not (self._gap or self._owes_difference):
                self._write_behind(Finished(path, state))

    def _write_behind(self, what: Waiting) -> int | None:
        self._waiting.append(what)
        self.held += _size(what)
        first: List[int | None] = [None]
        self._try(lambda: first.append(self._write_waiting()))
        if self.held > self.most:
            self._let_go()
        return first[-1]

    def finish(self) -> None:
        """Write what is left and close the file.

        Raises:
            SystemExit: events could not be kept.

        """
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        with self._lock:
            self._again = 0.0
            try:
                self._look_at_file()
                if self._waiting or self._gap or self._owes_difference:
                    self._try(self._write_gap if self._gap or self._owes_difference else self._write_waiting)
            except BaseException:
                if self._store is not None:
                    self._store.abandon()
                raise
            left = sum(len(batch) for batch in self._waiting if not isinstance(batch, Finished))
            store = self._store
            if left or self._gap or self._owes_difference:
                if store is not None:
                    store.abandon()
                what = f"{left} events" if left else "events"
                raise SystemExit(f"{what} could not be kept in the journal {self.file}: {self._trouble}")
            if store is not None:
                with suppress(sqlite3.Error):
                    store.prune(time.time(), always=True)
                store.close()

    # --- writing ---

    def _ready(self) -> Store:
        if self._store is None:
            store = self._opened(self._heir)
            try:
                store.claim()
            except BaseException:
                store.abandon()
                raise
            self._store, self._heir = store, None
            self._identity = store.identity()
        return self._store

    def _write_waiting(self) -> int | None:
        """Write what waits; the number of the first event of the last batch."""
        store = self._ready()
        group, number = self._writing
        if group and self._waiting and self._waiting[0] is group[0] and store.last_number() >= number:
            # An exception came between the commit and the next line, Ctrl-C most likely.
            self._drop(group)
        first = last = 0
        while self._waiting:
            if isinstance(self._waiting[0], Finished):
                with store.batch():
                    Known(store).finish(*self._waiting[0])
                # Done twice, where an exception comes in between, it does no harm.
                self.held -= _size(self._waiting.popleft())
                continue
            group, rows = self._group()
            self._writing = (group, store.following)
            with store.batch():
                follow(Known(store), rows)
                last = store.add(rows) + len(rows) - 1
            first = last - len(group[-1]) + 1
            self._drop(group)
        return first if store.is_shown(last) else None

    def _group(self) -> Tuple[List[Sequence[Row]], List[Row]]:
        """Return the oldest batches that are written together, and their rows."""
        group: List[Sequence[Row]] = []
        rows: List[Row] = []
        for batch in self._waiting:
            if isinstance(batch, Finished):
                break
            group.append(batch)
            rows += batch
            if len(rows) > self._together:
                break
        return group, rows

    def _drop(self, group: List[Sequence[Row]]) -> None:
        """These batches are in the file: they wait no more."""
        for batch in group:
            if self._waiting and self._waiting[0] is batch:
                self._waiting.popleft()
        self.held = sum(map(_size, self._waiting))

    def _write_gap(self) -> None:
        """Tell that rows are missing, what that has changed, and that all is told."""
        store = self._ready()
        with store.batch():
            marker = [_apart(Mask.Q_OVERFLOW)] if self._gap else []
            store.add([*marker, *self._differences(store, Cause.LOSS), _apart(Mask.IN_SYNC)])
        self._gap = self._owes_difference = False

    def _mark_gap(self) -> None:
        """Tell that rows are missing; what has changed is only known between two batches."""
        store = self._ready()
        with store.batch():
            store.add([_apart(Mask.Q_OVERFLOW)])
        self._gap, self._owes_difference = False, True

    def _differences(self, store: Store, cause: int) -> List[Row]:
        known, now = Known(store), time.time()
        finished = known.finished()
        rows: List[Row] = []
        for root, entries in self._listing().items():
            rows += differences(known, root, entries, now, finished, int(cause))
        return rows

    # --- trouble ---

    def _try(self, write: Callable[[], object]) -> None:
        """Write, or take note that it can not be done now.

        Raises:
            SystemExit: it will never be.

        """
        if self._trouble and time.monotonic() < self._again:
            return
        try:
            self._write(write)
        except UnusableError as error:
            raise SystemExit(str(error)) from error
        except (StoreError, OSError, sqlite3.Error) as error:
            if not _may_pass(error):
                raise SystemExit(f"the journal {self.file} is damaged: {error}; move it away") from error
            self._failed(error)
        else:
            if self._trouble:
                logger.warning("the journal %s is written again", self.file)
            self._trouble, self._together = "", TOGETHER
        finally:
            if self._store is not None:
                self._store.place.take_note()

    def _write(self, write: Callable[[], object]) -> None:
        if self._trouble and "locked" not in self._trouble and self._store is not None:
            # What the WAL takes may be what is missing; it would take what has become free, too.
            self._store.make_room()
        try:
            write()
        except sqlite3.OperationalError:
            if self._store is None or not self._store.make_room():
                raise
            write()
        if self._store is not None:
            self._store.prune(time.time())

    def _failed(self, error: Exception) -> None:
        if str(error) != self._trouble:
            logger.error(
                "the journal %s can not be written: %s; events are held in memory, and it is tried again",
                self.file,
                error,
                exc_info=error,
            )
        self._trouble = str(error)
        # Of so many there may not be room for all.
        self._together //= 2
        self._again = time.monotonic() + AGAIN_S / 2
        if self._thread is None and not self._ended.is_set():
            self._thread = threading.Thread(target=self._try_again, name="journal", daemon=True)
            self._thread.start()

    def _let_go(self) -> None:
        logger.error(
            "the journal %s can not be written, and more than %d bytes of events wait: they are let go, and a gap "
            "will be written",
            self.file,
            self.most,
        )
        self._waiting.clear()
        self.held = 0
        self._gap = True

    def _try_again(self) -> None:
        """Try once a second, in a thread of its own, as long as there is trouble."""
        while not self._ended.wait(AGAIN_S):
            with self._lock:
                try:
                    self._look_at_file()
                    if self._gap:
                        self._try(self._mark_gap)
                    elif not self._owes_difference:
                        self._try(self._write_waiting)
                except SystemExit:
                    # The thread that hands out events meets it, too, and can end the program.
                    self._again = 0.0
                if not self._trouble:
                    self._thread = None
                    return

    def _look_at_file(self) -> None:
        """Is the file that is written the one at its path, and is it ours alone?

        Raises:
            SystemExit: another process writes it, or it is damaged.

        """
        store = self._store
        if store is None:
            return
        try:
            found = store.place.look()
        except OSError:
            # It is not to be seen now, and is written still.
            return
        try:
            if found is Found.CHANGED:
                store.check_whole()
            if found in {Found.THERE, Found.CHANGED}:
                store.place.take_note()
                store.hold()
                return
        except UnusableError as error:
            raise SystemExit(str(error)) from error
        logger.warning("the journal %s %s", self.file, found.value)
        self._renew(store)

    def _renew(self, store: Store) -> None:
        try:
            self._heir = store.heir()
        except sqlite3.Error:
            # Then nothing is known of the tree.
            self._heir = None
        store.abandon()
        store.place.sweep()
        self._store = None
        self._waiting.clear()
        self.held = 0
        self._gap = True


def _may_pass(error: Exception) -> bool:
    """Return True for an error that is worth a wait: not for a damaged file, nor for a table that is not there."""
    is_damaged = isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.OperationalError)
    return not is_damaged and not str(error).startswith("no such ")


def _apart(mask: int) -> Row:
    """Return a row about the whole stream, of the journal's own."""
    return time.time(), b"", int(mask), 0, None, int(Cause.RESTART if mask & Mask.RESTART else Cause.LOSS), None


def _size(what: Waiting) -> int:
    if isinstance(what, Finished):
        return EVENT_BYTES + len(what.path)
    return sum(EVENT_BYTES + len(row[1]) + len(row[4] or b"") for row in what)
