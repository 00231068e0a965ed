"""A small queue, so that it runs over soon; only root may make one."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import Iterator

from inotify_cffi import Watcher

QUEUE = "/proc/sys/fs/inotify/max_queued_events"

_lowered: list[int] = []


@contextlib.contextmanager
def queue_of(size: int) -> Iterator[None]:
    """Let the instances that are made meanwhile have room for *size* events: the kernel copies the limit then.

    The limit is the whole machine's, so one process at a time lowers it: else one would restore what it
    found, which was another's. A test that may not lower it is skipped here, so none can forget to ask.
    """
    if not os.access(QUEUE, os.W_OK):
        # What needs no queue of its own runs without pytest, too.
        import pytest

        pytest.skip("only root can make a small queue")
    with open(QUEUE, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = file.read()
        try:
            _lowered.append(size)
            _write(size)
            yield
        finally:
            _write(before.strip())
            _lowered.remove(size)


@contextlib.contextmanager
def whole_queue() -> Iterator[None]:
    """Let no other process lower the limit meanwhile; where this one has, that is meant."""
    if _lowered:
        yield
        return
    with open(QUEUE) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def room() -> int:
    """Return how many events the queue of an instance holds, where no other process has lowered that for a moment."""
    with whole_queue(), open(QUEUE) as file:
        return int(file.read())


def _write(value: int | str) -> None:
    with open(QUEUE, "w") as file:
        file.write(str(value))


def with_queue(size: int, roots: list[str], **options: object) -> Watcher[str]:
    """A watcher whose queue holds *size* events."""
    with queue_of(size):
        watcher: Watcher[str] = Watcher(**options)
    for root in roots:
        watcher.add(root)
    return watcher
