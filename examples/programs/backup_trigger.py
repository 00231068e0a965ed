"""Run a backup when a tree has changed and is quiet again: ``backup_trigger.py DIRECTORY COMMAND...``.

The command is run in the directory and gets on its standard input what has changed and is there: names relative to
it, each ended by NUL, as ``tar --null --no-recursion --files-from=-`` and ``rsync --from0 --files-from=-`` take
them. When it fails, its names are in the next one, too.
"""

from __future__ import annotations

import os
import subprocess
import sys

from inotify_cffi import Mask, Watcher

QUIET_S = 0.5
AT_MOST_S = 60.0


def names_of(paths: set[str], directory: str) -> list[str]:
    """Return the names that are still there, parents first."""
    return sorted(os.path.relpath(path, directory) for path in paths if os.path.lexists(path))


def main(directory: str, *command: str) -> None:
    """Go on until Ctrl-C."""
    changed: set[str] = set()
    with Watcher(directory, mask=Mask.CHANGES) as watcher:
        print("ready", flush=True)
        for events in watcher.batches(quiet_s=QUIET_S, at_most_s=AT_MOST_S):
            # What the kernel's queue lost comes as events behind the overflow; an event without a path has none.
            changed.update(event.path for event in events if event.path)
            names = names_of(changed, directory)
            if not names:
                changed.clear()
                continue
            text = "".join(name + "\0" for name in names)
            done = subprocess.run(command, cwd=directory, input=os.fsencode(text), check=False)
            if done.returncode == 0:
                changed.clear()
            print(f"{len(names)} names, exit code {done.returncode}", flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
