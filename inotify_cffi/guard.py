"""One plugin's part of a hook, called so that its failure stays its own.

An implementation is bound once: to the arguments it takes, and to the watcher. What a hook is called with are the
arguments of its specification without the watcher, in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Tuple

if TYPE_CHECKING:
    from inotify_cffi.hookspecs import AnyWatcher

    Function = Callable[..., object]

__all__ = ["Implementation", "bound"]


class Implementation:
    """A hook as one plugin implements it; ``call`` is to be guarded by who calls it."""

    __slots__ = ("call", "failures", "hook_name", "plugin", "plugin_name")

    def __init__(self, plugin: object, plugin_name: str, hook_name: str, call: Function) -> None:
        self.plugin = plugin
        self.plugin_name = plugin_name
        self.hook_name = hook_name
        self.call = call
        # In a row: a call that succeeds sets it back.
        self.failures = 0

    def retire(self) -> None:
        """Do nothing from now on: the plugin was unregistered, maybe in the middle of a batch."""
        self.call = _nothing
        self.failures = 0


def bound(
    function: Function, takes: Tuple[str, ...], offers: Tuple[str, ...], watcher: AnyWatcher | None
) -> Function:
    """Return *function* so that it can be called with what the hook *offers*, but for the watcher.

    Args:
        function: the plugin's.
        takes: the names of its arguments, in its order.
        offers: the names of the hook's arguments, in theirs.
        watcher: what is passed for the argument of that name.

    """
    varying = tuple(name for name in offers if name != "watcher")
    # The common cases get by without a detour, for they are called for every event.
    if takes == varying:
        return function
    if takes == (*varying, "watcher"):
        if len(varying) == 1:
            return lambda value: function(value, watcher)
        return lambda *values: function(*values, watcher)
    order = {name: index for index, name in enumerate((*varying, "watcher"))}
    where = [order[name] for name in takes]

    def call(*values: object) -> object:
        row = (*values, watcher)
        return function(*[row[index] for index in where])

    return call


def _nothing(*_values: object) -> None:
    return
