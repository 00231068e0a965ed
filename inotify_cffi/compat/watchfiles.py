"""watchfiles on a watcher of ours: ``watch``, ``awatch``, ``run_process``, ``arun_process``, or ``install()``.

Change one import, from ``watchfiles`` to this module; or call :func:`install`, once; or run a whole program by
``python -m inotify_cffi.compat.watchfiles PROGRAM...``. Filters, changes and arguments are those of watchfiles.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import sys
import threading
import time
from types import FunctionType
from typing import TYPE_CHECKING, Any, Callable, Set, Tuple
from weakref import WeakSet

from inotify_cffi.base import bits
from inotify_cffi.burst import Burst
from inotify_cffi.compat.patching import Exchange
from inotify_cffi.errors import ClosedError
from inotify_cffi.watcher import Watcher

try:
    import anyio
    from watchfiles import _rust_notify, main, run
except ModuleNotFoundError as error:
    if error.name not in ("anyio", "watchfiles"):
        raise
    raise ModuleNotFoundError(
        "watchfiles is not installed; pip install 'inotify_cffi[watchfiles]'", name="watchfiles"
    ) from None

if TYPE_CHECKING:
    from typing import Iterable

    from inotify_cffi.events import Event

    Changes = Set[Tuple[int, str]]

__all__ = ["Notify", "arun_process", "awatch", "install", "run_process", "uninstall", "watch"]

ADDED, MODIFIED, DELETED = 1, 2, 3

MASK = bits.CREATE | bits.DELETE | bits.MOVED_FROM | bits.MOVED_TO | bits.MODIFY | bits.ATTRIB | bits.DELETE_SELF

CAME = bits.CREATE | bits.MOVED_TO
WENT = bits.DELETE | bits.MOVED_FROM | bits.DELETE_SELF

# What keeps watchfiles from starting unless it is to be ignored; and what does in any case: no watch is left.
DENIED = (errno.EACCES, errno.EPERM)
EXHAUSTED = (errno.ENOSPC,)

# An event that can only be asked is asked so often at most, and who polls without a rest does so.
LEAST_STEP_S = 0.001
LEAST_POLL_S = 0.01


class Woken(Exception):  # noqa: N818  # it is no error
    """Comes out of a wait that somebody ended."""


class Notify:
    """What watchfiles calls ``RustNotify``: what has changed since the last call.

    Args:
        watch_paths: directories and files.
        debug: print each change to standard error.
        force_polling: watch nothing, and compare all with the disk again and again: for what inotify is blind on.
        poll_delay_ms: how often, in milliseconds.
        recursive: watch what is below directories, too.
        ignore_permission_denied: go on without what can not be watched, in place of raising an error.

    Raises:
        FileNotFoundError, PermissionError, OSError: a path can not be watched, or something below it.

    """

    def __init__(
        self,
        watch_paths: Iterable[str],
        debug: bool,
        force_polling: bool,
        poll_delay_ms: int,
        recursive: bool,
        ignore_permission_denied: bool,
    ) -> None:
        self._watcher: Watcher[str] | None = None
        self._ringing = threading.Lock()
        self._bell: tuple[int, int] | None = None
        self._debug = debug
        self._polls, self._poll_delay_ms = force_polling, poll_delay_ms
        poll_s = max(poll_delay_ms / 1000, LEAST_POLL_S)
        try:
            watcher = _watcher(poll_s if force_polling else None, recursive=recursive)
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
            # There is no inotify in this kernel, or in what stands for one.
            self._polls = True
            watcher = _watcher(poll_s, recursive=recursive)
        try:
            for path in dict.fromkeys(map(os.fspath, watch_paths)):
                _add(watcher, path, ignores=ignore_permission_denied)
            self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            self._wait_for_bell(watcher)
        except BaseException:
            watcher.close()
            self._close_bell()
            raise
        self._watcher = watcher

    def watch(self, debounce_ms: int, step_ms: int, timeout_ms: int, stop_event: Any) -> Changes | str:
        """Wait for changes, and then until there is no other one for a while.

        Nothing is done meanwhile, but to ask a *stop_event* that is not awatch's own, once in each step.

        Args:
            debounce_ms: the most to wait behind the first change, in milliseconds.
            step_ms: how long there is no other change at the end, in milliseconds.
            timeout_ms: the most to wait for the first one, in milliseconds; 0 for ever.
            stop_event: something with ``is_set()`` that ends it, or None.

        Returns:
            The changes, each with its kind and its path; or "timeout", or "stop" if the event is set, or "signal"
            after Ctrl-C.

        Raises:
            RuntimeError: it is closed.

        """
        watcher = self._watcher
        if watcher is None:
            raise RuntimeError("RustNotify watcher closed")
        is_set = _never if stop_event is None else stop_event.is_set
        # From here on it wakes who waits: so it is looked at behind this.
        own = stop_event if isinstance(stop_event, End) else None
        if own is not None:
            own.listeners.add(self)
        asks = stop_event is not None and own is None
        tick_s = max(step_ms / 1000, LEAST_STEP_S) if asks else math.inf
        try:
            return self._collect(watcher, debounce_ms / 1000, step_ms / 1000, timeout_ms / 1000, is_set, tick_s)
        except KeyboardInterrupt:
            return "signal"
        except ClosedError:
            raise RuntimeError("RustNotify watcher closed") from None
        finally:
            if own is not None:
                own.listeners.discard(self)

    def _collect(
        self,
        watcher: Watcher[str],
        debounce_s: float,
        step_s: float,
        timeout_s: float,
        is_set: Callable[[], bool],
        tick_s: float,
    ) -> Changes | str:
        changes: Changes = set()
        now = time.monotonic()
        ends = now + timeout_s if timeout_s else math.inf
        latest = math.inf
        burst = Burst(step_s, debounce_s)
        while not is_set():
            left = (burst.ripe_at if changes else ends) - now
            if left <= 0 and (not changes or now >= latest):
                return changes or "timeout"
            # On a busy machine there was no time, maybe, to read what came in time: so there is one more look.
            wait = max(0, min(left, tick_s))
            try:
                events = watcher.read(None if wait == math.inf else wait)
            except Woken:
                events = []
                self._wait_for_bell(watcher)
            now = time.monotonic()
            if self._add_changes(changes, events):
                # What was there already does not count: who writes all the time would keep it from its end.
                burst.came(now)
                latest = min(latest, now + debounce_s)
            elif changes and left <= 0:
                return changes
        return "stop"

    def _add_changes(self, changes: Changes, events: Iterable[Event[str]]) -> bool:
        """Add what events say; True if there are more changes then."""
        before = len(changes)
        replaced = None
        for event in events:
            mask, path = event.mask, event.path
            if mask & CAME:
                change = ADDED
                if path == replaced:
                    changes.discard((DELETED, path))
            elif mask & WENT:
                change = DELETED
            elif mask & MASK and (ADDED, path) not in changes and (DELETED, path) not in changes:
                change = MODIFIED
            else:
                continue
            if self._debug:
                sys.stderr.write(f"event={event!r} change={change}\n")
            changes.add((change, path))
            if change == DELETED and not mask & bits.MOVED_FROM:
                # If something is moved there next, it was overwritten, which is no deletion for watchfiles.
                replaced = path if event.synthetic else None
        return len(changes) > before

    def _wait_for_bell(self, watcher: Watcher[str]) -> None:
        with self._ringing:
            if self._bell is not None:
                watcher.call_when(self._bell[0], "readable", self._wake)

    def _wake(self) -> None:
        with self._ringing, contextlib.suppress(BlockingIOError):
            if self._bell is not None:
                os.read(self._bell[0], 4096)
        raise Woken

    def ring(self) -> None:
        """End a wait, so that it is looked at what has been set; from any thread."""
        # A pipe that is full has been rung.
        with self._ringing, contextlib.suppress(BlockingIOError):
            if self._bell is not None:
                os.write(self._bell[1], b"!")

    def _close_bell(self) -> None:
        with self._ringing:
            ends, self._bell = self._bell or (), None
            for fd in ends:
                os.close(fd)

    def close(self) -> None:
        """Watch no more; more than once is harmless."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()
            self._close_bell()

    def __enter__(self) -> Notify:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_watcher", None) is not None:
            self.close()

    def __repr__(self) -> str:
        if self._watcher is None:
            return "RustNotify(None)"
        if not self._polls:
            return f"RustNotify(Recommended(\n    {self._watcher!r}\n))"
        delay = f"delay: Some(\n            {self._poll_delay_ms}ms,\n        )"
        return f"RustNotify(Poll(\n    PollWatcher {{\n        {delay},\n        {self._watcher!r}\n    }}\n))"


