"""Tell a rename that no event told: what was seen of a file says that it is the one that had another name."""

from __future__ import annotations

from inotify_cffi.base import bits
from inotify_cffi.tree.teller import Teller
from inotify_cffi.tree.telling import join
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.ledger.nodes import Node

__all__ = ["Renaming"]

MOVED_FROM = bits.MOVED_FROM
MOVED_TO = bits.MOVED_TO


class Renaming(Teller):
    """A teller with this verb, too."""

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
