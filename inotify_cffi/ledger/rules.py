"""What of a tree is watched, and what is not even looked at: depth, patterns, file systems. Pure."""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import FrozenSet, Tuple

__all__ = ["GITIGNORE", "STRUCTURE", "Rules"]

GITIGNORE = ".gitignore"

# What is needed to follow the changes of a directory, whatever the user asked for. EXCL_UNLINK: a file that has no
# name any more can not be told.
STRUCTURE = (
    bits.CREATE
    | bits.DELETE
    | bits.MOVED_FROM
    | bits.MOVED_TO
    | bits.DELETE_SELF
    | bits.MOVE_SELF
    | bits.EXCL_UNLINK
)


class Rules(NamedTuple):
    """What to watch below a root.

    ``max_depth`` counts as find(1) does: the entries of the root itself are at 1, so the root alone is watched
    with 1, and everything with None. ``only`` are the entries to look at, where files are watched by themselves.
    Without ``tracks_files`` the ledger has directories only, and of files is told what the kernel says. Files that
    ``include`` does not match are left out, unless it is empty. With ``follow_symlinks`` links to directories are
    entered, with ``follows_files`` those to files followed; each at no more than ``max_places``.

    With ``keep_stat`` the ledger has of each entry that is no directory what it was when it was last told. It is
    compared with the disk every ``poll_s`` seconds, if that is not None: with ``polls_only`` all of it, and
    nothing is watched, else what inotify does not see.
    """

    max_depth: int | None = None
    follow_symlinks: bool = False
    exclude: Tuple[str, ...] = ()
    gitignore: bool = False
    one_file_system: bool = False
    only: FrozenSet[str] | None = None
    tracks_files: bool = True
    include: Tuple[str, ...] = ()
    max_places: int = 8
    follows_files: bool = False
    keep_stat: bool = False
    poll_s: float | None = None
    polls_only: bool = False

    def enters(self, depth: int) -> bool:
        """Return True if a directory at *depth* is to be watched; the root's depth is 0."""
        return self.max_depth is None or depth < self.max_depth

    @property
    def admit_all(self) -> bool:
        """True if no entry is excluded."""
        return not (self.exclude or self.gitignore or self.include or self.only is not None)

    @property
    def is_plain(self) -> bool:
        """True if an entry that is no directory is what it is called: none is excluded, no link is entered.

        Nor is anything kept of it but its name.
        """
        return self.admit_all and not self.follows_links and not self.keep_stat

    @property
    def follows_links(self) -> bool:
        """True if links are of interest, to directories or to files."""
        return self.follow_symlinks or self.follows_files

    @property
    def excludes_by_place(self) -> bool:
        """True if a file may be excluded at one place and not at another: a pattern has more than a name."""
        return any("/" in pattern.rstrip("/") for pattern in (*self.exclude, *self.include))

    @property
    def depend_on_place(self) -> bool:
        """True if what is watched of a directory depends on where it is."""
        return self.max_depth is not None or bool(self.exclude or self.include) or self.gitignore
