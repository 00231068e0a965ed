"""The one place that blocks: how long, what ends it, what it leaves behind."""

import math
import os
import select
import signal
import threading
import time

import pytest

from inotify_cffi import ClosedError
from inotify_cffi.kernel.poller import Poller

# As a busy machine may be late, never as the code may be.
LATE_S = 5


@pytest.fixture
def poller():
    poller = Poller()
    yield poller
    poller.close()


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


def seconds(function, *args):
    begin = time.monotonic()
    function(*args)
    return time.monotonic() - begin


# --- how long ---


@pytest.mark.parametrize("timeout", [0, 0.0004, 0.001, 0.0101, 0.05, 0.2])
def test_a_wait_is_never_shorter_than_its_timeout(poller, timeout):
    assert timeout <= seconds(poller.wait, timeout) < timeout + LATE_S


@pytest.mark.parametrize("timeout", [0.0004, 0.0017, 0.0209])
def test_a_part_of_a_millisecond_makes_no_busy_loop(poller, timeout):
    """The kernel counts milliseconds: rounded down, the last part would be waited for by turning round."""
    turns = []
    answers = poller._answers

    class Counting:
        def wait(self, epoll, milliseconds):
            turns.append(milliseconds)
            return answers.wait(epoll, milliseconds)

    poller._answers = Counting()
    poller.wait(timeout)
    assert len(turns) == 1


def test_a_timeout_gives_nothing(poller, pipe):
    poller.add(pipe[0])
    assert poller.wait(0.001) == frozenset()


@pytest.mark.parametrize("timeout", [None, math.inf, 1e300, 2**31, 1e-300])
def test_any_length_of_time_will_do(poller, timeout):
    poller.wake()
    assert poller.wait(timeout) == frozenset()


def test_a_past_deadline_does_not_wait(poller):
    assert seconds(poller.wait, -1) < LATE_S


# --- what ends it ---


def test_what_is_ready_is_told(poller, pipe):
    poller.add(pipe[0])
    os.write(pipe[1], b"x")
    assert poller.wait(None) == {pipe[0]}


def test_what_becomes_ready_ends_a_blocked_wait(poller, pipe, background):
    poller.add(pipe[0])
    waiting = background(poller.wait, None).until_blocked()
    os.write(pipe[1], b"x")
    assert waiting.result() == {pipe[0]}


def test_all_that_is_ready_is_told_at_once(poller, pipe):
    other = os.pipe()
    for read, write in (pipe, other):
        poller.add(read)
        os.write(write, b"x")
    ready = poller.wait(None)
    for fd in other:
        os.close(fd)
    assert ready == {pipe[0], other[0]}


def test_a_wake_from_another_thread_ends_a_blocked_wait(poller, background):
    waiting = background(poller.wait, None).until_blocked()
    poller.wake()
    assert waiting.result() == frozenset()


def test_a_wake_before_the_wait_is_not_lost(poller):
    poller.wake()
    assert poller.wait(None) == frozenset()


def test_a_wake_lasts_until_rest(poller):
    poller.wake()
    poller.wake()
    poller.wait(None)
    assert select.select([poller], [], [], 0)[0] == [poller]
    poller.rest()
    assert select.select([poller], [], [], 0)[0] == []


def test_rest_without_a_wake_does_nothing(poller):
    poller.rest()
    assert select.select([poller], [], [], 0)[0] == []


def test_a_wake_too_many_does_not_block(poller):
    os.write(poller._wake, (2**64 - 2).to_bytes(8, "little"))
    poller.wake()
    assert poller.wait(None) == frozenset()


def test_a_wake_from_a_signal_handler_ends_a_blocked_wait(poller, on_signal, when_main_is_blocked, signal_main):
    on_signal(signal.SIGUSR1, lambda number, frame: poller.wake())
    when_main_is_blocked(signal_main, signal.SIGUSR1)
    assert poller.wait(None) == frozenset()


def test_the_descriptor_is_readable_when_something_is_ready(poller, pipe):
    poller.add(pipe[0])
    assert select.select([poller], [], [], 0)[0] == []
    os.write(pipe[1], b"x")
    assert select.select([poller], [], [], 0)[0] == [poller]


# --- signals ---


def test_signals_do_not_make_a_wait_shorter_or_begin_it_anew(poller, background, on_signal, signal_main):
    """If each signal began it anew, it would not end before the signals do."""
    timeout, signals_end = 0.3, time.monotonic() + 3 * LATE_S
    seen = []
    over = threading.Event()
    on_signal(signal.SIGUSR1, lambda number, frame: seen.append(number))

    def send_signals():
        while not over.wait(0.01) and time.monotonic() < signals_end:
            signal_main(signal.SIGUSR1)

    sender = background(send_signals)
    elapsed = seconds(poller.wait, timeout)
    over.set()
    sender.result()
    assert seen
    assert timeout <= elapsed < timeout + LATE_S


def test_a_signal_handler_runs_at_once(poller, on_signal, when_main_is_blocked, signal_main):
    """Not only when the wait is over: here nothing but the handler ends it."""
    ran = []

    def handler(number, frame):
        ran.append(time.monotonic())
        poller.wake()

    on_signal(signal.SIGUSR1, handler)

    def send():
        sent = time.monotonic()
        signal_main(signal.SIGUSR1)
        return sent

    sender = when_main_is_blocked(send)
    poller.wait(None)
    assert 0 <= ran[0] - sender.result() < LATE_S


def test_an_exception_of_a_signal_handler_leaves_the_wait(poller, on_signal, when_main_is_blocked, signal_main):
    def handler(number, frame):
        raise LookupError("from the handler")

    on_signal(signal.SIGUSR1, handler)
    when_main_is_blocked(signal_main, signal.SIGUSR1)
    with pytest.raises(LookupError, match="from the handler"):
        poller.wait(None)


def test_ctrl_c_leaves_the_wait(poller, on_signal, when_main_is_blocked, signal_main):
    on_signal(signal.SIGINT, signal.default_int_handler)
    when_main_is_blocked(signal_main, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        poller.wait(None)


# --- descriptors ---


def test_close_frees_all_descriptors_once(no_fd_left):
    poller = Poller()
    poller.close()
    poller.close()


def test_a_poller_that_can_not_be_made_leaves_nothing_open(python):
    told = python("""
        import os, resource
        from inotify_cffi.kernel.poller import Poller
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, hard))
        taken = []
        try:
            while True:
                taken.append(os.open("/", os.O_RDONLY))
        except OSError:
            os.close(taken.pop())
        try:
            Poller()  # room for the epoll, none for the eventfd
        except OSError as error:
            print(error.errno)
        os.close(os.open("/", os.O_RDONLY))
        print("room again")
    """)
    assert told == "24\nroom again\n"


@pytest.mark.parametrize("call", [Poller.fileno, lambda poller: poller.wait(0), lambda poller: poller.add(0)])
def test_a_closed_poller_says_so(call):
    poller = Poller()
    poller.close()
    with pytest.raises(ClosedError, match="closed"):
        call(poller)


def test_a_closed_poller_can_be_woken_to_no_effect(no_fd_left):
    """The last stop() may come from a signal handler when all is over."""
    poller = Poller()
    poller.close()
    assert (poller.wake(), poller.rest()) == (None, None)
