"""What a watcher has handed out, to be kept; and to go on from there when another one is made."""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.errors import BusyError
from inotify_cffi.events import ITSELF, Event
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic, cast
from inotify_cffi.watching.contents import WithContents

if TYPE_CHECKING:
    from os import PathLike
    from typing import Any

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.ledger.saved import Saved, SavedEvent

__all__ = ["Saving"]

# Told whatever is asked for; and what the next watcher finds out for itself.
ALWAYS = bits.Q_OVERFLOW | bits.IN_SYNC | bits.UNMOUNT
OF_THIS_ONE = bits.UNWATCHED | bits.WATCHED


class Saving(WithContents[AnyStr], Generic[AnyStr]):
    """What saves, and goes on from what was saved."""

    def save(self, file: str | bytes | PathLike[str] | PathLike[bytes] | None = None) -> bytes:
        """Return a state for ``since=`` of a later watcher: what was handed out up to now, and the tree by that.

        What was told and not handed out yet is in it, and comes first then; so call it when what was handed out
        has been dealt with. A file that was changed in the two seconds before is told once more. While the tree is
        copied nobody else gets on: some 50 ms for 100,000 entries.

        Args:
            file: where to put it as well: whole or not at all, and on the disk when this returns.

        Raises:
            ValueError: a root has no *keep_stat*, without which nobody knows what a file was.
            BusyError: it was called in the middle of a step, while :meth:`aadd` lists a directory, or when of the
                two halves of a move only the first was handed out, one by one: :meth:`read` has both.
            OSError: the file can not be written; the one that was there stays.
            ClosedError: the watcher is closed.

        """
        from inotify_cffi.ledger.saved import pack

        state = pack(self._step(self._saved))
        if file is not None:
            from inotify_cffi.watching.statefile import write_state

            write_state(file, state)
        return state

    def _saved(self) -> Saved:
        from inotify_cffi.ledger.saved import Saved

        tree = self._tree
        if tree.is_adding:
            raise BusyError("aadd() is listing a directory, which can not be saved half-way; await it first")
        without = [root.given for root in tree.ledger.roots if not root.rules.keep_stat]
        if without:
            raise ValueError(f"{without[0]!r} can not be saved: give keep_stat=True, or since= to begin with")
        roots, told, is_gap = tree.save()
        events = cast("list[AnyEvent]", self._ready[::-1])
        events += told
        asked = ALWAYS
        for _, mask in self._asked():
            asked |= mask
        if events and asked & bits.MOVED_FROM and events[0].moved_from is not None:
            raise BusyError("half of a move was handed out; take the event that follows, and save then")
        return Saved(tuple(roots), self._to_keep(events, asked & ~(OF_THIS_ONE | bits.ISDIR)), is_gap)

    def _to_keep(self, events: list[AnyEvent], asked: int) -> tuple[SavedEvent, ...]:
        """Return the events that are to be handed out by the next watcher: not what only a dispatcher asks for."""
        from inotify_cffi.ledger.saved import SavedEvent

        return tuple(
            [
                SavedEvent(event.path, event.mask, event.moved_from, event.cookie, event[5] == ITSELF)
                for event in events
                if event.mask & asked
            ]
        )

    def _go_on_from(self, saved: Saved) -> None:
        """Have ready what was told by the watcher before and not handed out."""
        from inotify_cffi.base import causes

        events: list[Any] = []
        for path, mask, moved_from, cookie, is_itself in saved.events:
            event: Event[Any] = Event.of(path, mask, moved_from=moved_from, cookie=cookie, cause=causes.RESTART)
            events.append(Event((*event[:5], ITSELF, event[6], path[:0])) if is_itself else event)
        events.reverse()
        if saved.is_gap:
            self._tree.reopen_gap()
        # One line, see handout.py.
        self._ready[:] = events; self._owes_wake = bool(events)  # noqa: E702  # fmt: skip
        if events:
            self._poller.wake()
