"""The options of a watcher, in one place: the type of each, its default, and what it has to be."""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.base.suggestions import did_you_mean
from inotify_cffi.kernel.instance import check_read_ahead
from inotify_cffi.kernel.poller import check_timeout
from inotify_cffi.ledger.rules import Rules
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple
from inotify_cffi.watching.arguments import (
    check_track,
    checked_include,
    checked_links,
    checked_mask,
    checked_patterns,
    checked_places,
)

if TYPE_CHECKING:
    from typing import Callable, Iterable, Literal

    from typing_extensions import TypedDict

    from inotify_cffi.watching.arguments import BlockDuration, FollowSymlinks

    class Options(TypedDict, total=False):
        """What a watcher takes besides its paths; the docstring of ``Watcher`` says what each is."""

        mask: int
        recursive: bool
        block_duration_s: BlockDuration
        exclude: Iterable[str]
        include: Iterable[str]
        gitignore: bool
        max_depth: int | None
        follow_symlinks: FollowSymlinks
        max_places: int
        one_file_system: bool
        missing: Literal["error", "wait"]
        existing: bool
        on_progress: Callable[[int], None] | None
        read_ahead: int | None
        track: Literal["entries", "directories"]


__all__ = ["Chosen", "Options", "check_known", "choose"]


class Chosen(NamedTuple):
    """The options of one watcher, each of them looked at."""

    mask: int
    recursive: bool
    block_duration_s: BlockDuration
    rules: Rules
    # A path that is not there is waited for.
    waits: bool
    existing: bool
    on_progress: Callable[[int], None] | None
    read_ahead: int | None


def choose(
    *_paths: object,
    mask: int = bits.CHANGES,
    recursive: bool = True,
    block_duration_s: BlockDuration = 1.0,
    exclude: Iterable[str] = (),
    include: Iterable[str] = (),
    gitignore: bool = False,
    max_depth: int | None = None,
    follow_symlinks: FollowSymlinks = False,
    max_places: int = 8,
    one_file_system: bool = False,
    missing: Literal["error", "wait"] = "error",
    existing: bool = False,
    on_progress: Callable[[int], None] | None = None,
    read_ahead: int | None = None,
    track: Literal["entries", "directories"] = "entries",
) -> Chosen:
    """Return the options with what is not given; this is what ``help()`` shows as the signature of a watcher.

    Raises ValueError or TypeError for a value that an option can not have, or not together with another one.
    """
    mask = checked_mask(mask)
    if not callable(block_duration_s):
        check_timeout(block_duration_s, "block_duration_s")
    if max_depth is not None and max_depth < 1:
        raise ValueError(f"max_depth is 1 or more, or None, not {max_depth!r}")
    check_track(track, gitignore=gitignore, follow_symlinks=follow_symlinks)
    enters_links, follows_files = checked_links(follow_symlinks)
    rules = Rules(
        tracks_files=track == "entries",
        max_depth=max_depth,
        follow_symlinks=enters_links,
        follows_files=follows_files,
        exclude=checked_patterns(exclude, "exclude"),
        include=checked_include(include),
        max_places=checked_places(max_places),
        gitignore=gitignore,
        one_file_system=one_file_system,
    )
    if missing not in ("error", "wait"):
        raise ValueError(f"missing is 'error' or 'wait', not {missing!r}")
    check_read_ahead(read_ahead)
    return Chosen(mask, recursive, block_duration_s, rules, missing == "wait", existing, on_progress, read_ahead)


def check_known(options: Options, whose: str) -> None:
    """Raise TypeError for an option that there is not, as Python does, with the name that may have been meant."""
    known = choose.__kwdefaults__ or {}
    for name in options:
        if name not in known:
            raise TypeError(f"{whose}() got an unexpected keyword argument {name!r}{did_you_mean(name, known)}")
