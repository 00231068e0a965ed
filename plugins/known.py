"""The tree as the journal last knew it, in the journal's file: so that the next start can tell what has changed.

Entries are nodes with a parent, as in the watcher itself: a rename is one row, however much is below.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Dict, Iterator, NamedTuple, Tuple

if TYPE_CHECKING:
    from .reading import Reader

__all__ = ["Known", "State", "look"]

TOP = 0

# In the place of the time of change at which a file was told as finished: it was not, and is to be.
UNFINISHED = 0


class State(NamedTuple):
    """What tells one content from another without reading it; all None for a directory."""

    is_dir: bool
    inode: int | None = None
    size: int | None = None
    mtime_ns: int | None = None
    ctime_ns: int | None = None


def look(path: bytes) -> Tuple[State | None, bool]:
    """Return the state of an entry on the disk, None if it is not to be seen; and True for a regular file."""
    try:
        found = os.lstat(path)
    except OSError:
        # It is gone again, and an event says so; or it is behind a directory that is shut.
        return None, False
    if stat.S_ISDIR(found.st_mode):
        return State(is_dir=True), False
    state = State(False, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return state, stat.S_ISREG(found.st_mode)


class Known:
    """The nodes in a store. Paths are absolute; all is done inside a batch of the store."""

    def __init__(self, store: Reader) -> None:
        self._run = store.connection.execute

    def has_root(self, path: bytes) -> bool:
        """Return True if the root was journalled before; from now on it was."""
        known = self._run("SELECT 1 FROM roots WHERE path = ?", (path,)).fetchone() is not None
        if not known:
            self._run("INSERT INTO roots VALUES (?)", (path,))
        return known

    def put(
        self, path: bytes, state: State, *, is_unfinished: bool = False, replaces_directory: bool = True
    ) -> None:
        """Add an entry, or replace what is known of it; and if so, take it as unfinished from now on.

        A directory that is known stays as it is unless *replaces_directory*.
        """
        directory, name = os.path.split(path)
        parent = self._reach(directory)
        self._run(
            "INSERT INTO nodes (parent, name, is_dir, inode, size, mtime_ns, ctime_ns) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (parent, name) DO UPDATE SET is_dir = excluded.is_dir, "
            "inode = excluded.inode, size = excluded.size, mtime_ns = excluded.mtime_ns, "
            "ctime_ns = excluded.ctime_ns WHERE ? OR NOT is_dir",
            (parent, name, *state, replaces_directory),
        )
        if is_unfinished:
            self._run(
                "UPDATE nodes SET finished = ? WHERE parent = ? AND name = ? AND NOT is_dir",
                (UNFINISHED, parent, name),
            )

    def finish(self, path: bytes, state: State | None) -> None:
        """Take a file as finished, in the state that it has now.

        That may be another than what is known, which is what was told: events that nobody asked for are not.
        """
        node = self._find(path)
        if node is not None and state is not None:
            self._run(
                "UPDATE nodes SET finished = CASE WHEN inode IS ? AND size IS ? AND mtime_ns IS ? THEN NULL "
                "ELSE ? END WHERE id = ?",
                (*state[1:], node),
            )

    def finished(self) -> Dict[bytes, int]:
        """Return the files that are :data:`UNFINISHED`, or were told in another state than is known.

        Of such a state it is the time of change, in nanoseconds.
        """
        rows = self._run("SELECT id, finished FROM nodes WHERE finished IS NOT NULL").fetchall()
        return {self._path(node): finished for node, finished in rows}

    def _path(self, node: int) -> bytes:
        names = []
        while node != TOP:
            node, name = self._run("SELECT parent, name FROM nodes WHERE id = ?", (node,)).fetchone()
            names.append(name)
        return b"/" + b"/".join(reversed(names))

    def drop(self, path: bytes) -> None:
        """Take an entry out, and all below it."""
        node = self._find(path)
        if node is not None:
            self._run(
                "WITH RECURSIVE below(id) AS (VALUES (?) UNION ALL SELECT nodes.id FROM nodes JOIN below ON "
                "nodes.parent = below.id) DELETE FROM nodes WHERE id IN below",
                (node,),
            )

    def move(self, source: bytes, target: bytes) -> None:
        """Move an entry, and all below it; what was at the target is replaced.

        Of two roots that lie in one another the second tells the move again, of what is not there any more.
        """
        node = self._find(source)
        if node is not None:
            self.drop(target)
            directory, name = os.path.split(target)
            self._run("UPDATE nodes SET parent = ?, name = ? WHERE id = ?", (self._reach(directory), name, node))

    def at(self, root: bytes) -> Iterator[tuple[bytes, State]]:
        """Yield all entries of a root, deepest last: what is below a directory, or the file that it is."""
        node = self._find(root)
        if node is not None:
            query = "SELECT is_dir, inode, size, mtime_ns, ctime_ns FROM nodes WHERE id = ?"
            for is_dir, *rest in self._run(query, (node,)).fetchall():
                if not is_dir:
                    yield root, State(False, *rest)
        yield from self.below(root)

    def below(self, root: bytes) -> Iterator[tuple[bytes, State]]:
        """Yield all entries below a directory, deepest last."""
        top = self._find(root)
        level = [] if top is None else [(top, root)]
        while level:
            deeper: list[tuple[int, bytes]] = []
            for parent, path in level:
                rows = self._run(
                    "SELECT id, name, is_dir, inode, size, mtime_ns, ctime_ns FROM nodes WHERE parent = ?",
                    (parent,),
                ).fetchall()
                for node, name, is_dir, *rest in rows:
                    child = os.path.join(path, name)
                    yield child, State(bool(is_dir), *rest)
                    if is_dir:
                        deeper.append((node, child))
            level = deeper

    def _find(self, path: bytes) -> int | None:
        node = TOP
        for name in filter(None, path.split(b"/")):
            row = self._run("SELECT id FROM nodes WHERE parent = ? AND name = ?", (node, name)).fetchone()
            if row is None:
                return None
            node = row[0]
        return node

    def _reach(self, path: bytes) -> int:
        """Return the node of a directory; what of it is not known is added."""
        node = TOP
        for name in filter(None, path.split(b"/")):
            row = self._run("SELECT id FROM nodes WHERE parent = ? AND name = ?", (node, name)).fetchone()
            if row is None:
                added = self._run("INSERT INTO nodes (parent, name, is_dir) VALUES (?, ?, 1)", (node, name))
                node = added.lastrowid or TOP
            else:
                node = row[0]
        return node
