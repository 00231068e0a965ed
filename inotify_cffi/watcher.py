"""The watcher: put the parts together, block, hand out events."""

from __future__ import annotations

from _warnings import warn

from inotify_cffi.kernel import syscalls
from inotify_cffi.kernel.poller import Call, check_timeout
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic, overload
from inotify_cffi.watching.arguments import checked_path
from inotify_cffi.watching.background import Start, call_with_each
from inotify_cffi.watching.claim import Iteration, Reader
from inotify_cffi.watching.options import check_known, choose
from inotify_cffi.watching.parts import WithParts

if TYPE_CHECKING:
    import threading
    from os import PathLike
    from types import TracebackType
    from typing import Callable, Iterator, Literal

    from typing_extensions import Unpack

    from inotify_cffi.events import Event
    from inotify_cffi.watching.arguments import BlockDuration
    from inotify_cffi.watching.options import Options, RootOptions

__all__ = ["Watcher", "watch"]

# What of another descriptor is waited for; EPOLLERR and EPOLLHUP, that its other end is gone, always are.
WHEN = {"readable": syscalls.POLL_IN, "writable": syscalls.POLL_OUT, "gone": 0}


class Watcher(WithParts[AnyStr], Generic[AnyStr]):
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
        keep_stat: keep of each file its inode, size, mtime_ns and ctime_ns as they were when it was last told, 32
            bytes in all, and compare these, never a clock, where it may have changed unseen: after lost events,
            in :meth:`resync`. A start takes a stat(2) a file, and so does each event of one.
        poll_s: watch nothing, and compare all with the disk every so many seconds, and in :meth:`sync`: a listing
            a directory, a stat(2) a file. "auto": use inotify, and compare so every 5 seconds what it does not
            see: other machines' changes on a network file system, layers of an overlay, most of FUSE, and
            directories for which no watch is left; ("auto", seconds): the same, so often. All of them bring
            *keep_stat* with them. A file that was renamed is told as deleted and created.
        since: what :meth:`save` has returned, or the path of the file that it has written: what has changed since
            then comes first, before all else, with the cause RESTART, and there is no gap behind it. A root that
            was not saved is told as new, and all of them if there is no such file, or with b"". It brings
            *keep_stat* with it.
        missing: "wait": a path need not be there; it is waited for, at the start and whenever it vanishes.
        existing: report what is there at the start as synthetic creates, before all else.
        on_progress: called now and then with the number of directories while a tree is listed.
        read_ahead: hold so many bytes of events in memory at most, 65536 or more, that a thread takes out of the
            kernel's queue while nobody reads; it runs no Python. None: no thread.
        track: "directories": keep no names of files, which takes less memory, and above all less time at the
            start. Directories are told as ever, events of files as the kernel has them; where some of these were
            lost, the directory is told as one to be read again, RESCAN. Not with *gitignore* or
            *follow_symlinks*, *keep_stat*, *poll_s* or *since*.

    Raises:
        FileNotFoundError, NotADirectoryError, PermissionError, ...: a path can not be watched.
        PathError: a path is empty or holds a NUL.
        WatchLimitError: no watch is left for a root. For a directory below it that is an UNWATCHED event.
        InstanceLimitError: no inotify instance is left.
        StateError: *since* is damaged, of another version, or no state.
        ValueError: an option has a value that it can not have, or not together with another one.

    """

    @overload
    def __init__(self: Watcher[str], *paths: str | PathLike[str], **options: Unpack[Options]) -> None: ...

    @overload
    def __init__(self: Watcher[bytes], *paths: bytes | PathLike[bytes], **options: Unpack[Options]) -> None: ...

    def __init__(self, *paths: str | bytes | PathLike[str] | PathLike[bytes], **options: Unpack[Options]) -> None:
        check_known(options, "Watcher")
        super().__init__(paths, choose(**options))

    # What ``help()`` and ``inspect.signature`` show.
    __init__.__wrapped__ = choose  # type: ignore[attr-defined]

    # --- roots ---

    def add(
        self,
        path: AnyStr | PathLike[AnyStr],
        *,
        told_as: AnyStr | None = None,
        each_move: bool = False,
        own_reads: bool = True,
        **options: Unpack[RootOptions],
    ) -> None:
        """Watch one more directory, with the watcher's options but for those given here.

        Each root filters for itself, also where one is in another: a directory has one watch, for all that is
        asked for by those that it is in, and each event is told to each root that asked for it.

        Args:
            path: the directory, as for the constructor.
            told_as: what paths of events and errors begin with, in place of *path*. One directory may be added
                several times with another one each: every reader of it has its own options and its own events.
            each_move: behind the move of a directory tell a move of each entry below it, too, both halves and
                synthetic. That is not for a :class:`~inotify_cffi.mirror.Mirror`, which knows what goes along.
            own_reads: False: a directory reports reads (OPEN, ACCESS, CLOSE_NOWRITE) only once it was listed with
                all below it, so that the listing of a large tree does not fill the queue; it takes longer.
            options: mask, recursive, exclude, include, gitignore, max_depth, follow_symlinks, max_places,
                one_file_system, keep_stat, poll_s, missing and existing, as for the constructor.

        Raises what the constructor raises for a path or an option, FileExistsError if it is watched already,
        ClosedError.

        """
        root = self._new_root(path, options, told_as=told_as, each_move=each_move, own_reads=own_reads)
        self._step(self._add_root, *root)

    def remove(self, path: AnyStr | PathLike[AnyStr], *, told_as: AnyStr | None = None) -> None:
        """Watch a root no more; what was read of it and not handed out is handed out still.

        *told_as* is that of :meth:`add`. Raises FileNotFoundError where the two were not added, ClosedError.
        """
        self._step(self._remove_root, checked_path(path), told_as)

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
        duration = self._chosen.block_duration_s if isinstance(block_duration_s, str) else block_duration_s
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
        return self._readable_fd()

    def _readable_fd(self) -> int:
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
                warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
        finally:
            # Also where warnings are errors: who is told of that error may keep the watcher for long.
            self._free_forgotten()


def watch(*paths: AnyStr | PathLike[AnyStr], **options: Unpack[Options]) -> Iterator[Event[AnyStr]]:
    """Yield what happens at and below *paths*, as :class:`Watcher` does; it is closed with the generator."""
    check_known(options, "watch")
    return _watch(paths, options)


watch.__wrapped__ = choose  # type: ignore[attr-defined]


def _watch(paths: tuple[AnyStr | PathLike[AnyStr], ...], options: Options) -> Iterator[Event[AnyStr]]:
    with Watcher(*paths, **options) as watcher:
        yield from watcher
