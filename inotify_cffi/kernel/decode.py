"""From what a read returned to raw events, pure."""

from __future__ import annotations

from inotify_cffi.kernel import buffers
from inotify_cffi.typed import NamedTuple

__all__ = ["RawEvent", "decode"]


class RawEvent(NamedTuple):
    """One kernel record (inotify(7)): the watch descriptor, the mask, the cookie of a move, the name."""

    wd: int
    mask: int
    cookie: int
    name: bytes


# Where users find it, and where those that were pickled are looked for.
RawEvent.__module__ = "inotify_cffi.events"


def decode(data: bytes) -> list[RawEvent]:
    """Return the records in *data*, which is what read(2) on an inotify descriptor returned.

    Raises DecodeError where *data* does not hold whole records.
    """
    columns = buffers.split(data)
    names = columns.names.split(b"\0")[:-1]
    return list(map(RawEvent, columns.wds, columns.masks, columns.cookies, names))
