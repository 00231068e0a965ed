"""Call the hooks of plugins: in pluggy's order, guarded one by one.

pluggy's own call stops at the first exception. So the implementations are called from here, and what one raises is
reported and does not reach the next. That leaves no place for hook wrappers: they are refused when a plugin is
registered.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Dict, Tuple

from inotify_cffi.base.locks import SafeLock
from inotify_cffi.errors import PluginError
from inotify_cffi.hooks.guard import Implementation, arranger
from inotify_cffi.hooks.registry import HOOK_NAMES, Registry
from inotify_cffi.hooks.workers import Lane, worker_of

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.hooks.specs import AnyWatcher

__all__ = ["Caller"]

# The name that users know; this module is a part of it.
logger = logging.getLogger("inotify_cffi.dispatch")

# A plugin that fails in one of these is not set up, and would fail in all that follows.
SETTING_UP = frozenset({"inotify_add_options", "inotify_configure", "inotify_start"})

# Called in line also for a plugin with a worker: the command line has to know how they ended.
IN_LINE = frozenset({"inotify_add_options", "inotify_configure"})


class RequiredError(PluginError):
    """A plugin that is required is out, so the program ends."""


class Caller(Registry):
    """The registered plugins, bound to a watcher and called.

    Args:
        most_failures: a plugin that fails so many times in a row in one hook is unregistered.

    """

    def __init__(self, *, most_failures: int) -> None:
        super().__init__()
        self.most_failures = most_failures
        # What to call, made anew when a plugin came or went, or for another watcher.
        self._table: Dict[str, Tuple[Implementation, ...]] = dict.fromkeys(HOOK_NAMES, ())
        self._watcher: AnyWatcher | None = None
        self._bound = False
        self._reported: set[tuple[str, str, type]] = set()
        self._lanes: Dict[str, Lane] = {}
        self._required: set[str] = set()
        # Not in a coroutine, which would hold up its loop.
        self._waits_for_lanes = True
        # What a plugin on a thread of its own raised to end the program.
        self._ending: BaseException | None = None
        # A plugin on a thread of its own may fail, and so be unregistered, at any moment.
        self._lock = SafeLock()

    @property
    def most_failures(self) -> int:
        """After how many failures in a row in one hook a plugin is unregistered."""
        return self._most_failures

    @most_failures.setter
    def most_failures(self, number: int) -> None:
        if number < 1:
            raise ValueError(f"most_failures is 1 or more, not {number!r}")
        self._most_failures = number

    def register(self, plugin: object, name: str | None = None) -> str:  # noqa: D102  # the base says it
        return self._lock.run(self._register, plugin, name)

    def _register(self, plugin: object, name: str | None) -> str:
        called = super().register(plugin, name)
        self._bound = False
        try:
            worker = worker_of(plugin, called)
        except PluginError:
            super().unregister(called)
            raise
        if worker is not None and called in self.plugins():
            self._lanes[called] = Lane(called, worker, self._failed, self._ended)
        return called

    def unregister(self, name: str) -> None:
        """Take a plugin out by its name; not even the rest of the batch at hand is given to it.

        Raises PluginError where none has that name.
        """
        lane = self._lock.run(self._unregister, name)
        if lane is not None:
            lane.discard()

    def _unregister(self, name: str) -> Lane | None:
        super().unregister(name)
        self._bound = False
        for implementations in self._table.values():
            for implementation in implementations:
                if implementation.plugin_name == name:
                    implementation.retire()
        return self._lanes.pop(name, None)

    def require(self, name: str) -> None:
        """Let :meth:`run` raise a PluginError if a plugin can not be set up, or is unregistered for its failures.

        A plugin may ask for that itself, by the attribute ``inotify_required = True``.

        Args:
            name: the plugin's.

        Raises:
            PluginError: none has that name.

        """
        if name not in self.plugins():
            known = ", ".join(self.plugins()) or "none"
            raise PluginError(f"plugin {name!r} is required and not loaded; there are: {known}")
        self._required.add(name)

    def dropped(self) -> Dict[str, int]:
        """Return how many events each plugin with a worker was too slow for, by the plugins' names."""
        return {name: lane.dropped for name, lane in self._lanes.items()}

    def _bind(self, watcher: AnyWatcher | None) -> None:
        if not self._bound or watcher is not self._watcher:
            self._lock.run(self._bind_anew, watcher)

    def _bind_anew(self, watcher: AnyWatcher | None) -> None:
        known = {(each.hook_name, each.plugin_name): each for row in self._table.values() for each in row}
        table: Dict[str, Tuple[Implementation, ...]] = {}
        for hook_name in HOOK_NAMES:
            row = []
            for found in self.implementations(hook_name):
                arrange = arranger(found.takes, found.offers, watcher)
                implementation = Implementation(
                    found.plugin, found.plugin_name, hook_name, found.function, arrange
                )
                before = known.get((hook_name, found.plugin_name))
                if before is not None and before.plugin is found.plugin:
                    implementation.failures = before.failures
                row.append(self._laned(implementation))
            table[hook_name] = tuple(row)
        self._bound = False
        self._table = table
        self._watcher = watcher
        self._rebound({hook_name for hook_name, row in table.items() if row})
        # At the end: who is interrupted before begins anew.
        self._bound = True

    def _laned(self, work: Implementation) -> Implementation:
        """Return what to call in line: *work* itself, or what queues it for the plugin's thread."""
        lane = self._lanes.get(work.plugin_name)
        if lane is None or work.hook_name in IN_LINE:
            return work

        def offer(*values: object) -> Tuple[object, ...]:
            return (lane.offer(work, values),)

        def wake() -> None:
            lane.wake()
            if work.hook_name in SETTING_UP and self._waits_for_lanes:
                self._until_set_up()

        return Implementation(work.plugin, work.plugin_name, work.hook_name, lane.queue, offer, wake)

    def _until_set_up(self) -> None:
        """Wait for the required plugins on threads of their own: nobody is to be told before that all is ready."""
        for name, lane in list(self._lanes.items()):
            plugin = self.plugins().get(name)
            if plugin is not None and self._is_required(name, plugin):
                lane.drain()
        if self._ending is not None:
            raise self._ending

    def _finish(self) -> None:
        """Wait for the plugins that work on threads of their own."""
        for lane in list(self._lanes.values()):
            lane.close()

    def _ended(self, error: BaseException) -> None:
        """Remember what is to end the program, and wake the thread that can."""
        if self._ending is None:
            self._ending = error
        if self._watcher is not None:
            self._watcher.stop()

    def _rebound(self, implemented: set[str]) -> None:
        """Take note of which hooks somebody implements now."""

    def _call(self, hook_name: str, *values: object, event: AnyEvent | None = None) -> None:
        for implementation in self._table[hook_name]:
            try:
                implementation.call(*values)
            except Exception as error:  # noqa: BLE001  # a guard for each
                self._failed(implementation, event, error)
            else:
                implementation.failures = 0

    # --- failures ---

    def _failed(self, implementation: Implementation, event: AnyEvent | None, error: Exception) -> None:
        """Report a failure, if it is the first of its kind, and unregister who has failed too often."""
        if isinstance(error, RequiredError):
            raise error
        name, hook_name = implementation.plugin_name, implementation.hook_name
        fatal = hook_name in SETTING_UP and self._is_required(name, implementation.plugin)
        failures, new = self._lock.run(self._count, implementation, error)
        if new and not fatal:
            logger.error(
                "plugin %r failed in %s: %s: %s; more of this kind are not reported",
                name,
                hook_name,
                type(error).__name__,
                error,
                exc_info=error,
            )
        # A failure in telling of failures is not told of in turn.
        if new and hook_name != "inotify_plugin_error":
            self._tell_others(implementation, event, error)
        if not self._manager.has_plugin(name):
            return
        if hook_name in SETTING_UP:
            self._give_up(implementation, error, "could not be set up")
        elif failures >= self._most_failures:
            self._give_up(implementation, error, f"failed in {hook_name} {failures} times in a row")

    def _give_up(self, implementation: Implementation, error: Exception, why: str) -> None:
        """Unregister a plugin, and end the program if it is required."""
        name, hook_name = implementation.plugin_name, implementation.hook_name
        in_line = name not in self._lanes or hook_name in IN_LINE
        if not self._is_required(name, implementation.plugin):
            logger.warning("plugin %r is unregistered: it %s", name, why)
            self.unregister(name)
            return
        ending = RequiredError(f"plugin {name!r} is required, and {why}: {type(error).__name__}: {error}")
        ending.__cause__ = error
        if not (in_line and hook_name in SETTING_UP):
            # The others get the rest of the batch.
            self._ended(ending)
        self.unregister(name)
        if in_line and hook_name in SETTING_UP:
            raise ending

    def _is_required(self, name: str, plugin: object) -> bool:
        return name in self._required or bool(getattr(plugin, "inotify_required", False))

    def _count(self, implementation: Implementation, error: Exception) -> Tuple[int, bool]:
        """Return how many failures that was in a row, and whether it is the first of its kind."""
        implementation.failures += 1
        kind = (implementation.plugin_name, implementation.hook_name, type(error))
        new = kind not in self._reported
        self._reported.add(kind)
        return implementation.failures, new

    def _tell_others(self, failed: Implementation, event: AnyEvent | None, error: Exception) -> None:
        for implementation in self._table["inotify_plugin_error"]:
            if implementation.plugin is failed.plugin:
                continue
            try:
                implementation.call(failed.plugin, failed.hook_name, event, error)
            except Exception as second:  # noqa: BLE001  # a guard for each
                self._failed(implementation, event, second)
            else:
                implementation.failures = 0
