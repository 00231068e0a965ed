"""Take the events of many hosts out of a stream: in order for each host, doubles dropped, what is missing told."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from inotify_cffi.causes import Cause
from inotify_cffi.flags import Mask
from inotify_cffi.fleet.broker import BrokerError, DeniedError, Start
from inotify_cffi.fleet.message import EVENTS, GAP, Message, MessageError, events_of, host_of
from inotify_cffi.fleet.notices import Notice, notice_of
from inotify_cffi.fleet.opening import Access, open_inlet
from inotify_cffi.jsonlines import JournalEvent

if TYPE_CHECKING:
    from typing import AsyncGenerator, AsyncIterator, Awaitable, Generator, Iterator

    from inotify_cffi.fleet.broker import Inlet, Stored

    Batch = Tuple[str, List[JournalEvent[str]]]

__all__ = ["Follower", "Notice", "afollow", "batches", "follow", "start_at"]

logger = logging.getLogger("inotify_cffi.fleet")

OVERFLOW = int(Mask.Q_OVERFLOW)
LOSS = int(Cause.LOSS)

# How long one question to the server waits: so soon a stop is heeded.
TURN_S = 0.5
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 20.0


class Place(NamedTuple):
    """How far a journal was handed out."""

    generation: int
    last: int


class Follower:
    """What is known of a stream by one who follows it; it is for one loop.

    Args:
        connect: makes a connection.
        start: where to begin.
        until_now: end at what is there at the first connection.
        on_notice: called with what is told besides events.
        is_over: asked about twice a second whether it is the end.

    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Inlet]],
        start: Start,
        *,
        until_now: bool = False,
        on_notice: Callable[[Notice], object] | None = None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._connect = connect
        self._start = start
        self._until_now = until_now
        self._on_notice = on_notice
        self._places: Dict[Tuple[str, str], Place] = {}
        # The last message of each key, and where the end is, of each or (with the key "") of all.
        self._last: Dict[str, Stored] = {}
        self._end: Mapping[str, int] | None = None
        self._reached: Dict[str, int] = {}
        self._wait = FIRST_WAIT_S
        self._trouble = ""
        self._asked = is_over
        # Who begins at the beginning misses what is not there.
        self._has_all = False
        self._stopped = False
        # Whether it has begun: what comes from then on is told.
        self.is_connected = False
        # Where in the stream the batch is that was handed out last.
        self.position = 0

    def stop(self) -> None:
        """End soon, from any thread."""
        self._stopped = True

    def _ended(self) -> bool:
        self._stopped = self._stopped or self._asked()
        return self._stopped

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Yield a host and its next events, at least one. A batch counts as taken when the next is asked for.

        Raises:
            DeniedError: at the first connection: the server does not let us in, or has no such stream.

        """
        while not self._ended():
            connection = self._one_connection()
            try:
                async for batch in connection:
                    yield batch
            except BrokerError as error:
                if isinstance(error, DeniedError) and not self.is_connected:
                    raise
                self._failed(error)
            else:
                return
            finally:
                await connection.aclose()
            await self._rest()

    async def _one_connection(self) -> AsyncGenerator[Batch, None]:
        inlet = await self._connect()
        try:
            await self._begin(inlet)
            while not self._ended():
                messages = await inlet.next(TURN_S)
                for message in messages:
                    if self._is_behind_end(message):
                        continue
                    host, events = self._take(message)
                    self.position = message.position
                    if events:
                        yield host, events
                    self._last[message.key] = message._replace(fields={}, body=b"")
                    await inlet.done(message)
                if self._is_over(messages):
                    return
        finally:
            with suppress(BrokerError):
                await inlet.close()

    async def _begin(self, inlet: Inlet) -> None:
        start, last = self._start, self._last
        if last and not await inlet.still_there(list(last.values())):
            logger.warning(
                "the stream was put back to before position %d: it is read from its beginning again",
                max(each.position for each in last.values()),
            )
            start, self._last = Start(0), {}
        is_there = await inlet.begin(start, self._last)
        if not self._last:
            self._has_all = is_there and start.position == 0
        if self._until_now and self._end is None:
            self._end = await inlet.end()
        self._wait, self.is_connected = FIRST_WAIT_S, True
        if self._trouble:
            logger.warning("the stream is followed again")
        self._trouble = ""

    def _is_over(self, messages: Sequence[Stored]) -> bool:
        if self._end is None:
            return False
        for message in messages:
            for key in {message.key, ""} & self._end.keys():
                self._reached[key] = max(self._reached.get(key, 0), message.position)
        # Of other hosts there may be some behind the last of these.
        return not messages or all(self._reached.get(key, 0) >= end for key, end in self._end.items())

    def _is_behind_end(self, message: Stored) -> bool:
        """Did it come when it was the end already? Then so did its key, unless the end is one for all."""
        if self._end is None:
            return False
        return message.position > self._end.get(message.key, self._end.get("", 0))

    def _failed(self, error: Exception) -> None:
        if str(error) != self._trouble:
            logger.warning("%s; it is tried again", error)
        self._trouble = str(error)

    async def _rest(self) -> None:
        until = time.monotonic() + self._wait * random.uniform(0.5, 1.0)  # noqa: S311  # it hides nothing
        # Who stops it need not be of this loop.
        while not self._ended() and (left := until - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, TURN_S))
        self._wait = min(self._wait * 2, LONGEST_WAIT_S)

    # --- what a message says ---

    def _take(self, stored: Stored) -> Batch:
        """Return whose message it is, and its events not told yet; what is missing before them is one."""
        try:
            message = Message.of(stored.fields)
            host = host_of(stored.key)
            events, cut = events_of(stored.body) if message.kind == EVENTS else ([], [])
        except (MessageError, IndexError) as error:
            logger.warning("what is at position %d is left out: %s", stored.position, error)
            return "", []
        place = self._places.get((host, message.journal))
        if place is not None and message.generation < place.generation and not message.is_anew:
            return host, []
        is_known = place is not None and place.generation == message.generation
        last = place.last if place is not None else 0
        if is_known and message.last < last:
            return host, []
        told: List[JournalEvent[str]] = []
        is_gap = message.kind == GAP and not (is_known and message.last == last)
        if is_gap or self._is_missing(place, message):
            told.append(self._missing(stored, message, host, 0 if message.is_anew else last, is_gap=is_gap))
            last = 0 if message.is_anew else last
        told += [event for event in events if event.number > last or not is_known]
        self._places[host, message.journal] = Place(message.generation, message.last)
        self._notice(stored, message, host, cut)
        return host, told

    def _is_missing(self, place: Place | None, message: Message) -> bool:
        if place is None:
            # Who begins in the middle has asked for it.
            return self._has_all and message.after > 0 and message.kind != GAP
        return message.after > place.last

    def _missing(
        self, stored: Stored, message: Message, host: str, last: int, *, is_gap: bool
    ) -> JournalEvent[str]:
        """Tell that events are missing, as an overflow of the kernel's queue is told."""
        end = message.last if is_gap else message.after
        why = "the stream does not have them"
        if is_gap:
            with suppress(ValueError, LookupError, TypeError):
                why = str(json.loads(stored.body)[0]["data"]["reason"])
        text = f"{host}: events {last + 1} to {end} are missing: {why}"
        if self._on_notice is not None:
            self._on_notice(notice_of(stored, message, host, GAP, text)._replace(after=last, last=end))
        else:
            logger.warning("%s", text)
        return JournalEvent.kept(
            "",
            OVERFLOW,
            number=end,
            time=stored.time,
            journal=message.journal,
            generation=message.generation,
            cause=LOSS,
        )

    def _notice(self, stored: Stored, message: Message, host: str, cut: Sequence[int]) -> None:
        if cut:
            text = f"{host}: the paths of the events {', '.join(map(str, cut))} were too long for the server"
            if self._on_notice is None:
                logger.warning("%s", text)
            else:
                self._on_notice(
                    notice_of(stored, message, host, "cut", text)._replace(after=cut[0] - 1, last=cut[-1])
                )
        if self._on_notice is not None and message.kind not in {EVENTS, GAP}:
            self._on_notice(
                notice_of(stored, message, host, message.kind, f"{host}: {message.kind} at {message.last}")
            )


