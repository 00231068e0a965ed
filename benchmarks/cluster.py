"""A cluster of three NATS servers on loopback, and its leader is killed: ``python -m benchmarks.cluster``.

How fast a filled journal is sent to a stream of one copy and of three, in turns; then a forwarder sends an event
every 20 ms, a third on the stream's leader is killed (kill -9), and who follows says whether all came, in order
and once, and how long there was nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from subprocess import Popen
from typing import Any

from benchmarks.fleet import SILENT, filled, nats_server, tell, until
from inotify_cffi import Mask
from inotify_cffi.fleet import Access, Background, Forwarder, Outbox, follow, open_outlet
from inotify_cffi.plugins.journal import Journal
from inotify_cffi.plugins.store import Store
from tests.helpers.ports import free_port

SERVERS = 3
PAUSE_S = 0.02


class Cluster:
    """Its servers, each with a store of its own."""

    def __init__(self, directory: Path) -> None:
        ports = [free_port() for _ in range(SERVERS)]
        peers = [f"127.0.0.1:{free_port()}" for _ in range(SERVERS)]
        routes = ", ".join(f'"nats://{peer}"' for peer in peers)
        self.urls = [f"nats://127.0.0.1:{port}" for port in ports]
        self.processes = []
        for number, port in enumerate(ports):
            file = directory / f"n{number}.conf"
            file.write_text(
                f'server_name: n{number}\nlisten: "127.0.0.1:{port}"\n'
                f'jetstream {{ store_dir: "{directory}/n{number}" }}\n'
                f'cluster {{ name: c, listen: "{peers[number]}", routes: [{routes}] }}\n'
            )
            self.processes.append(Popen([nats_server(), "-c", file], **SILENT))

    def make(self, name: str, replicas: int) -> Access:
        """Make a stream, once the servers have found each other."""
        config: dict[str, Any] = {"name": name, "subjects": [f"{name}.*.*"], "num_replicas": replicas}

        def made() -> bool:
            try:
                asyncio.run(self._ask("make", {**config, "allow_direct": True}))
            except Exception:
                time.sleep(0.2)
                return False
            return True

        until(made)
        return Access(self.urls, stream=name, prefix=name, create=False)

    def leader(self, name: str) -> int:
        """The number of the server that leads a stream."""
        return int(asyncio.run(self._ask("info", {"name": name})).cluster.leader[1:])

    async def _ask(self, what: str, config: dict[str, Any]) -> Any:
        import nats

        async def say_nothing(_: Exception) -> None:
            """It is tried again, or the caller is told."""

        few = {"max_reconnect_attempts": 1, "reconnect_time_wait": 0.1, "connect_timeout": 2}
        client = await nats.connect(self.urls, error_cb=say_nothing, **few)
        try:
            jetstream = client.jetstream()
            return await (
                jetstream.add_stream(**config) if what == "make" else jetstream.stream_info(config["name"])
            )
        finally:
            await client.close()

    def kill(self, number: int) -> None:
        self.processes[number].kill()
        self.processes[number].wait()

    def close(self) -> None:
        for number in range(SERVERS):
            self.kill(number)


def rates(cluster: Cluster, file: str, options: argparse.Namespace) -> None:
    found: dict[int, list[float]] = {1: [], SERVERS: []}
    streams = {copies: cluster.make(f"copies{copies}", copies) for copies in found}
    for turn in range(options.runs):
        for copies, access in streams.items():
            host = f"h{turn}"
            forwarder = Forwarder(Outbox(Journal(), file), open_outlet(access, host), host=host, until_now=True)
            begin = time.perf_counter()
            asyncio.run(forwarder.run())
            found[copies].append(options.rows / (time.perf_counter() - begin))
    for copies, values in found.items():
        tell(f"forward {options.rows} rows, copies: {copies}", values, "events/s")


def killed(cluster: Cluster, file: str, options: argparse.Namespace) -> None:
    access = cluster.make("killed", SERVERS)
    store, written, seen = Store(file), {}, []

    def add(number: int) -> None:
        written[number] = time.perf_counter()
        with store.batch():
            store.add([(time.time(), b"/srv/%d" % number, int(Mask.CREATE), 0, None, 0, None)])

    def read() -> None:
        for _, event in follow(access, since=0):
            seen.append((event.number, time.perf_counter() - written[event.number]))
            if event.number == options.events:
                return

    add(1)
    background = Background(Forwarder(Outbox(Journal(), file), open_outlet(access, "h"), host="h"))
    until(lambda: background.forwarder.is_up_to_date)
    reader = threading.Thread(target=read)
    reader.start()
    lost = cluster.leader("killed")
    for number in range(2, options.events + 1):
        if number == options.events // 3:
            cluster.kill(lost)
        add(number)
        time.sleep(PAUSE_S)
    reader.join()
    background.finish(10)
    store.close()
    whole = [number for number, _ in seen] == list(range(1, options.events + 1))
    print(f"n{lost} led and was killed, n{cluster.leader('killed')} leads; in order, all, once: {whole}")
    before = [delay * 1000 for number, delay in seen if 1 < number < options.events // 3 - 10]
    print(f"lag before it: {statistics.median(before):.1f} ms; the longest: {max(one for _, one in seen):.1f} s")
    if not whole:
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--events", type=int, default=1_000, help="while one is killed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        cluster = Cluster(Path(directory))
        try:
            rates(cluster, filled(Path(directory) / "filled.sqlite", options.rows), options)
            killed(cluster, os.path.join(directory, "killed.sqlite"), options)
        finally:
            cluster.close()


if __name__ == "__main__":
    main()
