"""``inotify-cffi watch``: print what happens."""

from __future__ import annotations

from inotify_cffi.cli.command import Command
from inotify_cffi.cli.options import add_options
from inotify_cffi.cli.watching import watch_all

__all__ = ["COMMAND"]

COMMAND = Command(
    name="watch",
    summary="print what happens in directories",
    description="Print what happens in directories and all below them, an event a line, until it is ended.",
    add_options=add_options,
    run=watch_all,
    takes_plugins=True,
    # Printing is a plugin's work, as everything that is done with events.
    plugins=("console",),
)
