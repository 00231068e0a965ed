"""Run random worlds for some time: ``python -m tests.stress --minutes 10 --seed 0``.

A seed fixes what is written, not how the writers and the reader interleave, but with ``--between``. What diverges
is printed with its seed, the first entry that differs, and the file that ``tests/replay.py`` plays again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from typing import TYPE_CHECKING

from inotify_cffi.tree.disk import RECORD
from tests.stress.between import BetweenWorld
from tests.stress.history import SerialWorld
from tests.stress.worlds import World

if TYPE_CHECKING:
    from types import FrameType

RUN_LIMIT_S = 120


class Stuck(Exception):
    """The run took too long: the tree does not come to rest."""


def on_alarm(signum: int, frame: FrameType | None) -> None:
    """Say where it stands, and what the writers that are left wait for: it may never come again."""
    traceback.print_stack(frame)
    for pid in children():
        print(
            f"writer {pid}: {' '.join(of_process(pid, name) for name in ('stat', 'wchan', 'syscall'))}",
            file=sys.stderr,
        )
    print(f"load: {of_process('.', 'loadavg')}", file=sys.stderr, flush=True)
    raise Stuck(f"no rest within {RUN_LIMIT_S} s")


def children() -> list[str]:
    return of_process("self", f"task/{os.getpid()}/children").split()


def of_process(pid: str, name: str) -> str:
    """What the kernel says of a process, if it does."""
    try:
        with open(f"/proc/{pid}/{name}") as file:
            return file.read().strip()
    except OSError:
        return "?"


def one(seed: int, options: argparse.Namespace, counts: Counter[str]) -> list[str]:
    kind = BetweenWorld if options.between else SerialWorld if options.history else World
    world = kind(
        seed,
        writers=options.writers,
        changes=options.changes,
        directory=options.directory,
        track=options.track,
        slices=options.slices,
        polls=options.poll,
    )
    recording = os.path.join(options.recordings, f"stress-{os.getpid()}-{seed}.jsonl")
    os.environ[RECORD] = recording
    complaints: list[str] = []
    signal.alarm(RUN_LIMIT_S)
    try:
        complaints = world.run()
    except Stuck as stuck:
        complaints = [str(stuck)]
    except Exception as error:
        # Of the tree, or of an oracle that did not find what it was to look at: the recording is kept.
        complaints = [repr(error)]
    finally:
        signal.alarm(0)
        if complaints:
            complaints.append(f"recorded in {recording}" + (f" {world.few}" if world.short_turns else ""))
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(recording)
        counts.update(world.counts)
        counts["worlds"] += 1
        world.clean()
    return complaints


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=0, help="end after so many worlds; 0: by time only")
    parser.add_argument("--seed", type=int, default=0, help="of the first world; the next has the next")
    parser.add_argument("--writers", type=int, default=4, help="at most so many in a world")
    parser.add_argument("--changes", type=int, default=80, help="by each writer")
    parser.add_argument("--directory", help="where the worlds are made; a tmpfs, say")
    parser.add_argument("--track", choices=("entries", "directories"), default="entries")
    parser.add_argument(
        "--slices", action="store_true", help="let turns be over after a step in all worlds, not in some"
    )
    parser.add_argument(
        "--history", action="store_true", help="let the writers take turns, and judge the way there, too"
    )
    parser.add_argument(
        "--between",
        action="store_true",
        help="let one writer write between two calls of the tree, so that a seed fixes all; judge the way there",
    )
    parser.add_argument("--poll", action="store_true", help="watch nothing, compare with the disk again and again")
    parser.add_argument("--recordings", default=tempfile.gettempdir(), help="where those that diverge are kept")
    options = parser.parse_args()

    signal.signal(signal.SIGALRM, on_alarm)
    # So that whoever ends it has the limits of the machine again.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    counts: Counter[str] = Counter()
    diverged, seed, begin = 0, options.seed, time.monotonic()
    while time.monotonic() - begin < options.minutes * 60 and (
        not options.runs or seed < options.seed + options.runs
    ):
        complaints = one(seed, options, counts)
        if complaints:
            diverged += 1
            print(f"seed {seed}: {'; '.join(complaints)}", flush=True)
        seed += 1
    print(", ".join(f"{name} {number}" for name, number in sorted(counts.items())))
    name = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{name}: {counts['worlds']} worlds, seeds from {options.seed}: {diverged} diverged")
    return 1 if diverged else 0


if __name__ == "__main__":
    sys.exit(main())
