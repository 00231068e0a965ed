"""Roots: what happens to them themselves, those that are waited for, files as roots, and several of them."""

import os
import shutil

import pytest
from consumer import ENTRIES, Consumer, after, brief, write, write_all

from inotify_cffi import Mask, Watcher

KINDS = pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
CHANGES = int(ENTRIES | Mask.UNWATCHED | Mask.WATCHED | Mask.DELETE_SELF | Mask.MOVE_SELF)


@pytest.fixture
def base(tmp_path):
    return os.fspath(tmp_path)


@pytest.fixture
def root(base):
    os.mkdir(f"{base}/root")
    return f"{base}/root"


def told(watcher, mask=CHANGES):
    return brief(event for event in watcher.sync() if event.mask & mask)


def waiting(*roots, **options):
    return Watcher(*roots, missing="wait", **options)


# --- a root that goes ---


@KINDS
def test_a_root_that_is_deleted(root, kind):
    write_all(root, "a/f")
    with Consumer(root, kind=kind) as consumer:
        shutil.rmtree(root)
        assert told(consumer) == [
            f"DELETE {root}/a/f",
            f"DELETE,ISDIR {root}/a",
            f"DELETE_SELF,ISDIR {root}",
            f"UNWATCHED,ISDIR {root}",
        ]
        assert consumer.snapshot() == {}
        assert [type(error) for error in consumer.unwatched().values()] == [FileNotFoundError]
        assert consumer.stats()["watches"] == 0


@KINDS
def test_a_root_that_is_moved_is_not_followed(root, kind):
    """The path was asked for, not the inode: what happens elsewhere is not told under it."""
    write_all(root, "a/f")
    with Consumer(root, kind=kind) as consumer:
        os.rename(root, root + "-moved")
        write(f"{root}-moved/a/g")
        consumer.sync()
        assert (consumer.snapshot(), list(consumer.unwatched())) == ({}, [kind(root)])
        write(f"{root}-moved/a/h")
        assert consumer.sync() == []
        assert consumer.stats()["watches"] == 0


@KINDS
def test_a_root_that_is_replaced_by_another_directory(root, base, kind):
    write_all(root, "a/f", "b/")
    write_all(base, "other/a/g", "other/c/")
    with Consumer(root, kind=kind) as consumer:
        os.rename(root, f"{base}/was")
        os.rename(f"{base}/other", root)
        consumer.assert_each_directory_reports()
        write(f"{base}/was/a/h")
        assert consumer.entries() == []


def test_a_root_that_is_deleted_and_made_again_at_once(root):
    write_all(root, "a/f")
    with Consumer(root) as consumer:
        shutil.rmtree(root)
        write_all(root, "a/g")
        consumer.assert_each_directory_reports()


def test_a_root_that_is_moved_away_and_back(root, base):
    write_all(root, "a/f")
    with Consumer(root) as consumer:
        os.rename(root, f"{base}/was")
        write(f"{base}/was/a/g")
        os.rename(f"{base}/was", root)
        consumer.assert_each_directory_reports()


def test_a_root_that_is_moved_away_and_back_between_two_reads(root, base):
    write_all(root, "a/f")
    with Consumer(root) as consumer:
        os.rename(root, f"{base}/was")
        consumer.sync()
        os.rename(f"{base}/was", root)
        consumer.retry()
        consumer.assert_each_directory_reports()


def test_a_root_that_is_exchanged_while_it_is_crawled(root, base):
    write_all(base, "other/b/g")
    with Consumer(root) as consumer:
        disk = consumer.watcher._tree._disk

        def exchange():
            os.rename(root, f"{base}/was")
            os.rename(f"{base}/other", root)

        write_all(root, "a/b/c/f", "a/d/f")
        after(disk, "entries", exchange)
        consumer.sync()
        consumer.assert_each_directory_reports()
        assert set(consumer.snapshot()) == {f"{root}/b", f"{root}/b/g"}


def test_a_root_that_vanishes_while_it_is_crawled(root, base):
    with Consumer(root) as consumer:
        disk = consumer.watcher._tree._disk
        write_all(root, "a/b/c/f", "a/d/f")
        after(disk, "entries", lambda: os.rename(root, f"{base}/was"))
        consumer.sync()
        consumer.sync()
        assert (consumer.snapshot(), list(consumer.unwatched())) == ({}, [root])


