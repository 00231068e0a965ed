"""What goes over the wire: a batch of CloudEvents, and fields that say where in the journal it is.

One message has many events, for what is dear is the acknowledgement. Its fields are plain words and numbers; a
path is in the body only. ``after`` is the number of the event before the first one, so who reads knows that none
is missing, though numbers may be left out.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple
from urllib.parse import quote, unquote

from inotify_cffi.errors import InotifyError
from inotify_cffi.fleet.encoding import Encoder
from inotify_cffi.jsonlines import JournalEvent, event_from_json

__all__ = ["SCHEMA", "Message", "MessageError", "events_of", "host_of", "key_of", "note_of", "pack", "token"]

SCHEMA = 1
CONTENT_TYPE = "application/cloudevents-batch+json"
PREFIX = "Inotify-Cffi-"

EVENTS, START, END, HEARTBEAT, GAP = KINDS = ("events", "start", "end", "heartbeat", "gap")

# A message is no larger than that, whatever the server takes: it is in memory as a whole, here and there.
LARGEST = 256 << 10

# What the server counts besides the body.
FOR_FIELDS = 1024


class MessageError(InotifyError):
    """It is no message of ours, or one of a later version."""


class Message(NamedTuple):
    """What one message is about.

    ``kind`` is "events", "start" and "end" (of a forwarder), "heartbeat" or "gap". Of "gap" the events behind
    ``after`` up to ``last`` are missing. ``forwarder`` tells one forwarder from another of the same journal.
    ``is_anew``: what was told of this journal before does not count any more.
    """

    kind: str
    journal: str
    generation: int
    after: int
    last: int
    forwarder: str
    is_anew: bool = False

    def fields(self) -> Dict[str, str]:
        """Return it as words, for the broker's header."""
        words = {
            "Content-Type": CONTENT_TYPE,
            f"{PREFIX}Schema": str(SCHEMA),
            f"{PREFIX}Kind": self.kind,
            f"{PREFIX}Journal": f"{self.journal}:{self.generation}",
            f"{PREFIX}After": str(self.after),
            f"{PREFIX}Last": str(self.last),
            f"{PREFIX}Forwarder": self.forwarder,
        }
        if self.is_anew:
            words[f"{PREFIX}Anew"] = "1"
        return words

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Message:
        """Return what the fields of a message say.

        Raises:
            MessageError: it is not one of ours.

        """
        try:
            schema = int(fields[f"{PREFIX}Schema"])
            journal, _, generation = fields[f"{PREFIX}Journal"].rpartition(":")
            message = cls(
                fields[f"{PREFIX}Kind"],
                journal,
                int(generation),
                int(fields[f"{PREFIX}After"]),
                int(fields[f"{PREFIX}Last"]),
                fields.get(f"{PREFIX}Forwarder", ""),
                f"{PREFIX}Anew" in fields,
            )
        except (KeyError, ValueError) as error:
            raise MessageError(f"it is no message of inotify-cffi forward: {error}") from error
        if schema != SCHEMA or message.kind not in KINDS:
            raise MessageError(
                f"it is of schema {schema}, kind {message.kind}; this version reads schema {SCHEMA}"
            )
        return message

    @property
    def once(self) -> str | None:
        """What tells it from all others: the identity and the number; None where it may come again."""
        return f"{self.journal}:{self.generation}:{self.after}" if self.kind == EVENTS else None


def token(text: str) -> str:
    """Return a text as one token of a subject: all but letters, digits, ``_`` and ``-`` as %XX."""
    return quote(text, safe="").replace(".", "%2E").replace("~", "%7E") or "%00"


def key_of(host: str, journal: str) -> str:
    """Return what a host's journal is called behind the prefix of all: two tokens."""
    return f"{token(host)}.{token(journal)}"


def host_of(key: str) -> str:
    """Return the host of ``PREFIX.HOST.JOURNAL``."""
    return unquote(key.split(".")[-2])


def note_of(message: Message, host: str, data: Mapping[str, object]) -> bytes:
    """Return the body of a message that has no events: one CloudEvent."""
    row = {
        "specversion": "1.0",
        "id": f"{message.generation}-{message.last}-{message.kind}-{message.forwarder}",
        "source": f"inotify-cffi://{quote(host, safe='')}/{message.journal}",
        "type": f"inotify-cffi.forward.{message.kind}.v1",
        "datacontenttype": "application/json",
        "data": {"after": message.after, "last": message.last, **data},
    }
    return json.dumps([row]).encode("ascii")


def pack(
    events: Sequence[JournalEvent[bytes]], *, after: int, host: str, forwarder: str, limit: int
) -> Iterator[Tuple[Message, bytes, int]]:
    """Divide events of one journal into messages below a size, in order.

    Args:
        events: they follow each other in one journal; not none.
        after: the number before the first of them.
        host: whose they are.
        forwarder: who sends.
        limit: the largest body that the server takes, in bytes.

    Yields:
        The message, its body, and how many of its events were cut: these have lost their paths, for with them one
        alone was larger.

    """
    room = min(LARGEST, limit - FOR_FIELDS)
    encoder = _encoder(host)
    parts: List[bytes] = []
    size, cut, last = 2, 0, after
    for event in events:
        part, is_cut = _encoded(event, encoder, room - 2)
        if parts and size + len(part) + 1 > room:
            yield _batch(events[0], after, last, forwarder), b"[" + b",".join(parts) + b"]", cut
            after, parts, size, cut = last, [], 2, 0
        parts.append(part)
        size += len(part) + 1
        cut += is_cut
        last = event.number
    yield _batch(events[0], after, last, forwarder), b"[" + b",".join(parts) + b"]", cut


def _batch(event: JournalEvent[bytes], after: int, last: int, forwarder: str) -> Message:
    return Message(EVENTS, event.journal, event.generation, after, last, forwarder)


@lru_cache(maxsize=8)
def _encoder(host: str) -> Encoder:
    """Return the one of a host: what it has made once it need not make for each batch."""
    return Encoder(host)


def _encoded(event: JournalEvent[bytes], encoder: Encoder, room: int) -> Tuple[bytes, bool]:
    part = encoder.encode(event)
    if len(part) <= room:
        return part, False
    row = encoder.row(event)
    row.pop("subject", None)
    data = dict(row["data"])  # type: ignore[call-overload]
    for name in ("path", "path_bytes", "moved_from", "moved_from_bytes"):
        data.pop(name, None)
    row.update(data={**data, "path": "", "moved_from": None}, cut=True)
    return json.dumps(row).encode("ascii"), True


def events_of(body: bytes) -> Tuple[List[JournalEvent[str]], List[int]]:
    """Return the events of a message, and the numbers of those that were cut.

    Raises:
        MessageError: the body is not what a forwarder sends.

    """
    events: List[JournalEvent[str]] = []
    cut: List[int] = []
    try:
        for row in json.loads(body):
            event = event_from_json(row["data"])
            if not isinstance(event, JournalEvent):
                raise MessageError("an event of the message has no number")
            errno = row.get("errno")
            events.append(_with_errno(event, errno) if isinstance(errno, int) else event)
            if row.get("cut"):
                cut.append(event.number)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MessageError(f"the body of the message is not what a forwarder sends: {error}") from error
    return events, cut


def _with_errno(event: JournalEvent[str], errno: int) -> JournalEvent[str]:
    return JournalEvent.kept(
        event.path,
        int(event.mask),
        number=event.number,
        time=event.time,
        journal=event.journal,
        generation=event.generation,
        moved_from=event.moved_from,
        cookie=event.cookie,
        cause=int(event.cause),
        errno=errno,
        durable=event.durable,
    )
