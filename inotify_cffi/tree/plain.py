"""Apply and tell the most common events many at a time: of files in directories that are at one place.

A file was created, deleted, changed or looked at, the ledger has or lacks it as the event says, and nothing else
hangs on it. Whatever is not as simple as that ends the run, and ``tree/tree.py`` applies it by itself; so this
module decides nothing that is not decided there, too, and may be left out. It is here because nearly all
events are of this kind. They are applied in C (``csrc/plain.c``), and told as columns.
"""

from __future__ import annotations

from inotify_cffi.base.causes import KERNEL
from inotify_cffi.base.encoding import decoded
from inotify_cffi.ledger.storage import Told
from inotify_cffi.tree.bulk import as_event, told_at_once
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.kernel.buffers import Records
    from inotify_cffi.tree.anchors import Anchors
    from inotify_cffi.tree.ground import Ground

__all__ = ["Plain"]


class Plain:
    """Applies runs of plain events."""

    def __init__(self, ground: Ground, anchors: Anchors) -> None:
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._anchors = anchors
        self._told = Told()
        # Behind how many events that were told before it is to be told.
        self._behind = 0

    def apply(self, records: Records, most: int, *, ends: bool = False) -> int:
        """Take plain events off the front of what waits, *most* at most, apply and tell them; how many.

        *ends*: to hear that a watch has ended that no directory has is of no use to anybody.
        """
        told, anchors, teller = self._told, self._anchors.wds, self._teller
        self.tell()
        if anchors and not any(root.rules.is_plain for root in self._ledger.roots):
            # Nothing is plain, and there may be many ways.
            return 0
        taken = 0
        while True:
            self._behind = len(teller.told)
            try:
                taken += self._ledger.memory.apply(records, most - taken, anchors, told, ends=ends)
            finally:
                # What the ledger has is told, whatever comes in between.
                any_told = self.tell()
            if not told.cdata.full:
                return taken
            if not any_told:
                told.grow()

    def tell(self) -> bool:
        """Tell what was applied and is not told yet, if there is something.

        To be interrupted and called again does no harm.
        """
        told = self._told
        count = told.cdata.count
        if not count:
            return False
        as_bytes = self._is_bytes()
        if count == 1:
            path, name, mask, wd, kind = told.one()
            if as_bytes:
                events = [as_event((path, mask, None, 0, wd, kind, KERNEL, name))]
            else:
                events = [as_event((decoded(path), mask, None, 0, wd, kind, KERNEL, decoded(name)))]
        else:
            events = told_at_once(told, KERNEL, as_bytes=as_bytes)
        self._teller.tell_behind(self._behind, events)
        told.clear()
        return True

    def _is_bytes(self) -> bool:
        """Return True if the roots are bytes; they are all of one type."""
        roots = self._ledger.roots
        return bool(roots) and isinstance(roots[0].given, bytes)
