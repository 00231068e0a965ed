"""Timeouts in a storm of signals: how late each blocking call ends, beside those of the standard library."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Callable, Iterator

if TYPE_CHECKING:
    Block = Callable[[], object]

__all__ = ["measure"]

# It sends to the process that started it, with a pause between two signals, until it is killed or alone.
SENDER = """
import os, signal, sys, time
process, pause = int(sys.argv[1]), float(sys.argv[2])
print(flush=True)
while os.getppid() == process:
    os.kill(process, signal.SIGCHLD)
    if pause:
        time.sleep(pause)
"""

# What has not come to its end by then never will, while the storm lasts.
GIVE_UP_S = 3


class Handlers:
    """Counts how often the signal's handler has run."""

    count = 0

    def __call__(self, number: int, frame: object) -> None:
        self.count += 1


def blocking(path: str, seconds: float) -> dict[str, Block]:
    """Return each call that blocks, with nothing to wait for but its timeout; the references come first."""
    from inotify_cffi import Dispatcher, Watcher, adapters

    dispatcher = Dispatcher()
    # An iteration that is not over keeps all other readers out, so each call has a watcher of its own.
    reading, cycling, dispatched = Watcher(path), Watcher(path), Watcher(path)
    cycles = cycling.event_gen(block_duration_s=seconds)
    drop_in = adapters.Inotify([path], block_duration_s=seconds).event_gen()
    poll = select.poll()
    return {
        "time.sleep": lambda: time.sleep(seconds),
        "select.poll": lambda: poll.poll(1000 * seconds),
        "Watcher.read": lambda: reading.read(seconds),
        "Watcher.event_gen": lambda: next(cycles),
        "Dispatcher.run": lambda: dispatcher.run(dispatched, timeout=seconds),
        "adapters' event_gen": lambda: next(drop_in),
    }


@contextlib.contextmanager
def storm(pause: float) -> Iterator[None]:
    """Have SIGCHLD sent to this process for as long as the context lasts, with a *pause* in seconds or none."""
    command = [sys.executable, "-S", "-c", SENDER, str(os.getpid()), str(pause)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as sender:
        try:
            if sender.stdout is not None:
                sender.stdout.readline()
            yield
        finally:
            sender.kill()


def _late(block: Block, seconds: float) -> float:
    """Return how many seconds later than asked a call ends."""
    began = time.monotonic()
    try:
        signal.alarm(GIVE_UP_S)
        block()
    except TimeoutError:
        # An alarm's handler raises it.
        pass
    finally:
        signal.alarm(0)
    return time.monotonic() - began - seconds


def _rounds(calls: dict[str, Block], times: int, seconds: float) -> dict[str, list[float]]:
    late: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(times):
        for name, block in calls.items():
            # Who never ends is not asked again; and a generator that an exception has left is over.
            if not late[name] or late[name][-1] < GIVE_UP_S - 2 * seconds:
                late[name].append(_late(block, seconds))
    return late


def measure(path: str, *, times: int, seconds: float, pause: float) -> dict[str, Any]:
    """Call each in turn, so many times; the delays in seconds, without and with a storm, and its strength."""
    calls = blocking(path, seconds)
    handlers = Handlers()
    signal.signal(signal.SIGCHLD, handlers)
    calm = _rounds(calls, times, seconds)
    with storm(pause):
        handlers.count, began = 0, time.monotonic()
        stormy = _rounds(calls, times, seconds)
        strength = handlers.count / (time.monotonic() - began)
    return {"calm": calm, "storm": stormy, "handlers_a_second": strength}
