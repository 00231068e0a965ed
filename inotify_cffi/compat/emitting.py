"""What a watcher tells, in the words of watchdog: one emitter's part of it."""

from __future__ import annotations

import errno
import logging
import os
from typing import TYPE_CHECKING, Iterable, Iterator, List, Type

from watchdog import events as words

from inotify_cffi.base import bits, causes

if TYPE_CHECKING:
    from inotify_cffi.compat.hub import Taker
    from inotify_cffi.events import AnyEvent

    Kind = Type[words.FileSystemEvent]

__all__ = ["Wording", "mask_of"]

ISDIR = bits.ISDIR
ALWAYS = bits.CREATE | bits.DELETE | bits.MOVED_FROM | bits.MOVED_TO | bits.DELETE_SELF

# Before there were classes for attributes, a change of them was told as a modification.
FileAttrib: Kind = getattr(words, "FileAttribEvent", words.FileModifiedEvent)
DirAttrib: Kind = getattr(words, "DirAttribEvent", words.DirModifiedEvent)
FileClosedNoWrite: Kind | None = getattr(words, "FileClosedNoWriteEvent", None)

# What has to be watched so that an event of a class can be told, besides what always is.
NEEDS: tuple[tuple[Kind | None, int], ...] = (
    (words.FileModifiedEvent, bits.MODIFY),
    (FileAttrib, bits.ATTRIB),
    (DirAttrib, bits.ATTRIB),
    (words.DirModifiedEvent, bits.CLOSE_WRITE),
    (words.FileClosedEvent, bits.CLOSE_WRITE),
    (FileClosedNoWrite, bits.CLOSE_NOWRITE),
    (words.FileOpenedEvent, bits.OPEN),
)

# How a poller finds that its directory is gone.
GONE = (errno.ENOENT, errno.ENOTDIR)

# What a poller never sees.
BRIEF = bits.OPEN | bits.CLOSE_WRITE | bits.CLOSE_NOWRITE

logger = logging.getLogger("inotify_cffi.compat.watchdog")


def mask_of(event_filter: Iterable[Kind] | None, *, brief: bool) -> int:
    """Return what to watch for those classes of events; all for None. *brief*: not who opens and closes."""
    mask = ALWAYS
    for kind, bit in NEEDS:
        if kind is not None and (event_filter is None or any(issubclass(kind, each) for each in event_filter)):
            mask |= bit
    return mask & ~BRIEF if brief else mask


