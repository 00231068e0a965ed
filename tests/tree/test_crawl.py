"""The first crawl enters directories many at once: it finds and watches what it would find one at a time."""

from __future__ import annotations

import os

import pytest
from consumer import Consumer
from hypothesis import given, settings
from hypothesis import strategies as st

from inotify_cffi import Instance, Mask, Watcher
from inotify_cffi.kernel import listings
from inotify_cffi.kernel.listings import CrawlBuffer
from inotify_cffi.tree.crawl import Crawler

MASK = int(Mask.CHANGES | Mask.ONLYDIR | Mask.MASK_ADD)


def watches(watcher):
    """The number of watches that the kernel knows of."""
    with open(f"/proc/self/fdinfo/{watcher._instance._fd}", encoding="ascii") as lines:
        return sum(line.startswith("inotify ") for line in lines)


@pytest.fixture
def one_at_a_time(monkeypatch):
    monkeypatch.setattr(Crawler, "_enter_at_once", lambda *_: 0)


@pytest.fixture
def visited(monkeypatch):
    """The number of directories that were entered at once."""
    counts = []
    real = Crawler._visit

    def visit(*arguments):
        counts.append(real(*arguments))
        return counts[-1]

    monkeypatch.setattr(Crawler, "_visit", visit)
    return counts


def small(records=4, slots=4, room=40):
    """A buffer in which there is hardly room for anything."""
    return lambda: CrawlBuffer(records=records, slots=slots, room=room)


def make(top, tree):
    for name, below in tree.items():
        if below is None:
            os.mknod(top + b"/" + name)
        elif below == "link":
            os.symlink(top, top + b"/" + name)
        else:
            os.mkdir(top + b"/" + name)
            make(top + b"/" + name, below)


names = st.sampled_from([b"a", b"b", b"\xff", b"new\nline", b"x" * 20, b"y" * 39, b"z" * 60])
trees = st.recursive(
    st.dictionaries(names, st.sampled_from([None, "link"]), max_size=4),
    lambda below: st.dictionaries(names, st.one_of(below, st.none()), max_size=7),
    max_leaves=30,
)


whatever_there_is_room_for = given(
    tree=trees,
    records=st.integers(1, 6),
    slots=st.integers(1, 6),
    room=st.integers(1, 100),
    most=st.integers(1, 8),
)


@settings(max_examples=50)
@whatever_there_is_room_for
def test_whatever_there_is_room_for_all_is_found_and_watched(tmp_path_factory, tree, records, slots, room, most):
    top = os.fsencode(tmp_path_factory.mktemp("tree"))
    make(top, tree)
    with pytest.MonkeyPatch.context() as patch:
        with patch.context() as slow:
            slow.setattr(Crawler, "_enter_at_once", lambda *_: 0)
            with Watcher(top) as watcher:
                expected = watcher.snapshot()
        patch.setattr(listings, "CrawlBuffer", small(records, slots, room))
        patch.setattr("inotify_cffi.tree.atonce.MOST_AT_ONCE", most)
        with Watcher(top) as watcher:
            assert watcher.snapshot() == expected
            assert watches(watcher) == watcher.stats()["watches"] == 1 + sum(expected.values())
            assert watcher.sync() == []
    with Consumer(os.fsdecode(top)) as consumer:
        consumer.assert_each_directory_reports()


@settings(max_examples=50)
@given(
    tree=trees,
    records=st.integers(1, 6),
    slots=st.integers(1, 6),
    room=st.integers(1, 100),
    most=st.integers(2, 8),
    told=st.integers(1, 12),
)
def test_whatever_there_is_room_for_all_is_told_compared_and_taken_back(
    tmp_path_factory, tree, records, slots, room, most, told
):
    parent = tmp_path_factory.mktemp("tree")
    (parent / "top" / "in").mkdir(parents=True)
    make(os.fsencode(parent / "top" / "in"), tree)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listings, "CrawlBuffer", small(records, slots, room))
        patch.setattr("inotify_cffi.tree.atonce.MOST_TOLD", most)
        patch.setattr("inotify_cffi.tree.removal.MOST_RAZED", told)
        patch.setattr("inotify_cffi.tree.removal.PATHS_RAZED", 100 * told)
        with Consumer(str(parent / "top"), existing=True) as consumer:
            count = len(consumer.sync())
            assert count == len(consumer.snapshot())
            assert watches(consumer.watcher) == 1 + sum(consumer.snapshot().values())
            consumer.watcher._tree.distrust()
            assert not [event for event in consumer.sync() if event.mask & (Mask.CREATE | Mask.DELETE)]
            consumer.assert_at_rest()
            (parent / "top" / "in").rename(parent / "out")
            assert len(consumer.sync()) == count
            assert consumer.snapshot() == {}
            assert watches(consumer.watcher) == 1
            (parent / "out").rename(parent / "top" / "in")
            assert len(consumer.sync()) == count
            consumer.assert_each_directory_reports()


