#!/usr/bin/env bash
# watchfiles 1.3.0: with force_polling a file that is replaced by an older one, with "cp -p", is never told as changed.
#
# force_polling (WATCHFILES_FORCE_POLLING) is for file systems that say nothing: Docker's mounts, NFS. One would guess that a
# poller tells each file whose time is another one than before. watchfiles tells only a file whose time is later. What is
# copied with its time from elsewhere is often older: a deployment by "rsync -a" that goes back to the release before, "tar x",
# "cp -p" of a backup, "git stash" with a tool that restores times. The program goes on with what it had, and nothing says so.
# Without force_polling the same is told.
# Seen on 2026-11-29, CPython 3.11.7 ("told" is what the next two seconds brought):
#   force_polling, a newer file: told
#   force_polling, an older file: not told
#   inotify, an older file: told
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check watchfiles==1.3.0 2>/dev/null
cat >"$work/judge.py" <<'P'
import os
import shutil
import sys

from watchfiles import watch


def judge(polls, age_s):
    place = os.path.join(sys.argv[1], f"{polls}{age_s}")
    os.makedirs(place + "/watched")
    file, other = place + "/watched/settings", place + "/other"
    for path, content in ((file, "now"), (other, "another content")):
        with open(path, "w") as out:
            out.write(content)
    now = os.stat(file).st_mtime
    os.utime(other, (now - age_s, now - age_s))
    options = {"force_polling": polls, "poll_delay_ms": 100, "yield_on_timeout": True, "rust_timeout": 2000}
    told = watch(place + "/watched", **options)
    # It watches from here on.
    assert next(told) == set()
    shutil.copy2(other, file)
    came = next(told)
    told.close()
    print(f"{'force_polling' if polls else 'inotify'}, {'an older' if age_s > 0 else 'a newer'} file: {'told' if came else 'not told'}")
    return bool(came)


found = [judge(True, -60), judge(True, 60), judge(False, 60)]
sys.exit(found != [True, False, True])
P
"$work/env/bin/python" "$work/judge.py" "$work"
