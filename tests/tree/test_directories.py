"""``track="directories"``: directories are told as ever, events of files as the kernel has them, each once."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import need
from consumer import Forked, after, before, brief, write, write_all

from inotify_cffi import Instance, Mask, Mirror, Watcher
from inotify_cffi.kernel.listings import CrawlBuffer
from inotify_cffi.tree.disk import RECORD, Disk
from inotify_cffi.tree.fences import Fences
from inotify_cffi.tree.turns import Turn
from tests.replay import Replay
from tests.stress import oracles
from tests.stress.queue import with_queue
from tests.stress.worlds import World

STRUCTURE = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO
MASK = int(Mask.CREATE | Mask.DELETE | Mask.MASK_ADD | Mask.ONLYDIR)
STEPS = Path(__file__).with_name("steps.c")


def watching(root, **options):
    return Watcher(root, track="directories", **{"mask": STRUCTURE, **options})


def lines(watcher):
    """What is told up to now, without the root's path."""
    top = watcher._tree.ledger.roots[0].name
    return [str(event).replace(top + "/", "") for event in watcher.sync() + watcher.sync()]


def names_kept(watcher):
    """The names of files that the ledger has."""
    ledger = watcher._tree.ledger
    nodes = [node for root in ledger.roots for node in ledger.subtree(root)]
    return sorted(name for node in nodes for name, child in node.children.items() if child is None)


# --- what is known and what is told ---


def test_the_snapshot_has_directories_only(root):
    write_all(root, "a/b/f", "g")
    with watching(root) as watcher:
        assert watcher.snapshot() == {f"{root}/a": True, f"{root}/a/b": True}
        assert names_kept(watcher) == []


@pytest.mark.parametrize("count", [1, 50])
def test_what_is_said_of_a_file_is_not_said_of_the_directory_that_has_its_name_by_now(root, count):
    """A look has told the directory before the events of the file come: of one, and of many at once."""
    write_all(root, "a/")
    with watching(root) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[root], track="directories")
        for number in range(count):
            write(f"{root}/a/{number}")
            os.unlink(f"{root}/a/{number}")
            os.mkdir(f"{root}/a/{number}")
        # So the disk is looked at before the events are applied.
        watcher._tree.distrust()
        mirror.apply(watcher.sync() + watcher.sync())
        assert not mirror.diff(watcher.snapshot(), files=False)
        assert watcher.snapshot().keys() == {f"{root}/a"} | {
            f"{root}/a/{name}" for name in os.listdir(f"{root}/a")
        }


@pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
def test_what_happens_to_a_file_is_told_as_the_kernel_has_it(root, kind):
    write_all(root, "a/old")
    with watching(kind(root), mask=Mask.CHANGES) as watcher:
        write(f"{root}/a/new")
        os.chmod(f"{root}/a/old", 0o600)
        os.unlink(f"{root}/a/old")
        assert brief(watcher.sync()) == [
            *(f"{name} {root}/a/new" for name in ("CREATE", "MODIFY", "CLOSE_WRITE")),
            *(f"{name} {root}/a/old" for name in ("ATTRIB", "DELETE")),
        ]
        assert names_kept(watcher) == []


def test_reads_are_told_if_they_are_asked_for(root):
    write_all(root, "f")
    with watching(root, mask=Mask.READS) as watcher:
        with open(f"{root}/f") as file:
            file.read()
        assert lines(watcher) == ["OPEN f", "ACCESS f", "CLOSE_NOWRITE f"]


def test_a_move_of_a_file_is_told_with_both_halves(root, outside):
    write_all(root, "a/f", "a/g", "b/")
    write_all(outside, "h")
    with watching(root) as watcher:
        os.rename(f"{root}/a/f", f"{root}/b/f")
        os.rename(f"{root}/a/g", f"{outside}/g")
        os.rename(f"{outside}/h", f"{root}/a/h")
        assert lines(watcher) == ["MOVED_FROM a/f", "MOVED_TO b/f (from a/f)", "MOVED_FROM a/g", "MOVED_TO a/h"]


def test_a_file_that_is_replaced_by_a_move_is_told_as_the_kernel_has_it(root):
    write_all(root, "f", "f~")
    with watching(root) as watcher:
        os.rename(f"{root}/f~", f"{root}/f")
        assert lines(watcher) == ["MOVED_FROM f~", "MOVED_TO f (from f~)"]


