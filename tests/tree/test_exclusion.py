"""Exclusion: what is left out is neither watched nor listed nor told; across its border things come and go."""

import os
import re
import shutil

import inside
import pytest
from consumer import ENTRIES, brief, write, write_all

from inotify_cffi import Mask, Watcher
from inotify_cffi.tree.disk import Disk
from tests.stress.queue import with_queue
from tests.stress.writers import exchange

KINDS = pytest.mark.parametrize("kind", [os.fspath, os.fsencode], ids=["str", "bytes"])


def told(watcher):
    return brief(event for event in watcher.sync() if event.mask & ENTRIES)


def names(watcher, root):
    """The entries that are known, relative; all that is watched is a directory among them, and the root."""
    snapshot = watcher.snapshot()
    return {os.fsdecode(path)[len(root) + 1 :] for path in snapshot}


def kernel_watches(watcher):
    with open(f"/proc/self/fdinfo/{watcher._instance._fd}") as lines:
        return sum(line.startswith("inotify ") for line in lines)


# --- patterns ---

PATTERNS = [
    pytest.param(["*.o"], {"a", "a/x.c", "b.c"}, 2, id="suffix"),
    pytest.param(["a"], {"b.c", "b.o"}, 1, id="directory"),
    pytest.param(["a/"], {"b.c", "b.o"}, 1, id="directory only"),
    pytest.param(["/x.c"], {"a", "a/x.c", "a/x.o", "b.c", "b.o"}, 2, id="anchored"),
    pytest.param(["**/x.*"], {"a", "b.c", "b.o"}, 2, id="anywhere"),
    pytest.param(["a/x.c"], {"a", "a/x.o", "b.c", "b.o"}, 2, id="by its way"),
    pytest.param(["*", "!*.c"], {"b.c"}, 1, id="all but"),
    pytest.param(["*.o", "!b.o"], {"a", "a/x.c", "b.c", "b.o"}, 2, id="negation"),
    pytest.param(["# *.c", ""], {"a", "a/x.c", "a/x.o", "b.c", "b.o"}, 2, id="comment"),
    pytest.param(["*"], set(), 1, id="all"),
]


@pytest.mark.parametrize(("patterns", "known", "watches"), PATTERNS)
@pytest.mark.parametrize("when", ["before", "after", "moved in"])
@KINDS
def test_patterns_are_those_of_gitignore(root, tmp_path, patterns, known, watches, when, kind):
    files = ("a/x.c", "a/x.o", "b.c", "b.o")
    if when == "before":
        write_all(root, *files)
    with Watcher(kind(root), exclude=patterns) as watcher:
        if when == "after":
            write_all(root, *files)
        elif when == "moved in":
            write_all(tmp_path / "other", *files)
            for name in sorted(os.listdir(tmp_path / "other")):
                os.rename(tmp_path / "other" / name, f"{root}/{name}")
        watcher.sync()
        assert names(watcher, root) == known
        assert watcher.stats()["watches"] == kernel_watches(watcher) == watches


def test_nothing_is_told_of_what_is_excluded(root):
    write_all(root, "a/f")
    with Watcher(root, exclude=["a", "*.o"]) as watcher:
        write(f"{root}/a/f", "changed")
        write_all(root, "a/b/g", "x.o")
        os.chmod(f"{root}/a", 0o750)
        os.rename(f"{root}/x.o", f"{root}/y.o")
        shutil.rmtree(f"{root}/a")
        os.unlink(f"{root}/y.o")
        assert watcher.sync() == []


def test_what_is_existing_is_told_without_what_is_excluded(root):
    write_all(root, "a/f", "b/g", "b/x.o")
    with Watcher(root, exclude=["a", "*.o"], existing=True, mask=ENTRIES) as watcher:
        assert brief(watcher.sync()) == [f"CREATE,ISDIR {root}/b", f"CREATE {root}/b/g"]


# --- the border ---


