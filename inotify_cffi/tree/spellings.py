"""Whether a directory stores names as they are given, or knows one in several spellings. Input only."""

from __future__ import annotations

import os

from inotify_cffi.kernel import syscalls
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict

__all__ = ["EXACT", "FOLDING_KINDS", "KEPT", "OPEN", "inodes", "of"]

# A name is what it is. A name is stored as it was given, and found by others. Nobody knows.
EXACT, KEPT, OPEN = 0, 1, 2

# As /proc/self/mountinfo calls the kinds on which names may fold; what is behind FUSE can be anything.
FOLDING_KINDS = frozenset(
    (
        *(
            "adfs",
            "affs",
            "apfs",
            "cifs",
            "exfat",
            "fuse",
            "fuseblk",
            "hfs",
            "hfsplus",
            "hpfs",
            "jfs",
            "msdos",
            "ncpfs",
        ),
        *("ntfs", "ntfs3", "smb3", "smbfs", "ufsd", "vboxsf", "vfat", "virtiofs", "vmhgfs", "zfs", "9p"),
    )
)

# The same, as statfs(2) does, f_type.
FOLDING = frozenset(
    (
        *(
            0xADF5,
            0xADFF,
            0x4253584E,
            0xFF534D42,
            0xFE534D42,
            0x517B,
            0x2011BAB0,
            0x65735546,
            0x4244,
            0x482B,
            0xF995E849,
        ),
        *(0x3153464A, 0x4D44, 0x564C, 0x5346544E, 0x7366746E, 0x786F4256, 0xBACBACBC, 0x2FC12FC1, 0x01021997),
    )
)

# Where each directory says whether names fold in it, if the kernel can do that: by f_type, who says it can.
FLAGGED = {
    0xEF53: "/sys/fs/ext4/features/casefold",
    0xF2F52010: "/sys/fs/f2fs/features/casefold",
    0x01021994: "/sys/fs/tmpfs/features/casefold",
}

LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def can_be_flagged() -> bool:
    """Return True if the kernel can do it in directories of ext4, f2fs or tmpfs."""
    return any(map(os.path.exists, FLAGGED.values()))


def of(fd: int) -> int:
    """Return what the file system and the flags of the directory *fd* say; EXACT if they can not be asked."""
    try:
        kind = syscalls.file_system(fd)
        if kind in FOLDING:
            return OPEN
        if kind not in FLAGGED or not os.path.exists(FLAGGED[kind]):
            return EXACT
        opened = syscalls.open_fd(".", LIST, dir_fd=fd)
    except OSError:
        return EXACT
    try:
        return KEPT if syscalls.is_casefold(opened.fd) else EXACT
    finally:
        opened.close()


def inodes(fd: int) -> Dict[str, int]:
    """Return the inode number of each entry of the directory *fd*, by its name as it is stored. Raises OSError."""
    opened = syscalls.open_fd(".", LIST, dir_fd=fd)
    try:
        with os.scandir(opened.fd) as entries:
            return {entry.name: entry.inode() for entry in entries}
    finally:
        opened.close()
