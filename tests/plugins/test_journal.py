"""The journal: what it keeps, what it knows at the next start, and what is asked of it."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import time

import pytest
from journalling import Reader, Session, kept, last
from replaying import COMMAND, PATIENCE_S, Replay, listing

from inotify_cffi import Dispatcher, Event, Mask, Watcher
from inotify_cffi.plugins.journal import Journal
from inotify_cffi.plugins.known import Known
from inotify_cffi.plugins.store import Store


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "state" / "journal.sqlite")


# --- what it keeps ---


def test_every_event_is_kept_in_order_with_a_number_and_a_time(file, root):
    before = time.time()
    with Session(file, root):
        (root / "a").mkdir()
        (root / "a").rename(root / "b")
    records = list(Journal().since(file, 0))
    assert [record.number for record in records] == [1, 2, 3]
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


# --- what can go wrong ---


def test_a_mask_that_hides_creation_is_refused(file, root):
    done = subprocess.run(
        [*COMMAND, "watch", "--plugin", "journal", "--journal-file", file, "--events", "modify", str(root)],
        check=False, capture_output=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"the journal needs the events create, delete and move" in done.stderr


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
    assert [(row["number"], row["path"]) for row in objects] == [(1, str(root / "a")), (2, str(root / "b"))]
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
        (["since", "a:b:c:1"], 2),
        (["since", "a:1"], 2),
        (["since", "1"], 1),
    ],
)
def test_what_can_not_be_answered_is_an_error(tmp_path, question, code):
    done = ask(str(tmp_path / "none"), *question)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (code, b"", 1)


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


# --- which journal, and how far ---


def test_without_a_question_it_says_which_journal_it_is(file, root):
    with Session(file, root):
        (root / "a").mkdir()
        (row,) = map(json.loads, ask(file, "--json").stdout.splitlines())
        assert row["writer"] == os.getpid()
    (row,) = map(json.loads, ask(file, "--json").stdout.splitlines())
    assert (row["file"], row["first"], row["last"], row["writer"]) == (file, 1, 1, None)
    assert row["position"] == f"{row['journal']}:{row['generation']}:1"
    text = ask(file).stdout.decode()
    for part in (file, f"{row['journal']}, generation 1", "1 to 1", row["position"], "nobody"):
        assert part in text


def test_from_a_position_it_goes_on(file, root):
    with Session(file, root):
        (root / "a").mkdir()
        (root / "b").mkdir()
    (first, second) = map(json.loads, ask(file, "since", "0", "--json").stdout.splitlines())
    position = f"{first['journal']}:{first['generation']}:{first['number']}"
    assert [json.loads(line) for line in ask(file, "since", position, "--json").stdout.splitlines()] == [second]


@pytest.mark.parametrize("which", ["another journal", "another generation", "a number that was never given"])
def test_a_position_of_another_life_is_exit_code_3(file, root, which):
    with Session(file, root):
        (root / "a").mkdir()
    (row,) = map(json.loads, ask(file, "since", "0", "--json").stdout.splitlines())
    position = f"{row['journal']}:1:1"
    if which == "another journal":
        os.unlink(file)
        with Session(file, root):
            (root / "b").mkdir()
    elif which == "another generation":
        position = f"{row['journal']}:2:1"
    else:
        position = "99999999"
    done = ask(file, "since", position)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (3, b"", 1)
    assert b"begin anew" in done.stderr


def test_what_was_forgotten_behind_a_number_is_exit_code_3(file, root):
    with Session(file, root) as session:
        for name in "abc":
            (root / name).mkdir()
            session.tell()
    store = Store(file)
    with store.batch():
        store._ageing.forget_before(3)
    store.close()
    assert ask(file, "since", "1").returncode == 3
    assert ask(file, "since", "2").stdout.count(b"\n") == 1
    assert ask(file, "since", "0").returncode == 0


def test_each_object_has_its_time_and_says_of_which_journal_it_is_without_a_lone_surrogate(tmp_path, root):
    file = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"\xff", b"journal"))
    with Session(file, root):
        os.mkdir(os.path.join(os.fsencode(root), b"\xfe"))
    (state,) = ask(file, "--json").stdout.splitlines()
    (entry,) = ask(file, "entries", "--json").stdout.splitlines()
    rows = [json.loads(state), json.loads(entry)]
    json.dumps(rows, ensure_ascii=False).encode("utf-8")
    assert [(row["journal"], row["generation"]) for row in rows] == [(rows[0]["journal"], 1)] * 2
    assert all(0 <= time.time() - row["time"] < 3600 for row in rows)
    assert (rows[0]["file"], base64.b64decode(rows[0]["file_bytes"])) == (None, os.fsencode(file))
    assert (rows[1]["path"], os.path.basename(base64.b64decode(rows[1]["path_bytes"]))) == (None, b"\xfe")


@pytest.mark.parametrize("question", [[], ["entries"]])
def test_what_is_no_event_is_no_cloudevent(file, root, question):
    with Session(file, root):
        pass
    done = ask(file, *question, "--format", "cloudevents")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--format cloudevents is for events" in done.stderr


def test_the_entries_are_what_is_known_and_the_number_where_it_is_so(file, root):
    (root / "old").touch()
    with Session(file, root):
        (root / "d").mkdir()
        os.mkdir(os.path.join(os.fsencode(root), b"\xff"))
    rows = [json.loads(line) for line in ask(file, "entries", "--json").stdout.splitlines()]
    assert {row["number"] for row in rows} == {2}
    told = {row["path"]: row["is_dir"] for row in rows}
    assert told == {f"{root}/old": False, f"{root}/d": True, None: True}
    assert ask(file, "entries").stdout.splitlines()[0].split(b" ", 2)[:2] == [b"2", b"directory"]
    number, entries = Journal().entries(file)
    assert (number, set(entries)) == (
        2,
        {os.path.join(os.fsencode(root), name) for name in (b"old", b"d", b"\xff")},
    )


def test_two_roots_that_lie_in_one_another_are_known_as_they_are(file, root):
    """Each of them tells what is in both."""
    (root / "a" / "s").mkdir(parents=True)
    (root / "a" / "s" / "f").touch()
    journal, dispatcher = Journal(), Dispatcher()
    dispatcher.register(journal, "journal")
    journal._options.journal_file = file
    with Watcher(str(root), str(root / "a")) as watcher:
        dispatcher.start(watcher)
        (root / "a" / "s").rename(root / "a" / "t")
        dispatcher.dispatch(watcher.sync(), watcher)
        dispatcher.stop(watcher)
    assert set(Journal().entries(file)[1]) == {os.fsencode(root / name) for name in ("a", "a/t", "a/t/f")}


def test_in_a_program_of_ones_own_it_compares_too(file, root):
    """Without the command line's options the roots are the watcher's."""
    for _ in range(2):
        journal, dispatcher = Journal(), Dispatcher()
        dispatcher.register(journal, "journal")
        journal._options.journal_file = file
        with Watcher(str(root)) as watcher:
            dispatcher.run(watcher, timeout=0)
        (root / "meanwhile").touch()
    assert kept(file, root) == [("CREATE", b"meanwhile", True)]


def test_what_was_told_is_known_also_where_the_disk_is_ahead(file, root):
    """Else its end would not be told at the next start: the file is gone when its creation is read."""
    session = Session(file, root)
    with session:
        (root / "f").touch()
        (root / "g").touch()
        events = session.watcher.sync()
        (root / "f").unlink()
        (root / "g").unlink()
        (root / "g").mkdir()
        session.dispatcher.dispatch(events, session.watcher)
        # It is killed here.
        session.journal._keeper._store.abandon()
        session.journal._keeper = None
    with Session(file, root):
        pass
    reader = Reader(file, root)
    reader.check(str(root))
    assert ("DELETE", b"f", True) in kept(file, root)


def test_a_relative_journal_or_a_path_that_is_not_utf8(tmp_path, root, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"j\xff?#%")
    with Session(name, root):
        (root / "a").mkdir()
    assert [event.number for event in Journal().since(name, 0)] == [1]
    assert os.path.exists(tmp_path / name)


# --- a watcher that goes on from it ---


def told_since(state, *paths, **options):
    with Watcher(*paths, since=state, **options) as watcher:
        return sorted((os.fsdecode(event.path), event.mask & ~Mask.ISDIR) for event in watcher.read(0))


@pytest.fixture
def long_ago(monkeypatch):
    """Nothing was changed shortly before the last row."""
    monkeypatch.setattr("inotify_cffi.plugins.journal.YOUNG_NS", 0)


def test_a_watcher_goes_on_from_what_a_journal_knows(file, root, long_ago):
    (root / "a").mkdir()
    for name in ("f", "g", "a/h"):
        (root / name).write_text(name)
    with Session(file, root):
        (root / "a" / "there").touch()
    assert told_since(Journal().state(file), str(root)) == []
    (root / "g").unlink()
    (root / "a" / "h").write_text("more")
    (root / "a" / "away").mkdir()
    wanted = [(f"{root}/a/away", Mask.CREATE), (f"{root}/a/h", Mask.MODIFY), (f"{root}/g", Mask.DELETE)]
    assert told_since(Journal().state(file), str(root)) == wanted
    assert told_since(Journal().state(file), os.fsencode(root)) == wanted


def test_its_paths_may_be_relative_as_the_watchers(file, root, monkeypatch, long_ago):
    (root / "f").touch()
    with Session(file, root):
        pass
    monkeypatch.chdir(root.parent)
    (root / "away").mkdir()
    assert told_since(Journal().state(file, ["root"]), "root") == [("root/away", Mask.CREATE)]
    # What the journal does not have is as new as any root that is not in a state.
    assert told_since(Journal().state(file, ["state"]), "root") == [
        ("root/away", Mask.CREATE),
        ("root/f", Mask.CREATE),
    ]


def test_a_root_of_it_may_be_a_file(file, root):
    (root / "f").touch()
    with Session(file, root / "f"):
        pass
    assert told_since(Journal().state(file), str(root / "f")) == [(f"{root}/f", Mask.MODIFY)]


def test_what_was_changed_shortly_before_the_last_row_is_told_once_more(file, root):
    with Session(file, root):
        (root / "f").touch()
    assert told_since(Journal().state(file), str(root)) == [(f"{root}/f", Mask.MODIFY)]


def test_a_journal_that_is_not_there_has_no_state(file):
    with pytest.raises(SystemExit):
        Journal().state(file)


def test_what_a_watcher_tells_of_the_time_before_is_not_kept_twice(file, root):
    """The journal finds by itself what happened before the start."""
    with Watcher(str(root), keep_stat=True) as watcher:
        state = watcher.save()
    with Session(file, root):
        pass
    (root / "away").mkdir()
    session = Session(file, root)
    session.watcher = Watcher(str(root), since=state)
    session.dispatcher.configure(session.options, session.watcher)
    session.dispatcher.start(session.watcher)
    (root / "there").mkdir()
    session.__exit__(None)
    assert [(flags, path) for flags, path, _ in kept(file, root)] == [
        ("CREATE,ISDIR", b"away"),
        ("CREATE,ISDIR", b"there"),
    ]
