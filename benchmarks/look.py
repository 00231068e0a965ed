"""What it costs to look at an event: each attribute, against an index of a plain tuple and an empty property.

``python -m benchmarks.look``. The least of many short rounds, all in turn, is taken: so load does not matter much.
"""

from __future__ import annotations

import argparse
import platform
import timeit

from inotify_cffi import Event, Mask

TIMES = 20_000

PATH = "/srv/in/some/where/a-name-of-some-length"


class Contender:
    """Has a property that does nothing."""

    @property
    def empty(self) -> None:
        """Cost what the call of a property costs."""


def measure(rounds: int) -> dict[str, float]:
    """Return how long each look takes, in ns."""
    names = {
        "t": (PATH, 1),
        "c": Contender(),
        "e": Event.of(PATH, Mask.CREATE | Mask.ISDIR),
        "b": Event.of(PATH.encode(), Mask.CREATE),
    }
    looks = ["t[0]", "c.empty"]
    looks += [
        f"e.{name}" for name in ("path", "mask", "name", "is_dir", "names", "flags", "watch_path", "synthetic")
    ]
    looks += ["b.name"]
    least = dict.fromkeys(looks, float("inf"))
    for _ in range(rounds):
        for look in looks:
            took = min(timeit.repeat(look, globals=names, number=TIMES, repeat=2)) / TIMES * 1e9
            least[look] = min(least[look], took)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.look", description="Measure looks at an event.")
    parser.add_argument("--rounds", type=int, default=60, help="of which the least counts")
    least = measure(parser.parse_args().rounds)
    print(f"{platform.python_implementation()} {platform.python_version()}")
    print(f"{'':14}{'ns':>8}{'x t[0]':>8}{'x empty':>9}")
    for look, took in least.items():
        print(f"{look:14}{took:8.1f}{took / least['t[0]']:8.2f}{took / least['c.empty']:9.2f}")


if __name__ == "__main__":
    main()
