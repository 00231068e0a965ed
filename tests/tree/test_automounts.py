"""Automount points are not entered before something else has mounted them."""

from __future__ import annotations

import errno
import os

import inside
import pytest
from consumer import Consumer, brief, write_all

from inotify_cffi import Mask, Watcher
from inotify_cffi.kernel.mounts import Mount
from inotify_cffi.tree.disk import Disk

DIRECT = "fd=6,pgrp=1,timeout=0,minproto=5,maxproto=5,direct"
INDIRECT = DIRECT.replace("direct", "indirect")


@pytest.fixture
def mounts(monkeypatch):
    """What /proc/self/mountinfo has."""
    mounts = [Mount(0, 0, "/", "ext4", "")]
    monkeypatch.setattr(Disk, "mounts", lambda self: list(mounts))
    return mounts


@pytest.fixture
def entered(monkeypatch):
    """The directories that are entered, by which name, and of those that are entered many at a time their top."""
    names = []
    enter, visit = Disk.enter, Disk.visit

    def enter_it(self, fd, name, *, follow):
        names.append(name)
        return enter(self, fd, name, follow=follow)

    def visit_them(self, fd, tops, *rest, **options):
        names.extend(tops)
        return visit(self, fd, tops, *rest, **options)

    monkeypatch.setattr(Disk, "enter", enter_it)
    monkeypatch.setattr(Disk, "visit", visit_them)
    return names


def errors(watcher):
    return {path: error.errno for path, error in watcher.unwatched().items()}


@pytest.mark.parametrize("kind", ["direct", "offset"])
def test_an_automount_is_not_entered(mounts, entered, root, kind):
    write_all(root, "a/auto/hidden", "b/c/")
    mounts.append(Mount(0, 0, root + "/a/auto", "autofs", DIRECT.replace("direct", kind)))
    with Watcher(root, mask=Mask.CREATE) as watcher:
        assert "auto" not in entered
        assert errors(watcher) == {root + "/a/auto": errno.EREMOTE}
        assert "automount point" in str(watcher.unwatched()[root + "/a/auto"])
        assert root + "/b/c" in watcher.snapshot()
        assert brief(watcher.sync()) == [f"UNWATCHED,ISDIR {root}/a/auto"]
        # No attribute that changes would let it be entered.
        assert not watcher._tree.ledger.roots[0].kernel_mask & Mask.ATTRIB
        watcher.retry()
        watcher.resync()
        assert watcher.sync() == []
        assert "auto" not in entered


def test_the_directories_of_an_indirect_one_are_not_entered(mounts, entered, root):
    write_all(root, "auto/one/hidden", "auto/two/")
    mounts.append(Mount(0, 0, root + "/auto", "autofs", INDIRECT))
    with Watcher(root) as watcher:
        assert not {"one", "two"} & set(entered)
        assert errors(watcher) == {f"{root}/auto/{name}": errno.EREMOTE for name in ("one", "two")}
        os.mkdir(root + "/auto/three")
        assert f"UNWATCHED,ISDIR {root}/auto/three" in brief(watcher.sync())
        assert "three" not in entered


def test_it_is_entered_when_something_else_has_mounted_it_and_left_when_that_ends(mounts, entered, root):
    write_all(root, "auto/f")
    mounts.append(Mount(0, 0, root + "/auto", "autofs", DIRECT))
    with Consumer(root, mask=Mask.CREATE | Mask.DELETE) as consumer:
        consumer.sync()
        mounts.append(Mount(0, 0, root + "/auto", "tmpfs", ""))
        consumer.watcher._tree.mounts_changed()
        assert brief(consumer.sync()) == [f"WATCHED,ISDIR {root}/auto", f"CREATE {root}/auto/f"]
        mounts.pop()
        del entered[:]
        consumer.watcher._tree.mounts_changed()
        assert brief(consumer.sync()) == [f"DELETE {root}/auto/f", f"UNWATCHED,ISDIR {root}/auto"]
        assert "auto" not in entered


def test_a_part_of_an_indirect_one_that_is_mounted_is_entered(mounts, root):
    write_all(root, "auto/host/export/f")
    mounts += [
        Mount(0, 0, root + "/auto", "autofs", INDIRECT),
        Mount(0, 0, root + "/auto/host/export", "nfs4", ""),
    ]
    with Watcher(root) as watcher:
        assert root + "/auto/host/export/f" in watcher.snapshot()


def test_a_link_to_an_automount_is_not_entered(mounts, entered, root):
    write_all(root, "tree/", "auto/f")
    os.symlink("../auto", root + "/tree/link")
    mounts.append(Mount(0, 0, root + "/auto", "autofs", DIRECT))
    with Watcher(root + "/tree", follow_symlinks=True) as watcher:
        assert errors(watcher) == {root + "/tree/link": errno.EREMOTE}
        assert "link" not in entered


