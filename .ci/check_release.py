"""Check the files of a release by their names: ``check_release.py TAG FILE...``; without a tag it is "".

Each wheel that is wanted is there, once; none has a tag that says nothing of the libc; all have the version of
pyproject.toml, and that is the tag's.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
GLIBC = {"x86_64": "manylinux_2_28", "aarch64": "manylinux_2_28", "riscv64": "manylinux_2_39"}
# What a wheel serves, and where there is such an interpreter.
EVERYWHERE = ("cp39-abi3", "cp314-cp314t", "cp315-abi3.abi3t")
PYPY = "pp311-pypy311_pp"


def version() -> str:
    """Return the version that is written in its one place."""
    found = re.search(r'^version = "(.+)"$', (TOP / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise SystemExit("pyproject.toml has no version")
    return found[1]


def wanted() -> list[tuple[str, str, str]]:
    """Return what has to be there: what it serves, the libc, the machine."""
    found = [
        (serves, libc, arch)
        for arch, glibc in GLIBC.items()
        for libc in (glibc, "musllinux_1_2")
        for serves in EVERYWHERE
    ]
    return found + [(PYPY, GLIBC[arch], arch) for arch in ("x86_64", "aarch64")]


def complaints(tag: str, names: list[str]) -> list[str]:
    """Return what is wrong, a line for each."""
    today = version()
    found = [f"the tag is {tag}, the version {today}"] if tag not in {"", f"v{today}"} else []
    found += [f"{name} is not of version {today}" for name in names if f"-{today}" not in name]
    # A tag can be a list, joined by dots: one that is older comes with it.
    found += [f"{name} says nothing of its libc" for name in names if re.search(r"[-.]linux_", name)]
    for serves, libc, arch in wanted():
        pattern = re.compile(rf"-{re.escape(serves)}\w*-(\w+\.)*{libc}_{arch}(\.\w+)*\.whl$")
        count = sum(bool(pattern.search(name)) for name in names)
        if count != 1:
            found.append(f"there are {count} wheels for {serves}, {libc}_{arch}; 1 is wanted")
    if sum(name.endswith(".tar.gz") for name in names) != 1:
        found.append("there is not one sdist")
    return found


def main() -> int:
    """Print what is wrong; 0 if nothing is."""
    found = complaints(sys.argv[1], [Path(name).name for name in sys.argv[2:]])
    print("\n".join(found) or f"{len(sys.argv) - 2} files, as wanted")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
