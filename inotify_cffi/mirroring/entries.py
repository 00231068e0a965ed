"""The entries of a mirror, as a tree of names: a move is one re-link, however much is below.

Where roots lie in one another each tells what is in both, under the same paths. So each entry counts how many have
told it. A directory on the way to a root is a *place*: it has been told by none, and is no entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, AnyStr, Dict, Generic, Iterable, Iterator, List, Set, Tuple, cast

from inotify_cffi.errors import MirrorError
from inotify_cffi.mirroring.paths import is_below, name_of, parent_of, slash_of, trimmed

if TYPE_CHECKING:
    from inotify_cffi.mirroring.numbers import Numbers

__all__ = ["Entries", "Entry"]


class Entry(Generic[AnyStr]):
    """A name in a directory: a file, a directory, or a place."""

    __slots__ = ("children", "copies", "name", "parent", "unread")

    def __init__(self, name: AnyStr, *, is_dir: bool, copies: int) -> None:
        self.name: AnyStr = name
        self.parent: Entry[AnyStr] | None = None
        self.children: Dict[AnyStr, Entry[AnyStr]] | None = {} if is_dir else None
        # How many roots have told it; 0 of a place.
        self.copies = copies
        # True where the files in it are to be read again.
        self.unread = False

    @property
    def is_dir(self) -> bool:
        """True for a directory or a place."""
        return self.children is not None


class Entries(Generic[AnyStr]):
    """The tree.

    Args:
        numbers: told how to undo each change.

    """

    def __init__(self, numbers: Numbers) -> None:
        self._record = numbers.record
        # The names in it are the first parts of paths: "" of absolute ones. Its own name is of no account.
        self._top: Entry[AnyStr] = cast("Entry[AnyStr]", Entry("", is_dir=True, copies=0))
        self.roots: Set[AnyStr] = set()
        self._overlap = False
        self._doubted: Set[Entry[AnyStr]] = set()

    # --- roots ---

    def add_root(self, path: AnyStr) -> None:
        """Let the entries below a path be told once more."""
        self.roots.add(trimmed(path))
        self._look_for_overlap()

    def remove_root(self, path: AnyStr) -> bool:
        """Forget a root, and the entries that no other root tells; False if it is none."""
        root = trimmed(path)
        if root not in self.roots:
            return False
        self.roots.remove(root)
        self._look_for_overlap()
        known = dict(self._below(root))
        own = self.find(root)
        if own is not None and not own.is_dir:
            known[root] = own
        for place, entry in reversed(list(known.items())):
            copies = min(entry.copies, self._told_by(place, is_dir=entry.is_dir))
            if copies or entry.children:
                self._count(entry, copies)
            else:
                self._cut(entry)
        return True

    def is_root(self, path: AnyStr) -> bool:
        """Return True for the path of a root."""
        return trimmed(path) in self.roots

    def cover(self, path: AnyStr, *, is_dir: bool = False) -> int:
        """Return how many roots tell an entry at a path; 1 where no roots are known."""
        return max(self._told_by(path, is_dir=is_dir), 1) if self._overlap else 1

    def _told_by(self, path: AnyStr, *, is_dir: bool) -> int:
        # A directory that is a root is no entry of itself; a file is.
        return sum(is_below(path, root) or (path == root and not is_dir) for root in self.roots)

    def _look_for_overlap(self) -> None:
        self._overlap = any(is_below(one, other) for one in self.roots for other in self.roots)

    # --- looking ---

    def find(self, path: AnyStr) -> Entry[AnyStr] | None:
        """Return what is at a path, an entry or a place; None if nothing is."""
        entry: Entry[AnyStr] | None = self._top
        for name in trimmed(path).split(slash_of(path)):
            if entry is None or entry.children is None:
                return None
            entry = entry.children.get(name)
        return entry

    def nearest(self, path: AnyStr) -> Entry[AnyStr]:
        """Return what is nearest above a path."""
        entry = self._top
        for name in trimmed(path).split(slash_of(path))[:-1]:
            child = entry.children.get(name) if entry.children is not None else None
            if child is None:
                break
            entry = child
        return entry

    def listing(self, path: AnyStr | None = None) -> Dict[AnyStr, bool]:
        """Return the entries, or those below a path: path to True for a directory, which comes before its own."""
        return {place: entry.is_dir for place, entry in self._below(path) if entry.copies}

    def _below(self, path: AnyStr | None = None) -> Iterator[Tuple[AnyStr, Entry[AnyStr]]]:
        if path is None:
            stack = [(name, entry) for name, entry in (self._top.children or {}).items()]
            yield from stack
        else:
            found = self.find(path)
            stack = [] if found is None else [(trimmed(path), found)]
        while stack:
            place, directory = stack.pop()
            prefix = place + slash_of(place)
            for name, entry in (directory.children or {}).items():
                yield prefix + name, entry
                if entry.children:
                    stack.append((prefix + name, entry))

    def check_directory(self, path: AnyStr) -> Entry[AnyStr]:
        """Return the directory that an entry is in, made as a place if it is a root's. Raises MirrorError."""
        above = parent_of(path)
        directory = self._top if above is None else self.find(above)
        if directory is not None and directory.copies:
            if directory.children is None:
                raise MirrorError(f"{path!r} can not be told: {above!r} is known as a file")
            return directory
        if self.roots:
            if above not in self.roots and path not in self.roots:
                raise MirrorError(f"{path!r} can not be told: its directory is not known, and it is not in a root")
        elif directory is None and self.nearest(path).copies:
            raise MirrorError(f"{path!r} can not be told: its directory is not known")
        return self._place(above)

    def _place(self, path: AnyStr | None) -> Entry[AnyStr]:
        """Return the directory at a path; what of it is not there becomes a place."""
        entry = self._top
        for name in () if path is None else path.split(slash_of(path)):
            child = entry.children.get(name) if entry.children is not None else None
            if child is None:
                child = Entry(name, is_dir=True, copies=0)
                self._tie(child, entry, name)
            elif child.children is None:
                raise MirrorError(f"a part of {path!r} is a file, so no other entry lies in it")
            entry = child
        return entry

    # --- changing ---

    def put(self, path: AnyStr, *, is_dir: bool, copies: int | None = None) -> None:
        """Add an entry of a snapshot, in whatever order: told by all roots it is below, or by so many more."""
        if self.roots and not self._told_by(path, is_dir=is_dir):
            raise MirrorError(f"{path!r} lies below none of the roots")
        directory = self._place(parent_of(path))
        name = name_of(path)
        most = self.cover(path, is_dir=is_dir)
        entry = (directory.children or {}).get(name)
        if entry is None or (entry.is_dir != is_dir and not entry.children):
            if entry is not None:
                self._cut(entry)
            self._tie(Entry(name, is_dir=is_dir, copies=copies or most), directory, name)
        elif entry.is_dir != is_dir:
            raise MirrorError(f"{path!r} is a file, so no other entry lies in it")
        else:
            self._count(entry, min(entry.copies + copies, most) if copies else most)

    def create(self, path: AnyStr, *, is_dir: bool) -> None:
        """An entry is told: new, or once more."""
        directory = self.check_directory(path)
        name = name_of(path)
        entry = (directory.children or {}).get(name)
        if entry is not None and entry.is_dir == is_dir:
            if entry.copies < self.cover(path, is_dir=is_dir):
                self._count(entry, entry.copies + 1)
            return
        if entry is not None:
            # A file where a directory was, or the other way round: what was there is gone.
            self._cut(entry)
        self._tie(Entry(name, is_dir=is_dir, copies=1), directory, name)

    def take(self, entry: Entry[AnyStr]) -> Entry[AnyStr]:
        """Take an entry out with all below it, so far as one root has told it, and return that."""
        if entry.copies == 1:
            self._cut(entry)
            return entry
        taken = Entry(entry.name, is_dir=entry.is_dir, copies=1)
        stack = [(entry, taken)]
        while stack:
            source, copy = stack.pop()
            self._count(source, source.copies - 1)
            for name, child in list((source.children or {}).items()):
                other = Entry(name, is_dir=child.is_dir, copies=1)
                _hang(other, copy, name)
                stack.append((child, other))
        for child in reversed(_all_below(entry)):
            if not child.copies and not child.children:
                self._cut(child)
        return taken

    def drop(self, entry: Entry[AnyStr]) -> None:
        """One root has told that an entry is gone; with the last one all goes that is below it."""
        if entry.copies > 1:
            self._count(entry, entry.copies - 1)
        else:
            self._cut(entry)

    def graft(self, entry: Entry[AnyStr], path: AnyStr) -> None:
        """Put what was taken at another place; what is there is replaced."""
        directory = self.check_directory(path)
        name = name_of(path)
        there = (directory.children or {}).get(name)
        if there is None:
            self._tie(entry, directory, name)
        elif there.is_dir == entry.is_dir and self.cover(path, is_dir=entry.is_dir) > 1:
            self._merge(entry, there)
        else:
            self._cut(there)
            self._tie(entry, directory, name)
        if self._overlap:
            self._limit(path)

    def empty(self, path: AnyStr) -> None:
        """Nothing is known any more of what is below a directory."""
        entry = self.find(path)
        if entry is not None and not self._overlap:
            for child in list((entry.children or {}).values()):
                self._cut(child)

    def _merge(self, entry: Entry[AnyStr], there: Entry[AnyStr]) -> None:
        stack = [(entry, there)]
        while stack:
            source, target = stack.pop()
            self._count(target, target.copies + source.copies)
            for name, child in list((source.children or {}).items()):
                known = (target.children or {}).get(name)
                if known is None or known.is_dir != child.is_dir:
                    if known is not None:
                        self._cut(known)
                    del cast("Dict[AnyStr, Entry[AnyStr]]", source.children)[name]
                    self._tie(child, target, name)
                else:
                    stack.append((child, known))

    def _limit(self, path: AnyStr) -> None:
        """Let nothing at or below a path be told by more roots than tell it."""
        entry = self.find(path)
        if entry is not None:
            self._count(entry, min(entry.copies, self.cover(path, is_dir=entry.is_dir)))
        for place, below in self._below(path):
            self._count(below, min(below.copies, self.cover(place, is_dir=below.is_dir)))

    # --- directories to be read again ---

    def doubt(self, path: AnyStr) -> None:
        """The files of a directory, which may be a root, are to be read again."""
        entry = self.find(path)
        if entry is None and self.is_root(path):
            entry = self._place(trimmed(path))
        if entry is None or not entry.is_dir:
            raise MirrorError(f"{path!r} is to be read again, and is not a known directory")
        entry.unread = True
        self._doubted.add(entry)

    def unread(self) -> List[AnyStr]:
        """Return the paths of the directories to be read again."""
        found = {entry: self._path_of(entry) for entry in self._doubted if entry.unread}
        self._doubted = {entry for entry, path in found.items() if path is not None}
        return sorted(path for path in found.values() if path is not None)

    def replace_files(self, directory: Entry[AnyStr], names: Iterable[AnyStr]) -> None:
        """Let these be the files of a directory."""
        children = cast("Dict[AnyStr, Entry[AnyStr]]", directory.children)
        wanted = set(names)
        for name, entry in list(children.items()):
            if not entry.is_dir and name not in wanted:
                self._cut(entry)
        for name in wanted - children.keys():
            self._tie(Entry(name, is_dir=False, copies=1), directory, name)
        directory.unread = False

    def _path_of(self, entry: Entry[AnyStr]) -> AnyStr | None:
        """Return where an entry is; None if it is not in the tree any more."""
        names: List[AnyStr] = []
        while entry is not self._top:
            if entry.parent is None:
                return None
            names.append(entry.name)
            entry = entry.parent
        return slash_of(names[0]).join(reversed(names))

    # --- each change, and its opposite ---

    def _tie(self, entry: Entry[AnyStr], directory: Entry[AnyStr], name: AnyStr) -> None:
        _hang(entry, directory, name)
        self._record(self._cut, entry)

    def _cut(self, entry: Entry[AnyStr]) -> None:
        directory = cast("Entry[AnyStr]", entry.parent)
        del cast("Dict[AnyStr, Entry[AnyStr]]", directory.children)[entry.name]
        entry.parent = None
        self._record(self._tie, entry, directory, entry.name)

    def _count(self, entry: Entry[AnyStr], copies: int) -> None:
        self._record(self._count, entry, entry.copies)
        entry.copies = copies


def _hang(entry: Entry[AnyStr], directory: Entry[AnyStr], name: AnyStr) -> None:
    cast("Dict[AnyStr, Entry[AnyStr]]", directory.children)[name] = entry
    entry.parent, entry.name = directory, name


def _all_below(top: Entry[AnyStr]) -> List[Entry[AnyStr]]:
    found: List[Entry[AnyStr]] = [top]
    for entry in found:
        found.extend((entry.children or {}).values())
    return found[1:]
