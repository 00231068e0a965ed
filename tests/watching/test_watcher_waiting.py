"""Blocking holds nobody: who waits is woken at once by events, stop, close and signals, and by nothing else."""

import gc
import itertools
import os
import select
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from inotify_cffi import BusyError, Mask, Watcher, watch
from inotify_cffi.kernel import buffers
from inotify_cffi.watching import reading

# As a busy machine may be late, never as the code may be.
LATE_S = 5
IDLE_S = 2

pytestmark = pytest.mark.usefixtures("either")


@pytest.fixture
def touch(tmp_path):
    """Make a file in the watched directory."""

    def touch(name="file"):
        tmp_path.joinpath(name).touch()

    return touch


@pytest.fixture
def elsewhere(tmp_path_factory):
    """A directory that is not watched."""
    return tmp_path_factory.mktemp("elsewhere")


# --- what ends a wait ---


def test_an_event_ends_a_blocked_read(watcher, background, touch):
    reader = background(watcher.read, None).until_blocked()
    touch()
    assert reader.result()[0].name == "file"


def test_stop_from_another_thread_ends_a_blocked_read(watcher, background):
    reader = background(watcher.read, None).until_blocked()
    watcher.stop()
    assert reader.result() == []


@pytest.mark.parametrize("iterate", [iter, lambda watcher: watcher.event_gen(block_duration_s=None)])
def test_stop_from_another_thread_ends_a_blocked_iteration(watcher, background, iterate):
    reader = background(lambda: list(iterate(watcher))).until_blocked()
    watcher.stop()
    assert reader.result() in ([], [None])


def test_stop_before_the_wait_is_not_lost(watcher):
    watcher.stop()
    assert list(watcher) == []
    assert watcher.read(None) == []


def test_what_happened_before_stop_is_still_told(watcher, touch):
    touch()
    watcher.stop()
    assert [event.name for event in watcher if event.names == ("CREATE",)] == ["file"]


def stop_at_the_last_moment(watcher, touch):
    """Let a file be made, and the watcher be stopped, right behind a read that has found nothing."""

    def then_stop(look):
        def looked(*arguments):
            found = look(*arguments)
            if not watcher._stopped:
                assert not watcher._ready
                touch()
                watcher.stop()
            return found

        return looked

    # The short way, and the long one.
    watcher._read_plain, watcher._collect = then_stop(watcher._read_plain), then_stop(watcher._collect)


@pytest.mark.parametrize("iterate", [iter, lambda watcher: watcher.event_gen(block_duration_s=0)])
def test_what_happened_between_the_last_look_and_stop_is_still_told(watcher, touch, iterate):
    stop_at_the_last_moment(watcher, touch)
    told = [event.name for event in iterate(watcher) if event is not None and event.names == ("CREATE",)]
    assert told == ["file"]


def test_writers_that_never_rest_do_not_keep_it_from_ending(watcher, touch):
    disk, numbers = watcher._tree._disk, itertools.count()
    read = disk.read

    def write_and_read(records):
        touch(f"f{next(numbers)}")
        return read(records)

    disk.read = write_and_read
    touch("first")
    watcher.stop()
    told = [event.name for event in itertools.islice(watcher, 1000)]
    assert told[0] == "first"
    assert len(told) < 1000


def moving_out_behind_each_read(watcher, inside, out):
    """Let a file leave the tree, and the next one come, while the second half of the move before is looked for."""
    disk = watcher._tree._disk
    queued = disk.queued

    def move_and_ask():
        os.mknod(f"{inside}/again")
        os.rename(f"{inside}/again", f"{out}/again")
        return queued()

    disk.queued = move_and_ask
    os.mknod(f"{inside}/first")
    os.rename(f"{inside}/first", f"{out}/first")


def test_writers_that_move_files_out_do_not_keep_a_read_from_returning(watcher, tmp_path, elsewhere):
    moving_out_behind_each_read(watcher, tmp_path, elsewhere)
    assert 0 < len(watcher.read(0)) < 100


def test_writers_that_move_files_out_do_not_keep_it_from_ending(watcher, tmp_path, elsewhere):
    moving_out_behind_each_read(watcher, tmp_path, elsewhere)
    watcher.stop()
    told = [event.name for event in itertools.islice(watcher, 1000)]
    assert told[:2] == ["first", "first"]
    assert len(told) < 1000


