"""What many tests need: a watcher, threads that are known to be blocked, fresh processes, limits of one's own."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from hypothesis import HealthCheck, settings

from inotify_cffi import Watcher
from inotify_cffi.kernel import syscalls
from inotify_cffi.tree import atonce
from inotify_cffi.tree.disk import Disk
from inotify_cffi.watching.options import choose

# The same examples in each run: who looks for new ones says --hypothesis-profile=search. No deadline for one
# example: a JIT warms up, a machine is busy.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("search", settings.get_profile("repeatable"), derandomize=False, max_examples=2000)
settings.load_profile("repeatable")

# Longer than anything here takes on a busy machine; only a test that fails waits for so long.
# Where a program that a test runs finds what the tests share.
HELPERS = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "helpers")]
PATIENCE_S = 40

# What is read ahead then; the least that is allowed, so that it is full at times.
AHEAD = 65536

MANY_FDS = 60

# No array of events lies as low in memory as that; the operations of epoll_ctl(2) are lower.
LOWEST_ADDRESS = 4096


# --- reading ahead ---


def pytest_addoption(parser):
    parser.addoption("--read-ahead", action="store_true", help="let every watcher of the tests read ahead")
    parser.addoption("--slices", action="store_true", help="let every turn of a tree be over after one step")
    parser.addoption(
        "--sanitized", action="store_true", help="the sanitizers are loaded: leave out what they refuse"
    )


def pytest_collection_modifyitems(config, items):
    left_out = [
        (name, f"not with {option}: ")
        for option, name in (("--sanitized", "unsanitized"), ("--slices", "one_turn"))
        if config.getoption(option)
    ]
    for item in items:
        for name, reason in left_out:
            for mark in item.iter_markers(name):
                item.add_marker(pytest.mark.skip(reason=reason + mark.args[0]))


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(program, ...): what must be installed, else the test is skipped")
    # No setting of whoever runs the tests: to sign commits, say.
    os.environ.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull)
    config.addinivalue_line("markers", "unsanitized(reason): what keeps a test from running with sanitizers")
    config.addinivalue_line("markers", "one_turn(reason): what keeps a test from running with turns of one step")
    if config.getoption("--read-ahead"):
        choose.__kwdefaults__["read_ahead"] = AHEAD
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So a shell starts what it puts into the background, and then Python knows no KeyboardInterrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Some tests' programs import this module from elsewhere.
    from tests.helpers.slices import short_turns
    from tests.stress.queue import whole_queue

    if config.getoption("--slices"):
        patches = contextlib.ExitStack()
        patches.enter_context(short_turns())
        config.add_cleanup(patches.close)

    inotify_init = syscalls.inotify_init

    def with_a_whole_queue():
        with contextlib.ExitStack() as stack:
            # Not where a test has left no descriptor for that.
            with contextlib.suppress(OSError):
                stack.enter_context(whole_queue())
            return inotify_init()

    syscalls.inotify_init = with_a_whole_queue


@pytest.fixture(params=[None, AHEAD], ids=["", "read ahead"])
def either(request, monkeypatch):
    """Let the watchers of the test read ahead, or not; a module takes it for all of its tests by a mark."""
    monkeypatch.setitem(choose.__kwdefaults__, "read_ahead", request.param)
    return request.param


@pytest.fixture
def root(tmp_path):
    """A directory to be watched."""
    root = tmp_path / "root"
    root.mkdir()
    return os.fspath(root)


@pytest.fixture
def aged(monkeypatch):
    """Stamps are never young: what was written in one tick with its stamp is not told once more."""
    from inotify_cffi.tree import youth

    monkeypatch.setattr(youth, "TICK_NS", 0)
    monkeypatch.setattr(youth, "COARSEST_NS", 0)


@pytest.fixture
def outside(tmp_path):
    """One beside it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    return os.fspath(outside)


@pytest.fixture
def watcher(tmp_path):
    """A watcher of the test's own directory."""
    with Watcher(os.fspath(tmp_path)) as watcher:
        yield watcher


# --- programs ---


def pytest_runtest_setup(item):
    need(*(program for mark in item.iter_markers("needs") for program in mark.args))


