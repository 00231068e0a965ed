"""``--poll TIME|auto`` and ``--keep-stat``, with a program that runs."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from replaying import COMMAND, PATIENCE_S, Watching


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.mark.parametrize("options", [("--poll", "50ms"), ("--poll", "auto"), ("--keep-stat",)], ids=str)
def test_what_happens_is_printed(root, options):
    with Watching("watch", *options, "--format", "%e %f", str(root)) as watching:
        (root / "a").mkdir()
        assert watching.line() == b"CREATE,ISDIR a"
        (root / "a").rmdir()
        assert watching.line() == b"DELETE,ISDIR a"


def test_it_ends_when_nothing_is_left_to_poll(root):
    with Watching("watch", "--poll", "50ms", "--format", "%e %f", str(root)) as watching:
        shutil.rmtree(root)
        assert watching.process.wait(PATIENCE_S) == 1


@pytest.mark.parametrize("text", ["0", "-1", "often", "Auto"])
def test_what_is_no_time_is_an_error(root, text):
    ended = subprocess.run(
        [*COMMAND, "watch", f"--poll={text}", str(root)], check=False, capture_output=True, timeout=PATIENCE_S
    )
    assert ended.returncode == 2
    assert b"argument --poll" in ended.stderr


@pytest.mark.parametrize("option", ["--poll=1s", "--poll=auto", "--keep-stat"])
def test_it_does_not_go_with_directories_only(root, option):
    ended = subprocess.run(
        [*COMMAND, "watch", "--track=directories", option, str(root)],
        check=False,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert ended.returncode == 2
    assert f"does not go with {option.partition('=')[0]}".encode() in ended.stderr
