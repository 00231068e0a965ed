"""Hand events to plugins, one by one and in batches, and files that have settled."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Deque, Sequence, Tuple, cast

from inotify_cffi.base import bits, causes
from inotify_cffi.events import Event
from inotify_cffi.hooks import openers
from inotify_cffi.hooks.caller import Caller
from inotify_cffi.hooks.delivery import Call, Delivery, Hooks, Owed
from inotify_cffi.hooks.hiding import Hiding
from inotify_cffi.hooks.kinds import SIMPLE, Kinds, is_of_a_directory
from inotify_cffi.hooks.pace import after, await_all_up_to_now, earliest, enough, left
from inotify_cffi.hooks.settle import WANTED, Settle
from inotify_cffi.watching.claim import Iteration

if TYPE_CHECKING:
    import argparse
    from typing import FrozenSet

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.hooks.guard import Implementation
    from inotify_cffi.hooks.settle import Look
    from inotify_cffi.hooks.specs import AnyWatcher

__all__ = ["Dispatcher"]


class Dispatcher(Caller):
    """Plugins, and the calls of their hooks.

    Args:
        most_failures: a plugin that fails so many times in a row in one hook is unregistered.
        settle_s: how long a file has to be quiet for ``inotify_settled``, in seconds.
        probe: look whether anybody has a quiet file open for writing (a read lease for a moment, fcntl(2)); False:
            go by the events alone.

    """

    def __init__(self, *, most_failures: int = 100, settle_s: float = 1.0, probe: bool = True) -> None:
        super().__init__(most_failures=most_failures)
        self._hooks = Hooks(self._table, Kinds(()), {}, 0)
        self._settle = Settle(settle_s, self._look)
        self.probe = probe
        # False: what is handed out is of another machine, and no file can be looked at.
        self.settles = True
        # Files that a plugin knows to be unfinished, and since when they wait; it may be on a thread of its own.
        self._expected: Deque[Tuple[AnyEvent, float]] = deque()
        self._hiding = Hiding()
        # True while what is read is handed out from here, so that what nobody asked for can be hidden.
        self._reads = False
        # The batch of a run that is on its way, and what is owed of one that was interrupted.
        self._delivery: Delivery | None = None
        self._owed = Owed()
        # True from the start of a run until the plugins are told that it stops.
        self._is_running = False

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
        """Hand plugins the options of the command line.

        What they need besides what the user asked for is read from here on, and hidden by :meth:`run`.
        """
        self._reads = True
        self._bind(watcher)
        self._call("inotify_configure", options)

    def start(self, watcher: AnyWatcher) -> None:
        """Tell plugins that all watches are in place."""
        self._bind(watcher)
        self._call("inotify_start", self._expect)

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
        self._deliver(Delivery(events, self._hooks, []))

    def _deliver(self, delivery: Delivery) -> None:
        """Make the calls of a batch: those of :meth:`Delivery.calls`, in that order."""
        events, (table, kinds, simple, settling) = delivery.events, delivery.hooks
        hidden = delivery.hidden
        each = table["inotify_event"]
        now = time.monotonic() if settling else 0.0
        looked_for = kinds.wanted | settling
        is_looked_at = bool(hidden) or bool(looked_for and delivery.has_any(looked_for))
        made = 0
        if len(each) == 1 and not is_looked_at and each[0].arrange is None:
            made = self._call_each(delivery, each[0])
            each = ()
        for index, event in enumerate(events) if each or is_looked_at else ():
            is_hidden = index in hidden
            if each and not is_hidden:
                made = self._call_row(delivery, made, each, event, (event,))
            if event.mask & settling:
                made += 1
                delivery.made = made; self._settle.note(event, now)  # noqa: E702  # fmt: skip
            kind = 0 if is_hidden else event.mask & kinds.wanted
            if kind in simple:
                if not is_of_a_directory(kind, event.mask):
                    made = self._call_row(delivery, made, simple[kind], event, (event.path, event))
            elif kind:
                for hook_name, arguments in kinds.calls(events, index, hidden):
                    made = self._call_row(delivery, made, table[hook_name], event, arguments)
        shown = delivery.shown(len(events))
        if shown:
            offered = (shown, delivery.columns_of(shown))
            self._call_row(delivery, made, table["inotify_events"], shown[0], offered)

    def _call_each(self, delivery: Delivery, implementation: Implementation) -> int:
        """Call the hook of each event of one plugin, where that is all that there is to do; how many calls."""
        made = 0
        for event in delivery.events:
            made += 1
            try:
                # One line, see handout.py; and so below.
                delivery.made = made; implementation.function(event)  # noqa: E702  # fmt: skip
            except Exception as error:  # noqa: BLE001  # a guard for each
                self._failed(implementation, event, error)
            else:
                implementation.failures = 0
        return made

    def _call_row(
        self,
        work: Delivery | Owed,
        made: int,
        row: tuple[Implementation, ...],
        event: AnyEvent,
        offered: tuple[object, ...],
    ) -> int:
        for implementation in row:
            made += 1
            arrange = implementation.arrange
            values = offered if arrange is None else arrange(*offered)
            try:
                work.made = made; implementation.function(*values)  # noqa: E702  # fmt: skip
                if implementation.after is not None:
                    implementation.after()
            except Exception as error:  # noqa: BLE001  # a guard for each
                self._failed(implementation, event, error)
            else:
                implementation.failures = 0
        return made

    def next_settled(self) -> float | None:
        """Return when to call :meth:`settled` next, on the monotonic clock; None if no file waits."""
        self._note_expected()
        return self._settle.next() if self._hooks.settling else None

    def settled(self, now: float, watcher: AnyWatcher) -> None:
        """Tell plugins of the files that were quiet up to *now*, on the monotonic clock.

        All events up to then have to be dispatched before (``watcher.sync()`` returns them), for a write that is
        still queued is a write, too. :meth:`run` does all this.
        """
        self._bind(watcher)
        self._owe_settled(now)
        self._pay()

    def _expect(self, path: str | bytes) -> None:
        """Have a file told by ``inotify_settled`` when it is finished, though no event says that it is not."""
        if not isinstance(path, (str, bytes)):
            raise TypeError(f"an unfinished file is a path, str or bytes, not {path!r}")
        event = cast("AnyEvent", Event.of(path, bits.MODIFY, cause=causes.RESTART))
        self._expected.append((event, time.monotonic()))

    def _note_expected(self) -> None:
        while self._expected:
            if self._hooks.settling:
                self._settle.expect(*self._expected[0])
            # At the end: who is interrupted before begins anew.
            self._expected.popleft()

    def _owe_settled(self, now: float) -> None:
        self._note_expected()
        row = self._table["inotify_settled"]
        settled = self._settle.look(now)
        calls = [Call(0, each, tuple(one), one.event) for one in settled for each in row]
        # One line, see handout.py.
        self._owed.pending += calls; del settled[:]  # noqa: E702  # fmt: skip

    def _look(self, path: str | bytes) -> Look | None:
        if not self.probe:
            return openers.look_at_size(path)
        self._hiding.looked_at(path)
        return openers.look(path)

    def _pay(self) -> None:
        """Make the calls that are owed."""
        made = self._owed.made
        for _, implementation, offered, event in self._owed.calls():
            if implementation is not None:
                made = self._call_row(self._owed, made, (implementation,), event, offered)
            else:
                made += 1
                self._owed.made = made; self._settle.note(event, time.monotonic())  # noqa: E702  # fmt: skip
        self._owed = Owed()

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
                The events that were not handed out are the watcher's, and come first from the next call.
            BusyError: something reads the watcher already.
            PluginError: a required plugin can not be set up, or is unregistered for its failures; after
                ``inotify_stop`` was called, too.
            OSError: the kernel's queue can not be read.

        """
        iteration = Iteration()
        try:
            watcher._begin_reading(iteration)  # noqa: SLF001
            deadline = after(time.monotonic(), timeout)
            told = self._run(watcher, iteration, count, counted, deadline, block_duration_s)
            watcher._end_reading(iteration)  # noqa: SLF001
        except BaseException:
            watcher._break_off(iteration)  # noqa: SLF001
            watcher._end_reading(iteration)  # noqa: SLF001
            raise
        ending, self._ending = self._ending, None
        if ending is not None:
            raise ending
        return told

    def _run(
        self,
        watcher: AnyWatcher,
        iteration: Iteration,
        count: int | None,
        counted: int | None,
        deadline: float | None,
        block_duration_s: float | None,
    ) -> int:
        self._is_running = True
        try:
            try:
                try:
                    self._begin_reading()
                    self.start(watcher)
                    return self._hand_out(watcher, iteration, count, counted, deadline, block_duration_s)
                finally:
                    self._stop_handing_out()
            finally:
                self._pay()
                self._stop_once(watcher)
        finally:
            # Where an exception came right before the first one.
            self._stop_once(watcher)

    def _begin_reading(self) -> None:
        """Have all read that is needed, from when the plugins are bound on."""
        self._reads, self._bound = True, False

    def _stop_once(self, watcher: AnyWatcher) -> None:
        if self._is_running:
            # One line, see handout.py.
            self._is_running = False; self.stop(watcher)  # noqa: E702  # fmt: skip
        self._reads = False
        self._hiding.end()

    def _hand_out(
        self,
        watcher: AnyWatcher,
        iteration: Iteration,
        count: int | None,
        counted: int | None,
        deadline: float | None,
        block_duration_s: float | None,
    ) -> int:
        """Hand out so many events until it is time; how many."""
        told = 0
        # After a batch, a read that does not wait tells whether there is more.
        busy = False
        while count is None or told < count:
            now, settled_at = time.monotonic(), self.next_settled()
            due = settled_at is not None and settled_at <= now
            until = now if busy or due else earliest(deadline, settled_at, after(now, block_duration_s))
            if due:
                await_all_up_to_now(watcher, iteration)
            else:
                watcher._await_some(iteration, left(until))  # noqa: SLF001
            batch, count_of_batch = self._next_batch(watcher, None if count is None else count - told, counted)
            if batch:
                told += count_of_batch
                self._deliver_ready()
            elif until is None or time.monotonic() < until:
                # Nothing, before its time: the watcher was stopped.
                break
            elif not due:
                self.idle(watcher)
            if due:
                self.settled(now, watcher)
            busy = bool(batch) and bool(self._table["inotify_idle"])
            if (watcher.ended and not batch) or (deadline is not None and time.monotonic() >= deadline):
                break
        return told

    def _next_batch(
        self, watcher: AnyWatcher, most: int | None, counted: int | None
    ) -> Tuple[Sequence[AnyEvent], int]:
        """Return what is ready, up to so many that count, and how many count; it stays: see :meth:`_delivered`."""
        ready = cast("list[AnyEvent]", watcher._ready)  # noqa: SLF001
        hidden: FrozenSet[int] = frozenset()
        if ready and self._hiding.hides_any(watcher):
            hidden = frozenset(at for at, event in enumerate(reversed(ready)) if self._hiding.hides(event))
        if counted is None and most is not None and not hidden:
            batch: Sequence[AnyEvent] = ready[: -most - 1 : -1]
            number = len(batch)
        else:
            batch, number = enough(ready[::-1], most, counted, hidden)
        if batch:
            self._bind(watcher)
            self._delivery = Delivery(batch, self._hooks, ready, hidden)
        return batch, number

    def _deliver_ready(self) -> None:
        if self._delivery is not None:
            self._deliver(self._delivery)
            self._delivered(len(self._delivery.events), [])

    def _delivered(self, count: int, owed: list[Call]) -> None:
        """So many events of the batch that is on its way were handed out, but for what is owed."""
        if self._delivery is not None:
            ready = self._delivery.ready
            left = len(ready) - count
            # One line, see handout.py.
            del ready[left:]; self._owed.pending += owed; self._delivery = None  # noqa: E702  # fmt: skip

    def _stop_handing_out(self) -> None:
        """See what was handed out of a batch that did not come to its end."""
        if self._delivery is not None:
            self._delivered(*self._delivery.left())

    def _rebound(self, implemented: set[str]) -> None:
        kinds = Kinds(implemented)
        simple = {flag: self._table[name] for flag, name in SIMPLE.items() if flag & kinds.wanted}
        settling = WANTED if self.settles and "inotify_settled" in implemented else 0
        self._hooks = Hooks(self._table, kinds, simple, settling)
        if self._reads and self.settles and self._watcher is not None:
            self._hiding.begin(self._watcher, settling)
