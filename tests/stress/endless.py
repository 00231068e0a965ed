"""A process that changes a directory at random, and goes on until it is killed."""

from __future__ import annotations

import os
import sys

HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from tests.stress.writers import Writer
root, seed, letters, pause_s = sys.argv[2:]
writer = Writer(int(seed), root, root, tuple(letters))
while True:
    writer.change()
    if float(pause_s):
        time.sleep(float(pause_s))
"""


def endless_writer(root: str, seed: int, letters: str, *, pause_s: float = 0) -> list[str]:
    """The command that starts one.

    Args:
        root: the directory.
        seed: of what it does.
        letters: what names are made of: the fewer, the more often writers collide.
        pause_s: after each change; without one it never rests.

    """
    return [sys.executable, "-c", SCRIPT, HERE, root, str(seed), letters, str(pause_s)]
