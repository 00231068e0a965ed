"""The compiled module: ``ffi`` and ``lib``, as far as they are used."""

from typing import Protocol

class CData(Protocol):
    def __getitem__(self, index: int, /) -> int: ...

class _EpollData(Protocol):
    fd: int

class _EpollEvent(Protocol):
    events: int
    data: _EpollData

class EpollEvents(CData, Protocol):
    def __getitem__(self, index: int, /) -> _EpollEvent: ...  # type: ignore[override]

class _FFI(Protocol):
    NULL: CData
    @property
    def errno(self) -> int: ...
    def new(self, ctype: str, init: object = ..., /) -> CData: ...
    def buffer(self, cdata: CData, size: int = ..., /) -> memoryview: ...
    def unpack(self, cdata: CData, length: int, /) -> list[int]: ...
    def from_buffer(self, data: bytes, /) -> CData: ...

class _Lib(Protocol):
    IN_ACCESS: int
    IN_MODIFY: int
    IN_ATTRIB: int
    IN_CLOSE_WRITE: int
    IN_CLOSE_NOWRITE: int
    IN_OPEN: int
    IN_MOVED_FROM: int
    IN_MOVED_TO: int
    IN_CREATE: int
    IN_DELETE: int
    IN_DELETE_SELF: int
    IN_MOVE_SELF: int
    IN_UNMOUNT: int
    IN_Q_OVERFLOW: int
    IN_IGNORED: int
    IN_ONLYDIR: int
    IN_DONT_FOLLOW: int
    IN_EXCL_UNLINK: int
    IN_MASK_CREATE: int
    IN_MASK_ADD: int
    IN_ISDIR: int
    IN_ONESHOT: int
    IN_CLOEXEC: int
    IN_NONBLOCK: int
    O_PATH: int
    EPOLLIN: int
    EPOLLPRI: int
    EPOLL_CLOEXEC: int
    EPOLL_CTL_ADD: int
    EPOLL_CTL_DEL: int
    EFD_CLOEXEC: int
    EFD_NONBLOCK: int
    def inotify_init1(self, flags: int, /) -> int: ...
    def inotify_add_watch(self, fd: int, pathname: bytes, mask: int, /) -> int: ...
    def inotify_rm_watch(self, fd: int, wd: int, /) -> int: ...
    def epoll_create1(self, flags: int, /) -> int: ...
    def epoll_ctl(self, epfd: int, op: int, fd: int, event: CData, /) -> int: ...
    def epoll_wait(self, epfd: int, events: CData, maxevents: int, timeout: int, /) -> int: ...
    def eventfd(self, initval: int, flags: int, /) -> int: ...
    def ic_watch_fd(self, inotify: int, fd: int, mask: int, /) -> int: ...
    def ic_read(self, fd: int, buffer: CData, size: int, /) -> int: ...
    def ic_queued(self, inotify: int, /) -> int: ...
    def ic_split(
        self,
        buffer: CData,
        size: int,
        wds: CData,
        masks: CData,
        cookies: CData,
        names: CData,
        names_size: CData,
        /,
    ) -> int: ...
    def ic_list(self, fd: int, out: CData, size: int, /) -> int: ...
    def ic_set_next_wd(self, inotify: int, wd: int, /) -> int: ...

ffi: _FFI
lib: _Lib
