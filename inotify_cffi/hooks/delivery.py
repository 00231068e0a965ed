"""A batch on its way to the plugins: which calls it takes, in order, and how many of them were made. Pure.

An event counts as handed out when the first hook was called for it. When something comes in between, Ctrl-C most
likely, the events behind it are the watcher's still; and of the last one that was handed out the rest of its calls
is owed. So no implementation misses an event, and none gets one twice.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Dict, FrozenSet, Iterator, NamedTuple, Sequence, Tuple

from inotify_cffi.hooks.columns import Columns
from inotify_cffi.hooks.kinds import is_of_a_directory

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.hooks.guard import Implementation
    from inotify_cffi.hooks.kinds import Kinds

__all__ = ["Call", "Delivery", "Hooks", "Owed"]


class Hooks(NamedTuple):
    """What is called for events: one table for a whole batch, whoever comes or goes meanwhile."""

    table: Dict[str, Tuple[Implementation, ...]]
    kinds: Kinds
    # For each flag that is a whole kind, what to call.
    simple: Dict[int, Tuple[Implementation, ...]]
    # The flags of the events that change which files settle.
    settling: int


class Call(NamedTuple):
    """One call of a batch."""

    # Of the event in the batch; behind the last one for what gets the whole batch.
    place: int
    # None: the event may change which files settle.
    implementation: Implementation | None
    values: Tuple[object, ...]
    event: AnyEvent


class Delivery:
    """A batch, and how many calls were made of it.

    Args:
        events: the batch.
        hooks: what is called.
        ready: where the watcher has them, the next one last.
        hidden: those that change which files settle, and that no plugin is given.

    """

    __slots__ = ("_columns", "events", "hidden", "hooks", "made", "ready")

    def __init__(
        self,
        events: Sequence[AnyEvent],
        hooks: Hooks,
        ready: list[AnyEvent],
        hidden: FrozenSet[int] = frozenset(),
    ) -> None:
        self.events = events
        self.hidden = hidden
        self.hooks = hooks
        self.ready = ready
        self.made = 0
        self._columns = Columns(events)

    def columns_of(self, events: Sequence[AnyEvent]) -> Columns:
        """Return the columns of what plugins are given: those of the batch, if it is all of it."""
        return self._columns if events is self.events else Columns(events)

    def has_any(self, flags: int) -> bool:
        """Return True if an event of the batch has one of some flags."""
        return any(mask & flags for mask in set(self._columns.masks))

    def calls(self) -> Iterator[Call]:
        """Yield all of its calls, in order."""
        table, kinds, simple, settling = self.hooks
        events = self.events
        for index, event in enumerate(events):
            is_hidden = index in self.hidden
            for implementation in () if is_hidden else table["inotify_event"]:
                yield Call(index, implementation, (event,), event)
            if event.mask & settling:
                yield Call(index, None, (), event)
            kind = 0 if is_hidden else event.mask & kinds.wanted
            if kind in simple:
                for implementation in () if is_of_a_directory(kind, event.mask) else simple[kind]:
                    yield Call(index, implementation, (event.path, event), event)
            elif kind:
                for hook_name, values in kinds.calls(events, index, self.hidden):
                    for implementation in table[hook_name]:
                        yield Call(index, implementation, values, event)
        yield from self._of_the_batch(len(events))

    def _of_the_batch(self, count: int) -> Iterator[Call]:
        """Yield the calls that get all events at once: so many of them."""
        batch = self.shown(count)
        if batch:
            for implementation in self.hooks.table["inotify_events"]:
                yield Call(len(self.events), implementation, (batch, self.columns_of(batch)), batch[0])

    def shown(self, count: int) -> Sequence[AnyEvent]:
        """Return what plugins are given of the first *count* events."""
        if not self.hidden:
            # The very batch, if it is all of it: a plugin may ask another one about it.
            return self.events if count == len(self.events) else self.events[:count]
        return [event for index, event in enumerate(self.events[:count]) if index not in self.hidden]

    def left(self) -> Tuple[int, list[Call]]:
        """Return how many events were handed out, and the calls that are owed for them."""
        if not self.made:
            return 0, []
        calls = self.calls()
        for last in islice(calls, self.made):
            place = last.place
        if place == len(self.events):
            return place, list(calls)
        return place + 1, [call for call in calls if call.place == place] + list(self._of_the_batch(place + 1))


class Owed:
    """Calls that were not made in their time, and how many of them were made since."""

    __slots__ = ("made", "pending")

    def __init__(self) -> None:
        self.pending: list[Call] = []
        self.made = 0

    def calls(self) -> Iterator[Call]:
        """Yield those that are still to be made."""
        return iter(self.pending[self.made :])
