"""Ctrl-C at each line: no event is lost or told twice, nothing stays locked, watched or open, nothing else comes out."""

import asyncio
import os
import select
import sys

import pytest
from interrupting import PATIENCE_S, EachPlace, World, plant

from inotify_cffi import Dispatcher, Mask, Watcher, Worker, awatch, hookimpl
from inotify_cffi.adapters import Inotify, InotifyTree

AHEAD = 65536

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """A watcher may be forgotten where it was interrupted before anybody had it."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@pytest.fixture
def fresh_root(tmp_path):
    """Makes one directory after the other."""
    count = 0

    def make():
        nonlocal count
        count += 1
        root = os.fspath(tmp_path / f"root{count}")
        os.mkdir(root)
        return root

    return make


# --- reading ---


def read(world):
    world.told += world.watcher.read(0)


def read_and_wait(world):
    world.told += world.watcher.read(PATIENCE_S)


def sync(world):
    world.told += world.watcher.sync()


def take(world, events):
    """Iterate until there are some; what is left is left."""
    try:
        for event in events:
            if event is not None:
                world.told.append(event)
            if event is None or len(world.told) == 2:
                break
    finally:
        # The end of the generator is not what is looked at: an exception of a finalizer goes nowhere.
        sys.settrace(None)
        events.close()


def iterate(world):
    take(world, iter(world.watcher))


def event_gen(world):
    take(world, world.watcher.event_gen(block_duration_s=0))


def take_batches(world):
    batches = world.watcher.batches(quiet_s=0)
    try:
        for events in batches:
            world.told += events
            break
    finally:
        sys.settrace(None)
        batches.close()


def take_abatches(world):
    async def main():
        async for events in world.watcher.abatches(quiet_s=0):
            world.told += events
            break

    asyncio.run(main())


def aread(world):
    async def main():
        world.told += await world.watcher.aread(0)

    asyncio.run(main())


def async_for(world):
    async def main():
        async for event in world.watcher:
            world.told.append(event)
            if len(world.told) == 2:
                break

    asyncio.run(main())


READING = {
    "read": read,
    "read that waits": read_and_wait,
    "sync": sync,
    "__iter__": iterate,
    "event_gen": event_gen,
    "batches": take_batches,
    "abatches": take_abatches,
    "aread": aread,
    "__aiter__": async_for,
}


@pytest.mark.parametrize("options", [{}, {"read_ahead": AHEAD}], ids=["", "read ahead"])
@pytest.mark.parametrize("name", READING)
def test_events_of_files(fresh_root, name, options):
    case = EachPlace(
        lambda: World(fresh_root(), **options),
        READING[name],
        change="change_files",
        while_waiting=name == "read that waits",
    )
    assert case.at_each() > 100


@pytest.mark.parametrize("options", [{}, {"track": "directories"}], ids=["", "directories"])
def test_events_of_all_kinds(fresh_root, options):
    assert EachPlace(lambda: World(fresh_root(), **options), sync, change="change").at_each() > 500


# --- all other calls of a watcher ---


class Beside(World):
    """There is a second directory, which is to be watched or watched no more."""

    is_watched = False

    def begin(self):
        super().begin()
        self.second = f"{self.root}-{self.trials}"
        plant(self.second)
        if self.is_watched:
            self.watcher.add(self.second)

    def finish(self):
        super().finish()
        self.others = [event for event in self.told if event.path.startswith(self.second)]
        self.told = [event for event in self.told if not event.path.startswith(self.second)]

    def check(self):
        roots = [root.given for root in self.watcher._tree.ledger.roots]
        if self.second in roots:
            self.watcher.remove(self.second)
        else:
            assert self.others == []
        super().check()
        # It can be added, and is whole.
        self.watcher.add(self.second)
        assert len([path for path in self.watcher.snapshot() if path.startswith(self.second)]) == 6
        self.watcher.remove(self.second)
        self.watcher.sync()


class BesideWatched(Beside):
    is_watched = True


def add(world):
    world.watcher.add(world.second)


def aadd(world):
    async def main():
        await world.watcher.aadd(world.second)

    asyncio.run(main())


def add_and_report_reads(world):
    world.watcher.add(world.second, mask=Mask.ALL, own_reads=False)


def remove(world):
    world.watcher.remove(world.second)


@pytest.mark.parametrize("options", [{}, {"existing": True}, {"exclude": ["*.o"]}], ids=str)
@pytest.mark.parametrize("run", [add, aadd])
def test_what_could_not_be_added_leaves_nothing(fresh_root, run, options):
    """Neither a watch nor an event; what happened elsewhere is told."""
    case = EachPlace(lambda: Beside(fresh_root(), **options), run, change="change_files")
    assert case.at_each() > 100


def test_what_could_not_be_added_to_report_reads_leaves_nothing(fresh_root):
    case = EachPlace(lambda: Beside(fresh_root()), add_and_report_reads, change="change_files")
    assert case.at_each() > 100


def test_what_is_removed_is_gone_or_there(fresh_root):
    assert EachPlace(lambda: BesideWatched(fresh_root()), remove, change="change_files").at_each() > 50


def snapshot(world):
    world.watcher.snapshot()


def walk(world):
    list(world.watcher.walk())


def unwatched(world):
    world.watcher.unwatched()


def stats(world):
    world.watcher.stats()


def retry(world):
    world.watcher.retry()


def resync(world):
    world.watcher.resync()


def fileno(world):
    world.watcher.fileno()


def properties(world):
    watcher = world.watcher
    assert (watcher.ended, watcher.track, watcher.roots) == (False, "entries", [world.root])


QUESTIONS = {
    "snapshot": snapshot,
    "walk": walk,
    "unwatched": unwatched,
    "stats": stats,
    "retry": retry,
    "resync": resync,
    "properties": properties,
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_questions(fresh_root, name):
    assert EachPlace(lambda: World(fresh_root()), QUESTIONS[name], change="change_files").at_each() > 0


def save(world):
    world.watcher.save()


def test_save(fresh_root):
    """A state is a copy: whoever is interrupted has none, and the watcher goes on."""
    case = EachPlace(lambda: World(fresh_root(), keep_stat=True), save, change="change_files")
    assert case.at_each() > 0


class Calling(World):
    """There is a pipe, from which something can be read."""

    def __init__(self, root):
        super().__init__(root)
        self.ends = os.pipe()
        os.write(self.ends[1], b".")

    def close(self):
        super().close()
        for fd in self.ends:
            os.close(fd)

    def begin(self):
        super().begin()
        self.calls, self.is_asked = [], False

    def ask(self):
        self.watcher.call_when(self.ends[0], "readable", lambda: self.calls.append(1))
        self.is_asked = True

    def change_and_ask(self):
        self.change_files()
        self.ask()

    def finish(self):
        if not self.is_asked:
            assert self.calls == []
            self.ask()
        super().finish()

    def check(self):
        super().check()
        assert self.calls == [1]


def call_when(world):
    world.ask()


@pytest.mark.parametrize(
    ("run", "change"),
    [(call_when, "change_files"), (sync, "change_and_ask"), (read, "change_and_ask"), (aread, "change_and_ask")],
)
def test_a_call_comes_once(fresh_root, run, change):
    """Whoever asks in vain can ask again; what was due when a wait was interrupted is called by the next one."""
    assert EachPlace(lambda: Calling(fresh_root()), run, change=change).at_each() > 10


class Ending(World):
    """What is stopped or closed is so after the second call at the latest, and then serves no more."""

    def finish(self):
        self.watcher.stop()
        self.told += list(self.watcher)

    def check(self):
        assert self.watcher.ended


class Closing(Ending):
    def finish(self):
        self.watcher.close()


class Starting(Ending):
    thread = None

    def finish(self):
        if self.thread is not None:
            self.watcher.stop()
            self.thread.join(PATIENCE_S)
            assert not self.thread.is_alive()
        else:
            super().finish()


def stop(world):
    world.watcher.stop()


def close(world):
    world.watcher.close()


def aclose(world):
    async def main():
        await world.watcher.aclose()

    asyncio.run(main())


def as_context(world):
    with world.watcher:
        world.told += world.watcher.sync()


def as_async_context(world):
    async def main():
        async with world.watcher:
            world.told += world.watcher.sync()

    asyncio.run(main())


def start(world):
    world.thread = world.watcher.start(world.told.append)


ENDS = {
    "stop": (Ending, stop),
    "close": (Closing, close),
    "aclose": (Closing, aclose),
    "__exit__": (Closing, as_context),
    "__aexit__": (Closing, as_async_context),
    "start": (Starting, start),
    "fileno": (Ending, fileno),
}


@pytest.mark.parametrize("options", [{}, {"read_ahead": AHEAD}], ids=["", "read ahead"])
@pytest.mark.parametrize("name", ENDS)
def test_ends(fresh_root, name, options):
    """No descriptor and no thread is left. What is closed is not told; what is not closed is."""
    world, run = ENDS[name]
    case = EachPlace(lambda: world(fresh_root(), **options), run, change="change_files", fresh=True)
    assert case.at_each(accept=lambda told: world is Closing and told == []) > 5


class Made:
    """A tree, and nothing else; ``watcher`` is what a case makes."""

    watcher = None
    told = ()

    def __init__(self, root):
        self.root = root
        plant(f"{root}/1")

    def begin(self):
        """All is there."""

    def finish(self):
        if self.watcher is not None:
            self.watcher.close()

    def check(self):
        """No descriptor is left: that is seen by who calls this."""

    def close(self):
        self.watcher = self.watching = None

    def brief(self):
        return []


def make(world):
    world.watcher = Watcher(world.root)


def make_with_all(world):
    world.watcher = Watcher(world.root, read_ahead=AHEAD, gitignore=True, missing="wait", existing=True)


def make_for_await(world):
    # To raise where Python collects it would be in vain: nothing comes out of __del__.
    world.watching = awatch(world.root)

    async def main():
        async with world.watching:
            pass

    asyncio.run(main())


def make_flat_drop_in(world):
    world.watcher = Inotify([world.root, f"{world.root}/1"])


def make_tree_drop_in(world):
    world.watcher = InotifyTree(world.root)


MAKING = [make, make_with_all, make_for_await, make_flat_drop_in, make_tree_drop_in]


@pytest.mark.parametrize("run", MAKING)
def test_making_one_leaves_no_descriptor(fresh_root, run):
    assert EachPlace(lambda: Made(fresh_root()), run, fresh=True).at_each() > 100


# --- awatch ---


class Awatched(World):
    """Where it was interrupted before all was listed there is nothing to tell."""

    events = None

    def finish(self):
        self.was_listed = False
        if self.events is not None:
            watcher = self.events._watcher
            if not watcher.ended and watcher._tree.ledger.roots:
                self.was_listed = True
                self.told += watcher.sync()
            asyncio.run(self.events.aclose())
            self.events = None
        self.replay(self.watcher.sync())

    def brief(self):
        files = (
            []
            if self.was_listed
            else [(str(Mask(Mask.CREATE)), f"/{name}", False) for name in ("one", "three", "two")]
        )
        return super().brief() + files

    def check(self):
        """All of it was told by awatch()."""


def awatched(world):
    world.events = awatch(world.root, mask=Mask.CREATE)

    async def main():
        async for event in world.events:
            world.told.append(event)
            if len(world.told) == 3:
                return

    asyncio.run(main())


def test_awatch(fresh_root):
    case = EachPlace(lambda: Awatched(fresh_root()), awatched, change="change_files", while_waiting=True)
    assert case.at_each() > 200


# --- the dispatcher ---


class Plugin:
    def __init__(self):
        self.events, self.created, self.batches, self.settled = [], [], [], []

    @hookimpl
    def inotify_event(self, event):
        self.events.append(event)

    @hookimpl
    def inotify_created(self, event):
        self.created.append(event)

    @hookimpl
    def inotify_events(self, events):
        self.batches += events

    @hookimpl
    def inotify_settled(self, path):
        self.settled.append(path)


class Arranging(Plugin):
    """Takes its arguments in an order of its own."""

    @hookimpl
    def inotify_event(self, watcher, event):
        assert watcher is not None
        self.events.append(event)

    @hookimpl
    def inotify_created(self, event, path):
        assert event.path == path
        self.created.append(event)

    @hookimpl
    def inotify_events(self, events, watcher):
        assert watcher is not None
        self.batches += events


class Working(Plugin):
    """On a thread of its own."""

    inotify_worker = Worker(size=2)


class Awaited(Plugin):
    @hookimpl
    async def inotify_event(self, event):
        self.events.append(event)

    @hookimpl
    async def inotify_events(self, events):
        await asyncio.sleep(0)
        self.batches += events


class Dispatched(World):
    """Each plugin gets each event once, by whatever hook, in order."""

    plugins = (Plugin, Arranging, Working)

    def begin(self):
        super().begin()
        self.dispatcher, self.logs = Dispatcher(settle_s=0), [plugin() for plugin in self.plugins]
        for plugin in self.logs:
            self.dispatcher.register(plugin)

    def finish(self):
        self.run_again()
        # What has settled is told behind the last event.
        self.run_again()
        assert self.watcher.sync() == []
        self.told = self.logs[0].events
        created = [event for event in self.told if event.mask & Mask.CREATE]
        written = [event.path for event in self.told if event.mask & Mask.CLOSE_WRITE]
        for log in self.logs:
            assert log.events == log.batches == self.told
            assert log.created == created
            assert sorted(log.settled) == written

    def run_again(self):
        self.dispatcher.run(self.watcher, timeout=0)


class DispatchedAsync(Dispatched):
    plugins = (Plugin, Arranging, Working, Awaited)

    def run_again(self):
        asyncio.run(self.dispatcher.arun(self.watcher, timeout=0))


def run_dispatcher(world):
    world.dispatcher.run(world.watcher, timeout=0)


def arun_dispatcher(world):
    asyncio.run(world.dispatcher.arun(world.watcher, count=3))


@pytest.mark.parametrize(("world", "run"), [(Dispatched, run_dispatcher), (DispatchedAsync, arun_dispatcher)])
def test_dispatcher(fresh_root, world, run):
    assert EachPlace(lambda: world(fresh_root()), run, change="change_files").at_each() > 200


# --- the drop-in ---


def all_of(drop_in):
    """What it tells until nothing is left: a cycle lasts no longer than a turn, on however slow a machine."""
    told = []
    while True:
        some = list(drop_in.event_gen(timeout_s=0, yield_nones=False))
        told += some
        if not some and not select.select([drop_in], [], [], 0)[0]:
            return told


class DropIn(World):
    """Of the drop-in; its events are tuples."""

    def open(self):
        return InotifyTree(self.root, block_duration_s=0)

    def begin(self):
        super().begin()
        if self.trials == 1:
            self.drop_in = self.open()
        all_of(self.drop_in)

    def finish(self):
        self.told += all_of(self.drop_in)

    def check(self):
        self.replay(self.watcher.sync())

    def close(self):
        super().close()
        self.drop_in.close()

    def brief(self):
        return sorted(
            (",".join(names), f"{path}/{name}"[len(self.top) :])
            for _, names, path, name in self.told
            if not {"IN_OPEN", "IN_ACCESS", "IN_CLOSE_NOWRITE", "IN_IGNORED"} & set(names)
        )


class FlatDropIn(DropIn):
    def open(self):
        return Inotify(block_duration_s=0)

    def begin(self):
        super().begin()
        self.drop_in.add_watch(self.top)

    def clear(self):
        super().clear()
        all_of(self.drop_in)


def drop_in(world):
    events = world.drop_in.event_gen(timeout_s=0, yield_nones=False)
    try:
        for event in events:
            world.told.append(event)
            if len(world.told) == 2:
                break
    finally:
        sys.settrace(None)
        events.close()


@pytest.mark.parametrize("world", [DropIn, FlatDropIn])
def test_drop_in(fresh_root, world):
    assert EachPlace(lambda: world(fresh_root()), drop_in, change="change_files").at_each() > 100


# --- none is forgotten ---


# What each public name of a watcher is tried by, but for those that call nothing else.
TRIED = {
    *READING,
    *QUESTIONS,
    *ENDS,
    *("add", "aadd", "remove", "save", "__init__"),
    # In "properties".
    *("ended", "track", "roots"),
    # In a test of its own, with the waits that make the call.
    "call_when",
    # Both return the watcher itself; with __exit__ and __aexit__.
    *("__enter__", "__aenter__"),
    # Called by Python in a child, and by the collector.
    *("forked", "__del__"),
}


def test_each_public_call_of_a_watcher_is_tried():
    public = {
        name
        for kind in Watcher.__mro__[:-1]
        for name in vars(kind)
        if not name.startswith("_") or name in ("__init__", "__iter__", "__aiter__", "__enter__", "__exit__")
    }
    assert public - TRIED == set()
