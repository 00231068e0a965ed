"""A relay between a client and a server, by which a network is cut."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from contextlib import suppress

# What stands in the way: nothing; all connections are reset and none is taken; nothing is passed on, either way, and
# what is held comes later; answers are swallowed, so what was asked for is done and nobody learns of it.
OPEN, RESET, SILENT, NO_ANSWER = "open", "reset", "silent", "no answer"
CUTS = (RESET, SILENT, NO_ANSWER)
AT_ONCE = 1 << 16


class Relay:
    """Passes connections on to 127.0.0.1 and a port, in a thread."""

    def __init__(self, port, address="127.0.0.1"):
        self._target = port
        self._listening = socket.create_server((address, 0))
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        self.address = address
        self._state = OPEN
        self._others = {}
        self._clients = set()
        self._lock = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def cut(self, how):
        """Let nothing through from now on."""
        with self._lock:
            self._state = how
            if how == RESET:
                self._reset_all()

    def heal(self):
        """Let all through; connections whose answers are missing are reset."""
        with self._lock:
            if self._state == NO_ANSWER:
                self._reset_all()
            self._state = OPEN

    def close(self):
        self._ended = True
        self._thread.join()

    # --- the thread ---

    def _run(self):
        while not self._ended:
            with self._lock:
                waiting = selectors.DefaultSelector()
                with waiting:
                    waiting.register(self._listening, selectors.EVENT_READ)
                    if self._state != SILENT:
                        for one in self._others:
                            waiting.register(one, selectors.EVENT_READ)
                    ready = [key.fileobj for key, _ in waiting.select(0)]
                    for one in ready:
                        self._serve(one)
            if not ready:
                threading.Event().wait(0.002)
        self._reset_all()
        self._listening.close()

    def _serve(self, one):
        if one is self._listening:
            self._accept()
        elif one in self._others:
            self._pass_on(one)

    def _accept(self):
        client, _ = self._listening.accept()
        if self._state == RESET:
            reset(client)
            return
        try:
            server = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            reset(client)
            return
        # One that is stopped does not stop this thread for ever.
        client.settimeout(5)
        self._others.update({client: server, server: client})
        self._clients.add(client)

    def _pass_on(self, one):
        other = self._others[one]
        try:
            data = one.recv(AT_ONCE)
            if data and not (self._state == NO_ANSWER and other in self._clients):
                other.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._drop(one, other)

    def _drop(self, *pair):
        for one in pair:
            self._others.pop(one, None)
            self._clients.discard(one)
            reset(one)

    def _reset_all(self):
        for one in list(self._clients):
            self._drop(one, self._others[one])


def reset(one):
    """Close a connection so that the other side learns at once that it is gone."""
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()
