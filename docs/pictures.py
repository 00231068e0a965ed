"""Make all pictures of the documentation anew: ``python docs/pictures.py``; with ``--check`` say which are old.

- ``architecture.svg``: the folders and their imports (``picture.py``);
- ``pictures/performance.svg``: what each contender takes, from the table that ``python -m benchmarks`` has written
  into the documentation. That table is the stored result, so the picture is never of another run;
- ``pictures/terminal.svg``: what a terminal shows when the commands in ``SESSION`` are run, in a temporary
  directory. It is drawn by rich (the extra ``cli``), and checked by its text, which the file holds besides.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import re
import subprocess
import sys
import tempfile
from html import escape, unescape
from pathlib import Path
from typing import NamedTuple

import picture

HERE = Path(__file__).resolve().parent
PAGE = HERE / "performance.md"
PERFORMANCE = HERE / "pictures" / "performance.svg"
TERMINAL = HERE / "pictures" / "terminal.svg"
TABLE = re.compile(r"<!-- benchmarks begin -->\n(.*?)<!-- benchmarks end -->", re.DOTALL)


# --- the terminal ---


class Step(NamedTuple):
    """A command that is typed, and how many lines the watcher prints of what it does."""

    command: str
    lines: int


WATCH = "inotify-cffi watch incoming"
SESSION = (
    Step("mkdir -p incoming/2026/07", 2),
    Step("echo hello > incoming/2026/07/a.part", 3),
    Step("mv incoming/2026/07/a.part incoming/2026/07/a.txt", 2),
    Step("mv incoming/2026 incoming/archive", 2),
    Step("echo again >> incoming/archive/07/a.txt", 2),
    Step("rm -r incoming/archive", 3),
)
COLOUR = re.compile("\x1b\\[[0-9;]*m")
SHOWN = re.compile(r"<desc>(.*?)</desc>", re.DOTALL)
WIDTH = 76


def recorded() -> str:
    """Run the session and return what a terminal would show of it, with its colours."""
    program = [sys.executable, "-m", "inotify_cffi", *WATCH.split()[1:], "--color", "always"]
    told = [f"$ {WATCH} &"]
    with tempfile.TemporaryDirectory() as place:
        Path(place, "incoming").mkdir()
        # In a directory of its own: Python takes what is in the working directory first.
        with subprocess.Popen(
            program, cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            if process.stdout is None:
                raise SystemExit("there is no output")
            told.append(process.stdout.readline())
            for step in SESSION:
                told.append(f"$ {step.command}")
                subprocess.run(["sh", "-ec", step.command], cwd=place, check=True)
                told += [process.stdout.readline() for _ in range(step.lines)]
            process.terminate()
    return "".join(f"{line.rstrip()}\n" for line in told)


def screen(session: str) -> str:
    """Return the picture of a session; its text without colours is the description in it."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="standard")
    for line in session.splitlines():
        console.print(Text(line, style="bold") if line.startswith("$ ") else Text.from_ansi(line))
    svg = console.export_svg(title="inotify-cffi", unique_id="terminal")
    # No font from elsewhere: the width of each piece of text is given anyway.
    svg = re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL).replace("Fira Code", "ui-monospace")
    svg = re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)
    head, mark, rest = svg.partition(">")
    return f"{head}{mark}\n<desc>{escape(COLOUR.sub('', session))}</desc>{rest}"


def shown() -> str:
    """Return the text of the session in the picture that is there."""
    found = SHOWN.search(TERMINAL.read_text(encoding="utf-8")) if TERMINAL.exists() else None
    return unescape(found[1]) if found else ""


# --- the figures ---

# The rows of the table that are drawn, and what the picture calls them.
ROWS = {
    "drain 200,000 events, tree of 10,000": "an event, from a full queue (ratio to C)",
    "crawl 10,000 directories": "a directory, at the start (ratio to C)",
    "rename, 10,000 directories below": "a rename above 10,000 directories (ratio to C)",
    "memory a directory (bytes)": "memory of a directory (bytes)",
    "latency, p50": "from a write to the handler, median (ratio to C)",
}
OURS = "inotify_cffi"
LEFT, BAR, LINE, PANEL = 190, 560, 20, 34
STYLE = (
    "text{font-family:sans-serif;font-size:12px;fill:#222}.title{font-size:13px;font-weight:bold}"
    ".note{fill:#666}.ours{fill:#2f6f4f}.other{fill:#b8c4cf}.limit{stroke:#c9a400}"
)


