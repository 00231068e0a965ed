"""A root that is a file is the name and the object: what is told of both, and where links on the way lead."""

import asyncio
import contextlib
import errno
import itertools
import os
import shutil
import subprocess

import inside
import pytest
from consumer import ENTRIES, after, before, brief, fill_queue, write, write_all
from interrupting import SPARSELY, Interrupted, Tracer
from replay import Replay
from replaying import COMMAND

from inotify_cffi import Dispatcher, Mask, Mirror, Watcher, hookimpl
from tests.stress import oracles
from tests.stress.writers import exchange

KINDS = pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
WAYS = pytest.mark.parametrize(
    "options",
    [{}, {"missing": "wait"}, {"follow_symlinks": True}, {"missing": "wait", "follow_symlinks": True}],
    ids=["plain", "waiting", "following", "both"],
)
WRITES = Mask.MODIFY | Mask.CLOSE_WRITE
SELF = Mask.DELETE_SELF | Mask.MOVE_SELF
COVERAGE = Mask.UNWATCHED | Mask.WATCHED


@pytest.fixture
def base(tmp_path):
    return os.fspath(tmp_path)


def append(path, text="x"):
    with open(path, "a") as file:
        file.write(text)


def replace(path, text="new"):
    write(path + "~", text)
    os.rename(path + "~", path)


def link_over(target, path):
    """Let a link lead elsewhere, in one step."""
    os.symlink(target, path + "~")
    os.rename(path + "~", path)


def config_map(base):
    """The files of a ConfigMap: app.yaml leads to ..data/app.yaml, ..data to ..v0; a function that makes the next."""
    numbers = itertools.count()

    def swap():
        number = next(numbers)
        write_all(base, f"..v{number}/app.yaml")
        write(f"{base}/..v{number}/app.yaml", f"version {number}")
        link_over(f"..v{number}", f"{base}/..data")
        if number:
            shutil.rmtree(f"{base}/..v{number - 1}")

    swap()
    os.symlink("..data/app.yaml", f"{base}/app.yaml")
    return swap


# --- where links lead ---


@KINDS
@WAYS
def test_a_write_to_what_a_link_leads_to(base, kind, options):
    write_all(base, "store/app.conf", "config/")
    path = f"{base}/config/app.conf"
    os.symlink("../store/app.conf", path)
    with Watcher(kind(path), mask=WRITES, **options) as watcher:
        append(f"{base}/store/app.conf")
        append(path)
        assert [(event.path, event.is_dir, event.synthetic) for event in watcher.sync()] == [
            (kind(path), False, False)
        ] * 4
        assert watcher.unwatched() == {}


@WAYS
@pytest.mark.parametrize("way", ["app.yaml", "..data/app.yaml"])
def test_each_swap_of_a_config_map_is_told_once(base, options, way):
    swap = config_map(base)
    with Watcher(f"{base}/{way}", **options) as watcher:
        for _ in range(3):
            swap()
            (event,) = watcher.sync()
            assert (str(event), event.synthetic) == (f"MODIFY {base}/{way}", True)
        append(f"{base}/app.yaml")
        assert brief(watcher.sync()) == [f"MODIFY {base}/{way}", f"CLOSE_WRITE {base}/{way}"]
        assert watcher.snapshot() == {f"{base}/{way}": False}


def test_a_swap_is_told_as_a_close_where_only_that_was_asked_for(base):
    swap = config_map(base)
    with Watcher(f"{base}/app.yaml", mask=Mask.CLOSE_WRITE) as watcher:
        swap()
        assert brief(watcher.sync()) == [f"CLOSE_WRITE {base}/app.yaml"]


def test_many_swaps_before_anybody_reads(base):
    """What was written in between is not told, what is there is."""
    swap = config_map(base)
    with Watcher(f"{base}/app.yaml", mask=WRITES) as watcher:
        for _ in range(5):
            swap()
        assert set(brief(watcher.sync())) == {f"MODIFY {base}/app.yaml"}
        append(f"{base}/app.yaml")
        assert brief(watcher.sync()) == [f"MODIFY {base}/app.yaml", f"CLOSE_WRITE {base}/app.yaml"]


def test_a_swap_that_is_told_as_other_things_where_the_directory_is_a_root_too(base):
    """One inode for both: nothing that one of them is told is told to the other."""
    swap = config_map(base)
    path = f"{base}/app.yaml"
    with Watcher(base, path) as watcher:
        swap()
        assert brief(event for event in watcher.sync() if event.path == path) == [f"MODIFY {path}"]
        append(path)
        assert brief(event for event in watcher.sync() if event.path == path) == [
            f"MODIFY {path}",
            f"CLOSE_WRITE {path}",
        ]


@pytest.mark.parametrize("absolute", [False, True], ids=["relative", "absolute"])
def test_the_parent_of_a_target_is_a_link_that_is_exchanged(base, absolute):
    """app.conf leads to store/now/app.conf, and now is a link itself."""
    write_all(base, "store/one/app.conf", "store/two/app.conf", "config/")
    os.symlink("one", f"{base}/store/now")
    path = f"{base}/config/app.conf"
    os.symlink((f"{base}/" if absolute else "../") + "store/now/app.conf", path)
    with Watcher(path, mask=WRITES) as watcher:
        link_over("two", f"{base}/store/now")
        assert brief(watcher.sync()) == [f"MODIFY {path}"]
        append(f"{base}/store/one/app.conf")
        assert watcher.sync() == []
        append(f"{base}/store/two/app.conf")
        assert brief(watcher.sync()) == [f"MODIFY {path}", f"CLOSE_WRITE {path}"]


