"""watchfiles with a watcher of ours behind it. Its own suite is run by ``python -m tests.compat``."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("watchfiles", reason="watchfiles is not installed")

import watchfiles as peer
from replaying import heed_ctrl_c
from watchfiles import Change, _rust_notify, main

from inotify_cffi.compat import watchfiles
from inotify_cffi.watching import parts

PATIENCE_S = 40
OWN = _rust_notify.RustNotify


@pytest.fixture
def installed():
    watchfiles.install()
    yield
    watchfiles.uninstall()


@contextlib.contextmanager
def notified(*paths, recursive=True, ignores=False):
    with watchfiles.Notify([str(path) for path in paths], False, False, 0, recursive, ignores) as notify:
        yield notify


def changes(notify, stop=None):
    return notify.watch(1600, 20, PATIENCE_S * 1000, stop)


def test_what_comes_goes_and_changes_is_told(tmp_path):
    (tmp_path / "changed").touch()
    (tmp_path / "gone").touch()
    (tmp_path / "old").touch()
    with notified(tmp_path) as notify:
        (tmp_path / "new").write_text("text")
        (tmp_path / "changed").write_text("text")
        (tmp_path / "gone").unlink()
        (tmp_path / "old").rename(tmp_path / "renamed")
        assert changes(notify) == {
            (1, str(tmp_path / "new")),
            (2, str(tmp_path / "changed")),
            (3, str(tmp_path / "gone")),
            (3, str(tmp_path / "old")),
            (1, str(tmp_path / "renamed")),
        }


def test_what_was_made_in_a_new_directory_is_told(tmp_path):
    with notified(tmp_path) as notify:
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "a" / "b" / "c").touch()
        assert changes(notify) == {(1, str(tmp_path / name)) for name in ("a", "a/b", "a/b/c")}


def test_a_file_is_told_on_when_it_was_replaced(tmp_path):
    file, other = tmp_path / "file", tmp_path / "other"
    file.touch()
    with notified(file) as notify:
        for _ in range(2):
            other.touch()
            other.replace(file)
            assert changes(notify) == {(1, str(file))}


def test_what_is_overwritten_is_not_told_as_deleted(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    with notified(tmp_path) as notify:
        (tmp_path / "a").replace(tmp_path / "b")
        (tmp_path / "c").unlink()
        assert changes(notify) == {(3, str(tmp_path / "a")), (1, str(tmp_path / "b")), (3, str(tmp_path / "c"))}


def test_what_came_in_time_and_could_not_be_read_in_time_is_told_with_the_others(tmp_path, monkeypatch):
    """As on a busy machine: the time to wait is over, and what came in it is not read."""
    read, calls = watchfiles.Watcher.read, []

    def busy(watcher, timeout):
        calls.append(timeout)
        if len(calls) == 2:
            (tmp_path / "b").touch()
            time.sleep(timeout)
            return []
        return read(watcher, timeout)

    monkeypatch.setattr(watchfiles.Watcher, "read", busy)
    with notified(tmp_path) as notify:
        (tmp_path / "a").touch()
        assert changes(notify) == {(1, str(tmp_path / "a")), (1, str(tmp_path / "b"))}


def test_without_recursion_nothing_below_is_told(tmp_path):
    (tmp_path / "a").mkdir()
    with notified(tmp_path, recursive=False) as notify:
        (tmp_path / "a" / "b").touch()
        (tmp_path / "c").touch()
        assert changes(notify) == {(1, str(tmp_path / "c"))}


def test_one_path_twice_is_one(tmp_path):
    with notified(tmp_path, tmp_path) as notify:
        (tmp_path / "a").mkdir()
        assert changes(notify) == {(1, str(tmp_path / "a"))}


def test_a_name_that_is_no_text_is_told(tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    with notified(tmp_path) as notify:
        open(name, "w").close()
        assert changes(notify) == {(1, name)}


def test_what_may_not_be_listed_is_an_error_unless_it_is_to_be_ignored(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may list everything")
    (tmp_path / "a").mkdir(mode=0)
    with pytest.raises(PermissionError), notified(tmp_path):
        pass
    with notified(tmp_path, ignores=True) as notify:
        (tmp_path / "b").mkdir()
        assert changes(notify) == {(1, str(tmp_path / "b"))}


def test_who_is_refused_a_watch_is_told_unless_it_is_to_be_ignored(tmp_path, monkeypatch):
    refused = {str(tmp_path / "a"): PermissionError(13, "denied", str(tmp_path / "a"))}
    monkeypatch.setattr(watchfiles.Watcher, "unwatched", lambda _watcher: refused)
    with pytest.raises(PermissionError), notified(tmp_path):
        pass
    with notified(tmp_path, ignores=True):
        pass


def test_without_a_watch_left_it_does_not_begin_whatever_is_ignored(tmp_path, monkeypatch):
    refused = {str(tmp_path / "a"): OSError(28, "no watch is left", str(tmp_path / "a"))}
    monkeypatch.setattr(watchfiles.Watcher, "unwatched", lambda _watcher: refused)
    with pytest.raises(OSError, match="no watch"), notified(tmp_path, ignores=True):
        pass


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EMFILE])
def test_where_there_is_no_inotify_at_all_it_polls(tmp_path, monkeypatch, code):
    def refuse():
        raise OSError(code, "none")

    monkeypatch.setattr(parts, "Instance", refuse)
    if code == errno.EMFILE:
        with pytest.raises(OSError, match="none"), notified(tmp_path):
            pass
        return
    with notified(tmp_path) as notify:
        assert repr(notify).startswith("RustNotify(Poll(")
        (tmp_path / "a").touch()
        assert changes(notify) == {(1, str(tmp_path / "a"))}


PROGRAM = """
import os, sys, time
print(os.environ["WATCHFILES_CHANGES"], flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_a_program_is_run_again_for_a_change_and_ended_by_a_signal(tmp_path):
    (tmp_path / "program").write_text(PROGRAM)
    (tmp_path / "watched").mkdir()
    code = (
        "import sys\n"
        "from inotify_cffi.compat.watchfiles import run_process\n"
        "target = f'{sys.executable} {sys.argv[1]}/program'\n"
        "print(run_process(sys.argv[1] + '/watched', target=target, target_type='command', step=10), 'reloads')\n"
    )
    command = [sys.executable, "-u", "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c) as running:  # noqa: PLW1509
        try:
            assert running.stdout.readline() == "[]\n"
            # It watches only after the program was started, so the change that it notices may be a later one.
            while not select.select([running.stdout], [], [], 0.2)[0]:
                (tmp_path / "watched" / "a.py").write_text(str(time.monotonic()))
            assert running.stdout.readline() == "interrupted\n"
            assert str(tmp_path / "watched" / "a.py") in running.stdout.readline()
            running.terminate()
            assert running.stdout.readline() == "interrupted\n"
            assert running.stdout.readline().endswith(" reloads\n")
            assert running.wait(PATIENCE_S) == 0
        finally:
            running.kill()


def test_an_event_of_threading_that_is_set_ends_it(tmp_path):
    stop = threading.Event()
    with notified(tmp_path) as notify:
        timer = threading.Timer(0.05, stop.set)
        timer.start()
        assert notify.watch(1600, 20, 0, stop) == "stop"
        timer.join()


def test_an_event_that_is_set_already_ends_it_at_once(tmp_path):
    stop = threading.Event()
    stop.set()
    with notified(tmp_path) as notify:
        (tmp_path / "a").mkdir()
        assert changes(notify, stop) == "stop"


def test_an_event_of_an_unknown_kind_is_asked_now_and_then(tmp_path):
    class Stop:
        __slots__ = ("asked",)

        def __init__(self):
            self.asked = 0

        def is_set(self):
            self.asked += 1
            return self.asked > 3

    with notified(tmp_path) as notify:
        assert changes(notify, Stop()) == "stop"


def test_who_waits_idle_is_not_woken(tmp_path, monkeypatch):
    """With the event that awatch makes there is one wait, however short the step, and it ends when that is set."""
    waits, begun = [], threading.Event()
    read = watchfiles.Watcher.read

    def counted(watcher, timeout):
        waits.append(timeout)
        begun.set()
        return read(watcher, timeout)

    monkeypatch.setattr(watchfiles.Watcher, "read", counted)

    async def main():
        task = asyncio.create_task(watchfiles.awatch(tmp_path, step=1, rust_timeout=0).__anext__())
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, PATIENCE_S)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))
    assert waits == [None]


