"""Roots that are removed without a word: the top of a btrfs subvolume, a cgroup."""

from __future__ import annotations

import os
import shutil

import inside
import pytest
from conftest import need
from consumer import brief, write, write_all

from inotify_cffi import Mask, Watcher
from inotify_cffi.kernel import syscalls
from inotify_cffi.tree import ends
from inotify_cffi.tree.ends import End


@pytest.fixture
def silent(root, monkeypatch):
    """A directory whose end no event of its own tells: somebody has it open. It is said to be a cgroup."""
    top = os.path.join(root, "silent")
    write_all(top, "a/f", "g")

    def find(fd, path):
        while os.path.basename(path) != "silent":
            path = os.path.dirname(path)
        above, name = os.path.split(path)
        directory = syscalls.open_fd(above, ends.ENTER)
        return End(directory, above, name, os.stat(path))

    monkeypatch.setattr(ends, "find", find)
    held = os.open(top, os.O_RDONLY)
    yield top
    os.close(held)


def test_the_end_of_a_root_is_told_where_it_does_not_say_it_itself(silent):
    with Watcher(silent, mask=Mask.DELETE_SELF) as watcher:
        shutil.rmtree(silent)
        assert brief(watcher.sync()) == [f"UNWATCHED,ISDIR {silent}"]
        assert watcher.snapshot() == {}
        assert [error.errno for error in watcher.unwatched().values()] == [2]


def test_without_that_nobody_says_it(silent, monkeypatch):
    """What the tests here stand on: the kernel keeps the inode, and no event comes."""
    monkeypatch.setattr(ends, "find", lambda fd, path: None)
    with Watcher(silent, mask=Mask.DELETE_SELF) as watcher:
        shutil.rmtree(silent)
        assert watcher.sync() == []
        assert watcher.unwatched() == {}
        watcher.retry()
        assert brief(watcher.sync()) == [f"UNWATCHED,ISDIR {silent}"]


def test_all_watches_are_let_go(silent):
    with Watcher(silent) as watcher:
        shutil.rmtree(silent)
        watcher.sync()
        left = set(watcher._instance.watched())
        assert left == set(watcher._tree._anchors.wds)
        assert len(left) == 1
        watcher.remove(silent)
        assert watcher._instance.watched() == []


def test_who_only_waits_is_woken(silent):
    with Watcher(silent, mask=Mask.DELETE_SELF) as watcher:
        shutil.rmtree(silent)
        assert brief(watcher.read(20)) == [f"UNWATCHED,ISDIR {silent}"]


def test_a_root_in_what_is_removed_goes_with_it(silent):
    with Watcher(silent + "/a", mask=Mask.DELETE_SELF) as watcher:
        held = os.open(silent + "/a", os.O_RDONLY)
        shutil.rmtree(silent)
        assert brief(watcher.sync()) == [f"UNWATCHED,ISDIR {silent}/a"]
        os.close(held)


def test_a_root_that_is_a_file_goes_with_it(silent):
    with Watcher(silent + "/g", mask=Mask.DELETE_SELF) as watcher:
        shutil.rmtree(silent)
        assert f"UNWATCHED {silent}/g" in brief(watcher.sync())
        assert watcher.snapshot() == {}


def test_a_root_that_was_removed_and_made_again_is_told_after_retry(silent):
    """And its next end, too."""
    with Watcher(silent, mask=Mask.DELETE_SELF) as watcher:
        shutil.rmtree(silent)
        watcher.sync()
        write_all(silent, "b/")
        held = os.open(silent, os.O_RDONLY)
        watcher.retry()
        assert brief(watcher.sync()) == [f"WATCHED,ISDIR {silent}"]
        assert watcher.snapshot() == {silent + "/b": True}
        shutil.rmtree(silent)
        assert brief(watcher.sync()) == [f"UNWATCHED,ISDIR {silent}"]
        os.close(held)


def test_what_else_is_removed_there_says_nothing(silent, root):
    with Watcher(silent) as watcher:
        write(root + "/other")
        os.unlink(root + "/other")
        assert watcher.sync() == []
        assert watcher.unwatched() == {}


