"""Worlds in which writers take turns, so the order of what they do is known: is it told as it was?

Each writer does one operation at a time, under a lock, and writes it down. So afterwards a model of the tree says
where each entry was at each operation, and what was told is held against it: :class:`Judge` has the rules.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import time
from collections import Counter
from operator import itemgetter
from typing import Iterator

from inotify_cffi import Event, Mask, Watcher
from inotify_cffi.tree.disk import RECORD
from inotify_cffi.tree.teller import THIRD
from tests.stress import oracles
from tests.stress.worlds import World
from tests.stress.writers import Writer, exchange, write

KINDS = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO
CONTENT = Mask.MODIFY | Mask.CLOSE_WRITE | Mask.ATTRIB


class Log:
    """What was done, one operation a line, in its order; whoever holds the lock is the only one who does anything."""

    def __init__(self, path: str) -> None:
        self.path = path
        with open(path, "a"):
            pass

    @contextlib.contextmanager
    def lock(self) -> Iterator[int]:
        """Let nobody else do anything; a descriptor to write down what was done."""
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield fd
        finally:
            os.close(fd)

    def number(self, size: int) -> int:
        """Return how many operations were written down when the log had so many bytes."""
        with open(self.path, "rb") as file:
            return file.read(size).count(b"\n")

    def operations(self) -> list[list[object]]:
        with open(self.path) as lines:
            return [json.loads(line) for line in lines]


class SerialWriter(Writer):
    """A writer that takes turns with others."""

    log: Log

    def do(self, verb: str, *paths: str) -> None:
        """Do one operation and write it down, if it could be done; what it made is known by its inode."""
        with self.log.lock() as fd:
            is_new = not os.path.lexists(paths[-1])
            OPERATIONS[verb](*paths)
            inode = os.stat(paths[0]).st_ino if verb == "mkdir" else 0
            os.write(fd, json.dumps([verb, *paths, is_new, inode]).encode() + b"\n")

    def parents(self, path: str) -> None:
        """Make all directories on the way, and the last one."""
        names = path[len(self.root) + 1 :].split("/")
        for depth in range(1, len(names) + 1):
            with contextlib.suppress(FileExistsError):
                self.do("mkdir", self.root + "/" + "/".join(names[:depth]))

    def some(self) -> None:
        place = self.place()
        self.parents(place)
        self.do("write", place + "/" + self.dice.choice(self.letters) + ".f")

    def over(self) -> None:
        """Move a directory onto an empty one, write, and move it back."""
        new, old = self.place(), self.place()
        self.do("mkdir", new)
        self.do("rename", old, new)
        with contextlib.suppress(OSError):
            self.do("write", new + "/" + self.dice.choice(self.letters) + ".f")
        self.do("rename", new, old)

    def swap(self) -> None:
        one, other, third = self.place(), self.place(), self.place() + "t"
        self.do("rename", one, third)
        with contextlib.suppress(OSError):
            self.do("rename", other, one)
        self.do("rename", third, other)

    def remove_all(self) -> None:
        for top, directories, files in os.walk(self.place(), topdown=False):
            for name in files:
                self.do("unlink", top + "/" + name)
            for name in directories:
                self.do("rmdir", top + "/" + name)

    def replace(self) -> None:
        place = self.file()
        self.do("write", place + "~")
        self.do("rename", place + "~", place)

    def out_and_in(self) -> None:
        out = self.out()
        self.do("rename", self.place(), out)
        self.do("rename", out, self.place())

    def change(self) -> None:
        verbs = (
            (15, lambda: self.parents(self.place())),
            (8, self.some),
            (12, lambda: self.do("write", self.file())),
            (4, self.replace),
            (6, lambda: self.do("unlink", self.file())),
            (6, lambda: self.do("rmdir", self.place())),
            (2, self.remove_all),
            (20, lambda: self.do("rename", self.place(), self.place())),
            (4, lambda: self.do("rename", self.file(), self.file())),
            (6, self.over),
            (6, self.swap),
            (5, lambda: self.do("exchange", self.place(), self.place())),
            (2, lambda: self.do("exchange", self.file(), self.file())),
            (2, lambda: self.do("rename", self.place(), self.out())),
            (2, lambda: self.do("rename", self.out(), self.place())),
            (2, self.out_and_in),
            (1, lambda: self.do("exchange", self.out(), self.place())),
            (1, lambda: self.do("chmod", self.file())),
        )
        (verb,) = self.dice.choices([v for _, v in verbs], weights=[w for w, _ in verbs])
        with contextlib.suppress(OSError):
            verb()

    def populate(self, changes: int) -> None:
        for name in "xyz":
            with contextlib.suppress(OSError):
                self.do("mkdir", f"{self.outside}/{name}")
                self.do("mkdir", f"{self.outside}/{name}/{self.dice.choice(self.letters)}")
                self.do("write", f"{self.outside}/{name}/{self.letters[0]}.f")
        for _ in range(changes):
            self.change()


OPERATIONS = {
    "mkdir": os.mkdir,
    "write": write,
    "unlink": os.unlink,
    "rmdir": os.rmdir,
    "rename": os.rename,
    "exchange": exchange,
    "chmod": lambda path: os.chmod(path, 0o755),
}


class Thing:
    """One file or directory, wherever it is."""

    def __init__(self, *, is_dir: bool) -> None:
        self.is_dir = is_dir
        self.parent: Thing | None = None
        self.name = ""
        self.children: dict[str, Thing] = {}
        # At which operations it left what is watched, and at which its path became another.
        self.left: list[int] = []
        self.came: list[int] = []
        # Since which operation it is known to have a watch.
        self.bound: float = math.inf

    def path(self) -> str:
        names = []
        thing = self
        while thing.parent is not None:
            names.append(thing.name)
            thing = thing.parent
        return "/".join(["", *reversed(names)])

    def below(self) -> Iterator[Thing]:
        stack = [self]
        while stack:
            thing = stack.pop()
            yield thing
            stack.extend(thing.children.values())


class Model:
    """The tree as the log has it: where each entry was, and what the kernel had to say of each operation."""

    def __init__(self, root: str, outside: str) -> None:
        self.root = root
        self.top = Thing(is_dir=True)
        for path in (root, outside):
            self.put(path, Thing(is_dir=True), make=True)
        self.by_inode: dict[int, Thing] = {}
        # What the kernel tells of each operation, in order: flags, path, the old path of a move.
        self.expected: list[tuple[int, str, str | None]] = []
        # The number of the operation, of each of these.
        self.numbers: list[int] = []
        # Each path that there ever was since the beginning, with its kind.
        self.ever: set[tuple[str, bool]] = set()
        self.done = self.begun = 0

    def find(self, path: str) -> Thing | None:
        thing: Thing | None = self.top
        for name in path.split("/")[1:]:
            thing = thing.children.get(name) if thing is not None else None
        return thing

    def put(self, path: str, thing: Thing, *, make: bool = False) -> None:
        parent = self.top
        *above, thing.name = path.split("/")[1:]
        for name in above:
            if make and name not in parent.children:
                child = parent.children[name] = Thing(is_dir=True)
                child.parent, child.name = parent, name
            parent = parent.children[name]
        thing.parent = parent
        parent.children[thing.name] = thing

    def cut(self, path: str) -> Thing:
        thing = self.find(path)
        assert thing is not None and thing.parent is not None, path
        del thing.parent.children[thing.name]
        return thing

    def is_new(self, parent: Thing | None) -> bool:
        """Return True for a directory of which it is not known that it was watched by now."""
        return parent is None or self.done < parent.bound

    def is_inside(self, path: str) -> bool:
        return path.startswith(self.root + "/")

    def tell(self, flag: int, path: str, *, is_dir: bool, source: str | None = None) -> None:
        if self.is_inside(path):
            self.expected.append((flag | (Mask.ISDIR if is_dir else 0), path, source))
            self.numbers.append(self.done)

    def was(self, thing: Thing) -> None:
        """Note where an entry is now, with all below it."""
        for each in thing.below():
            path = each.path()
            each.came.append(self.done)
            if self.is_inside(path):
                self.ever.add((path, each.is_dir))

    def leaves(self, thing: Thing) -> None:
        for each in thing.below():
            each.left.append(self.done)
            each.bound = math.inf

    def begin(self) -> None:
        """What was done up to now was before the watcher."""
        self.begun = self.done
        self.expected.clear()
        self.numbers.clear()
        self.ever.clear()
        top = self.find(self.root)
        assert top is not None
        self.was(top)

    def apply(self, operation: list[object]) -> None:
        self.done += 1
        verb, *paths, is_new, inode = operation
        getattr(self, verb)(*paths, is_new=is_new, inode=inode)

    def mkdir(self, path: str, *, inode: int, **_: object) -> None:
        thing = self.by_inode[inode] = Thing(is_dir=True)
        self.put(path, thing)
        self.was(thing)
        self.tell(Mask.CREATE, path, is_dir=True)

    def write(self, path: str, *, is_new: bool, **_: object) -> None:
        if is_new:
            self.put(path, Thing(is_dir=False))
            self.ever.add((path, False))
            self.tell(Mask.CREATE, path, is_dir=False)
        for flag in (Mask.MODIFY, Mask.MODIFY, Mask.CLOSE_WRITE):
            self.tell(flag, path, is_dir=False)

    def unlink(self, path: str, **_: object) -> None:
        self.tell(Mask.DELETE, path, is_dir=False)
        self.leaves(self.cut(path))

    def rmdir(self, path: str, **_: object) -> None:
        self.tell(Mask.DELETE, path, is_dir=True)
        self.leaves(self.cut(path))

    def chmod(self, path: str, **_: object) -> None:
        thing = self.find(path)
        assert thing is not None
        self.tell(Mask.ATTRIB, path, is_dir=thing.is_dir)

    def rename(self, old: str, new: str, **_: object) -> None:
        if old == new:
            return
        thing = self.cut(old)
        there = self.find(new)
        if there is not None:
            self.leaves(self.cut(new))
        self._move(thing, old, new)

    def exchange(self, one: str, other: str, **_: object) -> None:
        if one == other:
            return
        first, second = self.cut(one), self.cut(other)
        # Where the first half is not seen, what left may be told before what came, that its place is free.
        self.tell(Mask.MOVED_FROM, other, is_dir=second.is_dir)
        self._move(first, one, other)
        self._move(second, other, one)
        # Where what came first is not known, it is told behind the other, that its place is free.
        self.tell(Mask.MOVED_TO, other, is_dir=first.is_dir)

    def _move(self, thing: Thing, old: str, new: str) -> None:
        self.put(new, thing)
        self.tell(Mask.MOVED_FROM, old, is_dir=thing.is_dir)
        self.tell(Mask.MOVED_TO, new, is_dir=thing.is_dir, source=old if self.is_inside(old) else None)
        if self.is_inside(old) and (not self.is_inside(new) or self.is_new(thing.parent)):
            self.leaves(thing)
        self.was(thing)


class Judge:
    """What was told of a world in which writers take turns.

    1. An event of the kernel names the path that the entry had at that operation: what is told is a part of what
       the kernel had to say, in its order, and the old path of a move is the one that it had.
    2. The path of a synthetic event existed at some time, but for the third name by which an exchange is told.
    3. A directory that was bound to a watch is where it is, at the end, by moves alone; it was taken back only if
       it left the tree, or was moved to where nothing was known to be watched by then, or had been found before
       its turn.
    """

    def __init__(
        self, model: Model, operations: list[list[object]], bound: list[tuple[int, str, Thing, int]]
    ) -> None:
        self.model = model
        self.operations = operations
        # How many events were told before, the path that it had for the ledger, which one, the operation.
        self.bound = bound
        # By path: which one it is, since which operation it was bound, and at which that was seen.
        self.tags: dict[str, tuple[Thing, int, int]] = {}
        self.complaints: list[str] = []
        self.third: dict[str, str] = {}
        self.at = 0
        # The half of a move that the kernel did not report, if it was the last event.
        self.found: str | None = None
        # Up to which operation the kernel's events were told, behind each event.
        self.times: list[int] = []

    def judge(self, events: list[Event[str]]) -> list[str]:
        waiting = self.bound[::-1]
        tagged = set()
        for number, event in enumerate(events):
            while waiting and waiting[-1][0] <= number:
                self.tag(waiting.pop(), tagged)
            follower = events[number + 1] if number + 1 < len(events) else None
            self.check(event)
            self.times.append(self.now)
            self.follow(event, follower)
            self.found = event.path if event.synthetic and event.mask & Mask.MOVED_FROM else None
        while waiting:
            self.tag(waiting.pop(), tagged)
        for path, (thing, since, _) in self.tags.items():
            if thing.path() != path and not any(left >= since for left in thing.left):
                self.complaints.append(f"bound directory is told to be at {path}, it is at {thing.path()}")
        return self.complaints

    def tag(self, bound: tuple[int, str, Thing, int], tagged: set[Thing]) -> None:
        _, path, thing, since = bound
        if thing not in tagged:
            tagged.add(thing)
            # What is told is behind what was done.
            self.tags[path] = (thing, min(since, self.now), since)

    @property
    def now(self) -> int:
        """The operation up to which the kernel's events are told."""
        return self.model.numbers[self.at - 1] if self.at else self.model.begun

    def is_ahead(self, thing: Thing, seen: int) -> bool:
        """Return True if a directory was found where it came to by an operation whose events are not told yet.

        What had the name before may still be told to be there, and then it is in the way.
        """
        return any(self.now < came <= seen for came in thing.came)

    def check(self, event: Event[str]) -> None:
        if THIRD in event.name:
            return
        if event.synthetic:
            if (event.path, event.is_dir) not in self.model.ever:
                self.complaints.append(f"never existed: {event}")
            return
        source = event.moved_from
        source = self.third.get(source, source) if source is not None else None
        if self.found == event.moved_from:
            # Nobody watched where it came from.
            source = None
        kind = event.mask & (KINDS | CONTENT | Mask.ISDIR)
        for at in range(self.at, len(self.model.expected)):
            flag, path, old = self.model.expected[at]
            if flag == kind and path == event.path and source in (None, old):
                self.at = at + 1
                return
        self.complaints.append(f"not there then: {event}")

    def follow(self, event: Event[str], follower: Event[str] | None) -> None:
        if event.mask & Mask.MOVED_FROM and follower is not None and follower.moved_from == event.path:
            if THIRD in follower.name:
                self.third[follower.path] = event.path
            moved = {p: t for p, t in self.tags.items() if p == event.path or p.startswith(event.path + "/")}
            for path in moved:
                del self.tags[path]
            self.tags.update({follower.path + path[len(event.path) :]: tag for path, tag in moved.items()})
        elif event.mask & (Mask.DELETE | Mask.MOVED_FROM):
            thing, since, seen = self.tags.pop(event.path, (None, 0, 0))
            if thing is None or any(left >= since for left in thing.left) or self.is_ahead(thing, seen):
                return
            self.complaints.append(f"bound and there, but taken back: {event}, it is at {thing.path()}")