def test_who_writes_all_the_time_keeps_it_from_ending_for_the_debounce_at_most(tmp_path):
    over = threading.Event()

    def write():
        number = 0
        while not over.is_set():
            (tmp_path / f"{number}").touch()
            number += 1
            time.sleep(0.001)

    with notified(tmp_path) as notify:
        thread = threading.Thread(target=write)
        thread.start()
        try:
            assert isinstance(notify.watch(100, 50, PATIENCE_S * 1000, None), set)
        finally:
            over.set()
            thread.join()


def test_closed_it_says_so(tmp_path):
    with notified(tmp_path) as notify:
        pass
    notify.close()
    with pytest.raises(RuntimeError, match="RustNotify watcher closed"):
        changes(notify)


def test_close_in_another_thread_ends_it(tmp_path):
    with notified(tmp_path) as notify:
        timer = threading.Timer(0.05, notify.close)
        timer.start()
        with pytest.raises(RuntimeError, match="closed"):
            changes(notify)
        timer.join()


def test_forgotten_it_is_closed(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    watchfiles.Notify([str(tmp_path)], False, False, 0, True, False).__del__()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_missing_path_leaves_no_descriptor(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError), notified(tmp_path / "missing"):
        pass
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("recursive", [True, False])
def test_who_forces_polling_watches_nothing_and_is_told_all_the_same(tmp_path, recursive):
    (tmp_path / "a").mkdir()
    for name in ("changed", "gone", "a/changed"):
        (tmp_path / name).touch()
    with watchfiles.Notify([str(tmp_path)], False, True, 20, recursive, False) as notify:
        assert notify._watcher._instance.watched() == []
        for name in ("changed", "a/changed"):
            (tmp_path / name).write_text("text")
        (tmp_path / "gone").rename(tmp_path / "new")
        below = {(2, str(tmp_path / "a" / "changed"))} if recursive else set()
        assert changes(notify) == {
            (2, str(tmp_path / "changed")),
            (3, str(tmp_path / "gone")),
            (1, str(tmp_path / "new")),
            *below,
        }
        assert repr(notify).startswith("RustNotify(Poll(\n    PollWatcher {\n")
        assert "delay: Some( 20ms, )" in " ".join(repr(notify).split())


def test_who_forces_polling_is_told_of_a_file_that_is_older_than_the_one_before(tmp_path):
    (tmp_path / "file").touch()
    with watchfiles.Notify([str(tmp_path)], False, True, 20, True, False) as notify:
        os.utime(tmp_path / "file", (1, 1))
        assert changes(notify) == {(2, str(tmp_path / "file"))}


def test_without_a_delay_it_polls_all_the_same(tmp_path):
    with watchfiles.Notify([str(tmp_path)], False, True, 0, True, False) as notify:
        (tmp_path / "a").touch()
        assert changes(notify) == {(1, str(tmp_path / "a"))}


def test_the_environment_forces_polling(tmp_path, monkeypatch):
    made = []
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "true")
    monkeypatch.setenv("WATCHFILES_POLL_DELAY_MS", "20")
    monkeypatch.setattr(watchfiles.Notify, "__enter__", lambda notify: made.append(notify) or notify)
    seen = watchfiles.watch(tmp_path, step=10, yield_on_timeout=True, rust_timeout=1)
    assert next(seen) == set()
    assert made[0]._watcher._chosen.root.rules.poll_s == 0.02
    (tmp_path / "a.py").touch()
    while not (got := next(seen)):
        pass
    assert got == {(Change.added, str(tmp_path / "a.py"))}
    seen.close()


