"""pyinotify's notifier: it reads events, watches what is new, and hands on."""

from __future__ import annotations

import os
import select
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, Set, Tuple

from inotify_cffi.base import bits
from inotify_cffi.compat.pyinotify_extras import NotifierError, daemonize
from inotify_cffi.compat.pyinotify_watches import Watch, WatchManager, listing
from inotify_cffi.compat.pyinotify_words import Event, PrintAllEvents, log
from inotify_cffi.kernel.forks import handed_on

if TYPE_CHECKING:
    Processor = Callable[[Event], object]
    Raw = Tuple[int, int, int, str]

__all__ = ["Notifier"]

# So many moves are remembered, for what comes behind them.
MOST_MOVES = 4096


class Notifier:
    """Reads events, and hands each to the processor of its watch.

    Args:
        watch_manager: whose events.
        default_proc_fun: the processor of watches that have none; prints them unless given.
        read_freq: with :meth:`loop`, read once in so many seconds at most; 0 for at once.
        threshold: read only where at least so many bytes are queued.
        timeout: how long :meth:`check_events` waits, in milliseconds; None for ever.

    """

    def __init__(
        self,
        watch_manager: WatchManager,
        default_proc_fun: Processor | None = None,
        read_freq: float = 0,
        threshold: int = 0,
        timeout: float | None = None,
    ) -> None:
        self._watch_manager = watch_manager
        self._default_proc_fun = default_proc_fun or PrintAllEvents()
        self._read_freq = read_freq
        self._threshold = threshold
        self._timeout = timeout
        self._coalesce = False
        self._queue: Deque[Raw] = deque()
        # What listings have found and was not handed out; it comes first.
        self._listed: Deque[Raw] = deque()
        self._fd = watch_manager.get_fd()
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        # The same by watch and name, for an event of the kernel may be on its way.
        self._found: Dict[int, Set[str]] = {}
        # Where what was moved came from, by cookie; and where it went.
        self._sources: OrderedDict[int, str] = OrderedDict()
        self._moves: OrderedDict[str, str] = OrderedDict()
        self._followed: Set[int] = set()

    def append_event(self, event: Any) -> None:
        """Have an event processed behind those that were read; it has *wd*, *mask*, *cookie*, *name*."""
        self._queue.append((event.wd, event.mask, event.cookie, event.name))

    def proc_fun(self) -> Processor:
        """Return the processor of watches that have none."""
        return self._default_proc_fun

    def coalesce_events(self, coalesce: bool = True) -> None:
        """Drop events that are the same as another one of those that are processed together."""
        self._coalesce = coalesce

    def check_events(self, timeout: float | None = None) -> bool:
        """Wait for events, for *timeout* milliseconds at most; True if there are some to read."""
        if self._fd < 0:
            return False
        ready = self._poll.poll(self._timeout if timeout is None else timeout)
        return any(fd == self._fd and what & select.POLLIN for fd, what in ready)

    def read_events(self) -> None:
        """Read what is queued, for :meth:`process_events`."""
        instance = self._watch_manager.instance
        if instance.queued_bytes() < max(self._threshold, 1):
            return
        try:
            raws = instance.read()
        except OSError as error:
            raise NotifierError(str(error)) from error
        self._queue += [(raw.wd, raw.mask, raw.cookie, os.fsdecode(raw.name)) for raw in raws]
        if self._coalesce:
            self._queue = deque(dict.fromkeys(self._queue))

    def process_events(self) -> None:
        """Hand out what was read, and watch what is new."""
        while self._listed or self._queue:
            is_listed = bool(self._listed)
            raw = (self._listed or self._queue).popleft()
            if self._watch_manager.ignore_events:
                continue
            watch = self._watch_manager.get_watch(raw[0])
            if raw[1] & bits.Q_OVERFLOW:
                self._lost()
                self._default_proc_fun(Event({"mask": raw[1]}))
            elif watch is not None and (is_listed or not self._is_told(raw)):
                event = self._follow(watch, raw)
                (watch.proc_fun or self._default_proc_fun)(event)
        if self._fd >= 0 and self._found and not self._watch_manager.instance.queued_bytes():
            # All that was on its way has come.
            self._found.clear()

    def _is_told(self, raw: Raw) -> bool:
        """Return True for the creation of what a listing has found and told before."""
        wd, mask, _, name = raw
        names = self._found.get(wd)
        if names is None or name not in names or not mask & (bits.CREATE | bits.DELETE | bits.MOVE):
            return False
        names.discard(name)
        return bool(mask & bits.CREATE)

    # --- what is new, and what has moved ---

    def _follow(self, watch: Watch, raw: Raw) -> Event:
        wd, mask, cookie, name = raw
        path = watch.path
        place = os.path.join(path, name) if name else path
        fields: Dict[str, Any] = {"wd": wd, "mask": mask, "path": path, "name": name}
        is_dir = bool(mask & bits.ISDIR)
        if mask & (bits.DELETE_SELF | bits.MOVE_SELF):
            is_dir = watch.dir
        fields["dir"] = is_dir
        if mask & bits.MOVED_FROM:
            fields["cookie"] = cookie
            _remember(self._sources, cookie, place)
        elif mask & bits.MOVED_TO:
            fields["cookie"] = cookie
            source = self._sources.pop(cookie, None)
            if source is not None:
                fields["src_pathname"] = source
                self._moved(source, place, is_dir=is_dir)
            if is_dir:
                self._watch_new(watch, place)
        elif mask & bits.CREATE and is_dir:
            self._watch_new(watch, place)
        elif mask & bits.MOVE_SELF:
            self._moved_itself(watch)
        elif mask & bits.IGNORED:
            self._watch_manager.del_watch(wd)
            self._found.pop(wd, None)
        return Event(fields)

    def _watch_new(self, parent: Watch, path: str) -> None:
        """Watch a directory that is new, then list it: what came between is in the listing, or on its way."""
        manager = self._watch_manager
        if not parent.auto_add or manager.get_wd(path) is not None or parent.exclude_filter(path):
            return
        try:
            watch = manager.watch(path, parent.mask, parent.proc_fun, parent.exclude_filter, auto_add=True)
        except OSError as error:
            log.error("add_watch: cannot watch %s WD=-1, %s", path, error)
            return
        self._tell_found(watch, [(name, is_dir) for name, is_dir in listing(path)])

    def _tell_found(self, watch: Watch, entries: list[tuple[str, bool]]) -> None:
        """Have entries that were found told next, before all that came later."""
        for path, is_dir in reversed(entries):
            name = os.path.basename(path)
            self._listed.appendleft((watch.wd, bits.CREATE | (bits.ISDIR if is_dir else 0), 0, name))
            self._found.setdefault(watch.wd, set()).add(name)

    def _moved(self, source: str, place: str, *, is_dir: bool) -> None:
        _remember(self._moves, source, place)
        if is_dir:
            wd = self._watch_manager.get_wd(source)
            self._watch_manager.rename(source, place)
            if wd is not None:
                self._followed.add(wd)

    def _moved_itself(self, watch: Watch) -> None:
        if watch.wd in self._followed:
            self._followed.discard(watch.wd)
        elif watch.path in self._moves:
            self._watch_manager.rename(watch.path, self._moves.pop(watch.path))
        else:
            log.error("The path of %r is not known any more: watch the directory that it is in, too", watch)
            if not watch.path.endswith("-unknown-path"):
                self._watch_manager.rename(watch.path, f"{watch.path}-unknown-path")

    def _lost(self) -> None:
        """Events were lost: directories that are new are watched all the same."""
        for watch in list(self._watch_manager.watches.values()):
            if watch.auto_add and watch.dir:
                new = [each for each in listing(watch.path) if each[1] and self._is_new(each[0])]
                self._tell_found(watch, new)

    def _is_new(self, path: str) -> bool:
        return self._watch_manager.get_wd(path) is None

    # --- loops ---

    def loop(
        self, callback: Callable[[Any], object] | None = None, daemonize: bool = False, **options: Any
    ) -> None:
        """Process events until Ctrl-C or :meth:`stop`, or until *callback* says so.

        Args:
            callback: called after each turn with the notifier; True ends the loop.
            daemonize: go on as a daemon; the process that called ends.
            options: for that: ``pid_file``, ``stdin``, ``stdout``, ``stderr``.

        Raises:
            NotifierError: events could not be read; or the file of *pid_file* is there.

        """
        if daemonize:
            self._become_a_daemon(options)
        try:
            while self._fd >= 0:
                self.process_events()
                if callback is not None and callback(self) is True:
                    break
                self._turn()
        except KeyboardInterrupt:
            log.debug("stopped by Ctrl-C")
        self.stop()

    def _become_a_daemon(self, options: Dict[str, Any]) -> None:
        manager = self._watch_manager
        # The working directory will be another one.
        for watch in list(manager.watches.values()):
            manager.rename(watch.path, os.path.abspath(watch.path))
        with handed_on(manager.instance):
            daemonize(**options)

    def _turn(self) -> None:
        begun = time.monotonic()
        if self.check_events():
            if self._read_freq > 0:
                self._rest(max(0.0, self._read_freq - (time.monotonic() - begun)))
            if self._fd >= 0:
                self.read_events()

    def _rest(self, seconds: float) -> None:
        time.sleep(seconds)

    def stop(self) -> None:
        """Free the inotify instance, with all watches; more than once is harmless.

        What was read and not processed is dropped, so it may be called by who is handed an event.
        """
        if self._fd >= 0:
            self._poll.unregister(self._fd)
            self._fd = -1
            self._queue.clear()
            self._listed.clear()
            self._watch_manager.close()


def _remember(moves: OrderedDict[Any, str], key: Any, value: str) -> None:
    moves[key] = value
    if len(moves) > MOST_MOVES:
        moves.popitem(last=False)
