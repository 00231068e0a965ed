"""The consumer's side: what each kind of event makes of a mirror, and that a mirror is the disk."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time

import pytest
from consumer import write, write_all
from hypothesis import given
from hypothesis import strategies as st

from inotify_cffi import Cause, Event, JournalEvent, Mask, Mirror, MirrorError, Watcher, event_from_json
from tests.stress import oracles, writers
from tests.stress.queue import with_queue

KINDS = pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
DIRECTORY = Mask.ISDIR


def of(path, mask, **fields):
    return Event.of(path, mask, **fields)


def moved(old, new, kind=0):
    return [of(old, Mask.MOVED_FROM | kind, cookie=1), of(new, Mask.MOVED_TO | kind, moved_from=old, cookie=1)]


@pytest.fixture
def tree():
    """A mirror of a small tree."""
    return Mirror({"/r/d": True, "/r/d/e": True, "/r/d/e/f": False, "/r/g": False}, roots=["/r"])


# --- each kind of event ---


def test_a_creation_adds_an_entry(tree):
    tree.apply([of("/r/h", Mask.CREATE), of("/r/i", Mask.CREATE | DIRECTORY), of("/r/i/j", Mask.MOVED_TO)])
    assert {"/r/h": False, "/r/i": True, "/r/i/j": False}.items() <= tree.paths().items()


def test_a_creation_of_what_is_known_changes_nothing(tree):
    """So what a snapshot has already may be told once more, as it is with existing=True."""
    before = tree.paths()
    tree.apply([of("/r/d", Mask.CREATE | DIRECTORY), of("/r/g", Mask.CREATE)])
    assert tree.paths() == before
    tree.apply([of("/r/g", Mask.DELETE)])
    assert "/r/g" not in tree


def test_a_file_in_the_place_of_a_directory_replaces_all_of_it(tree):
    tree.apply([of("/r/d", Mask.CREATE)])
    assert tree.paths() == {"/r/d": False, "/r/g": False}


def test_a_deletion_takes_all_that_is_below(tree):
    tree.apply([of("/r/d", Mask.DELETE | DIRECTORY)])
    assert tree.paths() == {"/r/g": False}


def test_a_moved_directory_takes_along_what_is_below(tree):
    tree.apply(moved("/r/d", "/r/x", DIRECTORY))
    assert tree.paths() == {"/r/x": True, "/r/x/e": True, "/r/x/e/f": False, "/r/g": False}


def test_a_move_onto_an_entry_replaces_it(tree):
    tree.apply(moved("/r/g", "/r/d/e/f"))
    assert tree.paths() == {"/r/d": True, "/r/d/e": True, "/r/d/e/f": False}


def test_the_two_halves_of_a_move_may_be_applied_one_by_one(tree):
    first, second = moved("/r/d", "/r/x", DIRECTORY)
    tree.apply([first])
    assert tree.paths() == {"/r/g": False}
    tree.apply([second])
    assert "/r/x/e/f" in tree


def test_what_moved_out_is_gone_with_the_next_event(tree):
    tree.apply([of("/r/d", Mask.MOVED_FROM | DIRECTORY), of("/r/d", Mask.CREATE | DIRECTORY)])
    assert tree.paths() == {"/r/d": True, "/r/g": False}


def test_a_second_half_alone_is_a_move_where_the_first_was_not_asked_for(tree):
    tree.apply(moved("/r/d", "/r/x", DIRECTORY)[1:])
    assert tree.paths() == {"/r/x": True, "/r/x/e": True, "/r/x/e/f": False, "/r/g": False}


def test_what_changes_content_or_attributes_changes_no_entry(tree):
    before = tree.paths()
    tree.apply(of("/r/g", mask) for mask in (Mask.MODIFY, Mask.CLOSE_WRITE, Mask.ATTRIB, Mask.OPEN))
    assert tree.paths() == before


def test_a_gap_is_known_until_all_of_it_is_told(tree):
    tree.apply([of("", Mask.Q_OVERFLOW), of("/r/g", Mask.DELETE, cause=Cause.LOOK)])
    assert (tree.in_sync, "/r/g" in tree) == (False, False)
    tree.apply([of("", Mask.IN_SYNC)])
    assert tree.in_sync


def test_events_about_a_root_change_no_entry(tree):
    before = tree.paths()
    for mask in (Mask.WATCHED, Mask.DELETE_SELF, Mask.MOVE_SELF, Mask.UNMOUNT, Mask.ATTRIB):
        tree.apply([of("/r", mask | DIRECTORY)])
    assert tree.paths() == before


def test_what_is_known_of_a_directory_that_is_not_covered_stays_until_its_end_is_told(tree):
    """Its watch may go on where permissions bar the way to it; else its entries were told as deleted before."""
    before = tree.paths()
    tree.apply([of("/r/d", Mask.UNWATCHED | DIRECTORY)])
    assert tree.paths() == before


def test_of_a_directory_that_is_not_covered_no_file_is_known_where_files_are_not_tracked():
    """Nobody tells their end."""
    tree = Mirror({"/r/d": True, "/r/d/f": False}, roots=["/r"], track="directories")
    tree.apply([of("/r/d", Mask.UNWATCHED | DIRECTORY)])
    assert tree.paths() == {"/r/d": True}


# --- spelled out ---


def test_a_directorys_move_can_be_told_as_a_move_of_each_entry(tree):
    told = tree.expand(moved("/r/d", "/r/x", DIRECTORY))
    assert [str(event) for event in told] == [
        "MOVED_FROM,ISDIR /r/d", "MOVED_TO,ISDIR /r/x (from /r/d)",
        "MOVED_FROM,ISDIR /r/d/e", "MOVED_TO,ISDIR /r/x/e (from /r/d/e)",
        "MOVED_FROM /r/d/e/f", "MOVED_TO /r/x/e/f (from /r/d/e/f)",
    ]  # fmt: skip
    assert [event.cause for event in told] == [Cause.KERNEL] * 2 + [Cause.ANOTHER_EVENT] * 4


def test_a_directorys_end_can_be_told_as_that_of_each_entry(tree):
    told = tree.expand([of("/r/d", Mask.DELETE | DIRECTORY)])
    assert [str(event) for event in told] == ["DELETE /r/d/e/f", "DELETE,ISDIR /r/d/e", "DELETE,ISDIR /r/d"]


def test_spelled_out_it_is_what_a_consumer_of_single_paths_needs(root):
    """One that does not know that a directory has something below it."""
    with Watcher(root) as watcher:
        mirror, flat = Mirror(watcher.snapshot(), roots=[root]), {}
        writer = writers.Writer(3, root, root, tuple("abcd"))
        for _ in range(200):
            writer.change()
            for event in mirror.expand(watcher.sync()):
                if event.mask & (Mask.CREATE | Mask.MOVED_TO):
                    flat[event.path] = event.is_dir
                elif event.mask & (Mask.DELETE | Mask.MOVED_FROM):
                    del flat[event.path]
    assert flat == mirror.paths() == oracles.listing(root)


# --- against the disk ---


@KINDS
@pytest.mark.parametrize("seed", range(4))
def test_a_mirror_is_what_is_on_the_disk(root, outside, kind, seed):
    writer = writers.Writer(seed, root, outside, tuple("abcd"))
    writer.populate(20)
    with Watcher(kind(root)) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[kind(root)])
        for _ in range(10):
            for _ in range(20):
                writer.change()
            mirror.apply(watcher.sync())
            assert not mirror.diff(watcher.snapshot())
            assert mirror.paths() == {kind(path): is_dir for path, is_dir in oracles.listing(root).items()}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("order", [1, -1])
def test_of_roots_that_lie_in_one_another_too(root, outside, seed, order):
    """Each of them tells what is in both, under the same paths."""
    writer = writers.Writer(seed, root, outside, tuple("abcd"))
    writer.populate(20)
    os.makedirs(f"{root}/a/b", exist_ok=True)
    roots = [root, f"{root}/a", f"{root}/a/b"][::order]
    with Watcher(*roots, missing="wait") as watcher:
        mirror = Mirror(watcher.snapshot(), roots=roots)
        for _ in range(10):
            for _ in range(20):
                writer.change()
            mirror.apply(watcher.sync())
            assert mirror.paths() == oracles.listing(root)


def test_a_rename_over_an_empty_directory_in_two_roots_keeps_what_is_below(root):
    """The second root tells that the old one is deleted when the new one stands there already."""
    write_all(root, "a/s/f", "a/p/")
    roots = [root, f"{root}/a"]
    with Watcher(*roots) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=roots)
        os.rename(f"{root}/a/s", f"{root}/a/p")
        mirror.apply(watcher.sync())
        assert mirror.paths() == oracles.listing(root)
        os.rename(f"{root}/a/p", f"{root}/p")
        mirror.apply(watcher.sync())
        assert mirror.paths() == oracles.listing(root)


def test_a_root_that_is_given_in_two_ways_is_told_under_both(root):
    roots = [root, f"{root}/."]
    with Watcher(*roots) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=roots)
        write_all(root, "a/f")
        os.rename(f"{root}/a", f"{root}/b")
        mirror.apply(watcher.sync())
        assert mirror.paths() == {
            f"{root}{dot}/{name}": "/" not in name for dot in ("", "/.") for name in ("b", "b/f")
        }


@KINDS
@pytest.mark.parametrize("given", ["root", "./root", "root/", "root//", "."])
def test_roots_may_be_given_in_any_way(root, kind, given, monkeypatch):
    monkeypatch.chdir(root if given == "." else os.path.dirname(root))
    write_all(root, "a/f")
    path = kind(given)
    with Watcher(path) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[path])
        write_all(root, "a/b/g", "h")
        os.rename(f"{root}/a", f"{root}/c")
        mirror.apply(watcher.sync())
        assert mirror.paths() == watcher.snapshot()
        assert len(mirror.paths()) == 5
        os.chmod(root, 0o700)
        mirror.apply(watcher.sync())


def test_what_is_there_at_the_start_may_be_told_or_known(root):
    write_all(root, "a/f")
    with Watcher(root, existing=True) as watcher:
        told, known = Mirror(roots=[root]), Mirror(watcher.snapshot(), roots=[root])
        events = watcher.sync()
        told.apply(events)
        known.apply(events)
    assert told.paths() == known.paths() == {f"{root}/a": True, f"{root}/a/f": False}


def test_a_root_that_is_deleted_and_made_again(root):
    write_all(root, "a/f")
    with Watcher(root, missing="wait") as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[root])
        shutil.rmtree(root)
        mirror.apply(watcher.sync())
        assert mirror.paths() == {}
        write_all(root, "b/g")
        mirror.apply(watcher.sync())
        assert mirror.paths() == oracles.listing(root)


def test_a_root_that_is_a_file(root):
    path = f"{root}/f"
    write(path)
    with Watcher(path, missing="wait") as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[path])
        assert mirror.paths() == {path: False}
        write(path + ".new")
        os.rename(path + ".new", path)
        mirror.apply(watcher.sync())
        assert mirror.paths() == {path: False}
        os.unlink(path)
        mirror.apply(watcher.sync())
        assert mirror.paths() == {}
        write_all(root, "f/g")
        mirror.apply(watcher.sync())
        assert mirror.paths() == watcher.snapshot() == {f"{path}/g": False}


def test_a_root_that_comes_later_and_one_that_is_given_up(root, outside):
    write_all(root, "a/f")
    write_all(outside, "b/g")
    with Watcher(root) as watcher, Watcher(outside) as other:
        mirror = Mirror(watcher.snapshot(), roots=[root])
        watcher.add(outside)
        mirror.add(outside, other.snapshot())
        write_all(outside, "c/h")
        mirror.apply(watcher.sync())
        assert mirror.paths() == {**oracles.listing(root), **oracles.listing(outside)}
        watcher.remove(root)
        mirror.remove(root)
        assert mirror.paths() == oracles.listing(outside)
        with pytest.raises(MirrorError, match="not a root of this mirror"):
            mirror.remove(root)


def test_a_root_that_is_given_up_leaves_what_another_one_tells(root):
    write_all(root, "a/b/f", "g")
    inner = f"{root}/a"
    for first, left in ((root, {f"{inner}/b": True, f"{inner}/b/f": False}), (inner, oracles.listing(root))):
        mirror = Mirror(oracles.listing(root), roots=[root, inner])
        mirror.remove(first)
        assert mirror.paths() == left


def test_behind_an_overflow_a_mirror_is_what_is_on_the_disk(root):
    write_all(root, "a/b/f", "c/")
    with with_queue(16, [root]) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[root])
        for number in range(20):
            write_all(root, f"d{number}/f", f"c/{number}")
        os.rename(f"{root}/a", f"{root}/c/a")
        events = watcher.sync()
        assert any(event.mask & Mask.Q_OVERFLOW for event in events)
        mirror.apply(events)
    assert mirror.in_sync
    assert mirror.paths() == oracles.listing(root)


def test_an_exchange_leaves_a_mirror_right(root):
    write_all(root, "a/f", "b/g/h")
    with Watcher(root) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[root])
        writers.exchange(f"{root}/a", f"{root}/b")
        mirror.apply(watcher.sync())
    assert mirror.paths() == oracles.listing(root)


# --- directories only ---


def test_files_that_are_not_tracked_are_taken_as_they_come():
    mirror = Mirror({"/r/d": True}, roots=["/r"], track="directories")
    mirror.apply([
        of("/r/d/old", Mask.MODIFY), of("/r/d/old", Mask.DELETE), of("/r/d/f", Mask.CREATE), of("/r/d/f", Mask.CREATE),
        *moved("/r/d/unknown", "/r/d/g"), of("/r/h", Mask.MOVED_FROM),
    ])  # fmt: skip
    assert mirror.paths() == {"/r/d": True, "/r/d/f": False, "/r/d/g": False}


def test_directories_are_not():
    mirror = Mirror({"/r/d": True}, roots=["/r"], track="directories")
    with pytest.raises(MirrorError, match="not known"):
        mirror.apply([of("/r/e", Mask.DELETE | DIRECTORY)])


def test_a_directory_that_is_to_be_read_again_is_named_where_it_is_by_then():
    known = {"/r/d": True, "/r/d/gone": False, "/r/d/e": True, "/r/x": True}
    mirror = Mirror(known, roots=["/r"], track="directories")
    mirror.apply([of(path, Mask.RESCAN | DIRECTORY) for path in ("/r", "/r/d", "/r/x")])
    mirror.apply([*moved("/r/d", "/r/y", DIRECTORY), of("/r/x", Mask.DELETE | DIRECTORY)])
    assert mirror.unread() == ["/r", "/r/y"]
    mirror.reread("/r/y", ["f"])
    assert (mirror.unread(), mirror.below("/r/y")) == (["/r"], {"/r/y/e": True, "/r/y/f": False})
    with pytest.raises(MirrorError, match="not a known directory"):
        mirror.reread("/r/y/f", [])


def test_with_directories_only_a_snapshot_is_compared_without_files(root):
    write_all(root, "a/f")
    with Watcher(root, track="directories") as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[root], track="directories")
        write_all(root, "b/g")
        mirror.apply(watcher.sync())
        assert f"{root}/b/g" in mirror
        assert mirror.diff(watcher.snapshot())
        assert not mirror.diff(watcher.snapshot(), files=False)


# --- comparing ---


def test_what_differs_is_named(tree):
    difference = tree.diff({"/r/d": False, "/r/d/e": True, "/r/d/e/f": False, "/r/new": True})
    assert difference.extra == {"/r/d": True, "/r/g": False}
    assert difference.missing == {"/r/d": False, "/r/new": True}
    assert repr(difference) == "<Difference extra=['/r/d', '/r/g'] missing=['/r/d', '/r/new']>"


def test_two_mirrors_can_be_compared_and_paths_alone(tree):
    other = Mirror(tree.paths(), roots=["/r"])
    assert not tree.diff(other)
    other.apply([of("/r/new", Mask.CREATE)])
    assert tree.diff(other).missing == {"/r/new": False}
    assert not tree.diff(list(tree.paths()))
    assert tree.diff(["/r/other"]).missing == {"/r/other": None}


# --- what can not be applied ---


@pytest.mark.parametrize(
    "event",
    [
        of("/r/no", Mask.DELETE),
        of("/r/no", Mask.MOVED_FROM),
        of("/r/no", Mask.MODIFY),
        of("/r/no", Mask.ATTRIB | DIRECTORY),
        of("/r/no/f", Mask.CREATE),
        of("/r/g/f", Mask.CREATE),
        of("/elsewhere", Mask.CREATE),
        of("/r/new", Mask.MOVED_TO, moved_from="/r/no"),
        of("/r/new", Mask.MOVED_TO, moved_from="/r/d"),
        of("/r/no", Mask.RESCAN | DIRECTORY),
        of("/r/d", Mask.DELETE),
        of("/r/g", Mask.MOVED_FROM | DIRECTORY),
    ],
    ids=str,
)
def test_an_event_that_does_not_fit_is_an_error_that_names_it_and_changes_nothing(tree, event):
    before = tree.paths()
    with pytest.raises(MirrorError, match=event.path):
        tree.apply([event])
    assert tree.paths() == before


def test_without_roots_what_is_told_below_no_directory_may_be_one():
    mirror = Mirror()
    mirror.apply([of("/r", Mask.ATTRIB | DIRECTORY), of("/r/a", Mask.CREATE), of("s/b", Mask.CREATE | DIRECTORY)])
    assert mirror.paths() == {"/r/a": False, "s/b": True}
    with pytest.raises(MirrorError, match="its directory is not known"):
        mirror.apply([of("s/b/c/d", Mask.CREATE)])
    with pytest.raises(MirrorError, match=r"must be named: Mirror\(snapshot, roots="):
        mirror.apply([of("/r/no", Mask.DELETE)])


def test_the_events_before_an_error_are_applied_and_those_behind_are_not(tree):
    with pytest.raises(MirrorError):
        tree.apply([of("/r/x", Mask.CREATE), of("/r/no", Mask.DELETE), of("/r/y", Mask.CREATE)])
    assert ("/r/x" in tree, "/r/y" in tree) == (True, False)


def test_after_an_error_the_second_half_of_a_move_still_finds_the_first(tree):
    first, second = moved("/r/d", "/r/x", DIRECTORY)
    tree.apply([first])
    with pytest.raises(MirrorError):
        tree.apply([of("/r/no", Mask.DELETE)])
    tree.apply([second])
    assert "/r/x/e/f" in tree


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([("/r/a", 256)], "not an event"),
        (["/r/a"], "not an event"),
        ([None], "not an event"),
        ([of(b"/r/a", Mask.CREATE)], "this mirror has str paths, not b'/r/a'"),
        (
            [of("/r/d/e/f", Mask.MOVED_FROM), of("/r/h", Mask.MOVED_TO, moved_from=b"/r/d/e/f")],
            "this mirror has str",
        ),
        (of("/r/a", Mask.CREATE), "in a list"),
        ("text", "in a list"),
    ],
    ids=range(7),
)
def test_what_is_no_event_is_a_type_error(tree, wrong, message):
    other = Mirror(tree.paths())
    with pytest.raises(TypeError, match=message):
        tree.apply(wrong)
    with pytest.raises(TypeError, match=message):
        other.expand(wrong)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Mirror({"/a": True, b"/b": True}), TypeError, "str paths"),
        (lambda: Mirror({"/a": True}, roots=[b"/"]), TypeError, "bytes paths"),
        (lambda: Mirror(["/a"]), TypeError, "a mapping"),
        (lambda: Mirror(roots="/a"), TypeError, "a list of paths"),
        (lambda: Mirror({1: True}), TypeError, "must be str or bytes"),
        (lambda: Mirror(track="all"), ValueError, "'entries' or 'directories'"),
        (lambda: Mirror({"/a": False, "/a/b": False}), MirrorError, "no other entry"),
        (lambda: Mirror({"/a/b": False, "/a": False}), MirrorError, "no other entry"),
        (lambda: Mirror({"/b": False}, roots=["/a"]), MirrorError, "none of the roots"),
        (lambda: Mirror({"/a": True}).diff({b"/a": True}), TypeError, "str paths"),
        (lambda: Mirror({"/a": True}).diff("/a"), TypeError, "the single path"),
    ],
    ids=range(11),
)
def test_what_a_mirror_can_not_be_made_of_or_compared_with(make, error, message):
    with pytest.raises(error, match=message):
        make()


# --- cost ---


def test_the_move_of_a_directory_costs_the_same_however_much_is_below():
    def seconds(below):
        entries = {"/r/a": True, **{f"/r/a/{number}": False for number in range(below)}}
        mirror = Mirror(entries, roots=["/r"])
        began = time.perf_counter()
        for _ in range(200):
            mirror.apply([*moved("/r/a", "/r/b", DIRECTORY), *moved("/r/b", "/r/a", DIRECTORY)])
        return time.perf_counter() - began

    few, many = min(seconds(10) for _ in range(3)), min(seconds(100_000) for _ in range(3))
    assert many < 10 * few


# --- a journal ---


def row(number, path, mask, *, generation=1, **fields):
    return JournalEvent.kept(path, mask, number=number, time=0.0, journal="j", generation=generation, **fields)


def test_rows_that_were_applied_are_not_applied_again(tree):
    rows = [row(1, "/r/a", Mask.CREATE), row(2, "/r/a", Mask.DELETE)]
    tree.apply(rows)
    tree.apply([*rows, row(3, "/r/b", Mask.CREATE)])
    assert (tree.number, "/r/a" in tree, "/r/b" in tree) == (3, False, True)
    assert tree.expand(rows) == []


def test_a_restart_undoes_what_was_read_and_is_not_in_the_journal_any_more(tree):
    tree.apply([row(1, "/r/a", Mask.CREATE)])
    before = tree.paths()
    tree.apply([
        row(2, "/r/b", Mask.CREATE), row(3, "/r/d/e/f", Mask.DELETE), row(4, "/r/d", Mask.MOVED_FROM | DIRECTORY),
        row(5, "/r/x", Mask.MOVED_TO | DIRECTORY, moved_from="/r/d"), row(6, "/r/g", Mask.MOVED_FROM),
    ])  # fmt: skip
    tree.apply([row(100, "", Mask.RESTART, durable=1)])
    assert (tree.paths(), tree.in_sync, tree.number) == (before, False, 100)
    tree.apply([row(101, "/r/a", Mask.DELETE), row(102, "", Mask.IN_SYNC)])
    assert ("/r/a" in tree, tree.in_sync) == (False, True)


def test_a_restart_that_lost_nothing_undoes_nothing(tree):
    tree.apply([row(1, "/r/a", Mask.CREATE), row(100, "", Mask.RESTART, durable=1)])
    assert "/r/a" in tree


def test_a_mirror_that_can_not_go_back_so_far_says_so():
    mirror = Mirror({"/r/a": False}, roots=["/r"], number=10)
    with pytest.raises(MirrorError, match="went back to number 9, and this mirror can go back to 10 only"):
        mirror.apply([row(100, "", Mask.RESTART, durable=9)])


def test_numbers_of_another_generation_begin_anew(tree):
    tree.apply([row(7, "/r/a", Mask.CREATE), row(3, "/r/b", Mask.CREATE, generation=2)])
    assert (tree.number, "/r/b" in tree) == (3, True)


@given(seed=st.integers(0, 10_000), lost=st.integers(1, 30))
def test_after_a_restart_a_mirror_is_as_if_the_lost_rows_had_not_been(seed, lost):
    choose = random.Random(seed)
    model = Mirror({}, roots=["/r", "/r/a"] if seed % 3 == 0 else ["/r"])
    rows, mirror = [], Mirror({}, roots=["/r", "/r/a"] if seed % 3 == 0 else ["/r"])
    while len(rows) < 60:
        event = _any_event(choose, model, len(rows) + 1)
        with contextlib.suppress(MirrorError):
            model.apply([event])
            rows.append(event)
    kept = Mirror({}, roots=["/r", "/r/a"] if seed % 3 == 0 else ["/r"])
    kept.apply(rows[:-lost])
    mirror.apply(rows)
    mirror.apply([row(100, "", Mask.RESTART, durable=len(rows) - lost)])
    assert not mirror.diff(kept)
    # What is counted of overlapping roots is as it was, too: what comes next makes the same of both.
    for number in range(101, 140):
        event = _any_event(choose, kept, number)
        outcomes = []
        for each in (mirror, kept):
            try:
                each.apply([event])
                outcomes.append(True)
            except MirrorError:
                outcomes.append(False)
        assert outcomes[0] == outcomes[1]
        assert not mirror.diff(kept)


def _any_event(choose, mirror, number):
    known = sorted(mirror.paths())
    places = ["/r", *(path for path, is_dir in mirror.paths().items() if is_dir)]
    new = f"{choose.choice(places)}/{choose.choice('abc')}"
    kind = choose.choice([0, DIRECTORY])
    what = choose.randrange(4)
    if what < 2 or not known:
        return row(number, new, Mask.CREATE | kind)
    old = choose.choice(known)
    kind = DIRECTORY if mirror.paths()[old] else 0
    if what == 2:
        return row(number, old, Mask.DELETE | kind)
    if new.startswith(old):
        return row(number, old, Mask.MOVED_FROM | kind)
    return row(number, new, Mask.MOVED_TO | kind, moved_from=old)


# --- from JSON Lines ---


def test_an_object_of_json_lines_becomes_an_event_again():
    event = event_from_json({
        "path": None, "path_bytes": "L3Iv/w==", "mask": ["MOVED_TO", "ISDIR"], "is_dir": True, "cookie": 7,
        "moved_from": "/r/a", "synthetic": True, "cause": "resync",
    })  # fmt: skip
    assert event == of("/r/\udcff", Mask.MOVED_TO | DIRECTORY, moved_from="/r/a", cookie=7, cause=Cause.RESYNC)
    assert not isinstance(event, JournalEvent)


def test_one_with_a_number_becomes_a_row_of_a_journal():
    event = event_from_json({
        "time": 1.5, "number": 3, "journal": "j", "generation": 2, "path": "", "mask": ["RESTART"], "durable": 1,
    })  # fmt: skip
    assert event == JournalEvent.kept("", Mask.RESTART, number=3, time=1.5, journal="j", generation=2, durable=1)
    assert (event.number, event.time, event.journal, event.generation, event.durable) == (3, 1.5, "j", 2, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"path": "/a"},
        {"path": 1, "mask": []},
        {"path": "/a", "mask": ["NO"]},
        {"path": "/a", "mask": [1.5]},
        {"path": None, "path_bytes": "%", "mask": []},
        {"path": "/a", "mask": [], "number": 1},
    ],
    ids=range(7),
)
def test_an_object_that_is_no_event_is_a_value_error(wrong):
    with pytest.raises(ValueError, match=r"event|base64|text|number"):
        event_from_json(wrong)
