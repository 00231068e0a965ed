"""docs/drop-in.md: its code does what it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from inotify_cffi import adapters

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "drop-in.md"
GENERATOR, ALIAS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run(block):
    exec(compile(block, PAGE.name, "exec"), {"__name__": "page"})


def test_the_generator_prints_what_the_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(GENERATOR)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == re.search(r"# (\[.*)", GENERATOR)[1]


def test_code_that_imports_inotify_can_have_the_drop_in(monkeypatch):
    for name in ("inotify", *(f"inotify.{name}" for name in ("adapters", "calls", "constants"))):
        monkeypatch.delitem(sys.modules, name, raising=False)
    before = dict(sys.modules)
    try:
        run(ALIAS)
        assert sys.modules["inotify.adapters"] is adapters
    finally:
        for name in set(sys.modules) - set(before):
            if name.partition(".")[0] == "inotify":
                del sys.modules[name]


def test_each_defect_of_the_original_that_the_page_lists_is_numbered_once():
    numbers = re.findall(r"^(\d+)\. \*\*", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 15)]


@pytest.mark.parametrize(
    "name",
    re.findall(
        r"`(\w+)`", PAGE.read_text(encoding="utf-8").split("## What is the same")[1].split("\n- The event")[0]
    ),
)
def test_each_name_that_the_page_calls_the_same_is_there(name):
    owners = (adapters, adapters.Inotify, adapters.InotifyTree, adapters.InotifyTrees)
    assert any(hasattr(owner, name) for owner in owners)
