"""How far a crawl has come: the directories that it is in, and those that it has still to enter. Pure."""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING, deque

if TYPE_CHECKING:
    from typing import Deque

    from inotify_cffi.ledger.nodes import Node, Root
    from inotify_cffi.tree.shown import Listing

__all__ = ["Crawl", "Frame"]


class Frame:
    """A directory that the crawl is in: its descriptor while it is open, and the directories still to enter."""

    __slots__ = ("depth", "fd", "is_part", "listing", "node", "todo", "tried")

    def __init__(self, node: Node, depth: int, fd: int, listing: Listing | None, *, tried: bool = False) -> None:
        self.node = node
        # At which depth it was; not known where nothing depends on that.
        self.depth = depth
        self.fd = fd
        # What is to be entered, the next at the end; not known yet while it is listed.
        self.todo: list[Node] = []
        self.listing = listing
        # True if they could not be entered at once.
        self.tried = tried
        # True if there is more to be entered in the directory, by another frame.
        self.is_part = False


class Crawl:
    """One crawl under way."""

    __slots__ = (
        "at_once",
        "cause",
        "compares",
        "frames",
        "is_stuck",
        "later",
        "number",
        "root",
        "since",
        "top",
        "waits",
    )

    def __init__(self, top: Node, root: Root, number: int, cause: int, *, since: float | None) -> None:
        self.top = top
        # Why what it finds is told.
        self.cause = cause
        self.root = root
        # Which one it is, in the order in which they were begun.
        self.number = number
        self.since = since
        # True if nothing is told of what is found, and nothing hangs on it but to watch and list it.
        self.at_once = False
        # True if it is of directories that were listed before: so those in them may have to be, too.
        self.compares = False
        # True if it is gone on with when others had their turn; else all of it is done now, or nothing else is.
        self.waits = False
        # True while the way to where it was is not what the ledger says: what differs is in doubt.
        self.is_stuck = False
        self.frames: list[Frame] = []
        # Directories with links to follow: when all else is done, in the order in which they were found. So of the
        # places of an inode those with the fewest links on the way are entered first.
        self.later: Deque[Frame] = deque()
