"""The second door to C: the memory of the ledger, and the events that wait and are told; see ``csrc/ledger.c``.

As in ``syscalls``, each function calls, checks, converts and raises; none decides anything. A node is a number;
each is of one directory for ever, and C refuses those of directories that are gone. Names are bytes here.

What belongs to C is changed by C, one call for one step: an exception may come between any two lines here. Nothing
that C gives out points into its memory, for the next call may move that.
"""

from __future__ import annotations

import errno
import os

from inotify_cffi._inotify import ffi, lib
from inotify_cffi.base.encoding import decoded
from inotify_cffi.kernel.buffers import NAME_ROOM, SOME_MEMORY, checked, refuse
from inotify_cffi.kernel.syscalls import weigh
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from typing import Callable, Collection, Tuple

    from inotify_cffi._inotify import AgreedStruct, CData, ShiftStruct, ToldStruct
    from inotify_cffi.kernel.buffers import Records
    from inotify_cffi.kernel.listings import Crawled

    # Watch descriptor, mask, cookie and name of a half of a move.
    Half = Tuple[int, int, int, str]

__all__ = [
    "ABSENT",
    "EXACT",
    "FRESH",
    "LINK",
    "LISTED",
    "NONE",
    "TWINS",
    "UNKNOWN",
    "Memory",
    "Shift",
    "Told",
    "Way",
]

# Where a node is expected: an entry that is no directory, and one that is not there.
NONE: int = lib.IL_NONE
ABSENT: int = lib.IL_ABSENT

LINK: int = lib.IL_LINK
TWINS: int = lib.IL_TWINS
FRESH: int = lib.IL_FRESH
LISTED: int = lib.IL_LISTED
EXACT: int = lib.IL_EXACT

# In the place of a size: what an entry was is not known.
UNKNOWN = -2

# What is told by one call at most; and the bytes of its paths to begin with.
MOST_TOLD = 2048
PATHS_ROOM = 1 << 18
# How many directories are emptied at once at most.
MOST_FELLED = 1024
# Of a path; those that are longer take a second call.
PREFIX_ROOM = 1024

# See syscalls.new_owner.
new_told: Callable[[str], ToldStruct] = ffi.new_allocator(lib.il_told_new, lib.il_told_free, False)
new_ledger: Callable[[str], CData] = ffi.new_allocator(lib.il_new, lib.il_free, False)


class Told:
    """What :meth:`Memory.apply` has applied and is to be told."""

    def __init__(self, *, most: int | None = None, room: int | None = None) -> None:
        most, room = most or MOST_TOLD, room or PATHS_ROOM
        self.cdata = new_told("struct il_told *")
        if lib.il_told_have(self.cdata, most, room) < 0:
            raise MemoryError
        weigh(2 * room)

    def columns(self) -> Tuple[bytes, bytes, list[int], list[int], list[int], list[int]]:
        """Return paths and names, each ended by a NUL, and of each event the place, mask, watch descriptor, kind.

        No places: each has its own. No kinds: all are entries of directories without a slash at the path's end.
        """
        told, count = self.cdata, self.cdata.count
        paths, names = ffi.buffer(told.paths, told.filled)[:], ffi.buffer(told.names, told.names_filled)[:]
        places = [] if told.texts == count else ffi.unpack(told.places, count)
        kinds = [] if told.alike else ffi.unpack(told.kinds, count)
        masks, wds = ffi.unpack(told.masks, count), ffi.unpack(told.wds, count)
        return bytes(paths), bytes(names), places, masks, wds, kinds

    def one(self) -> Tuple[bytes, bytes, int, int, int]:
        """Return the path, the name, the mask, the watch descriptor and the kind of the only one."""
        told = self.cdata
        kind = 1 if told.alike else told.kinds[0]
        path, name = ffi.buffer(told.paths, told.filled - 1)[:], ffi.buffer(told.names, told.names_filled - 1)[:]
        return bytes(path), bytes(name), told.masks[0], told.wds[0], kind

    def clear(self) -> None:
        """All of it was told."""
        self.cdata.count = 0

    def grow(self) -> None:
        """Have room for longer paths."""
        checked(lib.il_told_grow(self.cdata))


