"""In the middle of a step the same thread is refused, or what it asks for is done when the step is over."""

import os
import signal

import pytest
from consumer import write_all

from inotify_cffi import BusyError, ClosedError, Watcher

REFUSED = {
    "add": lambda watcher, root: watcher.add(os.path.join(root, "d")),
    "remove": lambda watcher, root: watcher.remove(root),
    "snapshot": lambda watcher, _: watcher.snapshot(),
    "unwatched": lambda watcher, _: watcher.unwatched(),
    "stats": lambda watcher, _: watcher.stats(),
    "read": lambda watcher, _: watcher.read(0),
    "sync": lambda watcher, _: watcher.sync(),
    "iteration": lambda watcher, _: next(iter(watcher)),
    "event_gen": lambda watcher, _: next(watcher.event_gen()),
    "start": lambda watcher, _: watcher.start(print),
}


def by_call(call):
    call()


def by_signal(call):
    """As a handler, which runs before the next line does."""
    before = signal.signal(signal.SIGUSR1, lambda *_: call())
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.fixture(params=[by_call, by_signal])
def in_the_middle(request, root, monkeypatch):
    """Do something while a watcher lists a directory that has come; the watcher, and what came out of it."""

    def run(action):
        came = []
        with Watcher(root) as watcher:
            entries = watcher._disk.entries

            def act():
                try:
                    came.append(action(watcher, root))
                except BusyError as error:
                    came.append(error)

            def entries_in_the_middle(fd, **options):
                monkeypatch.setattr(watcher._disk, "entries", entries)
                request.param(act)
                return entries(fd, **options)

            write_all(root, "d/f")
            monkeypatch.setattr(watcher._disk, "entries", entries_in_the_middle)
            yield watcher, came

    return run


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_changes_nothing(in_the_middle, root, name):
    for watcher, came in in_the_middle(REFUSED[name]):
        told = [str(event) for event in watcher.sync()]
        assert told == [f"CREATE,ISDIR {root}/d", f"CREATE {root}/d/f"]
        assert [type(error) for error in came] == [BusyError]
        assert "in the middle of a step" in str(came[0])
        assert watcher.snapshot() == {f"{root}/d": True, f"{root}/d/f": False}
        assert not watcher.unwatched()


def test_stop_works(in_the_middle, root):
    for watcher, came in in_the_middle(lambda watcher, _: watcher.stop()):
        assert [event.name for event in watcher] == ["d", "f"]
        assert came == [None]


def test_retry_is_done_when_the_step_is_over(in_the_middle, root):
    for watcher, came in in_the_middle(lambda watcher, _: watcher.retry()):
        assert len(watcher.sync()) == 2
        assert came == [None]


def test_close_closes_at_once_and_frees_when_the_step_is_over(in_the_middle, root):
    fds = len(os.listdir("/proc/self/fd"))
    for watcher, came in in_the_middle(lambda watcher, _: (watcher.close(), watcher.ended)):
        watcher.read(0)
        assert came == [(None, True)]
        assert len(os.listdir("/proc/self/fd")) == fds
        with pytest.raises(ClosedError):
            watcher.snapshot()


def test_what_neither_waits_nor_looks_at_the_tree_works(in_the_middle, root):
    for watcher, came in in_the_middle(
        lambda watcher, _: (watcher.fileno() >= 0, watcher.ended, watcher.track, watcher.roots)
    ):
        watcher.sync()
        assert came == [(True, False, "entries", [root])]


@pytest.mark.parametrize("track", ["entries", "directories"])
def test_on_progress_is_refused_the_root_that_is_being_listed(root, track):
    """It is not half-way in the tree then, nor gone."""
    other = os.path.join(root, "other")
    write_all(other, *(f"{number}/" for number in range(300)))
    came = []

    def remove(_):
        try:
            watcher.remove(other)
        except BusyError as error:
            came.append(error)

    with Watcher(on_progress=remove, track=track) as watcher:
        watcher.add(other)
        assert came
        assert len(watcher.snapshot()) == 300
