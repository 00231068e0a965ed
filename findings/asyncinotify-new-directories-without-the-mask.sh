#!/usr/bin/env bash
# asyncinotify 4.4.4: RecursiveInotify forgets the mask in directories that are made later.
#
# add_recursive_watch(path, mask) "adds a watch for the directory and all subdirectories", and "automatically adds
# subdirectories as they are added". One would guess that they are watched for the same. They are watched for creations and moves
# only: the mask is looked up by the path of the new directory, which is in no table yet, and not by that of its parent. So
# whoever waits for CLOSE_WRITE hears of the files in directories that were there at the start, and never of one in a new directory; a test
# that writes into a directory that was there before does not notice.
# Seen on 2026-11-29, CPython 3.11.7:
#   in an old directory: CLOSE_WRITE; in a new one: nothing
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check asyncinotify==4.4.4 2>/dev/null
mkdir -p "$work/root/old"
"$work/env/bin/python" - "$work/root" <<'P'
import sys
from pathlib import Path

from asyncinotify import Mask, RecursiveInotify

root = Path(sys.argv[1])
inotify = RecursiveInotify()
inotify.sync_timeout = 0.5
inotify.add_recursive_watch(root, Mask.CLOSE_WRITE)
written = {}
for name in ("old", "new"):
    (root / name).mkdir(exist_ok=True)
    # Until it is quiet: then the directory is watched.
    list(inotify)
    (root / name / "file").write_text("x")
    written[name] = any(Mask.CLOSE_WRITE in event.mask for event in inotify)
said = {True: "CLOSE_WRITE", False: "nothing"}
print(f"in an old directory: {said[written['old']]}; in a new one: {said[written['new']]}")
sys.exit(written != {"old": True, "new": False})
P