def test_the_parent_of_a_root_is_moved_away(base):
    """The root itself is not touched; who waits for it watches its way."""
    write_all(base, "p/root/a/f")
    root = f"{base}/p/root"
    with waiting(root) as watcher:
        os.rename(f"{base}/p", f"{base}/q")
        assert told(watcher)[-1] == f"UNWATCHED,ISDIR {root}"
        write(f"{base}/q/root/a/g")
        assert watcher.sync() == []
        os.rename(f"{base}/q", f"{base}/p")
        assert set(told(watcher)) == {
            f"WATCHED,ISDIR {root}",
            f"CREATE,ISDIR {root}/a",
            f"CREATE {root}/a/f",
            f"CREATE {root}/a/g",
        }


def test_the_parent_of_a_root_that_is_not_waited_for_is_moved_away(base):
    """Nothing reports it: the root is told of by the path that it had, until somebody asks for a second look."""
    write_all(base, "p/root/f")
    root = f"{base}/p/root"
    with Consumer(root) as consumer:
        os.rename(f"{base}/p", f"{base}/q")
        write(f"{base}/q/root/g")
        assert consumer.entries() == [f"CREATE {root}/g"]
        assert consumer.unwatched() == {}
        consumer.retry()
        assert told(consumer)[-1] == f"UNWATCHED,ISDIR {root}"
        assert consumer.snapshot() == {}


def test_another_parent_of_a_root_is_found_by_retry(base):
    write_all(base, "p/root/f", "new/root/g")
    root = f"{base}/p/root"
    with Consumer(root) as consumer:
        os.rename(f"{base}/p", f"{base}/q")
        os.rename(f"{base}/new", f"{base}/p")
        assert consumer.sync() == []
        consumer.retry()
        assert sorted(consumer.entries()) == [f"CREATE {root}/g", f"DELETE {root}/f"]
        consumer.assert_each_directory_reports()


def test_retry_lists_nothing_where_all_is_as_it_was(root):
    write_all(root, "a/f", "b/")
    with Watcher(root) as watcher:
        listed = watcher.stats()["listed"]
        watcher.retry()
        assert (watcher.sync(), watcher.stats()["listed"]) == ([], listed)


# --- a root that is waited for ---


@KINDS
@pytest.mark.parametrize("way", ["root", "x/root", "x/y/z/root"])
def test_a_root_that_is_not_there_yet(base, kind, way):
    root = f"{base}/{way}"
    with waiting(kind(root)) as watcher:
        assert list(watcher.unwatched()) == [kind(root)]
        assert told(watcher) == [f"UNWATCHED,ISDIR {root}"]
        write_all(root, "a/f")
        said = told(watcher)
        assert said[0] == f"WATCHED,ISDIR {root}"
        assert sorted(said[1:]) == [f"CREATE {root}/a/f", f"CREATE,ISDIR {root}/a"]
        assert watcher.unwatched() == {}
        write(f"{root}/a/g")
        assert told(watcher) == [f"CREATE {root}/a/g"]


def test_the_way_to_a_root_comes_step_by_step(base):
    root = f"{base}/x/y/z"
    with waiting(root) as watcher:
        watcher.sync()
        for step in "x", "x/y":
            os.mkdir(f"{base}/{step}")
            assert told(watcher) == []
            assert list(watcher.unwatched()) == [root]
        os.mkdir(root)
        assert told(watcher) == [f"WATCHED,ISDIR {root}"]


@pytest.mark.parametrize("gone", ["x", "x/y", "x/y/root"])
def test_it_is_waited_for_again_after_it_vanished(base, gone):
    root = f"{base}/x/y/root"
    write_all(root, "a/f")
    with waiting(root) as watcher:
        for _ in range(3):
            shutil.rmtree(f"{base}/{gone}")
            assert told(watcher)[-1] == f"UNWATCHED,ISDIR {root}"
            assert (watcher.snapshot(), list(watcher.unwatched())) == ({}, [root])
            write_all(root, "a/f")
            said = told(watcher)
            assert said[0] == f"WATCHED,ISDIR {root}"
            assert sorted(said[1:]) == [f"CREATE {root}/a/f", f"CREATE,ISDIR {root}/a"]


