"""Run a command when something changes.

The command is started with its arguments as they are, never through a shell unless asked: a file named
``; rm -rf ~`` is only a name. In its arguments ``{path}`` is the path that changed (of a batch, the first),
``{name}`` its last part, ``{dir}`` the rest, ``{old}`` where it was moved from, ``{event}`` the flags; an argument
that is ``{paths}`` becomes one for each path. No path begins with a dash; a name may, and to a command ``-rf`` is
an option, however it came there. With ``--shell`` there are no placeholders, for no quoting is safe
everywhere in a script: the paths are ``"$@"`` there. The environment has INOTIFY_PATH, INOTIFY_OLD_PATH,
INOTIFY_EVENT and INOTIFY_COUNT in any case.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import shutil
import signal
from typing import TYPE_CHECKING, Callable, Dict, Sequence, Union

from inotify_cffi import Event, Mask, hookimpl, parse_duration

from .running import Policy, Run, Runner

if TYPE_CHECKING:
    from inotify_cffi import Watcher

    AnyEvent = Union[Event[str], Event[bytes]]
    AnyWatcher = Union[Watcher[str], Watcher[bytes]]
    Changes = Dict[str, AnyEvent]

__all__ = ["Command", "expand"]

logger = logging.getLogger("inotify_cffi.plugins.command")

# What happened to an entry; not what happened to the watching.
CHANGES = int(Mask.ALL | Mask.RESCAN)


class Command:
    """Hand changes to a runner, and end with it."""

    def __init__(self) -> None:
        self._options = argparse.Namespace()
        self._parser = argparse.ArgumentParser()
        self._command: list[str] = []
        self._runner: Runner | None = None
        self._exit_code = 0
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
            help="run it once for all that changed together (the default), for each event, or for each written "
            "file that has been quiet for --settle",
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
        self._command = ["sh", "-c", " ".join(command), "sh"] if options.shell else list(command)
        if shutil.which(self._command[0]) is None:
            raise SystemExit(f"{self._command[0] or repr('')}: command not found")
        self._options = options

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
        self._runner = Runner(policy, self._make, self._report, self._ended, self._failed)
        if options.initial:
            self._runner.request({}, merge=False)

    @hookimpl
    def inotify_events(self, events: Sequence[AnyEvent]) -> None:
        """Ask for a run for what changed, or one for each event."""
        runner = self._runner
        if runner is None or self._options.per == "settled":
            return
        changes = [(_path(event.path), event) for event in events if event.mask & CHANGES]
        if self._options.per == "event":
            for path, event in changes:
                runner.request({path: event}, merge=False)
        elif changes:
            runner.request(dict(changes), merge=True)

    @hookimpl
    def inotify_settled(self, path: str | bytes, event: AnyEvent) -> None:
        """Ask for a run for a finished file."""
        if self._runner is not None and self._options.per == "settled":
            self._runner.request({_path(path): event}, merge=False)

    @hookimpl(trylast=True)
    def inotify_stop(self) -> None:
        """End the command, if it runs; last of all, for it may end the program with the command's exit code."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None
        if self._exit_code:
            raise SystemExit(self._exit_code)

    # --- on the runner's thread ---

    def _make(self, changes: Changes) -> Run:
        options = self._options
        data = None
        if options.stdin == "paths0":
            data = b"".join(os.fsencode(path) + b"\0" for path in changes)
        elif options.stdin == "json":
            data = "".join(json.dumps(_row(path, event)) + "\n" for path, event in changes.items()).encode()
        command = [*self._command, *changes] if options.shell else expand(self._command, changes)
        return Run(command, _environment(changes), data)

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


def expand(command: Sequence[str], changes: Changes) -> list[str]:
    """Return the arguments with the placeholders filled in; without a change they stand for nothing."""
    values = _values(changes)
    arguments: list[str] = []
    for argument in command:
        if argument == "{paths}":
            arguments.extend(changes)
        else:
            arguments.append(_filled(argument, values))
    return arguments


def _filled(argument: str, values: Dict[str, str]) -> str:
    """Fill in all placeholders at once: what was filled in is not looked at again."""
    first, *rest = argument.split("{")
    parts = [first]
    for part in rest:
        key, brace, text = part.partition("}")
        parts.append(values[key] + text if brace and key in values else "{" + part)
    return "".join(parts)


def _values(changes: Changes) -> Dict[str, str]:
    for path, event in changes.items():
        directory, name = os.path.split(path)
        old = "" if event.moved_from is None else _path(event.moved_from)
        return {"path": path, "dir": directory or ".", "name": name, "old": old, "event": ",".join(event.names)}
    return dict.fromkeys(("path", "dir", "name", "old", "event"), "")


def _path(path: str | bytes) -> str:
    """Return a path that no command takes for an option, whatever the root is called."""
    decoded = os.fsdecode(path)
    return f"./{decoded}" if decoded.startswith("-") else decoded


def _environment(changes: Changes) -> Dict[str, str]:
    values = _values(changes)
    return {
        "INOTIFY_PATH": values["path"],
        "INOTIFY_OLD_PATH": values["old"],
        "INOTIFY_EVENT": values["event"],
        "INOTIFY_COUNT": str(len(changes)),
    }


def _row(path: str, event: AnyEvent) -> Dict[str, object]:
    old = None if event.moved_from is None else _path(event.moved_from)
    return {"path": path, "mask": event.names, "is_dir": event.is_dir, "moved_from": old}


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