class SerialWorld(World):
    """A world in which writers take turns."""

    def choose(self) -> None:
        self.kind = "plain"
        self.may_be_early = False
        self.small_queue = False
        self.options.pop("include", None)
        self.log = Log(self.base + "/log")
        self.bound: list[tuple[int, str, Thing, int]] = []
        self.seen: list[tuple[int, str, int, int]] = []
        # Which directories got a watch and which lost it, how long the log was then, and how many events were told.
        self.watched: list[tuple[int, int, bool, int]] = []
        self.handed = 0
        self.begun = 0

    def writer(self, seed: int) -> SerialWriter:
        writer = SerialWriter(seed, self.root, self.outside, self.letters)
        writer.log = self.log
        return writer

    def follow(self, watcher: Watcher[str], replayer: oracles.Replayer, pids: list[int]) -> list[str]:
        """Read while the writers write, now and then; note now and then which directories are bound."""
        events: list[Event[str]] = []
        while pids:
            if self.dice.random() < 0.3:
                time.sleep(self.dice.random() * self.lag * 4)
            events += watcher.read(0)
            self.handed = len(events)
            if self.dice.random() < 0.2 and not watcher._ready and not watcher._tree.has_told:
                self.note_bound(watcher, len(events))
            while pids and os.waitpid(pids[-1], os.WNOHANG)[0]:
                pids.pop()
        return self.judge_at_end(watcher, replayer, events)

    def judge_at_end(
        self, watcher: Watcher[str], replayer: oracles.Replayer, events: list[Event[str]]
    ) -> list[str]:
        """Read what is left, for nobody does anything any more, and judge all of it."""
        events += watcher.sync()
        self.counts.update(watcher.stats())
        if watcher.stats()["overflows"]:
            # Somebody else has made the queue small.
            return []
        return self.judge(watcher, replayer, events)

    def note_bound(self, watcher: Watcher[str], told: int) -> None:
        """Note the directories that have a watch while nobody does anything."""
        ledger = watcher._tree.ledger
        with self.log.lock():
            inodes = oracles.kernel_watches(watcher._instance._fd)
            done = len(self.log.operations())
        for root in ledger.roots:
            for node in ledger.subtree(root):
                if node is not root and node.wd in inodes and not ledger.has_twins(node.wd):
                    self.seen.append((told, str(ledger.place(node).path), inodes[node.wd], done))

    def judge(self, watcher: Watcher[str], replayer: oracles.Replayer, events: list[Event[str]]) -> list[str]:
        complaints = super().judge(watcher, replayer, events)
        operations = self.log.operations()
        events = [event for event in events if event.path.startswith(self.root + "/")]
        watched = [(self.log.number(size), *rest) for size, *rest in self.watched]
        judge = judge_of(self.root, self.outside, self.begun, self.seen, watched, operations)
        judge.judge(events)
        watched = as_told(watched, judge.times)
        judge = judge_of(self.root, self.outside, self.begun, self.seen, watched, operations)
        self.counts["operations"] += len(operations) - self.begun
        self.counts["tagged"] += len({thing for _, _, thing, _ in judge.bound})
        wrong = judge.judge(events)
        self.counts["violations"] += len(wrong)
        kinds = Counter(text.split(":")[0].split(" is told")[0] for text in wrong)
        self.counts.update({f"violations, {kind}": number for kind, number in kinds.items()})
        if wrong:
            complaints += [f"{len(wrong)} violations", *wrong[:3]]
        if complaints:
            self.keep(watched, operations)
        return complaints

    def keep(self, watched: list[tuple[int, int, bool, int]], operations: list[list[object]]) -> None:
        """Write down, beside the recording, what was done and what is known of it: :func:`judge_again` reads it."""
        with open(os.environ[RECORD] + ".log", "w") as file:
            json.dump([self.root, self.outside, self.begun, self.seen, watched, operations], file)

    def watcher(self) -> Watcher[str]:
        self.begun = len(self.log.operations())
        watcher = super().watcher()
        self.note_watches(watcher)
        return watcher

    def note_watches(self, watcher: Watcher[str]) -> None:
        """Note from now on which directories get a watch, and which lose it."""
        disk = watcher._tree._disk
        watch, unwatch = disk.watch, disk.unwatch
        inodes = self.noted = oracles.kernel_watches(watcher._instance._fd)

        def noting_watch(fd: int, mask: int) -> int:
            wd = watch(fd, mask)
            inode = os.fstat(fd).st_ino
            if inodes.get(wd) != inode:
                inodes[wd] = inode
                self.watched.append((os.path.getsize(self.log.path), inode, True, 0))
            return wd

        def noting_unwatch(wd: int) -> None:
            if wd in inodes:
                told = self.handed + len(watcher._ready) + len(watcher._tree._teller)
                self.watched.append((os.path.getsize(self.log.path), inodes.pop(wd), False, told))
            unwatch(wd)

        disk.watch, disk.unwatch = noting_watch, noting_unwatch


