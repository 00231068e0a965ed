"""The interface of pyinotify: written from its documentation, so these tests say what that is."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import threading

import pytest

from inotify_cffi.compat import pyinotify, pyinotify_notifier
from inotify_cffi.compat.pyinotify import (
    ALL_EVENTS,
    IN_CLOSE_WRITE,
    IN_CREATE,
    IN_DELETE,
    IN_ISDIR,
    IN_MODIFY,
    IN_MOVE_SELF,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    IN_Q_OVERFLOW,
)

PATIENCE_S = 40
MOVED = IN_MOVED_FROM | IN_MOVED_TO


class World:
    """A manager, a notifier, and what was told."""

    def __init__(self, **options):
        self.manager = pyinotify.WatchManager(**options)
        self.events = []
        self.notifier = pyinotify.Notifier(self.manager, self.events.append)

    def told(self):
        """Process all that was done; what was told since the last time."""
        while self.notifier.check_events(0):
            self.notifier.read_events()
            self.notifier.process_events()
        events, self.events[:] = list(self.events), []
        return events

    def said(self):
        return [(event.maskname, event.pathname) for event in self.told()]


@pytest.fixture
def world():
    made = World()
    yield made
    made.notifier.stop()


def test_every_flag_is_a_name_of_the_module():
    names = set(dir(pyinotify))
    flags = pyinotify.EventsCodes.ALL_FLAGS
    assert set(flags) <= names
    assert len([name for name in flags if name.startswith("IN_")]) == 21
    assert all(getattr(pyinotify, name) == value for name, value in flags.items())
    assert pyinotify.EventsCodes.FLAG_COLLECTIONS["OP_FLAGS"]["IN_CREATE"] == IN_CREATE == 0x100
    assert ALL_EVENTS == 0xFFF


def test_a_name_of_a_mask():
    assert pyinotify.EventsCodes.maskname(IN_CREATE) == "IN_CREATE"
    assert pyinotify.EventsCodes.maskname(IN_CREATE | IN_ISDIR) == "IN_CREATE|IN_ISDIR"


def test_an_event_has_its_fields(world, tmp_path):
    wd = world.manager.add_watch(str(tmp_path), IN_CREATE)[str(tmp_path)]
    (tmp_path / "a").mkdir()
    (event,) = world.told()
    assert (event.wd, event.mask, event.maskname) == (wd, IN_CREATE | IN_ISDIR, "IN_CREATE|IN_ISDIR")
    assert (event.path, event.name, event.pathname, event.dir) == (
        str(tmp_path),
        "a",
        str(tmp_path / "a"),
        True,
    )
    assert not hasattr(event, "cookie")
    assert repr(event) == (
        f"<Event dir=True mask=0x40000100 maskname=IN_CREATE|IN_ISDIR name=a path={tmp_path} "
        f"pathname={tmp_path}/a wd={wd} >"
    )


def test_both_halves_of_a_move_have_the_cookie_and_the_second_one_where_it_came_from(world, tmp_path):
    (tmp_path / "a").touch()
    world.manager.add_watch(str(tmp_path), MOVED)
    (tmp_path / "a").rename(tmp_path / "b")
    left, came = world.told()
    assert left.cookie == came.cookie != 0
    assert (left.pathname, came.src_pathname, came.pathname) == (
        str(tmp_path / "a"),
        str(tmp_path / "a"),
        str(tmp_path / "b"),
    )


def test_add_watch_returns_a_number_for_each_directory(world, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    done = world.manager.add_watch(str(tmp_path), IN_CREATE, rec=True)
    assert set(done) == {str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")}
    assert sorted(done.values()) == sorted(world.manager.watches)
    watch = world.manager.get_watch(done[str(tmp_path)])
    assert (watch.path, watch.mask, watch.auto_add, watch.dir) == (str(tmp_path), IN_CREATE, False, True)
    assert world.manager.get_wd(str(tmp_path / "a")) == done[str(tmp_path / "a")]
    assert world.manager.get_path(done[str(tmp_path / "a")]) == str(tmp_path / "a")


def test_a_list_of_paths_and_patterns_are_added(world, tmp_path):
    for name in ("a1", "a2", "b"):
        (tmp_path / name).mkdir()
    done = world.manager.add_watch([str(tmp_path / "a*"), str(tmp_path / "b")], IN_CREATE, do_glob=True)
    assert set(done) == {str(tmp_path / name) for name in ("a1", "a2", "b")}


def test_what_is_excluded_and_all_below_is_not_watched(tmp_path):
    (tmp_path / "no" / "below").mkdir(parents=True)
    (tmp_path / "yes").mkdir()
    excludes = pyinotify.ExcludeFilter([f"{tmp_path}/no"])
    world = World(exclude_filter=excludes)
    done = world.manager.add_watch(str(tmp_path), IN_CREATE, rec=True)
    assert done[str(tmp_path / "no")] == -2
    assert sorted(watch.path for watch in world.manager.watches.values()) == [str(tmp_path), str(tmp_path / "yes")]
    world.notifier.stop()


def test_patterns_may_be_in_a_file(tmp_path):
    (tmp_path / "patterns").write_text("# comment\n\n/etc/rc.*\n")
    excludes = pyinotify.ExcludeFilter(str(tmp_path / "patterns"))
    assert excludes("/etc/rc.local")
    assert not excludes("/etc/hosts")
    with pytest.raises(TypeError):
        pyinotify.ExcludeFilter(3)


def test_what_fails_is_a_negative_number_or_an_error(world, tmp_path):
    missing = str(tmp_path / "missing")
    assert world.manager.add_watch([missing, 3], IN_CREATE) == {missing: -1, 3: -3}
    with pytest.raises(pyinotify.WatchManagerError) as caught:
        world.manager.add_watch([str(tmp_path), missing], IN_CREATE, quiet=False)
    assert caught.value.wmd == {str(tmp_path): world.manager.get_wd(str(tmp_path)), missing: -1}


def test_a_watch_is_changed(world, tmp_path):
    wd = world.manager.add_watch(str(tmp_path), IN_CREATE)[str(tmp_path)]
    assert world.manager.update_watch(wd, mask=IN_DELETE) == {wd: True}
    (tmp_path / "a").touch()
    (tmp_path / "a").unlink()
    assert world.said() == [("IN_DELETE", str(tmp_path / "a"))]
    with pytest.raises(pyinotify.WatchManagerError):
        world.manager.update_watch(wd + 1, mask=IN_DELETE, quiet=False)


def test_watches_are_removed_with_those_below(world, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "ab").mkdir()
    done = world.manager.add_watch(str(tmp_path), IN_CREATE, rec=True)
    below = {done[str(tmp_path / "a")], done[str(tmp_path / "a" / "b")]}
    assert world.manager.rm_watch(done[str(tmp_path / "a")], rec=True) == dict.fromkeys(below, True)
    (tmp_path / "a" / "b" / "c").touch()
    (tmp_path / "ab" / "c").touch()
    assert world.said() == [("IN_CREATE", str(tmp_path / "ab" / "c"))]
    assert world.manager.rm_watch(999) == {999: False}
    with pytest.raises(pyinotify.WatchManagerError):
        world.manager.rm_watch(999, quiet=False)


def test_a_new_directory_is_watched_and_what_is_in_it_told(world, tmp_path):
    world.manager.add_watch(str(tmp_path), IN_CREATE, rec=True, auto_add=True)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").touch()
    assert world.said() == [
        ("IN_CREATE|IN_ISDIR", str(tmp_path / "a")),
        ("IN_CREATE|IN_ISDIR", str(tmp_path / "a" / "b")),
        ("IN_CREATE", str(tmp_path / "a" / "b" / "c")),
    ]
    (tmp_path / "a" / "b" / "d").touch()
    assert world.said() == [("IN_CREATE", str(tmp_path / "a" / "b" / "d"))]


@pytest.mark.parametrize("when", ["before the watch", "before the listing", "behind the listing"])
def test_what_comes_while_a_directory_is_taken_in_is_told_once(world, tmp_path, monkeypatch, when):
    add, lists = world.manager.instance.add_watch, pyinotify_notifier.listing

    def make():
        (tmp_path / "a" / "b").mkdir()
        (tmp_path / "a" / "b" / "c").touch()

    def add_watch(path, mask):
        if path == str(tmp_path / "a") and when == "before the watch":
            make()
        return add(path, mask)

    def listing(path):
        if path == str(tmp_path / "a") and when == "before the listing":
            make()
        found = lists(path)
        if path == str(tmp_path / "a") and when == "behind the listing":
            make()
        return found

    world.manager.add_watch(str(tmp_path), IN_CREATE | IN_DELETE, auto_add=True)
    monkeypatch.setattr(world.manager.instance, "add_watch", add_watch)
    monkeypatch.setattr(pyinotify_notifier, "listing", listing)
    (tmp_path / "a").mkdir()
    assert world.said() == [
        ("IN_CREATE|IN_ISDIR", str(tmp_path / "a")),
        ("IN_CREATE|IN_ISDIR", str(tmp_path / "a" / "b")),
        ("IN_CREATE", str(tmp_path / "a" / "b" / "c")),
    ]


def test_what_is_made_anew_behind_a_listing_is_told_again(world, tmp_path, monkeypatch):
    lists = pyinotify_notifier.listing

    def listing(path):
        for _ in range(2):
            (tmp_path / "a" / "x").touch()
            (tmp_path / "a" / "x").unlink()
        (tmp_path / "a" / "x").touch()
        return lists(path)

    world.manager.add_watch(str(tmp_path), IN_CREATE | IN_DELETE, auto_add=True)
    monkeypatch.setattr(pyinotify_notifier, "listing", listing)
    (tmp_path / "a").mkdir()
    told = [name for name, path in world.said() if path == str(tmp_path / "a" / "x")]
    assert told == ["IN_CREATE", "IN_DELETE", "IN_CREATE", "IN_DELETE", "IN_CREATE"]


def test_a_renamed_directory_has_its_new_path_without_its_own_event(world, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    world.manager.add_watch(str(tmp_path), IN_CREATE | MOVED, rec=True)
    (tmp_path / "a").rename(tmp_path / "z")
    (tmp_path / "z" / "b" / "c").touch()
    assert world.said()[-1] == ("IN_CREATE", str(tmp_path / "z" / "b" / "c"))


def test_a_directory_that_moved_in_is_watched_and_what_is_in_it_told(world, tmp_path):
    (tmp_path / "outside" / "b").mkdir(parents=True)
    (tmp_path / "inside").mkdir()
    world.manager.add_watch(str(tmp_path / "inside"), IN_CREATE | MOVED, auto_add=True)
    (tmp_path / "outside").rename(tmp_path / "inside" / "a")
    assert world.said() == [
        ("IN_MOVED_TO|IN_ISDIR", str(tmp_path / "inside" / "a")),
        ("IN_CREATE|IN_ISDIR", str(tmp_path / "inside" / "a" / "b")),
    ]
    (tmp_path / "inside" / "a" / "b" / "c").touch()
    assert world.said() == [("IN_CREATE", str(tmp_path / "inside" / "a" / "b" / "c"))]


def test_what_moved_to_where_nobody_looks_has_an_unknown_path(world, tmp_path, caplog):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    wd = world.manager.add_watch(str(tmp_path / "a"), IN_MOVE_SELF)[str(tmp_path / "a")]
    (tmp_path / "a").rename(tmp_path / "b" / "a")
    assert [event.maskname for event in world.told()] == ["IN_MOVE_SELF"]
    assert world.manager.get_path(wd) == f"{tmp_path}/a-unknown-path"
    assert "not known any more" in caplog.text


def test_a_file_that_moved_has_its_new_path(world, tmp_path):
    (tmp_path / "a").touch()
    world.manager.add_watch(str(tmp_path), MOVED)
    wd = world.manager.add_watch(str(tmp_path / "a"), IN_MOVE_SELF | IN_MODIFY)[str(tmp_path / "a")]
    (tmp_path / "a").rename(tmp_path / "b")
    world.told()
    assert world.manager.get_path(wd) == str(tmp_path / "b")


def test_a_watch_that_the_kernel_removed_is_forgotten(world, tmp_path):
    (tmp_path / "a").mkdir()
    wd = world.manager.add_watch(str(tmp_path / "a"), IN_DELETE)[str(tmp_path / "a")]
    (tmp_path / "a").rmdir()
    assert [event.maskname for event in world.told()] == ["IN_IGNORED"]
    assert wd not in world.manager.watches
    assert world.manager.get_wd(str(tmp_path / "a")) is None


def test_a_name_that_is_no_text_is_told(world, tmp_path):
    world.manager.add_watch(str(tmp_path), IN_CREATE)
    open(os.fsencode(tmp_path) + b"/\xff", "w").close()
    assert [event.name for event in world.told()] == ["\udcff"]


def test_the_processor_of_a_watch_goes_before_that_of_the_notifier(world, tmp_path):
    own = []
    world.manager.add_watch(str(tmp_path), IN_CREATE, proc_fun=own.append)
    (tmp_path / "a").touch()
    assert world.told() == []
    assert [event.name for event in own] == ["a"]


def test_ignored_events_are_dropped(world, tmp_path):
    world.manager.add_watch(str(tmp_path), IN_CREATE)
    world.manager.ignore_events = True
    (tmp_path / "a").touch()
    assert world.told() == []


def test_coalesced_events_are_told_once_in_a_batch(world, tmp_path):
    world.manager.add_watch(str(tmp_path), IN_MODIFY | IN_CLOSE_WRITE)
    world.notifier.coalesce_events()
    for _ in range(3):
        (tmp_path / "a").write_text("text")
    assert world.said() == [("IN_MODIFY", str(tmp_path / "a")), ("IN_CLOSE_WRITE", str(tmp_path / "a"))]


def test_below_the_threshold_nothing_is_read(tmp_path):
    manager, events = pyinotify.WatchManager(), []
    notifier = pyinotify.Notifier(manager, events.append, threshold=100)
    manager.add_watch(str(tmp_path), IN_CREATE)
    (tmp_path / "a").touch()
    notifier.read_events()
    notifier.process_events()
    assert events == []
    for number in range(4):
        (tmp_path / f"b{number}").touch()
    notifier.read_events()
    notifier.process_events()
    assert len(events) == 5
    notifier.stop()


def test_a_processor_finds_the_method_for_an_event():
    class Processor(pyinotify.ProcessEvent):
        def my_init(self, said):
            self.said = said

        def process_IN_CREATE(self, event):
            self.said.append("create")

        def process_IN_CLOSE(self, event):
            self.said.append("close")

        def process_default(self, event):
            self.said.append("default")

    processor = Processor(said=[])
    for mask in (IN_CREATE | IN_ISDIR, IN_CLOSE_WRITE, IN_DELETE):
        processor(pyinotify.Event({"mask": mask}))
    assert processor.said == ["create", "close", "default"]
    with pytest.raises(pyinotify.ProcessEventError):
        processor(type("Odd", (), {"mask": 0x1000})())


def test_processors_are_chained_until_one_says_stop():
    said = []
    chain = pyinotify.PrintAllEvents(
        pyinotify.ChainIfTrue(said.append, func=lambda event: event.mask == IN_CREATE), out=io.StringIO()
    )
    chain(pyinotify.Event({"mask": IN_CREATE}))
    chain(pyinotify.Event({"mask": IN_DELETE}))
    assert len(said) == 2
    assert chain._out.getvalue() == "<Event mask=0x100 maskname=IN_CREATE >\n"
    assert isinstance(chain.nested_pevent(), pyinotify.ChainIfTrue)


def test_an_overflow_goes_to_its_own_method(caplog):
    pyinotify.ProcessEvent()(pyinotify.Event({"mask": IN_Q_OVERFLOW}))
    assert caplog.messages == ["Event queue overflowed."]


def test_after_an_overflow_new_directories_are_watched(world, tmp_path):
    world.manager.add_watch(str(tmp_path), IN_CREATE, auto_add=True)
    (tmp_path / "a").mkdir()
    world.manager.instance.read()
    world.notifier._queue.append((-1, IN_Q_OVERFLOW, 0, ""))
    world.notifier.process_events()
    (tmp_path / "a" / "b").touch()
    assert [event.maskname for event in world.told()] == ["IN_Q_OVERFLOW", "IN_CREATE|IN_ISDIR", "IN_CREATE"]


def test_a_loop_ends_when_the_callback_says_so(tmp_path):
    manager, events = pyinotify.WatchManager(), []
    notifier = pyinotify.Notifier(manager, events.append, timeout=PATIENCE_S * 1000)
    manager.add_watch(str(tmp_path), IN_CREATE)
    (tmp_path / "a").touch()
    notifier.loop(callback=lambda each: each is notifier and bool(events))
    assert [event.name for event in events] == ["a"]
    notifier.stop()


def test_a_thread_tells_until_it_is_stopped(tmp_path):
    came = threading.Event()
    manager = pyinotify.WatchManager()
    notifier = pyinotify.ThreadedNotifier(manager, lambda event: came.set())
    manager.add_watch(str(tmp_path), IN_CREATE)
    notifier.start()
    (tmp_path / "a").touch()
    assert came.wait(PATIENCE_S)
    notifier.stop()
    assert not notifier.is_alive()
    notifier.stop()


def test_asyncio_tells(tmp_path):
    async def main():
        told = asyncio.get_running_loop().create_future()
        manager = pyinotify.WatchManager()
        notifier = pyinotify.AsyncioNotifier(
            manager, asyncio.get_running_loop(), default_proc_fun=told.set_result, callback=lambda _: None
        )
        manager.add_watch(str(tmp_path), IN_CREATE)
        (tmp_path / "a").touch()
        event = await asyncio.wait_for(told, PATIENCE_S)
        notifier.stop()
        return event.name

    assert asyncio.run(main()) == "a"


def test_tornado_tells(tmp_path):
    class Loop:
        READ = 1

        def add_handler(self, fd, handler, events):
            self.handlers = {fd: handler}

        def remove_handler(self, fd):
            del self.handlers[fd]

    loop, events, calls = Loop(), [], []
    manager = pyinotify.WatchManager()
    notifier = pyinotify.TornadoAsyncNotifier(manager, loop, calls.append, default_proc_fun=events.append)
    manager.add_watch(str(tmp_path), IN_CREATE)
    (tmp_path / "a").touch()
    loop.handlers[manager.get_fd()](manager.get_fd(), loop.READ)
    assert [event.name for event in events] == ["a"]
    assert calls == [notifier]
    notifier.stop()
    assert loop.handlers == {}


# --- who stops, and when ---


class Stopping:
    """A processor that stops its notifier at the first event."""

    def __init__(self):
        self.events = []

    def __call__(self, event):
        self.events.append(event.name)
        self.notifier.stop()


@pytest.fixture
def stopping(tmp_path):
    """Make a notifier of which two events are queued, and that is stopped while the first one is handed out."""

    def make(notifier_class, *arguments):
        manager, processor = pyinotify.WatchManager(), Stopping()
        processor.notifier = notifier_class(manager, *arguments, processor)
        manager.add_watch(str(tmp_path), IN_CREATE, auto_add=True)
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
        return processor

    return make


def test_a_processor_may_stop_the_loop_that_it_is_called_in(stopping):
    processor = stopping(pyinotify.Notifier)
    processor.notifier.loop()
    assert processor.events == ["a"]


def test_a_processor_may_stop_the_thread_that_it_is_called_in(stopping):
    processor = stopping(pyinotify.ThreadedNotifier)
    processor.notifier.start()
    processor.notifier.join(PATIENCE_S)
    assert not processor.notifier.is_alive()
    assert processor.events == ["a"]


def test_a_processor_may_stop_a_notifier_of_asyncio(stopping):
    async def main():
        processor = stopping(pyinotify.AsyncioNotifier, asyncio.get_running_loop(), None)
        while not processor.events:
            await asyncio.sleep(0)
        return processor.events

    assert asyncio.run(asyncio.wait_for(main(), PATIENCE_S)) == ["a"]


def test_a_thread_that_reads_now_and_then_is_stopped_at_once(tmp_path):
    manager = pyinotify.WatchManager()
    notifier = pyinotify.ThreadedNotifier(manager, read_freq=10 * PATIENCE_S)
    rests = threading.Event()
    rest, notifier._rest = notifier._rest, lambda seconds: (rests.set(), rest(seconds))
    manager.add_watch(str(tmp_path), IN_CREATE)
    notifier.start()
    (tmp_path / "a").touch()
    assert rests.wait(PATIENCE_S)
    stopper = threading.Thread(target=notifier.stop, daemon=True)
    stopper.start()
    stopper.join(PATIENCE_S)
    assert not stopper.is_alive()


def test_notifiers_of_event_loops_take_what_others_take_in_the_same_order(tmp_path):
    class Loop:
        READ = 1

        def add_reader(self, *_arguments):
            pass

        add_handler = remove_reader = remove_handler = add_reader

    for notifier_class in (pyinotify.AsyncioNotifier, pyinotify.TornadoAsyncNotifier):
        manager = pyinotify.WatchManager()
        notifier = notifier_class(manager, Loop(), None, print, 1, 2, 3)
        assert notifier.proc_fun() is print
        assert (notifier._read_freq, notifier._threshold, notifier._timeout) == (1, 2, 3)
        notifier.stop()


DAEMON = """
import os, sys
from inotify_cffi.compat import pyinotify

