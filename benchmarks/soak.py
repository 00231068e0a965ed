"""A million events through one watcher: does it keep anything? ``python -m benchmarks.soak``.

Files and directories are created, renamed and deleted, over and over, and the tree is empty again after each
round. The memory (RSS) after the first tenth, when caches and arenas have found their size, is held against that
at the end. The exit code is 1 where it grew by more than --limit, or where what was told is not what was done.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
import tempfile
from typing import Iterator

from benchmarks import environment

FILES = 50
# What one round causes: the files are created, renamed and deleted, and so is the directory they are in.
# A rename is two events.
EVENTS = 4 * FILES + 4


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def work(root: str, number: int) -> Iterator[None]:
    """Cause the events of one round below *root*, a step at a time; nothing is left of it."""
    first, second = f"{root}/a{number}", f"{root}/b{number}"
    names = [f"{number}-{file}" for file in range(FILES)]
    os.mkdir(first)
    # What comes and goes before it is read can not be told. So each step ends where the watcher looks.
    yield
    for name in names:
        os.mknod(f"{first}/{name}")
    os.rename(first, second)
    yield
    for name in names:
        os.rename(f"{second}/{name}", f"{second}/{name}.renamed")
    yield
    for name in names:
        os.unlink(f"{second}/{name}.renamed")
    os.rmdir(second)
    yield


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Look for memory that is kept.")
    parser.add_argument("--events", type=int, default=1_000_000, help="how many (default: a million)")
    parser.add_argument("--limit", type=float, default=2.0, help="growth allowed, in per cent (default: 2)")
    options = parser.parse_args(arguments)

    from inotify_cffi import Watcher

    rounds = max(10, options.events // EVENTS)
    seen = 0
    first = 0
    with tempfile.TemporaryDirectory() as root, contextlib.ExitStack() as stack:
        with environment.steady("max_queued_events") as limit:
            if int(limit.read_text()) <= EVENTS:
                print(
                    f"soak: a step must fit in the queue: fs.inotify.max_queued_events > {EVENTS}", file=sys.stderr
                )
                return 1
            watcher = stack.enter_context(Watcher(root))
        for number in range(rounds):
            for _ in work(root, number):
                seen += len(watcher.sync())
            if number == rounds // 10:
                first = resident()
        last = resident()
        left = len(watcher.snapshot())
        watches = watcher.stats()["watches"]
    growth = 100 * (last - first) / first
    expected = rounds * EVENTS
    print(f"{seen:,} events of {expected:,}; {left} entries left, {watches} watches")
    print(f"RSS {first / 1024:,.0f} KiB after the first tenth, {last / 1024:,.0f} KiB at the end: {growth:+.2f} %")
    return 0 if growth <= options.limit and seen == expected and left == 0 and watches == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
