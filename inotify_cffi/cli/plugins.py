"""``inotify-cffi plugins``: which there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inotify_cffi.base.printing import printable
from inotify_cffi.cli.command import Command
from inotify_cffi.cli.outputs import standard_output
from inotify_cffi.cli.table import table
from inotify_cffi.errors import PluginError
from inotify_cffi.hooks.dispatch import Dispatcher
from inotify_cffi.hooks.loading import installed

if TYPE_CHECKING:
    import argparse

__all__ = ["COMMAND"]


def add_options(_parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(_options: argparse.Namespace, _dispatcher: Dispatcher) -> int:
    """Print the installed plugins, also those that can not be used and why."""
    rows = []
    for candidate in installed():
        dispatcher = Dispatcher()
        try:
            does = ", ".join(hook[len("inotify_") :] for hook in dispatcher.hooks(dispatcher.load(candidate.name)))
        except PluginError as error:
            does = f"can not be used: {printable(str(error))}"
        distribution = printable(f"{candidate.distribution} {candidate.version}")
        rows.append((printable(candidate.name), distribution, does))
    standard_output().write(table(("NAME", "FROM", "HOOKS"), rows))
    return 0


COMMAND = Command(
    name="plugins",
    summary="list the plugins that are installed",
    description="List the plugins that are installed, where they come from, and the hooks that they implement.",
    add_options=add_options,
    run=run,
)
