"""Check what a wheel and an sdist hold: ``check_dist.py LIST_OF_TRACKED_FILES WHEEL_OR_SDIST...``."""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from pathlib import Path

NOT_SHIPPED = (".ci/", ".git", ".pre-commit")
# Not "linux_": that says nothing of the libc, and no index takes it.
TAGS = re.compile(r"-cp39-abi3-(manylinux_2_\d+|musllinux_1_2)_(x86_64|aarch64|riscv64)\.whl$")


def complaints_of_wheel(path: Path, tracked: list[str]) -> list[str]:
    """The wheel serves every CPython and holds the library, its stubs, its plugins and nothing else."""
    # auditwheel lists the directories, too.
    names = {name for name in zipfile.ZipFile(path).namelist() if not name.endswith("/")}
    expected = {name for name in tracked if name.startswith("inotify_cffi/")}
    expected |= {"inotify_cffi/" + name for name in tracked if name.startswith("plugins/")}
    expected |= {
        "pytest_inotify_cffi.py",
        "inotify_cffi/py.typed",
        "inotify_cffi/plugins/__init__.py",
        "inotify_cffi/_inotify.abi3.so",
    }
    found = [f"the wheel lacks {name}" for name in sorted(expected - names)]
    # What is laid below the prefix: man pages, and what shells complete.
    data = {name.partition(".data/data/")[2] for name in names if ".data/data/" in name}
    wanted = {name for name in tracked if name.startswith("share/")}
    wanted |= {folder + "/" + name.rpartition("/")[2] for name in tracked for folder in _shells(name)}
    found += [f"the wheel lacks {name}, for the prefix" for name in sorted(wanted - data)]
    found += [f"the wheel holds {name}, for the prefix" for name in sorted(data - wanted)]
    others = sorted(name for name in names - expected if ".dist-info/" not in name and ".data/data/" not in name)
    found += [f"the wheel holds {name}" for name in others]
    if not TAGS.search(path.name):
        found.append(f"{path.name} has no tag that the package index takes")
    return found


def _shells(name: str) -> list[str]:
    """Return where a completion goes below the prefix; for anything else, nothing."""
    if not name.startswith("inotify_cffi/cli/completions/"):
        return []
    kinds = {"bash": "bash-completion/completions", "fish": "fish/vendor_completions.d"}
    return ["share/" + kinds.get(name.rpartition(".")[2], "zsh/site-functions")]


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
