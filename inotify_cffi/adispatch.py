"""The dispatcher in async programs: the same calls in the same order, where a hook may be a coroutine.

A coroutine is awaited before the next implementation is called, and what it raises is its own, as in
``dispatch.py``. What is cancelled is the whole: the events that were not handed out are the watcher's again.
"""

from __future__ import annotations

import inspect
import time
from collections import deque
from typing import TYPE_CHECKING, Deque, Sequence, Tuple

from inotify_cffi import dispatch, loops
from inotify_cffi.asynchronous import TURN_S
from inotify_cffi.claim import Iteration
from inotify_cffi.dispatch import enough
from inotify_cffi.errors import BusyError, PluginError
from inotify_cffi.registry import HOOK_NAMES

if TYPE_CHECKING:
    import threading

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.guard import Implementation
    from inotify_cffi.hookspecs import AnyWatcher

__all__ = ["Dispatcher"]


class Dispatcher(dispatch.Dispatcher):
    """Plugins, and the calls of their hooks: :meth:`run` blocks, :meth:`arun` is awaited.

    Args:
        most_failures: a plugin that fails so many times in a row in one hook is unregistered.
        settle_s: how long a written file has to be quiet for ``inotify_settled``, in seconds.

    """

    def __init__(self, *, most_failures: int = 100, settle_s: float = 1.0) -> None:
        super().__init__(most_failures=most_failures, settle_s=settle_s)
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
            PluginError: a hook is a coroutine.

        """
        self._check_coroutines(awaited=False)
        return watcher._in_thread(  # noqa: SLF001
            lambda: self.run(
                watcher, count=count, counted=counted, timeout=timeout, block_duration_s=block_duration_s
            )
        )

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
            PluginError: a plugin with a worker has a coroutine.
            OSError: the kernel's queue can not be read.

        """
        self._check_coroutines(awaited=True)
        iteration = Iteration()
        watcher._claim.take(iteration)  # noqa: SLF001
        self._awaits = True
        try:
            self._bind(watcher)
            await self._await_all("inotify_start")
            return await self._arun(watcher, count, counted, _after(timeout), block_duration_s)
        finally:
            with loops.shielded():
                await self._aend(watcher)
            self._awaits = False
            watcher._claim.release(iteration)  # noqa: SLF001
            ending, self._ending = self._ending, None
            if ending is not None:
                raise ending

    async def _arun(
        self,
        watcher: AnyWatcher,
        count: int | None,
        counted: int | None,
        deadline: float | None,
        block_duration_s: float | None,
    ) -> int:
        told = 0
        busy = False
        while (count is None or told < count) and (deadline is None or time.monotonic() < deadline):
            now, settled_at = time.monotonic(), self.next_settled()
            due = settled_at is not None and settled_at <= now
            idle_at = None if block_duration_s is None else now + block_duration_s
            until = now if busy or due else _earliest(deadline, settled_at, idle_at)
            events = await (_all_up_to_now(watcher) if due else watcher.aread(_left(until)))
            if events:
                batch, _ = enough(events, None if count is None else count - told, counted)
                done = await self._adispatch(events, len(batch), watcher)
                told += enough(events[:done], None, counted)[1]
            elif until is None or time.monotonic() < until:
                # Nothing, before its time: the watcher was stopped.
                break
            elif not due:
                await self._await_all("inotify_idle")
            if due:
                await self._asettled(now)
            if watcher.ended and not events:
                break
            busy = bool(events) and bool(self._table["inotify_idle"])
        return told

    async def _aend(self, watcher: AnyWatcher) -> None:
        self._bind(watcher)
        await self._await_all("inotify_stop")
        if self._lanes:
            await loops.in_thread(self._finish)
        await self._tell()

    async def _adispatch(self, events: Sequence[AnyEvent], most: int, watcher: AnyWatcher) -> int:
        """Hand out at most so many events of a batch and put back the others; the number of those handed out."""
        batch = events[:most]
        done = 0
        try:
            turn_ends = time.monotonic() + TURN_S
            for index, event in enumerate(batch):
                done = index + 1
                await self._one(batch, index)
                if time.monotonic() > turn_ends and event is not batch[-1]:
                    await loops.pause()
                    turn_ends = time.monotonic() + TURN_S
        finally:
            watcher._put_back(events[done:])  # noqa: SLF001
            if done:
                # Also where it is cancelled: these events were handed out.
                with loops.shielded():
                    await self._await_all("inotify_events", batch[:done], event=batch[0])
        return done

    async def _one(self, batch: Sequence[AnyEvent], index: int) -> None:
        event = batch[index]
        if event.mask & self._settling:
            self._settle.note(event, time.monotonic())
        for implementation in self._table["inotify_event"]:
            await self._await(implementation, event, event)
        if event.mask & self._kinds.wanted:
            for hook_name, values in self._kinds.calls(batch, index):
                await self._await_all(hook_name, *values, event=event)

    async def _asettled(self, now: float) -> None:
        for path, event in self._settle.due(now):
            await self._await_all("inotify_settled", path, event, event=event)

    async def _await_all(self, hook_name: str, *values: object, event: AnyEvent | None = None) -> None:
        self._bind(self._watcher)
        for implementation in self._table[hook_name]:
            await self._await(implementation, event, *values)

    async def _await(self, implementation: Implementation, event: AnyEvent | None, *values: object) -> None:
        try:
            result = implementation.call(*values)
            if inspect.isawaitable(result):
                await result
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


async def _all_up_to_now(watcher: AnyWatcher) -> Sequence[AnyEvent]:
    """Return what ``sync`` does, which would hold up the loop for as long as writers do not rest."""
    enough = time.monotonic() + dispatch.SURE_S
    while True:
        try:
            return watcher.sync(0)
        except (TimeoutError, BusyError):
            # Busy: a directory is being added.
            if time.monotonic() > enough:
                return await watcher.aread(0)
        await loops.pause()


def _after(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds


def _earliest(*times: float | None) -> float | None:
    known = [moment for moment in times if moment is not None]
    return min(known) if known else None


def _left(until: float | None) -> float | None:
    return None if until is None else max(until - time.monotonic(), 0.0)
