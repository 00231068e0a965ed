"""Wait in asyncio (or uvloop) or in trio: for a descriptor, or until the others had their turn.

Neither is imported here: which of them runs was imported by whoever runs it.
"""

from __future__ import annotations

import sys

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Callable, TypeVar

    Result = TypeVar("Result")

__all__ = ["in_thread", "pause", "readable", "shielded", "task"]

# A timer of uvloop has no room for much longer ones.
LONGEST_S = 3600.0


def _running() -> str:
    """Return ``"asyncio"`` or ``"trio"``, the one that the caller runs in; empty for neither."""
    # Where both run, one in the other, only sniffio knows; trio brings it.
    sniffio: Any = sys.modules.get("sniffio")
    if sniffio is not None:
        try:
            name: str = sniffio.current_async_library()
        except sniffio.AsyncLibraryNotFoundError:
            pass
        else:
            return name
    if _trio_task() is not None:
        return "trio"
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is not None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return ""
        return "asyncio"
    return ""


def _library() -> str:
    name = _running()
    if name not in ("asyncio", "trio"):
        raise RuntimeError(f"this has to be awaited in asyncio or trio, not in {name or 'neither'}")
    return name


def _trio_task() -> object:
    trio: Any = sys.modules.get("trio")
    if trio is None:
        return None
    try:
        return trio.lowlevel.current_task()
    except (RuntimeError, AttributeError):
        return None


def task() -> object:
    """Return the task that the caller runs in; None if it is in none."""
    found = _trio_task()
    if found is not None:
        return found
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        return asyncio.current_task()
    except (RuntimeError, AttributeError):
        return None


async def pause() -> None:
    """Let all others have a turn; raises what the loop raises where the task is cancelled."""
    if _library() == "trio":
        await sys.modules["trio"].lowlevel.checkpoint()
    else:
        await sys.modules["asyncio"].sleep(0)


async def readable(fd: int, timeout: float | None) -> None:
    """Wait until *fd* is readable or *timeout* seconds are over; None: no end. It may end before for no reason."""
    if _library() == "trio":
        trio = sys.modules["trio"]
        with trio.move_on_after(float("inf") if timeout is None else timeout):
            await trio.lowlevel.wait_readable(fd)
    else:
        await _asyncio_readable(fd, timeout)


async def _asyncio_readable(fd: int, timeout: float | None) -> None:
    loop = sys.modules["asyncio"].get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    timer = None if timeout is None else loop.call_later(min(timeout, LONGEST_S), wake)
    loop.add_reader(fd, wake)
    try:
        await ready
    finally:
        loop.remove_reader(fd)
        if timer is not None:
            timer.cancel()


async def in_thread(function: Callable[[], Result]) -> Result:
    """Call what blocks in a thread, and wait for its end, even if the task is cancelled meanwhile (in trio)."""
    if _library() == "trio":
        result: Result = await sys.modules["trio"].to_thread.run_sync(function)
        return result
    done: Result = await sys.modules["asyncio"].to_thread(function)
    return done


def shielded() -> Any:
    """Return a context in which what is awaited is not cancelled; asyncio itself cancels once, and needs none."""
    if _library() == "trio":
        return sys.modules["trio"].CancelScope(shield=True)
    if "anyio" in sys.modules:
        # Its scopes cancel again and again, in asyncio as well.
        return sys.modules["anyio"].CancelScope(shield=True)
    from contextlib import nullcontext

    return nullcontext()
