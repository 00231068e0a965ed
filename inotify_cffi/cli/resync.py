"""``--resync TIME`` and SIGUSR1: compare all that is watched with the disk, again and again or once."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Iterator

from inotify_cffi.errors import ClosedError

if TYPE_CHECKING:
    from inotify_cffi.hooks.specs import AnyWatcher

__all__ = ["resyncing"]


@contextmanager
def resyncing(watcher: AnyWatcher, every_s: float | None) -> Iterator[None]:
    """Have a watcher compare with the disk on SIGUSR1, and every so many seconds; None: on the signal only.

    A signal that was ignored when the program was started stays so.
    """
    before = signal.getsignal(signal.SIGUSR1)
    heeds = before != signal.SIG_IGN and threading.current_thread() is threading.main_thread()
    ended = threading.Event()
    thread = None
    if heeds:
        signal.signal(signal.SIGUSR1, lambda _number, _frame: _resync(watcher))
    try:
        if every_s is not None:
            thread = threading.Thread(target=_again, args=(watcher, every_s, ended), name="resync", daemon=True)
            thread.start()
        yield
    finally:
        ended.set()
        if thread is not None:
            thread.join()
        if heeds:
            signal.signal(signal.SIGUSR1, before)


def _again(watcher: AnyWatcher, every_s: float, ended: threading.Event) -> None:
    while not ended.wait(every_s):
        _resync(watcher)


def _resync(watcher: AnyWatcher) -> None:
    # Whoever closes it needs not to know of this.
    with suppress(ClosedError):
        watcher.resync()
