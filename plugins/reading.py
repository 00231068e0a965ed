"""What a journal has: the tables, and the questions that can be asked while another process writes.

Numbers are given to nobody before they are reserved for ever: rows with a number that is not reserved yet are not
shown. ``store.py`` writes.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator, List, NamedTuple, Tuple
from urllib.parse import quote

from inotify_cffi import ForgottenError, GenerationError, JournalEvent

from .clock import boot_id

if TYPE_CHECKING:
    from typing import Callable

__all__ = [
    "NODE_COLUMNS",
    "SCHEMA",
    "Identity",
    "Reader",
    "StoreError",
    "UnusableError",
    "check",
    "connected",
    "reading",
    "segments",
    "upgrade",
]

VERSION = 3
# What came with it: one of the version before can be read, and is made one of this when it is written.
BEFORE = 2
FINISHED = "finished INTEGER"
FINISHED_INDEX = "CREATE INDEX nodes_finished ON nodes (id) WHERE finished IS NOT NULL"
NODE_COLUMNS = 9

SCHEMA = f"""
PRAGMA user_version = {VERSION};
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    path BLOB NOT NULL,
    mask INTEGER NOT NULL,
    cookie INTEGER NOT NULL,
    moved_from BLOB,
    -- 0, or the number of its cause. Before there were causes 1, the one that says least.
    synthetic INTEGER NOT NULL,
    errno INTEGER,
    durable INTEGER
);
CREATE INDEX events_time ON events (time);
CREATE TABLE journal (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    uuid TEXT NOT NULL,
    generation INTEGER NOT NULL,
    -- Of this file, to know a copy by.
    inode INTEGER NOT NULL,
    -- All numbers below this may have been seen by somebody.
    reserved INTEGER NOT NULL,
    -- The last number whose row was forgotten, because of its age or the file's size.
    forgotten INTEGER NOT NULL,
    -- 0 while a process writes, and if it did not come to its end.
    clean INTEGER NOT NULL,
    -- The clocks when it was last written to at leisure.
    wall REAL, steady REAL, boot TEXT,
    -- By how much the wall clock may be ahead, since when by the steady one, and from which row on.
    unsure REAL NOT NULL, unsure_since REAL NOT NULL, unsure_first INTEGER NOT NULL
);
-- From row *first* on the wall clock was another, by *jump* seconds.
CREATE TABLE jumps (first INTEGER PRIMARY KEY, jump REAL NOT NULL);
CREATE TABLE roots (path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE nodes (
    id INTEGER PRIMARY KEY,
    parent INTEGER NOT NULL,
    name BLOB NOT NULL,
    is_dir INTEGER NOT NULL,
    inode INTEGER,
    size INTEGER,
    mtime_ns INTEGER,
    ctime_ns INTEGER,
    -- Of a file: NULL, it was told as finished as it is known, or never seen to be unfinished. 0, it is not yet.
    -- Else it was told when its time of change was this.
    {FINISHED},
    UNIQUE (parent, name)
);
{FINISHED_INDEX};
"""

# SQLite's largest integer.
LAST_SEQ = (1 << 63) - 1

SHOWN = "seq < (SELECT reserved FROM journal)"


class StoreError(Exception):
    """The file can not be used; the text says why."""


class UnusableError(StoreError):
    """The file can not be used, and will not be: it is not a journal, is damaged, or another process writes it."""


class Identity(NamedTuple):
    """Which journal it is, and how often its file was made anew: a number is unique with both."""

    uuid: str
    generation: int

    def __str__(self) -> str:
        return f"{self.uuid}:{self.generation}"


class Segment(NamedTuple):
    """Rows that were written by one setting of the clock, and how far that is from the last one, in seconds."""

    first: int
    end: int
    offset: float


class Reader:
    """The questions, over a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def identity(self) -> Identity:
        """Return which journal it is."""
        return Identity(*self.connection.execute("SELECT uuid, generation FROM journal").fetchone())

    def since(self, seq: int, identity: str | None = None) -> Iterator[JournalEvent[bytes]]:
        """Yield the events after a number, in order; 0 for all that are kept.

        Args:
            seq: the number.
            identity: the journal that gave it, ``UUID:GENERATION``; None for this one.

        Raises:
            GenerationError: another journal or an earlier generation of this one gave it.
            ForgottenError: events after it were forgotten.

        """
        with self.one_state():
            own = self.identity()
            forgotten = self.forgotten()
            self._check(seq, identity, own, self._most_given(forgotten))
            if 0 < seq < forgotten:
                raise ForgottenError(
                    f"the events {seq + 1} to {forgotten} of the journal are forgotten; begin anew, with 0"
                )
            yield from self._rows(f"seq > ? AND {SHOWN} ORDER BY seq", (min(seq, LAST_SEQ),))

    def forgotten(self) -> int:
        """Return the last number whose row was forgotten; 0 for none."""
        return int(self.connection.execute("SELECT forgotten FROM journal").fetchone()[0])

    def _most_given(self, forgotten: int) -> int:
        """Return the largest number that somebody may have seen."""
        reserved, clean, boot = self.connection.execute("SELECT reserved, clean, boot FROM journal").fetchone()
        if not clean and boot and boot == boot_id():
            # The machine is up since it was written last: no power cut can have taken a row.
            return max(self.bounds()[1], int(forgotten))
        return int(reserved) - 1

    @staticmethod
    def _check(seq: int, identity: str | None, own: Identity, most: int) -> None:
        if identity is not None and identity != str(own):
            raise GenerationError(
                f"number {seq} is of the journal {identity}, and this is {own}; begin anew, with 0"
            )
        if seq > most:
            raise GenerationError(
                f"number {seq} was never given by this journal, {own}; it is another's, so begin anew, with 0"
            )

    def changed_since(self, time: float) -> Iterator[JournalEvent[bytes]]:
        """Yield the last event of each path since a time, by the clock as it is set now, in order."""
        with self.one_state():
            ranges = [(part.first, part.end, time - part.offset) for part in segments(self.connection.execute)]
            chosen = " OR ".join(["(seq >= ? AND seq < ? AND time >= ?)"] * len(ranges))
            values = tuple(value for part in ranges for value in part)
            query = f"seq IN (SELECT max(seq) FROM events WHERE ({chosen}) AND {SHOWN} GROUP BY path)"  # noqa: S608  # of constants
            yield from self._rows(f"{query} ORDER BY seq", values)

    def bounds(self) -> Tuple[int, int]:
        """Return the first and the last number that are kept; (0, 0) for none."""
        row = self.connection.execute(f"SELECT min(seq), max(seq) FROM events WHERE {SHOWN}").fetchone()  # noqa: S608  # of constants
        return row[0] or 0, row[1] or 0

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """Let all that is read inside be of one moment."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self.connection.execute("ROLLBACK")

    def _rows(self, which: str, values: Tuple[object, ...]) -> Iterator[JournalEvent[bytes]]:
        uuid, generation = self.identity()
        columns = "seq, time, path, mask, cookie, moved_from, synthetic, errno, durable"
        for row in self.connection.execute(f"SELECT {columns} FROM events WHERE {which}", values):  # noqa: S608  # of constants
            number, time, path, mask, cookie, moved_from, cause, errno, durable = row
            yield JournalEvent.kept(
                path,
                mask,
                number=number,
                time=time,
                journal=uuid,
                generation=generation,
                moved_from=moved_from,
                cookie=cookie,
                cause=cause,
                errno=errno,
                durable=durable,
            )


def segments(run: Callable[..., sqlite3.Cursor]) -> List[Segment]:
    """Return the settings of the clock, the oldest first; *run* executes a statement."""
    found: List[Segment] = []
    end, offset = LAST_SEQ, 0.0
    for first, jump in run("SELECT first, jump FROM jumps ORDER BY first DESC"):
        found.append(Segment(first, end, offset))
        end, offset = first, offset + jump
    return [Segment(0, end, offset), *reversed(found)]


@contextmanager
def reading(file: str) -> Iterator[Reader]:
    """Open a journal to ask it something; nothing is changed.

    Raises:
        StoreError: it is not there, can not be read, or is not a journal.

    """
    if not os.path.exists(file):
        raise StoreError(f"there is no journal {file}; watch with --plugin journal, or see --journal-file")
    try:
        connection = connected(file, "ro")
        try:
            check(connection)
            yield Reader(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreError(f"the journal {file} can not be read: {error}") from error
    except UnusableError as error:
        raise UnusableError(f"the journal {file} can not be used: {error}") from error


def connected(file: str, mode: str) -> sqlite3.Connection:
    """Connect to a file that is there: "ro" or "rw". Raises UnusableError, OSError."""
    # Only files may be where SQLite opens some: from a FIFO it reads for ever, and heeds no signal.
    for path in (file + ending for ending in ("", "-journal", "-wal", "-shm")):
        if os.path.exists(path) and not os.path.isfile(path):
            raise UnusableError(f"{path} is no regular file")
    # The thread that reads the watcher also writes here, but it need not be the one that opened it.
    return sqlite3.connect(
        f"file:{quote(os.fsencode(file))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=10,
    )


def upgrade(run: Callable[..., sqlite3.Cursor]) -> None:
    """Make a journal of the version before one of this; inside a transaction of its writer."""
    if run("PRAGMA user_version").fetchone()[0] == BEFORE:
        run(f"ALTER TABLE nodes ADD COLUMN {FINISHED}")
        run(FINISHED_INDEX)
        run(f"PRAGMA user_version = {VERSION}")


def check(connection: sqlite3.Connection) -> None:
    """Check that it is a journal. Raises StoreError."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in {BEFORE, VERSION}:
        raise UnusableError(f"it is no journal of version {VERSION}; move it away, or name another --journal-file")
    row = connection.execute("SELECT uuid, generation, reserved, forgotten FROM journal").fetchone()
    if row is None or None in row:
        raise UnusableError("it is damaged: it does not say which journal it is")
