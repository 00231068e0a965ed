"""What the ledger has, taken out to be kept; and put into it again, before a root is compared with the disk.

So the difference to the disk is told as any other, by the first crawl of the root, with RESTART as its cause: a
name that is gone, one that is new, a file that has another stamp. There is no other comparison.

A stamp is kept if it says that the file is what was told. It is not of one that was told so lately that a change
behind it may have left the stamp as it is, nor of what is watched by itself: these are told as changed once more.
"""

from __future__ import annotations

import os

from inotify_cffi.base.encoding import decoded
from inotify_cffi.kernel.listings import STAMP
from inotify_cffi.ledger.saved import DIRECTORY, FILE, LINK, Directory, SavedRoot
from inotify_cffi.ledger.storage import LINK as IS_LINK
from inotify_cffi.ledger.storage import NONE
from inotify_cffi.tree.stamps import MARK, UNKNOWN_STAMP
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Collection, Dict

    from inotify_cffi.ledger.nodes import Root
    from inotify_cffi.tree.files import Files
    from inotify_cffi.tree.ground import Ground

__all__ = ["Since"]


class Since:
    """Takes roots out, and puts them in."""

    def __init__(self, ground: Ground, files: Files) -> None:
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._disk = ground.disk
        self._turn = ground.turn
        self._files = files
        self._stamps = ground.stamps

    # --- out ---

    def save(self) -> list[SavedRoot]:
        """Return what each root that keeps stamps has."""
        doubtful = {} if self._stamps is None else self._stamps.in_doubt()
        for node, name in self._files.names():
            doubtful.setdefault(node.number, set()).add(name)
        return [self._saved(root, doubtful) for root in self._ledger.roots if root.rules.keep_stat]

    def _saved(self, root: Root, doubtful: Dict[int, set[str]]) -> SavedRoot:
        todo = [root.number]
        directories = [self._directory(number, todo, doubtful.get(number, ())) for number in todo]
        location = os.fsencode(os.path.abspath(root.location))
        return SavedRoot(os.fsencode(root.given), location, root.is_file, tuple(directories))

    def _directory(self, number: int, todo: list[int], doubtful: Collection[str]) -> Directory:
        """Return what is in a directory; those in it are still to do."""
        memory = self._ledger.memory
        raw, numbers = memory.entries(number)
        names = tuple(raw.split(b"\0")[:-1])
        below = [child for child in numbers if child != NONE]
        if not below:
            kinds = bytes(len(names))
            files = names
        else:
            todo += below
            kinds = bytes([FILE if at == NONE else self._kind(at) for at in numbers])
            files = tuple([name for name, at in zip(names, numbers) if at == NONE])
            raw = b"".join([name + b"\0" for name in files])
        stamps = memory.stamps_of(number, raw, len(files)) if files else b""
        if doubtful:
            known = bytearray(stamps)
            for at, name in enumerate(files):
                if decoded(name) in doubtful:
                    known[STAMP * at : STAMP * (at + 1)] = UNKNOWN_STAMP
            stamps = bytes(known)
        return Directory(names, kinds, stamps)

    def _kind(self, number: int) -> int:
        return LINK if self._ledger.memory.has(number, IS_LINK) else DIRECTORY

    # --- in ---

    def restore(self, root: Root, saved: SavedRoot) -> None:
        """Let a root that was just added have what was saved of it; if it is another kind now, that is told."""
        self._turn.begin(None)
        is_file = self._disk.is_file(root.location)
        if not (is_file or root.waits or self._disk.is_directory(root.location)):
            # That it is not there is an error, as ever.
            return
        if saved.is_file:
            root.become_file()
        self._fill(root, saved)
        self._files.reconsider(root)

    def _fill(self, root: Root, saved: SavedRoot) -> None:
        memory = self._ledger.memory
        numbers = [root.number]
        for number, directory in zip(numbers, saved.directories):
            for name, kind in zip(directory.names, directory.kinds):
                child = memory.create(number, name, is_dir=kind != FILE)
                if kind != FILE:
                    numbers.append(child)
                if kind == LINK:
                    self._ledger.mark_link(root.nodes.at(child))
            files = [name for name, kind in zip(directory.names, directory.kinds) if kind == FILE]
            if files:
                raw = b"".join([name + b"\0" for name in files])
                memory.stamp(number, raw, directory.stamps, MARK * len(files))

    def look_at_file(self, root: Root, saved: SavedRoot) -> None:
        """A root was and is a file: nobody knows whether it is what was told, so it is told as changed."""
        if not saved.is_file:
            return
        for name in map(decoded, saved.directories[0].names):
            if name in root.children:
                self._teller.changed(root, name)
