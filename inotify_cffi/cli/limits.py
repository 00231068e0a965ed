"""The limits of inotify that hold here: those of the machine, and those of the user namespace that this is in."""

from __future__ import annotations

import os
from typing import NamedTuple

__all__ = ["LIMITS", "NEAR", "Limit", "in_user_namespace", "limits"]

LIMITS = ("max_user_watches", "max_user_instances", "max_queued_events")

# The kernel counts twice: against the limit of each user namespace, for the user who is in it (kernel/ucount.c).
NAMESPACE_LIMITS = {"max_user_watches": "max_inotify_watches", "max_user_instances": "max_inotify_instances"}

# From this part of a limit on it is time to raise it.
NEAR = 0.8

# include/linux/proc_ns.h, PROC_USER_INIT_INO: the number that only the user namespace of the machine has.
NAMESPACE_OF_THE_MACHINE = 0xEFFFFFFD

# A limit can be doubled no further.
LARGEST = 0x7FFFFFFF


class Limit(NamedTuple):
    """One limit: the sysctl, its value, and the most that one user has of it; None for what is not known."""

    name: str
    value: int | None
    used: int | None = None

    @property
    def is_near(self) -> bool:
        """Whether it is nearly used up."""
        return self.value is not None and self.used is not None and self.used >= NEAR * self.value

    @property
    def remedy(self) -> str:
        """How to raise it, as a line for a shell; empty where that can not be done, or need not."""
        if self.value is None or self.value >= LARGEST:
            return ""
        setting = f"{self.name}={min(self.value * 2, LARGEST)}"
        if self.name.startswith("user."):
            # It ends with the namespace, so there is nothing to keep.
            return f"sudo sysctl -w {setting}"
        kept = f"/etc/sysctl.d/60-{self.name.rpartition('.')[2]}.conf"
        return f"echo {setting} | sudo tee {kept} && sudo sysctl -w {setting}"


def limits(used: dict[str, int], sysctls: str = "/proc/sys") -> list[Limit]:
    """Return the limits that hold here: the machine's, and of the user namespace's those that are lower.

    Args:
        used: the most that one user has in this namespace, for some names of ``LIMITS``.
        sysctls: where to read them.

    """
    within = in_user_namespace()
    found = []
    for name in LIMITS:
        value = _value(f"{sysctls}/fs/inotify/{name}")
        # Whoever is in a namespace does not see what its owner has outside.
        found.append(Limit(f"fs.inotify.{name}", value, None if within else used.get(name)))
        if name in NAMESPACE_LIMITS:
            own = NAMESPACE_LIMITS[name]
            lower = _value(f"{sysctls}/user/{own}")
            if lower is not None and (value is None or lower < value):
                found.append(Limit(f"user.{own}", lower, used.get(name)))
    return found


def in_user_namespace() -> bool | None:
    """Return whether this is a user namespace below that of the machine; None if there is no telling."""
    try:
        return os.stat("/proc/self/ns/user").st_ino != NAMESPACE_OF_THE_MACHINE
    except OSError:
        return None


def _value(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as stream:
            return int(stream.read())
    except OSError:
        return None
