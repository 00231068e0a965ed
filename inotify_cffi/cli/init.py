"""As process 1, of a container say: reap the orphans, which are all given to it (wait(2), credentials(7)).

What a command leaves behind becomes a child of process 1 when the command ends; and when it has ended itself, it
is a zombie until somebody waits for it. To wait for any child would steal those of others in this process, of a
plugin say, who would never learn of their exit codes; and nothing tells an orphan from one of these, also if it is
looked at before it is reaped. So process 1 does nothing else: a child of it does the rest, and has no children but
its own.
"""

from __future__ import annotations

import os
import signal
import threading

__all__ = ["go_on_in_a_child"]

# Not to be passed on: what can not be caught, what is one's own fault, what a terminal sends to its foreground.
NOT_PASSED_ON = {
    signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP,
    signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU,
}  # fmt: skip


def go_on_in_a_child() -> int | None:
    """Fork, and reap what there is to reap until the child has ended.

    Returns:
        In the child, at once: None. In process 1: the child's exit code, or 128 and the number of the signal that
        ended it. None, too, where it is no time to fork: other threads are running.

    """
    if threading.active_count() > 1:
        return None
    heeded = signal.valid_signals() - NOT_PASSED_ON
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*heeded, signal.SIGTTOU})
    child = os.fork()
    if child == 0:
        _take_the_terminal()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return None
    while True:
        for pid, status in iter(_ended, (0, 0)):
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
        number = signal.sigwait(heeded)
        if number != signal.SIGCHLD:
            os.kill(child, number)


def _take_the_terminal() -> None:
    """Be a group of its own, in the foreground: Ctrl-C comes from the terminal, and not from process 1 again."""
    os.setpgid(0, 0)
    try:
        os.tcsetpgrp(0, os.getpid())
    except OSError:
        # There is no terminal.
        return


def _ended() -> tuple[int, int]:
    """Return a child that has ended, and how; zeros if there is none."""
    return os.waitpid(-1, os.WNOHANG)
