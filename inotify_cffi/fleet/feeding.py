"""Hand the events of a stream to hooks, so that a plugin need not know whether its events are local."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Dict, Iterable, Sequence, Tuple, cast

from inotify_cffi.errors import InotifyError

if TYPE_CHECKING:
    from inotify_cffi.hooks.dispatch import Dispatcher
    from inotify_cffi.hooks.specs import AnyWatcher
    from inotify_cffi.jsonlines import JournalEvent

__all__ = ["RemoteTree", "as_watcher", "feed"]


class RemoteTree:
    """Stands where hooks get the watcher: the tree of one host, of which only what changes is known here.

    Args:
        host: whose it is; empty for all, at the start and the end.
        stop: ends the following.

    """

    ended = False
    roots: Tuple[str, ...] = ()
    track = "entries"

    def __init__(self, host: str, stop: Callable[[], None]) -> None:
        self.host = host
        self._stop = stop

    def stop(self) -> None:
        """End the following, after the batch at hand."""
        self._stop()

    def call_when(self, fd: int, what: str, callback: Callable[[], object]) -> None:
        """Do nothing: who follows looks itself whether anybody reads."""

    def snapshot(self) -> Dict[str, bool]:
        """Raise InotifyError: a stream has what changed, not what is there; a Mirror makes one of the other."""
        raise InotifyError("what comes out of a stream has no snapshot; make a Mirror of its events")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.host!r}>"


def feed(
    dispatcher: Dispatcher,
    batches: Iterable[Tuple[str, Sequence[JournalEvent[str]]]],
    stop: Callable[[], None],
) -> None:
    """Start, hand out all batches, and stop. ``inotify_settled`` is not called, for the files are not here.

    Args:
        dispatcher: the plugins.
        batches: the host and events of it, again and again.
        stop: ends the batches.

    Raises:
        KeyboardInterrupt, SystemExit, PluginError: from a plugin, after ``inotify_stop`` was called.

    """
    trees: Dict[str, AnyWatcher] = {}
    everywhere = as_watcher("", stop)
    dispatcher.settles = False
    dispatcher.start(everywhere)
    try:
        for host, events in batches:
            if host not in trees:
                trees[host] = as_watcher(host, stop)
            dispatcher.dispatch(events, trees[host])
    finally:
        dispatcher.stop(everywhere)


def as_watcher(host: str, stop: Callable[[], None]) -> AnyWatcher:
    """Return what hooks get for the watcher."""
    return cast("AnyWatcher", RemoteTree(host, stop))
