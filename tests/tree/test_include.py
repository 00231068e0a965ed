"""``include``: of files only those that are asked for, in all directories; across its border they come and go."""

from __future__ import annotations

import asyncio
import os
import re

import pytest
from consumer import ENTRIES, Consumer, brief, write, write_all

from inotify_cffi import Mask, Watcher, awatch, watch
from inotify_cffi.tree.disk import RECORD
from tests.git_patterns import Git
from tests.replay import Replay
from tests.stress.queue import with_queue
from tests.stress.writers import exchange

KINDS = pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])
FILES = ("a.py", "b.txt", "Makefile", "d/c.py", "d/Makefile", "d/e/f.txt", "d/e/g.py")
DIRECTORIES = {"d", "d/e"}


def told(watcher):
    return brief(event for event in watcher.sync() if event.mask & ENTRIES)


def names(watcher, root):
    return {os.fsdecode(path)[len(root) + 1 :] for path in watcher.snapshot()}


# --- which files ---

LISTS = [
    pytest.param(["*.py", "Makefile"], {"a.py", "Makefile", "d/c.py", "d/Makefile", "d/e/g.py"}, id="names"),
    pytest.param(["/a.py"], {"a.py"}, id="anchored"),
    pytest.param(["d/*.py"], {"d/c.py"}, id="by its way"),
    pytest.param(["d/**/*.py"], {"d/c.py", "d/e/g.py"}, id="below"),
    pytest.param(["*.py", "!c.py"], {"a.py", "d/e/g.py"}, id="negation"),
    pytest.param(["!c.py", "*.py"], {"a.py", "d/c.py", "d/e/g.py"}, id="the last one decides"),
    pytest.param(["e/"], {"d/e/f.txt", "d/e/g.py"}, id="a directory"),
    pytest.param(["d", "!e"], {"d/c.py", "d/Makefile"}, id="a directory but one"),
    pytest.param(["d", "!*.py"], {"d/Makefile", "d/e/f.txt"}, id="a directory but some"),
    pytest.param(["# all", "*.txt"], {"b.txt", "d/e/f.txt"}, id="comment"),
    pytest.param(["nothing"], set(), id="none"),
    pytest.param(["*"], set(FILES), id="all"),
    pytest.param([], set(FILES), id="empty"),
]


@pytest.mark.parametrize(("patterns", "files"), LISTS)
@pytest.mark.parametrize("when", ["before", "after", "moved in"])
@KINDS
def test_the_files_that_match_are_known_and_all_directories(root, outside, patterns, files, when, kind):
    if when == "before":
        write_all(root, *FILES)
    with Consumer(root, kind=kind, include=patterns) as consumer:
        if when == "after":
            write_all(root, *FILES)
        elif when == "moved in":
            write_all(outside, *FILES)
            for name in sorted(os.listdir(outside)):
                os.rename(f"{outside}/{name}", f"{root}/{name}")
        consumer.sync()
        assert names(consumer.watcher, root) == files | DIRECTORIES
        assert consumer.watcher.stats()["watches"] == 3


def test_a_list_includes_what_the_same_list_would_exclude(root, tmp_path):
    """So one who knows the patterns knows both options; git says what is excluded."""
    write_all(root, *FILES)
    git = Git(os.fspath(tmp_path / "git"))
    for patterns in (["*.py"], ["e/"], ["/d"], ["d/**"], ["Make*", "e"], ["?.py", "**/f*"]):
        git.write("\n".join(patterns).encode() + b"\n")
        kept = git.admitted(os.fsencode(root), list(map(os.fsencode, FILES)))
        with Watcher(root, include=patterns) as watcher:
            assert names(watcher, root) - DIRECTORIES == set(FILES) - set(map(os.fsdecode, kept))


# --- what is told ---


def test_nothing_is_told_of_other_files(root):
    write_all(root, "b.txt")
    with Watcher(root, include=["*.py"]) as watcher:
        write(f"{root}/b.txt", "changed")
        os.chmod(f"{root}/b.txt", 0o600)
        os.rename(f"{root}/b.txt", f"{root}/c.txt")
        os.unlink(f"{root}/c.txt")
        write(f"{root}/d.txt")
        assert watcher.sync() == []


