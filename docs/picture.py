"""Draw the folders of the package and an event's way: ``python docs/picture.py`` writes ``docs/architecture.svg``.

The floors are those of the contract in ``pyproject.toml``, the modules and the imports between them are read from
the sources. An event's way names a module for each step, and a step whose module is not there is an error. With
``--check`` nothing is written: the exit code is 1 where the picture is not that of the sources.
"""

from __future__ import annotations

import ast
import sys
from html import escape
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOP = Path(__file__).resolve().parent.parent
PACKAGE = "inotify_cffi"
PICTURE = TOP / "docs" / "architecture.svg"
CONTRACT = "floors depend downwards only"

# One event's way, of a file that is closed after it was written: the module, and what it does.
WAY = (
    ("kernel.poller", "the descriptor is readable"),
    ("tree.intake", "one read(2)"),
    ("tree.plain", "applied to the ledger, in C"),
    ("ledger.storage", "the name is known, and its path"),
    ("events", "an Event"),
    ("watching.reading", "ready to be handed out"),
    ("watcher", "handed out"),
    ("hooks.dispatch", "each plugin, guarded"),
)

WIDTH = 1000
LEFT = 130
ROW = 22
PAD = 10
PER_ROW = 7
STYLE = (
    "text{font-family:sans-serif;font-size:11px;fill:#222}.title{font-size:13px;font-weight:bold}"
    ".needs{fill:#666}.floor{fill:#f4f6f8;stroke:#c3ccd5}.room{fill:#fff;stroke:#b8c4cf}"
    ".step{fill:#fff3c4;stroke:#c9a400}"
)


def floors() -> list[list[str]]:
    """Return the floors from the top down, each with the names of its folders and modules."""
    with (TOP / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["name"] == CONTRACT)
    return [[name.strip().split(".", 1)[1] for name in layer.split("|")] for layer in layers]


def modules() -> dict[str, set[str]]:
    """Return what each module of the package imports of it, by names without the package's."""
    found = {}
    for path in sorted((TOP / PACKAGE).rglob("*.py")):
        if path.stem not in ("__init__", "__main__"):
            name = ".".join(path.relative_to(TOP / PACKAGE).with_suffix("").parts)
            found[name] = imported(ast.parse(path.read_text(encoding="utf-8")))
    return {name: {other for other in others if other in found} for name, others in found.items()}


def imported(module: ast.AST) -> set[str]:
    """Return what a module imports of the package, also for annotations."""
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            inside = node.module.split(".")[1:]
            names.update(".".join([*inside, alias.name]) for alias in node.names)
            names.add(".".join(inside))
    return names


def drawn() -> str:
    """Return the picture, as SVG."""
    found, levels = modules(), floors()
    missing = [step for step, _ in WAY if step not in found]
    if missing:
        raise SystemExit(f"the way of an event has modules that are not there: {', '.join(missing)}")
    floor_of = {name: names for names in levels for name in names}
    homeless = [name for name in found if name.split(".")[0] not in floor_of]
    if homeless:
        raise SystemExit(f"on no floor of the contract in pyproject.toml: {', '.join(homeless)}")
    parts: list[str] = []
    top = PAD
    for names in levels:
        for folder in [name for name in names if any(module.startswith(name + ".") for module in found)]:
            rooms = [module for module in found if module.startswith(folder + ".")]
            top = draw_floor(parts, top, folder + "/", rooms, needs(found, {folder}))
        single = [name for name in names if name in found]
        if single:
            top = draw_floor(parts, top, "", single, needs(found, set(single)))
    for number, (module, text) in enumerate(WAY, 1):
        parts.append(label(20, top + 14, f"{number}  {module}: {text}", "way"))
        top += 18
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + PAD}" width="{WIDTH}">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>"]) + "\n"


def needs(found: dict[str, set[str]], names: set[str]) -> str:
    """Return what a floor imports from, and how often."""
    counts: dict[str, int] = {}
    for module, others in found.items():
        if module.split(".")[0] in names:
            for other in others:
                first = other.split(".")[0]
                if first not in names:
                    counts[first] = counts.get(first, 0) + 1
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "nothing"


def draw_floor(parts: list[str], top: int, title: str, rooms: list[str], relies_on: str) -> int:
    """Add one floor to the picture; where the next one begins."""
    height = (len(rooms) + PER_ROW - 1) // PER_ROW * ROW + 2 * PAD + 14
    parts.append(f'<rect class="floor" x="10" y="{top}" width="{WIDTH - 20}" height="{height}" rx="6"/>')
    parts.append(label(20, top + 24, title, "title"))
    width = (WIDTH - LEFT - 20) // PER_ROW
    for place, module in enumerate(rooms):
        x, y = LEFT + place % PER_ROW * width, top + PAD + place // PER_ROW * ROW
        steps = [number for number, (step, _) in enumerate(WAY, 1) if step == module]
        kind = "step" if steps else "room"
        parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width - 6}" height="{ROW - 4}" rx="3"/>')
        name = module.rsplit(".", 1)[-1] + "".join(f"  ({number})" for number in steps)
        parts.append(label(x + 5, y + 13, name, "name"))
    parts.append(label(LEFT, top + height - PAD + 2, f"imports from: {relies_on}", "needs"))
    return top + height + 8


def label(x: int, y: int, text: str, kind: str) -> str:
    """Return a text at a place."""
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'


def main(arguments: list[str]) -> int:
    """Write the picture, or compare it; the exit code."""
    picture = drawn()
    if arguments != ["--check"]:
        PICTURE.write_text(picture, encoding="utf-8")
    elif PICTURE.read_text(encoding="utf-8") != picture:
        print("docs/architecture.svg is not that of the sources; run: python docs/picture.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
