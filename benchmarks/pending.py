"""What does an event cost while many files wait to be finished? ``python -m benchmarks.pending``.

A dispatcher with one plugin, which has ``inotify_settled``, is handed batches of writes to files that wait, while
10 files wait and while 100,000 do, and is asked after each batch when the next is due, as ``run`` does. The writes
go round all files that wait, in no order, so that what the processor has at hand is part of the figure; and round
ten of them, so that it is not. In turns, so that both have the same minutes of the machine; medians of the time of
the processor. The kernel is not asked: this is the cost of the wait alone.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time

from inotify_cffi import Dispatcher, Event, Mask, Watcher, hookimpl

FEW = 10
BATCH = 20


class Plugin:
    """Wants to know what is finished; in the time that this takes nothing is."""

    @hookimpl
    def inotify_settled(self, path: str) -> None:
        raise AssertionError(f"{path} is finished in the middle")


class Waiting:
    """A dispatcher with so many files that wait, and writes to them."""

    def __init__(self, files: int, watcher: Watcher[str]) -> None:
        self.watcher = watcher
        self.dispatcher = Dispatcher(settle_s=86_400)
        self.dispatcher.register(Plugin())
        self.writes = [Event.of(f"/srv/in/{n % 100}/file{n}", Mask.MODIFY) for n in range(files)]
        random.Random(1).shuffle(self.writes)
        self.dispatcher.dispatch(self.writes, watcher)

    def cost_us(self, events: int, among: int) -> float:
        """Microseconds of the processor for an event, of so many to so many files."""
        writes = self.writes[:among]
        rows = (writes * (events // len(writes) + 1))[:events]
        batches = [rows[at : at + BATCH] for at in range(0, events, BATCH)]
        dispatch, next_settled, watcher = self.dispatcher.dispatch, self.dispatcher.next_settled, self.watcher
        begin = time.process_time()
        for batch in batches:
            dispatch(batch, watcher)
            next_settled()
        return 1e6 * (time.process_time() - begin) / events


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pending", description="Measure what an event costs while many files wait."
    )
    parser.add_argument("--files", type=int, default=100_000, help=f"how many wait, beside {FEW}")
    parser.add_argument("--events", type=int, default=100_000, help="for each measurement")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, Watcher(directory) as watcher:
        few, many = Waiting(FEW, watcher), Waiting(options.files, watcher)
        ways = {
            f"{FEW} files wait": (few, FEW),
            f"{options.files:,} files wait, writes to {FEW} of them": (many, FEW),
            f"{options.files:,} files wait, writes to all of them": (many, options.files),
        }
        costs: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(options.runs):
            for way, (waiting, among) in ways.items():
                costs[way].append(waiting.cost_us(options.events, among))
    first = statistics.median(next(iter(costs.values())))
    print("| | µs an event | times that of the first |\n|---|---|---|")
    for way, found in costs.items():
        cost = statistics.median(found)
        print(f"| {way} | {cost:.2f} | {cost / first:.2f} |")


if __name__ == "__main__":
    main()
