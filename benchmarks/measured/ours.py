"""The contenders' interface, and this library behind it.

A contender watches when it is made. ``drain`` takes events until one is about *last* and adds to ``count`` how
many there were; its loop is written out, so that nothing of ours stands between the library and the clock. It is
called more than once. ``consume`` does so, and looks at the mask and the path of each event, and at its name if
it is asked to.
``handle`` calls back for each event, for ever. Both look at the full path of each event, whatever that costs.
``ways`` are other ways to be called back, each a function that watches a path by itself, for ever.
"""

from __future__ import annotations

import os
from typing import Any, Callable, ClassVar

Callback = Callable[[str], object]
Way = Callable[[str, Callback], object]


def by_reading(path: str, callback: Callback) -> None:
    """Watcher.read(), whole batches."""
    from inotify_cffi import Watcher

    with Watcher(path) as watcher:
        while True:
            for event in watcher.read():
                callback(event.path)


def by_hook(path: str, callback: Callback) -> None:
    """A plugin with the hook of all events, in Dispatcher.run()."""
    from inotify_cffi import Dispatcher, Watcher, hookimpl

    class Plugin:
        @hookimpl
        def inotify_event(self, event: Any) -> None:
            callback(event.path)

    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    with Watcher(path) as watcher:
        dispatcher.run(watcher)


async def _awatch(path: str, callback: Callback) -> None:
    from inotify_cffi import awatch

    async for event in awatch(path):
        callback(event.path)


def in_asyncio(path: str, callback: Callback) -> None:
    """awatch() in asyncio."""
    import asyncio

    asyncio.run(_awatch(path, callback))


def in_trio(path: str, callback: Callback) -> None:
    """awatch() in trio."""
    import trio

    trio.run(_awatch, path, callback)


class Ours:
    """inotify_cffi.Watcher: read() for batches, iteration for each event."""

    name = "inotify_cffi"
    requires = "inotify_cffi"
    imports = "import inotify_cffi; inotify_cffi.Watcher"
    version_of = "inotify_cffi"
    knows_entries = True
    consumes = True
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    # What drain counts when nothing is lost: "events", or "paths" for those that merge events.
    counts = "events"
    count = 0
    ways: ClassVar[dict[str, Way]] = {"read": by_reading, "hook": by_hook, "asyncio": in_asyncio, "trio": in_trio}

    # Of the watcher.
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, path: str, *, recursive: bool, opens: bool = False) -> None:
        from inotify_cffi import Mask, Watcher

        more = {"mask": Mask.CHANGES | Mask.OPEN} if opens else {}
        self.watcher: Any = Watcher(path, recursive=recursive, **self.options, **more)

    def drain(self, last: str) -> None:
        count = 0
        read = self.watcher.read
        try:
            while True:
                for event in read():
                    count += 1
                    if event.path == last:
                        return
        finally:
            self.count = count

    def consume(self, last: str, *, names: bool) -> None:
        count = 0
        last_name = os.path.basename(last)
        read = self.watcher.read
        try:
            while names:
                for event in read():
                    count += 1
                    mask = event.mask
                    path = event.path
                    name = event.name
                    if name == last_name and path == last and mask:
                        return
            while True:
                for event in read():
                    count += 1
                    mask = event.mask
                    path = event.path
                    if path == last and mask:
                        return
        finally:
            self.count = count

    def handle(self, callback: Callback) -> None:
        for event in self.watcher:
            callback(event.path)


class OurReadAhead(Ours):
    """inotify_cffi.Watcher with read_ahead: a thread empties the queue meanwhile, if a core is free."""

    name = "inotify_cffi (read_ahead)"
    only = ("drain", "drain-tree", "latency")
    ways: ClassVar[dict[str, Way]] = {}
    options: ClassVar[dict[str, Any]] = {"read_ahead": 16 << 20}


class OurDirectories(Ours):
    """inotify_cffi.Watcher with track="directories": no names of files."""

    name = "inotify_cffi (directories)"
    knows_entries = False
    only = ("drain", "drain-tree", "crawl", "memory")
    ways: ClassVar[dict[str, Way]] = {}
    options: ClassVar[dict[str, Any]] = {"track": "directories"}


