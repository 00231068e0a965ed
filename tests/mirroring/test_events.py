"""An event as a value: immutable, comparable, picklable, readable; str or bytes."""

import copy
import os
import pickle
import sys

import pytest

from inotify_cffi import Cause, Event, Mask, RawEvent, events, flag_names
from inotify_cffi.events import ITSELF, UnwatchedEvent

CREATED = Event.of("/srv/in/a", Mask.CREATE | Mask.ISDIR, wd=3)
MOVED = Event.of("/srv/in/b", Mask.MOVED_TO, moved_from="/srv/in/a", cookie=7, wd=3)
FIELDS = ("path", "mask", "moved_from", "cookie", "wd", "watch_path", "name", "cause", "synthetic")
PYPY = sys.implementation.name == "pypy"
REFUSED = PermissionError(13, "Permission denied", "/srv/in/a")


def unwatched(error=REFUSED, path="/srv/in/a"):
    mask = int(Mask.UNWATCHED | Mask.ISDIR)
    return UnwatchedEvent((path, mask, None, 0, -1, ITSELF, True, path[:0], error))


def calls_of(look):
    """How many calls of Python a look makes besides its own."""
    calls = []
    sys.setprofile(lambda frame, what, _: calls.append(frame.f_code.co_name) if what == "call" else None)
    try:
        look()
    finally:
        sys.setprofile(None)
    return len(calls) - 1


def test_an_event_knows_its_directory_and_its_name():
    assert (CREATED.watch_path, CREATED.name) == ("/srv/in", "a")


def test_the_defaults_say_that_no_watch_reported_it():
    event = Event.of("a", Mask.CREATE)
    assert (event.moved_from, event.cookie, event.wd, event.cause, event.synthetic) == (
        None,
        0,
        -1,
        Cause.KERNEL,
        False,
    )


@pytest.mark.parametrize("field", [*FIELDS, "flags", "names", "is_dir", "error"])
def test_no_field_can_be_set(field):
    with pytest.raises(AttributeError):
        setattr(CREATED, field, None)


def test_no_field_can_be_added():
    with pytest.raises(AttributeError):
        CREATED.note = "mine"


def test_no_field_can_be_replaced_by_its_place():
    with pytest.raises(TypeError):
        CREATED[0] = "/elsewhere"


def test_the_mask_is_a_plain_integer():
    assert type(CREATED.mask) is int


def test_flags_and_names_tell_the_mask():
    assert CREATED.flags is Mask.CREATE | Mask.ISDIR
    assert CREATED.names == ("CREATE", "ISDIR")


def test_events_with_one_mask_share_what_it_says():
    other = Event.of("/elsewhere", Mask.CREATE | Mask.ISDIR)
    assert other.names is CREATED.names
    assert other.flags is CREATED.flags


def test_a_mask_with_a_bit_without_a_name_hides_nothing():
    event = Event((*CREATED[:1], 0x100000 | Mask.CREATE, *CREATED[2:]))
    assert event.names == ("CREATE", "0x100000")
    assert int(event.flags) == event.mask


def test_masks_that_somebody_makes_up_are_not_all_kept(monkeypatch):
    monkeypatch.setattr(events, "MOST_MASKS", len(events._NAMES) + 2)
    for mask in range(1, 200):
        event = Event.of("/a", mask << 7)
        assert event.names == tuple(flag_names(event.mask))
        assert event.flags == Mask(event.mask)
    assert max(len(events._NAMES), len(events._FLAGS)) <= events.MOST_MASKS


@pytest.mark.skipif(PYPY, reason="its operator module is Python")
@pytest.mark.parametrize("field", [*FIELDS[:5], "name"])
def test_no_call_of_python_stands_between_a_reader_and_a_field(field):
    """Nor is there one in a subclass; what is cut out of a field or looked up takes one, and no more."""
    other = unwatched()
    assert calls_of(lambda: (getattr(CREATED, field), getattr(other, field))) == 0


