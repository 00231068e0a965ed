"""Rounds of what goes wrong: ``python -m tests.fleet --rounds 20``.

Four writers change two trees (two hosts), each with a watcher, a journal and a forwarder; there is one server, and one who follows.
Watchers, forwarders and the server are killed (kill -9) at moments of chance, the server's store is put back to an older copy, the server
is stopped for a while, and relays on the way to it cut the network: connections are reset, nothing is passed on, or
answers are swallowed. At the end of each round all is started once more, the writers stop, and what comes out of the stream, and what the one
who followed has had, is held against the journals and the disks: for each host in order, none missing, none double, and
Mirror is the disk.

Of each five rounds one is a power cut of a host: its journal goes back to what it was a while ago, and the stream has the
events that are gone; there must be RESTART. And in one the hosts are in network namespaces, where root is there,
and the wire is taken away. The last line is "N passed, N failed, N skipped".
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import ExitStack

HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(HERE, "tests"), os.path.join(HERE, "tests", "helpers")]

from broker import ENGINES  # noqa: E402
from network import Namespace, namespaces_are_there  # noqa: E402

from tests.fleet.rounds import Host, Reading, check, disturb  # noqa: E402

HOSTS = ("alpha", "beta")
KILLS = ("watcher", "forwarder", "server", "put back", "stopped", "cut")
# A watcher that starts makes sure of the numbers that it gives, so what was given before can not be lost any more.
BEFORE_POWER_CUT = ("forwarder", "server", "put back", "stopped", "cut")
POWER_CUT, NETWORKS, USUAL = "power cut", "two networks", "kills"


def kind_of(number):
    """Which kind of round is the one with this number, from 1 on?"""
    return {3: POWER_CUT, 4: NETWORKS}.get(number % 5, USUAL)


def work(chance, server, hosts, reading, kind, seconds):
    """Disturb for so long; what was done how often."""
    done = Counter()
    kinds = BEFORE_POWER_CUT if kind == POWER_CUT else KILLS
    end = time.monotonic() + seconds
    if kind == POWER_CUT:
        done[disturb(chance, server, hosts, reading, kinds)] += 1
        chance.choice(hosts).lose_power(chance.uniform(0.3, 1.5), reading)
        done[POWER_CUT] += 1
    while time.monotonic() < end:
        time.sleep(chance.uniform(0.1, 1.0))
        done[disturb(chance, server, hosts, reading, kinds)] += 1
    for host in hosts:
        host.stop_writing()
    return done


def run(engine, number, seed, seconds):
    """Do one round; True if all was as it has to be."""
    chance, kind = random.Random(seed), kind_of(number)
    head = f"{engine} round {number} ({kind}), seed {seed}"
    hosts = []
    with ExitStack() as stack:
        directory = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="fleet", dir=os.environ.get("INOTIFY_CFFI_ROUNDS"))
        )
        try:
            server = ENGINES[engine](os.path.join(directory, "server"))
            stack.callback(server.close)
            for n, name in enumerate(HOSTS):
                namespace = None
                if kind == NETWORKS:
                    namespace = Namespace()
                    stack.callback(namespace.close)
                hosts.append(Host(name, directory, server, seed * 100 + n * 50, namespace))
                stack.callback(hosts[-1].close)
            for host in hosts:
                host.begin()
            reading = Reading(server)
            stack.callback(reading.close)
            done = work(chance, server, hosts, reading, kind, seconds)
            told = check(server, hosts, reading)
        except Exception:  # it is told, and the next round is another
            for host in hosts:
                with open(host.log, errors="replace") as log:
                    sys.stderr.write(f"--- {host.name}\n{log.read()[-3000:]}")
            traceback.print_exc()
            print(f"{head}: FAILED", flush=True)
            return False
    what = ", ".join(f"{key} {value}" for key, value in sorted(done.items()))
    print(f"{head}: {told} events; {what}", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="for each engine")
    parser.add_argument("--first", type=int, default=1, help="the number of the first round")
    parser.add_argument("--engine", action="append", choices=list(ENGINES), help="default: all that are installed")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round, before it is checked")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 20))
    options = parser.parse_args()
    # What it started is ended with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results, skipped = [], []
    has_networks = namespaces_are_there()
    for engine in options.engine or ENGINES:
        if not ENGINES[engine].is_there():
            skipped.append(f"not installed: a server of {engine}, or its client")
            continue
        for number in range(options.first, options.first + options.rounds):
            if kind_of(number) == NETWORKS and not has_networks:
                skipped.append("network namespaces need root and ip")
                continue
            results.append(run(engine, number, options.seed + number, options.seconds))
    for reason in skipped:
        print(f"SKIPPED [1] {reason}")
    failed = results.count(False)
    print(f"{len(results) - failed} passed, {failed} failed, {len(skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
