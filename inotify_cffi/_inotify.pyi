"""The compiled module: ``ffi`` and ``lib``, as far as they are used."""

from typing import Callable, Protocol

class CData(Protocol):
    def __getitem__(self, index: int, /) -> int: ...

class Crawl(Protocol):
    inotify: int
    mask: int
    last_wd: int
    records: int
    slots: int
    most_records: int
    files_filled: int
    dirs_filled: int

class _FFI(Protocol):
    NULL: CData
    def new(self, ctype: str, init: object = ..., /) -> CData: ...
    def new_allocator(self, *, should_clear_after_alloc: bool) -> Callable[[str, int], CData]: ...
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
    O_PATH: int
    EPOLLIN: int
    EPOLLPRI: int
    IC_MOST_READY: int
    def ic_init(self) -> int: ...
    def ic_add_watch(self, inotify: int, path: bytes, mask: int, /) -> int: ...
    def ic_watch_fd(self, inotify: int, fd: int, mask: int, /) -> int: ...
    def ic_rm_watch(self, inotify: int, wd: int, /) -> int: ...
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
    def ic_crawl(self, crawl: Crawl, fd: int, names: bytes, count: int, /) -> None: ...
    def ic_set_next_wd(self, inotify: int, wd: int, /) -> int: ...
    def ic_epoll_create(self) -> int: ...
    def ic_epoll_add(self, epoll: int, fd: int, events: int, /) -> int: ...
    def ic_epoll_wait(self, epoll: int, ready: CData, timeout_ms: int, /) -> int: ...
    def ic_eventfd(self) -> int: ...

ffi: _FFI
lib: _Lib