def test_what_happens_to_a_file_that_is_included_is_told_as_ever(root):
    with Watcher(root, include=["*.py"]) as watcher:
        write(f"{root}/a.py")
        os.unlink(f"{root}/a.py")
        assert brief(watcher.sync()) == [
            f"{name} {root}/a.py" for name in ("CREATE", "MODIFY", "CLOSE_WRITE", "DELETE")
        ]


def test_directories_are_told_and_entered_whatever_they_are_called(root):
    with Watcher(root, include=["*.py"], mask=ENTRIES) as watcher:
        write_all(root, "docs/deep/b.txt")
        assert told(watcher) == [f"CREATE,ISDIR {root}/docs", f"CREATE,ISDIR {root}/docs/deep"]
        write(f"{root}/docs/deep/a.py")
        os.rename(f"{root}/docs", f"{root}/doc")
        assert told(watcher) == [
            f"CREATE {root}/docs/deep/a.py",
            f"MOVED_FROM,ISDIR {root}/docs",
            f"MOVED_TO,ISDIR {root}/doc (from {root}/docs)",
        ]


def test_a_file_that_is_renamed_across_the_border_comes_or_goes(root):
    write(f"{root}/a.txt")
    with Watcher(root, include=["*.py"], mask=ENTRIES) as watcher:
        os.rename(f"{root}/a.txt", f"{root}/a.py")
        assert told(watcher) == [f"MOVED_TO {root}/a.py"]
        os.rename(f"{root}/a.py", f"{root}/b.py")
        assert told(watcher) == [f"MOVED_FROM {root}/a.py", f"MOVED_TO {root}/b.py (from {root}/a.py)"]
        os.rename(f"{root}/b.py", f"{root}/b.txt")
        assert told(watcher) == [f"MOVED_FROM {root}/b.py"]


def test_a_file_that_is_not_included_replaces_one_that_is(root):
    write_all(root, "a.txt", "b.py")
    with Watcher(root, include=["*.py"], mask=ENTRIES) as watcher:
        os.rename(f"{root}/a.txt", f"{root}/b.py")
        assert told(watcher) == [f"DELETE {root}/b.py", f"MOVED_TO {root}/b.py"]
        write(f"{root}/c.txt")
        exchange(f"{root}/c.txt", f"{root}/b.py")
        watcher.sync()
        assert names(watcher, root) == {"b.py"}


@pytest.mark.parametrize("new", ["src", "src/sub"])
def test_a_directory_that_is_renamed_to_what_is_included_brings_its_files(root, new):
    write_all(root, "lib/a.py", "lib/e/b.py", "src/")
    if new == "src":
        os.rmdir(f"{root}/src")
    with Consumer(root, include=["/src"]) as consumer:
        os.rename(f"{root}/lib", f"{root}/{new}")
        consumer.sync()
        assert {f"{new}/a.py", f"{new}/e/b.py"} <= names(consumer.watcher, root)
        os.rename(f"{root}/{new}", f"{root}/lib")
        consumer.sync()
        assert names(consumer.watcher, root) - {"src"} == {"lib", "lib/e"}


def test_what_is_existing_is_told_as_far_as_it_is_included(root):
    write_all(root, "a.py", "d/b.py", "d/c.txt")
    with Watcher(root, include=["*.py"], existing=True, mask=ENTRIES) as watcher:
        said = told(watcher)
    assert sorted(said) == [f"CREATE {root}/a.py", f"CREATE {root}/d/b.py", f"CREATE,ISDIR {root}/d"]