def test_the_way_is_moved_in(base):
    write_all(base, "elsewhere/y/root/f")
    root = f"{base}/x/y/root"
    with waiting(root) as watcher:
        watcher.sync()
        os.rename(f"{base}/elsewhere", f"{base}/x")
        assert told(watcher) == [f"WATCHED,ISDIR {root}", f"CREATE {root}/f"]


def test_the_way_is_a_link(base):
    """It leads to the root, then elsewhere, then nowhere."""
    write_all(base, "one/root/f", "two/root/g")
    root = f"{base}/way/root"
    with waiting(root) as watcher:
        watcher.sync()
        os.symlink("one", f"{base}/way")
        assert told(watcher) == [f"WATCHED,ISDIR {root}", f"CREATE {root}/f"]
        os.symlink("two", f"{base}/new")
        os.rename(f"{base}/new", f"{base}/way")
        assert sorted(told(watcher, ENTRIES)) == [f"CREATE {root}/g", f"DELETE {root}/f"]
        os.unlink(f"{base}/way")
        assert told(watcher) == [f"DELETE {root}/g", f"UNWATCHED,ISDIR {root}"]
        assert watcher.snapshot() == {}


def test_what_a_link_on_the_way_leads_to_is_removed(base):
    write_all(base, "deep/one/root/f")
    os.symlink("deep/one", f"{base}/way")
    root = f"{base}/way/root"
    with waiting(root) as watcher:
        shutil.rmtree(f"{base}/deep/one/root")
        watcher.sync()
        assert list(watcher.unwatched()) == [root]
        write_all(base, "deep/one/root/g")
        assert f"CREATE {root}/g" in told(watcher)


def test_a_way_that_is_a_file_first(base):
    write(f"{base}/x")
    root = f"{base}/x/root"
    with waiting(root) as watcher:
        watcher.sync()
        os.unlink(f"{base}/x")
        write_all(root, "f")
        assert told(watcher) == [f"WATCHED,ISDIR {root}", f"CREATE {root}/f"]


def test_dots_on_the_way(base):
    os.mkdir(f"{base}/x")
    root = f"{base}/x/../y/./root"
    with waiting(root) as watcher:
        watcher.sync()
        write_all(base, "y/root/f")
        assert told(watcher) == [f"WATCHED,ISDIR {root}", f"CREATE {root}/f"]


def test_it_comes_between_the_look_and_the_wait(base, monkeypatch):
    from inotify_cffi.tree.anchors import Anchors

    root = f"{base}/x/root"
    real = Anchors.arm

    def arm(anchors, root_):
        real(anchors, root_)
        write_all(root, "f")

    monkeypatch.setattr(Anchors, "arm", arm)
    with waiting(root) as watcher:
        monkeypatch.undo()
        watcher.sync()
        assert (watcher.snapshot(), watcher.unwatched()) == ({f"{root}/f": False}, {})


def test_many_that_are_waited_for_on_one_way(base):
    roots = [f"{base}/x/{name}" for name in "abcd"]
    with waiting(*roots) as watcher:
        watcher.sync()
        for path in roots:
            write_all(path, "f")
        assert {line for line in told(watcher) if "CREATE" in line} == {f"CREATE {path}/f" for path in roots}
        shutil.rmtree(f"{base}/x")
        watcher.sync()
        assert sorted(watcher.unwatched()) == roots


def test_one_that_is_waited_for_in_another_root(root):
    inner = f"{root}/a/b"
    with waiting(root, inner) as watcher:
        watcher.sync()
        write_all(inner, "f")
        assert sorted(told(watcher, ENTRIES)) == sorted(
            [f"CREATE,ISDIR {root}/a", f"CREATE,ISDIR {inner}", f"CREATE {inner}/f", f"CREATE {inner}/f"]
        )
        shutil.rmtree(f"{root}/a")
        watcher.sync()
        assert (watcher.snapshot(), list(watcher.unwatched())) == ({}, [inner])
        assert watcher.stats()["watches"] == 1


