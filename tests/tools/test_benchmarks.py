"""The commands of benchmarks/ run; what they measure is for people to judge."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from broker import Server

CHECKOUT = Path(__file__).resolve().parent.parent.parent

pytestmark = [
    pytest.mark.skipif(not (CHECKOUT / "benchmarks").is_dir(), reason="the tests run without the sources"),
    pytest.mark.needs(os.environ.get("CC", "cc")),
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


def test_each_look_at_an_event_is_measured():
    """Beside those of a plain tuple and of an empty property."""
    table = run("benchmarks.look", "--rounds", "1")
    for look in ("t[0]", "c.empty", "e.path", "e.mask", "e.name", "e.is_dir", "e.names", "e.flags"):
        assert f"\n{look} " in table, table


@pytest.mark.needs("inotifywait")
def test_the_command_line_is_measured_beside_inotifywait():
    """Events and starts, each with inotifywait in the same run."""
    table = run("benchmarks.command_line", "--rounds", "1", "--files", "10")
    for name in ("inotifywait", "watch", "watch --format json", "watch --format FORMAT", "python -c pass"):
        assert f"| {name} |" in table, table


def test_one_event_is_measured_by_each_way():
    """With the number of Python's calls, which does not depend on the machine."""
    table = run("benchmarks.one", "--rounds", "1")
    for way in ("read()", "next()"):
        assert f"| {way} |" in table, table


def test_trees_are_measured():
    table = run("benchmarks.trees", "--rounds", "1", "--directories", "300", "--files", "1")
    for what in ("find", "start, existing=True", "moved out", "after lost events, with what was queued", "rm -rf"):
        assert f"| {what} |" in table, table


def test_timeouts_are_measured_in_a_storm():
    """Each call that blocks has its figures, in calm and in a storm; how late a busy machine is does not matter."""
    table = run("benchmarks.timeouts", "--here", "--times", "2", "--seconds", "0.02", "--limit", "5000")
    lines = {line[:22].strip(): line[22:].split() for line in table.splitlines()[3:]}
    assert {"time.sleep", "Watcher.read", "Watcher.event_gen", "Dispatcher.run"} <= lines.keys()
    assert all(len(figures) == 8 for figures in lines.values())


@pytest.mark.parametrize("peer", ["watchdog", "watchfiles"])
def test_a_peer_is_measured_with_its_own_backend_and_with_ours(peer):
    """Each row has two figures; with ours nothing is told twice, and nothing never."""
    pytest.importorskip(peer, reason=f"{peer} is not installed")
    table = run(
        "benchmarks.compat", "--here", "--tiny", "--timeout", "20", "--peer", peer, "created", "behind", "drain"
    )
    figures = {
        line[11:51].strip(): line[51:].split() for line in table.splitlines() if line.startswith(f"{peer:11}")
    }
    assert list(figures) == [
        "told twice, of 80 creations",
        "never told, of 80 creations",
        "an event behind a move out, ms",
        "events a second",
    ], table
    assert [figures[each][1] for each in list(figures)[:2]] == ["0", "0"], table
    assert all(float(figure.replace(",", "")) >= 0 for line in figures.values() for figure in line[:2]), table


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


@pytest.fixture
def instructions(monkeypatch):
    """The module that counts instructions."""
    monkeypatch.syspath_prepend(str(CHECKOUT))
    import benchmarks.instructions

    return benchmarks.instructions


needs_callgrind = pytest.mark.needs("valgrind", "gcc")

# f in csrc/: 10 + 2 instructions, a line of a header between them, 3 calls of libc and 4 of g, which is in csrc/ too.
PROFILE = """# callgrind format
version: 1
cmd:  /tmp/instructions ic_list /tmp/a=b

positions: line
events: Ir
summary: 7000

ob=/tmp/instructions
fl=/src/benchmarks/instructions.c
fn=main
31 500
cfi=/src/benchmarks/../csrc/kernel.c
cfn=f
calls=1 7
32 6000

fl=/src/benchmarks/../csrc/kernel.c
fn=f
7 10
cob=/lib/libc.so.6
cfi=???
cfn=strlen
calls=3 0
8 900
cfn=g
calls=4 20
9 800
fi=/usr/include/string.h
100 60
cob=/lib/libc.so.6
cfi=???
cfn=memcpy
calls=5 0
101 70
fe=/src/benchmarks/../csrc/kernel.c
9 2

fn=g
20 800

fl=/src/csrc/ledger.c
fn=h
1 4000
cfi=/src/benchmarks/../csrc/kernel.c
cfn=g
calls=6 20
2 100

totals: 7000
"""