def need(*programs):
    """Skip the test where one of these is not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(autouse=True)
def turns_without_end(request, monkeypatch):
    """What is true of one turn is tried in one turn, on however slow a machine."""
    if request.node.get_closest_marker("one_turn"):
        monkeypatch.setattr(Disk, "is_over", lambda _disk, _share: False)
        # Many directories at once have a time of their own.
        monkeypatch.setattr(atonce, "LIMIT_S", 0.0)


# --- descriptors ---


def open_fds():
    """The descriptors of this process and what they are; the one that lists them is closed by then."""
    links = {fd: f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")}
    return {int(fd): os.readlink(link) for fd, link in links.items() if os.path.islink(link)}


@pytest.fixture(autouse=True)
def few_instances_left():
    """The limit is for all processes of a user: on PyPy, free what earlier tests have forgotten in time."""
    if platform.python_implementation() == "PyPy" and len(os.listdir("/proc/self/fd")) > MANY_FDS:
        gc.collect()


@pytest.fixture
def no_fd_left(few_instances_left):
    """Fail the test if it leaves a descriptor open."""
    before = open_fds()
    yield
    assert open_fds().items() <= before.items()


# --- threads and signals ---


def until_blocked(tid, pid="self"):
    """Return when the thread *tid* of a process is inside of epoll_wait(2), or of a call like it.

    Known by its arguments, a descriptor of an epoll and an array: its number is another on each architecture, and
    libc and the interpreter choose among epoll_wait, epoll_pwait and epoll_pwait2.
    """
    end = time.monotonic() + PATIENCE_S
    while not _waits_for_an_epoll(tid, pid):
        if time.monotonic() > end:
            raise TimeoutError(f"thread {tid} does not block")
        os.sched_yield()


def _waits_for_an_epoll(tid, pid):
    with open(f"/proc/{pid}/task/{tid}/syscall", encoding="ascii") as file:
        # The number of the call and its arguments, or "running".
        _, *arguments = file.read().split()
    if len(arguments) < 2:
        return False
    fd, array = (int(argument, 16) for argument in arguments[:2])
    try:
        return array >= LOWEST_ADDRESS and os.readlink(f"/proc/{pid}/fd/{fd}") == "anon_inode:[eventpoll]"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="session")
def calls_are_seen():
    """Skip where nobody can know that a thread is blocked: the kernel may be built without, and gVisor has it not."""
    try:
        with open(f"/proc/self/task/{threading.get_native_id()}/syscall", encoding="ascii") as file:
            file.read()
    except OSError as error:
        pytest.skip(f"the kernel does not say where a thread is blocked: {error}")


class Background:
    """A function in a thread of its own, and its result."""

    def __init__(self, function, *args):
        self._call = (function, args)
        self._outcome = None
        self._error = None
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._begun.wait(PATIENCE_S)

    def _run(self):
        function, args = self._call
        self._begun.set()
        try:
            self._outcome = function(*args)
        except BaseException as error:
            self._error = error

    def until_blocked(self):
        """Return when the thread waits for events."""
        until_blocked(self._thread.native_id)
        return self

    @property
    def is_running(self):
        return self._thread.is_alive()

    def result(self):
        """Return what the function returned, or raise what it raised."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the thread does not come to an end"
        if self._error is not None:
            raise self._error
        return self._outcome


@pytest.fixture
def background(calls_are_seen):
    """Run functions in threads; all must have come to their end with the test."""
    started = []

    def start(function, *args):
        started.append(Background(function, *args))
        return started[-1]

    yield start
    for one in started:
        one._thread.join(PATIENCE_S)
        assert not one.is_running, "a thread outlives its test"


@pytest.fixture
def when_main_is_blocked(background):
    """Call a function in another thread as soon as the main thread waits for events."""
    main = threading.main_thread().native_id

    def start(function, *args):
        def wait_and_call():
            until_blocked(main)
            return function(*args)

        return background(wait_and_call)

    return start


@pytest.fixture
def on_signal():
    """Install signal handlers for the time of the test."""
    before = {}

    def install(number, handler):
        old = signal.signal(number, handler)
        before.setdefault(number, old)

    yield install
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def blocked_thread(calls_are_seen):
    """The function that returns when a thread of a process is inside of epoll_wait(2)."""
    return until_blocked


def _signal_main(number):
    signal.pthread_kill(threading.main_thread().ident, number)


@pytest.fixture
def signal_main():
    """Send a signal to the main thread, where Python runs the handlers."""
    return _signal_main


# --- other processes ---


@pytest.fixture
def python(tmp_path):
    """Run code in a fresh interpreter, with a command before it if need be; return what it printed."""

    def run(code, *args, prefix=()):
        command = [*prefix, sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(os.fspath, args)]
        done = subprocess.run(
            command,
            check=False,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"exit code {done.returncode}\n{done.stderr}"
        return done.stdout

    return run


def _can(*command):
    return subprocess.run(command, check=False, capture_output=True, timeout=50).returncode == 0


@pytest.fixture(scope="session")
def has_namespaces():
    need("unshare")
    if not _can("unshare", "--user", "--map-root-user", "test", "-w", "/proc/sys/user/max_inotify_watches"):
        pytest.skip("user namespaces are not allowed here")


@pytest.fixture(scope="session")
def private(tmp_path_factory):
    """The command that gives a process mounts of its own."""
    need("unshare", "mount", "umount")
    place = tmp_path_factory.mktemp("mount")
    for command in ("unshare", "-m"), ("unshare", "-Urm"):
        if _can(*command, "mount", "-t", "tmpfs", "x", place):
            return command
    pytest.skip("mount namespaces are not allowed here")


@pytest.fixture
def limited(python, has_namespaces):
    """Run code under limits of its own, in a user namespace: ``limited(code, max_inotify_watches=3)``."""

    def run(code, *args, **limits):
        settings = "".join(f"echo {value} > /proc/sys/user/{name} && " for name, value in limits.items())
        prefix = ("unshare", "--user", "--map-root-user", "sh", "-c", settings + 'exec "$@"', "sh")
        return python(code, *args, prefix=prefix)

    return run


@pytest.fixture
def as_user(request):
    """The command before a program that makes it run as one who is barred by permissions.

    The user namespace has no user of ours, so root keeps its files and loses its privileges.
    """
    if os.geteuid() != 0:
        return ()
    request.getfixturevalue("has_namespaces")
    return ("unshare", "--user")


@pytest.fixture
def unprivileged(python, as_user):
    """Run code as one who is barred by permissions."""
    return lambda code, *args: python(code, *args, prefix=as_user)
