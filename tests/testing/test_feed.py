"""``inotify_cffi.testing.Feed``: made-up events take the way of real ones, without a kernel."""

import errno
import json
import logging
import os

import pytest

from inotify_cffi import Dispatcher, Event, Mask, PluginError, Watcher, Worker, event_from_json, hookimpl
from inotify_cffi.kernel import syscalls
from inotify_cffi.testing import Feed


class Recorder:
    """Notes each call of each hook of one event, and of the batch."""

    def __init__(self):
        self.calls = []

    @hookimpl
    def inotify_start(self):
        self.calls.append("start")

    @hookimpl
    def inotify_event(self, event):
        self.calls.append(("event", *event.names, event.path))

    @hookimpl
    def inotify_events(self, events):
        self.calls.append(("batch", len(events)))

    @hookimpl
    def inotify_created(self, path):
        self.calls.append(("created", path))

    @hookimpl
    def inotify_modified(self, path):
        self.calls.append(("modified", path))

    @hookimpl
    def inotify_closed(self, path):
        self.calls.append(("closed", path))

    @hookimpl
    def inotify_attrib(self, path):
        self.calls.append(("attrib", path))

    @hookimpl
    def inotify_deleted(self, path):
        self.calls.append(("deleted", path))

    @hookimpl
    def inotify_moved(self, src, dst, event):
        self.calls.append(("moved", src, dst, event.is_dir))

    @hookimpl
    def inotify_settled(self, path, evidence):
        self.calls.append(("settled", path, evidence))

    @hookimpl
    def inotify_overflow(self):
        self.calls.append("overflow")

    @hookimpl
    def inotify_unwatched(self, path, error):
        self.calls.append(("unwatched", path, error.errno))

    @hookimpl
    def inotify_idle(self):
        self.calls.append("idle")

    @hookimpl
    def inotify_stop(self):
        self.calls.append("stop")


KINDS = {"event", "batch", "created", "modified", "closed", "attrib", "deleted", "moved"}


def kinds(plugin):
    """The calls but those that every event makes."""
    return [call for call in plugin.calls if call[0] not in ("event", "batch")]


def test_every_kind_is_handed_to_its_hook():
    plugin = Recorder()
    with Feed(plugin) as feed:
        feed.created("a")
        feed.modified("a")
        feed.closed("a")
        feed.attrib("a")
        feed.moved("a", "b")
        feed.deleted("b")
        feed.overflow()
        feed.unwatched("d", PermissionError(errno.EACCES, "no"))
        feed.idle()
    assert kinds(plugin) == [
        "start", ("created", "a"), ("modified", "a"), ("closed", "a"), ("attrib", "a"), ("moved", "a", "b", False),
        ("deleted", "b"), "overflow", ("unwatched", "d", errno.EACCES), "idle", "stop",
    ]  # fmt: skip


def test_made_up_events_make_the_calls_that_the_real_ones_make(root):
    """The same events, read from a kernel and handed out by a run, and fed: call for call."""
    real = Recorder()
    dispatcher = Dispatcher(settle_s=0)
    dispatcher.register(real)
    seen = []
    os.mkdir(f"{root}/d")
    with Watcher(root) as watcher:
        with open(f"{root}/d/f", "w") as file:
            file.write("x")
        os.rename(f"{root}/d", f"{root}/e")
        os.remove(f"{root}/e/f")
        os.rmdir(f"{root}/e")

        class Keep:
            @hookimpl
            def inotify_events(self, events):
                seen.append(list(events))

        dispatcher.register(Keep())
        dispatcher.run(watcher, timeout=0.2)
    made_up = Recorder()
    with Feed(made_up) as feed:
        for batch in seen:
            feed.events(batch)
    assert sum(map(len, seen)) >= 6
    # When something settles, and is idle, is a matter of time.
    assert [call for call in real.calls if call[0] in KINDS] == [
        call for call in made_up.calls if call[0] in KINDS
    ]


def test_a_written_file_is_settled_and_one_that_is_open_or_gone_or_empty_is_not():
    plugin = Recorder()
    with Feed(plugin) as feed:
        for name in "abc":
            feed.written(name)
        feed.created("d")
        feed.opened.add("b")
        feed.deleted("c")
        feed.settle()
        feed.opened.clear()
        feed.settle()
        feed.modified("b")
        feed.settle()
        feed.moved("b", "z")
        feed.settle()
    assert [call for call in plugin.calls if call[0] == "settled"] == [
        ("settled", "a", "unopened"), ("settled", "b", "unopened"), ("settled", "z", "unopened"),
    ]  # fmt: skip


