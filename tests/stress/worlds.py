"""Short random worlds of several kinds, each made from a seed."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from unittest import mock

from inotify_cffi import Event, Mirror, Watcher
from inotify_cffi.kernel import buffers, instance
from tests.helpers.slices import short_turns
from tests.stress import oracles, writers
from tests.stress.admitting import is_excluded, is_included
from tests.stress.queue import with_queue

# How often a world is of a kind, in parts of a hundred.
KINDS = {
    "plain": 38,
    "links": 8,
    "overlapping roots": 8,
    "one root twice": 8,
    "odd names": 8,
    "what is there comes first": 8,
    "the root comes and goes": 8,
    "patterns": 8,
    "depth": 6,
}
ODD_NAMES = ("-a", "b\nb", "\udcff\udcfe", "d" * 240)
# So little that it is full all the time, and so much that a whole world fits.
READ_AHEAD = (1024, 1 << 20)
PATTERNS = (
    ["d", "*.g"],
    ["/a/b", "c/"],
    ["*", "!a", "!*.f"],
    ["*", "!*/", "!*.g"],
    ["a/c", "!/b/a", "*.f", "!d.f"],
)
INCLUDED = (["*.f", "probe"], ["*.g", "c/"], ["/a", "*.f", "!d.f"], ["b/c/*", "probe", "!a"])
# How often a polled world is compared, in seconds.
POLLS_S = (0.0005, 0.01, 0.1)
# How long a stamp may be that of another content; see tree/youth.py.
YOUTH_S = 0.03
# How likely a turn is over whenever the clock is asked, in worlds with short turns.
OVER = (1.0, 0.5, 0.1)


class World:
    """One short world."""

    def __init__(
        self,
        seed: int,
        *,
        writers: int,
        changes: int,
        directory: str | None,
        track: str = "entries",
        slices: bool = False,
        polls: bool = False,
    ) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        (self.kind,) = self.dice.choices(list(KINDS), weights=list(KINDS.values()))
        self.writers = self.dice.randint(1, writers)
        self.changes = changes
        self.base = tempfile.mkdtemp(prefix="stress-", dir=directory)
        self.root, self.outside = self.base + "/root", self.base + "/outside"
        os.mkdir(self.root)
        os.mkdir(self.outside)
        self.roots = [self.root]
        self.options: dict[str, object] = {}
        self.letters: tuple[str, ...] = tuple("abcd")
        self.small_buffer = self.dice.random() < 0.15
        self.small_queue = self.dice.random() < 0.15 and os.geteuid() == 0
        self.lag = self.dice.choice([0.0005, 0.002, 0.008])
        if self.dice.random() < 0.3:
            self.options["read_ahead"] = self.dice.choice(READ_AHEAD)
        if self.dice.random() < 0.15:
            self.options["include"] = self.dice.choice(INCLUDED)
        self.counts: Counter[str] = Counter()
        # May writers write before the watcher is ready?
        self.may_be_early = True
        self.files: Mirror[str] | None = None
        self.only_directories = track == "directories"
        if self.kind == "links" and self.only_directories:
            self.kind = "plain"
        self.choose()
        # Where no file is known, the kernel's own merging of an exchange is not made good.
        self.exchanges = not self.only_directories or self.dice.random() < 0.5
        if self.only_directories:
            self.options["track"] = track
        self.polls = polls
        # Dice of its own, so that a seed is the world that it was before.
        own_dice = random.Random(f"stat {seed}")
        if polls:
            self.options["poll_s"] = own_dice.choice(POLLS_S)
        elif own_dice.random() < 0.15 and not self.only_directories:
            self.options["keep_stat"] = True
            self.counts["worlds with stamps"] += 1
        self.short_turns = slices or self.dice.random() < 0.4
        # Directories with more entries are listed in parts then.
        self.few = self.dice.choice([0, 0, 3, 1024])

    def choose(self) -> None:
        """Set what makes the kind."""
        if self.kind == "overlapping roots":
            self.roots.append(self.root + "/./a")
            self.options["missing"] = "wait"
        elif self.kind == "one root twice":
            self.roots.append(self.root + "/.")
        elif self.kind == "links":
            self.options["follow_symlinks"] = True
            # Its oracle knows places, not patterns.
            self.options.pop("include", None)
            self.options["max_places"] = self.dice.randint(1, 3)
        elif self.kind == "odd names":
            self.letters = ODD_NAMES
        elif self.kind == "what is there comes first":
            self.options["existing"] = True
        elif self.kind == "the root comes and goes":
            self.options["missing"] = "wait"
        elif self.kind == "patterns":
            self.options["exclude"] = self.dice.choice(PATTERNS)
        elif self.kind == "depth":
            self.options["max_depth"] = self.dice.randint(1, 3)

    def admits(self, path: str, *, is_dir: bool) -> bool:
        """Return True if an entry, by its path below a root, is to be known."""
        names = path.split("/")
        depth = self.options.get("max_depth")
        if isinstance(depth, int) and len(names) > depth:
            return False
        if is_excluded(self.options.get("exclude", ()), path, is_dir=is_dir):
            return False
        return is_dir or "include" not in self.options or is_included(self.options["include"], path)

    def tracks(self, path: str, *, is_dir: bool) -> bool:
        """Return True if an entry is to be in the snapshot."""
        return (is_dir or not self.only_directories) and self.admits(path, is_dir=is_dir)

    def watcher(self) -> Watcher[str]:
        # Else the world would have to be a large one.
        with mock.patch.object(instance, "LEAST_AHEAD", min(READ_AHEAD)):
            if self.small_queue:
                watcher = with_queue(self.dice.choice([16, 64, 256]), self.roots, **self.options)
            else:
                watcher = Watcher(*self.roots, **self.options)
        if self.small_buffer:
            watcher._instance._buffer = buffers.ReadBuffer(buffers.LARGEST_RECORD)
        return watcher

    def writer(self, seed: int) -> writers.Writer:
        return writers.Writer(
            seed,
            self.root,
            self.outside,
            self.letters,
            moves_root=self.kind == "the root comes and goes",
            exchanges=self.exchanges,
            links=self.kind == "links",
        )

    def run(self) -> list[str]:
        with contextlib.ExitStack() as stack:
            if self.short_turns:
                self.counts["worlds with short turns"] += 1
                dice = random.Random(self.seed)
                stack.enter_context(short_turns(dice, share=dice.choice(OVER), few=self.few))
            return self.live()

    def live(self) -> list[str]:
        """Let writers write and a watcher follow them, and compare."""
        self.writer(self.seed).populate(self.dice.choice([0, 20, 60]))
        os.makedirs(self.root, exist_ok=True)
        ready, go = os.pipe()
        pids = [
            writers.start(self.writer(self.seed * 100 + number), self.changes, (ready, go))
            for number in range(self.writers)
        ]
        try:
            early = self.dice.random() < 0.5 and self.may_be_early
            if early and self.kind != "the root comes and goes":
                os.close(go)
                go = -1
            with self.watcher() as watcher:
                replayer = self.replayer(watcher, early=early)
                if go >= 0:
                    os.close(go)
                    go = -1
                return self.follow(watcher, replayer, pids)
        finally:
            for fd in (ready, go):
                if fd >= 0:
                    os.close(fd)
            for pid in pids:
                end(pid)

    def replayer(self, watcher: Watcher[str], *, early: bool) -> oracles.Replayer:
        """A consumer; it knows what the files hold if nobody has written yet."""
        snapshot = {} if self.options.get("existing") else watcher.snapshot()
        known = {path: is_dir for root in self.roots for path, is_dir in oracles.below(root, snapshot).items()}
        existing = bool(self.options.get("existing"))
        if self.only_directories and not self.exchanges and (existing or not early) and self.kind != "depth":
            files = () if existing else oracles.files_of(self.roots, self.admits)
            entries = {**known, **dict.fromkeys(files, False)}
            self.files = Mirror(entries, roots=self.roots, track="directories")
        return oracles.Replayer(*self.roots, snapshot=known, early=early)

    def follow(self, watcher: Watcher[str], replayer: oracles.Replayer, pids: list[int]) -> list[str]:
        """Read while the writers write, now and then, and compare when they are done."""
        events: list[Event[str]] = []
        while pids:
            if self.dice.random() < (0.9 if self.small_queue else 0.3):
                time.sleep(self.dice.random() * self.lag * 4)
            if self.short_turns:
                self.disturb(watcher)
            events += watcher.sync() if self.dice.random() < 0.05 else watcher.read(0)
            while pids and os.waitpid(pids[-1], os.WNOHANG)[0]:
                pids.pop()
        events += watcher.sync()
        if self.kind == "links":
            # No watch is on the way to where a link leads.
            watcher.retry()
            events += watcher.sync()
        if self.polls:
            # What was written right before the poll is told once more.
            time.sleep(YOUTH_S)
            events += watcher.sync()
        self.counts.update(watcher.stats())
        return self.judge(watcher, replayer, events)

    def disturb(self, watcher: Watcher[str]) -> None:
        """Now and then do what a user or a signal may do between two turns, in the middle of anything."""
        dice = self.dice.random()
        if dice < 0.01:
            self.counts["retries"] += 1
            watcher.retry()
        elif dice < 0.015:
            self.counts["resyncs"] += 1
            watcher.resync()
        elif dice < 0.025:
            self.counts["interruptions"] += 1
            watcher._tree.distrust()
            watcher._stay_readable()

    def judge(self, watcher: Watcher[str], replayer: oracles.Replayer, events: list[Event[str]]) -> list[str]:
        self.counts["events"] += len(events)
        try:
            replayer.apply([event for event in events if event.is_dir or not self.only_directories])
        except oracles.Inconsistent as error:
            return [f"inconsistent: {error}"]
        if self.kind == "links":
            return oracles.complaints_of_links(watcher, replayer)
        complaints = oracles.complaints_at_rest(watcher, replayer, self.tracks)
        if self.files is not None:
            self.files.apply(events)
            complaints += oracles.complaints_of_files(self.files, self.roots, self.admits)
            self.counts["worlds with files followed"] += 1
        # A root may be a file by now; that is covered, too.
        missing = {root for root in self.roots if not os.path.exists(root)}
        if set(watcher.unwatched()) != missing:
            complaints.append(f"not covered: {watcher.unwatched()}, missing {missing}")
        return complaints or oracles.complaints_of_probes(watcher, replayer, self.admits)

    def clean(self) -> None:
        shutil.rmtree(self.base, ignore_errors=True)


def end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return