def test_installed_the_functions_of_watchfiles_have_ours(installed, tmp_path):
    assert _rust_notify.RustNotify is main.RustNotify is watchfiles.Notify
    (tmp_path / "a.py").touch()
    stop = threading.Event()
    seen = peer.watch(tmp_path, stop_event=stop, step=10, yield_on_timeout=True, rust_timeout=10)
    assert next(seen) == set()
    (tmp_path / "a.py").write_text("text")
    while not (got := next(seen)):
        pass
    assert got == {(Change.modified, str(tmp_path / "a.py"))}
    stop.set()
    assert list(seen) == []


def test_after_uninstall_they_have_their_own(installed):
    watchfiles.uninstall()
    assert main.RustNotify is _rust_notify.RustNotify is OWN


def test_our_functions_have_ours_without_install(tmp_path):
    seen = watchfiles.watch(tmp_path, step=10, yield_on_timeout=True, rust_timeout=10)
    assert next(seen) == set()
    assert main.RustNotify is OWN
    (tmp_path / "a.py").touch()
    while not (got := next(seen)):
        pass
    assert got == {(Change.added, str(tmp_path / "a.py"))}
    seen.close()


def test_awatch_is_told_and_ends_when_it_is_cancelled(tmp_path):
    async def main():
        async def first():
            return await watchfiles.awatch(tmp_path, step=10).__anext__()

        task = asyncio.create_task(first())
        while not task.done():
            (tmp_path / "a.py").write_text(str(time.monotonic()))
            await asyncio.sleep(0.05)
        assert {path for _, path in task.result()} == {str(tmp_path / "a.py")}
        task = asyncio.create_task(first())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_a_program_is_run_on_ours():
    code = "import watchfiles; print(watchfiles.main.RustNotify.__module__)"
    command = [sys.executable, "-m", "inotify_cffi.compat.watchfiles", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert done.stdout.split() == ["inotify_cffi.compat.watchfiles"]


def test_ctrl_c_is_the_answer_signal(tmp_path):
    code = (
        "import sys, threading, os, signal\n"
        "from inotify_cffi.compat.watchfiles import Notify\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "notify = Notify([sys.argv[1]], False, False, 0, True, False)\n"
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "print(notify.watch(1600, 50, 30000, None))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert done.stdout.split() == ["signal"]
