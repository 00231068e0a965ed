"""Let a signal end a wait that the kernel does not end for it.

Python's handlers run in the main thread, between two steps of the interpreter; the C handler only takes a note.
A signal that comes after the last look at the notes and before epoll_wait(2) blocks is noted, and the wait goes
on; so it does for one that the kernel gave to another thread. Python's own select has the same hole. But the C
handler also writes a byte to the wakeup descriptor (``signal.set_wakeup_fd``), whichever thread it is in: so while
the main thread blocks, that is a pipe which is waited for, too.

An event loop that runs in the main thread has a wakeup descriptor of its own; it keeps it.
"""

from __future__ import annotations

import os
import sys

# What :mod:`signal` and :mod:`threading` are made of: to import these costs more than all else of a first watcher.
from _signal import SIG_BLOCK, pthread_sigmask, set_wakeup_fd  # type: ignore[import-not-found]
from _thread import get_native_id

from inotify_cffi.kernel import syscalls

__all__ = ["Interrupts"]

NOT_OPEN = -1


class Interrupts:
    """A pipe that is readable when a signal came while :meth:`armed <arm>`."""

    def __init__(self) -> None:
        self.fd = NOT_OPEN
        self._write = NOT_OPEN
        self._held: tuple[syscalls.Descriptor, ...] = ()
        self._armed = False

    def open(self) -> int:
        """Make the pipe, and return the end that signals make readable; it waits for none before :meth:`use`."""
        self._held = syscalls.pipe()
        return self._held[0].fd

    def use(self) -> None:
        """Somebody waits for the pipe from now on."""
        read_end, write_end = self._held
        self.fd, self._write = read_end.fd, write_end.fd

    @property
    def wanted(self) -> bool:
        """True in the main thread, the only one that signals have to wake."""
        threading = sys.modules.get("threading")
        if threading is None:
            # Nobody has said otherwise: it is the one that the process has begun with, or was forked by.
            return get_native_id() == os.getpid()
        return bool(threading.get_ident() == threading.main_thread().ident)

    def arm(self) -> None:
        """Have signals noted in the pipe until :meth:`disarm`; to be called within the try that ends with it."""
        # Noted before it is done: an exception of a signal handler may come in between.
        self._armed = True
        try:
            before = set_wakeup_fd(self._write, warn_on_full_buffer=False)
        except ValueError:
            # The main thread of another interpreter than the main one.
            self._armed = False
            return
        if before not in (-1, self._write):
            set_wakeup_fd(before)
            self._armed = False
            return
        # A signal that comes from now on leaves a byte; one that came before has left none.
        self.run_handlers()

    def disarm(self) -> None:
        """Undo :meth:`arm`, in whatever thread."""
        if self._armed and self.wanted:
            self.disarm_here()

    def disarm_here(self) -> None:
        """Undo :meth:`arm` in the thread that has called it."""
        if self._armed:
            try:
                set_wakeup_fd(-1)
            except ValueError:
                # PyPy, in a child that another thread than the main one has forked.
                return
            self._armed = False

    def drain(self) -> None:
        """Run the handlers of the signals that came, and forget those."""
        try:
            os.read(self.fd, 4096)
        except BlockingIOError:
            return
        self.run_handlers()

    def close(self) -> None:
        """Free the descriptors; more than once does no harm."""
        self.disarm()
        if self._armed:
            # A handler's exception or a fork kept it from being disarmed, and this thread may not: better two
            # descriptors too many than a byte in somebody else's file.
            return
        self.fd = self._write = NOT_OPEN
        for held in self._held:
            held.close()

    @staticmethod
    def run_handlers() -> None:
        """Run the handlers of all signals that came; an exception of one of them is raised here.

        CPython overlooks a note that is taken while it takes its lock again (ceval_gil.c COMPUTE_EVAL_BREAKER),
        until it does so once more. PyPy may look only at the end of a loop; and if another thread finds the note
        there, the main thread does not look again before it is given the lock by that thread, which may be after
        the next wait. This call ends with a look, in both.
        """
        pthread_sigmask(SIG_BLOCK, ())
