"""Plugins that work on a thread of their own, behind a queue with a bound and a policy.

A slow plugin in line holds up all others, and in the end the kernel's queue overflows. One that asks for a worker
gets its calls in the same order, later. What happens when its queue is full it has to say.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Callable, Deque, Dict, Iterator, NamedTuple, Tuple

from inotify_cffi.base import bits
from inotify_cffi.base.locks import SafeLock, Signal
from inotify_cffi.errors import PluginError
from inotify_cffi.events import Event
from inotify_cffi.hooks.columns import Columns

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.hooks.guard import Implementation

__all__ = ["Lane", "Worker", "worker_of"]

logger = logging.getLogger("inotify_cffi.dispatch")

POLICIES = ("block", "drop-oldest", "coalesce")

# Two of these in a row say no more than one. Of what creates or ends an entry every one counts.
MERGED = bits.MODIFY | bits.CLOSE_WRITE | bits.ATTRIB | bits.READS

# What must arrive whatever is dropped.
KEPT = frozenset(
    {"inotify_start", "inotify_stop", "inotify_plugin_error", "inotify_overflow", "inotify_unwatched"}
)


class Worker(NamedTuple):
    """What a plugin sets as its attribute ``inotify_worker`` to be called on a thread of its own.

    ``size`` bounds its queue, in events. ``when_full`` says what happens then: ``"block"`` holds up the stream
    until there is room; ``"drop-oldest"`` drops the oldest event and counts it; ``"coalesce"`` drops and counts an
    event about a content or attributes that is queued already for the same path, and blocks for any other.
    """

    size: int = 10_000
    when_full: str = "block"


def worker_of(plugin: object, name: str) -> Worker | None:
    """Return what a plugin asks for; None for one that is called in line.

    Raises PluginError where it asks for what there is not.
    """
    asked = getattr(plugin, "inotify_worker", None)
    if asked is None:
        return None
    if not isinstance(asked, Worker):
        raise PluginError(f"plugin {name!r} has an inotify_worker that is no inotify_cffi.Worker: {asked!r}")
    if asked.size < 1 or asked.when_full not in POLICIES:
        raise PluginError(f"plugin {name!r} asks for {asked!r}: size is 1 or more, when_full one of {POLICIES}")
    return asked


# What says the same as another.
Key = Tuple[str, "str | bytes", int]


class Item(NamedTuple):
    """One call that waits; of a batch, one event."""

    work: Implementation
    values: Tuple[object, ...]
    event: AnyEvent | None
    key: Key | None


Failed = Callable[["Implementation", "AnyEvent | None", Exception], None]


class Lane:
    """The queue and the thread of one plugin.

    A call is queued in three steps, so that no exception that a signal handler raises loses it or queues it twice:
    ``queue(lane.offer(...))``, where ``queue`` does nothing that Python sees, and :meth:`wake`.

    Args:
        name: the plugin's.
        options: the bound and the policy.
        failed: what to do with an exception; called on the thread.
        ended: what to do with what ends the program (SystemExit, KeyboardInterrupt); called on the thread.

    """

    def __init__(self, name: str, options: Worker, failed: Failed, ended: Callable[[BaseException], None]) -> None:
        self._name = name
        self._options = options
        self._failed = failed
        self._ended = ended
        self._items: Deque[Item] = deque()
        self.queue = self._items.extend
        # Those that others could be merged with, of so many that came first.
        self._keys: Dict[Key, int] = {}
        self._counted = 0
        self._lock = SafeLock()
        # For the thread, for who waits for room, and for who waits until all is done.
        self._news, self._room, self._calm = Signal(), Signal(), Signal()
        # The one that works; any other ends.
        self._thread: threading.Thread | None = None
        self._closing = self._discarded = False
        self._busy = False
        # How many events were dropped or merged since the start.
        self.dropped = 0

    def offer(self, work: Implementation, values: Tuple[object, ...]) -> list[Item]:
        """Return a call as it is to be queued, when there is room; a batch is queued event by event.

        One that is larger than the queue has to wait until that is empty.
        """
        items = list(_items(work, values, merges=self._options.when_full == "coalesce"))
        if work.hook_name in KEPT:
            return items
        items, fits = self._lock.run(self._fitted, items)
        if fits:
            return items
        try:
            while not fits:
                self._room.wait()
                items, fits = self._lock.run(self._fitted, items)
            return items
        finally:
            # There may be some for another that waits.
            self._room.tell()

    def _fitted(self, items: list[Item]) -> Tuple[list[Item], bool]:
        """Return what is left of a call by the policy, and whether there is room for it."""
        if self._closing:
            return [] if self._discarded else items, True
        if self._options.when_full == "coalesce":
            items = self._merged(items)
        excess = len(self._items) + len(items) - self._options.size
        if self._options.when_full == "drop-oldest":
            while excess > 0 and self._drop_oldest():
                excess -= 1
            if excess > 0 and not self._items:
                self._count_dropped(excess)
                items = items[excess:]
        return items, excess <= 0 or not self._items

    def _drop_oldest(self) -> bool:
        for index in range(len(self._items)):
            if self._items[index].work.hook_name not in KEPT:
                del self._items[index]
                self._count_dropped(1)
                return True
        return False

    def _merged(self, items: list[Item]) -> list[Item]:
        """Return the items without those that say what is queued already, if the queue is full."""
        self._count_keys()
        kept: list[Item] = []
        new: set[Key] = set()
        for item in items:
            is_full = len(self._items) + len(kept) >= self._options.size
            if is_full and item.key is not None and (item.key in self._keys or item.key in new):
                self._count_dropped(1)
                continue
            kept.append(item)
            if item.key is not None:
                new.add(item.key)
        return kept

    def _count_keys(self) -> None:
        while self._counted < len(self._items):
            key = self._items[self._counted].key
            if key is None:
                self._counted += 1
                continue
            count = self._keys.get(key, 0) + 1
            # One line, see handout.py.
            self._keys[key] = count; self._counted += 1  # noqa: E702  # fmt: skip

    def _count_dropped(self, count: int) -> None:
        if not self.dropped:
            logger.warning("plugin %r is too slow: events are dropped (%s)", self._name, self._options.when_full)
        self.dropped += count

    def wake(self) -> None:
        """Have what is queued done: in the thread, which is started if there is none."""
        self._lock.run(self._start)
        self._news.tell()

    def _start(self) -> None:
        if self._items and not self._discarded and (self._thread is None or self._thread.ident is None):
            self._closing = False
            self._thread = threading.Thread(target=self._run, name=f"inotify_cffi {self._name}", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait until all that is queued is done, and end the thread; the next call starts another."""
        self.wake()
        thread = self._thread
        try:
            self._closing = True
            self._news.tell()
            self._room.tell()
            # It has no number where its start was interrupted; then nothing is queued.
            if thread is not None and thread.ident is not None and thread is not threading.current_thread():
                thread.join()
        finally:
            self._closing = self._discarded

    def drain(self) -> None:
        """Wait until all that is queued is done; the thread goes on."""
        while self._lock.run(self._works):
            self._calm.wait()

    def _works(self) -> bool:
        return bool(self._items) or self._busy

    def discard(self) -> None:
        """Drop what is queued and let the thread end by itself: the plugin was unregistered."""
        self._discarded = self._closing = True
        self._lock.run(self._drop_all)
        for waiting in (self._news, self._room, self._calm):
            waiting.tell()

    def _drop_all(self) -> None:
        self._items.clear()
        self._keys.clear()
        self._counted = 0

    def _run(self) -> None:
        while True:
            taken = self._lock.run(self._take)
            if taken is None:
                return
            if not taken:
                self._news.wait()
                continue
            self._room.tell()
            try:
                self._do(taken)
            finally:
                self._busy = False
                self._calm.tell()

    def _take(self) -> list[Item] | None:
        """Take the next call, with the rest of its batch; None to end."""
        if self._thread is not threading.current_thread():
            return None
        if not self._items:
            if not self._closing:
                return []
            self._thread = None
            return None
        self._busy = True
        taken = [self._taken()]
        work = taken[0].work
        if work.hook_name == "inotify_events":
            while self._items and self._items[0].work is work:
                taken.append(self._taken())
        return taken

    def _taken(self) -> Item:
        item = self._items.popleft()
        if self._counted:
            self._counted -= 1
            if item.key is not None:
                self._keys[item.key] -= 1
                if not self._keys[item.key]:
                    del self._keys[item.key]
        return item

    def _do(self, taken: list[Item]) -> None:
        first = taken[0]
        values: Tuple[object, ...] = first.values
        if first.work.hook_name == "inotify_events":
            events = [item.event for item in taken if item.event is not None]
            values = (events, Columns(events))
        try:
            first.work.call(*values)
        except Exception as error:  # noqa: BLE001  # whatever a plugin raises
            self._failed(first.work, first.event, error)
        except BaseException as error:  # noqa: BLE001  # it ends the program, not this thread
            self._ended(error)
        else:
            first.work.failures = 0


def _items(work: Implementation, values: Tuple[object, ...], *, merges: bool) -> Iterator[Item]:
    """Yield what waits of a call: that, or the events of a batch, which is a batch again when it is taken."""
    if work.hook_name != "inotify_events":
        event = next((value for value in values if isinstance(value, Event)), None)
        yield Item(work, values, event, _key(work, event) if merges else None)
        return
    batch = values[0]
    if isinstance(batch, (list, tuple)):
        for event in batch:
            yield Item(work, (), event, _key(work, event) if merges else None)


def _key(work: Implementation, event: AnyEvent | None) -> Key | None:
    if event is None or not event.mask & MERGED:
        return None
    return work.hook_name, event.path, event.mask
