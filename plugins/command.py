"""Run a command when something changes.

The command is started with its arguments as they are, never through a shell unless asked: a file named
``; rm -rf ~`` is only a name. In its arguments ``{path}`` is the path that changed (of a batch, the first),
``{name}`` its last part, ``{dir}`` the rest, ``{old}`` where it was moved from, ``{event}`` the flags; an argument
that is ``{paths}`` becomes one for each path. No path begins with a dash; a name may, and to a command ``-rf`` is
an option, however it came there. With ``--shell`` there are no placeholders, for no quoting is safe
everywhere in a script: the paths are ``"$@"`` there. The environment has INOTIFY_PATH, INOTIFY_OLD_PATH,
INOTIFY_EVENT, INOTIFY_COUNT and INOTIFY_TOTAL in any case. Where the paths are too many for the kernel, the
command is run several times: INOTIFY_COUNT are the paths of the run, INOTIFY_TOTAL all that changed together.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import shutil
import signal
from typing import TYPE_CHECKING, Callable, Sequence, Union

from inotify_cffi import Event, Mask, hookimpl, parse_duration

from .parts import Template, as_argument, expand, unknown_placeholder
from .running import Policy, Runner

if TYPE_CHECKING:
    from inotify_cffi import Watcher

    AnyEvent = Union[Event[str], Event[bytes]]
    AnyWatcher = Union[Watcher[str], Watcher[bytes]]

__all__ = ["Command", "expand"]

logger = logging.getLogger("inotify_cffi.plugins.command")

# What happened to an entry; not what happened to the watching.
CHANGES = int(Mask.ALL | Mask.RESCAN)


# What in a single word says that it was meant for a shell.
SHELLS = frozenset(" \t\n$&|;<>()`*?~")

# Words that a shell obeys.
OPERATORS = frozenset({"|", "||", "&&", ";", "&", ">", ">>", "<", "2>", "2>&1"})


class Command:
    """Hand changes to a runner, and end with it."""

    # Who asks for a command relies on it: without it the program ends.
    inotify_required = True

    def __init__(self) -> None:
        self._options = argparse.Namespace()
        self._parser = argparse.ArgumentParser()
        self._command: list[str] = []
        self._runner: Runner | None = None
        self._exit_code = 0
        # How many events are to come still, with --count.
        self._left: int | None = None
        self._stop: Callable[[], None] = lambda: None

    @hookimpl
    def inotify_add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add what says when and how to run it."""
        self._parser = parser
        group = parser.add_argument_group("command", "when and how the command is run")
        group.add_argument("--exec", metavar="COMMAND", help="the command, where none stands behind --")
        group.add_argument("--shell", action="store_true", help='run it by sh -c, with the paths as "$@"')
        group.add_argument(
            "--per",
            choices=("batch", "event", "settled"),
            default="batch",
            help="run it once for all that changed together (the default), for each event, or for each finished "
            "file: quiet for --settle, and open for writing nowhere",
        )
        group.add_argument("--initial", action="store_true", help="run it once at the start, too")
        group.add_argument("--once", action="store_true", help="end after the first run, with its exit code")
        group.add_argument(
            "--on-busy",
            choices=("queue", "restart", "ignore"),
            default="queue",
            help="if something changes while it runs: run it once more afterwards (the default), end it and run "
            "it again, or do nothing",
        )
        group.add_argument(
            "--debounce",
            type=_duration,
            default=0.1,
            metavar="TIME",
            help="wait until it was so long quiet; 100ms",
        )
        group.add_argument("--run-timeout", type=_duration, metavar="TIME", help="end a run that takes longer")
        group.add_argument(
            "--stop-signal", type=_signal, default=signal.SIGTERM, metavar="NAME", help="to end it with; TERM"
        )
        group.add_argument(
            "--stop-timeout", type=_duration, default=10.0, metavar="TIME", help="kill it so long afterwards; 10s"
        )
        group.add_argument(
            "--stdin",
            choices=("none", "paths0", "json"),
            default="none",
            help="what it can read: nothing, the paths with a NUL behind each, or an object a line",
        )
        group.add_argument("--tty", action="store_true", help="lend it the terminal while it runs")

    @hookimpl
    def inotify_configure(self, options: argparse.Namespace) -> None:
        """Check that there is something to run."""
        try:
            command = getattr(options, "command_line", None) or shlex.split(options.exec or "")
        except ValueError as error:
            self._parser.error(f"argument --exec: {options.exec!r}: {error}")
        if not command:
            self._parser.error("there is no command to run: write it behind --, or with --exec")
        wrong = "" if options.shell else unknown_placeholder(command)
        if wrong:
            self._parser.error(wrong)
        if not options.shell and not getattr(options, "command_line", None):
            self._warn_of_script(command, options.exec)
        self._command = ["sh", "-c", " ".join(command), "sh"] if options.shell else list(command)
        if shutil.which(self._command[0]) is None:
            is_script = len(command) == 1 and any(character in SHELLS for character in command[0])
            hint = "; for a script of the shell, add --shell" if is_script else ""
            raise SystemExit(f"{self._command[0] or repr('')}: command not found{hint}")
        self._options = options
        self._left = getattr(options, "count", None)

    @staticmethod
    def _warn_of_script(words: Sequence[str], text: str) -> None:
        """Say that no shell reads it, where something in it is for one. What is quoted is meant as it is."""
        is_quoted = any(character in text for character in "'\"\\")
        for word in words:
            if word in OPERATORS or ("$" in word and not is_quoted):
                logger.warning("--exec: %r is an argument as it is; for a script of the shell, add --shell", word)
                return

    @hookimpl
    def inotify_start(self, watcher: AnyWatcher) -> None:
        """Be ready to run it; run it, if it is to be run at the start."""
        options = self._options
        self._stop = watcher.stop
        policy = Policy(
            on_busy=options.on_busy,
            debounce_s=0.0 if options.per != "batch" else options.debounce,
            timeout_s=options.run_timeout,
            stop_timeout_s=options.stop_timeout,
            stop_signal=options.stop_signal,
            tty=options.tty,
        )
        template = Template(self._command, takes_all=options.shell, stdin=options.stdin)
        self._runner = Runner(policy, template, self._report, self._ended, self._failed)
        if options.initial:
            self._runner.request({}, merge=False)

    @hookimpl
    def inotify_events(self, events: Sequence[AnyEvent]) -> None:
        """Ask for a run for what changed, or one for each event."""
        runner = self._runner
        if self._left is not None:
            self._left -= sum(bool(event.mask & self._options.counted) for event in events)
        if runner is None or self._options.per == "settled":
            return
        changes = [(as_argument(event.path), event) for event in events if event.mask & CHANGES]
        if self._options.per == "event":
            for path, event in changes:
                runner.request({path: event}, merge=False)
        elif changes:
            runner.request(dict(changes), merge=True)

    @hookimpl
    def inotify_settled(self, path: str | bytes, event: AnyEvent) -> None:
        """Ask for a run for a finished file."""
        if self._runner is not None and self._options.per == "settled":
            self._runner.request({as_argument(path): event}, merge=False)

    @hookimpl(trylast=True)
    def inotify_stop(self) -> None:
        """End the command, if it runs; last of all, for it may end the program with the command's exit code."""
        if self._runner is not None:
            # What was counted is what it was to be run for.
            self._runner.close(finish=self._left is not None and self._left <= 0)
            self._runner = None
        if self._exit_code:
            raise SystemExit(self._exit_code)

    # --- on the runner's thread ---

    def _report(self, text: str) -> None:
        if not getattr(self._options, "quiet", False):
            logger.info("%s", text)

    def _ended(self, code: int) -> bool:
        # With the terminal the command has Ctrl-C, too: then the user wants to end more than the command.
        if self._options.once or (self._options.tty and code == 128 + signal.SIGINT):
            self._exit_code = code
            self._stop()
            return False
        return True

    def _failed(self, error: Exception) -> None:
        logger.error("no command can be run any more: %s: %s", type(error).__name__, error, exc_info=error)
        self._exit_code = 1
        self._stop()


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _signal(text: str) -> int:
    name = text.upper()
    known = signal.Signals.__members__
    if text.isdecimal() and int(text) in list(signal.Signals):
        return int(text)
    for candidate in (name, f"SIG{name}"):
        if candidate in known:
            return int(known[candidate])
    raise argparse.ArgumentTypeError(f"{text!r} is no signal; write TERM, INT, HUP, ...")
