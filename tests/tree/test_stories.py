"""The stories in ``stories/``: file operations, then the events that are expected.

A story begins with what it shows. Each following line is an operation on the disk, or begins with ``>`` and is one
expected event; a block of those is compared with all that the watcher tells up to there. Paths are relative
to the watched root; those that begin with ``^`` lie outside of it. An event is its flags, its path, ``<-`` and the
old path of a move, and ``+`` if it is synthetic; ``(third)`` is the name by which an exchange is told; what listings find may come in any order. ``> nothing`` expects no event. ``watches N`` counts the
directories that the kernel watches for us. ``option NAME VALUE``, before ``watch``, is one of the watcher's. ``watch
NAME`` watches what is there, in the place of the root, and ``mask WORDS``, before it, says what is told.
"""

from __future__ import annotations

import os
import re
import shutil
from ast import literal_eval
from itertools import groupby
from pathlib import Path

import pytest

from inotify_cffi import Mask, Watcher, parse_mask
from inotify_cffi.kernel import buffers
from inotify_cffi.tree import disk
from inotify_cffi.tree.teller import THIRD
from tests.stress.writers import exchange

STORIES = sorted(Path(__file__).parent.with_name("stories").glob("*.txt"))
THIRD_NAME = re.compile(re.escape(THIRD) + "[0-9]+")
STRUCTURE = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO


def write(path, text="x"):
    Path(path).write_text(text)


def append(path):
    with open(path, "a") as file:
        file.write("x")


def replace(path):
    write(path + "~", "new")
    os.rename(path + "~", path)


OPERATIONS = {
    "mkdir": os.makedirs,
    "write": write,
    "touch": os.mknod,
    "rm": os.unlink,
    "rmdir": os.rmdir,
    "rmtree": shutil.rmtree,
    "mv": os.rename,
    "exchange": exchange,
    "replace": replace,
    "link": os.link,
    "append": append,
    "point": lambda target, path: os.symlink(os.path.relpath(target, os.path.dirname(path)), path),
    "symlink": lambda target, path: os.symlink(os.path.basename(target), path),
    "chmod": lambda path: os.chmod(path, 0o750),
}


class Story:
    """One story, told to a watcher."""

    def __init__(self, path, base):
        self.lines = [line.strip() for line in path.read_text().splitlines()]
        self.root = os.path.join(base, "root")
        self.outside = os.path.join(base, "outside")
        os.mkdir(self.root)
        os.mkdir(self.outside)

    def real(self, word):
        return os.path.join(self.outside, word[1:]) if word.startswith("^") else os.path.join(self.root, word)

    def shown(self, path):
        return THIRD_NAME.sub("(third)", os.path.relpath(os.fsdecode(path), self.root))

    def event(self, event):
        parts = [",".join(event.names), self.shown(event.path)]
        if event.moved_from is not None:
            parts += ["<-", self.shown(event.moved_from)]
        if event.synthetic:
            parts.append("+")
        return " ".join(parts)

    def steps(self):
        """The operations and the blocks of expected events, in order."""
        at = self.lines.index("")
        expected = None
        for line in [*self.lines[at:], ""]:
            if line.startswith(">"):
                expected = [] if expected is None else expected
                if line != "> nothing":
                    expected.append(line[1:].strip())
                continue
            if expected is not None:
                yield ">", expected
                expected = None
            if line and not line.startswith("#"):
                yield line.split()[0], line.split()[1:]

    def options(self, steps):
        """What the watcher is made with."""
        options = {words[0]: literal_eval(words[1]) for verb, words in steps if verb == "option"}
        options["mask"] = STRUCTURE
        for verb, words in steps:
            if verb == "mask":
                options["mask"] = parse_mask(words[0])
        return options

    def run(self, make):
        steps = list(self.steps())
        # What comes before "watch" is there before the watcher is.
        begin = next((n for n, (verb, _) in enumerate(steps) if verb == "watch"), -1)
        for verb, words in steps[: max(begin, 0)]:
            if verb not in ("option", "mask"):
                OPERATIONS[verb](*map(self.real, words))
        top = self.real(steps[begin][1][0]) if begin >= 0 and steps[begin][1] else self.root
        with make(top, self.options(steps)) as watcher:
            for verb, words in steps[begin + 1 :]:
                if verb == ">":
                    told = [self.event(event) for event in watcher.sync()]
                    assert by_path(told) == by_path(words)
                elif verb == "watches":
                    assert watcher.stats()["watches"] == int(words[0])
                else:
                    OPERATIONS[verb](*map(self.real, words))


def found(line):
    """True for what a listing found."""
    return line.startswith("CREATE") and line.endswith(" +")


def by_path(lines):
    """Put what listings found in the order of paths: each file system lists in another one. Parents stay first."""
    ordered = []
    for is_found, group in groupby(lines, found):
        run = list(group)
        if is_found:
            paths = [path_of(line) for line in run]
            assert not any(os.path.dirname(path) in paths[number:] for number, path in enumerate(paths))
            run.sort(key=path_of)
        ordered += run
    return ordered


def path_of(line):
    return line.split(" ")[1]


def as_str(root, options):
    return Watcher(root, **options)


def as_bytes_one_record_at_a_time(root, options):
    watcher = Watcher(os.fsencode(root), **options)
    watcher._instance._buffer = buffers.ReadBuffer(buffers.LARGEST_RECORD)
    return watcher


def without_proc(root, options):
    """As where /proc is not mounted: watches are added by path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "PROC", "/nowhere")
        watcher = Watcher(root, **options)
    assert watcher.stats()["by_path"] == 1
    return watcher


# What happens meanwhile comes in between, and is told by other words.
OTHER_WORDS = ("merged_halves", "rename_then_new")


def marked(path):
    marks = [pytest.mark.one_turn("the order is that of one turn")] if path.stem in OTHER_WORDS else []
    return pytest.param(path, id=path.stem, marks=marks)


@pytest.mark.parametrize("make", [as_str, as_bytes_one_record_at_a_time, without_proc])
@pytest.mark.parametrize("path", [marked(path) for path in STORIES])
def test_story(path, make, tmp_path):
    assert STORIES
    Story(path, os.fspath(tmp_path)).run(make)
