"""Write the help of all commands into the documentation.

``python -m inotify_cffi.cli.document docs/command-line.md`` replaces the text between the two marks. It is made
from the parsers, not from what argparse prints, for that differs between versions of Python.
"""

from __future__ import annotations

import argparse
import sys

from inotify_cffi.cli.command import PROGRAM
from inotify_cffi.cli.parser import COMMANDS, build
from inotify_cffi.hooks.dispatch import Dispatcher

__all__ = ["render", "replaced"]

BEGIN = "<!-- made by python -m inotify_cffi.cli.document: begin -->"
END = "<!-- end -->"


def render() -> str:
    """Return the help of all commands as Markdown."""
    parts: list[str] = []
    for command in COMMANDS:
        dispatcher = Dispatcher()
        for name in command.plugins:
            dispatcher.load(name)
        parser = _subparser(build(command, dispatcher), command.name)
        parts.append(f"## {PROGRAM} {command.name}\n\n{command.description}\n")
        for group in parser._action_groups:  # noqa: SLF001  # there is no public way
            actions = [action for action in group._group_actions if action.help != argparse.SUPPRESS]  # noqa: SLF001
            if actions and not all(isinstance(action, argparse._HelpAction) for action in actions):  # noqa: SLF001
                title = group.title if group.title not in {None, "options", "optional arguments"} else "options"
                parts.append(f"**{title}**\n\n" + "".join(_entry(action) for action in actions))
    return "\n".join(parts)


def _subparser(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    for action in parser._actions:  # noqa: SLF001  # there is no public way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            found: argparse.ArgumentParser = action.choices[name]
            return found
    raise LookupError(name)


def _entry(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else None
    if value is None and action.choices is not None:
        value = "|".join(str(choice) for choice in action.choices)
    names = ", ".join(action.option_strings)
    written = " ".join(part for part in (names, value if action.nargs != 0 else None) if part)
    # What is printed by argparse is not Markdown: a star or a pipe in it is only that.
    text = " ".join((action.help or "").replace("%%", "%").split()).replace("*", r"\*").replace("<", r"\<")
    return f"- `{written}`: {text}\n"


def replaced(page: str) -> str:
    """Return a page with the text between the marks made anew; raises ValueError where it has no marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{render()}\n{END}{after}"


def write(path: str) -> None:
    """Bring one page up to date."""
    with open(path, encoding="utf-8") as stream:
        page = stream.read()
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(replaced(page))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(name)
