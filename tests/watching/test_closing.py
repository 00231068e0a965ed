"""A watcher that another thread closes while it is read: the reader returns, wherever it is just then."""

from __future__ import annotations

import asyncio
import threading

import pytest
from interrupting import SPARSELY, Tracer

from inotify_cffi import ClosedError, Dispatcher, Mask, Watcher, hookimpl
from tests.helpers.waiting import until

PLACES = ("watcher.py", "watching/", "hooks/dispatch.py", "hooks/adispatch.py", "hooks/pace.py")
PATIENCE_S = 20
# One behind the other is made when the reader waits; it stops at the last one.
NAMES = ("one", "two")


class Closer(Tracer):
    """Has another thread close the watcher where an exception would be raised, and makes a file at each wait."""

    def __init__(self, watcher, path, at):
        super().__init__(at, while_waiting=self.make)
        self.watcher = watcher
        self.files = [path / name for name in reversed(NAMES)]
        self.closer = None

    def make(self):
        self.files.pop().touch()
        if self.files:
            self.while_waiting = self.make

    def reach(self):
        self.raised = True
        self.closer = threading.Thread(target=self.watcher.close)
        self.closer.start()
        # Its first line says so.
        until(lambda: self.watcher.ended, "closed", pause_s=0)
        if not self.watcher._steps.is_mine:
            # It does not wait for who reads.
            self.closer.join(PATIENCE_S)
            assert not self.closer.is_alive()

    @property
    def has_read(self):
        return any(place.startswith("watching/reading.py") for place in self.passed)


class Plugin:
    @hookimpl
    def inotify_event(self, event, watcher):
        stop_at_last(watcher, event)


def stop_at_last(watcher, event):
    if event is not None and event.name == NAMES[-1]:
        watcher.stop()


def iterate(watcher):
    for event in watcher:
        stop_at_last(watcher, event)


def generate(watcher):
    for event in watcher.event_gen(block_duration_s=None):
        stop_at_last(watcher, event)


def take_batches(watcher):
    for events in watcher.batches(quiet_s=0):
        stop_at_last(watcher, events[-1])


def read(watcher):
    watcher.read()


def dispatch(watcher):
    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    dispatcher.run(watcher)


async def aiterate(watcher):
    async for event in watcher:
        stop_at_last(watcher, event)


async def atake_batches(watcher):
    async for events in watcher.abatches(quiet_s=0):
        stop_at_last(watcher, events[-1])


async def aread(watcher):
    await watcher.aread()


async def adispatch(watcher):
    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    await dispatcher.arun(watcher)


def in_a_loop(function):
    return lambda watcher: asyncio.run(function(watcher))


ITERATIONS = {
    "iteration": iterate,
    "event_gen": generate,
    "batches": take_batches,
    "async iteration": in_a_loop(aiterate),
    "abatches": in_a_loop(atake_batches),
}
CALLS = {"read": read, "run": dispatch, "aread": in_a_loop(aread), "arun": in_a_loop(adispatch)}


def closed_at(read, directory, at):
    """Let the watcher of a new directory be closed at a place while it is read, None for none; what came of it."""
    directory.mkdir()
    with Watcher(directory, mask=Mask.CREATE) as watcher:
        closer = Closer(watcher, directory, at)
        try:
            closer.trace(lambda: read(watcher))
        except ClosedError:
            # So it is only for a call, and only if that had not begun.
            if read not in CALLS.values() or closer.has_read:
                raise
        if closer.closer is not None:
            closer.closer.join(PATIENCE_S)
    return closer


@pytest.mark.parametrize("name", [*ITERATIONS, *CALLS])
def test_who_reads_returns_at_whichever_line_it_is_closed(name, tmp_path, no_fd_left):
    """An iteration is over then, also if it had not begun to read; a call that has begun returns what it has."""
    read = {**ITERATIONS, **CALLS}[name]
    # What is done but once is done now.
    closed_at(read, tmp_path / "first", None)
    places = [
        (place, time + 1)
        for place, times in closed_at(read, tmp_path / "second", None).passed.items()
        if place.startswith(PLACES)
        for time in range(times)
    ][::SPARSELY]
    closers = [closed_at(read, tmp_path / str(number), place) for number, place in enumerate(places)]
    assert sum(closer.closer is not None for closer in closers) > len(places) / 2 > 2
