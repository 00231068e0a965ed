"""A consumer that looks at what consumers look at: events of files that are written at random.

The times are the processor's, of the process that is measured: whatever runs beside it takes its own.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from benchmarks.context import DRAINS, Reading, lost
from benchmarks.environment import steady
from benchmarks.workload import LAST, Writers

if TYPE_CHECKING:
    from benchmarks.context import Context, Who

__all__ = ["measure"]

DIRECTORIES = 100
# Each run of one contender has another seed, and all contenders have the same ones.
SEED = 20261130
SHAPES = {"flat": False, "tree": True}
LOOKS = {"mask and path": False, "mask, path and name": True}


def measure(context: Context, who: Who) -> list[Reading]:
    """A full queue of 100 directories, side by side or one in another; with and without a look at the name."""
    if who.use is not None and not who.use.consumes:
        return []
    readings = []
    for number, (shape, deep) in enumerate(SHAPES.items()):
        for look, names in LOOKS.items():
            line = f"consumer of {look}, {context.sizes.events:,} events, {DIRECTORIES} directories, {shape}"
            root = context.quick_trees.fresh()
            writers = Writers(SEED + 2 * context.run + number, root, DIRECTORIES, deep=deep)
            result, events = _last_drain(context, who, root, writers, names=names)
            if result.get("late"):
                return [*readings, Reading(line, None, f"not done in {context.timeout:.0f} s")]
            readings.append(Reading(line, result["used"] / events, lost(result["seen"], events)))
    return readings


def _last_drain(
    context: Context, who: Who, root: str, writers: Writers, *, names: bool
) -> tuple[dict[str, Any], int]:
    """Drain some queues in one process; what it says of the last one, and how many events were in it."""
    last = f"{root}/{LAST}"
    with contextlib.ExitStack() as stack:
        with steady("max_queued_events"):
            process = stack.enter_context(
                context.start(who, "consume", root, last=last, rounds=DRAINS, names=names)
            )
            process.wait_stopped()
        for number in range(DRAINS):
            if number:
                process.wait_stopped()
            events = writers.queue(context.sizes.events, f"{last}{number}")
            stack.callback(os.unlink, f"{last}{number}")
            process.go_on()
            result = process.result()
            if result.get("late"):
                break
    return result, events
