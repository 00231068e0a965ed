"""What a round is made of: hosts with writers, a follower, and what goes wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

from relay import CUTS, Relay
from waiting import until

from inotify_cffi import Mask, Mirror
from inotify_cffi.fleet import Access, BrokerError, follow, open_inlet
from inotify_cffi.fleet.broker import Start
from inotify_cffi.fleet.following import Follower, batches
from inotify_cffi.plugins.journal import Journal
from tests.stress.endless import endless_writer

PATIENCE_S = 120
WRITERS = 2


class Process:
    """A program that is started again after it was killed."""

    def __init__(self, log, *command, within=()):
        self._log = log
        self._command = [*within, *map(os.fspath, command)]
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


class Host:
    """Two writers, a watcher and a forwarder, whose way to the server is a relay."""

    def __init__(self, name, directory, server, seed, namespace=None):
        self.name = name
        self.root = os.path.join(directory, name)
        self.file = os.path.join(directory, f"{name}.sqlite")
        self.log = os.path.join(directory, f"{name}.log")
        self._namespace = namespace
        self._seed = seed
        # The numbers that the journal had before its file system went back, and the last one that stayed.
        self.before = []
        self.durable = 0
        os.mkdir(self.root)
        self.relay = Relay(server.port, namespace.address if namespace else "127.0.0.1")
        self._all = []
        self.watcher = self._run(
            "watch", "--plugin", "journal", "--no-plugin", "console", "--journal-file", self.file, self.root
        )
        self.writers = []
        self._server = server

    def begin(self):
        """Start the rest."""
        # What a root has before it is known to a journal is not told.
        until(self.times_established, "a watcher", seconds=PATIENCE_S)
        url = self._server.url_at(self.relay.port, self.relay.address)
        words = ("--journal-file", self.file, "--to", url, "--host", self.name, "--heartbeat", "1s")
        self.forwarder = self._run("forward", *words)
        self.write()

    def _run(self, *words):
        within = self._namespace.command if self._namespace else ()
        self._all.append(Process(self.log, sys.executable, "-m", "inotify_cffi", *words, within=within))
        return self._all[-1]

    def write(self):
        """Start writers, who go another way than those before."""
        self._seed += 1
        self.writers = [
            Process(self.log, *endless_writer(self.root, self._seed * 10 + n, "abcdefgh", pause_s=0.002))
            for n in range(WRITERS)
        ]
        self._all += self.writers

    def stop_writing(self):
        for writer in self.writers:
            writer.kill()

    def times_established(self):
        """How often has a watcher said that all its watches are in place?"""
        with open(self.log, errors="replace") as log:
            return log.read().count("Watches established.")

    def rows(self):
        return list(Journal().since(self.file, 0))

    def is_sent(self, last):
        return last is not None and last >= Journal().status(self.file).last

    def cut(self, chance):
        """Cut the way to the server; what undoes it."""
        if self._namespace is not None:
            self._namespace.cut()
            return self._namespace.heal
        self.relay.cut(chance.choice(CUTS))
        return self.relay.heal

    def lose_power(self, seconds, reading):
        """Kill all, and put the journal's files back to what they were so long before; the tree stays."""
        until(lambda: reading.last(self) > 0, "an event in the stream", seconds=PATIENCE_S)
        self.watcher.process.send_signal(signal.SIGSTOP)
        copies = {path: path + ".copy" for path in (self.file, self.file + "-wal")}
        for path, copy in copies.items():
            shutil.copyfile(path, copy)
        last = Journal().status(self.file).last
        self.watcher.process.send_signal(signal.SIGCONT)
        time.sleep(seconds)
        until(lambda: reading.last(self) > last, "an event behind the copy in the stream", seconds=PATIENCE_S)
        for one in (*self.writers, self.forwarder, self.watcher):
            one.kill()
        self.before = [row.number for row in self.rows()]
        for path, copy in copies.items():
            # The same file, so it is no copy of a journal.
            with open(copy, "rb") as source, open(path, "r+b" if os.path.exists(path) else "wb") as target:
                target.truncate()
                shutil.copyfileobj(source, target)
        os.unlink(self.file + "-shm")
        self.durable = Journal().status(self.file).last
        self.watcher.start()
        self.forwarder.start()
        self.write()

    def check(self, told):
        """Hold what has come of this host against its journal and its disk."""
        numbers = [event.number for event in told]
        rows = [row.number for row in self.rows()]
        if self.before:
            last = self.before[-1]
            came = [number for number in numbers if number <= last]
            assert came == self.before[: len(came)], f"{self.name}: not in order before the power cut"
            assert came[-1] >= self.durable, f"{self.name}: events are missing that the disk has kept"
            numbers = numbers[len(came) :]
            rows = [row for row in rows if row > last]
            first = told[len(came)]
            assert first.mask & Mask.RESTART and first.durable == self.durable, f"{self.name}: no RESTART: {first}"
        assert numbers == rows, f"{self.name}: {sorted(set(numbers) ^ set(rows))[:10]}"
        mirror = Mirror(roots=[self.root])
        mirror.apply(told)
        assert mirror.paths() == disk(self.root), f"{self.name}: {difference(mirror.paths(), disk(self.root))}"

    def close(self):
        for one in self._all:
            one.kill()
        self.relay.close()


