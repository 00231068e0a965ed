"""The journal's file: SQLite in WAL mode, one transaction for each batch.

Killed at any moment it loses the batch that was not committed, and nothing else: SQLite's promise, kept by leaving
``synchronous`` and the WAL as they are made for it. What is known of the tree is in the same transaction as the
events that say so, so the two never differ. Paths are BLOBs, for names are bytes.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import Iterator, NamedTuple

__all__ = ["Record", "Store", "StoreError"]

VERSION = 1

SCHEMA = f"""
PRAGMA user_version = {VERSION};
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    time REAL NOT NULL,
    path BLOB NOT NULL,
    mask INTEGER NOT NULL,
    cookie INTEGER NOT NULL,
    moved_from BLOB,
    synthetic INTEGER NOT NULL
);
CREATE INDEX events_time ON events (time);
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
    UNIQUE (parent, name)
);
"""

# SQLite's largest integer.
LAST_SEQ = (1 << 63) - 1

# Pruned not for every batch, but before the file has grown by much.
EVENTS_BETWEEN_PRUNING = 1000


class StoreError(Exception):
    """The file can not be used; the text says why."""


class Record(NamedTuple):
    """One event as it is kept; ``time`` in seconds since 1970."""

    seq: int
    time: float
    path: bytes
    mask: int
    cookie: int
    moved_from: bytes | None
    synthetic: bool


class Store:
    """The file, open.

    Args:
        file: its path; made if it is not there, with the directories above it.
        keep_s: forget events that are older, in seconds; None: never.
        keep_bytes: forget the oldest events when the file is larger; None: never.

    Raises:
        StoreError: it can not be opened, or is not a journal.

    """

    def __init__(self, file: str, *, keep_s: float | None = None, keep_bytes: int | None = None) -> None:
        self._keep_s = keep_s
        self._keep_bytes = keep_bytes
        self._unpruned = 0
        try:
            os.makedirs(os.path.dirname(os.path.abspath(file)), exist_ok=True)
            self.connection = _opened(file)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"the journal {file} can not be opened: {error}") from error
        except StoreError as error:
            raise StoreError(f"the journal {file} can not be used: {error}") from error

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Commit all that is done inside, or nothing of it."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def add(self, records: list[tuple[float, bytes, int, int, bytes | None, bool]]) -> None:
        """Append events, inside a batch: time, path, mask, cookie, moved_from, synthetic."""
        self.connection.executemany(
            "INSERT INTO events (time, path, mask, cookie, moved_from, synthetic) VALUES (?, ?, ?, ?, ?, ?)",
            records,
        )
        self._unpruned += len(records)

    def since(self, seq: int) -> Iterator[Record]:
        """Yield the events after a sequence number, in order."""
        for row in self.connection.execute(
            "SELECT * FROM events WHERE seq > ? ORDER BY seq", (min(seq, LAST_SEQ),)
        ):
            yield _record(row)

    def changed_since(self, time: float) -> Iterator[Record]:
        """Yield the last event of each path since a time, in order."""
        query = "SELECT * FROM events WHERE seq IN (SELECT max(seq) FROM events WHERE time >= ? GROUP BY path)"
        for row in self.connection.execute(f"{query} ORDER BY seq", (time,)):
            yield _record(row)

    def bounds(self) -> tuple[int, int]:
        """Return the first and the last sequence number that are kept; (0, 0) for none."""
        row = self.connection.execute("SELECT min(seq), max(seq) FROM events").fetchone()
        return row[0] or 0, row[1] or 0

    def prune(self, now: float, *, always: bool = False) -> None:
        """Forget what is too old or too much, if that was not done just now; outside a batch."""
        if self._unpruned < EVENTS_BETWEEN_PRUNING and not always:
            return
        self._unpruned = 0
        run = self.connection.execute
        if self._keep_s is not None:
            run("DELETE FROM events WHERE time < ?", (now - self._keep_s,))
        while self._keep_bytes is not None and self._used() > self._keep_bytes:
            first, last = self.bounds()
            if first == last:
                break
            run("DELETE FROM events WHERE seq <= ?", (first + (last - first) // 4,))
        if self._keep_s is not None or self._keep_bytes is not None:
            # It frees one page for each step, and only executescript takes them all.
            self.connection.executescript("PRAGMA incremental_vacuum")
            run("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _used(self) -> int:
        values = [
            self.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count")
        ]
        size: int = self.connection.execute("PRAGMA page_size").fetchone()[0]
        return int(values[0] - values[1]) * size

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self.connection.close()


def _check_files(file: str) -> None:
    """Check that only files are where SQLite opens some: from a FIFO it reads for ever, and heeds no signal."""
    for path in (file + ending for ending in ("", "-journal", "-wal", "-shm")):
        if os.path.exists(path) and not os.path.isfile(path):
            raise StoreError(f"{path} is no regular file")


def _opened(file: str) -> sqlite3.Connection:
    _check_files(file)
    # The one thread that reads the watcher also writes here, but it need not be the one that opened it.
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        run = connection.execute
        version = run("PRAGMA user_version").fetchone()[0]
        if version == 0 and not run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            run("PRAGMA auto_vacuum = INCREMENTAL")
            run("PRAGMA journal_mode = WAL").fetchall()
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
        elif version != VERSION:
            raise StoreError(f"it is no journal of version {VERSION}")
        run("PRAGMA journal_mode = WAL").fetchall()
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA journal_size_limit = 1048576").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _record(row: tuple[int, float, bytes, int, int, bytes | None, int]) -> Record:
    return Record(*row[:6], synthetic=bool(row[6]))
