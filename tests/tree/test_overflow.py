"""Lost events: Q_OVERFLOW is told, then the difference that was made meanwhile, then IN_SYNC.

Each test runs with the queue of this machine, which anybody can fill, and as root with a small one.
"""

import os
import shutil

import pytest
from consumer import ENTRIES, Consumer, Counted, after, brief, write, write_all

from inotify_cffi import Mask, Watcher
from inotify_cffi.kernel import buffers
from inotify_cffi.tree import atonce
from inotify_cffi.tree.crawl import Crawler
from inotify_cffi.tree.disk import Disk
from tests.stress.queue import QUEUE, queue_of

SMALL = 40
CONTENT = Mask.MODIFY | Mask.CLOSE_WRITE | Mask.ATTRIB
ATTRIB = int(Mask.ATTRIB)
GAP = int(Mask.Q_OVERFLOW | Mask.IN_SYNC)
TOLD = int(ENTRIES) | GAP
CHUNK = 500


class Replaying(Consumer):
    """A consumer that does not care for what only filled the queue."""

    def take(self, events):
        return super().take(event for event in events if event.mask != ATTRIB)


class Overflowing:
    """Makes watchers whose queue can be filled, and fills it."""

    def __init__(self, base, *, small):
        self.root = os.fspath(base / "root")
        self.outside = os.fspath(base / "outside")
        os.mkdir(self.outside)
        write_all(self.root, "pulse/one", "pulse/two")
        self._small = small
        self._instance = None

    def watcher(self, *roots, **options):
        roots = roots or (self.root,)
        if not self._small:
            watcher = Watcher(**options)
        else:
            with queue_of(SMALL):
                watcher = Watcher(**options)
        self._instance = watcher._instance
        for root in roots:
            watcher.add(root)
        return watcher

    def consumer(self, **options):
        return Replaying(self.root, watcher=self.watcher(**options))

    def fill(self, directory="pulse", *, moves=False):
        """More than fits, of what changes nothing: no two events in a row are alike, so none is merged."""
        one, two = (f"{self.root}/{directory}/{name}" for name in ("one", "two"))
        size = -1
        while self._instance.queued_bytes() != size:
            size = self._instance.queued_bytes()
            for _ in range(CHUNK):
                if moves:
                    os.rename(one, two + "~")
                    os.rename(two + "~", one)
                else:
                    os.utime(one)
                    os.utime(two)


@pytest.fixture
def gap(either, tmp_path):
    """A world in which events can be lost, by the cheapest means."""
    return Overflowing(tmp_path, small=os.access(QUEUE, os.W_OK))


@pytest.fixture(params=["small", "whole"])
def any_gap(request, either, tmp_path):
    """One with a small queue, which only root can make, and one with the queue that everybody has."""
    return Overflowing(tmp_path, small=request.param == "small")


@pytest.fixture
def small_gap(tmp_path):
    """One with a small queue, and nothing that reads ahead: for those who know how much fits."""
    return Overflowing(tmp_path, small=True)


def entries(events):
    """What is said of entries and of the gap, in brief."""
    return brief(event for event in events if event.mask & TOLD)


# --- what is told ---


@pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
def test_the_difference_stands_between_overflow_and_in_sync(any_gap, kind):
    write_all(any_gap.root, "gone", "stays")
    with Replaying(any_gap.root, watcher=any_gap.watcher(kind(any_gap.root))) as consumer:
        any_gap.fill()
        os.unlink(f"{any_gap.root}/gone")
        write_all(any_gap.root, "new/file")
        told = entries(consumer.sync())
        assert told[0] == "Q_OVERFLOW "
        assert sorted(told[1:-1]) == sorted(
            [f"DELETE {any_gap.root}/gone", f"CREATE,ISDIR {any_gap.root}/new", f"CREATE {any_gap.root}/new/file"]
        )
        assert told[-1] == "IN_SYNC "
        consumer.assert_each_directory_reports()


def test_what_was_found_behind_a_gap_is_synthetic(gap):
    with gap.consumer() as consumer:
        gap.fill()
        write(f"{gap.root}/new")
        (event,) = [event for event in consumer.sync() if event.mask & Mask.CREATE]
        assert event.synthetic


def test_without_a_gap_nothing_is_said_of_one(gap):
    with gap.consumer() as consumer:
        write(f"{gap.root}/new")
        assert [event for event in consumer.sync() if event.mask & GAP] == []


