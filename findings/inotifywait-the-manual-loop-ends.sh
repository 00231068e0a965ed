#!/usr/bin/env bash
# inotifywait (inotify-tools 3.22.6.0, Debian): the loop in its manual ends at the first change, and never runs its body.
#
# Example 2 of inotifywait(1) is "while ! inotifywait -e modify FILE; do ...; done", to act on each line that a log
# gets. One would guess that the body runs at each change. The exit code of an event is 0, as the same manual says, so "!" makes the
# condition false: the loop is over. Only an error (the file is not there) runs the body, without end. It is copied a lot.
# Seen on 2026-11-29:
#   the body was run 0 times, the loop is over
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'kill %1 2>/dev/null || true; rm -rf "$work"' EXIT
for package in inotify-tools libinotifytools0; do
    (cd "$work" && apt-get download -q "$package=3.22.6.0-4" >/dev/null 2>&1)
    dpkg -x "$work/$package"_*.deb "$work/tools"
done
PATH=$work/tools/usr/bin:$PATH
LD_LIBRARY_PATH=$(dirname "$(find "$work/tools" -name "libinotifytools.so.0")")
export LD_LIBRARY_PATH
echo one >"$work/log"
# Writes until the loop is over.
(until [ -e "$work/over" ]; do echo more >>"$work/log"; sleep 0.2; done) &
runs=0
while ! inotifywait -q -t 10 -e modify "$work/log" >/dev/null; do
    runs=$((runs + 1))
    [ "$runs" -lt 3 ] || break
done
touch "$work/over"
wait
echo "the body was run $runs times, the loop is over"
[ "$runs" -eq 0 ]
