"""``--resync TIME`` and SIGUSR1, with a program that runs: what no event says is printed."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

import pytest
from replaying import COMMAND, PATIENCE_S, Watching

from inotify_cffi import Watcher
from inotify_cffi.cli.resync import resyncing


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def test_a_signal_is_no_end_and_what_comes_next_is_told(root):
    with Watching("watch", "--format", "%e %f", str(root)) as watching:
        watching.process.send_signal(signal.SIGUSR1)
        (root / "a").mkdir()
        assert watching.line() == b"CREATE,ISDIR a"


@pytest.mark.parametrize("text", ["0", "0s", "-1", "often"])
def test_what_is_no_interval_is_an_error(root, text):
    ended = subprocess.run(
        [*COMMAND, "watch", f"--resync={text}", str(root)], check=False, capture_output=True, timeout=PATIENCE_S
    )
    assert ended.returncode == 2
    assert b"argument --resync" in ended.stderr


def test_the_signal_compares(root):
    with Watcher(root) as watcher, resyncing(watcher, None):
        (root / "a").mkdir()
        os.read(watcher._instance.fileno(), 4096)
        signal.raise_signal(signal.SIGUSR1)
        assert [event.name for event in watcher.read(PATIENCE_S)] == ["a"]


def test_it_compares_again_and_again(root):
    with Watcher(root) as watcher, resyncing(watcher, 0.001):
        for name in ("a", "b"):
            (root / name).mkdir()
            os.read(watcher._instance.fileno(), 4096)
            assert [event.name for event in watcher.read(PATIENCE_S)] == [name]


def test_afterwards_the_signal_is_what_it_was(root):
    before = signal.getsignal(signal.SIGUSR1)
    with Watcher(root) as watcher:
        with resyncing(watcher, 0.001):
            assert signal.getsignal(signal.SIGUSR1) is not before
        assert signal.getsignal(signal.SIGUSR1) is before


def test_one_that_is_ignored_stays_so(root):
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with Watcher(root) as watcher, resyncing(watcher, None):
            assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_watcher_that_is_closed_ends_it(root):
    with Watcher(root) as watcher, resyncing(watcher, 0.001):
        watcher.close()
    assert "resync" not in [thread.name for thread in threading.enumerate()]
