"""Races, each forced into its order: by a step between two calls on the disk, or by records that come late."""

from __future__ import annotations

import os

import pytest

from inotify_cffi import Mask, Watcher
from inotify_cffi.kernel.buffers import LARGEST_RECORD, ReadBuffer, Records
from tests.helpers.records import packed
from tests.stress import oracles
from tests.stress.queue import with_queue
from tests.stress.writers import RENAME_WHITEOUT, exchange, rename

STRUCTURE = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO


def before(watcher, verb, step, *, where=lambda *arguments: True):
    """Do *step* once, right before the tree's next call of *verb* on its disk for which *where* holds."""
    disk = watcher._tree._disk
    original = getattr(disk, verb)

    def stepped(*arguments, **options):
        if where(*arguments):
            setattr(disk, verb, original)
            step()
        return original(*arguments, **options)

    setattr(disk, verb, stepped)


def lines(watcher):
    """What is told up to now, without the root's path."""
    root = watcher._tree.ledger.roots[0].name + "/"
    # What a step between two calls did is queued after the first fence.
    return [str(event).replace(root, "") for event in watcher.sync() + watcher.sync()]


class Late:
    """Hold back the MOVED_TO records of a queue until they are let go: a rename between its halves."""

    def __init__(self, watcher):
        self.disk = watcher._tree._disk
        self.read, self.queued = self.disk.read, self.disk.queued
        self.held = []
        self.holding = True
        self.disk.read = self.late_read
        self.disk.queued = self.late_queued

    def let_go(self):
        self.holding = False

    def late_queued(self):
        return self.queued() + (0 if self.holding else 32 * len(self.held))

    def late_read(self, records):
        scratch = Records()
        size = self.read(scratch)
        raws = [scratch.raw(at) for at in range(scratch.count)]
        if not size and not self.holding:
            raws, self.held = self.held, []
        if self.holding:
            self.held += [raw for raw in raws if raw[1] & Mask.MOVED_TO]
            raws = [raw for raw in raws if not raw[1] & Mask.MOVED_TO]
        data = packed(*raws)
        records.feed(data)
        # It has read something, though that may be held back.
        return len(data) or size


def test_an_entry_made_between_watching_and_listing_is_told_once(root):
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.mkdir(root + "/a")
        before(watcher, "entries", lambda: os.mknod(root + "/a/f"))
        assert lines(watcher) == ["CREATE,ISDIR a", "CREATE a/f"]


def test_a_directory_made_between_watching_and_listing_is_told_once(root):
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.mkdir(root + "/a")
        before(watcher, "entries", lambda: os.makedirs(root + "/a/b/c"))
        assert lines(watcher) == ["CREATE,ISDIR a", "CREATE,ISDIR a/b", "CREATE,ISDIR a/b/c"]


def test_an_entry_removed_between_watching_and_listing_is_not_told(root):
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.mkdir(root + "/a")
        os.mknod(root + "/a/f")
        before(watcher, "entries", lambda: os.unlink(root + "/a/f"))
        assert lines(watcher) == ["CREATE,ISDIR a"]


def test_a_directory_replaced_between_listing_and_entering_is_the_one_that_is_there(root):
    def replace():
        os.rmdir(root + "/a/b")
        os.mkdir(root + "/a/b")
        os.mknod(root + "/a/b/new")

    with Watcher(root, mask=STRUCTURE) as watcher:
        os.makedirs(root + "/a/b")
        replayer = oracles.Replayer(root, snapshot=watcher.snapshot())
        before(watcher, "enter", replace, where=lambda fd, name: name == "b")
        replayer.apply(watcher.sync())
        assert replayer.state == oracles.listing(root)
        assert oracles.complaints_at_rest(watcher, replayer) == []


def test_a_watch_that_is_added_again_keeps_what_it_was_asked_for(root):
    """Neither of the two is among the kinds that every watch is asked for."""
    os.mknod(root + "/f")
    with Watcher(root, mask=Mask.MODIFY) as watcher:
        watcher.add(root + "/.", mask=Mask.ATTRIB)
        os.truncate(root + "/f", 1)
        os.utime(root + "/f")
        assert [str(event) for event in watcher.sync()] == [f"MODIFY {root}/f", f"ATTRIB {root}/./f"]


def test_the_second_half_of_a_move_is_waited_for_behind_the_lock_of_the_source(root):
    os.makedirs(root + "/a/x")
    os.mkdir(root + "/b")
    with Watcher(root, mask=STRUCTURE) as watcher:
        late = Late(watcher)
        # Whoever lists the source directory waits for the rename to be over: both halves are queued then.
        before(watcher, "pass_lock", late.let_go)
        os.rename(root + "/a/x", root + "/b/x")
        assert lines(watcher) == [
            "MOVED_FROM,ISDIR a/x",
            f"MOVED_TO,ISDIR b/x (from {root}/a/x)".replace(root + "/", ""),
        ]


