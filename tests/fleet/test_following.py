"""What comes out of a stream: in order, once, from where it was asked for; what is missing is told."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

import pytest
from sending import PATIENCE_S, Kept, Running, access, come, forward
from waiting import until

from inotify_cffi import Dispatcher, Mask, Mirror, hookimpl
from inotify_cffi.fleet import afollow, feed, follow, open_inlet
from inotify_cffi.fleet.broker import Start
from inotify_cffi.fleet.following import Follower, batches


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path)


def test_an_async_iterator_has_the_same(server, kept):
    to = access(server)
    forward(kept.add(700), to)

    async def all_of():
        return [(host, event.number) async for host, event in afollow(to, since=0, until_now=True)]

    assert asyncio.run(all_of()) == come(to) == [("alpha", number) for number in kept.numbers()]


def test_it_begins_behind_a_position_or_at_a_time(server, kept):
    to = access(server)
    forward(kept.add(3), to)
    follower = Follower(open_inlet(to), Start(0), until_now=True)
    (position,) = [follower.position for _ in batches(follower)]
    time.sleep(0.01)
    between = datetime.now().astimezone()
    forward(kept.add(2), to)
    assert [number for _, number in come(to, since=position)] == kept.numbers()[3:]
    assert [number for _, number in come(to, since=between)] == kept.numbers()[3:]
    assert [number for _, number in come(to, since=between - timedelta(hours=1))] == kept.numbers()


def test_without_since_it_begins_now(server, kept):
    to = access(server)
    forward(kept.add(3), to)
    assert come(to, since=None) == []
    found = []
    follower = Follower(open_inlet(to), Start(), is_over=lambda: bool(found))
    with Running(kept, to) as running:
        from conftest import Background

        reading = Background(lambda: [found.extend(events) for _, events in batches(follower)])
        until(lambda: follower.is_connected)
        kept.add(1)
        reading.result()
        running.until_sent()
    assert [event.number for event in found] == kept.numbers()[3:]


def test_a_name_keeps_the_place(server, kept):
    to = access(server)
    forward(kept.add(3), to)
    assert len(come(to, durable="one")) == 3
    forward(kept.add(2), to)
    assert [number for _, number in come(to, durable="one")] == kept.numbers()[3:]
    assert come(to, durable="one") == []


def test_what_was_not_taken_comes_again_to_a_name(server, kept, monkeypatch):
    monkeypatch.setattr("inotify_cffi.fleet.jetstream.ACK_S", 0.2)
    to = access(server)
    forward(kept.add(3), to)
    reading = follow(to, since=0, durable="two")
    next(reading)
    reading.close()
    reading = follow(to, since=0, durable="two")
    assert [next(reading)[1].number for _ in range(3)] == kept.numbers()
    reading.close()


@pytest.mark.parametrize("durable", [None, "name"])
def test_a_server_that_is_killed_loses_nobody_a_thing(own_server, kept, durable, monkeypatch):
    monkeypatch.setattr("inotify_cffi.fleet.jetstream.ACK_S", 1)
    to = access(own_server)
    found = []
    forward(kept.add(5), to)
    follower = Follower(open_inlet(to, durable=durable), Start(0), is_over=lambda: len(found) == 10)
    with Running(kept, to) as running:
        for _, events in batches(follower):
            found += [event.number for event in events]
            if len(found) == 5:
                own_server.kill()
                kept.add(5)
                own_server.start()
        running.until_sent()
    assert found == kept.numbers()


def test_one_who_follows_while_a_store_is_put_back_gets_each_once(own_server, kept, caplog):
    to = access(own_server)
    found = []
    follower = Follower(open_inlet(to), Start(0), is_over=lambda: len(found) == 900)
    with Running(kept.add(300), to) as running:
        running.until_sent()
        for _, events in batches(follower):
            found += [event.number for event in events]
            if len(found) == 300:
                own_server.kill().copy()
                own_server.start()
                kept.add(300)
            elif len(found) == 600:
                own_server.kill().put_back()
                own_server.start()
                until(lambda: "is sent again" in caplog.text)
                running.until_sent()
                kept.add(300)
    assert found == kept.numbers()
    assert "put back to before position" in caplog.text


def test_a_message_that_is_gone_from_the_stream_is_told(server, kept):
    to, told = access(server), []
    for _ in range(3):
        forward(kept.add(2), to)

    async def delete():
        inlet = await open_inlet(to)()
        await inlet.begin(Start(0), {})
        # Each time: start, events, end.
        fifth = (await inlet.next(PATIENCE_S))[4]
        if server.engine == "nats":
            await inlet._connection.ask(f"STREAM.MSG.DELETE.{to.stream}", {"seq": fifth.position})
        else:
            await inlet._connection.ask("XDEL", fifth.key, fifth.stamp)
        await inlet.close()

    asyncio.run(delete())
    events = list(follow(to, since=0, until_now=True, on_notice=told.append))
    assert [(each.after, each.last) for each in told if each.kind == "gap"] == [(2, 4)]
    assert [event.number for _, event in events] == [1, 2, 4, 5, 6]
    assert events[2][1].mask == Mask.Q_OVERFLOW


def test_hooks_are_called_as_for_local_events(server, kept):
    calls = []

    class Plugin:
        @hookimpl
        def inotify_created(self, path, watcher):
            calls.append((watcher.host, path))

        @hookimpl
        def inotify_overflow(self, event):
            calls.append("overflow")

        @hookimpl
        def inotify_settled(self, path):
            calls.append("settled")

        @hookimpl
        def inotify_stop(self):
            calls.append("stop")

    to = access(server)
    forward(kept.add(2).add(mask=Mask.Q_OVERFLOW, path=b""), to)
    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    follower = Follower(open_inlet(to), Start(0), until_now=True)
    feed(dispatcher, batches(follower), follower.stop)
    assert calls == [("alpha", "/srv/1"), ("alpha", "/srv/2"), "overflow", "stop"]
    assert dispatcher.next_settled() is None


def test_a_mirror_is_made_of_it(server, kept):
    to = access(server)
    forward(kept.add(3), to)
    mirror = Mirror(roots=["/srv"])
    mirror.apply(event for _, event in follow(to, since=0, until_now=True))
    assert sorted(mirror.paths()) == ["/srv/1", "/srv/2", "/srv/3"]


def test_a_reader_that_is_left_leaves_nothing_behind(server, kept, no_fd_left):
    to = access(server)
    forward(kept.add(3), to)
    begin = time.monotonic()
    reading = follow(to, since=0)
    next(reading)
    reading.close()
    assert time.monotonic() - begin < PATIENCE_S
