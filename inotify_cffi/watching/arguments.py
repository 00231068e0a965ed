"""What the caller of a watcher gives: each mistake that can be seen at once is a typed error at once."""

from __future__ import annotations

import errno
import os

from inotify_cffi.base import bits
from inotify_cffi.errors import PathError
from inotify_cffi.typed import FOREVER, TYPE_CHECKING, index

if TYPE_CHECKING:
    from os import PathLike
    from typing import Callable, Iterable, Optional, Tuple, Union

    from typing_extensions import Literal

    BlockDuration = Union[float, Callable[[], Optional[float]], None]
    FollowSymlinks = Union[bool, Literal["directories", "files"]]
    PollS = Union[float, Literal["auto"], Tuple[Literal["auto"], float], None]

__all__ = [
    "BlockDuration",
    "FollowSymlinks",
    "PollS",
    "against_track",
    "check_track",
    "checked_include",
    "checked_links",
    "checked_mask",
    "checked_path",
    "checked_patterns",
    "checked_places",
    "checked_poll",
    "now_and_then",
]

# Who is told of the progress of a crawl hears of it after each so many directories.
DIRECTORIES_A_REPORT = 256

# How often is polled what inotify does not see, in seconds.
POLL_S = 5.0


def checked_path(path: str | bytes | PathLike[str] | PathLike[bytes]) -> str | bytes:
    """Return *path* as str or bytes. Raises PathError where it is empty or holds a NUL."""
    given = os.fspath(path)
    if not given:
        raise PathError(errno.EINVAL, "a path can not be empty; '.' is the working directory", given)
    if "\0" in os.fsdecode(given):
        raise PathError(errno.EINVAL, "a path can not hold a NUL byte", given)
    return given


def checked_mask(mask: int) -> int:
    """Return *mask* as an int. Raises TypeError where it is none, ValueError where it asks for no event."""
    try:
        asked = index(mask)
    except TypeError:
        hint = "; parse_mask() makes one of words" if isinstance(mask, str) else ""
        raise TypeError(
            f"a mask is flags of inotify_cffi.Mask, as in Mask.CREATE | Mask.DELETE, not {mask!r}{hint}"
        ) from None
    if not asked & bits.ALL or asked >> 32:
        raise ValueError(f"the mask {asked:#x} asks for no event; combine some of inotify_cffi.Mask")
    return asked


def checked_patterns(patterns: Iterable[str], option: str) -> tuple[str, ...]:
    """Return the gitignore patterns of an option.

    Raises TypeError for what is no list of str, ValueError for a pattern that can match nothing.
    """
    if isinstance(patterns, (str, bytes)):
        raise TypeError(f"{option} must be a list of patterns, not the single pattern {patterns!r}")
    try:
        checked = tuple(patterns)
    except TypeError:
        raise TypeError(f"{option} must be a list of patterns, not {patterns!r}") from None
    for pattern in checked:
        if not isinstance(pattern, str):
            raise TypeError(f"{option} must be a list of patterns that are str, not {pattern!r}")
    if checked:
        from inotify_cffi.ledger.patterns import check

        check(checked, option)
    return checked


def checked_include(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns of ``include``. Raises what :func:`checked_patterns` does, and ValueError for none."""
    checked = checked_patterns(patterns, "include")
    for pattern in checked:
        if not pattern.strip(" "):
            raise ValueError(f"include: {pattern!r} is an empty pattern; leave it out")
    if checked and all(pattern.startswith("#") for pattern in checked):
        raise ValueError(f"include: {checked[0]!r} is a comment; give a pattern, too")
    return checked


def checked_places(most: int) -> int:
    """Return the most places of a directory by links. Raises TypeError for no integer, ValueError below 1."""
    checked = index(most)
    if checked < 1:
        raise ValueError(f"max_places must be at least 1, not {most!r}")
    return checked


def checked_links(follow_symlinks: FollowSymlinks) -> tuple[bool, bool]:
    """Return whether links to directories and links to files are followed. Raises ValueError for another value."""
    if follow_symlinks in ("directories", "files"):
        return follow_symlinks == "directories", follow_symlinks == "files"
    if follow_symlinks not in (True, False):
        raise ValueError(f"follow_symlinks is True, False, 'directories' or 'files', not {follow_symlinks!r}")
    return bool(follow_symlinks), bool(follow_symlinks)


def checked_poll(poll_s: PollS) -> tuple[float | None, bool]:
    """Return the seconds between two polls, None for none, and whether nothing is watched.

    Raises TypeError for no number, ValueError for one that is not more than 0.
    """
    if poll_s is None:
        return None, False
    if poll_s == "auto":
        return POLL_S, False
    number: object = poll_s
    is_auto = isinstance(poll_s, tuple) and poll_s[:1] == ("auto",) and len(poll_s) == 2
    if isinstance(poll_s, tuple) and is_auto:
        number = poll_s[1]
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise TypeError(f"poll_s is a number of seconds, 'auto', ('auto', seconds) or None, not {poll_s!r}")
    seconds = float(number)
    if not 0 < seconds < FOREVER:
        raise ValueError(f"poll_s is a number of seconds, more than 0, not {poll_s!r}")
    return seconds, not is_auto


def check_track(
    track: str,
    *,
    gitignore: bool,
    follow_symlinks: FollowSymlinks,
    keep_stat: bool = False,
    poll_s: PollS = None,
) -> None:
    """Raise ValueError where *track* is no such value, or does not go with another option.

    Where no file is known, neither are the ``.gitignore`` that there are, nor the links, nor what a file was.
    """
    if track not in ("entries", "directories"):
        raise ValueError(f"track is 'entries' or 'directories', not {track!r}")
    options = {
        "gitignore": gitignore,
        "follow_symlinks": follow_symlinks,
        "keep_stat": keep_stat,
        "poll_s": poll_s,
    }
    name = against_track(track, **options)
    if name:
        raise ValueError(
            f"track='directories' does not go with {name}={options[name]!r}; leave one of the two out"
        )


def against_track(track: str, **options: object) -> str:
    """Return the name of an option that is set and does not go with *track*; empty if there is none."""
    return next(
        (name for name, value in options.items() if track == "directories" and value not in (None, False)), ""
    )


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
