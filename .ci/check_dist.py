"""Check what a wheel and an sdist hold: ``check_dist.py LIST_OF_TRACKED_FILES WHEEL_OR_SDIST...``."""

from __future__ import annotations

import platform
import sys
import tarfile
import zipfile
from pathlib import Path

NOT_SHIPPED = (".ci/", ".git")


def complaints_of_wheel(path: Path, tracked: list[str]) -> list[str]:
    """The wheel serves every CPython and holds the library, its stubs, its plugins and nothing else."""
    names = set(zipfile.ZipFile(path).namelist())
    expected = {name for name in tracked if name.startswith("inotify_cffi/")}
    expected |= {"inotify_cffi/" + name for name in tracked if name.startswith("plugins/")}
    expected |= {
        "pytest_inotify_cffi.py",
        "inotify_cffi/py.typed",
        "inotify_cffi/plugins/__init__.py",
        "inotify_cffi/_inotify.abi3.so",
    }
    found = [f"the wheel lacks {name}" for name in sorted(expected - names)]
    found += [f"the wheel holds {name}" for name in sorted(names - expected) if ".dist-info/" not in name]
    tag = f"-cp39-abi3-linux_{platform.machine()}.whl"
    if not path.name.endswith(tag):
        found.append(f"{path.name} does not end with {tag}")
    return found


def complaints_of_sdist(path: Path, tracked: list[str]) -> list[str]:
    """The sdist holds all that is tracked but the machinery, and nothing that was compiled."""
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    found = [
        f"the sdist lacks {name}" for name in tracked if name not in names and not name.startswith(NOT_SHIPPED)
    ]
    return found + [f"the sdist holds {name}" for name in sorted(names) if name.endswith((".so", ".o", ".pyc"))]


def main() -> int:
    """Print what is wrong, a line for each."""
    tracked = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    found: list[str] = []
    for path in map(Path, sys.argv[2:]):
        check = complaints_of_wheel if path.suffix == ".whl" else complaints_of_sdist
        found += check(path, tracked)
    print("\n".join(found) or "the wheel and the sdist are complete")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
