"""When a written file has settled: pure, with a clock of our own."""

from __future__ import annotations

import random
import sys

import pytest

from inotify_cffi import Cause, Event, Mask
from inotify_cffi.hooks.settle import Look, Settle


def nobody_has_it(_path):
    return Look(is_open=False, size=1)


COOKIES = iter(range(1, sys.maxsize))


def written(path, flag=Mask.MODIFY):
    return Event.of(path, flag)


def moved(settle, src, dst, now, *, flags=0):
    cookie = next(COOKIES)
    settle.note(Event.of(src, Mask.MOVED_FROM | flags, cookie=cookie), now)
    settle.note(Event.of(dst, Mask.MOVED_TO | flags, cookie=cookie, moved_from=src), now)


def paths(settle, now):
    return [path for path, _, _ in settle.due(now)]


@pytest.fixture
def settle():
    return Settle(2, nobody_has_it)


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
    last = written("/r/a")
    settle.note(written("/r/a"), 10)
    settle.note(last, 11.5)
    assert settle.due(12) == []
    assert settle.due(13.5) == [("/r/a", last, "unopened")]


def test_it_may_be_written_and_settle_again(settle):
    for now in (10, 20):
        settle.note(written("/r/a"), now)
        assert paths(settle, now + 2) == ["/r/a"]


@pytest.mark.parametrize("flag", [Mask.CREATE | Mask.ISDIR, Mask.MOVED_TO | Mask.ISDIR, Mask.MODIFY | Mask.ISDIR])
def test_what_is_no_write_starts_no_wait(settle, flag):
    settle.note(Event.of("/r/a", flag), 10)
    assert settle.next() is None


def test_a_file_that_a_listing_found_or_that_came_complete_settles(settle):
    settle.note(Event.of("/r/found", Mask.CREATE, cause=Cause.LOOK), 10)
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


def test_what_a_rename_replaces_waits_no_more_and_what_replaced_it_does(settle):
    settle.note(written("/r/a"), 10)
    moved(settle, "/r/b", "/r/a", 11)
    assert paths(settle, 12.9) == []
    assert [(path, event.moved_from) for path, event, _ in settle.due(13)] == [("/r/a", "/r/b")]


def test_a_file_that_is_told_is_told_again_under_another_name(settle):
    settle.note(written("/r/a.part"), 10)
    assert paths(settle, 12) == ["/r/a.part"]
    moved(settle, "/r/a.part", "/r/a", 20)
    assert (paths(settle, 21.9), paths(settle, 22)) == ([], ["/r/a"])


def test_the_event_of_a_file_that_was_renamed_while_it_waited_says_from_where(settle):
    settle.note(written("/r/a.part"), 10)
    moved(settle, "/r/a.part", "/r/a", 11)
    ((path, event, _),) = settle.due(12)
    assert (path, event.moved_from) == ("/r/a", "/r/a.part")


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
    settle, model = Settle(2, nobody_has_it), {}
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
            moved(settle, src, dst, now, flags=Mask.ISDIR if depth == -2 else 0)
            if depth == -1:
                model.setdefault(src, now + 2)
            model = {old: quiet for old, quiet in model.items() if not (old + "/").startswith(dst + "/")}
            model = {
                dst + old[len(src) :] if (old + "/").startswith(src + "/") else old: quiet
                for old, quiet in model.items()
            }
        quiet = {path for path, quiet in model.items() if quiet <= now}
        assert set(paths(settle, now)) == quiet
        model = {path: at for path, at in model.items() if path not in quiet}


def work(files):
    """How many steps an event takes with so many files waiting."""
    settle = Settle(1000, nobody_has_it)
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


# --- how it is known that a file is finished ---


class Disk:
    """What is known of each path: set ``known``."""

    def __init__(self):
        self.known = {}
        self.looks = []

    def look(self, path):
        self.looks.append(path)
        return self.known.get(path, Look(None, 1))


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def looking(disk):
    return Settle(2, disk.look)


def told(settle, now):
    return [(path, evidence) for path, _, evidence in settle.due(now)]


