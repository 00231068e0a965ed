"""A process that is measured, seen from the runner: started, held, let go, heard."""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Failed", "Measured"]


class Failed(Exception):  # noqa: N818 - it reads as what happened
    """The measured process did not do what it was asked to; its last words."""


PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    """In the new process: end when the runner is killed, even while stopped (prctl(2))."""
    _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


class Measured:
    """One measured process; a context manager that leaves none behind.

    Args:
        command: what to run.
        timeout: in seconds, for each thing that is waited for. The process itself gives up a little earlier.

    """

    def __init__(self, command: list[str], *, timeout: float) -> None:
        self._timeout = timeout
        self._heard = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - the runner has one thread
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def line(self) -> str:
        """Return the next line that the process says. Raises Failed if it ends first or takes too long."""
        if self._process.stdout is None:
            raise Failed("no pipe")
        fd = self._process.stdout.fileno()
        deadline = time.monotonic() + self._timeout
        while b"\n" not in self._heard:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise Failed(f"silent for {self._timeout:.0f} s")
            heard = os.read(fd, 65536)
            if not heard:
                raise Failed(self._last_words())
            self._heard += heard
        line, self._heard = self._heard.split(b"\n", 1)
        return line.decode()

    def forget_lines(self) -> None:
        """Drop whole lines that were said and not asked for."""
        if self._process.stdout is None:
            return
        fd = self._process.stdout.fileno()
        while select.select([fd], [], [], 0)[0]:
            heard = os.read(fd, 65536)
            if not heard:
                return
            self._heard += heard
        self._heard = self._heard.rpartition(b"\n")[2]

    def result(self) -> dict[str, Any]:
        """Return the JSON object that the process says at its end."""
        while True:
            line = self.line()
            if line.startswith("{"):
                return dict(json.loads(line))

    def speaks(self, seconds: float = 0) -> bool:
        """Return True once the process has ended or said something, which is waited for so long."""
        if b"\n" in self._heard or self._process.stdout is None:
            return True
        return bool(select.select([self._process.stdout], [], [], seconds)[0])

    def wait_stopped(self) -> None:
        """Wait until the process has stopped itself (SIGSTOP). Raises Failed if it ends instead."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            self._process.returncode = status
            raise Failed(self._last_words())

    def go_on(self) -> int:
        """Let a stopped process go on; the time just before, as time.monotonic_ns()."""
        at = time.monotonic_ns()
        os.kill(self.pid, signal.SIGCONT)
        return at

    def switches(self) -> int:
        """Count how often the threads of the process gave up a processor (context switches, proc(5))."""
        count = 0
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{thread}/status", encoding="ascii") as file:
                count += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
        return count

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:120] if lines else "ended without a word"

    def __enter__(self) -> Measured:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()
