"""The file systems, how each is mounted, and what of it can be changed without its mount."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import subprocess
from typing import Callable, NamedTuple

__all__ = ["DISKS", "FILLED", "LAYERED", "READ_ONLY", "Filled", "Recipe", "shell"]

MOUNT_S = 30
WORLDS = 20


class Recipe(NamedTuple):
    """One file system: how to mount it at ``m``, in an empty working directory; ``b`` is the directory behind it."""

    name: str
    script: str
    needs: tuple[str, ...] = ()
    # What a reader should know besides.
    note: str = ""

    @property
    def label(self) -> str:
        return self.name


class Filled(NamedTuple):
    """One that the kernel fills: what it is to be watched at, what makes the kernel change it, and what ends that."""

    name: str
    script: str
    top: str
    what: str
    act: Callable[[str], object]
    note: str = ""
    needs: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.name}, filled by the kernel"


def shell(script: str, directory: str) -> None:
    """Run a script; raises RuntimeError with what it said last if it fails."""
    # What stays in the background, the program behind the mount, holds no pipe of ours.
    with open(os.path.join(directory, "said"), "w+", encoding="utf-8", errors="replace") as said:
        done = subprocess.run(
            ["sh", "-ec", script], cwd=directory, check=False, timeout=MOUNT_S, stdin=subprocess.DEVNULL,
            stdout=said, stderr=said, env={**os.environ, "D": directory},
        )  # fmt: skip
        if done.returncode:
            said.seek(0)
            lines = said.read().strip().splitlines()
            raise RuntimeError(lines[-1] if lines else f"exit code {done.returncode}")


def image(size: str, make: str, options: str = "loop") -> str:
    return f"truncate -s {size} i; {make} i; mkdir m; mount -o {options} i m"


DISKS = (
    Recipe("tmpfs", "mkdir m; mount -t tmpfs none m"),
    Recipe("ramfs", "mkdir m; mount -t ramfs none m"),
    Recipe("ext2", image("64M", "mkfs.ext2 -q"), ("mkfs.ext2",)),
    Recipe("ext3", image("64M", "mkfs.ext3 -q"), ("mkfs.ext3",)),
    Recipe(
        "ext4",
        image("64M", "mkfs.ext4 -q"),
        ("mkfs.ext4",),
        "an fscrypt key that is added or taken away changes names without an event",
    ),
    Recipe("xfs", image("320M", "mkfs.xfs -q"), ("mkfs.xfs",)),
    Recipe("btrfs", image("128M", "mkfs.btrfs -q"), ("mkfs.btrfs",)),
    Recipe(
        "btrfs, a subvolume",
        "truncate -s 128M i; mkfs.btrfs -q i; mkdir n; mount -o loop i n; btrfs -q subvolume create n/s; ln -s n/s m",
        ("mkfs.btrfs", "btrfs"),
        "a subvolume that is deleted as a whole reports nothing",
    ),
    Recipe(
        "ntfs-3g",
        "truncate -s 32M i; mkntfs -Q -F i; mkdir m; ntfs-3g $(losetup -f --show i) m",
        ("mkntfs", "ntfs-3g", "losetup"),
    ),
    Recipe(
        "lowntfs-3g, ignore_case",
        "truncate -s 32M i; mkntfs -Q -F i; mkdir m; lowntfs-3g -o ignore_case i m",
        ("mkntfs", "lowntfs-3g"),
    ),
    Recipe(
        "exfat-fuse",
        "truncate -s 32M i; mkfs.exfat i; mkdir m; mount.exfat-fuse $(losetup -f --show i) m",
        ("mkfs.exfat", "mount.exfat-fuse", "losetup"),
    ),
    Recipe(
        "fuse2fs (ext4)",
        "truncate -s 64M i; mkfs.ext4 -q i; mkdir m; fuse2fs i m -o fakeroot",
        ("mkfs.ext4", "fuse2fs"),
    ),
)

LAYERED = (
    Recipe(
        "overlay, changed in its upper layer",
        "mkdir l b w m; mount -t overlay -o lowerdir=l,upperdir=b,workdir=w none m",
        note="what is done to the layers of a mounted overlay is undefined (Documentation/filesystems/overlayfs.rst)",
    ),
    Recipe(
        "overlay of two, changed in a lower layer",
        "mkdir b; mkdir -p b/t; echo x >b/t/behind; mkdir l m; mount -t overlay -o lowerdir=l:b none m",
    ),
    Recipe(
        "fuse-overlayfs",
        "mkdir l b w m; fuse-overlayfs -o lowerdir=l,upperdir=b,workdir=w m",
        ("fuse-overlayfs",),
        "a directory from which a file was removed behind it is listed as empty from then on",
    ),
    Recipe(
        "mergerfs",
        "mkdir l b m; mergerfs -o category.create=ff b:l m",
        ("mergerfs",),
        "in other runs up to 3 of 20 worlds were right only behind a `resync()`",
    ),
    Recipe("unionfs-fuse", "mkdir l b m; unionfs -o cow b=RW:l=RO m", ("unionfs",)),
    Recipe("bindfs", "mkdir b m; bindfs b m", ("bindfs",)),
    Recipe(
        "gocryptfs",
        "mkdir b m; echo secret >p; gocryptfs -q -init -scryptn 10 -passfile p b; gocryptfs -q -passfile p b m",
        ("gocryptfs",),
    ),
    Recipe("encfs", "mkdir b m; echo secret | encfs --standard -S $D/b $D/m", ("encfs",)),
    Recipe(
        "sshfs",
        "mkdir b m; printf '#!/bin/sh\\nexec /usr/lib/openssh/sftp-server\\n' >s; chmod +x s; "
        "sshfs -o dir_cache=no,cache_timeout=1,ssh_command=$D/s there:$D/b m",
        ("sshfs", "/usr/lib/openssh/sftp-server"),
    ),
    Recipe(
        "rclone",
        "mkdir b m c; rclone mount --config /dev/null --cache-dir $D/c --vfs-cache-mode writes --daemon $D/b $D/m",
        ("rclone",),
        "a directory that is renamed may have another inode then, which nobody watches until a `resync()`",
    ),
)

READ_ONLY = (
    Recipe("squashfs", "mkdir s m; echo x >s/x; mksquashfs s i -quiet; mount -o loop i m", ("mksquashfs",)),
    Recipe("erofs", "mkdir s m; echo x >s/x; mkfs.erofs i s; mount -o loop i m", ("mkfs.erofs",)),
    Recipe(
        "squashfuse", "mkdir s m; echo x >s/x; mksquashfs s i -quiet; squashfuse i m", ("mksquashfs", "squashfuse")
    ),
)


# --- what makes the kernel change something ---


def child(_top: str) -> None:
    subprocess.run(["true"], check=True)


LOOP = 77
LOOP_CTL_ADD, LOOP_CTL_REMOVE = 0x4C80, 0x4C81


@contextlib.contextmanager
def a_loop_device(_top: str):
    """Let the kernel have one more device, /dev/loop77."""
    control = os.open("/dev/loop-control", os.O_RDWR)
    try:
        fcntl.ioctl(control, LOOP_CTL_ADD, LOOP)
        try:
            yield
        finally:
            fcntl.ioctl(control, LOOP_CTL_REMOVE, LOOP)
    finally:
        os.close(control)


@contextlib.contextmanager
def a_terminal(_top: str):
    master = os.open(os.path.join(_top, "ptmx"), os.O_RDWR)
    try:
        yield
    finally:
        os.close(master)


@contextlib.contextmanager
def a_member(top: str):
    """Let the group have a process: populated changes in cgroup.events, which somebody has looked at."""
    os.stat(f"{top}/cgroup.events")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        with open(f"{top}/cgroup.procs", "w") as stream:
            stream.write(str(process.pid))
        yield
        process.stdin.close()


@contextlib.contextmanager
def written(begin: str, begin_in: str, end: str, end_in: str):
    """Write to a file of the kernel's, and to another one at the end."""
    for text, path in ((begin, begin_in), (end, end_in)):
        with open(path, "w") as stream:
            stream.write(text)
        if text is begin:
            yield


