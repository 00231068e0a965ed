"""The way there is told as it was: what the disk shows too early waits, and the oracle of it notices what is wrong."""

from __future__ import annotations

import os
import shutil

import pytest
from consumer import Consumer, after, before
from records import packed
from slices import small_steps

from inotify_cffi import Cause, Event, Mask, Watcher
from inotify_cffi.kernel import buffers
from inotify_cffi.kernel.buffers import Records
from tests.stress.history import Judge, Model
from tests.stress.writers import exchange

STRUCTURE = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO


def is_at(fd, path):
    """Is an open directory at a path?"""
    return os.path.samestat(os.fstat(fd), os.stat(path))


def told(watcher, root):
    """What is told up to now, without the root's path."""
    return [str(event).replace(root + "/", "") for event in watcher.sync()]


class Forgetful:
    """Reads all but one move out of a directory."""

    def __init__(self, watcher, name):
        self.disk = watcher._tree._disk
        self.original = self.disk.read
        self.disk.read = self.read
        self.name = os.fsencode(name)

    def read(self, records):
        scratch = Records()
        size = self.original(scratch)
        raws = [scratch.raw(at) for at in range(scratch.count)]
        records.feed(packed(*[raw for raw in raws if not (raw[1] & Mask.MOVED_FROM and raw[3] == self.name)]))
        return size


class Restless:
    """A writer that does something more at each read, so that the queue is never empty; and moves are not told."""

    def __init__(self, watcher, root):
        self.path = f"{root}/busy"
        self.disk = watcher._tree._disk
        self.original = self.disk.read
        self.disk.read = self.read
        self.reads = 0

    def read(self, records):
        scratch = Records()
        size = self.original(scratch)
        self.reads += 1
        os.mknod(f"{self.path}{self.reads}")
        moves = Mask.MOVED_FROM | Mask.MOVED_TO | Mask.MOVE_SELF
        raws = [scratch.raw(at) for at in range(scratch.count)]
        records.feed(packed(*[raw for raw in raws if not raw[1] & moves]))
        return size


def test_what_is_put_off_ends_though_the_queue_is_never_empty(root):
    os.makedirs(f"{root}/x/deep")
    with Watcher(root, mask=STRUCTURE) as watcher:
        restless = Restless(watcher, root)
        os.mkdir(f"{root}/e")
        os.rename(f"{root}/x", f"{root}/e")
        events = []
        while f"{root}/e/deep" not in [event.path for event in events]:
            events += watcher.read(0)
            assert restless.reads < 1000
        assert watcher.stats()["put_off"] >= 1
        while watcher.stats()["putting_off"]:
            watcher.read(0)
            assert restless.reads < 1000


def test_what_the_events_say_is_told_as_they_say_it_and_not_as_the_disk_shows_it(root):
    os.makedirs(f"{root}/x/deep")
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.mkdir(f"{root}/e")
        os.rename(f"{root}/x", f"{root}/e")
        assert told(watcher, root) == [
            *("CREATE,ISDIR e", "DELETE,ISDIR e", "MOVED_FROM,ISDIR x", "MOVED_TO,ISDIR e (from x)"),
        ]
        assert watcher.stats()["put_off"] == 1


def test_a_rename_costs_the_same_however_much_is_below(root):
    for number in range(300):
        os.makedirs(f"{root}/x/{number}")
    with Watcher(root, mask=STRUCTURE) as watcher:
        listed = watcher.stats()["listed"]
        for _ in range(3):
            os.mkdir(f"{root}/e")
            os.rename(f"{root}/x", f"{root}/e")
            os.rename(f"{root}/e", f"{root}/x")
        assert len(told(watcher, root)) <= 3 * 6
        assert watcher.stats()["listed"] - listed <= 3 * 2


def test_an_exchange_costs_the_same_however_much_is_below(root):
    for number in range(300):
        os.makedirs(f"{root}/a/{number}")
        os.makedirs(f"{root}/b/{number}")
    with Watcher(root, mask=STRUCTURE) as watcher:
        listed = watcher.stats()["listed"]
        exchange(f"{root}/a", f"{root}/b")
        assert len(told(watcher, root)) == 6
        assert watcher.stats()["listed"] == listed


