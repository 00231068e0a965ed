"""Hand a plugin made-up events, through the dispatch that real ones go through."""

from __future__ import annotations

import asyncio
import inspect
import math
import os
from typing import TYPE_CHECKING, Awaitable, Callable, Iterable, Mapping, NamedTuple, Sequence, Union, cast

from inotify_cffi.base import bits
from inotify_cffi.cli import watch
from inotify_cffi.cli.parser import build
from inotify_cffi.events import Event, UnwatchedEvent
from inotify_cffi.hooks.adispatch import Dispatcher
from inotify_cffi.hooks.delivery import Delivery
from inotify_cffi.hooks.registry import HOOK_NAMES
from inotify_cffi.hooks.settle import Look
from inotify_cffi.testing.made_up import MadeUpWatcher

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType
    from typing import Literal

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.hooks.guard import Implementation
    from inotify_cffi.hooks.specs import AnyWatcher

__all__ = ["Failure", "Feed"]

AnyPath = Union["str", "bytes", "PathLike[str]", "PathLike[bytes]"]


class Failure(NamedTuple):
    """What a plugin has raised."""

    plugin: object
    hook_name: str
    event: AnyEvent | None
    error: Exception


class Feed:
    """Made-up events for plugins, called as a run of the dispatcher calls them; it needs no kernel and no files.

    Use it as a context manager: at its beginning ``inotify_add_options``, ``inotify_configure`` and
    ``inotify_start`` are called, at its end ``inotify_stop``. Each call of a method hands out one batch, and
    returns when all plugins have done with it, those with a worker, too. Hooks that are coroutines are awaited, in
    a loop of asyncio of its own.

    Args:
        plugins: objects or modules with hooks; a class is called without arguments; a text is what ``--plugin``
            takes: the name of an installed one, ``module:attr``, ``file.py``.
        arguments: options as on the command line of ``inotify-cffi watch``: ``["--greeting", "hey"]``.
        entries: what is there before the first event: path to True for a directory.
        roots: the paths that are said to be watched.
        errors: "raise": what a hook raises comes out of the method that led to it; "report": it goes the way of a
            real run, is logged, told to the other plugins, and is in :attr:`failures`.
        most_failures: as for :class:`~inotify_cffi.Dispatcher`.
        probe: False: nobody can know whether a file is open for writing, so :meth:`settle` goes by the events.

    Raises:
        PluginError: a plugin can not be loaded or registered.

    .. versionadded:: 0.1

    """

    def __init__(
        self,
        *plugins: object,
        arguments: Sequence[str] = (),
        entries: Mapping[str, bool] | Mapping[bytes, bool] | None = None,
        roots: Sequence[str | bytes] = (".",),
        errors: Literal["raise", "report"] = "raise",
        most_failures: int = 100,
        probe: bool = True,
    ) -> None:
        if errors not in ("raise", "report"):
            raise ValueError(f"errors must be 'raise' or 'report', not {errors!r}")
        self.watcher = MadeUpWatcher(entries or {}, roots)
        #: The paths of files that somebody is said to have open for writing.
        self.opened: set[str | bytes] = set()
        self._raises = errors == "raise"
        self._arguments = list(arguments)
        self._watcher = cast("AnyWatcher", self.watcher)
        self._cookie = 0
        self._dispatcher = FeedDispatcher(self.opened, most_failures=most_failures, probe=probe)
        for plugin in plugins:
            if isinstance(plugin, str):
                self._dispatcher.load(plugin)
            else:
                self._dispatcher.register(plugin() if isinstance(plugin, type) else plugin)

    @property
    def failures(self) -> list[Failure]:
        """What the plugins have raised so far, each time that they did."""
        return self._dispatcher.failures

    @property
    def plugins(self) -> dict[str, object]:
        """The plugins that are registered still, by name."""
        return self._dispatcher.plugins()

    def __enter__(self) -> Feed:
        dispatcher = self._dispatcher
        options = build(watch.COMMAND, dispatcher).parse_args(["watch", *self._arguments])
        self._check()
        # What else the watcher would be asked to read concerns real ones only.
        dispatcher.begin(options, self._watcher)
        self._check()
        self._step(
            lambda: dispatcher.start(self._watcher),
            lambda: dispatcher.await_all(self._watcher, "inotify_start", dispatcher.expect),
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        dispatcher = self._dispatcher
        try:
            self._step(
                lambda: dispatcher.stop(self._watcher),
                lambda: dispatcher.await_all(self._watcher, "inotify_stop"),
            )
        except Exception:
            # The first one says more.
            if error is None:
                raise
        finally:
            dispatcher.end()

    # --- what happens ---

    def events(self, events: Iterable[AnyEvent]) -> None:
        """Hand out one batch of any events: of ``Event.of``, of ``event_from_json``, of a real watcher."""
        batch = list(events)
        self.watcher.happened(batch)
        dispatcher = self._dispatcher
        if batch:
            self._step(
                lambda: dispatcher.dispatch(batch, self._watcher),
                lambda: dispatcher.adispatch(batch, self._watcher),
            )

    def created(self, path: AnyPath, *, is_dir: bool = False) -> None:
        """Have an entry be made: CREATE."""
        self.events([self._event(path, bits.CREATE, is_dir=is_dir)])

    def modified(self, path: AnyPath) -> None:
        """Have a file be written to: MODIFY."""
        self.events([self._event(path, bits.MODIFY, is_dir=False)])

    def closed(self, path: AnyPath) -> None:
        """Have a file be closed that was open for writing: CLOSE_WRITE."""
        self.events([self._event(path, bits.CLOSE_WRITE, is_dir=False)])

    def written(self, path: AnyPath) -> None:
        """Have a program write a file: CREATE, where it is not known, MODIFY and CLOSE_WRITE, in one batch."""
        is_new = os.fspath(path) not in self.watcher
        masks = [bits.CREATE] * is_new + [bits.MODIFY, bits.CLOSE_WRITE]
        self.events([self._event(path, mask, is_dir=False) for mask in masks])

    def attrib(self, path: AnyPath) -> None:
        """Have permissions, owner, times or links be changed: ATTRIB."""
        self.events([self._event(path, bits.ATTRIB)])

    def deleted(self, path: AnyPath) -> None:
        """Have an entry be removed: DELETE. Of a directory, remove what is in it before, as the kernel has it."""
        self.events([self._event(path, bits.DELETE)])

    def moved(self, src: AnyPath, dst: AnyPath) -> None:
        """Have an entry be renamed: MOVED_FROM and MOVED_TO, in one batch."""
        self._cookie += 1
        old, new = os.fspath(src), os.fspath(dst)
        is_dir = self._is_dir(old)
        halves = [
            self._event(old, bits.MOVED_FROM, is_dir=is_dir, cookie=self._cookie),
            self._event(new, bits.MOVED_TO, is_dir=is_dir, cookie=self._cookie, moved_from=old),
        ]
        self.events(halves)

    def overflow(self) -> None:
        """Have the kernel's queue be full: Q_OVERFLOW, and IN_SYNC, with nothing missed in between."""
        in_sync = [self._event(root, bits.IN_SYNC, is_dir=True) for root in self.watcher.roots]
        self.events([self._event("", bits.Q_OVERFLOW, is_dir=False), *in_sync])

    def unwatched(self, path: AnyPath, error: OSError) -> None:
        """Have a directory not be covered, for this reason: UNWATCHED."""
        event = self._event(path, bits.UNWATCHED, is_dir=True)
        self.events([UnwatchedEvent((*event, error))])

    def settle(self) -> None:
        """Have all files be quiet for long enough: ``inotify_settled`` for those that are finished.

        Those whose paths are in :attr:`opened` are not.
        """
        dispatcher = self._dispatcher
        while dispatcher.waits():
            self._step(
                lambda: dispatcher.settled(math.inf, self._watcher),
                lambda: dispatcher.asettled(self._watcher),
            )

    def idle(self) -> None:
        """Have nothing left to hand out: ``inotify_idle``."""
        dispatcher = self._dispatcher
        self._step(
            lambda: dispatcher.idle(self._watcher),
            lambda: dispatcher.await_all(self._watcher, "inotify_idle"),
        )

    # --- how ---

    def _event(
        self,
        path: AnyPath,
        mask: int,
        *,
        is_dir: bool | None = None,
        cookie: int = 0,
        moved_from: str | bytes | None = None,
    ) -> AnyEvent:
        name = os.fspath(path)
        if self._is_dir(name) if is_dir is None else is_dir:
            mask |= bits.ISDIR
        # The two paths of a move are of one type, or else what is made up is no event.
        return cast("AnyEvent", Event.of(name, mask, cookie=cookie, moved_from=cast("None", moved_from)))

    def _is_dir(self, path: str | bytes) -> bool:
        return self.watcher.snapshot().get(path, False)

    def _step(self, plain: Callable[[], None], awaited: Callable[[], Awaitable[None]]) -> None:
        try:
            self._dispatcher.do(plain, awaited)
        finally:
            self._check()

    def _check(self) -> None:
        """Raise what the plugins have raised, once."""
        untold = self._dispatcher.untold_failures()
        if untold and self._raises:
            raise untold[0].error


class FeedDispatcher(Dispatcher):
    """A dispatcher whose files are made up as well; it remembers what fails.

    Args:
        opened: the files that are said to be open for writing.
        most_failures: as for the dispatcher.
        probe: False: nobody can know that.

    """

    def __init__(self, opened: set[str | bytes], *, most_failures: int, probe: bool) -> None:
        super().__init__(most_failures=most_failures, probe=probe)
        self.failures: list[Failure] = []
        self._count_told = 0
        self._opened = opened
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, options: object, watcher: AnyWatcher) -> None:
        """Hand the plugins their options, and find out whether a hook is a coroutine."""
        self._bind(watcher)
        self._call("inotify_configure", options)
        functions = [found.function for name in HOOK_NAMES for found in self.implementations(name)]
        if any(inspect.iscoroutinefunction(function) for function in functions):
            self._check_coroutines(awaited=True)
            self._awaits, self._waits_for_lanes = True, False
            self._loop = asyncio.new_event_loop()

    def end(self) -> None:
        """Close the loop, if there is one."""
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    def do(self, plain: Callable[[], None], awaited: Callable[[], Awaitable[None]]) -> None:
        """Do one of the two, wait for those on threads of their own, and raise what is to end the program."""
        if self._loop is None:
            plain()
        else:
            self._loop.run_until_complete(_awaiting(awaited))
        for lane in list(self._lanes.values()):
            lane.drain()
        ending, self._ending = self._ending, None
        if ending is not None:
            raise ending

    async def adispatch(self, events: Sequence[AnyEvent], watcher: AnyWatcher) -> None:
        """Do what :meth:`dispatch` does, where hooks may be coroutines."""
        self._bind(watcher)
        await self._amake(Delivery(events, self._hooks, []))

    async def await_all(self, watcher: AnyWatcher, hook_name: str, *values: object) -> None:
        """Call one hook of all plugins."""
        self._bind(watcher)
        await self._await_all(hook_name, *values)
        if hook_name == "inotify_stop":
            self._finish()

    async def asettled(self, watcher: AnyWatcher) -> None:
        """Do what :meth:`settled` does, at the end of time."""
        self._bind(watcher)
        self._owe_settled(math.inf)
        await self._apay()

    def expect(self, path: str | bytes) -> None:
        """Take the path of a file of which a plugin knows that it is not finished."""
        self._expect(path)

    def waits(self) -> bool:
        """Return True if files wait that are not known to be open."""
        due = self.next_settled()
        return due is not None and due < math.inf

    def untold_failures(self) -> list[Failure]:
        """Return what has failed since the last call of this."""
        begin, self._count_told = self._count_told, len(self.failures)
        return self.failures[begin:]

    def _look(self, path: str | bytes) -> Look | None:
        # Of one that was only made nothing is known to be in it.
        return Look((path in self._opened) if self.probe else None, 0)

    def _failed(self, implementation: Implementation, event: AnyEvent | None, error: Exception) -> None:
        self.failures.append(Failure(implementation.plugin, implementation.hook_name, event, error))
        super()._failed(implementation, event, error)


async def _awaiting(awaited: Callable[[], Awaitable[None]]) -> None:
    await awaited()
