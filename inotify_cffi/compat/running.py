"""Run a whole program, and the Python programs that it starts, with a peer's watching done by ours.

Nothing of the program is changed: the folder ``site`` is put before all else on PYTHONPATH, so each Python that is
started reads the ``sitecustomize`` there, which waits for the peer to be imported.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Sequence

__all__ = ["VARIABLE", "main"]

# Which peers, and with what options: "watchdog", "watchdog:polling", with a comma between two.
VARIABLE = "INOTIFY_CFFI_COMPAT"

USAGE = """usage: python -m inotify_cffi.compat.{peer} {options}PROGRAM [ARGUMENT...]

PROGRAM is a command, a file that ends in .py, or "-m MODULE" or "-c CODE" for this Python.
"""


def main(peer: str, arguments: Sequence[str]) -> int:
    """Let the program take the place of this one. Returns 2 for wrong usage, 127 if it can not be run."""
    options = "[--polling] " if peer == "watchdog" else ""
    rest = list(arguments)
    asked = peer
    if options and rest[:1] == ["--polling"]:
        asked, rest = f"{peer}:polling", rest[1:]
    if not rest or rest[0] in ("-h", "--help"):
        (sys.stdout if rest else sys.stderr).write(USAGE.format(peer=peer, options=options))
        return 0 if rest else 2
    if rest[0].startswith("-") or rest[0].endswith(".py"):
        rest.insert(0, sys.executable)
    try:
        os.execvpe(rest[0], rest, _environment(peer, asked))  # noqa: S606  # there is none
    except OSError as error:
        sys.stderr.write(f"{rest[0]}: {error.strerror}\n")
        return 127


def _environment(peer: str, asked: str) -> dict[str, str]:
    """Return the environment of the program; another peer that is asked for already stays so."""
    environment = dict(os.environ)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")
    others = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each and each != folder]
    environment["PYTHONPATH"] = os.pathsep.join([folder, *others])
    before = [each for each in environment.get(VARIABLE, "").split(",") if each and each.split(":")[0] != peer]
    environment[VARIABLE] = ",".join([*before, asked])
    return environment
