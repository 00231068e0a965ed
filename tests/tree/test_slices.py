"""A step of the tree takes a slice of time at most: what is left of it waits, and events are applied in between.

Here a turn is over whenever the clock is asked, so a step does as little as can be, and a test says what happens
between two of them. After each step the ledger is what was told.
"""

from __future__ import annotations

import gc
import os
import select
import shutil

import inside
import pytest
from consumer import Consumer, Counted, before, brief, write, write_all
from interrupting import EachPlace, World

from inotify_cffi import Mask, Watcher
from inotify_cffi.kernel.buffers import Records
from inotify_cffi.tree import apply
from inotify_cffi.tree.crawls import MANY_KEPT
from inotify_cffi.tree.disk import RECORD, Disk
from inotify_cffi.watching import reading
from tests.helpers.slices import short_turns
from tests.replay import Replay
from tests.stress import oracles
from tests.stress.queue import with_queue
from tests.stress.writers import exchange

ENTRIES = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO

# More than any test here takes.
MANY = 5000

# What one step does at most: calls to the disk, and events.
FEW_CALLS = 40
FEW_EVENTS = 4


@pytest.fixture(autouse=True)
def turns_of_one_step():
    with short_turns():
        yield


class Steps(Consumer):
    """Takes one step after the other, and replays what each tells."""

    def __init__(self, root, **options):
        super().__init__(root, **{"mask": ENTRIES, **options})
        self.told = []

    def step(self):
        """One step: False if all is quiet."""
        more = self.watcher._tree.advance(0.0)
        events = self.take(self.watcher._tree.take())
        self.told += [line.replace(self.root + "/", "") for line in brief(events)]
        assert self.snapshot() == self.replayer.state
        return more

    def until(self, is_so):
        """Take steps until something is told, or is so."""
        for _ in range(MANY):
            if (is_so in self.told) if isinstance(is_so, str) else is_so():
                return
            self.step()
        raise AssertionError(f"it does not come to that: {self.told}")

    def finish(self):
        """Take all steps that there are."""
        for _ in range(MANY):
            if not self.step() and not self.watcher._tree.in_doubt:
                return self.told
        raise AssertionError("it does not come to rest")

    def assert_all_is_well(self):
        self.finish()
        self.assert_each_directory_reports()

    @property
    def crawls(self):
        """The crawls that are under way."""
        return self.watcher._tree._crawls._under_way

    @property
    def way(self):
        """The names of the two outermost directories that are crawled."""
        return [frame.node.name for crawl in self.crawls for frame in crawl.frames][:2]

    @property
    def listed(self):
        return self.watcher.stats()["listed"]


def make_tree(top, *, width=3, depth=2, files=2):
    """Directories in directories, with files in each."""
    os.makedirs(top)
    for number in range(files):
        write(f"{top}/file{number}")
    if depth:
        for number in range(width):
            make_tree(f"{top}/d{number}", width=width, depth=depth - 1, files=files)


# --- how much one step does ---


def most_in_a_step(consumer):
    """The most calls to the disk and the most events of one step, until all is quiet."""
    counted = Counted(consumer.watcher._tree._disk)
    calls = events = steps = 0
    more = True
    while more or consumer.watcher._tree.in_doubt:
        before, told = counted.calls, len(consumer.told)
        more = consumer.step()
        calls = max(calls, counted.calls - before)
        events = max(events, len(consumer.told) - told)
        steps += 1
        assert steps < MANY
    assert steps > 10, "it was not much"
    return calls, events


def assert_steps_are_short(consumer):
    calls, events = most_in_a_step(consumer)
    assert calls <= FEW_CALLS
    assert events <= FEW_EVENTS
    consumer.assert_all_is_well()


@pytest.mark.parametrize("track", ["entries", "directories"])
def test_a_tree_that_moves_in_is_listed_a_little_at_a_time(root, outside, track):
    make_tree(outside + "/t")
    with Watcher(root, track=track) as watcher:
        os.rename(outside + "/t", root + "/t")
        counts = []
        while watcher._tree.advance(0.0) or watcher._tree.in_doubt:
            counts.append(len(watcher._tree.take()))
        assert max(counts) <= FEW_EVENTS
        assert len(counts) > 13


@pytest.mark.parametrize("files", [2, 3000])
def test_a_tree_that_moves_in_takes_short_steps(root, outside, files):
    """Whether it has many directories, or one with more names than one call lists."""
    make_tree(outside + "/t", depth=2 if files < 10 else 0, files=files)
    with Steps(root) as consumer:
        os.rename(outside + "/t", root + "/t")
        assert_steps_are_short(consumer)


@pytest.mark.parametrize("files", [2, 200])
def test_a_tree_that_moves_out_takes_short_steps(root, outside, files):
    make_tree(root + "/t", depth=2 if files < 10 else 0, files=files)
    with Steps(root) as consumer:
        os.rename(root + "/t", outside + "/t")
        assert_steps_are_short(consumer)


def test_a_tree_that_vanished_while_events_were_lost_takes_short_steps(root):
    make_tree(root + "/a/t")
    make_tree(root + "/stays")
    with Steps(root) as consumer:
        shutil.rmtree(root + "/a/t")
        lose_all(consumer)
        assert_steps_are_short(consumer)


def test_a_root_that_vanishes_takes_short_steps(root, outside):
    make_tree(root + "/t")
    with Steps(root, missing="wait") as consumer:
        os.rename(root, outside + "/gone")
        calls, events = most_in_a_step(consumer)
        assert calls <= FEW_CALLS
        assert events <= FEW_EVENTS
        assert list(consumer.watcher.unwatched()) == [root]
        os.rename(outside + "/gone", root)
        assert_steps_are_short(consumer)


def test_many_doubts_are_settled_a_few_at_a_time(root):
    for number in range(40):
        os.makedirs(f"{root}/d{number}/below")
    with Steps(root) as consumer:
        for number in range(40):
            os.rename(f"{root}/d{number}", f"{root}/e{number}")
        assert_steps_are_short(consumer)


def test_links_below_a_moved_directory_are_looked_at_a_few_at_a_time(root, outside):
    os.mkdir(outside + "/far")
    for number in range(30):
        os.makedirs(f"{root}/t/d{number}")
        os.symlink(outside + "/far", f"{root}/t/d{number}/link")
    with Steps(root, follow_symlinks=True, max_places=30) as consumer:
        os.rename(root + "/t", root + "/u")
        calls, events = most_in_a_step(consumer)
        assert calls <= FEW_CALLS
        assert events <= FEW_EVENTS


