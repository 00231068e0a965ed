"""``inotify-cffi run``: do something when something changes."""

from __future__ import annotations

from inotify_cffi.cli.command import Command
from inotify_cffi.cli.options import add_options
from inotify_cffi.cli.watching import watch_all
from inotify_cffi.flags import Mask

__all__ = ["COMMAND"]

# What a write ends with is enough, and an access of the command itself must not start it again.
EVENTS = Mask.CREATE | Mask.DELETE | Mask.MOVE | Mask.CLOSE_WRITE | Mask.DELETE_SELF

COMMAND = Command(
    name="run",
    summary="run a command when something changes: run PATH... -- COMMAND",
    description="Run a command when something changes in directories and all below them. The command and its "
    "arguments stand behind --; in them {path}, {paths}, {name}, {dir}, {old} and {event} say what has changed. "
    "A {name} may begin with a dash, and be an option to the command; a {path} never does. "
    "What the command itself writes there starts it again: exclude it, or use --on-busy ignore.",
    add_options=add_options,
    run=lambda options, dispatcher: watch_all(options, dispatcher, default=EVENTS),
    takes_plugins=True,
    takes_command=True,
    plugins=("command",),
)