def test_a_directory_that_takes_the_name_of_a_file_and_back(root):
    write_all(root, "x")
    with watching(root) as watcher:
        os.unlink(f"{root}/x")
        os.mkdir(f"{root}/x")
        os.rmdir(f"{root}/x")
        write(f"{root}/x")
        assert lines(watcher) == ["DELETE x", "CREATE,ISDIR x", "DELETE,ISDIR x", "CREATE x"]


def test_a_directory_found_ahead_of_older_events_of_a_file_with_its_name(root):
    """The look that settles a doubt is ahead of what is queued; the directory is not lost by that."""
    with watching(root) as watcher:
        write(f"{root}/x")
        os.unlink(f"{root}/x")
        os.mkdir(f"{root}/x")
        watcher._tree._doubts.suspect(watcher._tree.ledger.roots[0], "x")
        watcher._tree._reconciler.settle()
        assert watcher.snapshot() == {f"{root}/x": True}
        replayed = oracles.Replayer(root, snapshot={})
        replayed.apply(event for event in watcher.sync() if event.is_dir)
        assert replayed.state == watcher.snapshot() == {f"{root}/x": True}


def test_a_directory_moves_with_its_files(root):
    write_all(root, "a/b/f", "z/")
    with watching(root) as watcher:
        os.rename(f"{root}/a", f"{root}/z/a")
        os.unlink(f"{root}/z/a/b/f")
        assert lines(watcher) == ["MOVED_FROM,ISDIR a", "MOVED_TO,ISDIR z/a (from a)", "DELETE z/a/b/f"]


def test_of_a_directory_that_moves_out_only_the_directories_are_taken_back(root, outside):
    write_all(root, "a/b/f", "a/g")
    with watching(root) as watcher:
        os.rename(f"{root}/a", f"{outside}/a")
        assert lines(watcher) == ["DELETE,ISDIR a/b", "MOVED_FROM,ISDIR a"]
        write(f"{outside}/a/g")
        assert lines(watcher) == []


def test_a_directory_that_moves_in_brings_its_files(root, outside):
    write_all(outside, "a/b/f", "a/g")
    with watching(root) as watcher:
        os.rename(f"{outside}/a", f"{root}/a")
        told = watcher.sync()
        assert sorted(brief(told)) == [
            *(f"CREATE {root}/a/b/f", f"CREATE {root}/a/g", f"CREATE,ISDIR {root}/a/b"),
            f"MOVED_TO,ISDIR {root}/a",
        ]
        assert [event.synthetic for event in told] == [False, True, True, True]


@pytest.mark.parametrize("slashes", ["", "/"])
def test_a_name_with_a_slash_behind_it(root, slashes):
    with watching(root + slashes) as watcher:
        os.mknod(f"{root}/f")
        assert [(event.path, event.watch_path, event.name) for event in watcher.sync()] == [
            (f"{root}/f", root + slashes, "f")
        ]


# --- the files of a new directory ---


def test_a_file_made_before_the_watch_is_told_once(root):
    with watching(root) as watcher:
        os.mkdir(f"{root}/a")
        os.mknod(f"{root}/a/f")
        assert lines(watcher) == ["CREATE,ISDIR a", "CREATE a/f"]


def test_a_file_made_between_watching_and_listing_is_told_once(root):
    with watching(root) as watcher:
        os.mkdir(f"{root}/a")
        before(watcher._tree._disk, "entries", lambda: os.mknod(f"{root}/a/f"))
        assert lines(watcher) == ["CREATE,ISDIR a", "CREATE a/f"]


def test_a_file_made_behind_the_listing_is_told_once(root):
    with watching(root) as watcher:
        os.mkdir(f"{root}/a")
        after(watcher._tree._disk, "entries", lambda: os.mknod(f"{root}/a/f"))
        assert lines(watcher) == ["CREATE,ISDIR a", "CREATE a/f"]


def test_a_file_removed_between_watching_and_listing_is_not_told(root):
    with watching(root) as watcher:
        os.mkdir(f"{root}/a")
        os.mknod(f"{root}/a/f")
        before(watcher._tree._disk, "entries", lambda: os.unlink(f"{root}/a/f"))
        assert lines(watcher) == ["CREATE,ISDIR a"]