def test_directories_to_be_read_again_are_told_a_few_at_a_time(root):
    make_tree(root + "/t", depth=3)
    with Watcher(root, track="directories", exclude=["x/nothing"]) as watcher:
        os.rename(root + "/t", root + "/u")
        told = []
        while watcher._tree.advance(0.0) or watcher._tree.in_doubt:
            events = watcher._tree.take()
            assert len(events) <= FEW_EVENTS
            told += events
        again = {event.path for event in told if event.mask & Mask.RESCAN}
        assert again == {path for path, is_dir in watcher.snapshot().items() if is_dir}


def test_files_of_many_new_directories_are_forgotten_a_few_at_a_time(root, outside):
    make_tree(outside + "/t")
    with Watcher(root, track="directories") as watcher:
        ledger = watcher._tree.ledger
        os.rename(outside + "/t", root + "/t")
        forgotten = []
        forget = ledger.forget_files
        ledger.forget_files = lambda node: forgotten.append(node) or forget(node)
        most = 0
        while watcher._tree.advance(0.0) or watcher._tree.in_doubt:
            most = max(most, len(forgotten))
            forgotten.clear()
        assert most <= 2
        assert all(watcher.snapshot().values())
        assert not any(node.fresh for node in ledger.subtree(ledger.roots[0]))


def test_files_are_forgotten_though_the_last_step_has_time_for_all_that_is_left_to_list(
    root, outside, monkeypatch
):
    """The queue was empty before, and nothing comes any more."""
    make_tree(outside + "/t", depth=0, files=30)
    with Watcher(root, track="directories") as watcher:
        tree = watcher._tree
        os.rename(outside + "/t", root + "/t")
        told = 0
        while told < 10:
            tree.advance(0.0)
            told += len(tree.take())
        monkeypatch.setattr(Disk, "is_over", lambda _disk, _share: False)
        while tree.advance(0.0) or tree.in_doubt:
            pass
        assert told + len(tree.take()) == 31
        assert not any(node.fresh for node in tree.ledger.subtree(tree.ledger.roots[0]))


def test_what_came_behind_an_overflow_is_dropped_a_little_at_a_time(root):
    """The queue of this machine is much for one step, whoever may make a smaller one."""
    write_all(root, "one", "two")
    with Steps(root, mask=Mask.CHANGES) as consumer:
        consumer.finish()
        size = -1
        while consumer.watcher._instance.queued_bytes() != size:
            size = consumer.watcher._instance.queued_bytes()
            for _ in range(200):
                os.utime(f"{root}/one")
                os.utime(f"{root}/two")
        # The first step makes room for some.
        consumer.step()
        for _ in range(100):
            os.utime(f"{root}/one")
            os.utime(f"{root}/two")
        dropped = []
        while consumer.watcher._tree.advance(0.0):
            consumer.take(consumer.watcher._tree.take())
            dropped.append(consumer.watcher._tree._losses.is_due)
        assert sum(dropped) > 100


# --- what happens in between ---


def test_an_event_elsewhere_is_told_before_a_large_tree_is(root, outside):
    make_tree(outside + "/t")
    with Steps(root) as consumer:
        os.rename(outside + "/t", root + "/t")
        consumer.until(lambda: consumer.crawls)
        write(root + "/live")
        consumer.finish()
        assert consumer.told.index("CREATE live") < len(consumer.told) - 10
        consumer.assert_all_is_well()


def test_what_happens_in_a_directory_that_waits_to_be_entered_is_told_once(root, outside):
    make_tree(outside + "/t")
    with Steps(root) as consumer:
        os.rename(outside + "/t", root + "/t")
        consumer.until("CREATE,ISDIR t/d2")
        os.unlink(root + "/t/d2/file0")
        write(root + "/t/d2/new")
        os.rename(root + "/t/d2/d0", root + "/t/d2/e0")
        consumer.finish()
        assert consumer.told.count("CREATE t/d2/new") == 1
        assert not [line for line in consumer.told if "t/d2/file0" in line or "t/d2/d0" in line]
        consumer.assert_all_is_well()


def moved(root, outside):
    """Move the directory that is crawled to another place, and back to its depth."""
    os.rename(root + "/t", root + "/u")


def deeper(root, outside):
    os.mkdir(root + "/deep")
    os.rename(root + "/t", root + "/deep/t")


def out(root, outside):
    os.rename(root + "/t", outside + "/gone")


def out_and_in(root, outside):
    os.rename(root + "/t", outside + "/gone")
    os.rename(outside + "/gone", root + "/back")


def removed(root, outside):
    shutil.rmtree(root + "/t")


def removed_and_made_again(root, outside):
    shutil.rmtree(root + "/t")
    make_tree(root + "/t", width=2)


def exchanged(root, outside):
    make_tree(outside + "/other", width=2)
    exchange(root + "/t", outside + "/other")


def exchanged_inside(root, outside):
    exchange(root + "/t", root + "/quiet")


def overwritten(root, outside):
    os.mkdir(outside + "/empty")
    shutil.rmtree(root + "/t")
    os.mkdir(root + "/t")
    os.rename(outside + "/empty", root + "/t")


def a_part_moved(root, outside):
    """What is being crawled, out of what is crawled around it."""
    os.rename(root + "/t/d0", root + "/quiet/d0")


def waiting_parts_moved(root, outside):
    os.rename(root + "/t/d1", root + "/quiet/d1")
    os.rename(root + "/t/d2", root + "/d2")


def parts_moved_into_each_other(root, outside):
    os.rename(root + "/t/d2", root + "/t/d0/e2")
    os.rename(root + "/t/d1", root + "/t/d0/d0/e1")


def parts_of_waiting_parts_moved(root, outside):
    os.rename(root + "/t/d1/d0", root + "/quiet/e0")
    os.rename(root + "/t/d2/d1", root + "/e1")
    os.rename(root + "/t/d2/d2", root + "/t/e2")


def parts_moved_and_the_rest_removed(root, outside):
    os.rename(root + "/t/d2", root + "/d2")
    shutil.rmtree(root + "/t")


WHATEVER = [
    moved,
    deeper,
    out,
    out_and_in,
    removed,
    removed_and_made_again,
    exchanged,
    exchanged_inside,
    overwritten,
    a_part_moved,
    waiting_parts_moved,
    parts_moved_into_each_other,
    parts_of_waiting_parts_moved,
    parts_moved_and_the_rest_removed,
]


def lose_all(consumer):
    """Lose what is queued, as an overflow does."""
    while consumer.watcher._instance.read():
        pass
    consumer.watcher._tree.distrust()


