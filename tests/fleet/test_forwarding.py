"""A journal is sent to a real server: all of it, in order, once, whatever ends in the middle."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import urllib.request

import pytest
from sending import PATIENCE_S, Kept, Running, access, come, forward
from waiting import until

from inotify_cffi import Mask
from inotify_cffi.fleet import BrokerError, follow, open_inlet, open_outlet
from inotify_cffi.fleet.broker import DeniedError, Start
from inotify_cffi.fleet.message import Message


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path)


def all_of(kept, host="alpha"):
    return [(host, number) for number in kept.numbers()]


def test_all_comes_in_order_and_more_is_sent_from_where_it_was(server, kept):
    to = access(server)
    forward(kept.add(1200), to)
    assert come(to) == all_of(kept)
    again = forward(kept.add(3), to)
    assert again.counts["events"] == 3
    assert come(to) == all_of(kept)


def test_nothing_is_kept_beside_the_journal(server, kept):
    to = access(server)
    forward(kept.add(2), to)
    # SQLite's own files, and the lock's of who wrote.
    files = {"journal.sqlite" + ending for ending in ("", "-wal", "-shm", "-lock")}
    assert set(os.listdir(os.path.dirname(kept.file))) <= files


def test_a_host_with_any_name_is_a_host_of_its_own(server, kept):
    to = access(server)
    kept.add(2)
    for host in ("a.b", "a b*>", "ü"):
        forward(kept, to, host)
    assert sorted(come(to)) == sorted(pair for host in ("a.b", "a b*>", "ü") for pair in all_of(kept, host))
    assert come(to, hosts=["a.b", "ü"]) == [*all_of(kept, "a.b"), *all_of(kept, "ü")]


def test_what_is_written_meanwhile_is_sent(server, kept):
    to = access(server)
    with Running(kept.add(1), to) as running:
        running.until_sent()
        kept.add(2)
        until(lambda: running.forwarder.counts["events"] == 3)
    assert running.is_finished
    assert come(to) == all_of(kept)


def test_starts_ends_and_heartbeats_travel(server, kept):
    to, told = access(server), []
    with Running(kept.add(1), to, heartbeat_s=0.05) as running:
        until(lambda: running.forwarder.counts["messages"] >= 5)
    come(to, on_notice=told.append)
    kinds = [notice.kind for notice in told]
    assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("start", "end", {"heartbeat"})
    assert told[-1].last == kept.numbers()[-1]


def test_a_second_forwarder_doubles_nothing_and_says_that_it_waits(server, kept, caplog):
    to = access(server)
    with Running(kept.add(500), to, heartbeat_s=0.2) as one, Running(kept, to, heartbeat_s=0.2):
        for _ in range(5):
            kept.add(50)
        until(lambda: "another forwarder sends this journal" in caplog.text)
        one.forwarder.stop()
        kept.add(1)
        until(lambda: come(to) == all_of(kept))
    assert come(to) == all_of(kept)


def test_a_forwarder_that_ends_lets_the_one_that_waits_go_on(server, kept, caplog):
    to = access(server)
    with Running(kept.add(5), to, heartbeat_s=60) as one:
        one.until_sent()
        with Running(kept, to, heartbeat_s=60) as two:
            until(lambda: two.forwarder.is_up_to_date)
            kept.add(1)
            until(lambda: "another forwarder sends this journal" in caplog.text)
            two.forwarder.stop()
            until(lambda: "this one goes on" in caplog.text)
            kept.add(4)
            until(lambda: len(come(to)) == 10)
    assert come(to) == all_of(kept)


def test_a_server_that_is_killed_is_waited_for(own_server, kept, caplog):
    to = access(own_server)
    with Running(kept.add(300), to) as running:
        running.until_sent()
        own_server.kill()
        kept.add(300)
        until(lambda: "the journal keeps all" in caplog.text)
        own_server.start()
        until(lambda: running.forwarder.counts["events"] >= 600)
    assert come(to) == all_of(kept)


def test_what_a_store_lost_that_was_put_back_is_sent_again(own_server, kept, caplog):
    to = access(own_server)
    with Running(kept.add(300), to) as running:
        running.until_sent()
        own_server.kill().copy()
        own_server.start()
        until(lambda: running.forwarder.counts["connections"] >= 2)
        kept.add(2000)
        until(lambda: running.forwarder.counts["events"] >= 2300 and running.forwarder.is_up_to_date)
        own_server.kill().put_back()
        own_server.start()
        until(lambda: running.forwarder.counts["events"] >= 2300 + 2000)
    assert "events are sent again" in caplog.text
    assert come(to) == all_of(kept)


def test_a_stream_that_is_gone_with_all_is_filled_again(own_server, kept):
    to = access(own_server)
    with Running(kept.add(100), to) as running:
        running.until_sent()
        own_server.kill()
        own_server.lose_all()
        own_server.start()
        until(lambda: running.forwarder.counts["events"] >= 200)
    assert come(to) == all_of(kept)


def test_what_the_journal_forgot_before_it_was_sent_is_a_gap(server, kept, caplog):
    to, told = access(server), []
    forward(kept.add(10), to)
    kept.add(3000)
    store_options = {"keep_bytes": 90_000}
    from inotify_cffi.plugins.store import Store

    store = Store(kept.file, **store_options)
    store.prune(0, always=True)
    store.close()
    first = kept.numbers()[0]
    assert first > 11
    forward(kept, to)
    events = list(follow(to, since=0, until_now=True, on_notice=told.append))
    gaps = [(each.after, each.last) for each in told if each.kind == "gap"]
    assert gaps == [(10, first - 1)]
    assert [event.number for _, event in events] == [*range(1, 11), first - 1, *kept.numbers()]
    assert events[10][1].mask == Mask.Q_OVERFLOW
    assert "are missing in the stream" in caplog.text


def test_where_the_stream_has_nothing_it_begins_at_what_is_there_behind_a_gap(server, kept):
    from inotify_cffi.plugins.store import Store

    to, told = access(server), []
    kept.add(3000)
    store = Store(kept.file, keep_bytes=90_000)
    store.prune(0, always=True)
    store.close()
    forward(kept, to)
    come(to, on_notice=told.append)
    assert [(each.after, each.last) for each in told if each.kind == "gap"] == [(0, kept.numbers()[0] - 1)]


def test_numbers_that_were_never_given_are_no_gap(server, kept):
    from inotify_cffi.plugins.store import Store

    store = Store(kept.file)
    with store.batch():
        pass
    store.abandon()
    kept.add(1)
    assert kept.numbers()[0] > 16_000
    to, told = access(server), []
    forward(kept, to)
    assert [number for _, number in come(to, on_notice=told.append)] == kept.numbers()
    assert "gap" not in {each.kind for each in told}


def test_a_copy_of_the_journal_goes_on_as_another_generation(server, kept, tmp_path):
    to, told = access(server), []
    shutil.copy(kept.add(5).file, tmp_path / "copy")
    forward(kept.add(5), to)
    copy = Kept(tmp_path, "copy").add(2)
    forward(copy, to)
    numbers = [number for _, number in come(to, on_notice=told.append)]
    assert [each.is_anew for each in told if each.kind == "gap"] == [True]
    assert numbers == [*range(1, 11), 0, *copy.numbers()]


@pytest.mark.usefixtures("only_nats")
def test_what_is_larger_than_the_server_takes_is_cut_and_told(engine, tmp_path, kept, caplog):
    server = engine(tmp_path / "small", config="max_payload: 4096")
    try:
        to, told = access(server), []
        kept.add(20).add(path=b"/" + b"\xff" * 4000).add(20)
        forward(kept, to)
        events = list(follow(to, since=0, until_now=True, on_notice=told.append))
    finally:
        server.close()
    assert [event.number for _, event in events] == kept.numbers()
    assert [event.number for _, event in events if not event.path] == [21]
    assert [(each.kind, each.last) for each in told if each.kind == "cut"] == [("cut", 21)]
    assert "larger than the server's max_payload" in caplog.text


async def messages_of(to):
    """All messages of a stream that has a few, as they are in it."""
    inlet = await open_inlet(to)()
    await inlet.begin(Start(0), {})
    found = await inlet.next(PATIENCE_S)
    await inlet.close()
    return found


def test_a_path_is_in_no_subject_and_in_no_header(server, kept):
    to = access(server)
    forward(kept.add(path=b"/srv/a secret * > \r\n\xff"), to)
    found = asyncio.run(messages_of(to))
    assert [b"secret" in message.body for message in found] == [False, True, False]
    assert "secret" not in "".join(message.key + json.dumps(dict(message.fields)) for message in found)
    if server.engine == "nats":
        told = json.load(urllib.request.urlopen(f"{server.monitor}/jsz?streams=1&config=1&subjects=1"))
        assert "secret" not in json.dumps(told)


def test_a_message_of_somebody_else_in_the_subject_ends_it(server, kept):
    to = access(server)
    forward(kept.add(1), to)
    (journal,) = {event.journal for _, event in follow(to, since=0, until_now=True)}

    async def disturb():
        outlet = await open_outlet(to, "alpha")(journal)
        last = await outlet.last()
        assert Message.of(last.fields).kind == "end"
        await outlet.send({}, b"x", expected=last.position, once=None)
        await outlet.close()

    asyncio.run(disturb())
    with pytest.raises(DeniedError, match="is not ours"):
        forward(kept.add(1), to)


def test_without_a_stream_and_not_to_make_one_it_ends(server, kept):
    with pytest.raises(DeniedError, match="there is no stream"):
        forward(kept.add(1), access(server, create=False))


@pytest.mark.usefixtures("only_nats")
def test_a_follower_of_a_stream_that_is_not_there_ends(server):
    with pytest.raises(BrokerError, match="there is no stream"):
        come(access(server))


def test_a_server_that_is_paused_is_waited_for_and_nothing_is_doubled(own_server, kept, monkeypatch, caplog):
    module = "nats" if own_server.engine == "nats" else "redis"
    monkeypatch.setattr(f"inotify_cffi.fleet.{module}.ANSWER_S", 0.5)
    to = access(own_server)
    with Running(kept.add(300), to) as running:
        running.until_sent()
        own_server.pause()
        kept.add(100)
        until(lambda: "does not answer" in caplog.text)
        own_server.go_on()
        until(lambda: running.forwarder.is_up_to_date)
    assert come(to) == all_of(kept)


def test_the_log_is_one_line_for_a_trouble_that_lasts(own_server, kept, caplog, monkeypatch):
    monkeypatch.setattr("inotify_cffi.fleet.forwarding.FIRST_WAIT_S", 0.01)
    monkeypatch.setattr("inotify_cffi.fleet.forwarding.LONGEST_WAIT_S", 0.01)
    to = access(own_server)
    caplog.set_level(logging.WARNING)
    with Running(kept.add(3), to) as running:
        running.until_sent()
        own_server.kill()
        until(lambda: running.forwarder.attempts >= 6)
    assert caplog.text.count("can not be reached") == 1
