"""``async for event in awatch(path)``: a watcher for one loop, in asyncio, uvloop and trio."""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic, overload
from inotify_cffi.watcher import Watcher
from inotify_cffi.watching.asynchronous import AsyncEvents
from inotify_cffi.watching.options import check_known, choose

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType
    from typing import Any

    from typing_extensions import Unpack

    from inotify_cffi.watching.options import Options

__all__ = ["Watching", "awatch"]


class Watching(AsyncEvents[AnyStr], Generic[AnyStr]):
    """What :func:`awatch` returns: events to iterate over, or a watcher to enter. Nothing is watched before.

    Args:
        paths: what to watch.
        options: those of the watcher.

    """

    __slots__ = ("_entered", "_listed", "_paths")

    _watcher: Watcher[AnyStr]

    def __init__(self, paths: tuple[Any, ...], options: Options) -> None:
        self._paths = paths
        self._entered = self._listed = False
        watcher: Any = Watcher(**options)
        # A garbage collector may come to it before it comes to what closes it, which is this.
        watcher._may_be_forgotten = True  # noqa: SLF001
        super().__init__(watcher)

    async def __aenter__(self) -> Watcher[AnyStr]:
        """Return the watcher when all is listed; the loop goes on meanwhile."""
        if self._entered:
            raise RuntimeError("this was entered or iterated over before; call awatch() again")
        self._entered = True
        try:
            for path in self._paths:
                await self._watcher._aadd(path, {}, undo=False)  # noqa: SLF001
        except BaseException:
            self._watcher.close()
            raise
        return self._watcher

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._watcher.close()

    def __aiter__(self) -> Watching[AnyStr]:
        return self

    async def _next_turn(self) -> None:
        if not self._listed:
            await self.__aenter__()
            self._listed = True
        await super()._next_turn()

    async def aclose(self) -> None:
        """Close the watcher; the iteration is over. It waits for nothing."""
        self._watcher.close()

    def __del__(self) -> None:
        # As a generator: who leaves the loop by break has closed it.
        watcher = getattr(self, "_watcher", None)
        if watcher is not None:
            watcher.close()


@overload
def awatch(*paths: str | PathLike[str], **options: Unpack[Options]) -> Watching[str]: ...


@overload
def awatch(*paths: bytes | PathLike[bytes], **options: Unpack[Options]) -> Watching[bytes]: ...


def awatch(*paths: Any, **options: Unpack[Options]) -> Watching[Any]:
    """Iterate over what happens at and below some directories, in asyncio or trio.

    ``async for event in awatch("/srv/in")`` lists the directories at its first step, in turns of some
    milliseconds, so that all else in the loop goes on. The watcher is closed when nothing refers to the iteration
    any more: as soon as it is left (on PyPy: some time later). To know when all is listed, to have the watcher
    itself, and to have it closed at once: ``async with awatch("/srv/in") as watcher``, then
    ``async for event in watcher``.

    Args:
        paths: directories or files; str, bytes or PathLike.
        options: those of :class:`Watcher`.

    Raises what the constructor of Watcher raises; of the options here, of the paths at the first step.

    """
    check_known(options, "awatch")
    return Watching(paths, options)


awatch.__wrapped__ = choose  # type: ignore[attr-defined]