@pytest.mark.one_turn("names are forgotten one at a time")
def test_what_happens_to_a_remembered_file_is_told(root, outside):
    write_all(root, "old", "b/")
    write_all(outside, "a/one", "a/two", "a/three", "a/four")

    def change():
        os.unlink(f"{root}/a/one")
        os.rename(f"{root}/a/two", f"{root}/a/2")
        os.rename(f"{root}/a/three", f"{root}/b/3")
        os.rename(f"{root}/old", f"{root}/a/old")
        os.utime(f"{root}/a/four")

    with watching(root, mask=STRUCTURE | Mask.ATTRIB) as watcher:
        os.rename(f"{outside}/a", f"{root}/a")
        after(watcher._tree._disk, "entries", change)
        told = lines(watcher)
        assert told[0] == "MOVED_TO,ISDIR a"
        assert sorted(told[1:5]) == [f"CREATE a/{name}" for name in ("four", "one", "three", "two")]
        assert told[5:] == [
            "DELETE a/one",
            *("MOVED_FROM a/two", "MOVED_TO a/2 (from a/two)"),
            *("MOVED_FROM a/three", "MOVED_TO b/3 (from a/three)"),
            *("MOVED_FROM old", "MOVED_TO a/old (from old)"),
            "ATTRIB a/four",
        ]
        assert names_kept(watcher) == []


@pytest.mark.one_turn("names are forgotten one at a time")
def test_names_are_forgotten_when_all_that_was_queued_then_has_been_applied(root):
    with watching(root) as watcher:
        write_all(root, "a/f", "a/b/g")
        after(watcher._tree._disk, "entries", lambda: os.mknod(f"{root}/later"))
        watcher._tree.advance()
        assert names_kept(watcher) == ["f", "g"]
        watcher.sync()
        assert names_kept(watcher) == []
        os.mknod(f"{root}/a/h")
        os.unlink(f"{root}/a/f")
        assert lines(watcher) == ["CREATE a/h", "DELETE a/f"]


def test_names_are_forgotten_though_the_queue_never_runs_empty(root):
    with watching(root) as watcher:
        disk = watcher._tree._disk
        read = disk.read

        def busy(records):
            size = read(records)
            os.mknod(f"{root}/{len(os.listdir(root))}")
            return size

        write_all(root, "a/f")
        disk.read = busy
        for _ in range(4):
            watcher._tree.advance()
        assert disk.queued()
        assert names_kept(watcher) == []


@pytest.mark.parametrize("files", [1, 40])
def test_directories_are_where_they_were_when_names_beside_them_are_forgotten(root, outside, files):
    write_all(outside, *(f"a/{number}/" for number in range(40)), *(f"a/f{number}" for number in range(files)))
    with watching(root) as watcher:
        os.rename(f"{outside}/a", f"{root}/a")
        assert len(watcher.sync()) == 41 + files
        assert names_kept(watcher) == []
        for number in range(40):
            os.mkdir(f"{root}/a/{number}/below")
        os.rename(f"{root}/a/7", f"{root}/a/seven")
        replayer = oracles.Replayer(root, snapshot=watcher.snapshot())
        replayer.apply(watcher.sync())
        assert oracles.complaints_at_rest(watcher, replayer, oracles.directories) == []


class Ledger:
    """As much of one as fences need."""

    def __init__(self):
        self.forgotten = []

    def is_attached(self, node):
        return True

    def forget_files(self, node):
        self.forgotten.append(node)


class Fresh:
    """A directory with names of files, which was listed to its end."""

    listed = True


def test_a_fence_is_passed_when_all_that_was_queued_has_been_read():
    ledger, node = Ledger(), Fresh()
    fences = Fences(ledger, Turn(None))
    fences.refresh(node)
    fences.pass_by(100, lambda: 50)
    fences.pass_by(149, lambda: 1000)
    assert ledger.forgotten == []
    fences.pass_by(150, lambda: 1000)
    assert ledger.forgotten == [node]


def test_a_directory_that_is_listed_again_waits_for_the_next_fence():
    ledger, node = Ledger(), Fresh()
    fences = Fences(ledger, Turn(None))
    fences.refresh(node)
    fences.pass_by(0, lambda: 10)
    fences.refresh(node)
    fences.pass_by(10, lambda: 5)
    assert ledger.forgotten == []
    fences.pass_by(15, lambda: 5)
    assert ledger.forgotten == [node]


def test_a_directory_whose_listing_was_interrupted_keeps_its_names_for_the_next():
    ledger, node = Ledger(), Fresh()
    fences = Fences(ledger, Turn(None))
    node.listed = False
    fences.refresh(node)
    fences.pass_by(0, lambda: 0)
    assert ledger.forgotten == []
    node.listed = True
    fences.pass_by(0, lambda: 0)
    assert ledger.forgotten == [node]


def test_a_count_of_links_is_sure_behind_its_fence():
    fences = Fences(Ledger(), Turn(None))
    assert not fences.counting
    fences.counted()
    assert fences.counting
    fences.pass_by(0, lambda: 10)
    assert fences.counting
    fences.pass_by(10, lambda: 10)
    assert not fences.counting


