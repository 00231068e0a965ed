"""One event that is queued already, in the process that caused it: ``python -m benchmarks.one``.

What it takes to have it, by ``read()`` and by ``next()`` of an iteration, beside inotify_simple's ``read()``. Time
of the processor, of this thread; the median of each round, and of those the least. The calls of Python made
on the way are counted as well: they do not depend on the machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from typing import Any, Callable

from inotify_cffi import Mask, Watcher

EVENTS = 300


def median(path: str, take: Callable[[], Any]) -> float:
    """Return the median of the microseconds that it takes to have an event."""
    took = []
    for _ in range(EVENTS):
        os.utime(path)
        begin = time.thread_time_ns()
        take()
        took.append(time.thread_time_ns() - begin)
    return statistics.median(took) / 1000


def calls(path: str, take: Callable[[], Any]) -> int:
    """Return how many calls of Python are made for an event."""
    os.utime(path)
    made = []
    sys.setprofile(lambda frame, what, _: made.append(frame.f_code.co_name) if what == "call" else None)
    try:
        take()
    finally:
        sys.setprofile(None)
    # But for the function that takes it.
    return len(made)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one", description="Measure one event.")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    ways: dict[str, tuple[str, Callable[[], Any]]] = {}
    with tempfile.TemporaryDirectory() as top:
        paths = [f"{top}/{name}/file" for name in ("theirs", "read", "next")]
        for path in paths:
            os.mkdir(os.path.dirname(path))
            with open(path, "wb"):
                pass
        try:
            import inotify_simple
        except ImportError:
            print("inotify_simple is not installed, so there is nothing beside it")
        else:
            simple = inotify_simple.INotify()
            simple.add_watch(os.path.dirname(paths[0]), int(Mask.CHANGES))
            ways["inotify_simple"] = paths[0], simple.read
        with Watcher(os.path.dirname(paths[1])) as first, Watcher(os.path.dirname(paths[2])) as second:
            iteration = iter(second)
            ways["read()"] = paths[1], first.read
            ways["next()"] = paths[2], lambda: next(iteration)
            took: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(options.rounds):
                for way, one in ways.items():
                    took[way].append(median(*one))
            counts = {way: calls(*one) for way, one in ways.items()}
    print(f"{platform.python_implementation()} {platform.python_version()}")
    least = min(next(iter(took.values())))
    print("| | µs an event | times the first | calls of Python |\n|---|---|---|---|")
    for way, values in took.items():
        print(f"| {way} | {min(values):.2f} | {min(values) / least:.2f} | {counts[way]} |")


if __name__ == "__main__":
    main()
