"""The command: ``python -m benchmarks [ROW ...]``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import environment, report
from benchmarks.context import LIMIT, Context, Row, Sizes, Who, contenders
from benchmarks.process import Failed
from benchmarks.rows import ROWS
from benchmarks.workload import Trees, in_memory

PAGE = environment.CHECKOUT / "docs" / "performance.md"

TINY = Sizes(1, 4_000, 100, (100,), 100, 100, 20, 0.2)
QUICK = Sizes(3, 12_000, 1_000, (1_000,), 1_000, 1_000, 200, 2)
NORMAL = Sizes(5, 200_000, 10_000, (1_000, 10_000), 10_000, 10_000, 1_000, 10)
FULL = NORMAL._replace(crawls=(1_000, 10_000, 100_000))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure inotify_cffi, its peers and a C program with the bare system calls, in one run.",
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)}; all of them if none is given")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", dest="sizes", action="store_const", const=QUICK, help="less of everything")
    sizes.add_argument(
        "--tiny",
        dest="sizes",
        action="store_const",
        const=TINY,
        help="just enough to see it run; changes no sysctl",
    )
    sizes.add_argument(
        "--full", dest="sizes", action="store_const", const=FULL, help="crawl 100,000 directories, too"
    )
    parser.add_argument("--runs", type=int, help="how often each is measured")
    parser.add_argument("--contenders", help="only these, separated by commas; C always takes part")
    parser.add_argument(
        "--here",
        action="store_true",
        help="only inotify_cffi as this interpreter imports it; nothing is installed",
    )
    parser.add_argument("--pypy", metavar="PATH", help="a PyPy to measure inotify_cffi on as well")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument(
        "--write-page", action="store_true", help="write the table into docs/performance.md, between its markers"
    )
    parser.add_argument(
        "--directory", metavar="PATH", help="where the trees are made (default: the temporary directory)"
    )
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one measurement of one contender")
    options = parser.parse_args(arguments)
    options.sizes = options.sizes or NORMAL
    if options.runs is not None:
        options.sizes = options.sizes._replace(runs=options.runs)
    unknown = [row for row in options.rows if row not in ROWS]
    if unknown:
        parser.error(f"no row {unknown[0]!r}; there are {', '.join(ROWS)}")
    return options


def take_part(options: argparse.Namespace, limit: str) -> tuple[list[Who], dict[str, str], list[str]]:
    """Return who is measured, the versions of what is, and the interpreters."""
    names = options.contenders.split(",") if options.contenders else None
    if options.here:
        pythons = {"": sys.executable}
        names = [name for name in names or ("inotify_cffi", "inotify_cffi (columns)") if "inotify_cffi" in name]
    else:
        pythons = {"": environment.environment(sys.executable, peers=names is None or names != ["inotify_cffi"])}
        if options.pypy:
            pythons[" on PyPy"] = environment.environment(options.pypy, peers=False)
    versions = environment.versions(
        pythons[""], ["inotify_cffi", *environment.LOOPS, *([] if options.here else environment.PEERS)]
    )
    who = [Who(LIMIT, limit, None)]
    for suffix, python in pythons.items():
        ours = [who.name for who in contenders(python, names) if "inotify_cffi" in who.name]
        who += contenders(python, ours, suffix=suffix)
    others = contenders(pythons[""], names)
    who += [other for other in others if other.use and other.use.requires in versions and other not in who]
    code = (
        "import sys, platform; print(platform.python_implementation(), '.'.join(map(str, sys.version_info[:3])))"
    )
    interpreters = [environment.output(python, code) for python in pythons.values()]
    return who, versions, interpreters


def progress(words: str) -> None:
    """Say on a terminal what is measured now."""
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def measure(rows: list[Row], who: list[Who], context: Context) -> report.Report:
    """Measure each row of each contender, one after the other, in each run; the order turns from run to run.

    Each row is printed when it is done.
    """
    result = report.Report()
    for row in rows:
        before = len(result.lines)
        out: set[str] = set()
        taking = [one for one in who if one.takes_part(row.name)]
        for run in range(1 if row.once else context.sizes.runs):
            context.run = run
            for one in taking[run % len(taking) :] + taking[: run % len(taking)]:
                if one.name in out:
                    continue
                progress(f"{row.name} {run + 1}: {one.name}")
                try:
                    readings = row.measure(context, one)
                except Failed as failed:
                    out.add(one.name)
                    result.fail(row, one.name, str(failed))
                    continue
                if any(reading.value is None for reading in readings):
                    out.add(one.name)
                result.add(row, one.name, readings)
        if row.growth:
            result.add_growth({size: f"crawl {size:,} directories" for size in context.sizes.crawls})
        result.order([one.name for one in who])
        progress("")
        print(report.text(list(result.lines.values())[before:]), flush=True)
    return result


def repeatable(arguments: list[str]) -> str:
    """Return the command as others may give it: without where its figures go."""
    return re.sub(r" --write-page| --(json|directory)[ =]\S+", "", " ".join(["python -m benchmarks", *arguments]))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = parse(arguments)
    rows = [ROWS[name] for name in options.rows or ROWS]
    sizes = options.sizes
    needed = {"max_user_watches": max(*sizes.crawls, sizes.tree, sizes.renamed, sizes.watches) + 20_000}
    if any(row.fills_queue for row in rows):
        needed["max_queued_events"] = sizes.events + 3_000
    try:
        with contextlib.ExitStack() as stack:
            built = stack.enter_context(tempfile.TemporaryDirectory())
            stack.enter_context(environment.raised(needed, change=sizes is not TINY))
            trees = stack.enter_context(Trees(options.directory))
            quick_trees = stack.enter_context(Trees(options.directory or in_memory()))
            who, versions, interpreters = take_part(options, environment.compile_limit(built))
            context = Context(sizes, trees, quick_trees, timeout=options.timeout)
            result = measure(rows, who, context)
            about: dict[str, Any] = {
                **report.machine(context.nothing),
                "interpreters": interpreters,
                "versions": versions,
                "runs": sizes.runs,
                "sizes": sizes._asdict(),
                "command": repeatable(sys.argv[1:] if arguments is None else arguments),
            }
    except environment.Unable as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    if options.json:
        figures = {"about": about, "lines": result.as_json()}
        Path(options.json).write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    if options.write_page:
        PAGE.write_text(report.replace_marked(PAGE.read_text(), report.markdown(result, about)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        os._exit(130)
