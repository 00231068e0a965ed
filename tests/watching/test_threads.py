"""Threads: one reader, all else from anywhere; a background thread for those who have no loop."""

import os
import queue
import random
import threading
import time

import pytest
from consumer import Consumer, write

from inotify_cffi import BusyError, ClosedError, Dispatcher, Event, Mask, Watcher, hookimpl

CALLS = 10_000
CALLS_A_CHANGE = 5
THREADS = 8

# What a random call may answer: somebody else was faster.
EXPECTED = (FileExistsError, FileNotFoundError)

pytestmark = pytest.mark.usefixtures("either")


# --- stress ---


class Caller:
    """Calls everything that any thread may call, at random; *pace* is told after some."""

    def __init__(self, watcher, places, seed, pace):
        self.watcher = watcher
        self.places = places
        self.pace = pace
        self.random = random.Random(seed)
        self.calls = 0
        self.refused = 0

    def run(self, count):
        verbs = (self.add, self.remove, self.snapshot, self.unwatched, self.stats, self.retry, self.read)
        for _ in range(count):
            try:
                self.random.choice(verbs)()
            except EXPECTED:
                self.refused += 1
            self.calls += 1
            if self.calls % CALLS_A_CHANGE == 0:
                self.pace.put(True)

    def add(self):
        self.watcher.add(self.random.choice(self.places), recursive=self.random.random() < 0.9)

    def remove(self):
        self.watcher.remove(self.random.choice(self.places))

    def snapshot(self):
        assert all(isinstance(is_dir, bool) for is_dir in self.watcher.snapshot().values())

    def unwatched(self):
        assert self.watcher.unwatched() == {}

    def stats(self):
        assert self.watcher.stats()["watches"] >= 0

    def retry(self):
        self.watcher.retry()

    def read(self):
        with pytest.raises(BusyError):
            self.watcher.read(0)


