"""The dispatcher in asyncio and trio: hooks may be coroutines, awaited in order, each guarded."""

import logging
import threading

import anyio
import anyio.lowlevel
import pytest
from consumer import write

from inotify_cffi import BusyError, Dispatcher, Mask, PluginError, Watcher, Worker, hookimpl
from inotify_cffi.hooks import adispatch

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture
def watcher(tmp_path):
    with Watcher(tmp_path, mask=Mask.CREATE) as watcher:
        yield watcher


def make(top, count):
    for number in range(count):
        write(f"{top}/f{number}")


class Log:
    """Keeps what it is told, in coroutines."""

    def __init__(self, log=None, name="log"):
        self.log = [] if log is None else log
        self.name = name

    @hookimpl
    async def inotify_start(self):
        await anyio.lowlevel.checkpoint()
        self.log.append((self.name, "start"))

    @hookimpl
    async def inotify_event(self, event):
        await anyio.lowlevel.checkpoint()
        self.log.append((self.name, event.name))

    @hookimpl
    async def inotify_created(self, path, watcher):
        await anyio.lowlevel.checkpoint()
        self.log.append((self.name, "created"))

    @hookimpl
    async def inotify_events(self, events):
        await anyio.lowlevel.checkpoint()
        self.log.append((self.name, len(events)))

    @hookimpl
    async def inotify_stop(self):
        await anyio.lowlevel.checkpoint()
        self.log.append((self.name, "stop"))


class Plain:
    def __init__(self, log):
        self.log = log

    @hookimpl
    def inotify_event(self, event):
        self.log.append(("plain", event.name))


class Waiting:
    """Waits in one hook until it is let go."""

    def __init__(self):
        self.begun, self.go_on = anyio.Event(), anyio.Event()
        self.events = []
        self.batches = []
        self.stopped = False

    @hookimpl
    async def inotify_event(self, event):
        self.events.append(event.name)
        self.begun.set()
        await self.go_on.wait()

    @hookimpl
    async def inotify_events(self, events):
        self.batches.append([event.name for event in events])

    @hookimpl
    async def inotify_stop(self):
        await anyio.lowlevel.checkpoint()
        self.stopped = True


# --- calls ---


async def test_coroutines_are_awaited_in_order(watcher, tmp_path):
    dispatcher, plugin = Dispatcher(), Log()
    dispatcher.register(plugin)
    make(tmp_path, 2)
    assert await dispatcher.arun(watcher, count=2) == 2
    assert [what for _, what in plugin.log] == ["start", "f0", "created", "f1", "created", 2, "stop"]


async def test_coroutines_and_functions_are_called_in_one_order(watcher, tmp_path):
    dispatcher, log = Dispatcher(), []
    for plugin in (Log(log, "first"), Plain(log), Log(log, "last")):
        dispatcher.register(plugin)
    make(tmp_path, 1)
    await dispatcher.arun(watcher, count=1)
    assert [who for who, what in log if what == "f0"] == ["last", "plain", "first"]


async def test_all_else_goes_on_while_a_hook_waits(watcher, tmp_path):
    dispatcher, plugin = Dispatcher(), Waiting()
    dispatcher.register(plugin)
    async with anyio.create_task_group() as group:
        group.start_soon(dispatcher.arun, watcher)
        await anyio.wait_all_tasks_blocked()
        make(tmp_path, 2)
        await plugin.begun.wait()
        await anyio.wait_all_tasks_blocked()
        assert plugin.events == ["f0"]
        plugin.go_on.set()
        watcher.stop()
    assert plugin.events == ["f0", "f1"]


async def test_the_others_have_their_turn_while_a_batch_is_handed_out(watcher, tmp_path, monkeypatch):
    monkeypatch.setattr(adispatch, "TURN_S", -1.0)
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await anyio.lowlevel.checkpoint()
            ticks += 1

    dispatcher = Dispatcher()
    dispatcher.register(Plain([]))
    make(tmp_path, 100)
    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        await dispatcher.arun(watcher, count=100)
        group.cancel_scope.cancel()
    assert ticks >= 50


