"""The one door to C: each function calls, checks, converts and raises; none decides anything.

cffi releases the GIL around each call. A call that fails gives -errno, see ``csrc/kernel.c``. What has to be
closed has an owner from the call on, see ``csrc/owner.c``: no exception comes in between.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

from inotify_cffi._inotify import ffi, lib
from inotify_cffi.base.encoding import encoded
from inotify_cffi.errors import InstanceLimitError, PathError, WatchLimitError
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from typing import Callable, NoReturn

    from inotify_cffi._inotify import FileStruct, Owner

__all__ = [
    "O_PATH",
    "POLL_IN",
    "POLL_ONCE",
    "POLL_ONE",
    "POLL_OUT",
    "POLL_PRI",
    "Descriptor",
    "EpollBuffer",
    "add_watch",
    "epoll_add",
    "epoll_create",
    "epoll_remove",
    "eventfd",
    "fail",
    "file_system",
    "inotify_init",
    "is_casefold",
    "is_filtered",
    "open_fd",
    "pipe",
    "queued_bytes",
    "reason",
    "rm_watch",
    "set_next_wd",
    "set_timer",
    "sysctl",
    "timer",
    "watch_fd",
]

# The os module of PyPy lacks it.
O_PATH: int = lib.O_PATH
POLL_IN: int = lib.EPOLLIN
POLL_PRI: int = lib.EPOLLPRI
POLL_OUT: int = lib.EPOLLOUT
# Told once, and no more.
POLL_ONCE: int = lib.EPOLLONESHOT
# Of all who wait with it, one is woken.
POLL_ONE: int = lib.EPOLLEXCLUSIVE


# What the kernel takes for a full queue of 16,384 events with short names, at the least.
MEMORY_OF_AN_INSTANCE = 1 << 20

# There is no regular file at a path: no such name, no such way, another kind.
NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENODATA)

# What belongs to C is made by an allocator of a struct, not given to ffi.gc. CPython's collector finalizes what is
# in a cycle in no order (gcmodule.c, finalize_garbage), and with it what ffi.gc gave: its memory is gone while a
# __del__ or the end of a generator in that cycle still uses it. What an allocator has made for a struct hangs on
# an object that this collector does not know, so it is ended after the last use.
new_owner: Callable[[str], Owner] = ffi.new_allocator(lib.ic_owner_new, lib.ic_owner_free, False)

# The process has none left, or the system.
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)

# What a seccomp filter answers in the place of a call, or a kernel that has no such call.
REFUSED = (errno.ENOSYS, errno.EPERM)

# openat(2): relative to the working directory.
WORKING_DIRECTORY: int = lib.AT_FDCWD


def sysctl(name: str) -> str:
    """Return the value of an inotify sysctl such as ``max_user_watches``, or ``"unknown"``."""
    return _value(f"/proc/sys/fs/inotify/{name}")


def _value(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "unknown"


def _limit(name: str, in_namespace: str) -> str:
    """Return what to raise and its value: the sysctl, or the limit of the user namespace if that is lower."""
    value, lower = sysctl(name), _value(f"/proc/sys/user/{in_namespace}")
    if value.isdigit() and lower.isdigit() and int(lower) < int(value):
        return f"raise fs.inotify.{name} (now {value}) and user.{in_namespace} (now {lower})"
    return f"raise fs.inotify.{name} (now {value})"


def reason(code: int) -> str:
    """Return what an errno means; if no descriptor is left, with what to raise and its value."""
    if code == errno.EMFILE:
        return f"no file descriptor is left; raise RLIMIT_NOFILE (ulimit -n, now {os.sysconf('SC_OPEN_MAX')})"
    if code == errno.ENFILE:
        limit_of_all = _value("/proc/sys/fs/file-max")
        return f"no file descriptor is left for all processes together; raise fs.file-max (now {limit_of_all})"
    return os.strerror(code)


def fail(code: int, path: str | bytes | None = None) -> NoReturn:
    """Raise the OSError of an errno, with what can be done about it and the path that it was about."""
    raise OSError(code, reason(code), path)


def weigh(size: int) -> None:
    """Tell the collector of PyPy, which knows its own bytes only, that so many more hang on an object."""
    if sys.implementation.name == "pypy":
        from __pypy__ import add_memory_pressure  # type: ignore[import-not-found]

        add_memory_pressure(size)


class Descriptor:
    """The owner of a file descriptor: it closes it, and whoever forgets the owner has closed it, too.

    It is made before the call that opens the descriptor, which stores that here.
    """

    __slots__ = ("cdata",)

    def __init__(self) -> None:
        self.cdata = new_owner("struct ic_owner *")

    @property
    def fd(self) -> int:
        """The descriptor, -1 if there is none (any more)."""
        return self.cdata.fd

    def close(self) -> None:
        """Close it; more than once, and in any thread, does no harm."""
        lib.ic_close(self.cdata)

    def let_go(self) -> int:
        """Return the descriptor, which is the caller's from now on."""
        return lib.ic_let_go(self.cdata)


