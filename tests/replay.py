"""Play a recording again: the tree gets the answers that it got then, and no kernel.

``python -m tests.replay FILE`` prints what is told. See ``inotify_cffi/tree/record.py``. ``python -m tests.replay FILE 0``
plays one that was made with short turns, and the number of entries that a directory had to have to be listed in
parts: a stress run that diverges says it. Where writers took turns it is judged once more, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

from inotify_cffi.kernel.listings import CrawlBuffer, CrawlColumns
from inotify_cffi.kernel.mounts import Mount
from inotify_cffi.ledger.nodes import Root
from inotify_cffi.ledger.rules import Rules
from inotify_cffi.ledger.saved import Directory, SavedRoot
from inotify_cffi.tree.disk import Disk, Moment
from inotify_cffi.tree.looks import Stamp
from inotify_cffi.tree.record import as_text
from inotify_cffi.tree.tree import Tree
from tests.helpers.records import packed
from tests.helpers.slices import small_steps
from tests.stress.history import judge_again


class Differs(Exception):
    """The tree asks for something else than it did when the recording was made."""


class Player(Disk):
    """Answers as the recording says."""

    def __init__(self, lines):
        self.recorded = [json.loads(line) for line in lines]
        self.at = 0
        self.by_path = False

    def answer(self, verb, *arguments):
        wanted, given, answer = self.recorded[self.at]
        if (wanted, given) != (verb, json.loads(json.dumps(arguments, default=as_text))):
            raise Differs(f"line {self.at + 1}: {verb}{arguments} instead of {wanted}{tuple(given)}")
        self.at += 1
        if isinstance(answer, dict):
            raise OSError(answer["errno"], f"recorded, line {self.at}")
        return answer

    def step(self):
        """The next thing that the watcher wanted of the tree; None at the end."""
        if self.at >= len(self.recorded):
            return None
        verb, arguments, _ = self.recorded[self.at]
        if verb != "mark":
            raise Differs(f"line {self.at + 1}: the tree did not ask for {verb}{tuple(arguments)}")
        return arguments

    def mark(self, step, *arguments):
        self.answer("mark", step, *arguments)

    def read(self, records):
        data = packed(*((*raw, name.encode("utf-8", "surrogateescape")) for *raw, name in self.answer("read")))
        records.feed(data)
        return len(data)

    def now(self):
        return Moment(*self.answer("now"))

    def stamp(self, fd):
        return Stamp(*self.answer("stamp", fd))

    def stamps(self, fd, names):
        return bytes.fromhex(self.answer("stamps", fd, names))

    def mounts_changed(self):
        pass

    def begin_turn(self, seconds):
        pass

    def entries(self, fd, *, whole=True):
        return tuple(self.answer("entries", fd, whole))

    def keep(self, fd):
        pass

    def use(self, fd):
        pass

    def enter(self, fd, name, *, follow):
        return self.answer("enter", fd, name, follow)

    def visit(self, fd, names, mask, most, *, files, seconds):
        return CrawlBuffer().fill(CrawlColumns(*self.answer("visit", fd, names, mask, most, files)))

    def revisit(self, fd, names, mask, most, since, seconds):
        return CrawlBuffer().fill(CrawlColumns(*self.answer("revisit", fd, names, mask, most, since)))

    def mounts(self):
        return [Mount(*mount) for mount in self.answer("mounts")]

    def visited(self):
        pass

    def kind(self, fd, name, *, follow):
        return self.answer("kind", fd, name, follow)


PLAIN = (
    *("queued", "unwatch", "open_root", "watch", "watch_path", "more_entries", "changed_since", "lines"),
    *("watch_end", "where", "open_object", "watch_object", "is_directory", "identify", "is_seen"),
    *("watched", "is_file", "is_over", "real_path", "device", "close", "close_all"),
    *("can_be_flagged", "spelling", "inode", "inodes", "watch_or_identify", "foreign_clock", "pass_lock"),
)
for plain in PLAIN:
    setattr(Player, plain, lambda self, *arguments, verb=plain: self.answer(verb, *arguments))


class Replay:
    """The tree of a recording, and what it told."""

    def __init__(self, lines):
        self.player = Player(lines)
        verb, arguments, _ = self.player.recorded[0]
        assert (verb, arguments[0]) == ("mark", "by_path")
        self.player.by_path = arguments[1]
        self.player.at = 1
        self.tree = Tree(self.player)
        self.told = []

    def run(self):
        while True:
            step = self.player.step()
            if step is None:
                return self.told
            self.take(step[0], step[1:])
            self.told += self.tree.take()

    def take(self, step, arguments):
        if step in ("add_root", "begin_root"):
            given, location, asked, kernel_mask, waits, tell, since, *rules = arguments
            root = Root(
                given,
                location,
                asked=asked,
                kernel_mask=kernel_mask,
                rules=Rules(*(tuple(rule) if isinstance(rule, list) else rule for rule in rules)),
            )
            root.waits = waits
            getattr(self.tree, step)(root, tell=tell, since=since and saved(*since))
        elif step in ("remove_root", "continue_root"):
            location, *rest = arguments
            root = next((root for root in self.tree.ledger.roots if root.location == location), None)
            getattr(self.tree, step)(root, *rest)
        else:
            getattr(self.tree, step)(*arguments)


def saved(given, location, is_file, directories):
    """A root that was saved, as a recording has it."""
    return SavedRoot(
        given.encode("latin-1"),
        location.encode("latin-1"),
        is_file,
        tuple(
            Directory(
                tuple(name.encode("latin-1") for name in names), kinds.encode("latin-1"), stamps.encode("latin-1")
            )
            for names, kinds, stamps in directories
        ),
    )


if __name__ == "__main__":
    with contextlib.ExitStack() as steps, open(sys.argv[1], encoding="utf-8") as recording:
        if len(sys.argv) > 2:
            steps.enter_context(small_steps(int(sys.argv[2])))
        told = Replay(recording).run()
        print(*told, sep="\n")
        if os.path.exists(sys.argv[1] + ".log"):
            print(*judge_again(sys.argv[1], told), sep="\n")
