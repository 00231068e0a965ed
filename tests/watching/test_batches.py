"""``batches()`` and ``abatches()``: what came until it was quiet for a while, and never more than is there."""

from __future__ import annotations

import itertools

import anyio
import pytest
from conftest import PATIENCE_S
from consumer import write

from inotify_cffi import Burst, BusyError, ClosedError, Mask, Watcher, awatch
from tests.stress.queue import queue_of

CREATED = Mask.CREATE

# Longer than any test takes.
NEVER_S = 10 * PATIENCE_S


@pytest.fixture
def watcher(root):
    with Watcher(root, mask=CREATED) as watcher:
        yield watcher


def names(events):
    return [event.name for event in events]


# --- when a burst is over ---


def test_a_burst_is_over_when_it_was_quiet_for_a_while():
    burst = Burst(5, 100)
    burst.begin()
    ripe = []
    for now in (10, 14, 18):
        burst.came(now)
        ripe.append(burst.ripe_at)
    assert ripe == [15, 19, 23]


def test_a_burst_is_over_some_time_after_its_first_change_in_any_case():
    burst = Burst(5, 8)
    burst.begin()
    for now in (10, 14, 18):
        burst.came(now)
    assert burst.ripe_at == 18


def test_a_burst_without_that_limit_goes_on():
    burst = Burst(5, None)
    burst.begin()
    for now in range(10, 1000):
        burst.came(now)
    assert burst.ripe_at == 999 + 5


def test_the_next_burst_begins_anew():
    burst = Burst(5, 8)
    burst.came(0)
    burst.begin()
    burst.came(100)
    assert burst.ripe_at == 105


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"quiet_s": -1}, ValueError, "quiet_s"),
        ({"quiet_s": None}, TypeError, "quiet_s"),
        ({"quiet_s": float("nan")}, ValueError, "quiet_s"),
        ({"quiet_s": "1"}, TypeError, "quiet_s"),
        ({"at_most_s": -1}, ValueError, "at_most_s"),
        ({"at_most_s": "1"}, TypeError, "at_most_s"),
    ],
    ids=str,
)
@pytest.mark.parametrize("call", [Watcher.batches, Watcher.abatches], ids=["batches", "abatches"])
def test_what_is_no_time_is_an_error_at_once(watcher, call, options, error, text):
    with pytest.raises(error, match=text):
        call(watcher, **options)


# --- one after the other ---


def test_what_came_together_is_one_batch(root, watcher):
    for name in "abc":
        write(f"{root}/{name}")
    assert names(next(watcher.batches(at_most_s=None))) == ["a", "b", "c"]


def test_what_comes_before_it_was_quiet_is_in_the_same_batch(root, watcher, background):
    write(f"{root}/a")
    reader = background(next, watcher.batches(quiet_s=NEVER_S, at_most_s=None))
    reader.until_blocked()
    write(f"{root}/b")
    watcher.stop()
    assert names(reader.result()) == ["a", "b"]


def test_what_comes_after_it_was_quiet_is_in_the_next_batch(root, watcher):
    batches = watcher.batches(quiet_s=0.001)
    write(f"{root}/a")
    assert names(next(batches)) == ["a"]
    write(f"{root}/b")
    assert names(next(batches)) == ["b"]


def test_without_quiet_a_batch_is_what_is_there(root, watcher):
    batches = watcher.batches(quiet_s=0, at_most_s=NEVER_S)
    for name in "ab":
        write(f"{root}/{name}")
    assert names(next(batches)) == ["a", "b"]


def test_a_writer_that_never_rests_ends_no_batch_later_than_was_asked_for(root, watcher, background):
    done = []

    def write_on():
        number = 0
        while not done:
            write(f"{root}/{number}")
            number += 1
        return number

    writer = background(write_on)
    try:
        seen = list(itertools.chain(*itertools.islice(watcher.batches(quiet_s=NEVER_S, at_most_s=0.1), 3)))
    finally:
        done.append(True)
    count = writer.result()
    seen += watcher.sync()
    assert names(seen) == [str(number) for number in range(count)]


