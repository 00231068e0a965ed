"""``resync()``: what no event says is told all the same, in slices, once."""

from __future__ import annotations

import os
import shutil

import pytest
from conftest import PATIENCE_S
from consumer import write, write_all
from unseen import CHANGES, disk, unseen

from inotify_cffi import Cause, ClosedError, Mask, Mirror, Watcher

STRUCTURE = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO


def told(watcher):
    watcher.resync()
    return [(str(event), event.cause) for event in watcher.sync()]


@pytest.fixture
def planted(root):
    write_all(root, "a/b/f", "c/d/", "e")
    return root


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
def test_what_was_not_seen_is_told(planted, change, kind):
    with Watcher(kind(planted)) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[kind(planted)])
        change(planted)
        unseen(watcher)
        watcher.resync()
        mirror.apply(watcher.sync())
        assert not mirror.diff(watcher.snapshot())
        assert {os.fsdecode(path): is_dir for path, is_dir in watcher.snapshot().items()} == disk(planted)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_happens_next_in_what_was_not_seen_is_told(planted, change):
    with Watcher(planted) as watcher:
        change(planted)
        unseen(watcher)
        watcher.resync()
        watcher.sync()
        for top, _, _ in os.walk(planted):
            write(f"{top}/last")
        watcher.sync()
        assert watcher.snapshot() == disk(planted)


def test_the_cause_is_said(planted):
    with Watcher(planted, mask=STRUCTURE) as watcher:
        os.unlink(f"{planted}/a/b/f")
        write_all(planted, "new/f")
        unseen(watcher)
        assert sorted(told(watcher)) == [
            (f"CREATE {planted}/new/f", Cause.RESYNC),
            (f"CREATE,ISDIR {planted}/new", Cause.RESYNC),
            (f"DELETE {planted}/a/b/f", Cause.RESYNC),
        ]


def test_directories_that_went_are_told_by_the_comparison_that_missed_them(planted):
    """Nothing is queued that could say it."""
    with Watcher(planted, mask=STRUCTURE) as watcher:
        shutil.rmtree(f"{planted}/a")
        unseen(watcher)
        assert {cause for _, cause in told(watcher)} == {Cause.RESYNC}


def test_where_nothing_differs_nothing_is_told(planted):
    with Watcher(planted) as watcher:
        assert told(watcher) == []


def test_what_events_say_meanwhile_is_told_once(planted):
    with Watcher(planted, mask=STRUCTURE) as watcher:
        write(f"{planted}/one")
        watcher.resync()
        write(f"{planted}/two")
        assert sorted(event.name for event in watcher.sync()) == ["one", "two"]


def test_it_is_done_in_slices(root):
    """However large the tree, a step ends with its turn: here each is over as soon as it has begun."""
    write_all(root, *(f"{number}/f" for number in range(100)))
    with Watcher(root, mask=STRUCTURE) as watcher:
        for number in range(100):
            os.unlink(f"{root}/{number}/f")
        unseen(watcher)
        watcher.resync()
        tree, steps = watcher._tree, 0
        while tree.in_doubt:
            tree.advance(0.0)
            steps += 1
        assert steps > 50
        assert watcher.snapshot() == disk(root)


def test_a_second_one_finds_what_came_behind_the_first(planted):
    with Watcher(planted, mask=STRUCTURE) as watcher:
        os.unlink(f"{planted}/a/b/f")
        unseen(watcher)
        watcher.resync()
        os.unlink(f"{planted}/e")
        unseen(watcher)
        watcher.resync()
        assert sorted(event.name for event in watcher.sync()) == ["e", "f"]


def test_it_wakes_who_reads(planted, background):
    with Watcher(planted, mask=STRUCTURE) as watcher:
        reader = background(watcher.read, PATIENCE_S)
        reader.until_blocked()
        os.unlink(f"{planted}/e")
        # The reader has it by its event; so only what it is not woken for is looked at.
        assert [event.name for event in reader.result()] == ["e"]
        os.unlink(f"{planted}/a/b/f")
        unseen(watcher)
        reader = background(watcher.read, PATIENCE_S)
        reader.until_blocked()
        watcher.resync()
        assert [event.name for event in reader.result()] == ["f"]


def test_in_the_middle_of_a_step_it_is_done_behind_it(planted, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    for number in range(600):
        os.mkdir(f"{other}/{number}")
    asked = []

    def on_progress(count):
        # Once: to compare lists all directories again, and then this is called again.
        if not asked:
            asked.append(count)
            watcher.resync()

    with Watcher(planted, mask=STRUCTURE, on_progress=on_progress) as watcher:
        os.unlink(f"{planted}/e")
        unseen(watcher)
        watcher.add(str(other))
        assert asked
        assert [event.name for event in watcher.sync()] == ["e"]


def test_of_a_closed_watcher_it_is_an_error(planted):
    watcher = Watcher(planted)
    watcher.close()
    with pytest.raises(ClosedError):
        watcher.resync()


@pytest.mark.parametrize("options", [{"track": "directories"}, {"exclude": ["c"]}, {"max_depth": 2}], ids=str)
def test_what_is_not_tracked_is_not_compared(planted, options):
    with Watcher(planted, mask=STRUCTURE, **options) as watcher:
        write(f"{planted}/c/d/hidden")
        unseen(watcher)
        assert told(watcher) == []


def test_a_root_that_came_without_an_event_is_followed(root):
    with Watcher(f"{root}/late", missing="wait", mask=STRUCTURE) as watcher:
        watcher.sync()
        write_all(root, "late/f")
        unseen(watcher)
        watcher.resync()
        assert "f" in [event.name for event in watcher.sync()]


def test_a_file_that_is_another_is_told(planted):
    with Watcher(f"{planted}/e", mask=Mask.MODIFY) as watcher:
        os.unlink(f"{planted}/e")
        write(f"{planted}/e", "other")
        unseen(watcher)
        assert told(watcher) == [(f"MODIFY {planted}/e", Cause.RESYNC)]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_what_it_finds_is_awaited_as_any_event(planted):
    with Watcher(planted, mask=STRUCTURE) as watcher:
        os.unlink(f"{planted}/e")
        unseen(watcher)
        watcher.resync()
        assert [event.name for event in await watcher.aread(PATIENCE_S)] == ["e"]