def test_a_directory_that_is_made_again_is_not_taken_back_by_the_end_of_the_first(root):
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.mkdir(f"{root}/e")
        os.rmdir(f"{root}/e")
        os.makedirs(f"{root}/e/d")
        assert told(watcher, root) == ["CREATE,ISDIR e", "CREATE,ISDIR e/d"]


def test_what_was_told_out_of_its_turn_leaves_no_gap_in_what_is_read_later(root, outside):
    """The second half of an exchange with what nobody watches is taken out of what waits."""
    os.mkdir(f"{root}/t")
    os.mkdir(f"{outside}/u")
    with Watcher(root, mask=STRUCTURE) as watcher:
        exchange(f"{outside}/u", f"{root}/t")
        assert told(watcher, root) == ["MOVED_FROM,ISDIR t", "MOVED_TO,ISDIR t"]
        for name in "123":
            os.mknod(f"{root}/{name}")
        assert told(watcher, root) == ["CREATE 1", "CREATE 2", "CREATE 3"]


def test_what_happens_to_a_name_while_that_is_looked_at_is_not_about_what_is_found(root, outside):
    """Where it is not known when it was found, what says that it was moved is about it."""
    os.makedirs(f"{outside}/other/deep")
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.mkdir(f"{root}/d")

        def another_comes():
            os.rename(f"{root}/d", f"{root}/e")
            os.rename(f"{outside}/other", f"{root}/d")

        disk = watcher._tree._disk
        before(disk, "enter", another_comes, when=lambda fd, name: name == "d")
        after(disk, "entries", lambda: os.rename(f"{root}/d", f"{root}/f"))
        assert told(watcher, root) == [
            *("CREATE,ISDIR d", "MOVED_TO,ISDIR e", "MOVED_FROM,ISDIR d", "MOVED_TO,ISDIR f (from d)"),
            "CREATE,ISDIR f/deep",
        ]


def test_a_directory_that_is_moved_while_it_is_looked_at_is_told_as_moved(root):
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.makedirs(f"{root}/d/deep")
        disk = watcher._tree._disk

        def has_entered():
            after(disk, "watch", lambda: os.rename(f"{root}/d", f"{root}/e"))

        after(disk, "enter", has_entered, when=lambda fd, name: name == "d")
        assert told(watcher, root) == [
            *("CREATE,ISDIR d", "MOVED_FROM,ISDIR d", "MOVED_TO,ISDIR e (from d)", "CREATE,ISDIR e/deep"),
        ]


@pytest.mark.parametrize("number", range(9))
def test_a_directory_that_is_moved_there_and_back_was_not_exchanged(root, number):
    """Wherever what was read ends."""
    os.makedirs(f"{root}/a/deep")
    with Watcher(root, mask=STRUCTURE) as watcher:
        watcher._instance._buffer = buffers.ReadBuffer(buffers.LARGEST_RECORD)
        for each in range(number):
            os.mknod(f"{root}/{each}")
        os.rename(f"{root}/a", f"{root}/b")
        os.rename(f"{root}/b", f"{root}/a")
        assert told(watcher, root)[number:] == [
            *(
                "MOVED_FROM,ISDIR a",
                "MOVED_TO,ISDIR b (from a)",
                "MOVED_FROM,ISDIR b",
                "MOVED_TO,ISDIR a (from b)",
            ),
        ]


def test_a_directory_that_is_moved_there_and_back_while_it_is_listed_is_listed_behind_that(root):
    """However many reads it takes until the queue has said so: what is read ahead comes in pieces."""
    with Watcher(root, mask=STRUCTURE) as watcher:
        watcher._instance._buffer = buffers.ReadBuffer(buffers.LARGEST_RECORD)
        os.makedirs(f"{root}/d/deep")

        def moves():
            for each in range(30):
                os.mknod(f"{root}/{each}")
            os.rename(f"{root}/d", f"{root}/e")
            os.rename(f"{root}/e", f"{root}/d")
            os.mkdir(f"{root}/d/deep/late")

        before(watcher._tree._disk, "entries", moves, when=lambda fd: is_at(fd, f"{root}/d/deep"))
        events = [event for event in told(watcher, root) + told(watcher, root) if "ISDIR" in event]
        assert events == [
            *("CREATE,ISDIR d", "CREATE,ISDIR d/deep"),
            *(
                "MOVED_FROM,ISDIR d",
                "MOVED_TO,ISDIR e (from d)",
                "MOVED_FROM,ISDIR e",
                "MOVED_TO,ISDIR d (from e)",
            ),
            "CREATE,ISDIR d/deep/late",
        ]


