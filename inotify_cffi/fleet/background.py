"""A forwarder in a thread of its own, so that nothing that a network does is felt by who watches."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from inotify_cffi.fleet.forwarding import Forwarder

__all__ = ["Background"]


class Background:
    """Runs a forwarder until it is stopped.

    Args:
        forwarder: the forwarder.
        ended: called in that thread when it has ended, by itself or because it was stopped.

    """

    def __init__(self, forwarder: Forwarder, ended: Callable[[], object] = lambda: None) -> None:
        self.forwarder = forwarder
        self.error: BaseException | None = None
        self._ended = ended
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="forward", daemon=True)
        self._thread.start()

    def join(self, seconds: float | None = None) -> bool:
        """Wait for its end; True if it has ended. A time that is over is no error."""
        # Not Thread.join: one that a signal's handler breaks off takes the thread for ended (CPython 3.11).
        return self._done.wait(seconds)

    def finish(self, seconds: float) -> bool:
        """Let it send what is there for so long, and end it; True if all was sent."""
        self.forwarder.stop()
        if self.join(seconds):
            return self.error is None
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            loop.call_soon_threadsafe(task.cancel)
        self.join(seconds)
        return False

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            # It had its time.
            return
        except BaseException as error:  # noqa: BLE001  # whoever waits raises it
            self.error = error
        finally:
            self._done.set()
            self._ended()

    async def _main(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        await self.forwarder.run()
