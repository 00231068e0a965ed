"""Read a watcher in a thread of its own, for those who have no loop."""

from __future__ import annotations

import sys

from inotify_cffi.base.native import new_lock, new_thread
from inotify_cffi.errors import BusyError, ClosedError
from inotify_cffi.typed import TYPE_CHECKING
from inotify_cffi.watching.claim import Claim, Iteration

if TYPE_CHECKING:
    import threading
    from typing import AnyStr, Callable, Iterable

    from inotify_cffi.events import Event

__all__ = ["Start", "call_with_each"]


class Start:
    """The start of a thread, which has the events until its *work* is done.

    Args:
        claim: the watcher's.
        work: what the thread does once ``go.release()`` was called.

    """

    def __init__(self, claim: Claim, work: Callable[[], object]) -> None:
        self._claim = claim
        self._work = work
        self._begun = new_lock()
        self._refused: BusyError | None = None
        self._given_up = False
        self.go = new_lock()
        # Who ends the program without closing the watcher does not wait for it.
        self.thread = new_thread(self._run, "inotify_cffi")

    def begin(self) -> threading.Thread:
        """Start it, and return it when it has the events. Raises BusyError if another iterates."""
        self.go.acquire()
        self._begun.acquire()
        self.thread.start()
        self._begun.acquire()
        if self._refused is not None:
            raise self._refused
        return self.thread

    def give_up(self) -> None:
        """Let the thread end, if there is one; it has read nothing."""
        self._given_up = True
        if self.go.locked():
            self.go.release()
        if self.thread.ident is not None:
            self.thread.join()

    def _run(self) -> None:
        iteration = Iteration()
        try:
            self._claim.take(iteration)
        except BusyError as error:
            self._refused = error
            return
        finally:
            self._begun.release()
        try:
            with self.go:
                if self._given_up:
                    return
            self._work()
        except ClosedError:
            # It was closed meanwhile, which is one way to end this.
            return
        finally:
            self._claim.release(iteration)


def call_with_each(events: Iterable[Event[AnyStr]], callback: Callable[[Event[AnyStr]], object]) -> None:
    """Call *callback* with each event, until there are no more.

    What it raises is reported as a thread's end by it would be, and the next event is handed out.
    """
    import threading

    for event in events:
        try:
            callback(event)
        except SystemExit:
            return
        except BaseException:  # noqa: BLE001  # whatever it is, it is reported
            kind, error, traceback = sys.exc_info()
            thread = threading.current_thread()
            threading.excepthook(threading.ExceptHookArgs((kind, error, traceback, thread)))
