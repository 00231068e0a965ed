"""Links: not followed unless asked; followed they lead in, never round, and never out by a swap."""

import os
import shutil

import pytest
from consumer import ENTRIES, Consumer, after, before, brief, write, write_all

from inotify_cffi import Mask, Watcher
from inotify_cffi.ledger.nodes import Children
from tests.stress import oracles

KINDS = pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])


def following(root, **options):
    return Watcher(root, follow_symlinks=True, **options)


def told(watcher):
    return brief(event for event in watcher.sync() if event.mask & ENTRIES)


# --- not followed ---


@KINDS
def test_a_link_to_a_directory_is_an_entry_and_no_directory(root, outside, kind):
    write_all(outside, "f")
    with Consumer(root, kind=kind) as consumer:
        os.symlink(outside, f"{root}/link")
        assert consumer.entries() == [f"CREATE {root}/link"]
        write(f"{outside}/g")
        assert consumer.sync() == []
        os.unlink(f"{root}/link")
        assert consumer.entries() == [f"DELETE {root}/link"]
        assert consumer.stats()["watches"] == 1


def test_a_link_that_was_there_is_not_followed(root, outside):
    write_all(outside, "f")
    os.symlink(outside, f"{root}/link")
    with Consumer(root) as consumer:
        assert consumer.snapshot() == {f"{root}/link": False}
        consumer.assert_each_directory_reports()


def test_a_link_as_the_root_is_followed(root, outside):
    """The user named it."""
    os.symlink(outside, f"{root}/link")
    with Consumer(f"{root}/link") as consumer:
        write_all(f"{root}/link", "d/f")
        consumer.assert_each_directory_reports()


def test_a_link_takes_the_place_of_a_directory(root, outside):
    write_all(root, "d/e/f")
    with Consumer(root) as consumer:
        os.symlink(outside, f"{root}/link")
        shutil.rmtree(f"{root}/d")
        os.rename(f"{root}/link", f"{root}/d")
        consumer.assert_each_directory_reports()
        assert consumer.snapshot() == {f"{root}/d": False}


# --- swapped between listing and watching ---


@pytest.mark.parametrize("verb", ["enter", "watch", "entries"])
@pytest.mark.parametrize("way", ["created", "moved in", "renamed", "overflow"])
def test_a_directory_that_is_swapped_for_a_link_never_leads_out(root, outside, verb, way):
    """The swap comes right before the directory is opened, watched, or listed."""
    write_all(outside, "secret/f", "d/below/f")
    with Consumer(root) as consumer:
        disk = consumer.watcher._tree._disk

        def swap():
            os.rename(f"{root}/d", f"{root}/was")
            os.symlink(f"{outside}/secret", f"{root}/d")

        if way == "moved in":
            os.rename(f"{outside}/d", f"{root}/d")
        else:
            write_all(root, "d/below/f")
            if way != "created":
                consumer.sync()
            if way == "renamed":
                os.rename(f"{root}/d", f"{root}/e")
                os.rename(f"{root}/e", f"{root}/d")
            elif way == "overflow":
                consumer.watcher._tree.distrust()
        before(disk, verb, swap)
        told = consumer.sync()
        write(f"{outside}/secret/g")
        told += consumer.sync()
        # What is outside is not even told for a moment.
        assert not [event for event in told if event.path in (f"{root}/d/f", f"{root}/d/g")]
        consumer.assert_each_directory_reports()


def test_the_way_to_a_directory_is_swapped_for_a_link(root, outside):
    """Not the directory itself but one above it; outside there is one of the same name."""
    write_all(outside, "b/c/f")
    write_all(root, "a/b/")
    with Consumer(root) as consumer:
        disk = consumer.watcher._tree._disk

        def swap():
            os.rename(f"{root}/a", f"{root}/was")
            os.symlink(outside, f"{root}/a")

        os.mkdir(f"{root}/a/b/c")
        before(disk, "enter", swap)
        consumer.sync()
        write(f"{outside}/b/c/g")
        consumer.assert_each_directory_reports()
        assert not [path for path in consumer.snapshot() if path.endswith("/g")]