def test_nobody_asks_for_the_queue_if_nothing_waits_for_it(root):
    with watching(root) as watcher:
        watcher.sync()
        asked = []
        watcher._tree._disk.queued = lambda: asked.append(1) or 0
        os.mknod(f"{root}/f")
        watcher._tree.advance()
        assert asked == []


# --- lost events ---


def between(told):
    """What is told of a gap."""
    names = brief(told)
    begin, end = names.index("Q_OVERFLOW "), names.index("IN_SYNC ")
    return names[begin + 1 : end]


@pytest.fixture
def lossy(root):
    return lambda **options: with_queue(16, [root], track="directories", read_ahead=None, **options)


def fill(root):
    for number in range(20):
        os.mknod(f"{root}/fill{number}")
        os.unlink(f"{root}/fill{number}")


def old_but_for(monkeypatch, *young):
    """Let times be older than the last calm but those of some names; None is a directory itself."""
    monkeypatch.setattr(Disk, "changed_since", lambda disk, fd, name, since: name in young)


def test_a_directory_whose_files_may_have_changed_is_told_between_overflow_and_in_sync(root, lossy, monkeypatch):
    write_all(root, "a/f", "b/g")
    old_but_for(monkeypatch, "f")
    with lossy() as watcher:
        fill(root)
        write(f"{root}/a/f", "other")
        assert between(watcher.sync()) == [f"RESCAN,ISDIR {root}/a"]
        assert watcher.sync() == []


def test_a_directory_that_changed_itself_is_told(root, lossy, monkeypatch):
    write_all(root, "a/")
    old_but_for(monkeypatch, None)
    with lossy() as watcher:
        fill(root)
        assert sorted(between(watcher.sync())) == [f"RESCAN,ISDIR {root}", f"RESCAN,ISDIR {root}/a"]


def test_nothing_is_told_of_a_directory_in_which_nothing_happened(root, lossy, monkeypatch):
    write_all(root, "a/f")
    old_but_for(monkeypatch)
    with lossy() as watcher:
        fill(root)
        assert between(watcher.sync()) == []


def test_directories_are_compared_and_new_ones_bring_their_files(root, lossy, monkeypatch):
    write_all(root, "gone/f", "stays/g")
    old_but_for(monkeypatch)
    with lossy() as watcher:
        fill(root)
        shutil.rmtree(f"{root}/gone")
        write_all(root, "new/h")
        assert sorted(between(watcher.sync())) == [
            f"CREATE {root}/new/h",
            f"CREATE,ISDIR {root}/new",
            f"DELETE,ISDIR {root}/gone",
        ]


def test_it_is_told_whatever_the_mask(root, lossy):
    write_all(root, "a/")
    with lossy(mask=Mask.CLOSE_WRITE) as watcher:
        for number in range(20):
            write(f"{root}/{number}")
        assert sorted(between(watcher.sync())) == [f"RESCAN,ISDIR {root}", f"RESCAN,ISDIR {root}/a"]


def test_a_consumer_that_reads_what_it_is_told_to_has_what_is_on_the_disk(root, lossy):
    write_all(root, "a/f", "a/b/g", "c/h")
    with lossy() as watcher:
        mirror = Mirror(oracles.listing(root), roots=[root], track="directories")
        fill(root)
        os.unlink(f"{root}/a/b/g")
        os.rename(f"{root}/c", f"{root}/a/c")
        write_all(root, "a/c/i", "d/j", "k")
        mirror.apply(watcher.sync())
        assert oracles.complaints_of_files(mirror, [root], oracles.everything) == []


def test_a_directory_that_can_be_listed_and_not_searched_is_told(root, unprivileged):
    write_all(root, "a/f")
    told = unprivileged(
        """
        import os, sys
        from inotify_cffi.kernel.syscalls import O_PATH
        from inotify_cffi.tree.disk import Disk
        os.chmod(sys.argv[1], 0o400)
        fd = os.open(sys.argv[1], O_PATH)
        print(Disk.changed_since(None, fd, "f", 1e12), Disk.changed_since(None, fd, None, 1e12))
        """,
        f"{root}/a",
    )
    os.chmod(f"{root}/a", 0o700)
    assert told == "True False\n"


def test_a_directory_whose_watch_was_lost_is_told_as_to_be_read_again(root):
    write_all(root, "a/f", "a/b/g")
    with watching(root) as watcher:
        node = watcher._tree.ledger.roots[0].children["a"]
        watcher._instance.rm_watch(node.wd)
        assert lines(watcher) == ["RESCAN,ISDIR a"]


