"""``save()`` and ``since=``: what happened while nobody watched is told first, and then it goes on."""

import asyncio
import os
import select
import shutil
import time

import pytest
from consumer import write, write_all
from unseen import CHANGES as STRUCTURE
from unseen import disk

from inotify_cffi import BusyError, Cause, ClosedError, Mask, Mirror, StateError, Watcher, awatch, watch
from inotify_cffi.tree import turns
from inotify_cffi.tree.disk import RECORD, Disk
from tests.replay import Replay

CONTENT = (
    Mask.MODIFY | Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO | Mask.CLOSE_WRITE | Mask.ATTRIB
)


@pytest.fixture
def planted(root):
    write_all(root, "a/b/f", "a/g", "c/d/h", "i")
    return root


def saved(*paths, **options):
    """A state, and the snapshot that goes with it, of a watcher that is closed."""
    with Watcher(*paths, keep_stat=True, **options) as watcher:
        return watcher.save(), watcher.snapshot()


def told(*paths, since, **options):
    """What the next watcher tells first."""
    with Watcher(*paths, since=since, **options) as watcher:
        return watcher.read(0)


def brief(events):
    return [(event.path, event.mask & ~Mask.ISDIR) for event in events]


def with_its_times(root):
    """Written, as long as before, and its mtime put back."""
    before = os.stat(f"{root}/a/g")
    with open(f"{root}/a/g", "r+b") as file:
        file.write(b"y")
    os.utime(f"{root}/a/g", ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(root):
    write(f"{root}/new", "x")
    os.rename(f"{root}/new", f"{root}/a/g")


CONTENTS = {
    "written": lambda root: write(f"{root}/a/g", "more"),
    "written with its old times": with_its_times,
    "replaced": replaced,
    "mode": lambda root: os.chmod(f"{root}/a/g", 0o600),
}


@pytest.mark.parametrize("change", STRUCTURE.values(), ids=STRUCTURE)
@pytest.mark.parametrize("kind", [os.fsdecode, os.fsencode])
def test_names_that_changed_meanwhile_are_told_so_that_a_mirror_is_the_disk(planted, change, kind, aged):
    path = kind(planted)
    state, snapshot = saved(path)
    change(planted)
    events = told(path, since=state)
    mirror = Mirror(snapshot, roots=[path])
    mirror.apply(events)
    assert mirror.paths() == {kind(name): is_dir for name, is_dir in disk(planted).items()}
    assert {event.cause for event in events} <= {Cause.RESTART}


@pytest.mark.parametrize("change", CONTENTS.values(), ids=CONTENTS)
def test_a_file_that_is_another_is_told_as_changed(planted, change, aged):
    write(f"{planted}/a/g", "x")
    state, _ = saved(planted)
    change(planted)
    assert brief(told(planted, since=state)) == [(f"{planted}/a/g", Mask.MODIFY)]


def test_in_a_tree_in_which_nothing_happened_nothing_is_told(planted, aged):
    state, _ = saved(planted)
    assert told(planted, since=state) == []


def test_it_goes_on_from_one_watcher_to_the_next(planted, aged):
    state, snapshot = saved(planted)
    mirror = Mirror(snapshot, roots=[planted])
    for number in range(4):
        write(f"{planted}/away{number}")
        with Watcher(planted, since=state) as watcher:
            write_all(planted, f"there{number}/f")
            mirror.apply(watcher.sync())
            assert mirror.paths() == disk(planted)
            state = watcher.save()


def test_a_file_that_was_renamed_in_its_directory_is_told_as_moved(planted, aged):
    """Which costs a consumer less than a copy; a directory, and a file that went elsewhere, is deleted and created."""
    state, _ = saved(planted)
    os.rename(f"{planted}/a/g", f"{planted}/a/k")
    events = told(planted, since=state)
    assert brief(events) == [(f"{planted}/a/g", Mask.MOVED_FROM), (f"{planted}/a/k", Mask.MOVED_TO)]
    assert events[1].moved_from == f"{planted}/a/g"


def test_a_directory_that_was_moved_is_told_as_deleted_and_created(planted, aged):
    state, _ = saved(planted)
    os.rename(f"{planted}/c", f"{planted}/e")
    assert sorted(brief(told(planted, since=state))) == sorted(
        [(f"{planted}/c{below}", Mask.DELETE) for below in ("", "/d", "/d/h")]
        + [(f"{planted}/e{below}", Mask.CREATE) for below in ("", "/d", "/d/h")]
    )


def test_what_happens_while_it_is_compared_is_told_behind(planted, aged):
    """There is no gap: the watches are there before anything is compared."""
    state, snapshot = saved(planted)
    done = []

    def meanwhile(_):
        done.append(write(f"{planted}/c/d/new"))
        os.unlink(f"{planted}/a/g")

    for number in range(256):
        os.mkdir(f"{planted}/z{number}")
    with Watcher(planted, since=state, on_progress=lambda n: done or meanwhile(n)) as watcher:
        mirror = Mirror(snapshot, roots=[planted])
        mirror.apply(watcher.sync())
        assert done
        assert mirror.paths() == disk(planted)


# --- what was handed out ---


def test_what_was_told_and_not_handed_out_comes_first(root, aged):
    with Watcher(root, keep_stat=True) as watcher:
        events = iter(watcher)
        for name in ("a", "b", "c"):
            write(f"{root}/{name}")
        first = next(events)
        state = watcher.save()
        rest = watcher.sync()
    again = told(root, since=state)
    assert first.path == f"{root}/a"
    assert brief(again) == brief(rest)
    assert {event.cause for event in again} == {Cause.RESTART}


def test_what_was_read_ahead_and_not_applied_is_found_by_the_comparison(root):
    """Nobody has applied it, so nothing has told it."""
    with Watcher(root, keep_stat=True, read_ahead=1 << 20) as watcher:
        write(f"{root}/a")
        state = watcher.save()
    assert brief(told(root, since=state)) == [(f"{root}/a", Mask.CREATE)]


def test_a_move_that_was_not_handed_out_is_one_still(planted, aged):
    with Watcher(planted, keep_stat=True) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[planted])
        os.rename(f"{planted}/a", f"{planted}/c/a")
        watcher._step(watcher._tree.advance)
        state = watcher.save()
    events = told(planted, since=state)
    mirror.apply(events)
    assert [event.moved_from for event in events] == [None, f"{planted}/a"]
    assert events[0].cookie == events[1].cookie != 0
    assert mirror.paths() == disk(planted)


