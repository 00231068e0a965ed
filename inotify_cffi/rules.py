"""What of a tree is to be watched: how deep. Pure; the place of exclusions."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Rules"]


class Rules(NamedTuple):
    """What to watch below a root.

    ``max_depth`` counts as find(1) does: the entries of the root itself are at 1, so the root alone is watched
    with 1, and everything with None.
    """

    max_depth: int | None = None
    follow_symlinks: bool = False

    def enters(self, depth: int) -> bool:
        """Return True if a directory at *depth* is to be watched; the root's depth is 0."""
        return self.max_depth is None or depth < self.max_depth

    @property
    def depend_on_place(self) -> bool:
        """True if what is to be watched of a directory depends on where it is."""
        return self.max_depth is not None