def test_a_chain_of_links_each_of_which_is_exchanged(base):
    write_all(base, "a/", "b/", "c/file", "c/other")
    os.symlink("../b/link", f"{base}/a/link")
    os.symlink("../c/file", f"{base}/b/link")
    path = f"{base}/a/link"
    with Watcher(path, mask=WRITES) as watcher:
        link_over("../c/other", f"{base}/b/link")
        assert brief(watcher.sync()) == [f"MODIFY {path}"]
        link_over("../c/file", f"{base}/a/link")
        assert brief(watcher.sync()) == [f"MODIFY {path}"]
        link_over("../c/other", f"{base}/b/link")
        assert watcher.sync() == []


def test_a_link_that_leads_to_the_same_file_as_before(base):
    write_all(base, "file")
    os.symlink("file", f"{base}/link")
    with Watcher(f"{base}/link", mask=WRITES) as watcher:
        link_over("./file", f"{base}/link")
        assert watcher.sync() == []
        append(f"{base}/file")
        assert brief(watcher.sync()) == [f"MODIFY {base}/link", f"CLOSE_WRITE {base}/link"]


@pytest.mark.parametrize("way", ["directory", "exchanged directory"])
def test_a_directory_on_the_way_of_a_link_is_replaced(base, way):
    write_all(base, "store/deep/app.conf", "new/deep/app.conf")
    path = f"{base}/app.conf"
    os.symlink("store/deep/app.conf", path)
    with Watcher(path, mask=WRITES) as watcher:
        if way == "directory":
            os.rename(f"{base}/store", f"{base}/was")
            os.rename(f"{base}/new", f"{base}/store")
        else:
            exchange(f"{base}/store", f"{base}/new")
        assert brief(watcher.sync()) == [f"MODIFY {path}"]
        append(f"{base}/store/deep/app.conf")
        assert brief(watcher.sync()) == [f"MODIFY {path}", f"CLOSE_WRITE {path}"]


def test_what_a_link_leads_to_is_replaced_as_editors_do(base):
    write_all(base, "store/app.conf")
    path = f"{base}/app.conf"
    os.symlink("store/app.conf", path)
    with Watcher(path) as watcher:
        for _ in range(3):
            replace(f"{base}/store/app.conf")
            assert brief(watcher.sync()) == [f"MODIFY {path}"]
        append(f"{base}/store/app.conf")
        assert brief(watcher.sync()) == [f"MODIFY {path}", f"CLOSE_WRITE {path}"]


@WAYS
def test_what_a_link_leads_to_is_removed_and_made_again(base, options):
    write_all(base, "store/app.conf")
    path = f"{base}/app.conf"
    os.symlink("store/app.conf", path)
    with Watcher(path, mask=WRITES, **options) as watcher:
        for gone in ("store/app.conf", "store"):
            (shutil.rmtree if gone == "store" else os.unlink)(f"{base}/{gone}")
            (event,) = watcher.sync()
            assert (str(event), event.error.errno) == (f"UNWATCHED {path}", errno.ENOENT)
            assert list(watcher.unwatched()) == [path]
            assert watcher.snapshot() == {path: False}
            write_all(base, "store/app.conf")
            told = watcher.sync()
            assert brief(told)[:2] == [f"WATCHED {path}", f"MODIFY {path}"]
            assert {event.is_dir for event in told} == {False}
            assert watcher.unwatched() == {}


def test_a_link_to_a_file_leads_to_a_directory_then(base):
    write_all(base, "file", "d/")
    os.symlink("file", f"{base}/link")
    with Watcher(f"{base}/link", mask=WRITES) as watcher:
        link_over("d", f"{base}/link")
        (event,) = watcher.sync()
        assert (str(event), event.error.errno) == (f"UNWATCHED {base}/link", errno.EISDIR)
        append(f"{base}/file")
        link_over("file", f"{base}/link")
        assert brief(watcher.sync()) == [f"WATCHED {base}/link", f"MODIFY {base}/link"]


def test_a_link_to_a_file_that_is_waited_for_leads_to_a_directory_then(base):
    """It is watched as what it is."""
    write_all(base, "file", "d/f")
    path = f"{base}/link"
    os.symlink("file", path)
    with Watcher(path, mask=ENTRIES | WRITES, missing="wait") as watcher:
        link_over("d", path)
        watcher.sync()
        assert watcher.snapshot() == {f"{path}/f": False}
        write(f"{base}/d/g")
        assert f"CREATE {path}/g" in brief(watcher.sync())
        link_over("file", path)
        watcher.sync()
        assert watcher.snapshot() == {path: False}
        append(f"{base}/file")
        assert brief(watcher.sync()) == [f"MODIFY {path}", f"CLOSE_WRITE {path}"]


def test_a_link_to_itself_is_no_file(base):
    os.symlink("link", f"{base}/link")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        Watcher(f"{base}/link")


def test_a_link_that_leads_nowhere_is_waited_for(base):
    path = f"{base}/link"
    os.symlink("store/file", path)
    with Watcher(path, mask=ENTRIES | WRITES, missing="wait") as watcher:
        watcher.sync()
        write_all(base, "store/file")
        assert brief(watcher.sync()) == [f"WATCHED {path}", f"CREATE {path}"]
        assert watcher.unwatched() == {}
        replace(f"{base}/store/file")
        assert brief(watcher.sync()) == [f"MODIFY {path}"]


