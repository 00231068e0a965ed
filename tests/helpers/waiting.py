"""Wait for what another thread or process makes true."""

from __future__ import annotations

import time
from typing import Callable


def until(
    condition: Callable[[], object],
    what: str = "what was waited for",
    *,
    seconds: float = 60,
    pause_s: float = 0.01,
) -> None:
    """Return when a condition holds.

    Args:
        condition: what is asked again and again.
        what: what there is then, for the message.
        seconds: a bound on a hang; an AssertionError says that it is over.
        pause_s: between two questions; 0 lets others run, and asks again at once.

    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause_s)