def test_the_watches_of_who_waits_end_with_the_wait(base):
    with waiting(f"{base}/x/y", f"{base}/z") as watcher:
        watcher.remove(f"{base}/x/y")
        watcher.remove(f"{base}/z")
        write_all(base, "x/y/f", "z/f")
        watcher.sync()
        with open(f"/proc/self/fdinfo/{watcher._instance._fd}") as lines:
            assert [line for line in lines if line.startswith("inotify")] == []


# --- a single file ---


@KINDS
def test_a_file_across_its_life(base, kind):
    path = f"{base}/file"
    write(path)
    write(f"{base}/other")
    with Watcher(kind(path), mask=ENTRIES | Mask.CLOSE_WRITE) as watcher:
        assert watcher.snapshot() == {kind(path): False}
        write(path, "changed")
        assert brief(watcher.sync()) == [f"CLOSE_WRITE {path}"]
        write(f"{base}/other", "changed")
        write(f"{base}/third")
        assert watcher.sync() == []
        os.unlink(path)
        assert brief(watcher.sync()) == [f"DELETE {path}"]
        assert watcher.snapshot() == {}
        write(path)
        assert brief(watcher.sync()) == [f"CREATE {path}", f"CLOSE_WRITE {path}"]


def test_a_file_that_is_replaced_by_an_editor(base):
    """Write beside it, rename over it: again and again."""
    path = f"{base}/file"
    write(path)
    with Watcher(path, mask=ENTRIES | Mask.CLOSE_WRITE) as watcher:
        for number in range(3):
            write(f"{path}~", str(number))
            os.rename(f"{path}~", path)
            assert brief(watcher.sync()) == [f"DELETE {path}", f"MOVED_TO {path}", f"CLOSE_WRITE {path}"]
        write(path, "in place")
        assert brief(watcher.sync()) == [f"CLOSE_WRITE {path}"]


def test_a_file_that_is_renamed_is_gone(base):
    path = f"{base}/file"
    write(path)
    with Watcher(path, mask=ENTRIES) as watcher:
        os.rename(path, f"{base}/backup")
        assert brief(watcher.sync()) == [f"MOVED_FROM {path}"]
        os.rename(f"{base}/backup", path)
        assert brief(watcher.sync()) == [f"MOVED_TO {path}"]


def test_a_file_that_becomes_a_link(base):
    path = f"{base}/file"
    write(path)
    write(f"{base}/target")
    with Watcher(path, mask=ENTRIES) as watcher:
        os.unlink(path)
        os.symlink("target", path)
        assert brief(watcher.sync()) == [f"DELETE {path}", f"CREATE {path}"]


def test_many_files_of_one_directory(base):
    paths = [f"{base}/file{number}" for number in range(50)]
    for path in paths:
        write(path)
    with Watcher(*paths, mask=Mask.CLOSE_WRITE) as watcher:
        assert watcher.stats()["watches"] == 51
        write(paths[3], "x")
        write(f"{base}/another")
        write(paths[7], "x")
        assert brief(watcher.sync()) == [f"CLOSE_WRITE {paths[3]}", f"CLOSE_WRITE {paths[7]}"]
        watcher.remove(paths[3])
        write(paths[3], "y")
        write(paths[7], "y")
        assert brief(watcher.sync()) == [f"CLOSE_WRITE {paths[7]}"]


def test_one_file_moves_over_another(base):
    one, two = f"{base}/one", f"{base}/two"
    write(one)
    write(two)
    with Watcher(one, two, mask=ENTRIES) as watcher:
        os.rename(one, two)
        watcher.sync()
        assert watcher.snapshot() == {two: False}


def test_the_directory_of_a_file_is_moved(base):
    """The path is not there any more; what is at it later is told."""
    write_all(base, "d/file")
    path = f"{base}/d/file"
    with waiting(path, mask=ENTRIES | Mask.CLOSE_WRITE) as watcher:
        os.rename(f"{base}/d", f"{base}/e")
        watcher.sync()
        assert watcher.snapshot() == {}
        write(f"{base}/e/file", "elsewhere")
        assert watcher.sync() == []
        write_all(base, "d/file")
        assert f"CREATE {path}" in brief(watcher.sync())
        assert watcher.unwatched() == {}


