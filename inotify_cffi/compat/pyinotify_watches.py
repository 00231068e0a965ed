"""The watches of pyinotify: one for each path that was added, and for directories below."""

from __future__ import annotations

import errno
import glob
import os
import re
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List

from inotify_cffi.base import bits
from inotify_cffi.compat.pyinotify_words import ChainIfTrue, log
from inotify_cffi.kernel.instance import Instance

if TYPE_CHECKING:
    Filter = Callable[[str], object]
    Processor = Callable[[Any], object]

__all__ = ["ExcludeFilter", "Watch", "WatchManager", "WatchManagerError"]

FAILED, EXCLUDED, NO_PATH = -1, -2, -3


class WatchManagerError(Exception):
    """A watch could not be added, changed or removed; ``wmd`` has what was done before in the same call."""

    def __init__(self, message: str, wmd: Dict[Any, Any]) -> None:
        super().__init__(message)
        self.wmd = wmd


class ExcludeFilter:
    """A filter for paths that match one of some regular expressions, from their beginning on.

    Args:
        patterns: a list of them, or the path of a file that has one in each line.

    """

    def __init__(self, patterns: str | List[str]) -> None:
        if isinstance(patterns, str):
            with open(patterns, encoding="utf-8") as lines:
                patterns = [line for line in map(str.strip, lines) if line and not line.startswith("#")]
        if not isinstance(patterns, list):
            raise TypeError(f"an ExcludeFilter takes a list of patterns, or the path of a file, not {patterns!r}")
        self._patterns = [re.compile(pattern) for pattern in patterns]

    def __call__(self, path: str) -> bool:
        """Return True for a path that is to be excluded."""
        return any(pattern.match(path) for pattern in self._patterns)


class Watch:
    """What is watched: ``wd``, ``path``, ``mask``, ``proc_fun``, ``auto_add``, ``exclude_filter``, ``dir``."""

    __slots__ = ("auto_add", "dir", "exclude_filter", "mask", "path", "proc_fun", "wd")

    def __init__(
        self,
        wd: int,
        path: str,
        mask: int,
        proc_fun: Processor | None,
        auto_add: bool,
        exclude_filter: Filter,
    ) -> None:
        self.wd = wd
        self.path = path
        self.mask = mask
        self.proc_fun = proc_fun
        self.auto_add = auto_add
        self.exclude_filter = exclude_filter
        self.dir = os.path.isdir(path)

    def __repr__(self) -> str:
        fields = ("wd", "path", "mask", "proc_fun", "auto_add", "exclude_filter", "dir")
        return f"<Watch {' '.join(f'{name}={getattr(self, name)}' for name in fields)} >"


def nothing(path: str) -> bool:  # noqa: ARG001
    """Exclude no path."""
    return False