def test_a_directory_that_is_listed_again_and_was_watched_all_the_time_is_not_told(root):
    write_all(root, "a/f")
    with watching(root) as watcher:
        watcher._tree._doubts.doubt(watcher._tree.ledger.roots[0], relist=True)
        assert lines(watcher) == []


def test_a_directory_that_was_closed_brings_its_files_when_it_is_covered_again(root, unprivileged):
    write_all(root, "a/f")
    told = unprivileged(
        """
        import os, sys
        from inotify_cffi import Watcher
        root = sys.argv[1]
        os.chmod(root + "/a", 0)
        with Watcher(root, track="directories") as watcher:
            os.chmod(root + "/a", 0o700)
            print([event.names[0] for event in watcher.sync()])
        """,
        root,
    )
    assert told == "['UNWATCHED', 'ATTRIB', 'WATCHED', 'CREATE']\n"


# --- with other options ---


@pytest.mark.parametrize("option", ["gitignore", "follow_symlinks"])
def test_what_does_not_go_together_is_refused(root, option):
    with pytest.raises(ValueError, match=f"track='directories' does not go with {option}=True"):
        watching(root, **{option: True})


def test_a_value_that_is_none_is_refused(root):
    with pytest.raises(ValueError, match="track is 'entries' or 'directories', not 'files'"):
        Watcher(root, track="files")


def test_what_is_there_comes_first_its_files_among_it_and_no_file_twice(root):
    write_all(root, "a/f", "g")
    disk_before = Disk.entries
    made = []

    def entries(disk, fd, **options):
        if not made:
            made.append(os.mknod(f"{root}/between"))
        return disk_before(disk, fd, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Disk, "entries", entries)
        watcher = watching(root, existing=True)
    with watcher:
        assert sorted(lines(watcher)) == ["CREATE a/f", "CREATE between", "CREATE g", "CREATE,ISDIR a"]
        assert watcher.snapshot() == {f"{root}/a": True}
        assert names_kept(watcher) == []


def test_excluded_files_and_directories_are_not_told(root):
    write_all(root, "a/", "build/")
    with watching(root, exclude=["*.o", "build/"]) as watcher:
        os.mknod(f"{root}/a/x.o")
        os.mknod(f"{root}/build/x")
        os.mknod(f"{root}/a/x")
        os.rename(f"{root}/a/x", f"{root}/a/y.o")
        os.rename(f"{root}/a/y.o", f"{root}/a/z")
        os.rename(f"{root}/a/z", f"{root}/build/z")
        os.unlink(f"{root}/a/x.o")
        assert lines(watcher) == ["CREATE a/x", "MOVED_FROM a/x", "MOVED_TO a/z", "MOVED_FROM a/z"]


@pytest.mark.parametrize(
    ("patterns", "told"),
    [(["/a/f"], ["RESCAN,ISDIR b", "RESCAN,ISDIR b/c"]), (["*.o", "build/"], [])],
    ids=["by place", "by name"],
)
def test_a_directory_that_moves_to_where_other_files_are_excluded_is_to_be_read_again(root, patterns, told):
    write_all(root, "a/f", "a/c/g")
    with watching(root, exclude=patterns) as watcher:
        os.rename(f"{root}/a", f"{root}/b")
        assert lines(watcher) == ["MOVED_FROM,ISDIR a", "MOVED_TO,ISDIR b (from a)", *told]


def test_what_is_too_deep_is_not_told(root):
    write_all(root, "a/b/")
    with watching(root, max_depth=2) as watcher:
        os.mknod(f"{root}/a/f")
        os.mknod(f"{root}/a/b/f")
        assert lines(watcher) == ["CREATE a/f"]


def test_a_root_that_is_waited_for_brings_its_files(root):
    with watching(f"{root}/a", missing="wait") as watcher:
        watcher.sync()
        write_all(root, "a/f")
        assert brief(event for event in watcher.sync() if event.mask & STRUCTURE) == [f"CREATE {root}/a/f"]


def test_a_single_file_is_told_as_ever(root):
    write_all(root, "f", "g")
    with watching(f"{root}/f", mask=Mask.CHANGES) as watcher:
        write(f"{root}/f~")
        os.rename(f"{root}/f~", f"{root}/f")
        write(f"{root}/g")
        assert watcher.snapshot() == {f"{root}/f": False}
        assert brief(watcher.sync()) == [f"DELETE {root}/f", f"MOVED_TO {root}/f", f"MODIFY {root}/f"]