@pytest.mark.parametrize("options", [{}, {"max_depth": 3}, {"exclude": ["u", "deep/*/d1"]}], ids=str)
@pytest.mark.parametrize("when", ["CREATE,ISDIR t/d0", "CREATE,ISDIR t/d0/d1", "CREATE t/d0/d1/file1"])
@pytest.mark.parametrize("what", WHATEVER, ids=lambda what: what.__name__)
def test_whatever_becomes_of_a_tree_that_is_crawled(root, outside, what, when, options):
    make_tree(outside + "/t")
    make_tree(root + "/quiet", depth=0)
    with Steps(root, **options) as consumer:
        os.rename(outside + "/t", root + "/t")
        for _ in range(MANY):
            if when in consumer.told or not consumer.step():
                break
        what(root, outside)
        consumer.finish()
        assert oracles.complaints_at_rest(consumer, consumer.replayer, admitted(options)) == []


@pytest.mark.parametrize("steps", [30, 60, 90, 120, 150])
@pytest.mark.parametrize("what", WHATEVER, ids=lambda what: what.__name__)
def test_whatever_becomes_of_a_tree_whose_links_wait_until_all_else_is_entered(root, outside, what, steps):
    make_tree(outside + "/far", width=2, depth=1)
    make_tree(outside + "/t")
    for place in ("", "/d0", "/d1/d0", "/d2", "/d2/d1"):
        os.symlink(outside + "/far", f"{outside}/t{place}/link")
    make_tree(root + "/quiet", depth=0)
    with Steps(root, follow_symlinks=True) as consumer:
        os.rename(outside + "/t", root + "/t")
        for _ in range(steps):
            consumer.step()
        what(root, outside)
        consumer.finish()
        assert oracles.complaints_of_links(consumer, consumer.replayer) == []


def admitted(options):
    """What the options admit, of what happens here."""

    def admits(path, *, is_dir):
        names = path.split("/")
        if len(names) > options.get("max_depth", len(names)):
            return False
        return not options.get("exclude") or ("u" not in names and not (names[0] == "deep" and "d1" in names[2:3]))

    return admits


@pytest.mark.parametrize("steps", [1, 3, 6, 10, 16])
@pytest.mark.parametrize("what", WHATEVER, ids=lambda what: what.__name__)
def test_whatever_becomes_of_a_tree_that_is_compared(root, outside, what, steps):
    """And what had happened in it before, of which the events are lost, is told."""
    make_tree(root + "/t")
    make_tree(root + "/quiet", depth=0)
    with Steps(root, mask=Mask.CHANGES) as consumer:
        for top, directories, _ in os.walk(root):
            write(f"{top}/new")
            if not directories:
                write(f"{top}/file0", "changed")
                os.unlink(f"{top}/file1")
        lose_all(consumer)
        for _ in range(steps):
            consumer.step()
        what(root, outside)
        consumer.finish()
        assert oracles.complaints_at_rest(consumer, consumer.replayer) == []


@pytest.mark.parametrize("steps", range(1, 40, 3))
def test_a_directory_that_was_to_be_compared_and_is_moved_is_compared_where_it_is(root, steps):
    make_tree(root + "/t", width=4, depth=1)
    os.mkdir(root + "/z")
    with Steps(root) as consumer:
        for number in range(4):
            write(f"{root}/t/d{number}/lost")
        lose_all(consumer)
        for _ in range(steps):
            consumer.step()
        for number in range(4):
            os.rename(f"{root}/t/d{number}", f"{root}/z/d{number}")
        consumer.assert_all_is_well()


def test_a_directory_that_moves_while_it_is_crawled_is_not_crawled_again(root, outside):
    make_tree(outside + "/t", width=4)
    with Steps(root) as consumer:
        os.rename(outside + "/t", root + "/t")
        consumer.until("CREATE t/d1/file0")
        listed = consumer.listed
        for number in range(20):
            os.rename(f"{root}/{'tu'[number % 2]}", f"{root}/{'ut'[number % 2]}")
            consumer.step()
            consumer.step()
        consumer.finish()
        # What was listed when a move of it had not been read yet is listed once more.
        assert listed < consumer.listed <= 2 * 22
        consumer.assert_all_is_well()


def test_a_crawl_waits_for_the_way_to_where_it_was(root, outside):
    """The directory has moved on, and the event that says so is not applied yet."""
    make_tree(outside + "/t")
    with Steps(root) as consumer:
        os.rename(outside + "/t", root + "/t")
        consumer.until(lambda: consumer.crawls and consumer.crawls[0].frames[-1].listing is None)
        os.rename(root + "/t", root + "/u")
        consumer.watcher._tree._crawls.go_on()
        assert [crawl.is_stuck for crawl in consumer.crawls] == [True]
        consumer.finish()
        assert consumer.listed == 14
        consumer.assert_all_is_well()


@pytest.mark.parametrize("what", ["frames", "links"])
def test_what_moved_out_of_a_directory_that_is_crawled_anew_is_crawled_on(root, outside, what):
    """An earlier crawl from there has nothing to do any more, but in what is elsewhere by now."""
    make_tree(outside + "/t", depth=3)
    make_tree(outside + "/a", depth=3)
    os.symlink(outside + "/a/d0", outside + "/t/d0/link")
    with Steps(root, follow_symlinks=what == "links") as consumer:
        os.rename(outside + "/t", root + "/t")
        consumer.until("CREATE,ISDIR t/d0/d2")
        first = consumer.crawls[0]
        waits = (lambda: first.later) if what == "links" else (lambda: first.frames[-1].listing is None)
        consumer.until(waits)
        os.rename(outside + "/a", root + "/a")
        consumer.until(lambda: len(consumer.crawls) == 2)
        # One that has to wait for the way to where it was comes behind the others.
        consumer.crawls.reverse()
        os.rename(root + "/t/d0", root + "/u")
        consumer.until("MOVED_TO,ISDIR u (from t/d0)")
        assert consumer.crawls[1] is first
        ledger = consumer.watcher._tree.ledger
        assert root + "/u" in [ledger.place(frame.node).path for frame in (*first.frames, *first.later)]
        consumer.watcher._tree._crawls.scan(first.top)
        assert first not in consumer.crawls
        consumer.finish()
        complain = oracles.complaints_of_links if what == "links" else oracles.complaints_at_rest
        assert complain(consumer, consumer.replayer) == []


