"""Hand events to plugins, one by one and in batches, and files that have settled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Dict, Sequence, Tuple

from inotify_cffi.caller import Caller
from inotify_cffi.kinds import SIMPLE, Kinds
from inotify_cffi.settle import WANTED, Settle

if TYPE_CHECKING:
    import argparse

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.guard import Implementation
    from inotify_cffi.hookspecs import AnyWatcher

__all__ = ["Dispatcher", "enough"]

# How long writers that never rest may keep a settled file waiting for the tree to be sure.
SURE_S = 1.0


class Dispatcher(Caller):
    """Plugins, and the calls of their hooks.

    Args:
        most_failures: a plugin that fails so many times in a row in one hook is unregistered.
        settle_s: how long a written file has to be quiet for ``inotify_settled``, in seconds.

    """

    def __init__(self, *, most_failures: int = 100, settle_s: float = 1.0) -> None:
        super().__init__(most_failures=most_failures)
        self._kinds = Kinds(())
        # For each flag that is a whole kind, what to call.
        self._simple: Dict[int, Tuple[Implementation, ...]] = {}
        self._settle = Settle(settle_s)
        self._settling = 0

    @property
    def settle_s(self) -> float:
        """How long a written file has to be quiet, in seconds; files that wait already keep their time."""
        return self._settle.seconds

    @settle_s.setter
    def settle_s(self, seconds: float) -> None:
        self._settle.seconds = seconds

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Let plugins add their options to the parser of a command line."""
        self._bind(None)
        self._call("inotify_add_options", parser)

    def configure(self, options: argparse.Namespace, watcher: AnyWatcher) -> None:
        """Hand plugins the options of the command line."""
        self._bind(watcher)
        self._call("inotify_configure", options)

    def start(self, watcher: AnyWatcher) -> None:
        """Tell plugins that all watches are in place."""
        self._bind(watcher)
        self._call("inotify_start")

    def stop(self, watcher: AnyWatcher) -> None:
        """Tell plugins that it is over, and wait for those with a worker to finish what they have."""
        self._bind(watcher)
        self._call("inotify_stop")
        self._finish()

    def idle(self, watcher: AnyWatcher) -> None:
        """Tell plugins that nothing is left to hand out."""
        self._bind(watcher)
        self._call("inotify_idle")

    def dispatch(self, events: Sequence[AnyEvent], watcher: AnyWatcher) -> None:
        """Hand a batch of events to the plugins: each event to the hooks of one event, then the whole batch.

        Args:
            events: what ``watcher.read()`` returned. The halves of a move are next to each other, and are known
                as a move only if both are in one batch.
            watcher: the watcher that told them.

        """
        self._bind(watcher)
        each = self._table["inotify_event"]
        kinds, simple, settling = self._kinds, self._simple, self._settling
        now = time.monotonic() if settling else 0.0
        if each or kinds.wanted or settling:
            for index, event in enumerate(events):
                for implementation in each:
                    try:
                        implementation.call(event)
                    except Exception as error:  # noqa: BLE001  # a guard for each
                        self._failed(implementation, event, error)
                    else:
                        implementation.failures = 0
                if event.mask & settling:
                    self._settle.note(event, now)
                kind = event.mask & kinds.wanted
                if kind in simple:
                    self._hand_out(simple[kind], event)
                elif kind:
                    for hook_name, values in kinds.calls(events, index):
                        self._call(hook_name, *values, event=event)
        if events:
            self._call("inotify_events", events, event=events[0])

    def _hand_out(self, row: Tuple[Implementation, ...], event: AnyEvent) -> None:
        path = event.path
        for implementation in row:
            try:
                implementation.call(path, event)
            except Exception as error:  # noqa: BLE001  # a guard for each
                self._failed(implementation, event, error)
            else:
                implementation.failures = 0

    def next_settled(self) -> float | None:
        """Return when to call :meth:`settled` next, on the monotonic clock; None if no file waits."""
        return self._settle.next() if self._settling else None

    def settled(self, now: float, watcher: AnyWatcher) -> None:
        """Tell plugins of the files that were quiet up to *now*, on the monotonic clock.

        All events up to then have to be dispatched before (``watcher.sync()`` returns them), for a write that is
        still queued is a write, too. :meth:`run` does all this.
        """
        self._bind(watcher)
        for path, event in self._settle.due(now):
            self._call("inotify_settled", path, event, event=event)

    def run(
        self,
        watcher: AnyWatcher,
        *,
        count: int | None = None,
        counted: int | None = None,
        timeout: float | None = None,
        block_duration_s: float | None = None,
    ) -> int:
        """Start, hand out events until the watcher is stopped, and stop.

        Args:
            watcher: an open watcher.
            count: end after so many events; None: no end.
            counted: a mask: count only events with one of its flags, and not, say, that something is not covered.
                None: count all.
            timeout: end after so many seconds; None: no end.
            block_duration_s: call ``inotify_idle`` at least so often, in seconds; None: no wake-up without need.

        Returns:
            How many events were handed out; of those that count.

        Raises:
            KeyboardInterrupt, SystemExit: from a plugin or a signal handler, after ``inotify_stop`` was called.
            OSError: the kernel's queue can not be read.

        """
        deadline = None if timeout is None else time.monotonic() + timeout
        told = 0
        try:
            self.start(watcher)
            # After a batch, a read that does not wait tells whether there is more.
            busy = False
            while count is None or told < count:
                now, settled_at = time.monotonic(), self.next_settled()
                due = settled_at is not None and settled_at <= now
                until = now if busy or due else _earliest(deadline, settled_at, _after(now, block_duration_s))
                events = _all_up_to_now(watcher) if due else watcher.read(_left(until))
                if events:
                    batch, number = enough(events, None if count is None else count - told, counted)
                    told += number
                    self.dispatch(batch, watcher)
                elif until is None or time.monotonic() < until:
                    # Nothing, before its time: the watcher was stopped.
                    break
                elif not due:
                    self.idle(watcher)
                if due:
                    self.settled(now, watcher)
                busy = bool(events) and bool(self._table["inotify_idle"])
                if (watcher.ended and not events) or (deadline is not None and time.monotonic() >= deadline):
                    break
        finally:
            self.stop(watcher)
            ending, self._ending = self._ending, None
        if ending is not None:
            raise ending
        return told

    def _rebound(self, implemented: set[str]) -> None:
        self._kinds = Kinds(implemented)
        self._simple = {flag: self._table[name] for flag, name in SIMPLE.items() if flag & self._kinds.wanted}
        self._settling = WANTED if "inotify_settled" in implemented else 0


def enough(events: Sequence[AnyEvent], most: int | None, counted: int | None) -> Tuple[Sequence[AnyEvent], int]:
    """Return the events up to the one at which enough were counted, and how many were.

    Args:
        events: a batch.
        most: how many are enough; None: all.
        counted: the flags of those that count; None: all.

    """
    if counted is None:
        batch = events if most is None else events[:most]
        return batch, len(batch)
    places = [place for place, event in enumerate(events, 1) if event.mask & counted]
    if most is None or len(places) < most:
        return events, len(places)
    return events[: places[most - 1]], most


def _all_up_to_now(watcher: AnyWatcher) -> Sequence[AnyEvent]:
    try:
        return watcher.sync(SURE_S)
    except TimeoutError:
        # What it has read it keeps for the next read; a file that is not settled after all is told again.
        return watcher.read(0)


def _after(now: float, seconds: float | None) -> float | None:
    return None if seconds is None else now + seconds


def _earliest(*times: float | None) -> float | None:
    known = [moment for moment in times if moment is not None]
    return min(known) if known else None


def _left(until: float | None) -> float | None:
    return None if until is None else max(until - time.monotonic(), 0.0)