class Wording:
    """What one emitter says.

    Args:
        taker: whose events they are.
        full: tell a half of a move as a move without the other end, in place of a creation or a deletion.
        only: the one path to tell of, and what is moved to it or from it; None for all.
        brief: it takes the place of a poller, which takes a directory that is not at its place for deleted.

    """

    def __init__(self, taker: Taker, *, full: bool, only: str | bytes | None, brief: bool = False) -> None:
        self._taker = taker
        self._full = full
        self._only = only
        self._brief = brief
        # The directory that was moved in last: what is found in it comes along, and changes no other one.
        self._moved_in: str | bytes | None = None
        self.is_over = False

    def say(self, told: List[AnyEvent]) -> Iterator[words.FileSystemEvent]:
        """Yield what watchdog calls the same; ``is_over`` is set when the directory itself is gone."""
        said = self._say(told)
        if self._only is None:
            return said
        return (event for event in said if self._only in (event.src_path, getattr(event, "dest_path", None)))

    def _say(self, told: List[AnyEvent]) -> Iterator[words.FileSystemEvent]:
        taker = self._taker
        half: AnyEvent | None = None
        for event in _without_overwritten(told):
            mask = event.mask
            if half is not None:
                if mask & bits.MOVED_TO and event.moved_from == half.path:
                    yield from self._moved(taker.place(half.path), taker.place(event.path), event)
                    half = None
                    continue
                yield from self._left(half)
                half = None
            if mask & bits.MOVED_FROM:
                half = event
            else:
                yield from self._one(event, mask)
        if half is not None:
            yield from self._left(half)

    def _one(self, event: AnyEvent, mask: int) -> Iterator[words.FileSystemEvent]:
        path = self._taker.place(event.path)
        is_dir = bool(mask & ISDIR)
        if mask & bits.CREATE:
            yield from self._came(path, event, is_dir=is_dir)
        elif mask & bits.MOVED_TO:
            yield from self._arrived(path, event, is_dir=is_dir)
        elif mask & bits.ATTRIB:
            yield (DirAttrib if is_dir else FileAttrib)(path)
        elif mask & bits.MODIFY:
            yield (words.DirModifiedEvent if is_dir else words.FileModifiedEvent)(path)
        elif mask & bits.DELETE:
            yield (words.DirDeletedEvent if is_dir else words.FileDeletedEvent)(path)
            yield _modified_above(path)
        elif mask & bits.DELETE_SELF or self._misses_all(path, event):
            self.is_over = True
            yield words.DirDeletedEvent(path)
        elif mask & (bits.UNWATCHED | bits.Q_OVERFLOW):
            self._warn(path, event)
        elif not is_dir:
            yield from _of_a_file(path, mask)

    def _came(self, path: str | bytes, event: AnyEvent, *, is_dir: bool) -> Iterator[words.FileSystemEvent]:
        said = (words.DirCreatedEvent if is_dir else words.FileCreatedEvent)(path)
        if event.cause == causes.MOVED_IN and self._came_along(path):
            said.is_synthetic = True
            yield said
        else:
            yield said
            yield _modified_above(path)

    def _came_along(self, path: str | bytes) -> bool:
        return self._moved_in is not None and path.startswith(self._moved_in)  # type: ignore[arg-type]

    def _arrived(self, path: str | bytes, event: AnyEvent, *, is_dir: bool) -> Iterator[words.FileSystemEvent]:
        """Say a half of a move: from where nothing is watched for this emitter."""
        if event.synthetic or not self._full:
            yield from self._came(path, event, is_dir=is_dir)
        else:
            yield (words.DirMovedEvent if is_dir else words.FileMovedEvent)(path[:0], path)
            yield _modified_above(path)
        if is_dir and not event.synthetic:
            self._moved_in = path + "/" if isinstance(path, str) else path + b"/"

    def _left(self, half: AnyEvent) -> Iterator[words.FileSystemEvent]:
        path = self._taker.place(half.path)
        is_dir = half.is_dir
        if self._full and not half.synthetic:
            yield (words.DirMovedEvent if is_dir else words.FileMovedEvent)(path, path[:0])
        else:
            yield (words.DirDeletedEvent if is_dir else words.FileDeletedEvent)(path)
        yield _modified_above(path)

    def _moved(self, old: str | bytes, new: str | bytes, event: AnyEvent) -> Iterator[words.FileSystemEvent]:
        said = (words.DirMovedEvent if event.is_dir else words.FileMovedEvent)(old, new)
        if event.cause == causes.ANOTHER_EVENT:
            # It went along with its directory.
            said.is_synthetic = True
            yield said
            return
        yield said
        yield _modified_above(old)
        yield _modified_above(new)

    def _misses_all(self, path: str | bytes, event: AnyEvent) -> bool:
        is_root = self._brief and event.mask & bits.UNWATCHED and path == self._taker.path
        return bool(is_root) and event.error is not None and event.error.errno in GONE

    def _warn(self, path: str | bytes, event: AnyEvent) -> None:
        if event.mask & bits.Q_OVERFLOW:
            logger.warning("events below %r were lost; the difference that they made follows", self._taker.path)
        else:
            logger.warning("%r is not covered: %s", path, event.error)


def _without_overwritten(told: List[AnyEvent]) -> Iterator[AnyEvent]:
    """Yield the events but for the deletion of what something was moved over: watchdog has none."""
    for number, event in enumerate(told):
        if not (event.synthetic and event.mask & bits.DELETE and _is_overwritten(event.path, told, number + 1)):
            yield event


def _is_overwritten(path: str | bytes, told: List[AnyEvent], number: int) -> bool:
    """Return True if the move that is told from there on, both halves or the second one, ends at *path*."""
    for event in told[number : number + 2]:
        if event.mask & bits.MOVED_TO:
            return event.path == path
        if not event.mask & bits.MOVED_FROM:
            break
    return False


def _of_a_file(path: str | bytes, mask: int) -> Iterator[words.FileSystemEvent]:
    if mask & bits.OPEN:
        yield words.FileOpenedEvent(path)
    elif mask & bits.CLOSE_WRITE:
        yield words.FileClosedEvent(path)
        yield _modified_above(path)
    elif mask & bits.CLOSE_NOWRITE and FileClosedNoWrite is not None:
        yield FileClosedNoWrite(path)


def _modified_above(path: str | bytes) -> words.DirModifiedEvent:
    return words.DirModifiedEvent(os.path.dirname(path))
