"""``make_state``: what somebody else knows of a tree, to go on from."""

import os

import pytest
from consumer import write, write_all
from unseen import disk

from inotify_cffi import Mask, Watcher, make_state


@pytest.fixture
def planted(root):
    write_all(root, "a/b/f", "a/g", "c/d/h", "i")
    return root


def known(root, kind=os.fspath):
    """What a program finds that goes through a tree."""
    found = {}
    for path, is_dir in disk(root).items():
        status = os.lstat(path)
        found[kind(path)] = (
            None if is_dir else (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        )
    return found


def told(*paths, since):
    with Watcher(*paths, since=since) as watcher:
        return [(event.path, event.mask & ~Mask.ISDIR) for event in watcher.read(0)]


@pytest.mark.parametrize("kind", [os.fsdecode, os.fsencode])
def test_what_differs_from_it_is_told(planted, kind):
    state = make_state({kind(planted): known(planted, kind)})
    assert told(planted, since=state) == []
    write(f"{planted}/a/g", "more")
    write(f"{planted}/c/new")
    os.unlink(f"{planted}/a/b/f")
    assert sorted(told(planted, since=state)) == [
        (f"{planted}/a/b/f", Mask.DELETE),
        (f"{planted}/a/g", Mask.MODIFY),
        (f"{planted}/c/new", Mask.CREATE),
    ]


def test_a_file_that_is_not_known_better_is_told(planted):
    found = {**known(planted), f"{planted}/i": ()}
    assert told(planted, since=make_state({planted: found})) == [(f"{planted}/i", Mask.MODIFY)]


def test_paths_are_those_that_the_watcher_is_given(planted, monkeypatch):
    monkeypatch.chdir(planted)
    state = make_state({"a": known("a"), "i": {"i": ()}, "c/": {f"c/{name}": None for name in ("d",)}})
    assert told("a", "i", "c", since=state) == [("i", Mask.MODIFY), ("c/d/h", Mask.CREATE)]


def test_an_inode_may_have_64_bits(planted):
    assert make_state({"in": {"in/f": (2**64 - 1, 0, 0, 0)}}) == make_state({"in": {"in/f": (-1, 0, 0, 0)}})


@pytest.mark.parametrize(
    "entries",
    [
        {"in/a/b": None},
        {"in/a": (1, 2, 3, 4), "in/a/b": None},
        {"out/a": None},
        {"a": None},
        {"in/": None},
        {"in/a/": None},
        {"in//a": None},
        {"in": None},
        {"in": (1, 2, 3, 4), "in/a": None},
    ],
)
def test_what_is_in_no_directory_is_refused(entries):
    with pytest.raises(ValueError, match=r"in no directory that is known|is the root"):
        make_state({"in": entries})


@pytest.mark.parametrize("name", [".", "..", "a\0b"])
def test_a_name_that_can_be_none_is_refused(name):
    with pytest.raises(ValueError, match="can not be a name"):
        make_state({"in": {f"in/{name}": None}})