@pytest.mark.parametrize("name", ["t", "t/d0"])
def test_what_moves_to_where_nothing_is_entered_is_not_crawled_on(root, outside, name):
    """Whether it is the top of what is crawled, or has to be taken out of what is crawled around it."""
    make_tree(outside + "/t")
    os.mkdir(root + "/a")
    os.mkdir(root + "/b")
    watcher = Watcher(root + "/a", mask=ENTRIES)
    watcher.add(root + "/b", recursive=False)
    with Steps(root, watcher=watcher) as consumer:
        consumer.replayer = oracles.Replayer(root + "/a", root + "/b", snapshot={})
        os.rename(outside + "/t", root + "/a/t")
        consumer.until(lambda: consumer.way == ["t", "d0"] and consumer.crawls[0].frames[1].todo)
        os.rename(f"{root}/a/{name}", root + "/b/there")
        consumer.finish()
        assert f"MOVED_TO,ISDIR b/there (from {root}/a/{name})".replace(root + "/", "") in consumer.told
        assert not [
            line for line in consumer.told if line.startswith(("CREATE b/there/", "CREATE,ISDIR b/there/"))
        ]
        assert consumer.snapshot() == {**oracles.listing(root + "/a"), root + "/b/there": True}


# --- a directory with many entries ---


@pytest.fixture
def listing(root, outside):
    """A directory that is listed a few names at a time, in the middle of that."""
    os.mkdir(outside + "/t")
    for number in range(40):
        write(f"{outside}/t/f{number}")
        os.mkdir(f"{outside}/t/d{number}")
    with Steps(root) as consumer:
        os.rename(outside + "/t", root + "/t")
        while len(consumer.told) < 40:
            consumer.step()
        yield consumer


def known(consumer, kind):
    """Of the names of a kind one that was told, and one that was not."""
    told = [
        path[len(consumer.root) + 3 :] for path in consumer.snapshot() if path.startswith(consumer.root + "/t/")
    ]
    told = [name for name in told if name[0] == kind]
    return told[-1], next(
        name for name in sorted(os.listdir(consumer.root + "/t")) if name[0] == kind and name not in told
    )


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("which", ["told", "not told"])
@pytest.mark.parametrize("what", ["removed", "made again", "renamed", "moved away", "another kind"])
def test_what_happens_to_a_name_while_its_directory_is_listed(listing, root, kind, which, what):
    name = known(listing, kind)[which == "not told"]
    path = f"{root}/t/{name}"
    if what == "renamed":
        os.rename(path, path + "new")
    elif what == "moved away":
        os.rename(path, f"{root}/{name}")
    else:
        (os.unlink if kind == "f" else os.rmdir)(path)
    if what == "made again":
        write_all(path, "below/f") if kind == "d" else write(path)
    elif what == "another kind":
        write_all(path, "below/f") if kind == "f" else write(path)
    listing.assert_all_is_well()


def test_names_that_come_and_go_while_their_directory_is_listed(listing, root):
    for number in range(60):
        write(f"{root}/t/new{number}")
        os.unlink(f"{root}/t/new{number}")
        write_all(f"{root}/t/dir{number}", "f")
        listing.step()
    listing.assert_all_is_well()


def test_a_directory_that_is_listed_and_moves_is_listed_at_most_once_more(listing, root):
    """What was not told yet of it is told where it is by then."""
    count = listing.listed
    os.rename(root + "/t", root + "/u")
    listing.assert_all_is_well()
    assert count + 40 <= listing.listed <= count + 41


def test_a_directory_is_removed_while_it_is_listed(listing, root):
    shutil.rmtree(root + "/t")
    listing.assert_all_is_well()


def test_another_directory_is_where_a_link_leads_while_that_is_listed(root, outside):
    """What the first one has is not found there, though it is still open."""
    for number in range(40):
        write_all(outside, f"far/old{number}")
    write_all(outside, "other/new", "t/")
    os.symlink(outside + "/far", outside + "/t/link")
    # The other one is listed at once, before it is gone on with the first.
    with short_turns(few=8), Steps(root, follow_symlinks=True) as consumer:
        os.rename(outside + "/t", root + "/t")
        while len(consumer.told) < 10:
            consumer.step()
        exchange(outside + "/far", outside + "/other")
        told = consumer.finish()
        assert "CREATE t/link/new" in told
        assert len([line for line in told if line.startswith("CREATE t/link/old")]) < 20
        assert oracles.complaints_of_links(consumer, consumer.replayer) == []


def test_names_that_vanished_from_a_large_directory_while_events_were_lost(root):
    for number in range(60):
        write_all(root, f"f{number}", f"d{number}/below")
    with Steps(root) as consumer:
        for number in range(0, 60, 2):
            os.unlink(f"{root}/f{number}")
            shutil.rmtree(f"{root}/d{number}")
            write(f"{root}/d{number}")
        lose_all(consumer)
        consumer.step()
        os.unlink(root + "/f1")
        write(root + "/f2")
        consumer.assert_all_is_well()


def test_all_files_of_another_directory_are_told_as_changed_though_its_listing_was_given_up(root, outside):
    """It has the same names, and its files are older than anything that was lost."""
    for top in (root, outside):
        for number in range(20):
            write_all(top, f"t/f{number}")
    for number in range(20):
        write(f"{outside}/t/f{number}", "other")
    with Steps(root, mask=Mask.CHANGES) as consumer:
        exchange(root + "/t", outside + "/t")
        while consumer.watcher._instance.read():
            pass
        consumer.watcher._tree._doubts.doubt(consumer.watcher._tree.ledger.roots[0], relist=True)
        while sum("MODIFY" in line for line in consumer.told) < 10:
            consumer.step()
        lose_all(consumer)
        consumer.finish()
        assert len({line for line in consumer.told if "MODIFY" in line}) == 20


def test_a_large_directory_in_which_no_name_can_be_looked_at_is_listed_all_the_same(root, unprivileged):
    """It may be read and not searched: so what was listed and not applied in time is listed once more."""
    unprivileged(
        inside.code("""
            from tests.helpers.slices import short_turns
            with Consumer(ROOT) as consumer, short_turns():
                os.mkdir(ROOT + "/t")
                for number in range(50):
                    write(f"{ROOT}/t/f{number}")
                os.chmod(ROOT + "/t", 0o400)
                assert len([line for line in consumer.entries() if line.startswith("CREATE")]) == 51
                os.chmod(ROOT + "/t", 0o700)
                consumer.assert_each_directory_reports()
        """),
        root,
    )


# --- to take back what is much ---


def test_what_happens_behind_a_move_out_is_told_behind_it(root, outside):
    make_tree(root + "/t", depth=1)
    with Steps(root) as consumer:
        os.rename(root + "/t", outside + "/t")
        write(root + "/later")
        consumer.finish()
        assert consumer.told[-2:] == ["MOVED_FROM,ISDIR t", "CREATE later"]
        assert all(line.startswith("DELETE") for line in consumer.told[:-2])
        assert len(consumer.told) == 2 + 11
        consumer.assert_all_is_well()


