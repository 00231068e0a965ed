"""``poll_s``: a tree that is compared with the disk again and again, alone or where inotify does not see all."""

from __future__ import annotations

import os
import select
import shutil
import time

import inside
import pytest
from conftest import PATIENCE_S
from consumer import Consumer, brief, write, write_all
from unseen import CHANGES, disk, unseen

from inotify_cffi import Cause, Mask, Mirror, Watcher, WatchLimitError
from inotify_cffi.kernel import sights
from inotify_cffi.kernel.instance import Instance, Refused
from inotify_cffi.tree import youth
from inotify_cffi.watching import arguments
from inotify_cffi.watching import parts as parts_of_a_watcher
from tests.helpers.slices import short_turns

STRUCTURE = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO
# It will not come on its own while a test runs.
NEVER_S = 3600
OFTEN_S = 0.001


@pytest.fixture
def planted(root):
    write_all(root, "a/b/f", "c/d/", "e")
    return root


@pytest.fixture
def refused(monkeypatch):
    """There is no inotify instance."""

    def refuse():
        raise OSError(24, "too many of them")

    monkeypatch.setattr(parts_of_a_watcher, "Instance", refuse)


def told(watcher):
    return [(str(event), event.cause) for event in watcher.sync()]


# --- polled alone ---


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
def test_sync_polls(planted, change, kind):
    with Watcher(kind(planted), poll_s=NEVER_S) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[kind(planted)])
        for _ in range(2):
            mirror.apply(watcher.sync())
            assert not mirror.diff(watcher.snapshot())
            assert {os.fsdecode(path): is_dir for path, is_dir in watcher.snapshot().items()} == disk(planted)
            change(planted) if _ == 0 else write(f"{planted}/last")
        mirror.apply(watcher.sync())
        assert {os.fsdecode(path): is_dir for path, is_dir in mirror.paths().items()} == disk(planted)


def test_nothing_is_watched(planted):
    with Watcher(planted, poll_s=NEVER_S) as watcher:
        assert watcher._instance.watched() == []
        assert (watcher.stats()["watches"], watcher.stats()["not_watched"]) == (0, 5)


def test_the_cause_is_said(planted, aged):
    with Watcher(planted, poll_s=NEVER_S) as watcher:
        os.unlink(f"{planted}/a/b/f")
        write_all(planted, "new/f")
        write(f"{planted}/e", "more")
        assert sorted(told(watcher)) == [
            (f"CREATE {planted}/new/f", Cause.POLL),
            (f"CREATE,ISDIR {planted}/new", Cause.POLL),
            (f"DELETE {planted}/a/b/f", Cause.POLL),
            (f"MODIFY {planted}/e", Cause.POLL),
        ]
        assert told(watcher) == []


def test_directories_that_went_are_told_by_the_poll_that_missed_them(planted):
    """No event is waited for that would say it."""
    with Watcher(planted, poll_s=NEVER_S) as watcher:
        shutil.rmtree(f"{planted}/a")
        causes = {cause for _, cause in told(watcher)}
        assert causes == {Cause.POLL}
        assert watcher.stats()["put_off"] == 0


def test_what_was_written_in_the_tick_of_its_stamp_is_told_once_more(planted, monkeypatch):
    with Watcher(planted, poll_s=NEVER_S) as watcher:
        watcher.sync()
        time.sleep(2 * youth.TICK_NS / youth.NS)
        watcher.sync()
        monkeypatch.setattr(youth, "TICK_NS", youth.NS)
        write(f"{planted}/e", "more")
        assert told(watcher) == [(f"MODIFY {planted}/e", Cause.POLL)]
        # The tick is not over: there may be more of it.
        assert told(watcher) == []
        young = watcher._tree._ground.stamps._youth._young
        young.update(dict.fromkeys(young, 0))
        assert told(watcher) == [(f"MODIFY {planted}/e", Cause.POLL)]
        assert told(watcher) == []


