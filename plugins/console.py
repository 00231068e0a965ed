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
import json
import os
import re
import select
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Callable, Dict, List, Sequence, Union

from inotify_cffi import Event, Mask, Stamp, Watcher, event_to_cloudevent, event_to_json, hookimpl, printable

if TYPE_CHECKING:
    from typing import Protocol

    class Writable(Protocol):
        """A raw stream."""

        def write(self, data: memoryview, /) -> int | None: ...

    AnyEvent = Union[Event[str], Event[bytes]]
    AnyWatcher = Union[Watcher[str], Watcher[bytes]]
    Render = Callable[[AnyEvent], bytes]

__all__ = ["Console", "compile_format"]

COLOURS = {
    int(Mask.CREATE | Mask.WATCHED | Mask.IN_SYNC): "32",
    int(Mask.DELETE | Mask.DELETE_SELF): "31",
    int(Mask.MOVED_FROM | Mask.MOVED_TO | Mask.MOVE_SELF): "36",
    int(Mask.MODIFY | Mask.CLOSE_WRITE): "33",
    int(Mask.Q_OVERFLOW | Mask.UNWATCHED | Mask.UNMOUNT): "1;35",
}

# What a terminal would obey: C0, DEL and C1.
CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(0x20), *range(0x7F, 0xA0))}

HELP = """text, json, cloudevents, or a format as inotifywait has it: %%w the directory, %%f the name in it, %%e
the flags joined by commas (%%Xe: by X), %%T the time (see --timefmt), %%c the cookie, %%p the full path, %%o the
full old path of a move, %%n a newline, %%0 a NUL, %%%% a percent sign"""


class Console:
    """Print every event to the standard output, a batch at a time."""

    def __init__(self) -> None:
        self._render: Render = as_text
        # Makes an object of an event, where objects are printed.
        self._as_object: Callable[[AnyEvent, Stamp], Dict[str, object]] | None = None
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
        self._as_object = {"json": event_to_json, "cloudevents": event_to_cloudevent}.get(options.format)
        if self._as_object is not None:
            return
        if options.format == "text":
            self._render = as_coloured_text if _wants_colour(options.color) else as_text
        else:
            end = "" if options.no_newline else "\n"
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
    def inotify_events(self, events: Sequence[AnyEvent]) -> None:
        """Print a batch and flush it: what was printed is with the reader before we wait for more."""
        if self._as_object is None:
            data = b"".join(map(self._render, events))
        else:
            objects = map(self._as_object, events, self._stamps(events))
            data = b"".join([json.dumps(row).encode("ascii") + b"\n" for row in objects])
        try:
            _write_all(data)
        except BrokenPipeError:
            # Who read it has seen enough; that is no error, and no reason to go on.
            raise SystemExit(0) from None
        except OSError as error:
            raise SystemExit(f"the standard output can not be written: {error.strerror}") from error

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


def as_text(event: AnyEvent) -> bytes:
    """Return the line for people: ``MOVED_TO,ISDIR new (from old)``."""
    return os.fsencode(f"{','.join(event.names)} {_what(event)}\n")


def as_coloured_text(event: AnyEvent) -> bytes:
    """Return the line for people with the flags in the colour of their kind."""
    colour = next((code for mask, code in COLOURS.items() if event.mask & mask), "2")
    return os.fsencode(f"\x1b[{colour}m{','.join(event.names)}\x1b[0m {_what(event)}\n")


def _what(event: AnyEvent) -> str:
    text = printable(event.path)
    if event.moved_from is not None:
        text += f" (from {printable(event.moved_from)})"
    if event.error is not None:
        text += f" ({printable(event.error.strerror or '')})"
    return text


def compile_format(text: str, time_format: str | None = None) -> Render:
    """Return what prints an event by a format.

    Args:
        text: the format, with inotifywait's directives.
        time_format: for ``%T``, as strftime has it; None for ISO 8601 with milliseconds.

    Raises:
        ValueError: a directive is unknown.

    """
    parts: list[Render] = []
    rest = text
    while rest:
        plain, percent, rest = rest.partition("%")
        if plain:
            parts.append(_constant(os.fsencode(plain)))
        if not percent:
            break
        if rest[:1] == "T":
            parts.append(_time(time_format))
        elif rest[:1] in DIRECTIVES and rest:
            parts.append(DIRECTIVES[rest[0]])
        elif rest[1:2] == "e":
            parts.append(_flags(rest[0]))
            rest = rest[1:]
        else:
            raise ValueError(
                f"%{rest[:1]} is no directive; there are %w %f %e %Xe %T %c %p %o %n %0 and %% for a percent sign"
            )
        rest = rest[1:]
    return lambda event: b"".join([part(event) for part in parts])


def _constant(data: bytes) -> Render:
    return lambda _event: data


def _flags(separator: str) -> Render:
    return lambda event: os.fsencode(separator.join(event.names))


def _time(time_format: str | None) -> Render:
    def now(_event: AnyEvent) -> bytes:
        # inotify's events bear no time: this is when it is printed.
        moment = datetime.now().astimezone()
        text = (
            moment.isoformat(timespec="milliseconds") if time_format is None else _formatted(moment, time_format)
        )
        return os.fsencode(text)

    return now


def _formatted(moment: datetime, time_format: str) -> str:
    """Return the time as strftime has it, which gets the ASCII parts only.

    What it does with a NUL, and with a byte that is not UTF-8, is another thing in each version of Python: it ends
    there, refuses it or prints it.
    """
    return re.sub("[\x01-\x7f]+", lambda part: moment.strftime(part[0]), time_format)


def _directory(event: AnyEvent) -> bytes:
    """Return the directory with a slash, as inotifywait does, so that ``%w%f`` is a path."""
    directory = os.fsencode(event.watch_path)
    return directory if not directory or directory.endswith(b"/") else directory + b"/"


DIRECTIVES: dict[str, Render] = {
    "w": _directory,
    "f": lambda event: os.fsencode(event.name),
    "e": _flags(","),
    "c": lambda event: b"%x" % event.cookie,
    "p": lambda event: os.fsencode(event.path),
    "o": lambda event: b"" if event.moved_from is None else os.fsencode(event.moved_from),
    "n": _constant(b"\n"),
    "0": _constant(b"\0"),
    "%": _constant(b"%"),
}


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
