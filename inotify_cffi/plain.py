"""Apply and tell the most common events many at a time: of files in directories that are at one place.

A file was created, deleted, changed or looked at, the ledger has or lacks it as the event says, and nothing else
hangs on it. Whatever is not as simple as that ends the run, and ``tree.py`` applies it by itself; so this
module decides nothing that is not decided there, too, and may be left out. It is here because nearly all
events are of this kind, and a call of a function costs as much as all that is to be done for one of them.
"""

from __future__ import annotations

import os
import sys
from itertools import compress, repeat

from inotify_cffi import bits
from inotify_cffi.events import Event
from inotify_cffi.ledger import NO_WD, Node
from inotify_cffi.typed import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from typing import Callable, Dict, Tuple

    from inotify_cffi.anchors import Anchors
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.ledger import Ledger
    from inotify_cffi.moves import Queue
    from inotify_cffi.teller import Teller

__all__ = ["Plain"]

CREATE = bits.CREATE
DELETE = bits.DELETE
# The lowest bit that says that an entry came or went: a mask below it is about one that stays, and not ISDIR.
ENTRY_BITS = bits.MOVED_FROM

# What is taken at once: if a run ends early, all of it was taken for nothing.
CHUNK = 256

NO_ENTRY = Node("", None)
as_event = cast("Callable[[Tuple[object, ...]], AnyEvent]", Event)


class Plain:
    """Applies runs of plain events."""

    def __init__(self, ledger: Ledger, teller: Teller, anchors: Anchors) -> None:
        self._ledger = ledger
        self._teller = teller
        self._anchors = anchors

    def apply(self, queue: Queue, most: int) -> None:
        """Take plain events off the front of *queue*, *most* of them at most, and apply and tell them."""
        run = by_columns if sys.implementation.name == "cpython" else one_by_one
        while most > 0:
            count = min(CHUNK, most, len(queue))
            if not count or not _may_be_plain(queue.masks[queue.at]):
                return
            done = run(self._ledger, self._teller, self._anchors, queue, count)
            if done < count:
                return
            most -= done


def _may_be_plain(mask: int) -> bool:
    return mask < ENTRY_BITS or mask in (CREATE, DELETE)


def _shown(ledger: Ledger, names: list[str]) -> list[str]:
    """Return the names as the consumer sees them: bytes if the roots are, which are all of one type."""
    if ledger.roots and isinstance(ledger.roots[0].given, bytes):
        return cast("list[str]", list(map(os.fsencode, names)))
    return names


def by_columns(ledger: Ledger, teller: Teller, anchors: Anchors, queue: Queue, count: int) -> int:
    """Apply plain events, up to *count*, and make their events a column at a time: the faster way on CPython.

    Returns how many there were.
    """
    begin = queue.at
    part = slice(begin, begin + count)
    wds, masks, names = queue.wds[part], queue.masks[part], queue.names[part]
    shown = _shown(ledger, names)
    facts_of, ways = ledger.facts, anchors.wds
    last = NO_WD
    children: Dict[str, Node | None] = {}
    prefix = directory = ""
    asked = 0
    paths: list[str] = []
    directories: list[str] = []
    untold: list[int] = []
    try:
        for wd, mask, name, said in zip(wds, masks, names, shown):
            if wd != last:
                facts = facts_of(wd)
                if facts is None or wd in ways:
                    break
                children, prefix, directory, asked = facts
                last = wd
            if mask < ENTRY_BITS:
                if name not in children:
                    break
            elif mask == CREATE:
                if name in children or not name:
                    break
                children[name] = None
            elif mask == DELETE:
                if children.get(name, NO_ENTRY) is not None:
                    break
                del children[name]
            else:
                break
            if mask & asked:
                paths.append(prefix + said)
                directories.append(directory)
            else:
                untold.append(len(paths) + len(untold))
    finally:
        # What the ledger has is told, whatever ended the run.
        done = len(paths) + len(untold)
        queue.at = begin + done
        cookies = queue.cookies[part]
        if untold:
            told = bytearray(b"\1" * done)
            for at in untold:
                told[at] = 0
            masks, cookies, wds = (list(compress(column, told)) for column in (masks, cookies, wds))
            shown = list(compress(shown, told))
        fields = zip(paths, masks, repeat(None), cookies, wds, directories, shown, repeat(False))
        teller.extend(map(as_event, fields))
    return done


def one_by_one(ledger: Ledger, teller: Teller, anchors: Anchors, queue: Queue, count: int) -> int:
    """Do the same event by event: the faster way for a compiler that sees the whole loop, as PyPy's does."""
    begin = at = queue.at
    wds, masks, cookies, names = queue.wds, queue.masks, queue.cookies, queue.names
    shown = _shown(ledger, names[begin : begin + count])
    facts_of, ways = ledger.facts, anchors.wds
    last = NO_WD
    children: Dict[str, Node | None] = {}
    prefix = directory = ""
    asked = 0
    events: list[AnyEvent] = []
    try:
        while at < begin + count:
            wd, mask, name = wds[at], masks[at], names[at]
            if wd != last:
                facts = facts_of(wd)
                if facts is None or wd in ways:
                    break
                children, prefix, directory, asked = facts
                last = wd
            if mask < ENTRY_BITS:
                if name not in children:
                    break
            elif mask == CREATE:
                if name in children or not name:
                    break
                children[name] = None
            elif mask == DELETE:
                if children.get(name, NO_ENTRY) is not None:
                    break
                del children[name]
            else:
                break
            at += 1
            if mask & asked:
                said = shown[at - 1 - begin]
                events.append(Event((prefix + said, mask, None, cookies[at - 1], wd, directory, said, False)))
    finally:
        queue.at = at
        teller.extend(events)
    return at - begin