def test_by_a_foreign_clock_only_the_latest_are_told_once_more(planted, monkeypatch):
    monkeypatch.setattr(sights, "_kind_of", lambda _: "nfs4")
    monkeypatch.setattr(youth, "TICK_NS", youth.NS // 100)
    for name in ("first", "last"):
        time.sleep(2 * youth.TICK_NS / youth.NS)
        write(f"{planted}/{name}")
    with Watcher(planted, poll_s=NEVER_S) as watcher:
        # Whichever is looked at first has no younger one to be held against.
        first = watcher.sync()
        time.sleep(2 * youth.TICK_NS / youth.NS)
        names = [event.name for event in (*first, *watcher.sync())]
        assert "last" in names
        assert told(watcher) == []


def test_it_polls_on_its_own(planted):
    with Watcher(planted, poll_s=OFTEN_S, mask=STRUCTURE) as watcher:
        for name in ("one", "two"):
            write(f"{planted}/{name}")
            assert brief(watcher.read(PATIENCE_S)) == [f"CREATE {planted}/{name}"]


def test_who_waits_without_end_hears_of_it(planted, background):
    with Watcher(planted, poll_s=0.2, mask=STRUCTURE) as watcher:
        reader = background(watcher.read)
        write(f"{planted}/one")
        assert brief(reader.result()) == [f"CREATE {planted}/one"]


def test_the_descriptor_is_readable_when_it_is_time(planted):
    with Watcher(planted, poll_s=0.05, mask=STRUCTURE) as watcher:
        watcher.sync()
        write(f"{planted}/one")
        assert select.select([watcher.fileno()], [], [], PATIENCE_S)[0]
        assert brief(watcher.read(PATIENCE_S)) == [f"CREATE {planted}/one"]


def test_between_two_polls_the_descriptor_is_not_readable(planted):
    with Watcher(planted, poll_s=NEVER_S) as watcher:
        watcher.sync()
        assert watcher.read(0) == []
        assert not select.select([watcher.fileno()], [], [], 0)[0]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_it_is_awaited(planted):
    with Watcher(poll_s=OFTEN_S, mask=STRUCTURE) as watcher:
        await watcher.aadd(planted)
        write(f"{planted}/one")
        assert brief(await watcher.aread(PATIENCE_S)) == [f"CREATE {planted}/one"]


def test_what_was_there_before_the_stop_is_told(planted):
    with Watcher(planted, poll_s=NEVER_S, mask=STRUCTURE) as watcher:
        write(f"{planted}/one")
        watcher.stop()
        assert brief(list(watcher)) == [f"CREATE {planted}/one"]


def test_it_is_done_in_slices(root):
    write_all(root, *(f"{number}/f" for number in range(100)))
    with Watcher(root, poll_s=NEVER_S, mask=STRUCTURE) as watcher:
        for number in range(100):
            os.unlink(f"{root}/{number}/f")
        tree, steps = watcher._tree, 0
        tree.poll()
        while tree.in_doubt:
            tree.advance(0.0)
            steps += 1
        assert steps > 50
        assert watcher.snapshot() == disk(root)


def test_a_file_is_polled(planted, aged):
    with Watcher(f"{planted}/e", poll_s=NEVER_S, mask=Mask.MODIFY | STRUCTURE) as watcher:
        write(f"{planted}/e", "more")
        assert brief(watcher.sync()) == [f"MODIFY {planted}/e"]
        assert watcher.sync() == []
        os.unlink(f"{planted}/e")
        assert brief(watcher.sync()) == [f"DELETE {planted}/e"]
        write(f"{planted}/e", "another")
        assert brief(watcher.sync()) == [f"CREATE {planted}/e"]


def test_a_root_that_comes_and_goes_is_polled(root):
    with Watcher(f"{root}/late", poll_s=NEVER_S, missing="wait", mask=STRUCTURE) as watcher:
        assert [*watcher.unwatched()] == [f"{root}/late"]
        for _ in range(2):
            watcher.sync()
            write_all(root, "late/f")
            assert brief(watcher.sync())[-1:] == [f"CREATE {root}/late/f"]
            shutil.rmtree(f"{root}/late")
            assert f"DELETE {root}/late/f" in brief(watcher.sync())


def test_each_root_has_its_own(planted, outside):
    with Watcher(planted, mask=STRUCTURE) as watcher:
        watcher.add(outside, poll_s=NEVER_S)
        write(f"{outside}/one")
        assert watcher.read(0) == []
        assert brief(watcher.sync()) == [f"CREATE {outside}/one"]
        watcher.remove(outside)
        write(f"{outside}/two")
        assert watcher.sync() == []
        assert watcher._tree.next_poll is None


def test_one_directory_may_be_watched_and_polled(planted):
    with Watcher(planted, mask=STRUCTURE) as watcher:
        watcher.add(planted, told_as="/polled", poll_s=NEVER_S)
        write(f"{planted}/a/one")
        assert set(brief(watcher.sync())) == {"CREATE /polled/a/one", f"CREATE {planted}/a/one"}


@pytest.mark.parametrize("options", [{"exclude": ["c"]}, {"max_depth": 2}, {"include": ["*.x"]}], ids=str)
def test_what_is_not_tracked_is_not_told(planted, options):
    with Watcher(planted, poll_s=NEVER_S, mask=STRUCTURE, **options) as watcher:
        write(f"{planted}/c/d/hidden")
        assert told(watcher) == []


def test_a_recording_of_it_can_be_played(planted, tmp_path, monkeypatch):
    from tests.replay import Replay

    recording = tmp_path / "recording"
    monkeypatch.setenv("INOTIFY_CFFI_RECORD", os.fspath(recording))
    with Watcher(planted, poll_s=NEVER_S) as watcher:
        watcher.add(f"{planted}/c", poll_s="auto")
        shutil.rmtree(f"{planted}/a")
        write_all(planted, "c/d/f")
        said = brief(watcher.sync())
    assert said
    with open(recording, encoding="utf-8") as lines:
        assert brief(Replay(lines).run()) == said


@pytest.mark.parametrize(
    ("poll_s", "error"),
    [
        *((seconds, ValueError) for seconds in (0, -1, float("inf"), float("nan"))),
        *((other, TypeError) for other in ("often", True, [], ("auto",), ("often", 1), ("auto", "often"))),
        (("auto", 0), ValueError),
    ],
    ids=repr,
)
def test_what_is_no_time_is_an_error(root, poll_s, error):
    with pytest.raises(error, match="poll_s is a number of seconds"):
        Watcher(root, poll_s=poll_s)


# --- without inotify ---


def test_without_an_instance_it_works(planted, refused):
    with Watcher(planted, poll_s=OFTEN_S, mask=STRUCTURE) as watcher:
        write_all(planted, "new/f")
        assert sorted(brief(watcher.read(PATIENCE_S))) == [
            f"CREATE {planted}/new/f",
            f"CREATE,ISDIR {planted}/new",
        ]
        assert watcher.unwatched() == {}


def test_without_an_instance_auto_polls_all(planted, refused):
    with Watcher(planted, poll_s="auto", read_ahead=1 << 20, mask=STRUCTURE) as watcher:
        write_all(planted, "new/f")
        assert sorted(brief(watcher.sync())) == [f"CREATE {planted}/new/f", f"CREATE,ISDIR {planted}/new"]


def test_without_an_instance_a_root_that_is_to_be_watched_is_a_typed_error(planted, refused):
    with Watcher(poll_s="auto") as watcher, pytest.raises(WatchLimitError, match="too many of them"):
        watcher.add(planted, poll_s=None)


def test_and_where_nothing_is_polled_it_is_that_of_the_instance(planted, refused):
    with pytest.raises(OSError, match="too many of them"):
        Watcher(planted)


def test_what_stands_in_the_place_of_an_instance_has_nothing(tmp_path):
    with Refused(OSError(24, "none")) as instance:
        assert (instance.watched(), instance.queued_bytes(), instance.rm_watch(1)) == ([], 0, False)
        assert not select.select([instance.fileno()], [], [], 0)[0]
        with pytest.raises(WatchLimitError):
            instance.add_watch(tmp_path, Mask.CREATE)
        assert isinstance(instance, Instance)


def test_limits_of_the_kernel(limited, root):
    """As test_without_an_instance_it_works, and 40 directories with 9 watches, by the kernel's own limits."""
    limited(
        inside.code("""
        with Watcher(ROOT, poll_s=3600) as watcher:
            write(ROOT + "/f")
            assert [event.name for event in watcher.sync() if event.mask & Mask.CREATE] == ["f"]
        """),
        root,
        max_inotify_instances=0,
    )
    limited(
        inside.code("""
        for number in range(40):
            os.mkdir(ROOT + f"/{number}")
        with Watcher(ROOT, poll_s="auto", mask=Mask.CREATE) as watcher:
            assert watcher.unwatched() == {}
            assert (watcher.stats()["watches"], watcher.stats()["not_watched"]) == (9, 32)
            for number in range(40):
                write(ROOT + f"/{number}/new")
            assert sorted(event.path for event in watcher.sync()) == sorted(
                ROOT + f"/{number}/new" for number in range(40)
            )
        """),
        root,
        max_inotify_watches=9,
    )


# --- auto ---


@pytest.fixture
def on(monkeypatch):
    """Let the directories below the temporary one be on a type of file system."""

    def on(kind):
        monkeypatch.setattr(sights, "_kind_of", lambda _: kind)

    return on


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "overlay", "unheard-of"])
def test_auto_polls_where_inotify_is_blind(planted, on, kind, monkeypatch):
    monkeypatch.setattr(arguments, "POLL_S", OFTEN_S)
    on(kind)
    with Watcher(planted, poll_s="auto", mask=STRUCTURE) as watcher:
        watcher.sync()
        write(f"{planted}/a/one")
        unseen(watcher)
        assert brief(watcher.read(PATIENCE_S)) == [f"CREATE {planted}/a/one"]


