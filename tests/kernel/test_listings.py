"""Directories are listed in parts, or by one read where a file system may leave out entries between two."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import tempfile

import pytest
from consumer import ENTRIES

from inotify_cffi import Watcher
from inotify_cffi.kernel import listings
from inotify_cffi.kernel.instance import Instance
from inotify_cffi.kernel.listings import CrawlBuffer, ListBuffer
from inotify_cffi.tree.disk import Disk
from tests.helpers.slices import getdents

# More than one read gives, see csrc/kernel.c LIST_CHUNK; and more than fits into a mebibyte.
MANY = 1500
VERY_MANY = 5000
LONG = "n" * 200


def on_tmpfs():
    """Return True if there is a tmpfs at /dev/shm."""
    try:
        kind = subprocess.run(["stat", "-f", "-c", "%T", "/dev/shm"], stdout=subprocess.PIPE, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return kind == b"tmpfs\n"


@pytest.fixture
def shm():
    """A directory on a tmpfs."""
    if not on_tmpfs():
        pytest.skip("/dev/shm is no tmpfs")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as shm:
        yield shm


@pytest.fixture
def opened():
    """Open directories; they are closed at the end."""
    fds = []

    def call(path):
        fds.append(os.open(path, os.O_RDONLY))
        return fds[-1]

    yield call
    for fd in fds:
        os.close(fd)


def filled(top, count, prefix=""):
    for number in range(count):
        os.close(os.open(f"{top}/{prefix}{number}", os.O_CREAT | os.O_WRONLY))
    return sorted(f"-{prefix}{number}" for number in range(count))


def test_a_read_that_has_no_room_left_says_so(tmp_path, opened):
    names = filled(tmp_path, MANY)
    entries, are_more = ListBuffer().first_entries(opened(tmp_path))
    assert (are_more, set(entries) <= set(names)) == (True, True)


def test_one_that_has_does_too(tmp_path, opened):
    names = filled(tmp_path, 10)
    entries, are_more = ListBuffer().first_entries(opened(tmp_path))
    assert (are_more, sorted(entries)) == (False, names)


def test_at_once_all_is_listed_from_the_beginning(tmp_path, opened):
    names = filled(tmp_path, MANY)
    fd = opened(tmp_path)
    ListBuffer().first_entries(fd)
    assert sorted(listings.entries_at_once(fd)) == names


def test_for_what_does_not_fit_more_room_is_taken(tmp_path, opened):
    names = filled(tmp_path, VERY_MANY, LONG)
    assert sorted(listings.entries_at_once(opened(tmp_path))) == names


def test_an_empty_directory_is_listed_at_once(tmp_path, opened):
    assert listings.entries_at_once(opened(tmp_path)) == []


def test_what_is_no_directory_is_not(tmp_path, opened):
    (tmp_path / "f").touch()
    with pytest.raises(NotADirectoryError):
        listings.entries_at_once(opened(tmp_path / "f"))


def test_signals_do_not_end_a_read(tmp_path, opened):
    """The kernel looks for them at each entry (fs/readdir.c filldir64)."""
    names = filled(tmp_path, VERY_MANY)
    fd = opened(tmp_path)
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
        counts = {len(listings.entries_at_once(fd)) for _ in range(30)}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert counts == {len(names)}


def test_and_come_behind_it(tmp_path, opened):
    filled(tmp_path, 10)
    listings.entries_at_once(opened(tmp_path))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


# --- on a tmpfs ---


def test_only_of_tmpfs_it_is_known(shm, opened):
    assert (listings.leaves_out(opened(shm)), listings.leaves_out(opened("/proc"))) == (True, False)


def test_a_crawl_in_runs_leaves_out_large_directories(shm, opened):
    for name, count in (("few", 10), ("many", MANY)):
        os.mkdir(f"{shm}/{name}")
        filled(f"{shm}/{name}", count)
    with Instance() as instance:
        found = instance.crawl(
            CrawlBuffer(), opened(shm), ["few", "many"], ENTRIES, last_wd=0, most=100, seconds=0.0
        )
        assert (found.count, found.columns().visits) == (1, [0, -1])


def test_to_pass_the_lock_of_a_directory_one_part_of_it_is_read(shm, opened, monkeypatch):
    filled(shm, MANY)
    reads = []
    part = ListBuffer._part
    monkeypatch.setattr(listings, "entries_at_once", reads.append)
    monkeypatch.setattr(ListBuffer, "_part", lambda buffer, fd: reads.append(fd) or part(buffer, fd))
    with Instance() as instance:
        Disk(instance).pass_lock(opened(shm))
    assert len(reads) == 1


REAL_FIRST = ListBuffer.first_entries


@pytest.fixture
def left_out(shm, monkeypatch):
    """A directory of which a second read leaves out an entry, for behind the first another is moved away."""
    for name in ("top", "listed", "one", "two", "three"):
        os.mkdir(f"{shm}/{name}")
    os.rename(f"{shm}/one", f"{shm}/listed/a")
    os.mkdir(f"{shm}/listed/f")
    os.rename(f"{shm}/two", f"{shm}/listed/a")
    os.rename(f"{shm}/three", f"{shm}/listed/d")
    inode = os.stat(f"{shm}/listed").st_ino

    def first_entries(buffer, fd):
        if os.fstat(fd).st_ino != inode:
            return REAL_FIRST(buffer, fd)
        # Nothing but "." and "..".
        assert len(getdents(fd)) == 48
        os.rename(f"/proc/self/fd/{fd}/d", f"{shm}/away")
        return [], True

    monkeypatch.setattr(ListBuffer, "first_entries", first_entries)
    return f"{shm}/listed"


def test_what_stays_is_found_though_another_is_moved_away_in_between(left_out):
    with Watcher(left_out) as watcher:
        assert sorted(watcher.snapshot()) == [f"{left_out}/a", f"{left_out}/f"]


def test_also_where_a_directory_is_listed_in_slices(shm, left_out):
    with Watcher(f"{shm}/top") as watcher:
        os.rename(left_out, f"{shm}/top/listed")
        watcher.sync()
        assert sorted(watcher.snapshot()) == [f"{shm}/top/listed{name}" for name in ("", "/a", "/f")]


def test_memory_that_is_not_to_be_had_is_an_error(tmp_path, opened, monkeypatch):
    monkeypatch.setattr(listings, "LIST_ROOM", 1 << 62)
    with pytest.raises((MemoryError, OverflowError, OSError)) as caught:
        listings.entries_at_once(opened(tmp_path))
    assert getattr(caught.value, "errno", errno.EINVAL) == errno.EINVAL