def test_a_file_that_is_renamed_across_the_border_comes_or_goes(root):
    write(f"{root}/f")
    with Watcher(root, exclude=["*.o"], mask=ENTRIES) as watcher:
        os.rename(f"{root}/f", f"{root}/f.o")
        assert told(watcher) == [f"MOVED_FROM {root}/f"]
        os.rename(f"{root}/f.o", f"{root}/g")
        assert told(watcher) == [f"MOVED_TO {root}/g"]


def test_a_directory_that_is_renamed_across_the_border_comes_or_goes(root):
    write_all(root, "d/e/f", "d/e/x.o")
    with Watcher(root, exclude=["out", "*.o"], mask=ENTRIES) as watcher:
        os.rename(f"{root}/d", f"{root}/out")
        assert told(watcher) == [f"DELETE {root}/d/e/f", f"DELETE,ISDIR {root}/d/e", f"MOVED_FROM,ISDIR {root}/d"]
        assert watcher.stats()["watches"] == kernel_watches(watcher) == 1
        write(f"{root}/out/e/g")
        assert watcher.sync() == []
        os.rename(f"{root}/out", f"{root}/d")
        said = told(watcher)
        assert said[:2] == [f"MOVED_TO,ISDIR {root}/d", f"CREATE,ISDIR {root}/d/e"]
        assert sorted(said[2:]) == [f"CREATE {root}/d/e/f", f"CREATE {root}/d/e/g"]
        assert watcher.stats()["watches"] == kernel_watches(watcher) == 3


def test_a_rename_beyond_the_border_is_none(root):
    write_all(root, "a.o", "b.o")
    with Watcher(root, exclude=["*.o"]) as watcher:
        os.rename(f"{root}/a.o", f"{root}/c.o")
        os.rename(f"{root}/b.o", f"{root}/c.o")
        assert watcher.sync() == []


def test_what_is_excluded_replaces_what_is_not(root):
    write_all(root, "a.o", "b")
    with Watcher(root, exclude=["*.o"], mask=ENTRIES) as watcher:
        os.rename(f"{root}/a.o", f"{root}/b")
        assert told(watcher) == [f"DELETE {root}/b", f"MOVED_TO {root}/b"]


def test_a_pattern_of_the_way_holds_where_a_directory_is_moved_to(root):
    """What is in it may be excluded there, and was not here; and the other way round."""
    write_all(root, "a/keep/x", "a/drop/x")
    with Watcher(root, exclude=["/b/drop", "/c/keep"], mask=ENTRIES) as watcher:
        for new, known in (
            ("b", {"b", "b/keep", "b/keep/x"}),
            ("c", {"c", "c/drop", "c/drop/x"}),
            ("a", {"a", "a/keep", "a/keep/x", "a/drop", "a/drop/x"}),
        ):
            (old,) = os.listdir(root)
            os.rename(f"{root}/{old}", f"{root}/{new}")
            watcher.sync()
            assert names(watcher, root) == known
            assert watcher.stats()["watches"] == kernel_watches(watcher) == 1 + sum(watcher.snapshot().values())


def test_an_excluded_name_changes_its_kind(root):
    """A pattern for directories only lets a file of that name in."""
    write(f"{root}/x")
    with Watcher(root, exclude=["x/"], mask=ENTRIES) as watcher:
        os.unlink(f"{root}/x")
        write_all(root, "x/f")
        assert told(watcher) == [f"DELETE {root}/x"]
        shutil.rmtree(f"{root}/x")
        write(f"{root}/x")
        assert told(watcher) == [f"CREATE {root}/x"]


def test_lost_events_with_patterns(root):
    write_all(root, "one", "two", "a/f")
    with Watcher(root, exclude=["*.o", "out"]) as watcher:
        size = -1
        while watcher._instance.queued_bytes() != size:
            size = watcher._instance.queued_bytes()
            for _ in range(500):
                os.utime(f"{root}/one")
                os.utime(f"{root}/two")
        os.rename(f"{root}/a", f"{root}/out")
        write_all(root, "b/g", "b/g.o", "out/h")
        watcher.sync()
        assert names(watcher, root) == {"one", "two", "b", "b/g"}
        assert watcher.stats()["watches"] == kernel_watches(watcher) == 2


