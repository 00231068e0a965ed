"""Events, and decoding: bytes to values, pure.

A :class:`RawEvent` is one kernel record. An :class:`Event` is what the watcher tells: the path resolved, both
ends of a move joined. An event is a tuple, for that is the cheapest immutable value that Python makes.
"""

from __future__ import annotations

import os
from operator import itemgetter

from inotify_cffi.base import bits, causes
from inotify_cffi.base.bits import flag_names
from inotify_cffi.kernel.decode import RawEvent, decode
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic, cast

if TYPE_CHECKING:
    from typing import Union

    from inotify_cffi.causes import Cause
    from inotify_cffi.flags import Mask

__all__ = ["AnyEvent", "Event", "RawEvent", "decode"]

ISDIR = bits.ISDIR

# What an event is about: the watched directory itself, or an entry of it. The path of a root that was given with a
# slash at its end keeps it.
ITSELF = 0
AN_ENTRY = 1
AN_ENTRY_BEHIND_A_SLASH = 2


class Event(tuple[object, ...], Generic[AnyStr]):
    """One thing that happened below a root; immutable.

    Its paths are str or bytes as the root was given. Make one by :meth:`of`; the constructor takes one
    sequence of all fields in their order, as a tuple's does. The directory and the name are parts of the path,
    and are cut out of it when they are asked for.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def path(self) -> AnyStr:
            """The full path; of the root itself, the path that was given. Empty for Q_OVERFLOW."""

        @property
        def mask(self) -> int:
            """The flags, as an integer; :attr:`flags` is the same as a :class:`Mask`."""

        @property
        def moved_from(self) -> AnyStr | None:
            """The full old path, for a MOVED_TO whose other half is known; else None."""

        @property
        def cookie(self) -> int:
            """The number that joins the two halves of a move; else 0."""

        @property
        def wd(self) -> int:
            """The watch descriptor that reported it; -1 for what no watch reported."""

    else:
        path = property(itemgetter(0))
        mask = property(itemgetter(1))
        moved_from = property(itemgetter(2))
        cookie = property(itemgetter(3))
        wd = property(itemgetter(4))

    @classmethod
    def of(
        cls,
        path: AnyStr,
        mask: int,
        *,
        moved_from: AnyStr | None = None,
        cookie: int = 0,
        wd: int = -1,
        cause: int = causes.KERNEL,
    ) -> Event[AnyStr]:
        """Return an event about *path*; the directory and the name are its parts."""
        directory = os.path.split(path)[0]
        ends = directory.endswith("/") if isinstance(directory, str) else directory.endswith(b"/")
        which = AN_ENTRY_BEHIND_A_SLASH if ends else AN_ENTRY
        return cls((path, int(mask), moved_from, cookie, wd, which, int(cause)))

    @property
    def cause(self) -> Cause:
        """Why it is told: ``Cause.KERNEL``, or from what the library made it."""
        from inotify_cffi.causes import Cause

        return Cause(cast("int", self[6]))

    @property
    def synthetic(self) -> bool:
        """True if the library made it; False if the kernel reported it."""
        return self[6] != causes.KERNEL

    @property
    def watch_path(self) -> AnyStr:
        """The path of the watched directory that reported it."""
        path = self.path
        which = self[5]
        if which == ITSELF:
            return path
        cut = path.rfind("/") if isinstance(path, str) else path.rfind(b"/")
        return path[: cut + 1] if which == AN_ENTRY_BEHIND_A_SLASH else path[: max(cut, 0)]

    @property
    def name(self) -> AnyStr:
        """The entry inside the watched directory; empty if the event is about that itself."""
        path = self.path
        if self[5] == ITSELF:
            return path[:0]
        cut = path.rfind("/") if isinstance(path, str) else path.rfind(b"/")
        return path[cut + 1 :]

    @property
    def error(self) -> OSError | None:
        """Why a directory is not covered, for UNWATCHED; else None."""
        return None

    @property
    def flags(self) -> Mask:
        """The mask as a :class:`Mask`."""
        from inotify_cffi.flags import Mask

        return Mask(self.mask)

    @property
    def names(self) -> list[str]:
        """The names of the flags, lowest bit first: ``["CREATE", "ISDIR"]``."""
        return flag_names(self.mask)

    @property
    def is_dir(self) -> bool:
        """True if the event is about a directory."""
        return bool(self.mask & ISDIR)

    def __str__(self) -> str:
        text = f"{','.join(self.names)} {os.fsdecode(self.path)}"
        return text if self.moved_from is None else f"{text} (from {os.fsdecode(self.moved_from)})"

    def __repr__(self) -> str:
        parts = [repr(self.path), "|".join(self.names)]
        if self.moved_from is not None:
            parts.append(f"moved_from={self.moved_from!r}")
        if self.synthetic:
            parts.append(f"cause={self.cause.name}")
        return f"<Event {' '.join(parts)}>"


class UnwatchedEvent(Event[AnyStr]):
    """An UNWATCHED event; it carries its reason behind the other fields."""

    __slots__ = ()

    @property
    def error(self) -> OSError | None:
        """Why the directory is not covered; errno, strerror and filename say it."""
        error = self[7]
        return error if isinstance(error, OSError) else None


if TYPE_CHECKING:
    AnyEvent = Union[Event[str], Event[bytes]]
