"""The journal: what it keeps, what it knows at the next start, and that it survives."""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import time

import pytest
from replaying import COMMAND, PATIENCE_S, Replay, Watching, listing

from inotify_cffi import Dispatcher, Event, Mask, Watcher, flag_names
from inotify_cffi.plugins.journal import Journal
from inotify_cffi.plugins.known import Known
from inotify_cffi.plugins.store import Store, StoreError


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "state" / "journal.sqlite")


class Session:
    """One life of a watcher with a journal."""

    def __init__(self, file, root, *arguments):
        self.journal, self.dispatcher = Journal(), Dispatcher()
        self.dispatcher.register(self.journal, "journal")
        parser = argparse.ArgumentParser()
        parser.add_argument("--events")
        parser.add_argument("paths", nargs="*")
        self.dispatcher.add_options(parser)
        self.options = parser.parse_args(["--journal-file", file, *arguments, "--", str(root)])
        self.root = root

    def __enter__(self):
        self.watcher = Watcher(str(self.root))
        self.dispatcher.configure(self.options, self.watcher)
        self.dispatcher.start(self.watcher)
        return self

    def tell(self):
        self.dispatcher.dispatch(self.watcher.sync(), self.watcher)

    def __exit__(self, kind, *_exception):
        if kind is None:
            self.tell()
        self.dispatcher.stop(self.watcher)
        self.watcher.close()


def kept(file, root, seq=0):
    """The journal's records, short: flags, name below the root, where it came from."""
    prefix = os.fsencode(root) + b"/"
    return [
        (",".join(flag_names(record.mask)), record.path.replace(prefix, b""), record.synthetic)
        for record in Journal().since(file, seq)
    ]


def last(file):
    return max((record.seq for record in Journal().since(file, 0)), default=0)


def check(file):
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


# --- what it keeps ---


def test_every_event_is_kept_in_order_with_a_number_and_a_time(file, root):
    before = time.time()
    with Session(file, root):
        (root / "a").mkdir()
        (root / "a").rename(root / "b")
    records = list(Journal().since(file, 0))
    assert [record.seq for record in records] == [1, 2, 3]
    assert all(before <= record.time <= time.time() for record in records)
    assert kept(file, root) == [
        ("CREATE,ISDIR", b"a", False), ("MOVED_FROM,ISDIR", b"a", False), ("MOVED_TO,ISDIR", b"b", False),
    ]  # fmt: skip
    assert records[2].moved_from == os.fsencode(root / "a")


def test_since_gives_what_came_after_a_number(file, root):
    with Session(file, root):
        for name in "abc":
            (root / name).mkdir()
    assert [path for _, path, _ in kept(file, root, 2)] == [b"c"]


def test_changed_since_gives_the_last_event_of_each_path(file, root):
    with Session(file, root):
        (root / "a").mkdir()
        (root / "b").mkdir()
        (root / "a").rmdir()
    records = list(Journal().changed_since(file, 0))
    assert [(record.path, record.mask & Mask.DELETE != 0) for record in records] == [
        (os.fsencode(root / "b"), False), (os.fsencode(root / "a"), True),
    ]  # fmt: skip
    assert list(Journal().changed_since(file, time.time() + 1)) == []


def test_names_are_bytes(file, root):
    with Session(file, root):
        os.mkdir(os.path.join(os.fsencode(root), b"\xff\n"))
    assert kept(file, root) == [("CREATE,ISDIR", b"\xff\n", False)]


def test_paths_are_absolute_however_the_root_was_given(file, root, monkeypatch):
    monkeypatch.chdir(root)
    with Session(file, "."):
        (root / "a").mkdir()
    assert kept(file, root) == [("CREATE,ISDIR", b"a", False)]


def test_a_journal_in_what_it_watches_does_not_journal_itself(root):
    file = str(root / "journal.sqlite")
    with Session(file, root) as session:
        for _ in range(5):
            (root / "a").mkdir()
            (root / "a").rmdir()
            session.tell()
    assert {path for _, path, _ in kept(file, root)} == {b"a"}


# --- what changed in between ---


def test_what_changed_while_it_was_not_running_is_told_at_the_start(file, root):
    for name in ("same", "written", "mode", "gone", "was_file"):
        (root / name).write_text("x")
    (root / "d").mkdir()
    (root / "d" / "below").touch()
    with Session(file, root):
        pass
    assert kept(file, root) == []
    (root / "written").write_text("y")
    (root / "mode").chmod(0o600)
    (root / "gone").unlink()
    (root / "was_file").unlink()
    (root / "was_file").mkdir()
    (root / "d" / "below").unlink()
    (root / "d").rmdir()
    (root / "new").mkdir()
    (root / "new" / "file").touch()
    with Session(file, root):
        pass
    assert sorted(kept(file, root)) == sorted([
        ("MODIFY", b"written", True), ("ATTRIB", b"mode", True), ("DELETE", b"gone", True),
        ("DELETE", b"was_file", True), ("CREATE,ISDIR", b"was_file", True),
        ("DELETE", b"d/below", True), ("DELETE,ISDIR", b"d", True),
        ("CREATE,ISDIR", b"new", True), ("CREATE", b"new/file", True),
    ])  # fmt: skip


