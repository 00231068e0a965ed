"""Worlds in which nothing is done but between two calls that the tree makes to the disk.

One writer, in the process of the watcher, does an operation now and then right before such a call. So the seed fixes
not only what is done but also when, and a world that goes wrong goes wrong again. No clock has a say: a turn is over
by dice or never, and the steady clock goes on by so much whenever it is asked. What was told is judged as that of
other writers who take turns, see ``history.py``.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Callable
from unittest import mock

from inotify_cffi.tree import atonce
from inotify_cffi.tree.disk import Disk
from tests.stress import oracles
from tests.stress.history import SerialWorld, SerialWriter

if TYPE_CHECKING:
    from inotify_cffi import Event, Watcher

# The calls in front of which something may be done: those that see the disk or the queue.
CALLS = (
    *("read", "queued", "unwatch", "open_root", "enter", "watch", "visit", "revisit", "entries", "more_entries"),
    *("pass_lock", "kind", "watch_end"),
)
# Those of them that say by a descriptor, and some by a name, what the tree looks at.
NEAR = ("enter", "watch", "visit", "entries", "kind", "pass_lock")
# How likely an operation is done in front of a call, and how many are done at most then.
SHARES = (0.02, 0.1, 0.3, 0.6)
MOST = (1, 1, 2, 8)
# How likely all of a change is done at once, and not one operation of it.
WHOLE = (0.0, 0.5, 1.0)
# By how much the clock goes on, in seconds: one call reads for 20 ms.
TICKS_S = (0.0001, 0.002, 0.02)
# The fewer names there are, the more often one is used again.
LETTERS = ("ab", "abc", "abcd")


class StepWriter(SerialWriter):
    """A writer that says beforehand which operations make up a change, and does them one by one."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self.planned: deque[tuple[str, ...]] | None = None
        # What the tree looks at now.
        self.near = ""

    def do(self, verb: str, *paths: str) -> None:
        if self.planned is None:
            super().do(verb, *paths)
        else:
            self.planned.append((verb, *paths))

    def there(self) -> str:
        """A directory that is there now, if there is one: most often that which the tree looks at, or the one above."""
        near = self.near if self.dice.random() < 0.8 else os.path.dirname(self.near)
        if self.dice.random() < 0.5 and near.startswith(self.root + "/") and os.path.isdir(near):
            return near
        found = [path for path, is_dir in oracles.listing(self.root).items() if is_dir]
        return self.dice.choice(sorted(found)) if found else self.place()

    def new(self) -> str:
        """A name in a directory that is there now, where something may be."""
        parent = self.there() if self.dice.random() < 0.6 else self.root
        return parent + "/" + self.dice.choice(self.letters)

    def above(self, place: str) -> str:
        """The directory that one is in; itself if that is the root."""
        above = os.path.dirname(place)
        return place if above == self.root else above

    def there_and_back(self) -> None:
        """Move a directory to a name, perhaps to one of a directory that is made for it, and back."""
        old, new = self.there(), self.dice.choice([self.new, self.out])()
        if self.dice.random() < 0.3:
            self.do("mkdir", new)
            new += "/" + self.dice.choice(self.letters)
        self.do("rename", old, new)
        if self.dice.random() < 0.3:
            self.do("mkdir", new + "/" + self.dice.choice(self.letters))
        self.do("rename", new, self.dice.choice([old, self.new()]))

    def made_again(self) -> None:
        """Remove or move a directory, and make or move another one to its name."""
        old = self.there()
        verb = self.dice.choice(["rmdir", "rename", "rename"])
        self.do(verb, *([old] if verb == "rmdir" else [old, self.dice.choice([self.new, self.out])()]))
        if self.dice.random() < 0.5:
            self.do("mkdir", old)
            self.do("mkdir", old + "/" + self.dice.choice(self.letters))
        else:
            self.do("rename", self.dice.choice([self.there, self.out])(), old)

    def passed_on(self) -> None:
        """Let what nobody watches come by an exchange and leave at once: the kernel merges some of that."""
        place = self.new()
        self.do("mkdir", place)
        for _ in range(self.dice.randint(1, 2)):
            self.do("exchange", self.out(), place)
        verb = self.dice.choice(["rename", "exchange"])
        self.do(verb, place, self.dice.choice([self.new, self.out])())
        if self.dice.random() < 0.5:
            self.do("rename", self.above(place), self.new())

    def away_and_back(self) -> None:
        """Move a directory away, or the one that it is in, do something there, and move it back."""
        place = self.there()
        moved = self.dice.choice([place, self.above(place)])
        away = self.dice.choice([self.new, self.out])()
        self.do("rename", moved, away)
        inside = away + place[len(moved) :]
        verb = self.dice.choice(["mkdir", "write", "rename", "exchange"])
        made = [inside + "/" + self.dice.choice(self.letters)]
        self.do(verb, *(made if verb in ("mkdir", "write") else [self.there(), self.dice.choice([inside, *made])]))
        self.do("rename", away, moved)

    def change(self) -> None:
        """Most are of directories, and can be done."""
        verbs = (
            (6, super().change),
            (10, lambda: self.do("mkdir", self.new())),
            (4, lambda: self.do("write", self.new() + ".f")),
            (4, lambda: self.do("rmdir", self.there())),
            (2, self.remove_all),
            (10, lambda: self.do("rename", self.there(), self.new())),
            (6, lambda: self.do("exchange", self.there(), self.there())),
            (4, lambda: self.do("exchange", self.out(), self.there())),
            (3, lambda: self.do("rename", self.there(), self.out())),
            (5, lambda: self.do("rename", self.out(), self.new())),
            (6, self.there_and_back),
            (6, self.made_again),
            (4, self.passed_on),
            (6, self.away_and_back),
        )
        (verb,) = self.dice.choices([v for _, v in verbs], weights=[w for w, _ in verbs])
        with contextlib.suppress(OSError):
            verb()

    def plan(self, changes: int) -> None:
        """From now on do so many changes, one operation at each :meth:`step`."""
        self.planned = deque()
        self.left = changes

    @property
    def is_done(self) -> bool:
        return not self.left and not self.planned

    def step(self) -> None:
        """Do the next operation, if there is one; it may fail."""
        assert self.planned is not None
        while self.left and not self.planned:
            self.left -= 1
            self.change()
        if self.planned:
            with contextlib.suppress(OSError):
                super().do(*self.planned.popleft())

    def go_on(self) -> None:
        """Do all that is left of a change, or of the next one."""
        self.step()
        while self.planned:
            self.step()