def test_a_half_that_comes_after_all_is_told_as_an_arrival(root):
    os.makedirs(root + "/a/x")
    os.mknod(root + "/a/x/f")
    os.mkdir(root + "/b")
    with Watcher(root, mask=STRUCTURE) as watcher:
        replayer = oracles.Replayer(root, snapshot=watcher.snapshot())
        late = Late(watcher)
        os.rename(root + "/a/x", root + "/b/x")
        told = watcher.sync()
        assert [event.names[0] for event in told] == ["DELETE", "MOVED_FROM"]
        late.let_go()
        told += watcher.sync()
        replayer.apply(told)
        assert oracles.complaints_at_rest(watcher, replayer) == []


def test_what_a_rename_leaves_at_its_old_name_is_told(root):
    """RENAME_WHITEOUT puts a device there, and no event tells it."""
    os.mknod(root + "/a")
    with Watcher(root, mask=STRUCTURE) as watcher:
        try:
            rename(root + "/a", root + "/b", RENAME_WHITEOUT)
        except OSError as error:
            pytest.skip(f"no whiteouts here: {error}")
        assert lines(watcher) == [
            "MOVED_FROM a",
            f"MOVED_TO b (from {root}/a)".replace(root + "/", ""),
            "CREATE a",
        ]


def test_a_move_is_told_out_at_once_if_its_directory_has_gone_on(root, outside):
    os.mkdir(root + "/a")
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.rename(root + "/a", outside + "/a")
        os.mknod(root + "/later")
        assert lines(watcher) == ["MOVED_FROM,ISDIR a", "CREATE later"]
        assert watcher.stats()["barriers"] == 0


def test_a_listing_that_shows_a_directory_which_moves_on_does_not_lose_what_is_in_it(root):
    os.makedirs(root + "/a/b")
    os.mkdir(root + "/z")
    with Watcher(root, mask=STRUCTURE) as watcher:
        replayer = oracles.Replayer(root, snapshot=watcher.snapshot())
        os.mknod(root + "/a/b/f")
        watcher._tree.distrust()
        # The listing of a shows b; then b moves; so b can not be entered where it was listed.
        before(
            watcher,
            "enter",
            lambda: os.rename(root + "/a/b", root + "/z/b"),
            where=lambda fd, name: name == "b",
        )
        os.mknod(root + "/g")
        replayer.apply(watcher.sync())
        assert oracles.complaints_at_rest(watcher, replayer) == []


def test_what_was_lost_in_a_directory_that_moves_while_it_is_compared_is_told(root):
    """The directory's own events are lost; only its move is still to be read."""
    os.makedirs(root + "/a")
    os.mkdir(root + "/z")
    with Watcher(root, mask=STRUCTURE) as watcher:
        replayer = oracles.Replayer(root, snapshot=watcher.snapshot())
        os.mknod(root + "/a/f")
        while watcher._instance.read():
            pass
        watcher._tree.distrust()
        before(watcher, "enter", lambda: os.rename(root + "/a", root + "/z/a"), where=lambda fd, name: name == "a")
        replayer.apply(watcher.sync())
        assert oracles.complaints_at_rest(watcher, replayer) == []


def test_an_interruption_in_the_middle_of_an_event_loses_nothing(root):
    class Interrupt(BaseException):
        pass

    def interrupt():
        raise Interrupt

    with Watcher(root, mask=STRUCTURE) as watcher:
        replayer = oracles.Replayer(root, snapshot=watcher.snapshot())
        os.makedirs(root + "/a/b")
        os.mknod(root + "/a/b/f")
        before(watcher, "entries", interrupt)
        with pytest.raises(Interrupt):
            watcher.sync()
        replayer.apply(watcher.sync())
        assert oracles.complaints_at_rest(watcher, replayer) == []


def test_no_descriptor_is_left_open_by_an_interruption(root):
    class Interrupt(BaseException):
        pass

    def interrupt():
        raise Interrupt

    with Watcher(root) as watcher:
        before_fds = len(os.listdir("/proc/self/fd"))
        for verb in ("entries", "watch", "enter"):
            os.makedirs(f"{root}/{verb}/b")
            before(watcher, verb, interrupt)
            with pytest.raises(Interrupt):
                watcher.sync()
        watcher.sync()
        assert len(os.listdir("/proc/self/fd")) == before_fds


def test_what_was_lost_behind_the_overflow_marker_is_told(root):
    """Room that a read makes is filled behind the marker, and what is lost after that has no marker of its own."""
    with with_queue(16, [root]) as watcher:
        watcher._instance._buffer = ReadBuffer(LARGEST_RECORD)
        os.mkdir(root + "/d")
        replayer = oracles.Replayer(root, snapshot=watcher.snapshot())
        told = watcher.sync()
        for number in range(20):
            os.mknod(f"{root}/{number}")
        # One read of the small buffer makes room for some records. The removal of d gets in, its return does not.
        assert watcher._tree._intake.read()
        os.rmdir(root + "/d")
        for number in range(20):
            os.unlink(f"{root}/{number}")
        os.mkdir(root + "/d")
        told += watcher.sync()
        replayer.apply(told)
        assert oracles.complaints_at_rest(watcher, replayer) == []
        assert [event.names for event in told if event.mask & Mask.Q_OVERFLOW]


