"""Links to files in a tree: what happens to what they lead to is told under the path of the link.

The link itself is an entry as any other. Its way is watched as that of a root that is a file, from its own
directory on; where it leads nowhere, or to a directory, there is no more to it. One object is followed to from no
more places of a root than directories are, for links multiply paths; others wait until one of them is free.
"""

from __future__ import annotations

import errno
import os

from inotify_cffi.ledger.nodes import NO_WD
from inotify_cffi.tree.anchors import Followed
from inotify_cffi.tree.objects import NOTHING, Seen
from inotify_cffi.tree.telling import join
from inotify_cffi.tree.ways import NOT_THERE
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict

    from inotify_cffi.ledger.ledger import Ledger
    from inotify_cffi.ledger.nodes import Node, Root
    from inotify_cffi.tree.anchors import Anchors
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.objects import Objects
    from inotify_cffi.tree.places import Found, Places

__all__ = ["Links"]

# What a link leads to then is no file: it is an entry, and that is all.
NO_FILE = (*NOT_THERE, errno.EISDIR)


class Links:
    """The links whose files are followed."""

    def __init__(self, ground: Ground, anchors: Anchors, places: Places, objects: Objects) -> None:
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._disk = ground.disk
        self._doubts = ground.doubts
        self._anchors = anchors
        self._places = places
        self._objects = objects
        # By the directory that they are in, and their names.
        self._files: Dict[Node, Dict[str, Followed]] = {}
        # Who waits for a place, first come first served.
        self._waiting: Dict[int, Dict[Followed, None]] = {}
        # How often directories had been taken out of the ledger when it was last looked which of these are.
        self._taken_out = 0

    def __bool__(self) -> bool:
        return bool(self._files)

    def get(self, node: Node, name: str) -> Followed | None:
        """Return the link that is followed by that name; None if there is none."""
        return self._files[node].get(name) if node in self._files else None

    def all(self) -> list[Followed]:
        """Return all of them."""
        return [file for files in self._files.values() for file in files.values()]

    def errors(self) -> Dict[str | bytes, OSError]:
        """Return the paths of those that are not covered, each with its reason."""
        return {
            _path(self._ledger, file): file.error
            for file in self.all()
            if file.error is not None and self._ledger.is_attached(file.node)
        }

    # --- to be marked ---

    def found(self, node: Node, name: str) -> None:
        """There is a link that leads to no directory that is entered: it is to be looked at."""
        file = self.get(node, name)
        if file is None:
            file = Followed(node, name)
            self._files.setdefault(node, {})[name] = file
        self._anchors.due_files[file] = None

    def lost(self, node: Node, name: str) -> None:
        """What is there is no such link: if one was followed, it is to be looked at."""
        file = self.get(node, name) if self._files else None
        if file is not None:
            self._anchors.due_files[file] = None

    def listed(self, node: Node) -> None:
        """A directory was listed: whatever is not there any more is found out."""
        if node in self._files:
            self._anchors.due_files.update(dict.fromkeys(self._files[node].values()))

    def moved(self, source: Node, name: str, target: Node, new_name: str) -> None:
        """A file was renamed: if it is a link that is followed, it is now by its new name."""
        file = self.get(source, name)
        if file is not None:
            replaced = self.get(target, new_name)
            if replaced is not None:
                self._drop(replaced)
            # In this order: who is interrupted in between has it still.
            self._files.setdefault(target, {})[new_name] = file
            file.node, file.name = target, new_name
            self._take_out(file, source, name)
            self._anchors.due_files[file] = None

    def doubt_below(self, top: Node) -> None:
        """A directory was moved: links in it may lead elsewhere from here."""
        for node in self._files:
            if self._ledger.is_within(node, top):
                self.listed(node)

    def tidy(self) -> None:
        """Forget those whose directories are not in the ledger any more, if some were taken out of it."""
        if self._files and self._taken_out != self._teller.taken_out:
            self._taken_out = self._teller.taken_out
            for node in [node for node in self._files if not self._ledger.is_attached(node)]:
                for file in list(self._files[node].values()):
                    self._drop(file)

    def _drop(self, file: Followed) -> None:
        """Follow a link no more."""
        self._wait_no_more(file)
        self._anchors.disarm(file)
        self._leave(file, NOTHING)
        self._take_out(file, file.node, file.name)

    def _take_out(self, file: Followed, node: Node, name: str) -> None:
        files = self._files.get(node, {})
        if files.get(name) is file:
            del files[name]
            if not files:
                del self._files[node]

    def refresh(self) -> None:
        """Make good what an interruption has left half-done: each is where it says itself."""
        files, self._files = self.all(), {}
        for file in files:
            self._files.setdefault(file.node, {})[file.name] = file

    # --- to look ---

    def look(self, file: Followed, *, since: float | None = None) -> None:
        """Watch the way of a link and what it leads to, and tell the difference."""
        node = file.node
        root = self._ledger.root(node)
        is_known = self.get(node, file.name) is file
        is_entry = file.name in node.children and node.children.get(file.name) is None
        if root is None or not (is_known and is_entry and root.rules.follows_files):
            self._drop(file)
            return
        try:
            found = self._places.locate(node)
        except OSError:
            found = None
        if found is None:
            # The directory has moved on, or may not be entered; when it is looked at again, so is this.
            self._doubts.suspect(node, file.name)
            return
        try:
            if found.wd == node.wd:
                self._look_in(file, root, found, since)
            else:
                self._places.stray(node, found.wd)
                self._doubts.suspect(node, file.name)
        finally:
            self._disk.close(found.fd)

    def _look_in(self, file: Followed, root: Root, found: Found, since: float | None) -> None:
        path = _path(self._ledger, file)
        was_known, uncovered = file.is_known, None
        file.is_known = True
        try:
            uncovered = self._anchors.arm_link(file, found.fd, os.path.dirname(os.fsdecode(path)))
            if self._disk.where(found.fd, file.name) is None:
                self._drop(file)
                return
            seen = self._objects.look(file, found.fd, os.fsdecode(path), root.content_mask, since=since)
        except OSError as error:
            error.filename = path
            seen = Seen(NO_WD, None, None if error.errno in NO_FILE else error)
            if seen.error is None:
                uncovered = None
        turned_away = self._turned_away(file, root, seen.wd)
        if turned_away is not None:
            self._objects.reap(seen.wd)
            seen = Seen(NO_WD, None, turned_away)
        error_now = seen.error or uncovered
        if error_now is None:
            self._note(file, None)
        self._leave(file, seen, tell=was_known)
        if error_now is not None:
            self._note(file, error_now)

    def _leave(self, file: Followed, seen: Seen, *, tell: bool = False) -> None:
        """Be at what was seen; who waits for the place that is left may have it."""
        before = file.wd
        self._objects.take(file, seen, tell=tell)
        if before not in (NO_WD, seen.wd):
            self._serve(before)

    def _note(self, file: Followed, error: OSError | None) -> None:
        def tell(error: OSError | None) -> None:
            if error is None:
                self._teller.file_watched(file.node, file.name)
            else:
                self._teller.file_unwatched(file.node, file.name, error)

        self._objects.note(file, error, tell)

    # --- places ---

    def _turned_away(self, file: Followed, root: Root, wd: int) -> OSError | None:
        """Return why an object is not followed to from here as well; None if it may be."""
        others = [] if wd in (NO_WD, file.wd) else self._places_of(wd, root)
        if len(others) < root.rules.max_places:
            self._wait_no_more(file)
            return None
        if file.waits_at != wd:
            self._wait_no_more(file)
        self._waiting.setdefault(wd, {})[file] = None
        file.waits_at = wd
        covered = os.fsdecode(_path(self._ledger, others[0]))
        return OSError(errno.ELOOP, f"already covered at {covered}", _path(self._ledger, file))

    def _places_of(self, wd: int, root: Root) -> list[Followed]:
        """Return the links below a root that lead to an object."""
        return [
            other for other in self._objects.at(wd) if self._ledger.root(other.node) is root and other.is_known
        ]

    def _wait_no_more(self, file: Followed) -> None:
        wd, file.waits_at = file.waits_at, NO_WD
        waiting = self._waiting.get(wd)
        if waiting is not None and file in waiting:
            del waiting[file]
            # It may have been the one that was to have the place that is free.
            self._serve(wd)
            if not waiting:
                del self._waiting[wd]

    def _serve(self, wd: int) -> None:
        """Have the first one looked at for which there is a place."""
        for file in self._waiting.get(wd, ()):
            root = self._ledger.root(file.node)
            if root is None or len(self._places_of(wd, root)) < root.rules.max_places:
                self._anchors.due_files[file] = None
                return


def _path(ledger: Ledger, file: Followed) -> str | bytes:
    return join(ledger.place(file.node).prefix, file.name)