def open_fd(path: str, flags: int, *, dir_fd: int | None = None) -> Descriptor:
    """Open *path* (openat(2)). Raises OSError; its filename is *path*."""
    raw = encoded(path)
    if b"\0" in raw:
        raise PathError(errno.EINVAL, "a path can not hold a NUL byte", path)
    opened = Descriptor()
    directory = WORKING_DIRECTORY if dir_fd is None else dir_fd
    while True:
        code = -lib.ic_have_open(opened.cdata, directory, raw, flags)
        # A signal handler has run by the next step.
        if code != errno.EINTR:
            break
    if code > 0:
        fail(code, path)
    return opened


def file_system(fd: int) -> int:
    """Return of which kind the file system is that *fd* is on (statfs(2), f_type). Raises OSError."""
    kind: int = lib.ic_file_system(fd)
    if kind < 0:
        fail(-kind)
    return kind


def is_casefold(fd: int) -> bool:
    """Return True if names that fold are one in the directory open as *fd*, to be read (FS_CASEFOLD_FL)."""
    return bool(lib.ic_is_casefold(fd) > 0)


class File(NamedTuple):
    """A regular file, and what is known of who has it open: *code* is 0 if nobody has it open for writing."""

    # EAGAIN if somebody has; any other errno is why it can not be known: see ic_unopened().
    code: int
    # In bytes.
    size: int
    device: int
    inode: int


def look_at_file(path: str | bytes) -> File | None:
    """Look whether anybody has a file open for writing; None if there is no regular file, links not followed.

    To know that the file is opened, for reading, and closed again.
    """
    raw = os.fsencode(path)
    if b"\0" in raw:
        return None
    found = cast("FileStruct", ffi.new("struct ic_file *"))
    code = -lib.ic_unopened(raw, found)
    if code in NO_FILE:
        return None
    return File(code, found.size, found.device, found.inode)


def pipe() -> tuple[Descriptor, Descriptor]:
    """Return the two ends of a pipe, to read from and to write to, non-blocking and close-on-exec."""
    ends = Descriptor(), Descriptor()
    failed = -lib.ic_have_pipe(ends[0].cdata, ends[1].cdata)
    if failed:
        fail(failed)
    return ends


def inotify_init() -> Descriptor:
    """Return a new inotify instance, non-blocking and close-on-exec.

    Raises InstanceLimitError where the user has too many instances, OSError for any other failure.
    """
    made = Descriptor()
    code = -lib.ic_have_inotify(made.cdata)
    if code == errno.EMFILE:
        # Those that were forgotten, not closed, are free when the collector has come to them.
        gc.collect()
        code = -lib.ic_have_inotify(made.cdata)
    if code == errno.EMFILE:
        _fail_instance()
    if code > 0:
        _fail_refused(code, None)
        fail(code)
    weigh(MEMORY_OF_AN_INSTANCE)
    return made


def _fail_instance() -> NoReturn:
    """Tell the two limits apart that inotify_init1(2) reports alike: it is the process's if open fails."""
    try:
        open_fd("/", O_PATH | os.O_CLOEXEC).close()
    except OSError as error:
        if error.errno == errno.EMFILE:
            raise OSError(error.errno, error.strerror) from None
    remedy = _limit("max_user_instances", "max_inotify_instances")
    raise InstanceLimitError(errno.EMFILE, f"no inotify instance is left for this user; {remedy}")


def _fail_watch(code: int, path: str | bytes | None) -> NoReturn:
    if code == errno.ENOSPC:
        remedy = _limit("max_user_watches", "max_inotify_watches")
        raise WatchLimitError(code, f"no watch is left for this user; {remedy}", path)
    _fail_refused(code, path)
    fail(code, path)


