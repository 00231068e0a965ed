"""How old rows are, whatever the clock was when they were written, and which are to be forgotten.

Where the wall clock is found to have been set, by how much is written down with the number of the next row. So the
age of a row is by the clock as it is set now. After a restart of the machine a clock that has gone forward by
years may be right or wrong; until it has stood for a while nothing is forgotten because of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .clock import Moment
from .reading import segments

if TYPE_CHECKING:
    import sqlite3
    from typing import Callable

__all__ = ["Ageing"]

# After a restart of the machine a clock is believed when it has stood for so long.
BELIEVED_S = 3600.0


class Ageing:
    """The clock of one writer. All but :meth:`used` is called inside a transaction.

    Args:
        connection: to the journal.
        clock: tells the time.

    """

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], Moment]) -> None:
        self._run = connection.execute
        self._clock = clock
        # When it was last looked at the clock, of what is committed.
        self.seen: Moment | None = None

    def remember(self) -> None:
        """Take up when the journal was last written."""
        wall, steady, boot = self._run("SELECT wall, steady, boot FROM journal").fetchone()
        last = self._run("SELECT time FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        if boot is None:
            return
        # The clocks are written down less often than rows.
        is_newer = last is not None and self._clock().boot != boot
        self.seen = Moment(last[0] if is_newer else wall, steady, boot)

    def look(self, first: int, wall: float | None = None) -> Moment:
        """Return what time it is. If the clock was set, it is so from row *first* on.

        What is returned is to become :attr:`seen` when the transaction is committed.
        """
        moment = self._clock() if wall is None else self._clock()._replace(wall=wall)
        if self.seen is None:
            return moment
        jump = moment.jump_since(self.seen)
        if jump:
            self._was_set(first, jump)
        if moment.boot != self.seen.boot:
            # The machine may have been off for so long, or its clock be wrong.
            unsure = max(moment.wall - self.seen.wall, 0.0)
            self._run(
                "UPDATE journal SET unsure = ?, unsure_since = ?, unsure_first = ?", (unsure, moment.steady, first)
            )
        elif jump < 0:
            unsure, since = self._run("SELECT unsure, unsure_first FROM journal").fetchone()
            back = min(unsure, -jump)
            if back > 0:
                # It was wrong: the clock had been set ahead when the machine was started, and not the time passed.
                self._was_set(since, back)
                self._run("UPDATE journal SET unsure = ?", (unsure - back,))
        return moment

    def _was_set(self, first: int, jump: float) -> None:
        self._run(
            "INSERT INTO jumps VALUES (?, ?) ON CONFLICT (first) DO UPDATE SET jump = jump + excluded.jump",
            (first, jump),
        )

    def write_down(self, moment: Moment) -> None:
        """Keep the clocks for the next start."""
        self._run("UPDATE journal SET wall = ?, steady = ?, boot = ?", moment)

    def forget_older(self, moment: Moment, seconds: float, following: int) -> None:
        """Forget the rows that are older; *following* is the number of the next one."""
        unsure, since = self._run("SELECT unsure, unsure_since FROM journal").fetchone()
        oldest = moment.wall - seconds - (unsure if moment.steady - since < BELIEVED_S else 0.0)
        for part in segments(self._run):
            found = self._run(
                "SELECT seq FROM events WHERE seq >= ? AND seq < ? AND time >= ? ORDER BY seq LIMIT 1",
                (part.first, part.end, oldest - part.offset),
            ).fetchone()
            if found is not None:
                self.forget_before(found[0])
                return
        self.forget_before(following)

    def forget_before(self, number: int) -> None:
        """Forget the rows below a number."""
        self._run(
            "UPDATE journal SET forgotten = coalesce((SELECT max(seq) FROM events WHERE seq < ?), forgotten)",
            (number,),
        )
        self._run("DELETE FROM events WHERE seq < ?", (number,))
        # Of several settings of the clock before the first row the last one counts.
        self._run(
            "DELETE FROM jumps WHERE first <= ? AND first < (SELECT max(first) FROM jumps WHERE first <= ?)",
            (number, number),
        )

    def used(self) -> int:
        """Return how many bytes of the file are in use."""
        pages, free, size = [
            self._run(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        ]
        return int(pages - free) * int(size)