def test_the_gap_is_told_whatever_was_asked_for(gap):
    with gap.consumer(mask=Mask.CLOSE_WRITE) as consumer:
        gap.fill(moves=True)
        masks = [event.mask for event in consumer.sync()]
        assert (masks[0], masks[-1]) == (Mask.Q_OVERFLOW, Mask.IN_SYNC)


def test_the_gap_is_counted(gap):
    with gap.consumer() as consumer:
        gap.fill()
        consumer.sync()
        assert consumer.stats()["overflows"] == 1


def test_the_consumer_that_reads_is_told_the_same(any_gap):
    """read() alone comes to the end of the gap: what is in doubt keeps the descriptor readable."""
    with any_gap.consumer() as consumer:
        any_gap.fill()
        write_all(any_gap.root, "d/f")
        while not any(event.mask & Mask.IN_SYNC for event in consumer.take(consumer.read(20))):
            pass
        consumer.assert_at_rest()


# --- content ---


@pytest.mark.parametrize("place", ["file", "deep/er/file"])
def test_a_file_that_changed_in_the_gap_has_an_event(any_gap, place):
    write_all(any_gap.root, place)
    with any_gap.consumer() as consumer:
        any_gap.fill()
        write(f"{any_gap.root}/{place}", "changed")
        told = [event for event in consumer.sync() if event.path == f"{any_gap.root}/{place}"]
        assert told
        assert all(event.mask & CONTENT for event in told)
        consumer.assert_at_rest()


def test_a_file_that_was_replaced_in_the_gap_has_an_event(gap):
    write_all(gap.root, "file")
    with gap.consumer() as consumer:
        gap.fill()
        write(f"{gap.root}/file~", "replaced")
        os.rename(f"{gap.root}/file~", f"{gap.root}/file")
        assert [event for event in consumer.sync() if event.path == f"{gap.root}/file"]
        consumer.assert_at_rest()


def test_a_file_that_came_with_an_old_time_of_change_has_an_event(gap):
    """Of a directory that is another one than before, each file may be another."""
    write_all(gap.root, "d/file")
    write_all(gap.outside, "d/file")
    write(f"{gap.outside}/d/file", "other")
    with gap.consumer() as consumer:
        gap.fill()
        shutil.rmtree(f"{gap.root}/d")
        os.rename(f"{gap.outside}/d", f"{gap.root}/d")
        assert [event for event in consumer.sync() if event.path == f"{gap.root}/d/file"]
        consumer.assert_each_directory_reports()


def test_who_waits_for_finished_files_is_told_of_those_in_the_gap(gap):
    write_all(gap.root, "file")
    with gap.consumer(mask=Mask.CLOSE_WRITE) as consumer:
        gap.fill(moves=True)
        write(f"{gap.root}/file", "changed")
        write_all(gap.root, "new/file")
        told = {event.path: event.mask for event in consumer.watcher.sync() if event.mask & Mask.CLOSE_WRITE}
        assert {f"{gap.root}/file", f"{gap.root}/new/file"} <= set(told)


# --- structure ---


def test_a_watched_directory_that_was_renamed_in_the_gap(any_gap):
    write_all(any_gap.root, "a/b/f", "c/")
    with any_gap.consumer() as consumer:
        any_gap.fill()
        os.rename(f"{any_gap.root}/a/b", f"{any_gap.root}/c/d")
        write(f"{any_gap.root}/c/d/g")
        consumer.assert_each_directory_reports()


def test_a_chain_of_renames_in_the_gap(gap):
    write_all(gap.root, "a/x/f", "b/y/f", "c/z/f")
    with gap.consumer() as consumer:
        gap.fill()
        for source, new in ("a", "t"), ("b", "a"), ("c", "b"), ("t", "c"), ("a", "c/a"):
            os.rename(f"{gap.root}/{source}", f"{gap.root}/{new}")
        consumer.assert_each_directory_reports()


def test_a_watched_directory_that_was_removed_in_the_gap(any_gap):
    write_all(any_gap.root, "a/b/f", "a/g")
    with any_gap.consumer() as consumer:
        any_gap.fill()
        shutil.rmtree(f"{any_gap.root}/a")
        consumer.assert_each_directory_reports()


def test_a_watched_directory_that_was_made_again_in_the_gap(gap):
    write_all(gap.root, "a/b/f", "a/g")
    with gap.consumer() as consumer:
        gap.fill()
        shutil.rmtree(f"{gap.root}/a")
        write_all(gap.root, "a/b/h", "a/i")
        consumer.assert_each_directory_reports()


