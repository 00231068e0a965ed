"""The process that is measured: one contender, one task, one line of JSON at the end.

``python benchmarks/measured TASK CONTENDER JSON``, started by the runner in the contender's own environment.
Times are of CLOCK_MONOTONIC, which all processes share.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import threading
import time
from typing import Any, Callable, Dict

# Behind site-packages, so that the library is the one that is installed, not the one beside this directory.
sys.path[0:1] = []
sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from benchmarks.measured import storm  # noqa: E402
from benchmarks.measured.contenders import CONTENDERS, Ours  # noqa: E402

Options = Dict[str, Any]

# What is to live as long as the process.
KEPT: list[Ours] = []


class TooLate(BaseException):
    """The time is over; who guards against what handlers raise lets it pass."""


def watches() -> int:
    """Count the watches of this process, as the kernel lists them."""
    count = 0
    for fd in os.listdir("/proc/self/fd"):
        # The descriptor of the listing itself is in it, and gone; so may be those of other threads.
        with contextlib.suppress(FileNotFoundError), open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
            count += sum(line.startswith("inotify ") for line in file)
    return count


def own_memory() -> int:
    """Return the bytes of memory that belong to this process alone (USS); the kernel's are not among them."""
    gc.collect()
    gc.collect()
    with open("/proc/self/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Private_"))


def say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def settle() -> None:
    """Wait until threads of this process have done with what the crawl itself caused (IN_OPEN and the like)."""
    while True:
        before = time.process_time()
        time.sleep(0.1)
        if time.process_time() - before < 0.002:
            return


def drain(make: Callable[..., Ours], options: Options) -> Options:
    """Drain so many full queues, until all is warm and PyPy has compiled it; say how each went but the last."""
    return drain_all(make(options["path"], recursive=options["recursive"]), options)


def consume(make: Callable[..., Ours], options: Options) -> Options:
    """Do the same with OPEN among the events, and look at more of each."""
    return drain_all(make(options["path"], recursive=True, opens=True), options)


def drain_all(contender: Ours, options: Options) -> Options:
    for number in range(options["rounds"] - 1):
        result = drain_once(contender, options, number)
        if result["late"]:
            return result
        say(json.dumps(result))
    return drain_once(contender, options, options["rounds"] - 1)


def drain_once(contender: Ours, options: Options, number: int) -> Options:
    # The runner fills the queue while this process stands still, and notes when it lets it go on.
    settle()
    signal.alarm(0)
    os.kill(os.getpid(), signal.SIGSTOP)
    signal.alarm(options["timeout"])
    late = False
    contender.count = 0
    last = f"{options['last']}{number}"
    began = time.process_time_ns()
    try:
        if "names" in options:
            contender.consume(last, names=options["names"])
        else:
            contender.drain(last)
    except (TooLate, TimeoutError):
        late = True
    return {
        "ended": time.monotonic_ns(),
        "used": time.process_time_ns() - began,
        "seen": contender.count,
        "late": late,
        "counts": contender.counts,
    }


def crawl(make: Callable[..., Ours], options: Options) -> Options:
    KEPT.append(make(options["nothing"], recursive=True))
    began = time.monotonic_ns()
    KEPT.append(make(options["path"], recursive=True))
    return {"took": time.monotonic_ns() - began, "watches": watches() - 1}


def memory(make: Callable[..., Ours], options: Options) -> Options:
    KEPT.append(make(options["nothing"], recursive=True))
    before = own_memory()
    KEPT.append(make(options["path"], recursive=True))
    return {"memory": own_memory() - before, "watches": watches() - 1}


def stall(make: Callable[..., Ours], options: Options) -> Options:
    """Let another thread count while a tree is crawled: how fast, and how long it was held up at most."""
    KEPT.append(make(options["nothing"], recursive=True))
    count = 0
    longest = 0.0
    running = True

    def spin() -> None:
        nonlocal count, longest
        last = time.perf_counter()
        while running:
            count += 1
            at = time.perf_counter()
            if at - last > longest:
                longest = at - last
            last = at

    def speed(work: Callable[[], Any]) -> float:
        nonlocal longest
        longest = 0.0
        counted, began = count, time.perf_counter()
        work()
        return (count - counted) / (time.perf_counter() - began)

    thread = threading.Thread(target=spin)
    thread.start()
    time.sleep(0.2)
    alone = speed(lambda: time.sleep(0.5))
    beside = speed(lambda: KEPT.append(make(options["path"], recursive=True)))
    held_up = longest
    running = False
    thread.join()
    return {"speed": beside / alone, "longest": held_up, "watches": watches() - 1}


def rename(make: Callable[..., Ours], options: Options) -> Options:
    """Say, for each round, when the first probe of it came with its new path, and how many came with another."""
    contender = make(options["path"], recursive=True)
    places, last = options["places"], options["last"]
    number = stale = 0
    probes, place = f"{last}{number}-", places[0]

    def callback(path: str) -> None:
        nonlocal number, stale, probes, place
        if not os.path.basename(path).startswith(probes):
            return
        if not path.startswith(place):
            stale += 1
            return
        say(f"{time.monotonic_ns()} {stale}")
        number += 1
        probes, place = f"{last}{number}-", places[number % len(places)]

    settle()
    say("ready")
    with contextlib.suppress(TooLate, TimeoutError):
        contender.handle(callback)
    return {}


def latency(make: Callable[..., Ours], options: Options) -> Options:
    end = "/" + options["name"]

    def callback(path: str) -> None:
        at = time.monotonic_ns()
        if path.endswith(end):
            say(str(at))

    # An iteration watches at its first step, which does not return: so another thread sees when it does.
    threading.Thread(target=say_when_it_watches, daemon=True).start()
    if options["way"]:
        make.ways[options["way"]](options["path"], callback)
    else:
        make(options["path"], recursive=True).handle(callback)
    return {}


def say_when_it_watches() -> None:
    while not watches():
        time.sleep(0.01)
    settle()
    say("ready")


def timeouts(make: Callable[..., Ours], options: Options) -> Options:
    del options["timeout"]
    return storm.measure(**options)


def created(make: Callable[..., Ours], options: Options) -> Options:
    """Count how often each file was told as created, until one that has *last* in its name is."""
    contender: Any = make(options["path"], recursive=True)
    counts: Dict[str, int] = {}

    def callback(path: str) -> None:
        if options["last"] in path:
            say(json.dumps({"told": len(counts), "twice": sum(counts.values()) - len(counts)}))
            os._exit(0)
        counts[path] = counts.get(path, 0) + 1

    settle()
    say("ready")
    contender.created(callback)
    return {}


def named(make: Callable[..., Ours], options: Options) -> Options:
    """Say when each event came that is about a name that begins with *last*, and the name."""
    contender = make(options["path"], recursive=True)

    def callback(path: str) -> None:
        at, name = time.monotonic_ns(), os.path.basename(path)
        if name.startswith(options["last"]):
            say(f"{at} {name}")

    settle()
    say("ready")
    contender.handle(callback)
    return {}


def idle(make: Callable[..., Ours], options: Options) -> Options:
    contender = make(options["path"], recursive=True)
    settle()
    say(f"ready {watches()}")
    contender.handle(lambda path: None)
    return {}


def give_up(number: int, frame: object) -> None:
    raise TooLate("the time for this measurement is over")


def main() -> None:
    task, name, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(options["timeout"])
    result = globals()[task](CONTENDERS[name], options)
    say(json.dumps(result))
    # Threads of observers need no farewell.
    os._exit(0)


if __name__ == "__main__":
    main()
