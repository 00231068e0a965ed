"""``inotify-cffi forward``: send a journal that another process writes to a stream."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING, cast

from inotify_cffi.cli.command import Command
from inotify_cffi.quantities import parse_duration

if TYPE_CHECKING:
    import argparse

    from inotify_cffi.fleet.outbox import Journal
    from inotify_cffi.hooks.dispatch import Dispatcher

__all__ = ["COMMAND"]

logger = logging.getLogger(__name__)

# What it is given to say that it ends, when a signal ends it.
LAST_WORD_S = 5.0
# So often a signal is looked for.
TURN_S = 0.2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add where to and how."""
    from inotify_cffi.fleet.arguments import add_access, add_sending

    parser.add_argument(
        "--to",
        required=True,
        metavar="URL",
        help="nats://HOST:PORT, redis://HOST:PORT or valkey://HOST:PORT; by TLS tls://, rediss:// or "
        "valkeys://; several of one cluster joined by commas",
    )
    parser.add_argument("--until-now", action="store_true", help="end when all is sent that is there")
    add_sending(parser)
    add_access(parser.add_argument_group("the stream"))


def run(options: argparse.Namespace, dispatcher: Dispatcher) -> int:
    """Send until it is ended."""
    from inotify_cffi.fleet.arguments import access_of
    from inotify_cffi.fleet.background import Background
    from inotify_cffi.fleet.forwarding import Forwarder
    from inotify_cffi.fleet.opening import open_outlet
    from inotify_cffi.fleet.outbox import Outbox

    try:
        access = access_of(options, options.to)
        heartbeat_s = parse_duration(options.heartbeat)
    except ValueError as error:
        logger.error("%s", error)  # noqa: TRY400  # it is expected
        return 2
    host = options.host or socket.gethostname()
    outbox = Outbox(cast("Journal", dispatcher.plugins()["journal"]), options.journal_file)
    forwarder = Forwarder(
        outbox,
        open_outlet(access, host),
        host=host,
        heartbeat_s=heartbeat_s,
        until_now=options.until_now,
        strict=options.strict,
    )
    background = Background(forwarder)
    try:
        while not background.join(TURN_S):
            continue
    finally:
        background.finish(LAST_WORD_S)
    if background.error is not None:
        raise background.error
    return 0


COMMAND = Command(
    name="forward",
    summary="send a journal to a stream: forward --to nats://HOST:PORT",
    description="Send what the journal plugin keeps to a stream of NATS JetStream, Redis or Valkey, until it is "
    "ended; the journal may be written meanwhile by another process (watch --plugin journal). How far it is it "
    "asks the server.",
    add_options=add_options,
    run=run,
    takes_plugins=False,
    plugins=("journal",),
)
