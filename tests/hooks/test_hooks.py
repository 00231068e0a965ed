"""Every hook: when it is called and with what, on a real directory; and that its documentation is true."""

from __future__ import annotations

import argparse
import os
import re

import pytest

from inotify_cffi import Dispatcher, Event, Mask, Watcher, WatchLimitError, hookimpl
from inotify_cffi.events import ITSELF, UnwatchedEvent
from inotify_cffi.hooks import specs
from inotify_cffi.hooks.registry import HOOK_NAMES

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(ROOT, "docs", "hooks.md")


def signature(name: str) -> str:
    code = getattr(specs, name).__code__
    return f"{name}({', '.join(code.co_varnames[: code.co_argcount])})"


def listening(name: str) -> tuple[Dispatcher, list[dict]]:
    """A dispatcher with one plugin, which has this one hook and keeps its arguments."""
    calls: list[dict] = []
    arguments = signature(name)[len(name) + 1 : -1]
    space = {"calls": calls}
    exec(
        f"def {name}({arguments}): calls.append(dict({', '.join(f'{a}={a}' for a in arguments.split(', '))}))",
        space,
    )
    plugin = type("Plugin", (), {name: staticmethod(hookimpl(space[name]))})()
    dispatcher = Dispatcher()
    dispatcher.register(plugin, "listening")
    return dispatcher, calls


def told(name: str, watcher: Watcher, *events: Event) -> list[dict]:
    """What a plugin with one hook gets of these events, or of all that happened if there are none."""
    dispatcher, calls = listening(name)
    dispatcher.dispatch(events or watcher.sync(), watcher)
    assert all(call.pop("watcher") is watcher for call in calls)
    return calls


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def watcher(root):
    with Watcher(str(root)) as made:
        yield made


# --- the documentation ---


def test_every_hook_has_a_test_named_after_it():
    for name in HOOK_NAMES:
        assert any(test.startswith(f"test_{name}_") for test in globals()), name


@pytest.mark.skipif(not os.path.exists(PAGE), reason="the documentation is not here")
def test_the_headings_of_the_documentation_are_the_signatures():
    with open(PAGE, encoding="utf-8") as page:
        headings = re.findall(r"^### `(.+)`$", page.read(), re.MULTILINE)
    assert headings == [signature(name) for name in HOOK_NAMES]


@pytest.mark.parametrize("name", HOOK_NAMES)
def test_every_hook_says_when_it_is_called_its_arguments_and_since_when(name):
    text = getattr(specs, name).__doc__
    assert ".. versionadded::" in text
    for argument in signature(name)[len(name) + 1 : -1].split(", "):
        assert f"{argument}: " in text


# --- the hooks ---


def test_inotify_add_options_gets_the_parser():
    dispatcher, calls = listening("inotify_add_options")
    parser = argparse.ArgumentParser()
    dispatcher.add_options(parser)
    assert calls == [{"parser": parser}]


def test_inotify_configure_gets_the_options(watcher):
    dispatcher, calls = listening("inotify_configure")
    options = argparse.Namespace(a=1)
    dispatcher.configure(options, watcher)
    assert calls == [{"options": options, "watcher": watcher}]


def test_inotify_start_is_called_when_all_watches_are_in_place(watcher):
    dispatcher, calls = listening("inotify_start")
    dispatcher.run(watcher, timeout=0)
    (call,) = calls
    assert callable(call.pop("unfinished"))
    assert call == {"watcher": watcher}


def test_inotify_stop_is_called_once_at_the_end(watcher):
    dispatcher, calls = listening("inotify_stop")
    dispatcher.run(watcher, timeout=0)
    assert calls == [{"watcher": watcher}]


def test_inotify_event_is_called_for_every_event_in_order(root, watcher):
    (root / "a").mkdir()
    (root / "a").rmdir()
    assert [call["event"].names for call in told("inotify_event", watcher)] == [
        ("CREATE", "ISDIR"),
        ("DELETE", "ISDIR"),
    ]


def test_inotify_events_is_called_for_a_batch(root, watcher):
    (root / "a").mkdir()
    (root / "b").mkdir()
    (call,) = told("inotify_events", watcher)
    assert [event.name for event in call["events"]] == ["a", "b"]


def test_inotify_events_has_the_batch_as_columns_too(root, watcher):
    (root / "a").mkdir()
    (root / "a").rename(root / "b")
    (call,) = told("inotify_events", watcher)
    events, columns = call["events"], call["columns"]
    assert columns.events is events
    assert len(columns) == len(events) == 3
    for column, field in (
        ("paths", "path"),
        ("masks", "mask"),
        ("moved_from", "moved_from"),
        ("cookies", "cookie"),
        ("causes", "cause"),
        ("names", "name"),
        ("watch_paths", "watch_path"),
    ):
        assert getattr(columns, column) == [getattr(event, field) for event in events]
        assert getattr(columns, column) is getattr(columns, column)


def test_inotify_events_gives_all_plugins_the_same_columns(root, watcher):
    given = []
    dispatcher = Dispatcher()
    for name in ("one", "other"):
        plugin = type(
            name, (), {"inotify_events": staticmethod(hookimpl(lambda columns: given.extend([columns])))}
        )()
        dispatcher.register(plugin, name)
    (root / "a").mkdir()
    dispatcher.dispatch(watcher.sync(), watcher)
    assert len(given) == 2
    assert given[0] is given[1]