def test_what_is_behind_much_that_is_not_told_is_still_told_after_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_READS", 1)
    with Watcher(tmp_path, mask=Mask.MODIFY) as watcher:
        watcher._instance._buffer = buffers.ReadBuffer(buffers.LARGEST_RECORD)
        for number in range(50):
            os.mknod(tmp_path / str(number))
        # One change: to write it anew would be two, which may be read apart.
        os.truncate(tmp_path / "0", 1)
        watcher.stop()
        assert [event.name for event in watcher] == ["0"]


def test_stop_from_a_signal_handler_ends_a_blocked_iteration(
    watcher, on_signal, when_main_is_blocked, signal_main
):
    on_signal(signal.SIGUSR1, lambda number, frame: watcher.stop())
    when_main_is_blocked(signal_main, signal.SIGUSR1)
    assert list(watcher) == []


def test_close_from_a_signal_handler_ends_a_blocked_iteration(
    tmp_path, no_fd_left, on_signal, when_main_is_blocked, signal_main
):
    watcher = Watcher(tmp_path)
    on_signal(signal.SIGUSR1, lambda number, frame: watcher.close())
    when_main_is_blocked(signal_main, signal.SIGUSR1)
    assert list(watcher) == []


def test_ctrl_c_ends_a_blocked_watcher_at_once(watcher, on_signal, when_main_is_blocked, signal_main):
    on_signal(signal.SIGINT, signal.default_int_handler)

    def send():
        sent = time.monotonic()
        signal_main(signal.SIGINT)
        return sent

    sender = when_main_is_blocked(send)
    with pytest.raises(KeyboardInterrupt):
        watcher.read(None)
    assert time.monotonic() - sender.result() < LATE_S


