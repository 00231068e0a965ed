"""Print events: as text for people, by a format of your own, or as JSON Lines for programs.

Text has a line for each event: its flags and its path, and where it was moved from. Control characters in names
are shown escaped, for a terminal would obey them. A format is that of inotifywait(1), with two more directives,
and prints names as they are, byte for byte.

JSON Lines has an object for each event, in plain ASCII; ``event.schema.json`` of the package is the schema. As
``cloudevents`` it is in an envelope of CloudEvents 1.0. With a journal each object has the number that the journal
gave the event.
"""

from __future__ import annotations

import argparse
import os
import select
import sys
import time
from typing import TYPE_CHECKING, Callable, List, Sequence, Union

from inotify_cffi import Columns, Event, Stamp, Watcher, hookimpl

from .rendering import COLOURED, PLAIN, compile_format, json_lines, lines

if TYPE_CHECKING:
    from typing import Protocol

    class Writable(Protocol):
        """A raw stream."""

        def write(self, data: memoryview, /) -> int | None: ...

    AnyEvent = Union[Event[str], Event[bytes]]
    AnyWatcher = Union[Watcher[str], Watcher[bytes]]
    Render = Callable[[Columns], bytes]

__all__ = ["Console"]

HELP = """text, json, cloudevents, or a format as inotifywait has it: %%w the directory, %%f the name in it, %%e
the flags joined by commas (%%Xe: by X), %%T the time (see --timefmt), %%c the cookie, %%p the full path, %%o the
full old path of a move, %%n a newline, %%0 a NUL, %%%% a percent sign"""


class Console:
    """Print every event to the standard output, a batch at a time."""

    def __init__(self) -> None:
        self._render: Render = lambda columns: lines(columns, PLAIN)
        self._options = argparse.Namespace()

    @hookimpl
    def inotify_add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add what decides how events look."""
        group = parser.add_argument_group("console", "how events are printed")
        group.add_argument(
            "--format", default="text", type=_checked_format, metavar="text|json|cloudevents|FORMAT", help=HELP
        )
        group.add_argument(
            "--timefmt",
            type=_checked_time,
            metavar="FORMAT",
            help="how %%T looks, as strftime(3) has it; default: ISO 8601",
        )
        group.add_argument("--no-newline", action="store_true", help="print no newline after a FORMAT")
        group.add_argument(
            "--color", choices=("auto", "always", "never"), default="auto", help="of text; auto: on a terminal"
        )

    @hookimpl
    def inotify_configure(self, options: argparse.Namespace) -> None:
        """Choose how events look."""
        if sys.stdout is None:
            raise SystemExit("the standard output is closed, so nothing can be printed; see --no-plugin console")
        self._options = options
        if options.format == "json":
            self._render = lambda columns: json_lines(columns, self._stamps(columns.events))
        elif options.format == "cloudevents":
            self._render = self._cloudevents
        elif options.format == "text":
            words = COLOURED if _wants_colour(options.color) else PLAIN
            self._render = lambda columns: lines(columns, words)
        else:
            end = "" if options.no_newline else "%n"
            self._render = compile_format(options.format + end, options.timefmt)

    @hookimpl
    def inotify_start(self, watcher: AnyWatcher) -> None:
        """Have the watching end when whoever reads has gone, and not only with the next event."""
        try:
            watcher.call_when(sys.stdout.fileno(), "gone", watcher.stop)
        except OSError:
            # It is no descriptor's, or somebody waits for it already.
            return

    @hookimpl
    def inotify_events(self, columns: Columns) -> None:
        """Print a batch and flush it: what was printed is with the reader before we wait for more."""
        data = self._render(columns)
        try:
            _write_all(data)
        except BrokenPipeError:
            # Who read it has seen enough; that is no error, and no reason to go on.
            raise SystemExit(0) from None
        except OSError as error:
            raise SystemExit(f"the standard output can not be written: {error.strerror}") from error

    def _cloudevents(self, columns: Columns) -> bytes:
        import json

        from inotify_cffi import event_to_cloudevent

        objects = map(event_to_cloudevent, columns.events, self._stamps(columns.events))
        return b"".join([json.dumps(row).encode("ascii") + b"\n" for row in objects])

    def _stamps(self, events: Sequence[AnyEvent]) -> List[Stamp]:
        """Return when a batch was told, and which numbers it has where a journal is on."""
        journal = getattr(self._options, "journal", None)
        if journal is None:
            return [Stamp(time.time())] * len(events)
        moment, numbers = journal.numbers(events)
        identity = journal.identity() or (None, None)
        return [Stamp(moment, number, *identity) for number in numbers]


def _write_all(data: bytes) -> None:
    """Write all of it, past the buffer: what a signal leaves unwritten there, the interpreter writes at its exit.

    A raw stream may take a part only. Another program that has the same output open may have set it so that it
    does not block: then it is waited for.
    """
    output = sys.stdout.buffer
    while True:
        try:
            # What others have printed.
            sys.stdout.flush()
        except BlockingIOError:
            select.select([], [output], [])
        else:
            break
    raw: Writable = getattr(output, "raw", output)
    rest = memoryview(data)
    while rest:
        taken = raw.write(rest)
        if not taken:
            select.select([], [output], [])
        rest = rest[taken or 0 :]


def _checked_format(text: str) -> str:
    if text not in {"text", "json", "cloudevents"}:
        if "%" not in text:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not text, json, cloudevents or a format with %-directives"
            )
        try:
            compile_format(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _checked_time(text: str) -> str:
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a format for strftime") from error
    return text


def _wants_colour(choice: str) -> bool:
    if choice == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return choice == "always"