class BetweenWorld(SerialWorld):
    """A world that is the same whenever it is run."""

    def __init__(self, seed: int, **options: object) -> None:
        super().__init__(seed, **options)
        # Another thread, and what looks at times.
        for option in ("read_ahead", "keep_stat"):
            self.options.pop(option, None)
        del self.counts["worlds with stamps"]
        self.share = self.dice.choice(SHARES)
        self.most = self.dice.choice(MOST)
        self.whole = self.dice.choice(WHOLE)
        self.tick_s = self.dice.choice(TICKS_S)
        self.letters = self.dice.choice(LETTERS)

    def writer(self, seed: int) -> StepWriter:
        writer = StepWriter(seed, self.root, self.outside, self.letters)
        writer.log = self.log
        return writer

    def run(self) -> list[str]:
        with contextlib.ExitStack() as stack:
            clock = itertools.count()
            stack.enter_context(mock.patch.object(time, "monotonic", lambda: next(clock) * self.tick_s))
            stack.enter_context(mock.patch.object(Disk, "is_over", lambda _disk, _share: False))
            # 0 is for any time.
            stack.enter_context(mock.patch.object(atonce, "LIMIT_S", 0.0))
            return super().run()

    def live(self) -> list[str]:
        """Let one writer write between the calls of a watcher, and compare."""
        writer = self.writer(self.seed)
        writer.populate(self.dice.choice([0, 20, 60]))
        os.makedirs(self.root, exist_ok=True)
        with self.watcher() as watcher:
            replayer = self.replayer(watcher, early=False)
            writer.plan(self.changes * self.writers)
            self.interleave(watcher._tree._disk, writer)
            return self.read_all(watcher, replayer, writer)

    def note_watches(self, watcher: Watcher[str]) -> None:
        """Note those that many directories get at once, too."""
        super().note_watches(watcher)
        disk = watcher._tree._disk
        visit = disk.visit

        def noting_visit(*arguments: object, **options: object) -> object:
            before = oracles.kernel_watches(watcher._instance._fd)
            crawled = visit(*arguments, **options)
            for wd, inode in oracles.kernel_watches(watcher._instance._fd).items():
                if wd not in before:
                    self.noted[wd] = inode
                    self.watched.append((os.path.getsize(self.log.path), inode, True, 0))
            return crawled

        disk.visit = noting_visit

    def interleave(self, disk: Disk, writer: StepWriter) -> None:
        """Let the writer do something in front of some calls to the disk."""
        for verb in CALLS:
            setattr(disk, verb, self.interleaved(verb, getattr(disk, verb), writer))

    def interleaved(self, verb: str, call: Callable[..., object], writer: StepWriter) -> Callable[..., object]:
        def called(*arguments: object, **options: object) -> object:
            if verb in NEAR:
                way = os.readlink(f"/proc/self/fd/{arguments[0]}")
                name = f"/{arguments[1]}" if verb in ("enter", "kind") else ""
                writer.near = os.path.normpath(way + name)
            if not writer.is_done and self.dice.random() < self.share:
                for _ in range(self.dice.randint(1, self.most)):
                    if self.dice.random() < self.whole:
                        writer.go_on()
                    else:
                        writer.step()
            return call(*arguments, **options)

        return called

    def read_all(self, watcher: Watcher[str], replayer: oracles.Replayer, writer: StepWriter) -> list[str]:
        """Read until the writer is done; note now and then which directories are bound."""
        events: list[Event[str]] = []
        while not writer.is_done:
            events += watcher.sync() if self.dice.random() < 0.02 else watcher.read(0)
            self.handed = len(events)
            if self.dice.random() < 0.2 and not watcher._ready and not watcher._tree.has_told:
                self.note_bound(watcher, len(events))
        return self.judge_at_end(watcher, replayer, events)