def test_the_first_crawl_is_not_led_out(root, outside, monkeypatch):
    """One at a time; how many are entered at once is tested in test_crawl.py."""
    from inotify_cffi.tree.crawl import Crawler
    from inotify_cffi.tree.disk import Disk

    write_all(outside, "f")
    write_all(root, "d/e/")
    real = Disk.enter

    def enter(disk, fd, name, *, follow):
        if name == "e" and os.path.isdir(f"{root}/d/e"):
            os.rename(f"{root}/d/e", f"{root}/was")
            os.symlink(outside, f"{root}/d/e")
        return real(disk, fd, name, follow=follow)

    monkeypatch.setattr(Disk, "enter", enter)
    monkeypatch.setattr(Crawler, "_enter_at_once", lambda *_: 0)
    with Consumer(root) as consumer:
        monkeypatch.undo()
        assert os.path.islink(f"{root}/d/e")
        write(f"{outside}/g")
        consumer.assert_each_directory_reports()
        assert not [path for path in consumer.snapshot() if path.endswith(("/f", "/g"))]


def test_a_directory_moved_out_while_it_is_crawled_is_not_watched(root, outside):
    write_all(outside, "in/a/b/c/f")
    with Consumer(root) as consumer:
        disk = consumer.watcher._tree._disk
        os.rename(f"{outside}/in", f"{root}/in")
        after(disk, "entries", lambda: os.rename(f"{root}/in", f"{outside}/out"))
        consumer.sync()
        write(f"{outside}/out/a/b/c/g")
        write(f"{outside}/out/h")
        consumer.assert_each_directory_reports()
        assert consumer.snapshot() == {}


# --- followed ---


@KINDS
def test_what_is_behind_a_link_is_told_under_the_link(root, outside, kind):
    write_all(outside, "d/f")
    os.symlink(outside, f"{root}/link")
    with following(kind(root)) as watcher:
        assert {os.fsdecode(path) for path in watcher.snapshot()} == {
            f"{root}/link",
            f"{root}/link/d",
            f"{root}/link/d/f",
        }
        write(f"{outside}/d/g")
        assert told(watcher) == [f"CREATE {root}/link/d/g"]


def test_a_link_that_comes_late_is_entered(root, outside):
    write_all(outside, "d/f")
    with following(root) as watcher:
        os.symlink(outside, f"{root}/link")
        assert sorted(told(watcher)) == sorted(
            [f"CREATE,ISDIR {root}/link", f"CREATE,ISDIR {root}/link/d", f"CREATE {root}/link/d/f"]
        )
        write(f"{outside}/d/g")
        assert told(watcher) == [f"CREATE {root}/link/d/g"]


def test_a_link_that_goes_takes_back_what_was_behind_it(root, outside):
    write_all(outside, "d/f")
    os.symlink(outside, f"{root}/link")
    with following(root) as watcher:
        os.unlink(f"{root}/link")
        assert told(watcher) == [
            f"DELETE {root}/link/d/f",
            f"DELETE,ISDIR {root}/link/d",
            f"DELETE,ISDIR {root}/link",
        ]
        assert watcher.stats()["watches"] == 1
        write(f"{outside}/d/g")
        assert watcher.sync() == []


@pytest.mark.parametrize("target", [".", "..", "../..", "a", "a/b"])
def test_a_loop_ends(root, target):
    """A link to a directory that it is in is not entered."""
    write_all(root, "a/b/f")
    os.symlink(os.path.join(root, "a", target) if target.startswith("a") else target, f"{root}/a/b/loop")
    with following(root) as watcher:
        watcher.sync()
        write(f"{root}/a/b/g")
        assert f"CREATE {root}/a/b/g" in told(watcher)
        assert watcher.sync() == []


@pytest.mark.parametrize("late", [False, True], ids=["early", "late"])
def test_a_link_to_what_the_root_is_in_ends(root, late):
    """No link, but the root itself is found below the root then."""
    if not late:
        os.symlink("..", f"{root}/up")
    with following(root) as watcher:
        if late:
            os.symlink("..", f"{root}/up")
            watcher.sync(20)
        name = os.path.basename(root)
        assert watcher.snapshot() == {f"{root}/up": True, f"{root}/up/{name}": True}
        assert watcher.unwatched() == {}
        write(f"{root}/f")
        assert watcher.sync(20)[0].path == f"{root}/f"


