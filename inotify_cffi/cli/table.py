"""Tables for pipes and plain terminals, also for narrow ones."""

from __future__ import annotations

import argparse
import unicodedata
from typing import Sequence, Tuple

__all__ = ["fitted", "number_of_rows", "table"]

MARK = "…"

# The names of columns from long to short, the gap between two, and how much has to be left for a path.
FORMS = ((None, 2, 20), (3, 1, 12), (1, 1, 8))

Row = Tuple[Tuple[int, ...], str]


def number_of_rows(text: str) -> int:
    """Return the number of rows that an option asks for."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rows")
    return int(text)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return lines with columns: numbers to the right, the rest to the left.

    Args:
        head: the columns' names.
        rows: their values.

    """
    cells = [[value if isinstance(value, str) else str(value) for value in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    right = [bool(rows) and all(isinstance(row[column], int) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right)
        ).rstrip()
        for row in cells
    ]
    return "\n".join(lines) + "\n"


def fitted(head: Sequence[str], rows: Sequence[Row], width: int, *, short: str) -> str:
    """Return a table of counts and what they are about, no wider than *width*, with every count that is not 0.

    What they are about is cut in the middle, for a path says most at its ends. Where there is little room, the
    names of columns are shortened; then columns that are all 0 are left out; then each row takes several lines.

    Args:
        head: the names of the counts, and that of what they are about.
        rows: the counts, and a text.
        width: the columns of the terminal.
        short: stands for the last row's text where that has no room.

    """
    *names, last = head
    counted = [column for column in range(len(names)) if any(counts[column] for counts, _ in rows)] or [0]
    for columns in (list(range(len(names))), counted):
        shown = [(tuple(counts[column] for column in columns), text) for counts, text in rows]
        for letters, gap, least in FORMS:
            titles = [names[column][:letters] for column in columns]
            widths = [
                max(len(title), *(len(str(counts[place])) for counts, _ in shown))
                for place, title in enumerate(titles)
            ]
            left = width - sum(widths) - gap * len(widths)
            if left >= min(least, max(size(text) for text in (last, *(text for _, text in shown)))):
                lines = [(titles, last), *(([str(count) for count in counts], text) for counts, text in shown)]
                if size(lines[-1][1]) > left:
                    lines[-1] = (lines[-1][0], short)
                return "".join(
                    (" " * gap).join([*(cell.rjust(room) for cell, room in zip(cells, widths)), cut(text, left)])
                    + "\n"
                    for cells, text in lines
                )
    return "".join(_stacked(names, row, width) for row in rows)


def _stacked(names: Sequence[str], row: Row, width: int) -> str:
    counts, text = row
    lines = [cut(text, width), ""]
    for name, count in zip(names, counts):
        word = f" {name[0]}{count}"
        if count and len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += word if count else ""
    return "".join(f"{line}\n" for line in lines if line)


def size(text: str) -> int:
    """Return the columns that a text takes on a terminal: two for each wide character, none for a mark on one."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def cut(text: str, width: int) -> str:
    """Return a text without its middle, if it takes more columns than *width*."""
    if size(text) <= width:
        return text
    room = max(width - 1, 0)
    begin = end = 0
    # From both ends, a character each in turn, its end first.
    while True:
        if begin < end:
            if size(text[: begin + 1]) + size(text[len(text) - end :]) > room:
                break
            begin += 1
        else:
            if size(text[:begin]) + size(text[len(text) - end - 1 :]) > room:
                break
            end += 1
    return text[:begin] + MARK + text[len(text) - end :] if width > 0 else ""
