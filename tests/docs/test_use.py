"""The Python blocks of docs/use.md and docs/events.md do what is said, on a directory in which something happens."""

from __future__ import annotations

import os
import re
import sys

import pytest
from pages import DOCS, apart, prepare

*WAYS, DROP_IN = apart(DOCS / "use.md", "python")
(MIRROR,) = apart(DOCS / "events.md", "python")


pytestmark = pytest.mark.needs("bash")


class Incoming:
    """A directory in which nothing happens before the example blocks, so that it sees all of it."""

    def __init__(self, path, when_main_is_blocked):
        self.path = path
        self._when_main_is_blocked = when_main_is_blocked
        self._names = {"__name__": "page"}

    def run(self, block, *, then_stop=False):
        self._when_main_is_blocked(self._change, then_stop)
        exec(compile(block, "use.md", "exec"), self._names)

    def _change(self, then_stop):
        (self.path / "done").write_text("x")
        os.rename(self.path / "done", self.path / "renamed")
        os.unlink(self.path / "renamed")
        if then_stop:
            self._names["watcher"].stop()


@pytest.fixture
def incoming(tmp_path, monkeypatch, when_main_is_blocked):
    monkeypatch.chdir(tmp_path)
    prepare(DOCS / "use.md", tmp_path)
    return Incoming(tmp_path / "incoming", when_main_is_blocked)


def test_there_are_blocks_for_each_way_to_use_it():
    assert len(WAYS) == 4


def test_iterating_ends_when_the_loop_does(incoming, capsys):
    incoming.run(WAYS[0])
    assert capsys.readouterr().out == "CREATE incoming/done\n"


def test_the_generator_gives_a_heartbeat(incoming, capsys):
    incoming.run(WAYS[1])
    assert capsys.readouterr().out.endswith("idle\n")


def test_a_batch_has_what_came_together(incoming, capsys):
    incoming.run(WAYS[2])
    assert re.fullmatch("[1-9] changes\n", capsys.readouterr().out)


def test_a_plugin_is_called(incoming, capsys):
    """The 0.2 s of the page may be over before a busy machine has written anything; so it is stopped then."""
    assert "timeout=0.2" in WAYS[3]
    incoming.run(WAYS[3].replace("timeout=0.2", ""), then_stop=True)
    assert capsys.readouterr().out.splitlines() == [
        "written: incoming/done",
        "renamed: incoming/done to incoming/renamed",
    ]


def test_a_mirror_is_what_the_watcher_has(incoming, capsys):
    """There the 0.2 s may be over, too: it has to be the same in any case."""
    incoming.run(MIRROR)
    assert capsys.readouterr().out == "the same\n"


def test_the_drop_in_runs(incoming, capsys):
    incoming.run(DROP_IN)
    assert "inotify_cffi.adapters" in sys.modules
