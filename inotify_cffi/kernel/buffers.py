"""The memory that the kernel's answers are put into: what is read; a part of the door to C.

As in ``syscalls``, each function calls, checks, converts and raises; none decides anything.
"""

from __future__ import annotations

import errno
import os
import sys

from inotify_cffi._inotify import ffi, lib
from inotify_cffi.errors import DecodeError, LedgerError
from inotify_cffi.kernel.syscalls import fail, weigh
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from typing import Callable, NoReturn, Tuple

    from inotify_cffi._inotify import Ahead, CData, QueueStruct, RawStruct

__all__ = [
    "Columns",
    "ReadAhead",
    "ReadBuffer",
    "Records",
    "checked",
    "refuse",
    "split",
]

# A record is 16 bytes and a name of up to 255 in steps of 16 (inotify(7)).
RECORD_SIZE = 16
LARGEST_RECORD = RECORD_SIZE + 256

# Rough sizes of C memory, for a garbage collector that wants to know what hangs on an object (PyPy's).
SOME_MEMORY = 1 << 16
# Of a name; those that are longer take a second call.
NAME_ROOM = 256

# The least that C answers where it is no -errno.
LEAST: int = lib.IL_ABSENT

# How C says that a step is not to be done on this node, or on anything.
REFUSALS = {
    errno.ESTALE: "the directory is not in the ledger any more",
    errno.EBUSY: "the directory is the owner of another watch descriptor",
    errno.EINVAL: "there is no such place, flag or watch descriptor",
}

# See syscalls.new_owner.
new_ahead: Callable[[str], Ahead] = ffi.new_allocator(lib.ic_ahead_new, lib.ic_ahead_free, False)
new_queue: Callable[[str], QueueStruct] = ffi.new_allocator(lib.iq_new, lib.iq_free, False)


def refuse(code: int) -> NoReturn:
    """Raise what an errno of the C code means: no memory, a verb refused, or an error of the kernel."""
    if code == errno.ENOMEM:
        raise MemoryError
    if code in REFUSALS:
        raise LedgerError(f"{REFUSALS[code]}; nothing was changed")
    raise OSError(code, os.strerror(code))


def checked(answer: int) -> int:
    """Return what C answered. Raises what it means if that is -errno, which is below all else."""
    if answer < LEAST:
        refuse(-answer)
    return answer


class Records:
    """The raw events that were read and are not yet applied: those from :attr:`at` on, up to :attr:`count`."""

    # What sets :attr:`at` of :attr:`cdata`, for who has to do that and more in one step (``watching/handout.py``).
    move_to = staticmethod(lib.iq_move_to)

    def __init__(self) -> None:
        self.cdata = new_queue("struct iq_queue *")
        weigh(SOME_MEMORY)

    @property
    def at(self) -> int:
        """The place of the next one."""
        return self.cdata.at

    @at.setter
    def at(self, at: int) -> None:
        checked(lib.iq_move_to(self.cdata, at))

    @property
    def count(self) -> int:
        """The place behind the last one."""
        return self.cdata.count

    @property
    def waiting(self) -> int:
        """How many wait."""
        cdata = self.cdata
        return cdata.count - cdata.at

    def feed(self, data: bytes) -> int:
        """Add what read(2) returned; the number of records. If none waited, the places begin anew.

        Raises DecodeError where *data* is not whole records, and then adds nothing.
        """
        count = lib.iq_feed(self.cdata, ffi.from_buffer(data), len(data))
        if count == -errno.EINVAL:
            raise DecodeError(f"byte {self.cdata.bad} of {len(data)} does not begin a whole inotify record")
        if count < 0:
            refuse(-count)
        return count

    def raw(self, at: int) -> Tuple[int, int, int, bytes]:
        """Return one: the watch descriptor, the mask, the cookie, the name."""
        raw, name = cast("RawStruct", ffi.new("struct iq_raw *")), ffi.new("char[]", NAME_ROOM)
        length = checked(lib.iq_raw(self.cdata, at, raw, name, NAME_ROOM))
        if length > NAME_ROOM:
            name = ffi.new("char[]", length)
            checked(lib.iq_raw(self.cdata, at, raw, name, length))
        return raw.wd, raw.mask, raw.cookie, bytes(ffi.buffer(name, length)[:])

    def rows(self) -> list[Tuple[int, int, int, bytes]]:
        """Return all that wait, each as :meth:`raw` does."""
        return [self.raw(at) for at in range(self.at, self.count)]

    def bytes_from(self, begin: int) -> int:
        """Return how many bytes those from a place on had in the kernel's queue."""
        return checked(lib.iq_bytes(self.cdata, begin))

    def columns(self, begin: int) -> Tuple[list[int], list[int], list[int]]:
        """Return watch descriptors, masks and cookies of those from a place on."""
        count = self.cdata.count - begin
        if not count:
            return [], [], []
        if count < 0:
            refuse(errno.EINVAL)
        wds = ffi.new("int32_t[]", count)
        masks, cookies = ffi.new("uint32_t[]", count), ffi.new("uint32_t[]", count)
        checked(lib.iq_columns(self.cdata, begin, count, wds, masks, cookies))
        return ffi.unpack(wds, count), ffi.unpack(masks, count), ffi.unpack(cookies, count)


