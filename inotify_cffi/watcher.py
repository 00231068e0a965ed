"""The watcher: put the parts together, block, hand out events."""

from __future__ import annotations

import errno
import math
import os
import time
import warnings
from _thread import RLock, allocate_lock, get_ident
from collections import deque

from inotify_cffi import bits
from inotify_cffi.arguments import (
    check_track,
    checked_mask,
    checked_path,
    checked_patterns,
    checked_places,
    now_and_then,
)
from inotify_cffi.asynchronous import TURN_S, Asynchronous
from inotify_cffi.background import call_with_each, start_thread
from inotify_cffi.claim import Claim, Iteration
from inotify_cffi.errors import BusyError, ClosedError, ForkError
from inotify_cffi.forks import forget_in_child
from inotify_cffi.instance import Instance, check_read_ahead
from inotify_cffi.mountinfo import MountNews
from inotify_cffi.poller import Poller, check_timeout
from inotify_cffi.root import Root
from inotify_cffi.rules import Rules
from inotify_cffi.scan import RECORD, Disk
from inotify_cffi.tree import STRUCTURE, Tree
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic, cast, overload

if TYPE_CHECKING:
    import threading
    from os import PathLike
    from types import TracebackType
    from typing import Callable, Deque, Iterable, Iterator, Literal, Sequence

    from inotify_cffi.arguments import BlockDuration
    from inotify_cffi.events import AnyEvent, Event

__all__ = ["Watcher", "watch"]

# Told whether asked for or not: what must not be hidden.
ALWAYS = bits.Q_OVERFLOW | bits.UNMOUNT | bits.UNWATCHED | bits.WATCHED | bits.IN_SYNC | bits.RESCAN

READ_BY_ANOTHER = "another thread or task is reading this watcher; one reader at a time"

# A read of a busy tree goes on at most so long before it hands out what it has.
MOST_READS = 16

# What is in doubt when it is stopped is settled in so many rounds, or not at all.
LAST_LOOKS = 16

# How many raw events are applied between two looks at the clock, where it matters.
A_FEW = 64


