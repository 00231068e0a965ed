"""``Watcher.call_when``: another descriptor in the wait, once."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket

import pytest

from inotify_cffi import ClosedError, Watcher

PATIENCE_S = 20


@pytest.fixture
def pipe():
    ends = list(os.pipe())
    yield ends
    for fd in ends:
        if fd >= 0:
            os.close(fd)


def close(ends, index):
    os.close(ends[index])
    ends[index] = -1


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_it_is_called_in_a_wait_that_goes_on(watcher, pipe):
    calls = []
    watcher.call_when(pipe[0], "readable", lambda: calls.append("called"))
    os.write(pipe[1], b"x")
    assert watcher.read(0.001) == []
    assert calls == ["called"]


def test_it_is_called_once(watcher, pipe):
    calls = []
    watcher.call_when(pipe[0], "readable", lambda: calls.append("called"))
    os.write(pipe[1], b"x")
    for _ in range(3):
        watcher.read(0)
    assert calls == ["called"]


def test_it_may_ask_to_be_called_again(watcher, pipe):
    calls = []

    def again():
        calls.append(os.read(pipe[0], 1))
        watcher.call_when(pipe[0], "readable", again)

    watcher.call_when(pipe[0], "readable", again)
    for letter in (b"a", b"b", b"c"):
        os.write(pipe[1], letter)
        watcher.read(0)
    assert calls == [b"a", b"b", b"c"]


def test_what_is_not_ready_is_waited_for(watcher, pipe):
    watcher.call_when(pipe[0], "readable", watcher.stop)
    watcher.call_when(pipe[1], "gone", watcher.stop)
    assert watcher.read(0) == []
    assert not watcher.ended


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_reader_that_goes_away_wakes_a_wait(watcher, pipe, pair, when_main_is_blocked, kind):
    """Not with the next event: there may never be one."""
    watcher.call_when(pipe[1] if kind == "pipe" else pair[0].fileno(), "gone", watcher.stop)
    when_main_is_blocked(lambda: close(pipe, 0) if kind == "pipe" else pair[1].close())
    assert list(watcher) == []


def test_room_in_a_queue_wakes_a_wait(watcher, pair, when_main_is_blocked):
    ours, theirs = pair
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            ours.send(b"x" * 4096)
    watcher.call_when(ours.fileno(), "writable", watcher.stop)
    assert watcher.read(0) == []
    theirs.setblocking(False)

    def empty():
        with contextlib.suppress(BlockingIOError):
            while True:
                theirs.recv(1 << 20)

    when_main_is_blocked(empty)
    assert list(watcher) == []


def test_events_are_told_beside_it(watcher, tmp_path, pipe):
    watcher.call_when(pipe[0], "readable", lambda: None)
    os.write(pipe[1], b"x")
    (tmp_path / "a").mkdir()
    assert [event.path for event in watcher.read(PATIENCE_S)] == [f"{tmp_path}/a"]


def test_what_it_raises_comes_out_of_the_wait_and_nothing_is_lost(watcher, tmp_path, pipe):
    def fail():
        raise KeyError("mine")

    watcher.call_when(pipe[0], "readable", fail)
    os.write(pipe[1], b"x")
    with pytest.raises(KeyError, match="mine"):
        watcher.read(PATIENCE_S)
    (tmp_path / "a").mkdir()
    assert [event.path for event in watcher.read(PATIENCE_S)] == [f"{tmp_path}/a"]


def test_a_loop_that_waits_for_the_watcher_is_woken(watcher, pipe):
    calls = []
    watcher.call_when(pipe[0], "readable", lambda: calls.append("called"))
    assert select.select([watcher.fileno()], [], [], 0) == ([], [], [])
    os.write(pipe[1], b"x")
    assert select.select([watcher.fileno()], [], [], PATIENCE_S) == ([watcher.fileno()], [], [])
    assert watcher.read(0) == []
    assert calls == ["called"]


def test_a_file_is_never_gone(watcher, tmp_path):
    with open(tmp_path / "file", "wb") as file:
        watcher.call_when(file.fileno(), "gone", watcher.stop)
        watcher.read(0)
        with pytest.raises(PermissionError):
            watcher.call_when(file.fileno(), "writable", watcher.stop)


def test_what_can_not_be_waited_for_is_an_error(watcher, pipe):
    with pytest.raises(ValueError, match="what must be one of readable, writable, gone, not 'there'"):
        watcher.call_when(pipe[0], "there", watcher.stop)
    watcher.call_when(pipe[0], "readable", watcher.stop)
    with pytest.raises(FileExistsError, match="is waited for already"):
        watcher.call_when(pipe[0], "gone", watcher.stop)
    fd = os.dup(pipe[0])
    os.close(fd)
    with pytest.raises(OSError) as caught:
        watcher.call_when(fd, "readable", watcher.stop)
    assert caught.value.errno == errno.EBADF
    watcher.close()
    with pytest.raises(ClosedError):
        watcher.call_when(pipe[1], "gone", watcher.stop)


def test_one_that_was_closed_is_forgotten_with_its_number(watcher, pipe):
    """The kernel waits for it no more; what gets the number next is waited for like any other."""
    calls = []
    fd = os.dup(pipe[0])
    watcher.call_when(fd, "readable", lambda: calls.append("old"))
    os.write(pipe[1], b"x")
    watcher.read(0)
    os.close(fd)
    assert os.dup(pipe[0]) == fd
    watcher.call_when(fd, "readable", lambda: calls.append("new"))
    watcher.read(0)
    os.close(fd)
    assert calls == ["old", "new"]


def test_one_that_was_closed_while_its_file_is_open_makes_no_busy_loop(watcher, pipe):
    calls, turns = [], []
    # The first wait of the main thread opens descriptors of its own. On a busy machine a short one is over before.
    while watcher._poller._interrupts.fd < 0:
        watcher.read(0.001)
    fd = os.dup(pipe[0])
    watcher.call_when(fd, "readable", lambda: calls.append("called"))
    os.close(fd)
    os.write(pipe[1], b"x")
    answers = watcher._poller._answers

    class Counting:
        def wait(self, *arguments):
            turns.append(arguments)
            return answers.wait(*arguments)

    watcher._poller._answers = Counting()
    assert watcher.read(0.05) == []
    assert (calls, len(turns)) == (["called"], 2)


@pytest.mark.usefixtures("no_fd_left")
def test_nothing_is_left_of_it(tmp_path, pipe):
    with Watcher(tmp_path) as watcher:
        watcher.call_when(pipe[0], "readable", watcher.stop)
