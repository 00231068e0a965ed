"""The versions that the programs are tried with: constraints.txt, as pip freeze has written it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Dict

if TYPE_CHECKING:
    from tests.compat.programs.programs import Program

CONSTRAINTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "constraints.txt")
PEERS = ("watchdog", "watchfiles")
# Tried besides, where the program works with it.
NEWEST = {"watchdog": "7.1.0"}


def versions() -> Dict[str, str]:
    """Return the version of each package."""
    with open(CONSTRAINTS, encoding="ascii") as file:
        return dict(line.split("==") for line in file.read().split())


def title(program: Program, found: Dict[str, str]) -> str:
    """Return a program with the versions of its own packages and of its peer."""
    packages = dict.fromkeys((*program.packages, program.peer))
    return f"{program.name}: {', '.join(f'{package} {found[package]}' for package in packages)}"
