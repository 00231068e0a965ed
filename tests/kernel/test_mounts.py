"""Which mount a file lies on, and what inotify sees on a type of file system."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from inotify_cffi.kernel import filesystems, mounts
from inotify_cffi.kernel.filesystems import sight_of
from inotify_cffi.kernel.mounts import Mount


@pytest.fixture
def descriptor():
    opened = []

    def open_one(path):
        opened.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        return opened[-1]

    yield open_one
    for fd in opened:
        os.close(fd)


def listed(monkeypatch, tmp_path, text):
    (tmp_path / "mountinfo").write_bytes(text)
    monkeypatch.setattr(mounts, "MOUNTS", str(tmp_path / "mountinfo"))
    return mounts.mounts()


def test_the_mount_of_a_file_is_found(descriptor):
    found = mounts.mount_of(descriptor("/proc/self/status"), mounts.mounts())
    assert (found.point, found.kind) == ("/proc", "proc")


def test_a_file_on_none_of_the_mounts_has_none(descriptor):
    assert mounts.mount_of(descriptor("/proc/self/status"), []) is None


def test_names_of_mounts_are_what_they_are(monkeypatch, tmp_path):
    line = rb"41 1 7:0 / /a\040b\134\011\012 rw - fuse.x\040y /dev/z rw" + b"\n"
    assert listed(monkeypatch, tmp_path, line) == [Mount(41, 1, "/a b\\\t\n", "fuse.x y", "rw")]


def test_a_name_that_is_not_utf8_or_that_unicode_takes_for_an_end_of_line_is_kept(monkeypatch, tmp_path):
    line = b"41 1 7:0 / /\xff\r\xc2\x85 rw shared:1 master:2 - ext4 /dev/z rw\n"
    assert listed(monkeypatch, tmp_path, line) == [Mount(41, 1, "/\udcff\r\x85", "ext4", "rw")]


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "zfs", "vfat", "rootfs"])
def test_all_is_seen_on_local_file_systems(kind):
    assert sight_of(kind) == (filesystems.ALL, (), False)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("nfs4", "other machines"),
        ("cifs", "other machines"),
        ("smb3", "other machines"),
        ("fuse", "program"),
        ("fuse.whatever", "program"),
        ("fuse.sshfs", "other machines"),
        ("overlay", "layers"),
        ("9p", "host"),
    ],
)
def test_where_others_change_things_inotify_is_blind(kind, says):
    sight = sight_of(kind)
    assert (sight.sees, sight.is_blind) == (filesystems.OWN, True)
    assert says in sight.unseen[0]


@pytest.mark.parametrize("kind", ["proc", "sysfs", "cgroup2", "fusectl", "binfmt_misc"])
def test_what_the_kernel_fills_is_not_to_be_polled(kind):
    sight = sight_of(kind)
    assert (sight.sees, sight.is_blind) == (filesystems.KERNEL, False)
    assert "the kernel changes" in sight.unseen[0]


@pytest.mark.parametrize("kind", ["", "unknown", "fused", "ext5", "NFS"])
def test_of_a_type_that_is_not_in_the_table_nothing_is_known(kind):
    sight = sight_of(kind)
    assert (sight.sees, sight.is_blind, len(sight.unseen)) == (filesystems.UNKNOWN, True, 1)


def test_a_disk_behind_a_program_is_not_called_blind():
    assert sight_of("fuseblk").sees == filesystems.UNKNOWN
    assert not sight_of("fuseblk").is_blind


def test_no_type_is_in_two_parts_of_the_table():
    kinds = [*filesystems.WHOLE, *filesystems.OTHERS, *filesystems.FILLED]
    assert len(kinds) == len(set(kinds))


IN_A_NAMESPACE = """
import os, subprocess, sys
top = sys.argv[1]
def mount(*arguments): subprocess.run(["mount", *arguments], check=True)
os.mkdir(f"{top}/a b"); os.mkdir(f"{top}/bound"); mount("-t", "tmpfs", "none", f"{top}/a b")
mount("-t", "ramfs", "none", f"{top}/a b"); mount("--bind", f"{top}/a b", f"{top}/bound")
from inotify_cffi.kernel.mounts import mount_of, mounts
for name in ("a b", "bound"):
    found = mount_of(os.open(f"{top}/{name}", os.O_RDONLY), mounts())
    print(found.point == f"{top}/{name}", found.kind)
"""


def test_one_of_several_mounts_of_one_device_or_at_one_place_is_the_right_one(tmp_path):
    done = subprocess.run(
        ["unshare", "-r", "-m", "--propagation", "private", sys.executable, "-c", IN_A_NAMESPACE, str(tmp_path)],
        check=False, capture_output=True, text=True, timeout=50,
    )  # fmt: skip
    if done.returncode and "unshare" in done.stderr:
        pytest.skip("needs user namespaces")
    assert done.stdout == "True ramfs\nTrue ramfs\n", done.stderr


def below(top, *rows):
    return [mount.number for mount in mounts.below(top, [Mount(*row, "x") for row in rows])]


def test_what_is_mounted_below_is_found():
    rows = [(1, 0, "/"), (2, 1, "/a"), (3, 2, "/a/b"), (4, 1, "/ab"), (5, 3, "/a/b/c")]
    assert below("/a", *rows) == [3, 5]
    assert below("/", *rows) == [2, 3, 4, 5]


def test_of_two_mounts_at_one_place_the_upper_one_is_seen():
    assert below("/a", (1, 0, "/"), (2, 1, "/a"), (3, 2, "/a/b"), (4, 3, "/a/b")) == [4]


def test_a_mount_below_one_that_came_over_it_is_not_seen():
    rows = [(1, 0, "/"), (2, 1, "/a/b/c"), (3, 2, "/a/b/c/d"), (4, 1, "/a/b"), (5, 4, "/a/b/e")]
    assert below("/a", *rows) == [4, 5]


def test_a_mount_that_is_mounted_on_itself_is_no_endless_loop():
    assert below("/", (1, 1, "/"), (2, 1, "/a")) == [2]
