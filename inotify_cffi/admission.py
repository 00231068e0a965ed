"""Which entries are admitted: patterns of the root, and what the ``.gitignore`` files on the way say.

An entry that is not admitted is not there, for the ledger and for whoever reads the stream: it is neither watched
nor listed nor told. The deepest ``.gitignore`` that has a matching pattern decides, as for git; ``.git`` itself is
never admitted where those files are heeded.
"""

from __future__ import annotations

from inotify_cffi.rules import GITIGNORE
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, Tuple

    from inotify_cffi.doubts import Doubts
    from inotify_cffi.ledger import Ledger
    from inotify_cffi.nodes import Node
    from inotify_cffi.scan import Disk

__all__ = ["Admission"]

MANY = 256


class Admission:
    """Knows the patterns of each directory that has some."""

    def __init__(self, ledger: Ledger, disk: Disk, doubts: Doubts) -> None:
        self._ledger = ledger
        self._disk = disk
        self._doubts = doubts
        self._ignored: Dict[Node, Tuple[str, ...]] = {}
        self._many = MANY

    def admits(self, parent: Node, name: str, *, is_dir: bool) -> bool:
        """Return True if the entry is to be known at all."""
        root = self._ledger.root(parent)
        if root is None or root.rules.admit_all:
            return True
        lineage = self._ledger.lineage(parent)
        rules = root.rules
        if rules.only is not None:
            return name in rules.only
        from inotify_cffi.patterns import verdict

        names = [node.name for node in lineage[1:]] + [name + "/" if is_dir else name]
        if rules.exclude and verdict(rules.exclude, "/".join(names)):
            return False
        if not rules.gitignore:
            return True
        if name == ".git":
            return False
        for depth in range(len(lineage) - 1, -1, -1):
            patterns = self._ignored.get(lineage[depth])
            if patterns:
                said = verdict(patterns, "/".join(names[depth:]))
                if said is not None:
                    return not said
        return True

    def learn(self, node: Node, fd: int) -> None:
        """Read the ``.gitignore`` of a directory that is about to be listed, for a root that heeds them."""
        from inotify_cffi.patterns import usable

        patterns = usable(self._disk.lines(fd, GITIGNORE))
        if patterns:
            self._ignored[node] = patterns
            if len(self._ignored) > self._many:
                self._forget()
        else:
            self._ignored.pop(node, None)

    def changed(self, node: Node, name: str) -> None:
        """Something happened to an entry: if it is a ``.gitignore``, its directory is to be listed again."""
        if name == GITIGNORE and self._ledger.place(node).root.rules.gitignore:
            self._doubts.doubt(node, relist=True)

    def _forget(self) -> None:
        """Drop what is known of directories that are gone; next when there are twice as many."""
        self._ignored = {node: lines for node, lines in self._ignored.items() if self._ledger.is_attached(node)}
        self._many = max(MANY, 2 * len(self._ignored))