def test_what_nobody_can_know_is_told_by_the_events():
    plugin = Recorder()
    with Feed(plugin, probe=False) as feed:
        feed.written("a")
        feed.modified("b")
        feed.settle()
    assert {call[1:] for call in plugin.calls if call[0] == "settled"} == {("a", "closed"), ("b", "quiet")}


def test_thousands_of_files_are_settled():
    plugin = Recorder()
    with Feed(plugin) as feed:
        for number in range(1000):
            feed.written(f"{number}")
        feed.settle()
    assert len([call for call in plugin.calls if call[0] == "settled"]) == 1000


def test_it_needs_no_inotify(monkeypatch):
    def refuse(*_):
        raise OSError(errno.EMFILE, "none is left")

    monkeypatch.setattr(syscalls, "inotify_init", refuse)
    plugin = Recorder()
    with Feed(plugin) as feed:
        feed.written("/not/there/at/all")
        feed.settle()
    assert ("settled", "/not/there/at/all", "unopened") in plugin.calls


def test_bytes_come_as_bytes():
    plugin = Recorder()
    with Feed(plugin, entries={b"in": True}, roots=[b"in"]) as feed:
        feed.written(b"in/\xff")
        feed.moved(b"in/\xff", b"in/b")
        assert feed.watcher.snapshot() == {b"in": True, b"in/b": False}
    assert ("moved", b"in/\xff", b"in/b", False) in plugin.calls


def test_a_path_may_be_a_path(tmp_path):
    plugin = Recorder()
    with Feed(plugin) as feed:
        feed.created(tmp_path / "c")
    assert ("created", f"{tmp_path}/c") in plugin.calls


class Greeter:
    def __init__(self):
        self.greeted = []

    @hookimpl
    def inotify_add_options(self, parser):
        parser.add_argument("--greeting", default="hello")

    @hookimpl
    def inotify_configure(self, options, watcher):
        self.greeting, self.paths = options.greeting, options.paths
        self.watcher = watcher

    @hookimpl
    def inotify_created(self, path, watcher):
        self.greeted.append((self.greeting, path, sorted(watcher.snapshot())))
        watcher.stop()


def test_options_are_those_of_the_command_line_and_the_snapshot_is_what_the_events_make():
    plugin = Greeter()
    with Feed(plugin, arguments=["--greeting", "hey", "in"], entries={"in": True, "in/old": False}) as feed:
        assert not feed.watcher.ended
        feed.deleted("in/old")
        feed.created("in/new")
        assert feed.watcher.ended
    assert plugin.greeted == [("hey", "in/new", ["in", "in/new"])]
    assert plugin.paths == ["in"]


def test_a_wrong_option_ends_it_as_it_ends_the_command_line(capsys):
    with pytest.raises(SystemExit), Feed(Greeter, arguments=["--greetin", "hey"]):
        pass
    assert "--greetin" in capsys.readouterr().err


def test_a_directory_is_known_to_be_one():
    plugin = Recorder()
    with Feed(plugin) as feed:
        feed.created("d", is_dir=True)
        feed.moved("d", "e")
        feed.deleted("e")
    assert ("moved", "d", "e", True) in plugin.calls
    assert [call for call in plugin.calls if call[:2] == ("event", "DELETE")] == [
        ("event", "DELETE", "ISDIR", "e")
    ]


class Failing:
    @hookimpl
    def inotify_created(self, path):
        raise LookupError(path)


def test_what_a_hook_raises_comes_out_of_what_led_to_it():
    with Feed(Failing) as feed:
        with pytest.raises(LookupError, match="a"):
            feed.created("a")
        feed.modified("a")
        with pytest.raises(LookupError, match="b"):
            feed.created("b")


def test_or_it_goes_the_way_of_a_real_run(caplog):
    told = []

    class Others:
        @hookimpl
        def inotify_plugin_error(self, error):
            told.append(str(error))

    with caplog.at_level(logging.ERROR), Feed(Failing, Others(), errors="report", most_failures=2) as feed:
        feed.created("a")
        feed.created("b")
        feed.created("c")
        assert [(failure.hook_name, failure.event.path, str(failure.error)) for failure in feed.failures] == [
            ("inotify_created", "a", "a"),
            ("inotify_created", "b", "b"),
        ]
        assert list(feed.plugins) == ["Others"]
    assert told == ["a"]
    assert "failed in inotify_created: LookupError: a" in caplog.text


def test_a_required_plugin_that_can_not_be_set_up_ends_it():
    class Required:
        inotify_required = True

        @hookimpl
        def inotify_start(self):
            raise OSError("no")

    with pytest.raises(PluginError, match="is required, and could not be set up"), Feed(Required, errors="report"):
        pass


