"""Say that an installed wheel works: ``smoke.py``, with the interpreter that it is installed for.

It needs nothing but the wheel: no compiler, no test tool, no sources. It watches a directory of its own, with and
without reading ahead, calls a plugin, and runs the command line.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile

import inotify_cffi
from inotify_cffi import Dispatcher, Mask, Watcher, hookimpl


def see_a_tree(root: str, name: str, read_ahead: int | None) -> None:
    """Move a directory with something in it, and see that."""
    top = os.path.join(root, name)
    os.mkdir(top)
    with Watcher(top, mask=Mask.CHANGES, read_ahead=read_ahead) as watcher:
        os.makedirs(os.path.join(top, "a", "b"))
        os.rename(os.path.join(top, "a"), os.path.join(top, "c"))
        events = [(event.path, event.moved_from) for event in watcher.sync()]
    if (os.path.join(top, "c"), os.path.join(top, "a")) not in events:
        raise SystemExit(f"smoke: the move was not seen: {events}")


def call_a_plugin(root: str) -> None:
    """Let a hook end the watcher."""
    told = []

    class Plugin:
        @hookimpl
        def inotify_settled(self, path: str, watcher: Watcher[str]) -> None:
            told.append(path)
            watcher.stop()

    dispatcher = Dispatcher(settle_s=0.05)
    dispatcher.register(Plugin())
    file = os.path.join(root, "file")
    with Watcher(root) as watcher:
        with open(file, "w") as stream:
            stream.write("finished")
        dispatcher.run(watcher, timeout=30)
    if told != [file]:
        raise SystemExit(f"smoke: the hook was called for {told}")


def run_the_command_line(root: str) -> None:
    """Find the shipped plugins by their names."""
    program = [sys.executable, "-m", "inotify_cffi", "watch", "-q", "--existing", "--count", "1"]
    done = subprocess.run([*program, os.path.join(root, "plain")], capture_output=True, text=True, check=True)
    if done.stdout != f"CREATE,ISDIR {root}/plain/c\n":
        raise SystemExit(f"smoke: the command line printed {done.stdout!r}")


def main() -> None:
    """Raise, or print one line."""
    with tempfile.TemporaryDirectory() as root:
        see_a_tree(root, "plain", None)
        see_a_tree(root, "ahead", 1 << 20)
        call_a_plugin(root)
        run_the_command_line(root)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"smoke: all right on {python}, {platform.machine()}, {' '.join(platform.libc_ver()) or 'another libc'}")
    print(os.path.dirname(inotify_cffi.__file__))


if __name__ == "__main__":
    main()
