"""What every command that watches has in common: the watcher, the plugins, the line that says it is ready."""

from __future__ import annotations

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
from inotify_cffi.cli.resync import resyncing
from inotify_cffi.cli.saving import saving
from inotify_cffi.cli.service import notifier, rereading
from inotify_cffi.errors import StateError
from inotify_cffi.flags import Mask
from inotify_cffi.hooks.specs import hookimpl
from inotify_cffi.watcher import Watcher
from inotify_cffi.watching.arguments import against_track

if TYPE_CHECKING:
    import argparse

    from inotify_cffi.hooks.dispatch import Dispatcher
    from inotify_cffi.hooks.specs import AnyWatcher

__all__ = ["register_anew", "watch_all"]

logger = logging.getLogger(__name__)


def watch_all(
    options: argparse.Namespace,
    dispatcher: Dispatcher,
    *,
    default: int = Mask.CHANGES,
    block_duration_s: float | None = None,
) -> int:
    """Watch what the options say and hand all events to the plugins; the exit code.

    Args:
        options: those of ``cli/options.py`` and of the plugins.
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
        # What is told besides, of the watching, is not what was waited for.
        options.counted = Mask.ALL | mask
        # Before the paths: a wrong option is told at once, not after a million directories were listed.
        _configure(dispatcher, options, watcher)
        for path in options.paths:
            watcher.add(path)
        progress.close()
        held.enter_context(resyncing(watcher, options.resync))
        register_anew(dispatcher, None if options.quiet else Ready(), "ready")
        register_anew(dispatcher, notifier(reread), "service")
        coverage = Coverage()
        register_anew(dispatcher, None if options.wait else coverage, "coverage")
        with saving(watcher, options.save, options.save_every):
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


def _configure(dispatcher: Dispatcher, options: argparse.Namespace, watcher: Watcher[str]) -> None:
    dispatcher.settle_s = options.settle
    dispatcher.probe = not options.no_probe
    dispatcher.most_failures = options.most_failures
    dispatcher.configure(options, watcher)


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
            keep_stat=options.keep_stat or options.save is not None,
            poll_s=options.poll,
            since=options.since,
            missing="wait" if options.wait else "error",
            existing=options.existing,
            on_progress=report,
            read_ahead=options.read_ahead,
            track=options.track,
        )
    except StateError as error:
        logger.error("argument --since: %s", error)  # noqa: TRY400  # it is expected
        raise SystemExit(1) from error
    except ValueError as error:
        # Of a pattern; it begins with the option. What else can be wrong was checked with the arguments.
        logger.error("argument --%s", error)  # noqa: TRY400  # it is expected
        raise SystemExit(2) from error


def _check_together(options: argparse.Namespace) -> None:
    name = against_track(
        options.track,
        gitignore=options.gitignore,
        follow_symlinks=options.follow_symlinks,
        keep_stat=options.keep_stat,
        poll=options.poll,
        since=options.since,
        save=options.save,
    )
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
        if not self.is_lost and not _is_any_covered(watcher):
            self.is_lost = True
            reason = error.strerror
            logger.error("nothing is left to watch: %s: %s; see --wait", os.fsdecode(path), reason)
            watcher.stop()


def _is_any_covered(watcher: AnyWatcher) -> bool:
    """Return True if a directory or a file is watched, or polled."""
    counts = watcher.stats()
    return counts["watches"] + counts["not_watched"] > 0
