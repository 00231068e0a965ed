"""Ask whether a directory can be opened at all: outside of every lock, and no longer than for some time.

Who serves a FUSE mount or a network file system may hang, and then whoever opens a directory there waits, for ever
at worst, and no signal ends that. So a thread does it. One that waits is left alone, and its directory does not
answer until the thread has its answer.
"""

from __future__ import annotations

import os
from _thread import TIMEOUT_MAX

from inotify_cffi.base.native import begin_thread, new_lock
from inotify_cffi.kernel import syscalls
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Dict, Iterable

__all__ = ["ANSWER_S", "Answers", "Found"]

# How long an answer is waited for, unless it is said.
ANSWER_S = 5.0

READ = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC


class Found(NamedTuple):
    """The directories that give no answer, each with the reason, and those that can not be opened."""

    silent: Dict[str, str]
    refused: list[str]


class Answers:
    """Asks, and remembers who has not answered yet."""

    def __init__(self) -> None:
        self._open: Dict[str, Asking] = {}

    def ask(self, paths: Iterable[str], seconds: float) -> Found:
        """See which directories give no answer within so many *seconds*; to be refused is one."""
        found = Found({}, [])
        left: list[str] = []
        for path in dict.fromkeys(paths):
            asking = self._open.get(path)
            if asking is not None and not asking.is_over:
                found.silent[path] = _reason(seconds)
            else:
                self._open.pop(path, None)
                left.append(path)
        while left:
            asking = Asking(left)
            if not asking.begin():
                # No thread is to be had. Who looks there waits as long as it takes.
                break
            count = asking.wait(seconds)
            found.refused.extend(path for path in asking.refused if path in left[:count])
            if count < len(left):
                self._open[left[count]] = asking
                found.silent[left[count]] = _reason(seconds)
            left = left[count + 1 :]
        return found


class Asking:
    """A thread that opens some directories, one after the other, until it has to wait."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._answered = [new_lock() for _ in paths]
        self._is_left = False
        self.refused: list[str] = []
        self.is_over = False

    def begin(self) -> bool:
        """Begin; False if there is no thread."""
        for lock in self._answered:
            lock.acquire()
        try:
            begin_thread(self._ask)
        except RuntimeError:
            return False
        return True

    def wait(self, seconds: float) -> int:
        """Wait for the answers, for each so long at most; how many came before one that did not."""
        seconds = min(seconds, TIMEOUT_MAX)
        for count, lock in enumerate(self._answered):
            if not lock.acquire(timeout=seconds):
                self._is_left = True
                return count
        return len(self._answered)

    def _ask(self) -> None:
        try:
            for path, lock in zip(self._paths, self._answered):
                try:
                    syscalls.open_fd(path, READ).close()
                except OSError:
                    # Whoever looks there next sees why.
                    self.refused.append(path)
                lock.release()
                if self._is_left:
                    return
        finally:
            self.is_over = True


def _reason(seconds: float) -> str:
    return f"it could not be opened within {seconds:g} s: does who serves it still run? retry() asks again"
