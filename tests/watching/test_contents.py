"""``snapshot(path)`` and ``walk()``: what is below a directory, as the events have told it."""

from __future__ import annotations

import os

import pytest
from consumer import write, write_all

from inotify_cffi import PathError, Watcher

BOTH = pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])


@pytest.fixture
def planted(root):
    write_all(root, "a/b/f", "a/b/c/", "a/g", "ab/h", "i")
    return root


@BOTH
def test_a_snapshot_of_a_directory_has_what_is_below_it(planted, kind):
    with Watcher(kind(planted)) as watcher:
        top = kind(f"{planted}/a")
        assert watcher.snapshot(top) == {
            kind(f"{planted}/a/b"): True,
            kind(f"{planted}/a/g"): False,
            kind(f"{planted}/a/b/f"): False,
            kind(f"{planted}/a/b/c"): True,
        }


@pytest.mark.parametrize("end", ["", "/", "//"])
def test_that_of_a_root_is_all(planted, end):
    with Watcher(planted) as watcher:
        assert watcher.snapshot(f"{planted}{end}") == watcher.snapshot()


def test_that_of_one_of_two_roots_is_its_own(planted):
    with Watcher(f"{planted}/a", f"{planted}/ab") as watcher:
        assert watcher.snapshot(f"{planted}/ab") == {f"{planted}/ab/h": False}


def test_that_of_a_directory_in_two_roots_is_of_both(planted):
    with Watcher(planted, f"{planted}/a", exclude=["g"]) as watcher:
        watcher.add(f"{planted}/a/b", exclude=[])
        assert watcher.snapshot(f"{planted}/a/b") == {f"{planted}/a/b/c": True, f"{planted}/a/b/f": False}


def test_a_path_is_one_of_events(planted, monkeypatch):
    """A relative root has relative paths."""
    monkeypatch.chdir(planted)
    with Watcher("a") as watcher:
        assert watcher.snapshot("a/b") == {"a/b/f": False, "a/b/c": True}
        with pytest.raises(FileNotFoundError):
            watcher.snapshot(f"{planted}/a/b")


def test_it_is_the_state_after_what_was_read(planted):
    with Watcher(planted) as watcher:
        write(f"{planted}/a/b/c/new")
        assert watcher.snapshot(f"{planted}/a/b/c") == {}
        watcher.sync()
        assert watcher.snapshot(f"{planted}/a/b/c") == {f"{planted}/a/b/c/new": False}


def test_where_directories_are_tracked_it_has_no_files(planted):
    with Watcher(planted, track="directories") as watcher:
        assert watcher.snapshot(f"{planted}/a") == {f"{planted}/a/b": True, f"{planted}/a/b/c": True}


@pytest.mark.parametrize("call", [Watcher.snapshot, Watcher.walk], ids=["snapshot", "walk"])
@pytest.mark.parametrize(
    ("path", "error", "text"),
    [
        ("a/nothing", FileNotFoundError, "no root has this directory"),
        ("a/nothing/below", FileNotFoundError, "no root has this directory"),
        ("i/below", FileNotFoundError, "no root has this directory"),
        ("../elsewhere", FileNotFoundError, "no root has this directory"),
        ("i", NotADirectoryError, "this is a file"),
        ("a/b/f", NotADirectoryError, "this is a file"),
    ],
)
def test_what_is_no_directory_is_an_error_at_once(planted, call, path, error, text):
    with Watcher(planted) as watcher, pytest.raises(error, match=text) as caught:
        call(watcher, f"{planted}/{path}")
    assert caught.value.filename == f"{planted}/{path}"


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_is_no_path_is_an_error(planted, path):
    with Watcher(planted) as watcher, pytest.raises(PathError):
        watcher.snapshot(path)


@BOTH
@pytest.mark.parametrize("below", ["", "/a"])
def test_a_walk_is_that_of_the_disk(planted, kind, below):
    with Watcher(kind(planted)) as watcher:
        told = [(top, sorted(dirs), sorted(files)) for top, dirs, files in watcher.walk(kind(planted + below))]
        disk = [(top, sorted(dirs), sorted(files)) for top, dirs, files in os.walk(kind(planted + below))]
        assert sorted(told) == sorted(disk)


def test_a_directory_comes_before_what_is_in_it(planted):
    with Watcher(planted) as watcher:
        tops = [top for top, _, _ in watcher.walk()]
        assert all(os.path.dirname(top) in tops[:at] for at, top in enumerate(tops) if at)


def test_whoever_takes_a_directory_out_does_not_come_to_it(planted):
    with Watcher(planted) as watcher:
        seen = []
        for top, directories, _ in watcher.walk():
            seen.append(top)
            if "a" in directories:
                directories.remove("a")
        assert seen == [planted, f"{planted}/ab"]


def test_a_walk_is_of_one_moment(planted):
    with Watcher(planted) as watcher:
        walk = watcher.walk()
        write_all(planted, "later/f")
        watcher.sync()
        assert f"{planted}/later" not in [top for top, _, _ in walk]
        assert f"{planted}/later" in [top for top, _, _ in watcher.walk()]


def test_a_walk_of_all_roots_is_one_after_the_other(planted):
    with Watcher(f"{planted}/ab", f"{planted}/a/b") as watcher:
        assert [top for top, _, _ in watcher.walk()] == [f"{planted}/ab", f"{planted}/a/b", f"{planted}/a/b/c"]


def test_a_link_that_is_followed_is_a_directory_and_others_are_files(planted):
    os.symlink(f"{planted}/ab", f"{planted}/a/link")
    with Watcher(f"{planted}/a") as watcher:
        assert sorted(next(watcher.walk(f"{planted}/a"))[2]) == ["g", "link"]
    with Watcher(f"{planted}/a", follow_symlinks=True) as watcher:
        assert sorted(next(watcher.walk())[1]) == ["b", "link"]
        assert (f"{planted}/a/link", [], ["h"]) in list(watcher.walk())


def test_what_is_told_as_another_path_is_found_by_that(planted):
    with Watcher() as watcher:
        watcher.add(f"{planted}/a", told_as="x")
        assert watcher.snapshot("x/b") == {"x/b/f": False, "x/b/c": True}
        assert [top for top, _, _ in watcher.walk("x/b")] == ["x/b", "x/b/c"]


def test_a_root_that_is_a_file_has_nothing_below(planted):
    with Watcher(f"{planted}/i") as watcher:
        assert list(watcher.walk()) == []
        with pytest.raises(FileNotFoundError):
            watcher.snapshot(f"{planted}/i")


def test_names_of_any_bytes_are_walked(root):
    name = b"\xff\n \xe2"
    os.mkdir(os.fsencode(root) + b"/" + name)
    write(os.fsencode(root) + b"/" + name + b"/" + name)
    with Watcher(os.fsencode(root)) as watcher:
        assert list(watcher.walk()) == list(os.walk(os.fsencode(root)))
    with Watcher(root) as watcher:
        assert list(watcher.walk()) == list(os.walk(root))


def test_the_cost_is_that_of_what_is_below(root, monkeypatch):
    """Counted in directories whose entries are looked at, not in time."""
    write_all(root, "small/f", *(f"large/{number}/f" for number in range(50)))
    with Watcher(root) as watcher:
        memory = watcher._tree.ledger.memory
        asked = []
        entries = memory.entries
        monkeypatch.setattr(type(memory), "entries", lambda self, number: asked.append(number) or entries(number))
        watcher.snapshot(f"{root}/small")
        assert len(asked) == 1
        list(watcher.walk(f"{root}/small"))
        assert len(asked) == 2
