"""Say how many tests ran on which interpreter, and what failed: ``summary.py DIRECTORY``, the one of .ci/run."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

COLUMNS = ("tests", "failures", "errors", "skipped")


def lines(path: Path) -> list[str]:
    """The lines of a file that need not exist."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def count(steps: list[str]) -> int:
    """How many steps are no runs of tests; of those each test counts."""
    return sum(not step.startswith("tests: ") for step in steps)


def main() -> int:
    """Print the table; the last line is ``N passed, N failed``, a step that runs no tests counted as one."""
    work = Path(sys.argv[1])
    failed_steps = lines(work / "steps_failed")
    passed, failed = count(lines(work / "steps_passed")), count(failed_steps)
    print(f"\n{'tests on':32} {'passed':>7} {'failed':>7} {'skipped':>7} {'seconds':>8}")
    for path in sorted((work / "results").glob("*.xml")):
        suite = ET.parse(path).getroot().find("testsuite")
        if suite is None:
            continue
        tests, failures, errors, skipped = (int(suite.get(column, "0")) for column in COLUMNS)
        good, bad = tests - failures - errors - skipped, failures + errors
        passed, failed = passed + good, failed + bad
        print(f"{path.stem:32} {good:7} {bad:7} {skipped:7} {float(suite.get('time', '0')):8.0f}")
    for step in failed_steps:
        print(f"failed: {step}")
    if failed_steps and not failed:
        # A run that ended before it could report its tests.
        failed = len(failed_steps)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
