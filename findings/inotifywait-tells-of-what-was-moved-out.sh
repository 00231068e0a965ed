#!/usr/bin/env bash
# inotifywait -m -r (inotify-tools 3.22.6.0, Debian): what was moved out of the tree goes on being told, under its old path.
#
# A directory is moved out of the watched tree. One would guess that it is watched no more: inotifywait notices such a move, and removes
# the watch. It removes that of the directory itself and leaves those of the directories below it, so what happens in
# them is told with a path in the tree that is not there any more. A script that does something to the path fails, or does it to another file
# that has come to that path.
# Seen on 2026-11-29:
#   tree/a/b/ CREATE file
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
mkdir -p tree/a/b outside
inotifywait -m -r -e create,move tree >out 2>err &
until grep -q "Watches established" err; do sleep 0.05; done
mv tree/a outside/a
# The watch of tree/a is removed when the next event is there.
touch tree/next
until grep -q next out; do sleep 0.05; done
touch outside/a/b/file
for _ in $(seq 40); do
    if grep "b/ CREATE file" out; then exit 0; fi
    sleep 0.05
done
echo "nothing is told"
exit 1
