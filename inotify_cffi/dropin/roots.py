"""The directory trees of the drop-in, as tuples: the library's own tree, asked to tell what the kernel says."""

from __future__ import annotations

import errno
import logging
import os
import time
from typing import TYPE_CHECKING, Dict

from inotify_cffi.base import bits
from inotify_cffi.dropin.tuples import event_tuple
from inotify_cffi.ledger.nodes import NO_WD, Root
from inotify_cffi.ledger.rules import STRUCTURE, Rules
from inotify_cffi.tree.disk import Disk
from inotify_cffi.tree.tree import Tree
from inotify_cffi.tree.turns import SLICE_S

if TYPE_CHECKING:
    from inotify_cffi.dropin.tuples import EventTuple, Path
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.kernel.instance import Instance
    from inotify_cffi.ledger.nodes import Node

__all__ = ["LOGGER", "Roots"]

LOGGER = logging.getLogger("inotify_cffi.adapters")

# The library's own flags: the tuples have the kernel's only.
OWN = bits.UNWATCHED | bits.WATCHED | bits.IN_SYNC

# Reported whatever was asked for, as in the original.
FORCED = bits.CREATE | bits.DELETE | bits.IGNORED | bits.UNMOUNT | bits.Q_OVERFLOW
# The tree tells no event of a file without a name; the original does.
FOLLOWED = STRUCTURE & ~bits.EXCL_UNLINK
REPORTED = bits.ALL | bits.EXCL_UNLINK

# A read of a busy tree goes on at most so long before it hands out what it has.
MOST_READS = 16

# What must not leave a tree half watched in silence: no watch, no memory.
EXHAUSTED = (errno.ENOSPC, errno.ENOMEM)


class Roots:
    """Directories and all below them.

    Args:
        instance: the inotify instance, whose owner closes it.
        mask: the events to report; creations and deletions are reported in any case.

    """

    def __init__(self, instance: Instance, mask: int) -> None:
        self._mask = mask
        self._tree = Tree(Disk(instance))
        # What is on its way from there, the next one last.
        self._told: list[AnyEvent] = []
        # To list a directory that reports everything makes eight events or more. A tree that is listed anew
        # would fill the queue with them, run over, and have to be listed anew.
        self._tree.crawler.on_directory = self._tree.read_ahead

    @property
    def in_doubt(self) -> bool:
        """True while :meth:`read` has something to do though nothing may be queued."""
        return self._tree.in_doubt

    def add(self, path: Path) -> None:
        """Watch a directory and all below it.

        Raises the OSError of the directory itself, and where something runs out also one of a directory
        below it. Another directory below that can not be watched is logged.
        """
        if not path:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        root = Root(
            path,
            os.path.join(os.getcwd(), os.fsdecode(path)),
            asked=self._mask & bits.ALL | FORCED,
            kernel_mask=FOLLOWED,
            rules=Rules(follow_symlinks=True),
        )
        root.raw = True
        root.raised = self._mask & REPORTED & ~FOLLOWED
        self._tree.add_root(root, tell=False)
        if root.is_file:
            # The tree can watch a single file as well; the original can not.
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        for error in self._tree.blind().values():
            if error.errno in EXHAUSTED:
                raise error
        self._drop_told()

    def find(self, path: Path) -> Node | None:
        """Return the directory that events call *path*, None if there is no such one."""
        text = os.fsdecode(path)
        for root in self._tree.ledger.roots:
            if text == root.name:
                return root
            prefix = os.fsdecode(self._tree.ledger.place(root).prefix)
            if text.startswith(prefix):
                node = self._below(root, text[len(prefix) :])
                if node is not None:
                    return node
        return None

    def find_wd(self, wd: int) -> Node | None:
        """Return a directory whose watch has this descriptor."""
        return self._tree.ledger.owner(wd)

    def _below(self, root: Node, relative: str) -> Node | None:
        node: Node | None = root
        for name in relative.split("/"):
            if node is None:
                return None
            node = node.children.get(name)
        return node

    def leave(self, node: Node) -> set[int]:
        """Watch a directory and what is below it no more; the watch descriptors that they had."""
        wds = {below.wd for below in self._tree.ledger.subtree(node)}
        if isinstance(node, Root):
            self._tree.remove_root(node)
        else:
            self._tree.leave(node)
        return wds - self._tree.ledger.wds()

    def rejoin(self, node: Node) -> int | None:
        """Watch a directory that was left; the watch descriptor, None if it is watched. Raises OSError."""
        if node.wd != NO_WD:
            return None
        self._tree.rejoin(node)
        self._drop_told()
        if node.wd == NO_WD:
            path = self._tree.ledger.place(node).path
            raise self._tree.blind().get(node) or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return node.wd

    def read(self, ready: list[EventTuple]) -> None:
        """Read and follow what came, and put what is to be told in front of what is *ready*, without waiting."""
        try:
            ends = time.monotonic() + SLICE_S
            for _ in range(MOST_READS):
                if not self._tree.advance() or time.monotonic() >= ends:
                    break
        finally:
            self._tree.make_good()
        self._tree.hand_over(self._told)
        # The next one is the last, in both.
        told = self._told
        tuples = [_as_tuple(event) for event in told if not event.mask & OWN]
        own = [event for event in told if event.mask & OWN]
        # One line, see handout.py.
        ready[:0] = tuples; del told[:]  # noqa: E702  # fmt: skip
        for event in reversed(own):
            _log(event)

    def _drop_told(self) -> None:
        """What was told is of a listing that was asked for: only what the user has to know is logged."""
        for event in self._tree.take():
            if event.mask & OWN:
                _log(event)

    def unwatched(self) -> Dict[Path, OSError]:
        """Return the directories that are not covered, each with the error that says why."""
        place = self._tree.ledger.place
        return {place(node).path: error for node, error in self._tree.blind().items()}


def _as_tuple(event: AnyEvent) -> EventTuple:
    return event_tuple(event.wd, event.mask, event.cookie, event.watch_path, event.name)


def _log(event: AnyEvent) -> None:
    path = os.fsdecode(event.path)
    if event.error is not None:
        LOGGER.warning("%s is not watched: %s", path, event.error.strerror)
    else:
        LOGGER.info("%s %s", ",".join(event.names), path)
