"""Signals: handlers run at once whatever is blocked, and no timeout is shorter or longer for them."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from conftest import HELPERS
from consumer import write

from inotify_cffi import Dispatcher, Watcher, hookimpl, watch
from inotify_cffi.kernel.poller import Poller

# As a busy machine may be late, never as the code may be; benchmarks/ measures how late it is.
LATE_S = 5

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGCHLD]
STORM = 500


def dispatch(watcher, seconds):
    Dispatcher().run(watcher, timeout=seconds)


def cycle(watcher, seconds):
    assert next(watcher.event_gen(block_duration_s=seconds)) is None


# Every call that blocks for a time.
TIMED = [
    pytest.param(lambda watcher, seconds: watcher.read(seconds), id="read"),
    pytest.param(cycle, id="event_gen"),
    pytest.param(dispatch, id="dispatcher"),
]

# Every call that blocks until something happens; each ends after stop().
ENDLESS = [
    pytest.param(lambda watcher: watcher.read(None), id="read"),
    pytest.param(list, id="iter"),
    pytest.param(lambda watcher: list(watcher.event_gen(block_duration_s=None)), id="event_gen"),
    pytest.param(lambda watcher: Dispatcher().run(watcher), id="dispatcher"),
]


@pytest.fixture
def storm(background, on_signal, signal_main):
    """Send signals to the main thread until it is told to end; a handler counts them."""
    over = threading.Event()
    ran = []
    senders = []

    def begin(number, handler=lambda: None):
        def handle(*_):
            ran.append(time.monotonic())
            handler()

        def send():
            while not over.is_set() and len(ran) < 50 * STORM:
                signal_main(number)
                # On a busy machine os.sched_yield would let all others go first, and there is no storm.
                time.sleep(0)

        on_signal(number, handle)
        senders.append(background(send))
        return ran

    yield begin
    over.set()
    # Before the handlers of the test are taken back: by default such a signal ends the process.
    for sender in senders:
        sender.result()


# --- storms ---


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("block", TIMED)
def test_a_storm_makes_no_timeout_shorter_or_begin_anew(watcher, storm, block, number):
    timeout = 0.05
    ran = storm(number)
    handled_while_blocked = 0
    # On a busy machine few signals come in one such time.
    while handled_while_blocked < 10:
        before = len(ran)
        began = time.monotonic()
        block(watcher, timeout)
        elapsed = time.monotonic() - began
        assert timeout <= elapsed < timeout + LATE_S
        handled_while_blocked += len(ran) - before


def test_signals_that_come_one_upon_the_other_do_not_keep_it_past_its_time(on_signal, monkeypatch):
    """Each look finds a new one, also after the deadline."""
    poller = Poller()
    interrupts, end = poller._interrupts, time.monotonic() + LATE_S
    found = []

    def and_the_next(function):
        def call():
            function()
            found.append(function)
            if time.monotonic() < end:
                signal.raise_signal(signal.SIGUSR1)

        return call

    on_signal(signal.SIGUSR1, lambda *_: None)
    monkeypatch.setattr(interrupts, "arm", and_the_next(interrupts.arm))
    monkeypatch.setattr(interrupts, "drain", and_the_next(interrupts.drain))
    assert poller.wait(0.01) == frozenset()
    assert time.monotonic() < end
    assert len(found) > 2
    poller.close()


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("block", ENDLESS)
def test_in_a_storm_handlers_run_while_it_is_blocked_for_ever(watcher, storm, block, number):
    """If they ran only when the call is over it would not come to its end."""
    count = 0

    def handler():
        nonlocal count
        count += 1
        if count == STORM:
            watcher.stop()

    storm(number, handler)
    block(watcher)
    assert count >= STORM


def test_in_a_storm_no_event_is_lost(watcher, tmp_path, storm, background):
    storm(signal.SIGCHLD)

    def make():
        for number in range(300):
            write(f"{tmp_path}/f{number}")
        watcher.stop()

    background(make)
    told = [event.name for event in watcher if event.names == ("CREATE",)]
    assert told == [f"f{number}" for number in range(300)]


def test_a_storm_while_a_tree_is_listed(tmp_path, storm):
    for number in range(500):
        os.makedirs(f"{tmp_path}/{number % 10}/{number}")
    ran = storm(signal.SIGTERM)
    while len(ran) < 50:
        with Watcher(tmp_path) as watcher:
            assert len(watcher.snapshot()) == 510


def test_children_that_end_all_the_time_do_not_disturb(watcher, tmp_path, on_signal):
    """SIGCHLD as it comes in life."""
    seen = []
    on_signal(signal.SIGCHLD, lambda *_: seen.append(1))
    children = [
        subprocess.Popen([sys.executable, "-S", "-c", f"open({f'{tmp_path}/f{number}'!r}, 'w')"])
        for number in range(10)
    ]
    told = set()
    while len(told) < 10:
        told |= {event.name for event in watcher.read(LATE_S)}
    assert [child.wait() for child in children] == [0] * 10
    assert seen


# --- at once ---


def test_ctrl_c_ends_every_blocked_call(watcher, on_signal, when_main_is_blocked, signal_main, tmp_path):
    on_signal(signal.SIGINT, signal.default_int_handler)
    for block in (*(each.values[0] for each in ENDLESS), lambda _: next(watch(tmp_path))):
        when_main_is_blocked(signal_main, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            block(watcher)


def test_a_signal_that_another_thread_gets_is_handled_at_once(watcher, on_signal, background, blocked_thread):
    """The kernel does not end the main thread's wait for it, nor for one that comes right before the wait."""
    on_signal(signal.SIGUSR1, lambda *_: watcher.stop())
    main = threading.main_thread().native_id

    def catch():
        blocked_thread(main)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    background(catch)
    assert watcher.read(None) == []


