"""The dispatcher: which plugins there are, in which order they are called, and what a failing one can do."""

from __future__ import annotations

import logging
import sys
import threading

import pytest

from inotify_cffi import Dispatcher, Event, Mask, PluginError, Watcher, Worker, hookimpl

A = Event.of("/r/a", Mask.CREATE)
B = Event.of("/r/b", Mask.DELETE)


@pytest.fixture
def watcher():
    with Watcher() as made:
        yield made


class Recorder:
    """Keeps what it is given."""

    def __init__(self, log=None, name="recorder"):
        self.log = [] if log is None else log
        self.name = name

    @hookimpl
    def inotify_event(self, event):
        self.log.append((self.name, event.path))


class Failing(Recorder):
    @hookimpl
    def inotify_event(self, event):
        super().inotify_event(event)
        raise ValueError(event.path)


# --- registration ---


def test_a_plugin_without_a_name_is_called_after_its_class():
    dispatcher = Dispatcher()
    assert [dispatcher.register(Recorder()) for _ in range(2)] == ["Recorder", "Recorder-2"]


def test_a_name_is_given_once():
    dispatcher = Dispatcher()
    dispatcher.register(Recorder(), "one")
    with pytest.raises(PluginError, match="'one' is registered already"):
        dispatcher.register(Recorder(), "one")


def test_a_plugin_is_registered_once():
    dispatcher, plugin = Dispatcher(), Recorder()
    dispatcher.register(plugin, "one")
    with pytest.raises(PluginError, match="'two' is registered already, as 'one'"):
        dispatcher.register(plugin, "two")


def test_an_unknown_hook_is_refused_and_named():
    class Plugin:
        @hookimpl
        def inotify_evnt(self, event): ...

    dispatcher = Dispatcher()
    with pytest.raises(PluginError, match=r"'mine'.*unknown hook 'inotify_evnt'"):
        dispatcher.register(Plugin(), "mine")
    assert dispatcher.plugins() == {}
    dispatcher.check_pending()


def test_a_hook_of_a_newer_version_can_be_optional():
    class Plugin(Recorder):
        @hookimpl(optionalhook=True)
        def inotify_of_next_year(self): ...

    dispatcher = Dispatcher()
    assert dispatcher.register(Plugin(), "mine") == "mine"
    dispatcher.check_pending()


@pytest.mark.parametrize("how", [{"wrapper": True}, {"hookwrapper": True}])
def test_a_wrapper_is_refused_and_named(how):
    class Plugin:
        @hookimpl(**how)
        def inotify_event(self, event):
            return (yield)

    dispatcher = Dispatcher()
    with pytest.raises(PluginError, match="'mine' wraps the hook 'inotify_event'"):
        dispatcher.register(Plugin(), "mine")
    assert dispatcher.plugins() == {}


def test_an_unknown_argument_is_refused_and_named():
    class Plugin:
        @hookimpl
        def inotify_event(self, evnt): ...

    dispatcher = Dispatcher()
    with pytest.raises(PluginError, match=r"'mine'.*inotify_event.*evnt"):
        dispatcher.register(Plugin(), "mine")
    assert dispatcher.plugins() == {}
    assert dispatcher.register(Recorder(), "mine") == "mine"


def test_a_plugin_without_a_marked_function_is_refused():
    class Plugin:
        def inotify_event(self, event): ...

    with pytest.raises(PluginError, match=r"'mine' has no hook: .*hookimpl"):
        Dispatcher().register(Plugin(), "mine")


def test_a_hook_may_be_implemented_under_another_name(watcher):
    seen = []

    class Plugin:
        @hookimpl(specname="inotify_event")
        def first(self, event):
            seen.append(event.path)

        @hookimpl(specname="inotify_event")
        def second(self):
            seen.append("second")

    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    dispatcher.dispatch([A], watcher)
    assert sorted(seen) == ["/r/a", "second"]


def test_unregistering_what_is_not_there_says_what_is():
    dispatcher = Dispatcher()
    dispatcher.register(Recorder(), "one")
    with pytest.raises(PluginError, match="no plugin 'two' is registered; there are: one"):
        dispatcher.unregister("two")