def test_of_a_file_as_a_root_it_is_told_too(file, root):
    path = root / "a"
    path.write_text("x")
    with Session(file, path):
        pass
    assert kept(file, root) == []
    path.write_text("more")
    with Session(file, path):
        path.chmod(0o600)
    assert kept(file, root) == [("MODIFY", b"a", True), ("ATTRIB", b"a", False)]
    with Session(file, path):
        pass
    assert len(kept(file, root)) == 2


def test_a_root_that_became_a_directory_is_not_the_file_any_more(file, root):
    path = root / "a"
    path.touch()
    with Session(file, path):
        pass
    path.unlink()
    path.mkdir()
    (path / "b").mkdir()
    with Session(file, path):
        pass
    assert kept(file, root) == [("DELETE", b"a", True), ("CREATE,ISDIR", b"a/b", True)]


def test_nothing_is_told_where_nothing_changed(file, root):
    with Session(file, root) as session:
        (root / "d" / "e").mkdir(parents=True)
        (root / "d" / "e" / "a").write_text("x")
        session.tell()
        (root / "d" / "e" / "a").write_text("more")
        (root / "d").rename(root / "f")
        (root / "f" / "e" / "b").write_text("x")
        (root / "f" / "e").rename(root / "g")
    number = last(file)
    with Session(file, root):
        pass
    assert kept(file, root, number) == []


def test_what_left_is_not_known_any_more(file, root, tmp_path):
    (root / "d").mkdir()
    (root / "d" / "a").touch()
    with Session(file, root):
        (root / "d").rename(tmp_path / "d")
    number = last(file)
    with Session(file, root):
        pass
    assert kept(file, root, number) == []


@pytest.mark.parametrize("seed", range(5))
def test_what_is_known_is_what_is_there(file, root, seed):
    """After any history the next start finds nothing, or the files that a rename passed over."""
    choose = random.Random(seed)
    names = [root / one / two for one in "xy" for two in "ab"] + [root / one for one in "xy"]
    with Session(file, root) as session:
        for _ in range(150):
            path, other = choose.choice(names), choose.choice(names)
            act = choose.choice(
                [
                    path.mkdir,
                    path.touch,
                    lambda path=path, other=other: path.rename(other),
                    path.unlink,
                    path.rmdir,
                    session.tell,
                ]
            )
            try:
                act()
            except OSError:
                continue
    store = Store(file)
    known = {path: state.is_dir for path, state in Known(store).below(os.fsencode(root))}
    store.close()
    assert known == {os.fsencode(path): is_dir for path, is_dir in listing(str(root)).items()}


# --- bounds ---


def rows(count, *, moment):
    return [(moment, b"/r/%0100d" % number, int(Mask.CREATE), 0, None, False) for number in range(count)]


def test_what_is_too_old_is_forgotten(file):
    store = Store(file, keep_s=100)
    with store.batch():
        store.add([*rows(3, moment=1000), *rows(2, moment=2000)])
    store.prune(2050, always=True)
    assert store.bounds() == (4, 5)
    store.close()


def test_a_file_that_is_too_large_loses_its_oldest_and_shrinks(file):
    store = Store(file, keep_bytes=300_000)
    for _ in range(20):
        with store.batch():
            store.add(rows(1000, moment=1))
        store.prune(1)
    first, end = store.bounds()
    assert (first > 1, end) == (True, 20_000)
    store.close()
    assert os.path.getsize(file) < 300_000


def test_numbers_are_not_given_again(file):
    store = Store(file, keep_s=1)
    for expected in (0, 5):
        with store.batch():
            store.add(rows(5, moment=1))
        assert store.bounds() == (expected + 1, expected + 5)
        store.prune(100, always=True)
    store.close()


# --- what can go wrong ---


def test_another_file_is_refused(file, root):
    os.makedirs(os.path.dirname(file))
    with open(file, "w") as stream:
        stream.write("this is no database" * 100)
    with pytest.raises(StoreError, match="can not be opened"):
        Store(file)
    journal = Journal()
    journal._options.journal_file = file
    with pytest.raises(SystemExit, match=r"journal\.sqlite"):
        journal._opened()


def test_another_database_is_refused(file):
    os.makedirs(os.path.dirname(file))
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(StoreError, match="no journal of version 1"):
        Store(file)


