"""Write down what the kernel said and what was seen on the disk, so that a race can be played again without it.

With the environment variable ``INOTIFY_CFFI_RECORD`` set to the name of a file, each watcher adds to it: a line of
JSON for each call that its tree makes, with the answer. The tree does nothing else with the outside, so the same
answers give the same events (``tests/replay.py`` plays a file). Names that are not UTF-8 are escaped as JSON does.
"""

from __future__ import annotations

import json

from inotify_cffi.tree.disk import Disk, Moment
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, Tuple

    from inotify_cffi.kernel.buffers import Records
    from inotify_cffi.kernel.instance import Instance
    from inotify_cffi.kernel.listings import Crawled
    from inotify_cffi.kernel.mounts import Mount
    from inotify_cffi.tree.looks import Stamp

__all__ = ["Recorder", "as_text"]


def as_text(value: bytes) -> str:
    """Return what stands for bytes in a recording."""
    return value.decode("latin-1")


class Recorder(Disk):
    """A disk that writes down each call and its answer, or the errno of its failure."""

    def __init__(self, instance: Instance, path: str) -> None:
        super().__init__(instance)
        # Without a buffer: what a forked child closes must not be written twice.
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 (closed by end)
        self.mark("by_path", self.by_path)

    def _write(self, verb: str, arguments: tuple[object, ...], answer: object) -> None:
        self._file.write(json.dumps([verb, arguments, answer], default=as_text).encode("ascii") + b"\n")

    def end(self) -> None:
        """Close the file, and what is open."""
        super().end()
        self._file.close()

    def _fail(self, verb: str, arguments: tuple[object, ...], error: OSError) -> None:
        self._write(verb, arguments, {"errno": error.errno})

    def mark(self, step: str, *arguments: object) -> None:
        """Write down what the watcher wants of the tree."""
        self._write("mark", (step, *arguments), None)

    def read(self, records: Records) -> int:
        """See :class:`Disk`."""
        waiting = records.count - records.at
        size = super().read(records)
        raws = [records.raw(at) for at in range(records.at + waiting, records.count)] if size else []
        self._write("read", (), [(*raw, name.decode("utf-8", "surrogateescape")) for *raw, name in raws])
        return size

    def queued(self) -> int:
        """See :class:`Disk`."""
        size = super().queued()
        self._write("queued", (), size)
        return size

    def unwatch(self, wd: int) -> None:
        """See :class:`Disk`."""
        super().unwatch(wd)
        self._write("unwatch", (wd,), None)

    def watched(self) -> list[int]:
        """See :class:`Disk`."""
        wds = super().watched()
        self._write("watched", (), wds)
        return wds

    def open_root(self, path: str) -> int:
        """See :class:`Disk`."""
        try:
            fd = super().open_root(path)
        except OSError as error:
            self._fail("open_root", (path,), error)
            raise
        self._write("open_root", (path,), fd)
        return fd

    def enter(self, fd: int, name: str, *, follow: bool) -> int:
        """See :class:`Disk`."""
        try:
            below = super().enter(fd, name, follow=follow)
        except OSError as error:
            self._fail("enter", (fd, name, follow), error)
            raise
        self._write("enter", (fd, name, follow), below)
        return below

    def watch(self, fd: int, mask: int) -> int:
        """See :class:`Disk`."""
        try:
            wd = super().watch(fd, mask)
        except OSError as error:
            self._fail("watch", (fd, mask), error)
            raise
        self._write("watch", (fd, mask), wd)
        return wd

    def watch_path(self, fd: int, path: str, mask: int) -> int:
        """See :class:`Disk`."""
        try:
            wd = super().watch_path(fd, path, mask)
        except OSError as error:
            self._fail("watch_path", (fd, path, mask), error)
            raise
        self._write("watch_path", (fd, path, mask), wd)
        return wd

    def watch_end(self, fd: int, path: str) -> Tuple[int, str] | None:
        """See :class:`Disk`."""
        try:
            end = super().watch_end(fd, path)
        except OSError as error:
            self._fail("watch_end", (fd, path), error)
            raise
        self._write("watch_end", (fd, path), end)
        return end

    def visit(
        self, fd: int, names: list[str], mask: int, most: int, *, files: bool, seconds: float = 0.0
    ) -> Crawled:
        """See :class:`Disk`."""
        crawled = super().visit(fd, names, mask, most, files=files, seconds=seconds)
        self._write("visit", (fd, names, mask, most, files), crawled.columns())
        return crawled

    def revisit(
        self, fd: int, names: list[str], mask: int, most: int, since: float | None, seconds: float = 0.0
    ) -> Crawled:
        """See :class:`Disk`."""
        crawled = super().revisit(fd, names, mask, most, since, seconds)
        self._write("revisit", (fd, names, mask, most, since), crawled.columns())
        return crawled

    def entries(self, fd: int, *, whole: bool = True) -> Tuple[list[str], int]:
        """See :class:`Disk`."""
        try:
            listed = super().entries(fd, whole=whole)
        except OSError as error:
            self._fail("entries", (fd, whole), error)
            raise
        self._write("entries", (fd, whole), listed)
        return listed

    def pass_lock(self, fd: int) -> None:
        """See :class:`Disk`."""
        try:
            super().pass_lock(fd)
        except OSError as error:
            self._fail("pass_lock", (fd,), error)
            raise
        self._write("pass_lock", (fd,), None)

    def more_entries(self, listed: int) -> list[str]:
        """See :class:`Disk`."""
        try:
            entries = super().more_entries(listed)
        except OSError as error:
            self._fail("more_entries", (listed,), error)
            raise
        self._write("more_entries", (listed,), entries)
        return entries

    def kind(self, fd: int, name: str, *, follow: bool) -> str:
        """See :class:`Disk`."""
        try:
            kind = super().kind(fd, name, follow=follow)
        except OSError as error:
            self._fail("kind", (fd, name, follow), error)
            raise
        self._write("kind", (fd, name, follow), kind)
        return kind

    def stamps(self, fd: int, names: list[str]) -> bytes:
        """See :class:`Disk`."""
        stamps = super().stamps(fd, names)
        self._write("stamps", (fd, names), stamps.hex())
        return stamps

    def identify(self, fd: int) -> int:
        """See :class:`Disk`."""
        try:
            wd = super().identify(fd)
        except OSError as error:
            self._fail("identify", (fd,), error)
            raise
        self._write("identify", (fd,), wd)
        return wd

    def watch_or_identify(self, fd: int, mask: int) -> int:
        """See :class:`Disk`."""
        try:
            wd = super().watch_or_identify(fd, mask)
        except OSError as error:
            self._fail("watch_or_identify", (fd, mask), error)
            raise
        self._write("watch_or_identify", (fd, mask), wd)
        return wd

    def is_seen(self, fd: int, wd: int) -> bool:
        """See :class:`Disk`."""
        is_seen = super().is_seen(fd, wd)
        self._write("is_seen", (fd, wd), is_seen)
        return is_seen

    def foreign_clock(self, fd: int) -> int:
        """See :class:`Disk`."""
        clock = super().foreign_clock(fd)
        self._write("foreign_clock", (fd,), clock)
        return clock

    def changed_since(self, fd: int, name: str | None, since: float) -> bool:
        """See :class:`Disk`."""
        changed = super().changed_since(fd, name, since)
        self._write("changed_since", (fd, name, since), changed)
        return changed

    def lines(self, fd: int, name: str) -> list[str]:
        """See :class:`Disk`."""
        lines = super().lines(fd, name)
        self._write("lines", (fd, name), lines)
        return lines

    def is_file(self, path: str) -> bool:
        """See :class:`Disk`."""
        answer = super().is_file(path)
        self._write("is_file", (path,), answer)
        return answer

    def where(self, fd: int, name: str) -> str | None:
        """See :class:`Disk`."""
        try:
            target = super().where(fd, name)
        except OSError as error:
            self._fail("where", (fd, name), error)
            raise
        self._write("where", (fd, name), target)
        return target

    def open_object(self, fd: int, name: str) -> int:
        """See :class:`Disk`."""
        try:
            opened = super().open_object(fd, name)
        except OSError as error:
            self._fail("open_object", (fd, name), error)
            raise
        self._write("open_object", (fd, name), opened)
        return opened

    def watch_object(self, fd: int, path: str, mask: int) -> int:
        """See :class:`Disk`."""
        try:
            wd = super().watch_object(fd, path, mask)
        except OSError as error:
            self._fail("watch_object", (fd, path, mask), error)
            raise
        self._write("watch_object", (fd, path, mask), wd)
        return wd

    def stamp(self, fd: int) -> Stamp:
        """See :class:`Disk`."""
        stamp = super().stamp(fd)
        self._write("stamp", (fd,), stamp)
        return stamp

    def is_directory(self, path: str) -> bool:
        """See :class:`Disk`."""
        answer = super().is_directory(path)
        self._write("is_directory", (path,), answer)
        return answer

    def real_path(self, path: str) -> str:
        """See :class:`Disk`."""
        real = super().real_path(path)
        self._write("real_path", (path,), real)
        return real

    def mounts(self) -> list[Mount]:
        """See :class:`Disk`."""
        mounts = super().mounts()
        self._write("mounts", (), mounts)
        return mounts

    def can_be_flagged(self) -> bool:
        """See :class:`Disk`."""
        answer = super().can_be_flagged()
        self._write("can_be_flagged", (), answer)
        return answer

    def spelling(self, fd: int) -> int:
        """See :class:`Disk`."""
        spelling = super().spelling(fd)
        self._write("spelling", (fd,), spelling)
        return spelling

    def inode(self, fd: int, name: str) -> int:
        """See :class:`Disk`."""
        inode = super().inode(fd, name)
        self._write("inode", (fd, name), inode)
        return inode

    def inodes(self, fd: int) -> Dict[str, int]:
        """See :class:`Disk`."""
        inodes = super().inodes(fd)
        self._write("inodes", (fd,), inodes)
        return inodes

    def device(self, fd: int) -> int:
        """See :class:`Disk`."""
        device = super().device(fd)
        self._write("device", (fd,), device)
        return device

    def close(self, fd: int) -> None:
        """See :class:`Disk`."""
        super().close(fd)
        self._write("close", (fd,), None)

    def close_all(self, *kept: int) -> None:
        """See :class:`Disk`."""
        super().close_all(*kept)
        self._write("close_all", kept, None)

    def is_over(self, share: float) -> bool:
        """See :class:`Disk`."""
        is_over = super().is_over(share)
        self._write("is_over", (share,), is_over)
        return is_over

    def now(self) -> Moment:
        """See :class:`Disk`."""
        moment = super().now()
        self._write("now", (), moment)
        return moment
