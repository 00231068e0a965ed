#!/usr/bin/env bash
# asyncinotify 4.4.4: a get() that is cancelled at the wrong moment loses all that it had read.
#
# get() is awaited with a timeout by asyncio.wait_for, which cancels it. One would guess that an event that came just then
# is given by the next get(), for the events are read in bulk and kept. They are read by the callback of the descriptor, and kept by
# the task, when it runs next; if it is cancelled in between, the callback's result is dropped with its future. Nothing says so.
# Here the moment is made: the callback has run, the task has not yet.
# Seen on 2026-11-29, CPython 3.11.7:
#   made: a b c, told: c
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check asyncinotify==4.4.4 2>/dev/null
mkdir "$work/root"
"$work/env/bin/python" - "$work/root" <<'P'
import asyncio
import contextlib
import sys
from pathlib import Path

from asyncinotify import Inotify, Mask

root = Path(sys.argv[1])


async def main():
    told = []
    with Inotify() as inotify:
        inotify.add_watch(root, Mask.CREATE)
        waiting = asyncio.ensure_future(inotify.get())
        # It waits for the descriptor now.
        await asyncio.sleep(0)
        for name in "ab":
            (root / name).touch()
        # One turn: the descriptor is readable, its callback runs.
        await asyncio.sleep(0)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            told.append(str((await waiting).name))
        (root / "c").touch()
        while "c" not in told:
            told.append(str((await asyncio.wait_for(inotify.get(), 5)).name))
    print("made: a b c, told:", *told)
    return told


sys.exit(asyncio.run(main()) != ["c"])
P
