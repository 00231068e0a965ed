"""Where the journal can not be written nothing is lost in silence: it is held, tried again, and what is missing is told.

SQLite's own bound on the pages of a file makes a disk full without root; another connection locks the file.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess

import pytest
from journalling import Reader, Session, kept
from replaying import COMMAND, PATIENCE_S, Watching
from waiting import until

from inotify_cffi import Mask
from inotify_cffi.plugins import keeping, place
from inotify_cffi.plugins.journal import Journal
from inotify_cffi.plugins.reading import UnusableError
from inotify_cffi.plugins.store import Store


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "state" / "journal.sqlite")


@pytest.fixture
def at_once(monkeypatch):
    """Let each batch be tried, however short ago the last one failed."""
    monkeypatch.setattr(keeping, "AGAIN_S", 0.01)


def flags(file, root):
    return [names for names, _, _ in kept(file, root)]


def store_of(session):
    return session.journal._keeper._store


def fill(session):
    """Let the file not grow any more; what room it has is used up soon."""
    pages = store_of(session).connection.execute("PRAGMA page_count").fetchone()[0]
    store_of(session).connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()


def empty(session):
    store_of(session).connection.execute("PRAGMA max_page_count = 1000000").fetchall()


def work(session, root, numbers):
    """Make directories, a batch for each."""
    for number in numbers:
        os.mkdir(f"{root}/{number:0200}")
        session.tell()


def until_full(session, root):
    """Work until events are held; the number of directories that were made."""
    for number in range(1000):
        work(session, root, [number])
        if session.journal._keeper._waiting:
            return number + 1
    raise AssertionError("it is never full")


def ends(session, root, numbers, says):
    """To work on ends the program, with a line; the journal is left as it is."""
    with pytest.raises(SystemExit, match=says):
        work(session, root, numbers)
    with pytest.raises(SystemExit):
        session.__exit__(ValueError)
    session.watcher.close()


# --- a full disk ---


def test_what_a_full_disk_does_not_take_is_kept_when_there_is_room_again(file, root, at_once, caplog):
    with caplog.at_level(logging.WARNING), Session(file, root) as session:
        fill(session)
        made = until_full(session, root)
        work(session, root, range(made, made + 20))
        empty(session)
        work(session, root, [made + 20])
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"the journal {file} can not be written: database or disk is full; events are held in memory, and it is tried again",
        f"the journal {file} is written again",
    ]
    assert flags(file, root) == ["CREATE,ISDIR"] * (made + 21)
    Reader(file, root).check(root)


def test_it_is_tried_again_also_where_nothing_happens_any_more(file, root, at_once):
    with Session(file, root) as session:
        fill(session)
        made = until_full(session, root)
        empty(session)
        until(lambda: len(kept(file, root)) == made)


def test_a_number_is_not_known_before_the_event_is_kept(file, root, at_once):
    with Session(file, root) as session:
        os.mkdir(f"{root}/a")
        events = session.watcher.sync()
        session.dispatcher.dispatch(events, session.watcher)
        assert session.journal.numbers(events)[1] == [1]
        fill(session)
        made = until_full(session, root)
        os.mkdir(f"{root}/b")
        events = session.watcher.sync()
        session.dispatcher.dispatch(events, session.watcher)
        assert session.journal.numbers(events)[1] == [None]
        empty(session)
        until(lambda: len(kept(file, root)) == made + 2)


def test_beyond_what_may_be_held_there_is_a_gap_and_it_is_told(file, root, at_once):
    with Session(file, root, "--journal-memory", "10K") as session:
        os.mkdir(f"{root}/moves")
        fill(session)
        made = until_full(session, root)
        os.rename(f"{root}/moves", f"{root}/moved")
        work(session, root, range(made, made + 100))
        os.rmdir(f"{root}/{0:0200}")
        session.tell()
        assert not session.journal._keeper._waiting
        empty(session)
        work(session, root, [made + 100])
    told = flags(file, root)
    gap = told.index("Q_OVERFLOW")
    assert told.count("Q_OVERFLOW") == told.count("IN_SYNC") == 1
    assert set(told[:gap]) == {"CREATE,ISDIR"}
    assert {"CREATE,ISDIR", "DELETE,ISDIR"} == set(told[gap + 1 : told.index("IN_SYNC")])
    Reader(file, root).check(root)


def test_the_gap_is_told_also_where_nothing_happens_any_more(file, root, at_once):
    with Session(file, root, "--journal-memory", "1K") as session:
        fill(session)
        made = until_full(session, root)
        work(session, root, range(made, made + 20))
        empty(session)
        until(lambda: "Q_OVERFLOW" in flags(file, root))
        assert "IN_SYNC" not in flags(file, root)
    # What it has changed is known when the next batch comes, or at the end.
    assert flags(file, root)[-1] == "IN_SYNC"
    Reader(file, root).check(root)


def test_what_can_not_be_kept_until_the_end_is_an_error_and_the_next_start_tells_it(file, root, at_once):
    session = Session(file, root)
    session.__enter__()
    work(session, root, [1000])
    fill(session)
    made = until_full(session, root)
    with pytest.raises(SystemExit, match=r"events could not be kept in the journal .*: database or disk is full"):
        session.__exit__(None)
    session.watcher.close()
    with Session(file, root):
        pass
    assert flags(file, root).count("RESTART") == 1
    assert len(os.listdir(root)) == made + 1
    Reader(file, root).check(root)


def test_a_real_disk_that_is_full_and_emptied_again(tmp_path, python, has_namespaces):
    """A small tmpfs in a namespace of its own, and the command line.

    SQLite's WAL would take all of it before it is written into the file, which needs room, too.
    """
    told = python(
        """
        import os, pathlib, signal, sqlite3, subprocess, sys, time
        disk, root = sys.argv[1] + "/disk", sys.argv[1] + "/root"
        os.mkdir(disk), os.mkdir(root)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", disk], check=True)
        command, file, end = [sys.executable, "-m", "inotify_cffi"], disk + "/j", time.monotonic() + 40
        said = open(sys.argv[1] + "/said", "w+")
        watch = subprocess.Popen(
            [*command, "watch", "--no-plugin", "console", "--plugin", "journal", "--journal-file", file, root],
            stderr=said,
        )
        def until(text, act=os.sched_yield):
            while text not in pathlib.Path(said.name).read_text() and time.monotonic() < end:
                act()
        def make():
            os.mkdir(f"{root}/{len(os.listdir(root))}")
        def kept():
            return journal.execute("SELECT count(*) FROM events").fetchone()[0]
        def until_kept():
            while kept() < len(os.listdir(root)) and time.monotonic() < end:
                os.sched_yield()
        try:
            until("Watches established")
            journal = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
            for _ in range(60):
                make()
                until_kept()
            fd = os.open(disk + "/fill", os.O_WRONLY | os.O_CREAT)
            try:
                while True:
                    os.write(fd, b"x" * 4096)
            except OSError:
                os.close(fd)
            until("can not be written: database or disk is full", make)
            os.unlink(disk + "/fill")
            until("is written again")
            make()
            until_kept()
            watch.send_signal(signal.SIGTERM)
            print(watch.wait(), len(os.listdir(root)) - kept())
            print(pathlib.Path(said.name).read_text().count("can not be written"))
            journal.close()
        finally:
            watch.kill()
            watch.wait()
            said.close()
        """,
        tmp_path,
        prefix=("unshare", "--user", "--map-root-user", "--mount"),
    )
    assert told == "143 0\n1\n"


# --- a lock ---


def test_while_somebody_else_has_the_lock_events_are_held(file, root, at_once):
    with Session(file, root) as session:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        work(session, root, range(3))
        assert len(session.journal._keeper._waiting) == 3
        other.execute("ROLLBACK")
        other.close()
        until(lambda: len(kept(file, root)) == 3)
        work(session, root, [3])
    assert flags(file, root) == ["CREATE,ISDIR"] * 4


# --- another file, or none ---


@pytest.mark.parametrize("endings", [[""], ["", "-wal", "-shm"], ["", "-wal", "-shm", "-lock"]])
def test_a_file_that_vanished_is_made_anew_with_a_gap(file, root, endings):
    with Session(file, root) as session:
        work(session, root, [1])
        (before,) = Journal().since(file, 0)
        for ending in endings:
            os.unlink(file + ending)
        work(session, root, [2])
        work(session, root, [3])
        assert session.journal.identity() == (before.journal, 2)
    assert flags(file, root) == ["Q_OVERFLOW", "CREATE,ISDIR", "IN_SYNC", "CREATE,ISDIR"]
    events = list(Journal().since(file, 0))
    assert {(event.journal, event.generation) for event in events} == {(before.journal, 2)}
    assert events[0].number > before.number


def test_a_directory_that_vanished_is_made_anew_too(file, root, caplog):
    with caplog.at_level(logging.WARNING), Session(file, root) as session:
        work(session, root, [1])
        os.rename(os.path.dirname(file), os.path.dirname(file) + "-away")
        work(session, root, [2])
    assert flags(file, root) == ["Q_OVERFLOW", "CREATE,ISDIR", "IN_SYNC"]
    assert caplog.messages == [f"the journal {file} has vanished, or a part of it: it is made anew"]


def test_a_wal_that_vanished_takes_nothing_with_it(file, root):
    with Session(file, root) as session:
        work(session, root, [1])
        os.unlink(file + "-wal")
        work(session, root, [2])
    reader = Reader(file, root)
    reader.check(root)
    assert [event.generation for event in reader.seen.values()] == [1] * len(reader.seen)


def test_another_journal_in_its_place_is_used_with_a_gap(file, root, caplog):
    with caplog.at_level(logging.WARNING), Session(file, root) as session:
        work(session, root, [1])
        store = Store(file + "-other")
        identity = store.identity()
        store.close()
        os.rename(file + "-other", file)
        work(session, root, [2])
        work(session, root, [3])
    told = flags(file, root)
    assert told[0] == "Q_OVERFLOW"
    # Nothing was known of the root there.
    assert told[1:] == ["IN_SYNC", "CREATE,ISDIR"]
    assert next(Journal().since(file, 0)).journal == identity.uuid
    assert caplog.messages == [f"the journal {file} was replaced by another one, which is used now"]


def test_what_is_no_journal_in_its_place_ends_the_program(file, root):
    session = Session(file, root)
    session.__enter__()
    with open(file + "-other", "w") as stream:
        stream.write("mine" * 1000)
    os.rename(file + "-other", file)
    ends(session, root, [1], "file is not a database")
    with open(file) as stream:
        assert stream.read() == "mine" * 1000


@pytest.mark.parametrize("shows", [True, False])
def test_a_damaged_file_ends_the_program(file, root, shows):
    """Whether its time shows that somebody has written into it, or SQLite comes to it."""
    with Session(file, root) as session:
        work(session, root, range(50))
    session = Session(file, root)
    session.__enter__()
    before = os.stat(file)
    store_of(session).connection.execute("PRAGMA cache_size = 1").fetchall()
    with open(file, "r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xa5" * (before.st_size - 4096))
    if not shows:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    ends(session, root, range(50, 100), r"is damaged: .*; move it away")


@pytest.mark.parametrize("ending", ["", "-wal"])
@pytest.mark.parametrize("part", [0, 2])
def test_a_file_that_is_truncated_ends_the_program(file, root, ending, part):
    """SQLite does not notice: what it has in memory hides it, and what it writes later lies beside a hole."""
    session = Session(file, root)
    session.__enter__()
    work(session, root, range(20))
    os.truncate(file + ending, os.path.getsize(file + ending) // part if part else 0)
    ends(session, root, [20], f"^the journal {file} is damaged: .*; move it away$")


def test_a_file_that_somebody_else_has_written_into_is_used_if_it_is_whole(file, root):
    with Session(file, root) as session:
        work(session, root, [1])
        other = sqlite3.connect(file)
        other.execute("VACUUM")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        other.close()
        work(session, root, [2])
    assert flags(file, root) == ["CREATE,ISDIR"] * 2


def test_a_large_file_is_not_read_through_for_its_time(file, root, monkeypatch):
    monkeypatch.setattr(place, "MOST_CHECKED", 0)
    with Session(file, root) as session:
        work(session, root, [1])
        monkeypatch.setattr(Store, "check_whole", None)
        os.utime(file)
        work(session, root, [2])
    assert flags(file, root) == ["CREATE,ISDIR"] * 2


def test_a_table_that_is_gone_ends_the_program(file, root):
    """To wait does not bring it back."""
    session = Session(file, root)
    session.__enter__()
    other = sqlite3.connect(file)
    other.execute("DROP TABLE events")
    other.close()
    ends(session, root, [1], "is damaged: no such table: events; move it away")


def test_an_index_of_the_wal_that_vanished_takes_nothing_with_it(file, root):
    """Who opens the journal next makes another one, and does not see the locks that we have."""
    with Session(file, root) as session:
        work(session, root, [1])
        os.unlink(file + "-shm")
        work(session, root, [2])
        assert os.path.exists(file + "-shm")
    Reader(file, root).check(root)


def test_a_directory_that_became_a_file_is_waited_for(file, root, at_once):
    state = os.path.dirname(file)
    with Session(file, root) as session:
        work(session, root, [1])
        os.rename(state, state + "-away")
        with open(state, "w"):
            pass
        work(session, root, [2])
        os.unlink(state)
        until(lambda: os.path.exists(file))
        work(session, root, [3])
    assert flags(file, root) == ["Q_OVERFLOW", "CREATE,ISDIR", "CREATE,ISDIR", "IN_SYNC"]


def test_a_file_that_vanished_while_nothing_happened_is_made_anew_at_the_end(file, root):
    with Session(file, root) as session:
        work(session, root, [1])
        os.unlink(file)
    assert flags(file, root) == ["Q_OVERFLOW", "IN_SYNC"]
    assert list(Journal().entries(file)[1]) == [os.fsencode(f"{root}/{1:0200}")]


# --- a lock that was removed ---


def test_a_lock_that_was_removed_is_made_anew(file, root):
    with Session(file, root) as session:
        work(session, root, [1])
        os.unlink(file + "-lock")
        work(session, root, [2])
        other = Store(file)
        with pytest.raises(UnusableError, match=f"process {os.getpid()} writes it"):
            other.claim()
        other.abandon()


def test_who_finds_another_writer_writes_no_more(file, root):
    session = Session(file, root)
    session.__enter__()
    work(session, root, [1])
    os.unlink(file + "-lock")
    other = Store(file)
    other.claim()
    ends(session, root, [2], f"can not be used any more: process {os.getpid()} writes it")
    other.abandon()
    assert flags(file, root) == ["CREATE,ISDIR"]


# --- interrupted ---


def test_what_was_committed_when_an_exception_came_is_not_written_again(file, root, monkeypatch):
    with Session(file, root) as session:
        work(session, root, [1])
        keeper = session.journal._keeper
        real = keeper._drop

        def interrupt(group):
            monkeypatch.setattr(keeper, "_drop", real)
            raise KeyboardInterrupt

        monkeypatch.setattr(keeper, "_drop", interrupt)
        with pytest.raises(KeyboardInterrupt):
            work(session, root, [2])
        work(session, root, [3])
    assert flags(file, root) == ["CREATE,ISDIR"] * 3
    Reader(file, root).check(root)


# --- the command line ---


def watch(file, root, *arguments):
    return subprocess.run(
        [
            *COMMAND,
            "watch",
            "--no-plugin",
            "console",
            "--plugin",
            "journal",
            "--journal-file",
            file,
            *arguments,
            root,
        ],
        check=False,
        capture_output=True,
        timeout=PATIENCE_S,
    )


def test_a_second_writer_ends_with_1_and_names_the_first(file, root):
    with Watching("watch", "--no-plugin", "console", "--plugin", "journal", "--journal-file", file, root) as first:
        done = watch(file, root)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.decode() == (
            f"inotify-cffi: the journal {file} can not be used: process {first.process.pid} writes it\n"
        )


def test_a_journal_that_can_not_be_set_up_ends_the_program_before_it_says_that_it_is_ready(file, root):
    os.makedirs(os.path.dirname(file))
    connection = sqlite3.connect(file)
    connection.executescript("PRAGMA user_version = 1; CREATE TABLE x (y)")
    connection.close()
    done = watch(file, root, "--timeout", "0")
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"Watches established" not in done.stderr


def test_a_file_that_is_replaced_by_another_ends_the_program_with_1(file, root):
    with Watching(
        "watch", "--no-plugin", "console", "--plugin", "journal", "--journal-file", file, root
    ) as watching:
        with open(file + "-other", "w") as stream:
            stream.write("mine" * 1000)
        os.rename(file + "-other", file)
        os.mkdir(f"{root}/a")
        assert watching.process.wait(PATIENCE_S) == 1


def test_a_restart_is_a_row_that_says_from_where_it_goes_on(file, root):
    with Session(file, root) as session:
        work(session, root, [1])
        store_of(session).abandon()
        session.journal._keeper = None
    with Session(file, root):
        pass
    restart, in_sync = list(Journal().since(file, 1))
    assert (restart.mask, restart.durable, in_sync.mask) == (int(Mask.RESTART), 1, int(Mask.IN_SYNC))
