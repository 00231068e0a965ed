"""What a command is: a name, options, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Tuple

if TYPE_CHECKING:
    import argparse

    from inotify_cffi.hooks.dispatch import Dispatcher

__all__ = ["PROGRAM", "Command"]

PROGRAM = "inotify-cffi"


class Command(NamedTuple):
    """One command of the program.

    ``plugins`` are loaded for it without being asked for; with ``takes_command``, what stands behind ``--`` comes
    as ``options.command_line``. ``run`` returns the exit code.
    """

    name: str
    summary: str
    description: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Dispatcher], int]
    takes_plugins: bool = False
    takes_command: bool = False
    plugins: Tuple[str, ...] = ()
