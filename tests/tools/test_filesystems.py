"""python -m tests.filesystems, and the page that it makes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from inotify_cffi.kernel.filesystems import sight_of
from tests.filesystems import page, recipes
from tests.filesystems.trying import Outcome

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PAGE = CHECKOUT / "docs" / "filesystems.md"

on_the_page = pytest.mark.skipif(not PAGE.exists(), reason="the tests run without the sources")


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tests.filesystems", *arguments],
        cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_file_system_is_mounted_and_tried():
    done = run("ramfs", "mqueue, filled by the kernel")
    if "0 not tried" not in done.stdout:
        pytest.skip(f"can not mount: {done.stdout.splitlines()[-3:]}")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "2 as the table says, 0 not, 0 not tried")


@on_the_page
def test_the_page_says_what_the_library_says():
    """What is in a row of the page is what doctor says of that type."""
    rows = re.findall(r"^\| [^|]+ \| `([^`]+)` \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)
    assert len(rows) >= 16
    for kind, seen in rows:
        assert seen in {page.SEES[sight_of(kind).sees], page.NOTHING}, kind


@on_the_page
def test_the_page_has_a_row_for_all_that_is_tried():
    text = PAGE.read_text()
    for each in (*recipes.DISKS, *recipes.LAYERED, *recipes.READ_ONLY, *recipes.FILLED):
        assert f"| {each.name} |" in text or f"- {each.name}: " in text


@pytest.mark.parametrize(
    "change",
    [
        {"wrong": "ledger: differs"},
        {"repaired": 1},
        {"changed": "behind it", "reported": []},
        {"resync_names": False},
    ],
)
def test_what_is_not_as_the_table_says_is_wrong(change):
    right = Outcome("x", "", kind="ext4", sees="all", right=recipes.WORLDS)
    assert not page.is_wrong(right)
    assert page.is_wrong(right._replace(**change))


def test_a_mount_that_is_not_seen_whole_may_need_a_comparison():
    assert not page.is_wrong(Outcome("x", "", kind="fuse", sees="own", right=recipes.WORLDS - 1, repaired=1))