def masks(watcher):
    """What each watch is for, as the kernel has it."""
    with open(f"/proc/self/fdinfo/{watcher._instance._fd}", encoding="ascii") as lines:
        return [int(line.split("mask:")[1].split()[0], 16) for line in lines if line.startswith("inotify ")]


@settings(max_examples=50)
@whatever_there_is_room_for
def test_whatever_there_is_room_for_all_reports_who_reads_and_not_the_own_listing(
    tmp_path_factory, tree, records, slots, room, most
):
    top = os.fsencode(tmp_path_factory.mktemp("tree"))
    make(top, tree)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listings, "CrawlBuffer", small(records, slots, room))
        patch.setattr("inotify_cffi.tree.atonce.MOST_AT_ONCE", most)
        patch.setattr("inotify_cffi.tree.atonce.MOST_TO_RAISE", most)
        with Watcher(top, mask=Mask.ALL & ~Mask.READS) as watcher:
            watcher.sync()
            # Of what was watched and could not be noted.
            ignored = watcher.stats()["raw_events"]
        with Watcher[bytes]() as watcher:
            watcher.add(top, mask=Mask.ALL, own_reads=False)
            assert watcher.sync() == []
            assert watcher.stats()["raw_events"] == ignored
            assert watches(watcher) == 1 + sum(watcher.snapshot().values())
            assert [mask for mask in masks(watcher) if mask & Mask.READS != Mask.READS] == []


def test_a_tree_of_which_each_reports_who_reads_is_entered_at_once(tmp_path, visited):
    for number in range(200):
        (tmp_path / f"{number % 10}" / f"{number}").mkdir(parents=True)
    with Watcher() as watcher:
        watcher.add(str(tmp_path), mask=Mask.ALL, own_reads=False)
        assert watcher.stats()["listed"] == 211
    assert visited == [210]


def test_what_is_replaced_before_it_reports_who_reads_does_so_all_the_same(tmp_path, monkeypatch):
    """Between the listing and the second watch the one goes below the other, and a new one is where it was."""
    for name in ("a/below", "z"):
        (tmp_path / name).mkdir(parents=True)
    real = Crawler._raise_below

    def raise_below(*arguments):
        if not (tmp_path / "z" / "a").exists():
            (tmp_path / "a").rename(tmp_path / "z" / "a")
            (tmp_path / "a" / "new").mkdir(parents=True)
        real(*arguments)

    monkeypatch.setattr(Crawler, "_raise_below", raise_below)
    with Watcher() as watcher:
        watcher.add(str(tmp_path), mask=Mask.ALL, own_reads=False)
        watcher.sync()
        for name in ("z/a/below", "a/new"):
            (tmp_path / name / "file").touch()
            assert f"OPEN {tmp_path}/{name}/file" in [str(event) for event in watcher.sync()]
        assert [mask for mask in masks(watcher) if mask & Mask.READS != Mask.READS] == []
        assert watches(watcher) == watcher.stats()["watches"] == 6


@pytest.mark.parametrize(
    ("source", "target", "count"), [("a", "z/a", 6), ("a", "../away", 3), ("a/below", "b/below", 6)], ids=str
)
def test_what_leaves_its_place_before_it_reports_who_reads_does_so_where_it_is(
    tmp_path, monkeypatch, source, target, count
):
    root = tmp_path / "root"
    for name in ("a/below/deep", "b", "z"):
        (root / name).mkdir(parents=True)
    real = Crawler._raise_below

    def raise_below(*arguments):
        if (root / source).exists():
            (root / source).rename(root / target)
        real(*arguments)

    monkeypatch.setattr(Crawler, "_raise_below", raise_below)
    with Watcher() as watcher:
        watcher.add(str(root), mask=Mask.ALL, own_reads=False)
        watcher.sync()
        assert [mask for mask in masks(watcher) if mask & Mask.READS != Mask.READS] == []
        assert watches(watcher) == watcher.stats()["watches"] == count
        assert watcher.unwatched() == {}


