"""The generator of the drop-in: its cycles, what ends it, and what is kept for the next one."""

from __future__ import annotations

import itertools
import os
import select
import signal
import time

import pytest
from drop_in import brief, drain, more_than_the_queue_holds

from inotify_cffi import constants
from inotify_cffi.adapters import Inotify, InotifyTree, InotifyTrees, TerminalEventException


@pytest.fixture(params=["flat", "tree", "trees"])
def make(request, tmp_path):
    """Make a watch of each kind, of the test's own directory and for creations alone."""
    made = []

    def make(block_duration_s=0, mask=constants.IN_CREATE):
        if request.param == "flat":
            watch = Inotify(block_duration_s=block_duration_s)
            watch.add_watch(os.fspath(tmp_path), mask)
        elif request.param == "tree":
            watch = InotifyTree(os.fspath(tmp_path), mask, block_duration_s)
        else:
            watch = InotifyTrees([os.fspath(tmp_path)], mask, block_duration_s)
        made.append(watch)
        return watch

    yield make
    for watch in made:
        watch.close()


@pytest.fixture
def watch(make):
    return make()


@pytest.fixture
def touch(tmp_path):
    """Make files in the watched directory."""

    def touch(*names):
        for name in names:
            (tmp_path / name).touch()

    return touch


def last_success_return(watch):
    return getattr(watch, "inotify", watch).last_success_return


def names_in(events):
    return [event and event[3] for event in events]


