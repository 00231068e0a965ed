"""Options from a TOML file: a table for each command, with the long names of its options.

::

    [watch]
    paths = ["/srv/in"]
    plugin = ["journal", "/etc/inotify/mine.py"]
    exclude = ["*.tmp", "build/"]
    settle = "2s"
    quiet = true

    [run]
    paths = ["src"]
    command = ["make", "-s"]

What the command line says counts more; an option that may be given more than once has the file's values, too.
"""

from __future__ import annotations

import sys
from typing import Collection, Mapping, NamedTuple, Tuple, cast

from inotify_cffi.base.regular import read_regular
from inotify_cffi.base.suggestions import did_you_mean
from inotify_cffi.cli.extra import needed
from inotify_cffi.errors import InotifyError

__all__ = ["ConfigError", "Defaults", "read"]


# Far more than anybody writes.
MOST_BYTES = 1 << 20


class ConfigError(InotifyError):
    """The file is not what it should be; the message names it and what is wrong."""


class Defaults(NamedTuple):
    """What a file says for one command: options as arguments, paths, what stands behind ``--``."""

    arguments: Tuple[str, ...] = ()
    paths: Tuple[str, ...] = ()
    command_line: Tuple[str, ...] = ()


def read(file: str, command: str, commands: Collection[str]) -> Defaults:
    """Return what *file* says for *command*, one of the *commands* that may have a table.

    Raises:
        ConfigError: it is no TOML, there is a table for no command, or a value is of a kind that no option has.
        OSError: it can not be read, is no regular file, or far too large.

    """
    tables = _parsed(file, read_regular(file, MOST_BYTES, "a configuration"))
    for name, content in tables.items():
        if name not in commands:
            hint = did_you_mean(name, commands) or ";"
            raise ConfigError(f"{file}: {name!r} is no command{hint} there are tables for {', '.join(commands)}")
        if not isinstance(content, dict):
            raise ConfigError(f"{file}: {name} has to be a table: [{name}]")
    table = cast("Mapping[str, object]", tables.get(command, {}))
    arguments: list[str] = []
    for key, value in table.items():
        if key in {"help", "config"}:
            raise ConfigError(f"{file}: {key} has no place here")
        if key not in {"paths", "command"}:
            arguments.extend(_arguments(file, key, value))
    return Defaults(tuple(arguments), _texts(file, table, "paths"), _texts(file, table, "command"))


def _parsed(file: str, data: bytes) -> Mapping[str, object]:
    try:
        # Imported here: most starts have no file.
        if sys.version_info >= (3, 11):
            import tomllib

            return tomllib.loads(data.decode("utf-8"))
        loaded: object = needed("tomli", "--config").loads(data.decode("utf-8"))
        return loaded if isinstance(loaded, dict) else {}
    except ValueError as error:
        # Both libraries' errors are ValueErrors, and so is what is no UTF-8.
        raise ConfigError(f"{file} is no TOML: {error}") from error


def _arguments(file: str, key: str, value: object) -> list[str]:
    if value is True:
        return [f"--{key}"]
    if value is False:
        return ["--no-recursive"] if key == "recursive" else []
    if isinstance(value, (str, int, float)):
        return [f"--{key}={value}"]
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return [f"--{key}={each}" for each in value]
    raise ConfigError(f"{file}: {key} has to be a text, a number, true, false or a list of texts, not {value!r}")


def _texts(file: str, table: Mapping[str, object], key: str) -> Tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"{file}: {key} has to be a list of texts, not {value!r}")
    return tuple(value)
