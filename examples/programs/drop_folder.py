"""Take each finished file of a drop folder into SQLite: ``drop_folder.py FOLDER DATABASE``.

A file is taken when it is complete, and once: its row is written first, then it is moved to ``FOLDER.done``. A
program that is killed in between finds the file again at its next start, and the row that it has.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import sys
from contextlib import closing

from inotify_cffi import Dispatcher, Watcher, hookimpl

TABLE = """
CREATE TABLE IF NOT EXISTS files (
    name TEXT NOT NULL, sha256 TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (name, sha256)
)"""


class Intake:
    """The plugin: one row for each finished file."""

    def __init__(self, database: sqlite3.Connection, done: str) -> None:
        self._database = database
        self._done = done
        self._database.execute(TABLE)
        os.makedirs(done, exist_ok=True)

    @hookimpl
    def inotify_settled(self, path: str) -> None:
        """Keep a file, then move it away."""
        name = os.path.basename(path)
        with open(path, "rb") as stream:
            content = stream.read()
        digest = hashlib.sha256(content).hexdigest()
        with self._database:
            row = (os.fsencode(name).decode(errors="replace"), digest, content)
            self._database.execute("INSERT OR IGNORE INTO files VALUES (?, ?, ?)", row)
        os.replace(path, os.path.join(self._done, name))
        print("taken:", name, len(content), flush=True)


def main(folder: str, database: str) -> None:
    """Go on until SIGTERM or Ctrl-C."""
    os.makedirs(folder, exist_ok=True)
    dispatcher = Dispatcher(settle_s=0.2)
    with closing(sqlite3.connect(database)) as connection, Watcher(folder, existing=True) as watcher:
        dispatcher.register(Intake(connection, folder.rstrip("/") + ".done"))
        signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
        print("ready", flush=True)
        dispatcher.run(watcher)


if __name__ == "__main__":
    main(*sys.argv[1:])
