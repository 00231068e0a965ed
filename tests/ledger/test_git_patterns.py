"""Patterns are git's: what a watcher knows is what git does not ignore, whatever the lists and the names are."""

from __future__ import annotations

import itertools
import os
import random
import string

import pytest
from consumer import ENTRIES, write, write_all

from inotify_cffi import Watcher
from inotify_cffi.ledger.patterns import compiled
from inotify_cffi.ledger.wildmatch import CLASSES
from tests import git_patterns
from tests.git_patterns import Git
from tests.stress.admitting import is_excluded

SAMPLE, IN_ONE = 300, 50


@pytest.fixture(scope="session")
def git(tmp_path_factory):
    return Git(os.fspath(tmp_path_factory.mktemp("git")))


@pytest.fixture
def as_git_does(git, root):
    """Hold what a watcher makes of patterns against git: as a list, and as a .gitignore; what it knows."""

    def check(patterns, paths):
        text = b"\n".join(map(os.fsencode, patterns)) + b"\n"
        top = os.fsencode(root)
        write_all(root, *paths)
        entries = [
            os.path.join(os.fsencode(way), name) for way, names, files in os.walk(top) for name in names + files
        ]
        entries = [entry[len(top) + 1 :] for entry in entries]
        git.write(text)
        right = git.admitted(top, entries)
        git.write(b"")
        assert git_patterns.known(top, exclude=patterns) == right
        with open(f"{root}/.gitignore", "wb") as file:
            file.write(text)
        right = git.admitted(top, [*entries, b".gitignore"])
        assert git_patterns.known(top, gitignore=True) == right
        return {os.fsdecode(path) for path in right}

    return check


@pytest.mark.parametrize("first", range(0, SAMPLE, IN_ONE))
def test_random_lists_over_random_trees(git, first):
    """``python -m tests.git_patterns`` does the same with as many as one likes."""
    found = [git_patterns.complaints(git, seed) for seed in range(first, first + IN_ONE)]
    assert [complaint for complaints in found for complaint in complaints] == []


def test_the_random_lists_say_something(git, tmp_path):
    """Else the test above would hold of a watcher that heeds nothing, or knows nothing."""
    halves = 0
    for seed in range(IN_ONE):
        (tmp_path / str(seed)).mkdir()
        world = git_patterns.World(seed, os.fspath(tmp_path / str(seed)), git)
        world.ignore()
        admitted = git.admitted(world.tree, world.paths)
        halves += 0 < len(admitted) < len(world.paths)
    assert halves > IN_ONE / 3


LISTS = [
    ["*", "!*/", "!*.py"],
    ["a/**", "!a/*"],
    ["**/node_modules", "!packages"],
    ["node_modules/", "!packages/"],
    ["build", "!/*"],
    ["/a/*", "!/a"],
    ["build/", "!a/"],
    ["*.py", "!a/"],
    ["/*", "!/a"],
    ["build", "!a/build"],
    ["*.log", "!keep.log"],
    ["a/build/", "!**/a"],
    ["a/**/o"],
    ["a**/o"],
    ["**/b*"],
    ["a/**"],
    ["packages/**/index.js"],
    ["\\*.py", "?"],
]
PATHS = (
    *("top.py", "a/x.py", "a/f", "a/build/o", "a/b/x.py", "packages/p/node_modules/index.js", "packages/p/s.py"),
    *("packages/build/o", "packages/index.js", "keep.log", "a/z.log", "ab/c/o", "o"),
)


@pytest.mark.parametrize("patterns", LISTS, ids=" ".join)
def test_lists_that_people_write(git, as_git_does, patterns):
    if git.agreed("\n".join(patterns).encode()) != "\n".join(patterns).encode():
        pytest.skip("this git takes stars behind letters for more than one")
    as_git_does(patterns, PATHS)


def test_stars_behind_letters_are_one_whatever_git_is_here(root):
    write_all(root, *PATHS)
    left_out = {"a/b/o", "ab/o"}
    write_all(root, *left_out)
    with Watcher(root, exclude=["a**/b/o", "a**/o"]) as watcher:
        known = {path[len(root) + 1 :] for path in watcher.snapshot()}
    assert {"a/build/o", "ab/c/o", "o"} < known
    assert not left_out & known


def test_a_white_list_lets_in_what_it_names_in_all_directories(root):
    write_all(root, "old/a.py", "old/b.txt")
    write(f"{root}/.gitignore", "*\n!*/\n!*.py\n")
    with Watcher(root, gitignore=True, mask=ENTRIES) as watcher:
        write_all(root, "src/deep/a.py", "src/deep/b.txt", "c.py")
        told = {event.path[len(root) + 1 :] for event in watcher.sync()}
        assert told == {"src", "src/deep", "src/deep/a.py", "c.py"}
        known = {path[len(root) + 1 :] for path in watcher.snapshot()}
        assert known == told | {"old", "old/a.py"}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_class_of_characters_has_what_git_has_in_it(as_git_does, name):
    """Each byte that a name can be is tried."""
    names = [os.fsdecode(bytes([byte])) for byte in range(1, 256) if byte not in b"./"]
    known = as_git_does([f"[[:{name}:]]"], names)
    assert 0 < len(known) < len(names) + 1