def test_what_our_files_call_is_not_their_own(instructions):
    """Own instructions are added up over all our files; of the calls those count that leave them."""
    assert instructions.count(PROFILE, "/src/csrc") == (10 + 2 + 800 + 4000, 3)
    assert instructions.count(PROFILE, "/src/benchmarks") == (500, 1)


@pytest.mark.parametrize(
    ("profile", "directory", "words"),
    [
        ("", "/src/csrc", "not of lines and instructions"),
        (PROFILE.replace("events: Ir", "events: Ir Dr"), "/src/csrc", "not of lines and instructions"),
        (PROFILE, "/src", "saw no instruction of /src"),
        (PROFILE.replace("7 10\n", "7\n"), "/src/csrc", "can not be read"),
        (PROFILE.replace("7 10\n", "7 ten\n"), "/src/csrc", "can not be read"),
        (PROFILE[: PROFILE.index("8 900") - 1], "/src/csrc", "can not be read"),
    ],
)
def test_what_is_no_profile_gives_no_count(instructions, profile, directory, words):
    """A count that is too low would pass: so what is not understood is an error."""
    with pytest.raises(instructions.Unable, match=words):
        instructions.count(profile, directory)


def test_only_a_figure_above_its_bound_is_complained_of(instructions):
    """On the bound is not above it; far below it is another line, which fails nothing."""
    figures = {"a": instructions.Figures(10, 50.0, 2.0)}

    def lines(*bound):
        bounds = {"a": instructions.Bound("an event", *bound)}
        return instructions.complaints(figures, bounds), instructions.slack(figures, bounds)

    assert lines(50, 2) == ([], [])
    assert lines(0, 2) == (["a takes 50.00 instructions an event, above its bound of 0"], [])
    assert lines(50, 1.9) == (["a takes 2.00 calls an event, above its bound of 1.9"], [])
    assert lines(62.5, 2) == ([], [])
    assert lines(62.6, 2) == (
        [],
        ["a takes 50.00 instructions an event, far less than its bound of 62.6: lower the bound"],
    )


