"""What only the command line needs, and only some of it: the extra ``cli``."""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from inotify_cffi.errors import InotifyError

__all__ = ["MissingError", "needed"]


class MissingError(InotifyError):
    """A package of the extra is not installed; the message says how to get it."""


class Module(Protocol):
    """A module of which nothing is known: it need not be there when this is checked."""

    def __getattr__(self, name: str) -> Callee: ...


class Callee(Protocol):
    """What is found in it."""

    def __call__(self, *arguments: object, **options: object) -> Callee: ...

    def __getattr__(self, name: str) -> Callee: ...


def needed(module: str, what: str) -> Module:
    """Return a module of the extra.

    Args:
        module: its name.
        what: what it is needed for, for the message.

    Raises:
        MissingError: it is not installed.

    """
    try:
        return cast("Module", importlib.import_module(module))
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingError(f"{what} needs {package}: pip install 'inotify_cffi[cli]'") from error