class Cycles:
    """A block duration of 0 that counts how often it is asked."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return 0


# --- cycles ---


def test_none_ends_each_cycle_also_one_that_had_events(watch, touch):
    touch("one", "two")
    events = watch.event_gen()
    assert names_in(next(events) for _ in range(5)) == ["one", "two", None, None, None]


def test_no_none_comes_if_it_is_not_wanted(watch, touch):
    touch("one")
    assert names_in(watch.event_gen(timeout_s=0, yield_nones=False)) == ["one"]


def test_what_happens_while_events_are_handed_out_comes_in_the_next_cycle(watch, touch):
    touch("one")
    events = watch.event_gen()
    assert next(events)[3] == "one"
    touch("two")
    assert names_in([next(events), next(events)]) == [None, "two"]


def test_a_callable_block_duration_is_asked_in_each_cycle(make):
    cycles = Cycles()
    events = make(cycles).event_gen()
    assert [next(events) for _ in range(3)] == [None, None, None]
    assert cycles.count == 3


def test_a_type_error_in_a_callable_block_duration_comes_out(make):
    def broken():
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        next(make(broken).event_gen())


@pytest.mark.parametrize("block_duration_s", [None, -1, lambda: None])
def test_without_a_block_duration_a_cycle_waits_until_something_happens(make, touch, background, block_duration_s):
    reader = background(next, make(block_duration_s).event_gen()).until_blocked()
    touch("one")
    assert reader.result()[3] == "one"


def test_an_event_ends_the_wait_at_once(make, touch, when_main_is_blocked):
    when_main_is_blocked(touch, "one")
    assert next(make(block_duration_s=3600).event_gen())[3] == "one"


def test_ctrl_c_ends_the_wait_at_once(make, when_main_is_blocked, signal_main):
    when_main_is_blocked(signal_main, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        next(make(block_duration_s=3600).event_gen())


# --- timeout_s ---


def test_a_timeout_of_0_takes_one_cycle_and_gives_no_none(make):
    begin = time.monotonic()
    assert list(make(block_duration_s=0.05).event_gen(timeout_s=0)) == []
    assert time.monotonic() - begin >= 0.05


def test_a_timeout_of_two_and_a_half_cycles_takes_three_and_gives_two_nones(make):
    # Half a second for whatever else the machine has to do.
    watch = make(block_duration_s=1)
    begin = time.monotonic()
    assert list(watch.event_gen(timeout_s=2.5)) == [None, None]
    assert time.monotonic() - begin >= 3


def test_events_of_the_cycle_that_times_out_are_handed_out(watch, touch):
    touch("one", "two")
    assert names_in(watch.event_gen(timeout_s=0)) == ["one", "two"]


def test_each_event_begins_the_timeout_anew(make, touch):
    cycles = Cycles()
    events = make(cycles).event_gen(timeout_s=0.2)
    next(events)
    begin = time.monotonic()
    touch("one")
    assert names_in(next(events) for _ in range(2)) == ["one", None]
    handed_out = time.monotonic()
    assert set(events) == {None}
    assert time.monotonic() - handed_out >= 0.2 - (handed_out - begin)


def test_a_wall_clock_that_is_set_does_not_end_the_generator(watch, monkeypatch):
    hours = itertools.count()
    monkeypatch.setattr(time, "time", lambda: next(hours) * 3600)
    events = watch.event_gen(timeout_s=1800)
    assert [next(events) for _ in range(5)] == [None] * 5


# --- filter_predicate ---


def test_the_predicate_is_asked_for_each_name_of_each_event(watch, tmp_path, touch):
    touch("file")
    (tmp_path / "dir").mkdir()
    asked = []
    drain(watch, filter_predicate=lambda name, event: asked.append((name, event[3])))
    assert asked == [("IN_CREATE", "file"), ("IN_CREATE", "dir"), ("IN_ISDIR", "dir")]


def test_false_ends_the_generator_without_the_event_which_is_the_last_success_return(watch, touch):
    touch("one", "two", "three")
    events = list(watch.event_gen(filter_predicate=lambda _, event: event[3] != "two"))
    assert names_in(events) == ["one"]
    name, event = last_success_return(watch)
    assert (name, event[3]) == ("IN_CREATE", "two")


@pytest.mark.parametrize("answer", [None, 0, "", [], True])
def test_only_false_itself_ends_the_generator(watch, touch, answer):
    touch("one")
    events = drain(watch, filter_predicate=lambda name, event: answer)
    assert names_in(events) == ["one"]
    assert last_success_return(watch) is None


def test_the_last_success_return_is_forgotten_when_another_generator_starts(watch, touch):
    touch("one")
    list(watch.event_gen(filter_predicate=lambda name, event: False))
    events = watch.event_gen()
    assert last_success_return(watch) is not None
    next(events)
    assert last_success_return(watch) is None


def test_an_exception_of_the_predicate_comes_out(watch, touch):
    touch("one")
    with pytest.raises(ZeroDivisionError):
        list(watch.event_gen(filter_predicate=lambda name, event: 1 / 0))


# --- terminal_events ---


def test_a_terminal_event_is_raised_and_not_handed_out(watch, touch):
    touch("one")
    with pytest.raises(TerminalEventException) as caught:
        list(watch.event_gen(terminal_events=["IN_CREATE"]))
    assert caught.value.args == ("IN_CREATE",)
    assert brief([caught.value.event])[0][::2] == ("CREATE", "one")
    assert last_success_return(watch) is None


def test_false_of_the_predicate_wins_over_a_terminal_event(watch, touch):
    touch("one")
    assert list(watch.event_gen(filter_predicate=lambda *_: False, terminal_events=["IN_CREATE"])) == []
    assert last_success_return(watch)[0] == "IN_CREATE"


def test_an_earlier_terminal_name_wins_over_false_for_a_later_one(watch, tmp_path):
    (tmp_path / "dir").mkdir()
    with pytest.raises(TerminalEventException):
        list(watch.event_gen(filter_predicate=lambda name, _: name != "IN_ISDIR", terminal_events=["IN_CREATE"]))


# --- what was read is kept ---


def read_one(events):
    next(events)
    events.close()


def stop_at_one(watch):
    list(watch.event_gen(filter_predicate=lambda *_: False))


def fail_at_one(watch):
    with pytest.raises(TerminalEventException):
        list(watch.event_gen(terminal_events=["IN_CREATE"]))


@pytest.mark.parametrize("end", [lambda watch: read_one(watch.event_gen()), stop_at_one, fail_at_one])
def test_what_was_read_when_a_generator_ends_comes_first_from_the_next_without_a_wait(make, touch, end):
    watch = make(block_duration_s=3600)
    touch("one", "two", "three")
    end(watch)
    touch("four")
    events = watch.event_gen()
    assert names_in(next(events) for _ in range(3)) == ["two", "three", "four"]


def test_the_descriptor_is_readable_when_something_happened(watch, touch):
    assert not is_readable(watch)
    touch("one")
    assert is_readable(watch)
    drain(watch)
    assert not is_readable(watch)


def test_the_descriptor_is_readable_while_something_that_was_read_is_kept(watch, touch):
    touch("one", "two")
    read_one(watch.event_gen())
    assert is_readable(watch)
    assert names_in(drain(watch)) == ["two"]
    assert not is_readable(watch)


def is_readable(watch):
    return bool(select.select([watch], [], [], 0)[0])


# --- overflow and unmount ---


@pytest.fixture
def overflown(make, tmp_path):
    """A watch whose queue ran over."""
    watch = make(mask=constants.IN_ATTRIB)
    more_than_the_queue_holds(tmp_path)
    return watch


ONE_OF_EACH = pytest.mark.parametrize("make", ["flat", "tree"], indirect=True)


@ONE_OF_EACH
def test_an_overflow_is_raised(overflown):
    with pytest.raises(TerminalEventException) as caught:
        list(overflown.event_gen())
    header, names, path, filename = caught.value.event
    assert (caught.value.args, names) == (("IN_Q_OVERFLOW",), ["IN_Q_OVERFLOW"])
    assert (header, path, filename) == ((-1, constants.IN_Q_OVERFLOW, 0, 0), "", "")


@ONE_OF_EACH
def test_an_overflow_is_handed_out_if_it_is_not_terminal(overflown):
    names = {name for event in drain(overflown, terminal_events=()) for name in event[1]}
    assert "IN_Q_OVERFLOW" in names


@ONE_OF_EACH
def test_the_generator_behind_an_overflow_goes_on(overflown, tmp_path):
    with pytest.raises(TerminalEventException):
        drain(overflown)
    drain(overflown)
    os.utime(tmp_path / "one")
    assert ("ATTRIB", os.fspath(tmp_path), "one") in brief(drain(overflown))


def test_an_unmount_is_raised(python, private, tmp_path):
    """In a mount namespace of its own."""
    code = """
        import subprocess, sys
        from inotify_cffi.adapters import Inotify, InotifyTree, TerminalEventException
        path = sys.argv[1]
        for make in (lambda: Inotify([path], 0), lambda: InotifyTree(path, block_duration_s=0)):
            subprocess.run(["mount", "-t", "tmpfs", "none", path], check=True)
            with make() as watch:
                subprocess.run(["umount", path], check=True)
                try:
                    list(watch.event_gen(timeout_s=0))
                except TerminalEventException as error:
                    print(error, error.event[1], error.event[2] == path)
    """
    assert python(code, tmp_path, prefix=private) == "IN_UNMOUNT ['IN_UNMOUNT', 'IN_ISDIR'] True\n" * 2


# --- the end ---


def test_close_ends_the_generator(watch, touch):
    touch("one", "two")
    events = watch.event_gen()
    next(events)
    watch.close()
    assert list(events) == []
    assert list(watch.event_gen()) == []


@pytest.mark.usefixtures("no_fd_left")
def test_close_ends_a_wait_in_another_thread(make, background):
    watch = make(block_duration_s=None)
    reader = background(list, watch.event_gen()).until_blocked()
    watch.close()
    assert reader.result() == []


def test_a_with_block_closes(make):
    with make() as watch:
        events = watch.event_gen()
        assert next(events) is None
    assert list(events) == []