@pytest.mark.parametrize("moved", ["x", "x/link"])
@pytest.mark.parametrize("target", ["p", "p/a", "outside"])
def test_a_link_to_what_it_is_in_is_moved_to_where_it_is_not(root, target, moved):
    """What was not entered, for it was the link's own directory, is entered then, and the new one is not."""
    write_all(root, "p/a/x/f", "p/b/x/g" if moved != "x" else "p/b/g", "outside/")
    os.symlink(f"{root}/p", f"{root}/outside/p")
    os.symlink(f"{root}/{target}", f"{root}/p/a/x/link")
    with following(root) as watcher:
        os.rename(f"{root}/p/a/{moved}", f"{root}/p/b/{moved}")
        watcher.sync(20)
        with following(root) as new:
            assert watcher.snapshot() == new.snapshot()


def test_a_loop_that_comes_late_ends(root):
    write_all(root, "a/b/f")
    with following(root) as watcher:
        os.symlink(f"{root}/a", f"{root}/a/b/loop")
        assert told(watcher) == [f"CREATE,ISDIR {root}/a/b/loop"]
        write(f"{root}/a/g")
        assert told(watcher) == [f"CREATE {root}/a/g"]
        os.unlink(f"{root}/a/b/loop")
        assert told(watcher) == [f"DELETE,ISDIR {root}/a/b/loop"]


def test_links_to_each_other_end(root):
    write_all(root, "a/", "b/")
    os.symlink("../b", f"{root}/a/to-b")
    os.symlink("../a", f"{root}/b/to-a")
    with following(root) as watcher:
        write(f"{root}/a/f")
        assert sorted(told(watcher)) == sorted([f"CREATE {root}/a/f", f"CREATE {root}/b/to-a/f"])
        write(f"{root}/b/g")
        assert sorted(told(watcher)) == sorted([f"CREATE {root}/b/g", f"CREATE {root}/a/to-b/g"])


def test_two_links_to_one_directory(root, outside):
    write_all(outside, "d/")
    os.symlink(outside, f"{root}/one")
    os.symlink(outside, f"{root}/two")
    with following(root) as watcher:
        write(f"{outside}/d/f")
        assert sorted(told(watcher)) == [f"CREATE {root}/one/d/f", f"CREATE {root}/two/d/f"]
        os.unlink(f"{root}/one")
        watcher.sync()
        write(f"{outside}/d/g")
        assert told(watcher) == [f"CREATE {root}/two/d/g"]
        os.unlink(f"{root}/two")
        watcher.sync()
        assert (watcher.snapshot(), watcher.stats()["watches"]) == ({}, 1)


def test_a_link_to_a_directory_in_the_tree(root):
    write_all(root, "d/e/")
    os.symlink("d", f"{root}/link")
    with following(root) as watcher:
        write(f"{root}/d/e/f")
        assert sorted(told(watcher)) == [f"CREATE {root}/d/e/f", f"CREATE {root}/link/e/f"]
        os.rename(f"{root}/d/e", f"{root}/d/g")
        watcher.sync()
        assert set(watcher.snapshot()) == {
            f"{root}/{path}" for path in ("d", "d/g", "d/g/f", "link", "link/g", "link/g/f")
        }


def test_the_target_of_a_link_in_the_tree_is_renamed(root):
    """The link leads nowhere then."""
    write_all(root, "d/f")
    os.symlink("d", f"{root}/link")
    with following(root) as watcher:
        os.rename(f"{root}/d", f"{root}/e")
        watcher.sync()
        assert watcher.snapshot() == {f"{root}/e": True, f"{root}/e/f": False, f"{root}/link": False}
        write(f"{root}/e/g")
        assert told(watcher) == [f"CREATE {root}/e/g"]


# --- where a link leads, which inotify does not report ---


def test_what_a_link_waits_for_is_found_by_retry(root, outside):
    os.symlink(f"{outside}/late", f"{root}/link")
    with following(root) as watcher:
        write_all(outside, "late/f")
        assert told(watcher) == []
        watcher.retry()
        assert told(watcher) == [f"DELETE {root}/link", f"CREATE,ISDIR {root}/link", f"CREATE {root}/link/f"]
        write(f"{outside}/late/g")
        assert told(watcher) == [f"CREATE {root}/link/g"]