def test_auto_polls_in_the_time_that_is_given(planted, on):
    on("nfs4")
    with Watcher(planted, poll_s=("auto", OFTEN_S), mask=STRUCTURE) as watcher:
        watcher.sync()
        write(f"{planted}/a/one")
        unseen(watcher)
        assert brief(watcher.read(PATIENCE_S)) == [f"CREATE {planted}/a/one"]


@pytest.mark.parametrize("kind", ["ext4", "tmpfs", "proc", "btrfs"])
def test_auto_leaves_to_inotify_what_it_sees(planted, on, kind):
    on(kind)
    with Watcher(planted, poll_s="auto", mask=STRUCTURE) as watcher:
        listed = watcher.stats()["listed"]
        write(f"{planted}/a/one")
        assert told(watcher) == [(f"CREATE {planted}/a/one", Cause.KERNEL)]
        assert watcher.stats()["listed"] == listed


def test_what_inotify_has_seen_there_is_not_told_by_the_poll_again(planted, on, aged):
    on("nfs4")
    with Watcher(planted, poll_s="auto") as watcher:
        write(f"{planted}/e", "more")
        assert {cause for _, cause in told(watcher)} <= {Cause.KERNEL, Cause.POLL}
        assert told(watcher) == []


def test_only_what_is_not_seen_is_polled(planted, monkeypatch):
    """As with a mount below a root: here one directory is of another kind than the others."""
    inode = os.stat(f"{planted}/a").st_ino
    monkeypatch.setattr(
        sights.Sights, "of", lambda _, fd: sights.sight_of("nfs" if os.fstat(fd).st_ino == inode else "ext4")
    )
    with Watcher(planted, poll_s="auto", mask=STRUCTURE) as watcher:
        write(f"{planted}/a/one")
        write(f"{planted}/c/two")
        unseen(watcher)
        assert brief(watcher.sync()) == [f"CREATE {planted}/a/one"]
        os.rename(f"{planted}/a", f"{planted}/c/a")
        watcher.sync()
        write(f"{planted}/c/a/three")
        unseen(watcher)
        assert f"CREATE {planted}/c/a/three" in brief(watcher.sync())