def test_a_blocked_plugin_is_neither_registered_nor_imported():
    dispatcher = Dispatcher()
    dispatcher.register(Recorder(), "one")
    for name in ("one", "two", "/no/such/file.py"):
        dispatcher.block(name)
    dispatcher.register(Recorder(), "two")
    dispatcher.load("/no/such/file.py")
    assert dispatcher.plugins() == {}


# --- loading ---


PLUGIN = """
from inotify_cffi import hookimpl

class Plugin:
    seen = []

    @hookimpl
    def inotify_event(self, event):
        self.seen.append(event.path)

ready = Plugin()

@hookimpl
def inotify_event(event):
    ready.seen.append(event.path)
"""


def test_an_installed_plugin_is_found_by_its_name():
    dispatcher = Dispatcher()
    assert dispatcher.load("console") == "console"
    assert "inotify_events" in dispatcher.hooks("console")


def test_a_name_that_is_not_installed_says_what_is():
    with pytest.raises(
        PluginError, match=r"no plugin 'consle' is installed; did you mean console.; there are: .*console"
    ):
        Dispatcher().load("consle")


def test_a_file_is_a_plugin(tmp_path, watcher):
    (tmp_path / "mine.py").write_text(PLUGIN)
    dispatcher = Dispatcher()
    assert dispatcher.load(str(tmp_path / "mine.py")) == "mine"
    dispatcher.dispatch([A], watcher)
    assert dispatcher.plugins()["mine"].ready.seen == ["/r/a"]


@pytest.mark.parametrize("attribute", ["ready", "Plugin"])
def test_an_object_or_a_class_in_a_module_is_a_plugin(tmp_path, monkeypatch, watcher, attribute):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "in_a_module.py").write_text(PLUGIN)
    monkeypatch.delitem(sys.modules, "in_a_module", raising=False)
    dispatcher = Dispatcher()
    name = dispatcher.load(f"in_a_module:{attribute}")
    dispatcher.dispatch([A], watcher)
    assert dispatcher.plugins()[name].seen == ["/r/a"]


@pytest.mark.parametrize(
    ("text", "says"),
    [("1 / 0", "ZeroDivisionError"), ("class (", "SyntaxError"), ("import no_such_module", "no_such")],
)
def test_a_file_that_does_not_import_is_named_with_its_reason(tmp_path, text, says):
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(PluginError, match=rf"bad\.py' can not be imported: .*{says}"):
        Dispatcher().load(str(tmp_path / "bad.py"))


@pytest.mark.parametrize(
    "source", ["/no/such/file.py", "no_such_module:attr", "os:no_such", ":x", "no_such_module:"]
)
def test_a_source_that_is_not_there_is_an_error(source):
    with pytest.raises(PluginError, match="can not be imported"):
        Dispatcher().load(source)


def install(site, name, value, points):
    """Make what an installed distribution leaves behind."""
    information = site / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[inotify_cffi]\n{points}\n")
    (site / f"{name}.py").write_text(value)


def test_installed_plugins_that_do_not_import_are_reported_and_skipped(tmp_path, monkeypatch, caplog):
    install(tmp_path, "good_one", PLUGIN, "good = good_one:ready")
    install(tmp_path, "bad_one", "1 / 0", "bad = bad_one")
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = Dispatcher().load_installed()
    assert "good" in loaded
    assert "console" in loaded
    assert "bad" not in loaded
    assert len(caplog.records) == 1
    assert "plugin 'bad of bad_one' can not be imported: ZeroDivisionError" in caplog.text


# --- order ---


def test_the_order_is_that_of_pluggy(watcher):
    log = []

    def plugin(name, **order):
        class Plugin(Recorder):
            @hookimpl(**order)
            def inotify_event(self, event):
                super().inotify_event(event)

        return Plugin(log, name)

    dispatcher = Dispatcher()
    for name, order in [("1", {}), ("last", {"trylast": True}), ("first", {"tryfirst": True}), ("2", {})]:
        dispatcher.register(plugin(name, **order))
    dispatcher.dispatch([A], watcher)
    assert [name for name, _ in log] == ["first", "2", "1", "last"]


