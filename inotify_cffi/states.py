"""A state for ``since=`` from what somebody else knows of a tree: of a journal, of a backup's catalogue."""

from __future__ import annotations

import os
import struct

from inotify_cffi.ledger.saved import DIRECTORY, FILE, Directory, Saved, SavedRoot, pack
from inotify_cffi.ledger.storage import UNKNOWN
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, Mapping, Sequence, Tuple, Union

    Path = Union[str, bytes]
    # None for a directory; of a file inode, size, mtime_ns and ctime_ns, or nothing where these are not known.
    Entries = Mapping[Path, Union[Sequence[int], None]]

__all__ = ["make_state"]

STAMP = struct.Struct("=4q")


def make_state(roots: Mapping[Path, Entries]) -> bytes:
    """Return a state, as ``Watcher.save()`` does, of what is known otherwise of some roots.

    Args:
        roots: the path of each, as it will be given to the watcher, to its entries: of each the path, that begins
            with that of the root, and None for a directory, or inode, size, mtime_ns and ctime_ns, as lstat(2) had
            them before its content was read; () where that is not known, and then it is told as changed. The only
            entry of a root that is a file is the root itself.

    Raises:
        ValueError: an entry is not below its root, or not in a directory that is an entry, too.

    """
    return pack(Saved(tuple([_root(os.fsencode(path), entries) for path, entries in roots.items()]), ()))


def _root(given: bytes, entries: Entries) -> SavedRoot:
    location = os.path.abspath(given)
    known = {os.fsencode(path): entry for path, entry in entries.items()}
    if given in known:
        stamp = known.pop(given)
        if known or stamp is None:
            raise ValueError(f"{given!r} is the root; of one that is a file it is the only entry")
        only = Directory((os.path.basename(location),), bytes([FILE]), _stamp(stamp))
        return SavedRoot(given, location, True, (only,))
    return SavedRoot(given, location, False, tuple(_directories(given, known)))


def _directories(given: bytes, known: Dict[bytes, Sequence[int] | None]) -> list[Directory]:
    top = given.rstrip(b"/")
    below: Dict[bytes, list[Tuple[bytes, Sequence[int] | None]]] = {top: []}
    for path, entry in sorted(known.items()):
        directory, _, name = path.rpartition(b"/")
        if directory not in below or not name:
            raise ValueError(f"{path!r} is in no directory that is known; give each one above it, up to {given!r}")
        if name in {b".", b".."} or b"\0" in name:
            raise ValueError(f"{path!r}: {name!r} can not be a name")
        below[directory].append((name, entry))
        if entry is None:
            below[path] = []
    todo = [top]
    found: list[Directory] = []
    for directory in todo:
        inside = below[directory]
        found.append(
            Directory(
                tuple([name for name, _ in inside]),
                bytes([DIRECTORY if entry is None else FILE for _, entry in inside]),
                b"".join([_stamp(entry) for _, entry in inside if entry is not None]),
            )
        )
        todo += [directory + b"/" + name for name, entry in inside if entry is None]
    return found


def _stamp(numbers: Sequence[int]) -> bytes:
    if not numbers:
        return STAMP.pack(0, UNKNOWN, 0, 0)
    inode, size, written_ns, changed_ns = numbers
    # As a stamp has it, which is of 64 bits with a sign.
    return STAMP.pack((inode + (1 << 63)) % (1 << 64) - (1 << 63), size, written_ns, changed_ns)
