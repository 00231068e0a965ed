"""``inotify-cffi stats``: count by directory and kind; live on a terminal, once at the end in a pipe."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Sequence

from inotify_cffi.base.printing import printable
from inotify_cffi.cli.command import Command
from inotify_cffi.cli.extra import MissingError, needed
from inotify_cffi.cli.options import add_options as add_watching
from inotify_cffi.cli.outputs import standard_output, write
from inotify_cffi.cli.table import fitted, number_of_rows, table
from inotify_cffi.cli.watching import register_anew, watch_all
from inotify_cffi.flags import Mask
from inotify_cffi.hooks.specs import hookimpl

if TYPE_CHECKING:
    import argparse

    from inotify_cffi.cli.table import Row
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.hooks.dispatch import Dispatcher
    from inotify_cffi.hooks.specs import AnyWatcher

__all__ = ["COMMAND"]

logger = logging.getLogger(__name__)

# How often the table is drawn again while nothing happens, in seconds, and at most while much does.
REFRESH_S = 0.25

KINDS = {
    "CREATED": int(Mask.CREATE),
    "WRITTEN": int(Mask.MODIFY | Mask.CLOSE_WRITE),
    "ATTRIB": int(Mask.ATTRIB),
    "MOVED": int(Mask.MOVED_FROM | Mask.MOVED_TO),
    "DELETED": int(Mask.DELETE),
    "READ": int(Mask.READS),
}

# Besides the rows: the names of columns, the sum, the cursor.
OTHER_LINES = 3

HEAD = ("TOTAL", *KINDS, "DIRECTORY")


class Counts:
    """Counts events; a plugin, as all that handles events is."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._totals: Counter[str] = Counter()
        self._kinds: Counter[tuple[str, str]] = Counter()

    @hookimpl
    def inotify_events(self, events: Sequence[AnyEvent]) -> None:
        """Count a batch."""
        for event in events:
            directory = os.fsdecode(event.watch_path)
            self._totals[directory] += 1
            for kind, flags in KINDS.items():
                if event.mask & flags:
                    self._kinds[directory, kind] += 1

    def rows(self, most: int | None = None) -> list[Row]:
        """Return a row for each of the busiest directories, *most* at most, and the sum of all."""
        busiest = self._totals.most_common(self._top if most is None else max(min(most, self._top), 0))
        rows = [
            ((total, *(self._kinds[directory, kind] for kind in KINDS)), printable(directory))
            for directory, total in busiest
        ]
        sums = [sum(count for (_, each), count in self._kinds.items() if each == kind) for kind in KINDS]
        return [*rows, ((sum(self._totals.values()), *sums), f"all {len(self._totals)} directories")]

    def fitted(self, rows: list[Row], width: int) -> str:
        """Return the table no wider than a terminal."""
        return fitted(HEAD, rows, width, short=f"all {len(self._totals)}")


class Printed:
    """The table once, at the end; on a terminal no wider than that."""

    def __init__(self, counts: Counts, *, on_terminal: bool) -> None:
        self._counts = counts
        self._on_terminal = on_terminal

    @hookimpl
    def inotify_start(self, watcher: AnyWatcher) -> None:
        """Have it end when nobody is left to read it."""
        with suppress(OSError):
            watcher.call_when(sys.stdout.fileno(), "gone", watcher.stop)

    @hookimpl(trylast=True)
    def inotify_stop(self) -> None:
        """Print it; last of all, for it ends the program where it can not."""
        try:
            sys.stdout.flush()
            write(sys.stdout, self._text())
        except BrokenPipeError:
            # Whoever was to read it has gone.
            raise SystemExit(0) from None
        except OSError as error:
            raise SystemExit(f"the standard output can not be written: {error.strerror}") from error

    def _text(self) -> str:
        rows = self._counts.rows()
        if self._on_terminal:
            return self._counts.fitted(rows, shutil.get_terminal_size().columns)
        return table(HEAD, [(*counts, directory) for counts, directory in rows])


class Live:
    """The table on a terminal, drawn again as the counts change."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._drawn_at = 0.0
        self._console = needed("rich.console", "a live table").Console()
        self._size: object = self._console.size
        live = needed("rich.live", "a live table").Live
        self._live = live(self._drawn(), console=self._console, auto_refresh=False, vertical_overflow="crop")

    @hookimpl
    def inotify_start(self) -> None:
        """Begin."""
        self._live.start()

    @hookimpl
    def inotify_idle(self) -> None:
        """Draw it as it is now, but not for every batch of many."""
        now = time.monotonic()
        if now >= self._drawn_at + REFRESH_S / 2:
            self._drawn_at = now
            self._draw()

    @hookimpl
    def inotify_stop(self) -> None:
        """Draw it for the last time, and leave it there."""
        self._draw()
        self._live.stop()

    def _draw(self) -> None:
        size: object = self._console.size
        if size != self._size:
            # Terminals differ in what a new width makes of lines that are there: nobody knows how many to erase.
            self._size = size
            self._console.clear()
        self._live.update(self._drawn(), refresh=True)

    def _drawn(self) -> object:
        size = shutil.get_terminal_size()
        # The line that sums up is to be seen, too; and one line is left for the cursor.
        text = self._counts.fitted(self._counts.rows(size.lines - OTHER_LINES), size.columns)
        return needed("rich.text", "a live table").Text(text.rstrip("\n"), no_wrap=True)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what to watch, and how much of it to show."""
    add_watching(parser)
    parser.add_argument(
        "--top", type=number_of_rows, default=20, metavar="N", help="show the N busiest directories; 20"
    )


def run(options: argparse.Namespace, dispatcher: Dispatcher) -> int:
    """Count until it is ended."""
    counts = Counts(options.top)
    register_anew(dispatcher, counts, "counts")
    shown = _shown(counts, quiet=options.quiet)
    register_anew(dispatcher, shown, "table")
    return watch_all(options, dispatcher, block_duration_s=REFRESH_S if isinstance(shown, Live) else None)


def _shown(counts: Counts, *, quiet: bool) -> Live | Printed:
    if not standard_output().isatty():
        return Printed(counts, on_terminal=False)
    try:
        return Live(counts)
    except MissingError as error:
        if not quiet:
            logger.info("%s; this one is printed at the end", error)
        return Printed(counts, on_terminal=True)


COMMAND = Command(
    name="stats",
    summary="count what happens, by directory and kind",
    description="Count what happens, by directory and kind: a live table on a terminal, a plain one at the end in "
    "a pipe, and where rich is not installed.",
    add_options=add_options,
    run=run,
    takes_plugins=True,
)
