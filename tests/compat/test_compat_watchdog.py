"""watchdog with a watcher of ours behind it. Its own suite is run by ``python -m tests.compat``."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import threading
from queue import Queue

import pytest

pytest.importorskip("watchdog", reason="watchdog is not installed")

from watchdog import events as words
from watchdog.events import FileSystemEventHandler
from watchdog.observers.api import ObservedWatch
from watchdog.observers.inotify import InotifyEmitter, InotifyObserver
from watchdog.observers.polling import PollingObserver

from inotify_cffi import Cause, Event, Mask, Watcher
from inotify_cffi.compat import watchdog
from inotify_cffi.compat.emitting import Wording
from inotify_cffi.compat.hub import Hub, Taker
from inotify_cffi.watching import parts
from tests.stress.queue import room

PATIENCE_S = 40


class Heard(FileSystemEventHandler):
    """A handler that has a queue of what it was told."""

    def __init__(self):
        self.events = Queue()

    def on_any_event(self, event):
        self.events.put(event)

    def until(self, kind, path):
        """Return what came, as pairs, up to an event."""
        got = []
        while True:
            event = self.events.get(timeout=PATIENCE_S)
            got.append((type(event).__name__, str(event.src_path)))
            if isinstance(event, kind) and event.src_path == str(path):
                return got


@pytest.fixture
def installed():
    watchdog.install()
    yield
    watchdog.uninstall()


@contextlib.contextmanager
def running(observer):
    observer.start()
    try:
        yield observer
    finally:
        observer.stop()
        observer.join(PATIENCE_S)
        assert not observer.is_alive()


def instances():
    """How many inotify instances this process has."""
    found = 0
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found += os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:inotify"
    return found


def python(code, *arguments, **environment):
    command = [sys.executable, *arguments, "-c", textwrap.dedent(code)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_observer_of_ours_tells_in_the_words_of_watchdog(tmp_path):
    heard = Heard()
    observer = watchdog.Observer()
    observer.schedule(heard, str(tmp_path), recursive=True)
    with running(observer):
        (tmp_path / "a").mkdir()
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "b").rmdir()
        assert heard.until(words.DirDeletedEvent, tmp_path / "b") == [
            ("DirCreatedEvent", str(tmp_path / "a")),
            ("DirModifiedEvent", str(tmp_path)),
            ("DirMovedEvent", str(tmp_path / "a")),
            ("DirModifiedEvent", str(tmp_path)),
            ("DirDeletedEvent", str(tmp_path / "b")),
        ]


def test_installed_an_observer_of_watchdog_has_a_watcher_of_ours(installed, tmp_path):
    heard = Heard()
    observer = InotifyObserver()
    observer.schedule(heard, str(tmp_path))
    with running(observer):
        assert isinstance(observer._inotify_fd, Hub)
        (tmp_path / "a").mkdir()
        heard.until(words.DirCreatedEvent, tmp_path / "a")


def test_a_class_that_was_derived_before_has_it_too(tmp_path):
    class Derived(InotifyObserver):
        pass

    watchdog.install()
    try:
        observer = Derived()
        assert isinstance(observer._inotify_fd, Hub)
        observer.stop()
    finally:
        watchdog.uninstall()


def test_after_uninstall_watchdog_has_its_own(installed):
    watchdog.uninstall()
    observer = InotifyObserver()
    assert not isinstance(getattr(observer, "_inotify_fd", None), Hub)
    observer.stop()


def test_an_observer_outlives_uninstall(installed, tmp_path):
    before = instances()
    heard = Heard()
    observer = InotifyObserver()
    observer.schedule(heard, str(tmp_path))
    with running(observer):
        watchdog.uninstall()
        (tmp_path / "a").mkdir()
        heard.until(words.DirCreatedEvent, tmp_path / "a")
    assert instances() == before


def test_an_observer_of_before_goes_on_with_its_own_backend(tmp_path):
    heard = Heard()
    observer = InotifyObserver()
    observer.schedule(heard, str(tmp_path))
    watchdog.install()
    try:
        with running(observer):
            (tmp_path / "a").mkdir()
            heard.until(words.DirCreatedEvent, tmp_path / "a")
    finally:
        watchdog.uninstall()


def test_install_twice_is_undone_by_one_uninstall(installed):
    watchdog.install()
    watchdog.uninstall()
    assert InotifyEmitter.queue_events.__module__ == "watchdog.observers.inotify"


def test_200_schedules_have_one_instance(installed, tmp_path):
    before = instances()
    heard = Heard()
    observer = InotifyObserver()
    for number in range(200):
        (tmp_path / str(number)).mkdir()
        observer.schedule(heard, str(tmp_path / str(number)), recursive=bool(number % 2))
    with running(observer):
        assert instances() == before + 1
        (tmp_path / "137" / "a").mkdir()
        heard.until(words.DirCreatedEvent, tmp_path / "137" / "a")
    assert instances() == before


def test_schedules_of_one_directory_have_each_its_own_events(tmp_path):
    (tmp_path / "a").mkdir()
    deep, flat, some = Heard(), Heard(), Heard()
    observer = watchdog.Observer()
    observer.schedule(deep, str(tmp_path), recursive=True)
    observer.schedule(flat, str(tmp_path))
    observer.schedule(some, str(tmp_path / "a"), recursive=True, event_filter=[words.DirCreatedEvent])
    with running(observer):
        (tmp_path / "a" / "b").mkdir()
        (tmp_path / "c").mkdir()
        (tmp_path / "a" / "d").mkdir()
        assert [path for kind, path in deep.until(words.DirCreatedEvent, tmp_path / "a" / "d")].count(
            str(tmp_path / "a" / "b")
        ) == 1
        assert flat.until(words.DirCreatedEvent, tmp_path / "c") == [("DirCreatedEvent", str(tmp_path / "c"))]
        assert some.until(words.DirCreatedEvent, tmp_path / "a" / "d") == [
            ("DirCreatedEvent", str(tmp_path / "a" / "b")),
            ("DirCreatedEvent", str(tmp_path / "a" / "d")),
        ]


def test_only_what_the_filter_needs_is_watched():
    from inotify_cffi import Mask
    from inotify_cffi.compat.emitting import mask_of

    assert not mask_of([words.FileCreatedEvent], brief=False) & (
        Mask.OPEN | Mask.CLOSE | Mask.MODIFY | Mask.ATTRIB
    )
    assert mask_of([words.FileOpenedEvent], brief=False) & Mask.OPEN
    assert mask_of([words.FileSystemEvent], brief=False) == mask_of(None, brief=False)


def test_what_is_overwritten_is_moved_over_and_not_deleted(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    heard = Heard()
    observer = watchdog.Observer()
    observer.schedule(heard, str(tmp_path), event_filter=[words.DirMovedEvent, words.DirDeletedEvent])
    with running(observer):
        (tmp_path / "a").replace(tmp_path / "b")
        (tmp_path / "c").rmdir()
        assert heard.until(words.DirDeletedEvent, tmp_path / "c") == [
            ("DirMovedEvent", str(tmp_path / "a")),
            ("DirDeletedEvent", str(tmp_path / "c")),
        ]


def test_a_schedule_that_is_taken_off_is_told_no_more(tmp_path):
    first, second = Heard(), Heard()
    observer = watchdog.Observer()
    watch = observer.schedule(first, str(tmp_path))
    observer.schedule(second, str(tmp_path), recursive=True)
    with running(observer):
        observer.unschedule(watch)
        (tmp_path / "a").mkdir()
        second.until(words.DirCreatedEvent, tmp_path / "a")
        assert first.events.empty()


@pytest.mark.parametrize("observer_class", [watchdog.Observer, InotifyObserver], ids=["ours", "installed"])
def test_an_observer_that_stops_takes_no_schedule_off_by_itself(installed, observer_class, tmp_path, monkeypatch):
    """To forget each directory of a large tree takes long, and who stops closes the watcher anyway."""
    taken_off = []
    monkeypatch.setattr(Watcher, "remove", lambda *arguments, **_options: taken_off.append(arguments))
    before = instances()
    observer = observer_class()
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        observer.schedule(Heard(), str(tmp_path / name), recursive=True)
    with running(observer):
        assert instances() == before + 1
    assert taken_off == []
    assert instances() == before


def test_a_handler_that_raises_ends_no_other_one(tmp_path, monkeypatch):
    reported = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: reported.append(arguments.exc_type))

    class Bad(FileSystemEventHandler):
        def on_any_event(self, event):
            raise LookupError

    heard = [Heard(), Heard()]
    observer = watchdog.Observer()
    for handler in (heard[0], Bad(), heard[1], Bad()):
        observer.schedule(handler, str(tmp_path))
    with running(observer):
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            for each in heard:
                each.until(words.DirCreatedEvent, tmp_path / name)
    assert set(reported) == {LookupError}
    assert len(reported) >= 4


@pytest.mark.parametrize("what", ["unschedule", "unschedule_all", "stop"])
@pytest.mark.parametrize("observer_class", [watchdog.Observer, InotifyObserver], ids=["ours", "installed"])
def test_a_handler_may_take_its_own_schedule_off(installed, observer_class, tmp_path, what):
    before = instances()
    over = threading.Event()

    class Once(Heard):
        def on_any_event(self, event):
            super().on_any_event(event)
            getattr(observer, what)(*([watch] if what == "unschedule" else []))
            over.set()

    heard = Once()
    observer = observer_class()
    watch = observer.schedule(heard, str(tmp_path))
    with running(observer):
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        assert over.wait(PATIENCE_S)
        if what != "stop":
            assert observer.emitters == set()
    assert heard.events.qsize() == 1
    assert instances() == before


def test_an_emitter_that_was_derived_from_watchdogs_goes_on_with_its_own_methods(installed, tmp_path):
    class Derived(InotifyEmitter):
        def queue_event(self, event):
            event.seen = True
            super().queue_event(event)

    events = Queue()
    emitter = Derived(events, ObservedWatch(str(tmp_path), recursive=True))
    emitter.start()
    (tmp_path / "a").mkdir()
    event, _ = events.get(timeout=PATIENCE_S)
    assert (event.src_path, event.seen) == (str(tmp_path / "a"), True)
    assert isinstance(emitter._inotify_fd, Hub)
    emitter.stop()
    emitter.join(PATIENCE_S)
    assert not emitter.is_alive()


def test_a_missing_directory_is_an_error_where_the_observer_is_started(tmp_path):
    before = instances()
    observer = watchdog.Observer()
    observer.schedule(Heard(), str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError) as caught:
        observer.start()
    assert caught.value.filename == str(tmp_path / "missing")
    assert instances() == before


def test_a_relative_path_is_taken_off_from_another_working_directory(tmp_path, monkeypatch):
    before = instances()
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path)
    heard = Heard()
    observer = watchdog.Observer()
    watch = observer.schedule(heard, "a")
    with running(observer):
        monkeypatch.chdir("/")
        (tmp_path / "a" / "b").mkdir()
        heard.until(words.DirCreatedEvent, "a/b")
        observer.unschedule(watch)
        assert instances() == before


def test_an_empty_path_is_no_directory():
    observer = watchdog.Observer()
    observer.schedule(Heard(), "")
    with pytest.raises(OSError, match="empty"):
        observer.start()


def test_bytes_give_bytes(tmp_path):
    events = Queue()
    emitter = watchdog.Emitter(events, ObservedWatch(os.fsencode(tmp_path), recursive=True))
    emitter.start()
    (tmp_path / "a").mkdir()
    assert events.get(timeout=PATIENCE_S)[0].src_path == os.fsencode(tmp_path / "a")
    emitter.stop()
    emitter.join(PATIENCE_S)
    assert not emitter.is_alive()


def test_the_end_of_the_directory_ends_the_emitter_and_the_watcher(tmp_path):
    before = instances()
    (tmp_path / "a").mkdir()
    events = Queue()
    emitter = watchdog.Emitter(events, ObservedWatch(str(tmp_path / "a"), recursive=True))
    emitter.start()
    (tmp_path / "a").rmdir()
    emitter.join(PATIENCE_S)
    assert not emitter.is_alive()
    assert type(events.get_nowait()[0]) is words.DirDeletedEvent
    assert instances() == before


def test_an_overflow_is_told_as_what_it_hid(tmp_path, caplog):
    most = room()
    if most > 100000:
        pytest.skip(f"a queue of {most} events takes too long to fill")
    heard = Heard()
    observer = watchdog.Observer()
    observer.schedule(heard, str(tmp_path), event_filter=[words.FileCreatedEvent, words.DirCreatedEvent])
    observer.start()
    hub = observer._inotify_fd
    # Nobody reads meanwhile: who hands out stands still.
    held, go = threading.Event(), threading.Event()
    hand_out = hub._hand_out

    def hand_out_later(events):
        held.set()
        go.wait(PATIENCE_S)
        hand_out(events)

    hub._hand_out = hand_out_later
    try:
        (tmp_path / "first").mkdir()
        assert held.wait(PATIENCE_S)
        for number in range(most // 2 + 10):
            (tmp_path / f"{number}").touch()
            (tmp_path / f"{number}").unlink()
        (tmp_path / "hidden").touch()
        go.set()
        got = heard.until(words.FileCreatedEvent, tmp_path / "hidden")
    finally:
        go.set()
        observer.stop()
        observer.join(PATIENCE_S)
    assert got.count(("FileCreatedEvent", str(tmp_path / "hidden"))) == 1
    assert "were lost" in caplog.text


@pytest.fixture
def installed_for_pollers(installed):
    watchdog.install(polling=True)


@pytest.fixture
def refused(monkeypatch):
    """There is no inotify instance."""

    def refuse():
        raise OSError(24, "too many of them")

    monkeypatch.setattr(parts, "Instance", refuse)


POLLERS = pytest.mark.parametrize(
    "observer_class", [watchdog.PollingObserver, PollingObserver], ids=["ours", "installed"]
)


@POLLERS
def test_instead_of_polling_it_watches_and_tells_no_more_than_a_poller(
    installed_for_pollers, observer_class, tmp_path
):
    heard = Heard()
    observer = observer_class(timeout=10 * PATIENCE_S)
    observer.schedule(heard, str(tmp_path), recursive=True)
    with running(observer):
        (tmp_path / "a").write_text("text")
        (tmp_path / "a").read_text()
        (tmp_path / "b").mkdir()
        got = heard.until(words.DirCreatedEvent, tmp_path / "b")
    assert [kind for kind, _ in got] == [
        "FileCreatedEvent",
        "DirModifiedEvent",
        "FileModifiedEvent",
        "DirCreatedEvent",
    ]


@POLLERS
def test_what_inotify_does_not_see_is_polled_in_the_time_that_is_given(
    installed_for_pollers, refused, observer_class, tmp_path
):
    heard = Heard()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").touch()
    observer = observer_class(timeout=0.05)
    observer.schedule(heard, str(tmp_path), recursive=True)
    with running(observer):
        (tmp_path / "a" / "b").rename(tmp_path / "a" / "c")
        event = heard.events.get(timeout=PATIENCE_S)
        assert (type(event), event.dest_path) == (words.FileMovedEvent, str(tmp_path / "a" / "c"))
        # It did not go along with another one, so the directory is told as changed, too.
        assert not event.is_synthetic
        assert heard.until(words.DirModifiedEvent, tmp_path / "a") == [("DirModifiedEvent", str(tmp_path / "a"))]
        assert [root.rules.poll_s for root in observer._inotify_fd._watcher._tree.ledger.roots] == [0.05]
        (tmp_path / "a" / "d").mkdir()
        heard.until(words.DirCreatedEvent, tmp_path / "a" / "d")


def test_a_poller_without_a_rest_polls_all_the_same(refused, tmp_path):
    heard = Heard()
    observer = watchdog.PollingObserver(timeout=0)
    observer.schedule(heard, str(tmp_path))
    with running(observer):
        (tmp_path / "a").mkdir()
        heard.until(words.DirCreatedEvent, tmp_path / "a")


@pytest.mark.parametrize("how", ["polled", "watched"])
def test_a_directory_that_is_not_at_its_place_any_more_ends_what_was_a_poller(request, tmp_path, how):
    if how == "polled":
        request.getfixturevalue("refused")
    (tmp_path / "a").mkdir()
    heard = Heard()
    observer = watchdog.PollingObserver(timeout=0.05)
    observer.schedule(heard, str(tmp_path / "a"), recursive=True)
    with running(observer):
        (emitter,) = observer.emitters
        (tmp_path / "a").rename(tmp_path / "b")
        assert heard.until(words.DirDeletedEvent, tmp_path / "a") == [("DirDeletedEvent", str(tmp_path / "a"))]
        emitter.join(PATIENCE_S)
        assert not emitter.is_alive()


def test_a_difference_in_a_directory_that_was_moved_in_is_no_part_of_that(tmp_path):
    taker = Taker(str(tmp_path), 1)
    told = [
        Event.of("1/r/a", Mask.MOVED_TO | Mask.ISDIR),
        Event.of("1/r/a/along", Mask.CREATE, cause=Cause.MOVED_IN),
        Event.of("1/r/a/lost", Mask.CREATE, cause=Cause.LOSS),
    ]
    said = [
        (event.src_path[len(str(tmp_path)) :], event.is_synthetic)
        for event in Wording(taker, full=False, only=None).say(told)
    ]
    assert said == [("/a", False), ("", False), ("/a/along", True), ("/a/lost", False), ("/a", False)]


def test_polling_stays_polling_unless_it_is_asked_for(installed):
    assert PollingObserver.__init__.__module__ == "watchdog.observers.polling"


CHILD = """
    import subprocess, sys
    show = '''
    from watchdog.observers import Observer
    from watchdog.observers.polling import PollingObserver
    for kind in (Observer, PollingObserver):
        observer = kind()
        print(type(getattr(observer, "_inotify_fd", None)).__module__)
        observer.stop()
    '''
    import textwrap
    sys.exit(subprocess.call([sys.executable, "-c", textwrap.dedent(show)]))
