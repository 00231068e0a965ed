"""Durations and sizes as people write them."""

from __future__ import annotations

import re

__all__ = ["parse_duration", "parse_size"]

UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}

SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

SIZE = re.compile(r"([1-9][0-9]{0,17})([KMG]?)B?")

PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*")


def parse_duration(text: str) -> float:
    """Return the seconds that *text* says: a number, or numbers with the units ms, s, m, h, d as in ``1m30s``.

    Raises ValueError for anything else.
    """
    seconds = 0.0
    rest = text.strip().lower()
    first = True
    while rest or first:
        part = PART.match(rest)
        # A number without a unit is seconds, but only alone: "1m30" could be anything.
        if part is None or part[2] not in UNITS or (not part[2] and not (first and part.end() == len(rest))):
            raise ValueError(f"{text!r} is not a duration; write 500ms, 10s, 1m30s, 2h or a number of seconds")
        seconds += float(part[1]) * UNITS[part[2]]
        rest = rest[part.end() :]
        first = False
    return seconds


def parse_size(text: str) -> int:
    """Return the bytes that *text* says: a number, or one with the unit K, M, G (powers of 1024) as in ``100M``.

    Raises ValueError for anything else, and for none.
    """
    size = SIZE.fullmatch(text.strip().upper())
    if size is None:
        raise ValueError(f"{text!r} is no size; write 500K, 100M, 1G or a number of bytes")
    return int(size[1]) * SIZES[size[2]]
