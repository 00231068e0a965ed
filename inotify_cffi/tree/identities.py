"""Numbers in the place of watch descriptors, for directories that are not watched. Pure."""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from typing import Dict, Tuple

__all__ = ["FIRST", "Identities"]

# No instance has given out so many watches.
FIRST = 1 << 30


class Identities:
    """A number for each object, by its device and inode.

    No watch pins the inode, so when an object is gone another one may have its number. What is in that says so.
    """

    def __init__(self) -> None:
        self._numbers: Dict[Tuple[int, int], int] = {}
        self._keys: Dict[int, Tuple[int, int]] = {}
        self._next = FIRST

    def __len__(self) -> int:
        return len(self._numbers)

    def known(self, status: os.stat_result) -> int | None:
        """Return the number of an object, None if it has none."""
        return self._numbers.get((status.st_dev, status.st_ino))

    def number(self, status: os.stat_result) -> int:
        """Return the number of an object, a new one if it has none."""
        key = (status.st_dev, status.st_ino)
        number = self._numbers.get(key)
        if number is None:
            number = self._next
            self._next += 1
            self._keys[number] = key
            self._numbers[key] = number
        return number

    def forget(self, number: int) -> None:
        """Nobody has a number any more."""
        key = self._keys.pop(number, None)
        if key is not None:
            del self._numbers[key]
