"""What is made between the opening of a directory and its watch is found, whatever the file system fixes at the opening."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from consumer import write_all

FROZEN = Path(__file__).with_name("frozen.c")
# The ways in which a directory is crawled: many at once in C, one at a time, by names and links.
WAYS = {
    "at once": {},
    "one at a time": {"max_depth": 9},
    "directories": {"track": "directories"},
    "with patterns": {"exclude": ["*.o"]},
}


@pytest.fixture(scope="session")
def late(tmp_path_factory):
    """A library that makes a directory in each one right before that is watched."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    library = tmp_path_factory.mktemp("late") / "late.so"
    command = ["gcc", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", library, FROZEN, "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return library


@pytest.fixture
def known(python, late):
    """What a watcher knows of a directory that is crawled while that happens."""

    def run(root, options, *, prefix=()):
        return python(
            f"""
            import sys
            from inotify_cffi import Watcher
            root = sys.argv[1]
            with Watcher(root, **{options!r}) as watcher:
                watcher.sync()
                print(*sorted(path[len(root) + 1:] for path in watcher.snapshot()))
            """,
            root,
            prefix=(*prefix, "env", f"LD_PRELOAD={late}"),
        ).split()

    return run


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_what_comes_after_the_opening_is_listed_behind_the_watch(root, known, options):
    write_all(root, "a/b/c/", "d/")
    found = known(root, options, prefix=("env", "FROZEN=1"))
    assert found == ["a", "a/b", "a/b/c", "a/b/c/late", "a/b/late", "a/late", "d", "d/late", "late"]


def test_the_listings_of_these_tests_are_frozen(root, python, late):
    """Else the tests above would show nothing."""
    said = python(
        """
        import os, sys
        from inotify_cffi.kernel.listings import ListBuffer
        fd = os.open(sys.argv[1], os.O_RDONLY)
        below = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.mkdir(sys.argv[1] + "/new")
        print(ListBuffer().first_entries(below)[0])
        os.lseek(below, 0, os.SEEK_SET)
        print(ListBuffer().first_entries(below)[0])
        """,
        root,
        prefix=("env", "FROZEN=1", f"LD_PRELOAD={late}"),
    )
    assert said == "[]\n['dnew']\n"


MOUNTS = {
    "btrfs": 'mount -o loop "$0/image" "$0/btrfs" && mkdir "$0/btrfs/root"',
    "overlay": 'mount -o loop "$0/image" "$0/btrfs" && mkdir "$0/btrfs/u" "$0/btrfs/w" "$0/btrfs/l" "$0/btrfs/root" && '
    'mount -t overlay x -o "lowerdir=$0/btrfs/l,upperdir=$0/btrfs/u,workdir=$0/btrfs/w" "$0/btrfs/root"',
}


@pytest.fixture(params=MOUNTS)
def btrfs(request, tmp_path):
    """The beginning of a command that has a new btrfs mounted for itself, or an overlay on one; the directory in it.

    Root is needed, for a file is to be a disk; without, the tests above show the same.
    """
    if os.geteuid() != 0 or shutil.which("mkfs.btrfs") is None:
        pytest.skip("it takes root and btrfs-progs to make a btrfs")
    (tmp_path / "btrfs").mkdir()
    image = tmp_path / "image"
    image.touch()
    os.truncate(image, 200 << 20)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True, capture_output=True)
    tree = 'cd "$0/btrfs/root" && mkdir -p a/b/c d && exec "$@"'
    prefix = ("unshare", "-m", "sh", "-c", f"{MOUNTS[request.param]} && {tree}", tmp_path)
    if subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("it can not be mounted here")
    subprocess.run(["mkfs.btrfs", "-qf", image], check=True, capture_output=True)
    return prefix, tmp_path / "btrfs/root"


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_what_comes_after_the_opening_is_found_on_btrfs(btrfs, known, options):
    prefix, root = btrfs
    found = known(root, options, prefix=prefix)
    assert found == ["a", "a/b", "a/b/c", "a/b/c/late", "a/b/late", "a/late", "d", "d/late", "late"]