def test_an_exception_from_such_a_handler_leaves_the_wait(watcher, on_signal, background, blocked_thread):
    on_signal(signal.SIGINT, signal.default_int_handler)
    main = threading.main_thread().native_id

    def catch():
        blocked_thread(main)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    background(catch)
    with pytest.raises(KeyboardInterrupt):
        watcher.read(None)
    assert watcher.read(0) == []


def test_a_signal_right_before_each_wait_is_never_slept_over(python, tmp_path):
    """A timer's signals come at all moments, also in the few instructions between Python's last look and the wait.

    The wait is for ever: slept over, the signal would be the last.
    """
    told = python(
        """
        import signal, sys
        from inotify_cffi.kernel.poller import Poller
        poller, count = Poller(), 0
        def handler(*_):
            global count
            count += 1
            poller.wake()
            if count < 20_000:
                # The next comes after a time that is another each time.
                signal.setitimer(signal.ITIMER_REAL, 1e-6 * (1 + count % 97))
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 1e-6)
        while count < 20_000:
            poller.wait(None)
            poller.rest()
        print(count)
        """
    )
    assert told == "20000\n"


# --- the wakeup descriptor ---


@pytest.fixture
def wakeup_fd():
    """The wakeup descriptor of an event loop, as it were."""
    read, write = os.pipe2(os.O_NONBLOCK)
    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    yield read, write
    signal.set_wakeup_fd(before)
    os.close(read)
    os.close(write)


def test_after_a_wait_there_is_no_wakeup_descriptor(watcher):
    watcher.read(0.001)
    assert signal.set_wakeup_fd(-1) == -1


