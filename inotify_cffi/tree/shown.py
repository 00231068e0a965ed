"""What a listing of a directory has shown, and what is left of it to be applied."""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Iterator, Tuple

    from inotify_cffi.ledger.nodes import Node, Root

__all__ = ["LONG_AGO", "LOOK", "Listing", "Parts", "kind_told"]

# When everything may have been changed since: where times are not by our clock they say nothing.
LONG_AGO = 0.0

# In the place of its kind: a name is to be looked at.
LOOK = "?"


class Listing:
    """One listing of a directory: what it is applied with, and what is found by that."""

    __slots__ = (
        "at_once",
        "is_another",
        "node",
        "parts",
        "replaced",
        "root",
        "seeks_change",
        "since",
        "takes_files",
        "todo",
    )

    def __init__(self, root: Root, node: Node, *, since: float | None, is_another: bool, replaced: bool) -> None:
        self.root = root
        self.node = node
        self.since = since
        # Is it another inode than before, and were there entries of that one?
        self.is_another = is_another
        self.replaced = replaced
        # True if all of it is applied at once: to find a name does not say that it is stored.
        self.at_once = False
        # Are files told and kept, or is it only to be found out whether some have changed?
        self.takes_files = True
        self.seeks_change = False
        # The directories to enter.
        self.todo: list[Node] = []
        # What is left to do of it, if it is not applied at once.
        self.parts: Parts | None = None


class Parts:
    """A listing that is applied in parts: what is left of it."""

    __slots__ = ("has_ended", "is_early", "is_old", "ledgers", "moment", "names", "rest", "shown", "wd")

    def __init__(self, node: Node, names: list[str], rest: int) -> None:
        # It is good for the inode that the node has now.
        self.wd = node.wd
        # Entries to be applied, each its kind and its name, the next at the end.
        self.names = names
        # A descriptor for what was not listed yet, or -1.
        self.rest = rest
        self.has_ended = rest < 0
        # What was done by when; and whether what is shown may be older than something that was applied.
        self.moment: Tuple[int, int, int] | None = None
        self.is_old = False
        # True if the directory may have been moved since it was listed.
        self.is_early = False
        # All names that were shown; and of the ledger's names what is left to be compared with them.
        self.shown: set[str] = set()
        self.ledgers: Iterator[list[Tuple[str, bool]]] | None = None


def kind_told(child: Node | None) -> str:
    """Return the kind of an entry of the ledger: ``d``, ``L`` a link that is followed, ``-`` anything else."""
    if child is None:
        return "-"
    return "L" if child.link else "d"
