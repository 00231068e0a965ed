"""Plugins that work on a thread of their own, behind a queue with a bound and a policy.

A slow plugin in line holds up all others, and in the end the kernel's queue overflows. One that asks for a worker
gets its calls in the same order, later. What happens when its queue is full it has to say.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Callable, Deque, Dict, NamedTuple, Tuple

from inotify_cffi import bits
from inotify_cffi.errors import PluginError
from inotify_cffi.events import Event

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.guard import Implementation

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


class Item(NamedTuple):
    """One call that waits; of a batch, one event."""

    work: Implementation
    values: Tuple[object, ...]
    event: AnyEvent | None
    key: Tuple[str, str | bytes, int] | None


Failed = Callable[["Implementation", "AnyEvent | None", Exception], None]


class Lane:
    """The queue and the thread of one plugin.

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
        self._keys: Dict[Tuple[str, str | bytes, int], int] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._busy = False
        # How many events were dropped or merged since the start.
        self.dropped = 0

    def put(self, work: Implementation, values: Tuple[object, ...]) -> None:
        """Queue a call; a batch is queued event by event, and is a batch again when it is taken."""
        if work.hook_name == "inotify_events":
            batch = values[0]
            if isinstance(batch, (list, tuple)):
                for event in batch:
                    self._put(Item(work, (), event, _key(work, event)))
            return
        event = next((value for value in values if isinstance(value, Event)), None)
        self._put(Item(work, values, event, _key(work, event)))

    def _put(self, item: Item) -> None:
        with self._changed:
            while len(self._items) >= self._options.size and not self._closing:
                if item.work.hook_name in KEPT:
                    break
                if self._options.when_full == "coalesce" and item.key in self._keys:
                    self._count_dropped()
                    return
                if self._options.when_full == "drop-oldest" and self._drop_oldest():
                    break
                self._changed.wait()
            self._items.append(item)
            if item.key is not None:
                self._keys[item.key] = self._keys.get(item.key, 0) + 1
            if self._thread is None:
                self._closing = False
                self._thread = threading.Thread(target=self._run, name=f"inotify_cffi {self._name}", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _drop_oldest(self) -> bool:
        for index, item in enumerate(self._items):
            if item.work.hook_name not in KEPT:
                del self._items[index]
                self._forget(item)
                self._count_dropped()
                return True
        return False

    def _count_dropped(self) -> None:
        self.dropped += 1
        if self.dropped == 1:
            logger.warning("plugin %r is too slow: events are dropped (%s)", self._name, self._options.when_full)

    def _forget(self, item: Item) -> None:
        if item.key is not None:
            left = self._keys[item.key] - 1
            if left:
                self._keys[item.key] = left
            else:
                del self._keys[item.key]

    def close(self) -> None:
        """Wait until all that is queued is done, and end the thread; the next call starts another."""
        with self._changed:
            thread = self._thread
            self._closing = True
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        with self._changed:
            self._closing = False
            if self._thread is thread:
                self._thread = None

    def drain(self) -> None:
        """Wait until all that is queued is done; the thread goes on."""
        with self._changed:
            while self._items or self._busy:
                self._changed.wait()

    def discard(self) -> None:
        """Drop what is queued and let the thread end by itself: the plugin was unregistered."""
        with self._changed:
            self._items.clear()
            self._keys.clear()
            self._closing = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._items:
                    if self._closing:
                        return
                    self._changed.wait()
                taken = self._take()
                self._busy = True
                self._changed.notify_all()
            try:
                self._do(taken)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()

    def _take(self) -> list[Item]:
        """Take the next call, with the rest of its batch."""
        taken = [self._items.popleft()]
        work = taken[0].work
        if work.hook_name == "inotify_events":
            while self._items and self._items[0].work is work:
                taken.append(self._items.popleft())
        for item in taken:
            self._forget(item)
        return taken

    def _do(self, taken: list[Item]) -> None:
        first = taken[0]
        values: Tuple[object, ...] = first.values
        if first.work.hook_name == "inotify_events":
            values = ([item.event for item in taken],)
        try:
            first.work.call(*values)
        except Exception as error:  # noqa: BLE001  # whatever a plugin raises
            self._failed(first.work, first.event, error)
        except BaseException as error:  # noqa: BLE001  # it ends the program, not this thread
            self._ended(error)
        else:
            first.work.failures = 0


def _key(work: Implementation, event: AnyEvent | None) -> Tuple[str, str | bytes, int] | None:
    if event is None or not event.mask & MERGED:
        return None
    return work.hook_name, event.path, event.mask