def test_nothing_that_came_meanwhile_is_lost_while_a_tree_is_taken_back(root, outside):
    """The queue holds little, and it takes long."""
    make_tree(root + "/t")
    with Steps(root, watcher=with_queue(32, [root], mask=ENTRIES)) as consumer:
        half_way(consumer, root, outside)
        made = 0
        while consumer.watcher._tree._applier.started is not None:
            write(f"{root}/live{made}")
            made += 1
            consumer.step()
        assert made > 32
        consumer.assert_all_is_well()
        assert consumer.watcher.stats()["overflows"] == 0


def test_a_directory_that_is_overwritten_is_taken_back_before_the_move_over_it(root):
    """An overflow hid that it was emptied, so the ledger has much in it; the halves of the move stand together."""
    make_tree(root + "/t", depth=1)
    write_all(root, "u/in it")
    with Steps(root) as consumer:
        shutil.rmtree(root + "/t")
        os.mkdir(root + "/t")
        while consumer.watcher._instance.read():
            pass
        os.rename(root + "/u", root + "/t")
        consumer.finish()
        at = consumer.told.index("MOVED_FROM,ISDIR u")
        assert consumer.told[at - 1] == "DELETE,ISDIR t"
        assert consumer.told[at + 1] == f"MOVED_TO,ISDIR t (from {root}/u)".replace(root + "/", "")
        consumer.assert_all_is_well()


def half_way(consumer, root, outside):
    """Move a tree out, and take steps until a part of it is taken back."""
    os.rename(root + "/t", outside + "/t")
    consumer.until(lambda: len(consumer.told) > 5)
    assert consumer.watcher._tree._applier.started is not None


def test_an_interruption_while_a_tree_is_taken_back(root, outside):
    make_tree(root + "/t")
    with Steps(root) as consumer:
        half_way(consumer, root, outside)
        consumer.watcher._tree.distrust()
        write(root + "/later")
        consumer.assert_all_is_well()


def test_a_tree_that_came_back_while_it_is_taken_back(root, outside):
    make_tree(root + "/t")
    with Steps(root) as consumer:
        half_way(consumer, root, outside)
        os.rename(outside + "/t", root + "/t")
        consumer.assert_all_is_well()


def test_a_tree_that_is_there_after_all_is_found_again(root, outside):
    """It was to be taken back, for an interruption hid that it came back: what was taken back by then is told again."""
    make_tree(root + "/t")
    with Steps(root) as consumer:
        half_way(consumer, root, outside)
        os.rename(outside + "/t", root + "/t")
        lose_all(consumer)
        consumer.assert_all_is_well()


def test_a_root_is_removed_while_a_tree_in_it_is_taken_back(root, outside):
    make_tree(root + "/a/t")
    make_tree(root + "/b/t")
    watcher = Watcher(root + "/a", root + "/b", mask=ENTRIES)
    with Steps(root, watcher=watcher) as consumer:
        os.rename(root + "/a/t", outside + "/t")
        write(root + "/b/later")
        for _ in range(5):
            consumer.step()
        watcher.remove(root + "/a")
        told = len(consumer.told)
        watcher.sync()
        assert {path[len(root) :][:2] for path in watcher.snapshot()} == {"/b"}
        assert told < 20
        assert watcher.stats()["watches"] == 14 + 0
        assert root + "/b/later" in watcher.snapshot()


def test_an_overflow_while_a_tree_is_taken_back(root, outside):
    make_tree(root + "/t")
    with Steps(root, watcher=with_queue(16, [root], mask=ENTRIES)) as consumer:
        half_way(consumer, root, outside)
        for number in range(40):
            os.mkdir(f"{root}/{number}")
        consumer.finish()
        assert consumer.told.index("MOVED_FROM,ISDIR t") < consumer.told.index("Q_OVERFLOW ")
        consumer.assert_all_is_well()


def test_what_came_into_a_directory_while_it_is_taken_back_is_taken_back_too(root, outside):
    """It is gone when its name is looked at, that is believed, and what was done in it before is not read yet."""
    make_tree(root + "/t", depth=1)
    os.mkdir(root + "/a")
    with short_turns(few=8), Steps(root) as consumer:
        tree = consumer.watcher._tree
        look = tree._reconciler._look

        def come_and_go(parent, name):
            tree._reconciler._look = look
            write(root + "/t/new")
            os.rename(root + "/t", outside + "/t")
            look(parent, name)

        tree._reconciler._look = come_and_go
        tree._moments.puts_off = lambda node, wd: False
        tree._doubts.suspect(tree.ledger.roots[0], "t")
        told = consumer.finish()
        assert told[0].startswith("DELETE t/")
        assert 0 < told.index("CREATE t/new") < told.index("DELETE t/new")
        assert told[-1] == "MOVED_FROM,ISDIR t"
        consumer.assert_all_is_well()


def test_a_move_over_a_tree_is_told_when_that_is_taken_back(root, outside):
    """The first half of the exchange that the kernel reports is the one of what comes in; the other is told first."""
    make_tree(root + "/t", depth=1)
    os.mkdir(outside + "/u")
    with Steps(root) as consumer:
        exchange(outside + "/u", root + "/t")
        told = consumer.finish()
        at = told.index("MOVED_FROM,ISDIR t")
        assert at > 3
        assert all(line.startswith("DELETE") for line in told[:at])
        assert told[at:] == ["MOVED_FROM,ISDIR t", "MOVED_TO,ISDIR t"]
        consumer.assert_all_is_well()


def test_two_trees_that_are_taken_back_in_turn_come_to_an_end(root):
    make_tree(root + "/a")
    make_tree(root + "/b")
    with Steps(root) as consumer:
        tree = consumer.watcher._tree
        tops = tree.ledger.roots[0].children.directories()
        for _ in range(100):
            tree._turn.begin(0.0)
            are_empty = [tree._places.empty(top) for top in tops]
            if all(are_empty):
                break
        assert consumer.snapshot() == {root + "/a": True, root + "/b": True}
        consumer.assert_all_is_well()


def test_a_tree_at_two_places_is_taken_back_at_both(root, outside):
    make_tree(root + "/t", depth=1)
    with Watcher(root, root + "/.", mask=ENTRIES) as watcher:
        os.rename(root + "/t", outside + "/t")
        told = brief(watcher.sync())
        assert told.count(f"MOVED_FROM,ISDIR {root}/t") == told.count(f"MOVED_FROM,ISDIR {root}/./t") == 1
        assert len(told) == len(set(told)) == 2 * 12
        assert watcher.snapshot() == {}


# --- lost events ---


