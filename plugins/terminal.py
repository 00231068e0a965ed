"""Lend the terminal to a command, and take it back as it was."""

from __future__ import annotations

import os
import signal
import termios
import threading
from typing import TYPE_CHECKING, List, Union

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Terminal"]

Attributes = List[Union[int, List[Union[bytes, int]]]]


class Terminal:
    """The terminal that the standard input is, while a command has it; nothing where that is none."""

    def __init__(self) -> None:
        self._fd = -1
        self._ours = 0
        self._attributes: Attributes = []

    def __enter__(self) -> Terminal:
        if os.isatty(0):
            try:
                self._ours = os.tcgetpgrp(0)
            except OSError:
                # It is the terminal of another session: not ours to lend.
                return self
            self._fd = 0
            self._attributes = termios.tcgetattr(0)
        return self

    def give(self, group: int) -> None:
        """Make a process group the one in the foreground: it may read, and Ctrl-C is for it."""
        if self._fd >= 0 and self._set(group):
            # It may have tried to read already, and was stopped for that.
            os.killpg(group, signal.SIGCONT)

    def attend(self, leader: int) -> None:
        """Return when the command has ended, and is not waited for yet. If Ctrl-Z stops it, stop with it."""
        # PyPy has no waitid.
        while self._fd >= 0 and hasattr(os, "waitid"):
            found = os.waitid(os.P_PID, leader, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
            if found is None or found.si_code != os.CLD_STOPPED:
                return
            # This time it is taken, or it would be found for ever.
            os.waitid(os.P_PID, leader, os.WSTOPPED | os.WNOHANG)
            if found.si_status == signal.SIGTSTP:
                self._pause(leader)

    def _pause(self, group: int) -> None:
        """Be stopped as the job that we are for a shell; go on with the command when the shell says so."""
        self._set(self._ours)
        # Where no shell waits for us the kernel stops nobody. To the thread, too: that one is obeyed right here.
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)
        if os.tcgetpgrp(self._fd) == self._ours:
            self.give(group)
        else:
            # Sent to the background.
            os.killpg(group, signal.SIGCONT)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._fd >= 0 and self._set(self._ours):
            # What the command left behind: no echo, raw input.
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._attributes)

    def _set(self, group: int) -> bool:
        """Set the foreground group; False if it has ended, or the terminal has."""
        # Who is in the background is stopped for this, unless it does not listen.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
        try:
            os.tcsetpgrp(self._fd, group)
        except (OSError, ProcessLookupError):
            return False
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return True
