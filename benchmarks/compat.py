"""What changes if a watcher of ours is behind watchdog, or watchfiles? ``python -m benchmarks.compat``.

Each peer with its own backend and with ours, in turns in one run, so that both have the same minutes of the
machine; medians, and ours as a ratio to its own. How many events a second of a queue that is full; how many
creations are told twice, and how many never, when directories are made and filled at once; how long what happens
behind a move out of the tree waits; the latency from a write to the handler; and how long it takes to start.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING

from benchmarks import environment, latency, rows
from benchmarks.context import Context, Reading, Sizes, Who
from benchmarks.measured.contenders import CONTENDERS
from benchmarks.process import Failed
from benchmarks.report import NOTHING
from benchmarks.workload import Trees, in_memory

if TYPE_CHECKING:
    from typing import Callable

    from benchmarks.process import Measured

    Measure = Callable[[Context, Who], list[Reading]]

PAIRS = {peer: (peer, f"{peer} (on ours)") for peer in ("watchdog", "watchfiles")}

# The queue holds them unless it was made smaller than it is by default.
EVENTS = 12_000
FILES = 8
MOVES = 10
LAST = "the-last"
# In which all that was told late has come.
REST_S = 1.0


def drain(context: Context, who: Who) -> list[Reading]:
    """A full queue, read to its end, by a process that has done that before; events a second."""
    reading = rows.drain(context, who)[0]
    value = None if reading.value is None else 1e9 / reading.value
    return [Reading("events a second", value, reading.note)]


def created(context: Context, who: Who) -> list[Reading]:
    """Make directories and fill them at once."""
    root = context.trees.fresh()
    count = context.sizes.watches
    with context.start(who, "created", root, last=LAST) as process:
        ready(process)
        for number in range(count):
            os.mkdir(f"{root}/{number}")
            for file in range(FILES):
                os.mknod(f"{root}/{number}/{file}")
        time.sleep(REST_S)
        os.mknod(f"{root}/{LAST}")
        result = process.result()
    made = count * FILES
    return [
        Reading(f"told twice, of {made:,} creations", result["twice"]),
        Reading(f"never told, of {made:,} creations", made - result["told"]),
    ]


def behind_a_move(context: Context, who: Who) -> list[Reading]:
    """Move a file out of the tree, then make one; how long that waits."""
    root, outside = context.trees.fresh(), context.trees.fresh()
    took = []
    for number in range(MOVES):
        os.mknod(f"{root}/leaves{number}")
    with context.start(who, "named", root, last="behind") as process:
        ready(process)
        for number in range(MOVES):
            os.rename(f"{root}/leaves{number}", f"{outside}/{number}")
            began = time.monotonic_ns()
            os.mknod(f"{root}/behind{number}")
            at, name = process.line().split()
            while name != f"behind{number}":
                at, name = process.line().split()
            took.append((int(at) - began) / 1e6)
    return [Reading("an event behind a move out, ms", statistics.median(took))]


def waits(context: Context, who: Who) -> list[Reading]:
    """From a write in another process to the handler."""
    p50 = next(reading for reading in latency.measure(context, who) if reading.line.endswith("p50"))
    return [Reading("latency, p50, µs", p50.value, p50.note)]


def start(context: Context, who: Who) -> list[Reading]:
    """Watch a tree, with five files in each directory."""
    readings = rows.crawl(context, who)
    sizes = context.sizes.crawls
    return [
        Reading(f"start in {size:,} directories, ms", reading.value and reading.value * size / 1000, reading.note)
        for size, reading in zip(sizes, readings)
    ]


def ready(process: Measured) -> None:
    """Wait until a process watches. Raises Failed if it does not."""
    if process.line() != "ready":
        raise Failed("it did not get ready")


ROWS: dict[str, Measure] = {
    "drain": drain,
    "created": created,
    "behind": behind_a_move,
    "latency": waits,
    "start": start,
}


def measure(context: Context, python: str, peers: list[str], chosen: list[str]) -> None:
    """Measure each row of each pair, in turns, and print its lines when it is done."""
    for peer in peers:
        pair = [Who(name, python, CONTENDERS[name]) for name in PAIRS[peer]]
        for name in chosen:
            lines: dict[str, dict[str, list[Reading]]] = {}
            for run in range(context.sizes.runs):
                for who in pair if run % 2 == 0 else pair[::-1]:
                    for reading in attempt(ROWS[name], name, context, who):
                        lines.setdefault(reading.line, {}).setdefault(who.name, []).append(reading)
            for label, cells in lines.items():
                print(line(peer, label, *(cells.get(who.name, []) for who in pair)), flush=True)


def attempt(row: Measure, name: str, context: Context, who: Who) -> list[Reading]:
    """Return what a row gives of one contender, or why it gives nothing."""
    try:
        return row(context, who)
    except Failed as failed:
        return [Reading(name, None, f"{who.name}: {failed}")]


def line(peer: str, label: str, own: list[Reading], ours: list[Reading]) -> str:
    """Return one line of the table."""
    figures = [median(readings) for readings in (own, ours)]
    ratio = NOTHING if None in figures or not figures[0] else f"{figures[1] / figures[0]:.3g}"
    shown = [NOTHING if figure is None else number(figure) for figure in figures]
    notes = ", ".join(dict.fromkeys(reading.note for reading in (*own, *ours) if reading.note))
    return f"{peer:11}{label:40}{shown[0]:>12}{shown[1]:>12}{ratio:>9}  {notes}".rstrip()


def number(figure: float) -> str:
    """Return a figure with four digits, or all of them before the point."""
    return f"{figure:,.0f}" if figure >= 1000 else f"{figure:.4g}"


def median(readings: list[Reading]) -> float | None:
    """Return the median of the runs; None if there is no figure."""
    values = [reading.value for reading in readings if reading.value is not None]
    return statistics.median(values) if values else None


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compat", description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)}; all of them if none is given")
    parser.add_argument("--peer", choices=PAIRS, action="append", help="only this; may be given again")
    parser.add_argument("--here", action="store_true", help="with this interpreter as it is; nothing is installed")
    parser.add_argument("--tiny", action="store_true", help="just enough to see it run")
    parser.add_argument("--runs", type=int, default=5, help="how often each is measured")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one measurement")
    options = parser.parse_args(arguments)
    unknown = [row for row in options.rows if row not in ROWS]
    if unknown:
        parser.error(f"no row {unknown[0]!r}; there are {', '.join(ROWS)}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = parse(arguments)
    # Of the sizes, watches is the number of directories that are made and filled.
    sizes = Sizes(options.runs, EVENTS, 0, (10_000,), 0, 300, 1_000, 0)
    if options.tiny:
        sizes = Sizes(1, 400, 0, (100,), 0, 10, 20, 0)
    try:
        with contextlib.ExitStack() as stack:
            trees = stack.enter_context(Trees(None))
            quick_trees = stack.enter_context(Trees(in_memory()))
            context = Context(sizes, trees, quick_trees, timeout=options.timeout)
            python = sys.executable if options.here else environment.environment(sys.executable, peers=True)
            versions = environment.versions(python, ["inotify_cffi", *PAIRS])
            print(", ".join(f"{name} {version}" for name, version in versions.items()))
            print(f"{'':51}{'its own':>12}{'ours':>12}{'ratio':>9}")
            peers = [peer for peer in options.peer or PAIRS if peer in versions]
            measure(context, python, peers, options.rows or list(ROWS))
    except environment.Unable as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