class Shift:
    """What :meth:`Memory.next_shift` has found: both halves of a move, and what the ledger has for them."""

    def __init__(self) -> None:
        self.cdata = cast("ShiftStruct", ffi.new("struct il_shift *"))

    def take(self) -> Tuple[Tuple[int, int], Half, Half, int]:
        """Return the directories, the halves, each as :meth:`Records.raw` but for text, and the place behind."""
        found = self.cdata
        cut = found.length
        names = bytes(ffi.buffer(found.names, cut + found.new_length)[:])
        first = (found.wd, found.mask, found.cookie, decoded(names[:cut]))
        second = (found.new_wd, found.new_mask, found.cookie, decoded(names[cut:]))
        return (found.source, found.target), first, second, found.next


class Way(NamedTuple):
    """What is on the way from a root to a node."""

    # How many directories are above it.
    depth: int
    # How many links are followed, the node itself among them.
    links: int
    # Whether a directory above it is at a given inode.
    is_loop: bool


class Memory:
    """Nodes with names in them, and watch descriptors that they own.

    Raises LedgerError, and does nothing, where a node is the number of a directory that is not there any more, and
    OSError where there is no secret to be had for the hash of the names.
    """

    def __init__(self) -> None:
        self._ledger = new_ledger("struct il_ledger *")
        code = -lib.il_begin(self._ledger)
        # The handler of the signal runs before the next try.
        while code == errno.EINTR:
            code = -lib.il_begin(self._ledger)
        if code:
            raise OSError(
                code,
                f"getrandom(2) gives no secret key for the hash of names: {os.strerror(code)}; "
                "a sandbox has to allow it",
            )
        weigh(SOME_MEMORY)

    # --- entries ---

    def create(self, parent: int, name: bytes, *, is_dir: bool) -> int:
        """Add an entry that is not there: the node of a directory, NONE for anything else."""
        return checked(lib.il_create(self._ledger, parent, name, len(name), is_dir))

    def get(self, parent: int, name: bytes) -> int:
        """Return the node of an entry, NONE if it is no directory, ABSENT if it is not there."""
        return checked(lib.il_get(self._ledger, parent, name, len(name)))

    def drop(self, parent: int, name: bytes) -> int:
        """Take an entry out; what :meth:`get` said of it. OSError with ENOTEMPTY for a node that has entries."""
        return checked(lib.il_drop(self._ledger, parent, name, len(name)))

    def clear(self, node: int) -> list[int]:
        """Take all entries out of a directory; the nodes that this leaves free.

        OSError with ENOTEMPTY, and nothing is done, if one of them has entries.
        """
        freed = [child for child in self.entries(node)[1] if child != NONE]
        checked(lib.il_clear(self._ledger, node))
        return freed

    def graft(self, source: int, name: bytes, parent: int, new_name: bytes) -> int:
        """Put an entry elsewhere, where none has its name; what :meth:`get` says of it.

        Raises OSError with ELOOP for a directory that is to be below itself.
        """
        return checked(lib.il_graft(self._ledger, source, name, len(name), parent, new_name, len(new_name)))

    def entries(self, node: int) -> Tuple[bytes, list[int]]:
        """Return the names in a directory, each ended by a NUL, and the node of each or NONE."""
        while True:
            count, size = self.count(node), checked(lib.il_list_size(self._ledger, node))
            if not count:
                return b"", []
            names, children = ffi.new("char[]", size), ffi.new("int64_t[]", count)
            answer = lib.il_list(self._ledger, node, names, size, children, count)
            if answer != -errno.EAGAIN:
                checked(answer)
                return bytes(ffi.buffer(names, size)[:]), ffi.unpack(children, count)

    def count(self, node: int) -> int:
        """Return how many entries a directory has."""
        return checked(lib.il_live(self._ledger, node))

    def forget_files(self, node: int) -> None:
        """Take out all entries of a directory that are no directories."""
        checked(lib.il_forget_files(self._ledger, node))

    # --- stamps ---

    def compare(self, node: int, names: bytes, stamps: bytes) -> bytes:
        """Return for some names of a directory if what each was is not what its stamp says: 1, else 0.

        *names*: each ended by a NUL; as many as there are stamps.
        """
        column = ffi.from_buffer("struct ic_stamp[]", stamps)
        differs = ffi.new("char[]", len(column))
        checked(lib.il_compare(self._ledger, node, names, len(names), column, len(column), differs))
        return bytes(ffi.buffer(differs)[:])

    def stamp(self, node: int, names: bytes, stamps: bytes, marks: bytes) -> None:
        """Let those of some names of a directory that are marked, by a 1, have their stamps."""
        column = ffi.from_buffer("struct ic_stamp[]", stamps)
        checked(lib.il_stamp(self._ledger, node, names, len(names), column, min(len(column), len(marks)), marks))

    def stamp_of(self, node: int, name: bytes) -> Tuple[int, int, int, int]:
        """Return inode, size, mtime_ns and ctime_ns of an entry; a size of UNKNOWN where these are not known."""
        inode, size, written_ns, changed_ns = memoryview(self.stamps_of(node, name + b"\0", 1)).cast("q")
        return inode, size, written_ns, changed_ns

    def stamps_of(self, node: int, names: bytes, count: int) -> bytes:
        """Return the stamps of so many entries of a directory; *names*: each ended by a NUL."""
        stamps = ffi.new("struct ic_stamp[]", count)
        if checked(lib.il_stamps_of(self._ledger, node, names, len(names), stamps, count)) == ABSENT:
            raise KeyError(names)
        return bytes(ffi.buffer(stamps)[:])

    # --- nodes ---

    def is_node(self, node: int) -> bool:
        """Return True if there is such a node."""
        return bool(lib.il_is_node(self._ledger, node))

    def look(self, node: int) -> Tuple[int, int, bool, bytes]:
        """Return the node that a node is in, NONE for a root; its watch descriptor; is it a link; its name."""
        parent = checked(lib.il_parent(self._ledger, node))
        return parent, self.wd(node), self.has(node, LINK), self._copied(lib.il_name, node, NAME_ROOM)

    def _copied(self, copy: Callable[[CData, int, CData, int], int], node: int, room: int) -> bytes:
        """Return a text of a node that is copied out if there is room, and is as long as it says."""
        while True:
            text = ffi.new("char[]", room)
            size = checked(copy(self._ledger, node, text, room))
            if size <= room:
                return bytes(ffi.buffer(text, size)[:])
            room = size

    def has(self, node: int, flag: int) -> bool:
        """Return True if a node has a flag."""
        return bool(checked(lib.il_has_flag(self._ledger, node, flag)))

    def mark(self, node: int, flag: int, *, is_set: bool) -> None:
        """Set or take a flag of a node."""
        checked(lib.il_set_flag(self._ledger, node, flag, is_set))

    def is_within(self, node: int, ancestor: int) -> bool:
        """Return True if *ancestor* is *node* or above it."""
        return bool(checked(lib.il_is_within(self._ledger, node, ancestor)))

    def way(self, node: int, wd: int = NONE) -> Way:
        """Return how deep a node is, how many links are on the way to it, and if a node above it is at *wd*."""
        depth, links = ffi.new("int32_t *"), ffi.new("int32_t *")
        is_loop = checked(lib.il_way(self._ledger, node, wd, depth, links))
        return Way(depth[0], links[0], is_loop=bool(is_loop))

    def prefix(self, node: int) -> bytes:
        """Return what stands before the names of a directory's entries in their paths."""
        return self._copied(lib.il_prefix, node, PREFIX_ROOM)

    # --- roots ---

    def add_root(
        self,
        name: bytes = b"",
        *,
        asked: int = 0,
        is_plain: bool = False,
        passes: bool = False,
        folds: bool = False,
    ) -> int:
        """Return the node of a new root: its name, what is asked of it, if it is plain, if files are passed.

        *folds*: a name that is not in the ledger is plain only in a directory that is marked as exact.
        """
        plain = 2 if is_plain and folds else is_plain
        return checked(lib.il_add_root(self._ledger, name, len(name), asked, plain, passes))

    def set_root(
        self, node: int, name: bytes, *, asked: int, is_plain: bool, passes: bool, folds: bool = False
    ) -> None:
        """Say all that of a root again."""
        plain = 2 if is_plain and folds else is_plain
        checked(lib.il_set_root(self._ledger, node, name, len(name), asked, plain, passes))

    def drop_root(self, node: int) -> None:
        """Take a root out. OSError with ENOTEMPTY if it has entries."""
        checked(lib.il_drop_root(self._ledger, node))

    # --- watch descriptors ---

    def owner(self, wd: int) -> int:
        """Return the node that owns a watch descriptor, or NONE."""
        return lib.il_owner(self._ledger, wd)

    def own(self, wd: int, node: int) -> None:
        """Let a node own a watch descriptor, in the place of another one if there is one."""
        checked(lib.il_own(self._ledger, wd, node))

    def disown(self, wd: int) -> None:
        """Let a watch descriptor have no owner any more, and the node no watch descriptor."""
        lib.il_disown(self._ledger, wd)

    def wd(self, node: int) -> int:
        """Return the watch descriptor that a node says it has, or -1."""
        return checked(lib.il_wd(self._ledger, node))

    def set_wd(self, node: int, wd: int) -> None:
        """Change what a node says that is not the owner of another one."""
        checked(lib.il_set_wd(self._ledger, node, wd))

    def owned(self) -> int:
        """Return how many watch descriptors have an owner."""
        return lib.il_owner_count(self._ledger)

    def wds(self) -> list[int]:
        """Return all watch descriptors that have an owner."""
        room = self.owned()
        while True:
            wds = ffi.new("int32_t[]", room + 1)
            count = lib.il_wds(self._ledger, wds, room)
            if count <= room:
                return ffi.unpack(wds, count)
            room = count

    # --- many at a time ---

    def adopt(self, tops: list[int], crawled: Crawled) -> list[int]:
        """Fill in new directories and all below them from a crawl of the former; those that it did not visit."""
        room = crawled.slots + 1
        nodes = ffi.new("int64_t[]", room)
        nodes[0 : len(tops)] = tops
        left = lib.il_adopt(self._ledger, crawled.cdata, nodes, room, len(tops))
        if left < 0:
            refuse(-left)
        return ffi.unpack(nodes, left)

    def fell(self, top: int, told: Told, *, of_file: int, of_directory: int) -> list[int]:
        """Tell that what is below a directory is gone, as far as there is room, and change nothing.

        *of_file*, *of_directory*: the masks that it is told with, 0 for not at all. Returns the directories whose
        entries are told, each behind those in it; none at all where the first one can not be, or has no room.
        """
        numbers = ffi.new("int64_t[]", MOST_FELLED)
        count = checked(lib.il_fell(self._ledger, top, told.cdata, of_file, of_directory, numbers, MOST_FELLED))
        return ffi.unpack(numbers, count)

    def raze(self, top: int, numbers: list[int]) -> list[int]:
        """Take all entries out of directories, and these off their watches, but for *top*; the watches."""
        wds = ffi.new("int32_t[]", len(numbers) + 1)
        return ffi.unpack(wds, checked(lib.il_raze(self._ledger, top, numbers, len(numbers), wds)))

    def agree(self, tops: list[int], crawled: Crawled) -> Tuple[int, list[int], list[int]]:
        """Compare known directories, and what is known below them, with a crawl of the former.

        Returns how many are as the crawl says, and of those in them: which are not, and which it did not visit.
        """
        room = crawled.slots + 1
        nodes, left = ffi.new("int64_t[]", room), ffi.new("int64_t[]", room)
        nodes[0 : len(tops)] = tops
        found = cast("AgreedStruct", ffi.new("struct il_agreed *"))
        checked(lib.il_agree(self._ledger, crawled.cdata, nodes, left, room, len(tops), found))
        numbers = ffi.unpack(left, found.differ + found.unvisited)
        return found.agreed, numbers[: found.differ], numbers[found.differ :]

    def apply(self, records: Records, most: int, wds: Collection[int], told: Told, *, ends: bool = False) -> int:
        """Apply plain events, so many at most, and add them to what is told; how many it took.

        *wds*: events of these are not plain. *ends*: the end of a watch that no directory has is.
        """
        column = list(wds)
        return checked(lib.il_apply(self._ledger, records.cdata, most, column, len(column), ends, told.cdata))

    def next_shift(self, records: Records, found: Shift) -> int:
        """Return 1 if a plain move waits first, which is then in *found*; 0 if not. Nothing is changed."""
        return lib.il_next_shift(self._ledger, records.cdata, found.cdata)
