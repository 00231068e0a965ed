"""When a written file has settled: pure, with a clock of our own."""

from __future__ import annotations

import random
import sys

import pytest

from inotify_cffi import Event, Mask
from inotify_cffi.settle import Settle

COOKIES = iter(range(1, sys.maxsize))


def written(path, flag=Mask.MODIFY):
    return Event.of(path, flag)


def moved(settle, src, dst, now, *, flags=0):
    cookie = next(COOKIES)
    settle.note(Event.of(src, Mask.MOVED_FROM | flags, cookie=cookie), now)
    settle.note(Event.of(dst, Mask.MOVED_TO | flags, cookie=cookie, moved_from=src), now)


def paths(settle, now):
    return [path for path, _ in settle.due(now)]


@pytest.fixture
def settle():
    return Settle(2)


def test_a_file_settles_when_it_was_quiet_for_so_long(settle):
    settle.note(written("/r/a"), 10)
    assert settle.next() == 12
    assert paths(settle, 11.9) == []
    assert paths(settle, 12) == ["/r/a"]


def test_it_settles_once(settle):
    settle.note(written("/r/a"), 10)
    settle.due(12)
    assert (settle.next(), settle.due(99)) == (None, [])


def test_every_write_starts_the_wait_again_and_the_last_one_is_told(settle):
    last = written("/r/a", Mask.CLOSE_WRITE)
    settle.note(written("/r/a"), 10)
    settle.note(last, 11.5)
    assert settle.due(12) == []
    assert settle.due(13.5) == [("/r/a", last)]


def test_it_may_be_written_and_settle_again(settle):
    for now in (10, 20):
        settle.note(written("/r/a"), now)
        assert paths(settle, now + 2) == ["/r/a"]


@pytest.mark.parametrize("flag", [Mask.CREATE, Mask.ATTRIB, Mask.CREATE | Mask.ISDIR, Mask.MOVED_TO | Mask.ISDIR])
def test_what_is_no_write_starts_no_wait(settle, flag):
    settle.note(Event.of("/r/a", flag), 10)
    assert settle.next() is None


def test_a_file_that_a_listing_found_or_that_came_complete_settles(settle):
    settle.note(Event.of("/r/found", Mask.CREATE, synthetic=True), 10)
    settle.note(Event.of("/r/came", Mask.MOVED_TO, cookie=7), 10)
    assert paths(settle, 12) == ["/r/found", "/r/came"]


@pytest.mark.parametrize("flag", [Mask.DELETE, Mask.MOVED_FROM])
def test_deletion_and_leaving_cancel(settle, flag):
    settle.note(written("/r/a"), 10)
    settle.note(Event.of("/r/a", flag), 11)
    assert settle.due(99) == []


def test_the_end_of_a_directory_cancels_all_below_it(settle):
    settle.note(written("/r/d/e/a"), 10)
    settle.note(written("/r/da"), 10)
    settle.note(Event.of("/r/d", Mask.MOVED_FROM | Mask.ISDIR, cookie=1), 11)
    settle.note(written("/r/other"), 11)
    assert paths(settle, 99) == ["/r/da", "/r/other"]


def test_a_file_is_followed_through_its_rename_without_a_new_wait(settle):
    settle.note(written("/r/a"), 10)
    moved(settle, "/r/a", "/r/d/b", 11)
    assert paths(settle, 12) == ["/r/d/b"]


def test_a_file_is_followed_through_renames_of_directories_above_it(settle):
    settle.note(written("/r/d/e/a"), 10)
    moved(settle, "/r/d", "/r/x", 10.5, flags=Mask.ISDIR)
    moved(settle, "/r/x/e", "/r/y", 11, flags=Mask.ISDIR)
    settle.note(written("/r/d/e/a"), 11)
    assert paths(settle, 13) == ["/r/y/a", "/r/d/e/a"]


