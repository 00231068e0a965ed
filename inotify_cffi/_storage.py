"""The second door to C: the memory of the ledger, and the events that wait and are told; see ``csrc/ledger.c``.

As in ``_syscalls``, each function calls, checks, converts and raises; none decides anything. A node is a number
that may be used again; ``ledger.py`` knows who still holds one. Names are bytes here.
"""

from __future__ import annotations

import errno
import os

from inotify_cffi._inotify import ffi, lib
from inotify_cffi.errors import DecodeError
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from typing import Collection, NoReturn, Tuple

    from inotify_cffi._inotify import ToldStruct
    from inotify_cffi._syscalls import Crawled

__all__ = ["ABSENT", "FRESH", "LINK", "LISTED", "NONE", "TWINS", "Memory", "Records", "Told"]

# Where a node is expected: an entry that is no directory, and one that is not there.
NONE: int = lib.IL_NONE
ABSENT: int = lib.IL_ABSENT

LINK: int = lib.IL_LINK
TWINS: int = lib.IL_TWINS
FRESH: int = lib.IL_FRESH
LISTED: int = lib.IL_LISTED

# Rough sizes of C memory, for a garbage collector that wants to know what hangs on an object (PyPy's).
SOME_MEMORY = 1 << 16

# What is told by one call at most; and the bytes of its paths to begin with.
MOST_TOLD = 2048
PATHS_ROOM = 1 << 18
PREFIX_ROOM = 4096


def _fail(code: int) -> NoReturn:
    if code == errno.ENOMEM:
        raise MemoryError
    raise OSError(code, os.strerror(code))


class Records:
    """The raw events that were read and are not yet applied: those from :attr:`at` on, up to :attr:`count`."""

    def __init__(self) -> None:
        queue = lib.iq_new()
        if queue == ffi.NULL:
            raise MemoryError
        self.cdata = ffi.gc(queue, lib.iq_free, SOME_MEMORY)

    @property
    def at(self) -> int:
        """The place of the next one."""
        return self.cdata.at

    @at.setter
    def at(self, at: int) -> None:
        self.cdata.at = at

    @property
    def count(self) -> int:
        """The place behind the last one."""
        return self.cdata.count

    def feed(self, data: bytes) -> int:
        """Add what read(2) returned; the number of records. If none waited, the places begin anew.

        Raises DecodeError where *data* is not whole records, and then adds nothing.
        """
        count = lib.iq_feed(self.cdata, ffi.from_buffer(data), len(data))
        if count == -errno.EINVAL:
            raise DecodeError(f"byte {self.cdata.bad} of {len(data)} does not begin a whole inotify record")
        if count < 0:
            _fail(-count)
        return count

    def raw(self, at: int) -> Tuple[int, int, int, bytes]:
        """Return one: the watch descriptor, the mask, the cookie, the name."""
        queue = self.cdata
        begin = queue.ends[at - 1] if at else 0
        name = bytes(ffi.buffer(queue.names + begin, queue.ends[at] - begin)[:])
        return queue.wds[at], queue.masks[at], queue.cookies[at], name

    def columns(self, begin: int) -> Tuple[list[int], list[int], list[int]]:
        """Return watch descriptors, masks and cookies of those from a place on."""
        queue = self.cdata
        count = queue.count - begin
        if not count:
            return [], [], []
        return (
            ffi.unpack(queue.wds + begin, count),
            ffi.unpack(queue.masks + begin, count),
            ffi.unpack(queue.cookies + begin, count),
        )


class Told:
    """What :meth:`Memory.apply` has applied and is to be told."""

    def __init__(self) -> None:
        new = ffi.new_allocator(should_clear_after_alloc=False)
        self._wds = new("int32_t[]", MOST_TOLD)
        self._masks = new("uint32_t[]", MOST_TOLD)
        self._kinds = new("uint8_t[]", MOST_TOLD)
        self._paths = new("char[]", PATHS_ROOM)
        columns = {
            "wds": self._wds,
            "masks": self._masks,
            "kinds": self._kinds,
            "paths": self._paths,
            "room": PATHS_ROOM,
            "most": MOST_TOLD,
            "alike": 1,
        }
        self.cdata = cast("ToldStruct", ffi.new("struct il_told *", columns))

    def columns(self) -> Tuple[bytes, list[int], list[int], list[int]]:
        """Return the paths, each ended by a NUL, the masks, the watch descriptors, and the kinds.

        The kinds are empty if all are entries of directories whose path has no slash at its end.
        """
        told, count = self.cdata, self.cdata.count
        kinds = [] if told.alike else ffi.unpack(self._kinds, count)
        paths = bytes(ffi.buffer(self._paths, told.filled)[:])
        return paths, ffi.unpack(self._masks, count), ffi.unpack(self._wds, count), kinds

    def one(self) -> Tuple[bytes, int, int, int]:
        """Return the path, the mask, the watch descriptor and the kind of the only one."""
        kind = 1 if self.cdata.alike else self._kinds[0]
        return bytes(ffi.buffer(self._paths, self.cdata.filled - 1)[:]), self._masks[0], self._wds[0], kind

    def grow(self) -> None:
        """Have room for longer paths."""
        told = self.cdata
        told.room *= 2
        self._paths = ffi.new_allocator(should_clear_after_alloc=False)("char[]", told.room)
        told.paths = self._paths


