"""watchdog on a watcher of ours: ``Observer``, or ``install()`` for a program that is there already.

Change one import, from ``watchdog.observers`` to this module; or call :func:`install`, once, before observers are
made; or run a whole program by ``python -m inotify_cffi.compat.watchdog PROGRAM...``. Handlers, events and
schedules are watchdog's own.
"""

from __future__ import annotations

import sys
import threading
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

from inotify_cffi.compat.hub import Hub
from inotify_cffi.compat.patching import Exchange

try:
    from watchdog.observers.api import (
        DEFAULT_EMITTER_TIMEOUT,
        DEFAULT_OBSERVER_TIMEOUT,
        BaseObserver,
        EventDispatcher,
        EventEmitter,
    )
except ModuleNotFoundError as error:
    if error.name != "watchdog":
        raise
    raise ModuleNotFoundError(
        "watchdog is not installed; pip install 'inotify_cffi[watchdog]'", name="watchdog"
    ) from None

from inotify_cffi.compat.emitting import Wording, mask_of

if TYPE_CHECKING:
    from typing import Callable

    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import EventQueue, ObservedWatch

    from inotify_cffi.compat.hub import Taker

__all__ = ["Emitter", "FullEmitter", "Observer", "PollingObserver", "install", "uninstall"]

# Who polls without a rest does so as often at most.
LEAST_POLL_S = 0.01


class Emitter(EventEmitter):
    """What makes watchdog's events of those of a watcher, for one schedule.

    Args:
        event_queue: where to put the events.
        watch: what was scheduled.
        timeout: not used; nothing waits for it.
        event_filter: the classes of events to tell, None for all. Only what these need is watched.
        inotify_fd: whom it shares a watcher with; None for one of its own.

    """

    # True: a half of a move is told as a move without the other end.
    _tells_halves = False
    # True: nobody is told who opens and closes a file, as a poller can not.
    _is_brief = False

    def __init__(
        self,
        event_queue: EventQueue,
        watch: ObservedWatch,
        *,
        timeout: float = DEFAULT_EMITTER_TIMEOUT,
        event_filter: list[type[FileSystemEvent]] | None = None,
        inotify_fd: object = None,
    ) -> None:
        EventEmitter.__init__(self, event_queue, watch, timeout=timeout, event_filter=event_filter)
        self._inotify_fd = inotify_fd if isinstance(inotify_fd, Hub) else Hub()
        self._inotify: Taker | None = None
        self._wording: Wording | None = None

    def on_thread_start(self) -> None:
        """Begin to watch; an error comes to who starts the emitter, or schedules it with a running observer."""
        watch = self.watch
        brief = getattr(self, "_is_brief", False)
        taker = self._inotify_fd.add(
            watch.path,
            mask=mask_of(self._event_filter, brief=brief),
            recursive=watch.is_recursive,
            follow_symlinks="directories" if getattr(watch, "follow_symlink", False) else False,
            each_move=watch.is_recursive,
        )
        only = watch.resolved_path if getattr(watch, "is_file", False) else None
        self._wording = Wording(taker, full=getattr(self, "_tells_halves", False), only=only, brief=brief)
        self._inotify = taker

    def on_thread_stop(self) -> None:
        """Watch no more."""
        taker, self._inotify = self._inotify, None
        if taker is not None:
            self._inotify_fd.remove(taker)

    def queue_events(self, timeout: float, **_options: object) -> None:  # noqa: ARG002
        """Wait for the next events and put them into the queue."""
        taker = self._inotify
        told = taker.take() if taker is not None else None
        wording = self._wording
        if told is None or wording is None or self._inotify is None:
            return
        for event in wording.say(told):
            self.queue_event(event)
        if wording.is_over:
            self.stop()


class FullEmitter(Emitter):
    """The same, with each half of a move that has no other one told as a move."""

    _tells_halves = True


class BriefEmitter(Emitter):
    """The same, for who knew a poller: nobody is told who opens and closes a file."""

    _is_brief = True