def test_a_directory_that_left_in_the_gap_is_watched_no_more(gap):
    write_all(gap.root, "a/b/f")
    with gap.consumer() as consumer:
        gap.fill()
        os.rename(f"{gap.root}/a", f"{gap.outside}/a")
        write(f"{gap.outside}/a/b/g")
        consumer.assert_at_rest()
        write(f"{gap.outside}/a/b/h")
        assert consumer.sync() == []


def test_a_directory_that_arrived_in_the_gap(gap):
    write_all(gap.outside, "a/b/f")
    with gap.consumer() as consumer:
        gap.fill()
        os.rename(f"{gap.outside}/a", f"{gap.root}/a")
        consumer.assert_each_directory_reports()


@pytest.mark.parametrize("first", ["f", "f/"])
def test_a_name_that_changed_its_kind_in_the_gap(gap, first):
    write_all(gap.root, first)
    with gap.consumer() as consumer:
        gap.fill()
        if first == "f":
            os.unlink(f"{gap.root}/f")
            write_all(gap.root, "f/below")
        else:
            os.rmdir(f"{gap.root}/f")
            write(f"{gap.root}/f")
        consumer.assert_each_directory_reports()


def test_changes_before_at_and_behind_the_edge_of_the_gap(any_gap):
    with any_gap.consumer() as consumer:
        write_all(any_gap.root, "before/f")
        any_gap.fill()
        write_all(any_gap.root, "lost/f", "before/g")
        consumer.take(consumer.watcher.read(0))
        write_all(any_gap.root, "behind/f", "lost/g")
        consumer.assert_each_directory_reports()


def test_the_half_of_a_move_was_lost(small_gap):
    """The queue ends between the halves, wherever that is."""
    write_all(small_gap.root, "a/f", "b/")
    with small_gap.consumer() as consumer:
        for number in range(SMALL - 1):
            os.utime(f"{small_gap.root}/pulse/{('one', 'two')[number % 2]}")
        os.rename(f"{small_gap.root}/a", f"{small_gap.root}/b/a")
        consumer.assert_each_directory_reports()
        assert consumer.stats()["overflows"] == 1


# --- again and again ---


def test_twice_in_a_row(any_gap):
    with any_gap.consumer() as consumer:
        for name in "one", "two":
            any_gap.fill()
            write_all(any_gap.root, f"{name}/f")
            told = entries(consumer.sync())
            assert (told[0], told[-1]) == ("Q_OVERFLOW ", "IN_SYNC ")
        consumer.assert_each_directory_reports()
        assert consumer.stats()["overflows"] == 2


@pytest.mark.parametrize("verb", ["entries", "watch", "enter", "queued", "read"])
def test_overflow_while_the_first_one_is_reconciled(gap, verb):
    write_all(gap.root, "a/b/f", "c/d/f")
    with gap.consumer() as consumer:
        gap.fill()
        os.rename(f"{gap.root}/a", f"{gap.root}/e")

        def once_more():
            gap.fill()
            os.rename(f"{gap.root}/c", f"{gap.root}/e/c")
            write(f"{gap.root}/e/b/f", "changed")
            write_all(gap.root, "a/new")

        after(consumer.watcher._tree._disk, verb, once_more)
        consumer.assert_each_directory_reports()


def test_losses_go_on_until_the_marker_is_read(small_gap):
    """The marker is queued once: what is lost behind it has none of its own."""
    with small_gap.consumer() as consumer:
        consumer.watcher._instance._buffer = buffers.ReadBuffer(buffers.LARGEST_RECORD)
        small_gap.fill()
        for _ in range(3):
            consumer.take(consumer.watcher.read(0))
        write_all(small_gap.root, *(f"{name}/f" for name in "abcdefgh"))
        consumer.assert_each_directory_reports()


def test_losses_go_on_until_a_marker_is_read_that_is_dropped(small_gap):
    """It was queued before the first one was applied, and what was queued behind it has holes as well."""
    with small_gap.consumer() as consumer:
        consumer.watcher._instance._buffer = buffers.ReadBuffer(buffers.LARGEST_RECORD)
        tree = consumer.watcher._tree
        real = tree._losses.overflow

        def come_and_go():
            write(f"{small_gap.root}/new")
            small_gap.fill()
            os.unlink(f"{small_gap.root}/new")

        def overflow():
            if not tree._losses.overflows:
                small_gap.fill()
                after(tree._disk, "read", come_and_go)
            real()

        tree._losses.overflow = overflow
        small_gap.fill()
        consumer.assert_each_directory_reports()
        assert not os.path.exists(f"{small_gap.root}/new")