def test_directories_for_which_no_watch_was_left_are_followed_wherever_they_go(planted, refused):
    with Consumer(planted, poll_s="auto") as consumer:
        os.rename(f"{planted}/a", f"{planted}/c/a")
        consumer.sync()
        os.rename(f"{planted}/c/a/b", f"{planted}/b")
        write(f"{planted}/b/new")
        consumer.sync()
        assert consumer.snapshot() == disk(planted) == consumer.replayer.state


# --- a poll that takes longer than there is between two ---


def links_through_themselves(root):
    """Each is walked forty links deep."""
    for number in range(4):
        os.symlink(f"{root}/{number}/{number}", f"{root}/{number}")


def links_to_files(root):
    for number in range(4):
        write(f"{root}-{number}")
        os.symlink(f"{root}-{number}", f"{root}/{number}")


def directories(root):
    write_all(root, "a/b/c/d/f", "g/h/i/j/k")


@pytest.mark.parametrize("make", [links_through_themselves, links_to_files, directories])
def test_sync_comes_to_its_end_though_a_poll_takes_longer_than_there_is_between_two(root, make):
    make(root)
    with short_turns(), Watcher(root, poll_s=1e-9, follow_symlinks=True, mask=STRUCTURE) as watcher:
        write(f"{root}/late")
        assert f"CREATE {root}/late" in brief(watcher.sync(PATIENCE_S))
        assert watcher.sync(PATIENCE_S) == []
