"""One plugin's part of a hook, called so that its failure stays its own.

An implementation is bound once: to the arguments it takes, and to the watcher. What a hook is called with are the
arguments of its specification without the watcher, in their order.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Callable, Tuple

if TYPE_CHECKING:
    from inotify_cffi.hooks.specs import AnyWatcher

    Function = Callable[..., object]
    Arrange = Callable[..., Tuple[object, ...]]

__all__ = ["Implementation", "arranger"]


class Implementation:
    """A hook as one plugin implements it; ``function`` is to be guarded by who calls it.

    Whoever has to know whether it was called has the arguments *arranged* first, and then calls the function
    itself: nothing is in between then.
    """

    __slots__ = ("after", "arrange", "failures", "function", "hook_name", "is_coroutine", "plugin", "plugin_name")

    def __init__(
        self,
        plugin: object,
        plugin_name: str,
        hook_name: str,
        function: Function,
        arrange: Arrange | None = None,
        after: Callable[[], None] | None = None,
    ) -> None:
        self.plugin = plugin
        self.plugin_name = plugin_name
        self.hook_name = hook_name
        self.function = function
        # To call it runs nothing of it; to await what that returns does.
        self.is_coroutine = inspect.iscoroutinefunction(function)
        # None: the function takes what its hook is called with.
        self.arrange = arrange
        # What is to be called behind it, if there is something: that may come late.
        self.after = after
        # In a row: a call that succeeds sets it back.
        self.failures = 0

    def arranged(self, values: Tuple[object, ...]) -> Tuple[object, ...]:
        """Return the arguments of the function, of what its hook is called with."""
        return values if self.arrange is None else self.arrange(*values)

    def call(self, *values: object) -> object:
        """Call the function with what its hook is called with."""
        result = self.function(*self.arranged(values))
        if self.after is not None:
            self.after()
        return result

    def retire(self) -> None:
        """Do nothing from now on: the plugin was unregistered, maybe in the middle of a batch."""
        self.function = _nothing
        self.is_coroutine = False
        self.after = None
        self.failures = 0


def arranger(takes: Tuple[str, ...], offers: Tuple[str, ...], watcher: AnyWatcher | None) -> Arrange | None:
    """Return what makes the arguments of a function out of what its hook offers; None if they are the same.

    Args:
        takes: the names of the function's arguments, in its order.
        offers: the names of the hook's arguments, in theirs; it is called with all but the watcher.
        watcher: what is passed for the argument of that name.

    """
    varying = tuple(name for name in offers if name != "watcher")
    # The common cases get by with less, for they are called for every event.
    if takes == varying:
        return None
    if takes == (*varying, "watcher"):
        if len(varying) == 1:
            return lambda value: (value, watcher)
        return lambda *values: (*values, watcher)
    order = {name: index for index, name in enumerate((*varying, "watcher"))}
    where = [order[name] for name in takes]

    def arrange(*values: object) -> Tuple[object, ...]:
        row = (*values, watcher)
        return tuple([row[index] for index in where])

    return arrange


def _nothing(*_values: object) -> None:
    return
