"""Who is measured, by name, in the order of the table."""

from __future__ import annotations

from benchmarks.measured.ours import OurBatchHook, OurColumns, OurDirectories, OurHook, OurReadAhead, Ours
from benchmarks.measured.peers import (
    Asyncinotify,
    Inotify,
    InotifyRecursive,
    InotifySimple,
    Watchdog,
    WatchdogOnOurs,
    Watchfiles,
    WatchfilesDefault,
    WatchfilesOnOurs,
)

__all__ = ["CONTENDERS", "Ours"]

CONTENDERS: dict[str, type[Ours]] = {
    contender.name: contender
    for contender in (
        Ours,
        OurColumns,
        OurHook,
        OurBatchHook,
        OurReadAhead,
        OurDirectories,
        Inotify,
        InotifySimple,
        InotifyRecursive,
        Asyncinotify,
        Watchdog,
        WatchdogOnOurs,
        Watchfiles,
        WatchfilesDefault,
        WatchfilesOnOurs,
    )
}