def test_a_file_that_is_told_for_two_roots_is_told_for_each(root):
    write_all(root, "a/")
    with watching(root) as watcher:
        watcher.add(f"{root}/./a")
        os.mknod(f"{root}/a/f")
        assert sorted(brief(watcher.sync())) == [f"CREATE {root}/./a/f", f"CREATE {root}/a/f"]


# --- storms, and what is left of them ---


def test_a_storm_of_directories_with_files_is_told_once_each(root):
    def storm():
        for number in range(60):
            write_all(root, f"{number}/a/f", f"{number}/a/b/g", f"{number}/h")

    with watching(root, mask=Mask.CREATE) as watcher:
        writer, told = Forked(storm), []
        while writer.poll() is None:
            told += watcher.read(0.001)
        told += watcher.sync()
        assert writer.returncode == 0
        assert sorted(event.path for event in told) == sorted(oracles.listing(root))
        assert names_kept(watcher) == []


@pytest.mark.parametrize("seed", range(12))
def test_a_random_world(seed, tmp_path):
    world = World(seed, writers=3, changes=60, directory=tmp_path, track="directories")
    assert world.run() == []


def test_a_watcher_that_starts_in_a_storm_has_the_directories_that_there_are(root):
    def storm():
        for number in range(400):
            top = f"{root}/{number % 7}"
            os.makedirs(f"{top}/a/{number}", exist_ok=True)
            if number % 3 == 0:
                shutil.rmtree(f"{root}/{(number + 3) % 7}", ignore_errors=True)
            if number % 5 == 0 and not os.path.exists(f"{root}/z{number}"):
                os.rename(top, f"{root}/z{number}")

    for _ in range(3):
        writer = Forked(storm)
        with watching(root) as watcher:
            replayer = oracles.Replayer(root, snapshot=watcher.snapshot())
            while writer.poll() is None:
                replayer.apply(event for event in watcher.read(0.001) if event.is_dir)
            replayer.apply(event for event in watcher.sync() if event.is_dir)
            assert writer.returncode == 0
            assert oracles.complaints_at_rest(watcher, replayer, oracles.directories) == []
        shutil.rmtree(root)
        os.mkdir(root)


def test_a_recording_is_played_again(root, tmp_path, monkeypatch):
    write_all(root, "a/b/f", "a/c/g")
    monkeypatch.setenv(RECORD, os.fspath(tmp_path / "recording"))
    with watching(root) as watcher:
        write_all(root, "new/f", "a/b/h")
        os.rename(f"{root}/a", f"{root}/new/a")
        told = brief(watcher.sync())
    with open(tmp_path / "recording", encoding="utf-8") as recording:
        assert brief(Replay(recording).run()) == told
    assert f"CREATE {root}/new/f" in told


def test_a_name_of_a_file_takes_no_memory(root, python):
    for directory in range(20):
        os.mkdir(f"{root}/{directory}")
        for file in range(400):
            os.mknod(f"{root}/{directory}/{file:0200d}")
    taken = [
        int(
            python(
                """
                import sys
                from inotify_cffi import Watcher

                def own():
                    with open("/proc/self/smaps_rollup") as file:
                        return sum(int(line.split()[1]) for line in file if line.startswith("Private_"))

                with Watcher(sys.argv[1] + "/0", track=sys.argv[2]):
                    before = own()
                    with Watcher(sys.argv[1], track=sys.argv[2]):
                        print(own() - before)
                """,
                root,
                track,
            )
        )
        for track in ("directories", "entries")
    ]
    # 20 times 400 times 200 bytes is 1562 KiB.
    assert taken[1] - taken[0] > 1000


# --- the crawl in C: watch first, then count the links ---


@pytest.fixture
def visit(tmp_path):
    """Visit directories of the test's own directory, by their names, files passed over."""
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    with Instance() as instance:

        def call(*names, last_wd=0, most=100, **room):
            buffer = CrawlBuffer(**room)
            return instance.crawl(buffer, fd, list(names), MASK, last_wd=last_wd, most=most, files=False).columns()

        call.instance = instance
        yield call
    os.close(fd)


def counts_links(path):
    """Return True where a directory has a link for each directory in it, on a file system that is trusted for it."""
    kind = subprocess.run(["stat", "-f", "-c", "%t", path], check=True, capture_output=True, text=True).stdout
    return kind.strip() in ("ef53", "1021994", "58465342")


def test_directories_are_found_and_files_are_not(tmp_path, visit):
    write_all(os.fspath(tmp_path), "a/b/f", "a/c/d/", "a/g")
    found = visit("a")
    assert sorted(found.dirs) == ["b", "c", "d"]
    assert (found.files, sum(found.file_counts), sum(found.dir_counts)) == ([], 0, 3)
    assert sorted(oracles.kernel_watches(visit.instance.fileno())) == sorted(found.wds) == [1, 2, 3, 4]


