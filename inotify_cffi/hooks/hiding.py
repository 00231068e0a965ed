"""What a dispatcher reads for itself, and no plugin is given: events nobody asked for, its own looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Tuple

from inotify_cffi.base import bits
from inotify_cffi.errors import ClosedError, ForkError

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.hooks.specs import AnyWatcher

__all__ = ["Hiding"]

LOOKED = bits.OPEN | bits.CLOSE_NOWRITE


class Hiding:
    """Asks a watcher for more kinds of events than its user did, and says which of them are to be hidden."""

    def __init__(self) -> None:
        self._watcher: AnyWatcher | None = None
        self._mask = 0
        # What the user asked for of each root, as far as it is not all that is read; the longest path first.
        self._asked: list[Tuple[str | bytes, int]] = []
        self._tells_looks = False
        # Of the files that were looked at: the flags of the events of ours that are to come.
        self._looks: Dict[str | bytes, int] = {}

    def begin(self, watcher: AnyWatcher, mask: int) -> None:
        """Have the kinds of *mask* read, too; 0: no more than the user asked for."""
        if watcher is self._watcher and mask == self._mask:
            return
        self.end()
        self._watcher, self._mask = watcher, mask
        watcher._ask_also(mask)  # noqa: SLF001

    def end(self) -> None:
        """Have no more read than what the user asked for, and forget what is to be hidden."""
        watcher, self._watcher = self._watcher, None
        if watcher is None:
            return
        ready: list[AnyEvent] = watcher._ready  # type: ignore[assignment]  # noqa: SLF001
        if self.hides_any(watcher):
            ready[:] = [event for event in ready if not self.hides(event)]
        self._mask, self._asked, self._looks, self._tells_looks = 0, [], {}, False
        try:
            watcher._ask_also(0)  # noqa: SLF001
        except (ClosedError, ForkError):
            return

    def hides_any(self, watcher: AnyWatcher) -> bool:
        """Take note of what the user asks for now; True if something that is read is to be hidden."""
        if not self._mask:
            # No more is read than what was asked for, and no file is looked at.
            return False
        asked = watcher._asked()  # noqa: SLF001
        self._tells_looks = any(mask & LOOKED for _, mask in asked)
        is_more = any(self._mask & ~mask for _, mask in asked)
        self._asked = sorted(asked, key=_length, reverse=True) if is_more else []
        return is_more or bool(self._looks)

    def hides(self, event: AnyEvent) -> bool:
        """Return True if no plugin is to be given an event."""
        kinds = event.mask & bits.ALL
        if kinds & LOOKED and event.path in self._looks:
            return self._is_ours(event.path, kinds)
        if not kinds or not self._asked:
            return False
        return not kinds & self._asked_of(event.path)

    def looked_at(self, path: str | bytes) -> None:
        """Note that a file is opened for reading and closed here."""
        if self._tells_looks:
            self._looks[path] = LOOKED

    def _is_ours(self, path: str | bytes, kinds: int) -> bool:
        left = self._looks[path]
        if not left & kinds:
            return False
        left &= ~kinds
        if left:
            self._looks[path] = left
        else:
            del self._looks[path]
        return True

    def _asked_of(self, path: str | bytes) -> int:
        if len(self._asked) > 1:
            for root, mask in self._asked:
                if path.startswith(root):  # type: ignore[arg-type]
                    return mask
        return self._asked[-1][1]


def _length(asked: Tuple[str | bytes, int]) -> int:
    return len(asked[0])