BAD = {
    "!": "it names nothing",
    "/": "it names nothing",
    "!/": "it names nothing",
    "[": "a bracket is not closed",
    "a[b-": "a bracket is not closed",
    "[[:alpha:": "a bracket is not closed",
    "[[:vowel:]]": "there is no class [:vowel:]",
    "[!\x01-\udcff]": "a bracket matches no character",
    "a\\": "its last backslash has nothing behind it",
    "a\0b": "it holds a NUL byte",
    "a" * 5000: "it is longer than 4096 bytes",
    "\ud800": "it is no text that a name can have",
}


@pytest.mark.parametrize("pattern", BAD)
def test_a_pattern_that_can_match_nothing_is_refused_with_the_reason(root, pattern):
    """Git passes over it; whoever wrote it has made a mistake."""
    said = f"{pattern!r} is not a gitignore pattern: {BAD[pattern]}"
    with pytest.raises(ValueError, match=re.escape(said)):
        Watcher(root, exclude=["*.o", pattern])


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        ("*.o", "exclude must be a list of patterns, not the single pattern '*.o'"),
        (b"*.o", "exclude must be a list of patterns, not the single pattern b'*.o'"),
        ([b"*.o"], "exclude must be a list of patterns that are str, not b'*.o'"),
        ([None], "exclude must be a list of patterns that are str, not None"),
        (None, "exclude must be a list of patterns, not None"),
        (7, "exclude must be a list of patterns, not 7"),
    ],
)
def test_what_is_no_list_of_patterns_is_refused(root, patterns, said):
    with pytest.raises(TypeError, match=re.escape(said)):
        Watcher(root, exclude=patterns)


def test_any_iterable_of_patterns_will_do(root):
    write_all(root, "a.o", "b.c")
    for patterns in (("*.o",), {"*.o"}, iter(["*.o"])):
        with Watcher(root, exclude=patterns) as watcher:
            assert names(watcher, root) == {"b.c"}


def test_a_bad_name_is_matched_too(root):
    with Watcher(root, exclude=["*.o"], mask=ENTRIES) as watcher:
        write(os.fsencode(root) + b"/\xff.o")
        write(os.fsencode(root) + b"/\xff.c")
        assert [os.fsencode(event.path) for event in watcher.sync()] == [os.fsencode(root) + b"/\xff.c"]


# --- .gitignore ---


def ignoring(root, **options):
    return Watcher(root, gitignore=True, **options)


def lines(path, *patterns):
    write(path, "".join(pattern + "\n" for pattern in patterns))


@KINDS
def test_the_files_of_each_level_are_heeded(root, kind):
    """The deepest one that says something about a name decides."""
    write_all(root, "x.o", "a/x.o", "a/y.o", "a/b/x.o", "build/z", "a/build/z", ".git/config")
    lines(f"{root}/.gitignore", "*.o", "/build")
    lines(f"{root}/a/.gitignore", "!x.o")
    lines(f"{root}/a/b/.gitignore", "x.o")
    with ignoring(kind(root)) as watcher:
        known = {".gitignore", "a", "a/.gitignore", "a/x.o", "a/b", "a/b/.gitignore", "a/build", "a/build/z"}
        assert names(watcher, root) == known
        assert watcher.stats()["watches"] == kernel_watches(watcher) == 4
        write_all(root, "new.o", "a/new.o", "build/new", ".git/new")
        assert told(watcher) == []


def test_without_being_asked_they_are_not_heeded(root):
    lines(f"{root}/.gitignore", "*.o")
    write_all(root, "x.o", ".git/config")
    with Watcher(root) as watcher:
        assert names(watcher, root) == {".gitignore", "x.o", ".git", ".git/config"}


def test_a_change_lets_in_and_out(root):
    write_all(root, "a/x.o", "a/x.c", "b.o")
    lines(f"{root}/.gitignore", "*.o")
    with ignoring(root, mask=ENTRIES) as watcher:
        lines(f"{root}/.gitignore", "*.c")
        assert sorted(told(watcher)) == [f"CREATE {root}/a/x.o", f"CREATE {root}/b.o", f"DELETE {root}/a/x.c"]
        lines(f"{root}/.gitignore", "a")
        assert told(watcher) == [f"DELETE {root}/a/x.o", f"DELETE,ISDIR {root}/a"]
        assert watcher.stats()["watches"] == kernel_watches(watcher) == 1
        os.unlink(f"{root}/.gitignore")
        watcher.sync()
        assert names(watcher, root) == {"a", "a/x.o", "a/x.c", "b.o"}