def test_between_the_halves_of_a_move_nothing_is_saved(planted, aged):
    """What is in the directory is neither here nor there then, for who keeps what he has made of the first half."""
    with Watcher(planted, keep_stat=True) as watcher:
        os.rename(f"{planted}/a", f"{planted}/b")
        events = iter(watcher)
        assert next(events).mask & Mask.MOVED_FROM
        with pytest.raises(BusyError, match="half of a move was handed out"):
            watcher.save()
        next(events)
        state = watcher.save()
    assert told(planted, since=state) == []


def test_who_did_not_ask_for_the_first_half_has_not_had_it(planted, aged):
    with Watcher(planted, keep_stat=True, mask=Mask.MOVED_TO) as watcher:
        os.rename(f"{planted}/a", f"{planted}/b")
        watcher._step(watcher._tree.advance)
        state = watcher.save()
    assert [event.moved_from for event in told(planted, since=state)] == [f"{planted}/a"]


def test_a_file_changed_right_before_is_told_once_more(root):
    """A change behind the one that was told may leave the stamp as it is, if it is of the same step of the clock."""
    with Watcher(root, keep_stat=True) as watcher:
        write(f"{root}/f", "x")
        watcher.sync()
        state = watcher.save()
    assert brief(told(root, since=state)) == [(f"{root}/f", Mask.MODIFY)]


def test_a_later_change_with_the_same_stamp_is_not_missed(root, monkeypatch):
    """All stamps are as if the clock stood still."""
    taken = Disk.stamps
    monkeypatch.setattr(Disk, "stamps", lambda self, fd, names: taken(self, fd, names)[:8] + b"\1" * 24)
    with Watcher(root, keep_stat=True) as watcher:
        write(f"{root}/f", "x")
        watcher.sync()
        write(f"{root}/f", "y")
        state = watcher.save()
    assert brief(told(root, since=state)) == [(f"{root}/f", Mask.MODIFY)]


def test_where_all_has_been_quiet_for_a_while_it_is_not(root, monkeypatch):
    """Though nobody has read since."""
    with Watcher(root, keep_stat=True) as watcher:
        write(f"{root}/f", "x")
        watcher.sync()
        now = Disk.now
        monkeypatch.setattr(Disk, "now", lambda self: now(self)._replace(steady=now(self).steady + 10))
        state = watcher.save()
        monkeypatch.undo()
    assert told(root, since=state) == []


