"""Know, in a forked child, what belongs to its parent.

A fork copies descriptors, and both copies are of one queue, one epoll, one eventfd: a child that read would take
the parent's events away, and one that removed a watch would remove the parent's. So in the child every copy is
closed at once, which does nothing to the parent, and whoever touches the object is told.
"""

from __future__ import annotations

import os
from weakref import WeakSet

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    class Forkable(Protocol):
        """What holds descriptors."""

        def forked(self) -> None:
            """Close the copies; called in the child right after the fork.

            Other threads are gone, and the locks that they held are not free.
            """


__all__ = ["forget_in_child", "handed_on"]


_things: WeakSet[Forkable] = WeakSet()
_hooked = False


def forget_in_child(thing: Forkable) -> None:
    """Have ``thing.forked()`` called in every child that is forked while it lives."""
    global _hooked  # noqa: PLW0603  # nothing happens at import
    if not _hooked:
        _hooked = True
        os.register_at_fork(after_in_child=_in_child)
    _things.add(thing)


class handed_on:  # noqa: N801  # it is written as a function
    """Let a child that is forked meanwhile have *thing*: for who ends the parent, as one that becomes a daemon."""

    def __init__(self, thing: Forkable) -> None:
        self._thing = thing

    def __enter__(self) -> None:
        _things.discard(self._thing)

    def __exit__(self, *_exception: object) -> None:
        _things.add(self._thing)


def _in_child() -> None:
    for thing in list(_things):
        thing.forked()
    _things.clear()
