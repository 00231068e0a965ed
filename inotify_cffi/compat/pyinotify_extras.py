"""What of pyinotify counts, looks at limits, or makes a daemon."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from inotify_cffi.compat.pyinotify_words import Event, ProcessEvent, PyinotifyError

if TYPE_CHECKING:
    from typing import Literal

__all__ = ["Limit", "NotifierError", "Stats", "daemonize"]

LIMITS = "/proc/sys/fs/inotify"


class NotifierError(PyinotifyError):
    """Events could not be read, or there is no daemon."""


class Limit:
    """A limit of the kernel: ``value`` is read from /proc, and written there by who may do that.

    Args:
        name: the file in /proc/sys/fs/inotify.

    """

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def value(self) -> int:
        """The limit. Raises OSError."""
        with open(f"{LIMITS}/{self._name}", encoding="ascii") as file:
            return int(file.read())

    @value.setter
    def value(self, new: int) -> None:
        with open(f"{LIMITS}/{self._name}", "w", encoding="ascii") as file:
            file.write(f"{new}\n")

    def __repr__(self) -> str:
        return f"<{self._name}={self.value}>"


class Stats(ProcessEvent):
    """Counts events by their names; ``str()`` draws them, ``repr()`` has them with the time since it was made."""

    def my_init(self) -> None:  # type: ignore[override]
        """Begin."""
        self._begun = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._counting = threading.Lock()

    def process_default(self, event: Event) -> object:
        """Count one."""
        with self._counting:
            self._counts.update(event.maskname.split("|"))
        return None

    def _counted(self) -> list[tuple[str, int]]:
        with self._counting:
            return sorted(self._counts.items())

    def __repr__(self) -> str:
        fields = "".join(f" {name}={count}" for name, count in self._counted())
        return f"<{type(self).__name__} ElapsedTime={elapsed(time.monotonic() - self._begun)}{fields} >"

    def __str__(self, scale: int = 45) -> str:
        counts = self._counted()
        most = max((count for _, count in counts), default=1)
        return "\n".join(f"{name:26}{'@' * (count * scale // most):{scale + 1}}{count}" for name, count in counts)

    def dump(self, filename: str) -> None:
        """Write ``str()`` into a new file. Raises FileExistsError if it is there, or another OSError."""
        fd = os.open(filename, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(str(self))


def elapsed(seconds: float) -> str:
    """Return a time in its two largest units, as pyinotify writes it."""
    whole = int(seconds)
    for size, name, smaller, below in ((86400, "d", 3600, "h"), (3600, "h", 60, "mn"), (60, "mn", 1, "sec")):
        if whole >= size:
            return f"{whole // size}{name}{whole % size // smaller}{below}"
    return f"{whole}sec"


def daemonize(
    pid_file: str | Literal[False] | None = None,
    stdin: str = os.devnull,
    stdout: str = os.devnull,
    stderr: str = os.devnull,
) -> None:
    """Go on in a process of its own session, in the root directory; the one that called has ended then.

    Args:
        pid_file: where its number is written, and removed at its end; None: in /var/run, by the name of the
            program; False: nowhere.
        stdin: what is read in its place.
        stdout: what is written in its place.
        stderr: what is written in its place.

    Raises:
        NotifierError: the file with the number is there.
        OSError: a file can not be opened, or there can be no process more.

    """
    if pid_file is None:
        name = os.path.basename(sys.argv[0]) or "pyinotify"
        pid_file = f"/var/run/{name}.pid"
    if pid_file is not False:
        pid_file = os.path.abspath(pid_file)
        if os.path.lexists(pid_file):
            raise NotifierError(f"Cannot daemonize: pid file {pid_file} already exists.")
    with contextlib.ExitStack() as stack:
        fds = []
        for path, flags in ((stdin, os.O_RDONLY), (stdout, os.O_WRONLY), (stderr, os.O_WRONLY)):
            # What can not be opened is an error where somebody sees it.
            fds.append(os.open(path, flags | (os.O_CREAT if flags else 0), 0o600))
            stack.callback(os.close, fds[-1])
        _fork_and_end()
        os.setsid()
        _fork_and_end()
        os.chdir("/")
        os.umask(0o022)
        for place, fd in enumerate(fds):
            os.dup2(fd, place)
    if pid_file is not False:
        fd = os.open(pid_file, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_EXCL, 0o600)
        with open(fd, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        atexit.register(_remove, pid_file)


def _fork_and_end() -> None:
    """Go on in a child."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork():
        os._exit(0)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
