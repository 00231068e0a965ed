"""Note the last run of a part in .ci/last-runs.md: ``note.py PART LOG EXIT_CODE SECONDS``.

A part that did nothing (all of it was skipped) leaves what is noted of it.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

from outcome import lines, outcome

HERE = Path(__file__).resolve().parent
NOTES = HERE / "last-runs.md"
HEAD = """# The last run of each part

Written by `.ci/all`; [CONTRIBUTING.md](../CONTRIBUTING.md) says how to run it.
"""
# Lines that are figures: steps, the table of the tests, and what parts print last.
FIGURES = re.compile(r"ok    |FAIL  |skip  |tests on |(CPython|PyPy|Debian)-\S+ +\d|failed: |skipped \[")


def git(*arguments: str) -> str:
    """Return what git says of this checkout."""
    done = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def machine() -> str:
    """Return what it ran on."""
    cpu = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    system = re.search(
        r'^PRETTY_NAME="?([^"\n]*)', Path("/etc/os-release").read_text(encoding="utf-8"), re.MULTILINE
    )
    return ", ".join(
        [
            f"{os.cpu_count()} cores",
            cpu[1] if cpu else platform.machine(),
            f"Linux {platform.release()}",
            system[1] if system else "",
        ]
    )


def section(part: str, said: list[str], code: int, seconds: int) -> str:
    """Return the text of one part."""
    changed = " with changes" if git("status", "--porcelain", "--", ":/", ":(top,exclude).ci/last-runs.md") else ""
    figures = [line.rstrip() for line in said[:-1] if FIGURES.match(line)] + said[-1:]
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    commit = git("rev-parse", "--short", "HEAD") + changed
    result = f"{when}, commit {commit}, {seconds / 60:.0f} minutes: {outcome(said, code)}"
    return "\n".join([f"## {part}", "", result, "", machine(), "", "```text", *figures, "```", ""])


def main() -> None:
    """Put the section of the part where it was, or in its place in the alphabet."""
    part, log, code, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    said = [line for line in lines(log) if line]
    if not any(outcome(said, code)[:2]):
        return
    text = NOTES.read_text(encoding="utf-8") if NOTES.exists() else HEAD
    head, *sections = re.split(r"(?m)^(?=## )", text)
    others = [other for other in sections if not other.startswith(f"## {part}\n")]
    noted = sorted([*others, section(part, said, code, seconds)])
    NOTES.write_text(head.rstrip() + "\n\n" + "\n".join(one.rstrip() + "\n" for one in noted), encoding="utf-8")


if __name__ == "__main__":
    main()