def test_what_only_a_dispatcher_asked_for_is_not_kept(root):
    with Watcher(root, keep_stat=True, mask=Mask.DELETE) as watcher:
        write(f"{root}/f")
        watcher._ask_also(Mask.CREATE)
        write(f"{root}/g")
        os.unlink(f"{root}/f")
        watcher._step(watcher._tree.advance)
        state = watcher.save()
    assert brief(told(root, since=state, mask=Mask.DELETE)) == [(f"{root}/f", Mask.DELETE)]


def test_a_gap_that_is_open_is_closed_by_the_next_watcher(planted, aged):
    """So who has seen Q_OVERFLOW sees IN_SYNC, when the difference is told."""
    with Watcher(planted, keep_stat=True) as watcher:
        write(f"{planted}/new")
        watcher._tree.distrust()
        state = watcher.save()
    with Watcher(planted, since=state) as watcher:
        assert brief(watcher.sync()) == [(f"{planted}/new", Mask.CREATE), ("", Mask.IN_SYNC)]


def test_to_save_takes_nothing_out(root):
    with Watcher(root, keep_stat=True) as watcher:
        write(f"{root}/f")
        watcher._step(watcher._tree.advance)
        watcher.save()
        watcher.save()
        assert watcher.read(0)[0].path == f"{root}/f"


# --- roots ---


def test_a_first_start_tells_all_as_new(planted):
    events = told(planted, since=b"")
    assert {event.path: event.is_dir for event in events} == disk(planted)
    assert {event.cause for event in events} <= {Cause.START, Cause.NEW_DIRECTORY}


def test_a_root_that_was_not_saved_is_new_and_one_that_is_not_given_is_left_out(planted, aged):
    state, _ = saved(f"{planted}/a", f"{planted}/i")
    write(f"{planted}/a/new")
    assert sorted(brief(told(f"{planted}/c", f"{planted}/i", since=state))) == [
        (f"{planted}/c/d", Mask.CREATE),
        (f"{planted}/c/d/h", Mask.CREATE),
        # Of a file that is watched by itself nobody knows.
        (f"{planted}/i", Mask.MODIFY),
    ]


def test_a_root_is_found_by_the_path_that_is_told(planted, aged, monkeypatch):
    """By another one, or of another directory, all is new: it is so for who knows the paths that were told."""
    monkeypatch.chdir(planted)
    state, _ = saved("a/")
    assert told("a", since=state) == []
    assert len(told(f"{planted}/a", since=state)) == 3
    os.makedirs("c/a")
    monkeypatch.chdir("c")
    write("a/k")
    assert brief(told("a", since=state)) == [("a/k", Mask.CREATE)]


def test_a_root_that_is_added_later_is_compared_then_and_once(planted, aged):
    with Watcher(keep_stat=True) as watcher:
        watcher.add(f"{planted}/a", told_as="A")
        watcher.add(f"{planted}/a", told_as="B", exclude=["g"])
        state = watcher.save()
    write(f"{planted}/a/new")
    with Watcher(since=state) as watcher:
        for name, exclude in (("A", []), ("B", ["g"])):
            watcher.add(f"{planted}/a", told_as=name, exclude=exclude)
            assert brief(watcher.read(0)) == [(f"{name}/new", Mask.CREATE)]
        watcher.remove(f"{planted}/a", told_as="A")
        watcher.add(f"{planted}/a", told_as="A")
        assert len(watcher.read(0)) == len(disk(f"{planted}/a"))


def test_one_that_can_not_be_added_leaves_what_was_saved_for_the_next_try(planted, aged):
    state, _ = saved(f"{planted}/a")
    os.rename(f"{planted}/a", f"{planted}/away")
    with Watcher(since=state) as watcher:
        with pytest.raises(FileNotFoundError):
            watcher.add(f"{planted}/a")
        assert (watcher.read(0), watcher.roots) == ([], [])
        os.rename(f"{planted}/away", f"{planted}/a")
        write(f"{planted}/a/new")
        watcher.add(f"{planted}/a")
        assert brief(watcher.read(0)) == [(f"{planted}/a/new", Mask.CREATE)]


