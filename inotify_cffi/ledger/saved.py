"""What the consumer has been told, as bytes to be kept and read again: what ``Watcher.save()`` returns. Pure.

The bytes come from outside, from a disk that may have been full, from another version, from anybody. So each
number is held against what is there before it is used, and what is not right is a StateError before anything is
watched.

A header, then, compressed, the roots and the events. Of a root there is each directory, one level behind the
other, those of a level in the order in which their parents have them: so no path is in it, and none is too deep.
"""

from __future__ import annotations

import struct
import zlib

from inotify_cffi.errors import StateError
from inotify_cffi.kernel.listings import STAMP
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Tuple

__all__ = [
    "DIRECTORY",
    "FILE",
    "LINK",
    "NOTHING",
    "Directory",
    "Saved",
    "SavedEvent",
    "SavedRoot",
    "pack",
    "unpack",
]

MAGIC = b"inotify_cffi state\n"
VERSION = 1
# The version, a checksum of all behind it, the size of what is compressed, and how much that is when it is not.
HEADER = struct.Struct("<IIQQ")
HEAD_AT = len(MAGIC)
SUMMED_AT = HEAD_AT + 8
BODY_AT = HEAD_AT + HEADER.size

# What is compressed is at most so many times as large, so that a few bytes can not ask for all memory there is.
MOST_TIMES = 64
SMALL = 1 << 16

COUNTS = struct.Struct("<III")
SIZES = struct.Struct("<IQ")
EVENT = struct.Struct("<BIIq")

# What an entry is: its kind.
FILE, DIRECTORY, LINK = 0, 1, 2

# Of a text: there is none, it is str, it is bytes.
_NONE, _STR, _BYTES = 0, 1, 2


class Directory(NamedTuple):
    """The entries of a directory: their names, a kind for each, a stamp for each that is a file, in order."""

    names: Tuple[bytes, ...]
    kinds: bytes
    stamps: bytes


class SavedRoot(NamedTuple):
    """A root: the path that it is told by, where that was, and each directory, itself the first one."""

    given: bytes
    location: bytes
    is_file: bool
    directories: Tuple[Directory, ...]


class SavedEvent(NamedTuple):
    """An event that was told and not handed out."""

    path: str | bytes
    mask: int
    moved_from: str | bytes | None
    cookie: int
    is_itself: bool


class Saved(NamedTuple):
    """All of it; *is_gap*: events were lost, and the end of that was not told."""

    roots: Tuple[SavedRoot, ...]
    events: Tuple[SavedEvent, ...]
    is_gap: bool = False


# Before a first start.
NOTHING = Saved((), ())


# --- to bytes ---


def pack(saved: Saved) -> bytes:
    """Return it as bytes."""
    body = bytearray(COUNTS.pack(len(saved.roots), len(saved.events), saved.is_gap))
    for root in saved.roots:
        _put_text(body, root.given)
        _put_text(body, root.location)
        body += COUNTS.pack(root.is_file, len(root.directories), 0)
        for directory in root.directories:
            names = b"".join([name + b"\0" for name in directory.names])
            body += SIZES.pack(len(directory.names), len(names))
            body += names
            body += directory.kinds
            body += directory.stamps
    for event in saved.events:
        body += EVENT.pack(event.is_itself, event.mask, event.cookie, 0)
        _put_text(body, event.path)
        _put_text(body, event.moved_from)
    packed = zlib.compress(body, 1)
    if len(body) > SMALL + MOST_TIMES * len(packed):
        packed = zlib.compress(body, 0)
    sizes = HEADER.pack(VERSION, 0, len(packed), len(body))[8:]
    return MAGIC + struct.pack("<II", VERSION, zlib.crc32(packed, zlib.crc32(sizes))) + sizes + packed


def _put_text(body: bytearray, text: str | bytes | None) -> None:
    kind = _NONE if text is None else _STR if isinstance(text, str) else _BYTES
    raw = b"" if text is None else text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    body += SIZES.pack(kind, len(raw))
    body += raw


# --- from bytes ---


def unpack(state: bytes) -> Saved:
    """Return what some bytes say; of none that nothing is known. Raises StateError for what is no such state."""
    if not state:
        return NOTHING
    return _Reader(_body(state)).all()


