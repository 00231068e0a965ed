"""From readings to a table: medians and spread, as ratios to the C limit, with what went wrong beside them."""

from __future__ import annotations

import datetime as dt
import math
import os
import platform
import re
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.context import LIMIT, TIMES

if TYPE_CHECKING:
    from benchmarks.context import Reading, Row

__all__ = ["BEGIN", "END", "Cell", "Line", "Report", "machine", "markdown", "replace_marked", "text"]

BEGIN = "<!-- benchmarks begin -->"
END = "<!-- benchmarks end -->"
NOTHING = "\N{EN DASH}"
FAILED = "failed: "
# One way to use this library: "inotify_cffi (hook) on PyPy".
WAY = re.compile(r"(inotify_cffi) \((.*?)\)(.*)")


class Cell(NamedTuple):
    """One contender's figures for one line."""

    values: list[float]
    notes: list[str]

    @property
    def median(self) -> float | None:
        """The median of all runs; None if there is no figure."""
        return statistics.median(self.values) if self.values else None


class Line(NamedTuple):
    """One line of the table."""

    label: str
    unit: str
    ratio: bool
    cells: dict[str, Cell]

    def shown(self, who: str) -> list[float]:
        """Return the figures of *who* as they are shown: the median, the least, the greatest."""
        cell = self.cells.get(who)
        if cell is None or cell.median is None:
            return []
        figures = [cell.median, min(cell.values), max(cell.values)]
        limit = self.cells.get(LIMIT)
        if self.ratio and who != LIMIT and limit is not None and limit.median:
            return [figure / limit.median for figure in figures]
        return figures