def test_a_root_that_is_gone_and_waited_for_is_told_as_gone(planted, aged):
    state, snapshot = saved(f"{planted}/a", missing="wait")
    shutil.rmtree(f"{planted}/a")
    with Watcher(f"{planted}/a", since=state, missing="wait") as watcher:
        mirror = Mirror(snapshot, roots=[f"{planted}/a"])
        mirror.apply(watcher.sync())
        assert mirror.paths() == {}
        write_all(planted, "a/x/y")
        mirror.apply(watcher.sync())
        assert mirror.paths() == disk(f"{planted}/a")


@pytest.mark.parametrize("missing", ["error", "wait"])
def test_a_root_that_became_a_file_and_one_that_became_a_directory(planted, missing):
    paths = [f"{planted}/a", f"{planted}/i"]
    state, snapshot = saved(*paths, missing=missing)
    shutil.rmtree(f"{planted}/a")
    os.unlink(f"{planted}/i")
    write(f"{planted}/a")
    write_all(planted, "i/k")
    mirror = Mirror(snapshot, roots=paths)
    with Watcher(*paths, since=state, missing=missing) as watcher:
        mirror.apply(watcher.sync())
        assert mirror.paths() == watcher.snapshot() == {f"{planted}/a": False, f"{planted}/i/k": False}


def test_a_file_that_is_watched_by_itself_and_is_gone(planted):
    state, _ = saved(f"{planted}/i")
    os.unlink(f"{planted}/i")
    with pytest.raises(FileNotFoundError):
        Watcher(f"{planted}/i", since=state)
    events = told(f"{planted}/i", since=state, missing="wait")
    assert [event for event in brief(events) if event[1] & Mask.DELETE] == [(f"{planted}/i", Mask.DELETE)]


def test_links_that_are_followed(planted, outside, aged):
    """Of the file that one leads to nobody knows whether it is another, so it is told."""
    write_all(outside, "sub/f", "file")
    os.symlink(f"{outside}/sub", f"{planted}/to-dir")
    os.symlink(f"{outside}/file", f"{planted}/to-file")
    state, _ = saved(planted, follow_symlinks=True)
    write(f"{outside}/sub/f", "more")
    assert sorted(brief(told(planted, since=state, follow_symlinks=True))) == [
        (f"{planted}/to-dir/f", Mask.MODIFY),
        (f"{planted}/to-file", Mask.MODIFY),
    ]


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({"exclude": ["b", "*.o"]}, {"a/b", "a/b/f"}),
        ({"max_depth": 2}, {"a/b/f", "c/d/h"}),
        ({"recursive": False}, {"a/b", "a/b/f", "a/g", "c/d", "c/d/h"}),
        ({"include": ["g"]}, {"a/b/f", "c/d/h", "i"}),
        ({"poll_s": 1000.0}, set()),
        ({"poll_s": "auto", "one_file_system": True, "gitignore": True}, set()),
    ],
)
def test_other_options_are_a_difference_as_any_other(planted, options, gone, aged):
    state, snapshot = saved(planted)
    with Watcher(planted, since=state, **options) as watcher:
        events = watcher.sync()
        mirror = Mirror(snapshot, roots=[planted])
        mirror.apply(events)
        assert {event.path for event in events} == {f"{planted}/{name}" for name in gone}
        assert mirror.paths() == watcher.snapshot()
        # And back again.
        state = watcher.save()
    assert {event.path for event in told(planted, since=state)} == {f"{planted}/{name}" for name in gone}


def test_a_directory_that_can_not_be_read_any_more_is_told_as_gone_and_why(unprivileged, planted):
    out = unprivileged(
        """
        import os, sys
        from inotify_cffi import Mask, Watcher
        root = sys.argv[1]
        with Watcher(root, keep_stat=True) as watcher:
            state = watcher.save()
        os.chmod(f"{root}/a", 0)
        try:
            with Watcher(root, since=state) as watcher:
                told = {(event.path[len(root):], event.mask & ~Mask.ISDIR) for event in watcher.sync()}
        finally:
            os.chmod(f"{root}/a", 0o700)
        wanted = {(f"/a{name}", Mask.DELETE) for name in ("/b", "/b/f", "/g")} | {("/a", Mask.UNWATCHED)}
        print(wanted <= told)
        """,
        planted,
    )
    assert out.strip() == "True"


# --- asyncio, slices, interruptions ---


