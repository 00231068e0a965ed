"""Many links to one directory: it is entered at some places, and what is not entered is told, and made up for."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil

import pytest
from consumer import ENTRIES, before, brief, write, write_all

from inotify_cffi import Mask, Watcher
from inotify_cffi.adapters import InotifyTree
from inotify_cffi.tree.disk import Disk
from tests.stress import oracles
from tests.stress.writers import exchange

KINDS = pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])


class Follower:
    """A watcher that follows links, and a consumer that only replays what it is told."""

    def __init__(self, root, **options):
        self.root = root
        self.watcher = Watcher(root, follow_symlinks=True, **options)
        self.replayer = oracles.Replayer(root, snapshot=self.watcher.snapshot())

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.watcher.close()

    def __getattr__(self, name):
        return getattr(self.watcher, name)

    def sync(self):
        """Replay all up to now; the events. What happens meanwhile has happened, too."""
        events = self.watcher.sync(20) + self.watcher.sync(20)
        self.replayer.apply(events)
        return events

    def told(self):
        """Replay all up to now; in brief, without the root."""
        return [line.replace(self.root + "/", "") for line in brief(self.sync())]

    def uncovered(self):
        """What is not covered, without the root."""
        assert {error.errno for error in self.watcher.unwatched().values()} <= {errno.ELOOP}
        return sorted(path[len(self.root) + 1 :] for path in self.watcher.unwatched())

    def assert_right(self):
        """The disk, the ledger and the replay are the same but for what is at too many places; each place reports."""
        self.sync()
        assert oracles.complaints_of_links(self, self.replayer) == []
        for path in self.replayer.state:
            if path.endswith("/probe"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        self.sync()


def link_all(root, target, count):
    """Make so many links to a directory; they are found in this order, or later ones are told so."""
    for number in range(count):
        os.symlink(target, f"{root}/{number}")


@pytest.fixture
def entered(monkeypatch):
    """The names by which directories were opened one at a time."""
    names = []
    real = Disk.enter

    def enter(disk, fd, name, *, follow):
        names.append(name)
        return real(disk, fd, name, follow=follow)

    monkeypatch.setattr(Disk, "enter", enter)
    return names


@pytest.fixture
def twelve(root, outside):
    """A directory outside, and twelve links to it that come one after the other; the first two are entered."""
    write_all(outside, "d/f")
    with Follower(root, max_places=2) as follower:
        link_all(root, outside, 12)
        follower.sync()
        assert follower.uncovered() == sorted(map(str, range(2, 12)))
        yield follower


# --- what costs too much ---


def test_a_farm_of_links_costs_what_there_is(root, entered):
    """Forty levels, two links on each to the one below: 2 ** 39 ways to the last."""
    for level in range(40):
        os.makedirs(f"{root}/{level}")
        if level:
            for name in "xy":
                os.symlink(f"../{level}", f"{root}/{level - 1}/{name}")
    with Follower(f"{root}/0") as follower:
        # 1, 2, 4, 8 places, and 8 of each of the others.
        assert follower.stats()["listed"] == 1 + 2 + 4 + 8 * 37
        assert len(follower.uncovered()) == 8 * 36
        # Each place is found again by way of its links, which are no more than 40.
        assert len(entered) < 40 * 2 * 8 * 40
        follower.assert_right()


def test_links_across_cost_what_there_is(root, entered):
    """Each of twenty directories has a link to each other one: 20! ways."""
    for one in range(20):
        os.mkdir(f"{root}/{one}")
        for other in range(20):
            if one != other:
                os.symlink(f"../{other}", f"{root}/{one}/to {other}")
    with Follower(root) as follower:
        # Each by itself and by eight links.
        assert follower.stats()["listed"] == 1 + 20 * 9
        assert len(entered) < 4 * 20 * 9 * 20
        follower.assert_right()


@pytest.mark.parametrize("late", [False, True], ids=["at the start", "later"])
def test_very_many_links_to_one_directory(root, outside, late, entered):
    write_all(outside, "d/f")
    if not late:
        link_all(root, outside, 2000)
    with Follower(root) as follower:
        if late:
            link_all(root, outside, 2000)
            follower.sync()
        assert follower.stats()["listed"] == 1 + 2 * 8
        assert len(follower.uncovered()) == 2000 - 8
        assert len(entered) < 5 * 2000
        shutil.rmtree(outside)
        follower.sync()
        assert (follower.uncovered(), len(follower.snapshot())) == ([], 2000)
        assert len(entered) < 10 * 2000


@pytest.mark.one_turn("it counts the looks of one turn")
def test_a_link_more_costs_no_look_at_the_other_places(root, outside, entered):
    """Who has an inode keeps it until an event says otherwise."""
    write_all(outside, *(f"{name}/f" for name in "abcdefgh"))
    link_all(root, outside, 7)
    with Follower(root) as follower:
        del entered[:]
        os.symlink(outside, f"{root}/more")
        follower.sync()
        assert len(entered) < 2 * 9 + 5


# --- what is told ---


@KINDS
def test_what_is_not_entered_is_told_with_its_path_and_where_it_is_covered(root, outside, kind):
    write_all(outside, "d/f")
    with Watcher(kind(root), follow_symlinks=True, max_places=1) as watcher:
        os.symlink(outside, f"{root}/one")
        os.symlink(outside, f"{root}/two")
        (told,) = [event for event in watcher.sync() if event.mask & Mask.UNWATCHED]
        assert (os.fsdecode(told.path), told.is_dir, told.synthetic) == (f"{root}/two", True, True)
        assert (told.error.errno, told.error.strerror) == (errno.ELOOP, f"already covered at {root}/one")
        assert told.error.filename == kind(f"{root}/two")
        assert watcher.unwatched() == {kind(f"{root}/two"): told.error}
        assert watcher.stats()["unwatched"] == 1
        assert watcher.snapshot()[kind(f"{root}/two")] is True


def test_a_place_without_a_link_on_the_way_is_named_before_others(root):
    write_all(root, "d/f")
    with Follower(root, max_places=1) as follower:
        link_all(root, "d", 3)
        follower.sync()
        assert {error.strerror for error in follower.unwatched().values()} == {f"already covered at {root}/d"}


def test_it_is_told_once(twelve):
    twelve.retry()
    assert twelve.told() == []
    assert twelve.uncovered() == sorted(map(str, range(2, 12)))


def test_eight_places_unless_said_otherwise(root, outside):
    link_all(root, outside, 9)
    with Follower(root) as follower:
        assert len(follower.uncovered()) == 1


@pytest.mark.parametrize("most", [0, -1])
def test_less_than_one_place_is_an_error(root, most):
    with pytest.raises(ValueError, match=f"max_places must be at least 1, not {most}"):
        Watcher(root, max_places=most)


@pytest.mark.parametrize("most", [1.5, "8", None])
def test_what_is_no_number_of_places_is_an_error(root, most):
    with pytest.raises(TypeError):
        Watcher(root, max_places=most)


def test_the_drop_in_says_so_in_its_log(root, outside, caplog):
    link_all(root, outside, 9)
    with caplog.at_level(logging.WARNING):
        tree = InotifyTree(root)
    (message,) = [record.getMessage() for record in caplog.records]
    assert " is not watched: already covered at " in message
    del tree


# --- what counts ---


def test_the_fewest_links_on_the_way_come_first(root, outside):
    """However deep they are, and in whatever order they are found."""
    write_all(outside, "way/", "d/f")
    for name in "abcdefgh":
        os.symlink(f"{outside}/d", f"{outside}/way/{name}")
    write_all(root, "0/", "9/1/2/3/")
    for path in "0/way", "9/way":
        os.symlink(f"{outside}/way", f"{root}/{path}")
    for name in "xyz":
        os.symlink(f"{outside}/d", f"{root}/9/1/2/3/{name}")
    with Follower(root, max_places=4) as follower:
        assert {path for path in follower.uncovered() if "way" not in path} == set()
        assert len(follower.uncovered()) == 15
        follower.assert_right()


def test_a_directory_to_which_no_link_leads_is_always_entered(root):
    """However many links lead to it."""
    with Follower(root, max_places=1) as follower:
        os.mkdir(f"{root}/d")
        link_all(root, "d", 3)
        follower.sync()
        os.rename(f"{root}/d", f"{root}/e")
        os.symlink("e", f"{root}/d")
        follower.retry()
        follower.assert_right()
        write(f"{root}/e/f")
        assert "CREATE e/f" in follower.told()


def test_a_directory_below_a_link_counts_as_the_link_does(root, outside):
    """So what is listed is bounded, however many links lead into one tree at however many heights."""
    write_all(outside, "a/b/c/f")
    for height, path in enumerate(("a/b/c", "a/b", "a", ".")):
        for number in range(3):
            os.symlink(f"{outside}/{path}", f"{root}/{height}{number}")
    with Follower(root, max_places=3) as follower:
        # The root; of each directory outside three.
        assert follower.stats()["listed"] == 1 + 4 * 3
        assert len(follower.uncovered()) == 3 * 3
        follower.assert_right()


def test_each_root_has_places_of_its_own(root, outside):
    write_all(root, "one/", "two/")
    with Watcher(f"{root}/one", f"{root}/two", follow_symlinks=True, max_places=2) as watcher:
        for name in "one", "two":
            link_all(f"{root}/{name}", outside, 3)
        watcher.sync()
        assert sorted(watcher.unwatched()) == [f"{root}/one/2", f"{root}/two/2"]
        # Moved from one root to the other it is one too many there.
        os.rename(f"{root}/one/0", f"{root}/two/moved")
        watcher.sync()
        assert len(watcher.unwatched()) == 2
        assert not [path for path in watcher.unwatched() if "/one/" in path]


@pytest.mark.parametrize("links", [40, 41])
def test_more_links_than_the_kernel_follows_on_a_path(root, outside, links):
    """What is behind them could not be opened by the path that is told."""
    for number in range(links + 1):
        os.mkdir(f"{outside}/{number}")
    for number in range(links):
        os.symlink(f"{outside}/{number + 1}", f"{outside}/{number}/l")
    os.rmdir(root)
    os.rename(f"{outside}/0", root)
    with Watcher(root, follow_symlinks=True) as watcher:
        assert watcher.stats()["listed"] == 41
        reasons = [error.strerror for error in watcher.unwatched().values()]
        assert reasons == ["more than 40 links are on the way"][: links - 40]
        assert all(os.path.isdir(path) == (path not in watcher.unwatched()) for path in watcher.snapshot())


def test_loops_take_no_place_and_are_not_told(root):
    write_all(root, "a/f")
    for number in range(20):
        os.symlink("." if number % 2 else "..", f"{root}/a/{number}")
    with Follower(root, max_places=1) as follower:
        assert follower.uncovered() == []
        follower.assert_right()


# --- a place is free again ---


def test_a_link_goes_and_the_one_that_waits_longest_is_entered(twelve):
    os.unlink(f"{twelve.root}/1")
    told = twelve.told()
    assert told[:3] == ["DELETE 1/d/f", "DELETE,ISDIR 1/d", "DELETE,ISDIR 1"]
    assert told[3:] == ["WATCHED,ISDIR 2", "CREATE,ISDIR 2/d", "CREATE 2/d/f"]
    assert twelve.uncovered() == sorted(map(str, range(3, 12)))
    twelve.assert_right()


def test_one_place_free_means_one_look(twelve, entered):
    """However many wait."""
    os.unlink(f"{twelve.root}/0")
    twelve.sync()
    assert len(entered) < 12


def test_no_place_is_free_as_long_as_links_that_wait_go(twelve, entered):
    for number in range(2, 12):
        os.unlink(f"{twelve.root}/{number}")
    assert [line for line in twelve.told() if "WATCHED" in line] == []
    assert twelve.uncovered() == []
    assert len(twelve._tree._places._uncovered._errors) == 0


def test_those_that_wait_and_are_gone_are_passed_over(twelve):
    for number in 2, 3, 5:
        os.unlink(f"{twelve.root}/{number}")
    os.rename(f"{twelve.root}/6", f"{twelve.root}/moved")
    os.unlink(f"{twelve.root}/0")
    os.unlink(f"{twelve.root}/1")
    assert {line for line in twelve.told() if "WATCHED" in line} == {"WATCHED,ISDIR 4", "WATCHED,ISDIR moved"}
    twelve.assert_right()


def test_those_that_lead_elsewhere_by_now_leave_the_place_to_the_next(twelve, tmp_path, outside):
    """Where a link leads is not reported if what changes is on the way there."""
    (tmp_path / "way").mkdir()
    (tmp_path / "way" / "link").symlink_to(outside)
    for number in range(2, 12):
        os.unlink(f"{twelve.root}/{number}")
    for number in range(5):
        os.symlink(tmp_path / "way" / "link", f"{twelve.root}/by way {number}")
    os.symlink(outside, f"{twelve.root}/last")
    twelve.sync()
    assert twelve.uncovered() == [*(f"by way {number}" for number in range(5)), "last"]
    (tmp_path / "way" / "link").unlink()
    os.unlink(f"{twelve.root}/0")
    twelve.sync()
    assert twelve.uncovered() == []
    assert f"{twelve.root}/last/d/f" in twelve.snapshot()
    assert twelve.snapshot()[f"{twelve.root}/by way 1"] is False
    twelve.assert_right()


@pytest.mark.parametrize("how", ["rmtree", "rename"])
def test_all_lead_nowhere_when_the_directory_goes(twelve, outside, how):
    if how == "rmtree":
        shutil.rmtree(outside)
    else:
        os.rename(outside, outside + "-away")
    twelve.sync()
    assert twelve.snapshot() == {f"{twelve.root}/{number}": False for number in range(12)}
    assert (twelve.uncovered(), twelve.stats()["watches"]) == ([], 1)


def test_a_link_that_is_entered_is_led_elsewhere(twelve, tmp_path):
    (tmp_path / "other" / "x").mkdir(parents=True)
    os.symlink(tmp_path / "other", f"{twelve.root}/new")
    os.rename(f"{twelve.root}/new", f"{twelve.root}/0")
    twelve.sync()
    assert twelve.uncovered() == sorted(map(str, range(3, 12)))
    twelve.assert_right()


def test_a_link_that_waits_is_led_elsewhere_and_back(twelve, tmp_path, outside):
    (tmp_path / "other" / "x").mkdir(parents=True)
    for target, waits in ((tmp_path / "other", False), (outside, True)):
        os.symlink(target, f"{twelve.root}/new")
        os.rename(f"{twelve.root}/new", f"{twelve.root}/7")
        twelve.sync()
        assert ("7" in twelve.uncovered()) == waits
        twelve.assert_right()


def test_links_are_renamed(twelve):
    """What is entered stays so, and what is not waits on."""
    os.mkdir(f"{twelve.root}/in")
    twelve.sync()
    for number in 0, 5:
        os.rename(f"{twelve.root}/{number}", f"{twelve.root}/in/{number}")
    twelve.sync()
    assert "in/5" in twelve.uncovered()
    assert f"{twelve.root}/in/0/d/f" in twelve.snapshot()
    twelve.assert_right()


def test_a_link_changes_places_with_the_directory(root):
    write_all(root, "d/e/f")
    for name in "abc":
        os.symlink(f"{root}/d", f"{root}/{name}")
    with Follower(root, max_places=1) as follower:
        exchange(f"{root}/d", f"{root}/b")
        follower.sync()
        follower.retry()
        follower.assert_right()
        exchange(f"{root}/d", f"{root}/b")
        follower.sync()
        follower.retry()
        follower.assert_right()


@pytest.fixture
def held(root, outside):
    """A link into a directory outside, and one that leads to a directory wherever that is: by its descriptor."""
    write_all(outside, "x/d/e/f")
    os.symlink(f"{outside}/x", f"{root}/link")
    fd = os.open(f"{outside}/x/d/e", os.O_RDONLY)
    yield lambda: os.symlink(f"/proc/{os.getpid()}/fd/{fd}", f"{root}/held")
    os.close(fd)


def test_a_directory_is_moved_to_below_a_link_where_it_is_one_too_many(root, outside, held):
    """Where it was no link led to it, so it did not count; and it is entered again when it comes back."""
    os.rename(f"{outside}/x/d", f"{root}/d")
    with Follower(root, max_places=1) as follower:
        held()
        follower.sync()
        assert follower.uncovered() == []
        os.rename(f"{root}/d", f"{outside}/x/d")
        follower.sync()
        assert follower.uncovered() == ["link/d/e"]
        follower.assert_right()
        os.rename(f"{outside}/x/d", f"{root}/d")
        assert "WATCHED,ISDIR d/e" in follower.told()
        follower.assert_right()


def test_a_directory_is_moved_from_below_a_link_to_where_it_does_not_count(root, outside, held):
    with Follower(root, max_places=1) as follower:
        held()
        follower.sync()
        assert follower.uncovered() == ["held"]
        os.rename(f"{outside}/x/d", f"{root}/d")
        assert "WATCHED,ISDIR held" in follower.told()
        follower.assert_right()


def test_a_place_is_free_right_before_it_is_found_that_there_is_none(root, outside):
    """Its event comes later."""
    write_all(outside, "d/f")
    link_all(root, outside, 2)
    with Follower(root, max_places=2) as follower:
        os.symlink(outside, f"{root}/late")
        before(
            follower._disk,
            "watch",
            lambda: os.unlink(f"{root}/0"),
            when=lambda *_: os.path.lexists(f"{root}/late"),
        )
        follower.sync()
        assert follower.uncovered() == []
        follower.assert_right()


def test_after_lost_events_what_was_entered_stays_so(twelve):
    covered = set(map(str, range(12))) - set(twelve.uncovered())
    twelve._tree.distrust()
    write(f"{twelve.root}/new")
    twelve.sync()
    assert set(map(str, range(12))) - set(twelve.uncovered()) == covered
    twelve.assert_right()


def test_after_lost_events_a_place_that_is_free_is_taken(twelve):
    """By the one that is found first."""
    twelve._tree.distrust()
    os.unlink(f"{twelve.root}/0")
    twelve.sync()
    assert len(twelve.uncovered()) == 9
    twelve.assert_right()


def test_what_waits_is_forgotten_with_its_root(root, outside):
    write_all(root, "a/", "b/")
    for name in "ab":
        link_all(f"{root}/{name}", outside, 4)
    with Watcher(f"{root}/a", f"{root}/b", follow_symlinks=True, max_places=1) as watcher:
        watcher.remove(f"{root}/a")
        watcher.sync()
        assert len(watcher.unwatched()) == 3
        os.unlink(next(path for path in watcher.snapshot() if path not in watcher.unwatched()))
        watcher.sync()
        assert len(watcher.unwatched()) == 2


def test_links_that_come_wait_and_go_leave_nothing_behind(root, outside):
    link_all(root, outside, 1)
    with Watcher(root, follow_symlinks=True, max_places=1) as watcher:
        uncovered = watcher._tree._places._uncovered
        for _ in range(40):
            for number in range(50):
                os.symlink(outside, f"{root}/late {number}")
            watcher.sync()
            for number in range(50):
                os.unlink(f"{root}/late {number}")
            watcher.sync()
        held = len(uncovered._errors), len(uncovered._waits_for), sum(map(len, uncovered._queues.values()))
        assert max(held) < 600


def test_a_link_that_waits_now_and_then_waits_once(root, outside):
    """Where it is a loop it does not wait, and it was not served either."""
    write_all(outside, "d/")
    os.symlink(f"{outside}/d", f"{root}/one")
    os.symlink(outside, f"{root}/other")
    with Follower(root, max_places=1) as follower:
        for _ in range(300):
            os.symlink(f"{outside}/d", f"{root}/link")
            follower.watcher.sync()
            os.rename(f"{root}/link", f"{outside}/d/link")
            follower.watcher.sync()
            os.rename(f"{outside}/d/link", f"{root}/link")
            follower.watcher.sync()
            os.unlink(f"{root}/link")
        uncovered = follower._tree._places._uncovered
        assert sum(map(len, uncovered._queues.values())) < 600


# --- before anybody read ---


def test_a_directory_that_is_found_below_what_was_in_it_is_not_taken_for_a_loop_for_ever(root):
    """Right when it is listed, what is above it is moved into it."""
    os.makedirs(f"{root}/a/f")
    with Follower(root) as follower:
        os.mkdir(f"{root}/a/b")

        def turn_round():
            os.rename(f"{root}/a/b", f"{root}/b")
            os.rename(f"{root}/a", f"{root}/b/a")

        before(follower._disk, "entries", turn_round)
        follower.sync()
        assert set(follower.snapshot()) == {f"{root}/b", f"{root}/b/a", f"{root}/b/a/f"}
        follower.assert_right()


def test_a_name_that_is_a_directory_where_a_link_to_it_was(root):
    """What a listing has told before stays; but that was a link, and this is none."""
    write_all(root, "d/f")
    os.symlink("d", f"{root}/link")
    with Follower(root) as follower:
        exchange(f"{root}/d", f"{root}/link")
        told = follower.sync()
        assert [event for event in told if event.mask & ENTRIES]
        write(f"{root}/link/g")
        assert "CREATE link/g" in follower.told()
        os.rename(f"{root}/link", f"{root}/e")
        follower.sync()
        follower.assert_right()
