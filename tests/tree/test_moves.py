"""The queue of raw events: what waits comes out once, in order; the half of a move is found ahead of its turn."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interrupting import Interrupted, Tracer

from inotify_cffi import Mask
from inotify_cffi.tree.moves import Queue, Raw
from tests.helpers.records import packed

FROM, TO = int(Mask.MOVED_FROM), int(Mask.MOVED_TO)
ENTRY = [int(flag) for flag in (Mask.CREATE, Mask.DELETE, Mask.MOVED_FROM, Mask.MOVED_TO)]
OTHER = [
    int(flag) for flag in (Mask.MODIFY, Mask.ATTRIB, Mask.CLOSE_WRITE, Mask.OPEN, Mask.DELETE_SELF, Mask.IGNORED)
]


def read(*raws):
    return packed(*(raw._replace(name=raw.name.encode("utf-8", "surrogateescape")) for raw in raws))


def queue(*raws):
    queue = Queue()
    queue.extend(read(*raws))
    return queue


def rest(queue):
    return list(iter(queue.next, None))


A = Raw(1, int(Mask.CREATE), 0, "a")
B = Raw(1, int(Mask.DELETE), 0, "b")
OUT = Raw(1, FROM, 7, "old")
INTO = Raw(2, TO, 7, "new")


def test_what_was_taken_out_is_left_out_once():
    """What is read later stands at the same places."""
    waiting = queue(A, B)
    assert waiting.next() == A
    waiting.take(1)
    assert waiting.next() is None
    waiting.extend(read(OUT, A, B))
    assert rest(waiting) == [OUT, A, B]


@pytest.mark.parametrize("taken", [[], [0]], ids=["in its place", "behind one that was taken out"])
def test_what_is_begun_is_begun_or_waits_at_whichever_line_it_is_interrupted(taken):
    """What is begun then is applied once more, so that one may not wait, too."""

    def begun_or_waiting(tracer):
        waiting = queue(OUT, A, B)
        for at in taken:
            waiting.take(at)
        with contextlib.suppress(Interrupted):
            tracer.trace(waiting.begin_next)
        return [raw for raw in (waiting.begun, *rest(waiting)) if raw is not None]

    counting = Tracer()
    assert begun_or_waiting(counting) == [OUT, A, B][len(taken) :]
    places = [(place, time + 1) for place, times in counting.passed.items() for time in range(times)]
    assert [begun_or_waiting(Tracer(place)) for place in places] == [[OUT, A, B][len(taken) :]] * len(places)


def test_what_was_read_comes_out_in_order():
    assert rest(queue(A, B)) == [A, B]


def test_an_empty_queue_has_no_next():
    assert Queue().next() is None


def test_what_is_read_later_comes_behind():
    one = queue(A)
    assert one.extend(read(B, OUT)) == 2
    assert rest(one) == [A, B, OUT]


def test_the_length_is_what_waits():
    one = queue(A, B)
    lengths = [len(one)]
    while one.next() is not None:
        lengths.append(len(one))
    assert lengths == [2, 1, 0]


def test_a_name_is_text_that_gives_its_bytes_back():
    one = Queue()
    one.extend(packed((1, 256, 0, b"\xff")))
    assert one.next() == Raw(1, 256, 0, "\udcff")


def test_the_second_half_is_taken_out_of_its_place():
    one = queue(OUT, A, INTO, B)
    assert one.next() == OUT
    assert one.take_partner(7) == INTO
    assert rest(one) == [A, B]


def test_the_second_half_is_found_in_what_is_read_later():
    one = queue(OUT)
    one.next()
    assert one.take_partner(7) is None
    one.extend(read(A, INTO))
    assert one.take_partner(7) == INTO
    assert rest(one) == [A]


def test_the_second_half_is_taken_once():
    one = queue(OUT, INTO)
    one.next()
    one.take_partner(7)
    assert one.take_partner(7) is None


def test_what_was_applied_is_no_second_half():
    one = queue(INTO, A)
    one.next()
    assert one.take_partner(7) is None


def test_what_was_applied_since_the_last_look_is_no_second_half():
    one = queue(INTO, A)
    assert one.take_partner(8) is None
    one.next()
    assert one.take_partner(7) is None


def test_what_was_applied_is_not_kept():
    one = Queue()
    for _ in range(100):
        one.extend(read(A, OUT, INTO))
        rest(one)
    assert one.records.count == 3


def test_a_first_half_is_no_second_half():
    one = queue(A, OUT)
    one.next()
    assert one.take_partner(7) is None


def test_another_cookie_is_another_move():
    one = queue(OUT, INTO._replace(cookie=8))
    one.next()
    assert one.take_partner(7) is None


def test_a_cookie_of_long_ago_is_forgotten():
    one = queue(INTO)
    rest(one)
    one.extend(read(OUT))
    one.next()
    assert one.take_partner(7) is None


@pytest.mark.parametrize("mask", ENTRY)
def test_another_entry_event_of_the_source_proves_that_no_second_half_comes(mask):
    one = queue(OUT, Raw(1, mask, 9, "x"))
    one.next()
    assert one.proves_gone(1)


@pytest.mark.parametrize("mask", OTHER)
def test_an_event_about_no_entry_proves_nothing(mask):
    one = queue(OUT, Raw(1, mask, 0, "x"))
    one.next()
    assert not one.proves_gone(1)


def test_an_entry_event_of_another_directory_proves_nothing():
    one = queue(OUT, A._replace(wd=2))
    one.next()
    assert not one.proves_gone(1)


def test_what_was_applied_proves_nothing():
    one = queue(A, OUT)
    one.next()
    one.next()
    assert not one.proves_gone(1)


raws = st.builds(
    Raw, st.integers(1, 3), st.sampled_from(ENTRY + OTHER), st.integers(0, 5), st.sampled_from(["", "a", "\udcff"])
)


@given(st.data())
def test_everything_comes_out_exactly_once(data):
    """Whatever the order of reading, taking and looking ahead: it comes by its turn, or as a partner."""
    one = Queue()
    put, out, taken = [], [], []
    for _ in range(data.draw(st.integers(0, 30))):
        step = data.draw(st.sampled_from(["extend", "next", "take", "proves"]))
        if step == "extend":
            chunk = data.draw(st.lists(raws, max_size=6))
            assert one.extend(read(*chunk)) == len(chunk)
            put.extend(chunk)
        elif step == "next":
            raw = one.next()
            if raw is not None:
                out.append(raw)
        elif step == "take":
            cookie = data.draw(st.integers(0, 5))
            raw = one.take_partner(cookie)
            if raw is not None:
                assert raw.mask == TO
                assert raw.cookie == cookie
                taken.append(raw)
        else:
            one.proves_gone(data.draw(st.integers(1, 3)))
    out.extend(rest(one))
    assert sorted(out + taken) == sorted(put)
    left = list(put)
    for raw in taken:
        left.remove(raw)
    assert len(one) == 0
    if len(set(put)) == len(put):
        assert out == left
