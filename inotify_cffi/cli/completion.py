"""``inotify-cffi completion``: print what lets a shell complete the command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from inotify_cffi.cli.command import PROGRAM, Command
from inotify_cffi.cli.outputs import standard_output

if TYPE_CHECKING:
    import argparse

    from inotify_cffi.hooks.dispatch import Dispatcher

__all__ = ["COMMAND", "FILES"]

# Made by docs/generate.py, so that no shell waits for Python, and named as the shells look for them.
FILES = {"bash": f"{PROGRAM}.bash", "zsh": f"_{PROGRAM}", "fish": f"{PROGRAM}.fish"}


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=tuple(FILES), help="the shell")


def _print(options: argparse.Namespace, _dispatcher: Dispatcher) -> int:
    path = os.path.join(os.path.dirname(__file__), "completions", FILES[options.shell])
    with open(path, encoding="utf-8") as file:
        standard_output().write(file.read())
    return 0


COMMAND = Command(
    name="completion",
    summary="print what lets a shell complete the command line",
    description="Print what lets a shell complete the command line: in ~/.bashrc "
    'eval "$(inotify-cffi completion bash)", in ~/.zshrc, behind compinit, eval "$(inotify-cffi completion zsh)", '
    "in config.fish inotify-cffi completion fish | source. The options of a shipped plugin are offered once "
    "--plugin NAME is on the line; those of other plugins are not known to it.",
    add_options=_add_options,
    run=_print,
)
