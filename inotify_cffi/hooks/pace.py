"""How much a run of a dispatcher hands out, and how long it waits for more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Collection, Sequence

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.hooks.specs import AnyWatcher
    from inotify_cffi.watching.claim import Iteration

__all__ = ["SURE_S", "after", "await_all_up_to_now", "earliest", "enough", "left"]

# How long writers that never rest may keep a settled file waiting for the tree to be sure.
SURE_S = 1.0


def enough(
    events: Sequence[AnyEvent], most: int | None, counted: int | None, hidden: Collection[int] = ()
) -> tuple[Sequence[AnyEvent], int]:
    """Return the events up to the one at which enough were counted, and how many were.

    Args:
        events: a batch.
        most: how many are enough; None: all.
        counted: the flags of those that count; None: all.
        hidden: the places of those that do not, for nobody is given them.

    """
    if counted is None and not hidden:
        batch = events if most is None else events[:most]
        return batch, len(batch)
    # An enumeration's own ``&`` takes more than all else that is done with an event.
    counted = None if counted is None else int(counted)
    if most is None and not hidden:
        return events, len([event for event in events if counted is None or event.mask & counted])
    places = [
        place + 1
        for place, event in enumerate(events)
        if place not in hidden and (counted is None or event.mask & counted)
    ]
    if most is None or len(places) < most:
        return events, len(places)
    return events[: places[most - 1]], most


def await_all_up_to_now(watcher: AnyWatcher, iteration: Iteration) -> None:
    """Have all ready that there is up to now, or what there is when that takes too long."""
    try:
        watcher._await_all(iteration, SURE_S)  # noqa: SLF001
    except TimeoutError:
        # What it has read it keeps for the next read; a file that is not settled after all is told again.
        watcher._await_some(iteration, 0)  # noqa: SLF001


def after(now: float, seconds: float | None) -> float | None:
    """Return the moment that is so many seconds behind *now*; None for no seconds."""
    return None if seconds is None else now + seconds


def earliest(*times: float | None) -> float | None:
    """Return the first of some moments; None is never."""
    known = [moment for moment in times if moment is not None]
    return min(known) if known else None


def left(until: float | None) -> float | None:
    """Return the seconds that are left up to a moment; None is never."""
    return None if until is None else max(until - time.monotonic(), 0.0)