def test_what_is_entered_at_once_is_not_told_where_it_was_before_a_move(root, outside):
    for name in "ab":
        os.makedirs(f"{outside}/t/{name}/deep")
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.rename(f"{outside}/t", f"{root}/t")

        def moves():
            os.rename(f"{root}/t", f"{root}/u")
            os.mkdir(f"{root}/u/a/late")

        before(watcher._tree._disk, "visit", moves)
        events = told(watcher, root) + told(watcher, root)
        assert "CREATE,ISDIR t/a/late" not in events
        assert "CREATE,ISDIR u/a/late" in events


def test_what_happened_before_they_were_entered_at_once_is_not_about_these_directories(root, outside):
    for name in "ab":
        os.makedirs(f"{outside}/t/{name}/deep")
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.rename(f"{outside}/t", f"{root}/t")

        def is_made_again():
            shutil.rmtree(f"{root}/t/a")
            os.makedirs(f"{root}/t/a/other")

        before(watcher._tree._disk, "visit", is_made_again)
        events = told(watcher, root) + told(watcher, root)
        assert [event for event in events if event.startswith("DELETE")] == []
        assert "CREATE,ISDIR t/a/other" in events


def test_a_directory_replaces_the_one_that_it_is_in_for_the_ledger(root):
    """Its move out of that was merged into another one."""
    os.makedirs(f"{root}/t/sub/deep")
    with Consumer(root, mask=STRUCTURE) as consumer:
        Forgetful(consumer.watcher, "sub")
        os.mkdir(f"{root}/n")
        os.rename(f"{root}/t/sub", f"{root}/n/s")
        os.rename(f"{root}/n/s", f"{root}/t")
        consumer.assert_at_rest()


def test_a_move_onto_a_name_that_another_has_by_now_takes_that_one_not_back(root):
    """It can not be looked at any more, for its directory has moved on."""
    os.mkdir(f"{root}/p")
    os.mkdir(f"{root}/o")
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.mkdir(f"{root}/p/s")
        os.mkdir(f"{root}/p/t")
        # Whoever goes to the latter has to find the way from there.
        os.mkdir(f"{root}/o/n")
        os.rename(f"{root}/p/s", f"{root}/p/t")
        os.rename(f"{root}/p/t", f"{root}/z")
        os.makedirs(f"{root}/p/t/new")
        after(watcher._tree._disk, "entries", lambda: os.rename(f"{root}/p", f"{root}/q"))
        assert told(watcher, root) == [
            *("CREATE,ISDIR p/s", "CREATE,ISDIR p/t", "CREATE,ISDIR o/n", "MOVED_FROM,ISDIR p/s"),
            *("MOVED_TO,ISDIR z", "MOVED_FROM,ISDIR p", "MOVED_TO,ISDIR q (from p)", "CREATE,ISDIR q/t/new"),
        ]


def test_a_directory_that_moves_between_its_opening_and_its_watch_is_not_told_where_it_was(root):
    """It can not say itself that it was moved; what is made in it later never was at its first path."""
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.mkdir(f"{root}/d")

        def moves():
            os.rename(f"{root}/d", f"{root}/e")
            os.mknod(f"{root}/e/f")

        before(watcher._tree._disk, "watch", moves, when=lambda fd, mask: is_at(fd, f"{root}/d"))
        events = told(watcher, root)
        assert "CREATE d/f" not in events
        assert "CREATE e/f" in events
        assert watcher.snapshot() == {f"{root}/e": True, f"{root}/e/f": False}


