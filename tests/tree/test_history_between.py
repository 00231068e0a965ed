"""What happens to a directory between the calls that look at it: it is told where it was, and never elsewhere."""

from __future__ import annotations

import os

from inotify_cffi.tree.disk import RECORD
from tests.stress.between import BetweenWorld


def test_a_seed_fixes_what_is_done_between_the_calls_of_the_tree(tmp_path, monkeypatch):
    counts = []
    for number in range(2):
        monkeypatch.setenv(RECORD, f"{tmp_path}/{number}.jsonl")
        world = BetweenWorld(4, writers=1, changes=40, directory=os.fspath(tmp_path))
        assert world.run() == []
        world.clean()
        counts.append(dict(world.counts))
    assert counts[0] == counts[1]
    assert counts[0]["operations"] > 20
