"""The table of extras is that of pyproject.toml."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from inotify_cffi.compat.pyinstaller import hook_directories

TOP = Path(__file__).resolve().parent.parent.parent

here = pytest.mark.skipif(not (TOP / "docs").is_dir(), reason="the documentation is not here")


@here
def test_the_table_has_every_extra_and_what_it_brings():
    tomllib = pytest.importorskip(
        "tomllib" if sys.version_info >= (3, 11) else "tomli", reason="not installed: tomli"
    )
    text = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    page = (TOP / "docs" / "install.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.MULTILINE))
    assert list(rows) == list(extras)
    for name in "cli", "watchdog", "watchfiles", "nats", "redis", "prometheus":
        packages = [re.match(r"[\w-]+", requirement)[0] for requirement in extras[name]]
        assert [package for package in packages if package not in rows[name]] == []
    everything = re.fullmatch(r"inotify_cffi\[(.*)\]", extras["all"][0])[1].split(",")
    assert set(everything) == set(extras) - {"all", "test", "docs", "lint"}


def test_the_hook_for_pyinstaller_is_where_it_is_looked_for():
    (directory,) = hook_directories()
    assert (Path(directory) / "hook-inotify_cffi.py").is_file()