def figures() -> tuple[str, dict[str, dict[str, float]]]:
    """Return where the table's figures come from, and each row that is drawn: contender to figure."""
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    text = found[1] if found else ""
    rows_of_text = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    lines = [[cell.strip() for cell in line] for line in rows_of_text]
    names = lines[0]
    rows = {line[0]: dict(zip(names[2:], map(figure, line[2:]))) for line in lines[2:]}
    missing = [row for row in ROWS if row not in rows]
    if missing:
        raise SystemExit(f"the table has no row {missing[0]!r}")
    kept = {row: {who: value for who, value in rows[row].items() if value is not None} for row in ROWS}
    return text.split("\n", 1)[0].split(" No figure:")[0], kept


def figure(cell: str) -> float | None:
    """Return the number of a cell; None where there is none."""
    found = re.match(r"([\d,]+(?:\.\d+)?)(?:$|, (?!\d))", cell)
    return float(found[1].replace(",", "")) if found else None


def bars() -> str:
    """Return the picture of the table, with a logarithmic scale."""
    source, rows = figures()
    parts: list[str] = []
    top = 20
    for row, title in ROWS.items():
        parts.append(label(10, top + 4, title, "title"))
        top = panel(parts, top + 10, rows[row], least=10.0 if "bytes" in title else 0.5)
    note = "Less is better; the scale is logarithmic; the line is a C program with the same system calls."
    for piece in (note, *re.findall(r".{1,130}(?:\s|$)", source)):
        parts.append(label(10, top, piece.strip(), "note"))
        top += 16
    wide = LEFT + BAR + 90
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {top}" width="{wide}">'
    ground = f'<rect width="{wide}" height="{top}" fill="#fff"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", ground, *parts, "</svg>"]) + "\n"


def panel(parts: list[str], top: int, values: dict[str, float], *, least: float) -> int:
    """Add the bars of one row, the best first, and the line of C for ratios; where the next one begins."""
    least = min(least, *values.values())
    scale = BAR / math.log(max(values.values()) / least)
    begin = top
    one = LEFT - scale * math.log(least)
    for who, value in sorted(values.items(), key=lambda item: item[1]):
        width = max(2.0, scale * math.log(value / least))
        kind = "ours" if who.startswith(OURS) else "other"
        text = f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
        parts.append(label(10, top + 14, who, "ours" if kind == "ours" else "name"))
        parts.append(f'<rect class="{kind}" x="{LEFT}" y="{top + 3}" width="{width:.0f}" height="14"/>')
        end = max(LEFT + width, one) if value < 1 else LEFT + width
        parts.append(label(int(end + 6), top + 14, text, "name"))
        top += LINE
    if least < 1:
        parts.append(
            f'<line class="limit" x1="{one:.0f}" y1="{begin}" x2="{one:.0f}" y2="{top}" stroke-width="2"/>'
        )
    return top + PANEL


def label(x: int, y: int, text: str, kind: str) -> str:
    """Return one piece of text."""
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>'


# --- all ---


def old() -> list[str]:
    """Return the names of the pictures that are not those of today."""
    stale = []
    if not picture.PICTURE.exists() or picture.PICTURE.read_text(encoding="utf-8") != picture.drawn():
        stale.append("architecture.svg")
    if not PERFORMANCE.exists() or PERFORMANCE.read_text(encoding="utf-8") != bars():
        stale.append("pictures/performance.svg")
    if shown() != COLOUR.sub("", recorded()):
        stale.append("pictures/terminal.svg")
    return stale


def main() -> int:
    """Write them, or check."""
    parser = argparse.ArgumentParser(description="Make the pictures of the documentation anew.")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if one is old")
    if parser.parse_args().check:
        stale = old()
        for name in stale:
            print(f"docs/{name} is old; run: python docs/pictures.py")
        return 1 if stale else 0
    PERFORMANCE.parent.mkdir(exist_ok=True)
    picture.PICTURE.write_text(picture.drawn(), encoding="utf-8")
    PERFORMANCE.write_text(bars(), encoding="utf-8")
    TERMINAL.write_text(screen(recorded()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    os.environ.pop("NO_COLOR", None)
    sys.exit(main())
