"""The programs of ``examples/programs``, run as a user runs them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent.parent.parent / "examples" / "programs"
PATIENCE_S = 60


class Program:
    """One that runs, and what it prints, line by line; a line that does not come is the test's time limit."""

    def __init__(self, directory, name, *words):
        command = [sys.executable, PROGRAMS / name, *words]
        self.process = subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True)

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def port(self):
        words, _, port = self.line().rpartition(" ")
        assert words == "serving on port"
        return int(port)

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        left = self.process.communicate(timeout=PATIENCE_S)[0]
        return self.process.returncode, left

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)
