"""What an engine has to be able to do, for one who sends and one who takes; an engine is what is behind this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping, NamedTuple, Protocol, Sequence

from inotify_cffi.errors import InotifyError

if TYPE_CHECKING:
    from typing import List

__all__ = ["BrokerError", "DeniedError", "Inlet", "Outlet", "RefusedError", "Start", "Stored"]


class BrokerError(InotifyError):
    """The broker can not be used now; it is tried again."""


class DeniedError(BrokerError):
    """The broker does not let us in, or is not what was named: to try again does not help at the start."""


class RefusedError(BrokerError):
    """The last message of this journal is another one: somebody else sent, or the store went back."""


class Stored(NamedTuple):
    """A message as the broker has it.

    ``position`` only grows, along a stream, or along each key of it. ``time`` is the broker's clock in seconds
    since 1970. ``stamp`` and ``position`` together tell it from what may stand at this position when a store was
    put back. ``key`` says which host and journal.
    """

    position: int
    time: float
    stamp: str
    key: str
    fields: Mapping[str, str]
    body: bytes


class Start(NamedTuple):
    """Where to begin: behind a position, from a time on, or (both None) at what comes from now on."""

    position: int | None = None
    time: float | None = None


class Outlet(Protocol):
    """One journal's way into the stream."""

    # The largest body that the server takes, in bytes.
    limit: int

    @property
    def is_open(self) -> bool:
        """Is the connection there, as far as is known?"""

    async def last(self) -> Stored | None:
        """Return the last message of this journal; None if there is none. Raises BrokerError."""

    async def send(self, fields: Mapping[str, str], body: bytes, *, expected: int, once: str | None) -> int:
        """Store a message if the last one of this journal is at *expected* (0: none); its position.

        *once* names the message, which the broker, where it can, takes only once. Raises RefusedError,
        BrokerError.
        """

    async def warnings(self, oldest: float | None) -> List[str]:
        """Say in a line each what the server's settings may lose; *oldest* is the time of the first row."""

    async def close(self) -> None:
        """End the connection."""


class Inlet(Protocol):
    """What comes out of the stream, of some hosts."""

    async def begin(self, start: Start, behind: Mapping[str, Stored]) -> bool:
        """Begin there, or (False) where the broker has kept the place. Raises BrokerError.

        Keys that are in *behind* are read on behind these messages.
        """

    async def next(self, timeout: float) -> Sequence[Stored]:
        """Return what is there, in order; empty if nothing came within so many seconds. Raises BrokerError."""

    async def done(self, message: Stored) -> None:
        """Say that a message was handed out, where the broker keeps the place."""

    async def still_there(self, messages: Sequence[Stored]) -> bool:
        """Return False if the store was put back to before one of these, the last ones of their keys."""

    async def end(self) -> Mapping[str, int]:
        """Return the position of the last message that is there now, of each key; that of all has the key ""."""

    async def close(self) -> None:
        """End the connection."""