def test_a_file_in_another_root(root):
    path = f"{root}/d/file"
    write_all(root, "d/file")
    with Watcher(root, path, mask=Mask.CLOSE_WRITE) as watcher:
        write(path, "x")
        assert brief(watcher.sync()) == [f"CLOSE_WRITE {path}"] * 2
        write(f"{root}/d/other")
        assert brief(watcher.sync()) == [f"CLOSE_WRITE {root}/d/other"]
        watcher.remove(root)
        write(path, "y")
        write(f"{root}/d/other", "y")
        assert brief(watcher.sync()) == [f"CLOSE_WRITE {path}"]


def test_a_file_that_is_waited_for(base):
    path = f"{base}/x/file"
    with waiting(path, mask=ENTRIES) as watcher:
        watcher.sync()
        write_all(base, "x/file", "x/other")
        assert told(watcher, ENTRIES) == [f"CREATE {path}"]
        shutil.rmtree(f"{base}/x")
        watcher.sync()
        assert watcher.snapshot() == {}
        write_all(base, "x/other", "x/file")
        assert told(watcher, ENTRIES) == [f"CREATE {path}"]


def test_a_file_is_no_directory_first(root):
    """A directory that was waited for, then a file of that name, then a directory again."""
    path = f"{root}/x"
    with waiting(path, mask=ENTRIES) as watcher:
        write(path)
        watcher.sync()
        assert watcher.snapshot() == {path: False}
        os.unlink(path)
        write_all(path, "f")
        watcher.sync()
        assert watcher.snapshot() == {f"{path}/f": False}


# --- how a root is written ---


def test_a_relative_root_means_what_it_meant(base, monkeypatch):
    write_all(base, "here/root/a/", "there/root/")
    monkeypatch.chdir(f"{base}/here")
    with Watcher("root", mask=ENTRIES) as watcher:
        monkeypatch.chdir(f"{base}/there")
        write("../here/root/a/f")
        write("root/g")
        assert brief(watcher.sync()) == ["CREATE root/a/f"]
        os.rename("../here/root/a", "../here/root/b")
        write("../here/root/b/g")
        assert brief(watcher.sync())[-1] == "CREATE root/b/g"
        assert watcher.unwatched() == {}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (".", "./d/f"),
        ("./", "./d/f"),
        ("root/", "root/d/f"),
        ("root//", "root//d/f"),
        ("./root", "./root/d/f"),
        ("root/../root", "root/../root/d/f"),
    ],
)
@KINDS
def test_events_begin_with_the_root_as_it_was_written(base, root, monkeypatch, kind, given, shown):
    monkeypatch.chdir(root if given in (".", "./") else base)
    with Watcher(kind(given), mask=ENTRIES) as watcher:
        write_all(root, "d/f")
        assert [event.path for event in watcher.sync()] == [kind(shown[:-2]), kind(shown)]
        assert list(watcher.snapshot()) == [kind(shown[:-2]), kind(shown)]


@pytest.mark.parametrize("given", ["/", "//", "/."])
def test_the_root_of_all(given, base):
    """Flat: all of it would be too much here."""
    with Watcher(given, recursive=False, mask=ENTRIES) as watcher:
        prefix = given if given.endswith("/") else given + "/"
        names = {path[len(prefix) :] for path in watcher.snapshot()}
        assert {"tmp", "proc"} <= names
        assert not any("/" in name for name in names)


def test_a_path_object(base, tmp_path):
    with Watcher(tmp_path, mask=Mask.CREATE) as watcher:
        write(f"{base}/f")
        assert brief(watcher.sync()) == [f"CREATE {base}/f"]
        watcher.remove(tmp_path)
        write(f"{base}/g")
        assert watcher.sync() == []


# --- several ---


def test_a_move_from_one_root_to_the_other(base):
    write_all(base, "one/a/b/f", "two/")
    one, two = f"{base}/one", f"{base}/two"
    with Watcher(one, two, mask=ENTRIES) as watcher:
        os.rename(f"{one}/a", f"{two}/c")
        assert brief(watcher.sync()) == [
            f"MOVED_FROM,ISDIR {one}/a",
            f"MOVED_TO,ISDIR {two}/c (from {one}/a)",
        ]
        write(f"{two}/c/b/g")
        assert brief(watcher.sync()) == [f"CREATE {two}/c/b/g"]


