"""A watcher with a journal, as often as a test needs one, and what the journal says then."""

from __future__ import annotations

import argparse
import os
import sqlite3

from inotify_cffi import Dispatcher, Mask, Mirror, Watcher, flag_names
from inotify_cffi.plugins.journal import Journal
from tests.stress.oracles import listing


class Session:
    """One life of a watcher with a journal."""

    def __init__(self, file, root, *arguments):
        self.journal, self.dispatcher = Journal(), Dispatcher()
        self.dispatcher.register(self.journal, "journal")
        parser = argparse.ArgumentParser()
        parser.add_argument("--events")
        parser.add_argument("paths", nargs="*")
        self.dispatcher.add_options(parser)
        self.options = parser.parse_args(["--journal-file", file, *arguments, "--", str(root)])
        self.root = root

    def __enter__(self):
        self.watcher = Watcher(str(self.root))
        self.dispatcher.configure(self.options, self.watcher)
        self.dispatcher.start(self.watcher)
        return self

    def tell(self):
        self.dispatcher.dispatch(self.watcher.sync(), self.watcher)

    def __exit__(self, kind, *_exception):
        if kind is None:
            self.tell()
        self.dispatcher.stop(self.watcher)
        self.watcher.close()


def kept(file, root, number=0):
    """The journal's records, short: flags, name below the root, where it came from."""
    prefix = os.fsencode(root) + b"/"
    return [
        (",".join(flag_names(record.mask)), record.path.replace(prefix, b""), record.synthetic)
        for record in Journal().since(file, number)
    ]


def last(file):
    return max((record.number for record in Journal().since(file, 0)), default=0)


def check(file):
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


class Reader:
    """A consumer that asks for what came after the last number it has read, and makes a mirror of it."""

    def __init__(self, file, root):
        self.file = file
        self.mirror = Mirror({}, roots=[os.fsencode(root)])
        self.seen = {}
        self.identity = None

    def read(self):
        """Read on; the events."""
        events = list(Journal().since(self.file, self.mirror.number or 0, self.identity))
        for event in events:
            # No number is given to another event, ever.
            assert self.seen.setdefault(event.number, event) == event
            self.identity = f"{event.journal}:{event.generation}"
        self.mirror.apply(events)
        return events

    def check(self, root):
        """All is read: it is the disk, and no number is left out without a word."""
        self.read()
        on_disk = {os.fsencode(path): is_dir for path, is_dir in listing(root).items()}
        assert self.mirror.in_sync
        difference = self.mirror.diff(on_disk)
        assert not difference, difference
        before = 0
        for event in Journal().since(self.file, 0):
            is_restart = event.mask & Mask.RESTART and event.durable == before
            assert event.number == before + 1 or is_restart, event
            before = event.number
