"""Streams of Redis and Valkey: one key for each host and journal, to send to and to read together.

The id of an entry is ``MICROSECONDS-NUMBER``: the server's clock, which only grows along a key and is the
position, and the number in the journal. A script adds an entry if the last one is the one that was named, as one
step: so a second forwarder can not double anything. ``PREFIX:keys`` is the set of all keys, ``PREFIX:place:NAME``
how far one who follows under a name has come.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Dict, List, Mapping, Sequence, Tuple, cast

from inotify_cffi.fleet import settings
from inotify_cffi.fleet.broker import BrokerError, DeniedError, RefusedError, Stored
from inotify_cffi.fleet.message import Message, host_of, key_of
from inotify_cffi.fleet.redis import connect

if TYPE_CHECKING:
    from inotify_cffi.fleet.broker import Start
    from inotify_cffi.fleet.opening import Access
    from inotify_cffi.fleet.redis import Connection

    # An id and its fields and values by turns.
    Entry = Tuple[bytes, List[bytes]]

__all__ = ["open_inlet", "open_outlet"]

# Bodies are far smaller than this (message.LARGEST).
LIMIT = 1 << 20
BODY = b"body"
HIGHEST = (1 << 64) - 1

# So many entries are asked for at a time, of so many keys.
AT_A_TIME = 64
KEYS_AT_A_TIME = 64
# How often new keys are looked for, and a connection on which nothing happens is asked whether it is there.
LOOK_S = 0.5
PING_S = 1.0

# Keys: the stream, the set of all. Arguments: the position of the last entry; the number; for how many
# microseconds entries are kept, 0 for ever; fields and values.
ADD = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local at = last and string.match(last[1], '^%d+') or '0'
if at ~= ARGV[1] then return false end
local now = redis.call('TIME')
local stamp = now[1] * 1000000 + now[2]
if stamp <= tonumber(at) then stamp = tonumber(at) + 1 end
local words = {'XADD', KEYS[1]}
if ARGV[3] ~= '0' then
  words = {'XADD', KEYS[1], 'MINID', '~', string.format('%.0f', stamp - ARGV[3])}
end
words[#words + 1] = string.format('%.0f-', stamp) .. ARGV[2]
for n = 4, #ARGV do words[#words + 1] = ARGV[n] end
redis.call('SADD', KEYS[2], KEYS[1])
return redis.call(unpack(words))
"""


def keys_of(access: Access) -> str:
    """Return the name of the set of all keys."""
    return f"{access.prefix}:keys"


# --- to send ---


async def open_outlet(access: Access, host: str, journal: str) -> RedisOutlet:
    """Connect a forwarder. Raises BrokerError."""
    connection = await connect(access)
    try:
        if not access.create and not await connection.ask("EXISTS", keys_of(access)):
            raise DeniedError(f"there is no stream {access.prefix}: the server has no key {keys_of(access)}")
    except BaseException:
        await connection.close()
        raise
    return RedisOutlet(connection, f"{access.prefix}.{key_of(host, journal)}")


class RedisOutlet:
    """One key."""

    def __init__(self, connection: Connection, key: str) -> None:
        self._connection = connection
        self._key = key
        self.limit = LIMIT
        self._pinging = asyncio.ensure_future(self._ping())

    async def _ping(self) -> None:
        # A server that has gone while there was nothing to send may have lost what it had.
        with suppress(BrokerError):
            while True:
                await asyncio.sleep(PING_S)
                await self._connection.ask("PING")

    @property
    def is_open(self) -> bool:
        """Is the connection there?"""
        return not self._connection.is_closed

    async def last(self) -> Stored | None:
        """Return the last message of the key."""
        return await _last(self._connection, self._key)

    async def send(self, fields: Mapping[str, str], body: bytes, *, expected: int, once: str | None) -> int:
        """Store a message behind the one at *expected*; that is enough for it to come only once."""
        del once
        words = [word for pair in fields.items() for word in pair]
        number = Message.of(fields).last if fields else 0
        keep = int(self._connection.access.retention_s * 1e6)
        keys = [self._key, keys_of(self._connection.access)]
        found = await self._connection.run(ADD, keys, expected, number, keep, *words, BODY, body)
        if not isinstance(found, bytes):
            raise RefusedError("the last message of this journal in the stream is another one")
        return _position(found)

    async def warnings(self, oldest: float | None) -> List[str]:
        """Say what may be lost."""
        access = self._connection.access
        age = None if oldest is None else time.time() - oldest
        lines = settings.of_retention(access.retention_s, age)
        try:
            found = cast("Sequence[bytes]", await self._connection.ask("CONFIG", "GET", "*"))
        except BrokerError:
            # It takes a permission of its own, and a server that is rented out has no such command.
            return [*lines, *settings.of_redis(access.urls[0], None)]
        texts = [word.decode("utf-8", "replace") for word in found]
        return [*lines, *settings.of_redis(access.urls[0], dict(zip(texts[::2], texts[1::2])))]

    async def close(self) -> None:
        """End the connection."""
        self._pinging.cancel()
        with suppress(asyncio.CancelledError):
            await self._pinging
        await self._connection.close()


# --- to take ---


async def open_inlet(access: Access, hosts: Sequence[str], durable: str | None) -> RedisInlet:
    """Connect a consumer. Raises BrokerError."""
    return RedisInlet(await connect(access), hosts, durable)


