"""Plugins on a thread of their own: order, bound, policies, failures, the end."""

from __future__ import annotations

import threading

import pytest

from inotify_cffi import Dispatcher, Event, Mask, PluginError, Watcher, Worker, hookimpl

PATIENCE_S = 30


def event(name, flag=Mask.CREATE):
    return Event.of(f"/r/{name}", flag)


class Slow:
    """Works on its own thread, and not before it is let."""

    def __init__(self, size=100, when_full="block"):
        self.inotify_worker = Worker(size=size, when_full=when_full)
        self.let = threading.Event()
        self.busy = threading.Event()
        self.told = []

    def tell(self, what):
        self.busy.set()
        assert self.let.wait(PATIENCE_S)
        self.told.append(what)

    @hookimpl
    def inotify_start(self):
        self.tell("start")

    @hookimpl
    def inotify_event(self, event):
        self.tell(event.name)

    @hookimpl
    def inotify_stop(self):
        self.tell("stop")


@pytest.fixture
def watcher():
    with Watcher() as made:
        yield made


@pytest.fixture
def dispatcher():
    return Dispatcher()


def busy_with(dispatcher, watcher, plugin, *events):
    """Let the plugin be in the middle of the first event, and the others wait in its queue."""
    dispatcher.register(plugin, "slow")
    dispatcher.dispatch([event("first")], watcher)
    assert plugin.busy.wait(PATIENCE_S)
    dispatcher.dispatch(list(events), watcher)


def blocked_with(dispatcher, watcher, *events):
    """Return a thread that waits for room for a batch."""
    blocked = threading.Thread(target=dispatcher.dispatch, args=(list(events), watcher))
    blocked.start()
    blocked.join(0.05)
    assert blocked.is_alive()
    return blocked


def test_a_slow_plugin_holds_nobody_up_and_gets_all_in_order(dispatcher, watcher):
    slow, fast = Slow(), []

    class Fast:
        @hookimpl
        def inotify_event(self, event):
            fast.append(event.name)

    dispatcher.register(slow)
    dispatcher.register(Fast())
    dispatcher.start(watcher)
    dispatcher.dispatch([event(name) for name in "abc"], watcher)
    assert fast == ["a", "b", "c"]
    assert slow.told == []
    slow.let.set()
    dispatcher.stop(watcher)
    assert slow.told == ["start", "a", "b", "c", "stop"]


def test_it_runs_on_one_thread_that_is_not_ours_and_ends(dispatcher, watcher):
    threads = set()

    class Plugin:
        inotify_worker = Worker()

        @hookimpl
        def inotify_event(self):
            threads.add(threading.current_thread())

    dispatcher.register(Plugin(), "mine")
    dispatcher.dispatch([event("a"), event("b")], watcher)
    dispatcher.stop(watcher)
    (thread,) = threads
    assert thread.name == "inotify_cffi mine"
    assert not thread.is_alive()


def test_options_are_added_and_read_in_line(dispatcher, watcher):
    threads = []

    class Plugin:
        inotify_worker = Worker()

        @hookimpl
        def inotify_add_options(self):
            threads.append(threading.current_thread())

        @hookimpl
        def inotify_configure(self):
            threads.append(threading.current_thread())

    dispatcher.register(Plugin())
    dispatcher.add_options(None)
    dispatcher.configure(None, watcher)
    assert threads == [threading.current_thread()] * 2


def test_a_batch_that_waits_is_taken_together(dispatcher, watcher):
    class Plugin(Slow):
        @hookimpl
        def inotify_events(self, events):
            self.tell([event.name for event in events])

    slow = Plugin()
    slow.inotify_event = None
    dispatcher.register(slow)
    dispatcher.dispatch([event("a")], watcher)
    assert slow.busy.wait(PATIENCE_S)
    dispatcher.dispatch([event("b"), event("c")], watcher)
    dispatcher.dispatch([event("d")], watcher)
    slow.let.set()
    dispatcher.stop(watcher)
    assert slow.told == [["a"], ["b", "c", "d"], "stop"]


def test_a_full_queue_blocks_until_there_is_room(dispatcher, watcher):
    slow = Slow(size=2)
    busy_with(dispatcher, watcher, slow, event("a"), event("b"))
    blocked = blocked_with(dispatcher, watcher, event("c"))
    slow.let.set()
    blocked.join(PATIENCE_S)
    dispatcher.stop(watcher)
    assert slow.told == ["first", "a", "b", "c", "stop"]
    assert dispatcher.dropped() == {"slow": 0}


class InBatches(Slow):
    """Gets all events of a batch at once."""

    inotify_event = None

    @hookimpl
    def inotify_events(self, events):
        self.tell([event.name for event in events])