def test_each_event_goes_to_all_before_the_next_and_the_batch_comes_last(watcher):
    log = []

    class Batches:
        @hookimpl
        def inotify_events(self, events):
            log.append(("batch", len(events)))

    dispatcher = Dispatcher()
    for plugin in (Batches(), Recorder(log, "x"), Recorder(log, "y")):
        dispatcher.register(plugin)
    dispatcher.dispatch([A, B], watcher)
    assert log == [("y", "/r/a"), ("x", "/r/a"), ("y", "/r/b"), ("x", "/r/b"), ("batch", 2)]


@pytest.mark.parametrize(
    "arguments", ["", "event", "watcher", "event, watcher", "watcher, event", "event, watcher, more=1"]
)
def test_an_implementation_takes_what_it_wants(watcher, arguments):
    names = [name for name in ("event", "watcher") if name in arguments]
    space = {"seen": []}
    exec(f"def inotify_event({arguments}): seen.append([{', '.join(names)}])", space)

    class Plugin:
        inotify_event = staticmethod(hookimpl(space["inotify_event"]))

    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    dispatcher.dispatch([A], watcher)
    assert space["seen"] == [[{"event": A, "watcher": watcher}[name] for name in names]]


@pytest.mark.parametrize(
    "arguments", ["src", "dst, src", "event, dst", "src, dst, event", "src, dst, event, watcher"]
)
def test_an_implementation_names_its_arguments_in_any_order(watcher, arguments):
    space = {"seen": []}
    exec(f"def inotify_moved({arguments}): seen.append([{arguments}])", space)

    class Plugin:
        inotify_moved = staticmethod(hookimpl(space["inotify_moved"]))

    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    event = Event.of("/r/b", Mask.MOVED_TO, moved_from="/r/a", cookie=1)
    dispatcher.dispatch([event], watcher)
    values = {"src": "/r/a", "dst": "/r/b", "event": event, "watcher": watcher}
    assert space["seen"] == [[values[name] for name in arguments.split(", ")]]


def test_a_watcher_that_comes_later_is_the_one_that_is_passed(watcher):
    seen = []

    class Plugin:
        @hookimpl
        def inotify_event(self, watcher):
            seen.append(watcher)

    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    with Watcher() as other:
        dispatcher.dispatch([A], watcher)
        dispatcher.dispatch([A], other)
        assert seen == [watcher, other]


# --- failures ---


def test_ten_plugins_the_third_failing_nine_get_every_event_in_order(watcher, caplog):
    log = []
    dispatcher = Dispatcher()
    for number in range(10):
        dispatcher.register((Failing if number == 2 else Recorder)(log, number), str(number))
    events = [Event.of(f"/r/{number}", Mask.CREATE) for number in range(50)]
    dispatcher.dispatch(events, watcher)
    for number in range(10):
        assert [path for name, path in log if name == number] == [event.path for event in events]
    assert len(caplog.records) == 1
    assert "plugin '2' failed in inotify_event: ValueError: /r/0" in caplog.text


def test_each_kind_of_failure_is_reported_once(watcher, caplog):
    class Plugin:
        @hookimpl
        def inotify_event(self, event):
            raise {"/r/a": ValueError, "/r/b": KeyError}[event.path](event.path)

        @hookimpl
        def inotify_created(self, path):
            raise ValueError(path)

    dispatcher = Dispatcher()
    dispatcher.register(Plugin(), "mine")
    dispatcher.dispatch([A, B, A, B], watcher)
    assert [record.getMessage().split(": ")[:2] for record in caplog.records] == [
        ["plugin 'mine' failed in inotify_event", "ValueError"],
        ["plugin 'mine' failed in inotify_created", "ValueError"],
        ["plugin 'mine' failed in inotify_event", "KeyError"],
    ]
    assert all(record.exc_info for record in caplog.records)


def test_a_plugin_that_fails_too_often_in_a_row_is_unregistered_with_one_warning(watcher, caplog):
    log = []
    dispatcher = Dispatcher(most_failures=3)
    dispatcher.register(Failing(log, "bad"), "bad")
    dispatcher.register(Recorder(log, "good"), "good")
    dispatcher.dispatch([A] * 10, watcher)
    assert [name for name, _ in log].count("bad") == 3
    assert [name for name, _ in log].count("good") == 10
    assert list(dispatcher.plugins()) == ["good"]
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == ["plugin 'bad' is unregistered: it failed in inotify_event 3 times in a row"]


