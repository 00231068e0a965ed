"""The console plugin: lines for people, formats, JSON Lines."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys

import pytest

from inotify_cffi import Cause, Columns, Event, JournalEvent, Mask, Stamp, event_to_json, printable
from inotify_cffi.events import ITSELF, UnwatchedEvent
from inotify_cffi.plugins import rendering
from inotify_cffi.plugins.console import Console
from inotify_cffi.plugins.rendering import COLOURED, PLAIN, as_text, json_lines, lines

MOVED = Event.of("/r/new", Mask.MOVED_TO | Mask.ISDIR, moved_from="/r/old", cookie=255)


def configured(*arguments: str) -> Console:
    console = Console()
    parser = argparse.ArgumentParser()
    console.inotify_add_options(parser)
    console.inotify_configure(parser.parse_args(arguments))
    return console


def compile_format(*arguments):
    """What prints one event by a format."""
    render = rendering.compile_format(*arguments)
    return lambda event: render(Columns([event]))


def as_coloured_text(event: Event) -> bytes:
    return lines(Columns([event]), COLOURED)


def printed(capfdbinary, console: Console, *events: Event) -> bytes:
    console.inotify_events(Columns(events))
    return capfdbinary.readouterr().out


@pytest.mark.parametrize(
    ("directive", "gives"),
    [
        ("%w", b"/r/"),
        ("%f", b"new"),
        ("%w%f", b"/r/new"),
        ("%e", b"MOVED_TO,ISDIR"),
        ("%:e", b"MOVED_TO:ISDIR"),
        ("%c", b"ff"),
        ("%p", b"/r/new"),
        ("%o", b"/r/old"),
        ("%n", b"\n"),
        ("%0", b"\0"),
        ("%%", b"%"),
        ("a %f b %e", b"a new b MOVED_TO,ISDIR"),
        ("é", "é".encode()),
    ],
)
def test_a_directive_stands_for(directive, gives):
    assert compile_format(directive)(MOVED) == gives


def test_the_time_has_the_format_that_was_asked_for():
    assert compile_format("%T", "%%Y")(MOVED) == b"%Y"
    year, rest = compile_format("%T")(MOVED).split(b"-", 1)
    assert len(year) == 4
    assert b"T" in rest


@pytest.mark.parametrize(
    ("time_format", "gives"),
    [("\udcff", b"\xff"), ("%\udcff%%", b"%\xff%"), ("a\0%%", b"a\0%"), ("é%%%", "é%%".encode()), ("", b"")],
)
def test_a_time_format_is_any_text(capfdbinary, time_format, gives):
    """Bytes that are not UTF-8, and NULs, are printed; strftime does that in some versions of Python."""
    console = configured("--format", "%T", f"--timefmt={time_format}")
    assert printed(capfdbinary, console, MOVED) == gives + b"\n"


@pytest.mark.parametrize("text", ["%q", "%", "%f %", "%:f", "%ä"])
def test_an_unknown_directive_is_refused(text):
    with pytest.raises(ValueError, match="no directive"):
        compile_format(text)


def test_a_format_prints_names_byte_for_byte():
    assert compile_format("%p")(Event.of(b"/r/\xff\n", Mask.CREATE)) == b"/r/\xff\n"
    assert compile_format("%p")(Event.of("/r/\udcff\n", Mask.CREATE)) == b"/r/\xff\n"


def test_an_event_without_a_path_has_no_directory():
    assert compile_format("%w|%f")(Event.of("", Mask.Q_OVERFLOW)) == b"|"


def test_the_root_of_the_file_system_is_no_double_slash():
    assert compile_format("%w%f")(Event.of("/tmp", Mask.CREATE)) == b"/tmp"


def test_text_says_where_an_entry_came_from():
    assert as_text(MOVED) == b"MOVED_TO,ISDIR /r/new (from /r/old)\n"


def test_text_escapes_what_a_terminal_would_obey():
    assert as_text(Event.of("/r/\x1b[2J\n\x9b", Mask.CREATE)) == b"CREATE /r/\\x1b[2J\\n\\x9b\n"


def test_text_says_why_a_directory_is_not_covered():
    event = UnwatchedEvent(
        ("/r", int(Mask.UNWATCHED), None, 0, -1, ITSELF, True, "", PermissionError(13, "not for you"))
    )
    assert as_text(event) == b"UNWATCHED /r (not for you)\n"
    assert event_to_json(event)["error"] == "not for you"


@pytest.mark.parametrize(
    "flag", [Mask.CREATE, Mask.DELETE, Mask.MODIFY, Mask.MOVED_TO, Mask.Q_OVERFLOW, Mask.ATTRIB]
)
def test_colour_changes_nothing_but_colour(flag):
    event = Event.of("/r/a", flag)
    coloured = as_coloured_text(event)
    assert coloured.startswith(b"\x1b[")
    assert coloured.count(b"\x1b[") == 2
    assert coloured.endswith(b"m /r/a\n")


def test_json_of_a_name_in_utf8_has_no_bytes():
    assert "path_bytes" not in event_to_json(Event.of("/r/é☃", Mask.CREATE))


def test_json_of_another_name_has_its_bytes():
    row = event_to_json(Event.of(b"/r/\xff", Mask.MOVED_TO, moved_from=b"/r/\xfe"))
    assert (row["path"], row["path_bytes"]) == (None, "L3Iv/w==")
    assert (row["moved_from"], row["moved_from_bytes"]) == (None, "L3Iv/g==")


def test_json_lines_are_ascii_and_one_line_each(capfdbinary):
    lines = printed(
        capfdbinary, configured("--format", "json"), Event.of("/r/é\n", Mask.CREATE), MOVED
    ).splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["/r/é\n", "/r/new"]
    assert all(line.isascii() for line in lines)


def test_a_format_ends_in_a_newline_unless_told_otherwise(capfdbinary):
    assert printed(capfdbinary, configured("--format", "%f"), MOVED, MOVED) == b"new\nnew\n"
    assert printed(capfdbinary, configured("--format", "%f%0", "--no-newline"), MOVED, MOVED) == b"new\0new\0"


def test_colour_is_for_terminals_and_on_request(capfdbinary):
    assert printed(capfdbinary, configured(), MOVED) == as_text(MOVED)
    assert printed(capfdbinary, configured("--color", "always"), MOVED) == as_coloured_text(MOVED)
    assert printed(capfdbinary, configured("--color", "never"), MOVED) == as_text(MOVED)


def test_it_uses_only_what_the_library_exports():
    import ast

    import inotify_cffi
    from inotify_cffi.plugins import console

    taken = []
    for module in (console, rendering):
        with open(module.__file__, encoding="utf-8") as source:
            tree = ast.parse(source.read())
        taken += [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and "inotify" in (node.module or "")
        ]
    assert {node.module for node in taken} == {"inotify_cffi"}
    assert {alias.name for alias in taken[0].names} <= set(inotify_cffi.__all__)


# --- a batch is printed as its events are one by one ---

ROWS = [
    Event.of("/r/a", Mask.CREATE),
    Event.of("/r/a b", Mask.CREATE | Mask.ISDIR, wd=3),
    Event.of("/r/\x1b[31m", Mask.MODIFY),
    Event.of("/r/\u00e9\u202e", Mask.DELETE),
    Event.of("/r/\udcff", Mask.CLOSE_WRITE),
    Event.of('/r/"quoted"', Mask.ATTRIB),
    Event.of("/r/back\\slash", Mask.ATTRIB),
    Event.of("/r/a", Mask.CREATE, cause=Cause.START),
    Event.of("/r/a", Mask.MOVED_FROM, cookie=7),
    MOVED,
    Event.of("", Mask.Q_OVERFLOW),
    Event(("/r/", int(Mask.DELETE_SELF), None, 0, 1, ITSELF, 0, "")),
    Event(("/r/new", 0x100000 | Mask.CREATE, None, 0, 1, 1, 0, "new")),
    UnwatchedEvent(
        ("/r/x", int(Mask.UNWATCHED | Mask.ISDIR), None, 0, -1, ITSELF, 1, "", PermissionError(13, "no"))
    ),
    JournalEvent.kept("/r/kept", Mask.CREATE, number=8, time=1.5, journal="j", generation=2),
]

# All alone, in pairs, and all together: what makes one row special must not change the others.
BATCHES = [[row] for row in ROWS] + [[a, b] for a in ROWS for b in ROWS] + [ROWS, ROWS[:2] * 3]


def text_of(event: Event, words=lambda event: ",".join(event.names)) -> str:
    """A line, as the documentation of the plugin has it."""
    text = f"{words(event)} {printable(event.path)}"
    if event.moved_from is not None:
        text += f" (from {printable(event.moved_from)})"
    if event.error is not None:
        text += f" ({event.error.strerror})"
    return text + "\n"


def test_lines_of_a_batch_are_those_of_its_events():
    for batch in BATCHES:
        assert lines(Columns(batch), PLAIN) == "".join(map(text_of, batch)).encode()
        coloured = lines(Columns(batch), COLOURED).decode()
        assert [line.split("m", 1)[1].replace("\x1b[0m", "", 1) for line in coloured.splitlines()] == [
            text_of(event)[:-1] for event in batch
        ]


@pytest.mark.parametrize(
    "stamps", [lambda n: [Stamp(1.25)] * n, lambda n: [Stamp(2.5, at or None, "j", 3) for at in range(n)]]
)
def test_objects_of_a_batch_are_those_of_its_events(stamps):
    for batch in BATCHES:
        told = json_lines(Columns(batch), stamps(len(batch))).decode("ascii").splitlines()
        assert told == [json.dumps(event_to_json(*each)) for each in zip(batch, stamps(len(batch)))]


def test_a_format_of_a_batch_is_that_of_its_events():
    form = "%w|%f|%e|%;e|%c|%p|%o|%n%0%%x"
    render = rendering.compile_format(form)
    for batch in BATCHES:
        expected = [
            "|".join(
                (
                    event.watch_path + "/" * (event.watch_path[-1:] not in ("", "/")),
                    event.name,
                    ",".join(event.names),
                    ";".join(event.names),
                    f"{event.cookie:x}",
                    event.path,
                    event.moved_from or "",
                    "\n\0%x",
                )
            )
            for event in batch
        ]
        assert render(Columns(batch)) == os.fsencode("".join(expected))


def test_a_format_without_a_directive_that_varies_is_printed_for_each_event():
    assert rendering.compile_format("x%%%n")(Columns(ROWS[:3])) == b"x%\n" * 3


def test_a_batch_of_bytes_is_printed_as_one_of_text():
    rows = [Event.of(os.fsencode(row.path), row.mask, cookie=row.cookie) for row in ROWS]
    texts = [Event.of(row.path, row.mask, cookie=row.cookie) for row in ROWS]
    assert lines(Columns(rows), PLAIN) == lines(Columns(texts), PLAIN)
    render = rendering.compile_format("%w%f %p%n")
    assert render(Columns(rows)) == render(Columns(texts))


def test_a_batch_of_plain_names_makes_no_call_of_python_for_each_event():
    """What is done to each is done in C: so the calls do not become more with the events."""

    def calls(count, render):
        events = [Event.of(f"/r/{number}", Mask.CREATE) for number in range(count)]
        made = []
        # What other tests have left is not to be finished meanwhile.
        gc.collect()
        gc.disable()
        sys.setprofile(lambda frame, what, _: made.append(frame.f_code.co_name) if what == "call" else None)
        try:
            render(Columns(events))
        finally:
            sys.setprofile(None)
            gc.enable()
        return len(made)

    for render in (
        lambda columns: lines(columns, PLAIN),
        lambda columns: json_lines(columns, [Stamp(1.0)] * len(columns)),
    ):
        render(Columns([Event.of("/r/a", Mask.CREATE)]))
        assert calls(2, render) == calls(200, render)
