"""A batch of events as columns: for those who handle it by one call of C a column, and not event by event.

Each column is made when it is first asked for, and then shared by all plugins that are given the batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Sequence

from inotify_cffi.events import AN_ENTRY

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent

__all__ = ["Columns"]


class Columns:
    """The fields of a batch of events, a list for each; not to be changed.

    Args:
        events: the batch.

    """

    __slots__ = (
        "_causes",
        "_cookies",
        "_masks",
        "_moved_from",
        "_names",
        "_paths",
        "_watch_paths",
        "events",
    )

    def __init__(self, events: Sequence[AnyEvent]) -> None:
        self.events = events
        self._paths: List[str | bytes] | None = None
        self._masks: List[int] | None = None
        self._moved_from: List[str | bytes | None] | None = None
        self._cookies: List[int] | None = None
        self._causes: List[int] | None = None
        self._names: List[str | bytes] | None = None
        self._watch_paths: List[str | bytes] | None = None

    def __len__(self) -> int:
        return len(self.events)

    @property
    def paths(self) -> List[str | bytes]:
        """The full paths."""
        if self._paths is None:
            self._paths = [event.path for event in self.events]
        return self._paths

    @property
    def masks(self) -> List[int]:
        """The flags, as integers."""
        if self._masks is None:
            self._masks = [event.mask for event in self.events]
        return self._masks

    @property
    def moved_from(self) -> List[str | bytes | None]:
        """The full old paths; None for what is no move, or whose other half is not known."""
        if self._moved_from is None:
            self._moved_from = [event.moved_from for event in self.events]
        return self._moved_from

    @property
    def cookies(self) -> List[int]:
        """The numbers that join the two halves of moves; 0 for all else."""
        if self._cookies is None:
            self._cookies = [event.cookie for event in self.events]
        return self._cookies

    @property
    def causes(self) -> List[int]:
        """Why each is told, as integers: the values of ``Cause``; 0 for what the kernel reported."""
        if self._causes is None:
            self._causes = [event[6] for event in self.events]
        return self._causes

    @property
    def names(self) -> List[str | bytes]:
        """The entries in the watched directories; empty where an event is about the directory itself."""
        if self._names is None:
            self._names = [event.name for event in self.events]
        return self._names

    @property
    def watch_paths(self) -> List[str | bytes]:
        """The paths of the watched directories that reported the events."""
        if self._watch_paths is None:
            kinds = [event[5] for event in self.events]
            is_usual = kinds.count(AN_ENTRY) == len(kinds) and set(map(type, self.paths)) == {str}
            self._watch_paths = (
                [path.rpartition("/")[0] for path in self.paths]  # type: ignore[arg-type]
                if is_usual
                else [event.watch_path for event in self.events]
            )
        return self._watch_paths
