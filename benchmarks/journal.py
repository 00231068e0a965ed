"""How many rows a second does the journal take, and what does it cost that no number is given twice?

    python -m benchmarks.journal
    python -m benchmarks.journal --beside ../other-checkout/plugins/store.py

writes batches of 20 and of 1,000 rows, a transaction each, with ``--journal-sync normal`` and ``full``; with plain
SQLite (the same rows and index, nothing reserved) with synchronous NORMAL and FULL; and with the store of another
checkout. In turns, so that all have the same minutes of the machine; medians.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sqlite3
import statistics
import tempfile
import time

from inotify_cffi.plugins.store import Store

PLAIN = """
CREATE TABLE events (seq INTEGER PRIMARY KEY, time REAL NOT NULL, path BLOB NOT NULL, mask INTEGER NOT NULL,
    cookie INTEGER NOT NULL, moved_from BLOB, synthetic INTEGER NOT NULL);
CREATE INDEX events_time ON events (time);
"""


def rows(first: int, size: int) -> list[tuple]:
    return [(1.0 + n, b"/srv/in/file%06d" % n, 8, 0, None, False) for n in range(first, first + size)]


def with_store(store, seconds: float, size: int) -> float:
    """Rows a second of something that has batch() and add()."""
    number, begin = 0, time.perf_counter()
    while time.perf_counter() < begin + seconds:
        with store.batch():
            store.add(rows(number, size))
        number += size
    rate = number / (time.perf_counter() - begin)
    store.close()
    return rate


def plain(file: str, mode: str, seconds: float, size: int) -> float:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute(f"PRAGMA synchronous = {mode}")
    connection.executescript(PLAIN)
    number, begin = 0, time.perf_counter()
    while time.perf_counter() < begin + seconds:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO events (time, path, mask, cookie, moved_from, synthetic) VALUES (?, ?, ?, ?, ?, ?)",
            rows(number, size),
        )
        connection.execute("COMMIT")
        number += size
    rate = number / (time.perf_counter() - begin)
    connection.close()
    return rate


def other_store(path: str):
    spec = importlib.util.spec_from_file_location("other_store", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beside", metavar="FILE", help="the plugins/store.py of another checkout")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--directory", help="where the files are made; default: the temporary directory")
    options = parser.parse_args()
    ways = {
        "--journal-sync normal": lambda file, *how: with_store(Store(file), *how),
        "--journal-sync full": lambda file, *how: with_store(Store(file, sync="full"), *how),
        "plain NORMAL": lambda file, *how: plain(file, "NORMAL", *how),
        "plain FULL": lambda file, *how: plain(file, "FULL", *how),
    }
    if options.beside:
        other = other_store(options.beside)
        ways["beside"] = lambda file, *how: with_store(other(file), *how)
    rates: dict[tuple[str, int], list[float]] = {(way, size): [] for way in ways for size in (20, 1000)}
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        for run in range(options.runs):
            for number, (way, size) in enumerate(rates):
                file = os.path.join(directory, f"{run}-{number}.sqlite")
                rates[way, size].append(ways[way](file, options.seconds, size))
    print("| rows a second, batches of | 20 | 1,000 |\n|---|---|---|")
    for way in ways:
        cells = [f"{statistics.median(rates[way, size]):,.0f}" for size in (20, 1000)]
        print(f"| {way} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
