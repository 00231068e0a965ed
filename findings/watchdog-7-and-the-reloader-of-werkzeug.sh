#!/usr/bin/env bash
# watchdog 7.1.0 and werkzeug 3.1.3 (flask's reloader): with both installed a change of the program is never noticed.
#
# With watchdog installed, werkzeug's reloader waits for events of a PatternMatchingEventHandler, with patterns like
# "*.py". One would guess that these match a path that ends in .py, for with watchdog 6.0.0 they do. With 7.1.0 "*" does not
# pass a slash: no path in a directory matches "*.py", and every path that the observer tells is in one ("**/*.py" does
# match). Nothing says so: the reloader starts, watches, and waits for ever. Whoever upgrades watchdog alone has a
# "flask run --debug" that does not reload any more.
# Seen on 2026-11-29, CPython 3.11.7 (once at the start, and again after the file was changed):
#   watchdog 6.0.0: the program was started 2 times
#   watchdog 7.1.0: the program was started 1 times
# The same with werkzeug 3.1.9 in place of 3.1.3.
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/app.py" <<'P'
import os
import sys

from werkzeug.serving import run_simple

if os.environ.get("WERKZEUG_RUN_MAIN"):
    print("started", flush=True)
run_simple("127.0.0.1", int(sys.argv[1]), lambda *_: [], use_reloader=True, reloader_type="watchdog")
P
cat >"$work/judge.py" <<'P'
import os
import signal
import socket
import subprocess
import sys
import threading
import time

program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "app.py")
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
child = subprocess.Popen(
    [sys.executable, program, str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
)
starts = []
threading.Thread(target=lambda: [starts.append(line) for line in child.stdout], daemon=True).start()


def until(count, seconds):
    end = time.monotonic() + seconds
    while len(starts) < count and time.monotonic() < end:
        time.sleep(0.05)


until(1, 30)
# The observer is started a moment later.
time.sleep(2)
os.utime(program)
with open(program, "a") as file:
    file.write("\n")
until(2, 6)
os.killpg(child.pid, signal.SIGKILL)
print(f"watchdog {sys.argv[1]}: the program was started {len(starts)} times")
sys.exit(len(starts) != int(sys.argv[2]))
P
differs=0
for expected in "6.0.0 2" "7.1.0 1"; do
    read -r version starts <<<"$expected"
    python3 -m venv "$work/env-$version"
    "$work/env-$version/bin/pip" install -q --disable-pip-version-check "watchdog==$version" werkzeug==3.1.3 2>/dev/null
    "$work/env-$version/bin/python" "$work/judge.py" "$version" "$starts" || differs=1
done
exit "$differs"
