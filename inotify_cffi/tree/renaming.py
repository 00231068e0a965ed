"""Tell renames that are no moves as any other: that no event told, or of which nothing is to be asked."""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.base.causes import KERNEL
from inotify_cffi.events import Event
from inotify_cffi.tree.teller import Teller
from inotify_cffi.tree.telling import as_in, join, which
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.ledger.nodes import Node, Place
    from inotify_cffi.tree.moves import Raw

__all__ = ["Renaming"]

MOVED_FROM = bits.MOVED_FROM
MOVED_TO = bits.MOVED_TO


class Renaming(Teller):
    """A teller with these verbs, too."""

    def tells_renames(self, parent: Node) -> bool:
        """Return True if both halves of a move were asked for."""
        asked = self._root(parent).asked
        return bool(asked & MOVED_FROM and asked & MOVED_TO)

    def renamed(self, parent: Node, old_name: str, new_name: str) -> None:
        """A listing found a file under a name that the ledger does not have, in the place of one that it has."""
        old_path = join(self._ledger.place(parent).prefix, old_name)
        events = self._events(parent, old_name, MOVED_FROM, cause=self.cause)
        events += self._events(parent, new_name, MOVED_TO, moved_from=old_path, cause=self.cause)
        self._tell(events, lambda: old_name not in parent.children, is_raw=False)
        self._ledger.graft(parent, old_name, parent, new_name)
        self._made(is_raw=False)

    def shifted(self, source: Node, old: Place, first: Raw, parent: Node, second: Raw) -> Node | None:
        """A plain move: what :meth:`moved` tells of it, where there is nothing to choose; the directory.

        *old*: the place of *source*.
        """
        ledger, name = self._ledger, first.name
        new = old if parent is source else ledger.place(parent)
        asked = 0 if self.silent else old.root.asked
        path, where = join(old.prefix, name), which(old)
        events: list[AnyEvent] = []
        if asked & MOVED_FROM:
            own = as_in(path, name)
            events.append(Event((path, first.mask, None, first.cookie, source.wd, where, KERNEL, own)))
        if asked & MOVED_TO:
            target = join(new.prefix, second.name)
            where = where if new is old else which(new)
            own = as_in(target, second.name)
            events.append(Event((target, second.mask, path, second.cookie, parent.wd, where, KERNEL, own)))
        self._tell(events, lambda: name not in source.children, is_raw=True)
        node = ledger.graft(source, name, parent, second.name)
        self._made(is_raw=True)
        return node
