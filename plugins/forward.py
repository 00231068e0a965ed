"""Send what the plugin ``journal`` keeps to a stream, from the process that watches.

The journal is the outbox: an event is in its file before it is sent, and what a server does, or does not, is never
felt by who watches. A thread of its own reads the file and sends; what it has not sent when the program ends is
sent at the next start.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING, Union, cast

from inotify_cffi import hookimpl, parse_duration

if TYPE_CHECKING:
    import argparse

    from inotify_cffi import Watcher
    from inotify_cffi.fleet import Background, Forwarder
    from inotify_cffi.fleet.outbox import Journal

    AnyWatcher = Union[Watcher[str], Watcher[bytes]]

__all__ = ["Forward"]

logger = logging.getLogger("inotify_cffi.plugins.forward")


class Forward:
    """Send the journal of this process."""

    # Who asks for it relies on it.
    inotify_required = True

    def __init__(self) -> None:
        self._options: argparse.Namespace | None = None
        self._background: Background | None = None

    @hookimpl
    def inotify_add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add where to and how."""
        from inotify_cffi.fleet import add_access, add_sending

        group = parser.add_argument_group("forward", "where the journal is sent")
        group.add_argument(
            "--forward-to",
            metavar="URL",
            help="nats://HOST:PORT, redis://HOST:PORT or valkey://HOST:PORT; by TLS tls://, rediss:// or "
            "valkeys://; several of one cluster joined by commas",
        )
        group.add_argument(
            "--forward-linger",
            type=parse_duration,
            default=5.0,
            metavar="TIME",
            help="at the end, send for so long what is left; what is left then is sent at the next start; 5s",
        )
        add_sending(group, "forward-")
        add_access(group, "forward-")

    @hookimpl(trylast=True)
    def inotify_configure(self, options: argparse.Namespace) -> None:
        """Check what was said, so that a wrong address is told before all is listed."""
        from inotify_cffi.fleet import access_of

        if getattr(options, "journal", None) is None:
            raise SystemExit("forward sends what the journal keeps; add --plugin journal")
        if options.forward_to is None:
            raise SystemExit("forward needs to know where to; add --forward-to nats://HOST:PORT")
        try:
            access_of(options, options.forward_to, "forward-")
            parse_duration(options.forward_heartbeat)
        except ValueError as error:
            raise SystemExit(str(error)) from error
        self._options = options
        # Who tells how far it is finds it there.
        options.forward = self

    @hookimpl(trylast=True)
    def inotify_start(self, watcher: AnyWatcher) -> None:
        """Begin to send, behind what the journal does at its start."""
        from inotify_cffi.fleet import Background, Forwarder, Outbox, access_of, open_outlet

        options = self._options
        if options is None:
            raise SystemExit("forward is for the command line; in a program make a Forwarder")
        host = options.forward_host or socket.gethostname()
        forwarder = Forwarder(
            Outbox(cast("Journal", options.journal), os.path.abspath(options.journal_file)),
            open_outlet(access_of(options, options.forward_to, "forward-"), host),
            host=host,
            heartbeat_s=parse_duration(options.forward_heartbeat),
            strict=options.forward_strict,
        )
        # Where it ends by itself, the stream refuses us: then it is the end, not only of this.
        self._background = Background(forwarder, watcher.stop)

    @property
    def forwarder(self) -> Forwarder | None:
        """What sends; None before the start and after the end."""
        return None if self._background is None else self._background.forwarder

    @hookimpl(trylast=True)
    def inotify_events(self) -> None:
        """Say that the journal has more."""
        if self._background is not None:
            self._background.forwarder.wake()

    @hookimpl(trylast=True)
    def inotify_stop(self) -> None:
        """Send what is left, for a while; the journal is closed by then."""
        background, self._background = self._background, None
        if background is None or self._options is None:
            return
        background.finish(self._options.forward_linger)
        if background.error is not None:
            raise SystemExit(f"the journal is not sent any more: {background.error}")