def test_a_tree_is_entered_in_one_go(tmp_path, visited):
    for number in range(200):
        (tmp_path / f"{number % 10}" / f"{number}").mkdir(parents=True)
    with Watcher(tmp_path) as watcher:
        assert watcher.stats()["listed"] == 211
    assert visited == [210]


def test_a_tree_is_entered_one_at_a_time_if_something_hangs_on_each(tmp_path, visited):
    (tmp_path / "a/b").mkdir(parents=True)
    for options in (
        {"existing": True},
        {"exclude": ["x"]},
        {"gitignore": True},
        {"max_depth": 5},
        {"follow_symlinks": True},
        {"one_file_system": True},
    ):
        with Watcher(tmp_path, **options) as watcher:
            assert watcher.stats()["watches"] == 3
    assert visited == []


def test_more_than_is_entered_at_once(tmp_path, visited):
    for number in range(2500):
        (tmp_path / f"{number}" / "d").mkdir(parents=True)
    with Watcher(tmp_path) as watcher:
        assert len(watcher.snapshot()) == 5000
        assert watches(watcher) == 5001
    assert sum(visited) > 4000


def test_a_chain_that_is_deeper_than_is_entered_at_once(tmp_path):
    path = tmp_path.joinpath(*["d"] * 100)
    path.mkdir(parents=True)
    (path / "f").touch()
    with Consumer(str(tmp_path)) as consumer:
        assert len(consumer.snapshot()) == 101
        consumer.assert_each_directory_reports()


def test_many_directories_that_can_not_be_entered_are_tried_twice_at_most(unprivileged, tmp_path):
    for number in range(300):
        os.mkdir(f"{tmp_path}/{number:03d}", 0)
    told = unprivileged(
        """
        import sys
        from inotify_cffi import Watcher
        from inotify_cffi.kernel import listings, syscalls
        visits = []
        real = listings.CrawlBuffer.visit
        def visit(self, inotify, fd, names, *rest, **more):
            visits.extend(names)
            return real(self, inotify, fd, names, *rest, **more)
        listings.CrawlBuffer.visit = visit
        with Watcher(sys.argv[1]) as watcher:
            print(len(watcher.unwatched()), len(visits))
        """,
        tmp_path,
    )
    for number in range(300):
        os.chmod(f"{tmp_path}/{number:03d}", 0o700)
    assert told == "300 300\n"


def test_the_limit_of_watches_is_met_in_the_middle(limited, tmp_path):
    for number in range(50):
        (tmp_path / f"{number:02d}" / "d").mkdir(parents=True)
    told = limited(
        """
        import sys
        from inotify_cffi import Watcher, WatchLimitError
        with Watcher(sys.argv[1]) as watcher:
            blind = watcher.unwatched()
            print(watcher.stats()["watches"], all(isinstance(error, WatchLimitError) for error in blind.values()))
            known = [path for path, is_dir in watcher.snapshot().items() if is_dir]
            print(len(known) + 1 - len(blind))
        """,
        tmp_path,
        max_inotify_watches=20,
    )
    assert told == "20 True\n20\n"


# --- the C function ---


@pytest.fixture
def visit(tmp_path):
    """Visit directories of the test's own directory, by their names."""
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    with Instance() as instance:

        def call(*names, last_wd=0, most=100, seconds=0.0, **room):
            buffer = CrawlBuffer(**room)
            return instance.crawl(
                buffer, fd, list(names), MASK, last_wd=last_wd, most=most, seconds=seconds
            ).columns()

        call.instance = instance
        yield call
    os.close(fd)


def wds(instance):
    with open(f"/proc/self/fdinfo/{instance.fileno()}", encoding="ascii") as lines:
        return sorted(int(line.split()[1][3:], 16) for line in lines if line.startswith("inotify "))