def test_what_moves_to_a_root_that_asks_for_more_reports_that_too(base):
    """All that is below it, as deep as it may be."""
    write_all(base, "a/d/e/f/g", "b/")
    with Watcher(f"{base}/a", mask=Mask.CREATE) as watcher:
        watcher.add(f"{base}/b", mask=Mask.CREATE | Mask.CLOSE_WRITE)
        os.rename(f"{base}/a/d", f"{base}/b/d")
        watcher.sync()
        write(f"{base}/b/d/e/f/g")
        assert brief(watcher.sync()) == [f"CLOSE_WRITE {base}/b/d/e/f/g"]


def test_a_second_root_is_added(base):
    write_all(base, "one/", "two/a/f")
    with Watcher(f"{base}/one", mask=ENTRIES) as watcher:
        write(f"{base}/one/before")
        watcher.add(f"{base}/two")
        write(f"{base}/two/a/g")
        assert brief(watcher.sync()) == [f"CREATE {base}/one/before", f"CREATE {base}/two/a/g"]
        assert f"{base}/two/a/f" in watcher.snapshot()


def test_a_root_is_added_that_moves_were_queued_for(base):
    """What is queued is older than the listing of the new root."""
    write_all(base, "one/a/f", "two/")
    one, two = f"{base}/one", f"{base}/two"
    with Watcher(one, mask=ENTRIES) as watcher:
        os.rename(f"{one}/a", f"{two}/a")
        watcher.add(two)
        watcher.sync()
        assert watcher.snapshot() == {f"{two}/a": True, f"{two}/a/f": False}
        write(f"{two}/a/g")
        assert brief(watcher.sync()) == [f"CREATE {two}/a/g"]


@pytest.mark.parametrize("order", ["outer first", "inner first"])
def test_a_root_within_a_root(root, order):
    inner = f"{root}/a"
    write_all(root, "a/b/f")
    roots = [root, inner] if order == "outer first" else [inner, root]
    with Watcher(*roots, mask=ENTRIES) as watcher:
        write(f"{inner}/b/g")
        assert brief(watcher.sync()) == [f"CREATE {inner}/b/g"] * 2
        os.rename(f"{inner}/b", f"{root}/c")
        said = brief(watcher.sync())
        assert f"MOVED_TO,ISDIR {root}/c (from {inner}/b)" in said
        write(f"{root}/c/h")
        assert brief(watcher.sync()) == [f"CREATE {root}/c/h"]
        os.rename(f"{root}/c", f"{inner}/b")
        watcher.sync()
        write(f"{inner}/b/i")
        assert brief(watcher.sync()) == [f"CREATE {inner}/b/i"] * 2


@pytest.mark.parametrize("removed", ["outer", "inner"])
def test_a_root_within_a_root_stays_when_the_other_is_removed(root, removed):
    inner = f"{root}/a"
    write_all(root, "a/b/f", "c/")
    with Watcher(root, inner, mask=ENTRIES) as watcher:
        watcher.remove(root if removed == "outer" else inner)
        write(f"{inner}/b/g")
        assert brief(watcher.sync()) == [f"CREATE {inner}/b/g"]
        write(f"{root}/c/h")
        assert brief(watcher.sync()) == ([] if removed == "outer" else [f"CREATE {root}/c/h"])
        assert watcher.stats()["watches"] == (2 if removed == "outer" else 4)


def test_the_inner_root_is_moved(root, base):
    """The outer one tells a move; the inner one is gone from its place."""
    inner = f"{root}/a"
    write_all(root, "a/b/f")
    with waiting(root, inner) as watcher:
        os.rename(inner, f"{root}/c")
        watcher.sync()
        assert set(watcher.snapshot()) == {f"{root}/c", f"{root}/c/b", f"{root}/c/b/f"}
        assert list(watcher.unwatched()) == [inner]
        write(f"{root}/c/b/g")
        assert told(watcher) == [f"CREATE {root}/c/b/g"]
        os.rename(f"{root}/c", inner)
        watcher.sync()
        write(f"{inner}/b/h")
        assert told(watcher) == [f"CREATE {inner}/b/h"] * 2


