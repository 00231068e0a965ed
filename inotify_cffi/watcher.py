"""The watcher: put the parts together, block, hand out events."""

from __future__ import annotations

import errno
import math
import os
import time
import warnings
from _thread import get_ident

from inotify_cffi.base import bits
from inotify_cffi.base.locks import StepLock
from inotify_cffi.errors import BusyError
from inotify_cffi.kernel import syscalls
from inotify_cffi.kernel.forks import forget_in_child
from inotify_cffi.kernel.instance import Instance, check_read_ahead
from inotify_cffi.kernel.mountinfo import MountNews
from inotify_cffi.kernel.poller import Call, Poller, check_timeout
from inotify_cffi.ledger.nodes import Root
from inotify_cffi.ledger.rules import STRUCTURE, Rules
from inotify_cffi.tree.disk import RECORD, Disk
from inotify_cffi.tree.tree import Tree
from inotify_cffi.tree.turns import SLICE_S
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic, cast, overload
from inotify_cffi.watching.arguments import (
    check_track,
    checked_include,
    checked_links,
    checked_mask,
    checked_path,
    checked_patterns,
    checked_places,
    now_and_then,
)
from inotify_cffi.watching.asynchronous import TURN_S, Asynchronous
from inotify_cffi.watching.background import Start, call_with_each
from inotify_cffi.watching.claim import Iteration, Reader, Reading
from inotify_cffi.watching.ending import Ending

if TYPE_CHECKING:
    import threading
    from os import PathLike
    from types import TracebackType
    from typing import Callable, Iterable, Iterator, Literal, TypeVar

    from inotify_cffi.events import AnyEvent, Event
    from inotify_cffi.watching.arguments import BlockDuration, FollowSymlinks

    Result = TypeVar("Result")

__all__ = ["Watcher", "watch"]

# Told whether asked for or not: what must not be hidden.
ALWAYS = bits.Q_OVERFLOW | bits.UNMOUNT | bits.UNWATCHED | bits.WATCHED | bits.IN_SYNC | bits.RESCAN

# What of another descriptor is waited for; EPOLLERR and EPOLLHUP, that its other end is gone, always are.
WHEN = {"readable": syscalls.POLL_IN, "writable": syscalls.POLL_OUT, "gone": 0}