def test_what_was_lost_stands_between_overflow_and_in_sync_and_events_do_too(root):
    make_tree(root + "/t")
    with Steps(root, watcher=with_queue(16, [root], mask=ENTRIES)) as consumer:
        for number in range(40):
            os.mkdir(f"{root}/t/d2/{number}")
        consumer.until(lambda: consumer.crawls)
        write(root + "/live")
        consumer.finish()
        gap = [line for line in consumer.told if line in ("Q_OVERFLOW ", "IN_SYNC ")]
        assert gap == ["Q_OVERFLOW ", "IN_SYNC "]
        assert consumer.told.index("Q_OVERFLOW ") < consumer.told.index("CREATE live")
        assert consumer.told[-1] == "IN_SYNC "
        consumer.assert_all_is_well()


def test_events_that_are_lost_while_it_is_compared_are_found_by_a_comparison_from_the_beginning(root):
    make_tree(root + "/t")
    with Steps(root, watcher=with_queue(16, [root], mask=ENTRIES)) as consumer:
        for number in range(40):
            write(f"{root}/t/{number}")
        consumer.until(lambda: consumer.crawls and len(consumer.crawls[0].frames) > 2)
        for number in range(40):
            write(f"{root}/t/more{number}")
        consumer.finish()
        gap = [line for line in consumer.told if line in ("Q_OVERFLOW ", "IN_SYNC ")]
        assert gap == ["Q_OVERFLOW ", "Q_OVERFLOW ", "IN_SYNC "]
        consumer.assert_all_is_well()


def test_what_is_crawled_when_events_are_lost_is_left_to_the_comparison(root, outside):
    """Each directory is listed once by that, and not once more by who was there before."""
    make_tree(outside + "/t", width=4)
    with Steps(root) as consumer:
        os.rename(outside + "/t", root + "/t")
        consumer.until("CREATE,ISDIR t/d0/d0")
        listed = consumer.listed
        lose_all(consumer)
        consumer.finish()
        assert consumer.listed == listed + 1 + 21
        consumer.assert_all_is_well()


def test_a_directory_in_one_that_is_to_be_listed_is_moved_out_of_it_before(root):
    """What it lost is not known yet, and would not be looked for where it is now."""
    write_all(root, "a/b/f", "c/")
    with Steps(root) as consumer:
        write(root + "/a/b/lost")
        while consumer.watcher._instance.read():
            pass
        tree = consumer.watcher._tree
        tree._doubts.doubt(tree.ledger.roots[0].children["a"], relist=True)
        os.rename(root + "/a/b", root + "/c/b")
        consumer.assert_all_is_well()
        assert "CREATE c/b/lost" in consumer.told


# --- interruptions, roots, descriptors ---


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("verb", ["entries", "watch", "enter", "is_over", "more_entries", "queued", "read"])
@pytest.mark.parametrize("steps", [3, 10, 30])
def test_an_interruption_in_the_middle_of_a_crawl_loses_nothing(root, outside, verb, steps):
    make_tree(outside + "/t")
    with Steps(root) as consumer:
        os.rename(outside + "/t", root + "/t")
        for _ in range(steps):
            consumer.step()
        disk = consumer.watcher._tree._disk
        real = getattr(disk, verb)

        def interrupt(*arguments, **options):
            setattr(disk, verb, real)
            raise Interrupted

        setattr(disk, verb, interrupt)
        write(root + "/later")
        with pytest.raises(Interrupted):
            consumer.watcher.sync()
        # What was told by then is handed out first.
        consumer.take(consumer.watcher.read(0))
        consumer.assert_all_is_well()


def test_a_root_is_removed_while_it_is_crawled(root, outside):
    make_tree(outside + "/t")
    for top in "ab":
        os.mkdir(f"{root}/{top}")
    fds = len(os.listdir("/proc/self/fd"))
    with Watcher(root + "/a", root + "/b", mask=ENTRIES) as watcher:
        opened = len(os.listdir("/proc/self/fd"))
        os.rename(outside + "/t", root + "/a/t")
        while not watcher._tree._crawls:
            watcher._tree.advance(0.0)
        watcher.remove(root + "/a")
        assert not watcher._tree._crawls
        assert len(os.listdir("/proc/self/fd")) == opened
        watcher._tree.take()
        write(root + "/b/f")
        assert brief(watcher.sync()) == [f"CREATE {root}/b/f"]
        assert watcher.stats()["watches"] == 1
    assert len(os.listdir("/proc/self/fd")) == fds


def test_between_two_steps_no_descriptor_is_kept_but_one_of_what_is_being_listed(root, outside):
    make_tree(outside + "/t", files=20)
    with Steps(root) as consumer:
        opened = len(os.listdir("/proc/self/fd"))
        os.rename(outside + "/t", root + "/t")
        kept = set()
        while consumer.step():
            kept.add(len(os.listdir("/proc/self/fd")) - opened)
        assert kept == {0, 1}


def test_few_descriptors_are_kept_however_many_large_directories_come(root, outside):
    for number in range(60):
        make_tree(f"{outside}/t{number}", files=30, depth=0)
    with Steps(root) as consumer:
        opened = len(os.listdir("/proc/self/fd"))
        for number in range(60):
            os.rename(f"{outside}/t{number}", f"{root}/t{number}")
        kept = [0]
        while consumer.step():
            kept.append(len(os.listdir("/proc/self/fd")) - opened)
        assert MANY_KEPT <= max(kept) < MANY_KEPT + 4
        consumer.assert_all_is_well()


@pytest.mark.parametrize("how", ["closed", "forgotten"])
def test_what_is_kept_is_closed_with_the_watcher(root, outside, how):
    make_tree(outside + "/t", files=20)
    gc.collect()
    opened = len(os.listdir("/proc/self/fd"))
    watcher = Watcher(root, mask=ENTRIES)
    os.rename(outside + "/t", root + "/t")
    while not watcher._tree._disk._kept:
        watcher._tree.advance(0.0)
    if how == "closed":
        watcher.close()
    else:
        with pytest.warns(ResourceWarning, match="unclosed"):
            watcher = None
            for _ in range(3):
                gc.collect()
    assert len(os.listdir("/proc/self/fd")) == opened


# --- directories only ---


def test_a_directory_of_which_some_files_were_told_is_told_to_be_read_again_if_its_listing_is_given_up(
    root, outside
):
    make_tree(outside + "/t", depth=0, files=30)
    with Watcher(root, track="directories") as watcher:
        tree = watcher._tree
        os.rename(outside + "/t", root + "/t")
        told = []
        while len(told) < 10:
            tree.advance(0.0)
            told += tree.take()
        tree.distrust()
        told += watcher.sync()
        files = {event.path for event in told if event.mask & Mask.CREATE}
        again = {event.path for event in told if event.mask & Mask.RESCAN}
        assert root + "/t" in again or len(files) == 30


