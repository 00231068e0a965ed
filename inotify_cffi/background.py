"""Read a watcher in a thread of its own, for those who have no loop."""

from __future__ import annotations

import sys

from inotify_cffi.claim import Claim, Iteration
from inotify_cffi.errors import BusyError, ClosedError
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from typing import AnyStr, Callable

    from inotify_cffi.events import Event

__all__ = ["call_with_each", "start_thread"]


def start_thread(claim: Claim, work: Callable[[], object]) -> threading.Thread:
    """Start a thread that has the events until its *work* is done, and return it when it has.

    Raises BusyError if another iterates.
    """
    import threading

    refused: list[BusyError] = []
    begun = threading.Event()

    def run() -> None:
        iteration = Iteration()
        try:
            claim.take(iteration)
        except BusyError as error:
            refused.append(error)
            return
        finally:
            begun.set()
        try:
            work()
        except ClosedError:
            # It was closed meanwhile, which is one way to end this.
            return
        finally:
            claim.release(iteration)

    # Who ends the program without closing the watcher does not wait for it.
    thread = threading.Thread(target=run, name="inotify_cffi", daemon=True)
    thread.start()
    begun.wait()
    if refused:
        thread.join()
        raise refused[0]
    return thread


def call_with_each(read: Callable[[], list[Event[AnyStr]]], callback: Callable[[Event[AnyStr]], object]) -> None:
    """Call *callback* with each event that *read* returns, until that is none.

    What it raises is reported as a thread's end by it would be, and the next event is handed out.
    """
    import threading

    while True:
        events = read()
        if not events:
            return
        for event in events:
            try:
                callback(event)
            except SystemExit:
                return
            except BaseException:  # noqa: BLE001  # whatever it is, it is reported
                kind, error, traceback = sys.exc_info()
                thread = threading.current_thread()
                threading.excepthook(threading.ExceptHookArgs((kind, error, traceback, thread)))
