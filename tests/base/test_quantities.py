"""Durations and sizes as people write them."""

import pytest

from inotify_cffi import parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("2.5", 2.5), ("500ms", 0.5), ("1m30s", 90), ("2h", 7200), (" 1 d ", 86400), (".5S", 0.5)],
)
def test_a_duration_is(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1", "1m30", "1 week", "30 1m"])
def test_no_duration_is(text):
    with pytest.raises(ValueError, match="is not a duration; write 500ms"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("500K", 512000), ("2kb", 2048), (" 16M ", 16 << 20), ("1G", 1 << 30)]
)
def test_a_size_is(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "0", "-1", "1.5M", "1T", "M", "\u0663", "1KK", "64KBB", "9" * 5000])
def test_no_size_is(text):
    with pytest.raises(ValueError, match="is no size; write 500K"):
        parse_size(text)
