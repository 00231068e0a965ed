"""To test what is built on this library: plugins, programs that write files, the command line.

:class:`Feed` hands a plugin events that are made up, through the dispatch that real ones go through, and needs no
kernel. :func:`temporary_watcher` watches a directory for real, and says what was told where an expected event does
not come; with pytest there is the fixture ``file_events``, which does the same for ``tmp_path``.
:func:`run_command_line` runs the program in this process.
"""

from __future__ import annotations

from inotify_cffi.testing.feed import Failure, Feed
from inotify_cffi.testing.made_up import MadeUpWatcher
from inotify_cffi.testing.program import Completed, run_command_line
from inotify_cffi.testing.told import FileEvents, temporary_watcher

__all__ = [
    "Completed",
    "Failure",
    "Feed",
    "FileEvents",
    "MadeUpWatcher",
    "run_command_line",
    "temporary_watcher",
]