@pytest.mark.parametrize("way", ["written", "moved in", "moved over", "moved from below", "linked"])
def test_it_is_heeded_however_it_came(root, tmp_path, way):
    write_all(root, "a/x.o", "x.o", "sub/")
    if way == "moved over":
        lines(f"{root}/.gitignore", "nothing")
    with ignoring(root) as watcher:
        if way == "written":
            lines(f"{root}/.gitignore", "*.o")
        elif way == "moved from below":
            lines(f"{root}/sub/.gitignore", "*.o")
            os.rename(f"{root}/sub/.gitignore", f"{root}/.gitignore")
        else:
            lines(tmp_path / "patterns", "*.o")
            (os.link if way == "linked" else os.rename)(tmp_path / "patterns", f"{root}/.gitignore")
        watcher.sync()
        assert names(watcher, root) == {".gitignore", "a", "sub"}


@pytest.mark.parametrize("way", ["removed", "moved out", "moved elsewhere", "emptied"])
def test_it_is_heeded_no_more_however_it_went(root, tmp_path, way):
    write_all(root, "a/x.o", "x.o", "sub/y.o")
    lines(f"{root}/.gitignore", "*.o")
    path = f"{root}/.gitignore"
    with ignoring(root) as watcher:
        assert names(watcher, root) == {".gitignore", "a", "sub"}
        if way == "removed":
            os.unlink(path)
        elif way == "moved out":
            os.rename(path, tmp_path / "x")
        elif way == "moved elsewhere":
            os.rename(path, f"{root}/sub/.gitignore")
        else:
            write(path, "")
        watcher.sync()
        known = {"a", "a/x.o", "x.o", "sub"}
        known |= {"sub/.gitignore"} if way == "moved elsewhere" else {"sub/y.o"}
        assert names(watcher, root) - {".gitignore"} == known


def test_a_nested_one_that_changes_while_the_outer_one_does(root):
    write_all(root, "a/x.o", "a/y.c", "b/x.o")
    with ignoring(root) as watcher:
        lines(f"{root}/.gitignore", "*.o")
        lines(f"{root}/a/.gitignore", "!*.o", "*.c")
        watcher.sync()
        assert names(watcher, root) == {".gitignore", "a", "a/.gitignore", "a/x.o", "b"}


def test_a_directory_moves_below_another_one(root):
    """What its names are matched with is another file there."""
    write_all(root, "one/", "two/", "one/d/x.o", "one/d/x.c")
    lines(f"{root}/one/.gitignore", "*.o")
    lines(f"{root}/two/.gitignore", "*.c")
    with ignoring(root) as watcher:
        assert {name for name in names(watcher, root) if "/d" in name} == {"one/d", "one/d/x.c"}
        os.rename(f"{root}/one/d", f"{root}/two/d")
        watcher.sync()
        assert {name for name in names(watcher, root) if "/d" in name} == {"two/d", "two/d/x.o"}


def test_a_directory_moves_with_its_own_one(root):
    write_all(root, "a/x.o", "b/")
    lines(f"{root}/a/.gitignore", "*.o")
    with ignoring(root) as watcher:
        os.rename(f"{root}/a", f"{root}/b/c")
        write(f"{root}/b/c/y.o")
        write(f"{root}/b/c/z")
        watcher.sync()
        assert names(watcher, root) == {"b", "b/c", "b/c/.gitignore", "b/c/z"}


def test_what_is_in_an_excluded_directory_can_not_be_let_in_again(root):
    """As gitignore(5) says: git does not look into it."""
    write_all(root, "a/f")
    lines(f"{root}/.gitignore", "a/", "!a/f")
    with ignoring(root) as watcher:
        assert names(watcher, root) == {".gitignore"}


