"""Names that fold: the event has the caller's spelling, and what is told has the one that is stored.

Most of it is tried without such a file system: the door to the disk finds a name in any case, and what the kernel says of
names that begin with an x is said of them in upper case, as if their caller had written them so.
"""

from __future__ import annotations

import os
import random
import select
import shutil
import struct

import inside
import pytest
from conftest import need
from consumer import ENTRIES, Consumer, brief, write, write_all
from unseen import disk

from inotify_cffi import Mask, Watcher
from inotify_cffi.kernel.instance import Instance
from inotify_cffi.kernel.mounts import Mount
from inotify_cffi.ledger.storage import EXACT as MARK
from inotify_cffi.tree import spellings
from inotify_cffi.tree.disk import Disk

HEAD = struct.Struct("iIII")


def as_called(data):
    """What was read, with the names of the callers."""
    at, told = 0, b""
    while at < len(data):
        wd, mask, cookie, length = HEAD.unpack_from(data, at)
        at += HEAD.size
        name = data[at : at + length]
        at += length
        told += HEAD.pack(wd, mask, cookie, length) + (name.upper() if name.startswith(b"x") else name)
    return told


def fd_path(fd):
    return os.readlink(f"/proc/self/fd/{fd}")


@pytest.fixture
def door(monkeypatch, root):
    """A door to the disk behind which names fold; what was asked of it."""
    asked = []

    def read_into(self, records):
        try:
            data = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return 0
        records.feed(as_called(data))
        return len(data)

    def inode(self, fd, name):
        asked.append("inode")
        stored = {each.lower(): number for each, number in spellings.inodes(fd).items()}
        return stored.get(name.lower(), -1)

    def inodes(self, fd):
        asked.append("inodes")
        return spellings.inodes(fd)

    kind = Disk.kind

    def kind_of_any(self, fd, name, *, follow):
        stored = {each.lower(): each for each in os.listdir(fd_path(fd))}
        return kind(self, fd, stored.get(name.lower(), name), follow=follow)

    monkeypatch.setattr(Disk, "kind", kind_of_any)
    monkeypatch.setattr(Instance, "read_into", read_into)
    monkeypatch.setattr(Disk, "mounts", lambda self: [Mount(0, 0, "/", "ext4"), Mount(0, 0, root, "vfat")])
    monkeypatch.setattr(Disk, "spelling", lambda self, fd: spellings.OPEN)
    monkeypatch.setattr(Disk, "inode", inode)
    monkeypatch.setattr(Disk, "inodes", inodes)
    return asked


# Each is told as it is stored, whatever it was called by.
STEPS = {
    "a file is written": (lambda top: write(f"{top}/xfile"), "MODIFY {top}/xfile"),
    "its attributes change": (lambda top: os.chmod(f"{top}/xfile", 0o600), "ATTRIB {top}/xfile"),
    "a file comes": (lambda top: write(f"{top}/xnew"), "CREATE {top}/xnew"),
    "a file goes": (lambda top: os.unlink(f"{top}/xfile"), "DELETE {top}/xfile"),
    "a directory comes": (lambda top: os.mkdir(f"{top}/xsub"), "CREATE,ISDIR {top}/xsub"),
    "a directory goes": (lambda top: os.rmdir(f"{top}/xdir"), "DELETE,ISDIR {top}/xdir"),
    "a file is renamed": (
        lambda top: os.rename(f"{top}/xfile", f"{top}/xto"),
        "MOVED_TO {top}/xto (from {top}/xfile)",
    ),
    "a file is renamed, from": (lambda top: os.rename(f"{top}/xfile", f"{top}/to"), "MOVED_FROM {top}/xfile"),
    "a directory is renamed": (
        lambda top: os.rename(f"{top}/xdir", f"{top}/xto"),
        "MOVED_TO,ISDIR {top}/xto (from {top}/xdir)",
    ),
    "a file is moved over": (
        lambda top: os.rename(f"{top}/other", f"{top}/xfile"),
        "MOVED_TO {top}/xfile (from {top}/other)",
    ),
    "a file goes and comes": (
        lambda top: (os.unlink(f"{top}/xfile"), write(f"{top}/xfile")),
        "CREATE {top}/xfile",
    ),
}


