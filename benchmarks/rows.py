"""The rows of the table, each with the check that makes its figure worth anything."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import time
from typing import TYPE_CHECKING, Any

from benchmarks import consumer, latency
from benchmarks.context import DRAINS, TIMES, Reading, Row, lost
from benchmarks.environment import steady
from benchmarks.process import Failed
from benchmarks.workload import EVENTS_PER_FILE, LAST, queue_events

if TYPE_CHECKING:
    from benchmarks.context import Context, Who
    from benchmarks.process import Measured

__all__ = ["ROWS"]


def _drained(context: Context, who: Who, line: str, directories: list[str], *, recursive: bool) -> list[Reading]:
    lasts = [f"{directories[0]}/{LAST}{number}" for number in range(DRAINS)]
    readings: list[Reading] = []
    with contextlib.ExitStack() as stack:
        with steady("max_queued_events"):
            process = stack.enter_context(
                context.start(who, "drain", directories[0], recursive=recursive, last=lasts[0][:-1], rounds=DRAINS)
            )
            process.wait_stopped()
        for last in lasts:
            if readings:
                process.wait_stopped()
            files = queue_events(directories, context.sizes.events, last)
            stack.callback(os.unlink, last)
            began = process.go_on()
            readings.append(_drain_reading(context, line, process.result(), began, files))
            if readings[-1].value is None:
                break
    # Who uses the library in another way is warm or cold as it is itself.
    if who.use is None or "(" not in who.use.name:
        return [readings[-1], readings[0]._replace(line=f"the first time: {line}")]
    return [readings[-1]]


def _drain_reading(context: Context, line: str, result: dict[str, Any], began: int, files: int) -> Reading:
    events = EVENTS_PER_FILE * files + 1
    notes = []
    if result.get("counts") == "paths":
        # Who merges events has nothing to lose but paths.
        notes += ["merged", lost(result["seen"], files + 1)]
    else:
        notes.append(lost(result["seen"], events))
    if result.get("late"):
        return Reading(line, None, f"not done in {context.timeout:.0f} s, {notes[-1]}")
    return Reading(line, (result["ended"] - began) / events, ", ".join(filter(None, notes)))


def drain(context: Context, who: Who) -> list[Reading]:
    """A full queue of one directory, read to its end; the first of a process, and one when it is warm."""
    line = f"drain {context.sizes.events:,} events, one directory"
    return _drained(context, who, line, [context.quick_trees.fresh()], recursive=False)


def drain_tree(context: Context, who: Who) -> list[Reading]:
    """A full queue with events from each directory of a tree; the same two."""
    tree = context.quick_trees.get(context.sizes.tree, 0)
    line = f"drain {context.sizes.events:,} events, tree of {context.sizes.tree:,}"
    return _drained(context, who, line, tree, recursive=True)


def crawl(context: Context, who: Who) -> list[Reading]:
    """Watch trees of several sizes, with five files in each directory."""
    readings = []
    for size in context.sizes.crawls:
        tree = context.trees.get(size, 5)
        with context.start(who, "crawl", tree[0]) as process:
            result = process.result()
        note = lost(result["watches"], len(tree))
        readings.append(Reading(f"crawl {size:,} directories", result["took"] / len(tree) / 1000, note))
    return readings


def memory(context: Context, who: Who) -> list[Reading]:
    """What a tree costs in the process's own memory; what the kernel needs for its watches is not in it."""
    if who.use is None:
        return []
    size = context.sizes.tree
    figures = []
    for files in (0, 5):
        tree = context.trees.get(size, files)
        with context.start(who, "memory", tree[0]) as process:
            result = process.result()
        if result["watches"] != len(tree):
            return [Reading("memory a directory", None, lost(result["watches"], len(tree)))]
        figures.append(result["memory"])
    readings = [Reading("memory a directory", figures[0] / size)]
    if who.use.knows_entries:
        readings.append(Reading("memory an entry", (figures[1] - figures[0]) / (5 * size)))
    return readings


def thread(context: Context, who: Who) -> list[Reading]:
    """Another thread, counting, while a tree is crawled."""
    if who.use is None:
        return []
    tree = context.trees.get(context.sizes.crawls[-1], 5)
    with context.start(who, "stall", tree[0]) as process:
        result = process.result()
    note = lost(result["watches"], len(tree))
    return [
        Reading("another thread during a crawl: speed, of 1 alone", result["speed"], note),
        Reading("another thread during a crawl: longest stall, ms", 1000 * result["longest"], note),
    ]


