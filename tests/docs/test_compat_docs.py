"""The pages for those who come from watchdog, watchfiles and pyinotify: their code runs, their names are there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from inotify_cffi.compat import pyinotify

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PEERS = ("watchdog", "watchfiles", "pyinotify")

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not here")


def page(peer):
    return (DOCS / f"from-{peer}.md").read_text(encoding="utf-8")


def blocks():
    for peer in PEERS if DOCS.is_dir() else ():
        for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", page(peer), re.MULTILINE | re.DOTALL)):
            yield pytest.param(peer, block, id=f"{peer}-{number}")


@pytest.mark.parametrize(("peer", "block"), list(blocks()))
def test_the_code_of_the_pages_runs(peer, block, tmp_path, monkeypatch):
    if peer != "pyinotify" and importlib.util.find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, f"from-{peer}.md", "exec"), {"__name__": "page"})


def test_the_page_of_pyinotify_prints_what_was_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```python\n(.*?)^```", page("pyinotify"), re.MULTILINE | re.DOTALL)
    exec(compile(block, "from-pyinotify.md", "exec"), {"__name__": "page"})
    assert capsys.readouterr().out == f"written: {tmp_path}/incoming/file\n"


def test_each_name_that_the_page_calls_the_same_is_there():
    text = page("pyinotify").split("## What is the same")[1].split("##")[0]
    names = [name for name in re.findall(r"`(\w+)`", text) if not name.endswith("_")]
    owners = (pyinotify, pyinotify.WatchManager(), pyinotify.Notifier)
    missing = [name for name in names if not any(hasattr(owner, name) for owner in owners)]
    owners[1].close()
    assert len(names) > 30
    assert missing == []
