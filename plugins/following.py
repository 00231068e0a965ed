"""Make what a journal knows of the tree what events say, or what a listing says, and tell what that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Iterator, Optional, Sequence, Tuple

from inotify_cffi import Mask

from .known import UNFINISHED, State, look

if TYPE_CHECKING:
    from .known import Known

__all__ = ["NEEDED", "Row", "differences", "follow"]

CREATE = int(Mask.CREATE)
MODIFY = int(Mask.MODIFY)
ATTRIB = int(Mask.ATTRIB)
MOVED_FROM = int(Mask.MOVED_FROM)
MOVED_TO = int(Mask.MOVED_TO)
DELETE = int(Mask.DELETE)
ISDIR = int(Mask.ISDIR)
CAME = int(Mask.CREATE | Mask.MOVED_TO)
GONE = int(Mask.DELETE | Mask.MOVED_FROM)
# What makes a file wait to be finished; that it was made does if there is something in it.
WRITTEN = int(Mask.MODIFY | Mask.CLOSE_WRITE | Mask.MOVED_TO)
TOUCHED = int(Mask.CREATE | Mask.MOVED_TO | Mask.MODIFY | Mask.CLOSE_WRITE | Mask.ATTRIB)

# Without all of these what is known of the tree would go wrong.
NEEDED = CAME | GONE

# Time, path, mask, cookie, moved_from, cause, errno.
Row = Tuple[float, bytes, int, int, Optional[bytes], int, Optional[int]]


def follow(known: Known, rows: Sequence[Row]) -> None:
    """Make what is known what a batch of events says."""
    follower = Follower(known)
    for row in rows:
        follower.follow(row)
    follower.finish()


class Follower:
    """Applies a batch of events."""

    def __init__(self, known: Known) -> None:
        self._known = known
        # Files to be looked at when the batch is applied: once for each, and where they are then. Whether they are
        # to be finished: True, False, or None if it takes that there is something in them; and whether they came.
        self._touched: Dict[bytes, Tuple[bool | None, bool]] = {}
        self._left: bytes | None = None

    def follow(self, row: Row) -> None:
        """Apply one event."""
        _, path, mask, _, moved_from, cause, _ = row
        left, self._left = self._left, None
        if left is not None and not (mask & MOVED_TO and moved_from == left):
            self._drop(left)
        if mask & MOVED_FROM:
            # Where its other half is the next event, it was moved; else it is gone.
            self._left = path
        elif mask & MOVED_TO and moved_from is not None:
            self._known.move(moved_from, path)
            self._rename(moved_from, path, is_dir=bool(mask & ISDIR))
        elif mask & DELETE:
            self._drop(path)
        if mask & ISDIR:
            if mask & CAME:
                # Whatever was touched there was another thing.
                self._touched.pop(path, None)
                self._known.put(path, State(is_dir=True))
        elif mask & TOUCHED:
            waits = True if mask & WRITTEN or (mask & CREATE and cause) else None if mask & CREATE else False
            before, came = self._touched.get(path, (waits, False))
            self._touched[path] = (waits or before, came or bool(mask & CAME))

    def finish(self) -> None:
        """Look at the files that were touched.

        What is known is what was told, also where the disk is ahead and the file is gone again, or a directory.
        """
        if self._left is not None:
            self._drop(self._left)
        for path, (waits, came) in self._touched.items():
            state, is_file = look(path)
            state = State(is_dir=False) if state is None or state.is_dir else state
            is_unfinished = is_file and (bool(state.size) if waits is None else waits)
            # A write to an open file may be told by a name that is a directory's by then: the kernel takes the
            # name without the lock of a rename.
            self._known.put(path, state, is_unfinished=is_unfinished, replaces_directory=came)

    def _drop(self, path: bytes) -> None:
        """An entry is gone; what was below it has gone before, one by one."""
        self._known.drop(path)
        self._touched.pop(path, None)

    def _rename(self, source: bytes, target: bytes, *, is_dir: bool) -> None:
        if not is_dir:
            self._touched.pop(source, None)
            return
        for path in [path for path in self._touched if is_in(path, source)]:
            self._touched[target + path[len(source) :]] = self._touched.pop(path)


def differences(
    known: Known, root: bytes, entries: Dict[bytes, bool], now: float, finished: Dict[bytes, int], cause: int
) -> Iterator[Row]:
    """Make what is known of a root what it is; yield what that changed.

    Files that have come, or have another content, are unfinished.

    Args:
        known: what is known.
        root: the absolute path of a root. Of one that was never known nothing is told.
        entries: all that is there, path to True for a directory.
        now: the time of the rows.
        finished: files that were told as finished in another state than is known: its time of change.
        cause: why something may have changed.

    """
    was_known = known.has_root(root)
    before = dict(known.at(root))
    # Deepest first, as the watcher tells it.
    for path in reversed([path for path in before if path not in entries]):
        known.drop(path)
        yield now, path, DELETE | (ISDIR if before[path].is_dir else 0), 0, None, cause, None
    # A directory before what is in it.
    for path, is_dir in sorted(entries.items()):
        state, is_file = look(path)
        if state is None or state.is_dir != is_dir:
            # The disk is ahead; events will say so.
            state = State(is_dir)
        old = before.get(path)
        if old == state:
            continue
        directory = ISDIR if state.is_dir else 0
        if old is not None and old.is_dir != state.is_dir:
            known.drop(path)
            yield now, path, DELETE | (ISDIR if old.is_dir else 0), 0, None, cause, None
            old = None
        same_content = old is not None and old[1:4] == state[1:4]
        is_new = was_known and is_file and not same_content and finished.get(path, UNFINISHED) != state.ctime_ns
        known.put(path, state, is_unfinished=is_new)
        if not was_known:
            continue
        if old is None:
            yield now, path, CREATE | directory, 0, None, cause, None
        else:
            yield now, path, ATTRIB if same_content else MODIFY, 0, None, cause, None


def is_in(path: bytes, root: bytes) -> bool:
    """Return True for the path itself, and for all below it."""
    return path == root or path.startswith(root.rstrip(b"/") + b"/")