# --- the ways to have it ---


def start_at(since: float | datetime | None) -> Start:
    """Return where to begin: a position in the stream (0: its beginning), a time of the broker's clock, or now."""
    if since is None:
        return Start()
    return Start(time=since.timestamp()) if isinstance(since, datetime) else Start(position=int(since))


def _follower(
    url: str | Access,
    hosts: Sequence[str],
    since: float | datetime | None,
    durable: str | None,
    until_now: bool,  # passed on
    on_notice: Callable[[Notice], object] | None,
) -> Follower:
    access = Access([url]) if isinstance(url, str) else url
    connect = open_inlet(access, hosts=hosts, durable=durable)
    return Follower(connect, start_at(since), until_now=until_now, on_notice=on_notice)


async def afollow(
    url: str | Access,
    *,
    hosts: Sequence[str] = (),
    since: float | datetime | None = None,
    durable: str | None = None,
    until_now: bool = False,
    on_notice: Callable[[Notice], object] | None = None,
) -> AsyncIterator[Tuple[str, JournalEvent[str]]]:
    """Yield the host and the event, for each event of a stream, in order for each host; goes on until closed.

    What is missing is an event of its own: Q_OVERFLOW, its cause LOSS, its number the last one that is missing.

    Args:
        url: the server, as nats://HOST:PORT or redis://HOST:PORT, or an Access that says more.
        hosts: only of these; none: of all.
        since: a position in the stream, 0 for its beginning; a time, by the broker's clock; None: from now on.
        durable: a name under which the server keeps the place; *since* is where it begins when it is new.
        until_now: end at what is there.
        on_notice: called with what is told besides: starts, ends, heartbeats, gaps.

    Raises:
        DeniedError: the server does not let us in, or there is no such stream.
        ValueError: the address can not be used.

    """
    follower = _follower(url, hosts, since, durable, until_now, on_notice)
    inner = follower.batches()
    try:
        async for host, events in inner:
            for event in events:
                yield host, event
    finally:
        await inner.aclose()