def test_a_call_that_succeeds_ends_the_row(watcher):
    class Plugin:
        calls = 0

        @hookimpl
        def inotify_event(self):
            self.calls += 1
            if self.calls % 3:
                raise ValueError

    dispatcher, plugin = Dispatcher(most_failures=3), Plugin()
    dispatcher.register(plugin, "mine")
    dispatcher.dispatch([A] * 30, watcher)
    assert (plugin.calls, list(dispatcher.plugins())) == (30, ["mine"])


def test_a_row_of_failures_goes_on_when_another_plugin_comes(watcher):
    dispatcher = Dispatcher(most_failures=2)
    dispatcher.register(Failing(), "bad")
    dispatcher.dispatch([A], watcher)
    dispatcher.register(Recorder(), "good")
    dispatcher.dispatch([A], watcher)
    assert list(dispatcher.plugins()) == ["good"]


def test_a_plugin_that_was_unregistered_may_come_back(watcher):
    log = []
    dispatcher, plugin = Dispatcher(most_failures=2), Failing(log, "bad")
    for _ in range(2):
        dispatcher.register(plugin, "bad")
        dispatcher.dispatch([A] * 5, watcher)
    assert len(log) == 4


@pytest.mark.parametrize("hook", ["inotify_configure", "inotify_start"])
def test_a_plugin_that_can_not_be_set_up_is_unregistered(watcher, caplog, hook):
    space = {}
    exec(f"def {hook}(): raise ValueError('not today')", space)

    class Plugin(Recorder):
        pass

    setattr(Plugin, hook, staticmethod(hookimpl(space[hook])))
    dispatcher = Dispatcher()
    dispatcher.register(Plugin(), "mine")
    dispatcher.configure(None, watcher)
    dispatcher.start(watcher)
    assert dispatcher.plugins() == {}
    assert "plugin 'mine' is unregistered: it could not be set up" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_passes(watcher, error):
    class Plugin:
        @hookimpl
        def inotify_event(self):
            raise error

    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    with pytest.raises(error):
        dispatcher.dispatch([A], watcher)


def test_a_failure_in_telling_of_failures_is_not_told_of(watcher, caplog):
    class Plugin:
        told = 0

        @hookimpl
        def inotify_plugin_error(self):
            self.told += 1
            raise KeyError

    dispatcher, plugins = Dispatcher(), [Plugin(), Plugin()]
    for plugin in (*plugins, Failing()):
        dispatcher.register(plugin)
    dispatcher.dispatch([A, A], watcher)
    assert [plugin.told for plugin in plugins] == [1, 1]
    assert len(caplog.records) == 3


def test_a_plugin_may_unregister_another_in_the_middle_of_a_batch(watcher):
    log = []
    dispatcher = Dispatcher()

    class Plugin:
        @hookimpl
        def inotify_event(self, event):
            if event is B:
                dispatcher.unregister("other")

    dispatcher.register(Recorder(log), "other")
    dispatcher.register(Plugin())
    dispatcher.dispatch([A, B, A], watcher)
    assert log == [("recorder", "/r/a")]


def test_the_number_of_failures_is_checked():
    with pytest.raises(ValueError, match="most_failures"):
        Dispatcher(most_failures=0)


# --- the loop ---


class Story:
    """Writes down what it is told, and stops the watcher at the entry "stop"."""

    def __init__(self):
        self.told = []

    @hookimpl
    def inotify_start(self, watcher):
        self.told.append("start")

    @hookimpl
    def inotify_event(self, event, watcher):
        self.told.append(event.name)
        if event.name == "stop":
            watcher.stop()

    @hookimpl
    def inotify_idle(self):
        self.told.append("idle")

    @hookimpl
    def inotify_stop(self, watcher):
        assert watcher.fileno() >= 0
        self.told.append("end")


def test_the_loop_starts_hands_out_rests_and_stops(tmp_path):
    story, dispatcher = Story(), Dispatcher()
    dispatcher.register(story)
    with Watcher(str(tmp_path)) as watcher:
        for name in ("a", "b", "stop"):
            (tmp_path / name).mkdir()
        assert dispatcher.run(watcher) == 3
    assert story.told == ["start", "a", "b", "stop", "idle", "end"]


