"""What is mounted where, as it was when it was last looked at."""

from __future__ import annotations

from inotify_cffi.tree.spellings import FOLDING_KINDS
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.kernel.mounts import Mount
    from inotify_cffi.ledger.nodes import Root
    from inotify_cffi.tree.disk import Disk

__all__ = ["Mounted", "is_within"]


class Mounted:
    """The mounts, and what follows from them for a root."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.table: list[Mount] = []
        # Where names may fold.
        self._folding: list[str] = []
        self.renew()

    def renew(self) -> list[Mount]:
        """Look again."""
        self.table = self._disk.mounts()
        self._folding = [mount.point for mount in self.table if mount.kind.split(".")[0] in FOLDING_KINDS]
        return self.table

    @property
    def may_fold(self) -> bool:
        """True if names may fold anywhere."""
        return bool(self._folding)

    def regard(self, root: Root) -> None:
        """See whether names may fold somewhere in a root: there a name that is new is looked at."""
        folds = bool(self._folding) and self._reaches(root, self._folding)
        if folds != root.folds:
            root.folds = folds
            root.say()

    def _reaches(self, root: Root, paths: list[str]) -> bool:
        """Return True if one of these mounts is what a root is in, or is below it; links may lead anywhere."""
        if root.rules.follows_links:
            return True
        top = self._disk.real_path(root.top)
        return any(is_within(path, top) for path in paths) or self.at(top) in paths

    def at(self, path: str) -> str:
        """Return the mount point that a path without links is below."""
        return max((mount.point for mount in self.table if is_within(path, mount.point)), key=len, default="/")


def is_within(path: str, top: str) -> bool:
    """Return True if a path is that of a directory, or is below it."""
    return path == top or path.startswith(top.rstrip("/") + "/")
