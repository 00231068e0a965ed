"""A watcher on a directory, for tests: what was told up to now, and waiting for what is expected."""

from __future__ import annotations

import fnmatch
import os
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Union

from inotify_cffi.base.printing import printable
from inotify_cffi.flags import Mask
from inotify_cffi.watcher import Watcher

if TYPE_CHECKING:
    from os import PathLike

    from typing_extensions import Unpack

    from inotify_cffi.events import Event
    from inotify_cffi.watching.options import Options

    Match = Union[str, "PathLike[str]", Callable[["Event[str]"], object]]

__all__ = ["FileEvents", "temporary_watcher"]

# So many events stand in the text of a failure.
MOST_LINES = 100


class FileEvents:
    """What happens in a directory: :meth:`now` and :meth:`wait_for` take events, each once, in order.

    Args:
        watcher: an open watcher of the directory, which nobody else reads.
        path: the directory.

    .. versionadded:: 0.1

    """

    def __init__(self, watcher: Watcher[str], path: Path) -> None:
        self.watcher = watcher
        #: The directory that is watched.
        self.path = path
        #: All events that were told since the start, also those that were taken.
        self.told: list[Event[str]] = []
        self._taken = 0

    def now(self) -> list[Event[str]]:
        """Return all events up to now that were not taken before; it does not wait for anything to happen."""
        self.told += self.watcher.sync()
        events = self.told[self._taken :]
        self._taken = len(self.told)
        return events

    def lines(self, events: Iterable[Event[str]] | None = None) -> list[str]:
        """Return events as text: flags and path, ``"CREATE,ISDIR sub"``, ``"MOVED_TO b (from a)"``.

        Args:
            events: the events; None: those of :meth:`now`. Paths are relative to :attr:`path`.

        """
        return [self._line(event) for event in (self.now() if events is None else events)]

    def wait_for(self, match: Match, timeout: float = 10.0) -> Event[str]:
        """Return the next event that matches, and take it with all before it.

        Args:
            match: the path, as a Path; or a text, ``"*.csv"``: a pattern of fnmatch for the path relative to
                :attr:`path`, with flags before it if need be, all of which the event has to have:
                ``"CLOSE_WRITE *.csv"``; or a function of the event.
            timeout: how long to wait, in seconds.

        Raises:
            AssertionError: none came; the text says what did.

        """
        __tracebackhide__ = True
        matches, end = self._matcher(match), time.monotonic() + timeout
        looked_at = self._taken
        self.told += self.watcher.sync()
        while True:
            for place in range(looked_at, len(self.told)):
                if matches(self.told[place]):
                    self._taken = place + 1
                    return self.told[place]
            looked_at = len(self.told)
            left = end - time.monotonic()
            # What had come by the end counts.
            self.told += self.watcher.read(left) if left > 0 else self.watcher.sync()
            if looked_at == len(self.told) and left <= 0:
                raise AssertionError(self._failure(match, matches, timeout))

    def _matcher(self, match: Match) -> Callable[[Event[str]], object]:
        if callable(match):
            return match
        if not isinstance(match, str):
            # An absolute one stays as it is.
            path = os.path.join(self.path, match)
            return lambda event: event.path == path
        names, _, pattern = match.partition(" ")
        flags = Mask.__members__
        if not pattern or any(name not in flags for name in names.split(",")):
            return lambda event: fnmatch.fnmatchcase(self._relative(event.path), match)
        mask = 0
        for name in names.split(","):
            mask |= flags[name]
        return lambda event: event.mask & mask == mask and fnmatch.fnmatchcase(self._relative(event.path), pattern)

    def _failure(self, match: Match, matches: Callable[[Event[str]], object], timeout: float) -> str:
        wanted = repr(match) if not callable(match) else getattr(match, "__name__", repr(match))
        new = self.told[self._taken :]
        lines = [f"no event matched {wanted} within {timeout:g} s in {self.path}; told were:"]
        lines += [f"  {self._line(event)}" for event in new[:MOST_LINES]] or ["  none"]
        if len(new) > MOST_LINES:
            lines.append(f"  and {len(new) - MOST_LINES} more")
        before = [event for event in self.told[: self._taken] if matches(event)]
        if before:
            lines.append(f"{self._line(before[-1])!r} was told before, and taken by now() or wait_for()")
        return "\n".join(lines)

    def _line(self, event: Event[str]) -> str:
        text = f"{','.join(event.names)} {printable(self._relative(event.path))}"
        if event.moved_from is not None:
            text += f" (from {printable(self._relative(event.moved_from))})"
        return text

    def _relative(self, path: str) -> str:
        top = os.fspath(self.path)
        return path[len(top) + 1 :] or "." if (path + "/").startswith(top + "/") else path


@contextmanager
def temporary_watcher(path: str | PathLike[str] | None = None, **options: Unpack[Options]) -> Iterator[FileEvents]:
    """Watch a directory for the time of a test.

    Args:
        path: the directory; None: a new one, which is removed at the end.
        options: those of :class:`~inotify_cffi.Watcher`.

    Raises what the watcher raises for a path or an option.

    .. versionadded:: 0.1

    """
    if path is None:
        with tempfile.TemporaryDirectory() as directory, temporary_watcher(directory, **options) as events:
            yield events
        return
    top = Path(path)
    with Watcher(os.fspath(top), **options) as watcher:
        yield FileEvents(watcher, top)
