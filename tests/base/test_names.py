"""Names: any bytes but NUL and slash, of any length that the file system takes, in paths of any length."""

import contextlib
import os
import shutil

import pytest
from consumer import ENTRIES, Consumer, brief, write, write_all

from inotify_cffi import Mask, Watcher
from inotify_cffi.cli import usage

KINDS = pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
NAMES = {
    "non-utf-8": b"\xff\xfe\x80",
    "half of a character": b"caf\xc3",
    "utf-8": "caf\u00e9 \u65e5\u672c".encode(),
    "newline": b"a\nb\n",
    "leading dash": b"-rf",
    "255 bytes": b"x" * 255,
    "255 bytes, not utf-8": b"\xff" * 255,
    "blanks": b" \t ",
    "backslash": rb"\040\\",
    "three dots": b"...",
    "star": b"*?[a]",
    "control characters": bytes(range(1, 32)) + b"\x7f",
    "delete": b" (deleted)",
}
ANY_NAME = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)


@ANY_NAME
@KINDS
def test_any_name_of_a_directory_is_told_as_it_is(root, name, kind):
    with Watcher(kind(root), mask=ENTRIES) as watcher:
        path = os.path.join(kind(root), os.fsdecode(name) if kind is os.fspath else name)
        os.mkdir(path)
        below = os.path.join(path, kind("f"))
        write(below)
        assert [(event.path, event.names) for event in watcher.sync()] == [
            (path, ("CREATE", "ISDIR")),
            (below, ("CREATE",)),
        ]


@ANY_NAME
@KINDS
def test_any_name_is_followed_through_its_life(root, name, kind):
    name = os.fsdecode(name)
    with Consumer(root, kind=kind) as consumer:
        write_all(root, f"{name}/{name}/{name}")
        consumer.assert_each_directory_reports()
        os.rename(f"{root}/{name}", f"{root}/other")
        os.rename(f"{root}/other/{name}", f"{root}/{name}")
        consumer.assert_each_directory_reports()
        shutil.rmtree(f"{root}/{name}")
        write(f"{root}/{name}")
        consumer.assert_each_directory_reports()


@ANY_NAME
@KINDS
def test_any_name_may_be_a_root(root, name, kind):
    path = os.path.join(kind(root), kind(os.fsdecode(name)))
    os.mkdir(path)
    with Watcher(path, mask=Mask.CREATE) as watcher:
        file = os.path.join(path, kind("f"))
        write(file)
        (event,) = watcher.sync()
        assert (event.path, event.watch_path, event.name) == (file, path, kind("f"))


@ANY_NAME
def test_any_name_may_be_a_file_as_root(root, name):
    path = os.path.join(os.fsencode(root), name)
    write(path)
    with Watcher(path, mask=Mask.CLOSE_WRITE) as watcher:
        write(path, "changed")
        assert [(event.path, event.name) for event in watcher.sync()] == [(path, name)]


@ANY_NAME
def test_any_name_may_be_waited_for(root, name):
    path = os.path.join(root, os.fsdecode(name), os.fsdecode(name))
    with Watcher(path, mask=ENTRIES, missing="wait") as watcher:
        write_all(path, "f")
        assert [event.path for event in watcher.sync() if event.mask & Mask.CREATE] == [path + "/f"]


@KINDS
def test_the_types_of_the_paths_are_those_of_the_root(root, kind):
    with Watcher(kind(root)) as watcher:
        write_all(root, "a/f")
        os.rename(f"{root}/a", f"{root}/b")
        events = watcher.sync()
        fields = [field for event in events for field in (event.path, event.watch_path, event.name)]
        fields += [event.moved_from for event in events if event.moved_from is not None]
        assert {type(field) for field in [*fields, *watcher.snapshot()]} == {type(kind(root))}


def test_names_that_differ_in_one_byte_are_two(root):
    with Consumer(root) as consumer:
        for name in b"\xff", b"\xfe", b"\xc3\xbf", b"\xc3":
            os.mkdir(os.path.join(os.fsencode(root), name))
        consumer.assert_each_directory_reports()
        assert len(consumer.snapshot()) == 4


# --- longer than PATH_MAX ---

