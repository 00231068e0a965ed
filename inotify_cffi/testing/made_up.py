"""What stands for the watcher where events are made up: it watches nothing, and knows what the events say."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Callable, Dict, Mapping, Sequence, Tuple, Union, cast

from inotify_cffi.errors import MirrorError
from inotify_cffi.mirror import Mirror

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent, Event

__all__ = ["MadeUpWatcher"]

AnyPath = Union[str, bytes]


class MadeUpWatcher:
    """The watcher that a plugin is given for events that are made up.

    It has of a :class:`~inotify_cffi.Watcher` what plugins ask for most, and no more.

    Args:
        entries: what is there before the first event: path to True for a directory.
        roots: the paths that are said to be watched.

    """

    track = "entries"

    def __init__(self, entries: Mapping[str, bool] | Mapping[bytes, bool], roots: Sequence[AnyPath]) -> None:
        self.roots: Tuple[AnyPath, ...] = tuple(roots)
        #: True when a plugin has called :meth:`stop`.
        self.ended = False
        #: What plugins have asked for by :meth:`call_when`: the descriptor, what of it, and the callback.
        self.calls: list[Tuple[int, str, Callable[[], object]]] = []
        # Of bytes as well; the two are never mixed, but in a test that does so.
        self._mirror = Mirror(cast("Mapping[str, bool]", entries))

    def __getattr__(self, name: str) -> object:
        """Say what to do instead. Raises AttributeError."""
        raise AttributeError(f"a made-up watcher has no {name!r}; inotify_cffi.testing.temporary_watcher() has")

    def snapshot(self) -> Dict[AnyPath, bool]:
        """Return what there is after the events so far: path to True for a directory."""
        return cast("Dict[AnyPath, bool]", self._mirror.paths())

    def __contains__(self, path: AnyPath) -> bool:
        """Return True if there is such an entry after the events so far."""
        return path in cast("Mirror[AnyPath]", self._mirror)  # type: ignore[type-var]

    def stop(self) -> None:
        """Note that a plugin wants the end."""
        self.ended = True

    def call_when(self, fd: int, what: str, callback: Callable[[], object]) -> None:
        """Note what a plugin wants to be called for; a test calls it when it pleases."""
        self.calls.append((fd, what, callback))

    def happened(self, events: Sequence[AnyEvent]) -> None:
        """Change the snapshot as the events say; what they do not fit is left as it is."""
        for event in events:
            with suppress(MirrorError):
                self._mirror.apply([cast("Event[str]", event)])
