#!/usr/bin/env bash
# SQLite (3.40.1, and 3.51.1 of pysqlite3-binary 0.5.4.post2): a database that is renamed over one in use shows the rows of the old one.
#
# A program has a database open in WAL mode. Another one is made, closed cleanly, so it is one complete file, and
# renamed over it, as one replaces any file; then the program closes the old one. One would guess that the name has
# the new rows now: the WAL beside it has a salt and checksums, and its last user has closed. But a connection whose
# file was renamed away leaves its WAL behind, nothing in the WAL says whose it is, and whoever opens the name next replays it
# over the new file: the old rows are back, the new ones are gone, and the integrity check says ok.
# Seen on 2026-11-28 (3.40.1 of the interpreter; the pinned package says its own version):
#   ['old', 'old', 'old'] [('ok',)]
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check pysqlite3-binary==0.5.4.post2 2>/dev/null
"$work/env/bin/python" - "$work" <<'P'
import os
import sqlite3
import sys

import pysqlite3

is_so = True
for module in (sqlite3, pysqlite3):
    name = f"{sys.argv[1]}/{module.__name__}"

    def make(file, row):
        connection = module.connect(file, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("CREATE TABLE t (x)")
        for _ in range(3):
            connection.execute("INSERT INTO t VALUES (?)", (row,))
        return connection

    old = make(name, "old")
    make(name + "-new", "new").close()
    assert not os.path.exists(name + "-new-wal")
    os.rename(name + "-new", name)
    old.close()
    connection = module.connect(name)
    rows = [row for (row,) in connection.execute("SELECT x FROM t")]
    check = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    print(module.__name__, module.sqlite_version, rows, check)
    is_so = is_so and rows == ["old"] * 3 and check == [("ok",)]
sys.exit(not is_so)
P
