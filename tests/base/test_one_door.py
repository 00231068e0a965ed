"""One door to C: who may import the compiled module. import-linter sees only what is written in Python."""

import ast
import os

import pytest

import inotify_cffi

PACKAGE = os.path.dirname(inotify_cffi.__file__)
DOORS = {
    "base/bits.py",
    "base/encoding.py",
    "kernel/buffers.py",
    "kernel/listings.py",
    "kernel/syscalls.py",
    "ledger/storage.py",
}


def modules():
    for directory, _, files in os.walk(PACKAGE):
        for file in files:
            if file.endswith(".py"):
                yield os.path.relpath(os.path.join(directory, file), PACKAGE)


def names_imported_by(module):
    """All names that a module imports, those for type checkers only left out: they open no door."""
    with open(os.path.join(PACKAGE, module), encoding="utf-8") as file:
        todo = [ast.parse(file.read())]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            todo.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        todo.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("module", sorted(modules()))
def test_the_compiled_module_is_imported_by_its_doors_only(module):
    compiled = {name for name in names_imported_by(module) if "_inotify" in name.split(".")}
    assert bool(compiled) is (module in DOORS)
