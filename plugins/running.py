"""One command at a time, in a process group of its own, on a thread of its own.

The thread sleeps until a request is ripe, the command has ended, or a time is over; it never polls. The command is
a group leader, so that all it has started can be ended with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Callable, Deque, Dict, Mapping, NamedTuple, Sequence, Union

from .terminal import Terminal

if TYPE_CHECKING:
    from inotify_cffi import Event

    # The paths, each with the last event that told of it.
    Changes = Dict[str, Union[Event[str], Event[bytes]]]

__all__ = ["Policy", "Run", "Runner"]

# A queue of one run for each event may not grow without end; who fills it has to wait.
MOST_REQUESTS = 10_000

# A burst that does not end is cut after so many debounce times.
LONGEST_BURST = 20


class Policy(NamedTuple):
    """How commands are run; times in seconds."""

    on_busy: str = "queue"
    debounce_s: float = 0.1
    timeout_s: float | None = None
    stop_timeout_s: float = 10.0
    stop_signal: int = signal.SIGTERM
    tty: bool = False


class Run(NamedTuple):
    """What is to be run: the arguments, what is added to the environment, what it can read (None: nothing)."""

    command: Sequence[str]
    environment: Mapping[str, str]
    data: bytes | None


class Runner:
    """Runs what is requested, one after the other.

    Args:
        policy: how.
        make: called on the runner's thread to make a run of the changes that it is for, when it is its turn.
        report: told in one line how each command ended.
        ended: called on the runner's thread with the exit code of each command that ended by itself; 128 and the
            number of the signal if that ended it. False to run no more.
        failed: called on the runner's thread with what keeps it from running anything any more.

    """

    def __init__(
        self,
        policy: Policy,
        make: Callable[[Changes], Run],
        report: Callable[[str], None],
        ended: Callable[[int], bool],
        failed: Callable[[Exception], None],
    ) -> None:
        self._policy = policy
        self._make = make
        self._report = report
        self._ended = ended
        self._failed = failed
        self._changed = threading.Condition()
        self._requests: Deque[Changes] = deque()
        self._first_at = self._ripe_at = 0.0
        self._child: subprocess.Popen[bytes] | None = None
        self._busy = False
        self._closing = False
        self._thread: threading.Thread | None = None

    def request(self, changes: Changes, *, merge: bool) -> None:
        """Ask for a run for these changes; blocks while far too many wait.

        Args:
            changes: the paths, each with the last event that told of it.
            merge: if a run waits already, let it be for these, too.

        """
        policy = self._policy
        with self._changed:
            if policy.on_busy == "ignore" and self._busy:
                return
            while len(self._requests) >= MOST_REQUESTS and not self._closing:
                self._changed.wait()
            now = time.monotonic()
            if not self._requests:
                self._first_at = now
            if merge and self._requests:
                self._requests[-1].update(changes)
            else:
                self._requests.append(dict(changes))
            # It is run when it was quiet for a while; a burst without end is cut.
            self._ripe_at = min(now + policy.debounce_s, self._first_at + LONGEST_BURST * policy.debounce_s)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="inotify_cffi command", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """End the command that runs, and the thread; what waits is not run."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is None or self._thread is threading.current_thread():
            return
        try:
            self._thread.join()
        except BaseException:
            # Ctrl-C once more: whoever waits does not want to.
            self._signal(signal.SIGKILL)
            raise

    # --- the thread ---

    def _work(self) -> None:
        while True:
            changes = self._next()
            if changes is None:
                return
            try:
                more = self._serve(self._make(changes))
            except Exception as error:  # noqa: BLE001  # nobody else would hear of it
                self._failed(error)
                more = False
            if not more:
                with self._changed:
                    self._closing = True
                    self._changed.notify_all()

    def _next(self) -> Changes | None:
        with self._changed:
            while not self._closing:
                if not self._requests:
                    self._changed.wait()
                elif self._ripe_at > time.monotonic():
                    self._wait_until(self._ripe_at)
                else:
                    # From here on it is busy: what comes now is for the next run.
                    self._busy = True
                    self._changed.notify_all()
                    return self._requests.popleft()
        return None

    def _serve(self, run: Run) -> bool:
        name = os.path.basename(run.command[0])
        with ExitStack() as held:
            terminal = held.enter_context(Terminal()) if self._policy.tty else None
            stdin: IO[bytes] | int | None = None if terminal else subprocess.DEVNULL
            if run.data is not None:
                # A file, for a pipe has to be fed, and nobody knows whether the command reads at all.
                stdin = held.enter_context(tempfile.TemporaryFile())
                stdin.write(run.data)
                stdin.seek(0)
            try:
                child = self._child = _start(run, stdin, session=terminal is None)
            except (OSError, ValueError) as error:
                self._rest()
                self._report(f"{name} can not be run: {getattr(error, 'strerror', None) or error}")
                return self._ended(127)
            if terminal:
                terminal.give(child.pid)
            threading.Thread(
                target=self._reap, args=(child, terminal), name="inotify_cffi reaper", daemon=True
            ).start()
            why = self._await(child)
        code = child.returncode if child.returncode >= 0 else 128 - child.returncode
        self._report(f"{name} {why or 'ended'} with exit code {code}")
        return bool(why) or self._ended(code)

    def _wait_until(self, moment: float | None) -> None:
        """Wait for a change, but not beyond a moment; the lock is held."""
        # More than TIMEOUT_MAX it does not take.
        left = None if moment is None else max(moment - time.monotonic(), 0.0)
        self._changed.wait(left if left is None else min(left, threading.TIMEOUT_MAX))

    def _rest(self) -> None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()

    def _reap(self, child: subprocess.Popen[bytes], terminal: Terminal | None) -> None:
        if terminal is not None:
            terminal.attend(child.pid)
        child.wait()
        self._rest()

    def _await(self, child: subprocess.Popen[bytes]) -> str:
        """Wait for the command, or end it; why it was ended, empty if it ended by itself."""
        policy = self._policy
        deadline = None if policy.timeout_s is None else time.monotonic() + policy.timeout_s
        why = ""
        with self._changed:
            while self._busy and not why:
                now = time.monotonic()
                restart_at = self._ripe_at if policy.on_busy == "restart" and self._requests else None
                if self._closing:
                    why = "was stopped"
                elif deadline is not None and now >= deadline:
                    why = "took too long and was ended"
                elif restart_at is not None and now >= restart_at:
                    why = "is started again; it was ended"
                else:
                    times = [moment for moment in (deadline, restart_at) if moment is not None]
                    self._wait_until(min(times) if times else None)
        if why:
            self._end(child)
        return why

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """End the whole group: ask, wait, kill."""
        self._signal(self._policy.stop_signal)
        # What is stopped hears of it only when it goes on.
        self._signal(signal.SIGCONT)
        deadline = time.monotonic() + self._policy.stop_timeout_s
        with self._changed:
            while self._busy and time.monotonic() < deadline:
                self._wait_until(deadline)
        # Also where the leader is gone: what it started may be there still.
        self._signal(signal.SIGKILL)
        child.wait()
        with self._changed:
            while self._busy:
                self._changed.wait()

    def _signal(self, number: int) -> None:
        child = self._child
        if child is None:
            return
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            # All of the group have ended.
            return


def _start(run: Run, stdin: IO[bytes] | int | None, *, session: bool) -> subprocess.Popen[bytes]:
    """Start it as a group leader.

    A session of its own has no terminal, so Ctrl-C comes to us alone, and we end the command. Without one it
    can be given the terminal, and Ctrl-C with it.
    """
    environment = {**os.environ, **run.environment}
    if session:
        return subprocess.Popen(run.command, stdin=stdin, env=environment, start_new_session=True)
    if sys.version_info >= (3, 11):
        return subprocess.Popen(run.command, stdin=stdin, env=environment, process_group=0)
    # setpgrp(2) is one system call: safe between fork and exec also where there are threads.
    return subprocess.Popen(run.command, stdin=stdin, env=environment, preexec_fn=os.setpgrp)  # noqa: PLW1509
