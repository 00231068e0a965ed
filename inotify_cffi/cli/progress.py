"""How far the first listing of a tree is: on a terminal, and only where rich is installed."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import Callable, Iterator

from inotify_cffi.cli.extra import MissingError, needed

__all__ = ["listing"]


@contextmanager
def listing(*, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """Give what is to be called with the number of directories, and clear the line in the end; None for no bar."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    try:
        rich = needed("rich.progress", "a progress bar")
        console = needed("rich.console", "a progress bar").Console(stderr=True)
    except MissingError:
        # It is only a bar.
        yield None
        return
    bar = rich.Progress(
        rich.SpinnerColumn(),
        rich.TextColumn("listing: {task.completed} directories"),
        rich.TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task("listing", total=None)
    bar.start()
    try:
        yield lambda count: _advance(bar.update, task, count)
    finally:
        bar.stop()


def _advance(update: Callable[..., object], task: object, count: int) -> None:
    update(task, completed=count)
