"""Links to files in a tree: what happens to what they lead to is told under the path of the link."""

import errno
import os
import shutil

import inside
import pytest
from consumer import ENTRIES, Consumer, brief, fill_queue, write, write_all
from replay import Replay
from replaying import Watching

from inotify_cffi import Mask, Watcher
from tests.stress import oracles
from tests.stress.writers import exchange

KINDS = pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
WRITES = Mask.MODIFY | Mask.CLOSE_WRITE
BOTH = pytest.mark.parametrize("value", [True, "files"])


@pytest.fixture
def root(tmp_path):
    os.mkdir(tmp_path / "root")
    return os.fspath(tmp_path / "root")


@pytest.fixture
def outside(tmp_path):
    os.mkdir(tmp_path / "outside")
    return os.fspath(tmp_path / "outside")


def following(root, value="files", **options):
    return Watcher(root, follow_symlinks=value, **{"mask": WRITES, **options})


def append(path):
    with open(path, "a") as file:
        file.write("x")


def replace(path):
    write(path + "~", "new")
    os.rename(path + "~", path)


def told(watcher, path=None):
    """What was told up to now, of one path."""
    return brief(event for event in watcher.sync() if path in (None, event.path))


def written(*paths):
    return [f"{word} {path}" for path in paths for word in ("MODIFY", "CLOSE_WRITE")]


@KINDS
@BOTH
def test_a_write_is_told_under_the_path_of_the_link(root, outside, kind, value):
    write(f"{outside}/f")
    os.mkdir(f"{root}/d")
    os.symlink(f"{outside}/f", f"{root}/d/link")
    with following(kind(root), value) as watcher:
        append(f"{outside}/f")
        events = watcher.sync()
        assert brief(events) == written(f"{root}/d/link")
        assert {event.path for event in events} == {kind(f"{root}/d/link")}
        assert watcher.snapshot() == {kind(f"{root}/d"): True, kind(f"{root}/d/link"): False}


@pytest.mark.parametrize("value", [False, "directories"])
def test_it_is_not_told_where_files_are_not_followed(root, outside, value):
    write(f"{outside}/f")
    os.symlink(f"{outside}/f", f"{root}/link")
    with following(root, value) as watcher:
        append(f"{outside}/f")
        assert watcher.sync() == []
        assert watcher.stats()["watches"] == 1


@pytest.mark.parametrize(
    ("value", "is_entered"), [(True, True), ("directories", True), ("files", False), (False, False)]
)
def test_which_links_to_directories_are_entered(root, outside, value, is_entered):
    write_all(outside, "f")
    os.symlink(outside, f"{root}/link")
    with following(root, value) as watcher:
        assert watcher.snapshot() == (
            {f"{root}/link": True, f"{root}/link/f": False} if is_entered else {f"{root}/link": False}
        )


@pytest.mark.parametrize("value", ["file", 2, None, ""])
def test_another_value_is_an_error(root, value):
    with pytest.raises(ValueError, match="follow_symlinks is True, False, 'directories' or 'files', not"):
        Watcher(root, follow_symlinks=value)


def test_a_link_that_comes(root, outside):
    write(f"{outside}/f")
    with following(root, mask=ENTRIES | WRITES) as watcher:
        os.symlink(f"{outside}/f", f"{root}/link")
        assert told(watcher) == [f"CREATE {root}/link"]
        append(f"{outside}/f")
        assert told(watcher) == written(f"{root}/link")
        os.unlink(f"{root}/link")
        assert told(watcher) == [f"DELETE {root}/link"]
        append(f"{outside}/f")
        assert told(watcher) == []
        assert watcher.stats()["watches"] == 1


def test_a_link_that_is_led_elsewhere(root, outside):
    write_all(outside, "f", "g")
    os.symlink(f"{outside}/f", f"{root}/link")
    with following(root) as watcher:
        os.symlink(f"{outside}/g", f"{outside}/new")
        os.rename(f"{outside}/new", f"{root}/link")
        assert told(watcher) == [f"MODIFY {root}/link"]
        append(f"{outside}/f")
        assert told(watcher) == []
        append(f"{outside}/g")
        assert told(watcher) == written(f"{root}/link")


def test_a_link_on_the_way_is_led_elsewhere(root, outside):
    write_all(outside, "one/f", "two/f")
    os.symlink("one", f"{outside}/now")
    os.symlink(f"{outside}/now/f", f"{root}/link")
    with following(root) as watcher:
        os.symlink("two", f"{outside}/new")
        os.rename(f"{outside}/new", f"{outside}/now")
        assert told(watcher) == [f"MODIFY {root}/link"]
        append(f"{outside}/two/f")
        assert told(watcher) == written(f"{root}/link")