def test_a_root_that_goes_while_it_is_being_watched_is_noticed(silent, monkeypatch):
    """Behind the watch on the directory that it is in it is looked whether it is there still."""
    find = ends.find

    def find_and_remove(fd, path):
        end = find(fd, path)
        if os.path.exists(silent):
            shutil.rmtree(silent)
        return end

    monkeypatch.setattr(ends, "find", find_and_remove)
    with Watcher(silent, mask=Mask.DELETE_SELF) as watcher:
        assert f"UNWATCHED,ISDIR {silent}" in brief(watcher.sync())
        assert watcher.snapshot() == {}


def test_what_it_is_in_goes_while_it_is_being_watched(silent, monkeypatch):
    """It can be listed itself."""
    find = ends.find

    def find_and_move(fd, path):
        end = find(fd, path)
        os.rename(silent, silent + "-gone")
        return end

    with Watcher(silent + "/a", mask=Mask.DELETE_SELF) as watcher:
        assert watcher.sync() == []
    monkeypatch.setattr(ends, "find", find_and_move)
    with Watcher(silent + "/a", mask=Mask.DELETE_SELF) as watcher:
        assert f"UNWATCHED,ISDIR {silent}/a" in brief(watcher.sync())


def test_no_more_than_a_look_at_its_kind_is_taken_of_other_roots(root):
    """They say themselves that they are over: nothing around them is watched."""
    with Watcher(root) as watcher:
        assert watcher.stats()["watches"] == 1
        assert len(watcher._instance.watched()) == 1


# --- the real ones: they need root, and for btrfs a loop device ---


@pytest.fixture
def run(python, private, root):
    """Run code that may mount; it is skipped where it prints that there is none."""

    def run_there(begin, code):
        attempt = "try:\n" + "".join(f"    {line}\n" for line in begin.strip().splitlines())
        give_up = "except (OSError, subprocess.CalledProcessError):\n    print('there is none')\n    raise SystemExit(0) from None\n"
        if python(inside.code(attempt + give_up) + inside.textwrap.dedent(code), root, prefix=private):
            pytest.skip("this needs root, and what is mounted here")

    return run_there


CGROUP = """
mount("-t", "cgroup2", "none", ROOT)
top = f"{ROOT}/inotify-cffi-{os.getpid()}"
os.mkdir(top)
"""


def test_a_cgroup_is_removed(run):
    run(
        CGROUP,
        """
        with Watcher(top, mask=Mask.DELETE_SELF) as watcher:
            os.rmdir(top)
            assert brief(watcher.read(20)) == [f"UNWATCHED,ISDIR {top}"]
            assert watcher.snapshot() == {}
    """,
    )


BTRFS = """
with open(ROOT + ".image", "wb") as image:
    image.truncate(120 << 20)
subprocess.run(["mkfs.btrfs", "-q", ROOT + ".image"], check=True, capture_output=True)
mount("-o", "loop", ROOT + ".image", ROOT)
"""

SUBVOLUME = """
def subvolume(*words):
    subprocess.run(["btrfs", "subvolume", *words], check=True, capture_output=True)
top = ROOT + "/sub"
subvolume("create", top)
write_all(top, "a/b/f", "g")
"""


@pytest.mark.parametrize("below", ["", "/a/b", "/g"])
def test_a_subvolume_is_removed(run, below):
    """Its top may be the root, or what the root is in."""
    need("mkfs.btrfs", "btrfs")
    run(
        BTRFS + SUBVOLUME,
        f"""
        with Watcher(top + {below!r}, mask=Mask.DELETE_SELF) as watcher:
            subvolume("delete", top)
            assert {{event.path for event in watcher.read(20)}} == {{top + {below!r}}}
            assert watcher.snapshot() == {{}}
    """,
    )


def test_a_subvolume_that_is_removed_is_freed(run):
    """The kernel can clean it only when no watch is in it any more."""
    need("mkfs.btrfs", "btrfs")
    run(
        BTRFS + SUBVOLUME,
        """
        with Watcher(top, mask=Mask.DELETE_SELF) as watcher:
            subvolume("delete", top)
            watcher.sync()
            subprocess.run(["btrfs", "filesystem", "sync", ROOT], check=True)
            subvolume("sync", "-s", "1", ROOT)
    """,
    )
