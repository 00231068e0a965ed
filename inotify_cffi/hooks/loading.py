"""Find plugins: by the name of an entry point, as ``module:attr``, in a file, or as ``path.py:attr``.

Nothing is registered here, and nothing is imported but the plugin that was asked for.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from inotify_cffi.base.regular import check_regular
from inotify_cffi.base.suggestions import did_you_mean
from inotify_cffi.errors import PluginError
from inotify_cffi.hooks.entry_points import UnusualError, quickly
from inotify_cffi.hooks.specs import PROJECT

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from types import ModuleType

__all__ = ["Installed", "find", "installed"]

# What a function has that hookimpl has marked.
MARK = f"{PROJECT}_impl"


class Installed(NamedTuple):
    """A plugin that some distribution offers under a name, not imported yet."""

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint


def installed() -> list[Installed]:
    """Return the plugins that are installed, by name; of two of one name the first on ``sys.path``."""
    # Imported here: who registers objects does not pay for it.
    from importlib.metadata import distributions

    found: dict[str, Installed] = {}
    for distribution in distributions():
        for point in distribution.entry_points:
            if point.group == PROJECT and point.name not in found:
                named = distribution.metadata["Name"]
                found[point.name] = Installed(point.name, named, distribution.version, point)
    return [found[name] for name in sorted(found)]


def find(source: str) -> tuple[str, object]:
    """Return the name and the plugin that *source* stands for.

    Args:
        source: ``NAME`` of an installed plugin, ``module:attr``, the path of a ``.py`` file, or ``path.py:attr``.
            A class is called without arguments, and what it returns is the plugin. A file is the plugin itself
            if it has hooks, else the one class in it that has some.

    Raises:
        PluginError: there is none, or it can not be imported.

    """
    file, _, attributes = source.rpartition(":")
    if source.endswith(".py"):
        name, plugin = _stem(source), _plugin_of(source, _from_file(source))
    elif file.endswith(".py"):
        name, plugin = f"{_stem(file)}:{attributes}", _attribute(source, _from_file(file), attributes)
    elif ":" in source:
        name, plugin = source, _from_module(source)
    else:
        name, plugin = source, _from_entry_point(source)
    if isinstance(plugin, type):
        try:
            plugin = plugin()
        except Exception as error:
            raise _not_importable(source, error) from error
    return name, plugin


def _stem(path: str) -> str:
    return os.path.basename(path)[: -len(".py")]


def _plugin_of(path: str, module: ModuleType) -> object:
    """Return what in a file is the plugin: all of it, or the class that has hooks."""
    if _has_hooks(module):
        return module
    classes = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        # What it has imported is somebody else's, and what begins with an underscore nobody's.
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and _has_hooks(value)
    ]
    if len(classes) > 1:
        choices = ", ".join(f"{path}:{name}" for name in classes)
        raise PluginError(f"plugin {path!r} has several classes with hooks; choose one of {choices}")
    # Without any the refusal says what is missing.
    return getattr(module, classes[0]) if classes else module


def _has_hooks(thing: object) -> bool:
    # As pluggy looks for them.
    return any(isinstance(getattr(getattr(thing, name, None), MARK, None), dict) for name in dir(thing))


def _attribute(source: str, found: object, attributes: str) -> object:
    try:
        for attribute in filter(None, attributes.split(".")):
            found = getattr(found, attribute)
    except Exception as error:
        raise _not_importable(source, error) from error
    return found


def _from_file(path: str) -> ModuleType:
    name = _stem(path)
    try:
        check_regular(path)
    except FileNotFoundError:
        # Its import says so.
        pass
    except OSError as error:
        raise PluginError(f"plugin {path!r} can not be read: {error.strerror}") from error
    # Imported here: it brings much, and most plugins are no files.
    import importlib.util

    spec = importlib.util.spec_from_file_location(f"{PROJECT}_file_{name}", path)
    if spec is None or spec.loader is None:
        raise PluginError(f"plugin {path!r} can not be read as a Python file")
    module = importlib.util.module_from_spec(spec)
    # As an import does: dataclasses and pickle look a class's module up there.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise _not_importable(path, error) from error
    return module


def _from_module(source: str) -> object:
    module_name, _, attributes = source.partition(":")
    try:
        found: object = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise _not_importable(source, error) from error
    return _attribute(source, found, attributes)


def _from_entry_point(name: str) -> object:
    try:
        value = quickly(PROJECT, name)
    except UnusualError:
        value = None
    if value is not None:
        try:
            return _from_module(value)
        except PluginError as error:
            cause = error.__cause__ or error
            owner = next((each.distribution for each in installed() if each.name == name), "somebody")
            raise _not_importable(f"{name} of {owner}", cause) from cause
    # It is not there, or that is not easily known. The message has all that are.
    offered = installed()
    for candidate in offered:
        if candidate.name == name:
            try:
                plugin: object = candidate.entry_point.load()
            except (Exception, SystemExit) as error:
                raise _not_importable(f"{name} of {candidate.distribution}", error) from error
            return plugin
    known = [candidate.name for candidate in offered]
    raise PluginError(
        f"no plugin {name!r} is installed{did_you_mean(name, known)}; there are: {', '.join(known) or 'none'}; a "
        "module is given as module:attr, a file as path.py or path.py:attr"
    )


def _not_importable(source: str, error: BaseException) -> PluginError:
    return PluginError(f"plugin {source!r} can not be imported: {type(error).__name__}: {error}")
