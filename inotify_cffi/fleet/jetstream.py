"""A stream of NATS JetStream: one subject of it to send to, and a pull consumer to take from it."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Dict, List, Mapping, Sequence, cast
from urllib.request import urlopen

from inotify_cffi.fleet import settings
from inotify_cffi.fleet.broker import BrokerError, RefusedError, Start, Stored
from inotify_cffi.fleet.message import key_of, token
from inotify_cffi.fleet.nats import API, CONNECT_S, Connection, code_of, error_of, refuse, text_of, utc

if TYPE_CHECKING:
    from inotify_cffi.fleet.nats import Reply, Subscription
    from inotify_cffi.fleet.opening import Access

__all__ = ["open_inlet", "open_outlet"]

# server/errors.json of nats-server.
WRONG_LAST = (10071, 10164)
NO_CONSUMER = 10014

# So many messages are asked for at a time, and so long a consumer is kept that nobody asks any more.
AT_A_TIME = 64
FORGOTTEN_S = 60
# A message that was handed out and not acknowledged comes again after so long.
ACK_S = 10


async def open_outlet(access: Access, host: str, journal: str) -> NatsOutlet:
    """Connect a forwarder. Raises BrokerError."""
    connection = await Connection.open(access)
    try:
        info = await connection.stream(create=access.create)
    except BaseException:
        await connection.close()
        raise
    return NatsOutlet(connection, f"{access.prefix}.{key_of(host, journal)}", info)


class NatsOutlet:
    """One subject of the stream."""

    def __init__(self, connection: Connection, subject: str, info: Mapping[str, object]) -> None:
        self._connection = connection
        self._subject = subject
        self._config = cast("Dict[str, object]", info["config"])
        most = self._config.get("max_msg_size")
        self.limit = connection.client.max_payload
        if isinstance(most, int) and most > 0:
            self.limit = min(self.limit, most)

    @property
    def is_open(self) -> bool:
        """Is the connection there?"""
        return not self._connection.closed.is_set()

    async def last(self) -> Stored | None:
        """Return the last message of the subject."""
        return await self._connection.get(f".{self._subject}")

    async def send(self, fields: Mapping[str, str], body: bytes, *, expected: int, once: str | None) -> int:
        """Store a message behind the one at *expected*."""
        headers = {**fields, "Nats-Expected-Last-Subject-Sequence": str(expected)}
        headers["Nats-Expected-Stream"] = self._connection.access.stream
        if once is not None:
            headers["Nats-Msg-Id"] = once
        answer = await self._publish(headers, body)
        if answer.get("duplicate") and once is not None:
            # It knows the number, and the message need not be there any more: it was purged, say. Whether it is
            # there is what *expected* is for.
            headers["Nats-Msg-Id"] = f"{once}:{time.time_ns()}"
            answer = await self._publish(headers, body)
        return int(cast("int", answer["seq"]))

    async def _publish(self, headers: Dict[str, str], body: bytes) -> Dict[str, object]:
        reply = await self._connection.request(self._subject, body, headers)
        if not reply.data:
            raise BrokerError(f"no stream takes {self._subject}")
        answer = cast("Dict[str, object]", json.loads(reply.data))
        if code_of(answer) in WRONG_LAST:
            raise RefusedError("the last message of this journal in the stream is another one")
        if "error" in answer:
            refuse(answer)
        return answer

    async def warnings(self, oldest: float | None) -> List[str]:
        """Say what may be lost."""
        access = self._connection.access
        age = None if oldest is None else time.time() - oldest
        lines = settings.of_stream(access.stream, self._config, age)
        if self._config.get("storage") == "memory":
            return lines
        jetstream = None if access.monitor is None else await asyncio.to_thread(_monitored, access.monitor)
        return [*lines, *settings.of_server(access.urls[0], jetstream)]

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()


async def open_inlet(access: Access, hosts: Sequence[str], durable: str | None) -> NatsInlet:
    """Connect a consumer. Raises BrokerError."""
    connection = await Connection.open(access)
    try:
        await connection.stream(create=False)
        inbox = connection.client.new_inbox()
        answers = await connection.client.subscribe(inbox)
    except BaseException:
        await connection.close()
        raise
    subjects = [f"{access.prefix}.{token(host)}.*" for host in hosts] or [f"{access.prefix}.*.*"]
    return NatsInlet(connection, answers, inbox, subjects, durable)


class NatsInlet:
    """A pull consumer. One with a name hands out a message at a time, so the order is kept across breaks."""

    def __init__(
        self,
        connection: Connection,
        answers: Subscription,
        inbox: str,
        subjects: Sequence[str],
        durable: str | None,
    ) -> None:
        self._connection = connection
        self._answers = answers
        self._inbox = inbox
        self._subjects = subjects
        self._durable = durable
        self._consumer = ""
        self._open: Dict[int, str] = {}
        # How many of the messages that were asked for may come still, and when that ends.
        self._asked = 0
        self._ends = 0.0
        self._delivered = 0

    async def begin(self, start: Start, behind: Mapping[str, Stored]) -> bool:
        """Make the consumer; one with a name goes on where it was, if it is there."""
        if behind:
            start = Start(max(each.position for each in behind.values()))
        stream = self._connection.access.stream
        if self._durable is not None:
            found = await self._connection.ask(f"CONSUMER.INFO.{stream}.{self._durable}")
            if "error" not in found:
                self._consumer = self._durable
                return False
            if code_of(found) != NO_CONSUMER:
                refuse(found)
        config: Dict[str, object] = {"ack_policy": "none", "replay_policy": "instant", **_policy(start)}
        config.update(inactive_threshold=FORGOTTEN_S * 10**9, mem_storage=True, num_replicas=1)
        name = self._inbox.rpartition(".")[2]
        if self._durable is not None:
            config.update(durable_name=self._durable, ack_policy="explicit", ack_wait=int(ACK_S * 1e9))
            config.update(max_ack_pending=1, max_deliver=-1, mem_storage=False, num_replicas=0)
            del config["inactive_threshold"]
            name = self._durable
        config["name"] = name
        single = len(self._subjects) == 1
        config["filter_subject" if single else "filter_subjects"] = self._subjects[0] if single else self._subjects
        what = f"CONSUMER.CREATE.{stream}.{name}" + (f".{self._subjects[0]}" if single else "")
        answer = await self._connection.ask(what, {"stream_name": stream, "config": config, "action": "create"})
        if "error" in answer:
            refuse(answer)
        self._consumer = name
        return True

    async def next(self, timeout: float) -> Sequence[Stored]:
        """Return what comes."""
        found: List[Stored] = []
        now = time.monotonic()
        if self._asked <= 0 or now >= self._ends:
            await self._ask_for_more(max(timeout, 1.0))
        until = now + timeout
        while not found or (self._asked > 0 and len(found) < AT_A_TIME):
            if found and not self._answers.pending_msgs:
                # Who has one need not wait for another.
                break
            message = await self._answer(max(until - time.monotonic(), 0.001))
            if message is None:
                break
            stored = self._stored(message)
            if stored is not None:
                found.append(stored)
                self._asked -= 1
            elif self._asked <= 0:
                break
        return found

    async def _ask_for_more(self, seconds: float) -> None:
        self._asked = 1 if self._durable is not None else AT_A_TIME
        self._ends = time.monotonic() + seconds
        body = {"batch": self._asked, "expires": int(seconds * 1e9)}
        subject = f"{API}.CONSUMER.MSG.NEXT.{self._connection.access.stream}.{self._consumer}"
        try:
            await self._connection.client.publish(subject, json.dumps(body).encode(), self._inbox)
        except (OSError, error_of("Error")) as error:
            raise BrokerError(f"the server can not be reached: {text_of(error)}") from error

    async def _answer(self, timeout: float) -> Reply | None:
        try:
            return await self._answers.next_msg(timeout)
        except asyncio.TimeoutError:
            return None
        except (OSError, error_of("Error")) as error:
            if isinstance(error, error_of("TimeoutError")):
                return None
            raise BrokerError(f"the server can not be reached: {text_of(error)}") from error

    def _stored(self, message: Reply) -> Stored | None:
        headers = message.headers or {}
        status = headers.get("Status")
        if status in {"404", "408"}:
            self._asked = 0
            return None
        if status == "100":
            return None
        if status is not None:
            raise BrokerError(f"the server does not hand out more: {status} {headers.get('Description', '')}")
        # $JS.ACK, maybe a domain and an account, stream, consumer, deliveries, and these.
        words = message.reply.split(".")
        position, count, nanoseconds = words[5:8] if len(words) == 9 else words[7:10]
        if self._durable is None and int(count) != self._delivered + 1:
            raise BrokerError("a message was lost on its way")
        self._delivered = int(count)
        self._open[int(position)] = message.reply
        stamp = utc(int(nanoseconds))
        return Stored(int(position), int(nanoseconds) / 1e9, stamp, message.subject, headers, message.data)

    async def done(self, message: Stored) -> None:
        """Acknowledge it, where that is kept."""
        reply = self._open.pop(message.position, None)
        if self._durable is not None and reply is not None:
            await self._connection.request(reply, b"+ACK")

    async def still_there(self, messages: Sequence[Stored]) -> bool:
        """Is the last of these where it was, or forgotten by its age?"""
        message = max(messages, key=lambda each: each.position)
        found = await self._connection.get("", json.dumps({"seq": message.position}).encode())
        if found is not None:
            return abs(found.time - message.time) < 1e-5
        state = await self._state()
        return int(cast("int", state["first_seq"])) > message.position

    async def end(self) -> Mapping[str, int]:
        """Return the position of the last message of all."""
        return {"": int(cast("int", (await self._state())["last_seq"]))}

    async def _state(self) -> Dict[str, object]:
        return cast("Dict[str, object]", (await self._connection.stream(create=False))["state"])

    async def close(self) -> None:
        """End the connection; a consumer without a name goes with it."""
        if self._consumer and self._durable is None:
            with suppress(BrokerError):
                await self._connection.ask(f"CONSUMER.DELETE.{self._connection.access.stream}.{self._consumer}")
        await self._connection.close()


def _policy(start: Start) -> Dict[str, object]:
    if start.position is not None:
        return {"deliver_policy": "by_start_sequence", "opt_start_seq": start.position + 1}
    if start.time is not None:
        return {"deliver_policy": "by_start_time", "opt_start_time": utc(int(start.time * 1e9))}
    return {"deliver_policy": "new"}


def _monitored(url: str) -> Dict[str, object] | None:
    """Return what the monitoring port of a server says of its JetStream."""
    try:
        with urlopen(f"{url.rstrip('/')}/varz", timeout=CONNECT_S) as answer:  # noqa: S310  # the user's
            found = json.load(answer).get("jetstream")
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
