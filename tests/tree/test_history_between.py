"""What happens to a directory between the calls that look at it: it is told where it was, and never elsewhere."""

from __future__ import annotations

import os

import pytest
from consumer import Consumer, after, before

from inotify_cffi import Mask, Watcher
from inotify_cffi.kernel import buffers
from inotify_cffi.kernel.buffers import Records
from inotify_cffi.tree.disk import RECORD, Disk
from tests.stress.between import BetweenWorld
from tests.stress.writers import exchange

STRUCTURE = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO


def told(watcher, root):
    """What is told up to now, without the root's path."""
    return [str(event).replace(root + "/", "") for event in watcher.sync() + watcher.sync()]


@pytest.mark.parametrize("is_read_in_parts", [False, True])
@pytest.mark.parametrize("is_watched", [False, True], ids=["nobody watches", "a watch that has no directory"])
def test_a_directory_leaves_by_what_the_kernel_merged_with_what_left_before_it_was_bound(
    root, outside, is_watched, is_read_in_parts
):
    """Wherever it goes to; then what is done to the directory that it was in is told of that alone."""
    os.mkdir(f"{root}/p")
    os.makedirs(f"{outside}/u/below")
    with Watcher(root, mask=STRUCTURE) as watcher:
        if is_read_in_parts:
            watcher._instance._buffer = buffers.ReadBuffer(buffers.LARGEST_RECORD)
        disk = watcher._tree._disk
        os.mkdir(f"{root}/p/b")
        # Nothing of that is read before the directory is bound.
        after(disk, "read", lambda: exchange(f"{outside}/u", f"{root}/p/b"))

        def leaves():
            if is_watched:
                watcher._instance.add_watch(f"{outside}", Mask.MOVED_TO)
            os.rename(f"{root}/p/b", f"{outside}/z")
            os.rename(f"{root}/p", f"{root}/q")

        before(disk, "entries", leaves)
        assert told(watcher, root) == [
            *("CREATE,ISDIR p/b", "MOVED_FROM,ISDIR p/b", "MOVED_FROM,ISDIR p", "MOVED_TO,ISDIR q (from p)"),
        ]


def test_where_a_directory_was_seen_it_did_not_go_by_its_first_move_if_it_moved_again_right_before(root, outside):
    """What it reports in between is of where it was then."""
    os.makedirs(f"{root}/d")
    with Watcher(root, mask=STRUCTURE) as watcher:
        os.makedirs(f"{root}/m/c")

        def leaves():
            os.rename(f"{root}/d", f"{outside}/k")
            os.mkdir(f"{outside}/k/late")
            # So it is known that there is no other half.
            os.mkdir(f"{root}/other")

        def comes():
            os.rmdir(f"{root}/m/c")
            os.rename(f"{outside}/k", f"{root}/m/c")

        disk = watcher._tree._disk
        before(disk, "entries", leaves)
        before(disk, "enter", comes, when=lambda fd, name: name == "c")
        events = told(watcher, root)
        assert events == [
            *(
                "CREATE,ISDIR m",
                "CREATE,ISDIR m/c",
                "MOVED_FROM,ISDIR d",
                "CREATE,ISDIR other",
                "DELETE,ISDIR m/c",
            ),
            *("MOVED_TO,ISDIR m/c", "CREATE,ISDIR m/c/late"),
        ]


class Unheard:
    """Reads nothing of what happens until it is told to: as where the kernel has merged all of that."""

    def __init__(self, watcher):
        self.disk = watcher._tree._disk
        self.original = self.disk.read

    def forget(self):
        """Read, and forget."""
        self.original(Records())


def test_a_directory_that_does_not_say_that_it_was_moved_was_not(root, outside):
    """It was another one, which came to its name unheard."""
    os.makedirs(f"{root}/n/mine")
    os.makedirs(f"{outside}/other/below")
    with Consumer(root, mask=STRUCTURE) as consumer:
        watcher = consumer.watcher
        # What was queued during the first listing may be older than a watch.
        assert watcher.sync() == []
        os.rename(f"{root}/n", f"{outside}/n")
        os.rename(f"{outside}/other", f"{root}/n")
        Unheard(watcher).forget()
        os.rename(f"{root}/n", f"{root}/t")
        events = consumer.sync()
        assert "MOVED_TO" in str(events[0]) and events[0].path == f"{root}/t"
        assert f"{root}/t/mine" not in [event.path for event in events]
        assert events[0].moved_from is None
        consumer.assert_at_rest()


