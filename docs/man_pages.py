"""The man pages of the command line, from its parsers: one for the program, one for each command.

argparse-manpage makes one page of all, out of what argparse prints, which differs between versions of Python; and
these are to be the same whoever makes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inotify_cffi.cli import document
from inotify_cffi.cli.command import PROGRAM

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from inotify_cffi.cli.command import Command

__all__ = ["pages"]

CODES = (
    ("0", "Done; also when the reader of a pipe has gone."),
    ("1", "An error, told in one line."),
    ("2", "Wrong usage, or --timeout was over before --count events came."),
    ("3", "journal: it can not go on from that number."),
    ("128 + N", "Ended by signal N: 130 by Ctrl-C, 143 by SIGTERM."),
)
VARIABLES = (
    ("INOTIFY_CFFI_DEBUG", "Set: messages have the tracebacks of what failed."),
    (
        "INOTIFY_CFFI_RECORD",
        "A file to which is written what the kernel said, to report a race with; it holds names.",
    ),
    ("NOTIFY_SOCKET", "Where a service manager is told that all watches are in place, see sd_notify(3)."),
    ("XDG_STATE_HOME", "Where the journal is, unless --journal-file says it; ~/.local/state."),
)


def escaped(text: str) -> str:
    """Return a text as roff has it; a line of it is no request."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    return r"\&" + text if text[:1] in {".", "'"} else text


def bold(text: str) -> str:
    """Return a text in bold."""
    return rf"\fB{escaped(text)}\fR"


def italic(text: str) -> str:
    """Return a text in italics."""
    return rf"\fI{escaped(text)}\fR"


def listed(rows: Mapping[str, str] | tuple[tuple[str, str], ...]) -> list[str]:
    """Return lines of a list: a term, ready for roff, and a text."""
    pairs = rows if isinstance(rows, tuple) else tuple(rows.items())
    return [line for term, text in pairs for line in (".TP", term, escaped(text))]


def head(name: str, summary: str, version: str) -> list[str]:
    """Return the first lines of a page."""
    return [
        r".\" Made by docs/generate.py.",
        f'.TH {escaped(name.upper())} 1 "" "inotify_cffi {version}"',
        ".SH NAME",
        rf"{escaped(name)} \- {escaped(summary)}",
    ]


def written(action: argparse.Action) -> str:
    """Return how an argument is written."""
    value = document.value_of(action)
    names = ", ".join(bold(name) for name in action.option_strings)
    return " ".join(part for part in (names, italic(value) if value else "") if part) or italic(action.dest)


def page_of(command: Command, parser: argparse.ArgumentParser, version: str, late: Mapping[str, str]) -> str:
    """Return the page of one command."""
    name = f"{PROGRAM}-{command.name}"
    groups = list(document.groups_of(parser))
    places = [action for _, actions in groups for action in actions if not action.option_strings]
    synopsis = [bold(f"{PROGRAM} {command.name}"), "[" + italic("OPTION") + "]..."]
    synopsis += [_place(action) for action in places]
    if command.takes_command:
        synopsis.append(f"[{bold('--')} {italic('COMMAND')} [{italic('ARGUMENT')}]...]")
    lines = [*head(name, command.summary, version), ".SH SYNOPSIS", " ".join(synopsis)]
    lines += [".SH DESCRIPTION", escaped(command.description), ".SH OPTIONS"]
    for title, actions in groups:
        lines.append(f'.SS "{escaped(title)}"')
        for action in actions:
            lines += _entry(action, late.get(document.key_of(command, action)))
    for plugin, of_plugin in document.plugins_of(command):
        lines.append(f'.SS "with {escaped(f"--plugin {plugin}")}"')
        for _, actions in of_plugin:
            for action in actions:
                lines += _entry(action, late.get(document.key_of_plugin(plugin, action)))
    lines += [".SH EXIT STATUS", *listed(CODES), ".SH SEE ALSO", rf"{bold(PROGRAM)}(1), \fBinotify\fR(7)"]
    return "\n".join(lines) + "\n"


def _entry(action: argparse.Action, since: str | None) -> list[str]:
    text = document.text_of(action) + (f"; since {since}" if since else "")
    return [".TP", written(action), escaped(text)]


def _place(action: argparse.Action) -> str:
    name = italic(document.value_of(action) or action.dest)
    return {"*": f"[{name}...]", "?": f"[{name}]", "+": f"{name}..."}.get(str(action.nargs), name)


def pages(version: str, late: Mapping[str, str]) -> dict[str, str]:
    """Return all pages by their names.

    Args:
        version: of the library.
        late: what is not there from the beginning, and since when.

    """
    commands = list(document.parsers())
    made = {f"{PROGRAM}-{command.name}.1": page_of(command, parser, version, late) for command, parser in commands}
    lines = [
        *head(PROGRAM, "watch directories and all below them", version),
        ".SH SYNOPSIS",
        f"{bold(PROGRAM)} {italic('COMMAND')} [{italic('ARGUMENT')}]...",
        ".br",
        f"{bold(PROGRAM)} {bold('--version')} | {bold('--help')}",
        ".SH DESCRIPTION",
        "Tell what happens in directories and all below them, as inotify(7) has it, so that who applies the",
        "events to what was there has what is there. The standard output is only data; messages go to the",
        "standard error.",
        ".SH COMMANDS",
        *listed({f"{bold(f'{PROGRAM}-{command.name}')}(1)": command.summary for command, _ in commands}),
        ".SH EXIT STATUS",
        *listed(CODES),
        ".SH ENVIRONMENT",
        *listed(tuple((bold(name), text) for name, text in VARIABLES)),
        ".SH SEE ALSO",
        ", ".join(f"{bold(f'{PROGRAM}-{command.name}')}(1)" for command, _ in commands) + r", \fBinotify\fR(7)",
    ]
    made[f"{PROGRAM}.1"] = "\n".join(lines) + "\n"
    return made