def test_after_an_exception_there_is_none_either(watcher, on_signal, when_main_is_blocked, signal_main):
    on_signal(signal.SIGINT, signal.default_int_handler)
    when_main_is_blocked(signal_main, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        watcher.read(None)
    assert signal.set_wakeup_fd(-1) == -1


def test_the_wakeup_descriptor_of_a_loop_stays_and_gets_its_signals(
    watcher, wakeup_fd, on_signal, when_main_is_blocked, signal_main
):
    on_signal(signal.SIGUSR1, lambda *_: watcher.stop())
    when_main_is_blocked(signal_main, signal.SIGUSR1)
    watcher.read(None)
    assert os.read(wakeup_fd[0], 10) == bytes([signal.SIGUSR1])
    assert signal.set_wakeup_fd(wakeup_fd[1], warn_on_full_buffer=False) == wakeup_fd[1]


def test_each_signal_is_handled_while_the_main_thread_waits_beside_a_loop(python, tmp_path):
    """The wait is for ever: if the handler of one of them does not run, nothing happens that would end it."""
    told = python(
        f"""
        import os, signal, sys, threading
        sys.path[:0] = {HELPERS!r}
        from conftest import until_blocked
        from inotify_cffi import Watcher

        signal.set_wakeup_fd(os.pipe2(os.O_NONBLOCK)[1], warn_on_full_buffer=False)
        main = threading.main_thread()
        signal.signal(signal.SIGUSR1, lambda *_: os.mkdir("d"))

        def interrupt():
            until_blocked(main.native_id)
            signal.pthread_kill(main.ident, signal.SIGUSR1)

        with Watcher({os.fspath(tmp_path)!r}) as watcher:
            for _ in range(1000):
                thread = threading.Thread(target=interrupt)
                thread.start()
                watcher.read(None)
                thread.join()
                os.rmdir("d")
                watcher.sync()
        print("handled")
        """
    )
    assert told == "handled\n"


def test_a_handler_may_itself_wait(watcher, tmp_path, on_signal, when_main_is_blocked, signal_main):
    with Watcher(tmp_path) as other:

        def handler(*_):
            other.read(0.001)
            watcher.stop()

        on_signal(signal.SIGUSR1, handler)
        when_main_is_blocked(signal_main, signal.SIGUSR1)
        assert watcher.read(None) == []
    assert signal.set_wakeup_fd(-1) == -1


def test_the_pipe_is_made_when_it_is_needed_and_closed_with_the_poller(no_fd_left, background):
    poller = Poller()
    background(poller.wait, 0.001).result()
    poller.wait(0)
    assert poller._interrupts.fd < 0
    poller.wait(0.001)
    assert poller._interrupts.fd >= 0
    poller.close()


def test_a_poller_that_is_closed_in_a_handler_leaves_no_wakeup_descriptor(
    no_fd_left, on_signal, when_main_is_blocked, signal_main
):
    poller = Poller()
    on_signal(signal.SIGUSR1, lambda *_: poller.close())
    when_main_is_blocked(signal_main, signal.SIGUSR1)
    with pytest.raises(ValueError, match="closed"):
        poller.wait(None)
    assert signal.set_wakeup_fd(-1) == -1


# --- programs ---


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_program_without_a_handler_ends_at_once(tmp_path, blocked_thread, number, code):
    program = """
        import sys
        from inotify_cffi import Watcher
        with Watcher(sys.argv[1]) as watcher:
            print("ready", flush=True)
            list(watcher)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), tmp_path], stdout=subprocess.PIPE
    ) as child:
        try:
            assert child.stdout.readline() == b"ready\n"
            blocked_thread(child.pid, child.pid)
            child.send_signal(number)
            assert child.wait(LATE_S) == code
        finally:
            child.kill()


def test_the_last_handler_of_a_plugin_runs(watcher, on_signal, when_main_is_blocked, signal_main):
    """Ctrl-C in a dispatcher: inotify_stop is called."""

    class Plugin:
        stopped = False

        @hookimpl
        def inotify_stop(self):
            self.stopped = True

    on_signal(signal.SIGINT, signal.default_int_handler)
    dispatcher, plugin = Dispatcher(), Plugin()
    dispatcher.register(plugin)
    when_main_is_blocked(signal_main, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        dispatcher.run(watcher)
    assert plugin.stopped
