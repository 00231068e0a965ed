"""``inotify-cffi journal``: what the journal has kept."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Iterator, Protocol, cast

from inotify_cffi.bits import flag_names
from inotify_cffi.cli.command import Command
from inotify_cffi.cli.outputs import standard_output
from inotify_cffi.flags import Mask
from inotify_cffi.printing import printable
from inotify_cffi.quantities import parse_duration

if TYPE_CHECKING:
    import argparse

    from inotify_cffi.dispatch import Dispatcher

__all__ = ["COMMAND"]


class Record(Protocol):
    """One event as the plugin gives it."""

    seq: int
    time: float
    path: bytes
    mask: int
    cookie: int
    moved_from: bytes | None
    synthetic: bool


class Journal(Protocol):
    """What this command needs of the plugin."""

    def since(self, file: str, seq: int) -> Iterator[Record]: ...

    def changed_since(self, file: str, moment: float) -> Iterator[Record]: ...


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what to look for, and how to print it."""
    parser.add_argument(
        "question",
        nargs="+",
        metavar="QUESTION",
        help="since N: the events after number N; changed since TIME: the last event of each path, from a time as "
        "2026-01-31T12:00 or so long ago as 10m",
    )
    # Not --format: that is a plugin's.
    parser.add_argument("--json", action="store_true", help="print an object a line, as watch --format json does")


def run(options: argparse.Namespace, dispatcher: Dispatcher) -> int:
    """Print what was asked for; 0 also if that is nothing."""
    journal = cast("Journal", dispatcher.plugins()["journal"])
    question = options.question
    try:
        if question[:1] == ["since"] and len(question) == 2:
            found = journal.since(options.journal_file, _number(question[1]))
        elif question[:2] == ["changed", "since"] and len(question) == 3:
            found = journal.changed_since(options.journal_file, _moment(question[2]))
        else:
            raise ValueError("ask for: since N, or: changed since TIME")
    except ValueError as error:
        print(printable(f"inotify-cffi journal: {error}"), file=sys.stderr)
        return 2
    output = standard_output().buffer
    for record in found:
        output.write(_as_json(record) if options.json else _as_text(record))
    output.flush()
    return 0


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


def _as_text(record: Record) -> bytes:
    moment = datetime.fromtimestamp(record.time).astimezone().isoformat(timespec="milliseconds")
    text = f"{record.seq} {moment} {','.join(flag_names(record.mask))} {printable(record.path)}"
    if record.moved_from is not None:
        text += f" (from {printable(record.moved_from)})"
    return os.fsencode(text + "\n")


def _as_json(record: Record) -> bytes:
    row = {
        "seq": record.seq,
        "time": record.time,
        "path": os.fsdecode(record.path),
        "mask": flag_names(record.mask),
        "is_dir": bool(record.mask & Mask.ISDIR),
        "cookie": record.cookie,
        "moved_from": None if record.moved_from is None else os.fsdecode(record.moved_from),
        "synthetic": record.synthetic,
    }
    return json.dumps(row).encode("ascii") + b"\n"


COMMAND = Command(
    name="journal",
    summary="ask the journal: since N, or: changed since TIME",
    description="Print what the journal plugin has kept (watch --plugin journal).",
    add_options=add_options,
    run=run,
    takes_plugins=False,
    plugins=("journal",),
)