def test_files_are_told_once_though_their_directory_is_listed_again_while_they_are_remembered(
    root, outside, monkeypatch
):
    """It is renamed, other rules may hold there, and all that came before is applied in the middle of the listing."""
    make_tree(outside + "/t", depth=0, files=30)
    with Watcher(root, track="directories", mask=ENTRIES, max_depth=5) as watcher:
        tree = watcher._tree
        told = []

        def step_until(is_so):
            while not is_so():
                tree.advance(0.0)
                told.extend(tree.take())

        os.rename(outside + "/t", root + "/t")
        step_until(lambda: len(told) > 10)
        # The first listing ends before the rename, the second one begins long before the last event.
        for number in range(100):
            os.mknod(f"{root}/live{number}")
        step_until(lambda: not tree._crawls)
        directory = tree.ledger.roots[0].children["t"]
        assert directory.listed
        os.rename(root + "/t", root + "/u")
        for number in range(100, 300):
            os.mknod(f"{root}/live{number}")
        step_until(lambda: tree._crawls)
        assert len(directory.children) == 30
        monkeypatch.setattr(apply, "PLAIN_RUN", MANY)
        step_until(lambda: not tree._intake.waiting)
        assert tree._crawls
        told += watcher.sync()
        created = [event.path for event in told if event.mask & Mask.CREATE]
        assert len(created) == 330
        assert len(set(created)) == 330


# --- what users call ---


def test_a_read_that_does_not_wait_hands_out_what_there_was_time_for(root, outside, monkeypatch):
    make_tree(outside + "/t")
    monkeypatch.setattr(reading, "SLICE_S", 0.0)
    with Consumer(root, mask=ENTRIES) as consumer:
        os.rename(outside + "/t", root + "/t")
        told = []
        reads = 0
        while consumer.watcher._tree.in_doubt or not reads:
            events = consumer.watcher.read(0)
            assert len(events) <= FEW_EVENTS
            told += consumer.take(events)
            reads += 1
            if consumer.watcher._tree.in_doubt:
                assert select.select([consumer.watcher.fileno()], [], [], 0)[0]
        assert reads > 20
        assert len(told) == 1 + 12 + 26
        consumer.assert_each_directory_reports()


def test_a_sync_that_has_not_the_time_loses_nothing(root, outside):
    make_tree(outside + "/t")
    with Consumer(root, mask=ENTRIES) as consumer:
        os.rename(outside + "/t", root + "/t")
        late = 0
        while True:
            try:
                consumer.take(consumer.watcher.sync(0))
                break
            except TimeoutError:
                late += 1
        assert late > 20
        assert len(consumer.replayer.state) == 1 + 12 + 26
        consumer.assert_each_directory_reports()


def test_sync_waits_until_a_crawl_is_done(root, outside):
    make_tree(outside + "/t")
    with Consumer(root, mask=ENTRIES) as consumer:
        os.rename(outside + "/t", root + "/t")
        assert len(consumer.sync()) == 1 + 12 + 26


def test_all_that_had_come_is_told_after_stop_though_it_takes_many_turns(root, outside):
    make_tree(outside + "/t")
    make_tree(root + "/u")
    with Watcher(root, mask=ENTRIES) as watcher:
        os.rename(outside + "/t", root + "/t")
        os.rename(root + "/u", outside + "/u")
        watcher.stop()
        assert len(list(watcher)) == 2 * (1 + 12 + 26)


def test_trees_that_never_stop_to_come_do_not_keep_it_from_ending(root, outside):
    """Each read finds another one."""
    with Watcher(root, mask=ENTRIES) as watcher:
        disk = watcher._tree._disk
        read = disk.read
        made = []

        def read_and_move_in(records):
            if len(made) < 2000:
                made.append(f"t{len(made)}")
                make_tree(f"{outside}/{made[-1]}", depth=1, files=1)
                os.rename(f"{outside}/{made[-1]}", f"{root}/{made[-1]}")
            return read(records)

        disk.read = read_and_move_in
        watcher.read(0)
        watcher.stop()
        list(watcher)
        assert watcher.ended
        assert len(made) < 2000


def test_another_thread_comes_in_between_two_steps_of_a_sync(root, outside, background):
    """The reader would have the lock again before the other one wakes."""
    make_tree(outside + "/t")
    with Watcher(root, mask=ENTRIES) as watcher:
        os.rename(outside + "/t", root + "/t")
        tree = watcher._tree
        advance = tree.advance
        came = []

        def begin(seconds=0.0):
            tree.advance = advance
            came.append(background(watcher.stats))
            # It is at the door as soon as it can not be had.
            while watcher._steps._door._lock.acquire(blocking=False):
                watcher._steps._door._lock.release()
                os.sched_yield()
            tree.advance = look
            return advance(seconds)

        def look(seconds=0.0):
            came.append(came[0].is_running)
            return advance(seconds)

        tree.advance = begin
        watcher.sync()
        assert came[1:]
        assert not came[-1]
        assert came[0].result()["listed"] < 14


@pytest.mark.parametrize("track", ["entries", "directories"])
def test_what_is_recorded_with_short_turns_is_played_again(root, outside, tmp_path, monkeypatch, track):
    recording = tmp_path / "recording"
    monkeypatch.setenv(RECORD, os.fspath(recording))
    make_tree(outside + "/t")
    make_tree(root + "/u")
    with Watcher(root, track=track) as watcher:
        os.rename(outside + "/t", root + "/t")
        told = watcher.read(0)
        os.rename(root + "/t/d1", root + "/d1")
        told += watcher.read(0)
        os.rename(root + "/u", outside + "/u")
        told += watcher.sync()
        watcher._tree.distrust()
        shutil.rmtree(root + "/t")
        told += watcher.sync()
    with open(recording, encoding="utf-8") as lines:
        assert Replay(lines).run() == told


# --- what is not covered ---


def test_permissions_that_change_above_many_barred_directories(root, unprivileged):
    """Which of them are below is found out a few at a time."""
    unprivileged(
        inside.code("""
            from tests.helpers.slices import short_turns
            for number in range(30):
                write_all(ROOT, f"a/d{number}/f")
                os.chmod(f"{ROOT}/a/d{number}", 0)
            with Consumer(ROOT) as consumer, short_turns():
                assert len(consumer.unwatched()) == 30
                for number in range(30):
                    os.chmod(f"{ROOT}/a/d{number}", 0o700)
                    os.chmod(f"{ROOT}/a", 0o700)
                consumer.assert_each_directory_reports()
        """),
        root,
    )