async def test_it_ends_after_the_timeout_and_calls_idle(watcher):
    class Idle:
        count = 0

        @hookimpl
        async def inotify_idle(self):
            self.count += 1

    dispatcher, plugin = Dispatcher(), Idle()
    dispatcher.register(plugin)
    assert await dispatcher.arun(watcher, timeout=0.05, block_duration_s=0.01) == 0
    assert plugin.count >= 1


async def test_stop_ends_a_loop_that_never_waits(watcher):
    class First:
        count = 0

        @hookimpl
        async def inotify_idle(self):
            self.count += 1
            watcher.stop()

    dispatcher, plugin = Dispatcher(), First()
    dispatcher.register(plugin)
    await dispatcher.arun(watcher, block_duration_s=0, timeout=20)
    assert plugin.count == 2


async def test_a_settled_file_is_told(watcher, tmp_path):
    class Settled:
        paths = ()

        @hookimpl
        async def inotify_settled(self, path, watcher):
            self.paths += (path,)
            watcher.stop()

    with Watcher(tmp_path) as all_events:
        dispatcher, plugin = Dispatcher(settle_s=0.01), Settled()
        dispatcher.register(plugin)
        make(tmp_path, 1)
        await dispatcher.arun(all_events)
    assert plugin.paths == (f"{tmp_path}/f0",)


async def test_a_file_settles_also_while_a_tree_is_added(tmp_path, monkeypatch):
    """Meanwhile it is not known whether it was written again."""
    told = []

    class Settled:
        @hookimpl
        async def inotify_settled(self, path, watcher):
            told.append(len(watcher.snapshot()))
            watcher.stop()

    for number in range(3):
        (tmp_path / f"root/{number}").mkdir(parents=True)
    (tmp_path / "in").mkdir()
    with Watcher(tmp_path / "in") as watcher:
        dispatcher = Dispatcher(settle_s=0)
        dispatcher.register(Settled())
        make(tmp_path / "in", 1)
        async with anyio.create_task_group() as group:
            group.start_soon(dispatcher.arun, watcher)
            await watcher.aadd(tmp_path / "root")
    assert told == [4]


# --- failures ---


async def test_a_coroutine_that_fails_harms_no_other(watcher, tmp_path, caplog):
    class Failing:
        @hookimpl
        async def inotify_event(self, event):
            await anyio.lowlevel.checkpoint()
            raise ValueError(event.name)

    class Told:
        errors = ()

        @hookimpl
        async def inotify_plugin_error(self, hook_name, event, error):
            await anyio.lowlevel.checkpoint()
            self.errors += ((hook_name, event.name, repr(error)),)

    dispatcher, log, told = Dispatcher(), [], Told()
    for plugin in (Plain(log), Failing(), told):
        dispatcher.register(plugin)
    make(tmp_path, 2)
    with caplog.at_level(logging.ERROR):
        await dispatcher.arun(watcher, count=2)
    assert log == [("plain", "f0"), ("plain", "f1")]
    assert told.errors == (("inotify_event", "f0", "ValueError('f0')"),)
    assert len(caplog.records) == 1


async def test_a_coroutine_that_keeps_failing_is_unregistered(watcher, tmp_path, caplog):
    class Failing:
        @hookimpl
        async def inotify_event(self, event):
            raise ValueError(event.name)

    dispatcher = Dispatcher(most_failures=3)
    dispatcher.register(Failing())
    make(tmp_path, 5)
    await dispatcher.arun(watcher, count=5)
    assert dispatcher.plugins() == {}


@pytest.mark.parametrize("hook", ["inotify_start", "inotify_event"])
@pytest.mark.parametrize("kind", ["coroutine", "plain", "with a thread"])
async def test_a_required_plugin_that_fails_ends_it(watcher, tmp_path, hook, kind):
    async def coroutine(self):
        raise ValueError("no")

    def plain(self):
        raise ValueError("no")

    members = {hook: hookimpl(coroutine if kind == "coroutine" else plain), "inotify_required": True}
    plugin, log = type("Failing", (), members)(), Plain([])
    if kind == "with a thread":
        plugin.inotify_worker = Worker()
    dispatcher = Dispatcher(most_failures=1)
    dispatcher.register(plugin, "mine")
    dispatcher.register(log)
    make(tmp_path, 1)
    with pytest.raises(PluginError, match=r"plugin 'mine' is required, and .*: ValueError: no"):
        await dispatcher.arun(watcher)
    assert log.log == ([] if hook == "inotify_start" else [("plain", "f0")])


