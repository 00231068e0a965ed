"""Redis and Valkey: one connection, and what is asked over it. Of redis-py it takes the connection alone.

That one never connects again by itself: who sends asks anew what the server has whenever it was away.
"""

from __future__ import annotations

import asyncio
import importlib
from contextlib import suppress
from typing import TYPE_CHECKING, Awaitable, Dict, NoReturn, Protocol, cast
from urllib.parse import urlsplit

from inotify_cffi.fleet.broker import BrokerError, DeniedError
from inotify_cffi.fleet.opening import password_of

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Union

    from inotify_cffi.fleet.opening import Access

    Word = Union[str, bytes, int]

__all__ = ["ANSWER_S", "Connection", "connect"]

CONNECT_S = 5.0
CLOSE_S = 1.0
ANSWER_S = 5.0
PORT = 6379

# How answers begin that a wait does not help against.
DENIED = ("NOAUTH", "NOPERM", "WRONGPASS", "MOVED", "CROSSSLOT", "ERR unknown command", "WRONGTYPE")


class Link(Protocol):
    """What is used of a connection of redis-py."""

    def connect(self) -> Awaitable[None]: ...

    def send_command(self, *words: Word) -> Awaitable[None]: ...

    def read_response(self) -> Awaitable[object]: ...

    def disconnect(self) -> Awaitable[None]: ...


class Connection:
    """A connection, and questions to the server. Nothing of it is tried again here."""

    def __init__(self, link: Link, access: Access) -> None:
        self._link = link
        self.access = access
        self._lock = asyncio.Lock()
        self._digests: Dict[str, str] = {}
        self.is_closed = False

    async def ask(self, *words: Word) -> object:
        """Ask the server something; its answer, with bytes in it. Raises BrokerError."""
        errors = _module("redis.exceptions")
        url = self.access.urls[0]
        async with self._lock:
            if self.is_closed:
                raise BrokerError(f"the server {url} has gone")
            try:
                await self._link.send_command(*words)
                return await self._link.read_response()
            except errors.ResponseError as error:
                self._refuse(error)
            except (OSError, asyncio.TimeoutError, errors.RedisError) as error:
                self.is_closed = True
                raise BrokerError(f"the server {url} does not answer: {_text(error)}") from error
            except BaseException:
                # The answer would be taken for that of the next question.
                self.is_closed = True
                raise

    async def run(self, script: str, keys: list[str], *words: Word) -> object:
        """Have the server run a script as one step. Raises BrokerError."""
        digest = self._digests.get(script)
        if digest is None:
            found = await self.ask("SCRIPT", "LOAD", script)
            digest = self._digests[script] = found.decode() if isinstance(found, bytes) else str(found)
        return await self.ask("EVALSHA", digest, len(keys), *keys, *words)

    def _refuse(self, error: Exception) -> NoReturn:
        url, what = self.access.urls[0], _text(error)
        # redis-py takes the first word of some answers for itself.
        word = type(error).__name__
        if what.startswith(DENIED) or word in {"NoPermissionError", "AuthenticationError"}:
            raise DeniedError(f"the server {url} does not allow that: {what}") from error
        raise BrokerError(f"the server {url} refuses: {what}") from error

    async def close(self) -> None:
        """End it."""
        self.is_closed = True
        with suppress(OSError, asyncio.TimeoutError, _module("redis.exceptions").RedisError):
            await asyncio.wait_for(self._link.disconnect(), CLOSE_S)


async def connect(access: Access) -> Connection:
    """Return a connection to the first server. Raises DeniedError if it does not let us in, BrokerError."""
    url = access.urls[0]
    errors = _module("redis.exceptions")
    link = _link(access)
    connection = Connection(link, access)
    try:
        await link.connect()
    except (OSError, asyncio.TimeoutError, errors.RedisError) as error:
        await connection.close()
        what = _text(error)
        is_refused = isinstance(error, (errors.AuthenticationError, errors.ResponseError))
        if "certificate" in what.lower() or (is_refused and not what.startswith("LOADING")):
            raise DeniedError(f"the server {url} does not let us in, or is not trusted: {what}") from error
        raise BrokerError(f"the server {url} can not be reached: {what}") from error
    return connection


# --- redis-py ---


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DeniedError("Redis and Valkey need redis-py: pip install 'inotify_cffi[redis]'") from error


def _link(access: Access) -> Link:
    """Return a connection that is not connected yet."""
    parts = urlsplit(access.urls[0])
    module = _module("redis.asyncio.connection")
    options: Dict[str, object] = {
        "host": parts.hostname,
        "port": parts.port or PORT,
        "db": int(parts.path.strip("/") or 0),
        "username": access.user,
        "password": password_of(access),
        "client_name": "inotify-cffi",
        "socket_timeout": ANSWER_S,
        "socket_connect_timeout": CONNECT_S,
        # Its answers as they come, of whatever version the client is.
        "protocol": 2,
        "retry": _module("redis.asyncio.retry").Retry(_module("redis.backoff").NoBackoff(), 0),
    }
    if parts.scheme not in {"rediss", "valkeys"}:
        return cast("Link", module.Connection(**options))
    options.update(
        ssl_ca_certs=access.tls_ca,
        ssl_certfile=access.tls_cert,
        ssl_keyfile=access.tls_key,
        ssl_cert_reqs="required",
        ssl_check_hostname=True,
    )
    return cast("Link", module.SSLConnection(**options))


def _text(error: BaseException) -> str:
    """Return what an error of redis-py says, in one line."""
    return str(error).partition("\n")[0] or type(error).__name__
