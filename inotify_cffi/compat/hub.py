"""One watcher for many readers: each adds a directory with options of its own and gets its own events only."""

from __future__ import annotations

import os
import threading
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING, Dict, List, Union, cast

from inotify_cffi.errors import ClosedError
from inotify_cffi.watcher import Watcher

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.watching.arguments import FollowSymlinks, PollS

__all__ = ["Hub", "Taken", "Taker"]

# Behind the number of a reader: what its directory is told as. A file is told by its name there.
TOP = "/r"

Taken = Union[List["AnyEvent"], BaseException, None]


class Taker:
    """One reader's part: its events, and what their paths are.

    Args:
        path: what the directory is called in the answers.
        number: the reader's own.

    """

    def __init__(self, path: str | bytes, number: int) -> None:
        self.path = path
        key, label = str(number), f"{number}{TOP}"
        self.key: str | bytes = key if isinstance(path, str) else key.encode()
        self.label: str | bytes = label if isinstance(path, str) else label.encode()
        slash = "/" if isinstance(path, str) else b"/"
        self._base = path.rstrip(slash)  # type: ignore[arg-type]  # of the same type
        # Where the directory is, whatever the working directory will be.
        self.location: str | bytes = path
        self._queue: SimpleQueue[Taken] = SimpleQueue()

    def take(self) -> List[AnyEvent] | None:
        """Return the next events, some at a time; None at the end. Raises what ended the reading."""
        taken = self._queue.get()
        if isinstance(taken, BaseException):
            raise taken
        return taken

    def put(self, taken: Taken) -> None:
        """Have it taken next."""
        self._queue.put(taken)

    def place(self, told: str | bytes) -> str | bytes:
        """Return the path of something that was told, below the path that was given."""
        rest = told[len(self.label) :]
        if rest[:1] in ("/", b"/"):
            return self._base + rest  # type: ignore[operator]  # of the same type
        return self.path

    def has(self, told: str | bytes | None) -> bool:
        """Return True if it lies in this directory."""
        return told is not None and told.startswith(self.label)  # type: ignore[arg-type]  # of the same type


class Hub:
    """One watcher, made for the first reader and closed behind the last one, and the thread that reads it.

    Args:
        poll_s: that of the watcher.

    """

    def __init__(self, *, poll_s: PollS = None) -> None:
        self._poll_s = poll_s
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._watcher: Watcher[str] | None = None
        self._thread: threading.Thread | None = None
        self._takers: Dict[str | bytes, Taker] = {}

    def add(
        self,
        path: str | bytes,
        *,
        mask: int,
        recursive: bool,
        follow_symlinks: FollowSymlinks = False,
        each_move: bool = False,
        shown: str | bytes | None = None,
    ) -> Taker:
        """Watch a directory for one more reader; the options are those of ``Watcher.add``.

        *shown* is what its paths begin with, *path* unless given. Raises what ``Watcher.add`` raises.
        """
        with self._lock:
            taker = Taker(path if shown is None else shown, next(self._numbers))
            taker.location = _from_here(path)
            watcher = self._begin()
            # Before the first event of it.
            self._takers[taker.key] = taker
            try:
                watcher.add(
                    taker.location,  # type: ignore[arg-type]  # each root has its own type of path
                    mask=mask,
                    recursive=recursive,
                    follow_symlinks=follow_symlinks,
                    told_as=taker.label,  # type: ignore[arg-type]
                    each_move=each_move,
                    own_reads=False,
                )
            except BaseException as error:
                if isinstance(error, OSError):
                    error.filename = path
                del self._takers[taker.key]
                self._end_if_idle()
                raise
            return taker

    def remove(self, taker: Taker) -> None:
        """Watch a directory no more for this reader, who gets None next; more than once does no harm."""
        with self._lock:
            if self._takers.pop(taker.key, None) is not None and self._watcher is not None:
                self._watcher.remove(taker.location, told_as=taker.label)  # type: ignore[arg-type]
                self._end_if_idle()
        taker.put(None)

    def _begin(self) -> Watcher[str]:
        if self._watcher is None:
            self._watcher = Watcher(poll_s=self._poll_s)
            self._thread = threading.Thread(
                target=self._read, args=(self._watcher,), name="inotify_cffi.compat", daemon=True
            )
            self._thread.start()
        return self._watcher

    def _end_if_idle(self) -> None:
        if not self._takers and self._watcher is not None and self._thread is not None:
            self._watcher.close()
            self._thread.join()
            self._watcher = self._thread = None

    def _read(self, watcher: Watcher[str]) -> None:
        try:
            while True:
                events = watcher.read()
                self._hand_out(cast("List[AnyEvent]", events))
        except ClosedError:
            return
        except BaseException as error:  # noqa: BLE001  # whatever it is, no reader waits for ever
            for taker in list(self._takers.values()):
                taker.put(error)

    def _hand_out(self, events: List[AnyEvent]) -> None:
        """Give each reader what is its own, in order; what is about the whole stream to all."""
        shares: Dict[str | bytes, List[AnyEvent]] = {}
        for event in events:
            path = event.path
            key = path[: path.find("/")] if isinstance(path, str) else path[: path.find(b"/")]
            if path:
                shares.setdefault(key, []).append(event)
            else:
                for each in list(self._takers):
                    shares.setdefault(each, []).append(event)
        for key, share in shares.items():
            taker = self._takers.get(key)
            if taker is not None:
                taker.put(share)

    # --- what is asked of a thread ---

    def is_alive(self) -> bool:
        """Return True while it reads."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def close(self) -> None:
        """End all reading; each reader gets None."""
        with self._lock:
            takers, self._takers = list(self._takers.values()), {}
            self._end_if_idle()
        for taker in takers:
            taker.put(None)


def _from_here(path: str | bytes) -> str | bytes:
    """Return a path as it is from the root directory; an empty one is none."""
    if not path:
        return path
    return os.path.join(os.getcwd(), path) if isinstance(path, str) else os.path.join(os.getcwdb(), path)
