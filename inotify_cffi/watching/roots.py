"""The roots of a watcher: what of the caller's paths becomes which root, added at once or in several steps."""

from __future__ import annotations

import errno
import os

from inotify_cffi.base import bits
from inotify_cffi.ledger.nodes import Root
from inotify_cffi.ledger.rules import STRUCTURE
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic
from inotify_cffi.watching.arguments import check_track, checked_links, checked_mask, checked_path
from inotify_cffi.watching.reading import ReadingOn

if TYPE_CHECKING:
    from os import PathLike

    from inotify_cffi.watching.arguments import FollowSymlinks
    from inotify_cffi.watching.options import Chosen

__all__ = ["WithRoots"]

# Told whether asked for or not: what must not be hidden.
ALWAYS = bits.Q_OVERFLOW | bits.UNMOUNT | bits.UNWATCHED | bits.WATCHED | bits.IN_SYNC | bits.RESCAN


class WithRoots(ReadingOn[AnyStr], Generic[AnyStr]):
    """What adds and removes the roots of a watcher.

    Args:
        chosen: the watcher's options, which hold for a root where it is given no other.

    """

    def __init__(self, chosen: Chosen) -> None:
        super().__init__()
        self._chosen = chosen
        # What a dispatcher reads besides what the user asked for.
        self._also = 0

    def _add(
        self, path: str | bytes | PathLike[str] | PathLike[bytes], mask: int | None, *, recursive: bool | None
    ) -> None:
        self._step(self._add_root, self._new_root(path, mask, recursive=recursive))

    def _add_root(self, root: Root) -> None:
        self._check_new(root)
        self._tree.add_root(root, tell=self._chosen.existing)

    def _begin_adding(self, root: Root) -> None:
        self._check_new(root)
        self._tree.begin_root(root, tell=self._chosen.existing)

    def _go_on_adding(self, root: Root, steps: int) -> bool:
        """List some more directories, and read, lest the queue runs over; True if all are listed."""
        done = self._tree.continue_root(root, steps)
        self._tree.read_ahead()
        return done

    def _give_up_adding(self, root: Root) -> None:
        if not self._closed:
            self._tree.take_back(root)
            self._stay_readable()

    def _new_root(
        self,
        path: str | bytes | PathLike[str] | PathLike[bytes],
        mask: int | None,
        *,
        recursive: bool | None,
        follow_symlinks: FollowSymlinks | None = None,
        told_as: str | bytes | None = None,
        each_move: bool = False,
        own_reads: bool = True,
    ) -> Root:
        given = checked_path(path)
        asked = self._chosen.mask if mask is None else checked_mask(mask)
        location = os.path.join(os.getcwd(), os.fsdecode(given))
        deep = self._chosen.recursive if recursive is None else recursive
        rules = self._chosen.rules if deep else self._chosen.rules._replace(max_depth=1)
        if follow_symlinks is not None:
            track = "entries" if rules.tracks_files else "directories"
            check_track(track, gitignore=False, follow_symlinks=follow_symlinks)
            enters_links, follows_files = checked_links(follow_symlinks)
            rules = rules._replace(follow_symlinks=enters_links, follows_files=follows_files)
        told = (asked | self._also) & bits.ALL
        kernel_mask = told | STRUCTURE | (bits.CLOSE_WRITE | bits.ATTRIB if rules.gitignore else 0)
        shown = given if told_as is None else checked_path(told_as)
        root = Root(shown, location, asked=asked | ALWAYS, kernel_mask=kernel_mask, rules=rules)
        if not own_reads:
            root.raised = root.kernel_mask & bits.READS
            root.kernel_mask &= ~bits.READS
        root.each_move = each_move
        root.told_as = None if told_as is None else shown
        root.waits = self._chosen.waits
        root.also = self._also
        return root

    def _ask_also(self, mask: int) -> None:
        """Have these kinds of events told whatever was asked for; who does so hides them. 0 ends it."""
        if mask != self._also:
            self._also = mask
            self._step(self._tree.ask_also, mask)

    def _asked(self) -> list[tuple[str | bytes, int]]:
        """Return what the user asked for: the path of each root, and its mask."""
        return [(root.given, root.own) for root in self._tree.ledger.roots]

    def _check_new(self, root: Root) -> None:
        if self._tree.root_at(root.location, root.told_as) is not None:
            raise FileExistsError(errno.EEXIST, "this path is watched already; remove() it first", root.given)

    def _remove_root(self, given: str | bytes, told_as: str | bytes | None) -> None:
        root = self._tree.root_at(os.path.join(os.getcwd(), os.fsdecode(given)), told_as)
        if root is None:
            raise FileNotFoundError(errno.ENOENT, "this path is not a root of the watcher", given)
        self._tree.remove_root(root)
