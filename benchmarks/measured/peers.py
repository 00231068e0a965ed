"""The peers from PyPI, each at its best documented use."""

from __future__ import annotations

import os
import threading
from typing import Any, Callable, ClassVar

from benchmarks.measured.ours import Callback, Ours, Way


class Peer(Ours):
    """What holds for all of them."""

    knows_entries = False
    consumes = False
    ways: ClassVar[dict[str, Way]] = {}


class OnOurs(Peer):
    """A peer with our watcher behind it; for ``benchmarks.compat`` only."""

    only = ("compat",)
    ways: ClassVar[dict[str, Way]] = {}

    def __init__(self, path: str, *, recursive: bool) -> None:
        from importlib import import_module

        import_module(f"inotify_cffi.compat.{self.requires}").install()
        super().__init__(path, recursive=recursive)


class Inotify(Peer):
    """PyPI inotify (PyInotify): event_gen without the Nones."""

    name = version_of = "inotify"
    requires = "inotify"
    imports = "import inotify.adapters"

    def __init__(self, path: str, *, recursive: bool) -> None:
        from inotify import adapters, constants

        mask = constants.IN_ALL_EVENTS & ~(constants.IN_OPEN | constants.IN_ACCESS | constants.IN_CLOSE_NOWRITE)
        if recursive:
            self.watcher = adapters.InotifyTree(path, mask=mask)
        else:
            self.watcher = adapters.Inotify()
            self.watcher.add_watch(path, mask=mask)

    def drain(self, last: str) -> None:
        count = 0
        try:
            for _, _, directory, name in self.watcher.event_gen(yield_nones=False):
                count += 1
                if directory + "/" + name == last:
                    return
        finally:
            self.count = count

    def handle(self, callback: Callback) -> None:
        for _, _, directory, name in self.watcher.event_gen(yield_nones=False):
            callback(directory + "/" + name)


class InotifySimple(Peer):
    """inotify_simple: flat; a tree is walked and watched by hand, a path is the watch's and the name."""

    name = version_of = "inotify_simple"
    requires = "inotify_simple"
    imports = "import inotify_simple"
    consumes = True
    never = ("drain-tree", "rename")

    def __init__(self, path: str, *, recursive: bool, opens: bool = False) -> None:
        from inotify_simple import INotify, flags

        wanted = flags.CREATE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO
        wanted |= flags.MODIFY | flags.CLOSE_WRITE | flags.ATTRIB | (flags.OPEN if opens else 0)
        self.watcher = INotify()
        self.paths = {}
        for directory in (above for above, _, _ in os.walk(path)) if recursive else [path]:
            self.paths[self.watcher.add_watch(directory, wanted)] = directory

    def drain(self, last: str) -> None:
        count = 0
        paths = self.paths
        try:
            while True:
                for event in self.watcher.read():
                    count += 1
                    if paths[event.wd] + "/" + event.name == last:
                        return
        finally:
            self.count = count

    def consume(self, last: str, *, names: bool) -> None:
        count = 0
        last_name = os.path.basename(last)
        paths = self.paths
        try:
            while True:
                for event in self.watcher.read():
                    count += 1
                    mask = event.mask
                    name = event.name
                    path = paths[event.wd] + "/" + name
                    if path == last and mask and (not names or name == last_name):
                        return
        finally:
            self.count = count

    def handle(self, callback: Callback) -> None:
        while True:
            for event in self.watcher.read():
                callback(self.paths[event.wd] + "/" + event.name)


class InotifyRecursive(Peer):
    """inotifyrecursive on inotify_simple: get_path is asked for each event."""

    name = version_of = "inotifyrecursive"
    requires = "inotifyrecursive"
    imports = "import inotifyrecursive"
    never = ("drain",)

    def __init__(self, path: str, *, recursive: bool) -> None:
        from inotifyrecursive import INotify, flags

        wanted = flags.CREATE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO
        wanted |= flags.MODIFY | flags.CLOSE_WRITE | flags.ATTRIB
        self.watcher = INotify()
        self.watcher.add_watch_recursive(path, wanted)

    def drain(self, last: str) -> None:
        count = 0
        get_path = self.watcher.get_path
        try:
            while True:
                for event in self.watcher.read():
                    count += 1
                    if get_path(event.wd) + "/" + event.name == last:
                        return
        finally:
            self.count = count

    def handle(self, callback: Callback) -> None:
        while True:
            for event in self.watcher.read():
                callback(self.watcher.get_path(event.wd) + "/" + event.name)


def asyncinotify_in_asyncio(path: str, callback: Callback) -> None:
    """``async for event in inotify``, for which it is made."""
    import asyncio

    async def handle() -> None:
        with Asyncinotify(path, recursive=True).watcher as watcher:
            async for event in watcher:
                callback(str(event.path))

    asyncio.run(handle())


class Asyncinotify(Peer):
    """asyncinotify without a loop (its faster way), with a larger cache_size than its default of 10."""

    name = version_of = "asyncinotify"
    requires = "asyncinotify"
    imports = "import asyncinotify"
    ways: ClassVar[dict[str, Way]] = {"asyncio": asyncinotify_in_asyncio}

    def __init__(self, path: str, *, recursive: bool) -> None:
        import pathlib

        from asyncinotify import Inotify as Flat
        from asyncinotify import Mask, RecursiveInotify

        wanted = Mask.CREATE | Mask.DELETE | Mask.MOVE | Mask.MODIFY | Mask.CLOSE_WRITE | Mask.ATTRIB
        if recursive:
            self.watcher = RecursiveInotify()
            self.watcher.add_recursive_watch(pathlib.Path(path), wanted)
        else:
            self.watcher = Flat()
            self.watcher.add_watch(path, wanted)
        self.watcher.cache_size = 100

    def drain(self, last: str) -> None:
        count = 0
        try:
            for event in self.watcher:
                count += 1
                if str(event.path) == last:
                    return
        finally:
            self.count = count

    def handle(self, callback: Callback) -> None:
        for event in self.watcher:
            callback(str(event.path))


