"""How late do timeouts end in a storm of signals? ``python -m benchmarks.timeouts``.

Another process sends SIGCHLD, some thousand times a second, and a handler counts. Meanwhile each call that blocks
is given a timeout, in turn with ``time.sleep`` and ``select.poll``: what those are late is the machine's and the
interpreter's share. The exit code is 1 where the 99th percentile of a call is more than --limit later than both of
theirs, or where a call ended so much too early.

With ``--pause 0`` the next signal is there when the kernel returns from the handler of the last, and no program
gets on: who has more to do after the timeout is later then, by what that takes in such a storm.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from typing import Any

from benchmarks import environment
from benchmarks.context import MEASURED
from benchmarks.process import Failed, Measured

REFERENCES = ("time.sleep", "select.poll")


def _figures(late: list[float]) -> tuple[float, float, float, float]:
    """Return the least, the median, the 99th percentile and the greatest delay, in ms."""
    late_ms = [1000 * seconds for seconds in late]
    p99 = statistics.quantiles(late_ms, n=100, method="inclusive")[98] if len(late_ms) > 1 else late_ms[0]
    return min(late_ms), statistics.median(late_ms), p99, max(late_ms)


def measured(python: str, times: int, seconds: float, pause: float) -> dict[str, Any]:
    """Measure in a process of its own. Raises Failed."""
    with tempfile.TemporaryDirectory() as path:
        options = {"path": path, "times": times, "seconds": seconds, "pause": pause, "timeout": 0}
        command = [python, MEASURED, "timeouts", "inotify_cffi", json.dumps(options)]
        # Six calls, in calm and in storm; and so much for those that are late.
        with Measured(command, timeout=60 + 2 * 6 * times * (seconds + 0.05)) as process:
            return process.result()


def judge(result: dict[str, Any], limit_ms: float) -> list[str]:
    """Return the calls that are too early or too late."""
    storm = {name: _figures(late) for name, late in result["storm"].items()}
    allowed = max(storm[name][2] for name in REFERENCES) + limit_ms
    return [
        name
        for name, (least, _, p99, _) in storm.items()
        if name not in REFERENCES and (least < -limit_ms or p99 > allowed)
    ]


def show(result: dict[str, Any]) -> None:
    """Print a table."""
    print(f"{'':22}{'calm':>7}{'':21}storm, {result['handlers_a_second']:,.0f} handlers a second")
    print(f"{'':22}" + 2 * "".join(f"{what:>7}" for what in ("least", "median", "p99", "max")))
    for name, late in result["storm"].items():
        figures = (*_figures(result["calm"][name]), *_figures(late))
        print(f"  {name:20}" + "".join(f"{figure:7.2f}" for figure in figures))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.timeouts", description="Measure how late timeouts end in a storm of signals."
    )
    parser.add_argument("--times", type=int, default=100, help="how often each call is made (default: 100)")
    parser.add_argument("--seconds", type=float, default=0.05, help="the timeout (default: 0.05)")
    parser.add_argument(
        "--pause", type=float, default=5e-5, help="between two signals, in seconds; 0: none (default: 0.00005)"
    )
    parser.add_argument("--limit", type=float, default=5.0, help="delay allowed, in ms (default: 5)")
    parser.add_argument("--here", action="store_true", help="inotify_cffi as this interpreter imports it")
    parser.add_argument("--pypy", metavar="PATH", help="a PyPy to measure on as well")
    options = parser.parse_args(arguments)
    bad = []
    try:
        pythons = [sys.executable, *([options.pypy] if options.pypy else [])]
        if not options.here:
            pythons = [environment.environment(python, peers=False) for python in pythons]
        for python in pythons:
            code = "import platform as p; print(p.python_implementation(), p.python_version())"
            print(f"{environment.output(python, code)}: {1000 * options.seconds:g} ms, how many ms late")
            result = measured(python, options.times, options.seconds, options.pause)
            show(result)
            bad += judge(result, options.limit)
    except (environment.Unable, Failed) as error:
        print(f"timeouts: {error}", file=sys.stderr)
        return 1
    for name in bad:
        print(f"timeouts: {name} is off by more than {options.limit:g} ms", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