NOT_OPEN, OPEN, UNKNOWN, EMPTY = Look(False, 1), Look(True, 1), Look(None, 1), Look(False, 0)


def test_what_nobody_has_open_is_finished_whatever_was_seen_of_it(looking, disk):
    for flag in (Mask.CREATE, Mask.MODIFY, Mask.CLOSE_WRITE):
        disk.known["/r/a"] = NOT_OPEN
        looking.note(written("/r/a", flag), 10)
        assert told(looking, 12) == [("/r/a", "unopened")]


def test_what_somebody_has_open_is_looked_at_again_and_again_more_and_more_rarely(looking, disk):
    disk.known["/r/a"] = OPEN
    looking.note(written("/r/a"), 10)
    looks = []
    for _ in range(8):
        looks.append(looking.next())
        assert told(looking, looks[-1]) == []
    assert [after - before for before, after in zip(looks, looks[1:])] == [2, 4, 8, 16, 32, 60, 60]
    disk.known["/r/a"] = NOT_OPEN
    assert told(looking, looking.next()) == [("/r/a", "unopened")]


def test_what_was_open_is_looked_at_soon_after_its_close(looking, disk):
    disk.known["/r/a"] = OPEN
    looking.note(written("/r/a"), 10)
    for _ in range(6):
        looking.due(looking.next())
    now = looking.next() - 50
    disk.known["/r/a"] = NOT_OPEN
    looking.note(written("/r/a", Mask.CLOSE_WRITE), now)
    assert looking.next() == now + 0.1
    assert told(looking, now + 0.1) == [("/r/a", "unopened")]
    assert told(looking, now + 999) == []


def test_where_nobody_can_know_a_close_behind_the_last_write_is_the_end(looking):
    looking.note(written("/r/a"), 10)
    looking.note(written("/r/a", Mask.CLOSE_WRITE), 10)
    assert told(looking, 12) == [("/r/a", "closed")]


def test_where_nobody_can_know_a_write_behind_the_last_close_waits_for_the_next(looking):
    looking.note(written("/r/a", Mask.CLOSE_WRITE), 10)
    looking.note(written("/r/a"), 11)
    assert told(looking, 40) == []
    looking.note(written("/r/a", Mask.CLOSE_WRITE), 41)
    assert told(looking, 43) == [("/r/a", "closed")]


def test_where_nobody_can_know_and_no_close_comes_a_minute_of_quiet_is_the_end(looking):
    looking.note(written("/r/a"), 10)
    assert told(looking, 12) == []
    assert told(looking, 69.9) == []
    assert told(looking, 70) == [("/r/a", "quiet")]


def test_the_minute_is_ten_times_what_was_asked_for_if_that_is_more(disk):
    settle = Settle(20, disk.look)
    settle.note(written("/r/a"), 10)
    assert (told(settle, 209.9), told(settle, 210)) == ([], [("/r/a", "quiet")])


def test_a_write_in_that_minute_begins_it_again(looking):
    looking.note(written("/r/a"), 10)
    assert told(looking, 12) == []
    looking.note(written("/r/a"), 60)
    assert (told(looking, 70), told(looking, 119.9), told(looking, 120)) == ([], [], [("/r/a", "quiet")])


@pytest.mark.parametrize(
    "event",
    [
        Event.of("/r/a", Mask.CREATE),
        Event.of("/r/a", Mask.MOVED_TO, cookie=7),
        Event.of("/r/a", Mask.CREATE, cause=Cause.LOOK),
        Event.of("/r/a", Mask.CLOSE_WRITE, cause=Cause.LOOK),
    ],
)
def test_a_name_that_came_with_all_of_it_is_finished_after_the_wait(looking, disk, event):
    looking.note(event, 10)
    assert told(looking, 12) == [("/r/a", "quiet")]
    disk.known["/r/a"] = NOT_OPEN
    looking.note(event, 20)
    assert told(looking, 22) == [("/r/a", "unopened")]


