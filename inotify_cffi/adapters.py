"""The interface of the PyPI package ``inotify`` (PyInotify), drop-in: who uses it changes one import.

An event is the tuple ``(header, type_names, watch_path, filename)``, event for event what the original gives,
without its defects; docs/drop-in.md lists them. New code is better off with :class:`inotify_cffi.Watcher`.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Collection, Dict, Iterable, Iterator, Tuple

from inotify_cffi import calls
from inotify_cffi.constants import IN_ALL_EVENTS
from inotify_cffi.dropin.cycles import Cycles
from inotify_cffi.dropin.roots import LOGGER
from inotify_cffi.dropin.single import Flat
from inotify_cffi.dropin.trees import Grove
from inotify_cffi.dropin.tuples import Header, names_of, unknown_bits

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from inotify_cffi.dropin.tuples import EventTuple, GivenPath, Path
    from inotify_cffi.watching.arguments import BlockDuration

    Predicate = Callable[[str, EventTuple], object]

__all__ = ["EventTimeoutException", "Inotify", "InotifyTree", "InotifyTrees", "TerminalEventException"]

# Names that the original has, and that its users use.
_INOTIFY_EVENT = Header
_LOGGER = LOGGER
_DEFAULT_EPOLL_BLOCK_DURATION_S = 1
_DEFAULT_TERMINAL_EVENTS = ("IN_Q_OVERFLOW", "IN_UNMOUNT")


class EventTimeoutException(Exception):  # noqa: N818 - the original's name
    """Never raised; the original has it."""


class TerminalEventException(Exception):  # noqa: N818 - the original's name
    """An event came that ends the generator: ``args`` has its name, ``event`` is the event."""

    def __init__(self, type_name: str, event: EventTuple) -> None:
        super().__init__(type_name)
        self.event = event


def _end(
    event: EventTuple, filter_predicate: Predicate | None, terminal_events: Collection[str]
) -> TerminalEventException | Tuple[str, EventTuple] | None:
    """Return what ends the generator: an exception, or what the predicate does not want; None for what goes on."""
    for name in event[1]:
        if filter_predicate is not None and filter_predicate(name, event) is False:
            return name, event
        if name in terminal_events:
            return TerminalEventException(name, event)
    return None


class Inotify:
    """Watch files and directories, one watch each and nothing below.

    Args:
        paths: what to watch for all events: str, bytes or PathLike. Events have paths of the same type.
        block_duration_s: how long a cycle of :meth:`event_gen` blocks, in seconds: a number, or a callable
            that returns one and is asked in each cycle. None, and less than 0: until something happens.

    Raises :class:`inotify_cffi.calls.InotifyError`.

    """

    def __init__(
        self, paths: Iterable[GivenPath] = (), block_duration_s: BlockDuration = _DEFAULT_EPOLL_BLOCK_DURATION_S
    ) -> None:
        self._start(block_duration_s)
        with self._closed_on_error():
            self._watches: Flat | Grove = Flat(self._cycles.open())
            for path in paths:
                self.add_watch(path)

    def _start(self, block_duration_s: BlockDuration) -> None:
        self._last_success_return: Tuple[str, EventTuple] | None = None
        try:
            self._cycles = Cycles(block_duration_s)
        except OSError as error:
            calls.fail("cannot wait for events", error)

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                calls.fail("cannot watch" if error.filename is None else f"cannot watch {error.filename!r}", error)
            raise

    # --- watches ---

    def add_watch(self, path_unicode: GivenPath, mask: int = IN_ALL_EVENTS) -> int | None:
        """Watch a path and return the watch descriptor; None, and a warning is logged, if it is watched already.

        Raises :class:`inotify_cffi.calls.InotifyError`.
        """
        path = os.fspath(path_unicode)
        try:
            wd = self._cycles.step(self._watches.add, path, mask)
        except OSError as error:
            calls.fail(f"cannot watch {path!r}", error)
        if wd is None:
            _LOGGER.warning("this path is watched already: %s", os.fsdecode(path))
        return wd

    def remove_watch(self, path: GivenPath, superficial: bool = False) -> None:
        """Watch a path no more; what was read of it and not handed out is dropped. An unknown path is ignored.

        *superficial*: only forget it; the kernel goes on reporting to nobody.
        """
        given = os.fspath(path)
        self._cycles.step(lambda: self._cycles.drop(self._watches.remove(given, forget=superficial)))

    def remove_watch_with_id(self, wd: int, superficial: bool = False) -> None:
        """Do as :meth:`remove_watch` by the watch descriptor. Raises KeyError if it is unknown."""
        self._cycles.step(lambda: self._cycles.drop(self._watches.remove_wd(wd, forget=superficial)))

    # --- events ---

    def event_gen(
        self,
        timeout_s: float | None = None,
        yield_nones: bool = True,
        filter_predicate: Predicate | None = None,
        terminal_events: Collection[str] = _DEFAULT_TERMINAL_EVENTS,
    ) -> Iterator[EventTuple | None]:
        """Yield events, and None after each cycle, which blocks for ``block_duration_s`` at most.

        Args:
            timeout_s: end with the first cycle that ends so many seconds after the last event, or the start;
                None: never.
            yield_nones: False for events alone.
            filter_predicate: called with each name of each event and the event. If it returns False the
                generator ends, without that event, which is in :attr:`last_success_return` then.
            terminal_events: names that raise TerminalEventException.

        What was read when the generator ends comes first from the next one.

        """
        self._last_success_return = None
        cycles, ready = self._cycles, self._cycles.ready
        last = time.monotonic()
        try:
            while cycles.read(self._watches):
                while ready and not cycles.closed:
                    event = ready[-1]
                    last = time.monotonic()
                    end = _end(event, filter_predicate, terminal_events)
                    # One line each, see handout.py. It may be gone by now: its watch was removed.
                    if isinstance(end, TerminalEventException):
                        if ready and ready[-1] is event: del ready[-1]; raise end  # noqa: E701, E702  # fmt: skip
                    elif end is not None:
                        if ready and ready[-1] is event: del ready[-1]; self._last_success_return = end; return  # noqa: E701, E702  # fmt: skip
                    elif ready and ready[-1] is event: del ready[-1]; yield event  # noqa: E701, E702  # fmt: skip
                if cycles.closed or (timeout_s is not None and time.monotonic() - last >= timeout_s):
                    return
                if yield_nones:
                    yield None
        finally:
            cycles.stay_readable(self._watches)

    @property
    def last_success_return(self) -> Tuple[str, EventTuple] | None:
        """The name and the event for which the filter predicate ended the last generator; else None."""
        return self._last_success_return

    def _get_event_names(self, event_type: int) -> list[str]:
        unknown = unknown_bits(event_type)
        if unknown:
            raise AssertionError(f"these bits have no name: {unknown:#x}")
        return names_of(event_type)

    # --- the end ---

    def fileno(self) -> int:
        """Return a descriptor that is readable when :meth:`event_gen` would not block; for select and the like."""
        return self._cycles.fileno()

    def close(self) -> None:
        """Free the descriptors and all watches, which ends the generators; more than once does no harm."""
        self._cycles.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _InotifyOfTree(Inotify):
    """The inner part of a tree."""

    def __init__(self, paths: Iterable[GivenPath], mask: int, block_duration_s: BlockDuration) -> None:
        self._start(block_duration_s)
        with self._closed_on_error():
            self._watches = self.grove = Grove(self._cycles.open, [os.fspath(path) for path in paths], mask)


class _BaseTree:
    """What both kinds of tree have."""

    def __init__(self, paths: Iterable[GivenPath], mask: int, block_duration_s: BlockDuration) -> None:
        self._inotify = _InotifyOfTree(paths, mask, block_duration_s)

    def event_gen(
        self,
        ignore_missing_new_folders: bool = False,  # noqa: ARG002 - the original's signature
        **kwargs: Any,
    ) -> Iterator[EventTuple | None]:
        """Yield events as :meth:`Inotify.event_gen` does, with its arguments.

        *ignore_missing_new_folders* changes nothing: a new directory that is gone before it could be looked at
        is never an error.
        """
        return self._inotify.event_gen(**kwargs)

    @property
    def inotify(self) -> Inotify:
        """The inner :class:`Inotify`: to add and remove watches, and for ``last_success_return``."""
        return self._inotify

    def unwatched(self) -> Dict[Path, OSError]:
        """Return the directories that are not covered, each with the error that says why."""
        return self._inotify.grove.unwatched()

    def fileno(self) -> int:
        """Return a descriptor that is readable when :meth:`event_gen` would not block; for select and the like."""
        return self._inotify.fileno()

    def close(self) -> None:
        """Free the descriptors and all watches, which ends the generators; more than once does no harm."""
        self._inotify.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class InotifyTree(_BaseTree):
    """Watch a directory and all below it, also what is created there or moved there later.

    Args:
        path: the directory.
        mask: the events to report; creations and deletions are reported in any case.
        block_duration_s: as in :class:`Inotify`.

    Raises :class:`inotify_cffi.calls.InotifyError` where the directory can not be watched.

    """

    def __init__(
        self,
        path: GivenPath,
        mask: int = IN_ALL_EVENTS,
        block_duration_s: BlockDuration = _DEFAULT_EPOLL_BLOCK_DURATION_S,
    ) -> None:
        super().__init__([path], mask, block_duration_s)


class InotifyTrees(_BaseTree):
    """Watch several directories and all below them; the rest is as with :class:`InotifyTree`."""

    def __init__(
        self,
        paths: Iterable[GivenPath],
        mask: int = IN_ALL_EVENTS,
        block_duration_s: BlockDuration = _DEFAULT_EPOLL_BLOCK_DURATION_S,
    ) -> None:
        super().__init__(paths, mask, block_duration_s)
