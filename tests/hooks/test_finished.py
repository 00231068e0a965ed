"""When a file is finished, on the real file system: whoever has it open, whatever was asked for."""

from __future__ import annotations

import asyncio
import mmap
import os
import subprocess
import sys
import threading

import pytest
from conftest import PATIENCE_S

from inotify_cffi import Dispatcher, Event, Mask, Watcher, hookimpl
from inotify_cffi.hooks import openers
from inotify_cffi.hooks.hiding import Hiding
from inotify_cffi.hooks.openers import look_at_size
from inotify_cffi.kernel.syscalls import look_at_file

SETTLE_S = 0.05


# --- who has a file open ---


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"hello")
    return str(path)


def has_leases(path):
    """False on a file system of which nobody can say who writes to it."""
    return look_at_file(path).code == 0


@pytest.fixture(autouse=True)
def leased(request, tmp_path):
    if "file" in request.fixturenames or "ingest" in request.fixturenames:
        probe = tmp_path / "has leases"
        probe.touch()
        if not has_leases(str(probe)):
            pytest.skip("a file system without leases")
        probe.unlink()


def test_nobody_has_it_open(file):
    assert look_at_file(file)[:2] == (0, 5)
    assert look_at_file(os.fsencode(file)) == look_at_file(file)


def test_a_reader_is_nobody(file):
    with open(file, "rb"):
        assert openers.look(file).is_open is False


@pytest.mark.parametrize("mode", ["ab", "r+b"])
def test_a_writer_has_it_open_until_it_closes_it(file, mode):
    with open(file, mode):
        assert openers.look(file).is_open is True
    assert openers.look(file).is_open is False


def test_a_mapping_that_can_be_written_to_has_it_open(file):
    with open(file, "r+b") as stream, mmap.mmap(stream.fileno(), 0) as mapping:
        stream.close()
        assert openers.look(file).is_open is True
        assert bytes(mapping) == b"hello"
    assert openers.look(file).is_open is False


def test_another_process_has_it_open(file):
    with subprocess.Popen(["sh", "-c", 'exec 3>>"$1"; echo; read _', "sh", file], stdin=-1, stdout=-1) as process:
        process.stdout.readline()
        assert openers.look(file).is_open is True
        process.stdin.close()
    assert openers.look(file).is_open is False


@pytest.mark.parametrize("look", [look_at_file, look_at_size, openers.look])
def test_what_is_no_regular_file_is_nothing(tmp_path, look):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "there").touch()
    (tmp_path / "link").symlink_to("there")
    for name in ("fifo", "link", "missing", "there/below", ".", "a\0b"):
        assert look(f"{tmp_path}/{name}") is None


def test_no_lease_is_left_and_nobody_is_kept_waiting(file):
    for _ in range(100):
        look_at_file(file)
        os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))
    with open("/proc/locks") as lines:
        assert not [line for line in lines if "LEASE" in line and f" {os.getpid()} " in line]


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to become somebody else")
def test_of_a_file_of_somebody_else_nobody_can_say(file):
    """A lease takes the owner, or CAP_LEASE."""
    for path in (file, *(os.path.dirname(file),)):
        os.chmod(path, 0o755)
    code = "import sys; from inotify_cffi.hooks import openers; print(openers.look(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", f"import os; os.chdir('/'); os.setuid(65534); {code}", "/etc/passwd"],
        check=False, capture_output=True, timeout=PATIENCE_S,
    )  # fmt: skip
    if b"PermissionError" in done.stderr or b"ModuleNotFoundError" in done.stderr:
        pytest.skip("nobody can not read the interpreter here")
    assert done.stdout == f"Look(is_open=None, size={os.path.getsize('/etc/passwd')})\n".encode()


# --- through the hooks ---


class Importer:
    """Notes what is told; ends the watching when so many files are finished."""

    def __init__(self, files):
        self.files = files
        self.finished, self.events = [], []

    @hookimpl
    def inotify_event(self, event):
        self.events.append(event)

    @hookimpl
    def inotify_settled(self, path, event, evidence, watcher):
        with open(path, "rb") as stream:
            self.finished.append((os.path.basename(path), stream.read(), evidence))
        if len(self.finished) >= self.files:
            watcher.stop()


