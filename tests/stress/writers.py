"""Random changes below a root: few names and little depth, so that the writers collide all the time."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import random
import shutil
import time
from typing import Sequence

from tests.helpers.forking import fork

LETTERS = "abcd"
MAX_DEPTH = 4
# Only the name that was used for a write is reported, so nothing is said of the other links of a file.
HARD_LINK = ".h"
AT_FDCWD, RENAME_EXCHANGE, RENAME_WHITEOUT = -100, 2, 4

libc = ctypes.CDLL(None, use_errno=True)
tokens = itertools.count()


def exchange(one: str, other: str) -> None:
    """Let two names change places."""
    rename(one, other, RENAME_EXCHANGE)


def rename(one: str, other: str, flags: int) -> None:
    """renameat2(2)."""
    arguments = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), flags)
    if libc.renameat2(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), one)


def write(path: str) -> None:
    """Give a file a content that no file had before."""
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    try:
        os.write(fd, b"%d.%d" % (os.getpid(), next(tokens)))
    finally:
        os.close(fd)


class Writer:
    """One writer with its own dice."""

    def __init__(
        self,
        seed: int,
        root: str,
        outside: str,
        letters: Sequence[str] = LETTERS,
        *,
        moves_root: bool = False,
        exchanges: bool = True,
        links: bool = False,
    ) -> None:
        self.dice = random.Random(seed)
        self.root = root
        self.outside = outside
        self.letters = letters
        self.moves_root = moves_root
        self.exchanges = exchanges
        self.links = links

    def place(self) -> str:
        depth = self.dice.randint(1, MAX_DEPTH)
        return self.root + "".join("/" + self.dice.choice(self.letters) for _ in range(depth))

    def file(self) -> str:
        return self.place() + self.dice.choice(["", ".f", ".g"])

    def out(self) -> str:
        return self.outside + "/" + self.dice.choice("xyz")

    def deep(self) -> None:
        place = self.place()
        os.makedirs(place, exist_ok=True)
        write(place + "/" + self.dice.choice(self.letters) + ".f")

    def replace(self) -> None:
        """What an editor does: write beside, rename over."""
        place = self.file()
        write(place + "~")
        os.rename(place + "~", place)

    def swap(self) -> None:
        one, other, third = self.place(), self.place(), self.place()
        os.rename(one, third + "t")
        with contextlib.suppress(OSError):
            os.rename(other, one)
        os.rename(third + "t", other)

    def out_and_in(self) -> None:
        out = self.out()
        os.rename(self.place(), out)
        if self.dice.random() < 0.5:
            with contextlib.suppress(OSError):
                write(out + "/" + self.dice.choice(self.letters) + ".f")
        os.rename(out, self.place())

    def link(self) -> None:
        """Make a link to a directory, or put it over another link."""
        link = self.place()
        target = self.dice.choice([self.place(), self.place(), self.out(), self.root, self.outside])
        os.symlink(target, link + "l")
        os.rename(link + "l", link)

    def root_itself(self) -> None:
        """Take the root away, or put it or another one there."""
        kept = self.root + " kept"
        dice = self.dice.random()
        if dice < 0.3:
            os.rename(self.root, kept)
        elif dice < 0.5:
            os.rename(kept, self.root)
        elif dice < 0.6:
            shutil.rmtree(self.root, ignore_errors=True)
        elif dice < 0.7 and self.exchanges:
            exchange(self.root, kept)
        else:
            os.mkdir(self.root)

    def change(self) -> None:
        """One random change. Most fail now and then (no such place, not empty)."""
        verbs = (
            (15, lambda: os.makedirs(self.place(), exist_ok=True)),
            (8, self.deep),
            (14, lambda: write(self.file())),
            (4, self.replace),
            (8, lambda: os.unlink(self.file())),
            (6, lambda: os.rmdir(self.place())),
            (4, lambda: shutil.rmtree(self.place(), ignore_errors=True)),
            (16, lambda: os.rename(self.place(), self.place())),
            (4, lambda: os.rename(self.file(), self.file())),
            (8 if self.exchanges else 0, lambda: exchange(self.place(), self.place())),
            (2 if self.exchanges else 0, lambda: exchange(self.file(), self.file())),
            (2, self.swap),
            (4, lambda: os.rename(self.place(), self.out())),
            (4, lambda: os.rename(self.out(), self.place())),
            (3, self.out_and_in),
            (2 if self.exchanges else 0, lambda: exchange(self.out(), self.place())),
            (2, lambda: os.link(self.file(), self.place() + HARD_LINK)),
            (2, lambda: os.symlink("a", self.place())),
            (12 if self.links else 0, self.link),
            (1, lambda: os.chmod(self.file(), 0o755)),
            (4 if self.moves_root else 0, self.root_itself),
        )
        (verb,) = self.dice.choices([v for _, v in verbs], weights=[w for w, _ in verbs])
        with contextlib.suppress(OSError, shutil.Error):
            verb()

    def populate(self, changes: int) -> None:
        """Make a world to begin with."""
        for name in "xyz":
            with contextlib.suppress(OSError):
                os.makedirs(f"{self.outside}/{name}/{self.dice.choice(self.letters)}")
                write(f"{self.outside}/{name}/{self.letters[0]}.f")
        for _ in range(changes):
            self.change()

    def run(self, changes: int) -> None:
        for _ in range(changes):
            self.change()
            if self.dice.random() < 0.002:
                time.sleep(self.dice.random() * 0.003)


def start(writer: Writer, changes: int, pipe: tuple[int, int]) -> int:
    """Fork a writer that begins when the parent closes the writing end of *pipe*; its process id."""
    pid = fork()
    if pid:
        return pid
    code = 1
    try:
        ready, go = pipe
        os.close(go)
        os.read(ready, 1)
        writer.run(changes)
        code = 0
    finally:
        os._exit(code)