@pytest.mark.parametrize("verb", ["where", "open_object", "watch_object", "open_root"])
def test_a_link_is_exchanged_in_the_middle_of_a_look(base, verb):
    """Whatever has been looked at by then."""
    write_all(base, "one/file", "two/file", "three/file")
    os.symlink("one", f"{base}/now")
    path = f"{base}/now/file"
    with Watcher(path, mask=WRITES) as watcher:
        before(watcher._tree._disk, verb, lambda: link_over("three", f"{base}/now"))
        link_over("two", f"{base}/now")
        watcher.sync()
        watcher.sync()
        append(f"{base}/two/file")
        assert watcher.sync() == []
        append(f"{base}/three/file")
        assert brief(watcher.sync()) == [f"MODIFY {path}", f"CLOSE_WRITE {path}"]


@pytest.mark.parametrize("verb", ["where", "open_object", "watch_object", "open_root"])
def test_a_link_is_exchanged_while_a_watcher_is_made(base, verb, monkeypatch):
    from inotify_cffi.tree.disk import Disk

    write_all(base, "one/file", "two/file")
    os.symlink("one", f"{base}/now")
    path = f"{base}/now/file"
    real, done = getattr(Disk, verb), []

    def call(disk, *arguments):
        if not done:
            done.append(link_over("two", f"{base}/now"))
        return real(disk, *arguments)

    monkeypatch.setattr(Disk, verb, call)
    with Watcher(path, mask=WRITES) as watcher:
        watcher.sync()
        append(f"{base}/one/file")
        assert watcher.sync() == []
        append(f"{base}/two/file")
        assert brief(watcher.sync()) == [f"MODIFY {path}", f"CLOSE_WRITE {path}"]


def test_a_directory_becomes_a_link_in_the_middle_of_a_walk(base):
    """It was no link when it was looked at, so its name was not watched."""
    write_all(base, "d/file", "one/file", "two/file")
    os.symlink("d/file", f"{base}/link")
    path = f"{base}/link"
    with Watcher(path, mask=WRITES) as watcher:

        def become_link():
            os.rename(f"{base}/d", f"{base}/was")
            os.symlink("one", f"{base}/d")

        after(watcher._tree._disk, "where", become_link, when=lambda fd, name: name == "d")
        link_over("./d/file", path)
        watcher.sync()
        link_over("two", f"{base}/d")
        assert brief(watcher.sync()) == [f"MODIFY {path}"]


# --- the object ---


@pytest.mark.parametrize("mask", [WRITES, Mask.CLOSE_WRITE], ids=["modify", "close"])
def test_it_is_replaced_and_written_once_more_before_anybody_reads(base, mask):
    path = f"{base}/file"
    write(path)
    flag = "MODIFY" if mask & Mask.MODIFY else "CLOSE_WRITE"
    with Watcher(path, mask=mask) as watcher:
        replace(path)
        append(path)
        (event,) = watcher.sync()
        assert (str(event), event.synthetic) == (f"{flag} {path}", True)


def test_a_synthetic_change_comes_behind_the_name(base):
    path = f"{base}/file"
    write(path)
    with Watcher(path) as watcher:
        replace(path)
        assert brief(watcher.sync()) == [f"DELETE {path}", f"MOVED_TO {path}", f"MODIFY {path}"]
        os.unlink(path)
        write(path)
        assert brief(watcher.sync())[-2:] == [f"CREATE {path}", f"MODIFY {path}"]


def test_another_name_of_the_object_is_written(base):
    """A hard link: it is the object that is watched."""
    write(f"{base}/file")
    os.link(f"{base}/file", f"{base}/other")
    with Watcher(f"{base}/file", mask=WRITES) as watcher:
        append(f"{base}/other")
        assert brief(watcher.sync()) == [f"MODIFY {base}/file", f"CLOSE_WRITE {base}/file"]


def test_a_hard_link_is_replaced(base):
    """What the other name has is not at this path any more."""
    write(f"{base}/file")
    os.link(f"{base}/file", f"{base}/other")
    with Watcher(f"{base}/file", mask=WRITES) as watcher:
        replace(f"{base}/file")
        assert brief(watcher.sync()) == [f"MODIFY {base}/file"]
        append(f"{base}/other")
        assert watcher.sync() == []
        os.unlink(f"{base}/file")
        os.link(f"{base}/other", f"{base}/file")
        assert brief(watcher.sync()) == [f"MODIFY {base}/file"]


def test_two_roots_that_are_one_object(base):
    write(f"{base}/one")
    os.link(f"{base}/one", f"{base}/two")
    with Watcher(f"{base}/one", f"{base}/two", mask=Mask.CLOSE_WRITE) as watcher:
        append(f"{base}/one")
        assert sorted(brief(watcher.sync())) == [f"CLOSE_WRITE {base}/one", f"CLOSE_WRITE {base}/two"]
        os.unlink(f"{base}/one")
        watcher.sync()
        append(f"{base}/two")
        assert brief(watcher.sync()) == [f"CLOSE_WRITE {base}/two"]
        watcher.remove(f"{base}/two")
        append(f"{base}/two")
        assert watcher.sync() == []


