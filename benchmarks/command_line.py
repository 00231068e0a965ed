"""The command line beside inotifywait: what an event costs into a file, and what a start costs.

``python -m benchmarks.command_line``. Time of the processor, of user and kernel, in turns. For the events each
program is stopped (SIGSTOP) while they are made, fewer than the kernel's queue holds, and goes on when all are
there: so all have the same to do, and none is kept waiting. For the start it is what was used up to the line that
says that the watches are in place, of an empty directory.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

FORMAT = "%w%f %e"

READY = b"Watches established."


def contenders(directory: str) -> dict[str, list[str]]:
    """Return the commands, by what they are called; the first is what the others are held against."""
    asked = ["-e", "create,delete,attrib,close_write"]
    ours = [sys.executable, "-m", "inotify_cffi", "watch", *asked, directory]
    return {
        "inotifywait": ["inotifywait", "-m", "-r", *asked, directory],
        "inotifywait --format": ["inotifywait", "-m", "-r", *asked, "--format", FORMAT, directory],
        "watch": ours,
        "watch --format json": [*ours, "--format", "json"],
        "watch --format FORMAT": [*ours, "--format", FORMAT],
    }


class Program:
    """A program that is watching, its output in a file."""

    def __init__(self, command: list[str], output: str) -> None:
        self.output = output
        with open(output, "ab") as stream:
            self.process = subprocess.Popen(command, stdout=stream, stderr=subprocess.PIPE)
        assert self.process.stderr is not None
        line = b""
        while READY not in line:
            line = self.process.stderr.readline()
            if not line:
                raise SystemExit(f"{' '.join(command)}: it has ended")
        self.start = self.used()

    def used(self) -> float:
        """Return the time of the processor that it has used so far, in seconds."""
        with open(f"/proc/{self.process.pid}/schedstat", encoding="ascii") as stream:
            return int(stream.read().split()[0]) / 1e9

    def lines(self) -> int:
        with open(self.output, "rb") as stream:
            return stream.read().count(b"\n")

    def stop(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def take(self, events: int) -> float:
        """Let it go on, until it has printed so many; the seconds of the processor."""
        before, ends = self.used(), time.monotonic() + 60
        os.kill(self.process.pid, signal.SIGCONT)
        while self.lines() < events:
            if time.monotonic() > ends:
                raise SystemExit(f"{self.process.args!r}: {self.lines()} lines of {events}")
            time.sleep(0.01)
        took = self.used() - before
        os.truncate(self.output, 0)
        return took

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def events(rounds: int, files: int) -> dict[str, list[float]]:
    """Return the microseconds an event of each contender, a figure a round."""
    took: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as top:
        watched = [f"{top}/watched/{number:02d}" for number in range(10)]
        for directory in watched:
            os.makedirs(directory)
        running: dict[str, Program] = {}
        try:
            for at, (name, command) in enumerate(contenders(f"{top}/watched").items()):
                running[name] = Program(command, f"{top}/{at}")
                took[name] = []
            # The first round is to become warm.
            for number in range(rounds + 1):
                for program in running.values():
                    program.stop()
                make([f"{watched[at % 10]}/file-{number}-{at:06d}.txt" for at in range(files)])
                for name, program in running.items():
                    took[name].append(1e6 * program.take(4 * files) / (4 * files))
        finally:
            for program in running.values():
                program.end()
    return {name: values[1:] for name, values in took.items()}


def make(paths: list[str]) -> None:
    """Cause four events of each path."""
    for path in paths:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        os.chmod(path, 0o600)
        os.unlink(path)


def starts(rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds that a start takes each contender, and an interpreter that does nothing."""
    took: dict[str, list[float]] = {"python -c pass": []}
    with tempfile.TemporaryDirectory() as top:
        os.mkdir(f"{top}/watched")
        for _ in range(rounds):
            before = _of_children()
            subprocess.run([sys.executable, "-c", "pass"], check=True)
            took["python -c pass"].append(1e3 * (_of_children() - before))
            for name, command in contenders(f"{top}/watched").items():
                program = Program(command, f"{top}/output")
                program.end()
                took.setdefault(name, []).append(1e3 * program.start)
    return took


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(unit: str, took: dict[str, list[float]]) -> None:
    """Print the medians, and how many times that of the first they are."""
    first = statistics.median(next(iter(took.values())))
    print(f"| {unit} | median | least | times the first |\n|---|---|---|---|")
    for name, values in took.items():
        median = statistics.median(values)
        print(f"| {name} | {median:.2f} | {min(values):.2f} | {median / first:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.command_line", description="Measure the command line beside inotifywait."
    )
    parser.add_argument("--files", type=int, default=3500, help="made in a round; four events each")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    if shutil.which("inotifywait") is None:
        raise SystemExit("inotifywait is not installed; it is in inotify-tools")
    table("µs an event into a file", events(options.rounds, options.files))
    table("ms from start to ready", starts(options.rounds))


if __name__ == "__main__":
    main()