class Reading:
    """One who follows all the time, whose way to the server is a relay as well."""

    def __init__(self, server):
        self.relay = Relay(server.port)
        self.told = {}
        self.gaps = []
        self.error = None
        self._follower = Follower(
            open_inlet(Access([server.url_at(self.relay.port)])), Start(0), on_notice=self._note
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _note(self, notice):
        if notice.kind in {"gap", "cut"}:
            self.gaps.append(notice)

    def _run(self):
        try:
            while True:
                try:
                    for host, events in batches(self._follower):
                        self.told.setdefault(host, []).extend(events)
                except BrokerError:
                    # There is no stream before the first forwarder.
                    time.sleep(0.05)
                else:
                    return
        except BaseException as error:  # who ends it raises it
            self.error = error

    def last(self, host):
        """The last number of a host that has come; 0 if none has."""
        told = self.told.get(host.name)
        return told[-1].number if told else 0

    def has(self, host):
        return host.is_sent(self.last(host))

    def cut(self, chance):
        self.relay.cut(chance.choice(CUTS))
        return self.relay.heal

    def end(self):
        self._follower.stop()
        self._thread.join(PATIENCE_S)
        if self.error is not None:
            raise self.error

    def close(self):
        self._follower.stop()
        self._thread.join(PATIENCE_S)
        self.relay.close()


def disturb(chance, server, hosts, reading, kinds):
    """Let one thing go wrong; what it was."""
    what = chance.choice(kinds)
    host = chance.choice(hosts)
    seconds = chance.uniform(0.2, 1.0)
    if what == "watcher":
        host.watcher.again()
    elif what == "forwarder":
        host.forwarder.again()
    elif what == "server":
        server.kill().start()
    elif what == "put back":
        server.kill().copy()
        server.start()
        time.sleep(seconds)
        server.kill().put_back()
        server.start()
    elif what == "cut":
        heal = chance.choice([host, host, reading]).cut(chance)
        time.sleep(seconds)
        heal()
    else:
        server.pause()
        time.sleep(seconds)
        server.go_on()
    return what


def check(server, hosts, reading):
    """Hold what came out of the stream against the journals and the disks; how many events there were."""
    before = [host.times_established() for host in hosts]
    for host in hosts:
        # Its start compares the tree with what is known of it, and its end says that all is in the journal.
        host.watcher.again()
    for host, times in zip(hosts, before):
        until(
            lambda host=host, times=times: host.times_established() > times,
            "a watcher that starts again",
            seconds=PATIENCE_S,
        )
        host.watcher.process.terminate()
    for host in hosts:
        host.watcher.process.wait(PATIENCE_S)
    to = Access([server.url])
    ends = {}

    def note(notice):
        ends[notice.host] = notice.last

    def all_sent():
        ends.clear()
        try:
            for _ in follow(to, since=0, until_now=True, on_notice=note):
                pass
        except BrokerError:
            # There is no stream before a forwarder has come so far.
            return False
        return all(host.is_sent(ends.get(host.name)) for host in hosts)

    until(all_sent, "a stream that has all", seconds=PATIENCE_S, pause_s=0.05)
    until(lambda: all(map(reading.has, hosts)), "a follower that has all", seconds=PATIENCE_S)
    reading.end()
    told, gaps = {host.name: [] for host in hosts}, []
    for name, event in follow(to, since=0, until_now=True, on_notice=gaps.append):
        told[name].append(event)
    gaps = [notice for notice in gaps if notice.kind in {"gap", "cut"}]
    assert not gaps + reading.gaps, gaps + reading.gaps
    for host in hosts:
        host.check(told[host.name])
        host.check(reading.told[host.name])
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