def test_a_directory_on_the_way_is_exchanged(root, outside):
    write_all(outside, "one/f", "two/f")
    os.symlink(f"{outside}/one/f", f"{root}/link")
    with following(root) as watcher:
        exchange(f"{outside}/one", f"{outside}/two")
        assert told(watcher) == [f"MODIFY {root}/link"]


def test_the_target_is_replaced(root, outside):
    write(f"{outside}/f")
    os.symlink(f"{outside}/f", f"{root}/link")
    with following(root) as watcher:
        for _ in range(3):
            replace(f"{outside}/f")
            assert told(watcher) == [f"MODIFY {root}/link"]
        append(f"{outside}/f")
        assert told(watcher) == written(f"{root}/link")


def test_the_target_goes_and_comes(root, outside):
    """A link that leads nowhere is an entry, as ever."""
    write(f"{outside}/f")
    os.symlink(f"{outside}/f", f"{root}/link")
    with following(root) as watcher:
        os.unlink(f"{outside}/f")
        assert (told(watcher), watcher.unwatched()) == ([], {})
        write(f"{outside}/f")
        assert told(watcher) == [f"MODIFY {root}/link"]
        append(f"{outside}/f")
        assert told(watcher) == written(f"{root}/link")


@BOTH
def test_a_link_that_leads_nowhere_at_first(root, outside, value):
    os.symlink(f"{outside}/d/f", f"{root}/link")
    with following(root, value) as watcher:
        write_all(outside, "d/f")
        assert told(watcher) == [f"MODIFY {root}/link"]


def test_the_files_of_a_config_map(root):
    """Its directory is the root: each swap changes each of its files once."""
    for number in range(4):
        write_all(root, f"..v{number}/app.yaml")
        write(f"{root}/..v{number}/app.yaml", str(number))
    os.symlink("..v0", f"{root}/..data")
    os.symlink("..data/app.yaml", f"{root}/app.yaml")
    with following(root) as watcher:
        for number in range(1, 4):
            os.symlink(f"..v{number}", f"{root}/..tmp")
            os.rename(f"{root}/..tmp", f"{root}/..data")
            shutil.rmtree(f"{root}/..v{number - 1}")
            assert told(watcher, f"{root}/app.yaml") == [f"MODIFY {root}/app.yaml"]


def test_a_link_to_a_file_of_the_tree(root):
    """It is told under both paths."""
    write_all(root, "d/f")
    os.symlink("d/f", f"{root}/link")
    with following(root) as watcher:
        append(f"{root}/d/f")
        assert sorted(told(watcher)) == sorted(written(f"{root}/d/f", f"{root}/link"))


def test_a_link_that_is_renamed(root, outside):
    write_all(root, "d/")
    write(f"{outside}/f")
    os.symlink(f"{outside}/f", f"{root}/link")
    with following(root) as watcher:
        os.rename(f"{root}/link", f"{root}/d/other")
        append(f"{outside}/f")
        watcher.sync()
        append(f"{outside}/f")
        assert told(watcher) == written(f"{root}/d/other")
        assert watcher.stats()["watches"] == 3


def test_what_is_written_while_a_link_is_renamed_is_told(root, outside):
    write(f"{outside}/f")
    os.symlink(f"{outside}/f", f"{root}/link")
    with following(root) as watcher:
        os.rename(f"{root}/link", f"{root}/other")
        append(f"{outside}/f")
        assert told(watcher) == written(f"{root}/other")


def test_a_directory_with_a_link_in_it_is_renamed(root, outside):
    write_all(root, "a/b/")
    write(f"{outside}/f")
    os.symlink(f"{outside}/f", f"{root}/a/b/link")
    with following(root) as watcher:
        os.rename(f"{root}/a", f"{root}/c")
        watcher.sync()
        append(f"{outside}/f")
        assert told(watcher) == written(f"{root}/c/b/link")


def test_a_directory_is_moved_to_where_its_link_leads_elsewhere(root):
    write_all(root, "a/", "f", "d/f")
    os.symlink("../f", f"{root}/a/link")
    with following(root) as watcher:
        os.rename(f"{root}/a", f"{root}/d/a")
        assert told(watcher) == [f"MODIFY {root}/d/a/link"]
        append(f"{root}/d/f")
        assert sorted(told(watcher)) == sorted(written(f"{root}/d/a/link", f"{root}/d/f"))