@pytest.mark.parametrize("way", ["one at a time", "two at once"])
def test_overflow_in_the_first_crawl(any_gap, monkeypatch, way):
    """Of a tree that changes while it is listed for the first time, by more than the queue holds."""
    write_all(any_gap.root, "a/b/f", "c/d/f", "e/f", "one", "two")
    verb, when = ("entries", 3) if way == "one at a time" else ("visit", 1)
    real, seen = getattr(Disk, verb), []

    def look(disk, *arguments, **options):
        found = real(disk, *arguments, **options)
        seen.append(arguments)
        if len(seen) == when:
            any_gap.fill(".")
            os.rename(f"{any_gap.root}/a", f"{any_gap.root}/e/a")
            os.rename(f"{any_gap.root}/c/d", f"{any_gap.root}/d")
            shutil.rmtree(f"{any_gap.root}/c")
            write_all(any_gap.root, "c/new")
        return found

    monkeypatch.setattr(Disk, verb, look)
    if way == "one at a time":
        monkeypatch.setattr(Crawler, "_enter_at_once", lambda *_: 0)
    else:
        monkeypatch.setattr(atonce, "MOST_AT_ONCE", 2)
    with any_gap.consumer() as consumer:
        assert len(seen) > when
        told = consumer.sync()
        assert [event.mask for event in told if event.mask & GAP] == [Mask.Q_OVERFLOW, Mask.IN_SYNC]
        consumer.assert_each_directory_reports()


# --- several roots, roots of another kind ---


def test_a_gap_is_told_once_for_all_roots(gap):
    write_all(gap.outside, "f")
    with gap.watcher(gap.root, gap.outside) as watcher:
        gap.fill()
        os.unlink(f"{gap.outside}/f")
        write(f"{gap.root}/f")
        told = entries(watcher.sync())
        assert (told[0], told[-1], len(told)) == ("Q_OVERFLOW ", "IN_SYNC ", 4)
        assert sorted(told[1:-1]) == [f"CREATE {gap.root}/f", f"DELETE {gap.outside}/f"]


def test_a_single_file_that_was_replaced_in_the_gap(gap):
    path = f"{gap.root}/file"
    write(path)
    with gap.watcher(gap.root + "/pulse", path) as watcher:
        gap.fill()
        write(path + "~", "new")
        os.rename(path + "~", path)
        assert [event for event in watcher.sync() if event.path == path]


def test_a_root_that_is_waited_for_came_in_the_gap(gap):
    path = f"{gap.root}/x/y"
    with gap.watcher(gap.root + "/pulse", path, missing="wait") as watcher:
        watcher.sync()
        gap.fill()
        write_all(path, "f")
        watcher.sync()
        assert (watcher.snapshot().get(f"{path}/f"), watcher.unwatched()) == (False, {})


def test_a_root_that_is_waited_for_went_in_the_gap(gap):
    path = f"{gap.root}/x/y"
    write_all(path, "f")
    with gap.watcher(gap.root + "/pulse", path, missing="wait") as watcher:
        gap.fill()
        shutil.rmtree(f"{gap.root}/x")
        watcher.sync()
        assert list(watcher.unwatched()) == [path]
        write_all(path, "g")
        assert f"CREATE {path}/g" in brief(watcher.sync())


def test_a_root_that_was_removed_in_the_gap_is_not_covered(gap):
    with gap.consumer() as consumer:
        gap.fill()
        shutil.rmtree(gap.root)
        told = consumer.sync()
        assert consumer.snapshot() == {}
        assert list(consumer.unwatched()) == [gap.root]
        assert [event.path for event in told if event.mask & Mask.UNWATCHED] == [gap.root]


# --- cost ---


@pytest.mark.one_turn("it counts calls, and each turn has some")
@pytest.mark.parametrize("either", [None], indirect=True)
def test_a_gap_costs_the_same_for_each_directory(gap):
    """The calls to the disk grow with the number of directories, and each is listed once."""
    costs = []
    for _ in range(3):
        write_all(gap.root, *(f"d{len(costs)}-{number}/f" for number in range(10)))
        with gap.consumer() as consumer:
            listed = consumer.stats()["listed"]
            gap.fill()
            counted = Counted(consumer.watcher._tree._disk)
            consumer.sync()
            assert consumer.stats()["listed"] == 2 * listed
            costs.append(counted.calls)
    assert costs[1] - costs[0] == costs[2] - costs[1]