def test_the_loop_ends_after_so_many_events(tmp_path):
    story, dispatcher = Story(), Dispatcher()
    dispatcher.register(story)
    with Watcher(str(tmp_path)) as watcher:
        for name in "abc":
            (tmp_path / name).mkdir()
        assert dispatcher.run(watcher, count=2) == 2
    assert story.told == ["start", "a", "b", "end"]


@pytest.mark.parametrize("how", ["run", "run_in_thread"])
def test_only_events_that_count_are_counted(tmp_path, how):
    """What is told of the watching comes whatever was asked for: it is not what was waited for."""
    story, dispatcher = Story(), Dispatcher()
    dispatcher.register(story)
    with Watcher(str(tmp_path)) as watcher:
        for name in "abcd":
            (tmp_path / name).mkdir()
            (tmp_path / name).rmdir()
        if how == "run":
            assert dispatcher.run(watcher, count=2, counted=Mask.DELETE) == 2
        else:
            dispatcher.run_in_thread(watcher, count=2, counted=Mask.DELETE).join()
    assert story.told == ["start", "a", "a", "b", "b", "end"]


def test_of_events_that_count_the_number_is_returned_without_an_end_as_well(tmp_path):
    with Watcher(str(tmp_path)) as watcher:
        for name in "abc":
            (tmp_path / name).mkdir()
        (tmp_path / "a").rmdir()
        assert Dispatcher().run(watcher, timeout=0, counted=Mask.DELETE) == 1


def test_the_loop_ends_after_so_long(tmp_path):
    story, dispatcher = Story(), Dispatcher()
    dispatcher.register(story)
    with Watcher(str(tmp_path)) as watcher:
        assert dispatcher.run(watcher, timeout=0.01) == 0
    assert story.told == ["start", "idle", "end"]


def test_the_loop_hands_out_what_is_there_also_without_time(tmp_path):
    story, dispatcher = Story(), Dispatcher()
    dispatcher.register(story)
    with Watcher(str(tmp_path)) as watcher:
        (tmp_path / "a").mkdir()
        assert dispatcher.run(watcher, timeout=0) == 1
    assert story.told == ["start", "a", "end"]


def test_the_loop_calls_idle_as_often_as_asked(tmp_path):
    class Third(Story):
        @hookimpl
        def inotify_idle(self, watcher):
            super().inotify_idle()
            if self.told.count("idle") == 3:
                watcher.stop()

    story, dispatcher = Third(), Dispatcher()
    dispatcher.register(story)
    with Watcher(str(tmp_path)) as watcher:
        dispatcher.run(watcher, block_duration_s=0.001)
    assert story.told == ["start", "idle", "idle", "idle", "end"]


def test_stop_from_another_thread_ends_the_loop(tmp_path):
    story, dispatcher = Story(), Dispatcher()
    dispatcher.register(story)
    with Watcher(str(tmp_path)) as watcher:
        thread = threading.Thread(target=watcher.stop)
        thread.start()
        dispatcher.run(watcher)
        thread.join()
    assert story.told == ["start", "end"]


def test_stop_ends_a_loop_that_never_waits(tmp_path):
    class First(Story):
        @hookimpl
        def inotify_idle(self, watcher):
            super().inotify_idle()
            assert self.told.count("idle") < 100
            watcher.stop()

    story, dispatcher = First(), Dispatcher()
    dispatcher.register(story)
    with Watcher(str(tmp_path)) as watcher:
        dispatcher.run(watcher, block_duration_s=0, timeout=20)
        assert watcher.ended
    assert story.told == ["start", "idle", "idle", "end"]


def test_plugins_are_stopped_also_after_an_error(tmp_path):
    class Ending(Story):
        @hookimpl
        def inotify_event(self):
            raise KeyboardInterrupt

    story, dispatcher = Ending(), Dispatcher()
    dispatcher.register(story)
    with Watcher(str(tmp_path)) as watcher:
        (tmp_path / "a").mkdir()
        with pytest.raises(KeyboardInterrupt):
            dispatcher.run(watcher)
    assert story.told == ["start", "end"]


