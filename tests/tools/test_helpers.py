"""What the tests rely on: to know that a thread is blocked, on any architecture, whatever libc calls."""

import ctypes
import os
import select

import conftest
import pytest

libc = ctypes.CDLL(None, use_errno=True)

NO_TIMEOUT, NO_MASK = -1, None


class Descriptors:
    """An epoll that waits for the end of a pipe, and the pipe."""

    def __init__(self):
        self.ready, self.wake = os.pipe()
        self.epoll = select.epoll()
        self.epoll.register(self.ready)

    def close(self):
        self.epoll.close()
        os.close(self.ready)


@pytest.fixture
def descriptors():
    made = Descriptors()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("epoll_wait", (NO_TIMEOUT,)),
        ("epoll_pwait", (NO_TIMEOUT, NO_MASK)),
        ("epoll_pwait2", (None, NO_MASK)),
    ],
)
def test_a_thread_that_waits_for_an_epoll_is_blocked(descriptors, background, name, more):
    """Whichever of the calls it is in."""
    if not hasattr(libc, name):
        pytest.skip(f"libc has no {name}")
    room = ctypes.create_string_buffer(64)
    try:
        waiting = background(getattr(libc, name), descriptors.epoll.fileno(), room, 1, *more).until_blocked()
    finally:
        os.close(descriptors.wake)
    assert waiting.result() == 1


def test_a_thread_that_waits_for_something_else_is_not(descriptors, background, monkeypatch):
    """It is said after some time, so a test does not hang."""
    monkeypatch.setattr(conftest, "PATIENCE_S", 0.1)
    reader = background(os.read, descriptors.ready, 1)
    try:
        with pytest.raises(TimeoutError, match="does not block"):
            conftest.until_blocked(reader._thread.native_id)
    finally:
        os.close(descriptors.wake)
    assert reader.result() == b""
