"""Patterns as gitignore has them, by the pathspec library; imported when the first one is used. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

if TYPE_CHECKING:
    from typing import Iterable, Tuple

__all__ = ["spec_of", "usable", "verdict"]


@lru_cache(maxsize=256)
def spec_of(patterns: Tuple[str, ...]) -> GitIgnoreSpec:
    """Return the compiled patterns. Raises ValueError, naming the pattern, where one is malformed."""
    for pattern in patterns:
        try:
            GitIgnoreSpec.from_lines([pattern])
        except (ValueError, re.error) as error:
            raise ValueError(f"{pattern!r} is not a gitignore pattern: {error}") from None
    return GitIgnoreSpec.from_lines(patterns)


def usable(lines: Iterable[str]) -> Tuple[str, ...]:
    """Return the lines that are patterns; as git does, what is none is passed over."""
    patterns: list[str] = []
    for line in lines:
        try:
            spec_of((line,))
        except ValueError:
            continue
        patterns.append(line)
    return tuple(patterns)


def verdict(patterns: Tuple[str, ...], path: str) -> bool | None:
    """Return what the last pattern that matches says: True, *path* is excluded; False, not; None, none matches.

    *path* is relative to where the patterns hold; that of a directory ends with a slash.
    """
    return spec_of(patterns).check_file(path).include
