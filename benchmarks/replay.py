"""Is the stream the file system? Clone, switch branches and delete under a watcher, and replay its lines.

    python benchmarks/replay.py --times 10

makes a repository of some thousand files with branches that move, lack and replace them, and watches an empty
directory with ``inotify-cffi watch --format json`` while it is cloned into it, its branches are switched and it is
deleted; by one writer, and by four at once. After each step the replayed lines have to be the listing, exactly.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "tests"))

from replaying import Divergence, Replay, Watching, clone_and_delete, listing, make_repository


def once(source: str, place: str, writers: int) -> int:
    """Live one life of each writer's clone; the number of events. Raises Divergence."""
    root = tempfile.mkdtemp(dir=place)
    replay = Replay()
    with Watching("watch", "--format", "json", root) as watching:
        lives = [clone_and_delete(source, os.path.join(root, f"clone{number}")) for number in range(writers)]
        for step in range(len(lives[0])):
            processes = [subprocess.Popen(steps[step]) for steps in lives]
            # The lines have to be read meanwhile: a pipe holds few.
            while any(process.poll() is None for process in processes):
                replay.apply(watching.event()) if watching.waits(0.1) else None
            if any(process.wait() for process in processes):
                raise RuntimeError("git failed")
            watching.follow(replay, root)
        watching.end()
        for line in watching.left():
            replay.apply(json.loads(line))
    if replay.entries != listing(root):
        raise Divergence("different after the end")
    return replay.events


def main() -> int:
    """Run it so many times; 1 if any differed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--directories", type=int, default=300)
    parser.add_argument("--files", type=int, default=10, help="in each directory")
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        source = os.path.join(place, "source")
        make_repository(source, directories=options.directories, files=options.files)
        for writers in options.writers:
            for number in range(1, options.times + 1):
                began = time.monotonic()
                try:
                    events = once(source, place, writers)
                    print(f"{writers} writer(s), run {number}: the same, {events} events", end="")
                except Divergence as error:
                    failed += 1
                    print(f"{writers} writer(s), run {number}: DIFFERENT: {error}", end="")
                print(f", {time.monotonic() - began:.1f} s", flush=True)
    runs = len(options.writers) * options.times
    print(f"{runs - failed} of {runs} the same")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
