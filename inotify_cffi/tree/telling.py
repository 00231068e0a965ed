"""What is to be told, and the change of the ledger that it is of: the ground that the verbs stand on.

An exception of a signal handler may come between the two. So each change of the ledger is noted first, then told,
then made: whoever was interrupted sees by the ledger whether it was made, and if not takes back what was told.
Which events the consumer asked for is decided here, and for the most common ones in ``tree/plain.py``.
"""

from __future__ import annotations

import os

from inotify_cffi.base import bits, causes
from inotify_cffi.events import AN_ENTRY, AN_ENTRY_BEHIND_A_SLASH, Event, about_itself
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, Tuple

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.ledger.ledger import Ledger
    from inotify_cffi.ledger.nodes import Node, Place, Root

__all__ = ["Telling", "as_in", "join", "which"]

ISDIR = bits.ISDIR
OVERFLOW = bits.Q_OVERFLOW


class Telling:
    """Owns what is to be told, in order."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        # What is told and not taken yet; whoever takes it puts another list in its place.
        self.told: list[AnyEvent] = []
        # Set while a root is listed for the first time: then the ledger is filled and nothing is told.
        self.silent = False
        # Why is told what no event of the kernel's says: of a look or a listing that is under way.
        self.cause = causes.LOOK
        # The change of the ledger that is under way: how many events were told before it, whether it is made, and
        # whether it is what the kernel reported. A tuple without names, for each change makes one.
        self._change: Tuple[int, Callable[[], bool], bool] | None = None
        # How often directories were taken out of the ledger.
        self.taken_out = 0
        # Of the raw event that is applied: how many were told before it, and whether it itself was told.
        self._before = 0
        self._said = False

    def __len__(self) -> int:
        return len(self.told)

    # --- interruptions ---

    def begin(self) -> None:
        """A raw event is going to be applied."""
        self._before = len(self.told)
        self._said = False

    def go_on(self) -> None:
        """One is going to be applied on, of which a part was applied, and what was told may have been taken."""
        self._before = len(self.told)

    def make_good(self) -> bool:
        """Undo or finish what was interrupted; True if the raw event that is applied is still to be told."""
        self.silent = False
        self.cause = causes.LOOK
        change = self._change
        if change is not None:
            before, is_made, is_raw = change
            if is_made():
                self._said = self._said or is_raw
            else:
                del self.told[before:]
            self._change = None
        return not self._said and all(event.synthetic for event in self.told[self._before :])

    def _tell(self, events: list[AnyEvent], is_made: Callable[[], bool], *, is_raw: bool) -> None:
        """Tell what comes of a change, right before that is made; to be followed by :meth:`_made`."""
        self._change = (len(self.told), is_made, is_raw)
        self.told += events

    def _made(self, *, is_raw: bool) -> None:
        if is_raw:
            self._said = True
        self._change = None

    def tell_behind(self, count: int, events: list[AnyEvent]) -> None:
        """Tell what :mod:`~inotify_cffi.tree.plain` has applied, with the same rules; once, if it is told again.

        *count* is how many events were told before it.
        """
        self.told[count:] = events

    def _kind_of_itself(self, node: Node) -> int:
        """Return ISDIR, or 0 for a root that is a file."""
        return 0 if node.parent is None and self._ledger.place(node).root.is_file else ISDIR

    def _root(self, parent: Node) -> Root:
        return self._ledger.place(parent).root

    def _kind_of(self, parent: Node, node: Node | None) -> int:
        return self._kind(parent, is_dir=node is not None, link=node is not None and node.link)

    def _kind(self, parent: Node, *, is_dir: bool, link: bool) -> int:
        """Return ISDIR for a directory; for a link that is followed unless it is to be told as the kernel does."""
        if not is_dir or (link and self._ledger.place(parent).root.raw):
            return 0
        return ISDIR

    def _everywhere(self, mask: int) -> list[AnyEvent]:
        roots: list[Root] = self._ledger.roots
        empty = b"" if roots and isinstance(roots[0].given, bytes) else ""
        cause = causes.KERNEL if mask == OVERFLOW else causes.LOSS
        return [about_itself(empty, mask, -1, cause)]

    def _events(
        self,
        parent: Node,
        name: str,
        mask: int,
        *,
        cookie: int = 0,
        moved_from: str | bytes | None = None,
        cause: int = causes.KERNEL,
        wd: int | None = None,
    ) -> list[AnyEvent]:
        """Return the event of an entry, if it is to be told; *wd*, if that is not its directory's."""
        place = self._ledger.place(parent)
        if self.silent or not mask & ~ISDIR & place.root.asked:
            return []
        prefix = place.prefix
        wd = parent.wd if wd is None else wd
        if isinstance(prefix, str):
            old = os.fsdecode(moved_from) if isinstance(moved_from, bytes) else moved_from
            return [Event((prefix + name, mask, old, cookie, wd, which(place), cause, name))]
        bold = os.fsencode(moved_from) if isinstance(moved_from, str) else moved_from
        bname = os.fsencode(name)
        return [Event((prefix + bname, mask, bold, cookie, wd, which(place), cause, bname))]

    def _add(self, event: AnyEvent) -> None:
        self.told.append(event)


def which(place: Place) -> int:
    """Return where in the path of an event of an entry its name begins."""
    directory = place.root.shown if place.root.is_file else place.path
    return AN_ENTRY if len(place.prefix) > len(directory) or not place.prefix else AN_ENTRY_BEHIND_A_SLASH


def join(prefix: str | bytes, name: str) -> str | bytes:
    """Return the path of a name behind the prefix of the directory that it is in."""
    return prefix + name if isinstance(prefix, str) else prefix + os.fsencode(name)


def as_in(path: str | bytes, name: str) -> str | bytes:
    """Return a name as it is in a path: of the same type."""
    return name if isinstance(path, str) else os.fsencode(name)