def test_a_name_that_is_not_there_is_an_attribute_error():
    import inotify_cffi

    with pytest.raises(AttributeError, match="no_such_name"):
        inotify_cffi.no_such_name  # noqa: B018


# --- plugins that are required ---


class Ready:
    """The last to be told that it starts, as what says that it is ready."""

    def __init__(self):
        self.told = []

    @hookimpl(trylast=True)
    def inotify_start(self):
        self.told.append("start")

    @hookimpl
    def inotify_event(self, event):
        self.told.append(event.path)

    @hookimpl
    def inotify_stop(self):
        self.told.append("stop")


class StartFails:
    @hookimpl
    def inotify_start(self):
        raise OSError("no room")


class EventFails:
    @hookimpl
    def inotify_event(self, event):
        raise OSError("no room")


class Laned:
    """A plugin with a thread of its own."""

    def __init__(self, plugin):
        self.inotify_worker = Worker()
        for name in ("inotify_start", "inotify_event"):
            if hasattr(plugin, name):
                setattr(self, name, getattr(plugin, name))


@pytest.mark.parametrize("how", ["attribute", "name"])
def test_a_required_plugin_that_can_not_be_set_up_ends_it_before_others_are_told_that_all_is_ready(
    tmp_path, caplog, how
):
    dispatcher, ready, plugin = Dispatcher(), Ready(), StartFails()
    dispatcher.register(ready)
    dispatcher.register(plugin, "mine")
    if how == "attribute":
        plugin.inotify_required = True
    else:
        dispatcher.require("mine")
    with Watcher(str(tmp_path)) as watcher, pytest.raises(PluginError) as caught:
        dispatcher.run(watcher, timeout=0)
    assert str(caught.value) == "plugin 'mine' is required, and could not be set up: OSError: no room"
    assert isinstance(caught.value.__cause__, OSError)
    assert ready.told == ["stop"]
    # One line is enough.
    assert caplog.text == ""


def test_a_required_plugin_that_keeps_failing_ends_it_and_the_others_get_the_rest(tmp_path):
    dispatcher, ready, plugin = Dispatcher(most_failures=2), Ready(), EventFails()
    plugin.inotify_required = True
    dispatcher.register(plugin, "mine")
    dispatcher.register(ready)
    with Watcher(str(tmp_path)) as watcher:
        for name in "abcd":
            (tmp_path / name).mkdir()
        with pytest.raises(
            PluginError, match="required, and failed in inotify_event 2 times in a row: OSError: no"
        ):
            dispatcher.run(watcher)
    assert ready.told == ["start", *(f"{tmp_path}/{name}" for name in "abcd"), "stop"]


def test_one_that_is_not_required_does_not_end_it(tmp_path):
    dispatcher, ready = Dispatcher(most_failures=1), Ready()
    dispatcher.register(StartFails())
    dispatcher.register(EventFails())
    dispatcher.register(ready)
    with Watcher(str(tmp_path)) as watcher:
        (tmp_path / "a").mkdir()
        assert dispatcher.run(watcher, timeout=0) == 1
    assert ready.told == ["start", f"{tmp_path}/a", "stop"]


@pytest.mark.parametrize(("fails", "told"), [(StartFails, ["stop"]), (EventFails, ["start", "a", "stop"])])
def test_a_required_plugin_with_a_thread_of_its_own_ends_it_too(tmp_path, fails, told):
    dispatcher, ready, plugin = Dispatcher(most_failures=1), Ready(), Laned(fails())
    plugin.inotify_required = True
    dispatcher.register(ready)
    dispatcher.register(plugin, "mine")
    with Watcher(str(tmp_path)) as watcher:
        (tmp_path / "a").mkdir()
        with pytest.raises(PluginError, match="plugin 'mine' is required"):
            dispatcher.run(watcher)
    assert [text.replace(f"{tmp_path}/", "") for text in ready.told] == told


def test_what_is_required_has_to_be_there():
    dispatcher = Dispatcher()
    dispatcher.register(Recorder(), "one")
    with pytest.raises(PluginError, match="plugin 'two' is required and not loaded; there are: one"):
        dispatcher.require("two")