def judge_of(
    root: str,
    outside: str,
    begun: int,
    seen: list[tuple[int, str, int, int]],
    watched: list[tuple[int, int, bool, int]],
    operations: list[list[object]],
) -> Judge:
    """Do again in a model what was done.

    *seen*: which directories were bound, see :class:`Judge`, by inode. *watched*: which got a watch, or lost it, and
    behind how many operations.
    """
    model = Model(root, outside)
    bound = []
    waiting, changes = seen[::-1], watched[::-1]
    for number, operation in enumerate([*operations, None]):
        if number == begun:
            model.begin()
            for thing in model.find(root).below():
                thing.bound = number
        while changes and changes[-1][0] <= number:
            done, inode, is_new, _ = changes.pop()
            thing = model.by_inode.get(inode)
            if thing is not None:
                # One more may have been done, and not be written down yet.
                thing.bound = done + 2 if is_new else math.inf
        while waiting and waiting[-1][3] <= number:
            told, path, inode, done = waiting.pop()
            thing = model.by_inode.get(inode)
            if thing is not None and model.is_inside(thing.path()) and model.find(thing.path()) is thing:
                bound.append((told, path, thing, done))
        if operation is not None:
            model.apply(operation)
    return Judge(model, operations, bound)


def as_told(watched: list[tuple[int, int, bool, int]], times: list[int]) -> list[tuple[int, int, bool, int]]:
    """Return which directories got a watch, and which had none any more for the events that were still to be told.

    *times*: up to which operation the kernel's events were told, behind each event.
    """
    got: dict[int, int] = {}
    changes = []
    for done, inode, is_new, told in watched:
        if is_new:
            got[inode] = number = done
        else:
            number = min(done, max(times[min(told, len(times)) - 1] if told and times else 0, got.get(inode, 0)))
        changes.append((number, inode, is_new, told))
    changes.sort(key=itemgetter(0))
    return changes


def judge_again(recording: str, events: list[Event[str]]) -> list[str]:
    """Judge what a replay of a recording tells."""
    with open(recording + ".log") as file:
        root, *rest = json.load(file)
    judge = judge_of(root, *rest)
    return judge.judge([event for event in events if event.path.startswith(root + "/")])