def test_a_batch_that_is_larger_than_the_queue_waits_until_that_is_empty(dispatcher, watcher):
    slow = InBatches(size=2)
    busy_with(dispatcher, watcher, slow, event("a"))
    blocked = blocked_with(dispatcher, watcher, *map(event, "bcd"))
    slow.let.set()
    blocked.join(PATIENCE_S)
    dispatcher.stop(watcher)
    assert slow.told == [["first"], ["a"], ["b", "c", "d"], "stop"]
    assert dispatcher.dropped() == {"slow": 0}


def test_of_a_batch_that_is_larger_than_the_queue_the_oldest_are_dropped(dispatcher, watcher):
    slow = InBatches(size=2, when_full="drop-oldest")
    busy_with(dispatcher, watcher, slow, *map(event, "abcde"))
    slow.let.set()
    dispatcher.stop(watcher)
    assert slow.told == [["first"], ["d", "e"], "stop"]
    assert dispatcher.dropped() == {"slow": 3}


def test_of_a_batch_what_says_the_same_is_merged(dispatcher, watcher):
    slow = InBatches(size=2, when_full="coalesce")
    a, b = event("a", Mask.MODIFY), event("b", Mask.MODIFY)
    busy_with(dispatcher, watcher, slow, a, b, a, b, b)
    slow.let.set()
    dispatcher.stop(watcher)
    assert slow.told == [["first"], ["a", "b"], "stop"]
    assert dispatcher.dropped() == {"slow": 3}


def test_what_waits_for_room_goes_on_when_the_plugin_is_taken_out(dispatcher, watcher):
    slow = Slow(size=1)
    busy_with(dispatcher, watcher, slow, event("a"))
    blocked = blocked_with(dispatcher, watcher, event("b"))
    dispatcher.unregister("slow")
    blocked.join(PATIENCE_S)
    assert not blocked.is_alive()
    slow.let.set()


def test_a_full_queue_drops_the_oldest_and_counts(dispatcher, watcher, caplog):
    slow = Slow(size=2, when_full="drop-oldest")
    busy_with(dispatcher, watcher, slow, *map(event, "abcde"))
    slow.let.set()
    dispatcher.stop(watcher)
    assert slow.told == ["first", "d", "e", "stop"]
    assert dispatcher.dropped() == {"slow": 3}
    assert [record.getMessage() for record in caplog.records] == [
        "plugin 'slow' is too slow: events are dropped (drop-oldest)"
    ]


def test_a_full_queue_merges_what_says_the_same(dispatcher, watcher):
    slow = Slow(size=3, when_full="coalesce")
    a, b = event("a", Mask.MODIFY), event("b", Mask.MODIFY)
    busy_with(dispatcher, watcher, slow, a, b, a, a, b, a)
    slow.let.set()
    dispatcher.stop(watcher)
    assert slow.told == ["first", "a", "b", "a", "stop"]
    assert dispatcher.dropped() == {"slow": 3}


def test_what_creates_or_ends_is_never_merged(dispatcher, watcher):
    slow = Slow(size=2, when_full="coalesce")
    busy_with(dispatcher, watcher, slow, event("a"), event("a", Mask.DELETE))
    blocked = threading.Thread(target=dispatcher.dispatch, args=([event("a")], watcher))
    blocked.start()
    slow.let.set()
    blocked.join(PATIENCE_S)
    dispatcher.stop(watcher)
    assert slow.told == ["first", "a", "a", "a", "stop"]


def test_its_failures_count_as_those_of_others(watcher, caplog):
    class Plugin:
        inotify_worker = Worker()

        @hookimpl
        def inotify_event(self, event):
            raise ValueError(event.name)

    dispatcher = Dispatcher(most_failures=3)
    dispatcher.register(Plugin(), "bad")
    dispatcher.dispatch([event(str(number)) for number in range(10)], watcher)
    dispatcher.stop(watcher)
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        "plugin 'bad' failed in inotify_event: ValueError: 0",
        "plugin 'bad' is unregistered: it failed in inotify_event 3 times in a row",
    ]
    assert dispatcher.plugins() == {}


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_what_ends_the_program_ends_the_loop(tmp_path, error):
    class Plugin:
        inotify_worker = Worker()

        @hookimpl
        def inotify_event(self):
            raise error(3)

    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    with Watcher(str(tmp_path)) as watcher:
        (tmp_path / "a").mkdir()
        with pytest.raises(error):
            dispatcher.run(watcher)


@pytest.mark.parametrize("asked", ["block", Worker(size=0), Worker(when_full="panic")])
def test_what_there_is_not_is_refused(dispatcher, asked):
    class Plugin(Slow):
        def __init__(self):
            self.inotify_worker = asked

    with pytest.raises(PluginError, match="'mine'"):
        dispatcher.register(Plugin(), "mine")
    assert dispatcher.plugins() == {}