def test_awatch_tells_the_difference_first(planted, aged):
    state, _ = saved(planted)
    write(f"{planted}/new")

    async def first():
        async with awatch(planted, since=state) as watcher:
            events = await watcher.aread(0)
            return events, watcher.save()

    events, state = asyncio.run(first())
    assert brief(events) == [(f"{planted}/new", Mask.CREATE)]
    assert told(planted, since=state) == []


def test_a_listing_that_was_given_up_is_begun_from_the_state_again(planted, aged):
    for number in range(64):
        os.mkdir(f"{planted}/c/{number}")
    state, _ = saved(planted)
    write(f"{planted}/new")

    async def cancelled():
        with Watcher(since=state) as watcher:
            watcher._step(watcher._begin_adding, *watcher._new_root(planted, {}))
            with pytest.raises(BusyError, match="half-way"):
                watcher.save()
            watcher._give_up_adding(watcher._tree.ledger.roots[0])
            await watcher.aadd(planted)
            return await watcher.aread(0)

    assert brief(asyncio.run(cancelled())) == [(f"{planted}/new", Mask.CREATE)]


def test_watch_takes_it_too(planted, aged):
    state, _ = saved(planted)
    write(f"{planted}/new")
    events = watch(planted, since=state)
    assert next(events).path == f"{planted}/new"
    events.close()


def test_what_was_kept_is_ready_at_once_also_for_a_loop(root):
    """Though nothing wakes who waits for the descriptor."""
    with Watcher(root, keep_stat=True) as watcher:
        write(f"{root}/f")
        watcher._step(watcher._tree.advance)
        state = watcher.save()
    with Watcher(root, since=state) as watcher:
        assert select.select([watcher.fileno()], [], [], 0)[0]
        assert brief(watcher.read(None))[0] == (f"{root}/f", Mask.CREATE)


def test_it_is_not_saved_in_the_middle_of_a_step(planted):
    refused = []

    def meanwhile(_):
        with pytest.raises(BusyError):
            watcher.save()
        refused.append(1)

    for number in range(256):
        os.mkdir(f"{planted}/{number}")
    with Watcher(keep_stat=True, on_progress=meanwhile) as watcher:
        watcher.add(planted)
    assert refused
    with pytest.raises(ClosedError):
        watcher.save()


def test_who_is_interrupted_while_it_is_compared_adds_it_again(planted, aged):
    state, snapshot = saved(planted)
    write(f"{planted}/new")
    for number in range(256):
        os.mkdir(f"{planted}/{number}")
    interrupts = iter([KeyboardInterrupt])

    def interrupt(_):
        for error in interrupts:
            raise error

    with Watcher(since=state, on_progress=interrupt) as watcher:
        with pytest.raises(KeyboardInterrupt):
            watcher.add(planted)
        watcher.add(planted)
        mirror = Mirror(snapshot, roots=[planted])
        mirror.apply(watcher.sync())
        assert mirror.paths() == disk(planted)


def test_it_can_be_saved_at_any_moment_of_a_busy_tree(planted, monkeypatch):
    """Each state goes with what was handed out before it: no more, and no less."""
    monkeypatch.setattr(turns, "SLICE_S", 0.0)
    with Watcher(planted, keep_stat=True) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=[planted])
        for number in range(20):
            write_all(planted, f"a/{number}/x/y")
            os.rename(f"{planted}/a", f"{planted}/t")
            os.rename(f"{planted}/t", f"{planted}/{'ac'[number % 2]}/a" if number % 2 else f"{planted}/a")
            if number % 2:
                shutil.rmtree(f"{planted}/c")
                write_all(planted, "a/g", "c/d/h")
            watcher._step(watcher._tree.advance, 0.0)
            state, paths = watcher.save(), mirror.paths()
            again = Mirror(paths, roots=[planted])
            again.apply(told(planted, since=state))
            assert again.paths() == disk(planted)
            mirror.apply(watcher.read(0))


def test_a_recording_of_it_can_be_played(planted, outside, monkeypatch, aged):
    """What a root was is in there, too."""
    os.symlink(outside, f"{planted}/link")
    os.mkdir(os.fsencode(planted) + b"/\xff")
    state, _ = saved(planted, follow_symlinks=True)
    monkeypatch.setenv(RECORD, f"{outside}/recording")
    write(f"{planted}/new")
    with Watcher(planted, since=state, follow_symlinks=True) as watcher:
        events = watcher.sync()
        watcher.save()
    assert events
    with open(f"{outside}/recording") as lines:
        assert Replay(lines).run() == events