def _fail_refused(code: int, path: str | bytes | None) -> None:
    """Raise the OSError if it is not about the path: no watch can be had, whatever the path is."""
    if code not in REFUSED:
        return
    if is_filtered():
        remedy = "a seccomp filter is on; let it allow inotify_init1, inotify_add_watch and inotify_rm_watch"
    elif code == errno.ENOSYS:
        remedy = "this kernel has no inotify, or a sandbox hides it"
    else:
        return
    raise OSError(code, f"inotify is refused ({os.strerror(code)}): {remedy}", path)


def is_filtered() -> bool:
    """Return True if a seccomp filter decides which system calls this thread may make (proc(5), status)."""
    return "\nSeccomp:\t2\n" in _value("/proc/thread-self/status")


def add_watch(fd: int, path: str | bytes, mask: int) -> int:
    """Watch *path* through the instance *fd* and return the watch descriptor (inotify_add_watch(2)).

    Raises WatchLimitError where no watch is left, PathError for a NUL in *path*, OSError otherwise.
    """
    encoded_path = os.fsencode(path)
    if b"\0" in encoded_path:
        raise PathError(errno.EINVAL, "a path can not hold a NUL byte", path)
    wd = lib.ic_add_watch(fd, encoded_path, mask)
    if wd < 0:
        _fail_watch(-wd, path)
    return wd


def watch_fd(fd: int, target: int, mask: int, path: str | bytes | None = None) -> int:
    """Watch the object that is open as *target*, by whatever path; *path* is only for the error."""
    wd = lib.ic_watch_fd(fd, target, mask)
    if wd < 0:
        _fail_watch(-wd, path)
    return wd


def rm_watch(fd: int, wd: int) -> bool:
    """Remove a watch; False if it was gone already (EINVAL, inotify_rm_watch(2))."""
    failed = -lib.ic_rm_watch(fd, wd)
    if failed and failed != errno.EINVAL:
        fail(failed)
    return not failed


def queued_bytes(fd: int) -> int:
    """Return how many bytes wait in the queue of the instance *fd* (FIONREAD, inotify(7))."""
    count = lib.ic_queued(fd)
    if count < 0:
        fail(-count)
    return count


def set_next_wd(fd: int, wd: int) -> None:
    """Let the next watch of the instance have the descriptor *wd* (INOTIFY_IOC_SETNEXTWD); for tests."""
    failed = -lib.ic_set_next_wd(fd, wd)
    if failed:
        fail(failed)


def _made(have: Callable[[Owner], int]) -> Descriptor:
    """Return the descriptor that a call of C has made."""
    made = Descriptor()
    failed = have(made.cdata)
    if failed < 0:
        fail(-failed)
    return made


def epoll_create() -> Descriptor:
    """Return a new epoll instance, close-on-exec."""
    return _made(lib.ic_have_epoll)


def epoll_add(epoll: int, fd: int, events: int) -> None:
    """Let *epoll* wait for *events* of *fd* as well."""
    failed = -lib.ic_epoll_add(epoll, fd, events)
    if failed:
        fail(failed)


def epoll_remove(epoll: int, fd: int) -> None:
    """Let *epoll* wait for *fd* no more, if it does: the kernel has removed it when it was closed."""
    lib.ic_epoll_remove(epoll, fd)


class EpollBuffer:
    """Room for the answers of one wait."""

    def __init__(self) -> None:
        self._ready = ffi.new("int[]", lib.IC_MOST_READY)

    def wait(self, epoll: int, timeout_ms: int) -> list[int] | None:
        """Return the descriptors that are ready, none after the timeout; None if a signal came (EINTR)."""
        count = lib.ic_epoll_wait(epoll, self._ready, timeout_ms)
        if count == -errno.EINTR:
            return None
        if count < 0:
            fail(-count)
        return ffi.unpack(self._ready, count)


def timer() -> Descriptor:
    """Return a new timer, non-blocking and close-on-exec (timerfd_create(2)), which is never readable yet."""
    return _made(lib.ic_have_timer)


def set_timer(fd: int, after_s: float) -> None:
    """Let a timer be readable from so many seconds on, and not before; 0: never."""
    failed = lib.ic_set_timer(fd, int(after_s * 1e9))
    if failed < 0:
        fail(-failed)


def eventfd() -> Descriptor:
    """Return a new eventfd, non-blocking and close-on-exec (eventfd(2))."""
    return _made(lib.ic_have_eventfd)
