"""What the caller of a watcher gives: each mistake that can be seen at once is a typed error at once."""

from __future__ import annotations

import errno
import operator
import os

from inotify_cffi import bits
from inotify_cffi.errors import PathError
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike
    from typing import Callable, Iterable, Optional, Union

    BlockDuration = Union[float, Callable[[], Optional[float]], None]

__all__ = [
    "BlockDuration",
    "against_track",
    "check_track",
    "checked_mask",
    "checked_path",
    "checked_patterns",
    "checked_places",
    "now_and_then",
]

# Who is told of the progress of a crawl hears of it after each so many directories.
DIRECTORIES_A_REPORT = 256


def checked_path(path: str | bytes | PathLike[str] | PathLike[bytes]) -> str | bytes:
    """Return *path* as str or bytes. Raises PathError where it is empty or holds a NUL."""
    given = os.fspath(path)
    if not given:
        raise PathError(errno.EINVAL, "a path can not be empty; '.' is the working directory", given)
    if "\0" in os.fsdecode(given):
        raise PathError(errno.EINVAL, "a path can not hold a NUL byte", given)
    return given


def checked_mask(mask: int) -> int:
    """Return *mask* as an int. Raises ValueError where it asks for no event."""
    asked = int(mask)
    if not asked & bits.ALL:
        raise ValueError(f"the mask {asked:#x} asks for no event; combine some of inotify_cffi.Mask")
    return asked


def checked_patterns(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return gitignore patterns. Raises TypeError for one string, ValueError for a malformed pattern."""
    if isinstance(patterns, (str, bytes)):
        raise TypeError(f"exclude is several patterns, in a list; not {patterns!r}")
    checked = tuple(patterns)
    if checked:
        from inotify_cffi.patterns import spec_of

        spec_of(checked)
    return checked


def checked_places(most: int) -> int:
    """Return the most places of a directory by links. Raises TypeError for no integer, ValueError below 1."""
    checked = operator.index(most)
    if checked < 1:
        raise ValueError(f"max_places must be at least 1, not {most!r}")
    return checked


def check_track(track: str, *, gitignore: bool, follow_symlinks: bool) -> None:
    """Raise ValueError where *track* is no such value, or does not go with another option.

    Where no file is known, neither are the ``.gitignore`` that there are, nor the links.
    """
    if track not in ("entries", "directories"):
        raise ValueError(f"track is 'entries' or 'directories', not {track!r}")
    name = against_track(track, gitignore=gitignore, follow_symlinks=follow_symlinks)
    if name:
        raise ValueError(f"track='directories' does not go with {name}=True; leave one of the two out")


def against_track(track: str, *, gitignore: bool, follow_symlinks: bool) -> str:
    """Return the name of an option that is set and does not go with *track*; empty if there is none."""
    for name, is_set in (("gitignore", gitignore), ("follow_symlinks", follow_symlinks)):
        if is_set and track == "directories":
            return name
    return ""


def now_and_then(report: Callable[[int], None] | None) -> Callable[[], None] | None:
    """Return what counts its calls and tells *report* the number now and then; None if there is nobody to tell."""
    if report is None:
        return None
    count = 0

    def counted() -> None:
        nonlocal count
        count += 1
        if count % DIRECTORIES_A_REPORT == 0:
            report(count)

    return counted