@needs_callgrind
def test_the_counts_are_the_same_in_each_run(instructions, monkeypatch, capsys):
    """All cases, to the last instruction; also where libc takes the variants for a processor without AVX."""
    assert instructions.main(["--json"]) in (0, 1)
    first = json.loads(capsys.readouterr().out)
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX_Fast_Unaligned_Load")
    assert instructions.main(["--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out) == first
    assert first["cases"].keys() == instructions.BOUNDS.keys()


@pytest.fixture
def bounds_of_here(instructions, monkeypatch, capsys):
    """The bounds are what is measured, whatever the compiler and the architecture; one case of them."""
    instructions.main(["--json", "ic_split-short"])
    took = json.loads(capsys.readouterr().out)["cases"]["ic_split-short"]
    bound = instructions.Bound("an event", took["instructions"], took["calls"])
    monkeypatch.setattr(instructions, "MACHINE", platform.machine())
    monkeypatch.setitem(instructions.BOUNDS, "ic_split-short", bound)
    return instructions.BOUNDS


@needs_callgrind
def test_a_bound_can_fail(instructions, bounds_of_here, capsys):
    """What was measured passes as a bound; zero fails, and says what is above it; so does a lower number of calls."""
    assert instructions.main(["ic_split-short"]) == 0
    assert capsys.readouterr().err == ""

    took = bounds_of_here["ic_split-short"]
    bounds_of_here["ic_split-short"] = took._replace(instructions=0)
    assert instructions.main(["ic_split-short"]) == 1
    assert capsys.readouterr().err == (
        f"instructions: ic_split-short takes {took.instructions:.2f} instructions an event, above its bound of 0\n"
    )


@needs_callgrind
def test_more_work_for_each_event_is_seen(instructions, bounds_of_here, monkeypatch, tmp_path, capsys):
    """ic_split with a loop in it that does nothing but take time is above the bound."""
    for name in ("benchmarks", "csrc"):
        shutil.copytree(CHECKOUT / name, tmp_path / name)
    source = tmp_path / "csrc" / "kernel.c"
    text = source.read_text()
    step = "        cookies[count] = record.cookie;\n"
    assert text.count(step) == 1
    loop = "        for (volatile int i = 0; i < 2;)\n            i++;\n"
    source.write_text(text.replace(step, step + loop))
    monkeypatch.setattr(instructions, "CHECKOUT", tmp_path)
    monkeypatch.setattr(instructions, "HERE", tmp_path / "benchmarks")

    assert instructions.main(["ic_split-short"]) == 1
    assert "instructions an event, above its bound" in capsys.readouterr().err


@needs_callgrind
def test_a_case_without_a_bound_is_an_error(instructions, monkeypatch, capsys):
    """The cases of the C program and the bounds are held together."""
    bound = instructions.BOUNDS["ic_list"]
    monkeypatch.delitem(instructions.BOUNDS, "ic_list")
    monkeypatch.setitem(instructions.BOUNDS, "ic_other", bound)
    assert instructions.main(["ic_crawl"]) == 1
    assert capsys.readouterr().err == (
        "instructions: instructions.c and BOUNDS do not have the same cases: ic_list, ic_other\n"
    )


@needs_callgrind
def test_on_another_architecture_nothing_is_checked_and_that_is_said(instructions, monkeypatch, capsys):
    """The bounds are those of one architecture; on others there are the figures only."""
    monkeypatch.setattr(instructions, "MACHINE", "pdp11")
    monkeypatch.setitem(instructions.BOUNDS, "ic_split-short", instructions.Bound("an event", 0, 0))
    assert instructions.main(["ic_split-short"]) == 0
    assert "nothing was checked: the bounds are those of pdp11, this is " in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["valgrind", "gcc"])
def test_a_missing_program_is_named_with_its_package(instructions, monkeypatch, tmp_path, capsys, missing):
    """Nothing is counted, and that fails."""
    for name in {"valgrind", "gcc"} - {missing}:
        (tmp_path / name).symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert instructions.main([]) == 1
    assert capsys.readouterr().err == (
        f"instructions: there is no {missing}; install it, e.g. apt-get install {missing}\n"
    )


def test_a_case_that_there_is_not_is_wrong_usage(instructions, capsys):
    with pytest.raises(SystemExit, match="2"):
        instructions.main(["ic_splat"])
    assert "no case 'ic_splat'; there are ic_split-short, " in capsys.readouterr().err


def test_what_an_event_costs_while_files_wait_is_measured():
    """Each way has its figures; what they are is for people to judge, and the steps are counted elsewhere."""
    table = run("benchmarks.pending", "--files", "200", "--events", "400", "--runs", "1")
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == [
        "10 files wait", "200 files wait, writes to 10 of them", "200 files wait, writes to all of them",
    ]  # fmt: skip


def test_a_stream_is_measured_against_the_same_server_without_us():
    """Each row but the long ones; the figures are for people to judge."""
    pytest.importorskip("nats", reason="not installed: nats-py")
    if not Server.is_there():
        pytest.skip("not installed: nats-py, or nats-server")
    told = run("benchmarks.fleet", "forward", "lag", "--rows", "300", "--runs", "1", "--pings", "3")
    assert told.count("events/s") == 3 and told.count("; ours ") == 4
    assert "forward: 300 rows, 1 messages" in told
    told = run(
        "benchmarks.fleet",
        "outage",
        "drain",
        "hosts",
        "--rows",
        "300",
        "--hosts",
        "3",
        "--outage",
        "5000",
        "--events",
        "2000",
        "--runs",
        "1",
    )
    assert "outage: 5000 events" in told and "MB resident" in told
    assert "drain: 2000 events" in told and "hosts: 3 with 100 events each" in told


def test_a_row_that_there_is_not_is_wrong_usage():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fleet", "speed"], cwd=CHECKOUT, capture_output=True, text=True,
        check=False, timeout=50,
    )  # fmt: skip
    assert done.returncode == 2 and "'speed' is no row; choose from forward, lag" in done.stderr
