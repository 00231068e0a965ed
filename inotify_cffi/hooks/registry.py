"""Which plugins there are: registered, refused, blocked, unregistered.

A thin layer over pluggy's manager that refuses at registration what would otherwise be noticed late or never:
unknown hooks, unknown arguments, wrappers, and a plugin whose functions were not marked.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple, Tuple

import pluggy

from inotify_cffi.errors import PluginError
from inotify_cffi.hooks import specs
from inotify_cffi.hooks.loading import find, installed

if TYPE_CHECKING:
    from inotify_cffi.hooks.guard import Function

__all__ = ["HOOK_NAMES", "Found", "Registry"]

logger = logging.getLogger("inotify_cffi.registry")

HOOK_NAMES = tuple(name for name in vars(specs) if name.startswith("inotify_"))


class Found(NamedTuple):
    """What one plugin has for one hook: the function, the arguments it takes, those that the hook offers."""

    plugin: object
    plugin_name: str
    function: Function
    takes: Tuple[str, ...]
    offers: Tuple[str, ...]


class Registry:
    """The registered plugins, by name."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(specs.PROJECT)
        self._manager.add_hookspecs(specs)

    def register(self, plugin: object, name: str | None = None) -> str:
        """Add a plugin: a module or an object with functions marked by ``hookimpl``.

        Args:
            plugin: the plugin.
            name: what messages call it; None for the name of the module or the class.

        Returns:
            Its name. A blocked one is not registered.

        Raises:
            PluginError: the name is taken, the plugin has no hook or an unknown one, takes an argument
                that the hook does not have, or wraps a hook.

        """
        called = name or self._free_name(plugin)
        if self._manager.is_blocked(called):
            return called
        if self._manager.has_plugin(called):
            raise PluginError(f"a plugin {called!r} is registered already; give this one another name")
        if self._manager.is_registered(plugin):
            raise PluginError(f"plugin {called!r} is registered already, as {self._manager.get_name(plugin)!r}")
        try:
            self._manager.register(plugin, called)
            self._check(plugin, called)
        except (pluggy.PluginValidationError, PluginError) as error:
            if self._manager.has_plugin(called):
                self._manager.unregister(plugin, called)
            if isinstance(error, PluginError):
                raise
            raise PluginError(f"plugin {called!r} can not be registered: {_one_line(error)}") from error
        return called

    def unregister(self, name: str) -> None:
        """Take a plugin out by its name.

        Raises PluginError where none has that name.
        """
        if not self._manager.has_plugin(name):
            known = ", ".join(self.plugins()) or "none"
            raise PluginError(f"no plugin {name!r} is registered; there are: {known}")
        self._manager.unregister(name=name)

    def block(self, name: str) -> None:
        """Keep a plugin out by its name, now and later."""
        if self._manager.has_plugin(name):
            self.unregister(name)
        self._manager.set_blocked(name)

    def load(self, source: str) -> str:
        """Find a plugin and register it.

        Args:
            source: the ``NAME`` of an installed plugin (entry point group ``inotify_cffi``), ``module:attr``, the
                path of a ``.py`` file, which has hooks or one class with hooks, or ``path.py:attr``. A class is
                called without arguments.

        Returns:
            Its name: that of the entry point, the source, or that of the file without ``.py``, and of what is in
            it. A blocked one is not imported.

        Raises:
            PluginError: it is not found, can not be imported or registered.

        """
        if self._manager.is_blocked(source):
            return source
        name, plugin = find(source)
        return self.register(plugin, name)

    def load_installed(self) -> list[str]:
        """Register all installed plugins, one by one; the names of those that could be.

        One that can not be imported or registered is reported to the logger and skipped.
        """
        loaded: list[str] = []
        for candidate in installed():
            if self._manager.is_blocked(candidate.name) or self._manager.has_plugin(candidate.name):
                continue
            try:
                loaded.append(self.load(candidate.name))
            except PluginError as error:
                logger.error("%s; it is skipped", error)  # noqa: TRY400  # the message says all
        return loaded

    def plugins(self) -> dict[str, object]:
        """Return the registered plugins by name, in the order of their registration."""
        return {name: plugin for name, plugin in self._manager.list_name_plugin() if plugin is not None}

    def hooks(self, name: str) -> list[str]:
        """Return the names of the hooks that a plugin implements."""
        plugin = self._manager.get_plugin(name)
        callers = self._manager.get_hookcallers(plugin) if plugin is not None else None
        return sorted(caller.name for caller in callers or ())

    def check_pending(self) -> None:
        """Check that no plugin implements a hook that does not exist; raises PluginError.

        :meth:`register` refuses such a plugin at once. This finds what came to a plugin by another way.
        """
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(f"{_one_line(error)}; there are: {', '.join(HOOK_NAMES)}") from error

    def implementations(self, hook_name: str) -> list[Found]:
        """Return what the plugins have for a hook, in the order in which they are to be called."""
        caller = getattr(self._manager.hook, hook_name)
        offers = caller.spec.argnames if caller.spec is not None else ()
        return [
            Found(each.plugin, each.plugin_name, each.function, each.argnames, offers)
            for each in reversed(caller.get_hookimpls())
        ]

    def _free_name(self, plugin: object) -> str:
        own = getattr(plugin, "__name__", None)
        base = own if isinstance(own, str) else type(plugin).__name__
        name, count = base, 1
        while self._manager.has_plugin(name):
            count += 1
            name = f"{base}-{count}"
        return name

    def _check(self, plugin: object, name: str) -> None:
        callers = self._manager.get_hookcallers(plugin)
        if not callers:
            raise PluginError(f"plugin {name!r} has no hook: mark its functions with @inotify_cffi.hookimpl")
        for caller in callers:
            for implementation in caller.get_hookimpls():
                if implementation.plugin is not plugin:
                    continue
                if implementation.wrapper or implementation.hookwrapper:
                    raise PluginError(
                        f"plugin {name!r} wraps the hook {caller.name!r}: each plugin is called on its own, so "
                        "there is nothing to wrap; implement the hook without wrapper=True"
                    )
                if not caller.has_spec() and not implementation.optionalhook:
                    raise PluginError(
                        f"plugin {name!r} has an unknown hook {caller.name!r}; there are: {', '.join(HOOK_NAMES)}"
                    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
