"""Say how many tests ran on which interpreter, what failed and what was skipped: ``summary.py DIRECTORY``.

The directory is the one of lib.sh: ``passed``, ``failed`` and ``skipped`` have a line for each step,
``results/*.xml`` are pytest's, ``parts/*.log`` and ``*.code`` what parts said and how they ended.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from outcome import Outcome, count_reasons, lines, outcome

COLUMNS = ("tests", "failures", "errors", "skipped")
# Steps whose tests are counted instead.
COUNTED = ("tests: ", "part: ")


def count(steps: list[str]) -> int:
    """Return how many of the steps count as one."""
    return sum(not step.startswith(COUNTED) for step in steps)


def of_results(path: Path, reasons: Counter[str]) -> tuple[Outcome, float]:
    """Return what one run of pytest gave, and how many seconds it took."""
    suite = ET.parse(path).getroot().find("testsuite")
    if suite is None:
        return Outcome(0, 0, 0), 0.0
    tests, failures, errors, skipped = (int(suite.get(column, "0")) for column in COLUMNS)
    for element in suite.iter("skipped"):
        reasons[element.get("message", "")] += 1
    bad = failures + errors
    return Outcome(tests - bad - skipped, bad, skipped), float(suite.get("time", "0"))


def main() -> int:
    """Print the table; a step that runs no tests counts as one."""
    work = Path(sys.argv[1])
    failed_steps, skipped_steps = lines(work / "failed"), lines(work / "skipped")
    reasons: Counter[str] = Counter(skipped_steps)
    total = [count(lines(work / "passed")), count(failed_steps), len(skipped_steps)]
    rows: list[tuple[str, Outcome, float | None]] = [
        (path.stem, *of_results(path, reasons)) for path in sorted((work / "results").glob("*.xml"))
    ]
    for path in sorted((work / "parts").glob("*.log")):
        said = lines(path)
        count_reasons(said, reasons)
        code = int(path.with_suffix(".code").read_text(encoding="utf-8"))
        rows.append((f"part {path.stem}", outcome(said, code), None))

    if rows:
        print(f"\n{'tests on':40} {'passed':>7} {'failed':>7} {'skipped':>7} {'seconds':>8}")
    for name, counts, seconds in rows:
        total = [sum(pair) for pair in zip(total, counts)]
        print(f"{name:40} {counts.passed:7} {counts.failed:7} {counts.skipped:7} ", end="")
        print("" if seconds is None else f"{seconds:8.0f}")
    print()
    for reason, times in reasons.most_common():
        print(f"skipped [{times}] {reason}")
    for step in failed_steps:
        print(f"failed: {step}")
    passed, failed, skipped = total
    # A run that ended before it could report its tests has failed, too.
    failed = max(failed, len(failed_steps))
    print(Outcome(passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