"""


def test_a_program_and_the_python_that_it_starts_are_run_on_ours():
    module = "inotify_cffi.compat.hub"
    assert python(CHILD, "-m", "inotify_cffi.compat.watchdog").split()[0] == module
    assert python(CHILD, "-m", "inotify_cffi.compat.watchdog").split()[1] != module
    assert python(CHILD, "-m", "inotify_cffi.compat.watchdog", "--polling").split() == [module, module]


def test_a_program_without_watchdog_is_run_without_the_library():
    out = python("import sys; print('inotify_cffi' in sys.modules)", "-m", "inotify_cffi.compat.watchdog")
    assert out.split() == ["False"]


def test_the_sitecustomize_that_is_hidden_is_read_too(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.seen = True")
    out = python("import sys; print(sys.seen)", "-m", "inotify_cffi.compat.watchdog", PYTHONPATH=str(tmp_path))
    assert out.split() == ["True"]


def test_without_a_program_it_is_wrong_usage():
    done = subprocess.run(
        [sys.executable, "-m", "inotify_cffi.compat.watchdog"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m inotify_cffi.compat.watchdog")


def test_a_program_that_is_not_there_is_said():
    done = subprocess.run(
        [sys.executable, "-m", "inotify_cffi.compat.watchdog", "no-such-program"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 127
    assert done.stderr == "no-such-program: No such file or directory\n"
