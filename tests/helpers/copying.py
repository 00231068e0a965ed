"""A program that keeps a copy of a tree as a backup does, by events alone; killed anywhere it goes on from a file.

With each state it keeps what the copy was then, in one file: so the two belong together.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import shutil
import stat
import sys
import traceback

from inotify_cffi import BusyError, Mask, Mirror, Watcher
from inotify_cffi.watching.statefile import write_state
from tests.helpers.forking import fork

GONE = Mask.DELETE | Mask.MOVED_FROM
NAMES = [f"{letter}{number}" for letter in "abc" for number in range(3)]


class Copy:
    """The names as a mirror has them, and the content of each file when it was last told."""

    def __init__(self, root, file):
        self.root, self.file = root, file
        try:
            with open(file, "rb") as kept:
                state, paths, self.contents = pickle.load(kept)
        except FileNotFoundError:
            state, paths, self.contents = b"", {}, {}
        self.mirror = Mirror(paths, roots=[root])
        self.watcher = Watcher(root, since=state)

    def apply(self, events):
        """What a file has in it is read when it is told that it is another, and at no other time."""
        for event in events:
            path, before = event.path, event.moved_from
            self.mirror.apply([event])
            if before is not None:
                for old in [old for old in self.contents if old == before or old.startswith(before + "/")]:
                    self.contents[path + old[len(before) :]] = self.contents.pop(old)
            if event.mask & Mask.DELETE:
                self.contents.pop(path, None)
            if not event.mask & (GONE | Mask.ISDIR) and path:
                self.contents[path] = content(path)

    def save(self):
        """Keep the copy together with the state that goes with it."""
        kept = pickle.dumps((self.watcher.save(), self.mirror.paths(), self.contents))
        write_state(self.file, kept)

    def run(self, dice):
        """Go on until it is killed; saved is anywhere, also in the middle of what was read at once."""
        for event in self.watcher.event_gen(block_duration_s=0.005):
            if event is not None:
                self.apply([event])
            if dice.random() < (0.3 if event is None else 0.02):
                # Between the two halves of a move it can not be.
                with contextlib.suppress(BusyError):
                    self.save()

    def differs(self):
        """Come up with the disk; what of the names is another than what is there, and of the contents."""
        self.apply(self.watcher.sync())
        names = self.mirror.paths()
        contents = {path: self.contents.get(path) for path, is_dir in names.items() if not is_dir}
        wrong = {path: (kept, content(path)) for path, kept in contents.items() if kept != content(path)}
        return self.mirror.diff(listed(self.root)), wrong


def content(path):
    """The content of a file, and its mode, for that is told, too; None for what is not there."""
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return os.readlink(path), None
        with open(path, "rb") as file:
            return file.read(), status.st_mode
    except OSError:
        return None


def listed(root):
    """The names on the disk."""
    return {
        os.path.join(top, name): name in directories and not os.path.islink(os.path.join(top, name))
        for top, directories, files in os.walk(root)
        for name in (*directories, *files)
    }


def change(root, dice):
    """Do something to the tree, as writers do."""
    path = os.path.join(root, *dice.choices(NAMES, k=dice.choice((1, 1, 2, 3))))
    other = os.path.join(root, *dice.choices(NAMES, k=dice.choice((1, 2))))
    what = dice.randrange(10)
    if what < 3:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(dice.randbytes(dice.randrange(4)))
    elif what == 3:
        with open(path, "r+b") as file:
            # As long as before, most often in the same step of the clock.
            for _ in range(3):
                os.pwrite(file.fileno(), dice.randbytes(1), 0)
    elif what == 4:
        os.rename(path, other)
    elif what == 5:
        shutil.rmtree(path)
    elif what == 6:
        os.unlink(path)
    elif what == 7:
        with open(f"{path}~", "wb") as file:
            file.write(dice.randbytes(2))
        os.replace(f"{path}~", path)
    elif what == 8:
        os.chmod(path, dice.choice((0o600, 0o644)))
    else:
        os.symlink(dice.choice(NAMES), path)


def write_on(root, seed):
    """Change the tree until it is killed."""
    dice = random.Random(seed)
    while True:
        try:
            change(root, dice)
        except OSError:
            continue


def forked(work, *arguments):
    """Do it in a child; its number."""
    child = fork()
    if child:
        return child
    try:
        work(*arguments)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)
