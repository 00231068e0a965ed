"""What is noted of the last run of a part says truly whether the checkout had changes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CI = Path(__file__).resolve().parent.parent.parent / ".ci"

pytestmark = [
    pytest.mark.needs("git"),
    pytest.mark.skipif(not (CI / "note.py").is_file(), reason="the machinery is not here"),
]


@pytest.fixture
def checkout(tmp_path):
    def git(*words):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True)

    (tmp_path / ".ci").mkdir()
    for name in ("note.py", "outcome.py"):
        shutil.copy(CI / name, tmp_path / ".ci")
    (tmp_path / "source").touch()
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "all")
    return tmp_path


def noted(checkout):
    """The line of a part that has run."""
    (checkout.parent / "log").write_text("ok    all (1 s)\n1 passed, 0 failed, 0 skipped\n")
    note = [sys.executable, "-B", checkout / ".ci" / "note.py", "part", checkout.parent / "log", "0", "60"]
    subprocess.run(note, check=True)
    return (checkout / ".ci" / "last-runs.md").read_text().split("\n\n")[3]


def test_the_notes_themselves_are_no_change(checkout):
    noted(checkout)
    assert "with changes, 1 minutes: 1 passed" not in noted(checkout)
    assert ", 1 minutes: 1 passed, 0 failed, 0 skipped" in noted(checkout)


def test_a_change_anywhere_else_is_said(checkout):
    (checkout / "source").write_text("more")
    assert "with changes, 1 minutes: 1 passed" in noted(checkout)
