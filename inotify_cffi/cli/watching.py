"""What every command that watches has in common: the options, the watcher, the line that says it is ready."""

from __future__ import annotations

import argparse
import functools
import logging
import operator
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Callable

from inotify_cffi.cli.command import PROGRAM
from inotify_cffi.cli.ending import ending
from inotify_cffi.cli.outputs import nobody_reads
from inotify_cffi.cli.progress import listing
from inotify_cffi.cli.service import notifier, rereading
from inotify_cffi.flags import Mask, parse_mask
from inotify_cffi.hooks.specs import hookimpl
from inotify_cffi.kernel.instance import check_read_ahead
from inotify_cffi.quantities import parse_duration, parse_size
from inotify_cffi.watcher import Watcher
from inotify_cffi.watching.arguments import against_track

if TYPE_CHECKING:
    from inotify_cffi.hooks.dispatch import Dispatcher
    from inotify_cffi.hooks.specs import AnyWatcher

__all__ = ["add_options", "register_anew", "watch_all"]

logger = logging.getLogger(__name__)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what says where to watch and what for."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a directory, or a file")
    group = parser.add_argument_group("watching")
    group.add_argument("-r", "--recursive", action="store_true", default=True, help="all below, too; the default")
    group.add_argument("--no-recursive", action="store_false", dest="recursive", help="only the directories given")
    group.add_argument(
        "--max-depth", type=_depth, metavar="N", help="report down to depth N, as find(1) counts it"
    )
    group.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="neither watch nor tell what matches this gitignore pattern; may be given more than once",
    )
    group.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PATTERN",
        help="of files, tell only those that match this gitignore pattern; may be given more than once",
    )
    group.add_argument("--gitignore", action="store_true", help="heed .gitignore files, and leave out .git")
    group.add_argument(
        "--follow-symlinks",
        action="store_true",
        help="enter symbolic links to directories, and tell what happens to the files that others lead to",
    )
    group.add_argument(
        "--follow-only",
        choices=("directories", "files"),
        dest="follow_symlinks",
        help="do so with links to these only",
    )
    group.add_argument(
        "--max-places",
        type=_places,
        default=8,
        metavar="N",
        help="enter one directory at no more than N places to which links lead; 8",
    )
    group.add_argument("--one-file-system", action="store_true", help="do not enter what is mounted below a PATH")
    group.add_argument(
        "--wait",
        action="store_true",
        help="a PATH need not be there: wait for it, whenever it is gone; else it is the end when all are gone",
    )
    group.add_argument("--existing", action="store_true", help="tell what is there at the start as created")
    group.add_argument(
        "--track",
        choices=("entries", "directories"),
        default="entries",
        help="directories: keep no names of files; a start takes less time, and rescan tells which directories to "
        "read again where events of files were lost",
    )
    group.add_argument(
        "--read-ahead",
        type=_ahead,
        metavar="SIZE",
        help="hold so much of the kernel's queue in memory while what takes the events is busy: 16M",
    )
    group.add_argument(
        "-e",
        "--events",
        type=_events,
        action="append",
        metavar="NAME[,NAME...]",
        help="only these events: names as in inotify(7) without IN_, and close, move, changes (the default), "
        "reads, all; may be given more than once; what must not be hidden (unwatched, q_overflow) is always told",
    )
    group.add_argument(
        "--settle",
        type=_duration,
        default=1.0,
        metavar="TIME",
        help="how long a file has to be quiet to be taken as finished, for plugins that wait for that; 1s",
    )
    group.add_argument(
        "--no-probe",
        action="store_true",
        help="do not look whether anybody has a quiet file open for writing; go by the events alone",
    )
    group.add_argument(
        "--most-failures",
        type=_failures,
        default=100,
        metavar="N",
        help="unregister a plugin that fails N times in a row in one hook; 100",
    )
    group.add_argument(
        "--count",
        type=_count,
        metavar="N",
        help="end after N of the events asked for; what is told besides does not count",
    )
    group.add_argument(
        "-t",
        "--timeout",
        type=_duration,
        metavar="TIME",
        help="end after so long: a number of seconds, or with a unit as in 500ms, 10s, 2m, 1h",
    )
    group.add_argument(
        "--log", choices=("text", "json"), default="text", help="how messages look on the standard error"
    )
    group.add_argument("-q", "--quiet", action="store_true", help="do not tell when the watches are in place")


