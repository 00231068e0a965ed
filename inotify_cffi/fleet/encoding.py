"""Events of a journal as CloudEvents in JSON: what ``json.dumps(event_to_cloudevent(...))`` gives, faster.

Most members of an event are the same for all of a journal, or for all of a kind; those are made once, by doing the
long way for one event and cutting out what is its own. What is left is the number, the time and the path, and a
path of plain letters stands for itself in a URI and in JSON alike. All other events go the long way.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Dict, Tuple, Union, cast

from inotify_cffi.cloudevents import event_to_cloudevent

if TYPE_CHECKING:
    from typing import Sequence

    from inotify_cffi.jsonlines import JournalEvent

    Number = Union[int, None]
    Fields = Tuple[bytes, int, Union[bytes, None], int, int, int, int, bytes, int, float, str, int, Number, Number]

__all__ = ["Encoder"]

# An absolute path that os.path.abspath and percent-encoding leave as it is: no empty part, no "." and no "..".
PLAIN = re.compile(rb"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.~-]+)+").fullmatch

# What is an event's own, in the order in which it stands there, as it is nowhere else.
ID, TIME, SUBJECT, MOMENT, NUMBER, PATH, COOKIE = "\0id", "\0time", "\0at", -1.5, -15, "\0path", -17

# Kinds that are remembered: nobody has more masks and causes than that.
MOST = 1000


class Encoder:
    """Makes JSON of events.

    Args:
        host: whose they are.

    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._pieces: Dict[Tuple[object, ...], Sequence[str]] = {}
        # The events of one batch have one time.
        self._moment: float | None = None
        self._time = self._seconds = ""

    def encode(self, event: JournalEvent[bytes]) -> bytes:
        """Return an event as a CloudEvent."""
        # All in one go: a property for each would cost more than all the rest.
        path, mask, moved_from, cookie, _, _, cause, _, number, moment, journal, generation, durable, errno = cast(
            "Fields", event
        )
        if moved_from is not None or durable is not None or errno is not None or not PLAIN(path):
            return json.dumps(self.row(event)).encode("ascii")
        kind = (journal, generation, mask, cause)
        pieces = self._pieces.get(kind) or self._remember(kind, event)
        if moment != self._moment:
            when = datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="microseconds")
            self._moment, self._time, self._seconds = moment, when, repr(moment)
        a, b, c, d, e, f, g, h = pieces
        name = path.decode("ascii")
        text = (
            f"{a}{generation}-{number}{b}{self._time}{c}{name}{d}{self._seconds}{e}{number}{f}{name}{g}{cookie}{h}"
        )
        return text.encode("ascii")

    def row(self, event: JournalEvent[bytes]) -> Dict[str, object]:
        """Return an event as an object, which may be changed."""
        row = event_to_cloudevent(event, host=self._host)
        if event.error is not None:
            # The data have its text, which is another in each language.
            row["errno"] = event.error.errno
        return row

    def _remember(self, kind: Tuple[object, ...], event: JournalEvent[bytes]) -> Sequence[str]:
        """Make one the long way, and cut it where it is like no other."""
        row = self.row(event)
        own = {"time": MOMENT, "number": NUMBER, "path": PATH, "cookie": COOKIE}
        row.update(id=ID, time=TIME, subject=SUBJECT, data={**row["data"], **own})  # type: ignore[dict-item]
        rest, pieces = json.dumps(row), []
        for mark in (ID, TIME, SUBJECT, MOMENT, NUMBER, PATH, COOKIE):
            piece, _, rest = rest.partition(json.dumps(mark).strip('"'))
            pieces.append(piece)
        pieces.append(rest)
        if len(self._pieces) >= MOST:
            self._pieces.clear()
        self._pieces[kind] = pieces
        return pieces
