"""How long one step of a tree may take: it is divided into slices, and what is left of it waits for the next one.

What a slice leaves over is work, never evidence: names still to be looked at, directories still to be entered.
What was seen on the disk is applied before anything else is, or it is forgotten and looked at again. So in between
other events can be applied, and whatever they change is found by who goes on with the work.
"""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.tree.disk import Disk

__all__ = ["HALF", "SLICE_S", "WHOLE", "Turn"]

# How long one step takes at most, in seconds, if nothing takes longer that can not be divided.
SLICE_S = 0.02

# Parts of a turn: what waits besides has its share.
HALF = 0.5
WHOLE = 1.0

NO_LIMIT = 0.0


class Turn:
    """The time that a step has. Whoever does something that may be much asks again and again if it is over.

    He does a part at least before he asks, so everything comes to its end, however short the turns are. The clock
    is the disk's, so a recording has what it said.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._share = NO_LIMIT
        self._is_over = False

    def begin(self, seconds: float | None) -> None:
        """Begin a step that may take so long; None: as long as it takes."""
        self._share = NO_LIMIT if seconds is None else WHOLE
        self._is_over = False
        if seconds is not None:
            self._disk.begin_turn(seconds)

    def share(self, share: float) -> None:
        """Go on with what has a share of the turn only: it ends when so much of it is over, from its beginning."""
        if self._share != NO_LIMIT:
            self._share = share
            self._is_over = False

    @property
    def is_limited(self) -> bool:
        """True if the step has an end in time."""
        return self._share != NO_LIMIT

    def is_over(self) -> bool:
        """Return True if the rest is to be left to the next turn."""
        if not self._is_over and self._share != NO_LIMIT:
            self._is_over = self._disk.is_over(self._share)
        return self._is_over
