"""``Event.cause``: why an event is told that the kernel did not report."""

from __future__ import annotations

import os

import pytest
from consumer import write, write_all

from inotify_cffi import Cause, Event, Mask, Watcher
from tests.stress.queue import queue_of

KERNEL = Cause.KERNEL


def told(watcher, *, mask=Mask.ALL):
    """The flags, the name and the cause of what is told up to now, of events that have one of *mask*."""
    events = watcher.sync() + watcher.sync()
    return [(*event.names[:1], event.name, event.cause) for event in events if event.mask & mask]


STRUCTURE = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO


@pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
@pytest.mark.parametrize("count", [1, 2, 50])
def test_what_the_kernel_reports(root, kind, count):
    with Watcher(kind(root), mask=STRUCTURE) as watcher:
        for number in range(count):
            write(f"{root}/f{number}")
        assert {(event.cause, event.synthetic) for event in watcher.sync()} == {(KERNEL, False)}


def test_what_is_there_at_the_start(root):
    write_all(root, "a/b", "c")
    with Watcher(root, existing=True) as watcher:
        assert {cause for _, _, cause in told(watcher)} == {Cause.START}


def test_what_is_there_when_a_further_root_is_added(root):
    write_all(root, "one/f", "two/g")
    with Watcher(f"{root}/one", existing=True) as watcher:
        watcher.sync()
        watcher.add(f"{root}/two")
        assert told(watcher) == [("CREATE", "g", Cause.START)]


def test_what_is_in_a_directory_when_its_watch_is_added(root):
    with Watcher(root, mask=STRUCTURE) as watcher:
        write_all(root, "a/b/c")
        assert told(watcher) == [
            ("CREATE", "a", KERNEL),
            ("CREATE", "b", Cause.NEW_DIRECTORY),
            ("CREATE", "c", Cause.NEW_DIRECTORY),
        ]


def test_what_is_in_a_root_that_comes(root):
    with Watcher(f"{root}/late", missing="wait", mask=STRUCTURE) as watcher:
        write_all(root, "late/f")
        assert told(watcher, mask=STRUCTURE) == [("CREATE", "f", Cause.NEW_DIRECTORY)]


def test_what_comes_with_a_directory_that_is_moved_in(root, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    write_all(outside, "a/b/c")
    with Watcher(root, mask=STRUCTURE) as watcher:
        (outside / "a").rename(f"{root}/a")
        assert told(watcher) == [
            ("MOVED_TO", "a", KERNEL),
            ("CREATE", "b", Cause.MOVED_IN),
            ("CREATE", "c", Cause.MOVED_IN),
        ]


def test_what_goes_with_a_directory_that_is_moved_out(root, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    write_all(root, "a/b/c")
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.rename(f"{root}/a", outside / "a")
        assert told(watcher) == [
            ("DELETE", "c", Cause.ANOTHER_EVENT),
            ("DELETE", "b", Cause.ANOTHER_EVENT),
            ("MOVED_FROM", "a", KERNEL),
        ]


def test_what_is_overwritten_by_a_move(root):
    write_all(root, "a", "b")
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.rename(f"{root}/a", f"{root}/b")
        assert told(watcher) == [
            ("DELETE", "b", Cause.ANOTHER_EVENT),
            ("MOVED_FROM", "a", KERNEL),
            ("MOVED_TO", "b", KERNEL),
        ]


def test_what_goes_along_with_its_directory_where_that_is_asked_for(root):
    write_all(root, "a/f")
    with Watcher(mask=STRUCTURE) as watcher:
        watcher.add(root, each_move=True)
        os.rename(f"{root}/a", f"{root}/z")
        assert told(watcher) == [
            ("MOVED_FROM", "a", KERNEL),
            ("MOVED_TO", "z", KERNEL),
            ("MOVED_FROM", "f", Cause.ANOTHER_EVENT),
            ("MOVED_TO", "f", Cause.ANOTHER_EVENT),
        ]


@pytest.fixture
def lost(root):
    """What is told between the marker of an overflow and IN_SYNC, with the cause of each."""
    write_all(root, "gone/f", "stays", "writing")
    with queue_of(16), Watcher(root, mask=Mask.CHANGES) as watcher:
        for number in range(40):
            write(f"{root}/{number % 2}")
        os.unlink(f"{root}/gone/f")
        write_all(root, "new/file")
        write(f"{root}/stays", "other")
        events = watcher.sync() + watcher.sync()
    (begin,) = [at for at, event in enumerate(events) if event.mask & Mask.Q_OVERFLOW]
    return events[begin:]


def test_the_difference_that_lost_events_made(lost):
    causes = {(event.names[0], event.name): event.cause for event in lost}
    assert causes["CREATE", "new"] == causes["CREATE", "file"] == causes["DELETE", "f"] == Cause.LOSS
    assert causes["MODIFY", "stays"] == Cause.LOSS


def test_the_marker_of_an_overflow_is_the_kernels_and_its_end_is_not(lost):
    assert (lost[0].cause, lost[-1].cause) == (KERNEL, Cause.LOSS)
    assert lost[-1].mask == Mask.IN_SYNC


def test_a_file_that_is_watched_by_itself_and_was_changed_while_events_were_lost(root):
    write_all(root, "a", "b")
    with queue_of(16):
        watcher = Watcher(mask=Mask.CHANGES)
    with watcher:
        watcher.add(f"{root}/a")
        watcher.add(f"{root}/b")
        for number in range(40):
            write(f"{root}/{'ab'[number % 2]}", str(number))
        events = watcher.sync() + watcher.sync()
        (begin,) = [at for at, event in enumerate(events) if event.mask & Mask.Q_OVERFLOW]
        behind = [(event.name, event.cause) for event in events[begin:] if event.mask & Mask.MODIFY]
        assert sorted(behind) == [("a", Cause.LOSS), ("b", Cause.LOSS)]


def test_what_becomes_visible_when_ignore_rules_change(root):
    write_all(root, "a.o")
    write(f"{root}/.gitignore", "*.o\n")
    with Watcher(root, gitignore=True, mask=STRUCTURE) as watcher:
        write(f"{root}/.gitignore", "")
        assert told(watcher) == [("CREATE", "a.o", Cause.LOOK)]


@pytest.mark.parametrize("number", [10, 1000])
def test_a_cause_that_only_a_later_version_has_is_the_one_that_says_least(number):
    event = Event.of("/a", Mask.CREATE, cause=number)
    assert (event.cause, event.synthetic) == (Cause.LOOK, True)


def test_what_is_no_cause_is_none():
    with pytest.raises(ValueError, match="-1 is not a valid Cause"):
        Cause(-1)


# --- is_dir is right on every event ---


def test_a_link_that_is_followed_to_a_directory_is_one_in_every_event(root, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    os.symlink(outside, f"{root}/link")
    with Watcher(root, follow_symlinks=True) as watcher:
        os.utime(f"{root}/link", follow_symlinks=False)
        os.rename(f"{root}/link", f"{root}/moved")
        os.utime(f"{root}/moved", follow_symlinks=False)
        os.unlink(f"{root}/moved")
        events = [event for event in watcher.sync() if event.name]
        assert [event.names[0] for event in events] == ["ATTRIB", "MOVED_FROM", "MOVED_TO", "ATTRIB", "DELETE"]
        assert all(event.is_dir for event in events)
