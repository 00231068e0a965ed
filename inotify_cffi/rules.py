"""What of a tree is watched, and what is not even looked at: depth, patterns, file systems. Pure.

Patterns are gitignore's, by the pathspec library, which is imported when the first pattern is used.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, FrozenSet, Iterable, NamedTuple, Optional, Tuple

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

__all__ = ["GITIGNORE", "Rules", "spec_of", "usable", "verdict"]

GITIGNORE = ".gitignore"


class Rules(NamedTuple):
    """What to watch below a root.

    ``max_depth`` counts as find(1) does: the entries of the root itself are at 1, so the root alone is watched
    with 1, and everything with None. ``only`` are the entries to look at, where files are watched by themselves.
    """

    max_depth: Optional[int] = None  # noqa: UP045 (3.9 evaluates it)
    follow_symlinks: bool = False
    exclude: Tuple[str, ...] = ()
    gitignore: bool = False
    one_file_system: bool = False
    only: Optional[FrozenSet[str]] = None  # noqa: UP045 (the same)

    def enters(self, depth: int) -> bool:
        """Return True if a directory at *depth* is to be watched; the root's depth is 0."""
        return self.max_depth is None or depth < self.max_depth

    @property
    def admit_all(self) -> bool:
        """True if no entry is excluded."""
        return not (self.exclude or self.gitignore or self.only is not None)

    @property
    def is_plain(self) -> bool:
        """True if an entry that is no directory is what it is called: none is excluded, no link is entered."""
        return self.admit_all and not self.follow_symlinks

    @property
    def depend_on_place(self) -> bool:
        """True if what is watched of a directory depends on where it is."""
        return self.max_depth is not None or bool(self.exclude) or self.gitignore


@lru_cache(maxsize=256)
def spec_of(patterns: Tuple[str, ...]) -> GitIgnoreSpec:
    """Return the compiled patterns. Raises ValueError, naming the pattern, where one is malformed."""
    from pathspec import GitIgnoreSpec

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