def test_lost_events(root):
    write_all(root, "one.py", "two.txt", "a/f.py")
    with with_queue(16, [root], include=["*.py"]) as watcher:
        for number in range(20):
            write(f"{root}/{number}.txt")
        write_all(root, "b/g.py", "b/g.txt")
        os.rename(f"{root}/a/f.py", f"{root}/a/f.txt")
        os.rename(f"{root}/two.txt", f"{root}/two.py")
        assert watcher.sync()[0].mask & Mask.Q_OVERFLOW
        assert names(watcher, root) == {"one.py", "two.py", "a", "b", "b/g.py"}


# --- with other options ---


def test_exclude_goes_before_it(root):
    write_all(root, "a.py", "test_a.py", "out/b.py")
    with Watcher(root, include=["*.py"], exclude=["test_*", "out/"]) as watcher:
        assert names(watcher, root) == {"a.py"}


def test_gitignore_goes_before_it_and_is_heeded_though_it_is_not_included(root):
    write_all(root, "a.py", "gen.py", "out/b.py", "d/c.py")
    write(f"{root}/.gitignore", "gen.py\nout/\n")
    with Watcher(root, include=["*.py"], gitignore=True, mask=ENTRIES) as watcher:
        assert names(watcher, root) == {"a.py", "d", "d/c.py"}
        write(f"{root}/.gitignore", "d/\n")
        assert sorted(told(watcher)) == [
            *(f"CREATE {root}/gen.py", f"CREATE {root}/out/b.py", f"CREATE,ISDIR {root}/out"),
            *(f"DELETE {root}/d/c.py", f"DELETE,ISDIR {root}/d"),
        ]


def test_what_is_excluded_or_included_is_what_two_watchers_know(root):
    """A pattern that lets in what is excluded does not let in what is not included."""
    write_all(root, "a.py", "b.py", "c.txt")
    with Watcher(root, include=["*.py"], exclude=["*", "!b.py", "!c.txt"]) as watcher:
        assert names(watcher, root) == {"b.py"}


def test_the_depth_counts_as_ever(root):
    write_all(root, *FILES)
    with Watcher(root, include=["*.py"], max_depth=2) as watcher:
        assert names(watcher, root) == {"a.py", "d", "d/c.py", "d/e"}


def test_a_link_is_a_file_and_one_that_is_followed_a_directory(root, outside):
    write_all(outside, "x.py", "y.txt")
    os.symlink(outside, f"{root}/link")
    os.symlink(outside, f"{root}/link.py")
    with Watcher(root, include=["*.py"]) as watcher:
        assert names(watcher, root) == {"link.py"}
    os.unlink(f"{root}/link.py")
    with Watcher(root, include=["*.py"], follow_symlinks=True) as watcher:
        assert names(watcher, root) == {"link", "link/x.py"}


@KINDS
def test_a_root_that_is_a_file_is_watched_whatever_it_is_called(root, kind):
    write(f"{root}/a.txt")
    with Watcher(kind(f"{root}/a.txt"), include=["*.py"]) as watcher:
        write(f"{root}/a.txt", "changed")
        assert {os.fsdecode(event.path) for event in watcher.sync()} == {f"{root}/a.txt"}


def test_a_root_that_comes_later(root):
    with Watcher(f"{root}/later", include=["*.py"], missing="wait", mask=ENTRIES) as watcher:
        write_all(root, "later/a.py", "later/b.txt", "later/c.d/e.py")
        watcher.sync()
        assert names(watcher, f"{root}/later") == {"a.py", "c.d", "c.d/e.py"}


def test_a_root_that_is_added_later(root, outside):
    write_all(outside, "a.py", "b.txt")
    with Watcher(root, include=["*.py"]) as watcher:
        watcher.add(outside)
        assert names(watcher, outside) == {"a.py"}


def test_the_files_of_the_directories_that_are_tracked_alone(root):
    write_all(root, "a.py", "b.txt", "d/")
    with Watcher(root, include=["*.py"], track="directories") as watcher:
        write(f"{root}/d/c.py")
        write(f"{root}/d/c.txt")
        os.unlink(f"{root}/b.txt")
        os.rename(f"{root}/a.py", f"{root}/a.txt")
        assert brief(watcher.sync()) == [
            *(f"{name} {root}/d/c.py" for name in ("CREATE", "MODIFY", "CLOSE_WRITE")),
            f"MOVED_FROM {root}/a.py",
        ]
        write_all(root, "new/x.py", "new/x.txt")
        assert f"CREATE {root}/new/x.txt" not in brief(watcher.sync())


