#!/usr/bin/env bash
# inotify_simple 2.0.1: the thread in its documentation dies of its first event.
#
# The documentation's only example of a clean end ("Gracefully exit a blocking read()") is a thread that waits for events and for
# a pipe. One would guess that it can be copied. Its run() has "flags = [... flags.from_mask(event.mask)]": as it assigns to
# flags, the module's flags is hidden in the whole method, and the first event is an UnboundLocalError. What is left is a program whose thread
# is gone, which only a traceback on the standard error tells. Here is what matters of it, in other words.
# Seen on 2026-11-29, CPython 3.11.7:
#   UnboundLocalError
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check inotify_simple==2.0.1 2>/dev/null
mkdir "$work/root"
"$work/env/bin/python" - "$work/root" <<'P'
import os
import sys
import threading

from inotify_simple import INotify, flags, masks

inotify = INotify()
inotify.add_watch(sys.argv[1], masks.ALL_EVENTS)
ends = []
threading.excepthook = lambda args: ends.append(args.exc_type.__name__)


def run():
    for event in inotify.read(timeout=5000):
        flags = [flag.name for flag in flags.from_mask(event.mask)]
        print(event, flags)


os.mkdir(os.path.join(sys.argv[1], "new"))
thread = threading.Thread(target=run)
thread.start()
thread.join()
print(*ends or ["no error"])
sys.exit(ends != ["UnboundLocalError"])
P