def watch_all(
    options: argparse.Namespace,
    dispatcher: Dispatcher,
    *,
    default: int = Mask.CHANGES,
    block_duration_s: float | None = None,
) -> int:
    """Watch what the options say and hand all events to the plugins; the exit code.

    Args:
        options: those of :func:`add_options` and of the plugins.
        dispatcher: the plugins.
        default: the events that are watched for where the options name none.
        block_duration_s: how often plugins hear of idleness, in seconds; None: only after events.

    Raises:
        OSError, InotifyError: a path can not be watched.

    """
    mask = functools.reduce(operator.or_, options.events) if options.events else default
    with ExitStack() as held:
        # It may take long to list a large tree; the bar is gone when the first event is handed out.
        progress = held.enter_context(ExitStack())
        watcher = held.enter_context(_made(options, mask, progress.enter_context(listing(quiet=options.quiet))))
        held.enter_context(ending.stopping(watcher.stop))
        reread = held.enter_context(rereading(watcher, enabled=bool(options.config)))
        dispatcher.settle_s = options.settle
        dispatcher.probe = not options.no_probe
        dispatcher.most_failures = options.most_failures
        # What is told besides, of the watching, is not what was waited for.
        options.counted = Mask.ALL | mask
        # Before the paths: a wrong option is told at once, not after a million directories were listed.
        dispatcher.configure(options, watcher)
        for path in options.paths:
            watcher.add(path)
        progress.close()
        register_anew(dispatcher, None if options.quiet else Ready(), "ready")
        register_anew(dispatcher, notifier(reread), "service")
        coverage = Coverage()
        register_anew(dispatcher, None if options.wait else coverage, "coverage")
        told = dispatcher.run(
            watcher,
            count=options.count,
            counted=options.counted,
            timeout=options.timeout,
            block_duration_s=block_duration_s,
        )
        if options.count is not None and told >= options.count:
            return 0
        if watcher.ended and nobody_reads(sys.stdout):
            return 0
        if coverage.is_lost:
            return 1
    # As inotifywait has it: 2 for what was waited for and did not come.
    return 0 if options.count is None else 2


def _made(options: argparse.Namespace, mask: int, report: Callable[[int], None] | None) -> Watcher[str]:
    _check_together(options)
    try:
        return Watcher(
            mask=mask,
            recursive=options.recursive,
            max_depth=options.max_depth,
            exclude=options.exclude,
            include=options.include,
            gitignore=options.gitignore,
            follow_symlinks=options.follow_symlinks,
            max_places=options.max_places,
            one_file_system=options.one_file_system,
            missing="wait" if options.wait else "error",
            existing=options.existing,
            on_progress=report,
            read_ahead=options.read_ahead,
            track=options.track,
        )
    except ValueError as error:
        # Of a pattern; it begins with the option. What else can be wrong was checked with the arguments.
        logger.error("argument --%s", error)  # noqa: TRY400  # it is expected
        raise SystemExit(2) from error


def _check_together(options: argparse.Namespace) -> None:
    name = against_track(options.track, gitignore=options.gitignore, follow_symlinks=options.follow_symlinks)
    if name:
        option = name.replace("_", "-")
        logger.error("argument --track: directories does not go with --%s; leave one of the two out", option)
        raise SystemExit(2)


def register_anew(dispatcher: Dispatcher, plugin: object, name: str) -> None:
    """Register a part of the command line, under a name that no plugin has; None for none."""
    called = f"{PROGRAM} {name}"
    # It is there already when the configuration was read again and was wrong.
    if called in dispatcher.plugins():
        dispatcher.unregister(called)
    if plugin is not None:
        dispatcher.register(plugin, called)


class Ready:
    """Say on the standard error that the watches are in place; scripts wait for this line of inotifywait's."""

    @hookimpl(trylast=True)
    def inotify_start(self) -> None:
        """Say it, after all other plugins have started."""
        logger.info("Watches established.", extra={"bare": True})


class Coverage:
    """Ends the program when nothing is left to watch: it would wait for ever for what can not come."""

    is_lost = False

    @hookimpl(trylast=True)
    def inotify_unwatched(self, path: str | bytes, error: OSError, watcher: AnyWatcher) -> None:
        """Look whether anything is covered still."""
        if not self.is_lost and watcher.stats()["watches"] == 0:
            self.is_lost = True
            reason = error.strerror
            logger.error("nothing is left to watch: %s: %s; see --wait", os.fsdecode(path), reason)
            watcher.stop()


def _events(text: str) -> Mask:
    try:
        mask = parse_mask(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not mask & Mask.ALL:
        raise argparse.ArgumentTypeError(f"{text!r} is told anyway, or no event; name others")
    return mask


def _count(text: str) -> int:
    return _at_least_one(text, "events")


def _failures(text: str) -> int:
    return _at_least_one(text, "failures")


def _depth(text: str) -> int:
    return _at_least_one(text, "levels")


def _places(text: str) -> int:
    return _at_least_one(text, "places")


def _at_least_one(text: str, what: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {what}, 1 or more")
    return int(text)


def _ahead(text: str) -> int:
    try:
        size = parse_size(text)
        check_read_ahead(size)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return size


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
