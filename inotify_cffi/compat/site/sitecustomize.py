"""Read at the start of each Python that a program run by ``python -m inotify_cffi.compat...`` starts.

It imports nothing of the library until the peer is imported. The ``sitecustomize`` that would have been read
without this one is read as well.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Sequence

HERE = os.path.dirname(os.path.abspath(__file__))

# The module of each peer behind whose import there is something to be exchanged.
PEERS = {"watchdog": "watchdog.observers.inotify", "watchfiles": "watchfiles.main"}


class Behind:
    """A finder that finds nothing by itself: it has something done behind the import of some modules."""

    def __init__(self, asked: str) -> None:
        self._waiting: dict[str, tuple[str, dict[str, bool]]] = {}
        for each in asked.split(","):
            peer, _, option = each.partition(":")
            if peer in PEERS:
                self._waiting[PEERS[peer]] = (peer, {option: True} if option else {})

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the usual finder has, with the exchange behind it."""
        spec = PathFinder.find_spec(name, path, target) if name in self._waiting else None
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            load = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                if name in self._waiting:
                    install(*self._waiting.pop(name))

            loader.exec_module = exec_module
        return spec


def install(peer: str, options: dict[str, bool]) -> None:
    """Exchange; where the library is not installed the peer goes on by itself, and that is said."""
    try:
        ours = import_module("inotify_cffi.compat." + peer)
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{sys.executable} has no {error.name}: {peer} watches by itself\n")
    else:
        ours.install(**options)


def read_the_other() -> None:
    """Read the one that this one hides."""
    path = [each for each in sys.path if os.path.abspath(each or ".") != HERE]
    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


sys.meta_path.insert(0, Behind(os.environ.get("INOTIFY_CFFI_COMPAT", "")))
read_the_other()
