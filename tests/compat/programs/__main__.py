"""Run the programs; see the package."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from typing import TYPE_CHECKING, Dict, List

from tests.compat.programs.programs import PROGRAMS
from tests.compat.programs.running import Missing, attempt
from tests.compat.programs.versions import CONSTRAINTS, NEWEST, PEERS, title, versions

if TYPE_CHECKING:
    from tests.compat.programs.programs import Program
    from tests.compat.programs.running import Attempt

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
LEAST = (3, 11)
NOT_OF_THE_SOURCES = shutil.ignore_patterns(".*", "build", "*.so", "*.egg-info", "__pycache__")


def main(arguments: List[str]) -> int:
    """Return 1 if a program was not reloaded by a watcher of ours, or without it the check has not said so."""
    parser = argparse.ArgumentParser(prog="python -m tests.compat.programs", description=__doc__)
    parser.add_argument("names", nargs="*", help="those whose name has this in it; all")
    parser.add_argument("--env", help="where the environment with the packages is, or is made; a temporary one")
    options = parser.parse_args(arguments)
    chosen = [one for one in PROGRAMS if not options.names or any(name in one.name for name in options.names)]
    if sys.version_info < LEAST or platform.python_implementation() != "CPython":
        print(f"SKIPPED [{len(chosen)}] the programs are for CPython {'.'.join(map(str, LEAST))} and newer")
        print(f"0 passed, 0 failed, {len(chosen)} skipped")
        return 0
    with tempfile.TemporaryDirectory(prefix="programs-") as directory:
        python = environment(options.env or os.path.join(directory, "env"), chosen)
        right = [judge(program, python, directory, versions()) for program in chosen]
        again = [program for program in chosen if program.peer in NEWEST and program.takes_newest]
        if again:
            install(python, "--no-deps", *(f"{peer}=={version}" for peer, version in NEWEST.items()))
            right += [judge(program, python, directory, {**versions(), **NEWEST}) for program in again]
    print(f"{right.count(True)} passed, {right.count(False)} failed, 0 skipped")
    return 0 if right and all(right) else 1


def environment(directory: str, programs: List[Program]) -> str:
    """Have an environment with the packages of these programs, the peers, and this checkout; its interpreter."""
    python = os.path.join(directory, "bin", "python")
    if not os.path.exists(python):
        venv.create(directory, with_pip=True, symlinks=True)
    packages = sorted({package for program in programs for package in (*program.packages, program.peer)})
    install(python, "--only-binary=:all:", "-c", CONSTRAINTS, *packages)
    with tempfile.TemporaryDirectory() as copy:
        # A build leaves files beside the sources.
        shutil.copytree(ROOT, copy, ignore=NOT_OF_THE_SOURCES, dirs_exist_ok=True)
        install(python, "--force-reinstall", "--no-deps", copy)
        install(python, "-c", CONSTRAINTS, f"inotify_cffi[{','.join(PEERS)}]")
    return python


def install(python: str, *arguments: str) -> None:
    """Have pip install something in an environment."""
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)


def judge(program: Program, python: str, directory: str, found: Dict[str, str]) -> bool:
    """Run a program with ours and without; print what came of it, and return True if all is right."""
    begun = time.monotonic()
    results, faults = {}, []
    for ours in (True, False):
        place = tempfile.mkdtemp(dir=directory)
        try:
            results[ours] = attempt(program, python, place, ours=ours)
        except Missing as error:
            faults.append(f"{'with ours' if ours else 'without ours'}: {error}")
        finally:
            shutil.rmtree(place, ignore_errors=True)
    if len(results) == 2:
        faults += compared(program, results[True], results[False])
    print(f"{'wrong' if faults else 'right':6} {title(program, found)} ({time.monotonic() - begun:.0f} s)")
    for ours, result in results.items():
        print(f"       {'with ours' if ours else 'without':10}{told(result)}")
    for fault in faults:
        print(f"       ! {fault}")
    if not faults:
        print(f"       without it the check says: {'; '.join(results[False].faults(program))}")
    sys.stdout.flush()
    return not faults


def compared(program: Program, ours: Attempt, own: Attempt) -> List[str]:
    """Return what is wrong in the two runs."""
    faults = ours.faults(program)
    if not own.faults(program):
        faults.append("without ours the check finds a watcher of ours all the same")
    if own.notes.get("ours") or not (own.notes.get("theirs") or own.notes.get("polled")):
        faults.append(f"without ours it has not watched by {program.peer}: {own.notes}")
    if own.has_ended and not ours.has_ended:
        faults.append("Ctrl-C does not end it")
    return faults + ([ours.said] if faults else [])


def told(result: Attempt) -> str:
    """Return the figures of a run in words."""
    noticed = "" if result.noticed_s is None else f"noticed the change in {1000 * result.noticed_s:.0f} ms, "
    notes = ", ".join(f"{count} {what}" for what, count in sorted(result.notes.items()))
    return (
        f"ready in {result.ready_s:.1f} s, {noticed}reloaded in {1000 * result.reloaded_s:.0f} ms; {notes}; "
        f"{result.of_ours} of {result.instances} instances in a process with a watcher of ours"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