def test_one_directory_by_two_ways(base, root):
    os.symlink("root", f"{base}/link")
    with Watcher(root, f"{base}/link", mask=ENTRIES) as watcher:
        write_all(root, "d/f")
        said = brief(watcher.sync())
        assert sorted(said) == sorted(
            [f"CREATE,ISDIR {top}/d" for top in (root, f"{base}/link")]
            + [f"CREATE {top}/d/f" for top in (root, f"{base}/link")]
        )
        shutil.rmtree(f"{root}/d")
        watcher.sync()
        assert (watcher.snapshot(), watcher.stats()["watches"]) == ({}, 1)


def test_a_second_mask_does_not_change_the_first(base):
    write_all(base, "one/f", "two/f")
    with Watcher(f"{base}/one", mask=Mask.CREATE) as watcher:
        watcher.add(f"{base}/two", mask=Mask.CLOSE_WRITE, recursive=False)
        write_all(base, "one/g", "two/g", "two/d/h", "one/d/h")
        assert brief(watcher.sync()) == [
            f"CREATE {base}/one/g",
            f"CLOSE_WRITE {base}/two/g",
            f"CREATE,ISDIR {base}/one/d",
            f"CREATE {base}/one/d/h",
        ]


def test_two_masks_for_one_directory(root):
    with Watcher(root, mask=Mask.CREATE) as watcher:
        watcher.add(root + "/.", mask=Mask.CLOSE_WRITE)
        write(f"{root}/f")
        assert brief(watcher.sync()) == [f"CREATE {root}/f", f"CLOSE_WRITE {root}/./f"]


# --- remove ---


def test_what_is_queued_for_a_root_that_is_removed_is_not_told(base):
    write_all(base, "one/a/", "two/")
    with Watcher(f"{base}/one", f"{base}/two", mask=ENTRIES) as watcher:
        write_all(base, "one/a/f", "two/f", "one/b/g")
        os.rename(f"{base}/one/a", f"{base}/two/a")
        watcher.remove(f"{base}/one")
        watcher.sync()
        assert watcher.snapshot().keys() == {f"{base}/two/f", f"{base}/two/a", f"{base}/two/a/f"}
        write(f"{base}/two/a/g")
        assert brief(watcher.sync()) == [f"CREATE {base}/two/a/g"]
        assert watcher.stats()["watches"] == 2


def test_a_root_is_removed_and_added_again(root):
    write_all(root, "a/f")
    with Watcher(root, mask=ENTRIES) as watcher:
        for number in range(3):
            write(f"{root}/a/{number}")
            watcher.remove(root)
            assert (watcher.snapshot(), watcher.stats()["watches"]) == ({}, 0)
            watcher.add(root)
            assert f"{root}/a/{number}" in watcher.snapshot()
            assert watcher.sync() == []
        write(f"{root}/a/new")
        assert brief(watcher.sync()) == [f"CREATE {root}/a/new"]


def test_a_root_that_is_gone_is_removed(root):
    with Watcher(root) as watcher:
        os.rmdir(root)
        watcher.sync()
        watcher.remove(root)
        assert (watcher.unwatched(), watcher.snapshot()) == ({}, {})
        os.mkdir(root)
        watcher.add(root)
        write(f"{root}/f")
        assert f"CREATE {root}/f" in told(watcher)


def test_a_root_that_is_gone_comes_back_by_retry(root):
    with Watcher(root) as watcher:
        os.rmdir(root)
        watcher.sync()
        write_all(root, "f")
        watcher.retry()
        assert told(watcher) == [f"WATCHED,ISDIR {root}", f"CREATE {root}/f"]


def test_remove_while_the_gap_is_open(base):
    """A root is removed after its events were lost and before the difference was told."""
    write_all(base, "one/a/", "two/x", "two/y")
    with Watcher(f"{base}/one", f"{base}/two") as watcher:
        size = -1
        while watcher._instance.queued_bytes() != size:
            size = watcher._instance.queued_bytes()
            for _ in range(500):
                os.utime(f"{base}/two/x")
                os.utime(f"{base}/two/y")
        write_all(base, "one/a/f", "two/f")
        watcher.remove(f"{base}/one")
        events = watcher.sync()
        assert not [event for event in events if event.path.startswith(f"{base}/one")]
        assert events[-1].mask == Mask.IN_SYNC
        assert f"{base}/two/f" in watcher.snapshot()
