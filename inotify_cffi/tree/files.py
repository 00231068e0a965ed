"""Watch files by themselves: roots that are files, whatever is at their path now.

A path to a file is a name and an object. That the name comes and goes is said by the watch on its directory; what
happens to the object, by a watch on that, for nothing else, wherever the links on the way lead. So nothing is said
twice, and who writes to another file in that directory wakes nobody.

Whenever something happens on the way (``anchors``), to the name or to the object itself, it is looked at once
which object is there now. The way is watched first, the directory next, the object last; then it is looked. If it
is another than was watched last, what was written to it before is not known, so it is told as changed.
"""

from __future__ import annotations

import errno
import os

from inotify_cffi.ledger.nodes import NO_WD, Root
from inotify_cffi.tree.anchors import Followed
from inotify_cffi.tree.links import Links
from inotify_cffi.tree.objects import CONTENT, NOTHING, Objects, Seen, lacks_a_watch
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, KeysView, Tuple

    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.anchors import Anchors
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.moves import Raw
    from inotify_cffi.tree.places import Places

__all__ = ["Files"]


class Files:
    """The files that are watched by themselves."""

    def __init__(self, ground: Ground, anchors: Anchors, places: Places) -> None:
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._disk = ground.disk
        self._doubts = ground.doubts
        self._anchors = anchors
        self._places = places
        self._turn = ground.turn
        self._objects = Objects(ground, places)
        self._roots: Dict[Root, Followed] = {}
        # Those in a tree whose links are followed.
        self.links = Links(ground, anchors, places, self._objects)
        # How often one was looked at because something happened.
        self.looks = 0

    # --- what is known ---

    def __contains__(self, wd: int) -> bool:
        return wd in self._objects

    def __bool__(self) -> bool:
        return bool(self._roots or self.links)

    @property
    def wds(self) -> KeysView[int]:
        """The watches on objects, as they are at each moment."""
        return self._objects.wds

    @property
    def due(self) -> int:
        """How many are to be looked at; the one that has waited longest is the next."""
        return len(self._anchors.due_files)

    def errors(self) -> Dict[str | bytes, OSError]:
        """Return the paths of the files that are not covered as a whole, each with its reason."""
        found = self.links.errors()
        for root, file in self._roots.items():
            if file.error is not None:
                found[self._ledger.place(root).path] = file.error
        return found

    def names(self) -> list[Tuple[Node, str]]:
        """Return the directory and the name of each file that is watched by itself."""
        return [(file.node, file.name) for file in self._all()]

    def _of(self, root: Root) -> Followed:
        file = self._roots.get(root)
        if file is None:
            file = self._roots[root] = Followed(root, os.path.basename(root.location))
        return file

    # --- what is heard ---

    def heard(self, raw: Raw) -> None:
        """The kernel reported something of an object."""
        self._anchors.due_files.update(dict.fromkeys(self._objects.heard(raw)))

    def renamed(self, raw: Raw) -> None:
        """Something was made, removed or renamed: it may be the name of a file."""
        for node in self._ledger.owners(raw.wd):
            file = self._roots.get(node) if isinstance(node, Root) else None
            if file is None or file.name != raw.name:
                file = self.links.get(node, raw.name)
            if file is not None:
                self._anchors.due_files[file] = None

    def over(self, wd: int) -> None:
        """A watch is over."""
        self._objects.over(wd)

    def mark(self, root: Root) -> None:
        """Something happened to the directory of a root that is a file."""
        self._anchors.due_files[self._of(root)] = None

    def doubt_all(self) -> None:
        """All are to be looked at: something happened that no watch reports."""
        for root in self._ledger.roots:
            if root.is_file:
                self.mark(root)
        self._anchors.due_files.update(dict.fromkeys(self.links.all()))

    def freed(self) -> None:
        """There are more watches: look at those for which none was left."""
        self._anchors.due_files.update(dict.fromkeys(filter(lacks_a_watch, self._all())))

    @property
    def waits_for_watches(self) -> bool:
        """True if there are some for which no watch was left."""
        return any(map(lacks_a_watch, self._all()))

    def _all(self) -> list[Followed]:
        return [*self._roots.values(), *self.links.all()]

    def rearm(self, since: float | None = None) -> None:
        """Look at all at which something happened, as far as there is time, at one at least.

        *since*: after lost events, tell those as changed whose ctime is not before it.
        """
        due = self._anchors.due_files
        while due:
            file = next(iter(due))
            root = file.node
            if not isinstance(root, Root) or self._roots.get(root) is not file:
                self.links.look(file, since=since)
            elif self._ledger.is_attached(root) and root.is_file:
                self.look(root, agree=False)
            due.pop(file, None)
            self.looks += 1
            if self._turn.is_over():
                return

    # --- the end ---

    def drop(self, root: Root) -> OSError | None:
        """Watch a file no more; why it was not covered, None if it was."""
        file = self._roots.get(root)
        if file is None:
            return None
        self._anchors.disarm(file)
        self._objects.bind(file, NO_WD)
        del self._roots[root]
        return file.error

    def refresh(self) -> None:
        """Make good what an interruption has left half-done."""
        self.links.refresh()
        self._objects.refresh(self._all())

    # --- to look ---

    def reconsider(self, root: Root) -> bool:
        """See whether a root that is waited for is a file now, or was one and is a directory.

        Where nothing is it stays what it was. False if there was no time to take back what it was; then it is in
        doubt.
        """
        is_file = self._disk.is_file(root.location)
        if is_file == root.is_file or not (is_file or self._disk.is_directory(root.location)):
            return True
        if not self._places.empty(root):
            return False
        self._places.release(root)
        if is_file:
            error = self._places.excuse(root)
            root.become_file()
            self._of(root).error = error
        else:
            was_uncovered = self.drop(root) is not None
            root.become_directory()
            self._anchors.arm(root)
            if was_uncovered:
                self._teller.watched(root)
        return True

    def look(self, root: Root, *, agree: bool, since: float | None = None, is_new: bool = False) -> None:
        """Watch the way to a file, its directory and the object that is there, and tell the difference.

        *agree*: also whether the name is there, which events say otherwise. *since*: see :meth:`Crawls.scan`.
        *is_new*: it is being added: nothing was missed. Raises the OSError of the root itself then.
        """
        file = self._of(root)
        uncovered = self._anchors.arm_file(file, root.location, whole=root.waits)
        self._anchors.disarm(root)
        if root.waits and self._disk.is_directory(root.location):
            self._doubts.doubt(root, relist=True)
            return
        try:
            if not is_new:
                self._places.check(root, root)
            fd = self._disk.open_root(root.top)
        except OSError as error:
            error.filename = root.given
            if is_new and not root.waits:
                raise
            self._lose(root, file, error)
            return
        try:
            self._anchors.heed_end(root, fd, file)
            self._look_in(root, file, fd, uncovered, agree=agree, since=since, is_new=is_new)
        finally:
            self._disk.close(fd)

    def unanswered(self, root: Root, error: OSError) -> None:
        """A root, whatever it is, can not be opened, and nobody knows what is there: what was told of it stays."""
        if root.is_file:
            self._note(root, self._of(root), error)
        else:
            self._places.unanswered(root, error)

    def _lose(self, root: Root, file: Followed, error: OSError) -> None:
        """The directory of a file is not there."""
        self._objects.bind(file, NO_WD)
        if self._places.empty(root):
            self._places.release(root)
            self._note(root, file, error)

    def _look_in(
        self,
        root: Root,
        file: Followed,
        fd: int,
        uncovered: OSError | None,
        *,
        agree: bool,
        since: float | None,
        is_new: bool,
    ) -> None:
        """Do so in the directory that is open as *fd*."""
        was_at = root.wd
        error = self._watch_directory(root, file, fd, is_new=is_new)
        agree = agree or file.is_alone or root.wd != was_at
        kind = self._kind(fd, file.name) if agree else _kind_told(root, file.name)
        seen = self._watch_object(root, file, fd, since=since, is_new=is_new) if kind == "-" else NOTHING
        error = error or uncovered or seen.error
        if root.waits and not kind and error is None:
            # Who waits for a path is told that nothing is there.
            error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), root.given)
        if error is None:
            self._note(root, file, None)
        was_found = self._agree(root, file.name, kind) if agree else False
        self._objects.take(file, seen, tell=not (was_found or is_new))
        if error is not None:
            self._note(root, file, error)

    def _kind(self, fd: int, name: str) -> str:
        kind = self._disk.kind(fd, name, follow=False)
        return "-" if kind == "l" else kind

    def _watch_directory(self, root: Root, file: Followed, fd: int, *, is_new: bool) -> OSError | None:
        """Bind the root to its directory; why that can not be watched, None if it is."""
        try:
            wd = self._watch(root, fd)
        except OSError as error:
            error.filename = root.given
            if is_new and not isinstance(error, PermissionError):
                raise
            file.is_alone = True
            self._places.release(root)
            reason = f"only the file itself is watched, for its directory can not be: {error.strerror}"
            return OSError(error.errno, reason, root.given)
        file.is_alone = False
        if wd != root.wd:
            if root.wd != NO_WD:
                self._places.release(root)
            self._ledger.bind(root, wd)
        return None

    def _watch(self, root: Root, fd: int) -> int:
        return self._places.watch(fd, root, root)

    def _watch_object(self, root: Root, file: Followed, fd: int, *, since: float | None, is_new: bool) -> Seen:
        """Watch what the name leads to, wherever that is."""
        watches = not root.rules.polls_only
        try:
            seen = self._objects.look(file, fd, root.location, root.content_mask, since=since, watches=watches)
        except OSError as error:
            error.filename = root.given
            if is_new and not isinstance(error, PermissionError) and not root.waits:
                raise
            if isinstance(error, PermissionError) and self._is_told_by_name(root, file, fd):
                return NOTHING
            if isinstance(error, FileNotFoundError) and not self._kind(fd, file.name):
                # The directory has that to say still.
                return NOTHING
            return Seen(NO_WD, None, error)
        root.kernel_mask &= ~CONTENT
        return seen

    def _is_told_by_name(self, root: Root, file: Followed, fd: int) -> bool:
        """A file may not be read, so it can not be watched: have its directory report of it, if it is in there."""
        try:
            if file.is_alone or self._disk.where(fd, file.name) is not None:
                return False
            root.kernel_mask |= root.content_mask & CONTENT
            self._watch(root, fd)
        except OSError:
            return False
        return True

    # --- to tell ---

    def _agree(self, root: Root, name: str, kind: str) -> bool:
        """Make the name agree with what was seen of it; True if it is told as found."""
        known = _kind_told(root, name)
        if known == kind:
            return False
        if known:
            self._places.take_back(root, name)
        if kind:
            self._teller.found(root, name, is_dir=kind == "d")
        return bool(kind)

    def _note(self, root: Root, file: Followed, error: OSError | None) -> None:
        """Tell whether all of a file is covered, if that is news."""

        def tell(error: OSError | None) -> None:
            if error is None:
                self._teller.watched(root)
            else:
                self._teller.unwatched(root, error)

        self._objects.note(file, error, tell)


def _kind_told(root: Root, name: str) -> str:
    """Return the kind of an entry as it was told; empty if there is none."""
    if name not in root.children:
        return ""
    return "-" if root.children[name] is None else "d"