@pytest.mark.parametrize("raised", [SystemExit("enough"), KeyboardInterrupt()])
@pytest.mark.parametrize("worker", [None, Worker()])
def test_what_ends_the_program_comes_out(raised, worker):
    class Ends:
        inotify_worker = worker

        @hookimpl
        def inotify_created(self):
            raise raised

    with Feed(Ends) as feed, pytest.raises(type(raised)):
        feed.created("a")


def test_a_plugin_with_a_worker_is_done_when_the_call_returns():
    import threading

    threads = []

    class Slow(Recorder):
        inotify_worker = Worker(size=1, when_full="block")

        @hookimpl
        def inotify_created(self, path):
            threads.append(threading.current_thread())
            super().inotify_created(path)

    plugin = Slow()
    with Feed(plugin) as feed:
        for name in "abc":
            feed.created(name)
            assert ("created", name) in plugin.calls
    assert threading.main_thread() not in threads
    assert plugin.calls[-1] == "stop"


def test_coroutines_are_awaited_and_fail_as_others_do():
    import asyncio

    done = []

    class Asking:
        @hookimpl
        async def inotify_start(self):
            await asyncio.sleep(0)
            done.append("start")

        @hookimpl
        async def inotify_created(self, path):
            await asyncio.sleep(0)
            done.append(path)
            if path == "b":
                raise LookupError(path)

        @hookimpl
        async def inotify_settled(self, path):
            await asyncio.sleep(0)
            done.append(("settled", path))

        @hookimpl
        async def inotify_stop(self):
            await asyncio.sleep(0)
            done.append("stop")

    plain = Recorder()
    with Feed(Asking(), plain) as feed:
        feed.written("a")
        with pytest.raises(LookupError):
            feed.created("b")
        feed.settle()
        feed.idle()
    assert done == ["start", "a", "b", ("settled", "a"), "stop"]
    assert kinds(plain)[-2:] == ["idle", "stop"]


def test_a_plugin_may_be_named_as_on_the_command_line(tmp_path, capsys):
    file = tmp_path / "hello.py"
    file.write_text(
        "from inotify_cffi import hookimpl\n\n\n@hookimpl\ndef inotify_created(path):\n    print(path)\n"
    )
    with Feed(str(file)) as feed:
        feed.created("a")
    assert capsys.readouterr().out == "a\n"
    with pytest.raises(PluginError, match="no plugin 'consol' is installed"):
        Feed("consol")


def test_the_shipped_plugins_take_what_is_fed(tmp_path, capfdbinary):
    with Feed("console", "journal", arguments=["--format", "json", "--journal-file", str(tmp_path / "j")]) as feed:
        feed.written("in/a")
        feed.moved("in/a", "in/b")
    rows = [event_from_json(json.loads(row)) for row in capfdbinary.readouterr().out.decode().splitlines()]
    assert [str(event) for event in rows] == [
        "CREATE in/a", "MODIFY in/a", "CLOSE_WRITE in/a", "MOVED_FROM in/a", "MOVED_TO in/b (from in/a)",
    ]  # fmt: skip


def test_what_a_plugin_knows_to_be_unfinished_is_settled():
    settled = []

    class Knows:
        @hookimpl
        def inotify_start(self, unfinished):
            unfinished("in/a")

        @hookimpl
        def inotify_settled(self, path, event):
            settled.append((path, event.cause.name))

    with Feed(Knows) as feed:
        feed.settle()
    assert settled == [("in/a", "RESTART")]


def test_any_event_can_be_fed():
    plugin = Recorder()
    with Feed(plugin) as feed:
        feed.events([Event.of("a", Mask.CLOSE_WRITE | Mask.MODIFY)])
        feed.events([])
    assert kinds(plugin)[1:-1] == [("modified", "a"), ("closed", "a")]


def test_what_a_made_up_watcher_has_not_says_what_has_it():
    with pytest.raises(AttributeError, match=r"no 'remove'; inotify_cffi\.testing\.temporary_watcher"):
        Feed(Recorder).watcher.remove("a")


def test_a_callback_waits_for_the_test():
    called = []

    class Calls:
        @hookimpl
        def inotify_start(self, watcher):
            watcher.call_when(1, "gone", lambda: called.append(1))

    with Feed(Calls) as feed:
        ((fd, what, callback),) = feed.watcher.calls
        assert (fd, what, called) == (1, "gone", [])
        callback()
    assert called == [1]


def test_what_errors_may_be():
    with pytest.raises(ValueError, match="must be 'raise' or 'report', not 'ignore'"):
        Feed(Recorder, errors="ignore")
