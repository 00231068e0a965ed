"""Read by each Python that a tried program starts: notes who begins to watch, and when ours tells of the changed file.

PROGRAMS_NOTES is the file to add a line to for each: "PID WHAT SECONDS". WHAT is "ours", "theirs" (inotify of the peer's),
"polled" (a poller of the peer's), or "told". PROGRAMS_CHANGED is the name of the file that is changed.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from importlib.machinery import PathFinder

NOTES = os.environ.get("PROGRAMS_NOTES", os.devnull)
CHANGED = os.environ.get("PROGRAMS_CHANGED", "")


# OPEN, ACCESS and CLOSE_NOWRITE: who reads the file does not change it.
READS = 0x31


def note(what):
    fd = os.open(NOTES, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
    try:
        os.write(fd, f"{os.getpid()} {what} {time.monotonic()}\n".encode())
    finally:
        os.close(fd)


def noted(function, what):
    """Return the function, with a note behind each call; *what* is a word, or makes one of the arguments."""

    @functools.wraps(function)
    def noting(*arguments, **options):
        result = function(*arguments, **options)
        note(what if isinstance(what, str) else what(*arguments, **options))
        return result

    return noting


def ours(module):
    module.Watcher.__init__ = noted(module.Watcher.__init__, "ours")
    read = module.Watcher.read

    @functools.wraps(read)
    def reading(*arguments, **options):
        events = read(*arguments, **options)
        if any(os.path.basename(os.fsdecode(each.path)) == CHANGED and not each.mask & READS for each in events):
            note("told")
        return events

    module.Watcher.read = reading


def watchdog(module):
    module.inotify_init = noted(module.inotify_init, "theirs")


def watchdog_polling(module):
    module.PollingEmitter.on_thread_start = noted(module.PollingEmitter.on_thread_start, "polled")


def watchfiles(module):
    def which(_paths, _debug, force_polling, *_rest):
        return "polled" if force_polling else "theirs"

    module.RustNotify = noted(module.RustNotify, which)


BEHIND = {
    "inotify_cffi.watcher": ours,
    "watchdog.observers.inotify_c": watchdog,
    "watchdog.observers.polling": watchdog_polling,
    "watchfiles._rust_notify": watchfiles,
}


class Behind:
    """A finder that finds nothing by itself: it changes some modules behind their import."""

    def find_spec(self, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target) if name in BEHIND else None
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                BEHIND[name](module)

            spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Behind())
