"""Know, in a forked child, what belongs to its parent.

A fork copies descriptors, and both copies are of one queue, one epoll, one eventfd: a child that read would take
the parent's events away, and one that removed a watch would remove the parent's. So in the child every copy is
closed at once, which does nothing to the parent, and whoever touches the object is told.
"""

from __future__ import annotations

import os

from inotify_cffi.typed import TYPE_CHECKING, ref

if TYPE_CHECKING:
    from typing import Dict, Protocol

    class Forkable(Protocol):
        """What holds descriptors."""

        def forked(self) -> None:
            """Close the copies; called in the child right after the fork.

            Other threads are gone, and the locks that they held are not free.
            """


__all__ = ["forget_in_child", "handed_on"]


# Held weakly; a ``WeakSet`` is that, and an import that nothing else of a watcher needs.
_things: Dict[ref[Forkable], None] = {}
_hooked = False


def forget_in_child(thing: Forkable) -> None:
    """Have ``thing.forked()`` called in every child that is forked while it lives."""
    global _hooked  # noqa: PLW0603  # nothing happens at import
    if not _hooked:
        _hooked = True
        os.register_at_fork(after_in_child=_in_child)
    _things[ref(thing, _forget)] = None


class handed_on:  # noqa: N801  # it is written as a function
    """Let a child that is forked meanwhile have *thing*: for who ends the parent, as one that becomes a daemon."""

    def __init__(self, thing: Forkable) -> None:
        self._thing = thing

    def __enter__(self) -> None:
        _forget(ref(self._thing))

    def __exit__(self, *_exception: object) -> None:
        _things[ref(self._thing, _forget)] = None


def _forget(held: ref[Forkable]) -> None:
    _things.pop(held, None)


def _in_child() -> None:
    for held in list(_things):
        thing = held()
        if thing is not None:
            thing.forked()
    _things.clear()