def test_a_root_is_what_the_user_wants_mounted_and_is_not_mounted_again(mounts, root):
    write_all(root, "auto/d/f")
    mounts += [Mount(0, 0, root + "/auto", "autofs", DIRECT), Mount(0, 0, root + "/auto", "nfs4", "")]
    with Watcher(root + "/auto/d", mask=Mask.DELETE_SELF) as watcher:
        mounts.pop()
        watcher._tree.mounts_changed()
        assert brief(watcher.sync()) == [f"UNWATCHED,ISDIR {root}/auto/d"]
        assert errors(watcher) == {root + "/auto/d": errno.EREMOTE}
        watcher.retry()
        watcher.resync()
        assert watcher.sync() == []
        mounts.append(Mount(0, 0, root + "/auto", "nfs4", ""))
        watcher._tree.mounts_changed()
        assert f"WATCHED,ISDIR {root}/auto/d" in brief(watcher.sync())


def test_it_is_not_looked_where_such_a_root_is(mounts, root, monkeypatch):
    """To resolve its path would go through the automount point."""
    write_all(root, "auto/d/")
    mounts += [Mount(0, 0, "/stick", "vfat"), Mount(0, 0, root + "/auto", "autofs", DIRECT)]
    monkeypatch.setattr(Disk, "real_path", lambda self, path: pytest.fail(f"it was looked at {path}"))
    with Watcher(root + "/auto/d") as watcher:
        watcher.retry()
        watcher._tree.mounts_changed()
        watcher.sync()
        assert errors(watcher) == {root + "/auto/d": errno.EREMOTE}


def test_a_root_that_is_one_is_mounted_when_it_is_added(mounts, root):
    """Whoever names it wants it."""
    write_all(root, "auto/f")
    mounts.append(Mount(0, 0, root + "/auto", "autofs", DIRECT))
    with Watcher(root + "/auto") as watcher:
        assert watcher.snapshot() == {root + "/auto/f": False}


def test_what_is_beside_an_automount_is_entered_many_at_a_time(mounts, entered, root):
    write_all(root, "a/auto/", *(f"b/{number}/" for number in range(50)))
    mounts.append(Mount(0, 0, root + "/a/auto", "autofs", DIRECT))
    with Watcher(root) as watcher:
        assert len(watcher.snapshot()) == 53
        assert watcher.stats()["unwatched"] == 1
    assert set(entered) <= {"a", "b", *map(str, range(50))}


# --- the real ones: they need root ---


@pytest.fixture
def run(python, private, root):
    def run_there(kind, code):
        begin = f"""
            from automounting import Automounter
            os.mkdir(ROOT + "/auto")
            try:
                daemon = Automounter({kind!r}, ROOT + "/auto")
            except OSError:
                print("there is none")
                raise SystemExit(0) from None
        """
        if python(inside.code(begin) + inside.textwrap.dedent(code) + "\ndaemon.end()\n", root, prefix=private):
            pytest.skip("this needs root and autofs")

    return run_there


def test_a_direct_one(run):
    run(
        "direct",
        """
        with Consumer(ROOT) as consumer:
            assert [error.errno for error in consumer.unwatched().values()] == [errno.EREMOTE]
            write(ROOT + "/f")
            consumer.watcher.retry()
            consumer.watcher.resync()
            consumer.sync()
            assert daemon.asked() == 0
            mount("-t", "tmpfs", "x", ROOT + "/auto")
            consumer.sync()
            write(ROOT + "/auto/g")
            assert consumer.entries() == [f"CREATE {ROOT}/auto/g"]
            mount("umount", ROOT + "/auto")
            consumer.sync()
            assert list(consumer.unwatched()) == [ROOT + "/auto"]
            assert daemon.asked() == 0
        try:
            os.listdir(ROOT + "/auto")
        except OSError:
            pass
        # It is one.
        assert daemon.asked() == 1
    """,
    )


@pytest.mark.parametrize("news", [True, False])
@pytest.mark.parametrize("below", ["", "/d"])
def test_a_root_that_is_a_direct_one_ends(run, below, news):
    """Its watch may say that it was unmounted before the mounts are looked at."""
    run(
        "direct",
        f"""
        mount("-t", "tmpfs", "x", ROOT + "/auto")
        os.makedirs(ROOT + "/auto/d")
        with Consumer(ROOT + "/auto" + {below!r}) as consumer:
            mount("umount", ROOT + "/auto")
            if not {news}:
                consumer.watcher._mounts.came = lambda ready: False
            consumer.sync()
            consumer.watcher.retry()
            consumer.watcher.resync()
            consumer.sync()
            assert list(consumer.unwatched()) == [ROOT + "/auto" + {below!r}]
            assert daemon.asked() == 0
    """,
    )


def test_an_indirect_one(run):
    run(
        "indirect",
        """
        with Consumer(ROOT) as consumer:
            assert consumer.snapshot() == {ROOT + "/auto": True}
            assert consumer.unwatched() == {}
            assert daemon.asked() == 0
    """,
    )
