#!/usr/bin/env bash
# SQLite (3.40.1, and 3.51.1 of pysqlite3-binary 0.5.4.post2): a connection that is read-only deletes the WAL of a database that is open elsewhere.
#
# A program has a database open in WAL mode; its rows are in the WAL. The file itself is made empty, as "copytruncate"
# of logrotate does it with all files of a directory. Another program opens it with mode=ro and asks for user_version.
# One would guess that it changes nothing, for it may only read, or that it reads the rows, which the WAL has still.
# It says 0, and the WAL is gone: of a file with no page SQLite deletes the WAL that it finds beside it, whatever the mode
# and whoever has it open. The program that writes does not notice: it goes on in a WAL that has no name.
# Seen on 2026-11-29 (3.40.1 of the interpreter; the pinned package says its own version):
#   user_version [(0,)], WAL before: True, after: False, the writer reads [(1,)] and writes on
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
    writer = module.connect(name, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL").fetchall()
    writer.execute("CREATE TABLE t (x)")
    writer.execute("INSERT INTO t VALUES (1)")
    os.truncate(name, 0)
    before = os.path.exists(name + "-wal")
    reader = module.connect(f"file:{name}?mode=ro", uri=True)
    version = reader.execute("PRAGMA user_version").fetchall()
    reader.close()
    after = os.path.exists(name + "-wal")
    rows = writer.execute("SELECT x FROM t").fetchall()
    writer.execute("INSERT INTO t VALUES (2)")
    writer.close()
    print(module.__name__, module.sqlite_version, f"user_version {version}, WAL before: {before}, after: {after},", end=" ")
    print(f"the writer reads {rows} and writes on")
    is_so = is_so and before and not after and rows == [(1,)]
sys.exit(not is_so)
P
