"""What time it is, and whether the clock has jumped: the wall clock held against one that only counts on.

A wrong battery clock, or NTP that sets it right, moves the wall clock by years. While the machine is up
``CLOCK_BOOTTIME`` tells how much time has really passed. Across a restart of the machine nothing does: then it is
known only that time does not go back.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Moment", "boot_id", "now"]

# Less than this is the way from one clock to the other, or a leap second.
TOLERANCE_S = 5.0


class Moment(NamedTuple):
    """A reading of both clocks, in seconds, and in which life of the machine."""

    wall: float
    steady: float
    boot: str

    def jump_since(self, before: Moment) -> float:
        """Return by how much the wall clock was set meanwhile, in seconds; 0.0 if not, as far as is known."""
        jump = self.wall - before.wall
        jump = jump - (self.steady - before.steady) if self.boot == before.boot else min(jump, 0.0)
        return jump if abs(jump) > TOLERANCE_S else 0.0


def now() -> Moment:
    """Return the time."""
    return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), boot_id())


@lru_cache(maxsize=1)
def boot_id() -> str:
    """Return the number that the kernel drew when the machine was started; empty where it is not to be seen."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""
