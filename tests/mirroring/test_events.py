"""An event as a value: immutable, comparable, picklable, readable; str or bytes."""

import copy
import os
import pickle

import pytest

from inotify_cffi import Cause, Event, Mask, RawEvent
from inotify_cffi.events import ITSELF, UnwatchedEvent

CREATED = Event.of("/srv/in/a", Mask.CREATE | Mask.ISDIR, wd=3)
MOVED = Event.of("/srv/in/b", Mask.MOVED_TO, moved_from="/srv/in/a", cookie=7, wd=3)
FIELDS = ("path", "mask", "moved_from", "cookie", "wd", "watch_path", "name", "cause", "synthetic")
REFUSED = PermissionError(13, "Permission denied", "/srv/in/a")


def unwatched(error=REFUSED):
    mask = int(Mask.UNWATCHED | Mask.ISDIR)
    return UnwatchedEvent(("/srv/in/a", mask, None, 0, -1, ITSELF, True, error))


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
    assert CREATED.names == ["CREATE", "ISDIR"]


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
    # The directory and the name are cut out of the path, and what is synthetic has a cause.
    assert len(CREATED) == len(FIELDS) - 2


def test_a_raw_event_is_the_kernels_record():
    assert RawEvent(1, 256, 0, b"a")._asdict() == {"wd": 1, "mask": 256, "cookie": 0, "name": b"a"}
