"""Run random worlds for some time: ``python -m tests.stress --minutes 10 --seed 0``.

A seed fixes what is written, not how the writers and the reader interleave. What diverges is printed with its
seed, the first entry that differs, and the file that ``tests/replay.py`` plays again.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from typing import Iterator

from inotify_cffi import Watcher, _syscalls
from inotify_cffi.record import VARIABLE
from tests.stress import oracles, writers

RUN_LIMIT_S = 120
QUEUE = "/proc/sys/fs/inotify/max_queued_events"


class Stuck(Exception):
    """The run took too long: the tree does not come to rest."""


def on_alarm(signum: int, frame: object) -> None:
    raise Stuck(f"no rest within {RUN_LIMIT_S} s")


class World:
    """One short world, made from a seed."""

    def __init__(self, seed: int, *, writers: int, changes: int, directory: str | None) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.writers = self.dice.randint(1, writers)
        self.changes = changes
        self.base = tempfile.mkdtemp(prefix="stress-", dir=directory)
        self.root, self.outside = self.base + "/root", self.base + "/outside"
        os.mkdir(self.root)
        os.mkdir(self.outside)
        self.twins = self.dice.random() < 0.15
        self.small_buffer = self.dice.random() < 0.15
        self.small_queue = self.dice.random() < 0.15 and os.geteuid() == 0
        self.lag = self.dice.choice([0.0005, 0.002, 0.008])
        self.counts: Counter[str] = Counter()

    def watcher(self) -> Watcher[str]:
        roots = [self.root, self.root + "/."] if self.twins else [self.root]
        watcher = with_queue(self.dice.choice([16, 64, 256]), roots) if self.small_queue else Watcher(*roots)
        if self.small_buffer:
            watcher._instance._buffer = _syscalls.ReadBuffer(272)
        return watcher

    def run(self) -> list[str]:
        writers.populate(self.seed, self.root, self.outside, self.dice.choice([0, 20, 60]))
        ready, go = os.pipe()
        pids = [
            writers.start(self.seed * 100 + number, self.root, self.outside, self.changes, (ready, go))
            for number in range(self.writers)
        ]
        try:
            early = self.dice.random() < 0.5
            if early:
                os.close(go)
                go = -1
            with self.watcher() as watcher:
                replayers = self.replayers(watcher, early=early)
                if not early:
                    os.close(go)
                    go = -1
                return self.follow(watcher, replayers, pids)
        finally:
            for fd in (ready, go):
                if fd >= 0:
                    os.close(fd)
            for pid in pids:
                end(pid)

    def replayers(self, watcher: Watcher[str], *, early: bool) -> list[oracles.Replayer]:
        """A consumer for each root; it knows what the files hold if nobody has written yet."""
        snapshot = watcher.snapshot()
        found = []
        for root in [self.root, self.root + "/."] if self.twins else [self.root]:
            below = {p: d for p, d in snapshot.items() if p.startswith(root + "/")}
            if root == self.root:
                below = {p: d for p, d in below.items() if not p.startswith(root + "/./")}
            found.append(oracles.Replayer(root, below, early=early, several=self.twins))
        return found

    def follow(self, watcher: Watcher[str], replayers: list[oracles.Replayer], pids: list[int]) -> list[str]:
        """Read while the writers write, now and then, and compare when they are done."""
        events = []
        while pids:
            if self.dice.random() < (0.9 if self.small_queue else 0.3):
                time.sleep(self.dice.random() * self.lag * 4)
            events += watcher.sync() if self.dice.random() < 0.05 else watcher.read(0)
            while pids and os.waitpid(pids[-1], os.WNOHANG)[0]:
                pids.pop()
        events += watcher.sync()
        self.counts.update(watcher.stats())
        return self.judge(watcher, replayers, events)

    def judge(self, watcher: Watcher[str], replayers: list[oracles.Replayer], events: list) -> list[str]:
        self.counts["events"] += len(events)
        try:
            for replayer in replayers:
                other = [r.root + "/" for r in replayers if r is not replayer and r.root.startswith(replayer.root)]
                replayer.apply(e for e in events if not any(e.path.startswith(root) for root in other))
        except oracles.Inconsistent as error:
            return [f"inconsistent: {error}"]
        complaints = oracles.complaints_at_rest(watcher, replayers[-1:])
        complaints += oracles.difference(replayers[0].state, oracles.listing(self.root), "replay")
        if watcher.unwatched():
            complaints.append(f"not covered: {watcher.unwatched()}")
        return complaints or oracles.complaints_of_probes(watcher, replayers)

    def clean(self) -> None:
        shutil.rmtree(self.base, ignore_errors=True)


def end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return


@contextlib.contextmanager
def queue_of(size: int) -> Iterator[None]:
    """Let the instances that are made meanwhile have room for *size* events: the kernel copies the limit then.

    The limit is the whole machine's, so one process at a time lowers it: else one would restore what it
    found, which was another's.
    """
    with open(QUEUE, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = file.read()
        try:
            _write(size)
            yield
        finally:
            _write(before.strip())


def _write(value: int | str) -> None:
    with open(QUEUE, "w") as file:
        file.write(str(value))


def with_queue(size: int, roots: list[str]) -> Watcher[str]:
    """A watcher whose queue holds *size* events."""
    with queue_of(size):
        watcher: Watcher[str] = Watcher()
    for root in roots:
        watcher.add(root)
    return watcher


def one(seed: int, options: argparse.Namespace, counts: Counter[str]) -> list[str]:
    world = World(seed, writers=options.writers, changes=options.changes, directory=options.directory)
    recording = os.path.join(options.recordings, f"stress-{os.getpid()}-{seed}.jsonl")
    os.environ[VARIABLE] = recording
    complaints: list[str] = []
    signal.alarm(RUN_LIMIT_S)
    try:
        complaints = world.run()
    except Stuck as stuck:
        complaints = [str(stuck)]
    finally:
        signal.alarm(0)
        if complaints:
            complaints.append(f"recorded in {recording}")
        else:
            os.unlink(recording)
        counts.update(world.counts)
        counts["worlds"] += 1
        world.clean()
    return complaints


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=0, help="end after so many worlds; 0: by time only")
    parser.add_argument("--seed", type=int, default=0, help="of the first world; the next has the next")
    parser.add_argument("--writers", type=int, default=4, help="at most so many in a world")
    parser.add_argument("--changes", type=int, default=80, help="by each writer")
    parser.add_argument("--directory", help="where the worlds are made; a tmpfs, say")
    parser.add_argument("--recordings", default=tempfile.gettempdir(), help="where those that diverge are kept")
    options = parser.parse_args()

    signal.signal(signal.SIGALRM, on_alarm)
    counts: Counter[str] = Counter()
    diverged, seed, begin = 0, options.seed, time.monotonic()
    while time.monotonic() - begin < options.minutes * 60 and (
        not options.runs or seed < options.seed + options.runs
    ):
        complaints = one(seed, options, counts)
        if complaints:
            diverged += 1
            print(f"seed {seed}: {'; '.join(complaints)}", flush=True)
        seed += 1
    print(", ".join(f"{name} {number}" for name, number in sorted(counts.items())))
    name = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{name}: {counts['worlds']} worlds, seeds from {options.seed}: {diverged} diverged")
    return 1 if diverged else 0


if __name__ == "__main__":
    sys.exit(main())