def test_a_directory_that_is_let_in_again(root):
    """All but one: the classical white list."""
    write_all(root, "a/f", "b/g", "keep/h")
    lines(f"{root}/.gitignore", "/*", "!/keep", "!.gitignore")
    with ignoring(root) as watcher:
        assert names(watcher, root) == {".gitignore", "keep", "keep/h"}
        lines(f"{root}/.gitignore", "/*", "!/b", "!.gitignore")
        watcher.sync()
        assert names(watcher, root) == {".gitignore", "b", "b/g"}


@pytest.mark.usefixtures("no_fd_left")
def test_one_that_is_a_directory_or_a_link_or_nonsense_does_no_harm(root):
    write_all(root, "a/.gitignore/x.o", "b/x.o", "c/x.o")
    os.symlink("/etc/passwd", f"{root}/b/.gitignore")
    with open(f"{root}/c/.gitignore", "wb") as file:
        file.write(b"\xff\xfe\0\n!\n[\n*.o\n")
    os.mkdir(f"{root}/d")
    os.mkfifo(f"{root}/d/.gitignore")
    with ignoring(root) as watcher:
        assert watcher.unwatched() == {}
        assert {"a/.gitignore/x.o", "b/x.o"} <= names(watcher, root)
        assert "c/x.o" not in names(watcher, root)
        write_all(root, "a/y", "b/y", "c/y", "d/y")
        assert sorted(told(watcher)) == [f"CREATE {root}/{name}/y" for name in "abcd"]


@pytest.mark.parametrize("pattern", ["!", "[", "[z-a]", "a\\", "\xff[", "**", "/", "//", "!/", "\r", "{", "(*?"])
def test_no_pattern_ends_the_watcher(root, pattern):
    """What is none for git is passed over, here as there; the next ones hold."""
    with ignoring(root) as watcher:
        lines(f"{root}/.gitignore", pattern, "*.o")
        watcher.sync()
        write_all(root, "d/x.o")
        assert f"CREATE {root}/d/x.o" not in told(watcher)
        assert watcher.unwatched() == {}


def test_it_is_not_told_that_who_did_not_ask_writes_it(root):
    with ignoring(root, mask=Mask.CREATE) as watcher:
        lines(f"{root}/.gitignore", "*.o")
        assert brief(watcher.sync()) == [f"CREATE {root}/.gitignore"]
        lines(f"{root}/.gitignore", "*.c")
        assert watcher.sync() == []
        write_all(root, "x.o", "x.c")
        assert brief(watcher.sync()) == [f"CREATE {root}/x.o"]


CHANGES_OF_ONE_THAT_IS_HIDDEN = {
    "written": lambda path, other: lines(path, "*", "!*/", "!*.c"),
    "replaced": lambda path, other: os.rename(other, path),
    "removed": lambda path, other: os.unlink(path),
    "moved out": os.rename,
    "exchanged": exchange,
    "moved below": lambda path, other: os.rename(path, os.path.dirname(path) + "/d/.gitignore"),
}


@pytest.mark.parametrize("options", [{}, {"mask": Mask.CREATE}, {"exclude": [".gitignore"]}], ids=str)
@pytest.mark.parametrize("way", CHANGES_OF_ONE_THAT_IS_HIDDEN)
def test_one_that_is_excluded_itself_is_heeded_when_it_changes(root, tmp_path, way, options):
    """``*`` excludes the file that it stands in; git reads it all the same."""
    write_all(root, "a.o", "a.c", "d/b.o", "d/b.c")
    lines(f"{root}/.gitignore", "*", "!*/", "!*.o")
    lines(tmp_path / "other", "*", "!*/", "!*.c")
    with ignoring(root, **options) as watcher:
        assert names(watcher, root) == {"a.o", "d", "d/b.o"}
        CHANGES_OF_ONE_THAT_IS_HIDDEN[way](f"{root}/.gitignore", tmp_path / "other")
        watcher.sync()
        known = {"written", "replaced", "exchanged"}
        if way in known:
            assert names(watcher, root) == {"a.c", "d", "d/b.c"}
        else:
            below = {"d/b.o"} if way == "moved below" else {"d/b.o", "d/b.c"}
            assert names(watcher, root) - {"d/.gitignore"} == {"a.o", "a.c", "d", *below}