def test_files_and_directories_are_found(tmp_path, visit):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "f").touch()
    (tmp_path / "a" / "b" / "g").touch()
    assert visit("a") == ([1, 2], [1, 1], [1, 0], [0, 1], ["f", "g"], ["b"], [], False)


def test_what_is_not_there_or_no_directory_is_left_out(tmp_path, visit):
    (tmp_path / "f").touch()
    (tmp_path / "d").mkdir()
    assert visit("none", "f", "d").visits == [-1, -1, 0]


def test_a_link_is_not_followed(tmp_path, visit):
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to("d")
    (tmp_path / "d" / "up").symlink_to("..")
    assert visit("link", "d") == ([1], [1], [0], [-1, 0], ["up"], [], [], False)


def test_what_was_watched_before_is_left_out_and_stays_watched(tmp_path, visit):
    for name in "abc":
        (tmp_path / name).mkdir()
    visit.instance.add_watch(tmp_path / "b", MASK)
    crawled = visit("a", "b", "c", last_wd=1)
    assert (crawled.wds, crawled.visits) == ([2, 3], [0, -1, 1])
    assert wds(visit.instance) == [1, 2, 3]


@pytest.mark.parametrize("room", [{"room": 10}, {"slots": 3}], ids=str)
def test_what_there_is_no_room_for_is_left_out_and_not_watched(tmp_path, visit, room):
    (tmp_path / "a" / "long name 1").mkdir(parents=True)
    (tmp_path / "a" / "long name 2").mkdir()
    (tmp_path / "b" / "f").mkdir(parents=True)
    crawled = visit("a", "b", **room)
    assert crawled.visits[:2] == [-1, 0]
    assert crawled.dirs == ["f"]
    assert len(wds(visit.instance)) == len(crawled.wds) == 2


def test_no_more_are_visited_than_was_asked_for(tmp_path, visit):
    for name in "abc":
        (tmp_path / name).mkdir()
    assert visit("a", "b", "c", most=2).visits == [0, 1, -1]


def test_more_names_than_there_is_room_for(tmp_path, visit):
    for name in "abc":
        (tmp_path / name).mkdir()
    assert visit("a", "b", "c", slots=2).visits == [0, 1]


def test_when_the_time_is_over_nothing_more_is_visited(tmp_path, visit):
    (tmp_path / "d").mkdir()
    found = visit("d", seconds=1e-9)
    assert (found.visits, found.is_cut) == ([-1], True)
    assert wds(visit.instance) == []


def test_what_is_more_than_the_most_is_known_to_be_left(tmp_path, visit):
    for name in "ab":
        (tmp_path / name).mkdir()
    assert [visit("a", "b", most=most).is_cut for most in (1, 2)] == [True, False]


# --- known ones ---


@pytest.fixture
def compare(tmp_path):
    """Look again at directories of tmp_path, which an instance may watch already, as they are known."""
    fd = os.open(tmp_path, os.O_RDONLY)
    with Instance() as instance:

        def call(*names, since=None, most=100):
            buffer = CrawlBuffer()
            return instance.crawl_known(buffer, fd, list(names), MASK, last_wd=0, most=most, since=since).columns()

        call.instance = instance
        yield call
    os.close(fd)


def test_a_known_directory_keeps_its_watch(tmp_path, compare):
    (tmp_path / "d").mkdir()
    (tmp_path / "e").mkdir()
    before = compare.instance.add_watch(tmp_path / "e", MASK)
    assert compare("d", "e").wds == [before + 1, before]


def test_a_file_that_is_not_older_has_changed_perhaps(tmp_path, compare):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").touch()
    ctime = (tmp_path / "d" / "f").stat().st_ctime
    assert compare("d", since=ctime).changed == [1]
    assert compare("d", since=ctime + 1).changed == []
    assert compare("d").changed == []


def test_what_can_not_be_opened_keeps_its_watch(tmp_path, compare):
    (tmp_path / "d").mkdir()
    wd = compare.instance.add_watch(tmp_path / "d", MASK)
    (tmp_path / "d").rename(tmp_path / "e")
    (tmp_path / "d").symlink_to("e")
    assert compare("d").visits == [-1]
    assert wds(compare.instance) == [wd]