def test_the_way_of_a_link_is_renamed(root, outside):
    write_all(outside, "way/d/f")
    os.symlink(f"{outside}/way/d", f"{root}/link")
    with following(root) as watcher:
        os.rename(f"{outside}/way", f"{outside}/elsewhere")
        assert told(watcher) == []
        write(f"{outside}/elsewhere/d/f")
        assert told(watcher) == []
        watcher.retry()
        watcher.sync()
        assert watcher.snapshot() == {f"{root}/link": False}
        assert watcher.stats()["watches"] == 1


def test_the_way_of_a_link_is_renamed_and_something_is_made_behind_it(root, outside):
    """It may be a link, too; whoever looks finds that the way is gone."""
    write_all(outside, "way/d/f")
    os.symlink(f"{outside}/way/d", f"{root}/link")
    with following(root) as watcher:
        os.rename(f"{outside}/way", f"{outside}/elsewhere")
        write(f"{outside}/elsewhere/d/g")
        assert told(watcher) == [
            f"CREATE {root}/link/g",
            f"DELETE {root}/link/f",
            f"DELETE {root}/link/g",
            f"DELETE,ISDIR {root}/link",
            f"CREATE {root}/link",
        ]
        assert watcher.stats()["watches"] == 1


def test_the_way_of_a_link_leads_elsewhere(root, outside):
    """However deep the link is."""
    write_all(outside, "one/d/f", "two/d/g")
    write_all(root, "a/b/")
    os.symlink(f"{outside}/one/d", f"{root}/a/b/link")
    with following(root) as watcher:
        os.rename(f"{outside}/one", f"{outside}/three")
        os.rename(f"{outside}/two", f"{outside}/one")
        assert told(watcher) == []
        watcher.retry()
        assert sorted(told(watcher)) == [f"CREATE {root}/a/b/link/g", f"DELETE {root}/a/b/link/f"]
        write(f"{outside}/one/d/h")
        write(f"{outside}/three/d/h")
        assert told(watcher) == [f"CREATE {root}/a/b/link/h"]
        assert watcher.stats()["watches"] == 4


def test_a_link_that_leads_nowhere_is_an_entry(root):
    os.symlink("nothing", f"{root}/link")
    with following(root) as watcher:
        assert (watcher.snapshot(), watcher.unwatched()) == ({f"{root}/link": False}, {})
        os.unlink(f"{root}/link")
        assert told(watcher) == [f"DELETE {root}/link"]


def test_a_link_to_itself_is_an_entry(root):
    os.symlink("link", f"{root}/link")
    with following(root) as watcher:
        assert (watcher.snapshot(), watcher.unwatched()) == ({f"{root}/link": False}, {})


def test_a_link_to_a_file_is_an_entry(root, outside):
    write(f"{outside}/f")
    os.symlink(f"{outside}/f", f"{root}/link")
    with following(root) as watcher:
        assert (watcher.snapshot(), watcher.unwatched()) == ({f"{root}/link": False}, {})


@KINDS
def test_a_link_that_is_retargeted_atomically(root, kind):
    """As Kubernetes does with the files of a ConfigMap: ..data is a link that is renamed over the one before."""
    write_all(root, "..one/config", "..one/sub/x")
    os.symlink("..one", f"{root}/..data")
    with following(kind(root)) as watcher:
        write_all(root, "..two/config", "..two/sub/y")
        os.symlink("..two", f"{root}/..tmp")
        watcher.sync()
        os.rename(f"{root}/..tmp", f"{root}/..data")
        watcher.sync()
        names = {os.fsdecode(path)[len(root) + 1 :] for path in watcher.snapshot()}
        assert {name for name in names if name.startswith("..data")} == {
            "..data",
            "..data/config",
            "..data/sub",
            "..data/sub/y",
        }
        shutil.rmtree(f"{root}/..one")
        watcher.sync()
        write(f"{root}/..two/sub/z")
        assert sorted(told(watcher)) == [f"CREATE {root}/..data/sub/z", f"CREATE {root}/..two/sub/z"]


def test_a_link_that_is_retargeted_before_anybody_reads(root):
    write_all(root, "..one/config")
    os.symlink("..one", f"{root}/..data")
    with following(root) as watcher:
        for number in range(5):
            write_all(root, f"..v{number}/config{number}")
            os.symlink(f"..v{number}", f"{root}/..tmp")
            os.rename(f"{root}/..tmp", f"{root}/..data")
        watcher.sync()
        names = {path[len(root) + 1 :] for path in watcher.snapshot()}
        assert {name for name in names if name.startswith("..data")} == {"..data", "..data/config4"}