class Observer(BaseObserver):
    """watchdog's observer, on one watcher for all schedules. A handler that raises ends no other one.

    Args:
        timeout: what emitters are made with; nothing waits for it.
        generate_full_events: tell a half of a move without the other end as a move.

    """

    _inotify_fd: Hub

    def __init__(self, *, timeout: float = DEFAULT_OBSERVER_TIMEOUT, generate_full_events: bool = False) -> None:
        _begin(self, FullEmitter if generate_full_events else Emitter, timeout)

    def on_thread_stop(self) -> None:
        """End all schedules: the watcher first, for to take large trees off it one by one takes long."""
        self._inotify_fd.close()
        BaseObserver.on_thread_stop(self)

    def dispatch_events(self, event_queue: EventQueue) -> None:
        """Hand the next event to each handler of its schedule; what one raises is reported, as of a thread."""
        entry = event_queue.get(block=True)
        try:
            if entry is EventDispatcher.stop_event:
                return
            event, watch = entry
            with self._lock:
                for handler in list(self._handlers.get(watch, ())):
                    # An earlier one may have taken it off.
                    if handler in self._handlers.get(watch, ()):
                        _call(handler, event)
        finally:
            event_queue.task_done()


class PollingObserver(Observer):
    """watchdog's observer that polls, on a watcher of ours: it polls only what inotify does not see.

    That is what other machines change on a network file system, layers of an overlay, most of FUSE, and
    directories for which no watch or no inotify instance is left. Of all else an event comes at once. Nobody is
    told who opens and closes a file, as by a poller.

    Args:
        timeout: the seconds between two polls.

    """

    def __init__(self, *, timeout: float = DEFAULT_OBSERVER_TIMEOUT) -> None:
        _begin_to_poll(self, timeout=timeout)


def _begin_to_poll(observer: Any, *, timeout: float = DEFAULT_OBSERVER_TIMEOUT) -> None:
    _begin(observer, BriefEmitter, timeout, Hub(poll_s=("auto", max(timeout, LEAST_POLL_S))))


def _begin(observer: Any, emitter_class: Any, timeout: float, hub: Hub | None = None) -> None:
    """Make an observer whose emitters share one watcher."""
    hub = hub or Hub()
    # What it takes depends on the version.
    make: Any = BaseObserver.__init__
    if "kwargs" in signature(make).parameters:
        make(observer, emitter_class, timeout=timeout, inotify_fd=hub)
    else:
        make(observer, partial(emitter_class, inotify_fd=hub), timeout=timeout)
    observer._inotify_fd = hub


def _call(handler: Any, event: FileSystemEvent) -> None:
    try:
        handler.dispatch(event)
    except Exception:  # noqa: BLE001  # whatever it is, it is reported
        kind, error, traceback = sys.exc_info()
        thread = threading.current_thread()
        threading.excepthook(threading.ExceptHookArgs((kind, error, traceback, thread)))


_exchange = Exchange()
_exchange_of_polling = Exchange()
_installing = threading.Lock()


def install(*, polling: bool = False) -> None:
    """Have watchdog's own observers and emitters for inotify work with a watcher of ours from now on.

    That holds for classes that were imported before, and for those that are derived from them. More than once is
    harmless.

    Args:
        polling: the same for ``PollingObserver``, which becomes :class:`PollingObserver`: it goes on polling what
            inotify does not see, in the time that it is given.

    """
    with _installing:
        if not _exchange.is_made:
            _make(_exchange, _put)
        if polling and not _exchange_of_polling.is_made:
            _make(_exchange_of_polling, _put_polling)


def _make(exchange: Exchange, put: Callable[[], None]) -> None:
    """Make an exchange, or nothing of it."""
    try:
        put()
    except BaseException:
        exchange.take_back()
        raise


def _put() -> None:
    from watchdog.observers import inotify

    _exchange.put(inotify.InotifyFullEmitter, "_tells_halves", True)
    names = ("on_thread_start", "on_thread_stop", "queue_events")
    methods = {name: vars(Emitter)[name] for name in names}
    _exchange.methods(inotify.InotifyEmitter, Emitter.__init__, methods)
    methods = {name: vars(Observer)[name] for name in ("on_thread_stop", "dispatch_events")}

    def make(
        observer: Any, *, timeout: float = DEFAULT_OBSERVER_TIMEOUT, generate_full_events: bool = False
    ) -> None:
        full, half = inotify.InotifyFullEmitter, inotify.InotifyEmitter
        _begin(observer, full if generate_full_events else half, timeout)

    _exchange.methods(inotify.InotifyObserver, make, methods)


def _put_polling() -> None:
    from watchdog.observers import polling

    methods = {name: vars(Observer)[name] for name in ("on_thread_stop", "dispatch_events")}
    _exchange_of_polling.methods(polling.PollingObserver, _begin_to_poll, methods)


def uninstall() -> None:
    """Give watchdog its own back; observers that were made meanwhile go on as they are."""
    with _installing:
        _exchange_of_polling.take_back()
        _exchange.take_back()


if __name__ == "__main__":
    from inotify_cffi.compat.running import main

    sys.exit(main("watchdog", sys.argv[1:]))