@pytest.mark.parametrize("negated", ["", "!", "^"])
def test_brackets_are_gits(as_git_does, negated):
    """What begins, ends and stands in them, one bracket a directory."""
    parts = ["]", "a-c", "a-", "-a", r"\]", r"\a-c", "c-a", r"a-\c", "[:digit:]x", "[x", "a-c-e", "[:]", "*?"]
    names = [character for character in string.printable if character != "/"]
    paths = [f"{number}/{name}x" for number, name in itertools.product(range(len(parts)), names)]
    as_git_does([f"{number}/[{negated}{part}]x" for number, part in enumerate(parts)], paths)


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["", "carriage return"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "byte order mark"])
def test_lines_end_and_begin_as_git_sees_them(git, root, end, mark):
    write_all(root, "a", "b ", "c\r", "d\re", "\ufeffa", "f", "g\\", "h  ", "#i", "!j", "k")
    lines = ["a", "b\\ ", "c\r", "d\re", "", "# f", "g\\\\  ", "h\\  ", "\\#i", "\\!j", "k\t"]
    with open(f"{root}/.gitignore", "wb") as file:
        file.write(mark + end.join(lines).encode())
    top = os.fsencode(root)
    known = git_patterns.known(top, gitignore=True)
    assert known == git.admitted(top, [os.fsencode(name) for name in os.listdir(root)])
    assert {b"f", b"k"} <= known
    assert b"a" not in known


def test_a_question_mark_is_one_byte(as_git_does):
    """As for git, which knows of no characters; so is what is in a bracket."""
    assert as_git_does(["?", "[é]x"], ["é", "a", "\udcff", "éx", "\udca9x"]) == {"é", "éx", ".gitignore"}


def test_what_only_a_directory_may_be_is_nothing_that_a_file_or_a_link_can_be(as_git_does, root):
    os.symlink(root, f"{root}/link")
    assert as_git_does(["*/"], ["f", "d/f"]) == {"f", "link", ".gitignore"}


# --- the order of decision ---

ORDERS = [
    (["!x.o"], {"": "*.o"}),
    (["x.o"], {"": "!x.o"}),
    (["*.o", "!x.o"], {"": "x.o", "d": "x.o"}),
    (["!*.o"], {"": "d", "d": "*.o"}),
    (["!d"], {"": "d", "d": "x.o"}),
    (["d/x.o"], {"d": "!x.o"}),
    ([], {"": "*.o", "d": "!x.o", "d/e": "*"}),
]


@pytest.mark.parametrize(("excluded", "files"), ORDERS)
def test_lists_are_asked_in_the_order_of_git(git, root, excluded, files):
    """Those of the watcher first, as git asks its command line, then the deepest .gitignore."""
    write_all(root, "x.o", "y.o", "d/x.o", "d/y.o", "d/e/x.o")
    for directory, pattern in files.items():
        write(f"{root}/{directory}/.gitignore", pattern)
    options = [option for pattern in excluded for option in ("-x", pattern)]
    top = os.fsencode(root)
    right = git.call(top, "ls-files", "-z", "-o", "--exclude-per-directory=.gitignore", *options)
    known = git_patterns.known(top, exclude=excluded, gitignore=True)
    assert {path for path in known if not os.path.isdir(os.path.join(top, path))} == set(right)


SIMPLE = ("a", "*.f", "*.g", "/a", "a/", "b/c", "/b/*", "*", "!*/", "!a", "!*.f", "!b/c", "!/d/*.g", "c/a/", "*/a")


def test_the_judge_of_the_stress_worlds_agrees_with_git(git, root):
    dice = random.Random(1)
    ends = ["", ".f", ".g", "/a", "/b", "/c.f", "/c.g", "/d/a", "/d/c.g"]
    write_all(root, "d", *(name + end for name in "abc" for end in ends[1:]))
    entries = {
        os.path.join(way, name)[len(root) + 1 :]: name in names
        for way, names, files in os.walk(root)
        for name in names + files
    }
    for _ in range(40):
        patterns = dice.choices(SIMPLE, k=dice.randint(1, 5))
        git.write("\n".join(patterns).encode() + b"\n")
        right = git.admitted(os.fsencode(root), list(map(os.fsencode, entries)))
        assert right == {
            os.fsencode(path) for path, is_dir in entries.items() if not is_excluded(patterns, path, is_dir=is_dir)
        }
    git.write(b"")


# --- no list takes long ---

HOSTILE = [
    ("*a" * 100 + "*b", "", "a" * 255),
    ("*?a" * 60 + "*b", "", "a" * 255),
    ("/x/" + "*a" * 100 + "*b", "x/", "a" * 255),
    ("**/a/" * 100 + "b", "a/" * 2000, "a"),
    ("**\\/a/" * 100 + "b", "a/" * 2000, "a"),
    ("**/*a*a/" * 60 + "b", ("a" * 250 + "/") * 400, "a"),
    ("**/" + "*a/" * 40 + "b", ("a" * 255 + "/") * 100, "a"),
]


@pytest.mark.parametrize(("pattern", "prefix", "name"), HOSTILE)
def test_no_pattern_takes_long_whatever_it_is_held_against(pattern, prefix, name):
    """A regular expression that tried all ways to cut the name up would not come to an end."""
    assert compiled((pattern,)).verdict(prefix, name, is_dir=False) is None
    assert compiled((pattern + "*",)).verdict(prefix, name[:-1] + "b", is_dir=False) is True
