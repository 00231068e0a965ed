"""Files that were half written when the watcher ended: the journal knows them at the next start, and they settle then."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys

import pytest
from journalling import Session, check, kept, last
from replaying import PATIENCE_S, Watching

from inotify_cffi import Dispatcher, Mask, Watcher, hookimpl
from inotify_cffi.kernel.syscalls import look_at_file
from inotify_cffi.plugins.journal import Journal
from inotify_cffi.plugins.known import Known, State
from inotify_cffi.plugins.reading import reading
from inotify_cffi.plugins.store import Store

SETTLE_S = 0.05

# Prints a line for each finished file, with what is in it, and for each event.
TELLER = """
import json, os
from inotify_cffi import hookimpl

def say(kind, path, **more):
    os.write(1, json.dumps([kind, os.path.basename(os.fsdecode(path)), more]).encode() + b"\\n")

@hookimpl
def inotify_settled(path, evidence):
    with open(path) as stream:
        say("settled", path, content=stream.read(), evidence=evidence)

@hookimpl
def inotify_event(event):
    say("event", event.path)
"""

# A process that writes as it is told, line by line, and closes the file when there are no more.
WRITER = """
import sys
with open(sys.argv[1], sys.argv[2], buffering=0) as stream:
    for line in sys.stdin:
        stream.write(line.strip().encode())
        print("written", flush=True)
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "state" / "journal.sqlite")


@pytest.fixture(autouse=True)
def _leased(root):
    (root.parent / "probe").touch()
    if look_at_file(str(root.parent / "probe")).code != 0:
        pytest.skip("a file system without leases: a file of which no close is known takes a minute")