# A read of a busy tree goes on at most so long before it hands out what it has.
MOST_READS = 16


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
        include: gitignore patterns, relative to each root: of files, report only those that they match, and those
            in directories that they match. *exclude* and *gitignore* go before it; directories are watched and
            reported all the same. For a root that is a file it does not count. Empty: all files.
        gitignore: heed the ``.gitignore`` files below the roots in the same way, after *exclude*, and leave out
            ``.git``.
        max_depth: report entries down to this depth only, counted as find(1) does: those of the root are at 1.
        follow_symlinks: enter symbolic links to directories, except into a directory that they are in, and report
            under the path of a link to a file what happens to that file, wherever it is. "directories" and
            "files": only those. A path that is given is followed in any case.
        max_places: with *follow_symlinks*, enter one directory, and follow to one file, at so many places of a
            root at most to which links lead; each further place is an UNWATCHED event with ELOOP, and is entered
            when one of them is free.
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
        include: Iterable[str] = ...,
        gitignore: bool = ...,
        max_depth: int | None = ...,
        follow_symlinks: FollowSymlinks = ...,
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
        include: Iterable[str] = ...,
        gitignore: bool = ...,
        max_depth: int | None = ...,
        follow_symlinks: FollowSymlinks = ...,
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
        include: Iterable[str] = (),
        gitignore: bool = False,
        max_depth: int | None = None,
        follow_symlinks: FollowSymlinks = False,
        max_places: int = 8,
        one_file_system: bool = False,
        missing: Literal["error", "wait"] = "error",
        existing: bool = False,
        on_progress: Callable[[int], None] | None = None,
        read_ahead: int | None = None,
        track: Literal["entries", "directories"] = "entries",
    ) -> None:
        super().__init__()
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
        enters_links, follows_files = checked_links(follow_symlinks)
        self._rules = Rules(
            tracks_files=track == "entries",
            max_depth=max_depth,
            follow_symlinks=enters_links,
            follows_files=follows_files,
            exclude=checked_patterns(exclude, "exclude"),
            include=checked_include(include),
            max_places=checked_places(max_places),
            gitignore=gitignore,
            one_file_system=one_file_system,
        )
        if missing not in ("error", "wait"):
            raise ValueError(f"missing is 'error' or 'wait', not {missing!r}")
        self._waits = missing == "wait"
        self._existing = existing
        # What a dispatcher reads besides what the user asked for.
        self._also = 0
        check_read_ahead(read_ahead)
        self._threads: list[threading.Thread] = []
        self._stopped = False
        # Once it was stopped.
        self._ending: Ending | None = None
        self._ended = False
        # Whatever is made has an owner that frees it when it is forgotten: so no exception leaves a descriptor.
        self._poller = Poller()
        try:
            self._instance = Instance()
            self._mounts = MountNews()
            self._closed = False
            forget_in_child(self)
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
            self._undo_making()
            raise

    def _undo_making(self) -> None:
        """Free what there is: it is not left to a collector."""
        if self._closed:
            for part in ("_mounts", "_instance", "_poller"):
                if hasattr(self, part):
                    getattr(self, part).close()
        else:
            self.close()

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
        self._step(self._add_root, self._new_root(path, mask, recursive=recursive))

    def _step(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Let the tree do something, while no other thread does. Raises BusyError in the middle of a step."""
        return self._steps.run(lambda: self._whole_step(work, *arguments))

    def _whole_step(self, work: Callable[..., Result], *arguments: object) -> Result:
        self._check_open()
        self._tree.make_good()
        try:
            return work(*arguments)
        except BaseException:
            self._tree.make_good()
            raise
        finally:
            self._stay_readable()

    def _add_root(self, root: Root) -> None:
        self._check_new(root)
        self._tree.add_root(root, tell=self._existing)

    def _begin_adding(self, root: Root) -> None:
        self._check_new(root)
        self._tree.begin_root(root, tell=self._existing)

    def _go_on_adding(self, root: Root, steps: int) -> bool:
        """List some more directories, and read, lest the queue runs over; True if all are listed."""
        done = self._tree.continue_root(root, steps)
        self._tree.read_ahead()
        return done

    def _give_up_adding(self, root: Root) -> None:
        if not self._closed:
            self._tree.take_back(root)
            self._stay_readable()

    def _new_root(
        self, path: str | bytes | PathLike[str] | PathLike[bytes], mask: int | None, *, recursive: bool | None
    ) -> Root:
        given = checked_path(path)
        asked = self._mask if mask is None else checked_mask(mask)
        location = os.path.join(os.getcwd(), os.fsdecode(given))
        deep = self._recursive if recursive is None else recursive
        rules = self._rules if deep else self._rules._replace(max_depth=1)
        told = (asked | self._also) & bits.ALL
        kernel_mask = told | STRUCTURE | (bits.CLOSE_WRITE | bits.ATTRIB if rules.gitignore else 0)
        root = Root(given, location, asked=asked | ALWAYS, kernel_mask=kernel_mask, rules=rules)
        root.waits = self._waits
        root.also = self._also
        return root

    def _ask_also(self, mask: int) -> None:
        """Have these kinds of events told whatever was asked for; who does so hides them. 0 ends it."""
        if mask != self._also:
            self._also = mask
            self._step(self._tree.ask_also, mask)

    def _asked(self) -> list[tuple[str | bytes, int]]:
        """Return what the user asked for: the path of each root, and its mask."""
        return [(root.given, root.own) for root in self._tree.ledger.roots]

    def _check_new(self, root: Root) -> None:
        if self._tree.root_at(root.location) is not None:
            raise FileExistsError(errno.EEXIST, "this path is watched already; remove() it first", root.given)

    def remove(self, path: AnyStr | PathLike[AnyStr]) -> None:
        """Watch a root no more; what was read of it and not handed out is handed out still.

        Raises FileNotFoundError where *path* is not one that was added, ClosedError.
        """
        self._step(self._remove_root, checked_path(path))

    def _remove_root(self, given: str | bytes) -> None:
        root = self._tree.root_at(os.path.join(os.getcwd(), os.fsdecode(given)))
        if root is None:
            raise FileNotFoundError(errno.ENOENT, "this path is not a root of the watcher", given)
        self._tree.remove_root(root)

    # --- events ---

    def read(self, timeout: float | None = None) -> list[Event[AnyStr]]:
        """Return the next events: those that were read already, else what comes within *timeout* seconds.

        0 never waits, None waits for ever. Empty after the timeout, and after :meth:`stop`.

        Raises ValueError for a negative timeout, BusyError if another thread is reading, ClosedError.
        """
        check_timeout(timeout, "timeout")
        ready, holder, reader = self._ready, self._reading.holder, Reader()
        try:
            self._begin_reading(reader)
            self._await_some(reader, timeout)
            events = ready[::-1]
            # One line, see handout.py.
            del ready[:]; del holder[0]; return events  # noqa: E702, TRY300  # fmt: skip
        except BaseException:
            self._break_off(reader)
            raise

    def _await_some(self, reader: Reader, timeout: float | None) -> None:
        """Wait until something is ready; nothing is at the end of the time, or of it all."""
        begun = time.monotonic()
        deadline = None if timeout is None else begun + timeout
        # Nor does what is in doubt keep it from returning.
        ends = math.inf if deadline is None else max(deadline, begun + SLICE_S)
        while not self._steps.run_in_turn(self._collect_if_open, ends):
            # Whoever stops or closes sets the mark first and wakes then, so it is seen here or wakes the wait.
            if self._ended or self._closed:
                break
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            ready = self._poller.wait(left)
            if self._closed:
                break
            if self._mounts.came(ready):
                self._steps.run_in_turn(self._look_at_mounts)
            elif ready:
                if self._steps.run_in_turn(self._read_plain) or time.monotonic() >= ends:
                    break
            elif deadline is not None and time.monotonic() >= deadline:
                break
        self._leave_descriptors(reader)

    def _collect_if_open(self, ends: float) -> bool:
        self._check_open()
        if not self._ended:
            self._collect(min(SLICE_S, ends - time.monotonic()))
        return bool(self._ready)

    def sync(self, timeout: float | None = None) -> list[Event[AnyStr]]:
        """Return all events up to now: what was done before this call is in it, or was handed out before.

        It does not wait for anything to happen. The kernel queues an event before the call that caused it
        returns, so the size of the queue (FIONREAD) marks its end. *timeout*, in seconds, limits how long
        writers that never rest may keep it from settling what is in doubt; None: no limit.

        Raises TimeoutError then, and loses nothing; ValueError, BusyError, ClosedError as :meth:`read`.
        """
        check_timeout(timeout, "timeout")
        ready, holder, reader = self._ready, self._reading.holder, Reader()
        try:
            self._begin_reading(reader)
            self._await_all(reader, timeout)
            events = ready[::-1]
            # One line, see handout.py.
            del ready[:]; del holder[0]; return events  # noqa: E702, TRY300  # fmt: skip
        except BaseException:
            self._break_off(reader)
            raise

    def _await_all(self, reader: Reader, timeout: float | None) -> None:
        """Have all ready that there is up to now."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        fence = self._steps.run(self._begin_to_sync)
        while not self._steps.run_in_turn(self._advance_to, fence):
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "the tree changes faster than it can be followed; sync again")
        self._leave_descriptors(reader)

    def _begin_to_sync(self) -> int:
        """Return the place in the queue up to which all is to be told."""
        self._check_open()
        if self._mounts.came(self._poller.wait(0)):
            self._look_at_mounts()
        return self._tree.fence()

    def _advance_to(self, fence: int) -> bool:
        """Do one step, and have ready what is told; True if all up to there is, and nothing is in doubt."""
        self._check_open()
        if self._tree.is_adding:
            raise BusyError("aadd() is listing a directory, and what happens is told behind; await it first")
        try:
            self._tree.advance()
            return self._tree.has_read(fence) and not self._tree.in_doubt
        except BaseException:
            self._tree.make_good()
            raise
        finally:
            self._hand_over()
            self._stay_readable()

    def __iter__(self) -> Iterator[Event[AnyStr]]:
        """Yield events, blocking until they come; ends after :meth:`stop` or :meth:`close`."""
        ready, iteration = self._ready, Iteration()
        try:
            self._check_not_reading()
            self._claim.take(iteration)
            while not self._closed:
                if not ready:
                    self._next(iteration, None)
                    if not ready:
                        return
                # One line, see handout.py.
                while ready and not self._closed: event = ready[-1]; del ready[-1]; yield event  # noqa: E701, E702  # fmt: skip
            self._check_not_forked()
        finally:
            self._leave_iteration(iteration)

    def event_gen(self, *, block_duration_s: BlockDuration | str = "") -> Iterator[Event[AnyStr] | None]:
        """Yield events, and None after each cycle, which blocks for ``block_duration_s`` at most.

        *block_duration_s* replaces the watcher's own. Ends after :meth:`stop` or :meth:`close`.
        """
        duration = self._block_duration_s if isinstance(block_duration_s, str) else block_duration_s
        ready, iteration = self._ready, Iteration()
        try:
            self._check_not_reading()
            self._claim.take(iteration)
            while not self._closed:
                seconds = duration() if callable(duration) else duration
                check_timeout(seconds, "block_duration_s")
                self._next(iteration, seconds)
                if self._ended and not ready:
                    return
                # One line, see handout.py.
                while ready and not self._closed: event = ready[-1]; del ready[-1]; yield event  # noqa: E701, E702  # fmt: skip
                self._check_not_forked()
                yield None
            self._check_not_forked()
        finally:
            self._leave_iteration(iteration)

    def _next(self, iteration: Iteration, timeout: float | None) -> None:
        """Have the next events of an iteration ready."""
        try:
            self._begin_reading(iteration)
            self._await_some(iteration, timeout)
            self._reading.end(iteration)
        except BaseException:
            self._break_off(iteration)
            raise

    def start(self, callback: Callable[[Event[AnyStr]], object]) -> threading.Thread:
        """Call *callback* with each event from now on, in a thread of its own, and return that thread.

        It ends after :meth:`stop`, with all that had come by then handed out, or at :meth:`close`, which waits for
        it. It is a daemon: the interpreter does not. What the callback raises is reported by
        ``threading.excepthook``, and the next event is handed out.

        Raises BusyError if something reads already, ClosedError.
        """
        start = Start(self._claim, lambda: call_with_each(self, callback))
        try:
            threads = self._begin_thread(start)
            # One line, see handout.py: the thread works from now on, and close() waits for it.
            self._threads = threads; start.go.release(); return threads[-1]  # noqa: E702  # fmt: skip
        except BaseException:
            start.give_up()
            raise

    def _begin_thread(self, start: Start) -> list[threading.Thread]:
        """Start a thread that has the events until it is done; all such threads, of which it is the last."""
        self._check_open()
        self._check_not_reading()
        return [*(each for each in self._threads if each.is_alive()), start.begin()]

    def _collect(self, turn_s: float) -> None:
        """Read and apply until something is to be told, or nothing is queued or in doubt, or time is over."""
        # What happened before it was stopped is told: so this is asked before it is read.
        stopped = self._stopped
        if self._owes_wake and not self._stopped:
            self._owes_wake = False
            self._poller.rest()
            if self._stopped or self._closed:
                self._poller.wake()
        try:
            if stopped:
                turn_s = min(turn_s, TURN_S)
                if self._ending is None:
                    self._begin_to_end()
            calm = self._advance_for(turn_s)
            if self._ending is not None:
                self._ended = calm or self._ending.has_come()
        except BaseException:
            self._tree.make_good()
            raise
        finally:
            self._hand_over()
            self._stay_readable()

    def _advance_for(self, seconds: float) -> bool:
        """Advance the tree until it has told something, or for so long; True if all is quiet."""
        ends = time.monotonic() + seconds
        left = seconds
        for _ in range(MOST_READS):
            # To read again before what came is handed out would only find the queue empty, most often.
            if not self._tree.advance(max(left, 0.0)):
                return True
            if self._tree.has_told and not self._tree.in_doubt:
                break
            left = ends - time.monotonic()
            if left <= 0:
                break
        return False

    def _begin_to_end(self) -> None:
        """It was stopped: what has come is told, mounts too."""
        if self._mounts.came(self._poller.wait(0)):
            self._look_at_mounts()
        self._ending = Ending(self._tree)

    def _read_plain(self) -> bool:
        """Read, if that is all that there is to do, and :meth:`_collect` does not have to; True if some are ready.

        What is in doubt or told already leaves the descriptor readable, and there is more to do than that. Most
        often there is not, and then as little as possible stands between the event and who waits for it.
        """
        if self._ready or self._owes_wake or self._closed:
            return False
        try:
            if self._tree.read_plain():
                self._hand_over()
        except BaseException:
            self._tree.make_good()
            self._stay_readable()
            raise
        return bool(self._ready)

    def _read_once(self) -> bool:
        """Read without waiting, for who waits by other means; True if there is something to hand out."""
        return self._steps.run_in_turn(self._collect_a_turn)

    def _collect_a_turn(self) -> bool:
        self._check_open()
        if self._mounts.came(self._poller.wait(0)):
            self._look_at_mounts()
        self._collect(TURN_S)
        return bool(self._ready)

    def _look_at_mounts(self) -> None:
        self._tree.mounts_changed()
        self._mounts.heeded()
        self._stay_readable()

    def _hand_over(self) -> None:
        self._tree.hand_over(cast("list[AnyEvent]", self._ready))

    def _forget_handed_over(self) -> None:
        if self._ready and not self._closed:
            self._steps.run(self._tree.forget_handed_over, cast("list[AnyEvent]", self._ready))

    def _stay_readable(self) -> None:
        """Keep the descriptor readable: what is in doubt, or was told by another call, would wake nobody."""
        if self._tree.in_doubt or self._tree.has_told:
            self._owes_wake = True
            self._poller.wake()

    # --- what is known ---

    @property
    def roots(self) -> list[AnyStr]:
        """The paths that are watched, as they were given; those of a :class:`~inotify_cffi.mirror.Mirror`."""
        self._check_open()
        return cast("list[AnyStr]", [root.given for root in list(self._tree.ledger.roots)])

    @property
    def track(self) -> Literal["entries", "directories"]:
        """What is known by name: "entries", or "directories" only."""
        return "entries" if self._rules.tracks_files else "directories"

    def snapshot(self) -> dict[AnyStr, bool]:
        """Return every entry below the roots: its path, and True for a directory; what is tracked of them.

        It is the state after all events that were read, those of the current batch that were not yet handed out
        among them. Raises ClosedError.
        """
        return cast("dict[AnyStr, bool]", self._step(self._tree.ledger.snapshot))

    def unwatched(self) -> dict[AnyStr, OSError]:
        """Return the directories and files that are not covered, each with the error that says why."""
        return self._step(self._unwatched)

    def _unwatched(self) -> dict[AnyStr, OSError]:
        return cast("dict[AnyStr, OSError]", self._tree.unwatched())

    def retry(self) -> None:
        """Try again to cover what :meth:`unwatched` lists; what is found is told by the next reads.

        Inotify does not report that a directory above a root was renamed, nor where a link leads now. So each
        root is looked at as well; with *follow_symlinks* it is listed, with all that is below it.
        """
        self._check_open()
        if self._steps.is_mine:
            self._steps.run_later(self._retry_if_open)
        else:
            self._step(self._tree.retry)

    def _retry_if_open(self) -> None:
        if not self._closed:
            self._step(self._tree.retry)

    def stats(self) -> dict[str, int]:
        """Return counts: raw events, moves, overflows, directories listed, watches, directories not covered.

        ``read_ahead`` is the most bytes that were held at once.
        """
        return self._step(self._stats)

    def _stats(self) -> dict[str, int]:
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
        return self._closed or (self._ended and not self._ready)

    def fileno(self) -> int:
        """Return a descriptor that is readable when :meth:`read` has something to do; for select and the like."""
        self._check_open()
        self._mounts.share()
        return self._poller.fileno()

    def call_when(
        self, fd: int, what: Literal["readable", "writable", "gone"], callback: Callable[[], object]
    ) -> None:
        """Call *callback*, once, when something can be done with another descriptor: in a wait of this watcher.

        So who writes what is read here need not wait for the next event to learn that nobody listens any more:
        ``watcher.call_when(sys.stdout.fileno(), "gone", watcher.stop)``. The wait goes on afterwards; what the
        callback raises comes out of it. A file is never gone, so nothing is waited for then.

        Args:
            fd: a descriptor, open until the call comes; one call at a time may wait for it.
            what: "readable", "writable", or "gone": the reader of a pipe, the peer of a socket. What is gone is
                readable and writable, too.
            callback: called by the thread that reads.

        Raises:
            OSError: *fd* is not open (EBADF), is waited for already (EEXIST), or is a file, which can be read
                and written at any time (EPERM).
            ValueError: *what* is none of the three.
            ClosedError: the watcher is closed.

        """
        self._check_open()
        if what not in WHEN:
            raise ValueError(f"what must be one of {', '.join(WHEN)}, not {what!r}")
        call = Call(WHEN[what], callback)
        try:
            self._poller.call_when(fd, call)
        except BaseException as error:
            self._poller.call_off(fd, call)
            if what != "gone" or not isinstance(error, PermissionError):
                raise

    def close(self) -> None:
        """Free the descriptors and all watches; a reader in another thread returns. More than once is harmless.

        It waits for the thread of :meth:`start`, unless it is called there. In the middle of a step (in
        ``on_progress``, in a signal handler) the watcher is closed at once, and all that at the step's end.
        """
        self._closed = True
        self._poller.wake()
        if self._steps.is_mine:
            self._steps.run_later(self._end)
        else:
            self._end()

    def _end(self) -> None:
        if not self._reading.waits:
            self._free()
        for thread in self._threads:
            if thread.ident != get_ident():
                thread.join()

    def _free(self) -> None:
        if self._steps.is_mine:
            self._steps.run_later(self._free)
        else:
            self._steps.run(self._free_all)

    def _free_all(self) -> None:
        self._instance.close()
        self._poller.close()
        self._mounts.close()
        if self._disk is not None:
            self._disk.end()

    def forked(self) -> None:
        """Give up what belongs to the parent; called in a forked child, and of no use elsewhere."""
        self._forked = self._closed = True
        # Threads that held them, and those to wait for, are not in this process.
        self._steps = StepLock()
        self._reading = Reading()
        self._threads = []
        self._ready.clear()
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
        try:
            if not getattr(self, "_closed", True) and not self._may_be_forgotten:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
        finally:
            # Also where warnings are errors: who is told of that error may keep the watcher for long.
            self._free_forgotten()

    def _free_forgotten(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()
        if hasattr(self, "_mounts"):
            # Nobody reads, though a reader may not have come to its end: PyPy does not close abandoned coroutines.
            self._free()


def watch(
    *paths: AnyStr | PathLike[AnyStr],
    mask: int = bits.CHANGES,
    recursive: bool = True,
    exclude: Iterable[str] = (),
    include: Iterable[str] = (),
    gitignore: bool = False,
) -> Iterator[Event[AnyStr]]:
    """Yield what happens at and below some directories, for ever; the watcher is closed with the generator.

    The arguments are those of :class:`Watcher`, which has more of them.
    """
    with Watcher(
        *paths, mask=mask, recursive=recursive, exclude=exclude, include=include, gitignore=gitignore
    ) as watcher:
        yield from watcher


def _open_disk(instance: Instance) -> Disk:
    path = os.environ.get(RECORD)
    if not path:
        return Disk(instance)
    from inotify_cffi.tree.record import Recorder

    return Recorder(instance, path)