def watchdog_in_asyncio(path: str, callback: Callback) -> None:
    """It has nothing for asyncio: its thread hands each event to the loop, as asyncio documents for threads."""
    import asyncio

    async def handle() -> None:
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Any] = asyncio.Queue()
        watchdog = Watchdog(path, recursive=True)
        watchdog.on_event = lambda event: loop.call_soon_threadsafe(events.put_nowait, event)
        while True:
            event = await events.get()
            callback(event.dest_path or event.src_path)

    asyncio.run(handle())


class Watchdog(Peer):
    """watchdog's Observer with one handler. It adds a DirModified to most events; those are not counted."""

    name = version_of = "watchdog"
    requires = "watchdog"
    imports = "from watchdog.observers import Observer"
    ways: ClassVar[dict[str, Way]] = {"asyncio": watchdog_in_asyncio}

    def __init__(self, path: str, *, recursive: bool) -> None:
        from watchdog.events import FileSystemEventHandler
        from watchdog.observers import Observer

        contender = self

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: Any) -> None:
                contender.on_event(event)

        self.done = threading.Event()
        self.problem: BaseException | None = None
        self.on_event: Callable[[Any], None] = lambda event: None
        self.watcher = Observer()
        self.watcher.schedule(Handler(), path, recursive=recursive)
        self.watcher.start()

    def drain(self, last: str) -> None:
        def on_event(event: Any) -> None:
            if not event.is_directory:
                self.count += 1
                if event.src_path == last:
                    self.done.set()

        self.on_event = on_event
        self.done.wait()
        self.done.clear()

    def handle(self, callback: Callback) -> None:
        def on_event(event: Any) -> None:
            try:
                callback(event.dest_path or event.src_path)
            except BaseException as error:
                self.problem = error
                self.done.set()

        self.on_event = on_event
        self.done.wait()
        if self.problem is not None:
            raise self.problem

    def created(self, callback: Callback) -> None:
        """Call back for each file that is told as created, with its path, for ever."""

        def on_event(event: Any) -> None:
            if event.event_type == "created" and not event.is_directory:
                callback(event.src_path)

        self.on_event = on_event
        self.done.wait()


class WatchdogOnOurs(OnOurs, Watchdog):
    """The same, with our watcher behind watchdog's own classes."""

    name = "watchdog (on ours)"


def watchfiles_in_asyncio(path: str, callback: Callback) -> None:
    """awatch() with the shortest step and without a filter."""
    _watchfiles_in_asyncio(path, callback, watch_filter=None, step=1)


def watchfiles_default_in_asyncio(path: str, callback: Callback) -> None:
    """awatch() with the step it has by default."""
    _watchfiles_in_asyncio(path, callback, watch_filter=None)


def _watchfiles_in_asyncio(path: str, callback: Callback, **options: Any) -> None:
    import asyncio

    from watchfiles import awatch

    async def handle() -> None:
        async for changes in awatch(path, **options):
            for _, changed in changes:
                callback(changed)

    asyncio.run(handle())


class Watchfiles(Peer):
    """watchfiles' RustNotify, which watch() is made of, with the shortest step (default: 50 ms)."""

    name = version_of = "watchfiles"
    requires = "watchfiles"
    imports = "import watchfiles"
    ways: ClassVar[dict[str, Way]] = {"asyncio": watchfiles_in_asyncio}
    counts = "paths"
    step_ms = 1
    never: tuple[str, ...] = ("idle",)

    def __init__(self, path: str, *, recursive: bool) -> None:
        from watchfiles._rust_notify import RustNotify

        self.watcher = RustNotify([path], False, False, 0, recursive, False)

    def _batch(self) -> set[tuple[int, str]]:
        while True:
            changes = self.watcher.watch(1600, self.step_ms, 5000, None)
            if not isinstance(changes, str):
                return changes
            if changes != "timeout":
                raise TimeoutError(changes)

    def drain(self, last: str) -> None:
        paths = set()
        try:
            while last not in paths:
                paths.update([path for _, path in self._batch()])
        finally:
            self.count = len(paths)

    def handle(self, callback: Callback) -> None:
        while True:
            for _, path in self._batch():
                callback(path)

    def created(self, callback: Callback) -> None:
        """Call back for each file that is told as added, with its path, for ever."""
        while True:
            for change, path in self._batch():
                if change == 1 and not os.path.isdir(path):
                    callback(path)


class WatchfilesOnOurs(OnOurs, Watchfiles):
    """The same, with our watcher in the place of RustNotify."""

    name = "watchfiles (on ours)"


class WatchfilesDefault(Watchfiles):
    """watchfiles with the step it has by default."""

    name = "watchfiles (default step)"
    only = ("latency", "idle")
    never = ()
    ways: ClassVar[dict[str, Way]] = {"asyncio": watchfiles_default_in_asyncio}
    step_ms = 50