def test_what_a_rename_replaces_waits_no_more(settle):
    settle.note(written("/r/a"), 10)
    moved(settle, "/r/b", "/r/a", 11)
    assert settle.due(99) == []


def test_a_new_version_that_is_renamed_over_the_old_one_settles(settle):
    settle.note(written("/r/a"), 10)
    settle.note(written("/r/a.tmp"), 11)
    moved(settle, "/r/a.tmp", "/r/a", 11)
    assert paths(settle, 99) == ["/r/a"]


def test_the_order_is_that_of_time(settle):
    for now, name in [(10, "a"), (11, "b"), (12, "c")]:
        settle.note(written(f"/r/{name}"), now)
    settle.note(written("/r/a"), 13)
    assert paths(settle, 99) == ["/r/b", "/r/c", "/r/a"]


def test_bytes_stay_bytes(settle):
    settle.note(written(b"/r/\xff"), 10)
    assert paths(settle, 12) == [b"/r/\xff"]


@pytest.mark.parametrize("path", ["a", "./a", "/a", "/", "//x/a"])
def test_any_form_of_a_path_comes_back_as_it_was(settle, path):
    settle.note(written(path), 10)
    assert paths(settle, 12) == [path]


@pytest.mark.parametrize("root", ["", "./", "/", "/r/"])
def test_renames_work_below_any_form_of_a_root(settle, root):
    settle.note(written(f"{root}a"), 10)
    moved(settle, f"{root}a", f"{root}b", 10)
    assert paths(settle, 12) == [f"{root}b"]


def test_nothing_is_kept_of_files_that_do_not_wait(settle):
    for number in range(100):
        settle.note(written(f"/r/{number}/a"), number)
        moved(settle, f"/r/{number}", f"/r/n{number}", number, flags=Mask.ISDIR)
    settle.due(200)
    assert (settle._top.children, settle._heap) == ({}, [])


def test_the_time_may_not_be_negative():
    with pytest.raises(ValueError, match="settle"):
        Settle(-1)


@pytest.mark.parametrize("seed", range(20))
def test_it_does_what_a_plain_model_does(seed):
    """The model rewrites every path at a rename and looks at every file for each time."""
    choose = random.Random(seed)
    settle, model = Settle(2), {}
    names = [f"/r/{one}/{two}" for one in "xyz" for two in "ab"]
    for now in range(1000):
        kind, path = choose.random(), choose.choice(names)
        if kind < 0.6:
            settle.note(written(path), now)
            model[path] = now + 2
        elif kind < 0.75:
            settle.note(Event.of(path, Mask.DELETE), now)
            model.pop(path, None)
        else:
            depth = -1 if kind < 0.9 else -2
            src, dst = path, choose.choice(names)
            if depth == -2:
                src, dst = src[:-2], dst[:-2]
            if src == dst:
                continue
            moved(settle, src, dst, now)
            model = {old: quiet for old, quiet in model.items() if not (old + "/").startswith(dst + "/")}
            model = {
                dst + old[len(src) :] if (old + "/").startswith(src + "/") else old: quiet
                for old, quiet in model.items()
            }
        quiet = {path for path, quiet in model.items() if quiet <= now}
        assert {path for path, _ in settle.due(now)} == quiet
        model = {path: at for path, at in model.items() if path not in quiet}


def work(files):
    """How many steps an event takes with so many files waiting."""
    settle = Settle(1000)
    for number in range(files):
        settle.note(written(f"/r/{number % 100}/{number}"), 0)
    steps = 0

    def count(_frame, _kind, _argument):
        nonlocal steps
        steps += 1
        return count

    sys.settrace(count)
    try:
        for number in range(100):
            settle.note(written(f"/r/{number}/{number}"), 1)
            moved(settle, f"/r/{number}", f"/r/n{number}", 1, flags=Mask.ISDIR)
            settle.due(1)
    finally:
        sys.settrace(None)
    return steps


def test_an_event_costs_the_same_however_many_files_wait():
    assert work(100_000) <= work(10) * 1.1