LEVELS, LONG = 24, "n" * 200


def go_down(fd, levels=LEVELS, *, make=True):
    """The descriptor of the innermost directory; no path leads there."""
    fd = os.dup(fd)
    for _ in range(levels):
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(LONG, dir_fd=fd)
        below = os.open(LONG, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
    return fd


@pytest.fixture
def top(root):
    """A descriptor of the root; what is too deep for a path is removed in the end."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)
    # By descriptors, too: what is left here nobody else can remove.
    assert shutil.rmtree.avoids_symlink_attacks
    shutil.rmtree(root)


def deep_path(root, levels=LEVELS):
    return "/".join([root, *[LONG] * levels])


@KINDS
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_path_longer_than_path_max(root, top, kind, when):
    assert len(deep_path(root)) > os.pathconf("/", "PC_PATH_MAX")
    if when == "before":
        os.close(go_down(top))
    with Watcher(kind(root), mask=ENTRIES) as watcher:
        deepest = go_down(top)
        os.mkdir("d", dir_fd=deepest)
        below = os.open("d", os.O_RDONLY, dir_fd=deepest)
        watcher.sync()
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=below))
        assert [event.path for event in watcher.sync()] == [kind(f"{deep_path(root)}/d/f")]
        assert (len(watcher.snapshot()), watcher.unwatched()) == (LEVELS + 2, {})
        assert watcher.stats()["watches"] == LEVELS + 2
        os.close(below)
        os.close(deepest)


def test_a_move_where_no_path_leads(root, top):
    deepest = go_down(top)
    with Watcher(root, mask=ENTRIES) as watcher:
        os.mkdir("a", dir_fd=deepest)
        os.close(os.open("a/f", os.O_CREAT | os.O_WRONLY, dir_fd=deepest))
        watcher.sync()
        os.rename("a", "b", src_dir_fd=deepest, dst_dir_fd=deepest)
        os.rename("b", "c", src_dir_fd=deepest, dst_dir_fd=top)
        path = deep_path(root)
        assert brief(watcher.sync()) == [
            f"MOVED_FROM,ISDIR {path}/a",
            f"MOVED_TO,ISDIR {path}/b (from {path}/a)",
            f"MOVED_FROM,ISDIR {path}/b",
            f"MOVED_TO,ISDIR {root}/c (from {path}/b)",
        ]
        os.close(os.open("c/g", os.O_CREAT | os.O_WRONLY, dir_fd=top))
        assert brief(watcher.sync()) == [f"CREATE {root}/c/g"]
    os.close(deepest)


def test_a_directory_moves_to_where_no_path_leads(root, top):
    write_all(root, "a/b/f")
    deepest = go_down(top)
    with Watcher(root, mask=ENTRIES) as watcher:
        os.rename("a", "a", src_dir_fd=top, dst_dir_fd=deepest)
        watcher.sync()
        os.close(os.open("a/b/g", os.O_CREAT | os.O_WRONLY, dir_fd=deepest))
        assert brief(watcher.sync()) == [f"CREATE {deep_path(root)}/a/b/g"]
    os.close(deepest)


def test_lost_events_where_no_path_leads(root, top):
    write_all(root, "one", "two")
    deepest = go_down(top)
    with Watcher(root) as watcher:
        size = -1
        while watcher._instance.queued_bytes() != size:
            size = watcher._instance.queued_bytes()
            for _ in range(500):
                os.utime(f"{root}/one")
                os.utime(f"{root}/two")
        os.mkdir("lost", dir_fd=deepest)
        watcher.sync()
        assert watcher.snapshot()[f"{deep_path(root)}/lost"] is True
    os.close(deepest)


def test_who_has_open_what_no_path_leads_to_is_counted_with_its_watches(root, top):
    def instances():
        return sum(process.instances for process in usage.processes()[0] if process.pid == os.getpid())

    before = instances()
    deepest = go_down(top)
    # The kernel has a page for the answer.
    with pytest.raises(OSError, match="File name too long"):
        os.readlink(f"/proc/self/fd/{deepest}")
    with Watcher(root):
        assert instances() == before + 1
    os.close(deepest)