@pytest.mark.parametrize("way", ["removed", "moved out"])
def test_a_directory_with_links_in_it_goes(root, outside, way):
    write_all(root, "a/b/")
    write(f"{outside}/f")
    for name in "a/one", "a/b/two":
        os.symlink(f"{outside}/f", f"{root}/{name}")
    with following(root) as watcher:
        if way == "removed":
            shutil.rmtree(f"{root}/a")
        else:
            os.rename(f"{root}/a", f"{outside}/a")
        watcher.sync()
        append(f"{outside}/f")
        assert told(watcher) == []
        assert watcher.stats()["watches"] == len(oracles.kernel_watches(watcher._instance.fileno())) == 1


def test_a_file_takes_the_place_of_a_link(root, outside):
    write_all(outside, "f", "g")
    os.symlink(f"{outside}/f", f"{root}/link")
    with following(root) as watcher:
        os.rename(f"{outside}/g", f"{root}/link")
        watcher.sync()
        append(f"{outside}/f")
        assert told(watcher) == []
        append(f"{root}/link")
        assert told(watcher) == written(f"{root}/link")


def test_a_link_takes_the_place_of_a_file(root, outside):
    write(f"{outside}/f")
    write(f"{root}/file")
    os.symlink(f"{outside}/f", f"{outside}/link")
    with following(root) as watcher:
        os.rename(f"{outside}/link", f"{root}/file")
        watcher.sync()
        append(f"{outside}/f")
        assert told(watcher) == written(f"{root}/file")


@BOTH
def test_a_link_to_a_file_leads_to_a_directory_then(root, outside, value):
    write_all(outside, "f", "d/g")
    os.symlink(f"{outside}/now", f"{root}/link")
    os.symlink("f", f"{outside}/now")
    with following(root, value, mask=ENTRIES | WRITES) as watcher:
        os.symlink("d", f"{outside}/new")
        os.rename(f"{outside}/new", f"{outside}/now")
        watcher.sync()
        watcher.retry()
        watcher.sync()
        assert watcher.snapshot()[f"{root}/link"] is (value is True)
        assert watcher.unwatched() == {}
        append(f"{outside}/f")
        assert told(watcher) == []
        os.symlink("f", f"{outside}/new")
        os.rename(f"{outside}/new", f"{outside}/now")
        watcher.retry()
        watcher.sync()
        append(f"{outside}/f")
        assert told(watcher) == written(f"{root}/link")


def test_what_is_excluded_is_not_followed(root, outside):
    write(f"{outside}/f")
    os.symlink(f"{outside}/f", f"{root}/link.o")
    os.symlink(f"{outside}/f", f"{root}/link.c")
    with following(root, exclude=["*.o"]) as watcher:
        append(f"{outside}/f")
        assert told(watcher) == written(f"{root}/link.c")


def test_lost_events(root, outside):
    write_all(outside, "f", "g")
    write_all(root, "one", "two")
    os.symlink(f"{outside}/f", f"{root}/link")
    os.symlink(f"{outside}/g", f"{root}/other")
    with following(root, mask=ENTRIES | Mask.MODIFY | Mask.ATTRIB) as watcher:
        fill_queue(watcher, f"{root}/one", f"{root}/two")
        append(f"{outside}/f")
        replace(f"{outside}/g")
        events = watcher.sync()
        for name in "link", "other":
            assert f"MODIFY {root}/{name}" in brief(events)
        append(f"{outside}/g")
        assert told(watcher) == [f"MODIFY {root}/other"]


# --- bounds ---


def test_one_file_is_followed_to_from_so_many_places(root, outside):
    write(f"{outside}/f")
    for name in "abcde":
        os.symlink(f"{outside}/f", f"{root}/{name}")
    with following(root, max_places=2) as watcher:
        turned_away = told(watcher)
        assert len(turned_away) == len(watcher.unwatched()) == 3
        assert {error.errno for error in watcher.unwatched().values()} == {errno.ELOOP}
        assert turned_away == [f"UNWATCHED {path}" for path in watcher.unwatched()]
        append(f"{outside}/f")
        assert len(told(watcher)) == 4
        covered = [path for path in watcher.snapshot() if path not in watcher.unwatched()]
        os.unlink(covered[0])
        assert [line.split(" ")[0] for line in told(watcher)] == ["WATCHED", "MODIFY"]
        assert len(watcher.unwatched()) == 2
        for path in list(watcher.unwatched()):
            os.unlink(path)
        assert (told(watcher), watcher.unwatched()) == ([], {})


