"""The tables of docs/filesystems.md, made of what was tried."""

from __future__ import annotations

import platform
import re
import time
from typing import TYPE_CHECKING

from tests.filesystems import recipes

if TYPE_CHECKING:
    from tests.filesystems.trying import Outcome

BEGIN, END = "<!-- made by python -m tests.filesystems --page docs/filesystems.md: begin -->", "<!-- end -->"
HEAD = """| file system | type | what is seen | what is not | what the watcher does |
|---|---|---|---|---|"""
# It lists, for a while, what is not there; a watcher can not be right then.
LOOSE = {"rclone"}
NOTHING = "nothing can change"
HIDDEN = "`.fuse_hidden...`, as a file is called that is removed while it is open (reported: `{}`)"
SEES = {"all": "all", "own": "what is changed through the mount", "unknown": "what is changed through the mount"}


def put(path: str, outcomes: list[Outcome]) -> None:
    """Put the tables between the two marks of a page."""
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    made = f"{BEGIN}\n{_tables(outcomes)}\n{END}"
    text, count = re.subn(re.escape(BEGIN) + ".*" + re.escape(END), lambda _: made, text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"{path} has no place for the tables")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def is_wrong(outcome: Outcome) -> bool:
    """Whether what was tried is not what the library's own table says, or what it promises."""
    if outcome.wrong and outcome.name not in LOOSE:
        return True
    if outcome.repaired and outcome.sees == "all":
        return True
    if outcome.changed and outcome.sees == "all":
        # devtmpfs: what the kernel does there is reported.
        return not outcome.reported
    return outcome.resync_names is False


def _tables(outcomes: list[Outcome]) -> str:
    tried = [outcome for outcome in outcomes if not outcome.why_not]
    filled = {each.name for each in recipes.FILLED}
    rows = [_row(each) for each in tried if not (each.name in filled and each.changed)]
    kernel = [_row_filled(each) for each in tried if each.name in filled and each.changed]
    lines = [
        f"Tried on {time.strftime('%Y-%m-%d')}, Linux {platform.release()}, as root.",
        "",
        HEAD,
        *rows,
        "",
        "Those that the kernel fills:",
        "",
        "| file system | when | reported |",
        "|---|---|---|",
        *kernel,
    ]
    missing = [f"- {each.name}: {each.why_not}" for each in outcomes if each.why_not]
    if missing:
        lines += ["", "Could not be tried there:", "", *missing]
    return "\n".join(lines)


def _row(outcome: Outcome) -> str:
    seen = SEES[outcome.sees]
    misses = []
    if outcome.reported is not None:
        misses.append(
            "what is changed in the directory behind it"
            if not outcome.reported
            else f"most of what is changed behind it; reported was {', '.join(outcome.reported)}"
        )
    if outcome.maps == "nothing":
        misses.append("stores through mmap")
    if outcome.folds:
        misses.append("which spelling is stored, where a name is used in another one")
    if outcome.right is None and outcome.reported is None:
        seen, misses = NOTHING, []
    if outcome.hides:
        misses.append(HIDDEN.format(outcome.hides))
    does = []
    if outcome.right is not None:
        repaired = f", {outcome.repaired} more behind a `resync()`" if outcome.repaired else ""
        never = recipes.WORLDS - outcome.right - outcome.repaired
        lost = f", {never} not then either" if never else ""
        does.append(f"{outcome.right} of {recipes.WORLDS} random worlds right{repaired}{lost}")
    if outcome.shows is False:
        does.append("the mount itself does not show what there is then")
    elif outcome.resync_names is not None:
        names = "tells what came and went" if outcome.resync_names else "does not tell what went"
        contents = {None: "", True: ", and what was written", False: ", not what was written"}
        does.append(f"`resync()` {names}{contents[outcome.resync_contents]}")
    does += [outcome.note] if outcome.note else []
    return (
        f"| {outcome.name} | `{outcome.kind}` | {seen} | {'; '.join(misses) or '-'} | {'; '.join(does) or '-'} |"
    )


def _row_filled(outcome: Outcome) -> str:
    reported = ", ".join(f"`{each}`" for each in outcome.reported or ()) or "nothing"
    note = f"; {outcome.note}" if outcome.note else ""
    return f"| {outcome.name} | {outcome.changed} | {reported}{note} |"
