"""What a watcher knows: its roots, what is in them, what is not covered, and counts."""

from __future__ import annotations

import os

from inotify_cffi.base.encoding import decoded
from inotify_cffi.kernel.poller import check_timeout
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic, cast
from inotify_cffi.watching.answers import ANSWER_S, Answers, Found
from inotify_cffi.watching.arguments import checked_path
from inotify_cffi.watching.roots import WithRoots

if TYPE_CHECKING:
    from os import PathLike
    from typing import Dict, Iterator, Literal, Tuple

    from inotify_cffi.kernel.instance import Instance
    from inotify_cffi.watching.options import Chosen

    # The path of each directory, to the names of the directories and of the files in it.
    Directories = Dict[AnyStr, Tuple[list[AnyStr], list[AnyStr]]]

__all__ = ["WithContents"]


class WithContents(WithRoots[AnyStr], Generic[AnyStr]):
    """What can be asked of a watcher."""

    _instance: Instance

    def __init__(self, chosen: Chosen) -> None:
        super().__init__(chosen)
        self._answers = Answers()
        self._retry_timeout = self._resync_timeout = ANSWER_S

    @property
    def roots(self) -> list[AnyStr]:
        """The paths that are watched, as they were given; those of a :class:`~inotify_cffi.mirror.Mirror`."""
        self._check_open()
        return cast("list[AnyStr]", [root.given for root in list(self._tree.ledger.roots)])

    @property
    def track(self) -> Literal["entries", "directories"]:
        """What is known by name: "entries", or "directories" only."""
        return self._chosen.track

    def snapshot(self, path: AnyStr | PathLike[AnyStr] | None = None) -> dict[AnyStr, bool]:
        """Return every entry below the roots: its path, and True for a directory; what is tracked of them.

        It is the state after all events that were read, those of the current batch that were not yet handed out
        among them.

        Args:
            path: a directory, as events have its path: only what is below that, at the cost of what is below it.

        Raises:
            FileNotFoundError: *path* is not at or below a root, or is not there in that state.
            NotADirectoryError: *path* is a file.
            PathError: *path* is empty or holds a NUL.
            ClosedError: the watcher is closed.

        """
        top = None if path is None else checked_path(path)
        return cast("dict[AnyStr, bool]", self._step(self._tree.ledger.snapshot, top))

    def walk(
        self, path: AnyStr | PathLike[AnyStr] | None = None
    ) -> Iterator[tuple[AnyStr, list[AnyStr], list[AnyStr]]]:
        """Yield each directory with the names of the directories and of the files in it, as ``os.walk`` does.

        Nothing is read from the disk: it is the state of :meth:`snapshot` at the moment of the call, a directory
        before what is in it. Whoever takes names out of a list of directories does not come to these. A link that
        is followed to a directory is one; other links are files.

        Args:
            path: the directory to begin with, as events have its path; None: each root.

        Raises what :meth:`snapshot` raises.

        """
        top = None if path is None else checked_path(path)
        tops, found = self._step(self._directories, top)
        return _walk(tops, found)

    def _directories(self, path: str | bytes | None) -> tuple[list[AnyStr], Directories[AnyStr]]:
        """Return the directories to begin with, and what is in each of them and of those below."""
        ledger = self._tree.ledger
        found: Directories[AnyStr] = {}
        tops: list[AnyStr] = []
        for root, top in ledger.tops(path):
            if root.is_file:
                continue
            begin = cast("AnyStr", ledger.place(top).path)
            tops.append(begin)
            found.setdefault(begin, ([], []))
            as_given = decoded if isinstance(root.given, str) else bytes
            for entry, is_dir in ledger.below(top):
                if is_dir or root.rules.tracks_files:
                    above, _, name = entry.rpartition(b"/")
                    at = os.path.join(begin, cast("AnyStr", as_given(above))) if above else begin
                    found.setdefault(at, ([], []))[not is_dir].append(cast("AnyStr", as_given(name)))
        return tops, found

    def unwatched(self) -> dict[AnyStr, OSError]:
        """Return the directories and files that are not covered, each with the error that says why."""
        return self._step(self._unwatched)

    def _unwatched(self) -> dict[AnyStr, OSError]:
        return cast("dict[AnyStr, OSError]", self._tree.unwatched())

    def resync(self, *, timeout: float = ANSWER_S) -> None:
        """Compare all that is tracked with the disk; what differs is told by the next reads, in slices.

        For what no event says: changes behind an overlay or a FUSE mount, by another host of a network file
        system, in another mount namespace. The cause of what is told is ``Cause.RESYNC``. Names are compared, and
        which directory is at each; of files, whether they have changed, only with *keep_stat*. When :meth:`sync`
        returns it is over. It may be called from any thread, in the middle of a step and from a
        signal handler; in *on_progress* at most once, for to compare calls that again.

        Args:
            timeout: seconds; a root that can not be opened for so long is told as UNWATCHED, see :meth:`retry`.

        Raises ValueError for a negative timeout, ClosedError.

        """
        self._check_open()
        check_timeout(timeout, "timeout")
        self._resync_timeout = timeout
        if self._steps.is_mine:
            self._steps.run_later(self._resync_if_open)
        else:
            self._resync_if_open()

    def _resync_if_open(self) -> None:
        silent = self._ask_roots(self._resync_timeout).silent
        if not self._closed:
            self._tree.resync(silent)
            self._owes_wake = True
            self._poller.wake()

    def retry(self, *, timeout: float = ANSWER_S) -> None:
        """Try again to cover what :meth:`unwatched` lists; what is found is told by the next reads.

        Inotify does not report that a directory above a root was renamed, nor where a link leads now. So each
        root is looked at as well; with *follow_symlinks* it is listed, with all that is below it.

        Who serves a FUSE mount or a network file system may be dead, or hang. So each root is opened for reading
        first, by a thread. One that is refused is told as UNWATCHED, with the reason, and what was in it as gone.
        So is one that can not be opened within *timeout* seconds, with ETIMEDOUT, but what was in it stays, and it
        is not looked at before it can be opened.
        """
        self._check_open()
        check_timeout(timeout, "timeout")
        self._retry_timeout = timeout
        if self._steps.is_mine:
            self._steps.run_later(self._retry_if_open)
        else:
            self._retry_if_open()
            self._check_open()

    def _retry_if_open(self) -> None:
        found = self._ask_roots(self._retry_timeout)
        if not self._closed:
            self._step(self._tree.retry, *found)

    def _ask_roots(self, timeout: float) -> Found:
        """See which roots can be opened, by the path that is watched."""
        return self._answers.ask(self._tree.paths_to_open(), timeout)

    def stats(self) -> dict[str, int]:
        """Return counts: raw events, moves, overflows, directories listed, watches, directories not covered.

        ``put_off`` is how often something seen on the disk was not believed before the events had come so far, and
        ``putting_off`` how much of that waits now. ``read_ahead`` is the most bytes that were held at once,
        ``queued_bytes`` what waits now to be read, here or in the kernel's queue.
        """
        return self._step(self._stats)

    def _stats(self) -> dict[str, int]:
        of_the_queue = {"read_ahead": self._instance.most_ahead, "queued_bytes": self._instance.queued_bytes()}
        return {**self._tree.counts(), **of_the_queue}


def _walk(tops: list[AnyStr], found: Directories[AnyStr]) -> Iterator[tuple[AnyStr, list[AnyStr], list[AnyStr]]]:
    todo = tops[::-1]
    while todo:
        top = todo.pop()
        directories, files = found.get(top, ([], []))
        yield top, directories, files
        todo += [os.path.join(top, name) for name in reversed(directories)]