def _never() -> bool:
    return False


def _watcher(poll_s: float | None, *, recursive: bool) -> Watcher[str]:
    return Watcher(mask=MASK, recursive=recursive, follow_symlinks="directories", poll_s=poll_s)


def _add(watcher: Watcher[str], path: str, *, ignores: bool) -> None:
    try:
        watcher.add(path)
        refusing = EXHAUSTED if ignores else DENIED + EXHAUSTED
        for error in watcher.unwatched().values():
            if error.errno in refusing:
                raise error
    except PermissionError:
        if not ignores:
            raise


# --- the end of awatch ---


class End:
    """The event that awatch makes for its own end; it wakes who waits here."""

    def __init__(self) -> None:
        self._is_set = False
        self.listeners: WeakSet[Notify] = WeakSet()

    def is_set(self) -> bool:
        """Return True once it was set."""
        return self._is_set

    def set(self) -> None:
        """Set it; from any thread."""
        self._is_set = True
        for notify in list(self.listeners):
            notify.ring()


class Anyio:
    """What ``anyio`` is for awatch; an event of somebody else can only be asked."""

    Event = End

    def __getattr__(self, name: str) -> Any:
        return getattr(anyio, name)


# --- two ways ---


def _on_ours(function: Any, **names: object) -> Any:
    """Return a function of watchfiles that finds ours by some of the names in it."""
    copy = FunctionType(
        function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__doc__ = function.__doc__
    copy.__annotations__ = function.__annotations__
    return copy


watch = _on_ours(main.watch, RustNotify=Notify)
awatch = _on_ours(main.awatch, RustNotify=Notify, anyio=Anyio())
run_process = _on_ours(run.run_process, watch=watch)
arun_process = _on_ours(run.arun_process, awatch=awatch)

_exchange = Exchange()
_installing = threading.Lock()


def install() -> None:
    """Have watchfiles' own functions work with a watcher of ours from now on; more than once is harmless."""
    with _installing:
        if not _exchange.is_made:
            _exchange.put(_rust_notify, "RustNotify", Notify)
            _exchange.put(main, "RustNotify", Notify)
            _exchange.put(main, "anyio", Anyio())


def uninstall() -> None:
    """Give watchfiles its own back."""
    with _installing:
        _exchange.take_back()


if __name__ == "__main__":
    from inotify_cffi.compat import running

    sys.exit(running.main("watchfiles", sys.argv[1:]))
