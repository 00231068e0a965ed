"""Print the size of each file that is finished."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from inotify_cffi import hookimpl, printable

if TYPE_CHECKING:
    import argparse

__all__ = ["Example"]

UNITS = {"B": 1, "kB": 1000, "MB": 1000**2}


class Example:
    """The plugin; it is made without arguments when it is loaded, and does nothing before it is started."""

    def __init__(self) -> None:
        self._unit = "B"

    @hookimpl
    def inotify_add_options(self, parser: argparse.ArgumentParser) -> None:
        """Offer units."""
        group = parser.add_argument_group("example", "how sizes of finished files look")
        group.add_argument("--unit", choices=sorted(UNITS), default="B")

    @hookimpl
    def inotify_configure(self, options: argparse.Namespace) -> None:
        """Take the unit."""
        self._unit = options.unit

    @hookimpl
    def inotify_settled(self, path: str | bytes) -> None:
        """Print the size of a file."""
        try:
            size = os.stat(path).st_size
        except FileNotFoundError:
            # It was removed since.
            return
        print(f"{printable(path)}: {size / UNITS[self._unit]:g} {self._unit}", flush=True)