# --- what can not be ---


def test_it_takes_stamps_to_be_saved(planted):
    with Watcher(planted) as watcher, pytest.raises(ValueError, match="keep_stat=True"):
        watcher.save()
    with Watcher(since=b"") as watcher:
        watcher.add(planted, keep_stat=False)
        with pytest.raises(ValueError, match="keep_stat=True"):
            watcher.save()


def test_it_does_not_go_with_directories_only(planted):
    with pytest.raises(ValueError, match="since"):
        Watcher(planted, since=b"", track="directories")


@pytest.mark.parametrize("since", [1, 1.5, ["x"], object()])
def test_it_is_bytes_or_a_path(planted, since):
    with pytest.raises(TypeError, match="since is what save"):
        Watcher(planted, since=since)


def test_it_is_the_whole_watchers(planted):
    with Watcher(planted) as watcher, pytest.raises(TypeError, match="since is the whole watcher's"):
        watcher.add(f"{planted}/a", since=b"")


def test_what_is_no_state_is_told_before_anything_is_watched(planted):
    with pytest.raises(StateError, match="no state of inotify_cffi"):
        Watcher(f"{planted}/not-there", since=b"\x80\x04K\x01.")


# --- files ---


def test_a_state_in_a_file(planted, tmp_path, aged):
    file = tmp_path / "state"
    assert told(planted, since=file) != []
    with Watcher(planted, since=str(file)) as watcher:
        watcher.sync()
        state = watcher.save(file)
    assert file.read_bytes() == state
    assert file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path / "..") and not os.path.exists(f"{file}.new")
    write(f"{planted}/new")
    for kept in (file, str(file)):
        assert brief(told(planted, since=kept)) == [(f"{planted}/new", Mask.CREATE)]


def test_a_link_to_the_file_stays_one_and_what_was_left_of_a_kill_is_no_hindrance(planted, tmp_path):
    file, link = tmp_path / "state", tmp_path / "link"
    os.symlink("state", link)
    write(f"{file}.new", "left")
    with Watcher(planted, keep_stat=True) as watcher:
        watcher.save(os.fsencode(link))
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == sorted({"link", "state", os.path.basename(planted)})


def test_a_file_that_can_not_be_written_leaves_the_one_before(planted, tmp_path, monkeypatch):
    file = tmp_path / "state"
    with Watcher(planted, keep_stat=True) as watcher:
        state = watcher.save(file)
        with pytest.raises(FileNotFoundError):
            watcher.save(tmp_path / "not-there" / "state")

        def full(fd):
            raise OSError(28, "no space")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            watcher.save(file)
    assert file.read_bytes() == state
    assert not os.path.exists(f"{file}.new")


def test_it_is_on_the_disk_before_it_has_its_name_and_its_name_before_it_is_said(planted, tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append(os.readlink(f"/proc/self/fd/{fd}")), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append("replace"), replace(old, new)))
    with Watcher(planted, keep_stat=True) as watcher:
        watcher.save(tmp_path / "state")
    assert done == [f"{tmp_path}/state.new", "replace", str(tmp_path)]


def test_what_is_no_file_is_not_waited_for(planted, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(StateError, match="no regular file"):
            Watcher(planted, since=path)
    with pytest.raises(IsADirectoryError):
        Watcher(planted, since=tmp_path)
    (tmp_path / "empty").touch()
    with pytest.raises(StateError, match=f"{tmp_path}/empty: it is empty"):
        Watcher(planted, since=tmp_path / "empty")


def test_to_save_imports_nothing(python, planted):
    """When a watcher is there no descriptor may be left to import with."""
    out = python(
        """
        import sys
        from inotify_cffi import Watcher
        with Watcher(sys.argv[1], keep_stat=True) as watcher:
            before = set(sys.modules)
            watcher.save()
            print(sorted(set(sys.modules) - before))
        """,
        planted,
    )
    assert out.strip() == "[]"


def test_time_is_not_looked_at(planted, aged):
    """A state is as good after a year as it was: equality is compared, no clock."""
    for top, _, names in os.walk(planted):
        for name in names:
            os.utime(f"{top}/{name}", (1, time.time() + 1e8))
    state, _ = saved(planted)
    assert told(planted, since=state) == []
