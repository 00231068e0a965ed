"""Serve counts of what is watched, kept and forwarded to Prometheus, over HTTP.

``--plugin metrics --metrics-listen 127.0.0.1:9750`` serves them; in a program the plugin is a collector as well:
``prometheus_client.REGISTRY.register(plugin)`` after ``dispatcher.register(plugin)``. A batch of events costs one
count of a column; everything else is asked for when somebody scrapes. No path is ever a label.
"""

from __future__ import annotations

import argparse
import importlib
import os
import socket
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Dict, Iterator, Mapping, NamedTuple, Protocol, Tuple, Union, cast

from inotify_cffi import InotifyError, Mask, flag_names, hookimpl

if TYPE_CHECKING:
    import threading

    from inotify_cffi import Columns, Watcher
    from inotify_cffi.fleet import Forwarder

    from .journal import Journal

    AnyWatcher = Union[Watcher[str], Watcher[bytes]]

__all__ = ["Address", "Metrics"]

OVERFLOW = int(Mask.Q_OVERFLOW)
IN_SYNC = int(Mask.IN_SYNC)
# What may stand beside the kind of an event.
BESIDE = {"ISDIR", "IN_SYNC", "RESCAN", "RESTART"}

# The machine's limit, and that of the user namespace: the lower one holds.
WATCH_LIMITS = ("/proc/sys/fs/inotify/max_user_watches", "/proc/sys/user/max_inotify_watches")
QUEUE_LIMIT = "/proc/sys/fs/inotify/max_queued_events"

# What is asked of the watcher: its key in stats(), the name, is it a counter, the help.
OF_WATCHER = (
    ("overflows", "inotify_overflows", True, "How often the kernel's queue was full and events were lost."),
    ("unwatched", "inotify_unwatched", False, "Directories and files below the roots that are not covered."),
    ("watches", "inotify_watches", False, "Watches that this watcher has."),
    ("queued_bytes", "inotify_queue_bytes", False, "Bytes of events that wait to be read."),
)

# The same of Forwarder.counts.
OF_FORWARDER = (
    ("events", "inotify_forward_events", "Events given to the server; those that are sent again count again."),
    ("messages", "inotify_forward_messages", "Messages given to the server."),
    ("cut", "inotify_forward_cut_events", "Events that lost their paths, for with them they were too large."),
    ("connections", "inotify_forward_connections", "Connections that came about."),
)


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> Address:
        """Return the address in ``HOST:PORT``, ``[HOST]:PORT`` or ``PORT``. Raises ValueError."""
        host, _, port = text.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not port.isascii() or not port.isdecimal() or int(port) > 0xFFFF or (":" in bare and bare == host):
            raise ValueError(f"{text!r} is no address to listen on; write HOST:PORT, [IPV6]:PORT or PORT")
        return cls(bare or "127.0.0.1", int(port))


class Family(Protocol):
    """A metric of prometheus_client with all its values."""

    def add_metric(self, labels: list[str], value: float) -> None: ...


class Server(Protocol):
    """What is used of wsgiref's server."""

    server_port: int

    def shutdown(self) -> None: ...

    def server_close(self) -> None: ...


class Client(Protocol):
    """A module of prometheus_client: it need not be there when this is checked."""

    def __getattr__(self, name: str) -> type: ...


