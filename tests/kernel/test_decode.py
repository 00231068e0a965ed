"""Decoding: any buffer gives the right records or a DecodeError, never a crash, never an endless loop."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inotify_cffi import DecodeError, RawEvent, decode
from inotify_cffi.kernel import buffers

HEAD = struct.Struct("iIII")
LONGEST = b"\xff" * 255

names = st.one_of(
    st.just(b""),
    st.binary(min_size=1, max_size=255).map(lambda name: name.replace(b"\0", b"\xfe")),
    st.sampled_from([LONGEST, b"a" * 15, b"a" * 16, b"new\nline", b"\xc3\x28", "ä".encode()]),
)
records = st.builds(
    RawEvent, st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), names
)


def encode(raw):
    """The record as the kernel writes it: the name ended and filled up by NULs, in steps of 16."""
    name = raw.name
    length = (len(name) // 16 + 1) * 16 if name else 0
    return HEAD.pack(raw.wd, raw.mask, raw.cookie, length) + name.ljust(length, b"\0")


def decode_slowly(data):
    """The same as decode(), by the manual page: None where the data are not whole records."""
    found, at = [], 0
    while at < len(data):
        if len(data) - at < HEAD.size:
            return None
        wd, mask, cookie, length = HEAD.unpack_from(data, at)
        at += HEAD.size
        if len(data) - at < length:
            return None
        found.append(RawEvent(wd, mask, cookie, data[at : at + length].split(b"\0")[0]))
        at += length
    return found


@given(st.lists(records))
def test_what_the_kernel_writes_comes_out_again(raws):
    assert decode(b"".join(map(encode, raws))) == raws


@given(st.binary(max_size=600))
@example(HEAD.pack(1, 2, 3, 2**32 - 1))
@example(HEAD.pack(1, 2, 3, 2**31) + bytes(64))
@example(HEAD.pack(1, 2, 3, 16) + bytes(15))
@example(bytes(15))
@example(bytes(16 * 9))
def test_any_buffer_gives_its_records_or_a_decode_error(data):
    expected = decode_slowly(data)
    if expected is None:
        with pytest.raises(DecodeError):
            decode(data)
    else:
        assert decode(data) == expected


@given(st.lists(records, min_size=1), st.data())
def test_a_cut_buffer_gives_the_whole_records_or_a_decode_error(raws, data):
    whole = b"".join(map(encode, raws))
    cut = data.draw(st.integers(0, len(whole) - 1))
    ends = [0]
    for raw in raws:
        ends.append(ends[-1] + len(encode(raw)))
    if cut in ends:
        assert decode(whole[:cut]) == raws[: ends.index(cut)]
    else:
        with pytest.raises(DecodeError):
            decode(whole[:cut])


@given(st.binary(min_size=1, max_size=64))
def test_a_name_ends_at_its_first_nul(name):
    data = HEAD.pack(1, 2, 3, len(name)) + name
    assert decode(data)[0].name == name.split(b"\0")[0]


def test_the_error_tells_the_byte_that_begins_no_record():
    good = encode(RawEvent(1, 2, 0, b"a"))
    with pytest.raises(DecodeError, match="byte 32 of 40 does not begin a whole inotify record"):
        decode(good + bytes(8))


def test_nothing_gives_nothing():
    assert decode(b"") == []


def test_a_name_of_255_bytes_is_whole():
    assert decode(encode(RawEvent(1, 2, 0, LONGEST)))[0].name == LONGEST


def test_the_overflow_is_a_record_as_any_other():
    assert decode(HEAD.pack(-1, 0x4000, 0, 0)) == [RawEvent(-1, 0x4000, 0, b"")]


def test_the_largest_numbers_are_kept():
    raw = RawEvent(2**31 - 1, 2**32 - 1, 2**32 - 1, b"a")
    assert decode(encode(raw)) == [raw]


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_bytes_like_object_will_do(kind):
    assert decode(kind(encode(RawEvent(1, 2, 3, b"a")))) == [RawEvent(1, 2, 3, b"a")]


@given(st.lists(records, max_size=20))
def test_columns_hold_the_same_as_records(raws):
    data = b"".join(map(encode, raws))
    columns = buffers.split(data)
    assert columns.wds == [raw.wd for raw in raws]
    assert columns.masks == [raw.mask for raw in raws]
    assert columns.cookies == [raw.cookie for raw in raws]
    assert columns.names == b"".join(raw.name + b"\0" for raw in raws)
    assert columns.size == len(data)
