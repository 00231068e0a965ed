"""From the address of a stream to the engine that has it: ``nats://HOST:PORT``, ``tls://HOST:PORT``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Awaitable, Callable, NamedTuple, Sequence
from urllib.parse import urlsplit

from inotify_cffi.fleet.broker import DeniedError

if TYPE_CHECKING:
    from inotify_cffi.fleet.broker import Inlet, Outlet

__all__ = ["Access", "open_inlet", "open_outlet"]

SCHEMES = ("nats", "tls")


class Access(NamedTuple):
    """Where a stream is, and how to be let in; what is secret is in files.

    ``urls`` are servers of one cluster. ``stream`` is the stream's name, ``prefix`` what its subjects begin with.
    """

    urls: Sequence[str]
    stream: str = "FS"
    prefix: str = "fs"
    creds_file: str | None = None
    user: str | None = None
    password_file: str | None = None
    token_file: str | None = None
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    monitor: str | None = None
    create: bool = True

    def check(self) -> None:
        """Raise ValueError where an address can not be used."""
        for url in self.urls:
            parts = urlsplit(url)
            if parts.scheme not in SCHEMES or not parts.hostname:
                raise ValueError(f"{url!r} is no address of a stream; write nats://HOST:PORT or tls://HOST:PORT")
            if parts.username is not None:
                # Who lists processes sees it.
                raise ValueError(
                    "a password does not belong into an address; see --user, --password-file and --creds"
                )
        if len(self.stream.split()) != 1 or set(self.stream) & set("*>./\\"):
            raise ValueError(f"{self.stream!r} is no name of a stream; write letters and digits")


def open_outlet(access: Access, host: str) -> Callable[[str], Awaitable[Outlet]]:
    """Return what connects a forwarder of a host, for a journal."""
    from inotify_cffi.fleet import jetstream

    access.check()
    turns = _turns(access)

    async def connect(journal: str) -> Outlet:
        return await jetstream.open_outlet(turns(), host, journal)

    return connect


def open_inlet(
    access: Access, *, hosts: Sequence[str] = (), durable: str | None = None
) -> Callable[[], Awaitable[Inlet]]:
    """Return what connects a consumer of some hosts, or (none given) of all."""
    from inotify_cffi.fleet import jetstream

    access.check()
    turns = _turns(access)

    async def connect() -> Inlet:
        return await jetstream.open_inlet(turns(), hosts, durable)

    return connect


def _turns(access: Access) -> Callable[[], Access]:
    """Return what gives the access with another one of its servers first, each time."""
    count = 0

    def turn() -> Access:
        nonlocal count
        at, count = count % len(access.urls), count + 1
        return access._replace(urls=[*access.urls[at:], *access.urls[:at]])

    return turn


def read_secret(path: str) -> str:
    """Return what is in a file, without the newline at its end. Raises DeniedError."""
    try:
        with open(path, encoding="utf-8") as stream:
            if os.fstat(stream.fileno()).st_mode & 0o077:
                raise DeniedError(f"{path} can be read by others; chmod 600 {path}")
            return stream.read().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DeniedError(f"{path} can not be read: {error}") from error