class Columns(NamedTuple):
    """What one read returned, a list for each field; a name is empty for the watched object itself."""

    wds: list[int]
    masks: list[int]
    cookies: list[int]
    names: bytes  # joined, each ended by a NUL
    size: int  # in bytes, of the records


class _Split:
    """The C columns that a buffer of a given size may be split into."""

    def __init__(self, size: int) -> None:
        most = size // RECORD_SIZE + 1
        self._wds = ffi.new("int32_t[]", most)
        self._masks = ffi.new("uint32_t[]", most)
        self._cookies = ffi.new("uint32_t[]", most)
        self._names = ffi.new("char[]", size + 1)
        self._filled = ffi.new("size_t *")

    def run(self, buffer: CData, size: int) -> Columns:
        count = lib.ic_split(buffer, size, self._wds, self._masks, self._cookies, self._names, self._filled)
        if count < 0:
            raise DecodeError(f"byte {-1 - count} of {size} does not begin a whole inotify record")
        return Columns(
            ffi.unpack(self._wds, count),
            ffi.unpack(self._masks, count),
            ffi.unpack(self._cookies, count),
            bytes(ffi.buffer(self._names, self._filled[0])[:]),
            size,
        )


def split(data: bytes) -> Columns:
    """Split whole records into columns. Raises DecodeError where *data* is not whole records."""
    return _Split(len(data)).run(ffi.from_buffer(data), len(data))


class ReadAhead:
    """A thread that reads the inotify descriptor *fd* into at most *size* bytes of memory; see ``csrc/ahead.c``.

    *shares*: who takes what it read waits for *fd*, too, and has been told so before; so there is no hurry.

    Raises OSError where there is no memory, no descriptor or no thread left.
    """

    def __init__(self, fd: int, size: int, *, shares: bool) -> None:
        # Whoever forgets to end it has no thread left over all the same.
        self.cdata = new_ahead("struct ic_ahead *")
        code = -lib.ic_ahead_start(self.cdata, fd, min(size, sys.maxsize), shares)
        if code == errno.EAGAIN:
            raise OSError(code, "no thread is left to read ahead; raise RLIMIT_NPROC (ulimit -u)")
        if code == errno.ENOMEM:
            raise OSError(code, f"there is no memory to read {size} bytes ahead; take a smaller read_ahead")
        if code:
            fail(code)

    def fileno(self) -> int:
        """Return a descriptor that is readable while the memory holds something."""
        return lib.ic_ahead_filled(self.cdata)

    def queued_bytes(self) -> int:
        """Return how many bytes wait, in the memory and in the kernel's queue. Raises OSError."""
        count = lib.ic_ahead_queued(self.cdata)
        if count < 0:
            fail(-count)
        return count

    @property
    def most_held(self) -> int:
        """The most bytes that the memory has held so far."""
        return lib.ic_ahead_most_held(self.cdata)

    def end(self) -> None:
        """End the thread and free the memory; more than once, and in any thread, does no harm."""
        lib.ic_ahead_end(self.cdata)

    def forked(self) -> None:
        """Free the copy in a forked child, in which there is no such thread."""
        lib.ic_ahead_forked(self.cdata)


class ReadBuffer:
    """A buffer to read an inotify descriptor into; reused, so a read allocates nothing of its size."""

    def __init__(self, size: int) -> None:
        if size < LARGEST_RECORD:
            raise ValueError(f"a read buffer needs {LARGEST_RECORD} bytes for the longest name, not {size}")
        self._size = size
        self._buffer = ffi.new("char[]", size)
        self._split = _Split(size)
        # The bytes that were read and not handed out yet.
        self.kept = ffi.new("int64_t *")

    def read(self, fd: int, most: int | None = None, *, ahead: ReadAhead | None = None) -> Columns | None:
        """Read once, at most *most* bytes; None where nothing is queued. Raises OSError on a failed read.

        What this returns is returned again by the next call, unless ``kept[0] = 0`` says that it was handed out.
        *ahead* is what reads *fd* ahead, if something does.
        """
        size = self._size if most is None else min(self._size, max(most, LARGEST_RECORD))
        reads_ahead = ffi.NULL if ahead is None else ahead.cdata
        count = lib.ic_read_kept(self.kept, fd, reads_ahead, self._buffer, size)
        if count in (-errno.EAGAIN, -errno.EINTR):
            return None
        if count < 0:
            fail(-count)
        return self._split.run(self._buffer, count)

    def read_into(self, records: Records, fd: int, *, ahead: ReadAhead | None = None) -> int:
        """Read once and add what came to *records*; the bytes, 0 where nothing is queued."""
        if ahead is None:
            count = lib.iq_read(records.cdata, fd, self._buffer, self._size)
        else:
            count = lib.iq_read_ahead(records.cdata, ahead.cdata, self._buffer, self._size)
        if count >= 0:
            return count
        if count in (-errno.EAGAIN, -errno.EINTR):
            return 0
        if count == -errno.ENOMEM:
            raise MemoryError
        return fail(-count)