def a_binary_format(top: str):
    return written(":tried:E::tried77::/bin/true:", f"{top}/register", "-1", f"{top}/tried")


def a_probe(top: str):
    path = f"{top}/kprobe_events"
    return written("p:tried/tried do_sys_openat2\n", path, "-:tried/tried\n", path)


@contextlib.contextmanager
def a_fuse_mount(_top: str):
    there = subprocess.run(["mktemp", "-d"], check=True, capture_output=True, text=True).stdout.strip()
    os.mkdir(f"{there}/b")
    os.mkdir(f"{there}/m")
    subprocess.run(["bindfs", f"{there}/b", f"{there}/m"], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", f"{there}/m"], check=True)
        subprocess.run(["rm", "-r", there], check=True)


@contextlib.contextmanager
def a_message(top: str):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mq_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
    queue = libc.mq_open(b"/tried", os.O_RDWR | os.O_CREAT, 0o600, None)
    if queue < 0:
        raise OSError(ctypes.get_errno(), "mq_open")
    try:
        libc.mq_send(queue, b"x", 1, 0)
        yield
    finally:
        libc.mq_unlink(b"/tried")
        libc.close(queue)


FILLED = (
    Filled("proc", "mkdir m; mount -t proc none m", "m", "a process begins and ends", child),
    Filled("sysfs", "mkdir m; mount -t sysfs none m", "m/block", "a device comes and goes", a_loop_device),
    Filled("devtmpfs", "mkdir m; mount -t devtmpfs none m", "m", "a device comes and goes", a_loop_device),
    Filled("debugfs", "mkdir m; mount -t debugfs none m", "m/block", "a device comes and goes", a_loop_device),
    Filled(
        "devpts",
        "mkdir m; mount -t devpts -o newinstance,ptmxmode=666 none m",
        "m",
        "a terminal comes and goes",
        a_terminal,
    ),
    Filled(
        "cgroup2",
        "mkdir m; mount -t cgroup2 none m; mkdir -p m/tried",
        "m/tried",
        "a process joins and leaves the group",
        a_member,
        "`rmdir` of a group that is the root reports nothing",
    ),
    Filled(
        "binfmt_misc",
        "mkdir m; mount -t binfmt_misc none m",
        "m",
        "a format is registered, and unregistered",
        a_binary_format,
    ),
    Filled(
        "fusectl",
        "mkdir m; mount -t fusectl none m",
        "m",
        "a FUSE mount comes and goes",
        a_fuse_mount,
        "",
        ("bindfs",),
    ),
    Filled("tracefs", "mkdir m; mount -t tracefs none m", "m", "a probe is made, and removed", a_probe),
    Filled(
        "mqueue",
        "mkdir m; mount -t mqueue none m",
        "m",
        "a queue is made, gets a message, and is removed",
        a_message,
    ),
)
