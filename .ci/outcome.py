"""What a part says of itself, in whatever words: how much passed, failed and was skipped, and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

SKIPPED = re.compile(r"skipped \[(\d+)\] (?:\S+:\d+: )?(.*)", re.IGNORECASE)


class Outcome(NamedTuple):
    """The counts; a part that counts nothing is one that passed or failed."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        """Return the plain closing line."""
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def lines(path: Path) -> list[str]:
    """Return the lines of a file that need not exist."""
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def outcome(said: list[str], code: int) -> Outcome:
    """Return what the last line says, and the exit code where that says nothing."""
    last = said[-1] if said else ""
    passed, failed, skipped = (
        sum(map(int, re.findall(rf"\b(\d+) {words}\b", last)))
        for words in ("passed", "(?:failed|errors?)", "skipped")
    )
    if code and not failed:
        failed = 1
    if not code and not passed and not skipped:
        passed = 1
    return Outcome(passed, failed, skipped)


def count_reasons(said: list[str], reasons: Counter[str]) -> None:
    """Count why something was skipped: lines with "skipped [N] REASON", as pytest has them."""
    for line in said:
        match = SKIPPED.search(line)
        if match:
            reasons[match[2]] += int(match[1])
