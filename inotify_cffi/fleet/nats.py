"""NATS JetStream: the one module that knows it. Of nats-py it takes the connection; the rest are requests.

What is asked of the server is JSON of its API, for a forwarder then needs no permission but for its own subjects
and two questions: the stream's information, and the last message of its own subject (a direct get, whose subject
has it).
"""

from __future__ import annotations

import asyncio
import importlib
import json
import ssl
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Awaitable, Dict, List, Mapping, NoReturn, Protocol, cast
from urllib.parse import urlsplit

from inotify_cffi.fleet.broker import BrokerError, DeniedError, Stored
from inotify_cffi.fleet.message import token
from inotify_cffi.fleet.opening import password_of, read_secret

if TYPE_CHECKING:
    from inotify_cffi.fleet.opening import Access

__all__ = [
    "API",
    "CONNECT_S",
    "Connection",
    "Reply",
    "Subscription",
    "code_of",
    "error_of",
    "refuse",
    "text_of",
    "utc",
]

CONNECT_S = 5
CLOSE_S = 1.0
ANSWER_S = 5.0
API = "$JS.API"

# server/errors.json of nats-server.
NO_STREAM = 10059


class Reply(Protocol):
    """A message of nats-py."""

    data: bytes
    subject: str
    reply: str
    headers: Dict[str, str] | None


class Subscription(Protocol):
    """A subscription of nats-py."""

    @property
    def pending_msgs(self) -> int:
        """How many have come and were not taken."""
        ...

    def next_msg(self, timeout: float) -> Awaitable[Reply]:
        """Return the next message."""
        ...


class Client(Protocol):
    """What is used of a connection of nats-py."""

    max_payload: int

    def connect(self, **options: object) -> Awaitable[None]: ...

    def request(
        self, subject: str, payload: bytes, timeout: float, *, headers: Dict[str, str] | None = None
    ) -> Awaitable[Reply]: ...

    def publish(self, subject: str, payload: bytes, reply: str = "") -> Awaitable[None]: ...

    def subscribe(self, subject: str) -> Awaitable[Subscription]: ...

    def new_inbox(self) -> str: ...

    def close(self) -> Awaitable[None]: ...


class Connection:
    """A connection, and questions to the server. Nothing of it is tried again here."""

    def __init__(self, client: Client, access: Access) -> None:
        self.client = client
        self.access = access
        self.closed = asyncio.Event()
        # What the server has not let us do.
        self.denied = ""

    async def _is_closed(self) -> None:
        self.closed.set()

    @classmethod
    async def open(cls, access: Access) -> Connection:
        """Connect to the first server.

        Raises:
            DeniedError: it does not let us in.
            BrokerError: it can not be reached.

        """
        url = access.urls[0]
        client = cast("Client", _module("nats.aio.client").Client())
        connection = cls(client, access)
        causes: List[Exception] = []

        async def note(error: Exception) -> None:
            """What is raised in the end says less."""
            causes.append(error)
            if "permissions violation" in str(error).lower():
                # Who asked would wait for an answer.
                connection.denied = text_of(error)
                connection.closed.set()

        try:
            await client.connect(
                servers=[url],
                name="inotify-cffi",
                allow_reconnect=False,
                # Else it tries for two minutes here, see findings/.
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=CONNECT_S,
                # A server that says nothing any more is known after that.
                ping_interval=10,
                max_outstanding_pings=2,
                error_cb=note,
                closed_cb=connection._is_closed,
                disconnected_cb=connection._is_closed,
                **_credentials(access),
            )
        except (OSError, asyncio.TimeoutError, error_of("Error")) as error:
            await connection.close()
            everything = " ".join(str(each).lower() for each in [*causes, error])
            what = text_of(causes[-1] if causes else error)
            if "authorization" in everything or "certificate" in everything:
                raise DeniedError(f"the server {url} does not let us in, or is not trusted: {what}") from error
            raise BrokerError(f"the server {url} can not be reached: {what}") from error
        return connection

    async def ask(self, what: str, body: Mapping[str, object] | None = None) -> Dict[str, object]:
        """Ask the API something; the answer, also where it says that something is wrong. Raises BrokerError."""
        payload = json.dumps(body).encode() if body is not None else b""
        reply = await self.request(f"{API}.{what}", payload)
        return cast("Dict[str, object]", json.loads(reply.data))

    async def request(self, subject: str, payload: bytes, headers: Dict[str, str] | None = None) -> Reply:
        """Ask somebody something. Raises BrokerError."""
        answer = asyncio.ensure_future(self.client.request(subject, payload, ANSWER_S, headers=headers))
        closed = asyncio.ensure_future(self.closed.wait())
        try:
            # Who waits for an answer of a server that has gone would wait for long.
            await asyncio.wait({answer, closed}, return_when=asyncio.FIRST_COMPLETED)
            if self.denied:
                raise DeniedError(f"the server {self.access.urls[0]} does not allow that: {self.denied}")
            if not answer.done():
                raise BrokerError(f"the server {self.access.urls[0]} has gone")
            return answer.result()
        except (OSError, asyncio.TimeoutError, error_of("Error")) as error:
            raise BrokerError(f"the server {self.access.urls[0]} does not answer: {text_of(error)}") from error
        finally:
            closed.cancel()
            answer.cancel()

    async def stream(self, *, create: bool) -> Dict[str, object]:
        """Return what the server says of the stream; made where it is not there, if that is allowed."""
        access = self.access
        answer = await self.ask(f"STREAM.INFO.{access.stream}")
        if create and code_of(answer) == NO_STREAM:
            answer = await self.ask(f"STREAM.CREATE.{access.stream}", new_stream(access))
        if code_of(answer) == NO_STREAM:
            raise DeniedError(f"there is no stream {access.stream}; make one, or let inotify-cffi forward make it")
        if "error" in answer:
            refuse(answer)
        config = cast("Dict[str, object]", answer["config"])
        if create and not config.get("allow_direct"):
            raise DeniedError(
                f"the stream {access.stream} must have allow_direct; nats stream edit --allow-direct"
            )
        return answer

    async def get(self, subject: str, body: bytes = b"") -> Stored | None:
        """Return a message by a direct get; None if there is none."""
        reply = await self.request(f"{API}.DIRECT.GET.{self.access.stream}{subject}", body)
        headers = reply.headers or {}
        if headers.get("Status") == "404":
            return None
        if "Nats-Sequence" not in headers:
            raise BrokerError(
                f"the server does not say what it has: {headers.get('Description', reply.data[:200])!r}"
            )
        stamp = headers["Nats-Time-Stamp"]
        return Stored(
            int(headers["Nats-Sequence"]),
            _seconds(stamp),
            stamp,
            headers.get("Nats-Subject", ""),
            headers,
            reply.data,
        )

    async def close(self) -> None:
        """End it."""
        # It waits for ever for the peer of a TLS that did not come about.
        with suppress(OSError, asyncio.TimeoutError, error_of("Error")):
            await asyncio.wait_for(self.client.close(), CLOSE_S)


