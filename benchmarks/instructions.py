"""How many instructions does our C take? ``python -m benchmarks.instructions``, on a busy machine, too.

Callgrind counts while ``instructions.c`` does a fixed amount of work. Two figures are held against their bounds,
for each unit of the work: the instructions of the files in csrc/ themselves, and how often these call something
else, libc and through it the kernel. What is called is not counted, for libc takes other variants of its functions
on other processors; nor is what the kernel does. So load and processor do not change the figures; the compiler
does, and another architecture has others.

Python is left out: its instructions are the interpreter's, another number for each version and build of it.

The exit code is 1 where a figure is above its bound. One that is far below it has its line, too: lower the bound,
or it guards nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from typing import NamedTuple

from benchmarks.environment import CHECKOUT, HERE, Unable, run

__all__ = ["BOUNDS", "Bound", "Count", "Figures", "complaints", "count", "main", "slack"]


class Bound(NamedTuple):
    """The most that one unit may take."""

    unit: str
    instructions: float
    calls: float


class Count(NamedTuple):
    """What callgrind counted."""

    instructions: int
    calls: int


class Figures(NamedTuple):
    """What one unit took."""

    units: int
    instructions: float
    calls: float


MACHINE = "x86_64"
# On MACHINE. The comments have what was measured, instructions and calls, with gcc 12.2.0 and valgrind 3.19.0.
# A bound of instructions is a tenth more than that, for other versions of gcc: 11.3.0 takes 8 % more for ic_crawl.
# A bound of calls is what was measured: with both, and at -O1 and -O3, they are the same.
BOUNDS = {
    # 43.02, 2
    "ic_split-short": Bound("an event", 47.3, 2),
    # 43.13, 2
    "ic_split-long": Bound("an event", 47.4, 2),
    # 312.90, 13.8: a listing may be converted in place, so what is written may be what is read.
    "ic_list": Bound("a directory", 344, 13.8),
    # 419.56, 19.905
    "ic_crawl": Bound("a directory", 461, 19.91),
    # 201.57, 6.745
    "ic_crawl-dirs": Bound("a directory", 219, 6.75),
    # 1491.85, 19.09
    "il_adopt": Bound("a directory", 1641, 19.1),
    # 446.00, 3.23: an entry of several events is found again, and its path and name are written once.
    "il_apply": Bound("an event", 491, 3.24),
    # 668.11, 3.23
    "il_create": Bound("a name", 735, 3.24),
    # 162.63, 0.0033
    "il_own": Bound("a watch", 179, 0.0033),
    # 140, 0
    "sip_hash": Bound("a name", 154, 0),
    # 28, 0
    "ic_text": Bound("a byte", 30.8, 0),
    # 17, 0
    "ic_raw": Bound("a byte", 18.7, 0),
}
# A figure so far below its bound wants a lower one.
SLACK = 0.2

# What a distribution has gcc add to -O2, and the processor that it compiles for, is the same everywhere.
FLAGS = [
    "-std=gnu17",
    "-O2",
    "-g",
    "-U_FORTIFY_SOURCE",
    "-fno-stack-protector",
    "-fno-stack-clash-protection",
    "-Wall",
    "-Wextra",
    "-Wno-unused-function",
    "-fno-diagnostics-show-caret",
]
FLAGS_OF_MACHINE = {"x86_64": ["-march=x86-64", "-mtune=generic", "-fcf-protection=none"]}
# A call that is bound at its first use would be a call of the linker, too.
LINKING = ["-Wl,-z,now"]

# No names or positions that are told relative to the ones before, and nothing of the user's configuration.
CALLGRIND = [
    "--tool=callgrind",
    "--command-line-only=yes",
    "--quiet",
    "--compress-strings=no",
    "--compress-pos=no",
    "--dump-instr=no",
    "--zero-before=start",
]


def count(profile: str, directory: str) -> Count:
    """Add up what a *profile* of callgrind says of the source files in *directory*.

    Returns the instructions of these files themselves, and how often they call functions of other files.
    Raises Unable where that is none or the profile is not in the format that is read here.
    """
    lines = iter(profile.split("\n"))
    inside = leaves = False
    instructions = calls = 0
    try:
        for line in lines:
            key, _, value = line.partition("=")
            if key in ("fl", "fi", "fe"):
                inside = _within(value, directory)
            elif key in ("cfi", "cfl"):
                leaves = not _within(value, directory)
            elif key == "calls":
                calls += int(value.split()[0]) if inside and leaves else 0
                # Without a file of its own the next call is within the file.
                leaves = False
                # What was called costs so much, all below it included.
                next(lines)
            elif line[:1].isdigit():
                instructions += int(line.split()[1]) if inside else 0
    except (ValueError, IndexError, StopIteration):
        raise Unable("callgrind wrote a profile that can not be read") from None
    if "\npositions: line\nevents: Ir\n" not in profile:
        raise Unable("callgrind wrote a profile that is not of lines and instructions (events: Ir)")
    if instructions == 0:
        raise Unable(f"callgrind saw no instruction of {directory}: has the program its debug information?")
    return Count(instructions, calls)


def _within(path: str, directory: str) -> bool:
    return os.path.dirname(os.path.normpath(path)) == directory


def complaints(figures: dict[str, Figures], bounds: dict[str, Bound]) -> list[str]:
    """Return a line for each of the *figures* that is above its bound."""
    return [
        f"{name} takes {value:.2f} {what} {unit}, above its bound of {bound:g}"
        for name, what, value, bound, unit in _compared(figures, bounds)
        if value > bound
    ]


def slack(figures: dict[str, Figures], bounds: dict[str, Bound]) -> list[str]:
    """Return a line for each of the *figures* that is far below its bound."""
    return [
        f"{name} takes {value:.2f} {what} {unit}, far less than its bound of {bound:g}: lower the bound"
        for name, what, value, bound, unit in _compared(figures, bounds)
        if value < (1 - SLACK) * bound
    ]


def _compared(figures: dict[str, Figures], bounds: dict[str, Bound]) -> list[tuple[str, str, float, float, str]]:
    return [
        (name, what, getattr(took, what), getattr(bounds[name], what), bounds[name].unit)
        for name, took in figures.items()
        for what in ("instructions", "calls")
    ]


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise Unable(f"there is no {name}; install it, e.g. apt-get install {os.path.basename(name)}")
    # It is run elsewhere.
    return os.path.abspath(path)


def _measure(name: str, program: str, valgrind: str, directory: str) -> Figures:
    """Let the *program* do the case *name* under *valgrind*, in a new directory below *directory*."""
    profile, tree = os.path.join(directory, f"{name}.profile"), os.path.join(directory, name)
    os.mkdir(tree)
    # Valgrind puts other things for what begins with "%".
    out = "--callgrind-out-file=" + profile.replace("%", "%%")
    # Without the variable it does not fetch debug information from the network.
    command = ["env", "-u", "DEBUGINFOD_URLS", valgrind, *CALLGRIND, out]
    units = int(run([*command, program, name, tree], f"counting {name}"))
    with open(profile, encoding="utf-8", errors="surrogateescape") as file:
        instructions, calls = count(file.read(), str(CHECKOUT / "csrc"))
    return Figures(units, instructions / units, calls / units)


def _show(figures: dict[str, Figures]) -> None:
    """Print a table."""
    print(f"{'':16}{'instructions':>14}{'bound':>8}{'calls':>8}{'bound':>8}")
    for name, took in figures.items():
        unit, most, most_calls = BOUNDS[name]
        print(f"{name:16}{took.instructions:14.2f}{most:8g}{took.calls:8.2f}{most_calls:8g}  {unit}")


def _as_json(figures: dict[str, Figures], compiler: str, valgrind: str) -> str:
    cases = {name: {**took._asdict(), "bound": BOUNDS[name]._asdict()} for name, took in figures.items()}
    return json.dumps({"compiler": compiler, "valgrind": valgrind, "cases": cases}, indent=1)


def _all_measured(names: list[str], gcc: str, valgrind: str) -> dict[str, Figures]:
    flags = FLAGS + FLAGS_OF_MACHINE.get(platform.machine(), [])
    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "instructions")
        source = str(HERE / "instructions.c")
        run([gcc, *flags, *LINKING, "-o", program, source], "compiling instructions.c")
        differ = BOUNDS.keys() ^ run([program], "listing the cases").split()
        if differ:
            raise Unable(f"instructions.c and BOUNDS do not have the same cases: {', '.join(sorted(differ))}")
        return {name: _measure(name, program, valgrind, directory) for name in names}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.instructions", description="Count the instructions that our C takes."
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"{', '.join(BOUNDS)} (default: all of them)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--compiler", metavar="GCC", default="gcc", help="another gcc, e.g. gcc-13")
    options = parser.parse_args(arguments)
    for name in options.cases:
        if name not in BOUNDS:
            parser.error(f"no case {name!r}; there are {', '.join(BOUNDS)}")
    try:
        valgrind, gcc = _program("valgrind"), _program(options.compiler)
        figures = _all_measured(options.cases or list(BOUNDS), gcc, valgrind)
        versions = [run([program, "--version"], program).splitlines()[0] for program in (gcc, valgrind)]
    except Unable as error:
        print(f"instructions: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(_as_json(figures, *versions))
    else:
        print(", ".join(versions))
        _show(figures)
    if platform.machine() != MACHINE:
        words = f"nothing was checked: the bounds are those of {MACHINE}, this is {platform.machine()}"
        print(f"instructions: {words}", file=sys.stderr)
        return 0
    above = complaints(figures, BOUNDS)
    for line in above + slack(figures, BOUNDS):
        print(f"instructions: {line}", file=sys.stderr)
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