@pytest.fixture
def ingest(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def run(watcher, importer, act=lambda: None, **options):
    dispatcher = Dispatcher(settle_s=SETTLE_S, **options)
    dispatcher.register(importer, "importer")
    dispatcher.register(Once(act), "act")
    dispatcher.run(watcher, timeout=PATIENCE_S)
    return importer


class Once:
    """Does something when all is ready."""

    def __init__(self, act):
        self.act = act

    @hookimpl
    def inotify_start(self):
        self.act()


def all_ways(ingest):
    """Have files come in every way there is; their names."""
    aside = ingest.parent / "aside"
    aside.write_bytes(b"whole")
    (ingest / "written").write_bytes(b"whole")
    os.link(aside, ingest / "linked")
    (ingest / "x.part").write_bytes(b"whole")
    os.rename(ingest / "x.part", ingest / "x")
    os.rename(aside, ingest / "moved")
    (ingest / "touched").touch()
    (ingest / "new").mkdir()
    (ingest / "new" / "below").write_bytes(b"whole")
    (ingest / "gone").write_bytes(b"whole")
    (ingest / "gone").unlink()
    os.mkfifo(ingest / "fifo")
    os.symlink("written", ingest / "link")
    return ["below", "linked", "moved", "touched", "written", "x"]


@pytest.mark.parametrize(
    "mask", [Mask.CHANGES, Mask.CLOSE_WRITE, Mask.CREATE, Mask.MODIFY, Mask.DELETE, Mask.ATTRIB, Mask.OPEN]
)
@pytest.mark.parametrize("how", ["run", "arun"])
def test_one_meaning_whatever_was_asked_for(ingest, mask, how):
    """And of what is read for that, nothing is told."""
    names = []
    importer = Importer(6)
    dispatcher = Dispatcher(settle_s=SETTLE_S)
    dispatcher.register(importer, "importer")
    dispatcher.register(Once(lambda: names.extend(all_ways(ingest))), "act")
    with Watcher(ingest, mask=mask) as watcher:
        if how == "run":
            dispatcher.run(watcher, timeout=PATIENCE_S)
        else:
            asyncio.run(dispatcher.arun(watcher, timeout=PATIENCE_S))
    found = sorted(importer.finished)
    assert found == [(name, b"" if name == "touched" else b"whole", "unopened") for name in names]
    assert all(event.mask & mask for event in importer.events)
    assert importer.events or mask & (Mask.ATTRIB | Mask.MODIFY)


def test_a_file_is_not_finished_while_somebody_has_it_open(ingest, monkeypatch):
    looks, was_open = [], []
    look = openers.look

    def counted(path):
        found = look(path)
        looks.append(found.is_open)
        if len(looks) == 3:
            was_open.append(importer.finished[:])
            stream.write(b", all of it")
            stream.close()
        return found

    monkeypatch.setattr(openers, "look", counted)
    importer = Importer(1)
    with open(ingest / "slow", "wb", buffering=0) as stream, Watcher(ingest) as watcher:
        run(watcher, importer, lambda: stream.write(b"a part"))
    assert was_open == [[]]
    assert looks[:3] == [True, True, True]
    assert importer.finished == [("slow", b"a part, all of it", "unopened")]


def test_without_a_probe_the_events_decide_and_the_file_is_not_opened(ingest):
    importer = Importer(2)

    def act():
        (ingest / "written").write_bytes(b"whole")
        os.link(ingest / "written", ingest / "linked")

    with Watcher(ingest, mask=Mask.CHANGES | Mask.OPEN) as watcher:
        run(watcher, importer, act, probe=False)
    assert sorted(importer.finished) == [("linked", b"whole", "quiet"), ("written", b"whole", "closed")]


def test_our_own_looks_are_not_told_and_those_of_others_are(ingest):
    class Reader(Importer):
        @hookimpl
        def inotify_settled(self, path, watcher):
            os.close(os.open(path, os.O_RDONLY))
            watcher.stop()

    reads = Mask.OPEN | Mask.CLOSE_NOWRITE
    importer = Reader(1)
    with Watcher(ingest, mask=reads) as watcher:
        run(watcher, importer, lambda: (ingest / "a").write_bytes(b"whole"))
    told = [(event.name, int(event.mask)) for event in importer.events]
    # The writer's, and the plugin's own.
    assert told == [("a", Mask.OPEN), ("a", Mask.OPEN), ("a", Mask.CLOSE_NOWRITE)]


def test_what_nobody_asked_for_does_not_count(ingest):
    dispatcher, importer = Dispatcher(settle_s=60), Importer(99)
    dispatcher.register(importer, "importer")

    def act():
        for name in "ab":
            (ingest / name).write_bytes(b"whole")

    dispatcher.register(Once(act), "act")
    with Watcher(ingest, mask=Mask.CLOSE_WRITE) as watcher:
        assert dispatcher.run(watcher, count=2, timeout=PATIENCE_S) == 2
    assert [(event.name, int(event.mask)) for event in importer.events] == [
        (name, Mask.CLOSE_WRITE) for name in "ab"
    ]


def test_when_the_run_is_over_the_watcher_tells_what_was_asked_for(ingest):
    with Watcher(ingest, mask=Mask.CLOSE_WRITE) as watcher:
        run_once = Dispatcher(settle_s=60)
        run_once.register(Importer(99), "importer")
        run_once.register(Once(lambda: [(ingest / name).write_bytes(b"") for name in "abc"]), "act")
        run_once.run(watcher, count=1, timeout=PATIENCE_S)
        (ingest / "d").write_bytes(b"whole")
        assert [(event.name, int(event.mask)) for event in watcher.sync()] == [
            (name, Mask.CLOSE_WRITE) for name in "bcd"
        ]


def test_each_root_has_what_was_asked_for_it(ingest):
    (ingest / "one").mkdir()
    (ingest / "one" / "deep").mkdir()
    (ingest / "two").mkdir()
    importer = Importer(3)

    def act():
        for name in ("one/a", "one/deep/b", "two/c"):
            (ingest / name).write_bytes(b"whole")

    with Watcher(ingest / "one", mask=Mask.CLOSE_WRITE) as watcher:
        watcher.add(ingest / "two", mask=Mask.CREATE)
        run(watcher, importer, act)
    assert [name for name, _, _ in sorted(importer.finished)] == ["a", "b", "c"]
    assert [(event.name, int(event.mask)) for event in importer.events] == [
        ("a", Mask.CLOSE_WRITE),
        ("b", Mask.CLOSE_WRITE),
        ("c", Mask.CREATE),
    ]


def test_what_is_found_is_told_as_what_was_asked_for(ingest):
    """Who waits for closes hears of a file that was there before its directory was watched by a close."""
    importer = Importer(1)
    (ingest.parent / "aside" / "deep").mkdir(parents=True)
    (ingest.parent / "aside" / "deep" / "a").write_bytes(b"whole")
    with Watcher(ingest, mask=Mask.CLOSE_WRITE) as watcher:
        run(watcher, importer, lambda: os.rename(ingest.parent / "aside", ingest / "here"))
    assert [(event.name, int(event.mask), event.synthetic) for event in importer.events] == [
        ("a", Mask.CLOSE_WRITE, True)
    ]
    assert importer.finished == [("a", b"whole", "unopened")]


def test_a_root_that_is_added_in_the_run_is_read_for_it_too(ingest):
    (ingest / "one").mkdir()
    (ingest / "two").mkdir()
    importer = Importer(1)
    with Watcher(ingest / "one", mask=Mask.CREATE) as watcher:

        def act():
            watcher.add(ingest / "two")
            os.link(__file__, ingest / "two" / "a") if os.stat(__file__).st_dev == os.stat(ingest).st_dev else None
            (ingest / "two" / "b").write_bytes(b"")

        class First(Importer):
            @hookimpl
            def inotify_settled(self, path, watcher):
                if path.endswith("b"):
                    self.finished.append(path)
                    watcher.stop()

        importer = First(1)
        run(watcher, importer, act)
    assert importer.finished == [f"{ingest}/two/b"]


def test_a_closed_watcher_is_let_alone_at_the_end(ingest):
    class Closing(Importer):
        @hookimpl
        def inotify_settled(self, watcher):
            self.finished.append(1)
            watcher.close()

    importer = Closing(1)
    with Watcher(ingest, mask=Mask.CREATE) as watcher:
        run(watcher, importer, lambda: (ingest / "a").write_bytes(b"whole"))
    assert importer.finished == [1]


def test_each_file_is_told_at_its_end_while_many_write(ingest):
    """At the moment of each call nobody has the file open, and the last call has the final content."""
    contents, errors = {}, []

    class Checking(Importer):
        @hookimpl
        def inotify_settled(self, path, evidence, watcher):
            with open(path, "rb") as stream:
                self.finished.append((os.path.basename(path), stream.read()))
            if evidence != "unopened":
                errors.append((path, evidence))
            if not any(thread.is_alive() for thread in threads) and dict(self.finished) == contents:
                watcher.stop()

    def write(name):
        for part in range(5):
            with open(ingest / f"{name}{part}.tmp", "wb", buffering=0) as stream:
                stream.writelines(b"x" * 100 for _ in range(20))
            os.rename(ingest / f"{name}{part}.tmp", ingest / f"{name}{part}")
            contents[f"{name}{part}"] = b"x" * 2000

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    importer = Checking(0)
    with Watcher(ingest) as watcher:
        run(watcher, importer, lambda: [thread.start() for thread in threads])
        for thread in threads:
            thread.join()
    assert errors == []
    assert {name: content for name, content in importer.finished if not name.endswith(".tmp")} == contents


def test_a_directory_that_gets_a_time_is_not_modified(ingest):
    """The kernel tells of a file and of a directory that only their mtime was set as of a write."""
    (ingest / "directory").mkdir()
    (ingest / "file").touch()
    modified = []

    class Modified(Importer):
        @hookimpl
        def inotify_modified(self, path):
            modified.append(os.path.basename(path))

        @hookimpl
        def inotify_idle(self, watcher):
            watcher.stop()

    with Watcher(ingest) as watcher:
        for name in ("directory", "file"):
            subprocess.run(["touch", "-m", ingest / name], check=True)
        importer = run(watcher, Modified(9))
    told = [(event.name, int(event.mask)) for event in importer.events if event.mask & Mask.MODIFY]
    assert told == [("directory", Mask.MODIFY | Mask.ISDIR), ("file", Mask.MODIFY)]
    assert modified == ["file"]


# --- what is hidden ---


def test_one_open_and_one_close_are_hidden_for_each_look():
    hiding = Hiding()
    hiding._tells_looks = True
    hiding.looked_at("/a")
    events = [Event.of("/a", flag) for flag in (Mask.OPEN, Mask.OPEN, Mask.CLOSE_NOWRITE, Mask.CLOSE_NOWRITE)]
    assert [hiding.hides(event) for event in events] == [True, False, True, False]


# --- files that a plugin knows to be unfinished ---


class Knowing:
    """Says at the start of each run that files are unfinished; notes the events of those that are told."""

    def __init__(self, *paths):
        self.paths, self.told = paths, []

    @hookimpl
    def inotify_start(self, unfinished):
        for path in self.paths:
            unfinished(path)

    @hookimpl
    def inotify_settled(self, path, event, evidence, watcher):
        self.told.append((path, event.names, event.synthetic, evidence))
        watcher.stop()


@pytest.mark.parametrize("how", ["run", "arun"])
@pytest.mark.parametrize("kind", [os.fsdecode, os.fsencode])
def test_a_file_that_a_plugin_knows_to_be_unfinished_is_told_and_one_that_is_gone_is_not(ingest, kind, how):
    (ingest / "there").write_text("x")
    path = kind(str(ingest / "there"))
    knowing = Knowing(kind(str(ingest / "gone")), path, path)
    dispatcher = Dispatcher(settle_s=SETTLE_S)
    dispatcher.register(knowing)
    with Watcher(kind(str(ingest))) as watcher:
        if how == "run":
            dispatcher.run(watcher, timeout=PATIENCE_S)
        else:
            asyncio.run(dispatcher.arun(watcher, timeout=PATIENCE_S))
    assert knowing.told == [(path, ("MODIFY",), True, "unopened")]


def test_by_the_calls_of_one_who_has_a_loop_of_his_own_it_is_told_too(ingest):
    (ingest / "there").write_text("x")
    knowing = Knowing(str(ingest / "there"))
    dispatcher = Dispatcher(settle_s=SETTLE_S)
    dispatcher.register(knowing)
    with Watcher(str(ingest)) as watcher:
        dispatcher.start(watcher)
        dispatcher.settled(dispatcher.next_settled(), watcher)
    assert [path for path, *_ in knowing.told] == [str(ingest / "there")]


def test_where_nobody_wants_to_know_nothing_waits(ingest):
    dispatcher = Dispatcher()
    dispatcher.register(Once(lambda: None))
    with Watcher(str(ingest)) as watcher:
        dispatcher.start(watcher)
        dispatcher._expect(str(ingest / "there"))
        assert dispatcher.next_settled() is None
        assert not dispatcher._expected


def test_what_is_no_path_is_the_error_of_the_plugin(ingest, caplog):
    dispatcher = Dispatcher()
    dispatcher.register(Knowing(ingest), "knowing")
    with Watcher(str(ingest)) as watcher:
        dispatcher.run(watcher, timeout=0)
    assert "an unfinished file is a path, str or bytes, not PosixPath" in caplog.text
    assert "knowing" not in dispatcher.plugins()