def new_stream(access: Access) -> Dict[str, object]:
    """Return the configuration of a stream that is made: it keeps all, in files."""
    return {
        "name": access.stream,
        "subjects": [f"{access.prefix}.*.*"],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": -1,
        "num_replicas": 1,
        "allow_direct": True,
    }


# --- nats-py ---


class Module(Protocol):
    """A module of nats-py: it need not be there when this is checked."""

    def __getattr__(self, name: str) -> type: ...


def _module(name: str) -> Module:
    try:
        return cast("Module", importlib.import_module(name))
    except ImportError as error:
        raise DeniedError("NATS needs nats-py: pip install 'inotify_cffi[nats]'") from error


def error_of(name: str) -> type[Exception]:
    """Return an exception of nats-py by its name."""
    return cast("type[Exception]", getattr(_module("nats.errors"), name))


def _credentials(access: Access) -> Dict[str, object]:
    options: Dict[str, object] = {}
    if access.creds_file is not None:
        options["user_credentials"] = access.creds_file
    if access.user is not None:
        options["user"] = access.user
        options["password"] = password_of(access)
        # So each user can be held to inboxes of its own: one who hears all of them hears answers to others.
        options["inbox_prefix"] = f"_INBOX.{token(access.user)}".encode()
    if access.token_file is not None:
        options["token"] = read_secret(access.token_file)
    if access.tls_ca or access.tls_cert or urlsplit(access.urls[0]).scheme == "tls":
        try:
            context = ssl.create_default_context(cafile=access.tls_ca)
            if access.tls_cert is not None:
                context.load_cert_chain(access.tls_cert, access.tls_key)
        except OSError as error:
            raise DeniedError(f"the certificates can not be used: {error}") from error
        options["tls"] = context
    return options


# --- words of the server ---


def code_of(answer: Mapping[str, object]) -> int:
    """Return the number of what is wrong; 0 where nothing is."""
    error = answer.get("error")
    return int(error.get("err_code", 0)) if isinstance(error, dict) else 0


def refuse(answer: Mapping[str, object]) -> NoReturn:
    """Raise a DeniedError with what is wrong."""
    error = answer["error"]
    what = error.get("description") if isinstance(error, dict) else error
    raise DeniedError(f"the server refuses: {what}")


def text_of(error: BaseException) -> str:
    """Return what an error of nats-py says, in one line."""
    text = str(error).partition("\n")[0]
    return text.replace("nats: ", "") or type(error).__name__


def utc(nanoseconds: int) -> str:
    """Return a time as the server writes it."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{rest:09d}Z"


def _seconds(stamp: str) -> float:
    # Nanoseconds, and only as many digits as are needed; Python takes microseconds.
    day, _, rest = stamp.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{day}+00:00").timestamp() + float(f"0.{rest or 0}")
