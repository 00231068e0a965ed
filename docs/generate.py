"""Make anew what is made from the sources: ``python docs/generate.py``; with ``--check`` say what is out of date.

From the parsers: the help in ``docs/command-line.md``, the man pages in ``share/man/man1``, and what shells
complete, in ``inotify_cffi/cli/completions``, by shtab. And ``docs/since.json``, which says in which version each
public name, hook, option and command came: what is new gets the version of today, what is gone is an error, for
that has rules (``docs/stability.md``).
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path

import completions
import man_pages

import inotify_cffi
from inotify_cffi import testing
from inotify_cffi.cli import completion, document
from inotify_cffi.hooks.registry import HOOK_NAMES

TOP = Path(__file__).resolve().parent.parent
COMPLETIONS = TOP / "inotify_cffi" / "cli" / "completions"
MAN = TOP / "share" / "man" / "man1"
SINCE = TOP / "docs" / "since.json"
PAGE = TOP / "docs" / "command-line.md"
FIRST = "0.1"


def version() -> str:
    """Return the version of today: major and minor."""
    text = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(\d+\.\d+)', text, re.MULTILINE)
    if found is None:
        raise SystemExit("pyproject.toml has no version")
    return found[1]


def public() -> dict[str, list[str]]:
    """Return what users can name, by kind."""
    options = list(inspect.signature(inotify_cffi.Watcher.__init__).parameters)
    return {
        "names": [*inotify_cffi.__all__, *(f"testing.{name}" for name in testing.__all__)],
        "hooks": list(HOOK_NAMES),
        "options of the watcher": [name for name in options if name not in {"self", "paths"}],
        "commands": [command.name for command, _ in document.parsers()],
        "options of commands": sorted(
            {
                document.key_of(command, action)
                for command, parser in document.parsers()
                for _, actions in document.groups_of(parser)
                for action in actions
            }
        ),
        "options of plugins": sorted(
            {
                document.key_of_plugin(plugin, action)
                for command, _ in document.parsers()
                for plugin, groups in document.plugins_of(command, loaded=True)
                for _, actions in groups
                for action in actions
            }
        ),
    }


def since() -> dict[str, dict[str, str]]:
    """Return in which version each of them came; what is gone without a word is an error."""
    before: dict[str, dict[str, str]] = json.loads(SINCE.read_text(encoding="utf-8")) if SINCE.exists() else {}
    now = public()
    gone = [f"{kind}: {name}" for kind, names in before.items() for name in names if name not in now.get(kind, ())]
    if gone:
        raise SystemExit(
            "gone since docs/since.json was made: " + ", ".join(gone) + "; docs/stability.md says what a removal "
            "takes; then take it out there by hand"
        )
    today = version()
    return {kind: {name: before.get(kind, {}).get(name, today) for name in names} for kind, names in now.items()}


def made() -> dict[Path, str]:
    """Return the files and what is to be in them."""
    known = since()
    late = {name: when for kind in known.values() for name, when in kind.items() if when != FIRST}
    files = {SINCE: json.dumps(known, indent=1) + "\n"}
    files[PAGE] = document.replaced(PAGE.read_text(encoding="utf-8"), late)
    files |= {COMPLETIONS / name: completions.completions(shell) for shell, name in completion.FILES.items()}
    files |= {MAN / name: text for name, text in man_pages.pages(version(), late).items()}
    return files


def main(arguments: list[str]) -> int:
    """Write the files, or compare them; the exit code."""
    if arguments not in ([], ["--check"]):
        raise SystemExit(f"usage: python docs/generate.py [--check], not {arguments}")
    files = made()
    old = [path for path in [*MAN.glob("*"), *COMPLETIONS.glob("*")] if path not in files]
    stale = old + [path for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]
    if arguments:
        for path in stale:
            print(f"{path.relative_to(TOP)} is not that of the sources; run: python docs/generate.py")
        return 1 if stale else 0
    for path in old:
        path.unlink()
    for path in stale:
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
            print(f"wrote {path.relative_to(TOP)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
