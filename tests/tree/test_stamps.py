"""``keep_stat``: what files were when they were last told is compared by equality, never by a clock."""

import os
import time

import pytest
from consumer import write, write_all
from unseen import disk, unseen

from inotify_cffi import Cause, Mask, Mirror, Watcher
from inotify_cffi.kernel import sights
from inotify_cffi.tree import stamps
from inotify_cffi.tree.disk import Disk
from inotify_cffi.tree.losses import Losses
from inotify_cffi.tree.tree import Tree

CONTENT = Mask.MODIFY | Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO
AHEAD_S = 60.0


@pytest.fixture
def planted(root):
    write_all(root, "a/f", "a/g", "b/h", "i")
    return root


@pytest.fixture
def clock_behind(monkeypatch):
    """The file system's clock is a minute behind ours, so by it nothing was changed in the gap."""
    monkeypatch.setattr(Losses, "_watermark", lambda _: time.time() + AHEAD_S)


def lost(watcher):
    """Let it be lost, and all be compared."""
    unseen(watcher)
    watcher._tree.distrust()
    return [(event.path, event.cause) for event in watcher.sync() if event.mask & CONTENT]


def compared(watcher):
    """What a comparison tells that nobody lost an event for."""
    unseen(watcher)
    watcher.resync()
    return [(event.path, event.cause) for event in watcher.sync() if event.mask & CONTENT]


def test_a_clock_that_is_behind_hides_a_change_in_a_gap(planted, clock_behind):
    """What the stamps are for."""
    with Watcher(planted) as watcher:
        write(f"{planted}/a/f", "more")
        assert lost(watcher) == []


def test_with_stamps_it_is_told_whatever_the_clock_says(planted, clock_behind, aged):
    with Watcher(planted, keep_stat=True) as watcher:
        write(f"{planted}/a/f", "more")
        assert lost(watcher) == [(f"{planted}/a/f", Cause.LOSS)]


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs", "fuse.unheard-of", "unheard-of"])
def test_without_stamps_each_file_is_told_where_the_clock_is_not_ours(planted, clock_behind, kind, monkeypatch):
    monkeypatch.setattr(sights, "_kind_of", lambda _: kind)
    with Watcher(planted) as watcher:
        write(f"{planted}/a/f", "more")
        watcher.add(f"{planted}/b/h", told_as="/h")
        told = sorted(path for path, _ in lost(watcher))
    assert told == sorted(["/h", *(f"{planted}/{name}" for name in ("a/f", "a/g", "b/h", "i"))])


@pytest.mark.parametrize("kind", ["ext4", "overlay", "fuse.mergerfs", "vfat", "tmpfs", "proc"])
def test_where_it_is_ours_only_what_was_changed_is(planted, kind, monkeypatch, clock_behind):
    monkeypatch.setattr(sights, "_kind_of", lambda _: kind)
    with Watcher(planted) as watcher:
        write(f"{planted}/a/f", "more")
        assert lost(watcher) == []


def replaced(root):
    write(f"{root}/new", "x")
    os.rename(f"{root}/new", f"{root}/a/f")