def test_ten_thousand_calls_from_eight_threads_while_events_flow(tmp_path, background):
    """One change for so many calls: how fast the file system is does not make it more work."""
    steady = tmp_path / "steady"
    steady.mkdir()
    places = [os.fspath(tmp_path / f"place{number}") for number in range(6)]
    for place in places:
        os.makedirs(f"{place}/a/b")
    pace = queue.SimpleQueue()

    def change():
        number = 0
        while pace.get():
            top = (os.fspath(steady), *places)[number % 7]
            write(f"{top}/f{number % 50}")
            os.makedirs(f"{top}/d{number % 50}/e", exist_ok=True)
            if number % 3 == 0:
                os.rmdir(f"{top}/d{number % 50}/e")
                os.rmdir(f"{top}/d{number % 50}")
            number += 1
        return number

    watcher = Watcher(os.fspath(steady))
    with Consumer(os.fspath(steady), watcher=watcher) as consumer:
        taken = []
        reader = watcher.start(taken.append)
        writer = background(change)
        callers = [Caller(watcher, places, seed, pace) for seed in range(THREADS)]
        threads = [background(caller.run, CALLS // THREADS) for caller in callers]
        for thread in threads:
            thread.result()
        pace.put(False)
        assert writer.result() == CALLS // CALLS_A_CHANGE
        watcher.stop()
        reader.join(20)
        assert sum(caller.calls for caller in callers) == CALLS
        for place in places:
            try:
                watcher.remove(place)
            except FileNotFoundError:
                continue
        assert taken
        consumer.take(event for event in taken if event.path.startswith(os.fspath(steady)))
        consumer.assert_at_rest()


def test_stop_and_close_from_eight_threads_at_once(tmp_path, background, no_fd_left):
    for _ in range(50):
        watcher = Watcher(tmp_path)
        together = threading.Barrier(THREADS + 1)

        def end(number, watcher=watcher, together=together):
            together.wait()
            (watcher.stop if number % 3 else watcher.close)()

        reader = background(lambda watcher=watcher: list(watcher))
        enders = [background(end, number) for number in range(THREADS)]
        together.wait()
        for ender in enders:
            ender.result()
        assert reader.result() == []


# --- one reader ---


def test_a_second_thread_can_not_take_events_while_one_handles_another(watcher, tmp_path, background):
    write(tmp_path / "file")
    events = iter(watcher)
    assert next(events).name == "file"
    for second in (lambda: next(iter(watcher)), lambda: next(watcher.event_gen()), lambda: watcher.read(0)):
        with pytest.raises(BusyError, match="one reader at a time"):
            background(second).result()
    assert next(events).name == "file"


def test_another_thread_may_iterate_when_the_first_has_left(watcher, tmp_path, background):
    """On PyPy the iteration that was left is there still when the second begins."""
    write(tmp_path / "file")
    for _ in watcher:
        break
    assert background(lambda: next(iter(watcher))).result().name == "file"


def test_an_iteration_that_is_closed_is_over(watcher, tmp_path, background):
    write(tmp_path / "file")
    events = watcher.event_gen()
    next(events)
    events.close()
    assert background(lambda: watcher.read(0)).result()


# --- start ---


class Taken:
    """What a callback was given; other threads may wait for it."""

    def __init__(self):
        self.events = []
        self.threads = set()
        self._changed = threading.Condition()

    def __call__(self, event):
        with self._changed:
            self.events.append(event)
            self.threads.add(threading.current_thread())
            self._changed.notify_all()

    def until(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.events) >= count, 20)


def test_start_calls_back_in_a_thread_of_its_own(watcher, tmp_path):
    taken = Taken()
    thread = watcher.start(taken)
    write(tmp_path / "file")
    taken.until(1)
    assert taken.events[0].name == "file"
    assert taken.threads == {thread}


def test_close_waits_for_the_thread(tmp_path, no_fd_left):
    watcher = Watcher(tmp_path)
    thread = watcher.start(print)
    watcher.close()
    assert not thread.is_alive()


def test_the_callback_may_close(tmp_path, no_fd_left):
    watcher = Watcher(tmp_path)
    thread = watcher.start(lambda event: watcher.close())
    write(tmp_path / "file")
    thread.join(20)
    assert not thread.is_alive()


def test_after_stop_all_that_had_come_is_handed_out(watcher, tmp_path):
    taken = Taken()
    for number in range(100):
        write(f"{tmp_path}/f{number}")
    watcher.stop()
    watcher.start(taken).join(20)
    assert len([event for event in taken.events if event.mask & Mask.CREATE]) == 100


def test_a_second_reader_is_refused_all_the_time(watcher, tmp_path):
    """Also in between two reads of the thread."""
    answers = []

    def callback(event):
        answers.append(event)
        if len(answers) == 1:
            handling.set()
            go_on.wait(20)

    handling, go_on = threading.Event(), threading.Event()
    watcher.start(callback)
    for second in (
        lambda: watcher.read(0),
        watcher.sync,
        lambda: next(iter(watcher)),
        lambda: watcher.start(print),
    ):
        with pytest.raises(BusyError):
            second()
    write(tmp_path / "file")
    assert handling.wait(20)
    with pytest.raises(BusyError):
        watcher.read(0)
    go_on.set()


def test_no_thread_is_started_beside_a_reader(watcher, background):
    background(watcher.read, None).until_blocked()
    before = threading.active_count()
    with pytest.raises(BusyError):
        watcher.start(print)
    assert threading.active_count() == before
    watcher.stop()


def test_no_thread_is_started_for_a_closed_watcher(tmp_path):
    watcher = Watcher(tmp_path)
    watcher.close()
    with pytest.raises(ClosedError):
        watcher.start(print)


def test_when_the_thread_has_ended_another_may_read(watcher):
    watcher.stop()
    watcher.start(print).join(20)
    assert watcher.read(0) == []


def test_what_the_callback_raises_is_reported_and_the_next_event_handed_out(watcher, tmp_path, monkeypatch):
    reported = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    taken = Taken()

    def callback(event):
        taken(event)
        raise LookupError(event.name)

    thread = watcher.start(callback)
    write(tmp_path / "file")
    taken.until(3)
    watcher.close()
    assert [(hook.exc_type, str(hook.exc_value), hook.thread) for hook in reported[:2]] == [
        (LookupError, "file", thread)
    ] * 2


def test_the_thread_of_start_does_not_keep_the_interpreter(python, tmp_path):
    """It is silent, too: conftest's ``python`` wants nothing on the standard error."""
    told = python(
        """
        import sys
        from inotify_cffi import Watcher
        watcher = Watcher(sys.argv[1])
        watcher.start(print)
        print("end")
        """,
        tmp_path,
    )
    assert told == "end\n"


# --- a dispatcher in a thread ---


class Plugin:
    def __init__(self):
        self.taken = Taken()
        self.stopped = False

    @hookimpl
    def inotify_event(self, event):
        self.taken(event)

    @hookimpl
    def inotify_stop(self):
        self.stopped = True


def test_a_dispatcher_runs_in_a_thread_that_close_waits_for(tmp_path, no_fd_left):
    dispatcher, plugin = Dispatcher(), Plugin()
    dispatcher.register(plugin)
    watcher = Watcher(tmp_path)
    thread = dispatcher.run_in_thread(watcher)
    write(tmp_path / "file")
    plugin.taken.until(1)
    assert isinstance(plugin.taken.events[0], Event)
    watcher.close()
    assert (thread.is_alive(), plugin.stopped) == (False, True)


def test_a_hook_may_close(tmp_path, no_fd_left):
    class Closing(Plugin):
        @hookimpl
        def inotify_event(self, event, watcher):
            watcher.close()

    dispatcher, plugin = Dispatcher(), Closing()
    dispatcher.register(plugin)
    thread = dispatcher.run_in_thread(Watcher(tmp_path))
    write(tmp_path / "file")
    thread.join(20)
    assert (thread.is_alive(), plugin.stopped) == (False, True)


def test_a_dispatcher_is_refused_beside_another(watcher):
    first = Dispatcher().run_in_thread(watcher)
    with pytest.raises(BusyError):
        Dispatcher().run_in_thread(watcher)
    watcher.stop()
    first.join(20)
    assert not first.is_alive()


def test_the_lock_is_never_held_while_blocked(watcher, background):
    """Each of these takes the lock; none waits for the reader."""
    reader = background(watcher.read, None).until_blocked()
    began = time.monotonic()
    for _ in range(100):
        watcher.snapshot(), watcher.unwatched(), watcher.stats(), watcher.retry()
    assert time.monotonic() - began < 10
    assert reader.is_running
    watcher.stop()
