"""Latency: from a write in another process to the handler, which is called with the event's path.

The handler is called where each is fastest without an event loop, and in asyncio; this library's also in its other
ways. All are held against the C limit, which blocks in read(2).

Each write waits for the answer to the one before, and a little longer, so that the watcher waits again when it
comes. Writer and handler read the same clock (CLOCK_MONOTONIC), and run on a processor each.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import time
from typing import TYPE_CHECKING

from benchmarks.context import Reading
from benchmarks.process import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.context import Context, Who
    from benchmarks.process import Measured

__all__ = ["measure"]

NAME = "ping"
# How long the watcher is left to itself between two writes.
PAUSE_S = 0.001
# Who is slow gets fewer writes rather than hours.
LONGEST_S = 4.0

LINES = (", p50", ", p99")

# The ways, and what they are in the table; the first is what a contender's handle() does.
WAYS = {
    "": "latency",
    "read": "latency of read()",
    "hook": "latency of a plugin's hook",
    "asyncio": "latency in asyncio",
    "trio": "latency in trio",
}


def measure(context: Context, who: Who) -> list[Reading]:
    """Measure each way of a contender; the limit's one figure is held against all of them."""
    if who.use is None:
        figures = _measure(context, who, "")
        return [reading._replace(line=WAYS[way] + reading.line) for way in WAYS for reading in figures]
    readings = []
    for way in ["", *who.use.ways]:
        if way == "trio" and not _has(who, way):
            continue
        try:
            figures = _measure(context, who, way)
        except Failed as failed:
            # It takes no part in the lines of the other ways, and is not to be named there.
            figures = [Reading(line, None, f"failed: {failed}") for line in LINES]
        readings += [reading._replace(line=WAYS[way] + reading.line) for reading in figures]
    return readings


def _has(who: Who, module: str) -> bool:
    done = subprocess.run([who.program, "-c", f"import {module}"], check=False, cwd="/", capture_output=True)
    return done.returncode == 0


def _measure(context: Context, who: Who, way: str) -> list[Reading]:
    """Write to a file again and again; the median and the 99th percentile of the delays, in µs."""
    root = context.trees.fresh()
    path = f"{root}/{NAME}"
    os.mknod(path, 0o600)
    with context.start(who, "latency", root, last=NAME, name=NAME, way=way) as process:
        if process.line() != "ready":
            raise Failed("it did not get ready")
        fd = os.open(path, os.O_WRONLY)
        try:
            with _apart(process.pid):
                delays = _ping(process, fd, context.sizes.pings)
        finally:
            os.close(fd)
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    note = "" if len(delays) == context.sizes.pings else f"{len(delays)} writes"
    return [Reading(line, cuts[cut], note) for line, cut in zip(LINES, (49, 98))]


@contextlib.contextmanager
def _apart(pid: int) -> Iterator[None]:
    """Keep the writer on one processor and all threads of a process on another, if there are two.

    Else it is chance whether a wake-up goes to another processor, which costs several times as much.
    """
    # PyPy can not tell.
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(allowed) < 2:
        yield
        return
    for thread in os.listdir(f"/proc/{pid}/task"):
        # One that was for the start only may have ended meanwhile.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), {allowed[-1]})
    os.sched_setaffinity(0, {allowed[0]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _ping(process: Measured, fd: int, count: int) -> list[float]:
    delays: list[float] = []
    enough = time.monotonic() + LONGEST_S
    # The first few warm up what is warm in a process that has run for a while.
    for number in range(-10, count):
        time.sleep(PAUSE_S)
        process.forget_lines()
        began = time.monotonic_ns()
        os.pwrite(fd, b"x", 0)
        handled = int(process.line())
        if number >= 0:
            delays.append((handled - began) / 1000)
        if len(delays) > 1 and time.monotonic() > enough:
            break
    return delays
