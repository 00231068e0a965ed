"""Forks: a child does nothing to its parent's watcher, and is told if it tries."""

import fcntl
import gc
import multiprocessing
import os
import subprocess
import sys
import threading

import feeding
import pytest
from conftest import HELPERS
from consumer import write
from forking import fork, forking_beside_threads

from inotify_cffi import ClosedError, ForkError, Instance, Watcher
from inotify_cffi.adapters import InotifyTree
from inotify_cffi.kernel.poller import Poller


def in_child(function, *args):
    """Call a function in a forked child; what it returned, as text. An exception of it is this test's."""
    read, write_end = os.pipe()
    pid = fork()
    if pid == 0:
        code = 1
        try:
            os.close(read)
            os.write(write_end, repr(function(*args)).encode())
            code = 0
        except BaseException as error:
            os.write(write_end, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(code)
    os.close(write_end)
    with os.fdopen(read, "rb") as answer:
        text = answer.read().decode()
    assert os.waitpid(pid, 0)[1] == 0, text
    return text


def error_of(function, *args):
    try:
        function(*args)
    except ForkError as error:
        return f"{type(error).__name__}: {error}"
    return None


def names(events):
    return [event.name for event in events if event.names == ("CREATE",)]


pytestmark = pytest.mark.usefixtures("either")

TOUCHES = [
    ("read", lambda watcher: watcher.read(0)),
    ("sync", Watcher.sync),
    ("iter", list),
    ("event_gen", lambda watcher: list(watcher.event_gen())),
    ("snapshot", Watcher.snapshot),
    ("unwatched", Watcher.unwatched),
    ("stats", Watcher.stats),
    ("retry", Watcher.retry),
    ("fileno", Watcher.fileno),
    ("add", lambda watcher: watcher.add("/")),
    ("remove", lambda watcher: watcher.remove("/")),
    ("start", lambda watcher: watcher.start(print)),
    ("aread", lambda watcher: watcher.aread().send(None)),
    ("aiter", lambda watcher: watcher.__aiter__().__anext__().send(None)),
]


# --- a clear error ---


@pytest.mark.parametrize("touch", [touch for _, touch in TOUCHES], ids=[name for name, _ in TOUCHES])
def test_a_child_that_touches_a_watcher_is_told(watcher, touch):
    told = in_child(error_of, touch, watcher)
    assert "ForkError: the watcher belongs to the parent process; make one after the fork" in told


def test_it_is_a_closed_error_to_who_handles_those():
    assert issubclass(ForkError, ClosedError)


@pytest.mark.parametrize("begin", [iter, Watcher.event_gen])
def test_an_iteration_goes_on_in_the_parent_only(watcher, tmp_path, begin):
    for number in range(3):
        write(f"{tmp_path}/f{number}")
    events = begin(watcher)
    assert next(events).name == "f0"
    assert "ForkError" in in_child(error_of, next, events)
    # A thread that reads ahead may have read the one file only, and then the generator's cycle is over.
    assert next(filter(None, events)).name == "f0"


@pytest.mark.parametrize("make", [Instance, Poller])
def test_a_child_that_touches_a_part_is_told(make):
    part = make()
    assert "belongs to the parent process; make one after the fork" in in_child(error_of, part.fileno)
    part.close()


def test_a_child_that_touches_the_drop_in_is_told(tmp_path):
    inotify = InotifyTree(os.fspath(tmp_path))
    told = in_child(error_of, lambda: list(inotify.event_gen(timeout_s=0)))
    assert "belongs to the parent process" in told
    inotify.close()


# --- no harm ---


HARMLESS = [
    Watcher.close,
    Watcher.stop,
    lambda watcher: watcher.__exit__(None, None, None),
    lambda watcher: (watcher.__del__(), gc.collect()),
    Watcher.forked,
]


@pytest.mark.parametrize("leave", HARMLESS, ids=["close", "stop", "with", "del", "twice"])
def test_a_child_that_leaves_takes_nothing_from_its_parent(watcher, tmp_path, leave):
    (tmp_path / "sub").mkdir()
    watcher.sync()
    in_child(leave, watcher)
    assert watcher.read(0) == []
    assert watcher.stats()["watches"] == 2
    write(tmp_path / "sub" / "file")
    assert names(watcher.sync()) == ["file"]


def test_a_child_has_no_copy_of_the_descriptors(watcher):
    watcher.read(0.001)
    watcher.fileno()
    told = in_child(lambda: [link for link in links() if "inotify" in link or "event" in link])
    assert told == "[]"
    assert len([link for link in links() if "inotify" in link]) == 1


def links():
    found = {fd: f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")}
    return [os.readlink(link) for link in found.values() if os.path.islink(link)]


def test_what_the_parent_has_read_is_not_told_in_the_child(watcher, tmp_path):
    write(tmp_path / "file")
    next(iter(watcher))
    assert "ForkError" in in_child(error_of, lambda: list(watcher))
    assert watcher.read(0)


def test_no_lock_of_another_thread_keeps_the_child(watcher, background):
    """The threads that held them are not in the child."""
    held, go_on = threading.Event(), threading.Event()

    def hold():
        watcher._steps.run(watcher._poller._lock.run, wait)

    def wait():
        held.set()
        go_on.wait(20)

    background(watcher.read, None).until_blocked()
    background(hold)
    assert held.wait(20)
    assert in_child(lambda: (watcher.close(), watcher.stop())) == "(None, None)"
    go_on.set()
    watcher.stop()


def test_a_recording_is_not_written_twice(tmp_path, monkeypatch):
    (tmp_path / "root").mkdir()
    monkeypatch.setenv("INOTIFY_CFFI_RECORD", f"{tmp_path}/record")
    with Watcher(tmp_path / "root") as watcher:
        before = (tmp_path / "record").read_text()
        in_child(lambda: watcher.__dict__.clear() or gc.collect())
        assert (tmp_path / "record").read_text() == before != ""
        write(tmp_path / "root" / "file")
        assert names(watcher.sync()) == ["file"]
    assert len((tmp_path / "record").read_text()) > len(before)


def test_a_program_that_is_run_has_no_descriptor_of_ours(watcher):
    """All are close-on-exec, also those that come later: of a wait, of fileno(), of a listing."""
    watcher.read(0.001)
    watcher.fileno()
    assert all(fcntl.fcntl(int(fd), fcntl.F_GETFD) & fcntl.FD_CLOEXEC for fd in ours())
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; print([os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{fd}')])",
        ],
        check=True,
        capture_output=True,
        text=True,
        close_fds=False,
    ).stdout
    assert not any(word in told for word in ("inotify", "eventpoll", "eventfd", "mountinfo"))


def ours():
    for fd in os.listdir("/proc/self/fd"):
        try:
            link = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:
            continue
        if any(word in link for word in ("inotify", "eventpoll", "eventfd", "mountinfo")):
            yield fd


def test_a_preexec_function_does_no_harm(watcher, tmp_path):
    subprocess.run([sys.executable, "-c", ""], check=True, preexec_fn=lambda: None)
    write(tmp_path / "file")
    assert names(watcher.sync()) == ["file"]


# --- multiprocessing ---


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_feeds_a_queue(watcher, tmp_path, method):
    """Beside a watcher of the parent's."""
    context = multiprocessing.get_context(method)
    events, ready = context.Queue(), context.Event()
    process = context.Process(target=feeding.feed, args=(os.fspath(tmp_path), events, ready))
    with forking_beside_threads():
        process.start()
    assert ready.wait(40)
    write(tmp_path / "last")
    assert events.get(timeout=40)[0] == f"{tmp_path}/last"
    process.join(40)
    assert process.exitcode == 0
    events.close()
    events.join_thread()
    assert names(watcher.sync()) == ["last"]


def test_a_watcher_can_be_made_in_a_child_of_who_has_one(watcher, tmp_path):
    def child():
        with Watcher(tmp_path) as own:
            write(tmp_path / "file")
            return names(own.sync())

    assert in_child(child) == "['file']"
    assert names(watcher.sync()) == ["file"]


def test_a_child_of_a_child_has_its_parents_watchers_neither(watcher, tmp_path):
    def child():
        with Watcher(tmp_path) as own:
            return in_child(lambda: (error_of(own.sync), error_of(watcher.sync)))

    assert in_child(child).count("ForkError") == 2


def test_another_thread_forks_while_the_main_thread_waits(python, tmp_path):
    """As subprocess and multiprocessing do; nothing is said of it, in neither process."""
    told = python(
        f"""
        import os, sys, threading, warnings
        sys.path[:0] = {HELPERS!r}
        from conftest import until_blocked
        from inotify_cffi import Watcher

        warnings.simplefilter("ignore", DeprecationWarning)
        main = threading.main_thread().native_id

        def fork():
            until_blocked(main)
            pid = os.fork()
            if pid == 0:
                os._exit(7)
            print(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
            os.mkdir("d")

        with Watcher({os.fspath(tmp_path)!r}) as watcher:
            thread = threading.Thread(target=fork)
            thread.start()
            print(watcher.read(None)[0].name)
            thread.join()
        """
    )
    assert told == "7\nd\n"


@pytest.mark.skipif(
    sys.implementation.name != "cpython" or sys.version_info < (3, 12), reason="this interpreter does not warn"
)
@pytest.mark.parametrize(("read_ahead", "warned"), [("None", 0), ("65536", 1)])
def test_the_thread_that_reads_ahead_counts_as_one(python, tmp_path, read_ahead, warned):
    told = python(
        """
        import os, sys, warnings
        from inotify_cffi import Watcher
        ahead = eval(sys.argv[2])
        with Watcher(sys.argv[1], read_ahead=ahead) as watcher, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            watcher.read(0)
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
        print(sum("multi-threaded" in str(one.message) for one in caught))
        """,
        str(tmp_path),
        read_ahead,
    )
    assert told == f"{warned}\n"