def test_one_that_is_excluded_itself_is_heeded_when_it_comes(root):
    write_all(root, "a.o", "a.c")
    with ignoring(root, exclude=[".*"]) as watcher:
        lines(f"{root}/.gitignore", "*.o")
        watcher.sync()
        assert names(watcher, root) == {"a.c"}


def test_one_that_is_excluded_itself_and_came_while_events_were_lost(root):
    write_all(root, "a.o", "a.c", "d/b.o")
    with with_queue(16, [root], gitignore=True, exclude=[".*"]) as watcher:
        for number in range(20):
            write(f"{root}/{number}.c")
        lines(f"{root}/.gitignore", "*.o", "[0-9]*")
        watcher.sync()
        assert names(watcher, root) == {"a.c", "d"}


def test_the_second_half_of_a_move_that_was_merged_is_heeded(root):
    """Of a name that was moved away it is looked what is there now: it may be another list."""
    write_all(root, "a.o", "a.c")
    lines(f"{root}/.gitignore", "*.o")
    with ignoring(root) as watcher:
        lines(f"{root}/other", "*.c")
        exchange(f"{root}/other", f"{root}/.gitignore")
        watcher.sync()
        assert names(watcher, root) == {".gitignore", "other", "a.o"}


def test_permissions_let_it_be_read_or_not(unprivileged, root):
    """What can not be read is not heeded, as for git."""
    write_all(root, "a.o", "a.c")
    lines(f"{root}/.gitignore", "*.o")
    os.chmod(f"{root}/.gitignore", 0o000)
    os.chmod(root, 0o755)
    unprivileged(
        inside.code("""
            with Watcher(ROOT, gitignore=True, mask=Mask.CREATE) as watcher:
                assert ROOT + "/a.o" in watcher.snapshot()
        """),
        root,
    )


@pytest.mark.parametrize(
    ("mode", "known"), [(0o000, {".gitignore", "a.c", "a.o"}), (0o444, {".gitignore", "a.c"})]
)
def test_a_change_of_its_permissions_is_noticed(root, monkeypatch, mode, known):
    """Root reads it whatever they are, so the disk answers for the kernel."""
    write_all(root, "a.o", "a.c")
    lines(f"{root}/.gitignore", "*.o")
    os.chmod(f"{root}/.gitignore", 0o444 ^ mode)
    real = Disk.lines

    def readable(disk, fd, name):
        return real(disk, fd, name) if os.stat(f"{root}/.gitignore").st_mode & 0o400 else []

    monkeypatch.setattr(Disk, "lines", readable)
    with ignoring(root, mask=Mask.CREATE | Mask.DELETE) as watcher:
        os.chmod(f"{root}/.gitignore", mode)
        watcher.sync()
        assert names(watcher, root) == known


@pytest.mark.parametrize(
    ("content", "heeded"),
    [
        pytest.param("#" * ((1 << 18) - 5) + "\n*.o\n", True, id="256 KiB"),
        pytest.param("#" * ((1 << 18) - 4) + "\n*.o\n", False, id="more"),
        pytest.param("x\n" * 9_999 + "*.o\n", True, id="10,000 lines"),
        pytest.param("x\n" * 10_000 + "*.o\n", False, id="more lines"),
    ],
)
def test_one_that_no_person_has_written_is_not_heeded(root, content, heeded):
    """To compile it would take long, whoever put it there."""
    write_all(root, "a.o")
    write(f"{root}/.gitignore", content)
    with ignoring(root) as watcher:
        assert names(watcher, root) == ({".gitignore"} if heeded else {".gitignore", "a.o"})


def test_names_and_patterns_of_any_bytes(root):
    top = os.fsencode(root)
    with open(f"{root}/.gitignore", "wb") as file:
        file.write(b"\xff*\n\xc3\nnew\rline\n")
    for name in (b"\xff1", b"\xc3", b"\xc3\xa9", b"new\rline", b"new"):
        os.mknod(top + b"/" + name)
    with ignoring(top) as watcher:
        assert sorted(watcher.snapshot()) == [top + b"/" + name for name in (b".gitignore", b"new", b"\xc3\xa9")]


