"""The Python blocks of the README do what it says, on a directory in which something happens."""

from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


class Noisy(threading.Thread):
    """Keeps making and removing things, so that whoever begins to watch sees some."""

    def __init__(self, top):
        super().__init__(daemon=True)
        self.top = Path(top)
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(0.01):
            (self.top / "done").write_text("x")
            os.rename(self.top / "done", self.top / "renamed")
            os.unlink(self.top / "renamed")


@pytest.fixture
def incoming(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "incoming").mkdir()
    noisy = Noisy(tmp_path / "incoming")
    noisy.start()
    yield noisy
    noisy.done.set()
    noisy.join(20)


def run(block):
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})


def test_there_are_blocks_for_each_way_to_use_it():
    assert len(BLOCKS) == 4


def test_iterating_ends_when_the_loop_does(incoming, capsys):
    run(BLOCKS[0])
    assert "CREATE incoming/done" in capsys.readouterr().out


def test_the_generator_gives_a_heartbeat(incoming, capsys):
    run(BLOCKS[1])
    assert capsys.readouterr().out.endswith("idle\n")


def test_a_plugin_is_called(incoming, capsys):
    run(BLOCKS[2])
    out = capsys.readouterr().out
    assert "written: incoming/done" in out
    assert "renamed: incoming/done to incoming/renamed" in out


def test_the_drop_in_runs(incoming, capsys):
    run(BLOCKS[3])
    assert "inotify_cffi.adapters" in sys.modules
