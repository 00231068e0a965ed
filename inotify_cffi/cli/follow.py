"""``inotify-cffi follow``: print what happens on many hosts, or hand it to plugins."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Iterator, List, Protocol, Sequence, Tuple, cast

from inotify_cffi.cli.command import Command
from inotify_cffi.cli.ending import ending
from inotify_cffi.cli.outputs import nobody_reads, standard_output, write
from inotify_cffi.cloudevents import event_to_cloudevent
from inotify_cffi.events import Event
from inotify_cffi.hooks.columns import Columns
from inotify_cffi.hooks.specs import hookimpl
from inotify_cffi.jsonlines import event_to_json
from inotify_cffi.quantities import parse_duration

if TYPE_CHECKING:
    from inotify_cffi.fleet.feeding import RemoteTree
    from inotify_cffi.fleet.following import Follower
    from inotify_cffi.fleet.notices import Notice
    from inotify_cffi.hooks.dispatch import Dispatcher
    from inotify_cffi.jsonlines import JournalEvent

    Batch = Tuple[str, List[JournalEvent[str]]]

__all__ = ["COMMAND"]

logger = logging.getLogger(__name__)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add which hosts, from when, and for how long."""
    from inotify_cffi.fleet.arguments import add_access

    parser.add_argument(
        "url",
        metavar="URL",
        help="nats://HOST:PORT, redis://HOST:PORT or valkey://HOST:PORT; by TLS tls://, rediss:// or "
        "valkeys://; several of one cluster joined by commas",
    )
    parser.add_argument(
        "--host", action="append", default=[], metavar="NAME", help="only this one; may be given more than once"
    )
    parser.add_argument(
        "--since",
        type=_since,
        metavar="TIME|NUMBER",
        help="0: all that the stream has; a number: what is behind this position in it; 10m, or a time as "
        "2026-01-31T12:00, by the server's clock; default: from now on",
    )
    parser.add_argument("--until-now", action="store_true", help="end at what is there")
    parser.add_argument(
        "--durable",
        metavar="NAME",
        help="let the server keep the place under this name, for one follower at a time",
    )
    parser.add_argument("--count", type=_count, metavar="N", help="end after N events")
    parser.add_argument("-t", "--timeout", type=_duration, metavar="TIME", help="end after so long: 10s, 2m")
    parser.add_argument(
        "--notices",
        action="store_true",
        help="tell starts, ends and heartbeats of hosts, too, on the standard error",
    )
    add_access(parser.add_argument_group("the stream"))


def run(options: argparse.Namespace, dispatcher: Dispatcher) -> int:
    """Follow until it is ended; 2 where --timeout was over before --count events came."""
    from inotify_cffi.fleet.arguments import access_of
    from inotify_cffi.fleet.feeding import as_watcher, feed
    from inotify_cffi.fleet.following import Follower, batches, start_at
    from inotify_cffi.fleet.opening import open_inlet

    try:
        connect = open_inlet(access_of(options, options.url), hosts=options.host, durable=options.durable)
    except ValueError as error:
        logger.error("%s", error)  # noqa: TRY400  # it is expected
        return 2
    limits = _Limits(options.count, options.timeout)
    follower = Follower(
        connect,
        start_at(options.since),
        until_now=options.until_now,
        on_notice=_Teller(notices=options.notices),
        is_over=limits.is_over,
    )
    dispatcher.settles = False
    dispatcher.configure(options, as_watcher("", follower.stop))
    console = dispatcher.plugins().get("console")
    if console is not None:
        dispatcher.unregister("console")
        dispatcher.register(Printer(cast("Console", console), options.format, follower), "console")
    with ending.stopping(follower.stop), closing(batches(follower)) as found:
        feed(dispatcher, limits.enough(found), follower.stop)
    return 2 if options.count is not None and limits.told < options.count else 0


class _Limits:
    """Counts what is handed out, and says when it is enough."""

    def __init__(self, most: int | None, seconds: float | None) -> None:
        self.told = 0
        self._most = most
        self._end = None if seconds is None else time.monotonic() + seconds

    def is_over(self) -> bool:
        """Is the time over, or has the reader gone?"""
        return (self._end is not None and time.monotonic() >= self._end) or nobody_reads(sys.stdout)

    def enough(self, found: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches until there are enough events; the rest of the last one is told again to a durable one."""
        for host, events in found:
            most = len(events) if self._most is None else self._most - self.told
            self.told += min(most, len(events))
            yield host, events[:most]
            if self.told == self._most:
                return


class _Teller:
    """Tells what is not an event."""

    def __init__(self, *, notices: bool) -> None:
        self._tells_all = notices

    def __call__(self, notice: Notice) -> None:
        if notice.kind in {"gap", "cut"}:
            logger.warning("%s", notice.text)
        elif self._tells_all:
            logger.info("%s", notice.text)


class Console(Protocol):
    """What is needed of the plugin that prints."""

    def inotify_events(self, columns: Columns) -> None: ...


class Printer:
    """Prints by the plugin console, with the host before each path, or as an object's key."""

    def __init__(self, console: Console, form: str, follower: Follower) -> None:
        self._console = console
        self._follower = follower
        self._as_row = {"json": self._json, "cloudevents": self._cloudevent}.get(form)

    @hookimpl
    def inotify_events(self, events: Sequence[JournalEvent[str]], watcher: RemoteTree) -> None:
        """Print a batch."""
        if self._as_row is None:
            self._console.inotify_events(Columns([_named(event, watcher.host) for event in events]))
            return
        rows = [json.dumps(self._as_row(event, watcher.host)) + "\n" for event in events]
        try:
            write(standard_output(), "".join(rows))
        except BrokenPipeError:
            raise SystemExit(0) from None

    def _json(self, event: JournalEvent[str], host: str) -> dict[str, object]:
        return {"host": host, "position": self._follower.position, **event_to_json(event)}

    @staticmethod
    def _cloudevent(event: JournalEvent[str], host: str) -> dict[str, object]:
        return event_to_cloudevent(event, host=host)


def _named(event: JournalEvent[str], host: str) -> Event[str]:
    """Return an event whose paths begin with the host, as scp(1) writes it."""
    old = None if event.moved_from is None else f"{host}:{event.moved_from}"
    return Event.of(
        f"{host}:{event.path}", int(event.mask), moved_from=old, cookie=event.cookie, cause=event.cause
    )


def _since(text: str) -> int | datetime:
    if text.isdecimal() and len(text) < 20:
        return int(text)
    try:
        return datetime.fromtimestamp(time.time() - parse_duration(text)).astimezone()
    except ValueError:
        # Then it may be a time.
        try:
            return datetime.fromisoformat(text).astimezone()
        except (ValueError, OverflowError):
            raise argparse.ArgumentTypeError(f"{text!r} is no time; write 0, 2026-01-31T12:00 or 10m") from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of events, 1 or more")
    return int(text)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


COMMAND = Command(
    name="follow",
    summary="print what happens on many hosts: follow nats://HOST:PORT",
    description="Print the events of all hosts that inotify-cffi forward sends to a stream, an event a line, "
    "in order for each host, until it is ended.",
    add_options=add_options,
    run=run,
    takes_plugins=True,
    plugins=("console",),
)
