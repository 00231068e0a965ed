"""What inotify sees on a type of file system, by the name that mountinfo has for it (proc(5)).

inotify reports what passes this kernel's VFS at this mount's file system. It says nothing of what another machine
does on a server, of what is changed in the layers below, of what a FUSE program makes up, or of files that
the kernel itself fills. No call asks for that, so here is a table; docs/filesystems.md says how each was tried.
"""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Tuple

__all__ = ["ALL", "KERNEL", "OWN", "UNKNOWN", "Sight", "sight_of"]

# What it sees: all changes; those made through this mount; all but what the kernel itself changes; nobody knows.
ALL, OWN, KERNEL, UNKNOWN = "all", "own", "kernel", "unknown"


class Sight(NamedTuple):
    """What inotify sees on a type of file system."""

    # ALL, OWN, KERNEL or UNKNOWN.
    sees: str
    # What it does not report there, a phrase each; empty with ALL.
    unseen: Tuple[str, ...] = ()
    # Others may change it behind this kernel, so comparing with the disk finds what no event says.
    is_blind: bool = False


def sight_of(kind: str) -> Sight:
    """Return what inotify sees on a type of file system, such as ``"ext4"`` or ``"fuse.sshfs"``."""
    if kind in WHOLE:
        return Sight(ALL)
    if kind in OTHERS:
        return Sight(OWN, (f"what {OTHERS[kind]} there",), is_blind=True)
    if kind in FILLED:
        return Sight(KERNEL, (FILLED[kind],))
    if kind == "fuseblk":
        # ntfs-3g, exfat-fuse, fuse2fs: on a disk, which they have for themselves as a rule.
        return Sight(UNKNOWN, (f"what {PROGRAM} there",))
    if kind == "fuse" or kind.startswith("fuse."):
        return Sight(OWN, (f"what {PROGRAM} there",), is_blind=True)
    return Sight(UNKNOWN, ("what others change there, if this type of file system lets any",), is_blind=True)


# Local ones, all of whose changes pass this kernel; also those that nobody can change.
WHOLE = frozenset(
    (
        "adfs",
        "affs",
        "bcachefs",
        "befs",
        "bfs",
        "btrfs",
        "cramfs",
        "devtmpfs",
        "erofs",
        "exfat",
        "ext2",
        "ext3",
        "ext4",
        "f2fs",
        "hfs",
        "hfsplus",
        "hpfs",
        "iso9660",
        "jffs2",
        "jfs",
        "minix",
        "msdos",
        "nilfs2",
        "ntfs",
        "ntfs3",
        "omfs",
        "ramfs",
        "reiser4",
        "reiserfs",
        "romfs",
        "rootfs",
        "squashfs",
        "sysv",
        "tmpfs",
        "ubifs",
        "udf",
        "ufs",
        "vfat",
        "xfs",
        "zfs",
        "zonefs",
    )
)

PROGRAM = "the program behind it changes on its own"
MACHINES = "other machines change"
HOST = "the host changes"
LAYERS = "is changed in its layers, not through it,"
DIRECTORY = "is changed in the directory behind it, not through it,"

# Who else changes what is there, without this kernel.
OTHERS = {
    "9p": HOST,
    "afs": MACHINES,
    "aufs": LAYERS,
    "beegfs": MACHINES,
    "ceph": MACHINES,
    "cifs": MACHINES,
    "coda": MACHINES,
    "ecryptfs": DIRECTORY,
    "fuse.ceph": MACHINES,
    "fuse.cryfs": DIRECTORY,
    "fuse.encfs": DIRECTORY,
    "fuse.fuse-overlayfs": LAYERS,
    "fuse.glusterfs": MACHINES,
    "fuse.gocryptfs": DIRECTORY,
    "fuse.mergerfs": LAYERS,
    "fuse.rclone": MACHINES,
    "fuse.s3fs": MACHINES,
    "fuse.sshfs": MACHINES,
    "fuse.unionfs": LAYERS,
    "fuse.vmhgfs-fuse": HOST,
    "gfs2": MACHINES,
    "glusterfs": MACHINES,
    "gpfs": MACHINES,
    "lustre": MACHINES,
    "ncpfs": MACHINES,
    "nfs": MACHINES,
    "nfs4": MACHINES,
    "ocfs2": MACHINES,
    "orangefs": MACHINES,
    "overlay": LAYERS,
    "prl_fs": HOST,
    "smb3": MACHINES,
    "smbfs": MACHINES,
    "vboxsf": HOST,
    "virtiofs": HOST,
    "vmhgfs": HOST,
}

CONTENTS = "contents that the kernel changes"
ENTRIES = "entries and contents that the kernel changes"

# Those that the kernel fills: reading again and again finds differences that nobody made, so they are not polled.
FILLED = {
    "autofs": "what is mounted there when somebody looks",
    "binfmt_misc": ENTRIES,
    "bpf": ENTRIES,
    "cgroup": CONTENTS,
    "cgroup2": CONTENTS,
    "configfs": ENTRIES,
    "debugfs": CONTENTS,
    "devpts": CONTENTS,
    "efivarfs": ENTRIES,
    "fusectl": ENTRIES,
    "hugetlbfs": "contents, which are only ever stored through mmap",
    "mqueue": "messages",
    "nfsd": ENTRIES,
    "proc": ENTRIES,
    "pstore": ENTRIES,
    "resctrl": ENTRIES,
    "rpc_pipefs": ENTRIES,
    "securityfs": ENTRIES,
    "selinuxfs": ENTRIES,
    "smackfs": ENTRIES,
    "sysfs": ENTRIES,
    "tracefs": ENTRIES,
}
