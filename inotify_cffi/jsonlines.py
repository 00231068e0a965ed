"""Events as JSON objects, and back: what ``--format json`` and the journal print, a line each.

``event.schema.json`` beside this module is the schema. No object holds a lone surrogate, which strict parsers
refuse: a path that is not UTF-8 is null, and its bytes are beside it in base64.
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING, AnyStr, Dict, Mapping, NamedTuple

from inotify_cffi.base import causes
from inotify_cffi.causes import Cause
from inotify_cffi.events import AN_ENTRY, Event, UnwatchedEvent, field
from inotify_cffi.flags import Mask

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent

__all__ = ["JournalEvent", "Stamp", "add_path", "event_from_json", "event_to_json"]


class Stamp(NamedTuple):
    """When an event was told, in seconds since 1970, and which it is of which journal; all None without one.

    The number alone is None where it is not known yet: the journal could not be written, and holds the event.
    """

    time: float
    number: int | None = None
    journal: str | None = None
    generation: int | None = None


class JournalEvent(Event[AnyStr]):
    """An event as a journal has kept it, with its number; a plain event in all else. Made by :meth:`kept`."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def number(self) -> int:
            """Its number: greater than all before it in this journal, and never given again."""

        @property
        def time(self) -> float:
            """When it was told, in seconds since 1970, by the clock of the machine at that time."""

        @property
        def journal(self) -> str:
            """The UUID of the journal."""

        @property
        def generation(self) -> int:
            """How often the file of the journal was made anew."""

        @property
        def durable(self) -> int | None:
            """For RESTART, the last number that is still in the journal: what was read behind it is undone."""

    else:
        number = field(8, "Its number: greater than all before it in this journal, and never given again.")
        time = field(9, "When it was told, in seconds since 1970, by the clock of the machine at that time.")
        journal = field(10, "The UUID of the journal.")
        generation = field(11, "How often the file of the journal was made anew.")
        durable = field(
            12, "For RESTART, the last number that is still in the journal: what was read behind it is undone."
        )

    @classmethod
    def kept(
        cls,
        path: AnyStr,
        mask: int,
        *,
        number: int,
        time: float,
        journal: str,
        generation: int,
        moved_from: AnyStr | None = None,
        cookie: int = 0,
        cause: int = causes.KERNEL,
        errno: int | None = None,
        durable: int | None = None,
    ) -> JournalEvent[AnyStr]:
        """Return an event of a journal; *errno* is why a directory is not covered, for UNWATCHED."""
        own: tuple[object, ...] = (number, time, journal, generation, durable, errno)
        name = path.rpartition("/" if isinstance(path, str) else b"/")[2]
        return cls((path, int(mask), moved_from, cookie, -1, AN_ENTRY, int(cause), name, *own))

    @property
    def error(self) -> OSError | None:
        """Why a directory is not covered, for UNWATCHED; else None."""
        number = self[13]
        if not isinstance(number, int):
            return None
        return OSError(number, os.strerror(number) if number else "the reason is not known", self.path)


def event_to_json(event: AnyEvent, stamp: Stamp | None = None) -> Dict[str, object]:
    """Return the object for an event, as ``event.schema.json`` has it.

    Args:
        event: the event; a :class:`JournalEvent` brings its own stamp.
        stamp: when it was told; None for now.

    """
    if isinstance(event, JournalEvent):
        stamp = Stamp(event.time, event.number, event.journal, event.generation)
    elif stamp is None:
        stamp = Stamp(time.time())
    row: Dict[str, object] = {"time": stamp.time}
    if stamp.journal is not None:
        row.update(number=stamp.number, journal=stamp.journal, generation=stamp.generation)
    add_path(row, "path", event.path)
    row.update(mask=list(event.names), is_dir=event.is_dir, cookie=event.cookie)
    add_path(row, "moved_from", event.moved_from)
    row.update(synthetic=event.synthetic, cause=event.cause.name.lower())
    if event.error is not None:
        row["error"] = event.error.strerror
        name = errno.errorcode.get(event.error.errno or 0)
        if name is not None:
            row["errno"] = name
    if isinstance(event, JournalEvent) and event.durable is not None:
        row["durable"] = event.durable
    return row


