"""Run the programs; see the package."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from typing import List

from tests.writers.page import replaced, row
from tests.writers.programs import PROGRAMS, Program
from tests.writers.recording import record, version_of


def main() -> int:
    """Return 1 if something was told wrongly, 2 if a program could not be run as it should."""
    parser = argparse.ArgumentParser(prog="python -m tests.writers", description=__doc__)
    parser.add_argument("names", nargs="*", help="those whose name has this in it; all")
    parser.add_argument("--quick", action="store_true", help="the quick ones only")
    parser.add_argument("--env", help="where the environment with the packages is, or is made; a temporary one")
    parser.add_argument("--page", help="write the table into this page")
    options = parser.parse_args()
    chosen = [
        program
        for program in PROGRAMS
        if (not options.names or any(name in program.name for name in options.names))
        and (program.is_quick or not options.quick)
    ]
    with tempfile.TemporaryDirectory() as directory:
        python = environment(options.env or directory, chosen)
        return run(chosen, python, options.page)


def environment(directory: str, programs: List[Program]) -> str:
    """Have an environment with the packages of these programs; its interpreter."""
    python = os.path.join(directory, "bin", "python")
    packages = sorted({program.package for program in programs if program.package})
    if packages:
        if not os.path.exists(python):
            venv.create(directory, with_pip=True, symlinks=True)
        pip = [
            python,
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--only-binary=:all:",
            *packages,
        ]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    return python


def run(programs: List[Program], python: str, page: str | None) -> int:
    """Run each, print a line for each and what is wrong; the exit code."""
    rows, wrong, failed, skipped = [], 0, 0, 0
    for program in programs:
        version = version_of(program)
        if not version:
            skipped += 1
            print(f"skipped  {program.name}: {program.version.split()[0]} is not installed")
            continue
        try:
            recording = record(program, python)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"failed   {program.name}: {error}\n{getattr(error, 'output', b'') or b''!r}")
            continue
        print(f"{'wrong' if recording.verdict else 'right':8} {program.name} {version}")
        for fault in recording.verdict:
            print(f"         {fault}")
        wrong += bool(recording.verdict)
        rows.append(row(program, version, recording))
    print(f"{len(rows)} programs, {wrong} wrong, {failed} failed, {skipped} skipped")
    if page is not None:
        with open(page, encoding="utf-8") as stream:
            text = stream.read()
        with open(page, "w", encoding="utf-8") as stream:
            stream.write(replaced(text, rows, time.strftime("%Y-%m-%d")))
    return 1 if wrong else 2 if failed else 0


sys.exit(main())