class Way(NamedTuple):
    """What is on the way from a root to a node."""

    # How many directories are above it.
    depth: int
    # How many links are followed, the node itself among them.
    links: int
    # Whether a directory above it is at a given inode.
    is_loop: bool


class Memory:
    """Nodes with names in them, and watch descriptors that they own."""

    def __init__(self) -> None:
        ledger = lib.il_new()
        if ledger == ffi.NULL:
            raise MemoryError
        self._ledger = ffi.gc(ledger, lib.il_free, SOME_MEMORY)
        self._prefix = ffi.new("char[]", PREFIX_ROOM)
        self._length = ffi.new("uint32_t *")
        self._depth = ffi.new("int32_t *")
        self._links = ffi.new("int32_t *")

    # --- entries ---

    def create(self, parent: int, name: bytes, *, is_dir: bool) -> int:
        """Add an entry that is not there: the node of a directory, NONE for anything else."""
        node = lib.il_create(self._ledger, parent, name, len(name), is_dir)
        if node < ABSENT:
            _fail(-node)
        return node

    def get(self, parent: int, name: bytes) -> int:
        """Return the node of an entry, NONE if it is no directory, ABSENT if it is not there."""
        return lib.il_get(self._ledger, parent, name, len(name))

    def drop(self, parent: int, name: bytes) -> int:
        """Take an entry out; what :meth:`get` said of it. OSError with ENOTEMPTY for a node that has entries."""
        node = lib.il_drop(self._ledger, parent, name, len(name))
        if node < ABSENT:
            _fail(-node)
        return node

    def clear(self, node: int) -> list[int]:
        """Take all entries out of a directory; the nodes that this leaves free.

        OSError with ENOTEMPTY, and nothing is done, if one of them has entries.
        """
        freed = [child for child in self.entries(node)[1] if child != NONE]
        failed = -lib.il_clear(self._ledger, node)
        if failed:
            _fail(failed)
        return freed

    def graft(self, source: int, name: bytes, parent: int, new_name: bytes) -> int:
        """Put an entry elsewhere, where none has its name; what :meth:`get` says of it.

        Raises OSError with ELOOP for a directory that is to be below itself.
        """
        node = lib.il_graft(self._ledger, source, name, len(name), parent, new_name, len(new_name))
        if node < ABSENT:
            _fail(-node)
        return node

    def entries(self, node: int) -> Tuple[bytes, list[int]]:
        """Return the names in a directory, each ended by a NUL, and the node of each or NONE."""
        size, count = lib.il_list_size(self._ledger, node), lib.il_live(self._ledger, node)
        if not count:
            return b"", []
        names, children = ffi.new("char[]", size), ffi.new("int32_t[]", count)
        filled = lib.il_list(self._ledger, node, names, children)
        return bytes(ffi.buffer(names, filled)[:]), ffi.unpack(children, count)

    def count(self, node: int) -> int:
        """Return how many entries a directory has."""
        return lib.il_live(self._ledger, node)

    def forget_files(self, node: int) -> None:
        """Take out all entries of a directory that are no directories."""
        lib.il_forget_files(self._ledger, node)

    # --- nodes ---

    def is_node(self, node: int) -> bool:
        """Return True if there is such a node."""
        return bool(lib.il_is_node(self._ledger, node))

    def look(self, node: int) -> Tuple[int, int, bool, bytes]:
        """Return the node that a node is in, NONE for a root; its watch descriptor; is it a link; its name."""
        ledger = self._ledger
        name = bytes(ffi.buffer(lib.il_name(ledger, node, self._length), self._length[0])[:])
        return lib.il_parent(ledger, node), lib.il_wd(ledger, node), self.has(node, LINK), name

    def has(self, node: int, flag: int) -> bool:
        """Return True if a node has a flag."""
        return bool(lib.il_has_flag(self._ledger, node, flag))

    def mark(self, node: int, flag: int, *, is_set: bool) -> None:
        """Set or take a flag of a node."""
        lib.il_set_flag(self._ledger, node, flag, is_set)

    def is_within(self, node: int, ancestor: int) -> bool:
        """Return True if *ancestor* is *node* or above it."""
        return bool(lib.il_is_within(self._ledger, node, ancestor))

    def way(self, node: int, wd: int = NONE) -> Way:
        """Return how deep a node is, how many links are on the way to it, and if a node above it is at *wd*."""
        above = lib.il_way(self._ledger, node, wd, self._depth, self._links)
        return Way(self._depth[0], self._links[0], above != NONE)

    def prefix(self, node: int) -> bytes:
        """Return what stands before the names of a directory's entries in their paths."""
        size = lib.il_prefix(self._ledger, node, self._prefix, PREFIX_ROOM)
        if size <= PREFIX_ROOM:
            return bytes(ffi.buffer(self._prefix, size)[:])
        longer = ffi.new("char[]", size)
        lib.il_prefix(self._ledger, node, longer, size)
        return bytes(ffi.buffer(longer, size)[:])

    # --- roots ---

    def add_root(self) -> int:
        """Return the node of a new root, which has no name yet."""
        node = lib.il_add_root(self._ledger)
        if node < 0:
            _fail(-node)
        return node

    def set_root(self, node: int, name: bytes, *, asked: int, is_plain: bool, passes: bool) -> None:
        """Say how a root is called, what is asked of it, whether its entries are plain, and files passed."""
        failed = -lib.il_set_root(self._ledger, node, name, len(name), asked, is_plain, passes)
        if failed:
            _fail(failed)

    def drop_root(self, node: int) -> None:
        """Take a root out. OSError with ENOTEMPTY if it has entries."""
        failed = -lib.il_drop_root(self._ledger, node)
        if failed:
            _fail(failed)

    # --- watch descriptors ---

    def owner(self, wd: int) -> int:
        """Return the node that owns a watch descriptor, or NONE."""
        return lib.il_owner(self._ledger, wd)

    def own(self, wd: int, node: int) -> None:
        """Let a node own a watch descriptor, in the place of another one if there is one."""
        failed = -lib.il_own(self._ledger, wd, node)
        if failed:
            _fail(failed)

    def disown(self, wd: int) -> None:
        """Let a watch descriptor have no owner any more, and the node no watch descriptor."""
        lib.il_disown(self._ledger, wd)

    def wd(self, node: int) -> int:
        """Return the watch descriptor that a node says it has, or -1."""
        return lib.il_wd(self._ledger, node)

    def set_wd(self, node: int, wd: int) -> None:
        """Change what a node says."""
        lib.il_set_wd(self._ledger, node, wd)

    def owned(self) -> int:
        """Return how many watch descriptors have an owner."""
        return lib.il_owner_count(self._ledger)

    def wds(self) -> list[int]:
        """Return all watch descriptors that have an owner."""
        count = self.owned()
        wds = ffi.new("int32_t[]", count + 1)
        lib.il_wds(self._ledger, wds)
        return ffi.unpack(wds, count)

    # --- many at a time ---

    def adopt(self, tops: list[int], crawled: Crawled) -> list[int]:
        """Fill in new directories and all below them from a crawl of the former; those that it did not visit."""
        nodes = ffi.new("int32_t[]", crawled.slots + 1)
        nodes[0 : len(tops)] = tops
        left = lib.il_adopt(self._ledger, crawled.cdata, nodes, len(tops))
        if left < 0:
            _fail(-left)
        return ffi.unpack(nodes, left)

    def apply(self, records: Records, most: int, wds: Collection[int], told: Told) -> int:
        """Apply plain events, so many at most, and add them to what is told; how many it took.

        *wds*: events of these are not plain.
        """
        if wds:
            column = ffi.new("int32_t[]", list(wds))
            done = lib.il_apply(self._ledger, records.cdata, most, column, len(wds), told.cdata)
        else:
            done = lib.il_apply(self._ledger, records.cdata, most, ffi.NULL, 0, told.cdata)
        if done < 0:
            _fail(-done)
        return done