def follow(
    url: str | Access,
    *,
    hosts: Sequence[str] = (),
    since: float | datetime | None = None,
    durable: str | None = None,
    until_now: bool = False,
    on_notice: Callable[[Notice], object] | None = None,
) -> Generator[Tuple[str, JournalEvent[str]], None, None]:
    """Yield what :func:`afollow` yields, without a loop of yours."""
    # Who leaves this one has left that one, which not every interpreter closes by itself.
    with closing(batches(_follower(url, hosts, since, durable, until_now, on_notice))) as found:
        for host, events in found:
            for event in events:
                yield host, event


def batches(follower: Follower) -> Generator[Batch, None, None]:
    """Yield the batches of a follower, in a loop of its own."""
    inner = follower.batches()
    with _loop() as loop:
        task: asyncio.Task[Batch] | None = None
        try:
            while True:
                task = loop.create_task(_next(inner))
                try:
                    batch = loop.run_until_complete(task)
                except StopAsyncIteration:
                    return
                yield batch
        finally:
            # An exception of a signal's handler leaves it in the middle.
            if task is not None and not task.done():
                task.cancel()
                loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
            loop.run_until_complete(inner.aclose())


async def _next(inner: AsyncGenerator[Batch, None]) -> Batch:
    return await inner.__anext__()


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