def test_what_has_come_by_stop_is_the_last_batch(root, watcher):
    write(f"{root}/a")
    watcher.stop()
    assert [names(events) for events in watcher.batches(quiet_s=NEVER_S, at_most_s=None)] == [["a"]]


def test_after_stop_there_is_none(watcher):
    watcher.stop()
    assert list(watcher.batches()) == []


def test_after_close_there_is_none(watcher):
    batches = watcher.batches()
    watcher.close()
    assert list(batches) == []
    with pytest.raises(ClosedError):
        watcher.read(0)


def test_close_ends_a_batch_that_is_waited_for(watcher, background):
    reader = background(list, watcher.batches())
    reader.until_blocked()
    watcher.close()
    assert reader.result() == []


def test_another_reader_is_refused(root, watcher, background):
    write(f"{root}/a")
    reader = background(next, watcher.batches(quiet_s=NEVER_S, at_most_s=None))
    reader.until_blocked()
    with pytest.raises(BusyError):
        watcher.read(0)
    watcher.stop()
    reader.result()


def test_what_was_left_is_for_the_next_read(root, watcher):
    batches = watcher.batches(quiet_s=0)
    write(f"{root}/a")
    next(batches)
    write(f"{root}/b")
    batches.close()
    assert names(watcher.sync()) == ["b"]


def test_an_overflow_ends_a_batch_at_once(root):
    with queue_of(16):
        watcher = Watcher(root, mask=CREATED)
    with watcher:
        for number in range(40):
            write(f"{root}/{number}")
        batches = watcher.batches(quiet_s=NEVER_S, at_most_s=None)
        first = next(batches)
        assert [event.mask for event in first if not event.name] == [Mask.Q_OVERFLOW]
        assert first[-1].mask == Mask.Q_OVERFLOW
        watcher.stop()
        rest = list(itertools.chain(*batches))
        assert rest[-1].mask == Mask.IN_SYNC
        assert sorted(names(first[:-1] + rest[:-1])) == sorted(map(str, range(40)))


# --- awaited ---

LOOPS = [("asyncio", {}), ("trio", {})]
awaited = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", LOOPS, ids=["asyncio", "trio"])]


def both(test):
    for mark in awaited:
        test = mark(test)
    return test


@both
async def test_batches_are_awaited(root):
    async with awatch(root, mask=CREATED) as watcher:
        batches = watcher.abatches(quiet_s=0.001)
        for name in "ab":
            write(f"{root}/{name}")
        assert names(await batches.__anext__()) == ["a", "b"]
        write(f"{root}/c")
        assert names(await batches.__anext__()) == ["c"]


@both
async def test_awaited_batches_end_with_stop(root):
    async with awatch(root, mask=CREATED) as watcher:
        write(f"{root}/a")
        watcher.stop()
        batches = watcher.abatches(quiet_s=NEVER_S, at_most_s=None)
        assert [names(events) async for events in batches] == [["a"]]


@both
async def test_what_came_before_a_cancellation_is_for_the_next_read(root):
    async with awatch(root, mask=CREATED) as watcher:
        write(f"{root}/a")
        with anyio.move_on_after(0.05) as scope:
            await watcher.abatches(quiet_s=NEVER_S, at_most_s=None).__anext__()
        assert scope.cancelled_caught
        write(f"{root}/b")
        assert names(await watcher.aread() + watcher.sync()) == ["a", "b"]


@both
async def test_the_others_go_on_while_a_batch_is_awaited(root):
    async with awatch(root, mask=CREATED) as watcher:
        seen = []

        async def take():
            async for events in watcher.abatches(quiet_s=0):
                seen.extend(names(events))
                if "last" in seen:
                    return

        with anyio.fail_after(PATIENCE_S):
            async with anyio.create_task_group() as group:
                group.start_soon(take)
                for name in ("a", "b", "last"):
                    write(f"{root}/{name}")
                    await anyio.sleep(0)
        assert seen == ["a", "b", "last"]


@both
async def test_an_awaited_batch_after_close_is_none(root):
    async with awatch(root) as watcher:
        batches = watcher.abatches()
    assert [events async for events in batches] == []
