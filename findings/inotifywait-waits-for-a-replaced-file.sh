#!/usr/bin/env bash
# inotifywait -m (inotify-tools 3.22.6.0, Debian): after its file was replaced it waits for ever, and says nothing.
#
# Editors, package managers and configuration systems replace a file by a rename. The manual says that after DELETE_SELF the file "is
# no longer being watched", and that this event can come without being asked for; and that the exit code is 1 if "something happens which
# forcibly removes the watch". One would guess that inotifywait -m FILE ends then, or prints that event. It does neither: with no
# watch left it goes on waiting, so a service that reloads at each change does so for the last time before the first upgrade.
# Seen on 2026-11-29:
#   told: conf CLOSE_WRITE,CLOSE; it runs, with 0 watches
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
cd "$work"
echo 1 >conf
inotifywait -m -e close_write conf >out 2>err &
until grep -q "Watches established" err; do sleep 0.05; done
process=$!
watches() { cat /proc/"$process"/fdinfo/* 2>/dev/null | grep -c ^inotify || true; }
echo 2 >conf
echo 3 >conf.new
mv conf.new conf
for _ in $(seq 100); do
    [ "$(watches)" = 0 ] && break
    sleep 0.05
done
echo 4 >conf
sleep 1
runs=no
kill -0 "$process" && runs=it
told=$(sed 's/ *$//' out | paste -sd,)
echo "told: $told; $runs runs, with $(watches) watches"
[ "$told" = "conf CLOSE_WRITE,CLOSE" ] && [ "$runs" = it ] && [ "$(watches)" = 0 ]
