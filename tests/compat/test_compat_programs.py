"""What ``python -m tests.compat.programs`` says of a program, seen on small ones; the real ones are tried by hand."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import pytest

pytest.importorskip("watchdog", reason="watchdog is not installed")

from tests.compat.programs import running
from tests.compat.programs.programs import PROGRAMS, Program
from tests.compat.programs.running import attempt
from tests.compat.programs.versions import NEWEST, versions

PYTHON = sys.executable

OBSERVING = """
import sys, threading
from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.polling import PollingObserver

class Reload(FileSystemEventHandler):
    def on_modified(self, event):
        if event.src_path.endswith("changed"):
            print(open(event.src_path).read(), flush=True)

observer = globals()[sys.argv[1]]()
observer.schedule(Reload(), ".")
observer.start()
print("it watches", flush=True)
threading.Event().wait()
"""

WATCHING = """
from watchfiles import watch

for changes in watch("."):
    print(*(open(path).read() for _, path in changes if path.endswith("changed")), flush=True)
"""

BESIDE = """
import ctypes
c = ctypes.CDLL(None)
c.inotify_add_watch(c.inotify_init(), b".", 2)
"""


def program(peer, script, argument="", **more):
    command = f"{PYTHON} it.py {argument}"
    return Program(
        "a program", (), peer, command, "changed", "{}", {"it.py": script}, notices=running.AFTER, **more
    )


OBSERVER = program("watchdog", OBSERVING, "Observer", ready="it watches")
POLLER = program("watchdog", OBSERVING, "PollingObserver", options="--polling")
WATCHER = program("watchfiles", WATCHING)


needs_watchfiles = pytest.mark.skipif(find_spec("watchfiles") is None, reason="watchfiles is not installed")


@pytest.mark.parametrize(
    "one",
    [OBSERVER, POLLER, pytest.param(WATCHER, marks=needs_watchfiles)],
    ids=["watchdog", "polling", "watchfiles"],
)
def test_a_program_on_a_watcher_of_ours_has_no_fault(one, tmp_path):
    result = attempt(one, PYTHON, str(tmp_path), ours=True)
    assert result.faults(one) == [], result.said
    assert result.has_ended


@pytest.mark.parametrize(
    ("one", "fault"),
    [
        (OBSERVER, "inotify instances of watchdog's"),
        (POLLER, "pollers of watchdog's"),
        pytest.param(WATCHER, "inotify instances of watchfiles's", marks=needs_watchfiles),
    ],
    ids=["watchdog", "polling", "watchfiles"],
)
def test_without_it_the_peers_own_is_seen(one, fault, tmp_path):
    result = attempt(one, PYTHON, str(tmp_path), ours=False)
    faults = result.faults(one)
    assert "no watcher of ours was opened" in faults
    assert "no watcher of ours has told the change" in faults
    assert any(fault in each for each in faults), faults


def test_polling_that_is_not_asked_for_is_seen(tmp_path):
    one = POLLER._replace(options="")
    faults = attempt(one, PYTHON, str(tmp_path), ours=True).faults(one)
    assert any("pollers of watchdog's" in each for each in faults), faults


def test_an_instance_of_somebody_else_is_seen(tmp_path):
    """One more in the same process: there are as many watchers of ours as before."""
    one = program("watchdog", BESIDE + OBSERVING, "Observer", ready="it watches")
    faults = attempt(one, PYTHON, str(tmp_path), ours=True).faults(one)
    assert faults == ["1 inotify instances of others watch the directory"]


def test_what_is_said_of_another_reloader_is_seen(tmp_path):
    one = program("watchdog", "print('by stat')\n" + OBSERVING, "Observer", never="by stat")
    assert attempt(one, PYTHON, str(tmp_path), ours=True).faults(one) == ["it said 'by stat'"]


def test_a_program_that_ends_is_said(tmp_path):
    with pytest.raises(running.Missing, match="ended with 1 before watching"):
        attempt(program("watchdog", "raise SystemExit(1)"), PYTHON, str(tmp_path), ours=False)


def test_a_program_that_does_not_reload_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "PATIENCE_S", 5)
    one = program("watchdog", OBSERVING.replace('"changed"', '"other"'), "Observer")
    with pytest.raises(running.Missing, match="was not: the new output"):
        attempt(one, PYTHON, str(tmp_path), ours=False)


@pytest.mark.parametrize("one", PROGRAMS, ids=lambda one: one.name)
def test_the_page_has_the_versions_that_are_tried(one):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "docs", f"from-{one.peer}.md"), encoding="utf-8") as file:
        lines = [line for line in file if line.startswith(f"| {one.name} |")]
        if one.peer in NEWEST:
            file.seek(0)
            assert f"All of them but flask also with {one.peer} {NEWEST[one.peer]}." in file.read()
    found = versions()
    packages = dict.fromkeys((*one.packages, one.peer))
    assert [line.rstrip(" |\n").split(" | ")[1] for line in lines] == [
        ", ".join(f"{each} {found[each]}" for each in packages)
    ]