def test_each_root_is_told_what_was_asked_for_it(base):
    write(f"{base}/one")
    os.link(f"{base}/one", f"{base}/two")
    with Watcher(f"{base}/one", mask=Mask.CLOSE_WRITE) as watcher:
        watcher.add(f"{base}/two", mask=Mask.MODIFY)
        append(f"{base}/one")
        assert sorted(brief(watcher.sync())) == [f"CLOSE_WRITE {base}/one", f"MODIFY {base}/two"]


def test_it_is_moved_away_and_written_there(base):
    path = f"{base}/file"
    write(path)
    with Watcher(path, mask=WRITES) as watcher:
        os.rename(path, f"{base}/was")
        watcher.sync()
        append(f"{base}/was")
        assert watcher.sync() == []
        os.rename(f"{base}/was", path)
        assert brief(watcher.sync()) == [f"MODIFY {path}"]


def test_reads_are_told_of_the_object_on_request(base):
    path = f"{base}/file"
    write(path)
    with Watcher(path, mask=Mask.OPEN | Mask.ACCESS | Mask.CLOSE_NOWRITE) as watcher:
        assert watcher.sync() == []
        with open(path) as file:
            file.read()
        assert brief(watcher.sync()) == [f"OPEN {path}", f"ACCESS {path}", f"CLOSE_NOWRITE {path}"]


def test_lost_events(base):
    """A write among them is told, to what a link leads to as well."""
    write_all(base, "store/file", "other/file")
    path = f"{base}/link"
    os.symlink("store/file", path)
    with Watcher(path, f"{base}/other", mask=ENTRIES | Mask.MODIFY | Mask.ATTRIB) as watcher:
        fill_queue(watcher, f"{base}/other/file", f"{base}/other")
        append(f"{base}/store/file")
        told = [event for event in watcher.sync() if event.path == path]
        assert [str(event) for event in told if event.mask & Mask.MODIFY] == [f"MODIFY {path}"]
        append(f"{base}/store/file")
        assert brief(event for event in watcher.sync() if event.path == path) == [f"MODIFY {path}"]


@pytest.mark.parametrize("gone", ["link", "target"])
def test_lost_events_of_the_way(base, gone):
    write_all(base, "one/file", "two/file", "other/file")
    os.symlink("one", f"{base}/now")
    path = f"{base}/now/file"
    with Watcher(path, f"{base}/other", mask=ENTRIES | Mask.MODIFY | Mask.ATTRIB) as watcher:
        fill_queue(watcher, f"{base}/other/file", f"{base}/other")
        if gone == "link":
            link_over("two", f"{base}/now")
        else:
            replace(path)
        told = [event for event in watcher.sync() if event.path == path]
        assert f"MODIFY {path}" in brief(told)
        append(path)
        assert brief(event for event in watcher.sync() if event.path == path) == [f"MODIFY {path}"]


def test_it_is_added_by_a_coroutine(base):
    path = f"{base}/file"
    write(path)
    with Watcher(mask=WRITES) as watcher:
        asyncio.run(watcher.aadd(path))
        append(path)
        assert brief(watcher.sync()) == [f"MODIFY {path}", f"CLOSE_WRITE {path}"]


def test_what_is_there_at_the_start_comes_first(base):
    """It is a name that is told, and no change of it."""
    write_all(base, "file")
    os.symlink("file", f"{base}/link")
    with Watcher(f"{base}/link", existing=True) as watcher:
        assert brief(watcher.sync()) == [f"CREATE {base}/link"]


# --- the name goes ---


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        (Mask.DELETE, ["DELETE"]),
        (Mask.DELETE_SELF, ["DELETE_SELF"]),
        (Mask.DELETE | Mask.DELETE_SELF, ["DELETE", "DELETE_SELF"]),
    ],
    ids=["entry", "self", "both"],
)
@KINDS
def test_its_end_is_told_once_by_each_word_that_was_asked_for(base, mask, told, kind):
    path = f"{base}/file"
    write(path)
    os.link(path, f"{base}/other")
    with Watcher(kind(path), mask=mask) as watcher:
        os.unlink(path)
        assert [(event.names, event.path, event.is_dir) for event in watcher.sync()] == [
            ((word,), kind(path), False) for word in told
        ]
        os.unlink(f"{base}/other")
        assert watcher.sync() == []
        write(path)
        watcher.sync()
        os.unlink(path)
        assert [event.names for event in watcher.sync()] == [(word,) for word in told]


def test_its_move_is_told_once(base):
    path = f"{base}/file"
    write(path)
    with Watcher(path, mask=ENTRIES | SELF) as watcher:
        os.rename(path, f"{base}/was")
        assert brief(watcher.sync()) == [f"MOVED_FROM {path}", f"MOVE_SELF {path}"]
        os.unlink(f"{base}/was")
        assert watcher.sync() == []


def test_to_be_replaced_is_not_the_end_of_a_name(base):
    path = f"{base}/file"
    write(path)
    with Watcher(path, mask=SELF) as watcher:
        replace(path)
        assert watcher.sync() == []


@pytest.mark.parametrize("mask", [Mask.CHANGES, Mask.DELETE, Mask.DELETE_SELF], ids=["all", "entry", "self"])
@pytest.mark.parametrize("settles", [False, True], ids=["", "settling"])
def test_its_end_calls_a_plugin_once(base, mask, settles):
    """Also where more is read than what was asked for."""
    path = f"{base}/file"
    write(path)
    called = []

    class Plugin:
        @hookimpl
        def inotify_deleted(self, path):
            called.append(path)

    class Settles:
        @hookimpl
        def inotify_settled(self, path):
            """There, so that more is read."""

    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    if settles:
        dispatcher.register(Settles())
    with Watcher(path, mask=mask) as watcher:
        dispatcher.run(watcher, timeout=0)
        os.unlink(path)
        dispatcher.run(watcher, timeout=0)
        assert called == [path]


