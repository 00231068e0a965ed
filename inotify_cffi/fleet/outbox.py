"""Read a journal that another process, or this one, writes: in batches, so only what is sent is in memory."""

from __future__ import annotations

import os
import time
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Generator, Iterator, List, Protocol, Tuple

from inotify_cffi.errors import GenerationError, InotifyError

if TYPE_CHECKING:
    from inotify_cffi.jsonlines import JournalEvent

__all__ = ["Outbox", "UnreadableError"]

# So many rows are read at a time.
ROWS = 2000

# A file's time of change is by a coarse clock: so long behind it another change may have the same.
TICK_S = 0.1


class UnreadableError(InotifyError):
    """The journal is not there, or can not be read now."""


class Status(Protocol):
    """What the plugin says of a journal as a whole."""

    @property
    def journal(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def forgotten(self) -> int: ...


class Journal(Protocol):
    """What is needed of the plugin."""

    def since(
        self, file: str, seq: int, identity: str | None = None
    ) -> Generator[JournalEvent[bytes], None, None]: ...

    def status(self, file: str) -> Status: ...


class Outbox:
    """What a journal has to send.

    Args:
        journal: the plugin ``journal``, which can read one.
        file: the journal's file; it may be made anew at any time.

    """

    def __init__(self, journal: Journal, file: str) -> None:
        self._journal = journal
        self.file = file
        self._seen: Tuple[object, ...] = ()
        self._changed_at = 0.0

    def status(self) -> Status:
        """Return which journal it is, and how far. Raises UnreadableError."""
        with _asking():
            return self._journal.status(self.file)

    def after(self, number: int, status: Status) -> List[JournalEvent[bytes]]:
        """Return the next events behind a number, not all; empty if there are none yet.

        Raises:
            UnreadableError: the journal can not be read.
            GenerationError: the journal is not the one of *status* any more, or never gave this number.
            ForgottenError: events behind it were forgotten.

        """
        # Before the rows are read: what is written meanwhile is a change.
        self._note()
        # Closed at once: a reader that stays would keep the journal from making room.
        with _asking(), closing(self._journal.since(self.file, number)) as rows:
            events = list(islice(rows, ROWS))
        for event in events:
            if (event.journal, event.generation) != (status.journal, status.generation):
                raise GenerationError(f"the journal {self.file} was made anew meanwhile")
        return events

    def oldest(self) -> float | None:
        """Return the time of the first row that is kept, in seconds since 1970; None if there is none."""
        with _asking(), closing(self._journal.since(self.file, 0)) as rows:
            return next((event.time for event in rows), None)

    def may_have_more(self) -> bool:
        """Return False if nothing can have been written since :meth:`after` was called; it costs two stat(2)."""
        return self._note() or time.monotonic() - self._changed_at < TICK_S

    def _note(self) -> bool:
        seen = tuple(_stamp(self.file + ending) for ending in ("", "-wal"))
        is_other, self._seen = seen != self._seen, seen
        if is_other:
            self._changed_at = time.monotonic()
        return is_other


def _stamp(path: str) -> Tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except SystemExit as error:
        # What ends a command line; a forwarder that runs for months tries again.
        raise UnreadableError(str(error)) from error