def test_ctrl_c_loses_no_event(watcher, on_signal, when_main_is_blocked, signal_main, touch):
    on_signal(signal.SIGINT, signal.default_int_handler)
    when_main_is_blocked(signal_main, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        watcher.read(None)
    touch()
    assert [event.name for event in watcher.sync() if event.names == ("CREATE",)] == ["file"]


def test_a_signal_whose_handler_returns_does_not_end_the_wait(
    watcher, on_signal, when_main_is_blocked, signal_main, touch
):
    on_signal(signal.SIGUSR1, lambda number, frame: touch())
    when_main_is_blocked(signal_main, signal.SIGUSR1)
    assert watcher.read(None)[0].name == "file"


@pytest.mark.parametrize("timeout", [0, 0.001, 0.1])
def test_a_read_is_never_shorter_than_its_timeout(watcher, timeout):
    begin = time.monotonic()
    assert watcher.read(timeout) == []
    assert timeout <= time.monotonic() - begin < timeout + LATE_S


def test_a_cycle_of_the_generator_ends_with_none(watcher):
    cycles = watcher.event_gen(block_duration_s=0)
    assert [next(cycles), next(cycles)] == [None, None]


# --- one reader ---


@pytest.mark.parametrize(
    "second", [lambda watcher: watcher.read(0), Watcher.sync, lambda watcher: next(iter(watcher))]
)
def test_a_second_reader_is_refused(watcher, background, second):
    background(watcher.read, None).until_blocked()
    with pytest.raises(BusyError, match="one reader at a time"):
        second(watcher)
    watcher.stop()


def test_another_thread_may_read_when_the_first_has_done(watcher, background, touch):
    background(watcher.read, 0).result()
    touch()
    assert background(watcher.read, None).result()[0].name == "file"


def test_all_but_reading_is_open_to_others_while_one_is_blocked(watcher, background, tmp_path):
    tmp_path.joinpath("sub").mkdir()
    watcher.sync()
    reader = background(watcher.read, None).until_blocked()
    assert watcher.snapshot() == {os.path.join(tmp_path, "sub"): True}
    assert (watcher.unwatched(), watcher.stats()["watches"]) == ({}, 2)
    watcher.remove(os.fspath(tmp_path))
    watcher.add(os.path.join(tmp_path, "sub"))
    tmp_path.joinpath("sub", "file").touch()
    assert reader.result()[0].name == "file"


def test_another_thread_counts_while_one_is_blocked(watcher, background):
    """The blocked thread holds no lock of the interpreter: else the loop would never come to its end."""
    reader = background(watcher.read, None).until_blocked()
    count = 0
    for _ in range(300_000):
        count += 1
    assert reader.is_running
    reader.until_blocked()
    watcher.stop()
    assert count == 300_000


# --- close ---


def test_close_from_another_thread_ends_a_blocked_read(tmp_path, no_fd_left, background):
    watcher = Watcher(tmp_path)
    reader = background(watcher.read, None).until_blocked()
    watcher.close()
    assert reader.result() == []


def test_close_from_another_thread_ends_a_blocked_iteration(tmp_path, no_fd_left, background):
    watcher = Watcher(tmp_path)
    reader = background(lambda: list(watcher)).until_blocked()
    watcher.close()
    assert reader.result() == []


def test_close_twice_does_no_harm(tmp_path, no_fd_left):
    watcher = Watcher(tmp_path)
    watcher.close()
    watcher.close()
    assert list(watcher) == []


def test_stop_after_close_does_no_harm(tmp_path, no_fd_left):
    watcher = Watcher(tmp_path)
    watcher.close()
    watcher.stop()
    assert list(watcher.event_gen()) == []


def test_close_while_iterating_ends_the_iteration(tmp_path, no_fd_left, touch):
    watcher = Watcher(tmp_path)
    touch()
    seen = []
    for event in watcher:
        seen.append(event)
        watcher.close()
    assert len(seen) == 1


def test_the_with_block_closes_also_after_an_error(tmp_path, no_fd_left):
    with pytest.raises(KeyError), Watcher(tmp_path):
        raise KeyError


def test_watch_closes_its_watcher_with_the_generator(tmp_path, no_fd_left, touch, background):
    events = watch(tmp_path)
    first = background(next, events).until_blocked()
    touch()
    assert first.result().name == "file"
    events.close()


def test_an_unclosed_watcher_is_warned_of_and_closed(tmp_path, no_fd_left):
    watcher = Watcher(tmp_path)
    with pytest.warns(ResourceWarning, match="unclosed .*Watcher"):
        del watcher
        for _ in range(3):
            gc.collect()


def test_a_closed_watcher_is_not_warned_of(tmp_path, recwarn):
    watcher = Watcher(tmp_path)
    watcher.close()
    del watcher
    for _ in range(3):
        gc.collect()
    assert not recwarn.list


# --- for other loops ---


@pytest.mark.one_turn("it stays readable while there is a turn left")
def test_the_descriptor_is_readable_when_there_is_something_to_read(watcher, touch):
    assert select.select([watcher], [], [], 0)[0] == []
    touch()
    assert select.select([watcher], [], [], 0)[0] == [watcher]
    watcher.sync()
    assert select.select([watcher], [], [], 0)[0] == []


def test_the_descriptor_is_readable_after_stop(watcher):
    watcher.stop()
    assert select.select([watcher], [], [], 0)[0] == [watcher]


# --- idle ---


def switches(pid):
    """How often each thread of a process was switched to: (voluntarily, by force)."""
    counts = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        counts[tid] = (int(fields["voluntary_ctxt_switches"]), int(fields["nonvoluntary_ctxt_switches"]))
    return counts


@pytest.mark.parametrize(
    "loop",
    ["for event in watcher:", "for event in watcher.event_gen(block_duration_s=None):"],
    ids=["iter", "event_gen"],
)
def test_an_idle_watcher_never_wakes_up(tmp_path, blocked_thread, loop, either):
    """None of its threads."""
    code = f"""
        import sys
        from inotify_cffi import Watcher
        with Watcher(sys.argv[1], read_ahead={either}) as watcher:
            print("ready", flush=True)
            {loop}
                print(event.name, flush=True)
                break
    """
    watched = tmp_path / "watched"
    watched.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), watched], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout.readline() == "ready\n"
            for tid in os.listdir(f"/proc/{child.pid}/task"):
                blocked_thread(tid, child.pid)
            before = switches(child.pid)
            assert select.select([child.stdout], [], [], IDLE_S)[0] == []
            assert switches(child.pid) == before
            watched.joinpath("file").touch()
            assert child.stdout.readline() == "file\n"
            assert child.wait(LATE_S) == 0
        finally:
            child.kill()
