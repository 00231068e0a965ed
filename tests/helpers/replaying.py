"""A consumer of JSON Lines that does nothing but replay them, and a process that prints them."""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import subprocess
import sys
from typing import Sequence

from inotify_cffi import Mask, Mirror, MirrorError, event_from_json

COMMAND = (sys.executable, "-m", "inotify_cffi")

# Far longer than anything takes on a busy machine; a test that gets there has failed.
PATIENCE_S = 40.0


class Divergence(Exception):
    """An event that does not fit what was told before it."""


class Replay:
    """What JSON Lines make of a mirror; nothing may be told twice."""

    def __init__(self) -> None:
        self.mirror: Mirror[str] = Mirror()
        self.events = 0

    @property
    def entries(self) -> dict[str, bool]:
        """Full path to True for a directory."""
        return self.mirror.paths()

    def apply(self, row: dict) -> None:
        """Apply one object of JSON Lines."""
        self.events += 1
        event = event_from_json(row)
        if event.mask & (Mask.CREATE | Mask.MOVED_TO) and event.path in self.mirror:
            raise Divergence(f"told twice: {row}")
        try:
            self.mirror.apply([event])
        except MirrorError as error:
            raise Divergence(str(error)) from error


def listing(root: str) -> dict[str, bool]:
    """Return what is on the disk below *root*."""
    entries = {}
    for directory, names, files in os.walk(root):
        entries.update((os.path.join(directory, name), True) for name in names)
        entries.update((os.path.join(directory, name), False) for name in files)
    links = [path for path, is_dir in entries.items() if is_dir and os.path.islink(path)]
    entries.update(dict.fromkeys(links, False))
    return entries


def heed_ctrl_c() -> None:
    """Undo what a shell does to what it runs in the background, our tests maybe: to ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Watching:
    """``inotify-cffi watch`` in a process of its own, ready; end it with :meth:`end`."""

    def __init__(
        self,
        *arguments: str,
        ready: bool = True,
        environment: dict[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> None:
        self.process = subprocess.Popen(
            [*before, *COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            preexec_fn=heed_ctrl_c,  # noqa: PLW1509  # the tests have no threads here
        )
        self._rest = b""
        self.errors = b""
        if ready:
            try:
                self._until_ready()
            except BaseException:
                # There will be no "with" that ends it.
                self.__exit__()
                raise

    def _until_ready(self) -> None:
        while b"Watches established.\n" not in self.errors:
            chunk = _read(self.process.stderr.fileno())
            if not chunk:
                raise AssertionError(f"it ended before it was ready: {self.errors.decode()}")
            self.errors += chunk

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def line(self) -> bytes:
        """Return the next line of the standard output without its newline; empty at its end."""
        while b"\n" not in self._rest:
            chunk = _read(self.process.stdout.fileno())
            if not chunk:
                break
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def event(self) -> dict:
        """Return the next object."""
        line = self.line()
        if not line:
            self.process.wait(PATIENCE_S)
            raise AssertionError(f"it ended: {self.errors.decode()}{self.process.stderr.read().decode()}")
        return json.loads(line)

    def until(self, path: str, flag: str = "CREATE") -> list[dict]:
        """Return the objects up to the one that tells *flag* of *path*, that one included."""
        events = [self.event()]
        while events[-1]["path"] != path or flag not in events[-1]["mask"]:
            events.append(self.event())
        return events

    def follow(self, replay: Replay, root: str) -> None:
        """Replay what is told until it is what is on the disk, which is quiet by now."""
        mark = os.path.join(root, f"mark-{replay.events}")
        os.mkdir(mark)
        while mark not in replay.mirror or replay.entries != listing(root):
            # While lines come it is late, not wrong.
            if not self.waits(PATIENCE_S):
                difference = set(replay.entries.items()) ^ set(listing(root).items())
                raise Divergence(f"after {replay.events} events still different: {sorted(difference)[:5]}")
            replay.apply(self.event())
            # Comparing costs more than applying: not before all that is here already is applied.
            while b"\n" in self._rest:
                replay.apply(self.event())

    def waits(self, seconds: float) -> bool:
        """True if a line is there, or begins to come within so many seconds."""
        return b"\n" in self._rest or bool(select.select([self.process.stdout], [], [], seconds)[0])

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal; the exit code."""
        self.process.send_signal(number)
        rest, errors = self.process.communicate(timeout=PATIENCE_S)
        self._rest += rest
        self.errors += errors
        return self.process.returncode

    def left(self) -> list[bytes]:
        """Return the lines that were printed and not asked for, after its end."""
        return self._rest.splitlines()


def path_bytes(event: dict, key: str = "path") -> bytes:
    """Return a name's bytes as a program in another language gets them."""
    if f"{key}_bytes" in event:
        return base64.b64decode(event[f"{key}_bytes"])
    return event[key].encode()


def git(*arguments: str, cwd: str) -> None:
    settings = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main", "-c", "gc.auto=0"]
    subprocess.run(["git", *settings, *arguments], cwd=cwd, check=True, capture_output=True)


def make_repository(root: str, *, directories: int, files: int) -> None:
    """Three branches that share, change, move and lack files."""
    os.makedirs(root)
    git("init", cwd=root)
    for directory in range(directories):
        place = os.path.join(root, f"d{directory % 7}", f"e{directory}")
        os.makedirs(place)
        for file in range(files):
            with open(os.path.join(place, f"f{file}"), "w") as stream:
                stream.write(f"{directory} {file}\n" * (file % 5))
    git("add", ".", cwd=root)
    git("commit", "-qm", "all", cwd=root)
    git("checkout", "-qb", "moved", cwd=root)
    git("mv", "d1", "moved-d1", cwd=root)
    git("mv", "d2/e2", "d3/was-e2", cwd=root)
    git("commit", "-qm", "moved", cwd=root)
    git("checkout", "-qb", "fewer", "main", cwd=root)
    git("rm", "-rq", "d4", "d5", cwd=root)
    with open(os.path.join(root, "d4"), "w") as stream:
        stream.write("a file where a directory was")
    git("add", ".", cwd=root)
    git("commit", "-qm", "fewer", cwd=root)
    git("checkout", "-q", "main", cwd=root)


def clone_and_delete(source: str, target: str) -> list[list[str]]:
    """The life of one clone, as two commands: cloned and its branches switched, deleted."""
    switch = " && ".join(f"git -C {target} checkout -q {branch}" for branch in ("moved", "fewer", "main", "moved"))
    return [["sh", "-c", f"git clone -q {source} {target} && {switch}"], ["rm", "-rf", target]]


def _read(fd: int) -> bytes:
    ready, _, _ = select.select([fd], [], [], PATIENCE_S)
    if not ready:
        raise AssertionError("nothing came")
    return os.read(fd, 1 << 16)
