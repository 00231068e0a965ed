"""``--since FILE`` and ``--save FILE``: what happened while the program did not run is told by the next one."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

from inotify_cffi.cli.ending import ending
from inotify_cffi.cli.outputs import nobody_reads
from inotify_cffi.errors import BusyError, ClosedError
from inotify_cffi.watching.statefile import write_state

if TYPE_CHECKING:
    from inotify_cffi.hooks.specs import AnyWatcher

__all__ = ["Saver", "saving"]

logger = logging.getLogger(__name__)


class Saver:
    """Saves a watcher into a file: every so many seconds if something has changed, when asked to, at the end."""

    def __init__(self, watcher: AnyWatcher, file: str, every_s: float) -> None:
        self._watcher = watcher
        self._file = os.path.abspath(file)
        self._every_s = every_s
        self._saved = b""
        self._trouble = ""
        self._is_over = False
        self._due = threading.Event()
        self._thread = threading.Thread(target=self._again, name="save", daemon=True)

    def begin(self) -> None:
        """Save, so that a file that can not be written is told at once; then again and again.

        Raises OSError.
        """
        self._save()
        self._thread.start()

    def ask(self) -> None:
        """Save now, whoever else has the watcher; from a signal handler, too."""
        self._due.set()

    def end(self) -> None:
        """Save no more."""
        self._is_over = True
        self._due.set()
        if self._thread.ident is not None:
            self._thread.join()

    def finish(self) -> None:
        """All that was handed out is done with, unless nobody has read it: save that. Raises OSError."""
        self.end()
        # Where only half of a move was handed out what was saved before is told again.
        if not nobody_reads(sys.stdout):
            self._save()

    def _again(self) -> None:
        while not self._is_over:
            self._due.wait(self._every_s)
            self._due.clear()
            if not self._is_over:
                self._try()

    def _try(self) -> None:
        try:
            self._save()
        except OSError as error:
            if str(error) != self._trouble:
                logger.error("the state can not be saved, and it is tried again: %s", error)  # noqa: TRY400
            self._trouble = str(error)
        else:
            self._trouble = ""

    def _save(self) -> None:
        try:
            state = self._watcher.save()
        except (BusyError, ClosedError):
            # The next time, then.
            return
        if state != self._saved or not os.path.exists(self._file):
            write_state(self._file, state)
            self._saved = state


@contextmanager
def saving(watcher: AnyWatcher, file: str | None, every_s: float) -> Iterator[None]:
    """Save what was handed out, until it is the end, and then once more if that is an orderly one.

    That is one by a signal, too, but not one by a failure: who failed has not dealt with what it was given.
    SIGUSR2 asks for it at once; one that was ignored when the program was started stays so.
    """
    if file is None:
        yield
        return
    saver = Saver(watcher, file, every_s)
    before = signal.getsignal(signal.SIGUSR2)
    heeds = before != signal.SIG_IGN and threading.current_thread() is threading.main_thread()
    try:
        saver.begin()
        if heeds:
            signal.signal(signal.SIGUSR2, lambda _number, _frame: saver.ask())
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            if ending.number:
                saver.finish()
            raise
        saver.finish()
    finally:
        saver.end()
        if heeds:
            signal.signal(signal.SIGUSR2, before)
