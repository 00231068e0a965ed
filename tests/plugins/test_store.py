"""The journal's file: numbers that are given once, what is forgotten, whose it is, and which it is."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time

import pytest
from replaying import PATIENCE_S

from inotify_cffi import ForgottenError, GenerationError, Mask
from inotify_cffi.mirroring.numbers import MOST_UNDONE
from inotify_cffi.plugins import reading as reading_module
from inotify_cffi.plugins.clock import Moment
from inotify_cffi.plugins.following import follow
from inotify_cffi.plugins.known import Known
from inotify_cffi.plugins.reading import Reader, StoreError, UnusableError, reading
from inotify_cffi.plugins.store import RANGE, Store

DAY = 86400.0


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "state" / "journal.sqlite")


@pytest.fixture
def opened(file):
    """Open the journal; what is left open is closed."""
    held = []

    def open_it(**options):
        held.append(Store(file, **options))
        return held[-1]

    yield open_it
    for store in held:
        store.abandon()


def rows(count, *, moment=1.0):
    return [(moment, b"/r/%0100d" % number, int(Mask.CREATE), 0, None, False) for number in range(count)]


def add(store, count, **options):
    with store.batch():
        return store.add(rows(count, **options))


def numbers(store):
    return [event.number for event in store.since(0)]


class Clock:
    """Time as a test has it."""

    def __init__(self):
        self.wall, self.steady, self.boot = 1_000_000.0, 100.0, "first"

    def pass_by(self, seconds):
        self.wall += seconds
        self.steady += seconds

    def __call__(self):
        return Moment(self.wall, self.steady, self.boot)


# --- numbers ---


def test_numbers_go_on_after_a_clean_end(opened):
    for first in (1, 6):
        store = opened()
        assert add(store, 5) == first
        store.close()
    assert numbers(opened()) == list(range(1, 11))


def test_numbers_are_not_given_again_when_all_was_forgotten(opened):
    clock = Clock()
    store = opened(keep_s=1, clock=clock)
    add(store, 5, moment=clock.wall)
    clock.pass_by(100)
    store.prune(clock.wall, always=True)
    assert store.bounds() == (0, 0)
    store.close()
    assert add(opened(), 1) == 6


def test_after_an_end_that_was_not_clean_no_number_is_given_that_may_have_been_read(opened):
    store = opened()
    add(store, 3)
    store.abandon()
    store = opened()
    add(store, 1)
    restart, event = list(store.since(3))
    assert (restart.mask, restart.durable, restart.path) == (int(Mask.RESTART), 3, b"")
    assert (restart.number, event.number) == (1 + RANGE, 2 + RANGE)


def test_a_process_that_was_only_about_to_write_leaves_no_mark(opened):
    store = opened()
    store.claim()
    store.abandon()
    store = opened()
    add(store, 1)
    assert numbers(store) == [1]


def test_a_range_is_reserved_in_a_transaction_that_is_synchronised(opened):
    store = opened()
    statements = []
    store.connection.set_trace_callback(statements.append)
    add(store, 3)
    add(store, RANGE)
    store.connection.set_trace_callback(None)
    mode, modes = "NORMAL", []
    for statement in statements:
        if statement.startswith("PRAGMA synchronous ="):
            mode = {"1": "NORMAL"}.get(statement.split()[-1], statement.split()[-1])
        if "reserved = " in statement:
            modes.append(mode)
    assert modes == ["FULL", "FULL"]
    assert mode == "NORMAL"
    assert numbers(store) == list(range(1, RANGE + 4))


def test_rows_whose_numbers_are_not_reserved_are_not_shown(file, opened, monkeypatch):
    store = opened()
    add(store, 1)

    def fail():
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(store, "_reserve", fail)
    with store.batch():
        store.add(rows(RANGE + 10))
    assert not store.is_shown(RANGE + 11)
    with reading(file) as reader:
        assert len(list(reader.since(0))) == RANGE
    monkeypatch.undo()
    add(store, 1)
    with reading(file) as reader:
        assert len(list(reader.since(0))) == RANGE + 12


def test_a_batch_is_kept_whole_or_not_at_all(opened):
    store = opened()
    with pytest.raises(KeyboardInterrupt), store.batch():
        store.add(rows(5))
        raise KeyboardInterrupt
    assert store.bounds() == (0, 0)
    assert add(store, 1) == 1


def test_a_number_is_not_given_again_where_an_exception_came_behind_the_commit(opened, monkeypatch):
    store = opened()
    add(store, 1)
    transaction = store._transaction

    class Interrupted:
        """The transaction, and Ctrl-C right behind its end."""

        def __init__(self, **options):
            self.inner = transaction(**options)

        def __enter__(self):
            return self.inner.__enter__()

        def __exit__(self, *exception):
            self.inner.__exit__(*exception)
            raise KeyboardInterrupt

    monkeypatch.setattr(store, "_transaction", Interrupted)
    with pytest.raises(KeyboardInterrupt), store.batch():
        store.add(rows(5))
    monkeypatch.undo()
    assert add(store, 1) == 7


def test_two_modes_of_synchronising_can_be_asked_for(opened):
    for sync, expected in (("normal", 1), ("full", 2)):
        store = opened(sync=sync)
        add(store, 1)
        assert store.connection.execute("PRAGMA synchronous").fetchone()[0] == expected
        store.close()


def test_a_mirror_can_go_back_as_far_as_a_power_cut_can(opened):
    assert RANGE < MOST_UNDONE


# --- what is forgotten ---


def test_what_is_too_old_is_forgotten(opened):
    clock = Clock()
    store = opened(keep_s=100, clock=clock)
    add(store, 3, moment=clock.wall)
    clock.pass_by(90)
    add(store, 2, moment=clock.wall)
    clock.pass_by(20)
    store.prune(clock.wall, always=True)
    assert store.bounds() == (4, 5)


def test_a_file_that_is_too_large_loses_its_oldest_and_shrinks(file, opened):
    store = opened(keep_bytes=300_000)
    for _ in range(20):
        add(store, 1000)
        store.prune(1)
    first, end = store.bounds()
    assert (first > 1, end) == (True, 20_000)
    store.close()
    assert os.path.getsize(file) < 300_000


def test_to_ask_for_what_comes_after_a_forgotten_number_is_an_error(opened):
    clock = Clock()
    store = opened(keep_s=100, clock=clock)
    add(store, 5, moment=clock.wall)
    clock.pass_by(200)
    add(store, 2, moment=clock.wall)
    store.prune(clock.wall, always=True)
    with pytest.raises(ForgottenError, match=r"the events 4 to 5 .* are forgotten"):
        list(store.since(3))
    assert [event.number for event in store.since(5)] == numbers(store) == [6, 7]


# --- clocks ---


def test_a_clock_that_jumps_ahead_and_back_lets_nothing_be_forgotten(opened):
    clock = Clock()
    store = opened(keep_s=30 * DAY, clock=clock)
    add(store, 10, moment=clock.wall)
    clock.pass_by(60)
    clock.wall += 3650 * DAY
    store.prune(clock.wall, always=True)
    add(store, 10, moment=clock.wall)
    store.prune(clock.wall, always=True)
    assert store.bounds() == (1, 20)
    clock.wall -= 3650 * DAY
    clock.pass_by(60)
    add(store, 10, moment=clock.wall)
    store.prune(clock.wall, always=True)
    assert store.bounds() == (1, 30)
    # Nor are they kept for ever: their age is that which they have by the right clock.
    clock.pass_by(30 * DAY - 90)
    store.prune(clock.wall, always=True)
    assert store.bounds() == (11, 30)


def test_what_was_written_by_a_wrong_clock_is_not_new_for_ten_years(opened):
    clock = Clock()
    store = opened(clock=clock)
    clock.wall += 3650 * DAY
    with store.batch():
        store.add([(clock.wall, b"/during", 256, 0, None, False)])
    clock.wall -= 3650 * DAY
    clock.pass_by(3600)
    with store.batch():
        store.add([(clock.wall, b"/after", 256, 0, None, False)])
    assert [event.path for event in store.changed_since(clock.wall - 60)] == [b"/after"]
    assert [event.path for event in store.changed_since(clock.wall - 4000)] == [b"/during", b"/after"]


def test_the_jump_is_found_also_where_nobody_wrote_meanwhile(opened):
    clock = Clock()
    store = opened(keep_s=30 * DAY, clock=clock)
    add(store, 5, moment=clock.wall)
    store.close()
    clock.pass_by(DAY)
    clock.wall += 3650 * DAY
    store = opened(keep_s=30 * DAY, clock=clock)
    store.prune(clock.wall, always=True)
    assert store.bounds() == (1, 5)


def test_after_a_restart_of_the_machine_a_clock_is_believed_when_it_has_stood(opened):
    """It may have been off for forty days, or its battery be empty."""
    clock = Clock()
    store = opened(keep_s=30 * DAY, clock=clock)
    add(store, 5, moment=clock.wall)
    store.close()
    clock.boot, clock.steady, clock.wall = "second", 10.0, clock.wall + 40 * DAY
    store = opened(keep_s=30 * DAY, clock=clock)
    store.prune(clock.wall, always=True)
    assert store.bounds() == (1, 5)
    clock.pass_by(4000)
    store.prune(clock.wall, always=True)
    assert store.bounds() == (0, 0)


def test_after_a_restart_of_the_machine_a_clock_that_is_set_right_lets_nothing_be_forgotten(opened):
    clock = Clock()
    store = opened(keep_s=30 * DAY, clock=clock)
    add(store, 5, moment=clock.wall)
    store.close()
    right = clock.wall + 60
    clock.boot, clock.steady, clock.wall = "second", 10.0, clock.wall + 3650 * DAY
    store = opened(keep_s=30 * DAY, clock=clock)
    add(store, 5, moment=clock.wall)
    clock.pass_by(600)
    clock.wall = right + 600
    add(store, 5, moment=clock.wall)
    clock.pass_by(2 * 3600)
    store.prune(clock.wall, always=True)
    assert store.bounds() == (1, 15)
    assert [event.number for event in store.changed_since(clock.wall - 3 * 3600)] == list(range(11, 16))


def test_a_clock_that_went_back_while_the_machine_was_off_is_taken_as_it_is(opened):
    clock = Clock()
    store = opened(clock=clock)
    add(store, 1, moment=clock.wall)
    store.close()
    clock.boot, clock.steady, clock.wall = "second", 10.0, 5000.0
    store = opened(clock=clock)
    add(store, 1, moment=clock.wall)
    assert len(list(store.changed_since(4000.0))) == 1
    assert [event.number for event in store.changed_since(4000.0)] == [2]


def test_the_clocks_are_those_of_the_machine(opened):
    before = time.time()
    store = opened()
    add(store, 1)
    assert before <= store._ageing.seen.wall <= time.time()
    with open("/proc/sys/kernel/random/boot_id") as stream:
        assert store._ageing.seen.boot == stream.read().strip()


# --- whose it is ---


def test_files_are_for_nobody_else(file, opened):
    before = os.umask(0)
    try:
        add(opened(), 1)
    finally:
        os.umask(before)
    directory = os.path.dirname(file)
    modes = {name: stat.S_IMODE(os.stat(f"{directory}/{name}").st_mode) for name in os.listdir(directory)}
    assert modes == dict.fromkeys([f"journal.sqlite{ending}" for ending in ("", "-wal", "-shm", "-lock")], 0o600)
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700


def test_all_directories_that_are_made_are_for_nobody_else(tmp_path):
    before = os.umask(0)
    try:
        Store(str(tmp_path / "a" / "b" / "j")).close()
    finally:
        os.umask(before)
    assert [stat.S_IMODE(os.stat(tmp_path / each).st_mode) for each in ("a", "a/b")] == [0o700] * 2


def test_a_second_writer_is_refused_with_the_pid_of_the_first(file, opened):
    opened().claim()
    with pytest.raises(UnusableError, match=rf"can not be used: process {os.getpid()} writes it"):
        opened().claim()


def test_it_is_known_by_all_its_names(file, opened, tmp_path):
    opened().claim()
    os.symlink(file, tmp_path / "link")
    other = Store(str(tmp_path / "link"))
    with pytest.raises(UnusableError, match="writes it"):
        other.claim()
    other.abandon()


def test_another_process_is_refused_too_and_may_write_when_the_first_has_ended(file, opened):
    code = (
        "import sys; from inotify_cffi.plugins.store import Store; store = Store(sys.argv[1])\n"
        "try: store.claim()\nexcept Exception as error: print(error)\nelse: print('mine')\nstore.close()"
    )

    def ask():
        done = subprocess.run(
            [sys.executable, "-c", code, file], check=True, capture_output=True, timeout=PATIENCE_S
        )
        return done.stdout.decode()

    store = opened()
    store.claim()
    assert f"process {os.getpid()} writes it" in ask()
    store.close()
    assert ask() == "mine\n"


def test_who_reads_is_in_nobodys_way(file, opened):
    store = opened()
    add(store, 1)
    with reading(file) as reader:
        assert numbers(reader) == [1]
        add(store, 1)
    with reading(file) as reader:
        assert numbers(reader) == [1, 2]


# --- which it is ---


def test_a_number_of_another_journal_is_refused(file, opened):
    store = opened()
    add(store, 3)
    old = str(store.identity())
    assert len(list(store.since(1, old))) == 2
    store.close()
    os.unlink(file)
    store = opened()
    add(store, 5)
    with pytest.raises(
        GenerationError, match=rf"number 1 is of the journal {old}, and this is {store.identity()}"
    ):
        list(store.since(1, old))


@pytest.mark.parametrize("number", [4 + RANGE, 10**30])
def test_a_number_that_was_never_given_is_refused(opened, number):
    store = opened()
    add(store, 3)
    assert list(store.since(3)) == []
    with pytest.raises(GenerationError, match="was never given"):
        list(store.since(number))


def test_a_number_behind_the_last_is_refused_where_no_power_cut_can_have_taken_it(opened, monkeypatch):
    """A deleted and re-made journal counts from 1 again, and is not to be taken for the old one."""
    store = opened(clock=Clock())
    add(store, 3)
    monkeypatch.setattr(reading_module, "boot_id", lambda: "first")
    with pytest.raises(GenerationError, match="number 4 was never given"):
        list(store.since(4))
    monkeypatch.setattr(reading_module, "boot_id", lambda: "second")
    assert list(store.since(4)) == []


def test_a_copy_is_another_generation(file, opened, tmp_path):
    """It would give the numbers that the original gives to other events."""
    store = opened()
    add(store, 3)
    original = store.identity()
    store.close()
    with open(file, "rb") as source, open(tmp_path / "copy", "wb") as target:
        target.write(source.read())
    copy = Store(str(tmp_path / "copy"))
    add(copy, 1)
    assert copy.identity() == original._replace(generation=2)
    assert numbers(copy) == [1, 2, 3, 4]
    copy.close()


def test_a_file_that_is_made_anew_goes_on_with_the_numbers_and_what_is_known(file, opened):
    store = opened()
    add(store, 3)
    store.connection.execute("INSERT INTO roots VALUES (x'2f72')")
    heir = store.heir()
    os.unlink(file)
    store.abandon()
    store.place.sweep()
    anew = opened(heir=heir)
    first = add(anew, 1)
    assert first > 3
    assert anew.identity() == heir.identity
    assert anew.connection.execute("SELECT path FROM roots").fetchall() == [(b"/r",)]
    with pytest.raises(GenerationError):
        list(anew.since(3, f"{heir.identity.uuid}:1"))


# --- what is no journal ---


def test_another_file_is_refused(file):
    os.makedirs(os.path.dirname(file))
    with open(file, "w") as stream:
        stream.write("this is no database" * 100)
    with pytest.raises(UnusableError, match="file is not a database"):
        Store(file)


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_another_database_is_refused(file, version):
    os.makedirs(os.path.dirname(file))
    connection = sqlite3.connect(file)
    connection.executescript(f"CREATE TABLE mine (x); PRAGMA user_version = {version}")
    connection.close()
    with pytest.raises(StoreError, match=r"no journal of version 3|no such table"):
        Store(file)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["directory", "fifo"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, make):
    make(tmp_path / "j")
    with pytest.raises(UnusableError, match="no regular file"):
        Store(str(tmp_path / "j"))


def test_a_link_that_leads_nowhere_makes_no_directory(tmp_path):
    os.symlink(tmp_path / "none" / "j", tmp_path / "j")
    with pytest.raises(StoreError, match="No such file"):
        Store(str(tmp_path / "j"))
    assert not (tmp_path / "none").exists()


def test_a_journal_that_is_not_there_can_not_be_read(file):
    with pytest.raises(StoreError, match="there is no journal"), reading(file):
        pass


def test_a_reader_changes_nothing(file, opened):
    add(opened(), 1)
    opened().abandon()
    with reading(file) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        Reader(reader.connection).connection.execute("DELETE FROM events")


def known_after(store, directory, *batches):
    """What is known below a directory behind batches of masks and paths."""
    for batch in batches:
        with store.batch():
            follow(Known(store), [(1.0, path, int(mask), 0, None, 0, None) for mask, path in batch])
    return {entry: state.is_dir for entry, state in Known(store).below(os.fsencode(directory))}


def test_what_was_a_file_and_is_a_directory_in_one_batch_is_known_as_one(opened, tmp_path):
    """Told as two creations, as an event of the other kind replaces what is known."""
    path = os.fsencode(tmp_path / "b")
    batch = [(Mask.CREATE, path), (Mask.CREATE | Mask.ISDIR, path)]
    assert known_after(opened(), tmp_path, batch) == {path: True}


@pytest.mark.parametrize("together", [True, False])
def test_a_write_that_is_told_late_makes_no_file_of_a_directory(opened, tmp_path, together):
    """Its name is that of a file that was open and is elsewhere by then; Mirror has the directory, too."""
    path = os.fsencode(tmp_path / "b")
    came = [(Mask.CREATE | Mask.ISDIR, path), (Mask.CREATE, path + b"/c")]
    late = [(Mask.MODIFY, path), (Mask.CLOSE_WRITE, path)]
    batches = [[*came, *late]] if together else [came, late]
    assert known_after(opened(), tmp_path, *batches) == {path: True, path + b"/c": False}


def test_a_file_that_comes_where_a_directory_was_is_known_as_one(opened, tmp_path):
    path = os.fsencode(tmp_path / "b")
    batches = [[(Mask.CREATE | Mask.ISDIR, path)], [(Mask.DELETE | Mask.ISDIR, path), (Mask.CREATE, path)]]
    assert known_after(opened(), tmp_path, *batches) == {path: False}
