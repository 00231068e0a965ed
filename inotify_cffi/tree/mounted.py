"""What is mounted where, as it was when it was last looked at: where names may fold, and what would be mounted.

Whoever enters an automount point has something mounted there, and while a watcher looks there again and again that
never comes to its end. So it is not entered before something else has mounted it. autofs has two kinds: its mount
is that point (direct, and offset, which is the same below another one), or each directory in its mount is one
(indirect).
"""

from __future__ import annotations

from inotify_cffi.kernel.mounts import is_within
from inotify_cffi.tree.spellings import FOLDING_KINDS
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.kernel.mounts import Mount
    from inotify_cffi.ledger.nodes import Root
    from inotify_cffi.tree.disk import Disk

__all__ = ["Mounted"]


class Mounted:
    """The mounts, and what follows from them for a root."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.table: list[Mount] = []
        # Where names may fold.
        self._folding: list[str] = []
        # Automounts, and the table may be older than something that was unmounted.
        self._automounts: list[Mount] = []
        self._is_old = False
        self.renew()

    def renew(self) -> list[Mount]:
        """Look again."""
        self._is_old = False
        self.table = self._disk.mounts()
        self._automounts = [mount for mount in self.table if mount.kind == "autofs"]
        self._folding = [mount.point for mount in self.table if mount.kind.split(".")[0] in FOLDING_KINDS]
        return self.table

    @property
    def may_fold(self) -> bool:
        """True if names may fold anywhere."""
        return bool(self._folding)

    def unmounted(self) -> None:
        """Something was unmounted, which may be an automount point again."""
        self._is_old = True

    @property
    def has_automounts(self) -> bool:
        """True if there is any; else nobody needs to ask where."""
        return bool(self._automounts)

    def automount(self, path: str) -> str | None:
        """Return the automount point that is at or above a path without links, if nothing is mounted there now."""
        if self._automounts and self._is_old:
            self.renew()
        return next((point for point in (self._point(mount, path) for mount in self._automounts) if point), None)

    def _point(self, mount: Mount, path: str) -> str | None:
        if not is_within(path, mount.point) or not self._is_on_top(mount):
            return None
        if "indirect" not in mount.options.split(","):
            return mount.point
        name = path[len(mount.point) :].strip("/").split("/")[0]
        point = f"{mount.point.rstrip('/')}/{name}"
        # What is in one that was mounted in parts has mounts of its own.
        if not name or any(is_within(other.point, point) for other in self.table if other.kind != "autofs"):
            return None
        return point

    def _is_on_top(self, mount: Mount) -> bool:
        return [other for other in self.table if other.point == mount.point][-1] is mount

    def is_above_automount(self, path: str) -> bool:
        """Return True if there is an automount at or below a path without links."""
        return any(is_within(mount.point, path) or is_within(path, mount.point) for mount in self._automounts)

    def regard(self, root: Root) -> None:
        """See whether names may fold somewhere in a root: there a name that is new is looked at."""
        if self.automount(root.top) is not None:
            # To look where it is would mount what is there, and then it is looked at again.
            return
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
