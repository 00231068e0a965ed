"""How a batch of events looks: as text for people, by a format of your own, as JSON Lines.

What is printed of an event is its path and what follows from its mask. The mask's part comes from a table, and
whether paths have to be escaped is asked of all of a batch at once. Rows that are more than that, moves and
what is not covered, are made one by one, as are all of a batch with bytes for paths.
"""

from __future__ import annotations

import os
from itertools import repeat
from typing import TYPE_CHECKING, Callable, Dict, Iterable, List, Sequence, Union

from inotify_cffi import Columns, Event, Mask, Stamp, event_to_json, flag_names, printable

if TYPE_CHECKING:
    from datetime import datetime

    AnyEvent = Union[Event[str], Event[bytes]]
    # Makes a column of texts, one for each event.
    Part = Callable[[Columns], Iterable[str]]

__all__ = ["COLOURED", "PLAIN", "as_text", "compile_format", "json_lines", "lines"]

COLOURS = {
    int(Mask.CREATE | Mask.WATCHED | Mask.IN_SYNC): "32",
    int(Mask.DELETE | Mask.DELETE_SELF): "31",
    int(Mask.MOVED_FROM | Mask.MOVED_TO | Mask.MOVE_SELF): "36",
    int(Mask.MODIFY | Mask.CLOSE_WRITE): "33",
    int(Mask.Q_OVERFLOW | Mask.UNWATCHED | Mask.UNMOUNT): "1;35",
}

# Few masks differ. Somebody's events may have any; so no more than so many are kept.
MOST_MASKS = 1024


class Words(Dict[int, str]):
    """What a mask looks like, made when it first comes.

    Args:
        make: returns it for a mask.

    """

    def __init__(self, make: Callable[[int], str]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, mask: int) -> str:
        text = self._make(mask)
        if len(self) < MOST_MASKS:
            self[mask] = text
        return text


def _coloured(mask: int) -> str:
    colour = next((code for flags, code in COLOURS.items() if mask & flags), "2")
    return f"\x1b[{colour}m{','.join(flag_names(mask))}\x1b[0m "


PLAIN = Words(lambda mask: f"{','.join(flag_names(mask))} ")
COLOURED = Words(_coloured)


# --- text ---


def lines(columns: Columns, words: Words) -> bytes:
    """Return the lines of a batch for people."""
    paths = columns.paths
    shown = paths if _is_plain(paths) else map(printable, paths)
    if _are_simple(columns):
        rows = [words[mask] + path for mask, path in zip(columns.masks, shown)]  # type: ignore[operator]
    else:
        rows = [words[event.mask] + _what(event) for event in columns.events]
    rows.append("")
    return os.fsencode("\n".join(rows))


def as_text(event: AnyEvent) -> bytes:
    """Return the line for people: ``MOVED_TO,ISDIR new (from old)``."""
    return lines(Columns([event]), PLAIN)


def _what(event: AnyEvent) -> str:
    text = printable(event.path)
    if event.moved_from is not None:
        text += f" (from {printable(event.moved_from)})"
    if event.error is not None:
        text += f" ({printable(event.error.strerror or '')})"
    return text


def _is_plain(paths: Sequence[str | bytes]) -> bool:
    """Return True if all can be shown as they are; False also for bytes."""
    if not isinstance(paths[0], str):
        return False
    text = "".join(paths)  # type: ignore[arg-type]
    return text.isascii() and text.isprintable()


def _are_simple(columns: Columns) -> bool:
    """Return True if no event has more than a path and a mask to be printed."""
    count = len(columns)
    return columns.moved_from.count(None) == count and list(map(type, columns.events)).count(Event) == count


# --- JSON ---


def json_lines(columns: Columns, stamps: Sequence[Stamp]) -> bytes:
    """Return an object for each event of a batch, a line each, told when and as what its *stamps* say."""
    # Imported where it is needed: most starts are of text.
    import json

    events, paths = columns.events, columns.paths
    if _is_unescaped(paths) and _are_simple(columns) and columns.cookies.count(0) == len(columns):
        first = _head(stamps[0])
        heads = repeat(first) if stamps[0] is stamps[-1] else map(_head, stamps)
        cause = columns.causes[0]
        if columns.causes.count(cause) == len(columns):
            ends: Iterable[str] = map(_tails(cause).__getitem__, columns.masks)
        else:
            ends = (_tails(cause)[mask] for cause, mask in zip(columns.causes, columns.masks))
        rows = [head + path + end for head, path, end in zip(heads, paths, ends)]  # type: ignore[operator]
    else:
        rows = [json.dumps(event_to_json(event, stamp)) + "\n" for event, stamp in zip(events, stamps)]
    return "".join(rows).encode("ascii")