def test_a_listing_in_parts_tells_nothing_of_what_is_done_where_the_directory_was_moved_to(root):
    with Watcher(root, mask=STRUCTURE) as watcher, small_steps(3):
        os.mkdir(f"{root}/d")
        names = [f"{number:02}" for number in range(30)]
        for name in names:
            os.mknod(f"{root}/d/{name}")
        tree, listed = watcher._tree, []
        while len(listed) < 10:
            tree.advance(0.0)
            listed += tree.take()
        # What is applied in between makes what was listed old, so that each name is looked at.
        os.mknod(f"{root}/busy")

        def moves():
            os.rename(f"{root}/d", f"{root}/e")
            for name in names:
                os.unlink(f"{root}/e/{name}")
                os.mkdir(f"{root}/e/{name}")

        before(tree._disk, "kind", moves)
        events = told(watcher, root)
        assert not [event for event in events if event.startswith("CREATE,ISDIR d/")]
        assert [event for event in events if event.startswith("CREATE,ISDIR e/")]
        entries = {f"{root}/busy", f"{root}/e", *(f"{root}/e/{name}" for name in names)}
        assert watcher.snapshot().keys() == entries


def test_what_a_directory_says_of_itself_is_about_the_place_that_has_it(root):
    """An inode with two places: one of them has by now what came later."""
    with Watcher(mask=STRUCTURE) as watcher:
        for path in (root, f"{root}/."):
            watcher.add(path)
        os.mkdir(f"{root}/c")

        def another_comes():
            os.rename(f"{root}/c", f"{root}/a")
            os.mkdir(f"{root}/c")

        after(watcher._tree._disk, "entries", another_comes)
        watcher.sync()
        os.mkdir(f"{root}/a/deep")
        watcher.sync()
        names = ("a", "a/deep", "c")
        assert watcher.snapshot() == {f"{top}/{name}": True for top in (root, f"{root}/.") for name in names}


@pytest.mark.parametrize("number", range(9))
@pytest.mark.parametrize("name", ["c", "p/c"])
def test_a_directory_is_moved_though_the_first_half_of_its_exchange_was_merged(root, outside, name, number):
    """The kernel compares no cookies: what leaves twice in a row is told once. Wherever what was read ends."""
    os.makedirs(f"{root}/{name}/deep")
    os.makedirs(f"{outside}/u/below")
    with Watcher(root, mask=STRUCTURE) as watcher:
        if number:
            watcher._instance._buffer = buffers.ReadBuffer(buffers.LARGEST_RECORD)
        for each in range(number):
            os.mknod(f"{root}/{each}")
        os.mkdir(f"{root}/b")
        exchange(f"{outside}/u", f"{root}/b")
        exchange(f"{root}/b", f"{root}/{name}")
        assert told(watcher, root)[number:] == [
            *("CREATE,ISDIR b", "DELETE,ISDIR b", "MOVED_TO,ISDIR b", "MOVED_FROM,ISDIR b"),
            *(f"MOVED_FROM,ISDIR {name}", f"MOVED_TO,ISDIR b (from {name})"),
            *(f"MOVED_TO,ISDIR {name}", f"CREATE,ISDIR {name}/below"),
        ]


def test_directories_go_round_through_the_place_of_an_exchange_that_was_merged(root, outside):
    for name in "ac":
        os.makedirs(f"{root}/{name}/deep")
    os.makedirs(f"{outside}/u/below")
    with Watcher(root, mask=STRUCTURE) as watcher:
        listed = watcher.stats()["listed"]
        os.mkdir(f"{root}/b")
        exchange(f"{outside}/u", f"{root}/b")
        for name in "ac":
            exchange(f"{root}/b", f"{root}/{name}")
        events = told(watcher, root)
        assert events[4:8] == [
            *("MOVED_FROM,ISDIR a", "MOVED_TO,ISDIR b (from a)", "MOVED_TO,ISDIR a", "CREATE,ISDIR a/below"),
        ]
        assert [event for event in events if "deep" in event] == []
        # What came, and what is in it.
        assert watcher.stats()["listed"] - listed == 2
        assert watcher.snapshot().keys() == {
            f"{root}/{path}" for path in ("a", "a/below", "b", "b/deep", "c", "c/deep")
        }


def test_what_came_to_a_name_when_the_directory_had_moved_is_not_what_was_told_to_be_there(root, outside):
    """It never was at a path that the directory had by then."""
    with Watcher(root, mask=STRUCTURE) as watcher:
        for name in "cd":
            os.makedirs(f"{root}/p/{name}")

        def is_made_elsewhere():
            os.rmdir(f"{root}/p/c")
            os.rename(f"{root}/p", f"{root}/q")
            os.rename(f"{root}/q", f"{outside}/q")
            os.mkdir(f"{outside}/q/c")

        before(watcher._tree._disk, "visit", is_made_elsewhere)
        events = told(watcher, root) + told(watcher, root)
        assert sorted(events[:3]) == ["CREATE,ISDIR p", "CREATE,ISDIR p/c", "CREATE,ISDIR p/d"]
        assert events[3:] == [
            *("DELETE,ISDIR p/c", "MOVED_FROM,ISDIR p", "MOVED_TO,ISDIR q (from p)", "DELETE,ISDIR q/d"),
            "MOVED_FROM,ISDIR q",
        ]