class Metrics:
    """Count what is handed out, and tell it to who scrapes."""

    def __init__(self) -> None:
        self._options = argparse.Namespace()
        self._watcher: AnyWatcher | None = None
        self._masks: Counter[int] = Counter()
        # All was told at this time, in seconds since 1970; and it is so still.
        self._last_in_sync = 0.0
        self._is_in_sync = False
        self._served: Tuple[Server, threading.Thread] | None = None

    @hookimpl
    def inotify_add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add where to listen."""
        group = parser.add_argument_group("metrics", "counts for Prometheus, by HTTP")
        group.add_argument(
            "--metrics-listen",
            type=_address,
            default=Address("127.0.0.1", 9750),
            metavar="[HOST:]PORT",
            help="serve them there, at any path; 127.0.0.1:9750",
        )

    @hookimpl
    def inotify_configure(self, options: argparse.Namespace) -> None:
        """See that it can be served, before all is listed."""
        _module("prometheus_client")
        self._options = options
        address: Address = options.metrics_listen
        try:
            _listening(address).close()
        except OSError as error:
            raise SystemExit(_not_served(address, error)) from error

    @hookimpl
    def inotify_start(self, watcher: AnyWatcher) -> None:
        """Begin to count and to serve."""
        self._watcher = watcher
        # All watches are in place, so what comes is all there is.
        self._last_in_sync, self._is_in_sync = time.time(), True
        address: Address | None = getattr(self._options, "metrics_listen", None)
        if address is not None:
            try:
                self._served = self._serve(address)
            except OSError as error:
                raise SystemExit(_not_served(address, error)) from error

    @hookimpl
    def inotify_events(self, columns: Columns) -> None:
        """Count a batch by kind."""
        counted = Counter(columns.masks)
        self._masks.update(counted)
        if any(mask & (OVERFLOW | IN_SYNC) for mask in counted):
            self._note_sync(columns)

    @hookimpl
    def inotify_stop(self) -> None:
        """Serve no more."""
        served, self._served = self._served, None
        self._watcher = None
        if served is not None:
            server, thread = served
            server.shutdown()
            server.server_close()
            thread.join()

    @property
    def port(self) -> int | None:
        """The port on which it serves; None while it does not."""
        return None if self._served is None else self._served[0].server_port

    def collect(self) -> Iterator[Family]:
        """Yield all metrics with their values of now, as a collector of prometheus_client does it."""
        yield self._kinds()
        yield from self._of_watcher()
        yield _gauge("inotify_in_sync", "0 from a loss until the difference is told, else 1.", self._is_in_sync)
        for name, value, text in (
            ("inotify_last_in_sync_timestamp_seconds", self._last_in_sync, "When all had been told last."),
            ("inotify_max_user_watches", _lowest(*WATCH_LIMITS), "The most watches that one user may have."),
            ("inotify_max_queued_events", _lowest(QUEUE_LIMIT), "The most events that a queue holds."),
        ):
            # Nothing is better than a limit of 0.
            if value:
                yield _gauge(name, text, value)
        yield from self._of_journal()
        yield from self._of_forwarder()

    # --- inside ---

    def _note_sync(self, columns: Columns) -> None:
        for mask in columns.masks:
            if mask & IN_SYNC:
                self._last_in_sync, self._is_in_sync = time.time(), True
            elif mask & OVERFLOW:
                self._is_in_sync = False

    def _serve(self, address: Address) -> Tuple[Server, threading.Thread]:
        client = _module("prometheus_client")
        registry = client.CollectorRegistry(auto_describe=False)
        registry.register(self)
        client.ProcessCollector(registry=registry)
        return cast(
            "Tuple[Server, threading.Thread]",
            client.start_http_server(address.port, addr=address.host, registry=registry),
        )

    def _kinds(self) -> Family:
        kinds: Dict[str, int] = {}
        for mask, count in self._masks.copy().items():
            kind = _kind(mask)
            kinds[kind] = kinds.get(kind, 0) + count
        return _family("Counter", "inotify_events", "Events that were handed out, by kind.", kinds, "kind")

    def _of_watcher(self) -> Iterator[Family]:
        watcher = self._watcher
        # A tree of another machine has none.
        if watcher is None or not hasattr(watcher, "stats"):
            return
        try:
            stats = watcher.stats()
        except (InotifyError, OSError):
            # It is being closed.
            return
        for key, name, is_counter, text in OF_WATCHER:
            yield (_counter if is_counter else _gauge)(name, text, stats[key])

    def _of_journal(self) -> Iterator[Family]:
        journal: Journal | None = getattr(self._options, "journal", None)
        if journal is None:
            return
        held, most = journal.held()
        yield _gauge("inotify_journal_held_bytes", "Events that can not be written now, and wait in memory.", held)
        yield _gauge("inotify_journal_held_limit_bytes", "Beyond so much there is a gap.", most)
        try:
            status = journal.status(os.path.abspath(self._options.journal_file))
        except SystemExit:
            # It is not there, or can not be read now: that is what is missing then.
            return
        yield _gauge("inotify_journal_last_number", "The number of the last event that is written.", status.last)
        yield _gauge("inotify_journal_first_number", "The number of the first event that is kept.", status.first)

    def _of_forwarder(self) -> Iterator[Family]:
        plugin = getattr(self._options, "forward", None)
        forwarder: Forwarder | None = None if plugin is None else plugin.forwarder
        if forwarder is None:
            return
        for key, name, text in OF_FORWARDER:
            yield _counter(name, text, forwarder.counts[key])
        with suppress(InotifyError):
            lag = forwarder.lag
            yield _gauge("inotify_forward_lag", "Events of the journal that no server has acknowledged.", lag)


def _address(text: str) -> Address:
    try:
        return Address.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _listening(address: Address) -> socket.socket:
    family, kind, _, _, where = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(where)
        made.listen()
    except BaseException:
        made.close()
        raise
    return made


def _not_served(address: Address, error: OSError) -> str:
    where = f"{address.host}:{address.port}"
    return f"metrics can not be served on {where}: {error.strerror}; choose another by --metrics-listen"


def _module(name: str) -> Client:
    try:
        return cast("Client", importlib.import_module(name))
    except ImportError as error:
        raise SystemExit("metrics needs prometheus-client: pip install 'inotify_cffi[prometheus]'") from error


def _family(of: str, name: str, text: str, values: Mapping[str, float], label: str | None = None) -> Family:
    kind = getattr(_module("prometheus_client.core"), f"{of}MetricFamily")
    family = cast("Family", kind(name, text, labels=[] if label is None else [label]))
    for key, value in values.items():
        family.add_metric([] if label is None else [key], value)
    return family


def _gauge(name: str, text: str, value: float) -> Family:
    return _family("Gauge", name, text, {"": value})


def _counter(name: str, text: str, value: float) -> Family:
    return _family("Counter", name, text, {"": value})


def _kind(mask: int) -> str:
    names = flag_names(mask)
    return next((name for name in names if name not in BESIDE), names[0] if names else "none").lower()


def _lowest(*files: str) -> float:
    """Return the lowest of the numbers in some files; 0 where none can be read."""
    found = []
    for file in files:
        with suppress(OSError, ValueError), open(file, encoding="ascii") as stream:
            found.append(int(stream.read()))
    return float(min(found, default=0))
