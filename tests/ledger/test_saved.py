"""A state is input from outside: whatever is not right in it is a StateError, and takes no more than it is large."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inotify_cffi import StateError
from inotify_cffi.kernel.listings import STAMP
from inotify_cffi.ledger import saved
from inotify_cffi.ledger.saved import (
    DIRECTORY,
    FILE,
    LINK,
    NOTHING,
    Directory,
    Saved,
    SavedEvent,
    SavedRoot,
    pack,
    unpack,
)

STAMPS = bytes(range(STAMP)) * 2
TOP = Directory((b"f", b"d", b"\xff\n", b"l"), bytes([FILE, DIRECTORY, FILE, LINK]), STAMPS)
EMPTY = Directory((), b"", b"")
ROOT = SavedRoot(b"in", b"/srv/in", False, (TOP, EMPTY, Directory((b"g",), bytes([FILE]), STAMPS[:STAMP])))
ONE_FILE = SavedRoot(b"f", b"/srv/f", True, (Directory((b"f",), bytes([FILE]), STAMPS[:STAMP]),))
EVENTS = (
    SavedEvent("in/\udcff", 0x40000100, None, 0, False),
    SavedEvent(b"in/b", 0x80, b"in/a", 7, False),
    SavedEvent("", 0x4000, None, 0, True),
)
SAVED = Saved((ROOT, ONE_FILE), EVENTS, True)


def with_body(body, *, packed=None, whole=None, version=saved.VERSION):
    """A state that is right but for its body."""
    packed = zlib.compress(body) if packed is None else packed
    sizes = struct.pack("<QQ", len(packed), len(body) if whole is None else whole)
    return saved.MAGIC + struct.pack("<II", version, zlib.crc32(packed, zlib.crc32(sizes))) + sizes + packed


def body_of(state):
    return zlib.decompress(state[saved.BODY_AT :])


def with_root(**changed):
    """The body of a state whose root was changed, as pack() would have it."""
    return with_body(body_of(pack(Saved((ROOT._replace(**changed),), ()))))


def with_directory(**changed):
    return with_root(directories=(TOP._replace(**changed), *ROOT.directories[1:]))


def test_what_is_packed_is_unpacked():
    assert unpack(pack(SAVED)) == SAVED


def test_no_bytes_say_that_nothing_is_known():
    assert unpack(b"") == unpack(pack(NOTHING)) == NOTHING


def test_a_state_that_is_cut_anywhere_is_refused():
    state = pack(SAVED)
    for size in range(1, len(state)):
        with pytest.raises(StateError):
            unpack(state[:size])


def test_a_state_with_any_bit_flipped_is_refused():
    state = pack(SAVED)
    for at in range(len(state)):
        for bit in range(8):
            flipped = bytearray(state)
            flipped[at] ^= 1 << bit
            with pytest.raises(StateError):
                unpack(bytes(flipped))


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (b"#!/bin/sh\n", "no state of inotify_cffi"),
        (b"inotify_cffi state\n", "it is cut"),
        (pack(SAVED)[:-1], "it is cut"),
        (pack(SAVED) + b"\0", "something behind it"),
        (with_body(b"", version=2), "of version 2, and version 1 is read"),
        (with_body(b"x", packed=b"no zlib"), "is damaged: Error -3"),
        (with_body(b"x" * 100, whole=99), "its size is another"),
        (with_body(b"x" * 100, whole=101), "its size is another"),
        (with_body(b"x", packed=zlib.compress(b"x") + b"y"), "its size is another"),
        (with_body(b"x", packed=zlib.compress(b"x" * 100)[:-2], whole=100), "its size is another"),
        (with_body(b""), "a number is too large"),
        (with_body(struct.pack("<III", 2**32 - 1, 0, 0)), "a number is too large"),
        (with_body(struct.pack("<III", 0, 2**32 - 1, 0)), "a number is too large"),
        (with_body(struct.pack("<III", 0, 0, 2)), "neither 0 nor 1"),
        (with_body(struct.pack("<III", 0, 0, 0) + b"x"), "something behind its end"),
        (with_body(body_of(pack(Saved((ROOT, ROOT), ())))), "one root is in it twice"),
        (with_root(given=b""), "a path is none"),
        (with_root(given="in"), "a path is none"),
        (with_root(location=None), "a path is none"),
        (with_root(location=b"/srv/\0"), "a text is none"),
        (with_root(is_file=7), "neither 0 nor 1"),
        (with_root(is_file=True), "more directories than names"),
        (with_root(directories=()), "more directories than names"),
        (with_root(directories=ROOT.directories[:2]), "more directories than names"),
        (with_root(directories=(*ROOT.directories, EMPTY)), "more directories than names"),
        (with_directory(names=(b"f", b"d", b"f", b"l")), "a name can not be one, or is there twice"),
        (with_directory(names=(b"f", b"..", b"g", b"l")), "a name can not be one"),
        (with_directory(names=(b"f", b".", b"g", b"l")), "a name can not be one"),
        (with_directory(names=(b"f", b"", b"g", b"l")), "a name can not be one"),
        (with_directory(names=(b"f", b"../x", b"g", b"l")), "a name can not be one"),
        (with_directory(names=(b"f", b"d\0", b"g", b"l")), "more names than it says"),
        (with_directory(kinds=bytes([FILE, 3, FILE, LINK])), "an entry is of no kind"),
        (with_body(body_of(pack(Saved((), (SavedEvent(None, 1, None, 0, False),))))), "an event has no path"),
        (with_body(body_of(pack(Saved((), (SavedEvent("a", 1, b"b", 0, False),))))), "an event has no path"),
        (with_body(body_of(pack(Saved((), (SavedEvent("a", 1, None, 0, 2),))))), "neither 0 nor 1"),
    ],
)
def test_what_is_not_right_is_said(state, why):
    with pytest.raises(StateError, match=why):
        unpack(state)


def test_a_few_bytes_do_not_ask_for_all_memory_there_is():
    """The header says how much it is, and that is bounded by what is there."""
    tracemalloc = pytest.importorskip("tracemalloc")
    bomb = zlib.compress(bytes(1 << 26), 9)
    tracemalloc.start()
    try:
        for whole in (1 << 26, 1 << 62, 100):
            with pytest.raises(StateError):
                unpack(with_body(b"", packed=bomb, whole=whole))
        assert tracemalloc.get_traced_memory()[1] < 1 << 25
    finally:
        tracemalloc.stop()


def test_a_tree_that_can_be_made_very_small_is_still_read():
    """One that is written is within that bound."""
    names = tuple([b"%06d" % number for number in range(40_000)])
    many = SavedRoot(b"in", b"/in", False, (Directory(names, bytes(40_000), bytes(STAMP * 40_000)),))
    state = pack(Saved((many,), ()))
    assert unpack(state).roots == (many,)


@given(st.binary(max_size=200))
def test_whatever_the_body_is_it_is_a_state_or_a_state_error(body):
    for each in (body, body_of(pack(SAVED))[: len(body)] + body, body + body_of(pack(SAVED))):
        try:
            found = unpack(with_body(each))
        except StateError:
            continue
        assert unpack(pack(found)) == found


@given(st.integers(min_value=0), st.integers(0, 255))
def test_whatever_byte_of_the_body_is_another(at, value):
    """With a checksum that is right."""
    body = bytearray(body_of(pack(SAVED)))
    body[at % len(body)] = value
    try:
        found = unpack(with_body(bytes(body)))
    except StateError:
        return
    assert unpack(pack(found)) == found