def _body(state: bytes) -> bytes:
    if state[:HEAD_AT] != MAGIC[: len(state)]:
        raise StateError("these bytes are no state of inotify_cffi; give what Watcher.save() has returned")
    if len(state) < BODY_AT:
        raise _damaged("it is cut")
    version, checksum, size, whole = HEADER.unpack_from(state, HEAD_AT)
    if version != VERSION:
        raise StateError(
            f"the state is of version {version}, and version {VERSION} is read; begin anew without it"
        )
    packed = state[BODY_AT:]
    if len(packed) != size:
        raise _damaged("it is cut" if len(packed) < size else "there is something behind it")
    if zlib.crc32(state[SUMMED_AT:]) != checksum:
        raise _damaged("its checksum is another")
    if whole > SMALL + MOST_TIMES * size:
        raise _damaged("it would be larger than any that was saved")
    try:
        stream = zlib.decompressobj()
        body = stream.decompress(packed, whole + 1)
    except zlib.error as error:
        raise _damaged(str(error)) from error
    if len(body) != whole or not stream.eof or stream.unused_data:
        raise _damaged("its size is another")
    return body


def _damaged(why: str) -> StateError:
    return StateError(f"the state is damaged: {why}; begin anew without it")


class _Reader:
    """Takes one thing after the other, never more than there is."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def all(self) -> Saved:
        roots, events, is_gap = self._numbers(COUNTS)
        saved = Saved(
            tuple([self._root() for _ in range(self._bounded(roots))]),
            tuple([self._event() for _ in range(self._bounded(events))]),
            self._truth(is_gap),
        )
        if self._at != len(self._body):
            raise _damaged("there is something behind its end")
        if len({(root.given, root.location) for root in saved.roots}) != len(saved.roots):
            raise _damaged("one root is in it twice")
        return saved

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._body):
            raise _damaged("a number is too large")
        taken = self._body[self._at : end]
        self._at = end
        return taken

    def _numbers(self, what: struct.Struct) -> Tuple[int, ...]:
        return what.unpack(self._take(what.size))

    def _bounded(self, count: int) -> int:
        """Whatever there are so many of takes a byte at least."""
        if count > len(self._body) - self._at:
            raise _damaged("a number is too large")
        return count

    def _truth(self, number: int) -> bool:
        if number > 1:
            raise _damaged("a number is neither 0 nor 1")
        return bool(number)

    def _text(self) -> str | bytes | None:
        kind, size = self._numbers(SIZES)
        raw = self._take(size)
        if kind > _BYTES or (kind == _NONE and raw) or b"\0" in raw:
            raise _damaged("a text is none")
        return None if kind == _NONE else raw.decode("utf-8", "surrogateescape") if kind == _STR else raw

    def _path(self) -> bytes:
        path = self._text()
        if not path or not isinstance(path, bytes):
            raise _damaged("a path is none")
        return path

    def _root(self) -> SavedRoot:
        given, location = self._path(), self._path()
        is_file, count, _ = self._numbers(COUNTS)
        directories: list[Directory] = []
        known = 1
        for _ in range(self._bounded(count)):
            directories.append(self._directory())
            known += len(directories[-1].names) - directories[-1].kinds.count(FILE)
        if count != known or (self._truth(is_file) and (count > 1 or len(directories[0].names) > 1)):
            raise _damaged("it has more directories than names of them, or fewer")
        return SavedRoot(given, location, bool(is_file), tuple(directories))

    def _directory(self) -> Directory:
        count, size = self._numbers(SIZES)
        raw = self._take(size)
        if raw.count(b"\0") != count or (count and raw[-1:] != b"\0") or (size and not count):
            raise _damaged("it has more names than it says, or fewer")
        names = tuple(raw.split(b"\0")[:-1])
        known = set(names)
        if len(known) != count or not known.isdisjoint((b"", b".", b"..")) or b"/" in raw:
            raise _damaged("a name can not be one, or is there twice")
        kinds = self._take(count)
        if kinds.strip(b"\0\1\2"):
            raise _damaged("an entry is of no kind")
        return Directory(names, kinds, self._take(STAMP * kinds.count(FILE)))

    def _event(self) -> SavedEvent:
        is_itself, mask, cookie, _ = self._numbers(EVENT)
        path = self._text()
        moved_from = self._text()
        if path is None or (moved_from is not None and type(moved_from) is not type(path)):
            raise _damaged("an event has no path")
        return SavedEvent(path, mask, moved_from, cookie, self._truth(is_itself))
