"""Names as text and as bytes: as Python has it, whatever they are, and on PyPy in one call of C."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inotify_cffi._inotify import lib
from inotify_cffi.base import encoding
from inotify_cffi.base.encoding import decoded, encoded, escaped, unescaped

# Text, bytes, and what is nearly a character: all first bytes with some that may follow.
PIECES = st.one_of(
    st.binary(max_size=4),
    st.text(max_size=4).map(str.encode),
    st.lists(
        st.sampled_from([0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1]),
        max_size=5,
    ).map(bytes),
    st.lists(
        st.sampled_from([0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF]),
        max_size=5,
    ).map(bytes),
)
RAW = st.lists(PIECES, max_size=8).map(b"".join)


@given(raw=RAW)
@example(raw=b"\xed\xa0\x80")
@example(raw=b"\xf4\x90\x80\x80")
@example(raw=b"\xc0\x80\xe0\x9f\xbf\xf0\x8f\xbf\xbf")
@example(raw="\ud7ff\ue000\U0010ffff".encode())
def test_bytes_become_the_text_that_python_makes_of_them_and_come_back(raw):
    text = os.fsdecode(raw)
    assert escaped(raw) == decoded(raw) == text
    assert unescaped(text) == encoded(text) == raw


@pytest.mark.parametrize("first", range(256))
def test_each_byte_in_front_of_each_other(first):
    for second in range(256):
        for more in (b"", b"\x80", b"\x80\x80", b"\x80A", b"\xbf\xbf\xbf"):
            raw = bytes([first, second]) + more
            assert escaped(raw) == raw.decode("utf-8", "surrogateescape")
            assert unescaped(escaped(raw)) == raw


@pytest.mark.parametrize(
    "text", ["\ud800", "a\udc7f", "\udfff", "\udd00x", "\ud800\udc80", "\udbff\udfff", "x\udcff\ud801"]
)
def test_text_that_is_of_no_bytes_is_refused(text):
    for way in (encoded, unescaped, os.fsencode):
        with pytest.raises(UnicodeEncodeError):
            way(text)


@pytest.mark.parametrize(("text", "place"), [("\ud800", 0), ("\udcff\udc80a\ud801b", 3), ("é𐀀\udd00", 2)])
def test_who_is_refused_is_told_the_place(text, place):
    with pytest.raises(UnicodeEncodeError) as caught:
        unescaped(text)
    assert (caught.value.object, caught.value.start, caught.value.end) == (text, place, place + 1)


@pytest.mark.parametrize("raw", [b"\xff\0a\0", b"\0\xff", b"\xff", b"\xf4\x8f\xbf", b"\xe2\x82"])
def test_what_has_a_nul_in_it_or_ends_too_soon(raw):
    assert escaped(raw) == raw.decode("utf-8", "surrogateescape")
    assert unescaped(escaped(raw)) == raw


class Counting:
    """The compiled module, and which of its functions are called, with how much."""

    def __init__(self):
        self.calls = []

    def ic_text(self, raw, size, text):
        self.calls.append(("ic_text", size))
        return lib.ic_text(raw, size, text)

    def ic_raw(self, raw, length):
        self.calls.append(("ic_raw", length))
        return lib.ic_raw(raw, length)


@pytest.mark.parametrize("count", [1, 1000, 40_000])
def test_what_is_not_utf_8_is_one_call_of_c_however_long_it_is(count, monkeypatch):
    """PyPy's own way calls a function for each such byte, and copies all that it has so far to encode it."""
    counting = Counting()
    monkeypatch.setattr(encoding, "lib", counting)
    assert escaped(b"\xff" * count) == "\udcff" * count
    assert unescaped("\udcff" * count) == b"\xff" * count
    assert counting.calls == [("ic_text", count), ("ic_raw", count)]


@pytest.mark.skipif(sys.implementation.name != "pypy", reason="of PyPy")
def test_pypy_does_it_in_c():
    assert (decoded, encoded) == (escaped, unescaped)
