"""When a burst of changes is over: the one rule for batches, and for a command that is run for many changes."""

from __future__ import annotations

from inotify_cffi.kernel.poller import check_timeout

__all__ = ["Burst"]


class Burst:
    """Says when a burst is over: when it was quiet for a while, at the latest some time after it began.

    Args:
        quiet_s: for how long, in seconds.
        at_most_s: how many seconds after the first change; None: whenever it was quiet.

    Raises ValueError for a negative time, TypeError for what is no number.

    """

    __slots__ = ("_at_most_s", "_first_at", "_quiet_s", "ripe_at")

    def __init__(self, quiet_s: float, at_most_s: float | None) -> None:
        if quiet_s is None:
            raise TypeError("quiet_s is a number of seconds, not None; 0 does not wait for quiet")
        check_timeout(quiet_s, "quiet_s")
        check_timeout(at_most_s, "at_most_s")
        self._quiet_s = quiet_s
        self._at_most_s = at_most_s
        self._first_at: float | None = None
        #: When it is over, in seconds on the monotonic clock; of no meaning while nothing has come.
        self.ripe_at = 0.0

    def begin(self) -> None:
        """Nothing has come yet."""
        self._first_at = None

    def came(self, now: float) -> None:
        """Something has come, at this moment on the monotonic clock, in seconds."""
        if self._first_at is None:
            self._first_at = now
        self.ripe_at = now + self._quiet_s
        if self._at_most_s is not None:
            self.ripe_at = min(self.ripe_at, self._first_at + self._at_most_s)
