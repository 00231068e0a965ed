"""Events, many at a time, from columns: what the verbs would tell of each entry.

Of directories that were visited many at once each is told in the one that it is in, which is visited before it. So
each event is about an entry of a directory that is known by then.
"""

from __future__ import annotations

import sys
from itertools import repeat, starmap

from inotify_cffi.base import bits
from inotify_cffi.base.encoding import decoded, encoded
from inotify_cffi.events import AN_ENTRY, Event
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple, cast, itemgetter

if TYPE_CHECKING:
    from typing import Callable, Sequence, Tuple

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.kernel.listings import CrawlColumns
    from inotify_cffi.ledger.storage import Told

__all__ = ["AsFound", "as_event", "found_below", "told_at_once"]

ISDIR = bits.ISDIR
IS_PYPY = sys.implementation.name == "pypy"

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
    names: list[str] = []
    masks: list[int] = []
    wds: list[int] = []
    prefixes = [top + "/" for top in tops]
    files_at = directories_at = 0
    for slot, wd, files, directories in _in_order(columns):
        prefix = prefixes[slot]
        if files and found.file:
            in_it = columns.files[files_at : files_at + files]
            paths += [prefix + name for name in in_it]
            names += in_it
            masks += [found.file] * files
            wds += [wd] * files
        files_at += files
        if directories:
            in_it = columns.dirs[directories_at : directories_at + directories]
            below = [prefix + name for name in in_it]
            directories_at += directories
            prefixes += [path + "/" for path in below]
            if found.directory:
                paths += below
                names += in_it
                masks += [found.directory | ISDIR] * directories
                wds += [wd] * directories
    if found.as_bytes:
        texts = [encoded(path) for path in paths], [encoded(name) for name in names]
        return _events_of(*texts, masks, wds, [], found.cause)
    return _events_of(paths, names, masks, wds, [], found.cause)


def told_at_once(told: Told, cause: int, *, as_bytes: bool) -> list[AnyEvent]:
    """Return the events that stand in columns, with why they are told."""
    if not told.cdata.count:
        return []
    raw_paths, raw_names, places, masks, wds, kinds = told.columns()
    paths: Sequence[str | bytes]
    names: Sequence[str | bytes]
    # Behind the last NUL is a text more, which no event has.
    if as_bytes:
        paths, names = raw_paths.split(b"\0"), raw_names.split(b"\0")
    else:
        paths, names = decoded(raw_paths).split("\0"), decoded(raw_names).split("\0")
    if places and IS_PYPY:
        # It compiles a loop that it sees whole.
        paths, names = [paths[at] for at in places], [names[at] for at in places]
    elif places:
        of_each = itemgetter(*places)
        paths, names = of_each(paths), of_each(names)
    return _events_of(paths, names, masks, wds, kinds, cause)


def _events_of(
    paths: Sequence[str | bytes],
    names: Sequence[str | bytes],
    masks: list[int],
    wds: list[int],
    kinds: list[int],
    cause: int,
) -> list[AnyEvent]:
    """Return the events whose fields stand in columns; no *kinds*: all are of entries, behind one slash."""
    if not kinds and IS_PYPY:
        # As above.
        return [Event((paths[i], masks[i], None, 0, wds[i], AN_ENTRY, cause, names[i])) for i in range(len(masks))]
    fields = zip(paths, masks, repeat(None), repeat(0), wds, kinds or repeat(AN_ENTRY), repeat(cause), names)
    # To call a class with arguments that are in a tuple takes it less than to call it with an argument.
    return list(starmap(as_event, zip(fields)))  # noqa: RUF058


def _in_order(columns: CrawlColumns) -> zip[Tuple[int, int, int, int]]:
    """Return of each directory that was visited its slot, its watch, how many files and directories it has."""
    slots = [0] * len(columns.wds)
    for slot, record in enumerate(columns.visits):
        if record >= 0:
            slots[record] = slot
    return zip(slots, columns.wds, columns.file_counts, columns.dir_counts)