def test_a_link_takes_the_place_of_a_directory_and_is_followed(root, outside):
    write_all(root, "d/e/f")
    write_all(outside, "x/y")
    with following(root) as watcher:
        os.symlink(outside, f"{root}/link")
        shutil.rmtree(f"{root}/d")
        os.rename(f"{root}/link", f"{root}/d")
        watcher.sync()
        assert set(watcher.snapshot()) == {f"{root}/d", f"{root}/d/x", f"{root}/d/x/y"}
        write(f"{outside}/x/z")
        assert told(watcher) == [f"CREATE {root}/d/x/z"]


def test_lost_events_with_links(root, outside):
    write_all(outside, "d/f")
    write_all(root, "one", "two")
    os.symlink(outside, f"{root}/link")
    with following(root) as watcher:
        size = -1
        while watcher._instance.queued_bytes() != size:
            size = watcher._instance.queued_bytes()
            for _ in range(500):
                os.utime(f"{root}/one")
                os.utime(f"{root}/two")
        write_all(outside, "e/g")
        os.unlink(f"{outside}/d/f")
        watcher.sync()
        names = {path[len(root) + 1 :] for path in watcher.snapshot()}
        assert names == {"one", "two", "link", "link/d", "link/e", "link/e/g"}


def test_a_link_that_is_renamed_before_anybody_reads_is_followed(root, outside):
    write_all(outside, "x")
    with following(root) as watcher:
        os.symlink(outside, f"{root}/one")
        os.rename(f"{root}/one", f"{root}/two")
        watcher.sync()
        assert set(watcher.snapshot()) == {f"{root}/two", f"{root}/two/x"}


def test_a_link_is_moved_to_where_it_leads_elsewhere(root):
    write_all(root, "t/one", "d/t/two")
    os.symlink("t", f"{root}/link")
    with following(root) as watcher:
        os.rename(f"{root}/link", f"{root}/d/link")
        watcher.sync()
        assert {path for path in watcher.snapshot() if "/link" in path[len(root) :]} == {
            f"{root}/d/link",
            f"{root}/d/link/two",
        }
        write(f"{root}/d/t/three")
        assert sorted(told(watcher)) == [f"CREATE {root}/d/link/three", f"CREATE {root}/d/t/three"]


def test_a_directory_is_moved_to_where_its_link_leads_elsewhere(root):
    write_all(root, "a/b/", "t/one", "d/t/two")
    os.symlink("../../t", f"{root}/a/b/link")
    with following(root) as watcher:
        os.rename(f"{root}/a", f"{root}/d/a")
        watcher.sync()
        assert {path for path in watcher.snapshot() if "/link" in path[len(root) :]} == {
            f"{root}/d/a/b/link",
            f"{root}/d/a/b/link/two",
        }


def test_a_directory_is_moved_out_of_a_loop(root):
    write_all(root, "a/b/", "a/f")
    os.symlink(f"{root}/a", f"{root}/a/b/link")
    with following(root) as watcher:
        os.rename(f"{root}/a/b", f"{root}/b")
        watcher.sync()
        assert {path for path in watcher.snapshot() if "/link" in path[len(root) :]} == {
            f"{root}/b/link",
            f"{root}/b/link/f",
        }


def test_a_link_is_moved_into_a_loop(root):
    write_all(root, "a/f")
    os.symlink(f"{root}/a", f"{root}/link")
    with following(root) as watcher:
        os.rename(f"{root}/link", f"{root}/a/link")
        watcher.sync()
        assert set(watcher.snapshot()) == {f"{root}/a", f"{root}/a/f", f"{root}/a/link"}
        write(f"{root}/a/g")
        assert told(watcher) == [f"CREATE {root}/a/g"]


def test_a_name_in_doubt_behind_a_loop_is_not_looked_for_for_ever(root):
    """A directory that is not entered has no names; a race may have left one in doubt."""
    write_all(root, "a/f")
    os.symlink(f"{root}/a", f"{root}/a/loop")
    with following(root) as watcher:
        tree = watcher._tree
        loop = tree.ledger.roots[0].children["a"].children["loop"]
        tree._doubts.suspect(loop, "f")
        assert watcher.sync(5) == []


