"""What is printed for programs: JSON by its schema, CloudEvents by their published SDK, and back."""

from __future__ import annotations

import base64
import errno
import json
import logging
import os
import re
import socket
import subprocess
import urllib.parse
from importlib.metadata import version
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from referencing import Registry, Resource
from replaying import COMMAND, PATIENCE_S, Watching

import inotify_cffi
from inotify_cffi import (
    Cause,
    Event,
    JournalEvent,
    Mask,
    Stamp,
    event_from_json,
    event_to_cloudevent,
    event_to_json,
)
from inotify_cffi.base import bits
from inotify_cffi.cli.surroundings import Objects
from inotify_cffi.cloudevents import TYPES
from inotify_cffi.events import UnwatchedEvent

SCHEMA = json.loads((Path(inotify_cffi.__file__).parent / "event.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ENVELOPE = json.loads((Path(inotify_cffi.__file__).parent / "cloudevent.schema.json").read_text())
ENVELOPES = jsonschema.Draft202012Validator(
    ENVELOPE, registry=Registry().with_resource(SCHEMA["$id"], Resource.from_contents(SCHEMA))
)
ODD = (b"a", "é☃".encode(), b"\xff", b"\xed\xb3\xbf", b"a\nb", b"\x1b[m", b" %41", b"\xf0\x9f\x98\x80", b"n" * 255)
JOURNAL = "0b5f2c58-aaaa-4000-8000-0123456789ab"

names = st.binary(min_size=1, max_size=20).filter(lambda name: not {0, ord("/")} & set(name) and name.strip(b"."))
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: b"/" + b"/".join(parts))
flags = st.sampled_from(
    [Mask.CREATE, Mask.DELETE | Mask.ISDIR, Mask.MODIFY, Mask.Q_OVERFLOW, Mask.RESTART, 0x100000]
)
events = st.builds(
    lambda path, mask, old, cookie, cause: Event.of(
        path, mask, moved_from=old, cookie=cookie, cause=cause
    ),
    paths, flags, st.none() | paths, st.integers(0, 2**32 - 1), st.sampled_from(Cause),
)  # fmt: skip


def kept(path=b"/r/a", mask=Mask.CREATE, **fields):
    return JournalEvent.kept(path, mask, number=7, time=1.5, journal=JOURNAL, generation=2, **fields)


def checked(line):
    """An object of a line, which strict parsers read: by the schema, without a lone surrogate."""
    assert line.isascii()
    row = json.loads(line)
    VALIDATOR.validate(row)
    json.dumps(row, ensure_ascii=False).encode("utf-8")
    return row


# --- the schema ---


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_names_every_flag_that_an_event_can_have():
    told = {name for name, member in Mask.__members__.items() if member & (Mask.ALL | 0xFFF000)}
    single = {name for name in told if bin(Mask[name]).count("1") == 1} | {"ISDIR"}
    assert set(SCHEMA["properties"]["mask"]["items"]["anyOf"][0]["enum"]) == single
    assert single <= set(vars(bits))


@given(events)
def test_every_event_is_by_the_schema_and_comes_back(event):
    row = checked(json.dumps(event_to_json(event)))
    assert event_from_json(row) == Event.of(
        os.fsdecode(event.path),
        event.mask,
        moved_from=None if event.moved_from is None else os.fsdecode(event.moved_from),
        cookie=event.cookie,
        cause=event.cause,
    )


@given(paths, st.none() | st.integers(0, 10))
def test_every_event_of_a_journal_is_by_the_schema_and_comes_back(path, durable):
    event = kept(path, Mask.MODIFY, durable=durable)
    back = event_from_json(checked(json.dumps(event_to_json(event))))
    assert (os.fsencode(back.path), back.number, back.time) == (path, 7, 1.5)
    assert (back.journal, back.generation, back.durable) == (JOURNAL, 2, durable)


def test_why_a_directory_is_not_covered_is_said():
    error = OSError(errno.ENOSPC, "No space left on device", "/r/a")
    event = UnwatchedEvent(("/r/a", int(Mask.UNWATCHED | Mask.ISDIR), None, 0, -1, 0, True, "", error))
    for told in event, kept(mask=Mask.UNWATCHED, errno=errno.ENOSPC):
        row = checked(json.dumps(event_to_json(told)))
        assert (row["error"], row["errno"]) == ("No space left on device", "ENOSPC")


@pytest.mark.parametrize("make", [Event.of, kept], ids=["without a journal", "of a journal"])
@pytest.mark.parametrize(
    ("said", "number"),
    [
        ({"errno": "ENOSPC"}, errno.ENOSPC),
        ({}, 0),
        ({"errno": "EALIEN"}, 0),
        ({"errno": 28}, 0),
        ({"errno": "Ex"}, 0),
    ],
    ids=str,
)
def test_why_a_directory_is_not_covered_comes_back(make, said, number):
    row = event_to_json(make("/r/a", Mask.UNWATCHED | Mask.ISDIR))
    error = event_from_json({**row, "error": "not today", **said}).error
    assert (type(error), error.errno, error.filename) == (type(OSError(number, "")), number, "/r/a")
    assert event_from_json(row).error is None


def test_a_reason_of_our_own_comes_back_as_it_was_said():
    error = OSError(errno.ELOOP, "already covered at /r/b", "/r/a")
    event = UnwatchedEvent(("/r/a", int(Mask.UNWATCHED | Mask.ISDIR), None, 0, -1, 0, 1, "", error))
    back = event_from_json(event_to_json(event))
    assert (type(back), back.error.strerror) == (UnwatchedEvent, "already covered at /r/b")


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"path": None},
        {"path": 1},
        {"mask": ["NO"]},
        {"mask": []},
        {"number": 1},
        {"path_bytes": "AA=="},
        {"moved_from": "/b", "moved_from_bytes": "AA=="},
        {"time": "now"},
    ],
    ids=str,
)
def test_what_is_no_event_is_not_by_the_schema(change):
    row = event_to_json(Event.of("/a", Mask.CREATE))
    VALIDATOR.validate(row)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**row, **change})