def test_a_batch_is_kept_whole_or_not_at_all(file):
    store = Store(file)
    with pytest.raises(KeyboardInterrupt), store.batch():
        store.add(rows(5, moment=1))
        raise KeyboardInterrupt
    assert store.bounds() == (0, 0)
    store.close()


def test_a_mask_that_hides_creation_is_refused(file, root):
    done = subprocess.run(
        [*COMMAND, "watch", "--plugin", "journal", "--journal-file", file, "--events", "modify", str(root)],
        check=False, capture_output=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"the journal needs the events create, delete and move" in done.stderr


# The writer never rests, so whenever the watcher is killed it is at work.
WRITER = """
import itertools, os, sys
root = sys.argv[1]
for number in itertools.count():
    name = os.path.join(root, f"{number % 50}")
    if os.path.isdir(name):
        os.rmdir(name)
    os.mkdir(name)
"""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [10])
def test_it_survives_being_killed_under_load(file, root, kills):
    seq = 0
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(root)])
    try:
        for kill in range(int(os.environ.get("INOTIFY_CFFI_KILLS", kills))):
            arguments = ("--no-plugin", "console", "--plugin", "journal", "--journal-file", file)
            with Watching("watch", *arguments, str(root)) as watching:
                # Not before it has written, and then at a moment that differs.
                while last(file) <= seq + 20 * (kill % 10):
                    assert watching.process.poll() is None
                watching.process.kill()
                watching.process.wait()
            check(file)
            for record in Journal().since(file, seq):
                assert record.seq == seq + 1
                seq = record.seq
    finally:
        writer.kill()
        writer.wait()
    with Session(file, root):
        pass
    assert seq > 0
    store = Store(file)
    known = {path: state.is_dir for path, state in Known(store).below(os.fsencode(root))}
    store.close()
    assert known == {os.fsencode(path): is_dir for path, is_dir in listing(str(root)).items()}


# --- the command ---


def ask(file, *question):
    return subprocess.run(
        [*COMMAND, "journal", *question, "--journal-file", file],
        check=False,
        capture_output=True,
        timeout=PATIENCE_S,
    )


def test_the_command_prints_what_was_asked_for(file, root):
    with Session(file, root):
        (root / "a").mkdir()
        (root / "b").mkdir()
    (line,) = ask(file, "since", "1").stdout.splitlines()
    number, _, flags, path = line.split()
    assert (number, flags, path) == (b"2", b"CREATE,ISDIR", os.fsencode(root / "b"))
    objects = [json.loads(line) for line in ask(file, "changed", "since", "1h", "--json").stdout.splitlines()]
    assert [(row["seq"], row["path"]) for row in objects] == [(1, str(root / "a")), (2, str(root / "b"))]
    assert ask(file, "changed", "since", "2100-01-01").stdout == b""


def test_its_objects_can_be_replayed(file, root):
    with Session(file, root):
        (root / "a" / "b").mkdir(parents=True)
        (root / "a").rename(root / "c")
        (root / "x").touch()
    replay = Replay()
    for line in ask(file, "since", "0", "--json").stdout.splitlines():
        replay.apply(json.loads(line))
    assert replay.entries == listing(str(root))


@pytest.mark.parametrize(
    ("question", "code"),
    [
        (["since"], 2),
        (["since", "x"], 2),
        (["before", "1"], 2),
        (["changed", "since", "yesterday"], 2),
        (["since", "1"], 1),
    ],
)
def test_what_can_not_be_answered_is_an_error(tmp_path, question, code):
    done = ask(str(tmp_path / "none"), *question)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (code, b"", 1)


def test_after_a_number_beyond_all_there_is_nothing(file, root):
    with Session(file, root):
        (root / "a").mkdir()
    done = ask(file, "since", "9" * 30)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_journal_that_is_damaged_is_one_line(file, root):
    with Session(file, root):
        (root / "a").mkdir()
    with open(file, "r+b") as stream:
        size = stream.seek(4096) and os.path.getsize(file)
        stream.write(b"\xa5" * (size - 4096))
    done = ask(file, "since", "0")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == os.fsencode(
        f"inotify-cffi: the journal {file} can not be read: database disk image is malformed\n"
    )


def test_a_journal_without_the_names_of_files_is_refused_before_it_takes_all_for_deleted(file, root):
    (root / "a").touch()
    with Session(file, root):
        pass
    before = kept(file, root)
    session = Session(file, root)
    with Watcher(str(root), track="directories") as watcher, pytest.raises(SystemExit, match="leave track="):
        session.dispatcher.run(watcher)
    assert kept(file, root) == before


def test_an_event_without_a_path_is_kept(file, root):
    with Session(file, root) as session:
        session.dispatcher.dispatch([Event.of("", Mask.Q_OVERFLOW)], session.watcher)
    assert kept(file, root) == [("Q_OVERFLOW", b"", False)]
