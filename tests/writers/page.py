"""The page docs/writers.md: a row for each program, made of what was recorded."""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING, List

from inotify_cffi import Mask
from tests.writers.recording import SETTLE_S

if TYPE_CHECKING:
    from tests.writers.programs import Program
    from tests.writers.recording import Recording

BEGIN, END = "<!-- made by python -m tests.writers --page docs/writers.md: begin -->", "<!-- end -->"
HEAD = """| program, version | what the directory sees of one file | `inotify_closed` | `inotify_settled` | to do |
|---|---|---|---|---|"""
MOST_WORDS = 14
# As they stand in the table; what is not here is left out.
WORDS = (
    (Mask.CREATE, "create"),
    (Mask.MODIFY, "write"),
    (Mask.ATTRIB, "attributes"),
    (Mask.CLOSE_WRITE, "close"),
    (Mask.MOVED_TO, "rename"),
    (Mask.DELETE, "delete"),
)


def row(program: Program, version: str, recording: Recording) -> str:
    """Return the row of a program."""
    main = _main_file(recording)
    return f"| {program.name}, {version} | {_seen(recording, main)} | {_closed(recording, main)} | {_settled(recording, main)} | {program.recipe} |"


def _main_file(recording: Recording) -> str:
    """Return the final name of the file of which most was told."""
    last = [one.path for one in recording.finished if one.content]
    if not last:
        return ""
    return max(set(last), key=lambda name: (sum(name == seen for _, seen, _ in recording.events), name))


def _names(recording: Recording, main: str) -> List[str]:
    """Return the names that a file had, the first one first."""
    names = [main]
    for mask, name, old in reversed(recording.events):
        if mask & Mask.MOVED_TO and name == names[0] and old is not None and old not in names:
            names.insert(0, old)
    return names


def _seen(recording: Recording, main: str) -> str:
    names = _names(recording, main)
    sizes = {name: [size for seen, size in recording.closes if seen == name] for name in names}
    said: List[str] = []
    for mask, name, _ in recording.events:
        word = next((word for flag, word in WORDS if mask & flag), None)
        if name not in names or word is None or mask & Mask.ISDIR:
            continue
        if word == "close" and sizes[name]:
            word = "close (0 B)" if sizes[name].pop(0) == 0 else word
        elif word == "rename":
            word = f"rename to `{_short(name)}`"
        if len(names) > 1 and not said:
            said.append(f"`{_short(name)}`:")
        said.append(word)
    text = re.sub(r"\bwrite( write)+", "writes", " ".join(said))
    text = re.sub(r"\battributes( attributes)+", "attributes", text)
    words = re.findall(r"rename to `[^`]*`|close \(0 B\)|\S+", text)
    return " ".join(words[:MOST_WORDS] + ["..."] * (len(words) > MOST_WORDS)) or "nothing"


def _short(name: str) -> str:
    """Return a name, with what is random in it as X: six characters or more, not all of one kind."""
    return re.sub(r"[A-Za-z0-9_]{6,}", _if_random, name)


def _if_random(found: re.Match[str]) -> str:
    word = found[0]
    known = re.match(r"sed|XX|tmp|zi", word)
    rest = word[known.end() :] if known else word
    is_random = sum(bool(re.search(kind, rest)) for kind in ("[a-z]", "[A-Z]", "[0-9]")) > 1
    return f"{known[0] if known else ''}X" if is_random else word


def _closed(recording: Recording, main: str) -> str:
    names = _names(recording, main)
    of_it = [(name, size) for name, size in recording.closes if name in names]
    final = [size for name, size in of_it if name == main]
    if not of_it:
        return "never"
    if not final:
        return f"{_times(len(of_it))}, by the temporary name only"
    return f"{_times(len(final))}{', the first on an empty file' if final[0] == 0 and len(final) > 1 else ''}"


def _settled(recording: Recording, main: str) -> str:
    of_it = [one for one in recording.finished if one.path in _names(recording, main)]
    before = [one for one in of_it if one.path != main]
    told = [one for one in of_it if one.path == main]
    parts = []
    if before:
        parts.append("also by the temporary name")
    parts.append(_times(len(told)) + (", at its end" if len(told) == 1 else ", the last at its end"))
    parts.append("/".join(sorted({one.evidence for one in told})))
    return ", ".join(parts)


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def replaced(text: str, rows: List[str], date: str) -> str:
    """Return the page with these rows."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    kernel = ".".join(platform.release().split(".")[:2])
    made = f"Made on {date}, Linux {kernel}, ext4, {len(rows)} programs, with `--settle {SETTLE_S}`."
    return "\n".join([f"{before}{BEGIN}", made, "", HEAD, *rows, f"{END}{after}"])
