"""What a row is given to measure with, and what it gives back."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from benchmarks.measured.contenders import CONTENDERS, Ours
from benchmarks.process import Measured

if TYPE_CHECKING:
    from benchmarks.workload import Trees

__all__ = ["DRAINS", "LIMIT", "TIMES", "Context", "Reading", "Row", "Sizes", "Who", "contenders", "lost"]

MEASURED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "measured")
LIMIT = "C"
TIMES = "\N{MULTIPLICATION SIGN}"
# So many queues until PyPy has compiled what there is to compile; limit.c has it, too.
DRAINS = 3


class Who(NamedTuple):
    """Who is measured: a name for the table, the program that runs it, and the class that uses it."""

    name: str
    program: str
    use: type[Ours] | None  # None for the C limit

    def takes_part(self, row: str) -> bool:
        """Return True if this row can be measured of it."""
        if self.use is None:
            return True
        return row not in self.use.never and (not self.use.only or row in self.use.only)


def contenders(python: str, names: list[str] | None, *, suffix: str = "") -> list[Who]:
    """Return the contenders that *python* runs, all or those with these names."""
    return [Who(name + suffix, python, use) for name, use in CONTENDERS.items() if names is None or name in names]


class Sizes(NamedTuple):
    """How much is measured."""

    runs: int
    events: int
    tree: int  # directories, where a row has one size
    crawls: tuple[int, ...]
    renamed: int
    watches: int
    pings: int
    seconds: float  # of idleness


class Reading(NamedTuple):
    """One figure of one run; None where there is none, and the note says why."""

    line: str
    value: float | None
    note: str = ""


class Row(NamedTuple):
    """One command: what it measures of a contender, and how its figures are shown."""

    name: str
    measure: Callable[[Context, Who], list[Reading]]
    unit: str
    # True: shown as ratios to the C limit, whose own figure has the unit.
    ratio: bool = True
    # Asked of each contender once in each run, or once only, where runs do not differ.
    once: bool = False
    # True where all events are to wait in the queue at once.
    fills_queue: bool = False
    # True where a tree with this many directories shows the growth, too.
    growth: bool = False


def lost(seen: int, expected: int) -> str:
    """Return what is to be said where another number came than was expected."""
    if seen == expected:
        return ""
    if seen > expected:
        return f"{seen - expected} too many"
    return f"lost {100 * (expected - seen) / expected:.2g} %"


class Context:
    """All that rows share."""

    def __init__(self, sizes: Sizes, trees: Trees, quick_trees: Trees, *, timeout: float) -> None:
        self.sizes = sizes
        self.trees = trees
        # Where events are cheap to cause; for rows that measure only what is done with them.
        self.quick_trees = quick_trees
        self.timeout = timeout
        # Which one it is of those in which each contender is measured once.
        self.run = 0
        self.nothing = trees.fresh()

    def start(self, who: Who, task: str, path: str, *, recursive: bool = True, **options: Any) -> Measured:
        """Start the process in which *who* does *task* below *path*."""
        if who.use is None:
            last = str(options.get("last", ""))
            kind = "tree" if recursive else "flat"
            command = [who.program, task, path, kind, str(int(self.timeout)), os.path.basename(last)]
        else:
            given = {
                "path": path,
                "recursive": recursive,
                "nothing": self.nothing,
                "timeout": int(self.timeout),
                **options,
            }
            command = [who.program, MEASURED, task, who.use.name, json.dumps(given)]
        return Measured(command, timeout=self.timeout + 5)