@pytest.mark.parametrize("known", [EMPTY, Look(None, 0)])
def test_an_empty_file_that_was_only_made_waits_for_a_close(looking, disk, known):
    disk.known["/r/a"] = known
    looking.note(written("/r/a", Mask.CREATE), 10)
    assert (told(looking, 99), looking.next()) == ([], None)
    looking.note(written("/r/a", Mask.CLOSE_WRITE), 100)
    assert [path for path, _ in told(looking, 102)] == ["/r/a"]


@pytest.mark.parametrize(
    "event", [Event.of("/r/a", Mask.MOVED_TO), Event.of("/r/a", Mask.CREATE, cause=Cause.LOOK)]
)
def test_an_empty_file_that_came_complete_is_finished(looking, disk, event):
    disk.known["/r/a"] = EMPTY
    looking.note(event, 10)
    assert told(looking, 12) == [("/r/a", "unopened")]


def test_what_is_not_there_any_more_or_no_file_is_not_told(looking, disk):
    disk.known["/r/a"] = None
    looking.note(written("/r/a", Mask.CLOSE_WRITE), 10)
    assert (told(looking, 12), looking.next()) == ([], None)


def test_no_more_than_so_many_are_looked_at_in_a_second(looking, disk):
    for number in range(12_000):
        looking.note(written(f"/r/{number}", Mask.CLOSE_WRITE), 10)
    counted = 0
    while looking.next() <= 12.5:
        counted += len(looking.due(12.5))
    assert counted == len(disk.looks) == 10_000
    assert looking.next() == 13.5
    while looking.next() is not None:
        counted += len(looking.due(looking.next()))
    assert counted == 12_000


def test_what_came_up_between_the_halves_of_its_move_is_not_forgotten(settle):
    settle.note(written("/r/d/a"), 10)
    settle.note(Event.of("/r/d", Mask.MOVED_FROM | Mask.ISDIR, cookie=3), 11)
    assert paths(settle, 99) == []
    settle.note(Event.of("/r/e", Mask.MOVED_TO | Mask.ISDIR, cookie=3, moved_from="/r/d"), 11)
    assert paths(settle, 99) == ["/r/e/a"]


def test_it_is_quiet_from_the_last_write_on_not_from_the_close(settle):
    settle.note(written("/r/a"), 10)
    settle.note(written("/r/a", Mask.CLOSE_WRITE), 11)
    assert (paths(settle, 11.9), paths(settle, 12)) == ([], ["/r/a"])


def test_a_close_without_a_write_starts_the_wait(settle):
    settle.note(written("/r/a", Mask.CREATE), 10)
    settle.note(written("/r/a", Mask.CLOSE_WRITE), 11)
    assert (paths(settle, 12.9), paths(settle, 13)) == ([], ["/r/a"])


def test_what_is_renamed_right_behind_a_late_close_is_told_by_its_new_name_only(settle, disk):
    looking = Settle(2, disk.look)
    disk.known["/r/a.part"] = OPEN
    looking.note(written("/r/a.part"), 10)
    assert told(looking, 12) == []
    looking.note(written("/r/a.part", Mask.CLOSE_WRITE), 13)
    moved(looking, "/r/a.part", "/r/a", 13)
    assert told(looking, 13.1) == [("/r/a", "closed")]


# --- what is known to be unfinished ---


def test_what_is_expected_waits_as_if_it_had_been_written_then(looking, disk):
    looking.expect(written("/r/a"), 10)
    looking.expect(written("/r/b"), 10)
    disk.known["/r/b"] = None
    assert told(looking, 12) == []
    assert told(looking, 70) == [("/r/a", "quiet")]


def test_what_is_expected_and_waits_already_keeps_its_time_and_its_event(settle):
    event = written("/r/a")
    settle.note(event, 10)
    settle.expect(written("/r/a"), 11)
    assert settle.due(12) == [("/r/a", event, "unopened")]


def test_a_write_to_what_is_expected_begins_its_wait_anew(settle):
    settle.expect(written("/r/a"), 10)
    settle.note(written("/r/a"), 11)
    assert (paths(settle, 12), paths(settle, 13)) == ([], ["/r/a"])
