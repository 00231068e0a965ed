"""What a list of simple patterns says, worked out in another way than the library does: for who judges a world.

Simple are names and paths with ``*`` in one name, a slash at the beginning, in the middle and at the end, and ``!``.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Sequence


def last_match(patterns: Sequence[str], path: str, *, is_dir: bool) -> bool | None:
    """Return what the last pattern that matches says: True, a negated one: False; None if none matches."""
    said = None
    for pattern in patterns:
        text = pattern.lstrip("!")
        if text.endswith("/") and not is_dir:
            continue
        text = text.rstrip("/")
        names = path.split("/")
        ours, theirs = (names, text.lstrip("/").split("/")) if "/" in text else (names[-1:], [text])
        if len(ours) == len(theirs) and all(map(fnmatchcase, ours, theirs)):
            said = not pattern.startswith("!")
    return said


def is_excluded(patterns: Sequence[str], path: str, *, is_dir: bool) -> bool:
    """Return True if an entry is left out, or a directory that it is in."""
    names = path.split("/")
    above = ["/".join(names[:count]) for count in range(1, len(names))]
    return any(last_match(patterns, directory, is_dir=True) for directory in above) or bool(
        last_match(patterns, path, is_dir=is_dir)
    )


def is_included(patterns: Sequence[str], path: str) -> bool:
    """Return True if a list to include names a file, or the nearest directory on the way that it says anything of."""
    names = path.split("/")
    said = last_match(patterns, path, is_dir=False)
    while said is None and len(names) > 1:
        names.pop()
        said = last_match(patterns, "/".join(names), is_dir=True)
    return bool(said)
