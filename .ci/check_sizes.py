"""Hold modules to 400 lines and functions to 50: what is longer is two things: ``python .ci/check_sizes.py``."""

from __future__ import annotations

import ast
import os
import re
import sys

MODULE = 400
FUNCTION = 50
# Those that are longer still: they may become shorter, and are taken out then.
LONGER = {"inotify_cffi/ledger/nodes.py": 413, "plugins/keeping.py": 404}
FOLDERS = ("inotify_cffi", "plugins", "csrc")
# A function of C begins in the first column with a line that ends in an opening brace, and ends with "}" there.
BEGINS = re.compile(r"^[a-z_].*\b([a-z_0-9]+)\(.*\{$")


def python_functions(text: str) -> list[tuple[str, int]]:
    """Return the name and the length of each function, its docstring not counted."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[1] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body[0]
            found.append((node.name, (node.end_lineno or 0) - first.lineno + 1))
    return found


def c_functions(text: str) -> list[tuple[str, int]]:
    """Return the name and the length of each function of C."""
    found, name, begun = [], "", 0
    for number, line in enumerate(text.splitlines(), 1):
        begins = BEGINS.match(line)
        if begins:
            name, begun = begins[1], number
        elif line == "}" and name:
            found.append((name, number - begun + 1))
            name = ""
    return found


def too_long(path: str) -> list[str]:
    """Return a line for each thing in a file that is too long."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    lines = text.count("\n")
    functions = python_functions(text) if path.endswith(".py") else c_functions(text)
    most = LONGER.get(path, MODULE)
    told = [f"{path}: {lines} lines, at most {most}; divide it"] if lines > most else []
    if path in LONGER and lines <= MODULE:
        told.append(f"{path}: {lines} lines; take it out of LONGER")
    return told + [
        f"{path}: {name}: {length} lines, at most {FUNCTION}; divide it"
        for name, length in functions
        if length > FUNCTION
    ]


def main() -> int:
    """Print what is too long; 1 if something is, or if nothing was looked at."""
    paths = [
        os.path.join(directory, file)
        for folder in FOLDERS
        for directory, _, files in os.walk(folder)
        for file in sorted(files)
        if file.endswith((".py", ".c"))
    ]
    told = [line for path in sorted(paths) for line in too_long(path)]
    print(*told, f"{len(paths)} files looked at", sep="\n")
    return 1 if told or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
