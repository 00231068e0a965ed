"""The journal is killed, and its machine loses power: no number is given twice, and a mirror of it is the disk.

INOTIFY_CFFI_KILLS and INOTIFY_CFFI_POWER_CUTS say how often; ``.ci/parts/journal`` sets them high. A power cut is a
copy of the block device at one moment, which is mounted in the place of the old one: that takes root, a loop device
and mkfs.ext4.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time

import pytest
from journalling import Reader, check
from replaying import PATIENCE_S, Watching

from inotify_cffi import Mask
from tests.stress.endless import endless_writer

KILLS = int(os.environ.get("INOTIFY_CFFI_KILLS", "5"))
POWER_CUTS = int(os.environ.get("INOTIFY_CFFI_POWER_CUTS", "2"))
# Where none of these took anything, for the rows had just been synchronised each time.
MORE_CUTS = 20


class Life:
    """A watcher with a journal and a writer, in processes of their own."""

    def __init__(self, file, root, seed, sync="normal"):
        self.watching = Watching("watch", *options(file, sync), root)
        # It never rests, so whenever it is cut off the watcher is at work.
        self.writer = subprocess.Popen(endless_writer(root, seed, "abcde"))

    @property
    def is_running(self):
        return self.watching.process.poll() is None

    def stop(self):
        """Let neither of them do anything more, whatever it is at."""
        for process in (self.writer, self.watching.process):
            process.send_signal(signal.SIGSTOP)
            while not _is_stopped(process.pid):
                os.sched_yield()

    def kill(self):
        for process in (self.watching.process, self.writer):
            process.kill()
            process.wait()
        self.watching.__exit__()


def _is_stopped(pid):
    with open(f"/proc/{pid}/stat", "rb") as stream:
        return stream.read().rpartition(b")")[2].split()[0] == b"T"


def read_some(life, reader, events):
    """Read on until so many more events have come."""
    number, deadline = len(reader.seen), time.monotonic() + PATIENCE_S
    while len(reader.seen) < number + events:
        assert life.is_running, life.watching.process.stderr.read()
        assert time.monotonic() < deadline
        reader.read()


@pytest.mark.timeout(1800)
def test_a_reader_of_a_journal_that_is_killed_again_and_again_has_what_is_on_the_disk(tmp_path):
    file, root = str(tmp_path / "state" / "journal.sqlite"), str(tmp_path / "root")
    os.mkdir(root)
    reader, restarts = Reader(file, root), 0
    for kill in range(KILLS):
        life = Life(file, root, kill)
        try:
            # At a moment that differs.
            read_some(life, reader, 20 * (kill % 10) + 1)
        finally:
            life.kill()
        check(file)
        restarts = sum(bool(event.mask & Mask.RESTART) for event in reader.seen.values())
    restarted(file, root, reader)
    reader.check(root)
    assert restarts >= KILLS - 1


class Disk:
    """A file system on a loop device, and what is left of it when the power is cut."""

    def __init__(self, directory):
        self.image, self.mount_point = f"{directory}/disk.img", f"{directory}/mnt"
        os.mkdir(self.mount_point)
        with open(self.image, "wb") as stream:
            stream.truncate(96 << 20)
        subprocess.run(["mkfs.ext4", "-q", self.image], check=True)
        self.mount()

    def mount(self):
        # No commit of the file system's own while the device is copied: each block is as one moment has it.
        subprocess.run(["mount", "-o", "loop,commit=600", self.image, self.mount_point], check=True)

    def copy(self):
        """Keep what the device has now; all that writes to it has to be stopped."""
        subprocess.run(["cp", "--sparse=always", self.image, self.image + ".cut"], check=True)

    def unmount(self):
        subprocess.run(["umount", self.mount_point], check=True)

    def cut(self):
        """Have what was copied, and nothing that came later."""
        self.unmount()
        os.replace(self.image + ".cut", self.image)
        self.mount()


def has_loop_devices():
    return os.geteuid() == 0 and os.path.exists("/dev/loop-control") and shutil.which("mkfs.ext4") is not None


@pytest.fixture
def disk(tmp_path):
    if not has_loop_devices():
        pytest.skip("a power cut takes root, loop devices and mkfs.ext4")
    try:
        disk = Disk(tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no loop device can be mounted here: {error}")
    yield disk
    disk.unmount()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("sync", ["normal", "full"])
def test_a_reader_of_a_journal_whose_machine_loses_power_has_what_is_on_the_disk(disk, sync):
    file, root = f"{disk.mount_point}/journal.sqlite", f"{disk.mount_point}/root"
    os.mkdir(root)
    os.sync()
    reader, lost = Reader(file, root), 0
    for cut in range(POWER_CUTS + MORE_CUTS):
        if cut >= POWER_CUTS and (lost or sync == "full"):
            break
        life = Life(file, root, cut, sync)
        try:
            read_some(life, reader, 300 * (cut % 4) + 100)
            life.stop()
            # What was read up to this moment was told to somebody.
            reader.read()
            disk.copy()
        finally:
            life.kill()
        disk.cut()
        check(file)
        before = reader.mirror.number
        # A batch may have been committed that nobody could see yet; that comes first.
        events = [event for event in restarted(file, root, reader) if event.number > before]
        restart = next(event for event in events if event.mask & Mask.RESTART)
        lost += restart.durable < before
        reader.check(root)
    # Else nothing was tried here.
    assert sync == "full" or lost
    assert sync == "normal" or not lost


def restarted(file, root, reader):
    """Start and end a watcher with the journal, while nothing happens; what the reader reads then."""
    with Watching("watch", *options(file), root) as watching:
        assert watching.end() == 143
    return reader.read()


def options(file, sync="normal"):
    return ("--no-plugin", "console", "--plugin", "journal", "--journal-file", file, "--journal-sync", sync)
