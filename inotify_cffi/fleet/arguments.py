"""The options that say where a stream is and how to be let in, for the commands and the plugin alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inotify_cffi.fleet.opening import Access
from inotify_cffi.quantities import parse_duration

if TYPE_CHECKING:
    import argparse

__all__ = ["access_of", "add_access", "add_sending"]

FILES = (
    ("creds", "NATS: credentials of a user, as nsc makes them (a JWT and a seed); needs the package nkeys"),
    (
        "password-file",
        "the password is in this file, which nobody else may read; else in the environment: INOTIFY_CFFI_PASSWORD",
    ),
    ("token-file", "NATS: a token is in this file, which nobody else may read"),
    ("tls-ca", "trust servers whose certificate this one has signed, and talk TLS"),
    ("tls-cert", "show this certificate"),
    ("tls-key", "the key of that certificate"),
)


def add_access(group: argparse._ActionsContainer, before: str = "") -> None:
    """Add what says which stream; the names of the options begin with *before*."""
    group.add_argument(f"--{before}stream", default="FS", metavar="NAME", help="JetStream: the stream's name; FS")
    group.add_argument(
        f"--{before}prefix",
        default="fs",
        metavar="WORD",
        help="what its subjects, or the keys of Redis, begin with: fs.HOST.JOURNAL; fs",
    )
    group.add_argument(f"--{before}user", metavar="NAME", help="the user's name; the password is in a file")
    for name, text in FILES:
        group.add_argument(f"--{before}{name}", metavar="FILE", help=text.format(before))


def add_sending(group: argparse._ActionsContainer, before: str = "") -> None:
    """Add what one who sends may say."""
    group.add_argument(
        f"--{before}host", metavar="NAME", help="the name of this host in the stream; default: that of the machine"
    )
    group.add_argument(
        f"--{before}heartbeat",
        default="30s",
        metavar="TIME",
        help="send the last number again after so long without an event, so that a dead host is seen; 30s",
    )
    group.add_argument(
        f"--{before}no-create", action="store_true", help="do not make the stream if it is not there"
    )
    group.add_argument(
        f"--{before}monitor",
        metavar="URL",
        help="NATS: the server's monitoring port, http://HOST:8222: look there how often it synchronises",
    )
    group.add_argument(
        f"--{before}retention",
        default="0",
        metavar="TIME",
        help="Redis, Valkey: let the server forget what is older; default: nothing",
    )
    group.add_argument(
        f"--{before}strict",
        action="store_true",
        help="end, rather than warn, where the server's settings may lose what it has acknowledged",
    )


def access_of(options: argparse.Namespace, url: str, before: str = "") -> Access:
    """Return what the options say; servers of one cluster are joined by commas.

    Raises:
        ValueError: an address can not be used.

    """

    def of(name: str) -> str | None:
        value = getattr(options, (before + name).replace("-", "_"), None)
        return None if value is None else str(value)

    access = Access(
        url.split(","),
        stream=of("stream") or "FS",
        prefix=of("prefix") or "fs",
        creds_file=of("creds"),
        user=of("user"),
        password_file=of("password-file"),
        token_file=of("token-file"),
        tls_ca=of("tls-ca"),
        tls_cert=of("tls-cert"),
        tls_key=of("tls-key"),
        monitor=of("monitor"),
        retention_s=parse_duration(of("retention") or "0"),
        create=not getattr(options, (before + "no-create").replace("-", "_"), False),
    )
    access.check()
    return access
