"""Run a program in a directory that is watched, and judge what was told of each file."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, NamedTuple, Tuple

from inotify_cffi import Dispatcher, Mask, Watcher, hookimpl
from tests.writers.server import Stalling

if TYPE_CHECKING:
    from tests.writers.programs import Program

SETTLE_S = 0.5
PROGRAM_S = 60.0
# How long it may take from the end of a program until nothing waits.
REST_S = 30.0


class Finished(NamedTuple):
    """A call of ``inotify_settled``."""

    path: str
    evidence: str
    content: str
    # Processes that had it open for writing.
    writers: Tuple[str, ...]
    # Before the program ended.
    is_early: bool


class Recording:
    """What was told while a program wrote."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.events: List[Tuple[int, str, str | None]] = []
        # The size of a file at each of its closes.
        self.closes: List[Tuple[str, int]] = []
        self.finished: List[Finished] = []
        self.has_ended = False
        # What is wrong, a line each: see faults().
        self.verdict: List[str] = []

    @hookimpl
    def inotify_event(self, event) -> None:
        """Note it."""
        old = None if event.moved_from is None else os.path.relpath(event.moved_from, self.root)
        self.events.append((int(event.mask), os.path.relpath(event.path, self.root), old))

    @hookimpl
    def inotify_closed(self, path) -> None:
        """Note how large it is."""
        size = os.path.getsize(path) if os.path.exists(path) else -1
        self.closes.append((os.path.relpath(path, self.root), size))

    @hookimpl
    def inotify_settled(self, path, evidence) -> None:
        """Look who has it open, then what is in it."""
        writers = tuple(writers_of(path))
        self.finished.append(
            Finished(os.path.relpath(path, self.root), evidence, digest(path), writers, not self.has_ended)
        )

    def faults(self) -> List[str]:
        """Return what is wrong, a line each."""
        found = [
            f"{one.path}: told as unopened while {one.writers} had it open"
            for one in self.finished
            if one.evidence == "unopened" and one.writers
        ]
        last: Dict[str, Finished] = {one.path: one for one in self.finished}
        for path in files_below(self.root):
            name = os.path.relpath(path, self.root)
            touched = any(
                name == seen and mask & (Mask.MODIFY | Mask.CLOSE_WRITE | Mask.CREATE | Mask.MOVED_TO)
                for mask, seen, _ in self.events
            )
            if not touched:
                continue
            if name not in last:
                found.append(f"{name}: never told as finished")
            elif last[name].content != digest(path):
                found.append(f"{name}: its last call had another content than it has")
        return found


def files_below(root: Path) -> List[Path]:
    """Return all regular files."""
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def digest(path: str | Path) -> str:
    """Return what stands for the content of a file; empty if it is gone."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def writers_of(path: str) -> List[str]:
    """Return the processes that have a file open for writing, or mapped so; found without the library."""
    try:
        wanted = os.stat(path)
    except FileNotFoundError:
        return []
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")]
            maps = Path(f"/proc/{pid}/maps").read_bytes().splitlines()
        except OSError:
            continue
        links += [
            f"/proc/{pid}/map_files/{line.split()[0].decode()}"
            for line in maps
            if line.split()[1] in (b"rw-s", b"-w-s")
        ]
        for link in links:
            try:
                is_it = os.path.samestat(os.stat(link), wanted)
                if is_it and ("map_files" in link or _writes(link)):
                    found.append(pid)
            except OSError:
                continue
    return found


def _writes(link: str) -> bool:
    text = Path(link.replace("/fd/", "/fdinfo/")).read_text()
    flags = next(int(line.split()[1], 8) for line in text.splitlines() if line.startswith("flags:"))
    return bool(flags & (os.O_WRONLY | os.O_RDWR))


def record(program: Program, python: str) -> Recording:
    """Run a program in a directory of its own, and watch it until it has ended and nothing waits any more.

    Raises subprocess.CalledProcessError if it fails.
    """
    with (
        tempfile.TemporaryDirectory() as base,
        tempfile.TemporaryDirectory(dir=_elsewhere()) as elsewhere,
        Stalling() as stalls,
    ):
        place = Path(base)
        for name in ("root", "in"):
            (place / name).mkdir()
        for name in "ab":
            (place / "in" / name).write_bytes(f"{name} x\n".encode() * 50_000)
        environment = {**os.environ, "ELSEWHERE": elsewhere, "STALLS": stalls.url, "HOME": base}
        root = place / "root"
        if program.before:
            subprocess.run(["sh", "-ec", program.before], check=True, cwd=root, env=environment, timeout=PROGRAM_S)
        arguments = [python, "-c", program.script] if program.package else ["sh", "-ec", program.script]
        recording = Recording(root)
        dispatcher = Dispatcher(settle_s=SETTLE_S)
        dispatcher.register(recording, "recording")
        with Watcher(root) as watcher, tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                arguments, cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
            try:
                _watch(watcher, dispatcher, recording, process)
            finally:
                process.kill()
                process.wait()
            if process.returncode:
                said.seek(0)
                raise subprocess.CalledProcessError(process.returncode, arguments, said.read())
            recording.verdict = recording.faults()
    return recording


def _elsewhere() -> str | None:
    """Return a place on another file system, if there is one."""
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


def _watch(
    watcher: Watcher[str], dispatcher: Dispatcher, recording: Recording, process: subprocess.Popen[bytes]
) -> None:
    ends = time.monotonic() + PROGRAM_S
    while True:
        recording.has_ended = process.poll() is not None
        dispatcher.dispatch(watcher.read(0.02), watcher)
        now = time.monotonic()
        due = dispatcher.next_settled()
        if due is not None and due <= now:
            dispatcher.dispatch(watcher.sync(), watcher)
            dispatcher.settled(now, watcher)
        elif recording.has_ended and due is None:
            dispatcher.dispatch(watcher.sync(), watcher)
            if dispatcher.next_settled() is None:
                return
        if now > ends + (REST_S if recording.has_ended else 0):
            raise subprocess.TimeoutExpired(process.args, PROGRAM_S)


def version_of(program: Program) -> str:
    """Return the version of a program; empty if it is not there."""
    if program.package:
        return program.package.split("==")[1]
    words = program.version.split()
    if shutil.which(words[0]) is None:
        return ""
    done = subprocess.run(
        words,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PROGRAM_S,
    )
    text = done.stdout.decode(errors="replace")
    found = re.search(r"\d+\.\d+(\.\d+)*(-\d+)?", text)
    return found[0] if found else ""
