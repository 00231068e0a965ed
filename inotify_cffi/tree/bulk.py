"""Events, many at a time, from columns: what the verbs would tell of each entry.

Of directories that were visited many at once each is told in the one that it is in, which is visited before it. So
each event is about an entry of a directory that is known by then.
"""

from __future__ import annotations

import sys
from itertools import repeat

from inotify_cffi.base import bits
from inotify_cffi.base.encoding import decoded, encoded
from inotify_cffi.events import AN_ENTRY, Event
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from typing import Callable, Tuple

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.kernel.listings import CrawlColumns
    from inotify_cffi.ledger.storage import Told

__all__ = ["AsFound", "as_event", "found_below", "told_at_once"]

ISDIR = bits.ISDIR

as_event = cast("Callable[[Tuple[object, ...]], AnyEvent]", Event)


class AsFound(NamedTuple):
    """How it is told what a listing finds: the flags of files and of directories, 0 for not at all; and why."""

    file: int
    directory: int
    cause: int
    as_bytes: bool


def found_below(tops: list[str], columns: CrawlColumns, found: AsFound) -> list[AnyEvent]:
    """Return the events of what is in directories that were visited, and in all below them.

    Args:
        tops: the paths of those that were to be visited. They themselves are told already.
        columns: what was found.
        found: how it is told.

    """
    paths: list[str] = []
    masks: list[int] = []
    wds: list[int] = []
    prefixes = [top + "/" for top in tops]
    files_at = directories_at = 0
    for slot, wd, files, directories in _in_order(columns):
        prefix = prefixes[slot]
        if files and found.file:
            paths += [prefix + name for name in columns.files[files_at : files_at + files]]
            masks += [found.file] * files
            wds += [wd] * files
        files_at += files
        if directories:
            below = [prefix + name for name in columns.dirs[directories_at : directories_at + directories]]
            directories_at += directories
            prefixes += [path + "/" for path in below]
            if found.directory:
                paths += below
                masks += [found.directory | ISDIR] * directories
                wds += [wd] * directories
    return _events_of([encoded(path) for path in paths] if found.as_bytes else paths, masks, wds, [], found.cause)


def told_at_once(told: Told, cause: int, *, as_bytes: bool) -> list[AnyEvent]:
    """Return the events that stand in columns, with why they are told."""
    if not told.cdata.count:
        return []
    paths, masks, wds, kinds = told.columns()
    # Behind the last NUL is a text more, for which there is no mask.
    return _events_of(paths.split(b"\0") if as_bytes else decoded(paths).split("\0"), masks, wds, kinds, cause)


def _events_of(
    paths: list[str] | list[bytes], masks: list[int], wds: list[int], kinds: list[int], cause: int
) -> list[AnyEvent]:
    """Return the events whose fields stand in columns; no *kinds*: all are of entries, behind one slash."""
    if not kinds and sys.implementation.name == "pypy":
        # It compiles a loop that it sees whole.
        return [Event((paths[i], masks[i], None, 0, wds[i], AN_ENTRY, cause)) for i in range(len(masks))]
    fields = zip(paths, masks, repeat(None), repeat(0), wds, kinds or repeat(AN_ENTRY), repeat(cause))
    return list(map(as_event, fields))


def _in_order(columns: CrawlColumns) -> zip[Tuple[int, int, int, int]]:
    """Return of each directory that was visited its slot, its watch, how many files and directories it has."""
    slots = [0] * len(columns.wds)
    for slot, record in enumerate(columns.visits):
        if record >= 0:
            slots[record] = slot
    return zip(slots, columns.wds, columns.file_counts, columns.dir_counts)