def add_path(row: Dict[str, object], key: str, path: str | bytes | None) -> None:
    """Add a path to an object; one that is not UTF-8 is null, and its bytes are in base64 beside it."""
    if path is None:
        row[key] = None
        return
    name = os.fsencode(path)
    try:
        row[key] = name.decode("utf-8")
    except UnicodeDecodeError:
        # Imported here: few names are not UTF-8.
        import base64

        row[key] = None
        row[f"{key}_bytes"] = base64.b64encode(name).decode("ascii")


def event_from_json(row: Mapping[str, object]) -> Event[str]:
    """Return the event that an object of JSON Lines is about.

    Args:
        row: the object, as ``json.loads`` returns it for a line.

    Returns:
        An event; a :class:`JournalEvent` where the object has a number. Names that are not UTF-8 are as
        ``os.fsdecode`` has them. UNWATCHED has its ``error``; its errno is 0 where it is not known here.

    Raises:
        ValueError: the object is not an event.

    """
    path, moved_from = _path(row, "path"), _path(row, "moved_from")
    cookie, names = row.get("cookie", 0), row.get("mask")
    if path is None or not isinstance(names, list) or not isinstance(cookie, int):
        raise ValueError(f"this object is not an event, which has a path and a mask: {row!r:.200}")
    mask = 0
    for name in names:
        mask |= _bit(name)
    cause, number, error = _cause(row), row.get("number"), _error(row, path)
    if not isinstance(number, int):
        event = Event.of(path, mask, moved_from=moved_from, cookie=cookie, cause=cause)
        return event if error is None else UnwatchedEvent((*event, error))
    moment, generation, durable = row.get("time"), row.get("generation"), row.get("durable")
    if not (isinstance(moment, (int, float)) and isinstance(generation, int)):
        raise ValueError(f"this object has a number, and no time or generation: {row!r:.200}")  # noqa: TRY004
    return JournalEvent.kept(
        path,
        mask,
        number=number,
        time=moment,
        journal=str(row.get("journal")),
        generation=generation,
        moved_from=moved_from,
        cookie=cookie,
        cause=cause,
        errno=None if error is None else error.errno,
        durable=durable if isinstance(durable, int) else None,
    )


def _error(row: Mapping[str, object], path: str) -> OSError | None:
    """Return why a directory is not covered; numbers differ between machines, so its name is what is written."""
    text, name = row.get("error"), row.get("errno")
    if text is None:
        return None
    number = getattr(errno, name, 0) if isinstance(name, str) and name.startswith("E") else 0
    return OSError(number, str(text), path)


def _path(row: Mapping[str, object], key: str) -> str | None:
    encoded = row.get(f"{key}_bytes")
    text = row.get(key)
    if encoded is None:
        if text is not None and not isinstance(text, str):
            raise ValueError(f"{key!r} must be a text or null, not {text!r:.200}")
        return text
    import base64
    import binascii

    try:
        return os.fsdecode(base64.b64decode(str(encoded), validate=True))
    except binascii.Error as error:
        raise ValueError(f"'{key}_bytes' is not base64: {encoded!r:.200}") from error


def _cause(row: Mapping[str, object]) -> Cause:
    name = row.get("cause")
    if name is None:
        # A line of before there were causes.
        return Cause.LOOK if row.get("synthetic", False) else Cause.KERNEL
    if not isinstance(name, str):
        raise ValueError(f"a cause must be a text, not {name!r:.80}")  # noqa: TRY004
    # A later version may have one that is not known here.
    return Cause.__members__.get(name.upper(), Cause.LOOK)


def _bit(name: object) -> int:
    if isinstance(name, str) and name in Mask.__members__:
        return int(Mask[name])
    try:
        # A bit without a name comes as hexadecimal.
        return int(str(name), 16)
    except ValueError:
        raise ValueError(f"{name!r:.80} is not a flag of an event") from None