class Watcher(Asynchronous[AnyStr], Generic[AnyStr]):
    """Watch directories and all below them, and tell what happens there.

    Applying the events in order to :meth:`snapshot`, taken when the watcher was made, gives what is on the disk.

    Args:
        paths: directories; str, bytes or PathLike. Events have paths of the same type. More by :meth:`add`.
        mask: which events to report, ``Mask.CHANGES`` unless given; what the watcher itself needs besides is not
            reported.
        recursive: watch what is below, too; False is the same as ``max_depth=1``.
        block_duration_s: how long a cycle of :meth:`event_gen` blocks, in seconds: a number, a callable that
            returns one and is asked before each cycle, or None to block until something happens.
        exclude: gitignore patterns, relative to each root. What they match is not there, for this watcher: neither
            watched nor listed nor reported; to move it in or out of what they match is a create or a delete.
        gitignore: heed the ``.gitignore`` files below the roots in the same way, and leave out ``.git``.
        max_depth: report entries down to this depth only, counted as find(1) does: those of the root are at 1.
        follow_symlinks: enter symbolic links to directories, except into a directory that they are in.
        max_places: with *follow_symlinks*, enter one directory at so many places of a root at most to which links
            lead; each further place is an UNWATCHED event with ELOOP, and is entered when one of them is free.
        one_file_system: do not enter what is mounted below a root.
        missing: "wait": a path need not be there; it is waited for, at the start and whenever it vanishes.
        existing: report what is there at the start as synthetic creates, before all else.
        on_progress: called now and then with the number of directories while a tree is listed.
        read_ahead: hold so many bytes of events in memory at most, 65536 or more, that a thread takes out of the
            kernel's queue while nobody reads; it runs no Python. None: no thread.
        track: "directories": keep no names of files, which takes less memory, and above all less time at the
            start. Directories are told as ever, events of files as the kernel has them; where some of these were
            lost, the directory is told as one to be read again, RESCAN. Not with *gitignore* or
            *follow_symlinks*.

    Raises:
        FileNotFoundError, NotADirectoryError, PermissionError, ...: a path can not be watched.
        PathError: a path is empty or holds a NUL.
        WatchLimitError: no watch is left for a root. For a directory below it that is an UNWATCHED event.
        InstanceLimitError: no inotify instance is left.
        ValueError: an option has a value that it can not have, or not together with another one.

    """

    @overload
    def __init__(
        self: Watcher[str],
        *paths: str | PathLike[str],
        mask: int = ...,
        recursive: bool = ...,
        block_duration_s: BlockDuration = ...,
        exclude: Iterable[str] = ...,
        gitignore: bool = ...,
        max_depth: int | None = ...,
        follow_symlinks: bool = ...,
        max_places: int = ...,
        one_file_system: bool = ...,
        missing: Literal["error", "wait"] = ...,
        existing: bool = ...,
        on_progress: Callable[[int], None] | None = ...,
        read_ahead: int | None = ...,
        track: Literal["entries", "directories"] = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: Watcher[bytes],
        *paths: bytes | PathLike[bytes],
        mask: int = ...,
        recursive: bool = ...,
        block_duration_s: BlockDuration = ...,
        exclude: Iterable[str] = ...,
        gitignore: bool = ...,
        max_depth: int | None = ...,
        follow_symlinks: bool = ...,
        max_places: int = ...,
        one_file_system: bool = ...,
        missing: Literal["error", "wait"] = ...,
        existing: bool = ...,
        on_progress: Callable[[int], None] | None = ...,
        read_ahead: int | None = ...,
        track: Literal["entries", "directories"] = ...,
    ) -> None: ...

    def __init__(
        self,
        *paths: str | bytes | PathLike[str] | PathLike[bytes],
        mask: int = bits.CHANGES,
        recursive: bool = True,
        block_duration_s: BlockDuration = 1.0,
        exclude: Iterable[str] = (),
        gitignore: bool = False,
        max_depth: int | None = None,
        follow_symlinks: bool = False,
        max_places: int = 8,
        one_file_system: bool = False,
        missing: Literal["error", "wait"] = "error",
        existing: bool = False,
        on_progress: Callable[[int], None] | None = None,
        read_ahead: int | None = None,
        track: Literal["entries", "directories"] = "entries",
    ) -> None:
        self._closed = True
        self._forked = False
        self._may_be_forgotten = False
        self._disk: Disk | None = None
        self._mask = checked_mask(mask)
        self._recursive = recursive
        if not callable(block_duration_s):
            check_timeout(block_duration_s, "block_duration_s")
        self._block_duration_s = block_duration_s
        if max_depth is not None and max_depth < 1:
            raise ValueError(f"max_depth is 1 or more, or None, not {max_depth!r}")
        check_track(track, gitignore=gitignore, follow_symlinks=follow_symlinks)
        self._rules = Rules(
            tracks_files=track == "entries",
            max_depth=max_depth,
            follow_symlinks=follow_symlinks,
            max_places=checked_places(max_places),
            exclude=checked_patterns(exclude),
            gitignore=gitignore,
            one_file_system=one_file_system,
        )
        if missing not in ("error", "wait"):
            raise ValueError(f"missing is 'error' or 'wait', not {missing!r}")
        self._waits = missing == "wait"
        self._existing = existing
        check_read_ahead(read_ahead)
        # Guards the tree; never held while blocked.
        self._lock = RLock()
        self._reading = allocate_lock()
        self._claim = Claim()
        self._threads: list[threading.Thread] = []
        self._stopped = False
        # Once it was stopped: the raw events up to there, and the looks that are left when they are applied.
        self._last: int | None = None
        self._looks_left = LAST_LOOKS
        self._ended = False
        self._owes_wake = False
        self._pending: Deque[Event[AnyStr]] = deque()
        self._poller = Poller()
        try:
            self._instance = Instance()
        except BaseException:
            self._poller.close()
            raise
        self._mounts = MountNews()
        self._closed = False
        forget_in_child(self)
        try:
            if read_ahead is not None:
                # This way round: while this watcher waits it is woken by the event, else the thread is.
                self._poller.add_shared(self._instance.fileno())
                self._instance.begin_reading_ahead(read_ahead, shares=True)
            self._poller.add(self._instance.fileno())
            if self._mounts.fd >= 0:
                self._poller.add_urgent(self._mounts.fd)
            self._disk = _open_disk(self._instance)
            self._tree = Tree(self._disk)
            self._tree.crawler.on_directory = now_and_then(on_progress)
            for path in paths:
                self._add(path, self._mask, recursive=recursive)
        except BaseException:
            self.close()
            raise

    # --- roots ---

    def add(
        self, path: AnyStr | PathLike[AnyStr], *, mask: int | None = None, recursive: bool | None = None
    ) -> None:
        """Watch one more directory, with the watcher's options but for those given here.

        Raises what the constructor raises for a path, FileExistsError if it is watched already, ClosedError.
        """
        self._add(path, mask, recursive=recursive)

    def _add(
        self, path: str | bytes | PathLike[str] | PathLike[bytes], mask: int | None, *, recursive: bool | None
    ) -> None:
        root = self._new_root(path, mask, recursive=recursive)
        with self._lock:
            self._check_new(root)
            self._tree.add_root(root, tell=self._existing)
            self._stay_readable()

    def _begin_adding(
        self, path: str | bytes | PathLike[str] | PathLike[bytes], mask: int | None, *, recursive: bool | None
    ) -> Root:
        root = self._new_root(path, mask, recursive=recursive)
        with self._lock:
            self._check_new(root)
            self._tree.begin_root(root, tell=self._existing)
        return root

    def _go_on_adding(self, root: Root, steps: int) -> bool:
        """List some more directories, and read, lest the queue runs over; True if all are listed."""
        with self._lock:
            self._check_open()
            done = self._tree.continue_root(root, steps)
            self._tree.read_ahead()
            self._stay_readable()
            return done

    def _give_up_adding(self, root: Root) -> None:
        with self._lock:
            if not self._closed and root in self._tree.ledger.roots:
                self._tree.remove_root(root)
                self._stay_readable()

    def _new_root(
        self, path: str | bytes | PathLike[str] | PathLike[bytes], mask: int | None, *, recursive: bool | None
    ) -> Root:
        given = checked_path(path)
        asked = self._mask if mask is None else checked_mask(mask)
        location = os.path.join(os.getcwd(), os.fsdecode(given))
        deep = self._recursive if recursive is None else recursive
        rules = self._rules if deep else self._rules._replace(max_depth=1)
        kernel_mask = (asked & bits.ALL) | STRUCTURE | (bits.CLOSE_WRITE if rules.gitignore else 0)
        root = Root(given, location, asked=asked | ALWAYS, kernel_mask=kernel_mask, rules=rules)
        root.waits = self._waits
        return root

    def _check_new(self, root: Root) -> None:
        self._check_open()
        if self._tree.root_at(root.location) is not None:
            raise FileExistsError(errno.EEXIST, "this path is watched already; remove() it first", root.given)

    def remove(self, path: AnyStr | PathLike[AnyStr]) -> None:
        """Watch a root no more; what was read of it and not handed out is handed out still.

        Raises FileNotFoundError where *path* is not one that was added, ClosedError.
        """
        given = checked_path(path)
        with self._lock:
            self._check_open()
            root = self._tree.root_at(os.path.join(os.getcwd(), os.fsdecode(given)))
            if root is None:
                raise FileNotFoundError(errno.ENOENT, "this path is not a root of the watcher", given)
            self._tree.remove_root(root)
            self._stay_readable()

    # --- events ---

    def read(self, timeout: float | None = None) -> list[Event[AnyStr]]:
        """Return the next events: those that were read already, else what comes within *timeout* seconds.

        0 never waits, None waits for ever. Empty after the timeout, and after :meth:`stop`.

        Raises ValueError for a negative timeout, BusyError if another thread is reading, ClosedError.
        """
        check_timeout(timeout, "timeout")
        return self._read(timeout, None)

    def _read(self, timeout: float | None, iteration: Iteration | None) -> list[Event[AnyStr]]:
        deadline = None if timeout is None else time.monotonic() + timeout
        self._begin_reading(iteration)
        try:
            while True:
                with self._lock:
                    self._check_open()
                    if not self._ended:
                        self._collect()
                    if self._pending:
                        return self._take_pending()
                # Whoever stops or closes sets the mark first and wakes then, so it is seen here or wakes the wait.
                if self._ended or self._closed:
                    return []
                left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
                ready = self._poller.wait(left)
                if self._closed:
                    return []
                if self._mounts.came(ready):
                    self._look_at_mounts()
                elif ready:
                    events = self._read_plain()
                    if events:
                        return events
                elif deadline is not None and time.monotonic() >= deadline:
                    return []
        finally:
            self._end_reading()

    def sync(self, timeout: float | None = None) -> list[Event[AnyStr]]:
        """Return all events up to now: what was done before this call is in it, or was handed out before.

        It does not wait for anything to happen. The kernel queues an event before the call that caused it
        returns, so the size of the queue (FIONREAD) marks its end. *timeout*, in seconds, limits how long
        writers that never rest may keep it from settling what is in doubt; None: no limit.

        Raises TimeoutError then, and loses nothing; ValueError, BusyError, ClosedError as :meth:`read`.
        """
        check_timeout(timeout, "timeout")
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        self._begin_reading()
        try:
            with self._lock:
                self._check_open()
                if self._tree.is_adding:
                    raise BusyError(
                        "aadd() is listing a directory, and what happens is told behind; await it first"
                    )
                if self._mounts.came(self._poller.wait(0)):
                    self._look_at_mounts()
                try:
                    self._tree.drain()
                    while self._tree.in_doubt:
                        if time.monotonic() > deadline:
                            raise TimeoutError(
                                errno.ETIMEDOUT, "the tree changes faster than it can be followed; sync again"
                            )
                        self._tree.advance()
                except BaseException as error:
                    self._interrupted(error)
                    raise
                finally:
                    self._pending.extend(self._told())
                    self._stay_readable()
                return self._take_pending()
        finally:
            self._end_reading()

    def __iter__(self) -> Iterator[Event[AnyStr]]:
        """Yield events, blocking until they come; ends after :meth:`stop` or :meth:`close`."""
        iteration = Iteration()
        try:
            self._claim.take(iteration)
            while not self._closed:
                if not self._pending:
                    events = self._read(None, iteration)
                    if len(events) == 1:
                        yield events[0]
                        continue
                    self._pending.extendleft(reversed(events))
                    if not self._pending:
                        return
                yield self._pending.popleft()
            self._check_not_forked()
        finally:
            self._claim.release(iteration)

    def event_gen(self, *, block_duration_s: BlockDuration | str = "") -> Iterator[Event[AnyStr] | None]:
        """Yield events, and None after each cycle, which blocks for ``block_duration_s`` at most.

        *block_duration_s* replaces the watcher's own. Ends after :meth:`stop` or :meth:`close`.
        """
        duration = self._block_duration_s if isinstance(block_duration_s, str) else block_duration_s
        iteration = Iteration()
        try:
            self._claim.take(iteration)
            while not self._closed:
                seconds = duration() if callable(duration) else duration
                check_timeout(seconds, "block_duration_s")
                self._pending.extendleft(reversed(self._read(seconds, iteration)))
                if self._ended and not self._pending:
                    return
                while self._pending:
                    yield self._pending.popleft()
                self._check_not_forked()
                yield None
            self._check_not_forked()
        finally:
            self._claim.release(iteration)

    def start(self, callback: Callable[[Event[AnyStr]], object]) -> threading.Thread:
        """Call *callback* with each event from now on, in a thread of its own, and return that thread.

        It ends after :meth:`stop`, with all that had come by then handed out, or at :meth:`close`, which waits for
        it. It is a daemon: the interpreter does not. What the callback raises is reported by
        ``threading.excepthook``, and the next event is handed out.

        Raises BusyError if something reads already, ClosedError.
        """
        return self._in_thread(lambda: call_with_each(self.read, callback))

    def _in_thread(self, work: Callable[[], object]) -> threading.Thread:
        """Do *work*, which reads, in a thread that has the events until it is done; :meth:`close` waits for it."""
        self._check_open()
        self._check_not_reading()
        thread = start_thread(self._claim, work)
        self._threads = [*(each for each in self._threads if each.is_alive()), thread]
        return thread

    def _put_back(self, events: Sequence[AnyEvent]) -> None:
        """Let events that were taken be the next ones again."""
        self._pending.extendleft(cast("list[Event[AnyStr]]", list(reversed(events))))

    def _begin_reading(self, iteration: Iteration | None = None) -> None:
        self._check_not_forked()
        # Who may not read is not to be in the way of one who may: so it is locked last.
        self._check_not_reading()
        if iteration is None:
            self._claim.check()
        else:
            self._claim.take(iteration)
        if not self._reading.acquire(blocking=False):
            if iteration is not None:
                self._claim.release(iteration)
            self._check_open()
            raise BusyError(READ_BY_ANOTHER)

    def _check_not_reading(self) -> None:
        if self._reading.locked():
            # Whoever closes has it, too, for as long as that takes.
            self._check_open()
            raise BusyError(READ_BY_ANOTHER)

    def _end_reading(self) -> None:
        self._reading.release()
        if self._closed:
            self._free()

    def _collect(self, turn_s: float | None = None) -> None:
        """Read and apply until there is something to tell, or nothing to read and nothing in doubt."""
        # What happened before it was stopped is told: so this is asked before it is read.
        stopped = self._stopped
        calm = False
        if self._owes_wake and not self._stopped:
            self._owes_wake = False
            self._poller.rest()
            if self._stopped or self._closed:
                self._poller.wake()
        try:
            if stopped:
                # In turns: a read of what writers never stop to make would not return.
                turn_s = TURN_S
                if self._last is None:
                    self._read_last()
            some, ends = (None, math.inf) if turn_s is None else (A_FEW, time.monotonic() + turn_s)
            for _ in range(MOST_READS):
                # To read again before what came is handed out would only find the queue empty, most often.
                if not self._tree.advance(some):
                    calm = True
                    break
                if self._tree.has_told and not self._tree.in_doubt:
                    break
                if time.monotonic() > ends:
                    break
        except BaseException as error:
            self._interrupted(error)
            raise
        finally:
            self._pending.extend(self._told())
            self._stay_readable()
        if self._last is not None:
            # Writers that never rest do not keep it from ending.
            self._looks_left -= self._tree.applied >= self._last
            self._ended = calm or self._looks_left <= 0

    def _read_last(self) -> None:
        """It was stopped: read all that has come, mounts too, so that it can be told."""
        if self._mounts.came(self._poller.wait(0)):
            self._look_at_mounts()
        self._tree.read_ahead()
        self._last = self._tree.read

    def _read_plain(self) -> list[Event[AnyStr]]:
        """Return what came, if all that there is to do is to read it; else none, and :meth:`_collect` does it.

        What is in doubt or told already leaves the descriptor readable, and there is more to do than that. Most
        often there is not, and then as little as possible stands between the event and who waits for it.
        """
        with self._lock:
            if self._pending or self._owes_wake or self._closed:
                return []
            try:
                return cast("list[Event[AnyStr]]", self._tree.read_plain())
            except BaseException as error:
                self._interrupted(error)
                self._pending.extend(self._told())
                self._stay_readable()
                raise

    def _read_once(self) -> bool:
        """Read without waiting, for who waits by other means; True if there is something to hand out."""
        with self._lock:
            self._check_open()
            if self._mounts.came(self._poller.wait(0)):
                self._look_at_mounts()
            self._collect(TURN_S)
            return bool(self._pending)

    def _look_at_mounts(self) -> None:
        with self._lock:
            self._tree.mounts_changed()
            self._stay_readable()

    def _interrupted(self, error: BaseException) -> None:
        """An exception came out of the middle, Ctrl-C most likely: the ledger may be half-way."""
        if not isinstance(error, TimeoutError):
            self._tree.distrust()

    def _told(self) -> list[Event[AnyStr]]:
        return cast("list[Event[AnyStr]]", self._tree.take())

    def _take_pending(self) -> list[Event[AnyStr]]:
        events = list(self._pending)
        self._pending.clear()
        return events

    def _stay_readable(self) -> None:
        """Keep the descriptor readable: what is in doubt, or was told by another call, would wake nobody."""
        if (self._tree.in_doubt or self._tree.has_told) and not self._owes_wake:
            self._owes_wake = True
            self._poller.wake()

    # --- what is known ---

    @property
    def track(self) -> Literal["entries", "directories"]:
        """What is known by name: "entries", or "directories" only."""
        return "entries" if self._rules.tracks_files else "directories"

    def snapshot(self) -> dict[AnyStr, bool]:
        """Return every entry below the roots: its path, and True for a directory; what is tracked of them.

        It is the state after all events that were read, those of the current batch that were not yet handed out
        among them. Raises ClosedError.
        """
        with self._lock:
            self._check_open()
            return cast("dict[AnyStr, bool]", self._tree.ledger.snapshot())

    def unwatched(self) -> dict[AnyStr, OSError]:
        """Return the directories that are not covered, each with the error that says why."""
        with self._lock:
            self._check_open()
            place = self._tree.ledger.place
            return {cast("AnyStr", place(node).path): error for node, error in self._tree.blind().items()}

    def retry(self) -> None:
        """Try again to cover what :meth:`unwatched` lists; what is found is told by the next reads.

        Inotify does not report that a directory above a root was renamed, nor where a link leads now. So each
        root is looked at as well; with *follow_symlinks* it is listed, with all that is below it.
        """
        with self._lock:
            self._check_open()
            self._tree.retry()
            self._stay_readable()

    def stats(self) -> dict[str, int]:
        """Return counts: raw events, moves, overflows, directories listed, watches, directories not covered.

        ``read_ahead`` is the most bytes that were held at once.
        """
        with self._lock:
            self._check_open()
            return {**self._tree.counts(), "read_ahead": self._instance.most_ahead}

    # --- the end ---

    def stop(self) -> None:
        """End the iteration, and every wait from now on; safe from any thread and from a signal handler.

        What had happened by then is told first; but while a root is being added by :meth:`aadd` it is kept, and
        told by :meth:`sync`.
        """
        self._stopped = True
        self._poller.wake()

    @property
    def ended(self) -> bool:
        """True when nothing more will be read: it was stopped and all is told, or it was closed."""
        return self._closed or (self._ended and not self._pending)

    def fileno(self) -> int:
        """Return a descriptor that is readable when :meth:`read` has something to do; for select and the like."""
        self._check_open()
        self._mounts.share()
        return self._poller.fileno()

    def close(self) -> None:
        """Free the descriptors and all watches; a reader in another thread returns. More than once is harmless.

        It waits for the thread of :meth:`start`, unless it is called there.
        """
        if self._closed:
            return
        self._closed = True
        self._poller.wake()
        if self._reading.acquire(blocking=False):
            try:
                self._free()
            finally:
                self._reading.release()
        for thread in self._threads:
            if thread.ident != get_ident():
                thread.join()

    def _free(self) -> None:
        with self._lock:
            self._instance.close()
            self._poller.close()
            self._mounts.close()
            if self._disk is not None:
                self._disk.end()

    def _check_open(self) -> None:
        self._check_not_forked()
        if self._closed:
            raise ClosedError("the watcher is closed")

    def _check_not_forked(self) -> None:
        if self._forked:
            raise ForkError("the watcher belongs to the parent process; make one after the fork")

    def forked(self) -> None:
        """Give up what belongs to the parent; called in a forked child, and of no use elsewhere."""
        self._forked = self._closed = True
        # Threads that held them, and those to wait for, are not in this process.
        self._lock = RLock()
        self._reading = allocate_lock()
        self._threads = []
        self._pending.clear()
        self._mounts.close()
        if self._disk is not None:
            self._disk.end()

    def __enter__(self) -> Watcher[AnyStr]:
        return self

    async def __aenter__(self) -> Watcher[AnyStr]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            if not self._may_be_forgotten:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self.close()
        if hasattr(self, "_mounts"):
            # Nobody reads, though a reader may not have come to its end: PyPy does not close abandoned coroutines.
            self._free()


def watch(
    *paths: AnyStr | PathLike[AnyStr], mask: int = bits.CHANGES, recursive: bool = True
) -> Iterator[Event[AnyStr]]:
    """Yield what happens at and below some directories, for ever; the watcher is closed with the generator."""
    with Watcher(*paths, mask=mask, recursive=recursive) as watcher:
        yield from watcher


def _open_disk(instance: Instance) -> Disk:
    path = os.environ.get(RECORD)
    if not path:
        return Disk(instance)
    from inotify_cffi.record import Recorder

    return Recorder(instance, path)