def test_what_is_not_there_or_no_directory_or_a_link_is_left_out(tmp_path, visit):
    write_all(os.fspath(tmp_path), "f", "d/")
    (tmp_path / "link").symlink_to("d")
    found = visit("none", "f", "link", "d", "x" * 300)
    assert found.visits == [-1, -1, -1, 0, -1]
    # Nor was anything watched for a moment.
    assert found.wds == list(oracles.kernel_watches(visit.instance.fileno())) == [1]


@pytest.mark.parametrize("names", [("a",), ("a", "b")])
def test_what_was_watched_before_is_left_out_and_stays_watched(tmp_path, visit, names):
    write_all(os.fspath(tmp_path), "a/x/", "b/")
    visit.instance.add_watch(tmp_path / "a", MASK)
    assert visit(*names, last_wd=1).visits[0] == -1
    assert 1 in oracles.kernel_watches(visit.instance.fileno())


@pytest.mark.parametrize("room", [{"room": 10}, {"slots": 3}], ids=str)
def test_what_there_is_no_room_for_is_left_out_and_not_watched(tmp_path, visit, room):
    write_all(os.fspath(tmp_path), "a/long name 1/", "a/long name 2/", "b/f/")
    found = visit("a", "b", **room)
    assert found.visits[:2] == [-1, 0]
    assert found.dirs == ["f"]
    assert len(oracles.kernel_watches(visit.instance.fileno())) == len(found.wds) == 2


def test_a_leaf_is_not_opened(tmp_path, visit):
    if not counts_links(tmp_path):
        pytest.skip("the file system counts no links of directories")
    write_all(os.fspath(tmp_path), "leaf/f", "other/below/")
    with Instance() as opened:
        wds = {opened.add_watch(tmp_path / name, Mask.OPEN): name for name in ("leaf", "other")}
        assert visit("leaf", "other").visits == [0, 1, 2]
        assert {wds[event.wd] for event in opened.read()} == {"other"}


def test_the_working_directory_is_as_it_was(tmp_path, monkeypatch, visit):
    monkeypatch.chdir(tmp_path)
    write_all(os.fspath(tmp_path), "a/b/c/")
    visit("a")
    assert os.getcwd() == os.fspath(tmp_path)
    assert os.path.isdir("a/b/c")


def test_a_tree_is_entered_in_few_calls(root, monkeypatch):
    write_all(root, *(f"{number % 10}/{number}/f" for number in range(100)))
    visits = []
    real = Disk.visit

    def visit(disk, *arguments, **options):
        visits.append(options)
        return real(disk, *arguments, **options)

    monkeypatch.setattr(Disk, "visit", visit)
    with watching(root) as watcher:
        assert (watcher.stats()["listed"], watcher.stats()["watches"]) == (111, 111)
    assert visits == [{"files": False, "seconds": 0.0}]


