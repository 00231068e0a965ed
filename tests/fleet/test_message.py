"""What goes over the wire: no path where a subject or a header is, no message that is too large, no number left out."""

from __future__ import annotations

import json
import os

import pytest

from inotify_cffi import JournalEvent, Mask
from inotify_cffi.fleet.message import Message, MessageError, events_of, host_of, key_of, pack, token

KNOWN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-%")


def event(number, path=b"/srv/a", **options):
    return JournalEvent.kept(
        path, options.pop("mask", Mask.CREATE), number=number, time=1.5, journal="j", generation=2, **options
    )


def packed(events, limit=1 << 20, after=0):
    return list(pack(events, after=after, host="h", forwarder="f", limit=limit))


@pytest.mark.parametrize(
    "host", ["a", "a.b", "a b", "*", ">", "%2E", "~", "\n\0", "\xfc\u2603\U0001f600", "x" * 200]
)
def test_a_host_is_one_token_and_comes_back(host):
    assert set(token(host)) <= KNOWN
    assert host_of(f"fs.{key_of(host, 'j')}") == host


def test_two_hosts_never_have_one_token():
    names = ["a.b", "a%2Eb", "a b", "a>", "a*", "a", "A", "%", ""]
    assert len({token(name) for name in names}) == len(names)


def test_fields_come_back_and_have_no_path():
    ((message, body, _),) = packed([event(7, b"/srv/secret \n\xff")], after=3)
    fields = message.fields()
    assert Message.of(fields) == message
    assert (message.after, message.last) == (3, 7)
    assert "secret" not in json.dumps(fields) + str(message.once)
    assert b"secret" in body


@pytest.mark.parametrize("limit", [2500, 4000, 1 << 20])
def test_each_message_is_below_the_limit_and_the_chain_has_no_hole(limit):
    events = [event(number, b"/srv/" + b"x" * (number % 90)) for number in range(5, 90, 3)]
    messages = packed(events, limit, after=2)
    assert all(len(body) <= limit for _, body, _ in messages)
    ends = [2]
    for message, _, _ in messages:
        assert message.after == ends[-1]
        ends.append(message.last)
    found = [each.number for _, body, _ in messages for each in events_of(body)[0]]
    assert found == [each.number for each in events]


def test_an_event_that_is_too_large_alone_loses_its_path_and_says_so():
    ((first, a, cut),) = packed([event(1, b"/" + b"x" * 4000)], 2500)
    assert cut == 1 and len(a) <= 2500
    (told,), numbers = events_of(a)
    assert (told.path, told.number, numbers) == ("", 1, [1])
    assert first.last == 1


def test_all_of_an_event_comes_back():
    sent = event(4, b"/srv/\xff", mask=Mask.MOVED_TO, moved_from=b"/srv/b", cookie=9, cause=3)
    lost = event(5, b"/srv/d", mask=Mask.UNWATCHED | Mask.ISDIR, errno=13)
    restart = event(9, b"", mask=Mask.RESTART, durable=4)
    ((_, body, _),) = packed([sent, lost, restart])
    for before, after in zip([sent, lost, restart], events_of(body)[0]):
        assert after.path == os.fsdecode(before.path)
        for name in ("mask", "number", "time", "journal", "generation", "cookie", "cause", "durable"):
            assert getattr(after, name) == getattr(before, name), name
        assert str(after.error).partition(":")[0] == str(before.error).partition(":")[0]


def test_the_body_is_a_batch_of_cloudevents():
    ((message, body, _),) = packed([event(1), event(2)])
    assert message.fields()["Content-Type"] == "application/cloudevents-batch+json"
    rows = json.loads(body)
    assert [row["id"] for row in rows] == ["2-1", "2-2"]
    assert {row["source"] for row in rows} == {"inotify-cffi://h/j"}


@pytest.mark.parametrize("name, value", [("Schema", "2"), ("Kind", "other"), ("Last", "x"), ("Journal", None)])
def test_what_is_no_message_of_this_version_is_refused(name, value):
    ((message, _, _),) = packed([event(1)])
    fields = {**message.fields(), f"Inotify-Cffi-{name}": value}
    with pytest.raises(MessageError):
        Message.of({key: each for key, each in fields.items() if each is not None})


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'[{"data": {}}]', b"[" * 100])
def test_a_body_that_is_not_ours_is_refused(body):
    with pytest.raises(MessageError):
        events_of(body) and events_of(b"")