def test_a_repository_in_another_one_is_a_directory_like_others(root):
    """Its own files are heeded, and so are those above it; what makes it a repository is left out."""
    write_all(root, "sub/.git/config", "sub/x.o", "sub/y.c", "sub/z", "tree/f")
    write(f"{root}/tree/.git", "gitdir: ../.git/worktrees/tree")
    lines(f"{root}/.gitignore", "*.o")
    lines(f"{root}/sub/.gitignore", "*.c")
    with ignoring(root) as watcher:
        assert names(watcher, root) == {".gitignore", "sub", "sub/.gitignore", "sub/z", "tree", "tree/f"}


def test_what_git_reads_elsewhere_is_not_heeded(root):
    """``.git/info/exclude`` and the files of the directories above the root."""
    write_all(root, "top/.git/info/", "top/below/a.o", "top/below/b.c")
    lines(f"{root}/top/.git/info/exclude", "*.o")
    lines(f"{root}/top/.gitignore", "*.c")
    with ignoring(f"{root}/top/below") as watcher:
        assert names(watcher, f"{root}/top/below") == {"a.o", "b.c"}


def test_a_list_lets_in_what_a_file_leaves_out(root):
    """As git asks its command line first."""
    lines(f"{root}/.gitignore", "*.o")
    with ignoring(root, exclude=["!x.o"], mask=ENTRIES) as watcher:
        write_all(root, "x.o", "y.o")
        assert told(watcher) == [f"CREATE {root}/x.o"]


def test_what_patterns_need_is_there_before_it_is_needed(python, root):
    """By then there may be no descriptor left for that, or another root directory."""
    said = python(
        """
        import os, sys
        from inotify_cffi import Watcher
        with Watcher(sys.argv[1] + "/later", gitignore=True, missing="wait") as watcher:
            before = set(sys.modules)
            os.mkdir(sys.argv[1] + "/later")
            open(sys.argv[1] + "/later/f", "w").close()
            assert len(watcher.sync()) > 1
            print(set(sys.modules) - before)
        """,
        root,
    )
    assert said == "set()\n"


def test_patterns_go_before_the_files(root):
    """What exclude= leaves out no .gitignore lets in."""
    lines(f"{root}/.gitignore", "!*.o")
    with ignoring(root, exclude=["*.o"], mask=ENTRIES) as watcher:
        write(f"{root}/x.o")
        assert told(watcher) == []


# --- depth ---


@pytest.mark.parametrize("depth", [1, 2, 3])
@KINDS
def test_the_depth_is_that_of_find(root, depth, kind):
    write_all(root, "a/b/c/d/f", "g")
    with Watcher(kind(root), max_depth=depth) as watcher:
        known = {"g", *("/".join("abcd"[: n + 1]) for n in range(depth))}
        assert names(watcher, root) == known
        assert watcher.stats()["watches"] == kernel_watches(watcher) == depth
        write_all(root, "x/y/z/w/f")
        watcher.sync()
        assert names(watcher, root) == known | {"/".join("xyzw"[: n + 1]) for n in range(depth)}
        assert watcher.stats()["watches"] == kernel_watches(watcher) == 2 * depth - 1


def test_not_recursive_is_the_depth_of_one(root):
    write_all(root, "a/f", "g")
    with Watcher(root, recursive=False, mask=ENTRIES) as watcher:
        write_all(root, "a/h", "b/i")
        assert told(watcher) == [f"CREATE,ISDIR {root}/b"]
        os.rename(f"{root}/a", f"{root}/c")
        assert told(watcher) == [f"MOVED_FROM,ISDIR {root}/a", f"MOVED_TO,ISDIR {root}/c (from {root}/a)"]
        assert kernel_watches(watcher) == 1


def test_a_directory_that_moves_up_shows_more(root):
    write_all(root, "a/b/c/f")
    with Watcher(root, max_depth=3) as watcher:
        os.rename(f"{root}/a/b", f"{root}/b")
        watcher.sync()
        assert names(watcher, root) == {"a", "b", "b/c", "b/c/f"}
        assert watcher.stats()["watches"] == kernel_watches(watcher) == 4