RENAMES = 5
PROBES = "probe"


def rename(context: Context, who: Who) -> list[Reading]:
    """Rename a directory with many below it; the time until an event below it comes with its new path.

    It goes there and back again: the first time is a figure of its own, for then nobody is warm.
    """
    count = context.sizes.renamed
    tree = context.trees.get(count, 0)
    lines = [f"rename, {count:,} directories below", f"the first rename, {count:,} directories below"]
    # The root's first directory holds a tenth of the tree; so the tree itself is put into another root.
    root = context.trees.fresh()
    places = [f"{root}/new/", f"{root}/old/"]
    os.rename(tree[0], places[1])
    deepest = tree[-1][len(tree[0]) + 1 :]
    took: list[float] = []
    stale = 0
    try:
        with context.start(who, "rename", root, last=PROBES, places=places) as process:
            process.line()
            for number in range(RENAMES):
                new, old = places[number % 2], places[1 - number % 2]
                began = time.monotonic_ns()
                os.rename(old, new)
                said = _probed(process, f"{new}{deepest}/{PROBES}{number}-", began + context.timeout * 1e9)
                if not said:
                    break
                took.append((int(said[0]) - began) / 1000)
                stale += int(said[1]) if len(said) > 1 else 0
    finally:
        os.rename(next(place for place in places if os.path.exists(place)), tree[0])
    note = "stale paths first" if stale else ""
    if len(took) < RENAMES:
        note = note or f"not done in {context.timeout:.0f} s"
        return [Reading(lines[0], None, note), Reading(lines[1], took[0] if took else None, note)]
    return [Reading(lines[0], statistics.median(took[1:]), note), Reading(lines[1], took[0], note)]


def _probed(process: Measured, path: str, ends: float) -> list[str]:
    """Make files until the process says that it has seen one, and remove them; what it says, or nothing.

    Who watches the tree anew does not hear what happens meanwhile, and so gets another chance.
    """
    number = 0
    try:
        while time.monotonic_ns() < ends:
            os.mknod(f"{path}{number:06d}")
            number += 1
            if process.speaks(0.001 if number < 5 else 0.01):
                said = process.line().split()
                return said if said[0].isdigit() else []
        return []
    finally:
        for probe in range(number):
            os.unlink(f"{path}{probe:06d}")


def idle(context: Context, who: Who) -> list[Reading]:
    """Wake-ups of a watcher that waits and to which nothing happens."""
    tree = context.trees.get(context.sizes.watches, 0)
    line = f"idle with {context.sizes.watches:,} watches"
    with context.start(who, "idle", tree[0]) as process:
        said = process.line().split()
        # It has said so just before it begins to wait.
        time.sleep(0.3)
        before = process.switches()
        time.sleep(context.sizes.seconds)
        woken = process.switches() - before
        if process.speaks():
            raise Failed("it ended")
    note = lost(int(said[1]), len(tree)) if len(said) > 1 else ""
    return [Reading(line, woken / context.sizes.seconds, note)]


def imports(context: Context, who: Who) -> list[Reading]:
    """The time of an interpreter that imports it, against one that does nothing."""
    if who.use is None:
        return []

    def seconds(code: str) -> float:
        began = time.perf_counter()
        done = subprocess.run([who.program, "-c", code], check=False, cwd=context.nothing, capture_output=True)
        if done.returncode != 0:
            raise Failed(done.stderr.decode(errors="replace").strip().splitlines()[-1])
        return time.perf_counter() - began

    pairs = [(seconds("pass"), seconds(who.use.imports)) for _ in range(3)]
    return [Reading("import", min(loaded for _, loaded in pairs) / min(bare for bare, _ in pairs))]


ROWS = {
    row.name: row
    for row in (
        Row("drain", drain, "ns an event", fills_queue=True),
        Row("drain-tree", drain_tree, "ns an event", fills_queue=True),
        Row("consumer", consumer.measure, "ns of processor's time an event", fills_queue=True),
        Row("crawl", crawl, "µs a directory", growth=True),
        Row("memory", memory, "bytes", ratio=False),
        Row("rename", rename, "µs"),
        Row("latency", latency.measure, "µs"),
        Row("idle", idle, "wake-ups a second", ratio=False, once=True),
        Row("thread", thread, "", ratio=False),
        Row("import", imports, f"{TIMES} a bare interpreter", ratio=False),
    )
}