def test_inotify_events_is_not_called_for_nothing(watcher):
    assert told("inotify_events", watcher) == []


def test_inotify_created_is_called_for_a_new_entry(root, watcher):
    (root / "a").mkdir()
    (call,) = told("inotify_created", watcher)
    assert (call["path"], call["event"].mask) == (str(root / "a"), Mask.CREATE | Mask.ISDIR)


def test_inotify_created_is_called_for_what_comes_from_outside(tmp_path, root, watcher):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "below").touch()
    (tmp_path / "d").rename(root / "d")
    assert [call["path"] for call in told("inotify_created", watcher)] == [
        str(root / "d"),
        str(root / "d" / "below"),
    ]


def test_inotify_modified_is_called_for_a_write(root, watcher):
    (root / "a").write_text("x")
    calls = told("inotify_modified", watcher)
    assert {(call["path"], call["event"].mask) for call in calls} == {(str(root / "a"), Mask.MODIFY)}


def test_inotify_closed_is_called_when_a_written_file_is_closed(root, watcher):
    (root / "a").write_text("x")
    (root / "a").read_text()
    assert [call["path"] for call in told("inotify_closed", watcher)] == [str(root / "a")]


def test_inotify_attrib_is_called_for_a_change_of_permissions(root, watcher):
    (root / "a").mkdir()
    (root / "a").chmod(0o700)
    assert [call["path"] for call in told("inotify_attrib", watcher)] == [str(root / "a")]


def test_inotify_deleted_is_called_for_an_entry_that_is_gone(root, watcher):
    (root / "a").mkdir()
    (root / "a").rmdir()
    assert [call["path"] for call in told("inotify_deleted", watcher)] == [str(root / "a")]


def test_inotify_deleted_is_called_for_what_leaves_and_all_below_it(tmp_path, root, watcher):
    (root / "d").mkdir()
    (root / "d" / "below").touch()
    watcher.sync()
    (root / "d").rename(tmp_path / "d")
    assert [call["path"] for call in told("inotify_deleted", watcher)] == [
        str(root / "d" / "below"),
        str(root / "d"),
    ]


def test_inotify_deleted_is_called_for_a_root(root, watcher):
    root.rmdir()
    assert [call["path"] for call in told("inotify_deleted", watcher)] == [str(root)]


def test_inotify_moved_is_called_once_with_both_paths(root, watcher):
    (root / "a").mkdir()
    watcher.sync()
    (root / "a").rename(root / "b")
    events = watcher.sync()
    (call,) = told("inotify_moved", watcher, *events)
    assert (call["src"], call["dst"]) == (str(root / "a"), str(root / "b"))
    assert told("inotify_created", watcher, *events) == told("inotify_deleted", watcher, *events) == []


def test_inotify_moved_works_with_bytes(root):
    with Watcher(os.fsencode(root)) as watcher:
        (root / "a").mkdir()
        (root / "a").rename(root / "b")
        (call,) = told("inotify_moved", watcher)
    assert (call["src"], call["dst"]) == (os.fsencode(root / "a"), os.fsencode(root / "b"))


def test_inotify_settled_is_called_when_a_written_file_was_quiet(root, watcher):
    dispatcher, calls = listening("inotify_settled")
    dispatcher.settle_s = 0.01
    (root / "d").mkdir()
    (root / "d" / "a").write_text("x")
    dispatcher.dispatch(watcher.sync(), watcher)
    (root / "d").rename(root / "e")
    dispatcher.run(watcher, timeout=0.1)
    (call,) = calls
    assert (call["path"], call["event"].path) == (str(root / "e" / "a"), str(root / "d" / "a"))


def test_inotify_overflow_is_called_when_events_were_lost(watcher):
    event = Event.of("", Mask.Q_OVERFLOW)
    assert told("inotify_overflow", watcher, event) == [{"event": event}]


def test_inotify_unwatched_is_called_with_the_reason(watcher):
    error = WatchLimitError(28, "raise fs.inotify.max_user_watches", "/r/d")
    event = UnwatchedEvent(("/r/d", int(Mask.UNWATCHED | Mask.ISDIR), None, 0, -1, ITSELF, True, "", error))
    assert told("inotify_unwatched", watcher, event) == [{"path": "/r/d", "error": error}]


def test_inotify_idle_is_called_when_nothing_is_left(watcher):
    dispatcher, calls = listening("inotify_idle")
    dispatcher.run(watcher, timeout=0.001)
    assert calls == [{"watcher": watcher}]


def test_inotify_plugin_error_is_called_once_for_a_kind_of_failure_of_another(watcher):
    dispatcher, calls = listening("inotify_plugin_error")
    error = ValueError("mine")

    class Plugin:
        @hookimpl
        def inotify_event(self):
            raise error

        @hookimpl
        def inotify_plugin_error(self):
            raise AssertionError("asked about itself")

    plugin = Plugin()
    dispatcher.register(plugin)
    event = Event.of("/r/a", Mask.CREATE)
    dispatcher.dispatch([event, event], watcher)
    assert calls == [{"plugin": plugin, "hook_name": "inotify_event", "event": event, "error": error}]