def test_a_directory_that_moves_down_shows_less(root):
    write_all(root, "a/b/f", "x/y/")
    with Watcher(root, max_depth=3) as watcher:
        os.rename(f"{root}/a", f"{root}/x/y/a")
        watcher.sync()
        assert names(watcher, root) == {"x", "x/y", "x/y/a"}
        assert watcher.stats()["watches"] == kernel_watches(watcher) == 3
        os.rename(f"{root}/x/y/a", f"{root}/a")
        watcher.sync()
        assert names(watcher, root) == {"x", "x/y", "a", "a/b", "a/b/f"}
        write(f"{root}/a/b/g")
        assert f"CREATE {root}/a/b/g" in told(watcher)


def test_a_directory_that_moves_too_deep_is_gone(root):
    write_all(root, "a/f", "x/y/z/")
    with Watcher(root, max_depth=3, mask=ENTRIES) as watcher:
        os.rename(f"{root}/a", f"{root}/x/y/z/a")
        assert told(watcher) == [f"DELETE {root}/a/f", f"MOVED_FROM,ISDIR {root}/a"]
        assert kernel_watches(watcher) == watcher.stats()["watches"] == 3
        os.rename(f"{root}/x/y/z/a", f"{root}/a")
        assert told(watcher) == [f"MOVED_TO,ISDIR {root}/a", f"CREATE {root}/a/f"]


def test_a_move_at_the_depth_keeps_its_halves(root):
    write_all(root, "a/b/", "c/d/")
    with Watcher(root, max_depth=2, mask=ENTRIES) as watcher:
        os.rename(f"{root}/a/b", f"{root}/c/e")
        assert told(watcher) == [f"MOVED_FROM,ISDIR {root}/a/b", f"MOVED_TO,ISDIR {root}/c/e (from {root}/a/b)"]


def test_directories_of_two_depths_are_exchanged(root):
    write_all(root, "a/f", "b/c/g")
    with Watcher(root, max_depth=2) as watcher:
        os.rename(f"{root}/a", f"{root}/t")
        os.rename(f"{root}/b/c", f"{root}/a")
        os.rename(f"{root}/t", f"{root}/b/c")
        watcher.sync()
        assert names(watcher, root) == {"a", "a/g", "b", "b/c"}
        assert kernel_watches(watcher) == watcher.stats()["watches"] == 3


def test_depths_of_two_roots_that_overlap(root):
    """Each shows what it was asked for, through the same watches."""
    write_all(root, "a/b/c/f")
    with Watcher(mask=ENTRIES) as watcher:
        watcher.add(root, recursive=False)
        watcher.add(f"{root}/a")
        write_all(root, "g", "a/b/c/h")
        assert told(watcher) == [f"CREATE {root}/g", f"CREATE {root}/a/b/c/h"]
        os.rename(f"{root}/a/b", f"{root}/b")
        assert told(watcher)[:2] == [f"MOVED_FROM,ISDIR {root}/a/b", f"MOVED_TO,ISDIR {root}/b (from {root}/a/b)"]
        assert names(watcher, root) == {"a", "b", "g"}
        write(f"{root}/b/i")
        assert watcher.sync() == []


def test_no_depth_at_all_is_refused(root):
    with pytest.raises(ValueError, match="max_depth is 1 or more"):
        Watcher(root, max_depth=0)


def test_what_is_excluded_where_its_directory_moved_to_does_not_wait_for_events(root):
    """None will say that it is gone."""
    write_all(root, "b/b/f")
    with Watcher(root, exclude=["/a/b"], mask=Mask.CREATE | Mask.DELETE | Mask.MOVE) as watcher:
        os.rename(f"{root}/b", f"{root}/a")
        told = watcher.sync()
        assert [str(event).replace(f"{root}/", "") for event in told] == [
            *("MOVED_FROM,ISDIR b", "MOVED_TO,ISDIR a (from b)", "DELETE a/b/f", "DELETE,ISDIR a/b"),
        ]
        assert watcher.stats()["put_off"] == 0