def test_those_that_wait_get_each_place_that_is_free(root, outside):
    write(f"{outside}/f")
    for number in range(40):
        os.symlink(f"{outside}/f", f"{root}/{number}")
    with following(root, max_places=3) as watcher:
        watcher.sync()
        for left in range(36, -1, -1):
            os.unlink(next(path for path in watcher.snapshot() if path not in watcher.unwatched()))
            watcher.sync()
            assert len(watcher.unwatched()) == left
        append(f"{outside}/f")
        assert len(told(watcher)) == 6


def test_links_that_come_and_go_leave_nothing(root, outside):
    write(f"{outside}/f")
    with following(root) as watcher:
        for number in range(50):
            os.symlink(f"{outside}/f", f"{root}/{number}")
            watcher.sync()
            os.unlink(f"{root}/{number}")
            watcher.sync()
        files = watcher._tree._files
        assert (files.links.all(), list(files.wds), list(watcher._tree._anchors.wds)) == ([], [], [])
        watcher.remove(root)
        assert not oracles.kernel_watches(watcher._instance.fileno())


def test_a_magic_link_is_told_as_covered_in_part(root, outside):
    write(f"{outside}/f")
    with open(f"{outside}/f") as file:
        os.symlink(f"/proc/{os.getpid()}/fd/{file.fileno()}", f"{root}/link")
        with following(root) as watcher:
            assert told(watcher) == [f"UNWATCHED {root}/link"]
            append(f"{outside}/f")
            assert told(watcher) == written(f"{root}/link")


def test_a_target_that_may_not_be_read_is_told(unprivileged, root, outside):
    write(f"{outside}/f")
    os.symlink(f"{outside}/f", f"{root}/link")
    os.chmod(f"{outside}/f", 0)
    unprivileged(
        inside.code("""
        with Watcher(ROOT, follow_symlinks="files", mask=Mask.MODIFY) as watcher:
            (event,) = watcher.sync()
            assert (str(event), type(event.error)) == (f"UNWATCHED {ROOT}/link", PermissionError)
            assert list(watcher.unwatched()) == [f"{ROOT}/link"]
        """),
        root,
    )


# --- by other means ---


def test_a_consumer_has_what_is_on_the_disk(root, outside):
    write_all(outside, "f", "g")
    with Consumer(root, follow_symlinks="files") as consumer:
        os.symlink(f"{outside}/f", f"{root}/one")
        os.mkdir(f"{root}/d")
        os.symlink(f"{outside}/g", f"{root}/d/two")
        consumer.sync()
        os.rename(f"{root}/d", f"{root}/e")
        os.rename(f"{root}/one", f"{root}/e/two")
        consumer.assert_at_rest()


def test_a_recording_is_played_again(root, outside, tmp_path, monkeypatch):
    write_all(outside, "f", "g")
    os.symlink(f"{outside}/f", f"{root}/link")
    recording = tmp_path / "recording"
    monkeypatch.setenv("INOTIFY_CFFI_RECORD", os.fspath(recording))
    said = []
    with following(root, True, mask=ENTRIES | WRITES) as watcher:
        append(f"{outside}/f")
        said += watcher.sync()
        os.rename(f"{root}/link", f"{root}/other")
        os.symlink(f"{outside}/g", f"{root}/link")
        said += watcher.sync()
        replace(f"{outside}/g")
        watcher.retry()
        said += watcher.sync()
    with open(recording, encoding="utf-8") as lines:
        assert brief(Replay(lines).run()) == brief(said)


def test_without_proc_the_same_is_told(root, outside, monkeypatch):
    from inotify_cffi.tree import disk

    write_all(outside, "f")
    os.symlink(f"{outside}/f", f"{root}/link")
    with monkeypatch.context() as patch:
        patch.setattr(disk, "PROC", "/nowhere")
        watcher = following(root)
    with watcher:
        append(f"{outside}/f")
        assert told(watcher) == written(f"{root}/link")
        replace(f"{outside}/f")
        assert told(watcher) == [f"MODIFY {root}/link"]


def test_the_command_line_follows_links_to_files_only(root, outside):
    write_all(outside, "f", "d/g")
    os.symlink(f"{outside}/f", f"{root}/file")
    os.symlink(f"{outside}/d", f"{root}/directory")
    arguments = ("--follow-only", "files", "-e", "close_write,create", "--format", "%e %p", root)
    with Watching("watch", *arguments) as watching:
        write(f"{outside}/d/new")
        append(f"{outside}/f")
        assert watching.line() == f"CLOSE_WRITE {root}/file".encode()