class Looking:
    """What a plugin that looks at events knows."""

    count = 0
    last = last_name = ""


class OurHook(Ours):
    """inotify_cffi.Dispatcher: a plugin that takes each event."""

    name = "inotify_cffi (hook)"
    only = ("drain", "drain-tree", "consumer")
    ways: ClassVar[dict[str, Way]] = {}
    consumer: Any = None

    def __init__(self, path: str, *, recursive: bool, opens: bool = False) -> None:
        super().__init__(path, recursive=recursive, opens=opens)
        self.run_with(self.make_plugin())

    def run_with(self, plugin: Any) -> None:
        from inotify_cffi import Dispatcher

        self.plugin = plugin
        self.dispatcher = Dispatcher()
        self.dispatcher.register(plugin)

    def make_plugin(self) -> Any:
        from inotify_cffi import hookimpl

        class Plugin:
            count = 0
            last = ""

            @hookimpl
            def inotify_event(self, event: Any) -> None:
                self.count += 1
                if event.path == self.last:
                    # The watcher is needed once more; so it is left, and not stopped.
                    raise KeyboardInterrupt

        return Plugin()

    def make_consumer(self, *, names: bool) -> Any:
        from inotify_cffi import hookimpl

        class Names(Looking):
            @hookimpl
            def inotify_event(self, event: Any) -> None:
                self.count += 1
                mask = event.mask
                path = event.path
                name = event.name
                if name == self.last_name and path == self.last and mask:
                    raise KeyboardInterrupt

        class Paths(Looking):
            @hookimpl
            def inotify_event(self, event: Any) -> None:
                self.count += 1
                mask = event.mask
                path = event.path
                if path == self.last and mask:
                    raise KeyboardInterrupt

        return Names() if names else Paths()

    def drain(self, last: str) -> None:
        plugin = self.plugin
        plugin.count, plugin.last = 0, last
        try:
            self.dispatcher.run(self.watcher)
        except KeyboardInterrupt:
            pass
        finally:
            self.count = plugin.count

    def consume(self, last: str, *, names: bool) -> None:
        if self.consumer is None:
            self.consumer = self.make_consumer(names=names)
            self.run_with(self.consumer)
        self.consumer.last_name = os.path.basename(last)
        self.drain(last)


class OurBatchHook(OurHook):
    """inotify_cffi.Dispatcher: a plugin that takes whole batches."""

    name = "inotify_cffi (batch hook)"

    def make_plugin(self) -> Any:
        from inotify_cffi import hookimpl

        class Plugin:
            count = 0
            last = ""

            @hookimpl
            def inotify_events(self, events: Any) -> None:
                self.count += len(events)
                for event in events:
                    if event.path == self.last:
                        raise KeyboardInterrupt

        return Plugin()

    def make_consumer(self, *, names: bool) -> Any:
        from inotify_cffi import hookimpl

        class Names(Looking):
            @hookimpl
            def inotify_events(self, events: Any) -> None:
                self.count += len(events)
                last, last_name = self.last, self.last_name
                for event in events:
                    mask = event.mask
                    path = event.path
                    name = event.name
                    if name == last_name and path == last and mask:
                        raise KeyboardInterrupt

        class Paths(Looking):
            @hookimpl
            def inotify_events(self, events: Any) -> None:
                self.count += len(events)
                last = self.last
                for event in events:
                    mask = event.mask
                    path = event.path
                    if path == last and mask:
                        raise KeyboardInterrupt

        return Names() if names else Paths()


class OurColumns(Ours):
    """inotify_cffi.Instance.read_columns: what the kernel said, without objects."""

    name = "inotify_cffi (columns)"
    only = ("drain",)

    def __init__(self, path: str, *, recursive: bool) -> None:
        from inotify_cffi import Instance, Mask

        self.instance: Any = Instance()
        self.instance.add_watch(path, int(Mask.CHANGES))

    def drain(self, last: str) -> None:
        ending = os.fsencode(os.path.basename(last)) + b"\0"
        read = self.instance.read_columns
        while True:
            columns = read()
            if columns is None:
                continue
            self.count += len(columns.wds)
            if columns.names.endswith(ending):
                return
