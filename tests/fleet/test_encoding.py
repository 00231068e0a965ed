"""The fast way gives, byte for byte, what the long way gives."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inotify_cffi import Cause, JournalEvent, Mask, event_to_cloudevent
from inotify_cffi.fleet.encoding import PLAIN, Encoder

KINDS = (Mask.CREATE, Mask.CREATE | Mask.ISDIR, Mask.MODIFY, Mask.MOVED_TO, Mask.Q_OVERFLOW, Mask.UNWATCHED)
PARTS = st.sampled_from(
    [
        b"a",
        b"b.csv",
        b".",
        b"..",
        b"...",
        b".hidden",
        b"",
        b"a b",
        b"\xff",
        b"%41",
        b"\xc3\xa4",
        b'"',
        b"\\",
        b"~",
        b"0",
        b"x\n",
    ]
)
PATHS = st.lists(PARTS, max_size=5).map(lambda parts: b"/" + b"/".join(parts)) | st.binary(max_size=20)


def event(path=b"/srv/a", mask=Mask.CREATE, **changed):
    own = {"number": 7, "time": 1700000000.25, "journal": "7c1e", "generation": 1, **changed}
    return JournalEvent.kept(path, int(mask), **own)


def the_long_way(one):
    row = event_to_cloudevent(one, host="alpha beta")
    if one.error is not None:
        row["errno"] = one.error.errno
    return json.dumps(row).encode("ascii")


@given(
    st.lists(
        st.builds(
            event,
            path=PATHS,
            mask=st.sampled_from(KINDS),
            number=st.integers(1, 1 << 62),
            time=st.floats(0, 1 << 33),
            cookie=st.integers(0, (1 << 32) - 1),
            cause=st.sampled_from([int(cause) for cause in Cause]),
            journal=st.sampled_from(["7c1e", "a%s{0}"]),
            generation=st.integers(1, 3),
            moved_from=st.none() | PATHS,
            errno=st.none() | st.just(13),
            durable=st.none() | st.just(3),
        ),
        max_size=20,
    )
)
def test_it_is_what_the_long_way_gives(events):
    encoder = Encoder("alpha beta")
    for one in events:
        assert encoder.encode(one) == the_long_way(one)


@pytest.mark.parametrize(
    "path", [b"/", b"a", b"/a/", b"//a", b"/a/./b", b"/a/..", b"/..", b"/a b", b"/\xc3\xa4", b"/a\n", b""]
)
def test_a_path_that_is_written_otherwise_in_a_uri_is_not_plain(path):
    assert not PLAIN(path)


@pytest.mark.parametrize("path", [b"/a", b"/.a/..b/c.", b"/~x-_/0", b"/..."])
def test_a_plain_path(path):
    assert PLAIN(path)


def test_what_it_remembers_is_bounded():
    encoder = Encoder("h")
    for generation in range(3000):
        encoder.encode(event(generation=generation))
    assert len(encoder._pieces) <= 1000
