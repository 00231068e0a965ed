#!/usr/bin/env bash
# asyncinotify 4.4.4: InitFlags.NONBLOCK is CLOEXEC, so its descriptor is one that blocks.
#
# NONBLOCK is documented as "set the O_NONBLOCK file status flag", and sync_get() as one that gives "a blocking error if you've
# opened this in nonblocking mode"; both flags are the default. One would guess that a descriptor that was opened with NONBLOCK
# is non-blocking. NONBLOCK has the value of O_CLOEXEC (a slip of the pen), so it is not, in each mode, and sync_get() without an
# event waits for one. With asyncio nobody notices, for there it is read only when it is readable.
# Seen on 2026-11-29, CPython 3.11.7:
#   NONBLOCK is CLOEXEC: True; O_NONBLOCK is set: False
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check asyncinotify==4.4.4 2>/dev/null
"$work/env/bin/python" - "$work" <<'P'
import fcntl
import os
import sys

from asyncinotify import InitFlags, Inotify, Mask

inotify = Inotify(InitFlags.NONBLOCK)
inotify.add_watch(sys.argv[1], Mask.CREATE)
same = InitFlags.NONBLOCK == InitFlags.CLOEXEC
is_set = bool(fcntl.fcntl(inotify.fd, fcntl.F_GETFL) & os.O_NONBLOCK)
print(f"NONBLOCK is CLOEXEC: {same}; O_NONBLOCK is set: {is_set}")
sys.exit((same, is_set) != (True, False))
P