class Half:
    """A program that writes a file, and has not come to its end."""

    def __init__(self, path, mode="wb"):
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def write(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"written\n"

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.end()


class Life(Watching):
    """A watcher with a journal, in a process of its own, which prints what is finished."""

    def __init__(self, file, root, *arguments, settle="50ms", journal=True):
        teller = os.path.join(os.path.dirname(root), "teller.py")
        with open(teller, "w") as stream:
            stream.write(TELLER)
        with_journal = ("--plugin", "journal", "--journal-file", file) if journal else ()
        super().__init__(
            "watch", "--no-plugin", "console", *with_journal, "--plugin", teller, "--settle", settle,
            *arguments, "--", str(root),
        )  # fmt: skip

    def heard(self, name):
        """Wait until an event of a file has come."""
        while json.loads(self.line())[:2] != ["event", name]:
            pass

    def settled(self, name):
        """Wait for a file to be finished; all files that were, up to it, and what was in them."""
        found = []
        while not found or found[-1][0] != name:
            kind, path, more = json.loads(self.line() or b"null")
            if kind == "settled":
                found.append((path, more["content"]))
        return found

    def mark(self, root):
        """Make a file, and wait until it is finished: what was to be finished before it was told before it."""
        path = os.path.join(root, "mark")
        with open(path, "w"):
            pass
        found = self.settled("mark")
        os.unlink(path)
        return found[:-1]


HOW = {"SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT, "kill -9": signal.SIGKILL}


@pytest.fixture(params=HOW)
def how(request):
    return HOW[request.param]


# --- the story ---


def test_a_writer_that_ends_while_nobody_watches_is_told_at_the_next_start(file, root, how):
    with Half(root / "a") as writer, Life(file, root) as life:
        writer.write("half")
        life.heard("a")
        life.end(how)
        writer.write(", all of it")
        writer.end()
    with Life(file, root) as life:
        assert life.settled("a") == [("a", "half, all of it")]
        assert life.mark(root) == []


def test_a_writer_that_goes_on_at_the_next_start_is_told_when_it_has_ended(file, root, how):
    with Half(root / "a") as writer:
        with Life(file, root) as life:
            writer.write("half")
            life.heard("a")
            life.end(how)
        with Life(file, root) as life:
            assert life.mark(root) == []
            writer.write(", all of it")
            writer.end()
            assert life.settled("a") == [("a", "half, all of it")]
            assert life.mark(root) == []


def test_what_was_whole_and_not_quiet_yet_when_the_watcher_ended_is_told_at_the_next_start(file, root, how):
    with Life(file, root, settle="1h") as life:
        (root / "a").write_text("whole")
        life.heard("a")
        life.end(how)
    with Life(file, root) as life:
        assert life.settled("a") == [("a", "whole")]
        assert life.mark(root) == []


def test_what_was_told_is_not_told_again(file, root, how):
    with Life(file, root) as life:
        (root / "a").write_text("whole")
        assert life.settled("a") == [("a", "whole")]
        # What comes behind it is told when the journal has heard of it as well.
        life.mark(root)
        life.end(how)
    with Life(file, root) as life:
        assert life.mark(root) == []


def test_a_command_is_run_for_it_at_the_next_start(file, root, tmp_path):
    arguments = (
        "run", "--plugin", "journal", "--journal-file", file, "--per", "settled", "--settle", "50ms", str(root), "--",
        "cat", "{path}",
    )  # fmt: skip
    with Half(root / "a") as writer, Life(file, root) as life:
        writer.write("half")
        life.heard("a")
        life.end(signal.SIGKILL)
    with Watching(*arguments) as watching:
        assert os.read(watching.process.stdout.fileno(), 100) == b"half"
        watching.end()


# --- in one process, for what does not take two ---


class Teller:
    """Notes what is told, and ends the watching when a file "mark" is."""

    def __init__(self, root):
        self.root, self.settled, self.act = root, [], lambda: None

    @hookimpl
    def inotify_start(self):
        self.act()
        (self.root / "mark").write_text("")

    @hookimpl
    def inotify_settled(self, path, watcher):
        name = os.path.relpath(path, self.root)
        if name == "mark":
            os.unlink(path)
            watcher.stop()
        else:
            with open(path) as stream:
                self.settled.append((name, stream.read()))


def watched(file, root, act=lambda: None, *, below=None, how="run", **options):
    """What is told in one life of a watcher, in which something is done."""
    below = below or root
    teller, dispatcher = Teller(below), Dispatcher(settle_s=SETTLE_S)
    teller.act = act
    dispatcher.register(teller, "teller")
    dispatcher.register(Journal(), "journal")
    with Watcher(str(below), **options) as watcher:
        dispatcher.configure(argparse.Namespace(journal_file=file, events=None), watcher)
        if how == "run":
            dispatcher.run(watcher, timeout=PATIENCE_S)
        else:
            asyncio.run(dispatcher.arun(watcher, timeout=PATIENCE_S))
    return teller.settled


@pytest.fixture
def writer(root):
    """A file that is written, and not to its end."""
    with open(root / "a", "w") as stream:
        yield stream


def half(writer):
    def act():
        writer.write("half")
        writer.flush()

    return act


@pytest.fixture
def begun(file, root, writer):
    """The same, and the watcher has ended."""
    assert watched(file, root, half(writer)) == []
    return writer


def end(writer):
    writer.write(", all of it")
    writer.close()


WHOLE = ("a", "half, all of it")


@pytest.mark.parametrize("how", ["run", "arun"])
def test_it_is_told_once_and_not_at_any_later_start(file, root, writer, how):
    assert watched(file, root, half(writer), how=how) == []
    end(writer)
    assert watched(file, root, how=how) == [WHOLE]
    assert watched(file, root, how=how) == []


def test_it_waits_through_starts_in_which_it_does_not_come_to_its_end(file, root, begun):
    assert watched(file, root) == []
    assert watched(file, root) == []
    end(begun)
    assert watched(file, root) == [WHOLE]


def test_where_nothing_has_changed_but_that_it_was_closed(file, root, begun):
    begun.close()
    assert watched(file, root) == [("a", "half")]


def test_it_is_told_by_the_name_that_it_got_while_nobody_watched(file, root, begun):
    end(begun)
    (root / "a").rename(root / "b")
    assert watched(file, root) == [("b", "half, all of it")]
    assert watched(file, root) == []


def test_it_is_told_in_the_directory_that_was_renamed_while_nobody_watched(file, root):
    (root / "d").mkdir()
    with open(root / "d" / "a", "w") as writer:
        assert watched(file, root, half(writer)) == []
    (root / "d").rename(root / "e")
    assert watched(file, root) == [("e/a", "half")]


def test_it_is_followed_through_renames_while_it_is_watched(file, root, writer):
    def act():
        half(writer)()
        (root / "d").mkdir()
        (root / "a").rename(root / "d" / "b")
        (root / "d").rename(root / "e")

    assert watched(file, root, act) == []
    end(writer)
    assert watched(file, root) == [("e/b", "half, all of it")]
    assert watched(file, root) == []


def test_what_was_deleted_while_nobody_watched_is_not_told(file, root, begun):
    (root / "a").unlink()
    assert watched(file, root) == []


def test_what_is_no_file_any_more_is_not_told(file, root, begun):
    (root / "a").unlink()
    os.mkfifo(root / "a")
    assert watched(file, root) == []


def test_what_came_or_changed_while_nobody_watched_is_told(file, root):
    """For who wrote it may have begun before the watcher was killed."""
    (root / "old").write_text("old")
    (root / "same").write_text("same")
    assert watched(file, root) == []
    (root / "old").write_text("new")
    (root / "came").write_text("came")
    (root / "same").chmod(0o600)
    assert sorted(watched(file, root)) == [("came", "came"), ("old", "new")]
    assert watched(file, root) == []


def test_of_a_root_that_was_never_journalled_nothing_is_told(file, root, writer):
    half(writer)()
    writer.close()
    assert watched(file, root) == []


def test_without_a_journal_nothing_is_known(file, root):
    with Half(root / "a") as writer, Life(file, root, journal=False) as life:
        writer.write("half")
        life.heard("a")
        life.end()
    with Life(file, root, journal=False) as life:
        assert life.mark(root) == []
    assert not os.path.exists(file)


def test_files_of_roots_that_are_not_watched_now_wait(file, root):
    for name in "xy":
        (root / name).mkdir()
    with open(root / "x" / "a", "w") as writer:
        assert watched(file, root, half(writer), below=root / "x") == []
        end(writer)
    assert watched(file, root, below=root / "y") == []
    assert watched(file, root, below=root / "x") == [WHOLE]
    assert watched(file, root, below=root / "x") == []


def test_paths_are_as_the_root_was_given(file, root, begun, monkeypatch):
    end(begun)
    monkeypatch.chdir(root)
    told = []

    class Paths:
        @hookimpl
        def inotify_settled(self, path, watcher):
            told.append(path)
            watcher.stop()

    dispatcher = Dispatcher(settle_s=SETTLE_S)
    dispatcher.register(Journal(), "journal")
    dispatcher.register(Paths(), "paths")
    with Watcher(b".") as watcher:
        dispatcher.configure(argparse.Namespace(journal_file=file, events=None), watcher)
        dispatcher.run(watcher, timeout=PATIENCE_S)
    assert told == [b"./a"]


FEW = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO


@pytest.mark.parametrize("mask", [FEW, FEW | Mask.CLOSE_WRITE, FEW | Mask.MODIFY])
def test_it_holds_whatever_was_asked_for(file, root, mask):
    (root / "old").write_text("old, ")
    assert watched(file, root, lambda: (root / "new").write_text("new, "), mask=mask) == [("new", "new, ")]
    # What nobody asked for is not in the journal; that it was told is.
    assert watched(file, root, lambda: (root / "old").write_text("older, "), mask=mask) == [("old", "older, ")]
    assert watched(file, root, mask=mask) == []
    with open(root / "old", "a") as old, open(root / "new", "a") as new:

        def act():
            for stream in (old, new):
                half(stream)()

        assert watched(file, root, act, mask=mask) == []
    assert sorted(watched(file, root, mask=mask)) == [("new", "new, half"), ("old", "older, half")]
    assert watched(file, root, mask=mask) == []


def test_what_a_rename_of_a_directory_has_passed_over_is_not_told_again(file, root):
    def act():
        (root / "d").mkdir()
        (root / "d" / "a").write_text("whole")
        (root / "d").rename(root / "e")

    assert watched(file, root, act) == [("e/a", "whole")]
    assert watched(file, root) == []


def unfinished(file):
    with reading(file) as reader:
        return {os.path.basename(path): changed for path, changed in Known(reader).finished().items()}


def test_what_is_never_told_is_not_kept(file, root):
    """Links and pipes; and an empty file that was only made, as it is in one life of a watcher."""

    def act():
        os.symlink("nowhere", root / "link")
        os.mkfifo(root / "fifo")
        os.mknod(root / "made", 0o600)

    assert watched(file, root, act) == []
    assert unfinished(file) == {}
    assert watched(file, root) == []


def test_the_journals_own_file_is_nothing_to_be_kept(root):
    file = str(root / "journal.sqlite")
    with Session(file, root) as session:
        (root / "a").write_text("x")
        session.tell()
        store = session.journal._keeper._store
        with store.batch():
            # As one that was moved here, and was known under this name before.
            Known(store).put(os.fsencode(file), State(is_dir=False))
        before = store.connection.total_changes
        session.journal.inotify_settled(file)
        assert store.connection.total_changes == before
        session.journal.inotify_settled(str(root / "a"))
        assert store.connection.total_changes > before


def test_that_it_was_told_is_kept_behind_what_waits_to_be_written(file, root):
    """While the file can not be written, all that is told stays in its order."""
    with Session(file, root) as session:
        with sqlite3.connect(file, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            for name in "ab":
                (root / name).write_text("x")
            session.tell()
            for name in "ab":
                session.journal.inotify_settled(str(root / name))
            (root / "b").write_text("more")
            session.tell()
            other.execute("ROLLBACK")
        other.close()
    assert unfinished(file) == {b"b": 0}


def test_all_others_are_told_before_it_is_kept_that_they_were(file, root):
    """Where the watcher is killed in between, it is told again."""
    found = []

    class Looking:
        @hookimpl
        def inotify_start(self):
            (root / "a").write_text("x")

        @hookimpl
        def inotify_settled(self, watcher):
            found.append(unfinished(file))
            watcher.stop()

    dispatcher = Dispatcher(settle_s=SETTLE_S)
    dispatcher.register(Looking(), "looking")
    dispatcher.register(Journal(), "journal")
    with Watcher(str(root)) as watcher:
        dispatcher.configure(argparse.Namespace(journal_file=file, events=None), watcher)
        dispatcher.run(watcher, timeout=PATIENCE_S)
    assert (found, unfinished(file)) == ([{b"a": 0}], {})


# --- journals of the version before ---


@pytest.fixture
def old(file, root, writer):
    """A journal as it was before it knew what is unfinished."""
    with Session(file, root):
        half(writer)()
    with sqlite3.connect(file) as connection:
        connection.executescript(
            "DROP INDEX nodes_finished; CREATE TABLE before AS SELECT * FROM nodes; DROP TABLE nodes; "
            "CREATE TABLE nodes (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name BLOB NOT NULL, is_dir INTEGER "
            "NOT NULL, inode INTEGER, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, UNIQUE (parent, name)); "
            "INSERT INTO nodes SELECT id, parent, name, is_dir, inode, size, mtime_ns, ctime_ns FROM before; "
            "DROP TABLE before; PRAGMA user_version = 2"
        )
    connection.close()
    return file


def test_a_journal_of_the_version_before_can_be_read(old, root):
    assert kept(old, root) == [("MODIFY", b"a", False)]
    assert Journal().entries(old)[1] == {os.fsencode(root / "a"): False}


def test_a_journal_of_the_version_before_is_gone_on_with(old, root, writer):
    end(writer)
    number = last(old)
    assert watched(old, root) == [WHOLE]
    assert kept(old, root, number)[0] == ("MODIFY", b"a", True)
    assert watched(old, root) == []
    check(old)


def test_a_journal_of_the_version_before_that_vanishes_at_once_has_an_heir(old):
    store = Store(old)
    heir = store.heir()
    store.close()
    assert {len(node) for node in heir.nodes} == {9}
