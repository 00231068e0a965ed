"""``existing=True``: what is there comes first as creates, and writers that are at work leave no gap and no double."""

import itertools
import os
import shutil

import pytest
from consumer import ENTRIES, Consumer, Forked, after, brief, write, write_all

from inotify_cffi import Mask, Watcher
from inotify_cffi.tree.crawl import Crawler
from inotify_cffi.tree.disk import Disk
from tests.stress import writers

KINDS = pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])


def existing(root, **options):
    return Watcher(root, existing=True, **options)


# --- what is there ---


@KINDS
def test_what_is_there_is_told_as_synthetic_creates(root, kind):
    write_all(root, "a/b/f", "g")
    with existing(kind(root)) as watcher:
        events = watcher.sync()
        assert all(event.synthetic for event in events)
        assert sorted((os.fsdecode(event.path), event.mask) for event in events) == [
            (f"{root}/a", Mask.CREATE | Mask.ISDIR),
            (f"{root}/a/b", Mask.CREATE | Mask.ISDIR),
            (f"{root}/a/b/f", Mask.CREATE),
            (f"{root}/g", Mask.CREATE),
        ]
        assert watcher.sync() == []


def test_without_it_nothing_is_told(root):
    write_all(root, "a/b/f")
    with Watcher(root) as watcher:
        assert watcher.sync() == []


def test_it_comes_before_what_happens_then(root):
    write_all(root, "f")
    with existing(root, mask=ENTRIES) as watcher:
        write(f"{root}/g")
        os.unlink(f"{root}/f")
        assert brief(watcher.sync()) == [f"CREATE {root}/f", f"CREATE {root}/g", f"DELETE {root}/f"]


def test_who_waits_for_finished_files_is_told_of_those(root):
    write_all(root, "a/f")
    with existing(root, mask=Mask.CLOSE_WRITE) as watcher:
        assert brief(watcher.sync()) == [f"CLOSE_WRITE {root}/a/f"]


def test_a_root_that_is_added_is_told_too(root, outside):
    write_all(root, "f")
    write_all(outside, "g")
    with existing(root) as watcher:
        watcher.add(outside)
        assert brief(watcher.sync()) == [f"CREATE {root}/f", f"CREATE {outside}/g"]


def test_a_single_file_is_told(root):
    write_all(root, "f", "g")
    with existing(f"{root}/f") as watcher:
        assert brief(watcher.sync()) == [f"CREATE {root}/f"]


def test_the_descriptor_is_readable_when_there_is_something_to_tell(root):
    write_all(root, "f")
    with existing(root) as watcher:
        assert brief(watcher.read(20)) == [f"CREATE {root}/f"]


def test_what_is_told_is_the_listing(root):
    """And each name once: the replay refuses a double."""
    for number in range(20):
        write_all(root, *(f"{number}/{name}/f" for name in "abc"))
    with Consumer(root, existing=True) as consumer:
        consumer.assert_each_directory_reports()


# --- while others write ---


def between(monkeypatch, verb, action, *, nth=2):
    """Do something once, right after the n-th call of a verb of any disk."""
    real, calls = getattr(Disk, verb), []

    def call(disk, *args, **options):
        answer = real(disk, *args, **options)
        calls.append(verb)
        if len(calls) == nth:
            action()
        return answer

    monkeypatch.setattr(Disk, verb, call)


@pytest.mark.parametrize(
    ("verb", "nth"), [("visit", 1), *itertools.product(["watch", "entries", "enter"], [1, 2, 3, 4])]
)
@KINDS
def test_a_change_at_any_point_of_the_crawl_is_neither_lost_nor_told_twice(root, monkeypatch, verb, nth, kind):
    if verb != "visit":
        monkeypatch.setattr(Crawler, "_enter_at_once", lambda *_: 0)
    write_all(root, "a/b/f", "c/d/f", "e")

    def change():
        write_all(root, "a/b/new", "new/new", "c/new")
        os.unlink(f"{root}/e")
        os.mkdir(f"{root}/e")
        if os.path.isdir(f"{root}/c/d"):
            os.rename(f"{root}/c/d", f"{root}/a/d")

    between(monkeypatch, verb, change, nth=nth)
    with Consumer(root, kind=kind, existing=True, early=True) as consumer:
        assert os.path.isdir(f"{root}/a/d")
        consumer.assert_each_directory_reports()


def test_a_file_that_changes_in_the_crawl_is_told_after_its_creation(root, monkeypatch):
    write_all(root, "f")
    between(monkeypatch, "entries", lambda: write(f"{root}/f", "changed"), nth=1)
    with existing(root, mask=ENTRIES | Mask.CLOSE_WRITE) as watcher:
        assert brief(watcher.sync()) == [f"CREATE {root}/f", f"CLOSE_WRITE {root}/f"]


@pytest.mark.parametrize("seed", range(6))
def test_writers_that_run_from_before_the_start(root, outside, seed):
    """Replayed from nothing, the stream gives the listing; nothing is told twice, nothing is missing."""
    writer = writers.Writer(seed, root, outside)
    writer.populate(60)
    at_work = [Forked(writers.Writer(seed * 10 + number, root, outside).run, 400) for number in range(3)]
    with Consumer(root, existing=True, early=True) as consumer:
        consumer.follow(*at_work)
        consumer.assert_each_directory_reports()


@pytest.mark.parametrize(("verb", "nth"), [("visit", 1), ("entries", 4)])
def test_a_tree_that_is_removed_while_it_is_listed(root, monkeypatch, verb, nth):
    if verb != "visit":
        monkeypatch.setattr(Crawler, "_enter_at_once", lambda *_: 0)
    for number in range(10):
        write_all(root, f"a/{number}/f")
    between(monkeypatch, verb, lambda: shutil.rmtree(f"{root}/a"), nth=nth)
    with Consumer(root, existing=True) as consumer:
        consumer.sync()
        consumer.assert_at_rest()
        assert consumer.snapshot() == {}


def test_a_root_that_is_waited_for_is_told_when_it_comes(root):
    path = f"{root}/x/y"
    with existing(path, missing="wait", mask=ENTRIES) as watcher:
        watcher.sync()
        write_all(path, "f")
        after(watcher._tree._disk, "entries", lambda: write(f"{path}/g"))
        said = brief(event for event in watcher.sync() + watcher.sync() if event.mask & ENTRIES)
        assert said == [f"CREATE {path}/f", f"CREATE {path}/g"]
