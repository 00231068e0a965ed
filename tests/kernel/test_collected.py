"""What is forgotten in a cycle: finalizers run in no order there, and nothing of ours is gone while one uses it."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest
from collecting import collect
from conftest import PATIENCE_S, open_fds

from inotify_cffi import Watcher
from inotify_cffi.kernel.buffers import ReadAhead, Records
from inotify_cffi.kernel.listings import CrawlBuffer
from inotify_cffi.kernel.poller import Poller
from inotify_cffi.kernel.syscalls import Descriptor, inotify_init, open_fd
from inotify_cffi.ledger.storage import Memory, Told


class Last:
    """Uses a thing of its cycle when it is finalized."""

    def __init__(self, use):
        self.use = use
        self.thing = None

    def __del__(self):
        self.use(self.thing)


def forget(make, use):
    """Have a thing and its user in a cycle, made in either order, and forget them; what the uses gave."""
    seen = []

    def note(thing):
        seen.append(use(thing))

    for is_user_first in (True, False):
        last = Last(note) if is_user_first else None
        thing = make()
        last = last or Last(note)
        last.thing, last.itself = thing, last
        del last, thing
    collect()
    return seen


def ahead():
    inotify = inotify_init()
    made = ReadAhead(inotify.fd, 1 << 16, shares=False)
    made.inotify = inotify
    return made


def directory():
    return open_fd("/", os.O_RDONLY | os.O_CLOEXEC)


def add_root(memory):
    root = memory.add_root(b"/r", asked=1, is_plain=True, passes=True)
    return memory.create(root, b"name", is_dir=False)


MADE = {
    "descriptor": (directory, lambda thing: os.fstat(thing.fd).st_ino, os.stat("/").st_ino),
    "records": (Records, lambda thing: thing.feed(b""), 0),
    "told": (Told, lambda thing: thing.columns()[0], b""),
    "memory": (Memory, add_root, -1),
    "crawl": (CrawlBuffer, lambda thing: thing.columns().wds, []),
    "ahead": (ahead, lambda thing: thing.queued_bytes(), 0),
    "poller": (Poller, lambda thing: (thing.wake(), len(thing.wait(0)))[1], 0),
}


@pytest.mark.parametrize("name", MADE)
def test_what_is_forgotten_in_a_cycle_is_whole_until_its_last_use(name):
    make, use, expected = MADE[name]
    assert forget(make, use) == [expected, expected]


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="another collector")
@pytest.mark.parametrize(
    ("make", "attribute"),
    [
        (Records, "cdata"),
        (Told, "cdata"),
        (Memory, "_ledger"),
        (CrawlBuffer, "_crawl"),
        (Descriptor, "cdata"),
        (ahead, "cdata"),
    ],
)
def test_the_collector_does_not_know_what_c_owns(make, attribute):
    """So it does not finalize it; that is done when nothing refers to it any more."""
    thing = make()
    assert not gc.is_tracked(getattr(thing, attribute))


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_what_is_forgotten_in_a_cycle_is_closed(tmp_path):
    before = open_fds()
    forget(lambda: Watcher(tmp_path, read_ahead=1 << 16), Watcher.close)
    collect()
    assert open_fds() == before


CHILD = """
import asyncio, gc, sys, warnings
from inotify_cffi import Watcher, awatch
warnings.simplefilter("ignore")
root, how = sys.argv[1:]

class Holder:
    pass

def generator(watcher):
    with watcher:
        yield 1

async def reads():
    async for _ in awatch(root, existing=True):
        raise KeyError

holder = Holder()
holder.itself = holder
if how == "asynchronous":
    try:
        asyncio.run(reads())
    except KeyError:
        holder.error = sys.exc_info()
elif how == "generator":
    holder.watcher = Watcher(root, read_ahead=1 << 16)
    holder.generator = generator(holder.watcher)
    next(holder.generator)
else:
    holder.watcher = Watcher(root, read_ahead=1 << 16)
if how == "collected":
    for _ in range(100):
        holder.more = Watcher(root)
        holder = Holder()
        holder.itself = holder
        gc.collect()
"""


@pytest.mark.parametrize("how", ["asynchronous", "generator", "plain", "collected"])
def test_an_interpreter_that_ends_with_watchers_in_cycles_ends_well(tmp_path, how):
    """With freed memory filled (PYTHONMALLOC), so that a use of it is seen."""
    (tmp_path / "a").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, tmp_path, how],
        check=False, capture_output=True, timeout=PATIENCE_S,
        env={**os.environ, "PYTHONMALLOC": "debug"},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
