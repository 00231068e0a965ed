"""One command at a time, in a process group of its own, on a thread of its own.

The thread sleeps until a request is ripe, the command has ended, or a time is over; it never polls. The command is
a group leader, so that all that it has started can be ended with it. What changed together is one change; it may
take several runs, one behind the other, and until the last one has ended it is busy.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from contextlib import ExitStack
from enum import Enum
from typing import IO, TYPE_CHECKING, Callable, Deque, NamedTuple

from inotify_cffi import Burst

from .terminal import Terminal

if TYPE_CHECKING:
    from .parts import Changes, Prepared, Template

__all__ = ["Policy", "Runner"]

logger = logging.getLogger("inotify_cffi.plugins.command")

# A queue of one run for each event may not grow without end; who fills it has to wait.
MOST_REQUESTS = 10_000

# The exit code of what could not be run, as a shell has it.
NOT_RUN = 127

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


class End(Enum):
    """How a run came to its end, in words."""

    ITSELF = "ended"
    LATE = "took too long and was ended"
    STOPPED = "was stopped"
    AGAIN = "is started again; it was ended"
    IMPOSSIBLE = "can not be run"
    TOO_MUCH = "can not be run with so many paths"


class Outcome(NamedTuple):
    """How a run ended; its exit code, or 128 and the number of the signal that ended it."""

    end: End
    code: int


class Runner:
    """Runs what is requested, one after the other.

    Args:
        policy: how.
        template: makes of a change what is run, in as many parts as it takes.
        report: told in one line how each run ended.
        ended: called on the runner's thread when a change was dealt with, with the command's exit code, or 128 and
            the number of the signal that ended it. Of several runs it is the first that is not 0. False to run no
            more.
        failed: called on the runner's thread with what keeps it from running anything any more.

    """

    def __init__(
        self,
        policy: Policy,
        template: Template,
        report: Callable[[str], None],
        ended: Callable[[int], bool],
        failed: Callable[[Exception], None],
    ) -> None:
        self._policy = policy
        self._template = template
        self._report = report
        self._ended = ended
        self._failed = failed
        self._changed = threading.Condition()
        self._requests: Deque[Changes] = deque()
        self._burst = Burst(policy.debounce_s, LONGEST_BURST * policy.debounce_s)
        self._child: subprocess.Popen[bytes] | None = None
        self._running = False
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
            if not self._requests:
                self._burst.begin()
            if merge and self._requests:
                self._requests[-1].update(changes)
            else:
                self._requests.append(dict(changes))
            # It is run when it was quiet for a while; a burst without end is cut.
            self._burst.came(time.monotonic())
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="inotify_cffi command", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self, *, finish: bool = False) -> None:
        """End the command that runs, and the thread; what waits is not run.

        Args:
            finish: first wait until it has run for all that was requested.

        """
        try:
            with self._changed:
                while finish and not self._closing and (self._requests or self._busy):
                    self._changed.wait()
        finally:
            self._end_thread()

    def _end_thread(self) -> None:
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
                more = self._serve(changes)
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
                elif self._burst.ripe_at > time.monotonic():
                    self._wait_until(self._burst.ripe_at)
                else:
                    # From here on it is busy: what comes now is for the next run.
                    self._busy = True
                    self._changed.notify_all()
                    return self._requests.popleft()
        return None

    def _serve(self, changes: Changes) -> bool:
        """Run the command for a change, as often as it takes; False to run no more."""
        parts = deque(self._template.parts(changes))
        total = len(changes)
        first_code = 0
        while parts:
            if self._closing:
                return True
            part = parts.popleft()
            end, code = self._run(part, total, last=not parts)
            if end is End.TOO_MUCH:
                middle = len(part) // 2
                items = list(part.items())
                parts.extendleft([dict(items[middle:]), dict(items[:middle])])
            elif end is End.STOPPED:
                return True
            elif end is End.AGAIN:
                # Of a change in several parts some would be forgotten: all of it begins anew, with what came.
                self._rest(before=changes if len(part) < total else {})
                return True
            else:
                first_code = first_code or code
                if end is End.IMPOSSIBLE or (self._policy.tty and code == 128 + signal.SIGINT):
                    break
        self._rest()
        return self._ended(first_code)

    def _run(self, part: Changes, total: int, *, last: bool) -> Outcome:
        """Run the command once, and wait for it or end it."""
        prepared = self._template.prepare(part, total)
        name = os.path.basename(prepared.command[0])
        about = f" ({len(part)} of {total} paths)" if len(part) < total else ""
        if prepared.left_out:
            what = "a path is" if prepared.left_out == 1 else f"{prepared.left_out} paths are"
            logger.warning("%s too long for an argument or a variable, and left out there", what)
        if not prepared.is_possible:
            logger.warning("%s is not run: no path is short enough for its arguments", name)
            return Outcome(End.ITSELF, NOT_RUN)
        with ExitStack() as held:
            terminal = held.enter_context(Terminal()) if self._policy.tty else None
            stdin: IO[bytes] | int | None = None if terminal else subprocess.DEVNULL
            if prepared.data is not None:
                # A file, for a pipe has to be fed, and nobody knows whether the command reads at all.
                stdin = held.enter_context(tempfile.TemporaryFile())
                stdin.write(prepared.data)
                stdin.seek(0)
            try:
                child = self._begin(prepared, stdin, terminal, last=last)
            except (OSError, ValueError) as error:
                is_too_much = isinstance(error, OSError) and error.errno == errno.E2BIG
                if is_too_much and self._template.is_divisible and len(part) > 1:
                    # The kernel allows less than was thought.
                    return Outcome(End.TOO_MUCH, NOT_RUN)
                self._report(f"{name} can not be run: {getattr(error, 'strerror', None) or error}{about}")
                return Outcome(End.ITSELF if is_too_much else End.IMPOSSIBLE, NOT_RUN)
            end = self._await(child)
        code = child.returncode if child.returncode >= 0 else 128 - child.returncode
        self._report(f"{name} {end.value} with exit code {code}{about}")
        return Outcome(end, code)

    def _begin(
        self, prepared: Prepared, stdin: IO[bytes] | int | None, terminal: Terminal | None, *, last: bool
    ) -> subprocess.Popen[bytes]:
        """Start the command, and a thread that waits for it."""
        child = self._child = _start(prepared, stdin, session=terminal is None)
        with self._changed:
            self._running = True
        if terminal:
            terminal.give(child.pid)
        reap = threading.Thread(
            target=self._reap,
            args=(child, terminal),
            kwargs={"last": last},
            name="inotify_cffi reaper",
            daemon=True,
        )
        reap.start()
        return child

    def _wait_until(self, moment: float | None) -> None:
        """Wait for a change, but not beyond a moment; the lock is held."""
        # More than TIMEOUT_MAX it does not take.
        left = None if moment is None else max(moment - time.monotonic(), 0.0)
        self._changed.wait(left if left is None else min(left, threading.TIMEOUT_MAX))

    def _rest(self, before: Changes | None = None) -> None:
        """Be busy no more; put a change in front of what waits."""
        with self._changed:
            if before:
                self._requests[0] = {**before, **self._requests[0]}
            self._busy = False
            self._changed.notify_all()

    def _reap(self, child: subprocess.Popen[bytes], terminal: Terminal | None, *, last: bool) -> None:
        if terminal is not None:
            terminal.attend(child.pid)
        child.wait()
        with self._changed:
            self._running = False
            # At once, not when the other thread comes to it: what changes from here on is no change during a run.
            self._busy = self._busy and not last
            self._changed.notify_all()

    def _await(self, child: subprocess.Popen[bytes]) -> End:
        """Wait for the command, or end it."""
        policy = self._policy
        deadline = None if policy.timeout_s is None else time.monotonic() + policy.timeout_s
        end = End.ITSELF
        with self._changed:
            while self._running and end is End.ITSELF:
                now = time.monotonic()
                restart_at = self._burst.ripe_at if policy.on_busy == "restart" and self._requests else None
                if self._closing:
                    end = End.STOPPED
                elif deadline is not None and now >= deadline:
                    end = End.LATE
                elif restart_at is not None and now >= restart_at:
                    end = End.AGAIN
                else:
                    times = [moment for moment in (deadline, restart_at) if moment is not None]
                    self._wait_until(min(times) if times else None)
        if end is not End.ITSELF:
            self._end(child)
        return end

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """End the whole group: ask, wait, kill."""
        self._signal(self._policy.stop_signal)
        # What is stopped hears of it only when it goes on.
        self._signal(signal.SIGCONT)
        deadline = time.monotonic() + self._policy.stop_timeout_s
        with self._changed:
            while self._running and time.monotonic() < deadline:
                self._wait_until(deadline)
        # Also where the leader is gone: what it started may be there still.
        self._signal(signal.SIGKILL)
        child.wait()
        with self._changed:
            while self._running:
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


def _start(prepared: Prepared, stdin: IO[bytes] | int | None, *, session: bool) -> subprocess.Popen[bytes]:
    """Start it as a group leader.

    A session of its own has no terminal, so Ctrl-C comes to us alone, and we end the command. Without one it
    can be given the terminal, and Ctrl-C with it.
    """
    command = prepared.command
    ours = {key: value for key, value in os.environ.items() if key not in prepared.environment}
    environment = {**ours, **{key: value for key, value in prepared.environment.items() if value is not None}}
    if session:
        return subprocess.Popen(command, stdin=stdin, env=environment, start_new_session=True)
    if sys.version_info >= (3, 11):
        return subprocess.Popen(command, stdin=stdin, env=environment, process_group=0)
    # setpgrp(2) is one system call: safe between fork and exec also where there are threads.
    return subprocess.Popen(command, stdin=stdin, env=environment, preexec_fn=os.setpgrp)  # noqa: PLW1509
