"""The roots of a watcher: what of the caller's paths becomes which root, added at once or in several steps."""

from __future__ import annotations

import errno
import os

from inotify_cffi.base import bits
from inotify_cffi.ledger.rules import STRUCTURE
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic
from inotify_cffi.watching.arguments import checked_path
from inotify_cffi.watching.batches import WithBatches
from inotify_cffi.watching.options import choose_for_root

if TYPE_CHECKING:
    from os import PathLike

    from inotify_cffi.ledger.nodes import Root
    from inotify_cffi.watching.options import Chosen, RootOptions

__all__ = ["WithRoots"]

# Told whether asked for or not: what must not be hidden.
ALWAYS = bits.Q_OVERFLOW | bits.UNMOUNT | bits.UNWATCHED | bits.WATCHED | bits.IN_SYNC | bits.RESCAN


class WithRoots(WithBatches[AnyStr], Generic[AnyStr]):
    """What adds and removes the roots of a watcher.

    Args:
        chosen: the watcher's options, which hold for a root where it is given no other.

    """

    def __init__(self, chosen: Chosen) -> None:
        super().__init__()
        self._chosen = chosen
        # What a dispatcher reads besides what the user asked for.
        self._also = 0
        # Of the roots that were saved, those that were not added yet.
        saved = () if chosen.since is None else chosen.since.roots
        self._known = {(root.given.rstrip(b"/"), root.location): root for root in saved}

    def _add(self, path: str | bytes | PathLike[str] | PathLike[bytes]) -> None:
        self._step(self._add_root, *self._new_root(path, {}))

    def _add_root(self, root: Root, existing: object) -> None:
        self._check_new(root)
        since = self._known.get(_key(root))
        self._tree.add_root(root, tell=self._tells(existing), since=since)
        self._known.pop(_key(root), None)

    def _begin_adding(self, root: Root, existing: object) -> None:
        self._check_new(root)
        self._tree.begin_root(root, tell=self._tells(existing), since=self._known.get(_key(root)))

    def _go_on_adding(self, root: Root, steps: int) -> bool:
        """List some more directories, and read, lest the queue runs over; True if all are listed."""
        done = self._tree.continue_root(root, steps)
        if done:
            self._known.pop(_key(root), None)
        self._tree.read_ahead()
        return done

    def _tells(self, existing: object) -> bool:
        """Return True if what is in a root that was not saved is told: all of it is new to who goes on."""
        return bool(existing) or self._chosen.since is not None

    def _give_up_adding(self, root: Root) -> None:
        if not self._closed:
            self._tree.take_back(root)
            self._stay_readable()

    def _new_root(
        self,
        path: str | bytes | PathLike[str] | PathLike[bytes],
        options: RootOptions,
        *,
        told_as: str | bytes | None = None,
        each_move: bool = False,
        own_reads: bool = True,
    ) -> tuple[Root, bool]:
        """Return a root with its options, and whether what is there is told."""
        given = checked_path(path)
        asked, rules, waits, existing = choose_for_root(self._chosen, options)
        location = os.path.join(os.getcwd(), os.fsdecode(given))
        told = (asked | self._also) & bits.ALL
        kernel_mask = told | STRUCTURE | (bits.CLOSE_WRITE | bits.ATTRIB if rules.gitignore else 0)
        shown = given if told_as is None else checked_path(told_as)
        from inotify_cffi.ledger.nodes import Root

        root = Root(shown, location, asked=asked | ALWAYS, kernel_mask=kernel_mask, rules=rules)
        if not own_reads:
            root.raised = root.kernel_mask & bits.READS
            root.kernel_mask &= ~bits.READS
        root.each_move = each_move
        root.told_as = None if told_as is None else shown
        root.waits = waits
        root.also = self._also
        return root, existing

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


def _key(root: Root) -> tuple[bytes, bytes]:
    """Return how a root is found among those that were saved: by the path that is told, and where that is."""
    return os.fsencode(root.given).rstrip(b"/"), os.fsencode(os.path.abspath(root.location))
