"""Storms: much at once, while nobody reads and while somebody does; in the end the replay is the disk."""

import contextlib
import os
import shutil
import subprocess

import pytest
from consumer import Consumer, Counted, Forked, brief, write, write_all

from inotify_cffi import Mask
from inotify_cffi.kernel.instance import READ_SIZE

EITHER = pytest.mark.usefixtures("either")
KINDS = pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
DEPTH = 30


@pytest.fixture
def tree(tmp_path):
    """A tree outside of the root: 40 directories, 160 files."""
    tree = os.fspath(tmp_path / "tree")
    for number in range(40):
        below = f"d{number % 4}/e{number % 10}/f{number}"
        write_all(tree, *(f"{below}/{name}" for name in "abcd"))
    return tree


def run(*command, cwd):
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def deep(root, times=1):
    """What mkdir -p makes, a file in each directory at once."""
    for number in range(times):
        path = f"{root}/{number}"
        for depth in range(DEPTH):
            os.mkdir(path)
            write(f"{path}/file{depth}")
            path += f"/{depth}"


# --- deep and wide ---


def test_the_kernel_is_not_asked_again_and_again_how_much_is_queued(root):
    """It goes through all of it to say so."""
    write_all(root, "one", "two", "a/f")
    with Consumer(root) as consumer:
        disk, asked = consumer.watcher._tree._disk, []
        queued = disk.queued
        disk.queued = lambda: asked.append(1) or queued()
        # It is not at b any more when that is read: a doubt, until all that is queued behind it has been read.
        os.rename(f"{root}/a", f"{root}/b")
        os.rename(f"{root}/b", f"{root}/c")
        for _ in range(10 * READ_SIZE // 32):
            os.utime(f"{root}/one")
            os.utime(f"{root}/two")
        while events := consumer.watcher.read(0):
            consumer.take(events)
        assert len(asked) < 10


@KINDS
def test_a_deep_chain_that_nobody_saw_being_made(root, kind):
    with Consumer(root, kind=kind) as consumer:
        deep(root)
        consumer.assert_each_directory_reports()
        assert len(consumer.snapshot()) == 2 * DEPTH


@EITHER
@KINDS
def test_deep_chains_while_they_are_made(root, kind):
    with Consumer(root, kind=kind) as consumer:
        consumer.follow(Forked(deep, root, 20))
        consumer.assert_each_directory_reports()


def test_a_file_of_a_deep_chain_is_told_once(root):
    with Consumer(root, mask=Mask.CREATE) as consumer:
        deep(root)
        told = brief(consumer.sync())
        assert len(told) == len(set(told)) == 2 * DEPTH


@KINDS
def test_cp_r(root, tree, kind):
    with Consumer(root, kind=kind) as consumer:
        consumer.follow(run("cp", "-r", tree, "copy", cwd=root))
        consumer.assert_each_directory_reports()


@pytest.mark.needs("tar")
@KINDS
def test_tar_x(root, tree, tmp_path, kind):
    subprocess.run(["tar", "cf", "all.tar", "tree"], cwd=tmp_path, check=True)
    with Consumer(root, kind=kind) as consumer:
        consumer.follow(run("tar", "xf", "../all.tar", cwd=root))
        consumer.assert_each_directory_reports()


@pytest.mark.needs("tar")
def test_tar_x_over_what_is_there(root, tree, tmp_path):
    """The command tar unlinks and makes anew each file that it finds."""
    subprocess.run(["tar", "cf", "all.tar", "tree"], cwd=tmp_path, check=True)
    shutil.copytree(tree, f"{root}/tree")
    with Consumer(root) as consumer:
        consumer.follow(run("tar", "xf", "../all.tar", cwd=root))
        consumer.assert_each_directory_reports()


@pytest.mark.needs("tar")
@EITHER
def test_two_writers_unpack_over_each_other(root, tree, tmp_path):
    subprocess.run(["tar", "cf", "all.tar", "tree"], cwd=tmp_path, check=True)
    with Consumer(root) as consumer:
        consumer.follow(
            Forked(deep, root, 5), run("sh", "-c", "tar xf ../all.tar; tar xf ../all.tar; true", cwd=root)
        )
        consumer.assert_each_directory_reports()


# --- git ---


def git(*command, cwd):
    settings = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main", "-c", "gc.auto=0")
    subprocess.run(["git", *settings, *command], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def repository(root, tree):
    """Two branches: in the other one directories are renamed, files are gone, a directory is a file."""
    shutil.copytree(tree, root, dirs_exist_ok=True)
    git("init", cwd=root)
    git("add", ".", cwd=root)
    git("commit", "-qm", "one", cwd=root)
    git("checkout", "-qb", "other", cwd=root)
    git("mv", "d0", "moved", cwd=root)
    git("rm", "-qr", "d1", "d2/e2", cwd=root)
    write(f"{root}/d1")
    write(f"{root}/d3/e3/new")
    git("add", ".", cwd=root)
    git("commit", "-qm", "two", cwd=root)
    return root


BACK_AND_FORTH = "for n in 1 2 3 4; do git checkout -q main && git checkout -q other; done"


@pytest.mark.needs("git")
@EITHER
@KINDS
def test_git_checkout_back_and_forth(repository, kind):
    with Consumer(repository, kind=kind) as consumer:
        consumer.follow(run("sh", "-c", BACK_AND_FORTH, cwd=repository))
        consumer.assert_each_directory_reports()


@pytest.mark.needs("git")
def test_git_checkout_back_and_forth_that_nobody_saw(repository):
    with Consumer(repository) as consumer:
        run("sh", "-c", BACK_AND_FORTH, cwd=repository).wait()
        consumer.assert_each_directory_reports()


# --- removal ---


@EITHER
@KINDS
def test_rm_rf_while_another_writer_creates(root, kind):
    def create():
        for number in range(300):
            with contextlib.suppress(OSError):
                os.makedirs(f"{root}/a/b/c{number % 3}", exist_ok=True)
                write(f"{root}/a/b/c{number % 3}/f")
                write(f"{root}/a/g{number}")

    def remove():
        for _ in range(200):
            shutil.rmtree(f"{root}/a", ignore_errors=True)

    with Consumer(root, kind=kind) as consumer:
        consumer.follow(Forked(create), Forked(remove))
        consumer.assert_each_directory_reports()


def test_what_is_removed_with_all_below_is_told_deepest_first(root):
    write_all(root, "a/b/c/f")
    with Consumer(root) as consumer:
        shutil.rmtree(f"{root}/a")
        assert consumer.entries() == [
            f"DELETE {root}/a/b/c/f",
            f"DELETE,ISDIR {root}/a/b/c",
            f"DELETE,ISDIR {root}/a/b",
            f"DELETE,ISDIR {root}/a",
        ]
        assert consumer.stats()["watches"] == 1


# --- one name ---


def alternate(root, times):
    """One name is a file and a directory by turns, with something in it."""
    path = f"{root}/name"
    for _ in range(times):
        write(path)
        os.unlink(path)
        os.mkdir(path)
        write(f"{path}/below")
        shutil.rmtree(path)


@KINDS
def test_one_name_as_file_and_directory_by_turns(root, kind):
    with Consumer(root, kind=kind) as consumer:
        consumer.follow(Forked(alternate, root, 500))
        consumer.assert_each_directory_reports()


@pytest.mark.parametrize("last", ["file", "directory", "link"])
def test_the_last_kind_of_a_name_is_what_counts(root, last):
    with Consumer(root) as consumer:
        alternate(root, 200)
        if last == "file":
            write(f"{root}/name")
        elif last == "directory":
            write_all(root, "name/below")
        else:
            os.symlink("/", f"{root}/name")
        consumer.assert_each_directory_reports()


def test_a_name_that_is_removed_and_made_again_is_told_each_time(root):
    with Consumer(root) as consumer:
        for _ in range(3):
            write(f"{root}/f")
            os.unlink(f"{root}/f")
        assert consumer.entries() == [f"CREATE {root}/f", f"DELETE {root}/f"] * 3


def test_a_directory_made_again_is_watched_again(root):
    with Consumer(root) as consumer:
        for _ in range(50):
            os.mkdir(f"{root}/d")
            os.rmdir(f"{root}/d")
        os.mkdir(f"{root}/d")
        consumer.assert_each_directory_reports()


# --- cost ---


def cost_of_a_rename(root):
    """The calls to the disk for a rename from a to b, and the events."""
    with Consumer(root) as consumer:
        listed = consumer.stats()["listed"]
        counted = Counted(consumer.watcher._tree._disk)
        os.rename(f"{root}/a", f"{root}/b")
        told = consumer.entries()
        assert consumer.stats()["listed"] == listed
        return counted.calls, told


def test_to_rename_a_directory_costs_the_same_however_much_is_below(tmp_path):
    small, large = os.fspath(tmp_path / "small"), os.fspath(tmp_path / "large")
    os.makedirs(f"{small}/a")
    for number in range(100):
        os.makedirs(f"{large}/a/{number}")
        for name in range(99):
            os.mknod(f"{large}/a/{number}/{name}")
    calls, told = cost_of_a_rename(large)
    assert told == [f"MOVED_FROM,ISDIR {large}/a", f"MOVED_TO,ISDIR {large}/b (from {large}/a)"]
    assert calls == cost_of_a_rename(small)[0]


def test_what_is_below_a_renamed_directory_has_its_new_path(tmp_path):
    root = os.fspath(tmp_path)
    for number in range(100):
        write_all(root, f"a/{number}/f")
    with Consumer(root) as consumer:
        os.rename(f"{root}/a", f"{root}/b")
        consumer.assert_each_directory_reports()