class WatchManager:
    """One inotify instance and the watches in it.

    Args:
        exclude_filter: returns True for paths that are not to be watched, unless a call has one of its own.

    Raises:
        InstanceLimitError: an OSError; no inotify instance is left.

    """

    def __init__(self, exclude_filter: Filter = nothing) -> None:
        self.instance = Instance()
        self.ignore_events = False
        self._exclude_filter = exclude_filter
        self._watches: Dict[int, Watch] = {}
        self._by_path: Dict[str, int] = {}

    def close(self) -> None:
        """Free the instance and all its watches; more than once is harmless."""
        self.instance.close()

    def get_fd(self) -> int:
        """Return the descriptor that is readable when events wait."""
        return self.instance.fileno()

    @property
    def watches(self) -> Dict[int, Watch]:
        """The watches, by number."""
        return self._watches

    def get_watch(self, wd: int) -> Watch | None:
        """Return a watch by its number; None if there is none."""
        return self._watches.get(wd)

    def get_wd(self, path: str) -> int | None:
        """Return the number of the watch on a path; None if there is none."""
        return self._by_path.get(os.path.normpath(path))

    def get_path(self, wd: int) -> str | None:
        """Return the path that is watched by this number; None if none is."""
        watch = self._watches.get(wd)
        return None if watch is None else watch.path

    def del_watch(self, wd: int) -> None:
        """Forget a watch that the kernel has removed."""
        watch = self._watches.pop(wd, None)
        if watch is None:
            log.error("Cannot delete unknown watch descriptor %s", wd)
        elif self._by_path.get(watch.path) == wd:
            del self._by_path[watch.path]

    def rename(self, old: str, new: str) -> None:
        """Something was moved: the watches on it and below it have another path."""
        below = old.rstrip("/") + "/"
        for watch in list(self._watches.values()):
            if watch.path == old or watch.path.startswith(below):
                if self._by_path.get(watch.path) == watch.wd:
                    del self._by_path[watch.path]
                watch.path = new + watch.path[len(old) :]
                self._by_path[watch.path] = watch.wd

    # --- for users ---

    def add_watch(
        self,
        path: Any,
        mask: int,
        proc_fun: Processor | None = None,
        rec: bool = False,
        auto_add: bool = False,
        do_glob: bool = False,
        quiet: bool = True,
        exclude_filter: Filter | None = None,
    ) -> Dict[Any, int]:
        """Watch a path, or a list of them.

        Args:
            path: files or directories.
            mask: flags ``IN_...``.
            proc_fun: takes the events; the notifier's own one unless given.
            rec: watch the directories below, too; links are not followed.
            auto_add: watch directories that are made below later, too, and tell what is found in them.
            do_glob: paths are patterns of :mod:`glob`.
            quiet: write what fails to the log in place of raising an error.
            exclude_filter: returns True for paths that are not to be watched.

        Returns:
            For each path the number of its watch, -1 if it failed, -2 if it is excluded, -3 if it is no path.

        Raises:
            WatchManagerError: something failed, without *quiet*.

        """
        excludes = self._exclude_filter if exclude_filter is None else exclude_filter
        done: Dict[Any, int] = {}
        for given in _listed(path):
            try:
                text = os.fsdecode(given)
            except TypeError:
                done[given] = NO_PATH
                continue
            for top in glob.iglob(text) if do_glob else [text]:
                for each in self._walk(top, excludes) if rec else [top]:
                    if excludes(each):
                        done[each] = EXCLUDED
                        continue
                    try:
                        done[each] = self.watch(each, mask, proc_fun, excludes, auto_add=auto_add).wd
                    except OSError as error:
                        done[each] = FAILED
                        _failed(f"add_watch: cannot watch {each} WD=-1, {error}", done, quiet=quiet)
        return done

    def watch(
        self, path: str, mask: int, proc_fun: Processor | None, excludes: Filter, *, auto_add: bool
    ) -> Watch:
        """Watch one path. Raises the OSError of the system."""
        path = os.path.normpath(path)
        if auto_add:
            mask |= bits.CREATE
        wd = self.instance.add_watch(path, mask)
        watch = self._watches[wd] = Watch(wd, path, mask, proc_fun, auto_add, excludes)
        self._by_path[path] = wd
        return watch

    def _walk(self, top: str, excludes: Filter) -> Iterator[str]:
        """Yield directories, each before it is listed: so who watches it then hears of what comes later."""
        yield top
        if excludes(top) or os.path.islink(top):
            return
        todo = [top]
        while todo:
            for name, is_dir in listing(todo.pop()):
                if is_dir:
                    yield name
                    if not excludes(name):
                        todo.append(name)

    def update_watch(
        self,
        wd: Any,
        mask: int | None = None,
        proc_fun: Processor | None = None,
        rec: bool = False,
        auto_add: bool = False,
        quiet: bool = True,
    ) -> Dict[int, bool]:
        """Change watches, by number or a list of numbers; with *rec* those below as well.

        Returns True for each that was changed. Raises WatchManagerError where one fails, without *quiet*.
        """
        done: Dict[int, bool] = {}
        for each in self._numbers(wd, rec=rec):
            watch = self._watches.get(each)
            if watch is None:
                _failed(f"update_watch: invalid WD={each}", done, quiet=quiet)
                continue
            new = (mask or watch.mask) | (bits.CREATE if auto_add or watch.auto_add else 0)
            try:
                if mask or new != watch.mask:
                    self._change(watch, new)
            except OSError as error:
                done[each] = False
                _failed(f"update_watch: cannot update {watch.path} WD={each}, {error}", done, quiet=quiet)
                continue
            watch.proc_fun = proc_fun or watch.proc_fun
            watch.auto_add = auto_add or watch.auto_add
            done[each] = True
        return done

    def _change(self, watch: Watch, mask: int) -> None:
        """Give a watch another mask. Raises the OSError of the system, or one if something else is at its path."""
        wd = self.instance.add_watch(watch.path, mask)
        if wd != watch.wd:
            if wd not in self._watches:
                self.instance.rm_watch(wd)
            raise OSError(errno.ESTALE, "something else is there now", watch.path)
        watch.mask = mask

    def watch_transient_file(
        self, filename: str, mask: int, proc_class: Callable[..., Processor]
    ) -> Dict[Any, int]:
        """Watch a file that comes and goes, by its directory, of which nothing else is to be watched then.

        *proc_class* is a class derived from ProcessEvent; one of it is made, and gets the events of that file.
        Returns what :meth:`add_watch` does; nothing for a name without a directory.
        """
        directory, name = os.path.split(filename)
        if not directory:
            return {}
        only = ChainIfTrue(func=lambda event: getattr(event, "name", None) == name)
        return self.add_watch(
            directory, mask | bits.CREATE | bits.DELETE, proc_fun=proc_class(only), exclude_filter=nothing
        )

    def get_ignore_events(self) -> bool:
        """Return True if events are dropped."""
        return self.ignore_events

    def set_ignore_events(self, nval: bool) -> None:
        """Drop events from now on, or no more."""
        self.ignore_events = nval

    def rm_watch(self, wd: Any, rec: bool = False, quiet: bool = True) -> Dict[int, bool]:
        """Remove watches, by number or a list of numbers; with *rec* those below as well.

        Returns True for each that was removed. Raises WatchManagerError where one fails, without *quiet*.
        """
        done: Dict[int, bool] = {}
        for each in self._numbers(wd, rec=rec):
            known = each in self._watches
            done[each] = known and self.instance.rm_watch(each)
            if known:
                self.del_watch(each)
            if not done[each]:
                _failed(f"rm_watch: cannot remove WD={each}, it is no watch", done, quiet=quiet)
        return done

    def _numbers(self, wd: Any, *, rec: bool) -> List[int]:
        numbers = list(dict.fromkeys(_listed(wd)))
        if rec:
            tops = [watch.path.rstrip("/") + "/" for watch in map(self._watches.get, numbers) if watch is not None]
            for each in list(self._watches.values()):
                if each.wd not in numbers and each.path.startswith(tuple(tops)):
                    numbers.append(each.wd)
        return numbers


def listing(path: str) -> List[tuple[str, bool]]:
    """Return what is in a directory: each path, and True for a directory; nothing if it is none any more."""
    try:
        with os.scandir(path) as entries:
            return [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError as error:
        log.debug("%s is not listed: %s", path, error)
        return []


def _listed(given: Any) -> Iterable[Any]:
    return given if isinstance(given, (list, tuple)) else [given]


def _failed(message: str, done: Dict[Any, Any], *, quiet: bool) -> None:
    if not quiet:
        raise WatchManagerError(message, done)
    log.error(message)
