"""Serve what a file of Python answers, and take it anew when it changes: ``reloading_server.py FILE PORT``.

The file has a function ``answer(path: str) -> str``. The server is not restarted: its socket stays open, and a
request that runs ends with the code that it began with. A file that can not be loaded is reported, and the last
good one goes on.
"""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, cast

from inotify_cffi import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable


def load(file: Path) -> Callable[[str], str]:
    """Return the function of the file as it is now."""
    names: dict[str, Callable[[str], str]] = {}
    exec(compile(file.read_text(), str(file), "exec"), names)  # noqa: S102  # that is what it is for
    return names["answer"]


class Server(ThreadingHTTPServer):
    """Has the function that is called next."""

    daemon_threads = True

    def __init__(self, file: Path, port: int) -> None:
        self.answer = load(file)
        super().__init__(("127.0.0.1", port), Handler)


class Handler(BaseHTTPRequestHandler):
    """Answers a request."""

    def do_GET(self) -> None:
        """Call the function."""
        body = cast("Server", self.server).answer(self.path).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Be silent."""


def reload(server: Server, file: Path) -> None:
    """Let the server answer with what the file has now, if that can be loaded."""
    try:
        server.answer = load(file)
    except Exception as error:  # noqa: BLE001  # whatever is wrong in it
        print("not reloaded:", type(error).__name__, error, flush=True)
    else:
        print("reloaded", flush=True)


def main(file: str, port: str) -> None:
    """Serve until Ctrl-C."""
    path = Path(file)
    # First the watcher, then the file: what changes in between is seen.
    with Watcher(path, missing="wait") as watcher, Server(path, int(port)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print("serving on port", server.server_address[1], flush=True)
        try:
            for _ in watcher.batches(quiet_s=0.05):
                reload(server, path)
        except KeyboardInterrupt:
            server.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
