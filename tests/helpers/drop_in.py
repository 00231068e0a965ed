"""What the tests of the drop-in share: read all that has happened, and say it short."""

from __future__ import annotations

import itertools
import os

from tests.stress.queue import room

# Of directories that somebody lists; the trees do.
READS = {"IN_OPEN", "IN_ACCESS", "IN_CLOSE_NOWRITE"}


def drain(watch, **options):
    """All events up to now: those of all cycles until two bring none. The watch must not block."""
    events, empty = [], 0
    for event in watch.event_gen(**options):
        if event is not None:
            events.append(event)
            empty = -1
        else:
            empty += 1
            if empty == 2:
                break
    return events


def brief(events):
    """Each event as its names, without ``IN_``, its path and its name."""
    return [(" ".join(name[3:] for name in names), path, filename) for _, names, path, filename in events]


def without_reads(events):
    """The events without those of directories being listed."""
    return [event for event in events if not ("IN_ISDIR" in event[1] and READS.intersection(event[1]))]


def told(watch):
    """What happened up to now, but for listings, in short."""
    return brief(without_reads(drain(watch)))


def replayed(entries, events):
    """The entries there are when *events* have happened to *entries*; their paths.

    No Mirror: these are the original's tuples, with no old path in them, and this is what its users do with them.
    """
    entries, moving = set(entries), {}
    for header, names, path, filename in events:
        entry = f"{path}/{filename}"
        if "IN_CREATE" in names:
            assert entry not in entries, f"created twice: {entry}"
            entries.add(entry)
        elif "IN_DELETE" in names:
            entries.remove(entry)
        elif "IN_MOVED_FROM" in names:
            below = {one for one in entries if one == entry or one.startswith(f"{entry}/")}
            entries -= below
            moving[header.cookie] = {one[len(entry) :] for one in below}
        elif "IN_MOVED_TO" in names:
            entries.update(entry + rest for rest in moving.pop(header.cookie, {""}))
    return entries


def is_open(fd):
    """True if a descriptor is open."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def more_than_the_queue_holds(path):
    """Touch two files in a directory more often than the kernel queues events."""
    limit = room()
    files = [path / "one", path / "two"]
    for file in files:
        file.touch()
    # In turn, for the kernel merges an event with an equal one before it.
    for file in itertools.islice(itertools.cycle(files), limit + 2):
        os.utime(file)
