"""pyinotify's notifiers that run by themselves: in a thread, or in an event loop."""

from __future__ import annotations

import os
import select
import threading
from typing import TYPE_CHECKING, Any, Callable

from inotify_cffi.compat.pyinotify_notifier import Notifier

if TYPE_CHECKING:
    from inotify_cffi.compat.pyinotify_watches import WatchManager

__all__ = ["AsyncioNotifier", "ThreadedNotifier", "TornadoAsyncNotifier"]


class ThreadedNotifier(threading.Thread, Notifier):
    """A notifier that does all that in a thread of its own; the arguments are the same."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        threading.Thread.__init__(self)
        Notifier.__init__(self, *arguments, **options)
        self._ended = threading.Event()
        self._ends = os.pipe2(os.O_CLOEXEC)
        self._poll.register(self._ends[0], select.POLLIN)

    def run(self) -> None:
        """Process events until :meth:`stop`."""
        self.loop()

    def loop(self) -> None:  # type: ignore[override]
        """Process events until :meth:`stop`; called in the thread."""
        while not self._ended.is_set():
            self.process_events()
            if not self._ended.is_set():
                self._turn()

    def _rest(self, seconds: float) -> None:
        self._ended.wait(seconds)

    def stop(self) -> None:
        """End the thread, wait for it unless it is this one, and free the inotify instance."""
        if self._ended.is_set():
            return
        self._ended.set()
        os.write(self._ends[1], b"!")
        if self.is_alive() and threading.current_thread() is not self:
            self.join()
        self._poll.unregister(self._ends[0])
        Notifier.stop(self)
        for fd in self._ends:
            os.close(fd)


class AsyncioNotifier(Notifier):
    """A notifier in an event loop of asyncio.

    Args:
        watch_manager: whose events.
        loop: the event loop.
        callback: called with the notifier after events were processed.
        more, options: those of :class:`Notifier` behind its first one.

    """

    def __init__(
        self,
        watch_manager: WatchManager,
        loop: Any,
        callback: Callable[[Any], object] | None = None,
        *more: Any,
        **options: Any,
    ) -> None:
        Notifier.__init__(self, watch_manager, *more, **options)
        self.loop = loop  # type: ignore[method-assign]  # pyinotify's name
        self.handle_read_callback = callback
        loop.add_reader(self._fd, self.handle_read)

    def handle_read(self, *_arguments: object) -> None:
        """Process what has come."""
        self.read_events()
        self.process_events()
        if self.handle_read_callback is not None and self._fd >= 0:
            self.handle_read_callback(self)

    def stop(self) -> None:
        """Leave the loop, and free the inotify instance."""
        if self._fd >= 0:
            loop: Any = self.loop
            loop.remove_reader(self._fd)
        Notifier.stop(self)


class TornadoAsyncNotifier(AsyncioNotifier):
    """A notifier in an IOLoop of tornado; the arguments are those of :class:`AsyncioNotifier`."""

    def __init__(
        self,
        watch_manager: WatchManager,
        ioloop: Any,
        callback: Callable[[Any], object] | None = None,
        *more: Any,
        **options: Any,
    ) -> None:
        Notifier.__init__(self, watch_manager, *more, **options)
        self.io_loop = ioloop
        self.handle_read_callback = callback
        ioloop.add_handler(self._fd, self.handle_read, ioloop.READ)

    def stop(self) -> None:
        """Leave the loop, and free the inotify instance."""
        if self._fd >= 0:
            self.io_loop.remove_handler(self._fd)
        Notifier.stop(self)