class Report:
    """Collects the readings of all runs."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self._rows: dict[str, str] = {}

    def add(self, row: Row, who: str, readings: list[Reading]) -> None:
        """Add what one run of *who* gave for *row*."""
        for reading in readings:
            line = self.lines.setdefault(reading.line, Line(reading.line, row.unit, row.ratio, {}))
            self._rows[reading.line] = row.name
            cell = line.cells.setdefault(who, Cell([], []))
            if reading.value is not None:
                cell.values.append(reading.value)
            if reading.note and reading.note not in cell.notes:
                cell.notes.append(reading.note)

    def fail(self, row: Row, who: str, words: str) -> None:
        """Note in each line of *row* that *who* failed; where no one has measured it yet, in a line of its own."""
        labels = [label for label in self.lines if self._rows.get(label) == row.name] or [row.name]
        for label in labels:
            line = self.lines.setdefault(label, Line(label, row.unit, row.ratio, {}))
            self._rows[label] = row.name
            line.cells.setdefault(who, Cell([], [])).notes.append(f"{FAILED}{words}")

    def order(self, names: list[str]) -> None:
        """Put the cells of each line into this order."""
        for line in self.lines.values():
            for who in names:
                if who in line.cells:
                    line.cells[who] = line.cells.pop(who)

    def add_growth(self, labels: dict[int, str]) -> None:
        """Add how the cost of a whole grows with its size, given the lines with the cost of one, by size."""
        sizes = sorted(labels)
        if len(sizes) < 2:
            return
        small, large = self.lines[labels[sizes[0]]], self.lines[labels[sizes[-1]]]
        label = f"growth of the crawl, {sizes[0]:,} to {sizes[-1]:,} (exponent)"
        line = self.lines.setdefault(label, Line(label, "", False, {}))
        for who, cell in large.cells.items():
            before = small.cells[who].median if who in small.cells else None
            if cell.median and before:
                exponent = 1 + math.log(cell.median / before) / math.log(sizes[-1] / sizes[0])
                line.cells[who] = Cell([exponent], [])

    def contenders(self) -> list[str]:
        """Return all who have a cell, in the order in which they came."""
        return list(dict.fromkeys(who for line in self.lines.values() for who in line.cells))

    def as_json(self) -> list[dict[str, Any]]:
        """Return all figures, not only those that are shown."""
        return [
            {
                "line": line.label,
                "unit": line.unit,
                "ratio_to_limit": line.ratio,
                "cells": {
                    who: {
                        "median": cell.median,
                        "shown": line.shown(who)[0] if cell.values else None,
                        "values": cell.values,
                        "notes": cell.notes,
                    }
                    for who, cell in line.cells.items()
                },
            }
            for line in self.lines.values()
        ]


def _number(value: float) -> str:
    if value == 0:
        return "0"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _cell(line: Line, who: str, *, spread: bool) -> str:
    cell = line.cells.get(who)
    if cell is None:
        return NOTHING
    figures = line.shown(who)
    parts = []
    if figures:
        median, least, greatest = figures
        parts.append(_number(median))
        if spread and len(cell.values) > 1:
            parts[0] += f" ({_number(least)} to {_number(greatest)})"
        if who == LIMIT and line.unit:
            parts[0] += f" {line.unit}"
    return ", ".join([*parts, *cell.notes]) or NOTHING


def _label(line: Line) -> str:
    return line.label if line.ratio or not line.unit else f"{line.label} ({line.unit})"


def _folded(report: Report) -> list[Line]:
    """Return the lines with a line of its own for each way of one contender: the columns are for contenders."""
    lines = []
    for line in report.lines.values():
        ways: dict[str, dict[str, Cell]] = {"": {}}
        for who, cell in line.cells.items():
            found = WAY.fullmatch(who)
            name, way = (found[1] + found[3], found[2]) if found else (who, "")
            ways.setdefault(way, {})[name] = cell
        for way, cells in ways.items():
            limit = {LIMIT: line.cells[LIMIT]} if LIMIT in line.cells else {}
            lines.append(
                line._replace(label=f"{line.label}, {way}" if way else line.label, cells={**limit, **cells})
            )
    return lines


def _rows(lines: list[Line]) -> list[list[str]]:
    names = list(dict.fromkeys(who for line in lines for who in line.cells))
    header = ["", *("C limit" if name == LIMIT else name for name in names)]
    body = [[_label(line), *(_brief(line, name) for name in names)] for line in lines]
    return [header, *body]


def _brief(line: Line, who: str) -> str:
    """Return a cell for the page: the words of a failure are in the JSON file and on the terminal."""
    cell = line.cells.get(who)
    if cell is not None and any(note.startswith(FAILED) for note in cell.notes):
        return "no figure"
    return _cell(line, who, spread=False)


def text(lines: list[Line]) -> str:
    """Return lines for a terminal: a block for each, a line of text for each contender."""
    blocks = []
    width = max((len(who) for line in lines for who in line.cells), default=0)
    for line in lines:
        kind = f"{TIMES} C, whose own figure is in {line.unit}" if line.ratio else line.unit
        blocks.append(f"{line.label}{f'  [{kind}]' if kind else ''}")
        blocks += [f"  {who:<{width}}  {_cell(line, who, spread=True)}" for who in line.cells]
    return "\n".join(blocks)


def markdown(report: Report, about: dict[str, Any]) -> str:
    """Return the table for the page: medians, and where they come from."""
    rows = _rows(_folded(report))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    means = (
        f"Ratios to a C program with the same system calls, or as said; medians of {about['runs']} interleaved "
        f"runs of `{about['command']}` on {about['date']}. {about['processor']}, {about['processors']} cores, "
        f"Linux {about['kernel']}, {about['file_system']}, {', '.join(about['interpreters'])}; {versions}. "
        "No figure: it failed, or did not come to its end in time; --json says which."
    )
    return "\n".join([means, "", *lines])


def machine(where: str) -> dict[str, Any]:
    """Return what the figures depend on."""
    processor = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
    best, kind = "", "?"
    with open("/proc/self/mounts", encoding="utf-8", errors="replace") as file:
        for line in file:
            _, point, found, *_ = line.split()
            if (os.path.realpath(where) + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
                best, kind = point, found
    return {
        "date": dt.datetime.now(tz=dt.timezone.utc).date().isoformat(),
        "processor": processor,
        "processors": os.cpu_count(),
        "kernel": platform.release(),
        "file_system": kind,
    }


def replace_marked(document: str, table: str) -> str:
    """Return *document* with what is between the markers replaced. Raises ValueError without markers."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} and {END} to write between")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"
