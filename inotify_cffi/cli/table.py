"""Tables for pipes and plain terminals."""

from __future__ import annotations

import argparse
from typing import Sequence

__all__ = ["number_of_rows", "table"]


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
