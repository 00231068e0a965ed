"""A plugin is found by its name without importlib.metadata, and is the one that this would find."""

import os
import subprocess
import sys
import textwrap

import pytest

from inotify_cffi.hooks import loading
from inotify_cffi.hooks.entry_points import UnusualError, quickly

GROUP = "inotify_cffi"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Make distributions in a directory of its own that is first on ``sys.path``."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def offer(text, *, name="some", suffix=".dist-info", version="1.0"):
        directory = tmp_path / f"{name}-{version}{suffix}"
        directory.mkdir()
        (directory / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (directory / "entry_points.txt").write_text(textwrap.dedent(text))
        return directory

    return offer


@pytest.mark.parametrize("name", ["console", "command", "journal"])
def test_the_plugins_that_come_along_are_found_as_importlib_metadata_finds_them(name):
    points = {each.name: each.entry_point.value for each in loading.installed()}
    assert quickly(GROUP, name) == points[name]


def test_what_nobody_has_is_not_found():
    assert quickly(GROUP, "nobody-has-this") is None


def test_of_two_of_one_name_the_first_on_the_path_counts(site):
    site("[inotify_cffi]\nconsole = mine:Console\n")
    points = {each.name: each.entry_point.value for each in loading.installed()}
    assert quickly(GROUP, "console") == points["console"] == "mine:Console"


def test_only_the_own_group_counts(site):
    site("[other]\nmine = a:b\n# inotify_cffi\n[console_scripts]\nmine = c:d\n")
    assert quickly(GROUP, "mine") is None


def test_blanks_comments_and_egg_info_are_read_as_importlib_metadata_reads_them(site):
    site("\n[inotify_cffi]\n# mine = no:no\n\n  mine=a.b:c.d  \n[x]\nmine = e:f\n", suffix=".egg-info")
    assert quickly(GROUP, "mine") == "a.b:c.d"


@pytest.mark.parametrize("line", ["mine = a:b [extra]", "mine = a b", "mine = 1:2", "mine"])
def test_an_unusual_line_is_left_to_importlib_metadata(site, line):
    site(f"[inotify_cffi]\n{line}\n")
    with pytest.raises(UnusualError):
        quickly(GROUP, "mine")


def test_an_archive_on_the_path_is_left_to_importlib_metadata(tmp_path, monkeypatch):
    (tmp_path / "archive.zip").write_bytes(b"")
    monkeypatch.syspath_prepend(str(tmp_path / "archive.zip"))
    with pytest.raises(UnusualError):
        quickly(GROUP, "console")


def test_a_finder_with_distributions_of_its_own_is_left_to_importlib_metadata(monkeypatch):
    class Finder:
        def find_distributions(self, _context):
            return []

        def find_spec(self, *_):
            return None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    with pytest.raises(UnusualError):
        quickly(GROUP, "console")


def test_a_plugin_of_somebody_else_is_loaded_by_its_name(site, tmp_path):
    site("[inotify_cffi]\nmine = mine_of_this_test:Mine\n")
    (tmp_path / "mine_of_this_test.py").write_text(
        "from inotify_cffi import hookimpl\nclass Mine:\n    @hookimpl\n    def inotify_start(self): print('started')\n"
    )
    (tmp_path / "watched").mkdir()
    command = [sys.executable, "-m", "inotify_cffi", "watch", "-q", "-t", "0.1", "--plugin", "mine"]
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [*command, str(tmp_path / "watched")],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "started\n", "")
