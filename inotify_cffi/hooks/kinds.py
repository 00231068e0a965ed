"""Which hooks an event calls by its kind, and with which arguments. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Collection, Container, Iterator, Sequence, Tuple

from inotify_cffi.base import bits

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent

__all__ = ["SIMPLE", "Kinds", "is_of_a_directory"]

MODIFY = bits.MODIFY
ISDIR = bits.ISDIR
DELETE_SELF = bits.DELETE_SELF
MOVED_FROM = bits.MOVED_FROM
MOVED_TO = bits.MOVED_TO
OVERFLOW = bits.Q_OVERFLOW
UNWATCHED = bits.UNWATCHED

# The flags that are a whole kind.
SIMPLE = {
    bits.CREATE: "inotify_created",
    bits.MODIFY: "inotify_modified",
    bits.CLOSE_WRITE: "inotify_closed",
    bits.ATTRIB: "inotify_attrib",
    bits.DELETE: "inotify_deleted",
}

# Which flags may lead to a hook.
FLAGS = {
    "inotify_created": bits.CREATE | bits.MOVED_TO,
    "inotify_modified": bits.MODIFY,
    "inotify_closed": bits.CLOSE_WRITE,
    "inotify_attrib": bits.ATTRIB,
    "inotify_deleted": bits.DELETE | bits.DELETE_SELF | bits.MOVED_FROM,
    "inotify_moved": MOVED_TO,
    "inotify_overflow": OVERFLOW,
    "inotify_unwatched": UNWATCHED,
}

Call = Tuple[str, Tuple[object, ...]]


class Kinds:
    """The hooks by kind that somebody implements.

    ``wanted`` is the mask of all events that call one of them; no other needs a look.

    Args:
        implemented: the names of hooks; those that are not by kind do no harm.

    """

    def __init__(self, implemented: Collection[str]) -> None:
        self.wanted = 0
        for name in implemented:
            self.wanted |= FLAGS.get(name, 0)

    def calls(self, events: Sequence[AnyEvent], index: int, hidden: Container[int] = ()) -> Iterator[Call]:
        """Yield the hooks that one event of a batch calls, each with its arguments but for the watcher.

        The two halves of a move are next to each other in a batch: the first calls nothing, the second
        ``inotify_moved``. A half on its own is an entry that came or went. The end of a root that is a file is
        told of its entry and of itself, next to each other as well: the first that is not *hidden* counts.
        """
        event = events[index]
        mask = event.mask
        if mask & MOVED_FROM and not _is_first_half(events, index):
            yield "inotify_deleted", (event.path, event)
        if mask & MOVED_TO:
            if event.moved_from is None:
                yield "inotify_created", (event.path, event)
            else:
                yield "inotify_moved", (event.moved_from, event.path, event)
        if mask & OVERFLOW:
            yield "inotify_overflow", (event,)
        if mask & UNWATCHED:
            error = event.error or OSError(0, "the reason is not known", event.path)
            yield "inotify_unwatched", (event.path, error)
        if mask & DELETE_SELF and not _is_told_of_entry(events, index, hidden):
            yield "inotify_deleted", (event.path, event)
        for flag, name in SIMPLE.items():
            if mask & flag and not is_of_a_directory(flag, mask):
                yield name, (event.path, event)


def is_of_a_directory(kind: int, mask: int) -> bool:
    """Return True if what would be a write to a file is that a directory got a time (fs/attr.c, IN_MODIFY)."""
    return kind == MODIFY and bool(mask & ISDIR)


def _is_told_of_entry(events: Sequence[AnyEvent], index: int, hidden: Container[int]) -> bool:
    """Return True if the event before has told the end of the same path."""
    if index == 0 or index - 1 in hidden or events[index].mask & ISDIR:
        return False
    before = events[index - 1]
    return bool(before.mask & bits.DELETE) and before.path == events[index].path


def _is_first_half(events: Sequence[AnyEvent], index: int) -> bool:
    if index + 1 >= len(events):
        return False
    following = events[index + 1]
    return (
        bool(following.mask & MOVED_TO)
        and following.moved_from is not None
        and following.cookie == events[index].cookie
    )
