"""From the address of a stream to the engine that has it: ``nats://HOST:PORT``, ``redis://HOST:PORT``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Awaitable, Callable, NamedTuple, Protocol, Sequence
from urllib.parse import urlsplit

from inotify_cffi.fleet.broker import DeniedError

if TYPE_CHECKING:
    from inotify_cffi.fleet.broker import Inlet, Outlet

__all__ = ["PASSWORD", "Access", "open_inlet", "open_outlet", "password_of", "read_secret"]

NATS, REDIS = "NATS", "Redis"
ENGINES = {"nats": NATS, "tls": NATS, **dict.fromkeys(("redis", "rediss", "valkey", "valkeys"), REDIS)}
# What says something to one engine only, and what it is without.
ONLY_NATS = {"creds_file": None, "token_file": None, "monitor": None}

# The variable of the environment with the password, where it is in no file.
PASSWORD = "INOTIFY_CFFI_PASSWORD"  # noqa: S105  # its name


class Engine(Protocol):
    """What a module of an engine has."""

    def open_outlet(self, access: Access, host: str, journal: str) -> Awaitable[Outlet]: ...

    def open_inlet(self, access: Access, hosts: Sequence[str], durable: str | None) -> Awaitable[Inlet]: ...


class Access(NamedTuple):
    """Where a stream is, and how to be let in; what is secret is in files.

    ``urls`` are servers of one cluster. ``stream`` is the stream's name in JetStream, ``prefix`` what its
    subjects, or the keys of Redis, begin with. ``retention_s``: Redis forgets what is older, in seconds;
    0: nothing.
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
    retention_s: float = 0.0

    def check(self) -> None:
        """Raise ValueError where an address can not be used."""
        for url in self.urls:
            parts = urlsplit(url)
            if parts.scheme not in ENGINES or not parts.hostname:
                raise ValueError(
                    f"{url!r} is no address of a stream; write nats://HOST:PORT, redis://HOST:PORT or "
                    "valkey://HOST:PORT; by TLS tls://, rediss:// or valkeys://"
                )
            if parts.username is not None:
                # Who lists processes sees it.
                raise ValueError(
                    "a password does not belong into an address; see --user, --password-file and --creds"
                )
        if len(self.stream.split()) != 1 or set(self.stream) & set("*>./\\"):
            raise ValueError(f"{self.stream!r} is no name of a stream; write letters and digits")
        self._check_engine()

    def _check_engine(self) -> None:
        engines = {ENGINES[urlsplit(url).scheme] for url in self.urls}
        if len(engines) != 1:
            raise ValueError(f"{','.join(self.urls)} are of two engines; servers of one cluster are of one")
        if engines == {NATS}:
            if self.retention_s:
                raise ValueError("how long JetStream keeps messages is set in the stream (max_age), not here")
            return
        for name, nothing in ONLY_NATS.items():
            if getattr(self, name) != nothing:
                option = name.replace("_", "-").replace("creds-file", "creds")
                raise ValueError(f"--{option} is for NATS; for Redis and Valkey see --user and --password-file")
        for url in self.urls:
            if not (urlsplit(url).path.strip("/") or "0").isdecimal():
                raise ValueError(f"{url!r} names no database; write redis://HOST:PORT/NUMBER")
        if not self.prefix or set(self.prefix) & set("*?[]\\: \t\r\n"):
            raise ValueError(f"{self.prefix!r} is nothing that a key begins with; write letters and digits")

    @property
    def engine(self) -> Engine:
        """The module that knows the engine."""
        # What one that is not used needs, need not be installed.
        if ENGINES[urlsplit(self.urls[0]).scheme] == NATS:
            from inotify_cffi.fleet import jetstream

            return jetstream
        from inotify_cffi.fleet import streams

        return streams


def open_outlet(access: Access, host: str) -> Callable[[str], Awaitable[Outlet]]:
    """Return what connects a forwarder of a host, for a journal."""
    access.check()
    turns = _turns(access)

    async def connect(journal: str) -> Outlet:
        return await access.engine.open_outlet(turns(), host, journal)

    return connect


def open_inlet(
    access: Access, *, hosts: Sequence[str] = (), durable: str | None = None
) -> Callable[[], Awaitable[Inlet]]:
    """Return what connects a consumer of some hosts, or (none given) of all."""
    access.check()
    turns = _turns(access)

    async def connect() -> Inlet:
        return await access.engine.open_inlet(turns(), hosts, durable)

    return connect


def _turns(access: Access) -> Callable[[], Access]:
    """Return what gives the access with another one of its servers first, each time."""
    count = 0

    def turn() -> Access:
        nonlocal count
        at, count = count % len(access.urls), count + 1
        return access._replace(urls=[*access.urls[at:], *access.urls[:at]])

    return turn


def password_of(access: Access) -> str | None:
    """Return the password: from its file, or the environment. Raises DeniedError."""
    if access.password_file is not None:
        return read_secret(access.password_file)
    return os.environ.get(PASSWORD) or None


def read_secret(path: str) -> str:
    """Return what is in a file, without the newline at its end. Raises DeniedError."""
    try:
        with open(path, encoding="utf-8") as stream:
            found = os.fstat(stream.fileno())
            # systemd (LoadCredential) and Kubernetes (fsGroup) hand out a file of root's that our group may read.
            if found.st_mode & (0o027 if found.st_uid == 0 != os.geteuid() else 0o077):
                raise DeniedError(f"{path} can be read by others; chmod 600 {path}")
            return stream.read().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DeniedError(f"{path} can not be read: {error}") from error
