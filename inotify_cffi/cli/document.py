"""The help of all commands, for the documentation.

It is made from the parsers, not from what argparse prints, for that differs between versions of Python.
``docs/generate.py`` writes the page, the man pages and the completions; by
``python -m inotify_cffi.cli.document docs/command-line.md`` the page can be had where these are not wanted.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Iterator, Mapping, Tuple

from inotify_cffi.cli.command import PROGRAM
from inotify_cffi.cli.parser import NAMES, build, command
from inotify_cffi.hooks.dispatch import Dispatcher
from inotify_cffi.hooks.loading import installed

if TYPE_CHECKING:
    from inotify_cffi.cli.command import Command

__all__ = [
    "groups_of",
    "key_of",
    "key_of_plugin",
    "parser_with",
    "parsers",
    "plugins_of",
    "render",
    "replaced",
    "shipped",
    "text_of",
    "value_of",
]

BEGIN = "<!-- made by python -m inotify_cffi.cli.document: begin -->"
END = "<!-- end -->"


def parsers() -> Iterator[Tuple[Command, argparse.ArgumentParser]]:
    """Yield all commands, each with its parser, which has the options of the plugins that it loads."""
    for chosen in map(command, NAMES):
        yield chosen, parser_with(chosen)


def parser_with(chosen: Command, *plugins: str) -> argparse.ArgumentParser:
    """Return the parser of a command with the options of the plugins that it loads, and of these."""
    dispatcher = Dispatcher()
    for name in dict.fromkeys((*chosen.plugins, *plugins)):
        # Else its options are left out, with a warning.
        dispatcher.require(dispatcher.load(name))
    return _subparser(build(chosen, dispatcher), chosen.name)


def shipped() -> list[str]:
    """Return the names of the plugins that come with the library."""
    return [each.name for each in installed() if each.distribution == "inotify_cffi"]


def plugins_of(
    chosen: Command, *, loaded: bool = False
) -> Iterator[Tuple[str, list[Tuple[str, list[argparse.Action]]]]]:
    """Yield the shipped plugins that a command can be given by ``--plugin``, each with its groups of options.

    Args:
        chosen: the command.
        loaded: also those that it loads without being asked.

    """
    if not chosen.takes_plugins:
        return
    without = chosen._replace(plugins=())
    own = set(parser_with(without)._option_string_actions)  # noqa: SLF001
    for name in shipped():
        if loaded or name not in chosen.plugins:
            groups = [
                (title, [action for action in actions if not own.issuperset(action.option_strings)])
                for title, actions in groups_of(parser_with(without, name))
            ]
            yield name, [(title, actions) for title, actions in groups if actions]


def groups_of(parser: argparse.ArgumentParser) -> Iterator[Tuple[str, list[argparse.Action]]]:
    """Yield the groups of a parser that have something to say: the title and the arguments."""
    for group in parser._action_groups:  # noqa: SLF001  # there is no public way
        actions = [action for action in group._group_actions if action.help != argparse.SUPPRESS]  # noqa: SLF001
        if actions and not all(isinstance(action, argparse._HelpAction) for action in actions):  # noqa: SLF001
            title = group.title if group.title not in {None, "options", "optional arguments"} else "options"
            yield str(title), actions


def render(since: Mapping[str, str] | None = None) -> str:
    """Return the help of all commands as Markdown.

    Args:
        since: of ``command --option`` that are not there from the beginning, the version.

    """
    parts: list[str] = []
    for chosen, parser in parsers():
        parts.append(f"## {PROGRAM} {chosen.name}\n\n{chosen.description}\n")
        for title, actions in groups_of(parser):
            entries = [_entry(action, (since or {}).get(key_of(chosen, action))) for action in actions]
            parts.append(f"**{title}**\n\n" + "".join(entries))
    parts.append(_render_plugins(since or {}))
    return "\n".join(parts)


def _render_plugins(since: Mapping[str, str]) -> str:
    """Return the options of the shipped plugins, once, though several commands take them."""
    takers = [chosen for chosen in map(command, NAMES) if chosen.takes_plugins]
    names = [f"`{chosen.name}`" for chosen in takers]
    head = (
        f"## With --plugin NAME\n\n{', '.join(names[:-1])} and {names[-1]} take plugins. With `--plugin NAME` "
        "they take the options of that plugin, too; a command that loads it by itself takes them anyway.\n"
    )
    parts = [head]
    for name, groups in plugins_of(takers[0], loaded=True):
        entries = [
            _entry(action, since.get(key_of_plugin(name, action))) for _, actions in groups for action in actions
        ]
        parts.append(f"**with `--plugin {name}`**\n\n" + "".join(entries))
    return "\n".join(parts)


def key_of_plugin(plugin: str, action: argparse.Action) -> str:
    """Return what an option of a plugin is called in ``docs/since.json``."""
    return f"--plugin {plugin} {max(action.option_strings, key=len)}"


def key_of(command: Command, action: argparse.Action) -> str:
    """Return what an argument is called in ``docs/since.json``."""
    longest = max(action.option_strings, key=len, default=value_of(action) or action.dest)
    return f"{command.name} {longest}"


def value_of(action: argparse.Action) -> str | None:
    """Return how the value of an argument is written; None for one without a value."""
    if action.nargs == 0:
        return None
    if isinstance(action.metavar, str):
        return action.metavar
    return None if action.choices is None else "|".join(str(choice) for choice in action.choices)


def text_of(action: argparse.Action) -> str:
    """Return the help of an argument in one line."""
    return " ".join((action.help or "").replace("%%", "%").split())


def _subparser(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    for action in parser._actions:  # noqa: SLF001  # there is no public way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            found: argparse.ArgumentParser = action.choices[name]
            return found
    raise LookupError(name)


def _entry(action: argparse.Action, since: str | None) -> str:
    written = " ".join(part for part in (", ".join(action.option_strings), value_of(action)) if part)
    # What is printed by argparse is not Markdown: a star or a pipe in it is only that.
    text = text_of(action).replace("*", r"\*").replace("<", r"\<")
    return f"- `{written}`: {text}{f'; since {since}' if since else ''}\n"


def replaced(page: str, since: Mapping[str, str] | None = None) -> str:
    """Return a page with the text between the marks made anew; raises ValueError where it has no marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{render(since)}\n{END}{after}"


def write(path: str) -> None:
    """Bring one page up to date."""
    with open(path, encoding="utf-8") as stream:
        page = stream.read()
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(replaced(page))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(name)
