"""A watcher and a consumer that only replays what it is told, held to the oracles of the stress runs."""

from __future__ import annotations

import os

from inotify_cffi import Event, Mask, Watcher
from tests.helpers.forking import fork
from tests.stress import oracles

ENTRIES = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO


class Consumer:
    """Replays the stream of one watcher with one root, str or bytes, and compares.

    ``Consumer(root, kind=os.fsencode, mask=...)``; ``early``: writers may be at work already.
    """

    def __init__(self, root, *, kind=os.fspath, early=False, watcher=None, **options):
        self.root = os.fspath(root)
        self.watcher = watcher or Watcher(kind(self.root), **options)
        told = {} if options.get("existing") else self.snapshot()
        self.replayer = oracles.Replayer(self.root, snapshot=told, early=early)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.watcher.close()

    def __getattr__(self, name):
        return getattr(self.watcher, name)

    def snapshot(self):
        """What the ledger has, as str."""
        return {os.fsdecode(path): is_dir for path, is_dir in self.watcher.snapshot().items()}

    def take(self, events):
        """Replay some events; the same with str paths."""
        events = [as_str(event) for event in events]
        self.replayer.apply(events)
        return events

    def sync(self):
        """Replay all up to now; the events."""
        return self.take(self.watcher.sync())

    def entries(self):
        """Replay all up to now; what was said of entries, in brief."""
        return brief(event for event in self.sync() if event.mask & ENTRIES)

    def follow(self, *processes):
        """Read while processes are at work, until all have ended well."""
        waiting = list(processes)
        while waiting:
            self.take(self.watcher.read(0.002))
            waiting = [process for process in waiting if process.poll() is None]
        assert [process.returncode for process in processes] == [0] * len(processes)

    def assert_at_rest(self):
        """Replay all up to now: disk, ledger, replay and the kernel's watches are the same; nothing is in doubt."""
        self.sync()
        assert oracles.complaints_at_rest(self, self.replayer) == []
        assert self.watcher.unwatched() == {}
        assert self.watcher.sync() == []

    def assert_each_directory_reports(self):
        """A new file in each directory is told once, with the right path, and nothing else is."""
        self.assert_at_rest()
        directories = [self.root.rstrip("/"), *(path for path, is_dir in self.replayer.state.items() if is_dir)]
        assert oracles.complaints_of_probes(self, self.replayer) == []
        for directory in directories:
            os.unlink(directory + "/probe")
        self.sync()


class Forked:
    """A function in a forked process, as subprocess.Popen shows one."""

    def __init__(self, function, *args):
        self.returncode = None
        self.pid = fork()
        if self.pid == 0:
            code = 1
            try:
                function(*args)
                code = 0
            finally:
                os._exit(code)

    def poll(self):
        """The exit code, None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = -(status & 127) or status >> 8
        return self.returncode


def as_str(event):
    """An event as it would be of a root given as str."""
    if isinstance(event.path, str):
        return event
    old = None if event.moved_from is None else os.fsdecode(event.moved_from)
    return Event.of(os.fsdecode(event.path), event.mask, moved_from=old, cookie=event.cookie, cause=event.cause)


def brief(events):
    """Each event as it prints itself: its flags and its path."""
    return [str(as_str(event)) for event in events]


def write(path, text="x"):
    """Write a file, made if need be."""
    with open(path, "w") as file:
        file.write(text)


def write_all(top, *names):
    """Make files below *top*, and the directories that they are in; a name that ends in a slash is a directory."""
    for name in names:
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not name.endswith("/"):
            write(path)


def fill_queue(watcher, *paths):
    """Let the queue of a watcher run over, by events of at least two files or directories that it watches."""
    size = -1
    while watcher._instance.queued_bytes() != size:
        size = watcher._instance.queued_bytes()
        for _ in range(500):
            for path in paths:
                os.utime(path)


def after(disk, verb, action, *, when=lambda *args: True):
    """Do something once, right after the first call of a verb of the disk for whose arguments *when* is true."""
    real = getattr(disk, verb)

    def call(*args, **options):
        answer = real(*args, **options)
        if when(*args):
            delattr(disk, verb)
            action()
        return answer

    setattr(disk, verb, call)


def before(disk, verb, action, *, when=lambda *args: True):
    """Do something once, right before the first call of a verb of the disk for whose arguments *when* is true."""
    real = getattr(disk, verb)

    def call(*args, **options):
        if when(*args):
            delattr(disk, verb)
            action()
        return real(*args, **options)

    setattr(disk, verb, call)


class Counted:
    """How often the verbs of a disk are called."""

    def __init__(self, disk):
        self.calls = 0
        for verb in dir(disk):
            method = getattr(disk, verb)
            if not verb.startswith("_") and callable(method) and verb != "mark":
                setattr(disk, verb, self._counting(method))

    def _counting(self, method):
        def call(*args, **options):
            self.calls += 1
            return method(*args, **options)

        return call
