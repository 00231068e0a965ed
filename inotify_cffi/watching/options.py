"""The options of a watcher, in one place: the type of each, its default, and what it has to be."""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.base.suggestions import did_you_mean
from inotify_cffi.kernel.instance import check_read_ahead
from inotify_cffi.kernel.poller import check_timeout
from inotify_cffi.ledger.rules import Rules
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple
from inotify_cffi.watching.arguments import (
    against_track,
    check_track,
    checked_include,
    checked_links,
    checked_mask,
    checked_patterns,
    checked_places,
    checked_poll,
)

if TYPE_CHECKING:
    from typing import Callable, Iterable, Literal

    from typing_extensions import TypedDict

    from inotify_cffi.ledger.saved import Saved
    from inotify_cffi.watching.arguments import BlockDuration, FollowSymlinks, PollS
    from inotify_cffi.watching.statefile import Since

    class RootOptions(TypedDict, total=False):
        """What a root may have of its own; the docstring of ``Watcher`` says what each is."""

        mask: int
        recursive: bool
        exclude: Iterable[str]
        include: Iterable[str]
        gitignore: bool
        max_depth: int | None
        follow_symlinks: FollowSymlinks
        max_places: int
        one_file_system: bool
        keep_stat: bool
        poll_s: PollS
        missing: Literal["error", "wait"]
        existing: bool

    class Options(RootOptions, total=False):
        """What a watcher takes besides its paths."""

        block_duration_s: BlockDuration
        on_progress: Callable[[int], None] | None
        read_ahead: int | None
        track: Literal["entries", "directories"]
        since: Since


__all__ = ["Chosen", "ForRoot", "Options", "RootOptions", "check_known", "choose", "choose_for_root"]


class ForRoot(NamedTuple):
    """The options of a root, each of them looked at."""

    mask: int
    rules: Rules
    # It need not be there: it is waited for.
    waits: bool
    # What is there is told.
    existing: bool


class Chosen(NamedTuple):
    """The options of one watcher, each of them looked at."""

    # What holds for a root that has no options of its own; and as they were given, for one that has some.
    root: ForRoot
    given: RootOptions
    block_duration_s: BlockDuration
    on_progress: Callable[[int], None] | None
    read_ahead: int | None
    track: Literal["entries", "directories"]
    # What was handed out before; None if that is of no interest.
    since: Saved | None


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
    keep_stat: bool = False,
    poll_s: PollS = None,
    missing: Literal["error", "wait"] = "error",
    existing: bool = False,
    on_progress: Callable[[int], None] | None = None,
    read_ahead: int | None = None,
    track: Literal["entries", "directories"] = "entries",
    since: Since = None,
) -> Chosen:
    """Return the options with what is not given; this is what ``help()`` shows as the signature of a watcher.

    Raises ValueError or TypeError for a value that an option can not have, or not together with another one.
    """
    if not callable(block_duration_s):
        check_timeout(block_duration_s, "block_duration_s")
    given: RootOptions = {
        "mask": mask,
        "recursive": recursive,
        "exclude": exclude,
        "include": include,
        "gitignore": gitignore,
        "max_depth": max_depth,
        "follow_symlinks": follow_symlinks,
        "max_places": max_places,
        "one_file_system": one_file_system,
        # By that it is known which file is another.
        "keep_stat": keep_stat or since is not None,
        "poll_s": poll_s,
        "missing": missing,
        "existing": existing,
    }
    against = against_track(track, since=since)
    if against:
        raise ValueError(f"track='directories' does not go with {against}; leave one of the two out")
    root = _checked(given, track)
    # Whatever they were, they can be iterated over once more.
    given["exclude"], given["include"] = root.rules.exclude, root.rules.include
    check_read_ahead(read_ahead)
    return Chosen(root, given, block_duration_s, on_progress, read_ahead, track, _read(since))


def _read(since: Since) -> Saved | None:
    if since is None:
        return None
    from inotify_cffi.watching.statefile import read_state

    return read_state(since)


def choose_for_root(chosen: Chosen, own: RootOptions) -> ForRoot:
    """Return the options of a root: its *own*, and for the others those of the watcher.

    Raises what :func:`choose` raises.
    """
    if not own:
        return chosen.root
    for name in own:
        if name not in chosen.given:
            also = f"; {name} is the whole watcher's" if name in (choose.__kwdefaults__ or {}) else ""
            hint = also or did_you_mean(name, [*chosen.given])
            raise TypeError(f"add() got an unexpected keyword argument {name!r}{hint}")
    return _checked({**chosen.given, **own}, chosen.track)


def _checked(options: RootOptions, track: str) -> ForRoot:
    mask = checked_mask(options["mask"])
    depth, missing = options["max_depth"], options["missing"]
    if depth is not None and depth < 1:
        raise ValueError(f"max_depth is 1 or more, or None, not {depth!r}")
    check_track(
        track,
        gitignore=options["gitignore"],
        follow_symlinks=options["follow_symlinks"],
        keep_stat=options["keep_stat"],
        poll_s=options["poll_s"],
    )
    poll_s, polls_only = checked_poll(options["poll_s"])
    keep_stat = bool(options["keep_stat"]) or poll_s is not None
    if keep_stat:
        # It will be needed, and then there may be no descriptor left to import with.
        import inotify_cffi.tree.since
        import inotify_cffi.tree.stamps
        import inotify_cffi.watching.statefile
    if poll_s is not None:
        import inotify_cffi.tree.polls  # noqa: F401
    enters_links, follows_files = checked_links(options["follow_symlinks"])
    rules = Rules(
        tracks_files=track == "entries",
        max_depth=depth if options["recursive"] else 1,
        follow_symlinks=enters_links,
        follows_files=follows_files,
        exclude=checked_patterns(options["exclude"], "exclude"),
        include=checked_include(options["include"]),
        max_places=checked_places(options["max_places"]),
        gitignore=options["gitignore"],
        one_file_system=options["one_file_system"],
        keep_stat=keep_stat,
        poll_s=poll_s,
        polls_only=polls_only,
    )
    if missing not in ("error", "wait"):
        raise ValueError(f"missing is 'error' or 'wait', not {missing!r}")
    return ForRoot(mask, rules, missing == "wait", options["existing"])


def check_known(options: Options, whose: str) -> None:
    """Raise TypeError for an option that there is not, as Python does, with the name that may have been meant."""
    known = choose.__kwdefaults__ or {}
    for name in options:
        if name not in known:
            raise TypeError(f"{whose}() got an unexpected keyword argument {name!r}{did_you_mean(name, known)}")
