"""What docs/async.md and docs/threads-and-processes.md show is run as it stands, in an interpreter of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


@pytest.mark.parametrize(
    ("name", "told"),
    [("async.md", "incoming/"), ("threads-and-processes.md", "(('CREATE', 'ISDIR'), 'incoming/new')")],
)
def test_the_example_runs(name, told, tmp_path):
    if not DOCS.is_dir():
        pytest.skip("the documentation is not here")
    (block,) = re.findall(
        r"^```python\n(.*?)^```", (DOCS / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "example.py").write_text(block)
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    over = threading.Event()

    def make_things():
        number = 0
        while not over.wait(0.05):
            if name == "async.md":
                (incoming / str(number)).touch()
            number += 1

    thread = threading.Thread(target=make_things)
    thread.start()
    try:
        done = subprocess.run(
            [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
        )
    finally:
        over.set()
        thread.join()
    assert (done.returncode, done.stderr) == (0, "")
    assert told in done.stdout
