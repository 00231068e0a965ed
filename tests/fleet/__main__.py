"""Rounds of what goes wrong: ``python -m tests.fleet --rounds 20``.

Four writers change two trees (two hosts). A watcher with a journal and a forwarder for each, and one server; all but the writers are
killed again and again at moments of chance, the server's store is put back to an older copy, the network is cut (the server
is stopped for a while, or a relay between drops the connections). At the end of each round all is started once more, the
writers stop, and what comes out of the stream is held against the journals and the disks: for each host in order, none missing,
none double, and Mirror is the disk. It ends with 1 where that is not so.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(HERE, "tests"), os.path.join(HERE, "tests", "helpers")]

from broker import Server  # noqa: E402

from inotify_cffi import Mirror  # noqa: E402
from inotify_cffi.fleet import Access, follow  # noqa: E402
from inotify_cffi.plugins.journal import Journal  # noqa: E402

PATIENCE_S = 120
HOSTS = ("alpha", "beta")
WRITERS = 2
WRITER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from tests.stress.writers import Writer
writer = Writer(int(sys.argv[3]), sys.argv[2], sys.argv[2], tuple("abcdefgh"))
while True:
    writer.change()
    time.sleep(0.002)
"""


class Process:
    """A program that is started again after it was killed."""

    def __init__(self, log, *command):
        self._log = log
        self._command = [sys.executable, *map(os.fspath, command)]
        self.start()

    def start(self):
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def again(self):
        self.kill()
        self.start()

    def end(self):
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


class Host:
    """Two writers, a watcher and a forwarder."""

    def __init__(self, name, directory, url, seed):
        self.name = name
        self.root = os.path.join(directory, name)
        self.file = os.path.join(directory, f"{name}.sqlite")
        os.mkdir(self.root)
        options = ("--journal-file", self.file)
        self.log = os.path.join(directory, f"{name}.log")
        words = ("watch", "--plugin", "journal", "--no-plugin", "console", *options, self.root)
        self.watcher = Process(self.log, "-m", "inotify_cffi", *words)
        # What a root has before it is known to a journal is not told.
        until(self.times_established, "a watcher")
        words = ("forward", *options, "--to", url, "--host", name, "--heartbeat", "1s")
        self.forwarder = Process(self.log, "-m", "inotify_cffi", *words)
        self.writers = [
            Process(self.log, "-c", WRITER, HERE, self.root, str(seed * 10 + n)) for n in range(WRITERS)
        ]

    def times_established(self):
        """How often has a watcher said that all its watches are in place?"""
        with open(self.log, errors="replace") as log:
            return log.read().count("Watches established.")

    def rows(self):
        return list(Journal().since(self.file, 0))

    def is_sent(self, last):
        return last is not None and last >= Journal().status(self.file).last

    def close(self):
        for one in (*self.writers, self.forwarder, self.watcher):
            one.kill()


def until(condition, what, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"there is never {what}")
        time.sleep(0.05)


def disturb(chance, server, hosts, done):
    """Let one thing go wrong."""
    what = chance.choice(("watcher", "forwarder", "server", "put back", "cut"))
    host = chance.choice(hosts)
    if what == "watcher":
        host.watcher.again()
    elif what == "forwarder":
        host.forwarder.again()
    elif what == "server":
        server.kill().start()
    elif what == "put back":
        server.kill().copy()
        server.start()
        time.sleep(chance.uniform(0.2, 1.0))
        server.kill().put_back()
        server.start()
    else:
        server.pause()
        time.sleep(chance.uniform(0.2, 1.0))
        server.go_on()
    done[what] = done.get(what, 0) + 1


def run(number, seed, seconds):
    chance, done = random.Random(seed), {}
    with tempfile.TemporaryDirectory(prefix="fleet", dir=os.environ.get("INOTIFY_CFFI_ROUNDS")) as directory:
        server = Server(os.path.join(directory, "nats"))
        hosts = []
        try:
            hosts += [Host(name, directory, server.url, seed + n) for n, name in enumerate(HOSTS)]
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(chance.uniform(0.1, 1.0))
                disturb(chance, server, hosts, done)
            for host in hosts:
                for writer in host.writers:
                    writer.kill()
            told = check(server, hosts)
        except BaseException:
            for host in hosts:
                with open(host.log, errors="replace") as log:
                    sys.stderr.write(f"--- {host.name}\n{log.read()[-3000:]}")
            raise
        finally:
            for host in hosts:
                host.close()
            server.close()
    what = ", ".join(f"{key} {value}" for key, value in sorted(done.items()))
    print(f"round {number}, seed {seed}: {told} events; {what}", flush=True)
    return told


def check(server, hosts):
    """Hold what comes out of the stream against the journals and the disks."""
    for host in hosts:
        # Its start compares the tree with what is known of it, and its end says that all is in the journal.
        before = host.times_established()
        host.watcher.again()
        until(lambda host=host, before=before: host.times_established() > before, "a watcher that starts again")
        host.watcher.end()
    to = Access([server.url])
    ends = {}

    def note(notice):
        ends[notice.host] = notice.last

    def all_sent():
        ends.clear()
        for _ in follow(to, since=0, until_now=True, on_notice=note):
            pass
        return all(host.is_sent(ends.get(host.name)) for host in hosts)

    until(all_sent, "a stream that has all")
    told = {host.name: [] for host in hosts}
    gaps = []
    for name, event in follow(to, since=0, until_now=True, on_notice=gaps.append):
        told[name].append(event)
    gaps = [notice for notice in gaps if notice.kind in {"gap", "cut"}]
    assert not gaps, gaps
    for host in hosts:
        rows = host.rows()
        assert [event.number for event in told[host.name]] == [row.number for row in rows], host.name
        mirror = Mirror(roots=[host.root])
        mirror.apply(told[host.name])
        assert mirror.paths() == disk(host.root), f"{host.name}: {difference(mirror.paths(), disk(host.root))}"
    return sum(map(len, told.values()))


def disk(root):
    found = {}
    for directory, directories, files in os.walk(root):
        for name in directories:
            path = os.path.join(directory, name)
            found[path] = not os.path.islink(path)
        found.update((os.path.join(directory, name), False) for name in files)
    return found


def difference(one, other):
    return sorted(one.items() ^ other.items())[:10]


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round, before it is checked")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 20))
    options = parser.parse_args()
    if shutil.which("nats-server") is None and not os.path.exists(
        os.path.join(os.path.dirname(sys.executable), "nats-server")
    ):
        print("0 passed, 0 failed, 1 skipped: not installed: nats-server")
        return 0
    told = [run(number, options.seed + number, options.seconds) for number in range(1, options.rounds + 1)]
    print(f"{len(told)} passed, 0 failed, 0 skipped: {sum(told)} events")
    return 0


if __name__ == "__main__":
    sys.exit(main())