def test_what_came_to_a_name_when_the_directory_had_moved_is_told_where_it_came(root):
    with Watcher(root, mask=STRUCTURE) as watcher:
        for name in "cd":
            os.makedirs(f"{root}/p/{name}")

        def is_made_elsewhere():
            os.rename(f"{root}/p/c", f"{root}/p/e")
            os.rename(f"{root}/p", f"{root}/q")
            os.makedirs(f"{root}/q/c/new")

        before(watcher._tree._disk, "visit", is_made_elsewhere)
        assert told(watcher, root)[3:] == [
            *("MOVED_FROM,ISDIR p/c", "MOVED_TO,ISDIR p/e (from p/c)"),
            *("MOVED_FROM,ISDIR p", "MOVED_TO,ISDIR q (from p)"),
            *("CREATE,ISDIR q/c", "CREATE,ISDIR q/c/new"),
        ]


# --- the oracle ---

EVENTS = {
    "a pair": [("MOVED_FROM", "x", None, False), ("MOVED_TO", "e", "x", False)],
    "a path that the entry never had": [("MOVED_FROM", "x", None, False), ("MOVED_TO", "y", "x", False)],
    "an old path that it never had": [("MOVED_FROM", "x", None, False), ("MOVED_TO", "e", "z", False)],
    "a path that there never was": [("CREATE", "q", None, True)],
    "taken back and created": [("DELETE", "x", None, True), ("CREATE", "e", None, True)],
}


@pytest.mark.parametrize("what", EVENTS)
def test_the_oracle_notices(what):
    """Only the pair is right, of a directory that had its watch and was renamed."""
    model = Model("/root", "/outside")
    model.apply(["mkdir", "/root/x", True, 1])
    model.begin()
    model.find("/root").bound = 0
    x = model.find("/root/x")
    model.apply(["rename", "/root/x", "/root/e", True, 0])
    events = [
        Event.of(
            f"/root/{name}",
            Mask[flag] | Mask.ISDIR,
            moved_from=None if old is None else f"/root/{old}",
            cause=Cause.LOOK if synthetic else Cause.KERNEL,
        )
        for flag, name, old, synthetic in EVENTS[what]
    ]
    complaints = Judge(model, [], [(0, "/root/x", x, 1)]).judge(events)
    assert bool(complaints) == (what != "a pair")


@pytest.mark.parametrize("inside", [False, True], ids=["outside of the tree", "in the tree"])
def test_what_a_new_directory_reports_while_it_is_away_is_not_told_at_its_name(root, outside, inside):
    away = f"{root}/b/a" if inside else f"{outside}/a"
    os.mkdir(f"{root}/b")
    with Watcher(root, mask=STRUCTURE) as watcher:
        disk = watcher._tree._disk
        enter, watch = disk.enter, disk.watch

        def entered(fd, name, *, follow):
            opened = enter(fd, name, follow=follow)
            if name == "a":
                # It is open, and not watched.
                disk.enter, disk.watch = enter, watched
                os.rename(f"{root}/a", away)
            return opened

        def watched(fd, mask):
            wd = watch(fd, mask)
            disk.watch = watch
            os.mknod(f"{away}/f")
            os.rename(away, f"{root}/a")
            return wd

        disk.enter = entered
        os.mkdir(f"{root}/a")
        told = [str(event).replace(f"{root}/", "") for event in watcher.sync() + watcher.sync()]
        there = ["MOVED_TO,ISDIR b/a (from a)", "CREATE b/a/f", "MOVED_FROM,ISDIR b/a"] if inside else []
        back = ["MOVED_TO,ISDIR a (from b/a)"] if inside else ["MOVED_TO,ISDIR a", "CREATE a/f"]
        assert told == ["CREATE,ISDIR a", "MOVED_FROM,ISDIR a", *there, *back]
