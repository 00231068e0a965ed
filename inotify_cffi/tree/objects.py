"""Files that are watched by themselves: the watches on objects, and what was last known of each.

An object is what open(2) finds at a path, no directory. It is opened with O_PATH, which no watch reports, and
watched as /proc/self/fd/N, so the watch is on what was looked at. Several files may be one object: each is told.
"""

from __future__ import annotations

import errno

from inotify_cffi.base import bits, causes
from inotify_cffi.ledger.nodes import NO_WD
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Callable, Dict, KeysView

    from inotify_cffi.tree.anchors import Followed
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.looks import Stamp
    from inotify_cffi.tree.moves import Raw
    from inotify_cffi.tree.places import Places

__all__ = ["CONTENT", "NOTHING", "Objects", "Seen", "lacks_a_watch"]

ATTRIB = bits.ATTRIB
IGNORED = bits.IGNORED
UNMOUNT = bits.UNMOUNT
SELF_GONE = bits.DELETE_SELF | bits.MOVE_SELF
# What happens to an object.
CONTENT = bits.MODIFY | bits.CLOSE_WRITE | bits.ATTRIB | bits.READS
# What an object says of its names, where no directory does.
NEWS = SELF_GONE | ATTRIB


class Seen(NamedTuple):
    """What is there: the object that a name leads to, watched, or why there is none."""

    wd: int
    stamp: Stamp | None
    error: OSError | None
    # True if it may have been written while events were lost.
    is_changed: bool = False


NOTHING = Seen(NO_WD, None, None)


class Objects:
    """The watches on objects."""

    def __init__(self, ground: Ground, places: Places) -> None:
        self._teller = ground.teller
        self._disk = ground.disk
        self._places = places
        self._by_wd: Dict[int, list[Followed]] = {}

    def __contains__(self, wd: int) -> bool:
        return wd in self._by_wd

    @property
    def wds(self) -> KeysView[int]:
        """The watches, as they are at each moment."""
        return self._by_wd.keys()

    def at(self, wd: int) -> list[Followed]:
        """Return the files that are one object."""
        return list(self._by_wd.get(wd, ()))

    def heard(self, raw: Raw) -> list[Followed]:
        """The kernel reported something of an object; which files are to be looked at for that."""
        found = []
        for file in self.at(raw.wd):
            if raw.mask & CONTENT and file.name in file.node.children:
                self._teller.content(file.node, file.name, raw.mask, raw.wd)
            if raw.mask & UNMOUNT or (raw.mask & NEWS and (file.is_alone or file.error is not None)):
                found.append(file)
        if raw.mask & IGNORED:
            self.over(raw.wd)
        return found

    def over(self, wd: int) -> None:
        """A watch is over, for the object is gone: that its name is, the directory says."""
        for file in self._by_wd.pop(wd, ()):
            file.wd = NO_WD

    def refresh(self, files: list[Followed]) -> None:
        """Make good what an interruption has left half-done: each is where it says itself."""
        self._by_wd.clear()
        for file in files:
            if file.wd != NO_WD:
                self._by_wd.setdefault(file.wd, []).append(file)

    def look(
        self, file: Followed, fd: int, path: str, mask: int, *, since: float | None = None, watches: bool = True
    ) -> Seen:
        """Watch what a name in the directory *fd* leads to, wherever that is, for what *mask* says of content.

        *path* is where the name is. *since*: look whether it was changed since then, too. Not *watches*: tell it
        apart from others, and watch nothing. Raises OSError.
        """
        opened = self._disk.open_object(fd, file.name)
        try:
            if self._disk.stamp(opened).kind == "d":
                raise IsADirectoryError(errno.EISDIR, "the link leads to a directory")
            mask = mask & CONTENT | SELF_GONE | (ATTRIB if file.is_alone else 0)
            wd = self._disk.watch_object(opened, path, mask) if watches else self._disk.identify(opened)
            is_changed = since is not None and (
                self._disk.changed_since(opened, None, since) or self._disk.foreign_clock(opened) > 0
            )
            return Seen(wd, self._disk.stamp(opened), None, is_changed)
        finally:
            self._disk.close(opened)

    def take(self, file: Followed, seen: Seen, *, tell: bool) -> None:
        """Be at the object that was seen; tell the file as changed if it is another than the last one."""
        is_polled = self._teller.cause == causes.POLL and file.stamp is not None
        is_another = (seen.wd not in (NO_WD, file.wd) or is_polled) and seen.stamp not in (None, file.stamp)
        if tell and (is_another or seen.is_changed):
            self._teller.changed(file.node, file.name)
        if seen.stamp is not None:
            file.stamp = seen.stamp
        self.bind(file, seen.wd)

    def bind(self, file: Followed, wd: int) -> None:
        """Let a file be the object that *wd* names; a watch that nobody has any more is removed."""
        before = file.wd
        if wd == before:
            return
        if wd != NO_WD:
            self._by_wd.setdefault(wd, []).append(file)
        file.wd = wd
        others = self._by_wd.get(before)
        if others is not None:
            others.remove(file)
            self.reap(before)

    def reap(self, wd: int) -> None:
        """Remove a watch if no file has it."""
        if wd != NO_WD and not self._by_wd.get(wd):
            self._by_wd.pop(wd, None)
            self._places.free([wd])

    def note(self, file: Followed, error: OSError | None, tell: Callable[[OSError | None], None]) -> None:
        """Have it told whether all of a file is covered, if that is news."""
        before, file.error = file.error, error
        if error is None:
            if before is not None:
                tell(None)
        elif before is None or before.errno != error.errno:
            tell(error)


def lacks_a_watch(file: Followed) -> bool:
    """Return True if no watch was left for it."""
    return file.error is not None and file.error.errno == errno.ENOSPC