def test_the_end_of_a_directory_calls_a_plugin_once(base):
    os.mkdir(f"{base}/d")
    called = []

    class Plugin:
        @hookimpl
        def inotify_deleted(self, path, event):
            called.append((path, event.is_dir))

    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    with Watcher(f"{base}/d") as watcher:
        os.rmdir(f"{base}/d")
        dispatcher.run(watcher, timeout=0)
        assert called == [(f"{base}/d", True)]


def test_nothing_is_told_of_the_directory_that_it_is_in(base):
    write_all(base, "d/file")
    path = f"{base}/d/file"
    with Watcher(path, mask=Mask.ALL) as watcher:
        os.chmod(f"{base}/d", 0o750)
        os.listdir(f"{base}/d")
        write(f"{base}/d/other")
        assert watcher.sync() == []
        shutil.rmtree(f"{base}/d")
        told = watcher.sync()
        assert {event.path for event in told} == {path}
        assert brief(told)[-3:] == [f"DELETE {path}", f"DELETE_SELF {path}", f"UNWATCHED {path}"]


@WAYS
def test_its_directory_comes_again(base, options):
    write_all(base, "d/file")
    path = f"{base}/d/file"
    with Watcher(path, mask=ENTRIES, **options) as watcher:
        for _ in range(3):
            shutil.rmtree(f"{base}/d")
            told = watcher.sync()
            assert brief(told) == [f"DELETE {path}", f"UNWATCHED {path}"]
            assert isinstance(told[-1].error, FileNotFoundError)
            assert (list(watcher.unwatched()), watcher.snapshot()) == ([path], {})
            write_all(base, "d/file")
            assert brief(watcher.sync()) == [f"WATCHED {path}", f"CREATE {path}"]
            assert watcher.unwatched() == {}


@pytest.mark.parametrize("missing", ["error", "wait"])
def test_its_directory_is_moved(base, missing):
    write_all(base, "d/file", "new/file")
    path = f"{base}/d/file"
    with Watcher(path, mask=ENTRIES | SELF | Mask.MODIFY, missing=missing) as watcher:
        os.rename(f"{base}/d", f"{base}/was")
        assert brief(watcher.sync()) == [f"DELETE {path}", f"DELETE_SELF {path}", f"UNWATCHED {path}"]
        os.rename(f"{base}/new", f"{base}/d")
        assert brief(watcher.sync()) == [f"WATCHED {path}", f"CREATE {path}"]
        append(f"{base}/was/file")
        assert watcher.sync() == []
        append(path)
        assert brief(watcher.sync()) == [f"MODIFY {path}"]


def test_another_directory_is_in_its_place_before_anybody_reads(base):
    write_all(base, "d/file", "new/file")
    path = f"{base}/d/file"
    with Watcher(path, mask=ENTRIES | Mask.MODIFY) as watcher:
        exchange(f"{base}/d", f"{base}/new")
        assert brief(watcher.sync()) == [f"MODIFY {path}"]


def test_a_mirror_knows_what_is_there(base):
    path = f"{base}/file"
    write(path)
    with Watcher(path) as watcher:
        mirror = Mirror(watcher.snapshot(), roots=watcher.roots)
        for step in (os.unlink, write, replace, lambda path: os.rename(path, path + "-was"), write):
            step(path)
            mirror.apply(watcher.sync())
            assert mirror.paths() == watcher.snapshot() == ({path: False} if os.path.exists(path) else {})


# --- what is beside it ---


@WAYS
def test_no_directory_is_watched_for_content(base, options):
    """Nor for attributes, which neighbours may have changed: as the kernel says."""
    config_map(base)
    with Watcher(f"{base}/app.yaml", mask=Mask.ALL, **options) as watcher:
        (of_object,) = watcher._tree._files.wds
        with open(f"/proc/self/fdinfo/{watcher._instance.fileno()}") as lines:
            fields = [
                dict(field.split(":", 1) for field in line.split()[1:])
                for line in lines
                if line.startswith("inotify ")
            ]
        masks = {int(field["wd"], 16): int(field["mask"], 16) for field in fields}
        assert masks.pop(of_object) & Mask.MODIFY
        assert masks
        content = WRITES | Mask.ATTRIB | Mask.OPEN | Mask.ACCESS | Mask.CLOSE_NOWRITE
        assert not any(mask & content for mask in masks.values())


def test_writes_beside_it_wake_nobody(base):
    """Nor are they in the queue."""
    path = f"{base}/quiet"
    write(path)
    write(f"{base}/busy")
    with Watcher(path, mask=Mask.ALL) as watcher:
        watcher.sync()
        before_it = watcher.stats()["raw_events"]
        for _ in range(4000):
            append(f"{base}/busy")
        os.chmod(f"{base}/busy", 0o600)
        assert watcher._instance.queued_bytes() == 0
        assert not watcher._poller.wait(0)
        assert watcher.sync() == []
        assert watcher.stats()["raw_events"] == before_it