# --- CloudEvents ---


def read_by_the_sdk(line):
    """Attributes and data of a CloudEvent, as the published SDK reads them."""
    if int(version("cloudevents").split(".")[0]) > 1:
        from cloudevents.core.formats.json import JSONFormat
        from cloudevents.core.v1.event import CloudEvent

        event = JSONFormat().read(CloudEvent, line)
        return event.get_attributes(), event.get_data()
    from cloudevents.http import from_json

    event = from_json(line)
    return event.get_attributes(), event.data


@given(events)
def test_every_cloudevent_is_read_by_the_sdk_and_odd_bytes_survive(event):
    line = json.dumps(event_to_cloudevent(event)).encode("ascii")
    ENVELOPES.validate(json.loads(line))
    attributes, data = read_by_the_sdk(line)
    VALIDATOR.validate(data)
    assert os.fsencode(event_from_json(data).path) == event.path
    assert urllib.parse.unquote_to_bytes(attributes["subject"]) == event.path
    assert (attributes["specversion"], attributes["datacontenttype"]) == ("1.0", "application/json")
    assert attributes["dataschema"] == SCHEMA["$id"]


def test_the_schema_of_the_envelope_is_one_and_has_every_type():
    jsonschema.Draft202012Validator.check_schema(ENVELOPE)
    assert ENVELOPE["properties"]["type"]["enum"] == [*TYPES.values(), "inotify-cffi.other.v1"]
    ENVELOPES.validate(event_to_cloudevent(kept()))
    ENVELOPES.validate(event_to_cloudevent(Event.of("", Mask.Q_OVERFLOW)))


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"specversion": "0.3"},
        {"type": "created"},
        {"source": "here"},
        {"subject": "a"},
        {"subject": "/é"},
        {"data": {}},
        {"id": ""},
    ],
    ids=str,
)
def test_what_is_no_cloudevent_of_ours_is_not_by_the_schema(change):
    with pytest.raises(jsonschema.ValidationError):
        ENVELOPES.validate({**event_to_cloudevent(kept()), **change})


def test_with_a_journal_source_and_id_are_host_and_journal_and_generation_and_number():
    attributes, _ = read_by_the_sdk(json.dumps(event_to_cloudevent(kept())))
    assert attributes["source"] == f"inotify-cffi://{urllib.parse.quote(socket.gethostname(), safe='')}/{JOURNAL}"
    assert (attributes["id"], attributes["type"]) == ("2-7", "inotify-cffi.created.v1")
    assert str(attributes["time"]).startswith("1970-01-01")


def test_without_one_the_id_is_of_this_boot_this_process_and_a_counter():
    rows = [event_to_cloudevent(Event.of("/a", Mask.CREATE)) for _ in range(3)]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    heads, counters = zip(*(row["id"].rsplit("-", 1) for row in rows))
    assert set(heads) == {heads[0]}
    assert re.fullmatch(rf"{boot}-{os.getpid()}-\d+", heads[0])
    assert [int(later) - int(before) for before, later in zip(counters, counters[1:])] == [1, 1]


def test_a_number_that_is_not_known_yet_does_not_make_two_events_one():
    stamp = Stamp(1.5, None, JOURNAL, 1)
    ids = [event_to_cloudevent(Event.of("/a", Mask.CREATE), stamp)["id"] for _ in range(2)]
    assert len(set(ids)) == 2