def test_a_directory_that_is_moved_while_it_is_first_listed_is_told_as_moved(root, monkeypatch):
    """It does not say so itself, for it has no watch by then."""
    os.makedirs(f"{root}/d/below")
    watch = Disk.watch

    def watched(disk, fd, mask):
        if os.path.exists(f"{root}/d") and os.path.samestat(os.fstat(fd), os.stat(f"{root}/d")):
            os.rename(f"{root}/d", f"{root}/e")
        return watch(disk, fd, mask)

    monkeypatch.setattr(Disk, "watch", watched)
    # So that they are entered one at a time.
    with Watcher(root, mask=STRUCTURE, one_file_system=True) as watcher:
        assert told(watcher, root) == ["MOVED_FROM,ISDIR d", "MOVED_TO,ISDIR e (from d)"]


def test_a_directory_that_is_moved_before_its_watch_and_back_is_told_as_moved(root):
    os.mkdir(f"{root}/b")
    with Watcher(root, mask=STRUCTURE) as watcher:
        disk = watcher._tree._disk
        assert watcher.sync() == []

        def moves():
            os.rename(f"{root}/a", f"{root}/b/a")
            # Nothing that comes behind this is about that move.
            os.mkdir(f"{root}/b/x")
            after(disk, "watch", lambda: os.rename(f"{root}/b/a", f"{root}/a"))

        after(disk, "enter", moves, when=lambda fd, name: name == "a")
        os.mkdir(f"{root}/a")
        assert told(watcher, root) == [
            *("CREATE,ISDIR a", "MOVED_FROM,ISDIR a", "MOVED_TO,ISDIR b/a (from a)", "CREATE,ISDIR b/x"),
            *("MOVED_FROM,ISDIR b/a", "MOVED_TO,ISDIR a (from b/a)"),
        ]


def test_a_directory_that_came_before_its_watch_and_went_back_was_not_exchanged(root):
    """It was where it was expected, but what was told to be there is another."""
    os.mkdir(f"{root}/a")
    with Watcher(root, mask=STRUCTURE) as watcher:

        def comes():
            os.mkdir(f"{root}/b")
            os.rename(f"{root}/b", f"{root}/a/b")
            before(disk, "entries", lambda: os.rename(f"{root}/a/b", f"{root}/b"))

        disk = watcher._tree._disk
        before(disk, "enter", comes, when=lambda fd, name: name == "b")
        os.mkdir(f"{root}/a/b")
        assert told(watcher, root) == [
            *("CREATE,ISDIR a/b", "CREATE,ISDIR b", "MOVED_FROM,ISDIR b"),
            *("MOVED_FROM,ISDIR a/b", "MOVED_TO,ISDIR b (from a/b)"),
        ]


def test_a_directory_that_went_before_its_watch_and_came_back_right_behind_is_told_as_moved(root):
    """It comes back between the question how much is queued and the look whether it is there."""
    os.mkdir(f"{root}/a")
    with Watcher(root, mask=STRUCTURE) as watcher:
        disk = watcher._tree._disk

        def comes_back():
            os.rename(f"{root}/a/b", f"{root}/b")

        def goes():
            os.rename(f"{root}/b", f"{root}/a/b")
            after(disk, "watch", lambda: after(disk, "queued", comes_back))

        after(disk, "enter", goes, when=lambda fd, name: name == "b")
        os.mkdir(f"{root}/b")
        assert told(watcher, root) == [
            *("CREATE,ISDIR b", "MOVED_FROM,ISDIR b", "MOVED_TO,ISDIR a/b (from b)"),
            *("MOVED_FROM,ISDIR a/b", "MOVED_TO,ISDIR b (from a/b)"),
        ]


def test_a_seed_fixes_what_is_done_between_the_calls_of_the_tree(tmp_path, monkeypatch):
    counts = []
    for number in range(2):
        monkeypatch.setenv(RECORD, f"{tmp_path}/{number}.jsonl")
        world = BetweenWorld(4, writers=1, changes=40, directory=os.fspath(tmp_path))
        assert world.run() == []
        world.clean()
        counts.append(dict(world.counts))
    assert counts[0] == counts[1]
    assert counts[0]["operations"] > 20
