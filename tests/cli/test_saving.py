"""``--since FILE`` and ``--save FILE``, with a program that runs: it goes on where the last one has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

import pytest
from replaying import COMMAND, PATIENCE_S, Watching
from waiting import until

from inotify_cffi import Watcher
from inotify_cffi.cli.saving import Saver, saving


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def watching(root, *options):
    return Watching(
        "watch", "--format", "%e %f", f"--since={root}.state", f"--save={root}.state", *options, str(root)
    )


def run(*arguments):
    return subprocess.run([*COMMAND, "watch", *arguments], check=False, capture_output=True, timeout=PATIENCE_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_goes_on_where_the_last_one_was_ended(root, number):
    (root / "before").mkdir()
    with watching(root) as first:
        assert first.line() == b"CREATE,ISDIR before"
        (root / "there").mkdir()
        assert first.line() == b"CREATE,ISDIR there"
        first.process.send_signal(number)
        assert first.process.wait(PATIENCE_S) == 128 + number
    (root / "away").mkdir()
    (root / "before").rmdir()
    with watching(root) as second:
        assert sorted([second.line(), second.line()]) == [b"CREATE,ISDIR away", b"DELETE,ISDIR before"]
        (root / "there" / "more").mkdir()
        assert second.line() == b"CREATE,ISDIR more"


def test_killed_it_tells_again_what_it_has_not_saved_and_nothing_is_missing(root):
    with watching(root) as first:
        (root / "a").mkdir()
        assert first.line() == b"CREATE,ISDIR a"
        first.process.kill()
        first.process.wait(PATIENCE_S)
    (root / "b").mkdir()
    with watching(root) as second:
        assert sorted([second.line(), second.line()]) == [b"CREATE,ISDIR a", b"CREATE,ISDIR b"]


def states_of(root):
    try:
        with open(f"{root}.state", "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def test_it_is_saved_now_and_then(root):
    with watching(root, "--save-every", "10ms") as first:
        before = states_of(root)
        assert before
        (root / "a").mkdir()
        assert first.line() == b"CREATE,ISDIR a"
        until(lambda: states_of(root) != before)
        first.process.kill()
        first.process.wait(PATIENCE_S)
    with Watcher(str(root), since=f"{root}.state") as watcher:
        assert f"{root}/a" in watcher.snapshot()


def test_it_is_saved_on_the_signal(root):
    with watching(root) as first:
        before = states_of(root)
        (root / "a").mkdir()
        assert first.line() == b"CREATE,ISDIR a"
        # The line is printed before the batch is done with, and a signal later than that is too early still.
        until(lambda: first.process.send_signal(signal.SIGUSR2) or states_of(root) != before)
        first.process.kill()
        first.process.wait(PATIENCE_S)


def test_a_run_that_ends_by_itself_saves_too(root):
    state = f"{root}.state"
    (root / "a").mkdir()
    done = run("--save", state, "--since", state, "--timeout", "0", str(root))
    assert (done.returncode, done.stdout.count(b"CREATE,ISDIR")) == (0, 1)
    done = run("--save", state, "--since", state, "--timeout", "0", str(root))
    assert (done.returncode, done.stdout) == (0, b"")


def test_who_ends_after_so_many_leaves_the_others_to_the_next(root):
    state = f"{root}.state"
    for name in "abc":
        (root / name).mkdir()
    seen = []
    for _ in range(3):
        done = run("--save", state, "--since", state, "--count", "1", "--format", "%f", str(root))
        seen.append(done.stdout.strip())
    assert sorted(seen) == [b"a", b"b", b"c"]


def test_what_nobody_has_read_is_told_again(root):
    state = f"{root}.state"
    (root / "a").mkdir()
    command = [*COMMAND, "watch", "--quiet", "--save", state, "--since", state, str(root)]
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(command, check=False, stdout=write, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert run("--since", state, "--timeout", "0", str(root)).stdout.count(b"CREATE,ISDIR") == 1


def test_a_file_that_can_not_be_written_is_told_at_the_start(root):
    done = run("--save", f"{root}/not-there/state", "--timeout", "0", str(root))
    assert done.returncode == 1
    assert b"No such file or directory" in done.stderr
    assert done.stderr.count(b"\n") == 2 - (b"Watches established" not in done.stderr)


def test_a_file_that_is_no_state_is_one_line_that_names_it(root):
    (root / "text").write_text("text")
    done = run("--since", str(root / "text"), str(root))
    assert done.returncode == 1
    said = "these bytes are no state of inotify_cffi; give what Watcher.save() has returned"
    assert done.stderr.decode().splitlines() == [f"inotify-cffi: argument --since: {root}/text: {said}"]
    assert run("--since", str(root), str(root)).stderr.count(b"\n") == 1


@pytest.mark.parametrize("option", ["--since", "--save"])
def test_it_does_not_go_with_directories_only(root, option):
    done = run("--track", "directories", option, f"{root}.state", str(root))
    assert done.returncode == 2
    assert f"--track: directories does not go with {option}".encode() in done.stderr


def test_a_file_that_can_not_be_written_later_is_told_once_and_tried_again(root, tmp_path, caplog):
    (tmp_path / "states").mkdir()
    file = tmp_path / "states" / "state"
    with Watcher(str(root), keep_stat=True) as watcher:
        saver = Saver(watcher, str(file), 1000.0)
        saver._try()
        assert file.exists()
        os.rename(tmp_path / "states", tmp_path / "away")
        for _ in range(2):
            saver._try()
        assert [record.message for record in caplog.records] == [
            f"the state can not be saved, and it is tried again: [Errno 2] No such file or directory: '{file}.new'"
        ]
        os.rename(tmp_path / "away", tmp_path / "states")
        (root / "a").mkdir()
        watcher.sync()
        before = file.read_bytes()
        saver._try()
        assert file.read_bytes() != before


def test_where_nothing_has_changed_nothing_is_written(root, tmp_path):
    with Watcher(str(root), keep_stat=True) as watcher:
        saver = Saver(watcher, str(tmp_path / "state"), 1000.0)
        saver._try()
        inode = os.stat(tmp_path / "state").st_ino
        saver._try()
        assert os.stat(tmp_path / "state").st_ino == inode


def test_a_failure_does_not_save(root, tmp_path):
    """What failed has not dealt with what it was given."""
    file = tmp_path / "state"
    with Watcher(str(root), keep_stat=True) as watcher:
        for error in (RuntimeError, SystemExit):
            with pytest.raises(error), saving(watcher, str(file), 1000.0):
                (root / error.__name__).mkdir()
                watcher.sync()
                before = file.read_bytes()
                raise error
            assert file.read_bytes() == before
        with saving(watcher, str(file), 1000.0):
            pass
        assert file.read_bytes() != before


def test_afterwards_the_signal_and_the_threads_are_what_they_were(root, tmp_path):
    before = signal.getsignal(signal.SIGUSR2)
    with Watcher(str(root), keep_stat=True) as watcher:
        with saving(watcher, str(tmp_path / "state"), 0.001):
            assert signal.getsignal(signal.SIGUSR2) is not before
            watcher.close()
        assert signal.getsignal(signal.SIGUSR2) is before
    assert "save" not in [thread.name for thread in threading.enumerate()]