def test_what_happens_beside_the_way_of_a_link_wakes_nobody(base):
    """Where a plain directory is on it: only its own end is of interest."""
    write_all(base, "store/deep/file", "store/busy/")
    path = f"{base}/link"
    os.symlink("store/deep/file", path)
    with Watcher(path) as watcher:
        write_all(base, "store/busy/one", "store/other")
        os.rename(f"{base}/store/other", f"{base}/store/another")
        assert watcher._instance.queued_bytes() == 0


def test_no_watch_is_left(base):
    swap = config_map(base)
    with Watcher(f"{base}/app.yaml", missing="wait") as watcher:
        for _ in range(3):
            swap()
            watcher.sync()
        kept = len(oracles.kernel_watches(watcher._instance.fileno()))
        swap()
        watcher.sync()
        assert len(oracles.kernel_watches(watcher._instance.fileno())) == kept
        watcher.remove(f"{base}/app.yaml")
        assert not oracles.kernel_watches(watcher._instance.fileno())


def test_no_descriptor_is_left(base):
    swap = config_map(base)
    with Watcher(f"{base}/app.yaml") as watcher:
        watcher.sync()
        opened = inside.open_fds()
        for _ in range(3):
            swap()
            watcher.sync()
        assert inside.open_fds() == opened


# --- what can not be covered ---


def test_a_magic_link_is_told_as_covered_in_part(base):
    """No event says where it leads; what is written to what it led to is told."""
    write(f"{base}/file")
    with open(f"{base}/file") as file:
        path = f"/proc/self/fd/{file.fileno()}"
        with Watcher(path, mask=WRITES) as watcher:
            (event,) = watcher.sync()
            assert (str(event), event.error.errno) == (f"UNWATCHED {path}", errno.EOPNOTSUPP)
            assert list(watcher.unwatched()) == [path]
            append(f"{base}/file")
            assert brief(watcher.sync()) == [f"MODIFY {path}", f"CLOSE_WRITE {path}"]


def test_a_link_to_a_magic_link_is_told_as_covered_in_part(base):
    write(f"{base}/file")
    with open(f"{base}/file") as file:
        os.symlink(f"/proc/{os.getpid()}/fd/{file.fileno()}", f"{base}/link")
        with Watcher(f"{base}/link", mask=WRITES) as watcher:
            assert brief(watcher.sync()) == [f"UNWATCHED {base}/link"]
            append(f"{base}/file")
            assert brief(watcher.sync()) == [f"MODIFY {base}/link", f"CLOSE_WRITE {base}/link"]
            write(f"{base}/plain")
            link_over("plain", f"{base}/link")
            assert brief(watcher.sync()) == [f"WATCHED {base}/link", f"MODIFY {base}/link"]


@pytest.fixture
def run(unprivileged, base):
    """Run code that has the names of ``inside``, as one who is barred by permissions."""
    yield lambda code: unprivileged(inside.code(code), base)
    for parent, directories, _ in os.walk(base):
        for name in directories:
            os.chmod(os.path.join(parent, name), 0o700)


def test_a_file_in_a_directory_that_may_not_be_read(run, base):
    """It is watched by itself, and what is not covered is said."""
    write_all(base, "d/file")
    os.chmod(f"{base}/d", 0o311)
    run("""
        path = ROOT + "/d/file"
        with Watcher(path, mask=ENTRIES | Mask.MODIFY | Mask.DELETE_SELF) as watcher:
            (event,) = watcher.sync()
            assert (str(event), type(event.error)) == (f"UNWATCHED {path}", PermissionError)
            assert list(watcher.unwatched()) == [path]
            assert "directory" in str(watcher.unwatched()[path])
            assert watcher.snapshot() == {path: False}
            with open(path, "a") as file:
                file.write("x")
            assert brief(watcher.sync()) == [f"MODIFY {path}"]
            os.unlink(path)
            assert brief(watcher.sync()) == [f"DELETE {path}", f"DELETE_SELF {path}"]
            assert watcher.snapshot() == {}
            write(path)
            watcher.retry()
            assert brief(watcher.sync()) == [f"CREATE {path}"]
            write(path + "~")
            os.rename(path + "~", path)
            assert brief(watcher.sync()) == [f"MODIFY {path}"]
    """)


def test_the_directory_of_a_file_may_be_read_again(run, base):
    write_all(base, "d/file")
    os.chmod(f"{base}/d", 0o311)
    run("""
        path = ROOT + "/d/file"
        with Watcher(path, mask=ENTRIES | Mask.MODIFY) as watcher:
            watcher.sync()
            os.chmod(ROOT + "/d", 0o700)
            watcher.retry()
            assert brief(watcher.sync()) == [f"WATCHED {path}"]
            os.unlink(path)
            assert brief(watcher.sync()) == [f"DELETE {path}"]
            write(path)
            assert brief(watcher.sync()) == [f"CREATE {path}", f"MODIFY {path}"]
    """)


def test_a_directory_on_the_way_of_a_link_may_not_be_read(run, base):
    """The file is watched all the same, and it is said; when it may be read, that is noticed."""
    write_all(base, "store/one", "store/two")
    os.symlink("store/one", f"{base}/link")
    os.chmod(f"{base}/store", 0o311)
    run("""
        path = ROOT + "/link"
        with Watcher(path, mask=Mask.MODIFY) as watcher:
            (event,) = watcher.sync()
            assert (str(event), type(event.error)) == (f"UNWATCHED {path}", PermissionError)
            assert event.error.filename == ROOT + "/store/"
            with open(path, "a") as file:
                file.write("x")
            assert brief(watcher.sync()) == [f"MODIFY {path}"]
            os.chmod(ROOT + "/store", 0o700)
            assert brief(watcher.sync()) == [f"WATCHED {path}"]
            write(ROOT + "/store/new")
            os.rename(ROOT + "/store/new", ROOT + "/store/one")
            assert brief(watcher.sync()) == [f"MODIFY {path}"]
    """)


