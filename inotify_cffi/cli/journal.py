"""``inotify-cffi journal``: what the journal has kept."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Protocol, cast

from inotify_cffi.base.printing import printable
from inotify_cffi.cli.command import Command
from inotify_cffi.cli.outputs import standard_output
from inotify_cffi.cloudevents import event_to_cloudevent
from inotify_cffi.errors import ForgottenError, GenerationError
from inotify_cffi.jsonlines import add_path, event_to_json
from inotify_cffi.quantities import parse_duration

if TYPE_CHECKING:
    import argparse

    from inotify_cffi.hooks.dispatch import Dispatcher
    from inotify_cffi.jsonlines import JournalEvent

__all__ = ["COMMAND"]


class Status(Protocol):
    """What the plugin says of a journal as a whole."""

    @property
    def file(self) -> str: ...
    @property
    def journal(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def writer(self) -> int | None: ...


class Journal(Protocol):
    """What this command needs of the plugin."""

    def since(self, file: str, seq: int, identity: str | None = None) -> Iterator[JournalEvent[bytes]]: ...

    def changed_since(self, file: str, moment: float) -> Iterator[JournalEvent[bytes]]: ...

    def entries(self, file: str) -> tuple[int, dict[bytes, bool]]: ...

    def status(self, file: str) -> Status: ...


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what to look for, and how to print it."""
    parser.add_argument(
        "question",
        nargs="*",
        metavar="QUESTION",
        help="since N: the events after number N, or after UUID:GENERATION:N of just this journal; changed since "
        "TIME: the last event of each path, from a time as 2026-01-31T12:00 or so long ago as 10m; entries: what "
        "is known of the tree; without one: which journal it is, and how far",
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="text", help="json: an object a line, as watch --format json does"
    )
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="the same as --format json"
    )


def run(options: argparse.Namespace, dispatcher: Dispatcher) -> int:
    """Print what was asked for; 0 also if that is nothing, 3 for a number that this journal can not go on from."""
    journal = cast("Journal", dispatcher.plugins()["journal"])
    try:
        lines = _answer(journal, options)
        output = standard_output().buffer
        for line in lines:
            output.write(line)
        output.flush()
    except ValueError as error:
        print(printable(f"inotify-cffi journal: {error}"), file=sys.stderr)
        return 2
    except (GenerationError, ForgottenError) as error:
        print(printable(f"inotify-cffi journal: {error}"), file=sys.stderr)
        return 3
    return 0


def _answer(journal: Journal, options: argparse.Namespace) -> Iterable[bytes]:
    question, file, form = options.question, options.journal_file, options.format
    if form == "cloudevents" and question in ([], ["entries"]):
        raise ValueError("--format cloudevents is for events: since N, changed since TIME")
    if not question:
        return _status(journal.status(file), form)
    if question == ["entries"]:
        return _entries(journal, file, form)
    if question[:1] == ["since"] and len(question) == 2:
        number, identity = _position(question[1])
        return map(FORMATS[form], journal.since(file, number, identity))
    if question[:2] == ["changed", "since"] and len(question) == 3:
        return map(FORMATS[form], journal.changed_since(file, _moment(question[2])))
    raise ValueError("ask for: since N, changed since TIME, entries, or nothing")


def _position(text: str) -> tuple[int, str | None]:
    identity, colon, number = text.rpartition(":")
    if colon and identity.count(":") != 1:
        raise ValueError(f"{text!r} is no number of an event, nor UUID:GENERATION:NUMBER")
    return _number(number), identity or None


def _number(text: str) -> int:
    # Far more digits than any number has.
    if not text.isdecimal() or len(text) > 100:
        raise ValueError(f"{text!r} is no number of an event")
    return int(text)


def _moment(text: str) -> float:
    try:
        return time.time() - parse_duration(text)
    except ValueError:
        # Then it may be a time.
        try:
            return datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError):
            raise ValueError(f"{text!r} is no time; write 2026-01-31T12:00 or 10m") from None


def _status(status: Status, form: str) -> Iterator[bytes]:
    position = f"{status.journal}:{status.generation}:{status.last}"
    if form != "text":
        row: dict[str, object] = {"time": time.time()}
        add_path(row, "file", status.file)
        row.update(journal=status.journal, generation=status.generation, first=status.first, last=status.last)
        row.update(position=position, writer=status.writer)
        yield _line(row)
        return
    numbers = f"{status.first} to {status.last}" if status.last else "none"
    writer = "nobody" if status.writer is None else f"process {status.writer}"
    for key, value in (
        ("file", printable(status.file)),
        ("journal", f"{status.journal}, generation {status.generation}"),
        ("numbers", numbers),
        ("position", position),
        ("written by", writer),
    ):
        yield os.fsencode(f"{key:<12}{value}\n")


def _entries(journal: Journal, file: str, form: str) -> Iterator[bytes]:
    (number, entries), now = journal.entries(file), time.time()
    which = journal.status(file)
    for path, is_dir in entries.items():
        if form == "text":
            yield os.fsencode(f"{number} {'directory' if is_dir else 'file'} {printable(path)}\n")
        else:
            row: dict[str, object] = {"time": now, "number": number}
            row.update(journal=which.journal, generation=which.generation)
            add_path(row, "path", path)
            yield _line({**row, "is_dir": is_dir})


def _as_text(event: JournalEvent[bytes]) -> bytes:
    moment = datetime.fromtimestamp(event.time).astimezone().isoformat(timespec="milliseconds")
    text = f"{event.number} {moment} {','.join(event.names)} {printable(event.path)}"
    if event.moved_from is not None:
        text += f" (from {printable(event.moved_from)})"
    if event.durable is not None:
        text += f"(after {event.durable})"
    return os.fsencode(text + "\n")


def _line(row: object) -> bytes:
    return json.dumps(row).encode("ascii") + b"\n"


FORMATS: dict[str, Callable[[JournalEvent[bytes]], bytes]] = {
    "text": _as_text,
    "json": lambda event: _line(event_to_json(event)),
    "cloudevents": lambda event: _line(event_to_cloudevent(event)),
}


COMMAND = Command(
    name="journal",
    summary="ask the journal: since N, changed since TIME, entries",
    description="Print what the journal plugin has kept (watch --plugin journal).",
    add_options=add_options,
    run=run,
    takes_plugins=False,
    plugins=("journal",),
)
