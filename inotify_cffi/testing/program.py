"""Run the command line in this process, and see what it says."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Callable, Iterator, NamedTuple

from inotify_cffi.cli.ending import ending
from inotify_cffi.cli.parser import NAMES, command
from inotify_cffi.cli.program import main
from inotify_cffi.hooks.specs import hookimpl

if TYPE_CHECKING:
    from os import PathLike
    from typing import IO

    from inotify_cffi.hooks.specs import AnyWatcher

__all__ = ["Completed", "run_command_line"]


class Completed(NamedTuple):
    """What a command has said."""

    exit_code: int
    stdout: str
    stderr: str


class AtStart:
    """The plugin by which a test is called when all is watched, and by which what takes too long is ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._when_ready: Callable[[], object] | None = None
        self._timeout = 0.0
        self._watcher: AnyWatcher | None = None
        self.error: BaseException | None = None
        self.is_late = False

    @contextmanager
    def serving(self, when_ready: Callable[[], object] | None, timeout: float) -> Iterator[None]:
        """Serve one run; another one meanwhile is refused, for there is one standard output."""
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("another command line runs in this process: run one after the other")
        self._when_ready, self.error, self.is_late, self._watcher = when_ready, None, False, None
        timer = threading.Timer(timeout, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            self._when_ready = self._watcher = None
            self._lock.release()

    def _end(self) -> None:
        self.is_late = True
        if self._watcher is not None:
            self._watcher.stop()

    @hookimpl(trylast=True)
    def inotify_start(self, watcher: AnyWatcher) -> None:
        """Call the test, and pass on what it raises to who runs the command."""
        self._watcher = watcher
        if self.is_late:
            watcher.stop()
        try:
            if self._when_ready is not None:
                self._when_ready()
        except BaseException as error:
            if ending.number:
                # A signal's, which is to end the program.
                raise
            self.error = error
            watcher.stop()


# The command line finds it by this name.
at_start = AtStart()
AT_START = f"{__name__}:at_start"


def run_command_line(
    *arguments: str | PathLike[str], when_ready: Callable[[], object] | None = None, timeout: float = 30.0
) -> Completed:
    """Run ``inotify-cffi`` with these arguments in this process.

    What the commands that it starts print is in the result, too. One runs at a time, for the standard output is
    the process's. Ctrl-C ends it, and goes on as KeyboardInterrupt.

    Args:
        arguments: what stands behind the program's name.
        when_ready: called when all is watched, before the first event: what it does is told. What it raises comes
            out of here. Only for the commands that watch.
        timeout: a command that watches is ended after so many seconds.

    Returns:
        The exit code, and what was printed.

    Raises:
        TimeoutError: it was ended; the text has what was printed.
        ValueError: *when_ready* for a command that does not watch.
        RuntimeError: another one runs.

    .. versionadded:: 0.1

    """
    words = [os.fspath(argument) for argument in arguments]
    written = " ".join(words)
    if words and words[0] in NAMES and command(words[0]).takes_plugins:
        words[1:1] = ["--plugin", AT_START]
    elif when_ready is not None:
        raise ValueError("when_ready is for commands that watch: this one is never ready")
    with at_start.serving(when_ready, timeout), ExitStack() as held:
        outputs = [held.enter_context(tempfile.TemporaryFile()) for _ in range(2)]
        with _redirected("stdout", outputs[0]), _redirected("stderr", outputs[1]):
            ending.number = 0
            code = main(words)
        if at_start.error is not None:
            raise at_start.error
        if ending.number == signal.SIGINT:
            raise KeyboardInterrupt
        completed = Completed(code, *map(_text, outputs))
        if at_start.is_late:
            said = completed.stdout + completed.stderr
            raise TimeoutError(f"inotify-cffi {written} did not end within {timeout:g} s; it printed:\n{said}")
    return completed


@contextmanager
def _redirected(name: str, file: IO[bytes]) -> Iterator[None]:
    """Let a standard stream and its descriptor go to a file."""
    fd = {"stdout": 1, "stderr": 2}[name]
    before, kept = getattr(sys, name), os.dup(fd)
    if before is not None:
        before.flush()
    os.dup2(file.fileno(), fd)
    stream = open(fd, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    setattr(sys, name, stream)
    try:
        yield
    finally:
        try:
            stream.close()
        finally:
            setattr(sys, name, before)
            os.dup2(kept, fd)
            os.close(kept)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "surrogateescape")
