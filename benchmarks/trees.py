"""Trees that come, go and are compared, beside ``find``: ``python -m benchmarks.trees``.

A tree with files is told as it is at the start (``existing=True``), moved in, moved out, removed, and compared
after lost events and by ``resync()``. Beside it ``find`` looks at each entry (``-printf %s``), and ``rm -rf``
removes the tree with nobody watching. Time of the processor, of each in the same run; the least of some rounds.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import tempfile
import time
from typing import Callable

from inotify_cffi import Watcher

# In how many directories below the top the others are.
FAN = 100
# Behind the making of the tree: what has just changed is told as changed after lost events.
REST_S = 3.0


def make(top: str, directories: int, files: int) -> None:
    """Make a tree of about so many directories with so many files in each."""
    each = max(1, directories // FAN - 1)
    for first in range(FAN):
        for second in range(each):
            path = f"{top}/part-{first:02}/directory-{second:04}"
            os.makedirs(path)
            for number in range(files):
                with open(f"{path}/some-file-{number}", "wb"):
                    pass


def child(*command: str) -> float:
    """Return the processor's time of a program, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def own(work: Callable[[], object]) -> float:
    """Return the processor's time that we take for something, in seconds."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def tell(watcher: Watcher[str]) -> None:
    """Have all told that has happened."""
    watcher.sync()


def start(path: str, *, existing: bool) -> None:
    with Watcher(path, existing=existing) as watcher:
        watcher.sync()


def measure(top: str, directories: int, files: int) -> dict[str, float]:
    """Do each once."""
    out, root = f"{top}/out", f"{top}/root"
    os.makedirs(f"{root}/busy")
    for name in "01":
        os.mknod(f"{root}/busy/{name}")
    make(f"{out}/tree", directories, files)
    took = {"find": child("find", out, "-printf", "%s\n")}
    took["start, nothing told"] = own(lambda: start(out, existing=False))
    took["start, existing=True"] = own(lambda: start(out, existing=True))
    with Watcher(root) as watcher:
        os.rename(f"{out}/tree", f"{root}/tree")
        took["moved in"] = own(lambda: tell(watcher))
        os.rename(f"{root}/tree", f"{out}/tree")
        took["moved out"] = own(lambda: tell(watcher))
        os.rename(f"{out}/tree", f"{root}/tree")
        watcher.sync()
        time.sleep(REST_S)
        watcher.sync()
        took["resync()"] = own(lambda: (watcher.resync(), tell(watcher)))
        with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
            longest = int(file.read())
        overflows = watcher.stats()["overflows"]
        while watcher.stats()["overflows"] == overflows:
            for number in range(longest + 1):
                # In turns, so that none is merged into the one before.
                os.utime(f"{root}/busy/{number % 2}")
            took["after lost events, with what was queued"] = own(lambda: tell(watcher))
        took["rm -rf, watched"] = child("rm", "-rf", f"{root}/tree")
        took["removed, with its overflow"] = own(lambda: tell(watcher))
    make(f"{out}/tree", directories, files)
    took["rm -rf"] = child("rm", "-rf", f"{out}/tree")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trees", description="Measure trees.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directories", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=5)
    parser.add_argument("--directory", help="where the trees are made; default: the temporary directory")
    options = parser.parse_args()
    least: dict[str, float] = {}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=options.directory) as top:
            for what, seconds in measure(top, options.directories, options.files).items():
                least[what] = min(seconds, least.get(what, seconds))
    print(f"{platform.python_implementation()} {platform.python_version()}, {options.directories} directories")
    print("| | ms | times find | times rm -rf |\n|---|---|---|---|")
    for what, seconds in least.items():
        times = f"{seconds / least['find']:.2f} | {seconds / least['rm -rf']:.2f}"
        print(f"| {what} | {seconds * 1000:.0f} | {times} |")


if __name__ == "__main__":
    main()