async def test_a_coroutine_needs_arun(watcher):
    dispatcher = Dispatcher()
    dispatcher.register(Log())
    for run in (dispatcher.run, dispatcher.run_in_thread):
        with pytest.raises(PluginError, match="coroutine for inotify_start: await"):
            run(watcher)


async def test_a_coroutine_can_not_have_a_worker(watcher):
    class Both(Log):
        inotify_worker = Worker()

    dispatcher = Dispatcher()
    dispatcher.register(Both())
    with pytest.raises(PluginError, match="one or the other"):
        await dispatcher.arun(watcher)


async def test_plugins_with_workers_have_done_all_at_the_end(watcher, tmp_path):
    class Slow(Plain):
        inotify_worker = Worker()

        @hookimpl
        def inotify_event(self, event):
            assert threading.current_thread() is not threading.main_thread()
            super().inotify_event(event)

    dispatcher, log = Dispatcher(), []
    dispatcher.register(Slow(log))
    make(tmp_path, 50)
    await dispatcher.arun(watcher, count=50)
    assert len(log) == 50


# --- the end ---


async def test_cancelled_it_calls_stop_and_gives_back_what_it_did_not_hand_out(watcher, tmp_path):
    dispatcher, plugin = Dispatcher(), Waiting()
    dispatcher.register(plugin)
    make(tmp_path, 5)
    async with anyio.create_task_group() as group:
        group.start_soon(dispatcher.arun, watcher)
        await plugin.begun.wait()
        group.cancel_scope.cancel()
    assert (plugin.events, plugin.batches, plugin.stopped) == (["f0"], [["f0"]], True)
    assert [event.name for event in watcher.read(0)] == ["f1", "f2", "f3", "f4"]


async def test_what_is_beyond_the_count_is_for_the_next(watcher, tmp_path):
    dispatcher, log = Dispatcher(), []
    dispatcher.register(Plain(log))
    make(tmp_path, 4)
    assert await dispatcher.arun(watcher, count=3) == 3
    # What has come by then is handed out, also without any time.
    assert await dispatcher.arun(watcher, timeout=0) == 1
    assert [name for _, name in log] == ["f0", "f1", "f2", "f3"]


async def test_only_events_that_count_are_counted(watcher, tmp_path):
    dispatcher, log = Dispatcher(), []
    dispatcher.register(Plain(log))
    make(tmp_path, 4)
    assert await dispatcher.arun(watcher, count=2, counted=Mask.CREATE) == 2
    assert [name for _, name in log] == ["f0", "f1"]
    assert await dispatcher.arun(watcher, timeout=0.01, counted=Mask.DELETE) == 0
    assert [name for _, name in log] == ["f0", "f1", "f2", "f3"]


async def test_no_other_task_may_read_meanwhile(watcher, tmp_path):
    dispatcher, plugin = Dispatcher(), Waiting()
    dispatcher.register(plugin)
    make(tmp_path, 1)
    async with anyio.create_task_group() as group:
        group.start_soon(dispatcher.arun, watcher)
        await plugin.begun.wait()
        with pytest.raises(BusyError):
            await watcher.aread()
        with pytest.raises(BusyError):
            await Dispatcher().arun(watcher)
        group.cancel_scope.cancel()
    assert await watcher.aread(0) == []


async def test_what_ends_the_program_passes(watcher, tmp_path):
    class Ending:
        stopped = False

        @hookimpl
        async def inotify_event(self):
            raise LookupError from SystemExit(3)

        @hookimpl
        async def inotify_created(self):
            raise SystemExit(3)

        @hookimpl
        async def inotify_stop(self):
            self.stopped = True

    dispatcher, plugin = Dispatcher(), Ending()
    dispatcher.register(plugin)
    make(tmp_path, 1)
    ended = None
    try:
        await dispatcher.arun(watcher)
    except SystemExit as error:
        ended = error.code
    assert (ended, plugin.stopped) == (3, True)
