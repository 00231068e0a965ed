"""What every part of a tree stands on: the ledger, its teller, the disk, what is in doubt, the time.

They are made together and go together. So a part is given these as one, and beside them only the other parts
that it alone needs.
"""

from __future__ import annotations

from inotify_cffi.ledger.ledger import Ledger
from inotify_cffi.tree.doubts import Doubts
from inotify_cffi.tree.fences import Fences
from inotify_cffi.tree.intake import Intake
from inotify_cffi.tree.mounted import Mounted
from inotify_cffi.tree.renaming import Renaming
from inotify_cffi.tree.turns import Turn
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.tree.disk import Disk
    from inotify_cffi.tree.polls import Polls
    from inotify_cffi.tree.stamps import Stamps

__all__ = ["Ground"]


class Ground:
    """One of each.

    Args:
        disk: the way to the kernel: the disk, or what answers as it did before.

    """

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.ledger = Ledger()
        self.teller = Renaming(self.ledger)
        self.doubts = Doubts()
        self.mounted = Mounted(disk)
        self.turn = Turn(disk)
        self.fences = Fences(self.ledger, self.turn)
        self.intake = Intake(disk)
        # What few roots need: made when the first one is added that does (see Rooting).
        self.stamps: Stamps | None = None
        self.polls: Polls | None = None
