"""A plugin of pytest for a run of a peer's suite: count, for each test, who has opened what, and how it went.

It lies on PYTHONPATH by itself. COMPAT_PEER says whose suite it is, COMPAT_OURS whether a watcher of ours is put
behind it, COMPAT_COUNTS where the counts go.
"""

from __future__ import annotations

import collections
import functools
import json
import os

import pytest

PEER = os.environ["COMPAT_PEER"]

counts: collections.Counter[str] = collections.Counter()
outcomes: dict[str, dict[str, object]] = {}


def counted(function, what, when=lambda *_arguments: True):
    @functools.wraps(function)
    def counting(*arguments, **options):
        counts[what] += bool(when(*arguments))
        return function(*arguments, **options)

    return counting


def count_watchdog():
    from watchdog.observers import inotify, inotify_c
    from watchdog.utils import BaseThread

    inotify_c.inotify_init = counted(inotify_c.inotify_init, "theirs")
    BaseThread.start = counted(
        BaseThread.start, "started", lambda thread: isinstance(thread, inotify.InotifyEmitter)
    )


def count_watchfiles():
    from watchfiles import _rust_notify, main

    _rust_notify.RustNotify = main.RustNotify = counted(_rust_notify.RustNotify, "theirs")


def pytest_configure():
    import importlib

    from inotify_cffi import Watcher

    Watcher.__init__ = counted(Watcher.__init__, "ours")
    {"watchdog": count_watchdog, "watchfiles": count_watchfiles}[PEER]()
    if os.environ["COMPAT_OURS"] == "1":
        importlib.import_module(f"inotify_cffi.compat.{PEER}").install()
    if PEER == "watchfiles":
        # Whoever has it now.
        from watchfiles import _rust_notify, main

        _rust_notify.RustNotify = main.RustNotify = counted(_rust_notify.RustNotify, "started")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    counts.clear()
    yield
    outcomes[item.nodeid] = {"outcome": "passed", **counts}


def pytest_runtest_logreport(report):
    entry = outcomes.setdefault(report.nodeid, {"outcome": "passed"})
    if report.outcome != "passed":
        entry["outcome"] = report.outcome


def pytest_sessionfinish():
    with open(os.environ["COMPAT_COUNTS"], "w", encoding="utf-8") as file:
        json.dump(outcomes, file)