@pytest.mark.parametrize(("step", "said"), STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
def test_what_is_told_is_what_is_stored(door, root, step, said, kind):
    write_all(root, "xfile", "other", "xdir/")
    with Consumer(root, kind=kind, mask=ENTRIES | Mask.MODIFY | Mask.ATTRIB) as consumer:
        step(root)
        assert said.format(top=root) in brief(consumer.sync())
        consumer.assert_at_rest()


def test_a_move_by_other_names_is_one_move(door, root):
    write_all(root, "a/xdir/f", "b/")
    with Consumer(root) as consumer:
        os.rename(root + "/a/xdir", root + "/b/xto")
        said = consumer.sync()
        assert brief(said) == [
            f"MOVED_FROM,ISDIR {root}/a/xdir",
            f"MOVED_TO,ISDIR {root}/b/xto (from {root}/a/xdir)",
        ]
        assert said[1].moved_from == root + "/a/xdir"
        consumer.assert_at_rest()


def test_what_goes_on_in_a_directory_that_came_is_told_by_its_stored_name(door, root):
    with Consumer(root) as consumer:
        os.mkdir(root + "/xdir")
        consumer.sync()
        write(root + "/xdir/xfile")
        assert consumer.entries() == [f"CREATE {root}/xdir/xfile"]


def test_a_name_that_can_not_be_looked_at_in_time_is_corrected(door, root):
    """Its directory is elsewhere by then: it is told as it was called, and listed where it turns up."""
    write_all(root, "d/")
    with Consumer(root) as consumer:
        write(root + "/d/xfile")
        os.rename(root + "/d", root + "/e")
        consumer.assert_at_rest()
        assert consumer.snapshot() == {root + "/e": True, root + "/e/xfile": False}


def test_a_name_that_was_renamed_before_it_was_looked_at(door, root):
    with Consumer(root) as consumer:
        write(root + "/xfile")
        os.rename(root + "/xfile", root + "/xto")
        consumer.assert_at_rest()
        assert consumer.snapshot() == {root + "/xto": False}


@pytest.mark.parametrize("track", ["all", "directories"])
def test_random_worlds_converge(door, root, track):
    """Whatever is done between two reads."""
    dice = random.Random(7)
    options = {} if track == "all" else {"track": track}
    write_all(root, "xa/xb/", "c/", "xf")
    with Watcher(root, **options) as watcher:
        for _ in range(40):
            for _ in range(dice.randrange(1, 8)):
                one_step(root, dice)
            watcher.sync(20)
            directories = {path for path, is_dir in disk(root).items() if is_dir}
            if track == "all":
                assert watcher.snapshot() == disk(root)
            else:
                assert set(watcher.snapshot()) == directories


def one_step(root, dice):
    directories = [root, *(path for path, is_dir in disk(root).items() if is_dir)]
    files = [path for path, is_dir in disk(root).items() if not is_dir]
    target = f"{dice.choice(directories)}/{dice.choice(['xa', 'xb', 'xf', 'c', 'f', 'x1'])}"
    what = dice.randrange(6)
    try:
        if what == 0:
            os.mkdir(target)
        elif what == 1:
            shutil.rmtree(target)
        elif what == 2 and files:
            os.unlink(dice.choice(files))
        elif what == 3:
            os.rename(dice.choice([*files, *directories[1:]]), target)
        else:
            write(target)
    except (OSError, IndexError):
        return


def test_a_directory_is_listed_once_in_a_batch(door, root):
    with Watcher(root) as watcher:
        for number in range(50):
            write(f"{root}/x{number}")
        del door[:]
        assert len([event for event in watcher.sync() if event.mask & Mask.CREATE]) == 50
        assert door.count("inodes") == 1


def test_a_name_that_the_ledger_has_is_not_looked_at(door, root):
    write_all(root, "f", "g")
    with Watcher(root) as watcher:
        write(root + "/f", "more")
        os.unlink(root + "/g")
        del door[:]
        assert f"DELETE {root}/g" in brief(watcher.sync())
        assert door == []


@pytest.mark.parametrize("called", ["xfile", "XFILE"])
def test_a_root_that_is_a_file_is_called_as_the_user_does(door, root, called):
    write_all(root, "xfile")
    # The user's spelling leads to the file that is stored, here by a second name.
    if called != "xfile":
        os.link(f"{root}/xfile", f"{root}/{called}")
    with Watcher(f"{root}/{called}", mask=Mask.CREATE | Mask.DELETE | Mask.MODIFY) as watcher:
        os.unlink(f"{root}/xfile")
        assert f"DELETE {root}/{called}" in brief(watcher.sync())


def test_a_root_that_is_a_file_comes_by_another_name(door, root):
    write_all(root, "Xfile")
    with Watcher(f"{root}/Xfile", mask=Mask.CREATE | Mask.DELETE) as watcher:
        os.unlink(f"{root}/Xfile")
        assert f"DELETE {root}/Xfile" in brief(watcher.sync())
        write(f"{root}/xfile")
        assert f"CREATE {root}/Xfile" in brief(watcher.sync())


def test_other_directories_are_not_listed_for_that(door, root):
    write_all(root, "xfile", *(f"d{number}/e/" for number in range(20)))
    with Consumer(root) as consumer:
        before = consumer.stats()["listed"]
        os.unlink(root + "/xfile")
        write(root + "/xfile")
        os.rename(root + "/xfile", root + "/xto")
        consumer.sync()
        assert consumer.stats()["listed"] == before
        consumer.assert_at_rest()


def test_retry_takes_back_what_is_found_by_another_name_only(door, root):
    """A look at the name would find it."""
    write_all(root, "xfile")
    with Consumer(root) as consumer:
        tree = consumer.watcher._tree
        node = tree.ledger.roots[0]
        tree._teller.silent = True
        tree._teller.found(node, "XFILE", is_dir=False)
        tree._teller.silent = False
        assert consumer.snapshot() == {root + "/xfile": False, root + "/XFILE": False}
        tree._doubts.suspect(node, "XFILE")
        assert brief(consumer.watcher.sync()) == [f"DELETE {root}/XFILE"]
        assert consumer.snapshot() == {root + "/xfile": False}


def test_a_name_is_looked_at_in_a_listing_of_that_moment(door, root):
    """Not in one that was made for events that came before."""
    write_all(root, "f")
    with Watcher(root) as watcher:
        tree = watcher._tree
        node = tree.ledger.roots[0]
        tree._places.folding._shown[node.wd] = {}
        tree._doubts.suspect(node, "f")
        assert watcher.sync() == []


def test_a_large_directory_is_compared_as_a_whole(door, root):
    """In parts, names that were not shown would be looked at one by one, and found by another spelling."""
    for number in range(1100):
        write(f"{root}/f{number}")
    with Watcher(root) as watcher:
        tree = watcher._tree
        tree._teller.silent = True
        tree._teller.found(tree.ledger.roots[0], "F5", is_dir=False)
        tree._teller.silent = False
        watcher.resync()
        assert brief(watcher.sync()) == [f"DELETE {root}/F5"]


# --- where names do not fold ---


@pytest.fixture
def behind_fuse(monkeypatch, root):
    """A directory of which nobody knows before it has shown it; what was asked."""
    asked = []

    def inode(self, fd, name):
        asked.append(name)
        return spellings.inodes(fd).get(name, -1)

    monkeypatch.setattr(Disk, "mounts", lambda self: [Mount(0, 0, "/", "ext4"), Mount(0, 0, root, "fuse.what")])
    monkeypatch.setattr(Disk, "spelling", lambda self, fd: spellings.OPEN)
    monkeypatch.setattr(Disk, "inode", inode)
    return asked


def is_marked(watcher):
    node = watcher._tree.ledger.roots[0]
    return node.memory.has(node.number, MARK)


def test_a_directory_shows_once_that_names_do_not_fold(behind_fuse, root):
    """From then on its events are applied in C, and nothing is looked at."""
    with Watcher(root) as watcher:
        write(root + "/New")
        assert brief(event for event in watcher.sync() if event.mask & ENTRIES) == [f"CREATE {root}/New"]
        assert behind_fuse == ["New", "nEW", "New"]
        assert is_marked(watcher)
        write(root + "/more")
        watcher.sync()
        assert len(behind_fuse) == 3


def test_a_name_that_is_gone_shows_nothing(behind_fuse, root):
    with Watcher(root) as watcher:
        write(root + "/New")
        os.unlink(root + "/New")
        watcher.sync()
        assert not is_marked(watcher)
        assert watcher.snapshot() == {}


def test_two_files_whose_names_differ_in_case_show_that_names_do_not_fold(behind_fuse, root):
    write_all(root, "NEW")
    with Watcher(root) as watcher:
        write(root + "/new")
        watcher.sync()
        assert is_marked(watcher)
        assert watcher.snapshot() == {root + "/NEW": False, root + "/new": False}


def test_so_do_two_names_of_one_file(behind_fuse, root):
    write_all(root, "NEW")
    with Watcher(root) as watcher:
        os.link(root + "/NEW", root + "/new")
        watcher.sync()
        assert is_marked(watcher)


def test_a_directory_that_is_another_shows_it_anew(behind_fuse, root):
    write_all(root, "d/")
    with Watcher(root) as watcher:
        write(root + "/d/New")
        watcher.sync()
        node = watcher._tree.ledger.roots[0].children["d"]
        assert node.memory.has(node.number, MARK)
        os.rename(root + "/d", root + "-outside")
        os.mkdir(root + "/d")
        while os.read(watcher._instance.fileno(), 1 << 16) and select.select([watcher._instance], [], [], 0)[0]:
            pass
        watcher.resync()
        watcher.sync()
        assert watcher._tree.ledger.roots[0].children["d"] is node
        assert not node.memory.has(node.number, MARK)


def test_where_nothing_that_folds_is_mounted_nothing_is_looked_at(root, monkeypatch):
    """All of it is left to C."""
    monkeypatch.setattr(Disk, "mounts", lambda self: [Mount(0, 0, "/", "ext4"), Mount(0, 0, "/proc", "proc")])
    monkeypatch.setattr(Disk, "can_be_flagged", lambda self: False)
    for verb in ("spelling", "inode", "inodes"):
        monkeypatch.setattr(Disk, verb, lambda *_: pytest.fail("it was looked at"))
    with Consumer(root) as consumer:
        write_all(root, "a/b/f", "c")
        os.rename(root + "/a", root + "/d")
        consumer.assert_at_rest()
        assert not consumer.watcher._tree.ledger.roots[0].folds


def test_a_mount_that_comes_changes_it(root, monkeypatch):
    mounts = [Mount(0, 0, "/", "ext4")]
    monkeypatch.setattr(Disk, "mounts", lambda self: list(mounts))
    with Watcher(root) as watcher:
        mounts.append(Mount(0, 0, root + "/stick", "vfat"))
        watcher._tree.mounts_changed()
        assert watcher._tree.ledger.roots[0].folds
        mounts.pop()
        watcher._tree.mounts_changed()
        assert not watcher._tree.ledger.roots[0].folds


@pytest.mark.parametrize("kind", sorted(spellings.FLAGGED))
def test_a_directory_that_says_that_names_fold(root, monkeypatch, kind):
    """Where the kernel can do it, each directory of ext4, f2fs and tmpfs is asked, once, and not at what is created."""
    monkeypatch.setattr(spellings, "FLAGGED", {kind: "/"})
    monkeypatch.setattr(spellings.syscalls, "file_system", lambda fd: kind)
    asked = []
    monkeypatch.setattr(spellings.syscalls, "is_casefold", lambda fd: asked.append(fd) or False)
    write_all(root + "-outside", "a/", "b/", "c/")
    with Watcher(root) as watcher:
        os.mkdir(root + "/new")
        watcher.sync()
        before = len(asked)
        for name in "abc":
            os.rename(f"{root}-outside/{name}", f"{root}/{name}")
            watcher.sync()
        assert (before, len(asked)) == (0, 1)


# --- the real ones: they need root, and what they are made with ---


NTFS = """
with open(ROOT + ".image", "wb") as image:
    image.truncate(20 << 20)
subprocess.run(["mkntfs", "-Q", "-F", ROOT + ".image"], check=True, capture_output=True)
subprocess.run(["lowntfs-3g", "-o", "ignore_case", ROOT + ".image", ROOT], check=True, capture_output=True)
"""
VFAT = """
with open(ROOT + ".image", "wb") as image:
    image.truncate(20 << 20)
subprocess.run(["mkfs.vfat", ROOT + ".image"], check=True, capture_output=True)
if subprocess.run(["mount", "-o", "loop", ROOT + ".image", ROOT], capture_output=True).returncode:
    raise OSError
"""


@pytest.mark.parametrize(
    ("begin", "programs"), [(NTFS, ("mkntfs", "lowntfs-3g")), (VFAT, ("mkfs.vfat",))], ids=["ntfs", "vfat"]
)
def test_a_file_system_on_which_names_fold(python, private, root, begin, programs):
    need(*programs)
    attempt = "try:\n" + "".join(f"    {line}\n" for line in begin.strip().splitlines())
    give_up = "except OSError:\n    print('there is none')\n    raise SystemExit(0) from None\n"
    code = """
        write_all(ROOT, "t/low", "t/gone", "t/sub/", "t/was")
        with Consumer(ROOT + "/t") as consumer:
            write(ROOT + "/t/LOW", "x")
            assert f"MODIFY {ROOT}/t/low" in brief(consumer.sync())
            os.unlink(ROOT + "/t/GONE")
            assert brief(consumer.sync()) == [f"DELETE {ROOT}/t/gone"]
            write(ROOT + "/t/New")
            os.mkdir(ROOT + "/t/SUB/Below")
            os.rename(ROOT + "/t/WAS", ROOT + "/t/Sub/IS")
            consumer.assert_at_rest()
            os.rename(ROOT + "/t/SUB", ROOT + "/t/other")
            consumer.watcher.retry()
            consumer.assert_at_rest()
            shutil.rmtree(ROOT + "/t/OTHER")
            consumer.assert_at_rest()
        with Watcher(ROOT + "/t/Wait", missing="wait") as watcher:
            watcher.sync()
            os.mkdir(ROOT + "/t/WAIT")
            assert f"WATCHED,ISDIR {ROOT}/t/Wait" in brief(watcher.sync())
    """
    if python(inside.code(attempt + give_up) + inside.textwrap.dedent(code), root, prefix=private):
        pytest.skip("this needs root, and what is mounted here")