@pytest.mark.skipif(PYPY, reason="its calls are compiled away")
@pytest.mark.parametrize("field", ["names", "flags", "is_dir"])
def test_what_is_made_of_a_field_takes_one_call_of_python(field):
    getattr(CREATED, field)
    assert calls_of(lambda: getattr(CREATED, field)) == 1


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_is_documented(field):
    assert getattr(Event, field).__doc__


@pytest.mark.parametrize(
    ("path", "name"), [("/a/b", "b"), ("/a/", ""), ("a", "a"), ("/a", "a"), ("//", ""), ("", "")]
)
@pytest.mark.parametrize("kind", [os.fsdecode, os.fsencode])
def test_the_name_is_what_stands_behind_the_last_slash(path, name, kind):
    assert Event.of(kind(path), Mask.CREATE).name == kind(name)
    assert unwatched(path=kind(path)).name == kind("")


def test_is_dir_tells_directories():
    assert (CREATED.is_dir, MOVED.is_dir) == (True, False)


def test_equal_fields_make_equal_events_with_equal_hashes():
    same = Event.of("/srv/in/a", Mask.CREATE | Mask.ISDIR, wd=3)
    assert same == CREATED
    assert hash(same) == hash(CREATED)
    assert same != MOVED


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("event", [CREATED, MOVED, Event.of(b"/a/\xff", Mask.DELETE, cause=Cause.LOOK)])
def test_a_pickled_event_comes_back_as_it_was(event, protocol):
    restored = pickle.loads(pickle.dumps(event, protocol))
    assert restored == event
    assert type(restored) is Event


def test_a_pickled_unwatched_event_keeps_its_reason():
    restored = pickle.loads(pickle.dumps(unwatched()))
    assert type(restored) is UnwatchedEvent
    assert (restored.error.errno, restored.error.filename) == (13, "/srv/in/a")


def test_a_copy_is_equal():
    assert copy.deepcopy(MOVED) == copy.copy(MOVED) == MOVED


def test_only_an_unwatched_event_has_an_error():
    assert CREATED.error is None
    assert unwatched().error is REFUSED


def test_str_reads_as_what_happened_and_where():
    assert str(CREATED) == "CREATE,ISDIR /srv/in/a"


def test_str_of_a_move_tells_both_ends():
    assert str(MOVED) == "MOVED_TO /srv/in/b (from /srv/in/a)"


def test_str_of_bytes_reads_the_same():
    assert str(Event.of(b"/b", Mask.MOVED_TO, moved_from=b"/a")) == "MOVED_TO /b (from /a)"


def test_str_of_a_name_that_is_not_utf8_does_not_fail():
    assert os.fsencode(str(Event.of(b"/\xff\n", Mask.CREATE))) == b"CREATE /\xff\n"


def test_repr_shows_what_is_not_the_default():
    assert repr(CREATED) == "<Event '/srv/in/a' CREATE|ISDIR>"
    assert repr(MOVED) == "<Event '/srv/in/b' MOVED_TO moved_from='/srv/in/a'>"
    assert repr(Event.of(b"/\xff", Mask.DELETE, cause=Cause.LOOK)) == r"<Event b'/\xff' DELETE cause=LOOK>"


def test_bytes_in_bytes_out():
    event = Event.of(b"/srv/\xff/a", Mask.CREATE)
    assert (event.path, event.watch_path, event.name) == (b"/srv/\xff/a", b"/srv/\xff", b"a")


def test_an_event_holds_nothing_but_its_fields():
    assert not hasattr(CREATED, "__dict__")
    # The directory is cut out of the path, and what is synthetic has a cause.
    assert len(CREATED) == len(FIELDS) - 1


def test_a_raw_event_is_the_kernels_record():
    assert RawEvent(1, 256, 0, b"a")._asdict() == {"wd": 1, "mask": 256, "cookie": 0, "name": b"a"}