def test_a_directory_above_that_may_not_be_read_is_nothing_to_be_told(run, base):
    """No link is in it."""
    write_all(base, "d/e/file")
    os.chmod(f"{base}/d", 0o311)
    run("""
        path = ROOT + "/d/e/file"
        with Watcher(path, mask=Mask.MODIFY) as watcher:
            assert (watcher.sync(), watcher.unwatched()) == ([], {})
    """)


def test_a_file_that_may_not_be_read_is_told_of_by_its_directory(run, base):
    write_all(base, "d/file", "d/other")
    os.chmod(f"{base}/d/file", 0o200)
    run("""
        path = ROOT + "/d/file"
        with Watcher(path, mask=ENTRIES | Mask.MODIFY) as watcher:
            assert (watcher.sync(), watcher.unwatched()) == ([], {})
            for name in "file", "other":
                with open(f"{ROOT}/d/{name}", "a") as file:
                    file.write("x")
            assert brief(watcher.sync()) == [f"MODIFY {path}"]
            write(path + "~")
            os.rename(path + "~", path)
            watcher.sync()
            with open(path, "a") as file:
                file.write("x")
            assert brief(watcher.sync()) == [f"MODIFY {path}"]
    """)


def test_a_link_to_a_file_that_may_not_be_read_is_said(run, base):
    write_all(base, "d/file")
    os.symlink("d/file", f"{base}/link")
    os.chmod(f"{base}/d/file", 0o200)
    run("""
        path = ROOT + "/link"
        with Watcher(path, mask=Mask.MODIFY) as watcher:
            (event,) = watcher.sync()
            assert (str(event), type(event.error)) == (f"UNWATCHED {path}", PermissionError)
            os.chmod(ROOT + "/d/file", 0o600)
            watcher.retry()
            assert brief(watcher.sync()) == [f"WATCHED {path}", f"MODIFY {path}"]
    """)


def test_no_watch_is_left_for_the_object(limited, base):
    """Nothing is left behind, as with any root."""
    write_all(base, "d/file")
    limited(
        inside.code("""
        try:
            Watcher(ROOT + "/d/file")
        except WatchLimitError as error:
            assert error.filename == ROOT + "/d/file"
        else:
            raise AssertionError("there is one watch")
        """),
        base,
        max_inotify_watches=1,
    )


def test_no_watch_is_left_later(limited, base):
    write_all(base, "d/file", "other/")
    limited(
        inside.code("""
        path = ROOT + "/d/file"
        with Watcher(path, ROOT + "/other", mask=Mask.MODIFY) as watcher:
            os.unlink(path)
            watcher.sync()
            os.mkdir(ROOT + "/other/a")
            watcher.sync()
            write(path)
            (event,) = watcher.sync()
            assert (str(event), type(event.error)) == (f"UNWATCHED {path}", WatchLimitError), event
            os.rmdir(ROOT + "/other/a")
            assert brief(watcher.sync()) == [f"WATCHED {path}", f"MODIFY {path}"]
        """),
        base,
        max_inotify_watches=3,
    )


# --- mounts ---


@pytest.fixture
def run_with_mounts(python, private, base):
    """Run code that has the names of ``inside`` and may mount."""
    return lambda code: python(inside.code(code), base, prefix=private)


def test_a_file_that_is_a_mount_point(run_with_mounts, base):
    """As a container has it: ``-v ./conf:/app/conf``."""
    write_all(base, "host/conf", "app/conf")
    run_with_mounts("""
        path = ROOT + "/app/conf"
        mount("--bind", ROOT + "/host/conf", path)
        with Watcher(path, mask=Mask.MODIFY) as watcher:
            for name in "host", "app":
                with open(f"{ROOT}/{name}/conf", "a") as file:
                    file.write("x")
                assert brief(watcher.sync()) == [f"MODIFY {path}"]
            assert watcher.unwatched() == {}
        mount("umount", path)
    """)


def test_something_is_mounted_over_a_file(run_with_mounts, base):
    write_all(base, "host/conf", "app/conf")
    run_with_mounts("""
        path = ROOT + "/app/conf"
        with Watcher(path, mask=Mask.MODIFY) as watcher:
            mount("--bind", ROOT + "/host/conf", path)
            assert brief(watcher.sync()) == [f"MODIFY {path}"]
            with open(ROOT + "/host/conf", "a") as file:
                file.write("x")
            assert brief(watcher.sync()) == [f"MODIFY {path}"]
            mount("umount", path)
            assert brief(watcher.sync()) == [f"MODIFY {path}"]
            with open(ROOT + "/host/conf", "a") as file:
                file.write("x")
            assert watcher.sync() == []
    """)


# --- interruptions ---


def places(change, watcher):
    """The lines that a sync passes behind a change, of what watches files."""
    tracer = Tracer()
    change()
    tracer.trace(watcher.sync)
    modules = tuple(f"tree/{name}.py:" for name in ("anchors", "files", "links", "objects"))
    return [(place, count) for place, count in tracer.passed.items() if place.startswith(modules)][::SPARSELY]