@pytest.mark.parametrize("again", [False, True], ids=["", "and another directory is there"])
def test_a_link_in_a_directory_that_has_moved_on_is_followed(root, outside, again):
    write_all(outside, "x")
    os.mkdir(f"{root}/d")
    with following(root) as watcher:
        os.symlink(outside, f"{root}/d/link")
        os.rename(f"{root}/d", f"{root}/e")
        if again:
            os.mkdir(f"{root}/d")
        watcher.sync()
        assert f"{root}/e/link/x" in watcher.snapshot()


def test_no_watch_is_left_where_another_directory_was_looked_at(root, outside):
    """What it is in leaves right then, so it never has an event by which it could be known."""
    write_all(root, "in/d/", "e/")
    write_all(outside, "other/")
    with following(root) as watcher:
        write(f"{root}/in/d/f")
        os.rename(f"{root}/in/d", f"{outside}/d")
        os.rename(f"{outside}/other", f"{root}/in/d")
        after(
            watcher._tree._disk,
            "watch",
            lambda: os.rename(f"{root}/in", f"{outside}/in"),
            when=lambda fd, mask: os.readlink(f"/proc/self/fd/{fd}") == f"{root}/in/d",
        )
        watcher.sync()
        watcher.sync()
        assert watcher.snapshot() == {f"{root}/e": True}
        assert len(oracles.kernel_watches(watcher._instance.fileno())) == watcher.stats()["watches"] == 2


def test_a_rename_costs_as_many_looks_as_there_are_links_below(root, outside, monkeypatch):
    """However many directories that are none."""
    write_all(root, *(f"top/{number}/a/" for number in range(200)))
    os.symlink(outside, f"{root}/top/7/link")
    listed = []
    real = Children.directories
    monkeypatch.setattr(Children, "directories", lambda children: listed.append(1) or real(children))
    with following(root) as watcher:
        del listed[:]
        for _ in range(5):
            os.rename(f"{root}/top", f"{root}/other")
            watcher.sync()
            os.rename(f"{root}/other", f"{root}/top")
            watcher.sync()
        assert len(listed) < 50
        write(f"{outside}/f")
        assert told(watcher) == [f"CREATE {root}/top/7/link/f"]


def test_links_that_come_and_go_are_forgotten(root, outside):
    with following(root) as watcher:
        for number in range(300):
            os.symlink(outside, f"{root}/{number}")
            watcher.sync()
            os.unlink(f"{root}/{number}")
            watcher.sync()
        assert len(watcher._tree.ledger._links) < 200


# --- hard links ---


@KINDS
def test_a_hard_link_is_an_entry_of_its_own(root, kind):
    write_all(root, "f", "d/")
    with Consumer(root, kind=kind) as consumer:
        os.link(f"{root}/f", f"{root}/d/g")
        assert consumer.entries() == [f"CREATE {root}/d/g"]
        os.unlink(f"{root}/f")
        assert consumer.entries() == [f"DELETE {root}/f"]
        consumer.assert_each_directory_reports()


def test_a_hard_link_from_outside(root, outside):
    write(f"{outside}/f")
    with Consumer(root, mask=ENTRIES) as consumer:
        os.link(f"{outside}/f", f"{root}/g")
        os.rename(f"{root}/g", f"{root}/h")
        assert consumer.entries() == [
            f"CREATE {root}/g",
            f"MOVED_FROM {root}/g",
            f"MOVED_TO {root}/h (from {root}/g)",
        ]


def test_a_rename_between_two_names_of_one_file_changes_nothing(root):
    """rename(2): if both are links to one file, it does nothing."""
    write(f"{root}/f")
    os.link(f"{root}/f", f"{root}/g")
    with Consumer(root) as consumer:
        os.rename(f"{root}/f", f"{root}/g")
        consumer.assert_each_directory_reports()
        assert f"{root}/f" in consumer.snapshot()


def test_what_is_written_is_told_of_the_name_it_was_written_by(root):
    write(f"{root}/f")
    os.link(f"{root}/f", f"{root}/g")
    with Watcher(root, mask=Mask.CLOSE_WRITE) as watcher:
        write(f"{root}/g", "changed")
        assert brief(watcher.sync()) == [f"CLOSE_WRITE {root}/g"]
