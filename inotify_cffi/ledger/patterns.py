"""Lists of patterns as git has them in a ``.gitignore``; imported when the first list is used. Pure.

A list says of an entry what the last of its patterns that matches says, by the entry's own name and path alone:
whoever walks a tree does not enter what is excluded, so no pattern has to be held against the directories above.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache

from inotify_cffi.ledger.wildmatch import SPECIAL, regular_expression
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Callable, FrozenSet, Iterable, List, Match, Optional, Tuple

    Matches = Optional[Callable[[str], Optional[Match[str]]]]

__all__ = ["Patterns", "as_characters", "check", "compiled"]

# No path is longer for git; and to translate a pattern takes the square of its length at the worst.
LONGEST = 4096

BYTE_ORDER_MARK = "\xef\xbb\xbf"


def as_characters(name: str) -> str:
    """Return a name with its bytes as characters, as patterns have them."""
    return name if name.isascii() else os.fsencode(name).decode("latin-1")


class Pattern(NamedTuple):
    """One line. *text* is what is left of it for the matcher: without ``!``, without slashes around it."""

    text: str
    is_negated: bool
    directories_only: bool
    # It is held against the name; else, against the path from where the list holds.
    by_name: bool

    @property
    def is_plain(self) -> bool:
        """True if it matches itself and nothing else."""
        return SPECIAL.isdisjoint(self.text)

    @property
    def is_ending(self) -> bool:
        """True if it is a star and what a name ends with."""
        return self.by_name and self.text.startswith("*") and SPECIAL.isdisjoint(self.text[1:])


def _pattern(line: str) -> Pattern | None:
    """Return what a line says; None for a comment and an empty line. Raises ValueError if it can match nothing."""
    if line.startswith("#"):
        return None
    text = _without_blanks(line.removesuffix("\r"))
    if not text:
        return None
    is_negated = text.startswith("!")
    text = text[is_negated:]
    directories_only = text.endswith("/")
    text = text[: len(text) - directories_only]
    by_name = "/" not in text
    text = text[text.startswith("/") :]
    if not text:
        raise ValueError("it names nothing")
    if len(text) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST} bytes")
    pattern = Pattern(text, is_negated, directories_only, by_name)
    if not (pattern.is_plain or pattern.is_ending):
        regular_expression(text, "_")
    return pattern


def _without_blanks(line: str) -> str:
    """Return a line without the blanks at its end; one that is behind a backslash belongs to the pattern."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if backslashes % 2 and len(kept) < len(line) else kept


class Run(NamedTuple):
    """Patterns that follow each other and say the same."""

    excludes: bool
    names: FrozenSet[str]
    endings: Tuple[str, ...]
    name_matches: Matches
    paths: FrozenSet[str]
    path_matches: Matches


def _run(patterns: List[Pattern]) -> Run:
    plain = [pattern for pattern in patterns if pattern.is_plain]
    others = [pattern for pattern in patterns if not (pattern.is_plain or pattern.is_ending)]
    return Run(
        excludes=not patterns[0].is_negated,
        names=frozenset(pattern.text for pattern in plain if pattern.by_name),
        endings=tuple({pattern.text[1:]: None for pattern in patterns if pattern.is_ending}),
        name_matches=_matches(pattern.text for pattern in others if pattern.by_name),
        paths=frozenset(pattern.text for pattern in plain if not pattern.by_name),
        path_matches=_matches(pattern.text for pattern in others if not pattern.by_name),
    )


def _matches(texts: Iterable[str]) -> Matches:
    found = [regular_expression(text, f"_{number}") for number, text in enumerate(dict.fromkeys(texts))]
    return re.compile("|".join(f"(?:{one})" for one in found), re.DOTALL).fullmatch if found else None


def _runs(patterns: Iterable[Pattern]) -> Tuple[Run, ...]:
    """Return the runs of patterns, the last one first, for it decides."""
    groups: List[List[Pattern]] = []
    for pattern in patterns:
        if not groups or groups[-1][0].is_negated != pattern.is_negated:
            groups.append([])
        groups[-1].append(pattern)
    return tuple(_run(group) for group in reversed(groups))


class Patterns:
    """A list of patterns.

    Args:
        patterns: in their order.

    """

    __slots__ = ("_of_directories", "_of_files")

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        all_of_them = list(patterns)
        self._of_directories = _runs(all_of_them)
        self._of_files = _runs(pattern for pattern in all_of_them if not pattern.directories_only)

    def verdict(self, prefix: str, name: str, *, is_dir: bool) -> bool | None:
        """Return True if the last pattern that matches is one, False if it is a negated one; None if none matches.

        *prefix*: what the path has before the name, from where the list holds; empty, or it ends with a slash.
        Both as :func:`as_characters` has them.
        """
        for run in self._of_directories if is_dir else self._of_files:
            excludes, names, endings, name_matches, paths, path_matches = run
            if name in names or (endings and name.endswith(endings)) or (name_matches and name_matches(name)):
                return excludes
            if (paths and prefix + name in paths) or (path_matches and path_matches(prefix + name)):
                return excludes
        return None


def _lines(lines: Iterable[str]) -> List[str]:
    """Return the lines as characters; what git does not see of a file is left out."""
    found = [as_characters(line).partition("\0")[0] for line in lines]
    if found and found[0].startswith(BYTE_ORDER_MARK):
        found[0] = found[0][len(BYTE_ORDER_MARK) :]
    return found


@lru_cache(maxsize=64)
def compiled(lines: Tuple[str, ...]) -> Patterns | None:
    """Return the patterns of the lines of a file, None if it has none; what can match nothing is passed over."""
    found = []
    for line in _lines(lines):
        try:
            found.append(_pattern(line))
        except ValueError:
            continue
    patterns = [pattern for pattern in found if pattern is not None]
    return Patterns(patterns) if patterns else None


def check(lines: Tuple[str, ...], option: str) -> None:
    """Raise ValueError for the first line that can match nothing; it names the line, and the option it is of."""
    for line in lines:
        try:
            _pattern(_checked_line(line))
        except ValueError as error:
            raise ValueError(f"{option}: {line!r} is not a gitignore pattern: {error}") from None


def _checked_line(line: str) -> str:
    if "\0" in line:
        raise ValueError("it holds a NUL byte")
    try:
        return as_characters(line)
    except UnicodeError:
        raise ValueError("it is no text that a name can have") from None
