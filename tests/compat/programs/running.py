"""Run a program, change a file of it, and say who has watched."""

from __future__ import annotations

import contextlib
import http.client
import os
import shlex
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Callable, Dict, Iterator, List, NamedTuple

from tests.compat.programs.programs import AFTER, BEFORE
from tests.helpers.ports import free_port

if TYPE_CHECKING:
    from tests.compat.programs.programs import Program

PROBE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe")
# Nothing takes so long unless something is wrong.
PATIENCE_S = 90.0
# How often what does not wake who waits is looked at.
LOOK_S = 0.02


class Missing(Exception):
    """What was waited for has not come."""


class Attempt(NamedTuple):
    """What a run of a program has shown; times are from the change on, in seconds."""

    noticed_s: float | None
    reloaded_s: float
    # From the start of the program until it was ready for the change.
    ready_s: float
    # Notes of the probe: how many of each kind.
    notes: Dict[str, int]
    # How many instances of inotify watch the directory, and for how many of them its process has a watcher of ours.
    instances: int
    of_ours: int
    has_ended: bool
    said: str

    def faults(self, program: Program) -> List[str]:
        """Return why this is not a program that has been reloaded by a watcher of ours; empty if it is."""
        found = []
        if not self.notes.get("ours"):
            found.append("no watcher of ours was opened")
        if not self.notes.get("told"):
            found.append("no watcher of ours has told the change")
        found += [
            f"{self.notes[what]} {words} of {program.peer}'s"
            for what, words in (("theirs", "inotify instances"), ("polled", "pollers"))
            if self.notes.get(what)
        ]
        if not self.instances:
            found.append("no inotify instance watches the directory")
        elif self.of_ours < self.instances:
            found.append(f"{self.instances - self.of_ours} inotify instances of others watch the directory")
        if program.never and program.never in self.said:
            found.append(f"it said {program.never!r}")
        return found


class Running:
    """A program that was started, and what it says."""

    def __init__(self, command: List[str], directory: str, environment: Dict[str, str]) -> None:
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._lines: List[tuple[float, str]] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        for line in self._process.stdout:
            self._lines.append((time.monotonic(), line))

    @property
    def said(self) -> str:
        """All that it has said."""
        return "".join(line for _, line in list(self._lines))

    def when(self, words: str, since: float) -> float | None:
        """Return when it said something first, from a moment on."""
        return next((at for at, line in list(self._lines) if at >= since and words in line), None)

    def wait(self, what: str, look: Callable[[], object]) -> float:
        """Wait until something is so; the time then."""
        ends = time.monotonic() + PATIENCE_S
        while not look():
            if self._process.poll() is not None:
                raise Missing(f"it has ended with {self._process.returncode} before {what}\n{self.said}")
            if time.monotonic() > ends:
                raise Missing(f"in {PATIENCE_S:.0f} s it was not: {what}\n{self.said}")
            time.sleep(LOOK_S)
        return time.monotonic()

    def interrupt(self) -> bool:
        """End it as Ctrl-C does; True if that was enough."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Leave nothing of it behind."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._thread.join(5)
        self._process.stdout.close()


def attempt(program: Program, python: str, directory: str, *, ours: bool) -> Attempt:
    """Run a program in an empty directory. Raises Missing if it does not reload, and if it ends by itself."""
    place, notes = os.path.join(directory, "it"), os.path.join(directory, "notes")
    changed = lay(program, place)
    watched = os.path.dirname(changed)
    port = str(free_port())
    command = shlex.split(program.command.replace("{port}", port))
    if ours:
        command = [python, "-m", f"inotify_cffi.compat.{program.peer}", *program.options.split(), *command]
    with contextlib.ExitStack() as stack:
        running = started(command, place, environment_of(program, python, notes))
        stack.callback(running.close)
        if program.page:
            running.wait("a page", lambda: BEFORE in page(port, program.page))
        if program.visitor:
            running.wait("a page", lambda: page(port, "/"))
            visit = [python, "-c", program.visitor, port]
            stack.callback(started(visit, place, environment_of(program, python, os.devnull)).close)
        running.wait("watching", lambda: instances(running.pid, watched) or noted(notes).get("polled"))
        running.wait("ready", lambda: program.ready in running.said)
        found = instances(running.pid, watched)
        begin = time.monotonic()
        write(changed, program.content.replace("{}", AFTER))
        if program.page:
            reloaded = running.wait("the new page", lambda: AFTER in page(port, program.page))
        else:
            running.wait("the new output", lambda: running.when(AFTER, begin))
            reloaded = running.when(AFTER, begin) or begin
        noticed = running.when(program.notices, begin) if program.notices else None
        ours_in = pids(notes, "ours")
        return Attempt(
            noticed_s=None if noticed is None else noticed - begin,
            reloaded_s=reloaded - begin,
            ready_s=begin - running.began,
            notes=noted(notes),
            instances=len(found),
            of_ours=sum(min(found.count(pid), ours_in.count(pid)) for pid in set(found)),
            has_ended=running.interrupt(),
            said=running.said,
        )


def lay(program: Program, place: str) -> str:
    """Write the files of a program; the path of the one to change."""
    for name, content in {**program.beside, program.changed: program.content.replace("{}", BEFORE)}.items():
        path = os.path.join(place, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write(path, content)
    return os.path.join(place, program.changed)


def started(command: List[str], directory: str, environment: Dict[str, str]) -> Running:
    """Start it; what is started has Ctrl-C as it is usually, whatever this process has."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return Running(command, directory, environment)


def environment_of(program: Program, python: str, notes: str) -> Dict[str, str]:
    """Return what a user has, and the probe."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "INOTIFY_CFFI_"))
    }
    environment["PATH"] = os.pathsep.join([os.path.dirname(python), os.environ["PATH"]])
    environment["PYTHONPATH"] = PROBE
    environment["PYTHONUNBUFFERED"] = "1"
    environment["PROGRAMS_NOTES"] = notes
    environment["PROGRAMS_CHANGED"] = os.path.basename(program.changed)
    return environment


def write(path: str, content: str) -> None:
    """Write it in place, as some editors do."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


def page(port: str, path: str) -> str:
    """Return a page; nothing while there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


# --- who watches ---


def lines_of(path: str) -> List[List[str]]:
    """Return the words of each line that the probe has written."""
    try:
        with open(path, encoding="ascii") as file:
            return [line.split() for line in file]
    except FileNotFoundError:
        return []


def noted(path: str) -> Dict[str, int]:
    """Count the notes of each kind."""
    words = [line[1] for line in lines_of(path)]
    return {word: words.count(word) for word in words}


def pids(path: str, what: str) -> List[int]:
    """Return the processes that have noted something, once for each time."""
    return [int(line[0]) for line in lines_of(path) if line[1] == what]


def instances(session: int, directory: str) -> List[int]:
    """Return the process of each inotify instance of a session that watches a directory."""
    status = os.stat(directory)
    device = os.major(status.st_dev) << 20 | os.minor(status.st_dev)
    wanted = f"ino:{status.st_ino:x} sdev:{device:x} "
    found = []
    for pid in processes(session):
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{pid}/fd/{fd}") == "anon_inode:inotify":
                        with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
                            found += [pid] * (wanted in file.read())
    return found


def processes(session: int) -> Iterator[int]:
    """Yield the processes of a session."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            if int(file.read().rpartition(")")[2].split()[3]) == session:
                yield int(pid)
