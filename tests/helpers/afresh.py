"""Random changes by one writer, reads at random; in the end a watcher knows what a new one with its options finds.

So the judge needs to know nothing of patterns, depths, permissions or roots within roots.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import tempfile

from consumer import ENTRIES, Consumer, write

from inotify_cffi import Mask, Watcher
from inotify_cffi.kernel import buffers
from tests.stress import oracles
from tests.stress.writers import exchange

# A second at most, on a machine that has nothing else to do; only what never comes to rest takes longer.
PATIENCE_S = 60
LIMIT = "/proc/sys/user/max_inotify_watches"
PATTERNS = ("*.o", "*.c", "a", "/b", "b/", "!a.o", "!*.c", "c/*", "!.gitignore", "!", "[z-a]")
MODES = (0, 0o100, 0o300, 0o400, 0o600, 0o500, 0o700, 0o700)
OPTIONS = {
    "gitignore": {"gitignore": True},
    "gitignore and depth": {"gitignore": True, "max_depth": 2},
    "patterns": {"exclude": ["b", "*.o", "!a/b"]},
    "depth": {"max_depth": 2},
    "files that are included": {"include": ["*.o", "/b", "a", "!b.o", "c/*"]},
    "gitignore and files that are included": {"gitignore": True, "include": ["*.o", "c/", "!a"]},
    "roots in roots": {"missing": "wait"},
    "files and directories": {"missing": "wait"},
    "roots come and go": {"missing": "wait"},
    "links": {"follow_symlinks": True},
}


def limit(number):
    """Let this user namespace have so many watches."""
    with open(LIMIT, "w") as file:
        file.write(str(number))


def open_all(root):
    """Let everybody in everywhere."""
    os.chmod(root, 0o700)
    for parent, directories, _ in os.walk(root):
        for name in directories:
            # Of a link it is what it leads to that would be opened.
            if not os.path.islink(f"{parent}/{name}"):
                os.chmod(f"{parent}/{name}", 0o700)


class World:
    """A directory in which one writer makes changes, most of which fail; a seed fixes all of it."""

    def __init__(self, seed, kind):
        self.dice = random.Random(seed)
        self.kind = kind
        self.base = tempfile.mkdtemp(prefix="afresh-")
        self.root, self.outside = self.base + "/root", self.base + "/outside"
        os.mkdir(self.root)
        os.mkdir(self.outside)

    def clean(self):
        open_all(self.base)
        shutil.rmtree(self.base)

    def place(self):
        return self.root + "".join("/" + self.dice.choice("abc") for _ in range(self.dice.randint(1, 3)))

    def file(self):
        return self.place() + self.dice.choice(["", ".o", ".c"])

    def out(self):
        return self.outside + "/" + self.dice.choice("xy")

    def ignore(self):
        """Write, replace or remove a .gitignore."""
        directory = self.dice.choice([self.root, self.place()])
        path, dice = directory + "/.gitignore", self.dice.random()
        text = "\n".join(self.dice.sample(PATTERNS, self.dice.randint(0, 3)))
        if dice < 0.3:
            os.unlink(path)
        elif dice < 0.5:
            write(path + "~", text)
            os.rename(path + "~", path)
        else:
            write(path, text)

    def link(self):
        """Make a link that leads out or up, to where something may be or come, or put it over another.

        None is relative: a path through a link that leads up may end in a link that would lead out of this world.
        """
        link = self.place()
        outside = [self.out() + below for below in ("", "/d", "/d/e")]
        target = self.dice.choice([*outside, self.base, self.root, self.root + "/b"])
        os.symlink(target, link + "~")
        os.rename(link + "~", link)

    def change(self, times):
        dice, root = self.dice, self.root
        verbs = [
            (5, lambda: os.makedirs(self.place(), exist_ok=True)),
            (5, lambda: write(self.file())),
            (3, lambda: os.unlink(self.file())),
            (2, lambda: os.rmdir(self.place())),
            (2, lambda: shutil.rmtree(self.place())),
            (6, lambda: os.rename(self.place(), self.place())),
            (2, lambda: os.rename(self.file(), self.file())),
            (3, lambda: exchange(self.place(), self.place())),
            (2, lambda: os.rename(self.place(), self.out())),
            (2, lambda: os.rename(self.out(), self.place())),
            (1, lambda: exchange(self.out(), self.place())),
        ]
        if "gitignore" in self.kind:
            verbs.append((4, self.ignore))
        if self.kind == "permissions":
            verbs.append((4, lambda: os.chmod(self.place(), dice.choice(MODES))))
            verbs.append((2, lambda: open_all(root)))
        if OPTIONS.get(self.kind, {}).get("missing"):
            verbs.append((1, lambda: os.rename(root, root + "-away")))
            verbs.append((2, lambda: os.rename(root + "-away", root)))
            verbs.append((1, lambda: exchange(root, self.outside)))
            verbs.append((1, lambda: os.makedirs(root, exist_ok=True)))
        if self.kind == "links":
            verbs.append((3, self.link))
            verbs.append((2, lambda: os.makedirs(self.out() + "/d/e", exist_ok=True)))
            verbs.append((2, lambda: os.rename(self.out(), self.out())))
            verbs.append((1, lambda: shutil.rmtree(self.out())))
            verbs.append((2, lambda: write(self.out() + "/d/" + dice.choice("ef"))))
        for _ in range(dice.randint(*times)):
            (verb,) = dice.choices([verb for _, verb in verbs], weights=[weight for weight, _ in verbs])
            with contextlib.suppress(OSError):
                verb()

    def roots(self):
        if self.kind == "roots in roots":
            return {self.root, self.root + "/a", self.root + "/a/b"}
        if self.kind == "files and directories":
            return {self.root + name for name in ("", "/a", "/a/b", "/b.o", "/c/a.c")}
        return {self.root}

    def small(self, watcher):
        """Now and then let a watcher read one record at a time."""
        if self.dice.random() < 0.3:
            watcher._instance._buffer = buffers.ReadBuffer(buffers.LARGEST_RECORD)

    def read(self, watcher):
        dice = self.dice.random()
        if dice < 0.4:
            return watcher.read(0) if dice < 0.3 else watcher.sync(PATIENCE_S)
        return []


def compared(seed, kind):
    """What a watcher knows in the end, and what a new one does."""
    world = World(seed, kind)
    try:
        world.change((0, 30))
        roots, options = world.roots(), OPTIONS[kind]
        with Watcher(*sorted(roots), **options) as watcher:
            world.small(watcher)
            for _ in range(world.dice.randint(1, 40)):
                world.change((1, 6))
                world.read(watcher)
                if kind == "roots come and go" and world.dice.random() < 0.2:
                    root = world.root + world.dice.choice(["", "/a", "/a/b", "/b"])
                    (watcher.remove if root in roots else watcher.add)(root)
                    roots ^= {root}
            if kind == "links":
                # No watch is on the way to where a link leads.
                watcher.retry()
            watcher.sync(PATIENCE_S)
            with Watcher(*sorted(roots), **options) as new:
                new.sync(PATIENCE_S)
                return [
                    (
                        one.snapshot(),
                        set(one.unwatched()),
                        sorted(oracles.kernel_watches(one._instance.fileno()).values()),
                    )
                    for one in (watcher, new)
                ]
    finally:
        world.clean()


def complaints(seed, kind):
    """What is wrong in the end after some time in which not all could be covered: permissions, or watches."""
    world = World(seed, kind)
    few = kind == "watches"
    try:
        world.change((0, 30))
        if few:
            limit(world.dice.randint(1, 6))
        mask = world.dice.choice([Mask.CHANGES, ENTRIES | Mask.MODIFY | Mask.CLOSE_WRITE])
        if not os.access(world.root, os.R_OK | os.X_OK):
            return []
        with Consumer(world.root, mask=mask, early=True) as consumer:
            watcher = consumer.watcher
            world.small(watcher)
            for _ in range(world.dice.randint(1, 40)):
                world.change((1, 6))
                consumer.take(world.read(watcher))
                if few and world.dice.random() < 0.2:
                    limit(world.dice.randint(1, 12))
                if world.dice.random() < 0.1:
                    watcher.retry()
            consumer.take(watcher.sync(PATIENCE_S))
            ledger = watcher._tree.ledger
            bare = {ledger.place(node).path for node in ledger.subtree(ledger.roots[0]) if node.wd < 0}
            if not bare <= set(watcher.unwatched()):
                return [f"seed {seed}: without a watch {bare}, not covered {watcher.unwatched()}"]
            if few:
                limit(1000)
                watcher.retry()
            else:
                open_all(world.root)
            consumer.take(watcher.sync(PATIENCE_S))
            found = oracles.complaints_at_rest(consumer, consumer.replayer)
            found += [f"not covered: {path}" for path in watcher.unwatched()]
            return [f"seed {seed}: {complaint}" for complaint in found]
    finally:
        if few:
            limit(1000)
        world.clean()
