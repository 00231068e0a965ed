"""What one who follows is told of a host besides its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from inotify_cffi.fleet.broker import Stored
    from inotify_cffi.fleet.message import Message

__all__ = ["Notice", "notice_of"]


class Notice(NamedTuple):
    """What is told of a host besides its events.

    ``kind``: "start" and "end" of its forwarder, "heartbeat"; "gap": the events behind ``after`` up to ``last``
    are missing; "cut": those of these numbers lost their paths on the way. ``text`` says it in words. ``is_anew``:
    what was told of this journal before does not count any more.
    """

    host: str
    kind: str
    journal: str
    generation: int
    after: int
    last: int
    time: float
    text: str = ""
    is_anew: bool = False


def notice_of(stored: Stored, message: Message, host: str, kind: str, text: str) -> Notice:
    """Return what a message tells besides events."""
    return Notice(
        host,
        kind,
        message.journal,
        message.generation,
        message.after,
        message.last,
        stored.time,
        text,
        message.is_anew,
    )