@pytest.mark.parametrize(
    ("patterns", "old", "new", "again"),
    [
        (["src/"], "lib", "src", ["src", "src/below"]),
        (["src/"], "src", "lib", ["lib", "lib/below"]),
        (["src"], "src/deep", "deep", ["deep", "deep/below"]),
        (["*.py"], "lib", "src", []),
        (["src/"], "src/a", "src/b", []),
        (["/src/*.py"], "lib", "src", ["src", "src/below"]),
    ],
)
def test_where_no_file_is_known_a_directory_across_the_border_is_to_be_read_again(root, patterns, old, new, again):
    write_all(root, f"{old}/below/a.py")
    with Watcher(root, include=patterns, track="directories", mask=ENTRIES) as watcher:
        os.rename(f"{root}/{old}", f"{root}/{new}")
        rescans = [event.path[len(root) + 1 :] for event in watcher.sync() if event.mask & Mask.RESCAN]
        assert rescans == again


# --- the ways to it ---


def test_the_generator_takes_it(root, when_main_is_blocked):
    when_main_is_blocked(write_all, root, "a.txt", "a.o", "a.py")
    events = watch(root, include=["*.py", "*.o"], exclude=["*.o"])
    assert next(events).path == f"{root}/a.py"
    events.close()


def test_asyncio_takes_it(root):
    async def first():
        async with awatch(root, include=["*.py"]) as watcher:
            await watcher.aadd(os.path.dirname(root) + "/other")
            write_all(root, "a.txt", "../other/b.txt", "../other/a.py")
            return (await watcher.__aiter__().__anext__()).path

    write_all(root, "../other/")
    assert asyncio.run(first()) == os.path.dirname(root) + "/other/a.py"


def test_a_recording_has_the_patterns_and_is_played_again(root, tmp_path, monkeypatch):
    write_all(root, "a.py", "d/b.py")
    write(f"{root}/.gitignore", "*.o\r\n")
    monkeypatch.setenv(RECORD, os.fspath(tmp_path / "recording"))
    with Watcher(root, include=["*.py", "*.o"], exclude=["x*"], gitignore=True) as watcher:
        write_all(root, "new/c.py", "new/d.o", "new/xa.py")
        write(f"{root}/.gitignore", "d/\n")
        told = brief(watcher.sync())
    with open(tmp_path / "recording", encoding="utf-8") as recording:
        assert brief(Replay(recording).run()) == told
    assert {f"CREATE {root}/new/d.o", f"DELETE {root}/d/b.py"} <= set(told)


# --- what is refused ---


@pytest.mark.parametrize(
    ("patterns", "error", "said"),
    [
        ("*.py", TypeError, "include must be a list of patterns, not the single pattern '*.py'"),
        (b"*.py", TypeError, "include must be a list of patterns, not the single pattern b'*.py'"),
        (["*.py", 3], TypeError, "include must be a list of patterns that are str, not 3"),
        ([b"*.py"], TypeError, "include must be a list of patterns that are str, not b'*.py'"),
        (None, TypeError, "include must be a list of patterns, not None"),
        (["*.py", ""], ValueError, "include: '' is an empty pattern; leave it out"),
        (["  "], ValueError, "include: '  ' is an empty pattern; leave it out"),
        (["# *.py"], ValueError, "include: '# *.py' is a comment; give a pattern, too"),
        (["!"], ValueError, "include: '!' is not a gitignore pattern: it names nothing"),
        (["a["], ValueError, "include: 'a[' is not a gitignore pattern: a bracket is not closed"),
    ],
)
def test_what_is_no_list_of_patterns_is_refused(root, patterns, error, said):
    with pytest.raises(error, match=re.escape(said)):
        Watcher(root, include=patterns)
