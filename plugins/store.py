"""The journal's file, for the one process that writes it: SQLite in WAL mode, one transaction for each batch.

**Numbers are given once, for ever.** With ``synchronous=NORMAL`` a commit is not synchronised: killed at any
moment the process loses the batch that was not committed and nothing else, but a power cut takes the last rows,
though they were read. So a range of numbers is reserved first, in a transaction that is synchronised (``FULL``)
and takes along all that was committed before. No number of a range is shown before that, and after an end that was
not clean the next number is behind the range. The first row then is RESTART, with the last number that is there.

What is known of the tree is in the same transaction as the events that say so, so the two never differ. Paths are
BLOBs, for names are bytes.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Iterator, NamedTuple, Sequence, Tuple

from inotify_cffi import Mask

from .ageing import Ageing
from .clock import Moment, now
from .owner import Owner, TakenError, make_private
from .place import Place
from .reading import NODE_COLUMNS, SCHEMA, Identity, Reader, StoreError, UnusableError, check, connected, upgrade

if TYPE_CHECKING:
    from typing import Callable

__all__ = ["Heir", "Store"]

# So many numbers are reserved at a time: as many rows as this a power cut can take at most, and there is one
# fsync(2) for so many. A mirror can undo a few more (MOST_UNDONE).
RANGE = 16_384
# The next range is reserved when this is left of one.
LEAST_LEFT = 2_048

# Pruned not for every batch, but before the file has grown by much.
EVENTS_BETWEEN_PRUNING = 1000

# At the start who holds the file's lock is waited for; later the events are kept, and it is tried again.
START_WAIT_MS = 10_000
WAIT_MS = 200

RESTART = int(Mask.RESTART)


class Store(Reader):
    """The file, open for writing; nothing is written before the first batch.

    Args:
        file: its path; made if it is not there, with the directories above it.
        keep_s: forget events that are older, in seconds; None: never.
        keep_bytes: forget the oldest events when the file is larger; None: never.
        sync: "full": each batch is synchronised, so that not even a power cut takes it; "normal": not each.
        clock: tells the time.
        heir: the numbers go on from there, and what was known of the tree is taken over: the file is made anew
            in the place of one that vanished.

    Raises:
        UnusableError: it is not a journal.
        StoreError: it can not be opened.

    """

    def __init__(
        self,
        file: str,
        *,
        keep_s: float | None = None,
        keep_bytes: int | None = None,
        sync: str = "normal",
        clock: Callable[[], Moment] = now,
        heir: Heir | None = None,
    ) -> None:
        self._keep_s = keep_s
        self._keep_bytes = keep_bytes
        self._sync = sync.upper()
        self._unpruned = 0
        self._owner: Owner | None = None
        self._wal_pages = 0
        self._begun = False
        # Of the writer: the next number, and the first that is not reserved.
        self._next = self._reserved = 0
        self.restarted = False
        try:
            make_private(os.path.abspath(file))
            self.file = os.path.realpath(file)
            super().__init__(connected(self.file, "rw"))
            self._ageing = Ageing(self.connection, clock)
            try:
                self._prepare(heir)
            except BaseException:
                self.connection.close()
                raise
        except (OSError, sqlite3.OperationalError) as error:
            raise StoreError(f"the journal {file} can not be opened: {error}") from error
        except sqlite3.Error as error:
            raise UnusableError(f"the journal {file} can not be opened: {error}") from error
        except UnusableError as error:
            raise UnusableError(f"the journal {file} can not be used: {error}") from error

    def _prepare(self, heir: Heir | None) -> None:
        run = self.connection.execute
        run(f"PRAGMA busy_timeout = {START_WAIT_MS}").fetchall()
        self.place = Place(self.file)
        if (
            not run("PRAGMA user_version").fetchone()[0]
            and not run("SELECT count(*) FROM sqlite_master").fetchone()[0]
        ):
            run("PRAGMA auto_vacuum = INCREMENTAL")
            run("PRAGMA journal_mode = WAL").fetchall()
            self._create(heir)
            # The tables need no WAL: its room may be all that the disk has.
            run("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        check(self.connection)
        run("PRAGMA journal_mode = WAL").fetchall()
        run(f"PRAGMA synchronous = {self._sync}")
        run("PRAGMA journal_size_limit = 1048576").fetchall()

    def _create(self, heir: Heir | None) -> None:
        identity = Identity(str(uuid.uuid4()), 1) if heir is None else heir.identity
        reserved = 1 if heir is None else heir.next
        with self._transaction(durably=True):
            # Two may be at it at the same time.
            if self.connection.execute("PRAGMA user_version").fetchone()[0]:
                return
            for statement in SCHEMA.split(";"):
                self.connection.execute(statement)
            self.connection.execute(
                "INSERT INTO journal VALUES (1, ?, ?, ?, ?, ?, 1, NULL, NULL, NULL, 0, 0, 0)",
                (*identity, self.place.inode[1], reserved, reserved - 1),
            )
            if heir is not None:
                self.connection.executemany("INSERT INTO roots VALUES (?)", heir.roots)
                self.connection.executemany("INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", heir.nodes)

    # --- the writer ---

    def claim(self) -> None:
        """Become the one that writes; the first batch does it, if need be.

        Raises:
            UnusableError: another process writes.
            StoreError: the lock can not be made.

        """
        if self._owner is not None:
            return
        try:
            self._owner = Owner(self.file + "-lock")
        except TakenError as error:
            raise UnusableError(f"the journal {self.file} can not be used: {error}") from error
        except OSError as error:
            raise StoreError(f"the journal {self.file} can not be written: {error}") from error

    def _begin(self) -> None:
        """Take up the numbers, and say that the last end was not clean, if so."""
        if self._begun:
            return
        self.claim()
        run = self.connection.execute
        with self._transaction(durably=True):
            upgrade(run)
            row = run("SELECT inode, reserved, forgotten, clean FROM journal").fetchone()
            inode, reserved, forgotten, clean = row
            last = run("SELECT max(seq) FROM events").fetchone()[0] or forgotten
            first = max(reserved, last + 1)
            if inode != self.place.inode[1]:
                # A copy goes its own way: its numbers are not those that the other one gives.
                run("UPDATE journal SET generation = generation + 1, inode = ?", (self.place.inode[1],))
            self._ageing.remember()
            moment = self._ageing.look(first)
            if not clean:
                run(
                    "INSERT INTO events VALUES (?, ?, x'', ?, 0, NULL, 1, NULL, ?)",
                    (first, moment.wall, RESTART, last),
                )
            following = first + (not clean)
            self._ageing.write_down(moment)
            run("UPDATE journal SET clean = 0, reserved = ?", (following + RANGE,))
        self._next, self._reserved, self._ageing.seen = following, following + RANGE, moment
        self.restarted = not clean
        self._begun = True
        self.place.begin()
        run(f"PRAGMA busy_timeout = {WAIT_MS}").fetchall()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Commit all that is done inside, or nothing of it."""
        self._begin()
        self._bound_wal()
        if self._reserved - self._next < LEAST_LEFT:
            self._reserve()
        begin = self._next
        try:
            with self._transaction():
                moment = self._ageing.look(begin)
                yield
        except BaseException:
            self._go_back(begin)
            raise
        self._ageing.seen = moment
        if self._next > self._reserved:
            # These rows are not shown yet. Where this fails, the next batch begins with it.
            with suppress(sqlite3.Error):
                self._reserve()

    def _bound_wal(self) -> None:
        """Have the WAL written into the file before it takes what that needs itself."""
        pages = self.place.pages_for_wal()
        if pages != self._wal_pages:
            self.connection.execute(f"PRAGMA wal_autocheckpoint = {pages}").fetchall()
            self._wal_pages = pages

    def _go_back(self, begin: int) -> None:
        """A batch ended with an exception. If that came behind the commit, it was committed."""
        with suppress(sqlite3.Error):
            # Numbers may be left out, and none is given twice.
            self._next = max(begin, self.last_number() + 1)

    def add(self, records: Sequence[Tuple[object, ...]]) -> int:
        """Append events, inside a batch: time, path, mask, cookie, moved_from, number of the cause, maybe errno.

        Returns:
            The number of the first of them.

        """
        first = self._next
        if records:
            columns = ("time", "path", "mask", "cookie", "moved_from", "synthetic", "errno")[: len(records[0])]
            self.connection.executemany(
                f"INSERT INTO events (seq, {', '.join(columns)}) VALUES (?{', ?' * len(columns)})",  # noqa: S608  # of constants
                [(number, *record) for number, record in enumerate(records, first)],
            )
            self._next += len(records)
            self._unpruned += len(records)
        return first

    @property
    def following(self) -> int:
        """The next number; it is not known before the first batch, and 0 then."""
        return self._next

    def last_number(self) -> int:
        """Return the number of the last row, shown or not; 0 for none."""
        return int(self.connection.execute("SELECT max(seq) FROM events").fetchone()[0] or 0)

    def is_shown(self, number: int) -> bool:
        """Return True if the rows up to this number can be read, and it will never be given again."""
        return number < self._reserved

    def _reserve(self) -> None:
        reserved = self._next + RANGE
        with self._transaction(durably=True):
            moment = self._ageing.look(self._next)
            self._ageing.write_down(moment)
            self.connection.execute("UPDATE journal SET reserved = ?", (reserved,))
        self._reserved, self._ageing.seen = reserved, moment

    @contextmanager
    def _transaction(self, *, durably: bool = False) -> Iterator[None]:
        run = self.connection.execute
        before = run("PRAGMA synchronous").fetchone()[0] if durably else 0
        if durably:
            run("PRAGMA synchronous = FULL")
        try:
            run("BEGIN IMMEDIATE")
            try:
                yield
                run("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    run("ROLLBACK")
                raise
        finally:
            if durably:
                run(f"PRAGMA synchronous = {before}")

    # --- what is forgotten ---

    def prune(self, now: float, *, always: bool = False) -> None:
        """Forget what is too old or too much, if that was not done just now; outside a batch."""
        bounded = self._keep_s is not None or self._keep_bytes is not None
        if not bounded or (self._unpruned < EVENTS_BETWEEN_PRUNING and not always):
            return
        self._begin()
        self._unpruned = 0
        with self._transaction():
            moment = self._ageing.look(self._next, now)
            self._ageing.write_down(moment)
            if self._keep_s is not None:
                self._ageing.forget_older(moment, self._keep_s, self._next)
        self._ageing.seen = moment
        while self._keep_bytes is not None and self._ageing.used() > self._keep_bytes:
            first, last = self.bounds()
            if first == last:
                break
            with self._transaction():
                self._ageing.forget_before(first + (last - first) // 4 + 1)
        # It frees one page for each step, and only executescript takes them all.
        self.connection.executescript("PRAGMA incremental_vacuum")
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # --- the end ---

    def heir(self) -> Heir:
        """Return what a file that is made in the place of this one takes over."""
        run = self.connection.execute
        uuid, generation = self.identity()
        # One of the version before, that nothing was written into, has a column less.
        nodes = [(*node, None)[:NODE_COLUMNS] for node in run("SELECT * FROM nodes")]
        return Heir(
            Identity(uuid, generation + 1),
            max(self._next, self._reserved),
            run("SELECT * FROM roots").fetchall(),
            nodes,
        )

    def close(self) -> None:
        """Close the file; what was committed stays, and is durable."""
        try:
            if self._begun:
                with self._transaction(durably=True):
                    self._ageing.write_down(self._ageing.look(self._next))
                    self.connection.execute("UPDATE journal SET clean = 1, reserved = ?", (self._next,))
        except sqlite3.Error:
            # Then the end is not clean, and the next start says so.
            pass
        finally:
            self.abandon()

    def make_room(self) -> bool:
        """Give the disk back what the WAL takes, if there is something to give."""
        try:
            if not os.path.getsize(self.file + "-wal"):
                return False
            busy: int = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except (OSError, sqlite3.Error):
            return False
        return not busy

    def check_whole(self) -> None:
        """Look whether all of it is there, and right; what is in memory does not count.

        Raises:
            UnusableError: it is damaged.

        """
        try:
            if self.place.is_empty():
                # SQLite would take the WAL away.
                raise UnusableError(f"the journal {self.file} is damaged: it was truncated; move it away")
            connection = connected(self.file, "ro")
            try:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            finally:
                connection.close()
        except (OSError, sqlite3.Error) as error:
            found = str(error)
        if found != "ok":
            # SQLite's text is one of many lines.
            what = found.splitlines()[-1]
            raise UnusableError(f"the journal {self.file} is damaged: {what}; move it away")

    def hold(self) -> None:
        """See to it that nobody else writes, also where the lock's file was removed.

        Raises:
            UnusableError: another process has begun to.

        """
        try:
            if self._owner is not None:
                self._owner.hold()
        except TakenError as error:
            raise UnusableError(f"the journal {self.file} can not be used any more: {error}") from error
        except OSError:
            # It can not be made now; who else writes could not either.
            return

    def abandon(self) -> None:
        """Close the file as it is: the end is not clean."""
        self.connection.close()
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.release()


class Heir(NamedTuple):
    """What goes on when a file vanished: the identity, the next number, and what is known of the tree."""

    identity: Identity
    next: int
    roots: Sequence[Tuple[bytes]]
    nodes: Sequence[Tuple[object, ...]]