@pytest.fixture(scope="session")
def steps(tmp_path_factory, request):
    """A library that does a step between two system calls."""
    if request.config.getoption("--sanitized"):
        pytest.skip("not with sanitizers: a library of its own is loaded first")
    need("gcc")
    library = tmp_path_factory.mktemp("steps") / "steps.so"
    subprocess.run(
        ["gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, STEPS, "-ldl"], check=True, timeout=60
    )
    return library


@pytest.fixture
def stepped(steps, python, root, tmp_path):
    """Watch the root in a fresh interpreter, with steps in between; what is told at last, and whether all is right."""

    def run(*, at="", of="", do=(), **environment):
        done = tmp_path / "done"
        set_to = {"LD_PRELOAD": steps, "STEP_AT": at, "STEP_OF": of, "STEP_DO": "\n".join(do), "STEP_DONE": done}
        if not at:
            set_to = {"LD_PRELOAD": steps}
        set_to.update(environment)
        told = python(
            f"""
            import os, sys
            sys.path.insert(0, {os.fspath(STEPS.parents[2])!r})
            from inotify_cffi import Watcher
            from tests.stress import oracles
            root = sys.argv[1]
            with Watcher(root, track="directories") as watcher:
                replayer = oracles.Replayer(root, snapshot=watcher.snapshot())
                events = [event for event in watcher.sync() + watcher.sync() if event.is_dir]
                replayer.apply(events)
                complaints = oracles.complaints_at_rest(watcher, replayer, oracles.directories)
                print(sorted(path[len(root) + 1:] for path in watcher.snapshot()))
                print([str(event).replace(root + "/", "") for event in events if not event.mask & 0xc00], complaints)
            """,
            root,
            prefix=("env", *(f"{name}={value}" for name, value in set_to.items())),
        )
        assert not at or done.exists(), "the step was not done"
        return told

    return run


@pytest.mark.parametrize("at", ["before watch", "after watch"])
@pytest.mark.parametrize("way", [{}, {"NO_UNSHARE": "1"}], ids=["", "by proc"])
def test_a_directory_made_before_the_links_are_counted_is_found(root, stepped, at, way):
    """Were they counted before the watch is added, what was made in between would be missed."""
    write_all(root, "a/leaf/")
    told = stepped(at=at, of="leaf", do=[f"mkdir {root}/a/leaf/new"], **way)
    assert told == "['a', 'a/leaf', 'a/leaf/new']\n[] []\n"


def test_a_directory_made_after_the_links_were_counted_is_told(root, stepped):
    write_all(root, "a/leaf/")
    told = stepped(at="after look", of="leaf", do=[f"mkdir {root}/a/leaf/new"])
    assert told == "['a', 'a/leaf', 'a/leaf/new']\n['CREATE,ISDIR a/leaf/new'] []\n"


def test_what_was_counted_as_a_leaf_in_the_place_of_another_is_listed_where_that_is(root, stepped):
    """The name changes hands between the watch and the count: what is watched went on with all that is in it."""
    write_all(root, "a/x/below/", "b/x/below/")
    first, second = os.listdir(root)
    steps = [f"rename {root}/{second}/x {root}/{first}/moved", f"mkdir {root}/{second}/x"]
    shutil.rmtree(f"{root}/{first}/x")
    told = stepped(at="after watch", of="x", do=steps)
    assert told == (
        f"{sorted([first, second, f'{first}/moved', f'{first}/moved/below', f'{second}/x'])}\n"
        f"['MOVED_FROM,ISDIR {second}/x', 'MOVED_TO,ISDIR {first}/moved (from {second}/x)', "
        f"'CREATE,ISDIR {second}/x', 'CREATE,ISDIR {first}/moved/below'] []\n"
    )


@pytest.mark.parametrize("at", ["before watch", "after watch"])
def test_a_directory_that_is_opened_in_the_place_of_another_is_not_taken_for_it(root, stepped, at):
    write_all(root, "a/x/", "a/y/", "b/")
    # The other one is listed later, in whatever order the file system lists.
    name, other = os.listdir(f"{root}/a")
    write_all(root, f"a/{name}/below/", f"a/{other}/there/")
    steps = [f"rename {root}/a/{name} {root}/b/{name}", f"rename {root}/a/{other} {root}/a/{name}"]
    told = stepped(at=at, of=name, do=steps)
    assert told.startswith(f"['a', 'a/{name}', 'a/{name}/there', 'b', 'b/{name}', 'b/{name}/below']\n")
    assert told.endswith("] []\n")
    # What is below the one was never told as being below the other.
    assert "DELETE" not in told


@pytest.mark.parametrize("at", ["before watch", "after watch", "after look"])
def test_a_link_that_takes_the_place_of_a_directory_leads_nowhere(root, outside, stepped, at):
    write_all(root, "a/leaf/")
    write_all(outside, "secret/")
    steps = [f"rename {root}/a/leaf {outside}/leaf", f"symlink {outside} {root}/a/leaf"]
    told = stepped(at=at, of="leaf", do=steps)
    assert told.startswith("['a']\n")
    assert told.endswith("] []\n")


@pytest.mark.parametrize("way", [{"NO_UNSHARE": "1"}, {"NO_LINKS": "1"}], ids=str)
def test_where_something_is_not_to_be_had_all_is_found_all_the_same(root, stepped, way):
    write_all(root, "a/b/c/", "a/d/", "e/f")
    assert stepped(**way) == "['a', 'a/b', 'a/b/c', 'a/d', 'e']\n[] []\n"


def test_where_links_are_not_counted_a_leaf_is_listed(root, stepped, python, steps):
    write_all(root, "leaf/")
    told = python(
        """
        import sys
        from inotify_cffi import Instance, Mask, Watcher
        with Instance() as opened:
            opened.add_watch(sys.argv[1] + "/leaf", Mask.OPEN)
            with Watcher(sys.argv[1], track="directories"):
                print(len(opened.read()))
        """,
        root,
        prefix=("env", f"LD_PRELOAD={steps}", "NO_LINKS=1"),
    )
    assert told == "1\n"
