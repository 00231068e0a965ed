"""Events, and decoding: bytes to values, pure.

A :class:`RawEvent` is one kernel record. An :class:`Event` is what the watcher tells: the path resolved, both
ends of a move joined. An event is a tuple, for that is the cheapest immutable value that Python makes.
"""

from __future__ import annotations

import os

from inotify_cffi.base import bits, causes
from inotify_cffi.base.bits import flag_names
from inotify_cffi.kernel.decode import RawEvent, decode
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic, field, overload

if TYPE_CHECKING:
    from typing import Dict, Literal, SupportsIndex, Tuple, Union

    from inotify_cffi.causes import Cause
    from inotify_cffi.flags import Mask

__all__ = ["AnyEvent", "Event", "RawEvent", "decode", "field"]

ISDIR = bits.ISDIR

# What the masks that came so far are as names and as flags: few differ. No more than so many are kept, for what
# somebody makes up, or reads from a file, may have any.
_NAMES: Dict[int, Tuple[str, ...]] = {}
_FLAGS: Dict[int, Mask] = {}
MOST_MASKS = 1024

# What an event is about: the watched directory itself, or an entry of it. The path of a root that was given with a
# slash at its end keeps it.
ITSELF = 0
AN_ENTRY = 1
AN_ENTRY_BEHIND_A_SLASH = 2


class Event(tuple[object, ...], Generic[AnyStr]):
    """One thing that happened below a root; immutable.

    Its paths are str or bytes as the root was given. Make one by :meth:`of`; the constructor takes one
    sequence of all fields in their order, as a tuple's does. The directory is a part of the path, and is cut
    out of it when it is asked for.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __getitem__(self, place: Literal[0], /) -> AnyStr: ...
        @overload
        def __getitem__(self, place: Literal[7], /) -> AnyStr: ...
        @overload
        def __getitem__(self, place: Literal[1, 3, 4, 5, 6], /) -> int: ...
        @overload
        def __getitem__(self, place: SupportsIndex, /) -> object: ...
        @overload
        def __getitem__(self, place: slice, /) -> tuple[object, ...]: ...
        def __getitem__(self, place: SupportsIndex | slice, /) -> object: ...

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

        @property
        def name(self) -> AnyStr:
            """The entry inside the watched directory; empty if the event is about that itself."""

    else:
        path = field(0, "The full path; of the root itself, the path that was given. Empty for Q_OVERFLOW.")
        mask = field(1, "The flags, as an integer; ``flags`` is the same as a ``Mask``.")
        moved_from = field(2, "The full old path, for a MOVED_TO whose other half is known; else None.")
        cookie = field(3, "The number that joins the two halves of a move; else 0.")
        wd = field(4, "The watch descriptor that reported it; -1 for what no watch reported.")
        name = field(7, "The entry inside the watched directory; empty if the event is about that itself.")

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
        directory, name = os.path.split(path)
        ends = directory.endswith("/") if isinstance(directory, str) else directory.endswith(b"/")
        which = AN_ENTRY_BEHIND_A_SLASH if ends else AN_ENTRY
        return cls((path, int(mask), moved_from, cookie, wd, which, int(cause), name))

    @property
    def cause(self) -> Cause:
        """Why it is told: ``Cause.KERNEL``, or from what the library made it."""
        from inotify_cffi.causes import Cause

        return Cause(self[6])

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
    def error(self) -> OSError | None:
        """Why a directory is not covered, for UNWATCHED; else None."""
        return None

    @property
    def flags(self) -> Mask:
        """The mask as a :class:`Mask`."""
        try:
            return _FLAGS[self[1]]
        except KeyError:
            return _flags_of(self[1])

    @property
    def names(self) -> Tuple[str, ...]:
        """The names of the flags, lowest bit first: ``("CREATE", "ISDIR")``."""
        try:
            return _NAMES[self[1]]
        except KeyError:
            return _names_of(self[1])

    @property
    def is_dir(self) -> bool:
        """True if the event is about a directory."""
        return self[1] & ISDIR != 0

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


def _names_of(mask: int) -> Tuple[str, ...]:
    names = tuple(flag_names(mask))
    if len(_NAMES) < MOST_MASKS:
        _NAMES[mask] = names
    return names


def _flags_of(mask: int) -> Mask:
    from inotify_cffi.flags import Mask

    flags = Mask(mask)
    if len(_FLAGS) < MOST_MASKS:
        _FLAGS[mask] = flags
    return flags


def about_itself(path: str | bytes, mask: int, wd: int, cause: int) -> AnyEvent:
    """Return an event about a watched directory itself, or about a root that is a file."""
    return Event((path, mask, None, 0, wd, ITSELF, cause, path[:0]))


class UnwatchedEvent(Event[AnyStr]):
    """An UNWATCHED event; it carries its reason behind the other fields."""

    __slots__ = ()

    @property
    def error(self) -> OSError | None:
        """Why the directory is not covered; errno, strerror and filename say it."""
        error = self[8]
        return error if isinstance(error, OSError) else None


if TYPE_CHECKING:
    AnyEvent = Union[Event[str], Event[bytes]]
