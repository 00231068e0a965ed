"""Send what a journal has, in order, once: the broker is asked how far it is, and refuses what does not follow.

Nothing is kept beside the journal. Each message names the last one of this journal that the broker has; where that
is not so any more (its store was put back, another forwarder sends), the broker refuses, and it is asked again. So
what it has lost is sent again, in order, and a second forwarder can not double anything.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Awaitable, Callable, Dict, Mapping

from inotify_cffi.errors import ForgottenError, GenerationError
from inotify_cffi.fleet.broker import BrokerError, DeniedError, RefusedError
from inotify_cffi.fleet.message import END, GAP, HEARTBEAT, START, Message, MessageError, note_of, pack
from inotify_cffi.fleet.outbox import UnreadableError

if TYPE_CHECKING:
    from inotify_cffi.fleet.broker import Outlet, Stored
    from inotify_cffi.fleet.outbox import Outbox, Status

__all__ = ["Forwarder"]

logger = logging.getLogger("inotify_cffi.fleet")

# How often a file that another process writes is looked at.
LOOK_S = 0.02
# Before it is tried again: at first, and at most; each time by chance between half of it and all.
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 20.0
# A forwarder that was silent for so many heartbeats is gone.
SILENT = 3


class Forwarder:
    """Sends one journal to one stream.

    Args:
        outbox: the journal.
        connect: makes a connection, for a journal.
        host: the name of this host in the stream.
        heartbeat_s: after so many seconds without a message the last number is sent again.
        until_now: end when all is sent that is there.
        strict: end rather than warn where the server's settings may lose what it acknowledges.

    """

    def __init__(
        self,
        outbox: Outbox,
        connect: Callable[[str], Awaitable[Outlet]],
        *,
        host: str,
        heartbeat_s: float = 30.0,
        until_now: bool = False,
        strict: bool = False,
    ) -> None:
        self._outbox = outbox
        self._connect = connect
        self.host = host
        self._heartbeat_s = heartbeat_s
        self._until_now = until_now
        self._strict = strict
        self._token = secrets.token_hex(8)
        self._status: Status | None = None
        # The last message that the broker acknowledged: where it is, and the number in the journal.
        self._position = 0
        self._number = 0
        self._sent_at = 0.0
        # What was true of the last connection.
        self._was_connected = False
        self._has_started = False
        self._trouble = ""
        self._wait = FIRST_WAIT_S
        self._stopped = False
        self._wake: asyncio.Event | None = None
        self._end: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.attempts = 0
        self.counts: Dict[str, int] = dict.fromkeys(("events", "messages", "cut", "connections"), 0)

    # --- from outside, from any thread ---

    def stop(self) -> None:
        """Let :meth:`run` send what is there, say that it is the end, and return."""
        self._stopped = True
        self._set(self._end)
        self._set(self._wake)

    def wake(self) -> None:
        """Say that the journal has more."""
        self._set(self._wake)

    def _set(self, event: asyncio.Event | None) -> None:
        if self._loop is not None and event is not None:
            # It may be closed by now.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(event.set)

    @property
    def lag(self) -> int:
        """How many numbers the journal is ahead of what was acknowledged."""
        return max(self._outbox.status().last - self._number, 0)

    @property
    def is_up_to_date(self) -> bool:
        """Is all acknowledged that the journal has, by a connection that has begun?"""
        return self._has_started and not self._trouble and self.lag == 0

    # --- the loop ---

    async def run(self) -> None:
        """Send until it is stopped, through all that a network and a server do.

        Raises:
            DeniedError: before the first message: the server does not let us in or does not take it, or has no
                such stream.
            SystemExit: the journal can not be read.

        """
        self._loop, self._wake, self._end = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        while True:
            try:
                await self._one_connection()
            except DeniedError as error:
                # One that may read and not write is met by the first message.
                if not self._has_started:
                    raise
                self._failed(error)
            except UnreadableError as error:
                if not self._was_connected:
                    raise SystemExit(str(error)) from error
                self._failed(error)
            except (BrokerError, GenerationError) as error:
                self._failed(error)
            else:
                return
            if self._stopped:
                logger.warning("what is left of the journal %s is sent at the next start", self._outbox.file)
                return
            await self._rest(self._wait * random.uniform(0.5, 1.0), self._end)  # noqa: S311  # it hides nothing
            self._wait = min(self._wait * 2, LONGEST_WAIT_S)

    async def _one_connection(self) -> None:
        self.attempts += 1
        self._status = self._outbox.status()
        outlet = await self._connect(self._status.journal)
        try:
            await self._look_at_settings(outlet)
            while not await self._serve(outlet):
                await self._rest(LOOK_S, self._end)
        finally:
            with suppress(BrokerError, OSError, asyncio.TimeoutError):
                await outlet.close()

    async def _look_at_settings(self, outlet: Outlet) -> None:
        if self._was_connected:
            return
        warnings = await outlet.warnings(self._outbox.oldest())
        for line in warnings:
            logger.warning("%s", line)
        if warnings and self._strict:
            raise DeniedError("the stream may lose what it acknowledges, see above; leave --strict out to go on")

    async def _serve(self, outlet: Outlet) -> bool:
        """Send as long as the broker takes it; True at the end, False where somebody else sends."""
        last = await outlet.last()
        await self._take_up(outlet, last)
        self._well()
        try:
            await self._send_all(outlet)
        except RefusedError:
            return await self._refused(outlet)
        return True

    async def _take_up(self, outlet: Outlet, last: Stored | None) -> None:
        """Begin where the broker is."""
        status = self._status = self._outbox.status()
        before = self._number
        self._position = last.position if last is not None else 0
        known = _read(last)
        is_own = known is not None and (known.journal, known.generation) == (status.journal, status.generation)
        self._number = known.last if known is not None and is_own else 0
        if self._was_connected and self._number < before:
            logger.warning(
                "the stream has the numbers up to %d of %d that it acknowledged: the rest is sent again",
                self._number,
                before,
            )
        try:
            if known is not None and not is_own:
                await self._new_generation(outlet, known, status)
            elif known is None and status.forgotten:
                await self._gap(outlet, 0, "the stream has nothing of this journal", status)
        except RefusedError:
            # The loop meets it, too.
            return

    async def _new_generation(self, outlet: Outlet, known: Message, status: Status) -> None:
        """The file was made anew, or is a copy: its numbers go on, or have been given twice."""
        goes_on = status.generation > known.generation and status.first > known.last
        why = f"the journal was made anew: generation {status.generation} behind {known.generation}"
        await self._gap(outlet, known.last if goes_on else 0, why, status, is_anew=not goes_on)

    async def _gap(self, outlet: Outlet, after: int, why: str, status: Status, *, is_anew: bool = False) -> None:
        last = max(status.first - 1, 0)
        logger.warning("the events %d to %d are missing in the stream: %s", after + 1, last, why)
        await self._say(outlet, GAP, after=after, last=last, data={"reason": why}, is_anew=is_anew)
        self._number = last

    async def _send_all(self, outlet: Outlet) -> None:
        if not self._has_started:
            await self._say(outlet, START, data={"version": 1})
            self._has_started = True
        while True:
            is_last = self._stopped or self._until_now
            if await self._send_batch(outlet):
                continue
            if is_last:
                await self._say(outlet, END)
                return
            if self._now() - self._sent_at >= self._heartbeat_s:
                await self._say(outlet, HEARTBEAT)
            await self._until_more(outlet)

    async def _send_batch(self, outlet: Outlet) -> bool:
        """Send what is there, while it is there; False if there was nothing."""
        status = self._status
        if status is None:
            return False
        on_its_way: asyncio.Task[int] | None = None
        sent: Message | None = None
        number, found = self._number, False
        try:
            while True:
                try:
                    events = self._outbox.after(number, status)
                except ForgottenError as error:
                    await self._acknowledged(sent, on_its_way)
                    on_its_way, found = None, True
                    await self._gap(outlet, self._number, str(error), self._outbox.status())
                    number = self._number
                    continue
                if not events:
                    break
                found = True
                for message, body, cut in pack(
                    events, after=number, host=self.host, forwarder=self._token, limit=outlet.limit
                ):
                    self._tell_cut(cut)
                    # Made while the one before was on its way.
                    await self._acknowledged(sent, on_its_way)
                    sent, number = message, message.last
                    on_its_way = asyncio.ensure_future(
                        outlet.send(message.fields(), body, expected=self._position, once=message.once)
                    )
                    self.counts["messages"] += 1
                    await asyncio.sleep(0)
                self.counts["events"] += len(events)
            await self._acknowledged(sent, on_its_way)
            on_its_way = None
        finally:
            if on_its_way is not None and not on_its_way.done():
                on_its_way.cancel()
            if on_its_way is not None:
                with suppress(BrokerError, OSError, asyncio.CancelledError):
                    await on_its_way
        return found

    async def _acknowledged(self, message: Message | None, on_its_way: Awaitable[int] | None) -> None:
        if message is not None and on_its_way is not None:
            self._position, self._number = await on_its_way, message.last
            self._sent_at = self._now()

    def _tell_cut(self, cut: int) -> None:
        self.counts["cut"] += cut
        if cut:
            logger.warning(
                "the paths of %d events are left out: with them one is larger than the server's max_payload", cut
            )

    async def _say(
        self,
        outlet: Outlet,
        kind: str,
        *,
        after: int | None = None,
        last: int | None = None,
        data: Mapping[str, object] | None = None,
        is_anew: bool = False,
    ) -> None:
        status = self._status
        if status is None:
            return
        begin = self._number if after is None else after
        end = self._number if last is None else last
        message = Message(kind, status.journal, status.generation, begin, end, self._token, is_anew)
        body = note_of(message, self.host, data or {})
        self._position = await outlet.send(message.fields(), body, expected=self._position, once=None)
        self._sent_at = self._now()
        self.counts["messages"] += 1

    # --- another forwarder ---

    async def _refused(self, outlet: Outlet) -> bool:
        """See who has sent; True where it is the end."""
        last = await outlet.last()
        known = _read(last)
        if last is None or known is None or last.position <= self._position or known.forwarder == self._token:
            # The store went back, or an acknowledgement did not come.
            return False
        logger.warning(
            "another forwarder sends this journal (%s, %s): this one waits until that has ended",
            self._outbox.file,
            known.forwarder,
        )
        quiet_since = self._now()
        while known is None or known.kind != END:
            if self._stopped:
                return True
            if self._now() - quiet_since > SILENT * self._heartbeat_s:
                break
            await self._rest(min(self._heartbeat_s / 2, 1.0), self._end)
            found = await outlet.last()
            if found is not None and last is not None and found.position != last.position:
                quiet_since = self._now()
            last, known = found, _read(found)
        logger.warning("the other forwarder has ended or is silent: this one goes on")
        return False

    # --- waiting ---

    async def _until_more(self, outlet: Outlet) -> None:
        """Return when the journal may have more, a heartbeat is due, or it is the end."""
        due = self._sent_at + self._heartbeat_s
        while not self._stopped and self._now() < due and not self._outbox.may_have_more():
            if not outlet.is_open:
                # What it had lost by then is sent when it is there again, not with the next event.
                raise BrokerError("the server has gone")
            if await self._rest(min(LOOK_S, max(due - self._now(), 0.0)), self._wake):
                return
        if not self._stopped:
            # Its time does not tell whether it has more; who writes it says so, where that is in this process.
            await self._rest(LOOK_S / 4, self._wake)

    @staticmethod
    async def _rest(seconds: float, event: asyncio.Event | None) -> bool:
        """Wait, and no longer than until the event comes; True if it came."""
        if event is None:
            return False
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        event.clear()
        return True

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _failed(self, error: Exception) -> None:
        text = str(error)
        if text != self._trouble:
            logger.warning("%s; the journal keeps all, and it is tried again", text)
        self._trouble = text

    def _well(self) -> None:
        self._wait = FIRST_WAIT_S
        self.counts["connections"] += 1
        if self._trouble:
            logger.warning("events are sent again")
        self._trouble, self._was_connected = "", True


def _read(stored: Stored | None) -> Message | None:
    if stored is None:
        return None
    try:
        return Message.of(stored.fields)
    except MessageError as error:
        raise DeniedError(f"the last message of this journal in the stream is not ours: {error}") from error