def test_as_many_are_looked_at_again_as_watches_are_free(root, limited):
    limited(
        inside.code("""
            from tests.helpers.slices import short_turns
            for number in range(20):
                os.makedirs(f"{ROOT}/d{number}")
            limit(11)
            with Consumer(ROOT) as consumer, short_turns():
                assert len(consumer.unwatched()) == 10
                looks = []
                covered = sorted(set(consumer.snapshot()) - set(consumer.unwatched()))
                uncovered = consumer.watcher._tree._places._uncovered
                real = uncovered._is_wanted
                uncovered._is_wanted = lambda node: looks.append(node) or real(node)
                for path in covered[:3]:
                    os.rmdir(path)
                while consumer.watcher._tree.advance(0.0):
                    pass
                assert len(set(looks)) == len(looks) == 3
                consumer.sync()
                assert len(consumer.unwatched()) == 7
        """),
        root,
    )


def test_a_directory_that_a_listing_has_found_is_not_told_again_by_its_arrival(root, outside):
    """It is not entered yet, so nobody can tell by its inode that it is the same."""
    os.makedirs(outside + "/x/y")
    with Steps(root) as consumer:
        os.mkdir(root + "/a")
        before(consumer.watcher._tree._disk, "entries", lambda: os.rename(outside + "/x", root + "/a/x"))
        assert consumer.finish() == ["CREATE,ISDIR a", "CREATE,ISDIR a/x", "CREATE,ISDIR a/x/y"]
        consumer.assert_all_is_well()


def test_what_a_file_system_shows_late_is_not_believed(root, outside):
    """Ext4 shows an entry as it was when the call before had no room for it; overlayfs shows all as it was."""
    make_tree(outside + "/t", depth=0, files=30)
    with Steps(root) as consumer:
        disk = consumer.watcher._tree._disk
        real = disk.more_entries

        def late(listed):
            entries = real(listed)
            return [*entries, "-gone", "dgone too"] if entries else entries

        os.rename(outside + "/t", root + "/t")
        consumer.until(lambda: disk._kept)
        disk.more_entries = late
        # Else nothing was done since, and what is shown is as good as at once.
        write(root + "/live")
        consumer.finish()
        assert not [line for line in consumer.told if "gone" in line]
        consumer.assert_all_is_well()


class Busy(World):
    """A tree moves in, another one out, and one is moved about; steps are short."""

    def change(self):
        super().change()
        make_tree(f"{self.root}.out/t{self.trials}", width=1, depth=2, files=1)
        os.rename(f"{self.root}.out/t{self.trials}", f"{self.top}/t")
        os.rename(f"{self.top}/c", f"{self.root}.out/c{self.trials}")

    def read_on(self):
        """Read while there is something to do."""
        while self.watcher._tree.in_doubt or not self.told:
            self.told += self.watcher.read(0)


@pytest.mark.parametrize("options", [{}, {"track": "directories"}], ids=["", "directories"])
@pytest.mark.timeout(600)
def test_an_exception_at_each_line_of_steps_that_are_gone_on_with_loses_nothing(tmp_path, options):
    roots = iter(range(1000))

    def make():
        root = f"{tmp_path}/{next(roots)}"
        os.mkdir(root)
        os.mkdir(root + ".out")
        return Busy(root, **options)

    case = EachPlace(make, Busy.read_on, change="change")
    case.sparsely *= 3
    assert case.at_each(accept=lambda told: True) > 100


# --- what is put off, for the events have not come so far ---


def lose_in_silence(consumer, action):
    """Let what somebody does be reported, and nobody hear of it."""
    action()
    consumer.watcher._tree._disk.read(Records())


def look_before_the_events_are_read(consumer, name):
    """Look at a directory below the root, and what is in it, before what is queued is applied."""
    tree = consumer.watcher._tree
    for number in range(5):
        write(f"{consumer.root}/ahead{number}")
    tree._doubts.doubt(tree.ledger.roots[0].children[name], relist=True)
    tree.hurry()


def until_put_off(consumer):
    consumer.until(lambda: consumer.watcher.stats()["putting_off"])


def test_what_is_still_to_be_entered_is_entered_though_a_new_look_at_the_top_is_put_off(root, outside):
    """Whatever was put off begins no crawl, so the one that is under way has nothing to leave to it."""
    write_all(outside + "/t", "m/c/", "m/d/")
    os.mkdir(root + "/u")
    with Steps(root) as consumer:
        os.rename(outside + "/t", root + "/t")
        consumer.until("CREATE,ISDIR t/m/c")
        consumer.until("CREATE,ISDIR t/m/d")
        look_before_the_events_are_read(consumer, "t")
        exchange(root + "/t", root + "/u")
        os.rename(root + "/u/m", root + "/m")
        until_put_off(consumer)
        consumer.assert_all_is_well()


def test_what_leaves_a_directory_that_is_to_be_compared_is_compared_though_that_was_put_off(root):
    write_all(root, "t/m/n/", "u/")
    with Steps(root) as consumer:
        lose_in_silence(consumer, lambda: write(root + "/t/m/n/new"))
        look_before_the_events_are_read(consumer, "t")
        exchange(root + "/t", root + "/u")
        os.rename(root + "/u/m", root + "/m")
        until_put_off(consumer)
        consumer.assert_all_is_well()


def test_a_directory_that_is_to_be_compared_is_compared_though_it_came_back_meanwhile(root):
    """It is looked for, not for what it holds, before what was put off is due."""
    write_all(root, "t/m/", "u/")
    with Steps(root) as consumer:
        lose_in_silence(consumer, lambda: write(root + "/t/m/new"))
        look_before_the_events_are_read(consumer, "t")
        exchange(root + "/t", root + "/u")
        until_put_off(consumer)
        exchange(root + "/t", root + "/u")
        tree = consumer.watcher._tree
        tree._doubts.doubt(tree.ledger.roots[0].children["t"], relist=False)
        consumer.assert_all_is_well()


def test_what_leaves_a_directory_that_is_not_found_where_it_was_is_compared(root):
    """Its directory was listed, and does not have it any more; that is not believed yet."""
    write_all(root, "t/m/n/o/", "u/")
    with Steps(root) as consumer:
        lose_in_silence(consumer, lambda: write(root + "/t/m/n/o/new"))
        look_before_the_events_are_read(consumer, "t")
        os.rename(root + "/t/m", root + "/u/m")
        os.rename(root + "/u/m/n", root + "/n")
        until_put_off(consumer)
        consumer.assert_all_is_well()