def _is_unescaped(paths: Sequence[str | bytes]) -> bool:
    """Return True if JSON has all of them as they are."""
    if not _is_plain(paths):
        return False
    text = "".join(paths)  # type: ignore[arg-type]
    return '"' not in text and "\\" not in text


def _head(stamp: Stamp) -> str:
    """Return an object of that stamp up to where the path begins."""
    return _cut(Event.of("", 0), stamp)[0]


_TAILS: Dict[int, Words] = {}


def _tails(cause: int) -> Words:
    """Return how objects of events with one cause go on behind their path, by their mask."""
    if cause not in _TAILS:
        _TAILS[cause] = Words(lambda mask: _cut(Event.of("", mask, cause=cause), Stamp(0.0))[1] + "\n")
    return _TAILS[cause]


def _cut(event: Event[str], stamp: Stamp) -> Sequence[str]:
    """Return the object of an event without a path, taken apart where that belongs."""
    import json

    before, _, behind = json.dumps(event_to_json(event, stamp)).partition('"path": ""')
    return before + '"path": "', '"' + behind


# --- a format ---


def compile_format(text: str, time_format: str | None = None) -> Callable[[Columns], bytes]:
    """Return what prints a batch by a format.

    Args:
        text: the format, with inotifywait's directives.
        time_format: for ``%T``, as strftime has it; None for ISO 8601 with milliseconds.

    Raises:
        ValueError: a directive is unknown.

    """
    template = ""
    parts: List[Part] = []
    rest = text
    while rest:
        plain, percent, rest = rest.partition("%")
        template += plain
        if not percent:
            break
        if rest[:1] == "T":
            parts.append(_time(time_format))
        elif rest[:1] in PARTS and rest:
            parts.append(PARTS[rest[0]])
        elif rest[:1] in CHARACTERS and rest:
            template += CHARACTERS[rest[0]]
            rest = rest[1:]
            continue
        elif rest[1:2] == "e":
            parts.append(_flags(rest[0]))
            rest = rest[1:]
        else:
            raise ValueError(
                f"%{rest[:1]} is no directive; there are %w %f %e %Xe %T %c %p %o %n %0 and %% for a percent sign"
            )
        template += "%s"
        rest = rest[1:]
    # What can not be encoded is refused here, and not with the first event.
    os.fsencode(template)

    def render(columns: Columns) -> bytes:
        if not parts:
            return os.fsencode(template % () * len(columns))
        return os.fsencode("".join(map(template.__mod__, zip(*[part(columns) for part in parts]))))

    return render


def _texts(names: Sequence[str | bytes]) -> Sequence[str]:
    if isinstance(names[0], str):
        return names  # type: ignore[return-value]
    return list(map(os.fsdecode, names))


def _flags(separator: str) -> Part:
    words = Words(lambda mask: separator.join(flag_names(mask)))
    return lambda columns: map(words.__getitem__, columns.masks)


def _directories(columns: Columns) -> Iterable[str]:
    """Return the directories with a slash, as inotifywait does, so that ``%w%f`` is a path."""
    return [path + "/" if path and path[-1] != "/" else path for path in _texts(columns.watch_paths)]


def _cookies(columns: Columns) -> Iterable[str]:
    return [f"{cookie:x}" for cookie in columns.cookies]


def _old_paths(columns: Columns) -> Iterable[str]:
    return ["" if old is None else os.fsdecode(old) for old in columns.moved_from]


def _time(time_format: str | None) -> Part:
    # Imported where it is needed, as few formats have it.
    from datetime import datetime

    def now(columns: Columns) -> Iterable[str]:
        # inotify's events bear no time: this is when they are printed.
        moment = datetime.now().astimezone()
        text = (
            moment.isoformat(timespec="milliseconds") if time_format is None else _formatted(moment, time_format)
        )
        return repeat(text, len(columns))

    return now


def _formatted(moment: datetime, time_format: str) -> str:
    """Return the time as strftime has it, which gets the ASCII parts only.

    What it does with a NUL, and with a byte that is not UTF-8, is another thing in each version of Python: it ends
    there, refuses it or prints it.
    """
    import re

    return re.sub("[\x01-\x7f]+", lambda part: moment.strftime(part[0]), time_format)


PARTS: Dict[str, Part] = {
    "w": _directories,
    "f": lambda columns: _texts(columns.names),
    "e": _flags(","),
    "c": _cookies,
    "p": lambda columns: _texts(columns.paths),
    "o": _old_paths,
}

# What of a format is the same in each row; a percent sign is doubled in the template.
CHARACTERS = {"n": "\n", "0": "\0", "%": "%%"}
