"""From arguments to a command, its options and its plugins.

Plugins add options, so they are loaded before the arguments are parsed in full: ``--plugin`` and ``--no-plugin``
are looked for first, and what stands behind ``--`` is left alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, Sequence

from inotify_cffi.base.printing import printable
from inotify_cffi.base.suggestions import did_you_mean
from inotify_cffi.cli.command import PROGRAM
from inotify_cffi.cli.config import Defaults, read
from inotify_cffi.hooks.dispatch import Dispatcher

if TYPE_CHECKING:
    from typing import TypedDict

    from typing_extensions import Unpack

    from inotify_cffi.cli.command import Command

    class ParserOptions(TypedDict, total=False):
        """What differs between the parsers."""

        prog: str
        description: str
        epilog: str
        add_help: bool


__all__ = ["NAMES", "build", "command", "parse"]

# Each is a module of this name; it is imported when it is asked for, or for the help that names all.
NAMES = ("watch", "run", "stats", "journal", "forward", "follow", "plugins", "doctor", "completion")

# What a configuration has besides options.
ARGUMENTS = ("paths", "command")

EPILOG = """exit codes: 0 done; 1 an error, told in one line; 2 wrong usage, or --timeout was over before --count
events came; 3 the journal can not go on from that number; 130 ended by Ctrl-C; 143 by SIGTERM"""


def parse(arguments: Sequence[str]) -> tuple[Command, argparse.Namespace, Dispatcher]:
    """Return the command that is asked for, its options, and its plugins, loaded but not configured.

    Raises:
        SystemExit: 2 after a message about wrong usage; 0 after the help or the version.
        PluginError: a plugin can not be loaded.
        ConfigError, OSError: the configuration can not be read.

    """
    dispatcher = Dispatcher()
    chosen = command(arguments[0]) if arguments and arguments[0] in NAMES else None
    if chosen is None:
        parser = build(None, dispatcher)
        if arguments and not arguments[0].startswith("-"):
            hint = did_you_mean(arguments[0], NAMES)
            parser.error(f"{arguments[0]!r} is no command{hint or ';'} there are {', '.join(NAMES)}")
        options, unknown = parser.parse_known_args(arguments)
        if unknown:
            parser.refuse(unknown, ())
        if options.version:
            print(f"{PROGRAM} {_version()}")
            raise SystemExit(0)
        parser.print_help(sys.stderr)
        raise SystemExit(2)
    end = list(arguments).index("--") if chosen.takes_command and "--" in arguments else len(arguments)
    own, command_line = arguments[1:end], arguments[end + 1 :]
    defaults = _load_plugins(chosen, own, dispatcher)
    parser = build(chosen, dispatcher)
    options, unknown = parser.parse_known_args(
        [chosen.name, *defaults.arguments, *own],
        argparse.Namespace(command_line=command_line or defaults.command_line),
    )
    if unknown:
        parser.refuse(unknown, defaults.arguments)
    if not getattr(options, "paths", True):
        options.paths = list(defaults.paths)
        if not options.paths:
            raise SystemExit(Parser(prog=f"{PROGRAM} {chosen.name}").error("there is no PATH to watch"))
    return chosen, options, dispatcher


class Formatter(argparse.HelpFormatter):
    """As wide as it is without this: argparse imports shutil to ask for that, and asks with each option."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    """Return how many columns the terminal has, as ``shutil.get_terminal_size`` does."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    output = sys.__stdout__
    try:
        return (output and os.get_terminal_size(output.fileno()).columns) or 80
    except (ValueError, OSError):
        # It is closed, or no terminal.
        return 80


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    chosen: Parser | None = None

    def __init__(self, **options: Unpack[ParserOptions]) -> None:
        super().__init__(formatter_class=Formatter, allow_abbrev=False, **options)

    def refuse(self, unknown: Sequence[str], configured: Sequence[str]) -> NoReturn:
        """Say which arguments the chosen command has not, and what may have been meant; end with code 2.

        Those that are *configured* come from a file.
        """
        parser = self.chosen or self
        # Their dashes make them all alike.
        options = [option[2:] for option in parser._option_string_actions if option.startswith("--")]  # noqa: SLF001
        if unknown[0] in configured:
            key = _name(unknown[0])
            parser.error(f"{key!r} in the configuration is no option{did_you_mean(key, [*options, *ARGUMENTS])}")
        hints = (did_you_mean(_name(word), options, "--") for word in unknown if word.startswith("--"))
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{next(filter(None, hints), '')}")

    def error(self, message: str) -> NoReturn:
        """Say it and end with code 2."""
        self.exit(2, printable(f"{self.prog}: {message}; see {self.prog} --help") + "\n")


def _name(argument: str) -> str:
    return argument.lstrip("-").partition("=")[0]


def command(name: str) -> Command:
    """Return a command by its name, one of :data:`NAMES`."""
    found: Command = import_module(f"inotify_cffi.cli.{name}").COMMAND
    return found


def build(chosen: Command | None, dispatcher: Dispatcher) -> Parser:
    """Return the parser of the *chosen* command, with the options of its plugins; None: of all, without those."""
    parser = Parser(prog=PROGRAM, description="Watch directories and all below them.", epilog=EPILOG)
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for each in map(command, NAMES) if chosen is None else (chosen,):
        sub = commands.add_parser(each.name, help=each.summary, description=each.description, epilog=EPILOG)
        each.add_options(sub)
        if each.takes_plugins:
            _add_plugin_options(sub)
        if each is chosen:
            parser.chosen = sub
            dispatcher.add_options(sub)
    return parser


def _add_plugin_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("plugins and configuration")
    group.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="NAME|MODULE:ATTR|FILE.py[:ATTR]",
        help="hand the events to this plugin, too: an installed one, an object in a module, a file or what is in "
        "one; may be given more than once; --help behind it has its options as well",
    )
    group.add_argument("--no-plugin", action="append", default=[], metavar="NAME", help="do not use this plugin")
    group.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="NAME",
        help="end with an error if this plugin can not be set up or fails too often; may be given more than once; "
        "with journal and command it is always so",
    )
    group.add_argument(
        "--config",
        metavar="FILE",
        help="take options from this TOML file, from the table with the command's name; read again on SIGHUP",
    )


def _load_plugins(chosen: Command, arguments: Sequence[str], dispatcher: Dispatcher) -> Defaults:
    """Load what the configuration and the arguments ask for; what the configuration says besides."""
    first = Parser(prog=f"{PROGRAM} {chosen.name}", add_help=False)
    _add_plugin_options(first)
    arguments = arguments if chosen.takes_plugins else ()
    file = first.parse_known_args(arguments)[0].config
    defaults = Defaults() if file is None else read(file, chosen.name, NAMES)
    asked, _ = first.parse_known_args([*defaults.arguments, *arguments])
    for name in asked.no_plugin:
        dispatcher.block(name)
    names = {source: dispatcher.load(source) for source in dict.fromkeys((*chosen.plugins, *asked.plugin))}
    for name in asked.require:
        dispatcher.require(names.get(name, name))
    dispatcher.check_pending()
    return defaults


def _version() -> str:
    from importlib.metadata import version

    return version("inotify_cffi")