def assert_interruptions_do_no_harm(watcher, change, write_some, path):
    """Interrupt it at each line, the first time and the last: the change is told, and all is watched as before."""
    watcher.sync()
    for place, last in places(change, watcher):
        for time in {1, last}:
            kept, opened = oracles.kernel_watches(watcher._instance.fileno()), inside.open_fds()
            change()
            told = []
            with contextlib.suppress(Interrupted):
                told += Tracer((place, time)).trace(watcher.sync)
            told += watcher.sync()
            assert path() in [event.path for event in told], (place, time)
            write_some()
            assert f"MODIFY {path()}" in brief(watcher.sync()), (place, time)
            assert watcher.unwatched() == {}
            assert len(oracles.kernel_watches(watcher._instance.fileno())) == len(kept), (place, time)
            assert inside.open_fds() == opened, (place, time)


@pytest.mark.timeout(300)
def test_an_interruption_at_any_line_of_a_swap_does_no_harm(base):
    swap = config_map(base)
    path = f"{base}/app.yaml"
    with Watcher(path) as watcher:
        assert_interruptions_do_no_harm(watcher, swap, lambda: append(path), lambda: path)


@pytest.mark.timeout(300)
def test_an_interruption_at_any_line_of_a_rename_of_a_link_does_no_harm(base):
    write_all(base, "f", "root/")
    os.symlink("../f", f"{base}/root/0")
    numbers = itertools.count()
    at = [0]

    def rename():
        at.append(next(numbers) + 1)
        os.rename(f"{base}/root/{at[-2]}", f"{base}/root/{at[-1]}")

    with Watcher(f"{base}/root", follow_symlinks="files") as watcher:
        assert_interruptions_do_no_harm(
            watcher, rename, lambda: append(f"{base}/f"), lambda: f"{base}/root/{at[-1]}"
        )


# --- by other means ---


def test_without_proc_the_same_is_told(base, monkeypatch):
    from inotify_cffi.tree import disk

    swap = config_map(base)
    with monkeypatch.context() as patch:
        patch.setattr(disk, "PROC", "/nowhere")
        watcher = Watcher(f"{base}/app.yaml")
    with watcher:
        assert watcher.stats()["by_path"] == 1
        for _ in range(2):
            swap()
            assert brief(watcher.sync()) == [f"MODIFY {base}/app.yaml"]
        replace(f"{base}/..data/app.yaml")
        assert brief(watcher.sync()) == [f"MODIFY {base}/app.yaml"]


@pytest.mark.parametrize("options", [{}, {"missing": "wait"}], ids=["plain", "waiting"])
def test_a_recording_is_played_again(base, tmp_path, monkeypatch, options):
    swap = config_map(base)
    recording = tmp_path / "recording"
    monkeypatch.setenv("INOTIFY_CFFI_RECORD", os.fspath(recording))
    told = []
    with Watcher(f"{base}/app.yaml", **options) as watcher:
        swap()
        told += watcher.sync()
        os.unlink(f"{base}/app.yaml")
        told += watcher.sync()
        write(f"{base}/app.yaml")
        told += watcher.sync()
        replace(f"{base}/app.yaml")
        watcher.retry()
        told += watcher.sync()
    with open(recording, encoding="utf-8") as lines:
        assert brief(Replay(lines).run()) == brief(told)


def test_the_command_line_waits_until_a_file_is_gone(base):
    """``-e delete_self FILE``, as with inotifywait."""
    path = f"{base}/app.pid"
    write(path)
    command = [*COMMAND, "watch", "-e", "delete_self", "--count", "1", "-t", "40", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stderr.readline()
        os.unlink(path)
        told, _ = process.communicate(timeout=50)
    assert (process.returncode, told.split(" ")[0]) == (0, "DELETE_SELF")


# --- who waits ---


@pytest.mark.parametrize("by", [os.unlink, lambda path: os.rename(path, path + "~")], ids=["unlink", "rename"])
def test_who_waits_for_a_file_is_told_that_it_is_not_there_and_when_it_is_again(base, by):
    path = f"{base}/file"
    write(path)
    with Watcher(path, missing="wait", mask=ENTRIES) as watcher:
        by(path)
        (*_, gone) = watcher.sync()
        assert (gone.mask, gone.path) == (Mask.UNWATCHED, path)
        assert {name: error.errno for name, error in watcher.unwatched().items()} == {path: errno.ENOENT}
        write(path)
        assert sorted(brief(watcher.sync())) == [f"CREATE {path}", f"WATCHED {path}"]
        assert watcher.unwatched() == {}


def test_who_does_not_wait_for_a_file_has_its_name_covered_while_it_is_not_there(base):
    path = f"{base}/file"
    write(path)
    with Watcher(path, mask=ENTRIES) as watcher:
        os.unlink(path)
        assert brief(watcher.sync()) == [f"DELETE {path}"]
        assert watcher.unwatched() == {}


@pytest.mark.parametrize("how", ["made", "moved"])
def test_a_directory_where_a_file_was_waited_for_is_told_as_the_root_that_it_is(base, how):
    path = f"{base}/file"
    write_all(base, "file", "other/f")
    with Watcher(path, missing="wait", mask=ENTRIES) as watcher:
        os.unlink(path)
        watcher.sync()
        if how == "made":
            write_all(base, "file/f")
        else:
            os.rename(f"{base}/other", path)
        assert brief(watcher.sync()) == [f"WATCHED,ISDIR {path}", f"CREATE {path}/f"]
        assert watcher.snapshot() == {f"{path}/f": False}