def with_its_times(root):
    """Written, as long as before, and its mtime put back, as rsync does."""
    before = os.stat(f"{root}/a/f")
    with open(f"{root}/a/f", "r+b") as file:
        file.write(b"y")
    os.utime(f"{root}/a/f", ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {
    "written": lambda root: write(f"{root}/a/f", "more"),
    "replaced": replaced,
    "written with its old times": with_its_times,
    "mode": lambda root: os.chmod(f"{root}/a/f", 0o600),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_content_that_no_event_tells_is_told_by_resync(planted, change, aged):
    write(f"{planted}/a/f", "x")
    with Watcher(planted, keep_stat=True) as watcher:
        change(planted)
        assert compared(watcher) == [(f"{planted}/a/f", Cause.RESYNC)]
        assert compared(watcher) == []


def test_of_a_tree_in_which_nothing_happens_nothing_is_told(planted, aged):
    with Watcher(planted, keep_stat=True) as watcher:
        assert (lost(watcher), compared(watcher)) == ([], [])


BY_EVENTS = {
    "written": lambda root: write(f"{root}/a/f", "more"),
    "made": lambda root: write_all(root, "a/new", "c/d/e"),
    "renamed": lambda root: os.rename(f"{root}/a/f", f"{root}/b/k"),
    "renamed within": lambda root: os.rename(f"{root}/a/f", f"{root}/a/k"),
    "renamed over": lambda root: os.rename(f"{root}/a/f", f"{root}/b/h"),
    "moved with its directory": lambda root: os.rename(f"{root}/a", f"{root}/b/a"),
    "moved in": lambda root: (write_all(f"{root}-outside", "x/y"), os.rename(f"{root}-outside", f"{root}/in")),
    "mode": lambda root: os.chmod(f"{root}/a/f", 0o600),
    "removed and made": lambda root: (os.unlink(f"{root}/a/f"), write(f"{root}/a/f")),
}


@pytest.mark.parametrize("change", BY_EVENTS.values(), ids=BY_EVENTS)
def test_what_an_event_has_told_is_not_told_again(planted, change, aged):
    with Watcher(planted, keep_stat=True) as watcher:
        change(planted)
        assert watcher.sync()
        assert compared(watcher) == []


@pytest.mark.parametrize("change", BY_EVENTS.values(), ids=BY_EVENTS)
def test_and_what_is_changed_behind_it_is(planted, change, aged):
    with Watcher(planted, keep_stat=True) as watcher:
        change(planted)
        watcher.sync()
        files = sorted(path for path, is_dir in watcher.snapshot().items() if not is_dir)
        for path in files:
            os.utime(path, ns=(1, 1))
        assert sorted(path for path, _ in compared(watcher)) == files


def test_what_there_was_no_time_to_look_at_is_told_once_more(planted, aged, monkeypatch):
    with Watcher(planted, keep_stat=True) as watcher:
        write(f"{planted}/a/f", "more")
        with monkeypatch.context() as patch:
            patch.setattr(Disk, "is_over", lambda *_: True)
            patch.setattr(stamps, "SOME", 0)
            watcher.sync()
        assert compared(watcher) == [(f"{planted}/a/f", Cause.RESYNC)]
        assert compared(watcher) == []


def test_what_is_interrupted_is_told(planted, aged, monkeypatch):
    with Watcher(planted, keep_stat=True) as watcher:
        write(f"{planted}/a/f", "more")
        unseen(watcher)
        watcher.resync()
        with monkeypatch.context() as patch:
            patch.setattr(Disk, "stamps", interrupted)
            with pytest.raises(KeyboardInterrupt):
                watcher.sync()
        assert f"{planted}/a/f" in [event.path for event in watcher.sync()]


def interrupted(*_):
    raise KeyboardInterrupt


def test_a_large_directory_is_compared_name_by_name(root, aged):
    """One that is not applied at once, and each of its parts by itself."""
    write_all(root, *(f"d/{number}" for number in range(3000)))
    with Watcher(root, keep_stat=True) as watcher:
        write(f"{root}/d/7", "more")
        os.unlink(f"{root}/d/8")
        assert sorted(path for path, _ in compared(watcher)) == [f"{root}/d/7", f"{root}/d/8"]
        assert compared(watcher) == []


def test_a_stamp_of_the_moment_of_the_change_is_not_believed_when_events_were_lost(planted):
    """What is written twice within a tick has one stamp."""
    with Watcher(planted, keep_stat=True) as watcher:
        write(f"{planted}/a/f", "one")
        told = watcher.sync()
        assert told
        before = dict(vars(Disk))["stamps"]
        with pytest.MonkeyPatch.context() as patch:
            seen = {}
            # As it is where a clock stands still.
            patch.setattr(
                Disk, "stamps", lambda disk, fd, names: seen.setdefault(tuple(names), before(disk, fd, names))
            )
            watcher.resync()
            watcher.sync()
            write(f"{planted}/a/f", "two")
            assert f"{planted}/a/f" in [path for path, _ in lost(watcher)]


def test_without_the_option_nothing_is_looked_at(planted, monkeypatch):
    for name in ("stamps", "identify", "is_seen"):
        monkeypatch.setattr(Disk, name, interrupted)
    monkeypatch.setattr(Tree, "poll", lambda _: None)
    with Watcher(planted) as watcher:
        BY_EVENTS["moved in"](planted)
        assert watcher.sync()
        compared(watcher)
        lost(watcher)
        assert watcher.stats()["not_watched"] == 0


def test_each_root_has_its_own(planted, aged):
    with Watcher(f"{planted}/b") as watcher:
        watcher.add(f"{planted}/a", keep_stat=True)
        write(f"{planted}/a/f", "more")
        write(f"{planted}/b/h", "more")
        assert compared(watcher) == [(f"{planted}/a/f", Cause.RESYNC)]


@pytest.mark.parametrize("options", [{"keep_stat": True}, {"poll_s": 1}, {"poll_s": "auto"}], ids=str)
def test_it_does_not_go_with_directories_only(root, options):
    with pytest.raises(ValueError, match=f"track='directories' does not go with {next(iter(options))}"):
        Watcher(root, track="directories", **options)


# --- renames that no event tells ---


def structure(watcher):
    unseen(watcher)
    watcher.resync()
    return [(str(event), event.cause) for event in watcher.sync()]


@pytest.mark.one_turn("a directory that is listed in parts has deletes and creates")
def test_a_rename_within_a_directory_is_told_as_one(planted, aged):
    with Watcher(planted, keep_stat=True) as watcher:
        os.rename(f"{planted}/a/f", f"{planted}/a/new")
        assert structure(watcher) == [
            (f"MOVED_FROM {planted}/a/f", Cause.RESYNC),
            (f"MOVED_TO {planted}/a/new (from {planted}/a/f)", Cause.RESYNC),
        ]
        assert structure(watcher) == []
        os.utime(f"{planted}/a/new", ns=(1, 1))
        assert structure(watcher) == [(f"MODIFY {planted}/a/new", Cause.RESYNC)]


NO_RENAMES = {
    "written": lambda root: write(f"{root}/a/f", "more"),
    "mtime": lambda root: os.utime(f"{root}/a/f", ns=(1, 1)),
    "another": lambda root: (
        os.link(f"{root}/a/f", f"{root}-kept"),
        os.unlink(f"{root}/a/f"),
        write(f"{root}/a/f"),
    ),
}


@pytest.mark.parametrize("change", NO_RENAMES.values(), ids=NO_RENAMES)
def test_what_is_not_known_to_be_the_same_is_deleted_and_created(planted, aged, change):
    with Watcher(planted, keep_stat=True) as watcher:
        change(planted)
        os.rename(f"{planted}/a/f", f"{planted}/a/new")
        assert sorted(structure(watcher)) == [
            (f"CREATE {planted}/a/new", Cause.RESYNC),
            (f"DELETE {planted}/a/f", Cause.RESYNC),
        ]


@pytest.mark.parametrize("mask", [Mask.CREATE | Mask.DELETE, Mask.CREATE | Mask.DELETE | Mask.MOVED_TO], ids=str)
def test_who_does_not_ask_for_both_halves_is_told_so_too(planted, mask):
    with Watcher(planted, keep_stat=True, mask=mask) as watcher:
        os.rename(f"{planted}/a/f", f"{planted}/a/new")
        assert sorted(text for text, _ in structure(watcher)) == [
            f"CREATE {planted}/a/new",
            f"DELETE {planted}/a/f",
        ]


def test_names_that_change_hands_are_the_contents_that_changed(planted, aged):
    write(f"{planted}/a/g", "longer")
    with Watcher(planted, keep_stat=True) as watcher:
        os.rename(f"{planted}/a/f", f"{planted}/a/x")
        os.rename(f"{planted}/a/g", f"{planted}/a/f")
        os.rename(f"{planted}/a/x", f"{planted}/a/g")
        assert sorted(text for text, _ in structure(watcher)) == [f"MODIFY {planted}/a/f", f"MODIFY {planted}/a/g"]


def test_of_two_names_of_one_file_one_goes(planted, aged):
    os.link(f"{planted}/a/f", f"{planted}/a/k")
    with Watcher(planted, keep_stat=True) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[planted])
        os.link(f"{planted}/a/f", f"{planted}/a/m")
        os.unlink(f"{planted}/a/f")
        os.unlink(f"{planted}/a/k")
        unseen(watcher)
        watcher.resync()
        mirror.apply(watcher.sync())
        assert mirror.paths() == disk(planted) == watcher.snapshot()
