"""The dispatcher in async programs: the same calls in the same order, where a hook may be a coroutine.

A coroutine is awaited before the next implementation is called, and what it raises is its own, as in
``hooks/dispatch.py``. What is cancelled is the whole: the events that were not handed out are the watcher's again.
"""

from __future__ import annotations

import inspect
import time
from collections import deque
from typing import TYPE_CHECKING, Deque, Tuple

from inotify_cffi.base.native import threads_are_green
from inotify_cffi.errors import BusyError, PluginError
from inotify_cffi.hooks import dispatch
from inotify_cffi.hooks.delivery import Owed
from inotify_cffi.hooks.pace import SURE_S, after, earliest, left
from inotify_cffi.hooks.registry import HOOK_NAMES
from inotify_cffi.watching import loops
from inotify_cffi.watching.asynchronous import TURN_S
from inotify_cffi.watching.background import Start
from inotify_cffi.watching.claim import Iteration

if TYPE_CHECKING:
    import threading

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.hooks.delivery import Delivery
    from inotify_cffi.hooks.guard import Implementation
    from inotify_cffi.hooks.specs import AnyWatcher

__all__ = ["Dispatcher"]


class Dispatcher(dispatch.Dispatcher):
    """Plugins, and the calls of their hooks: :meth:`run` blocks, :meth:`arun` is awaited.

    Args:
        most_failures: a plugin that fails so many times in a row in one hook is unregistered.
        settle_s: how long a file has to be quiet for ``inotify_settled``, in seconds.
        probe: look whether anybody has a quiet file open for writing (a read lease for a moment, fcntl(2)); False:
            go by the events alone.

    """

    def __init__(self, *, most_failures: int = 100, settle_s: float = 1.0, probe: bool = True) -> None:
        super().__init__(most_failures=most_failures, settle_s=settle_s, probe=probe)
        self._awaits = False
        # Failures of which other plugins are to be told, by coroutines maybe.
        self._untold: Deque[Tuple[Implementation, AnyEvent | None, Exception]] = deque()

    def run(  # noqa: D102  # the base says it
        self,
        watcher: AnyWatcher,
        *,
        count: int | None = None,
        counted: int | None = None,
        timeout: float | None = None,
        block_duration_s: float | None = None,
    ) -> int:
        self._check_coroutines(awaited=False)
        return super().run(
            watcher, count=count, counted=counted, timeout=timeout, block_duration_s=block_duration_s
        )

    def run_in_thread(
        self,
        watcher: AnyWatcher,
        *,
        count: int | None = None,
        counted: int | None = None,
        timeout: float | None = None,
        block_duration_s: float | None = None,
    ) -> threading.Thread:
        """Call :meth:`run` in a thread of its own, and return the thread.

        ``watcher.close()`` waits for it, the interpreter does not. What ends it before its time is reported by
        ``threading.excepthook``.

        Raises:
            BusyError: something reads the watcher already.
            PluginError: a hook is a coroutine; or a plugin has a worker, and threads are green (gevent, eventlet).

        """
        self._check_coroutines(awaited=False)
        if self._lanes and threads_are_green():
            # It would be a green thread of that thread, and have its turn when all is over.
            raise PluginError(f"plugin {next(iter(self._lanes))!r} asks for a worker: not with green threads")
        start = Start(
            watcher._claim,  # noqa: SLF001
            lambda: self.run(
                watcher, count=count, counted=counted, timeout=timeout, block_duration_s=block_duration_s
            ),
        )
        try:
            threads = watcher._begin_thread(start)  # noqa: SLF001
            # One line, see handout.py: the thread works from now on, and close() waits for it.
            watcher._threads = threads; start.go.release(); return threads[-1]  # noqa: E702, SLF001  # fmt: skip
        except BaseException:
            start.give_up()
            raise

    async def arun(
        self,
        watcher: AnyWatcher,
        *,
        count: int | None = None,
        counted: int | None = None,
        timeout: float | None = None,
        block_duration_s: float | None = None,
    ) -> int:
        """Do what :meth:`run` does, in asyncio or trio, and let all else in the loop go on meanwhile.

        Hooks may be coroutines. They are awaited one by one, in order: the next event waits for them. If this is
        cancelled, ``inotify_stop`` is called still, and awaited to its end.

        Args:
            watcher: an open watcher.
            count: end after so many events; None: no end.
            counted: a mask: count only events with one of its flags; None: count all.
            timeout: end after so many seconds; None: no end.
            block_duration_s: call ``inotify_idle`` at least so often, in seconds; None: no wake-up without need.

        Returns:
            How many events were handed out; of those that count.

        Raises:
            BusyError: another task or thread reads the watcher.
            PluginError: a plugin with a worker has a coroutine; a required one can not be set up, or is
                unregistered for its failures.
            OSError: the kernel's queue can not be read.

        """
        self._check_coroutines(awaited=True)
        iteration = Iteration()
        try:
            watcher._begin_reading(iteration)  # noqa: SLF001
            told = await self._arun(
                watcher, iteration, count, counted, after(time.monotonic(), timeout), block_duration_s
            )
            watcher._end_reading(iteration)  # noqa: SLF001
        except BaseException:
            watcher._break_off(iteration)  # noqa: SLF001
            watcher._end_reading(iteration)  # noqa: SLF001
            raise
        return told

    async def _arun(
        self,
        watcher: AnyWatcher,
        iteration: Iteration,
        count: int | None,
        counted: int | None,
        deadline: float | None,
        block_duration_s: float | None,
    ) -> int:
        self._is_running = self._awaits = True
        self._waits_for_lanes = False
        try:
            try:
                try:
                    self._begin_reading()
                    self._bind(watcher)
                    await self._await_all("inotify_start", self._expect)
                    if self._lanes:
                        await loops.in_thread(self._until_set_up)
                    return await self._ahand_out(watcher, iteration, count, counted, deadline, block_duration_s)
                finally:
                    self._stop_handing_out()
            finally:
                await self._aend(watcher)
        finally:
            # Where an exception came right before the first one.
            await self._aend(watcher)
            self._awaits, self._waits_for_lanes = False, True
            ending, self._ending = self._ending, None
            if ending is not None:
                raise ending

    async def _ahand_out(
        self,
        watcher: AnyWatcher,
        iteration: Iteration,
        count: int | None,
        counted: int | None,
        deadline: float | None,
        block_duration_s: float | None,
    ) -> int:
        told = 0
        busy = False
        while count is None or told < count:
            now, settled_at = time.monotonic(), self.next_settled()
            due = settled_at is not None and settled_at <= now
            until = now if busy or due else earliest(deadline, settled_at, after(now, block_duration_s))
            if due:
                await _arrival_of_all_up_to_now(watcher, iteration)
            else:
                await watcher._arrival(iteration, left(until))  # noqa: SLF001
            batch, count_of_batch = self._next_batch(watcher, None if count is None else count - told, counted)
            if batch:
                told += count_of_batch
                await self._adeliver()
            elif until is None or time.monotonic() < until:
                # Nothing, before its time: the watcher was stopped.
                break
            elif not due:
                await self._await_all("inotify_idle")
            if due:
                self._owe_settled(now)
                await self._apay()
            busy = bool(batch) and bool(self._table["inotify_idle"])
            if (watcher.ended and not batch) or (deadline is not None and time.monotonic() >= deadline):
                break
        return told

    async def _aend(self, watcher: AnyWatcher) -> None:
        """Also where it is cancelled: call what is owed for the events that were handed out, and the last hook."""
        if self._is_running:
            with loops.shielded():
                await self._apay()
                self._bind(watcher)
                self._is_running = False
                await self._await_all("inotify_stop")
                if self._lanes:
                    await loops.in_thread(self._finish)
                await self._tell()
        self._reads = False
        self._hiding.end()

    async def _adeliver(self) -> None:
        """Make the calls of the batch that is on its way, one after the other."""
        if self._delivery is not None:
            await self._amake(self._delivery)
            self._delivered(len(self._delivery.events), [])

    async def _apay(self) -> None:
        """Make the calls that are owed."""
        if self._owed.pending:
            await self._amake(self._owed)
            self._owed = Owed()

    async def _amake(self, work: Delivery | Owed) -> None:
        made, of = work.made, 0
        turn_ends = time.monotonic() + TURN_S
        for place, implementation, offered, event in work.calls():
            if place != of and time.monotonic() > turn_ends:
                await loops.pause()
                turn_ends = time.monotonic() + TURN_S
            of = place
            made += 1
            if implementation is None:
                work.made = made; self._settle.note(event, time.monotonic())  # noqa: E702  # fmt: skip
                continue
            values = implementation.arranged(offered)
            coroutine: object = None
            try:
                # One line each, see handout.py.
                if implementation.is_coroutine:
                    coroutine = implementation.function(*values)
                if inspect.iscoroutine(coroutine):
                    work.made = made; await coroutine  # noqa: E702  # fmt: skip
                else:
                    work.made = made; result = implementation.function(*values); await _result(result)  # noqa: E702  # fmt: skip
                if implementation.after is not None:
                    implementation.after()
            except Exception as error:  # noqa: BLE001  # a guard for each
                self._failed(implementation, event, error)
            else:
                implementation.failures = 0
            finally:
                if inspect.iscoroutine(coroutine):
                    # It may not have begun.
                    coroutine.close()
            if self._untold:
                await self._tell()

    async def _await_all(self, hook_name: str, *values: object, event: AnyEvent | None = None) -> None:
        self._bind(self._watcher)
        for implementation in self._table[hook_name]:
            await self._await(implementation, event, *values)

    async def _await(self, implementation: Implementation, event: AnyEvent | None, *values: object) -> None:
        try:
            await _result(implementation.call(*values))
        except Exception as error:  # noqa: BLE001  # a guard for each
            self._failed(implementation, event, error)
        else:
            implementation.failures = 0
        if self._untold:
            await self._tell()

    # --- failures ---

    def _tell_others(self, failed: Implementation, event: AnyEvent | None, error: Exception) -> None:
        if self._awaits:
            self._untold.append((failed, event, error))
        else:
            super()._tell_others(failed, event, error)

    async def _tell(self) -> None:
        while self._untold:
            failed, event, error = self._untold.popleft()
            for implementation in self._table["inotify_plugin_error"]:
                if implementation.plugin is not failed.plugin:
                    await self._await(implementation, event, failed.plugin, failed.hook_name, event, error)

    def _check_coroutines(self, *, awaited: bool) -> None:
        """Refuse coroutines that nobody would await. Raises PluginError."""
        for hook_name in HOOK_NAMES:
            for found in self.implementations(hook_name):
                if not inspect.iscoroutinefunction(found.function):
                    continue
                problem = f"plugin {found.plugin_name!r} has a coroutine for {hook_name}"
                if not awaited:
                    raise PluginError(f"{problem}: await dispatcher.arun(watcher)")
                if found.plugin_name in self._lanes:
                    raise PluginError(
                        f"{problem}, and asks for a worker, which can not await it; one or the other"
                    )


async def _result(result: object) -> None:
    """Wait for what a hook has returned, if it was a coroutine."""
    if inspect.isawaitable(result):
        await result


async def _arrival_of_all_up_to_now(watcher: AnyWatcher, iteration: Iteration) -> None:
    """Do what ``sync`` does, which would hold up the loop for as long as writers do not rest."""
    enough = time.monotonic() + SURE_S
    while True:
        try:
            watcher._await_all(iteration, 0)  # noqa: SLF001
        except (TimeoutError, BusyError):
            # Busy: a directory is being added.
            if time.monotonic() > enough:
                await watcher._arrival(iteration, 0)  # noqa: SLF001
                return
        else:
            return
        await loops.pause()