def test_a_child_has_ids_of_its_own(python):
    told = python(
        """
        import os
        from inotify_cffi import Event, Mask, event_to_cloudevent
        identity = lambda: event_to_cloudevent(Event.of("/a", Mask.CREATE))["id"]
        identity()
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writer, identity().encode())
            os._exit(0)
        os.waitpid(pid, 0)
        print(os.read(reader, 200).decode() != identity())
        """
    )
    assert told == "True\n"


def test_every_flag_has_a_type_and_no_two_have_the_same():
    told = [member for member in Mask if member & 0xFFFFFF and member & (Mask.ALL | 0xFFF000)]
    single = {int(member) for member in told if bin(member).count("1") == 1}
    assert set(TYPES) == single
    assert len(set(TYPES.values())) == len(TYPES)
    assert all(re.fullmatch(r"inotify-cffi\.[a-z-]+\.v1", name) for name in TYPES.values())


def test_what_concerns_all_has_no_subject():
    row = event_to_cloudevent(Event.of("", Mask.Q_OVERFLOW))
    assert "subject" not in row
    assert read_by_the_sdk(json.dumps(row))[0]["type"] == "inotify-cffi.overflow.v1"


def test_a_relative_path_has_an_absolute_subject(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert event_to_cloudevent(Event.of("in/a b", Mask.CREATE))["subject"] == f"{tmp_path}/in/a%20b"


# --- what the commands print ---


def printed(tmp_path, *arguments, command="watch"):
    """The lines for files with odd names."""
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    for name in ODD:
        with open(os.path.join(os.fsencode(root), name), "w"):
            pass
    done = subprocess.run(
        [*COMMAND, command, "-q", "--existing", "--timeout", "0", *arguments, str(root)],
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    return done.stdout.splitlines()


def test_every_line_of_watch_is_by_the_schema(tmp_path):
    rows = [checked(line) for line in printed(tmp_path, "--format", "json")]
    told = {os.path.basename(os.fsencode(event_from_json(row).path)) for row in rows}
    assert told == set(ODD)
    assert {base64.b64decode(row["path_bytes"]) for row in rows if row["path"] is None} == {
        os.path.join(os.fsencode(tmp_path / "root"), name) for name in (b"\xff", b"\xed\xb3\xbf")
    }


def test_every_line_of_watch_is_a_cloudevent(tmp_path):
    told = [read_by_the_sdk(line) for line in printed(tmp_path, "--format", "cloudevents")]
    subjects = {urllib.parse.unquote_to_bytes(attributes["subject"]) for attributes, _ in told}
    assert subjects == {os.path.join(os.fsencode(tmp_path / "root"), name) for name in ODD}
    assert len({attributes["id"] for attributes, _ in told}) == len(ODD)


@pytest.mark.parametrize("form", ["json", "cloudevents"])
def test_with_a_journal_what_is_printed_has_the_numbers_that_are_kept(tmp_path, form):
    file, root = str(tmp_path / "journal"), tmp_path / "root"
    root.mkdir()
    with Watching("watch", "--plugin", "journal", "--journal-file", file, "--format", form, str(root)) as watching:
        for name in (*ODD, b"last"):
            os.mkdir(os.path.join(os.fsencode(root), name))
        lines = [watching.line() for _ in range(len(ODD) + 1)]
        watching.end()
    done = subprocess.run(
        [*COMMAND, "journal", "--journal-file", file, "since", "0", "--format", form],
        check=True,
        capture_output=True,
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [json.loads(line) for line in lines]
    rows = [json.loads(line) if form == "json" else read_by_the_sdk(line)[1] for line in lines]
    assert [row["number"] for row in rows] == list(range(1, len(ODD) + 2))
    for row in rows:
        VALIDATOR.validate(row)


def test_what_a_command_can_read_is_by_the_schema(tmp_path):
    with Watching("run", "--once", "--stdin", "json", str(tmp_path), "--", "cat") as watching:
        os.mkdir(os.path.join(os.fsencode(tmp_path), b"\xff"))
        row = checked(watching.line())
    assert os.fsencode(event_from_json(row).path) == os.path.join(os.fsencode(tmp_path), b"\xff")


def test_messages_in_json_hold_no_lone_surrogate(tmp_path):
    missing = os.path.join(os.fsencode(tmp_path), b"\xff")
    done = subprocess.run([*COMMAND, "watch", "--log", "json", missing], check=False, capture_output=True)
    assert done.returncode == 1
    json.dumps(json.loads(done.stderr), ensure_ascii=False).encode("utf-8")
    record = logging.makeLogRecord({"msg": "\udcff", "levelname": "ERROR"})
    assert json.loads(Objects().format(record))["message"] == "\\udcff"