class RedisInlet:
    """All keys, or those of some hosts, each from a place of its own."""

    def __init__(self, connection: Connection, hosts: Sequence[str], durable: str | None) -> None:
        self._connection = connection
        self._hosts = frozenset(hosts)
        self._kept = f"{connection.access.prefix}:place:{durable}" if durable is not None else None
        # Behind which id each key is read on, and one that is new.
        self._places: Dict[str, str] = {}
        self._begin = "0"
        self._looked = float("-inf")

    async def begin(self, start: Start, behind: Mapping[str, Stored]) -> bool:
        """Take up the places; those that are kept under a name come first."""
        self._begin = await self._id_of(start)
        self._places = {key: stored.stamp for key, stored in behind.items()}
        is_new = True
        if self._kept is not None:
            is_new = bool(await self._connection.ask("HSETNX", self._kept, "", self._begin))
            found = cast("Sequence[bytes]", await self._connection.ask("HGETALL", self._kept))
            kept = dict(zip(map(bytes.decode, found[::2]), map(bytes.decode, found[1::2])))
            self._begin = kept.pop("", self._begin)
            self._places = {**kept, **self._places}
        await self._look()
        return is_new

    async def _id_of(self, start: Start) -> str:
        if start.position is not None:
            return f"{start.position}-{HIGHEST}"
        if start.time is not None:
            return f"{max(int(start.time * 1e6) - 1, 0)}-{HIGHEST}"
        seconds, microseconds = cast("Tuple[bytes, bytes]", await self._connection.ask("TIME"))
        return f"{int(seconds) * 10**6 + int(microseconds)}-0"

    async def _look(self) -> None:
        """Look for keys that are new."""
        found = cast("Sequence[bytes]", await self._connection.ask("SMEMBERS", keys_of(self._connection.access)))
        prefix = self._connection.access.prefix + "."
        self._looked = time.monotonic()
        for key in map(bytes.decode, found):
            is_ours = key.startswith(prefix) and key.count(".") == prefix.count(".") + 1
            if is_ours and (not self._hosts or host_of(key) in self._hosts):
                self._places.setdefault(key, self._begin)

    async def next(self, timeout: float) -> Sequence[Stored]:
        """Return what comes: of some keys only, where there are many."""
        if time.monotonic() - self._looked >= LOOK_S:
            await self._look()
        keys = list(self._places)
        if not keys:
            await asyncio.sleep(min(timeout, LOOK_S / 5))
            return ()
        if len(keys) > KEYS_AT_A_TIME:
            # So not more is in memory than is of use.
            for begin in range(0, len(keys), KEYS_AT_A_TIME):
                messages = await self._read(keys[begin : begin + KEYS_AT_A_TIME], None)
                if messages:
                    return messages
        return await self._read(keys, min(timeout, LOOK_S))

    async def _read(self, keys: Sequence[str], seconds: float | None) -> Sequence[Stored]:
        wait = () if seconds is None else ("BLOCK", max(int(seconds * 1000), 1))
        places = [self._places[key] for key in keys]
        words = ("COUNT", max(AT_A_TIME // len(keys), 1), *wait, "STREAMS", *keys, *places)
        found = cast("Sequence[Tuple[bytes, Sequence[Entry]]] | None", await self._connection.ask("XREAD", *words))
        messages = [_stored(key.decode(), entry) for key, entries in found or () for entry in entries]
        for message in messages:
            # In order for each key.
            self._places[message.key] = message.stamp
        # Who is read last is not read last the next time.
        for key in {message.key for message in messages}:
            self._places[key] = self._places.pop(key)
        return sorted(messages, key=lambda message: message.position)

    async def done(self, message: Stored) -> None:
        """Keep the place, where there is a name for it."""
        if self._kept is not None:
            await self._connection.ask("HSET", self._kept, message.key, message.stamp)

    async def still_there(self, messages: Sequence[Stored]) -> bool:
        """Is each of these where it was, or forgotten by its age?"""
        for message in messages:
            if await self._connection.ask("XRANGE", message.key, message.stamp, message.stamp):
                continue
            first = cast(
                "Sequence[Entry]", await self._connection.ask("XRANGE", message.key, "-", "+", "COUNT", 1)
            )
            if not first or _position(first[0][0]) < message.position:
                return False
        return True

    async def end(self) -> Mapping[str, int]:
        """Return the position of the last message of each key."""
        await self._look()
        found = [await _last(self._connection, key) for key in self._places]
        return {stored.key: stored.position for stored in found if stored is not None}

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()


async def _last(connection: Connection, key: str) -> Stored | None:
    found = cast("Sequence[Entry]", await connection.ask("XREVRANGE", key, "+", "-", "COUNT", 1))
    return _stored(key, found[0]) if found else None


def _stored(key: str, entry: Entry) -> Stored:
    stamp, words = entry
    values = dict(zip(words[::2], words[1::2]))
    body = values.pop(BODY, b"")
    fields = {name.decode("ascii", "replace"): value.decode("ascii", "replace") for name, value in values.items()}
    position = _position(stamp)
    return Stored(position, position / 1e6, stamp.decode(), key, fields, body)


def _position(stamp: bytes) -> int:
    return int(stamp.partition(b"-")[0])