def test_a_directory_that_a_listing_found_is_not_told_again_by_its_own_move(root, outside):
    os.makedirs(outside + "/x/y")
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.mkdir(root + "/a")
        before(watcher, "entries", lambda: os.rename(outside + "/x", root + "/a/x"))
        assert lines(watcher) == ["CREATE,ISDIR a", "CREATE,ISDIR a/x", "CREATE,ISDIR a/x/y"]


def test_a_directory_found_at_its_new_place_before_its_move_was_read_is_told_as_moved(root):
    os.makedirs(root + "/x/y")
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.mkdir(root + "/a")
        before(watcher, "entries", lambda: os.rename(root + "/x", root + "/a/x"))
        assert lines(watcher) == [
            *("CREATE,ISDIR a", "CREATE,ISDIR a/x", "DELETE,ISDIR a/x"),
            *("MOVED_FROM,ISDIR x", f"MOVED_TO,ISDIR a/x (from {root}/x)".replace(root + "/", "")),
        ]
        assert watcher.stats()["watches"] == 4


def test_a_name_in_doubt_is_looked_at_even_if_its_directory_moves_before_the_look(root, outside):
    """The merged arrival of ``merged_halves``, in a directory that is somewhere else when the name is looked up."""
    os.mkdir(root + "/d")
    os.makedirs(outside + "/x/below")
    os.mkdir(outside + "/y")
    with Watcher(root, mask=STRUCTURE) as watcher:
        replayer = oracles.Replayer(root, snapshot=watcher.snapshot())
        os.rename(outside + "/y", root + "/d/b")
        exchange(outside + "/x", root + "/d/b")

        def move_on():
            os.rename(root + "/d", root + "/e")
            os.mknod(root + "/d")

        original = watcher._tree._reconciler._look

        def look(parent, name):
            if name == "b":
                move_on()
                watcher._tree._reconciler._look = original
            original(parent, name)

        watcher._tree._reconciler._look = look
        replayer.apply(watcher.sync() + watcher.sync())
        assert oracles.complaints_at_rest(watcher, replayer) == []


def test_a_file_that_became_a_directory_while_events_were_lost_is_watched_as_one(root):
    with Watcher(root + "/a", mask=STRUCTURE, missing="wait") as watcher:
        os.mknod(root + "/a")
        assert [str(event) for event in watcher.sync()][-1] == f"CREATE {root}/a"
        os.unlink(root + "/a")
        os.makedirs(root + "/a/b")
        while watcher._instance.read():
            pass
        watcher._tree.distrust()
        watcher.sync()
        assert watcher.snapshot() == {root + "/a/b": True}
        os.mknod(root + "/a/b/f")
        assert [str(event) for event in watcher.sync()] == [f"CREATE {root}/a/b/f"]


def test_a_name_in_doubt_is_looked_at_even_if_its_root_is_away_for_the_look(root, outside):
    os.makedirs(outside + "/x/below")
    os.mkdir(outside + "/y")
    with Watcher(root, mask=STRUCTURE, missing="wait") as watcher:
        replayer = oracles.Replayer(root, snapshot=watcher.snapshot())
        os.rename(outside + "/y", root + "/b")
        exchange(outside + "/x", root + "/b")
        original = watcher._tree._reconciler._look

        def look(parent, name):
            watcher._tree._reconciler._look = original
            os.rename(root, root + " kept")
            os.mkdir(root)
            original(parent, name)
            os.rmdir(root)
            os.rename(root + " kept", root)

        watcher._tree._reconciler._look = look
        replayer.apply(watcher.sync() + watcher.sync())
        assert oracles.complaints_at_rest(watcher, replayer) == []


def test_a_directory_that_lost_its_watch_and_is_too_deep_now_gives_up_what_is_in_it(root):
    os.makedirs(root + "/x/d/e")
    os.mkdir(root + "/y")
    with Watcher(root, mask=STRUCTURE, max_depth=3) as watcher:
        ledger = watcher._tree.ledger
        # As where its inode was found at another place: the ledger knows its entries, and no watch.
        before(
            watcher,
            "enter",
            lambda: ledger.unbind(ledger.roots[0].children["y"].children["x"].children["d"]),
            where=lambda fd, name: name == "x" and "x" in ledger.roots[0].children["y"].children,
        )
        os.rename(root + "/x", root + "/y/x")
        assert lines(watcher) == [
            *("MOVED_FROM,ISDIR x", f"MOVED_TO,ISDIR y/x (from {root}/x)".replace(root + "/", "")),
            "DELETE,ISDIR y/x/d/e",
        ]
