"""The commands of benchmarks/ run; what they measure is for people to judge."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

pytestmark = [
    pytest.mark.skipif(not (CHECKOUT / "benchmarks").is_dir(), reason="the tests run without the sources"),
    pytest.mark.skipif(shutil.which(os.environ.get("CC", "cc")) is None, reason="there is no C compiler"),
]


def run(*arguments: str) -> str:
    """Run a command of benchmarks/ with this interpreter and the library that it has."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=50
    )
    if "fs.inotify" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_row_is_measured_and_loses_nothing(tmp_path):
    """Each row gives a figure for this library, and no note that says that something went wrong."""
    figures = tmp_path / "figures.json"
    table = run("benchmarks", "--tiny", "--here", "--timeout", "10", "--json", str(figures))

    lines = json.loads(figures.read_text())["lines"]
    assert len(lines) >= 10
    for line in lines:
        ours = line["cells"]["inotify_cffi"]
        assert ours["values"], line
        assert ours["notes"] == [], line
        assert line["line"] in table
    labels = {line["line"] for line in lines}
    for way in ("", " of read()", " of a plugin's hook", " in asyncio", " in trio"):
        assert {f"latency{way}, p50", f"latency{way}, p99"} <= labels


def test_the_soak_sees_all_that_was_done():
    """Each event that the soak causes is told once; the exit code says so."""
    assert "2,040 events of 2,040; 0 entries left, 1 watches" in run(
        "benchmarks.soak", "--events", "2000", "--limit", "99"
    )


def test_timeouts_are_measured_in_a_storm():
    """Each call that blocks has its figures, in calm and in a storm; how late a busy machine is does not matter."""
    table = run("benchmarks.timeouts", "--here", "--times", "2", "--seconds", "0.02", "--limit", "5000")
    lines = {line[:22].strip(): line[22:].split() for line in table.splitlines()[3:]}
    assert {"time.sleep", "Watcher.read", "Watcher.event_gen", "Dispatcher.run"} <= lines.keys()
    assert all(len(figures) == 8 for figures in lines.values())


@pytest.fixture
def report(monkeypatch):
    """The module that makes the table."""
    monkeypatch.syspath_prepend(str(CHECKOUT))
    import benchmarks.report

    return benchmarks.report


def test_each_way_of_ours_is_a_line_and_not_a_column(report):
    """So the table has a column for each contender; what failed has no figure there."""
    cells = {
        "C": [10.0],
        "inotify_cffi": [20.0],
        "inotify_cffi (hook)": [30.0],
        "inotify_cffi (hook) on PyPy": [40.0],
    }
    made = report.Report()
    made.lines["drain"] = report.Line(
        "drain", "ns", True, {who: report.Cell(values, []) for who, values in cells.items()}
    )
    made.lines["drain"].cells["other"] = report.Cell([], ["failed: silent"])
    about = dict.fromkeys(("runs", "command", "date", "processor", "processors", "kernel", "file_system"), "")
    table = report.markdown(made, {**about, "interpreters": [], "versions": {}}).splitlines()[2:]
    assert table == [
        "|  | C limit | inotify_cffi | other | inotify_cffi on PyPy |",
        "|---|---|---|---|---|",
        "| drain | 10.0 ns | 2.00 | no figure | \N{EN DASH} |",
        "| drain, hook | 10.0 ns | 3.00 | \N{EN DASH} | 4.00 |",
    ]


def test_the_table_goes_between_its_markers(report):
    """What is around the markers stays; without markers nothing is written."""
    replace_marked, BEGIN, END = report.replace_marked, report.BEGIN, report.END

    assert replace_marked(f"a {BEGIN} old {END} b", "new") == f"a {BEGIN}\nnew\n{END} b"
    with pytest.raises(ValueError, match="no <!-- benchmarks begin"):
        replace_marked("a b", "new")
