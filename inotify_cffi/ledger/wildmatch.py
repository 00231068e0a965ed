"""One pattern of gitignore as a regular expression that matches, byte for byte, what git matches. Pure.

What a pattern means is in gitignore(5) and in the tests of git's own matcher (``t/t3070-wildmatch.sh``);
``tests/git_patterns.py`` asks git itself. Patterns and what they are held against have their bytes as
characters (latin-1): ``?`` is one byte, ``[[:alpha:]]`` is ASCII.

No pattern takes long, whatever it is held against. What stands between two stars is looked for once, at the first
place where it fits, for no later one would leave more to what is behind it. A regular expression would try all of
them, so the first one is locked in, by a look ahead and a reference to what that found.
"""

from __future__ import annotations

import re

from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import FrozenSet, Iterator, List, Union

    # A slash; one character of a name, as its expression; one of the two kinds of stars.
    Part = Union[str, "Wide"]

__all__ = ["SPECIAL", "regular_expression"]

# What is more than itself in a pattern.
SPECIAL = frozenset("*?[\\")

# No name holds a NUL, and a slash is only matched by a slash.
CHARACTERS = frozenset(range(1, 256)) - {ord("/")}
# The first and the last character of each range. Of white space git knows no more than this.
CLASSES = {
    "alnum": "09AZaz",
    "alpha": "AZaz",
    "blank": "\t\t  ",
    "cntrl": "\x01\x1f\x7f\x7f",
    "digit": "09",
    "graph": "!~",
    "lower": "az",
    "print": " ~",
    "punct": "!/:@[`{~",
    "space": "\t\n\r\r  ",
    "upper": "AZ",
    "xdigit": "09AFaf",
}

# Any number of characters of one name. No expression of a character is the same.
STAR = "*"


class Wide(NamedTuple):
    """Stars that go beyond a name: they stand for any number of directories, and at the end for all that is there.

    ``is_last``: nothing comes behind them. ``or_none``: they and the slash behind them may stand for nothing.
    """

    is_last: bool
    or_none: bool


def regular_expression(pattern: str, tag: str) -> str:
    """Return what matches all of a name, or of a path, if git's *pattern* matches it.

    *tag* begins the names of the groups; none of them may occur twice in one expression. Raises ValueError where
    the pattern can match nothing, with the reason.
    """
    blocks: List[List[str]] = [[]]
    wides: List[Wide] = []
    for part in _parts(pattern):
        if isinstance(part, Wide):
            wides.append(part)
            blocks.append([])
        else:
            blocks[-1].append(part)
    groups = (f"{tag}_{number}" for number in range(len(pattern)))
    found = _block(blocks[0], groups)
    for wide, block in zip(wides[:-1], blocks[1:-1]):
        directories = "(?:.*?/)??" if wide.or_none else ".*?/"
        found += _locked(directories + _block(block, groups), groups)
    for wide in wides[-1:]:
        directories = "(?:.*/)?" if wide.or_none else ".*/"
        found += ".*" if wide.is_last else directories + _block(blocks[-1], groups)
    return found


def _locked(expression: str, groups: Iterator[str]) -> str:
    """Return what matches as *expression* does at first, and in no other way."""
    group = next(groups)
    return f"(?=(?P<{group}>{expression}))(?P={group})"


def _block(parts: List[str], groups: Iterator[str]) -> str:
    """Return the expression of what is between two wide stars: names, or parts of them, and slashes."""
    names: List[List[str]] = [[]]
    for part in parts:
        if part == "/":
            names.append([])
        else:
            names[-1].append(part)
    return "/".join(_name(name, groups) for name in names)


def _name(parts: List[str], groups: Iterator[str]) -> str:
    pieces = [""]
    for part in parts:
        if part == STAR:
            pieces.append("")
        else:
            pieces[-1] += part
    if len(pieces) == 1:
        return pieces[0]
    between = (_locked(f"[^/]*?{piece}", groups) for piece in pieces[1:-1])
    return pieces[0] + "".join(between) + "[^/]*" + pieces[-1]


# --- what a pattern is made of ---


def _parts(pattern: str) -> Iterator[Part]:
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "*":
            part, at = _stars(pattern, at)
            yield part
        elif character == "[":
            members, at = _bracket(pattern, at + 1)
            yield _one_of(members)
        elif character == "?":
            at += 1
            yield "[^/]"
        else:
            at += character == "\\"
            if at == len(pattern):
                raise ValueError("its last backslash has nothing behind it")
            yield "/" if pattern[at] == "/" else re.escape(pattern[at])
            at += 1


def _stars(pattern: str, begin: int) -> tuple[Part, int]:
    """Return what the stars that begin there mean, and where what comes behind them begins.

    Two or more are wide between slashes, as gitignore(5) has it, and git 2.55. Older gits, 2.39 for one, compare
    what comes before the first special character by itself, and take stars behind that for the first of a pattern.
    """
    end = begin
    while pattern.startswith("*", end):
        end += 1
    if end - begin == 1 or pattern[begin - 1 : begin] not in ("", "/"):
        return STAR, end
    if end == len(pattern):
        return Wide(is_last=True, or_none=False), end
    if pattern.startswith("/", end):
        return Wide(is_last=False, or_none=True), end + 1
    if pattern.startswith("\\/", end):
        return Wide(is_last=False, or_none=False), end + 2
    return STAR, end


def _bracket(pattern: str, at: int) -> tuple[FrozenSet[int], int]:
    """Return the characters that a bracket stands for, and where what comes behind it begins.

    *at* is behind its ``[``. A ``]`` that comes first is one of them.
    """
    is_negated = pattern.startswith(("!", "^"), at)
    at += is_negated
    members: set[int] = set()
    before = 0
    while True:
        name = _class(pattern, at)
        is_range = before and pattern.startswith("-", at) and pattern[at + 1 : at + 2] not in ("", "]")
        if name is not None:
            members |= _members(name)
            before = 0
            at += len("[::]") + len(name)
        elif is_range:
            last, at = _member(pattern, at + 1)
            members.update(range(before, last + 1))
            before = 0
        else:
            before, at = _member(pattern, at)
            members.add(before)
        if pattern.startswith("]", at):
            break
    found = CHARACTERS - members if is_negated else CHARACTERS & members
    if not found:
        raise ValueError("a bracket matches no character")
    return found, at + 1


def _member(pattern: str, at: int) -> tuple[int, int]:
    at += pattern.startswith("\\", at)
    if at >= len(pattern):
        raise ValueError("a bracket is not closed")
    return ord(pattern[at]), at + 1


def _class(pattern: str, at: int) -> str | None:
    """Return the name in a ``[:name:]`` that begins there; None if none does."""
    if not pattern.startswith("[:", at):
        return None
    end = pattern.find("]", at + 2)
    if end < 0:
        raise ValueError("a bracket is not closed")
    return pattern[at + 2 : end - 1] if pattern[at + 2 : end].endswith(":") else None


def _members(name: str) -> set[int]:
    if name not in CLASSES:
        raise ValueError(f"there is no class [:{name}:]")
    ranges = map(ord, CLASSES[name])
    return {number for first in ranges for number in range(first, next(ranges) + 1)}


def _one_of(members: FrozenSet[int]) -> str:
    """Return the expression of one of these characters."""
    ranges = ""
    for number in sorted(members):
        if number - 1 not in members:
            ranges += re.escape(chr(number))
        if number + 1 not in members and number - 1 in members:
            ranges += f"-{re.escape(chr(number))}"
    return f"[{ranges}]"