fd, directory, pid_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
os.chdir(directory)
manager = pyinotify.WatchManager()
def told(event):
    print(event.maskname, flush=True)
    os.write(fd, f"{event.pathname} {os.getpid()} {os.getppid()} {os.getcwd()}\\n".encode())
    notifier.stop()
notifier = pyinotify.Notifier(manager, told)
manager.add_watch(".", pyinotify.IN_CREATE)
open("a", "w").close()
notifier.loop(daemonize=True, pid_file=pid_file, stdout=directory + "/out")
os.write(fd, b"over\\n")
"""


def test_a_loop_goes_on_in_a_daemon_with_what_was_queued_before(tmp_path):
    pid_file = tmp_path / "pid"
    there = tmp_path / "there"
    there.mkdir()
    reads, writes = os.pipe()
    command = [sys.executable, "-c", DAEMON, str(writes), str(there), str(pid_file)]
    try:
        with subprocess.Popen(command, pass_fds=[writes]) as process:
            assert process.wait(PATIENCE_S) == 0
    finally:
        os.close(writes)
    with open(reads, encoding="utf-8") as lines:
        path, pid, above, directory = lines.readline().split()
        # Its end closes the pipe, and comes behind all else.
        assert lines.read() == "over\n"
    assert (path, directory) == (str(there / "a"), "/")
    assert process.pid not in (int(pid), int(above))
    assert (there / "out").read_text() == "IN_CREATE\n"
    assert not pid_file.exists()


def test_a_daemon_that_is_there_already_is_an_error(world, tmp_path):
    (tmp_path / "pid").touch()
    with pytest.raises(pyinotify.NotifierError, match="already exists"):
        world.notifier.loop(daemonize=True, pid_file=str(tmp_path / "pid"))


def test_what_is_for_a_daemon_is_ignored_without_one(tmp_path):
    notifier = pyinotify.Notifier(pyinotify.WatchManager())
    notifier.loop(callback=lambda _: True, daemonize=False, pid_file="/nowhere")


# --- the rest of its names ---


def test_a_link_is_watched_and_nothing_below_it(world, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    assert set(world.manager.add_watch(str(tmp_path / "link"), IN_CREATE, rec=True)) == {str(tmp_path / "link")}


def test_a_directory_that_is_moved_to_where_new_ones_are_watched_is_watched(world, tmp_path):
    (tmp_path / "from" / "a").mkdir(parents=True)
    (tmp_path / "to").mkdir()
    world.manager.add_watch(str(tmp_path / "from"), MOVED)
    world.manager.add_watch(str(tmp_path / "to"), MOVED, auto_add=True)
    (tmp_path / "from" / "a").rename(tmp_path / "to" / "a")
    world.told()
    (tmp_path / "to" / "a" / "b").touch()
    assert world.said() == [("IN_CREATE", str(tmp_path / "to" / "a" / "b"))]


def test_a_watch_that_is_to_take_in_new_directories_from_now_on_hears_of_them(world, tmp_path):
    wd = world.manager.add_watch(str(tmp_path), IN_DELETE)[str(tmp_path)]
    assert world.manager.update_watch(wd, auto_add=True) == {wd: True}
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").touch()
    assert [path for _, path in world.said()] == [str(tmp_path / "a"), str(tmp_path / "a" / "b")]


def test_what_is_at_the_path_of_a_watch_now_is_not_watched_in_its_place(world, tmp_path):
    (tmp_path / "a").mkdir()
    wd = world.manager.add_watch(str(tmp_path / "a"), IN_CREATE)[str(tmp_path / "a")]
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "a").mkdir()
    assert world.manager.update_watch(wd, mask=IN_DELETE) == {wd: False}
    assert world.manager.instance.watched() == [wd]
    assert world.manager.get_watch(wd).mask == IN_CREATE


def test_a_comment_in_a_file_of_patterns_may_begin_with_a_space(tmp_path):
    (tmp_path / "patterns").write_text("  # not this\n  /etc/rc.* \n")
    excludes = pyinotify.ExcludeFilter(str(tmp_path / "patterns"))
    assert excludes("/etc/rc.local")
    assert not excludes("# not this")


def test_a_transient_file_is_watched_while_it_comes_and_goes(world, tmp_path):
    said = []

    class Transient(pyinotify.ProcessEvent):
        def process_default(self, event):
            said.append((event.maskname, event.name))

    done = world.manager.watch_transient_file(str(tmp_path / "pid"), IN_MODIFY, Transient)
    assert list(done) == [str(tmp_path)]
    for name in ("pid", "other"):
        (tmp_path / name).write_text("1")
        (tmp_path / name).unlink()
    assert world.told() == []
    assert said == [("IN_CREATE", "pid"), ("IN_MODIFY", "pid"), ("IN_DELETE", "pid")]
    assert world.manager.watch_transient_file("pid", IN_MODIFY, Transient) == {}


def test_events_are_counted(tmp_path):
    stats = pyinotify.Stats()
    assert str(stats) == ""
    for mask in (IN_CREATE | IN_ISDIR, IN_CREATE, IN_DELETE):
        stats(pyinotify.Event({"mask": mask}))
    assert repr(stats) == "<Stats ElapsedTime=0sec IN_CREATE=2 IN_DELETE=1 IN_ISDIR=1 >"
    stats.dump(str(tmp_path / "stats"))
    lines = (tmp_path / "stats").read_text().splitlines()
    assert [(line.split()[0], line.count("@"), line.split()[-1]) for line in lines] == [
        ("IN_CREATE", 45, "2"),
        ("IN_DELETE", 22, "1"),
        ("IN_ISDIR", 22, "1"),
    ]
    with pytest.raises(FileExistsError):
        stats.dump(str(tmp_path / "stats"))


@pytest.mark.parametrize(
    ("seconds", "said"), [(59, "59sec"), (61, "1mn1sec"), (3660, "1h1mn"), (90000, "1d1h")], ids=str
)
def test_a_time_has_two_units(seconds, said):
    from inotify_cffi.compat.pyinotify_extras import elapsed

    assert elapsed(seconds) == said


def test_limits_of_the_kernel_are_read():
    for name in ("max_queued_events", "max_user_instances", "max_user_watches"):
        with open(f"/proc/sys/fs/inotify/{name}", encoding="ascii") as file:
            value = int(file.read())
        limit = getattr(pyinotify, name)
        assert (limit.value, repr(limit)) == (value, f"<{name}={value}>")


def test_an_event_of_somebody_else_is_processed_behind_the_others(world, tmp_path):
    wd = world.manager.add_watch(str(tmp_path), IN_CREATE)[str(tmp_path)]
    raw = type("Raw", (), {"wd": wd, "mask": IN_MODIFY, "cookie": 0, "name": "x"})()
    world.notifier.append_event(raw)
    world.notifier.process_events()
    assert [(event.maskname, event.name) for event in world.events] == [("IN_MODIFY", "x")]
    world.manager.set_ignore_events(True)
    assert world.manager.get_ignore_events() is world.manager.ignore_events is True
