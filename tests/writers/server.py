"""A server on this machine that sends a part, waits, and sends the rest."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PART = b"x" * 50_000
STALL_S = 1.3


class _Handler(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(2 * len(PART)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        try:
            self.wfile.write(PART)
            self.wfile.flush()
            time.sleep(STALL_S)
            self.wfile.write(PART)
        except ConnectionError:
            return

    def log_message(self, *_arguments: object) -> None:
        return


class Stalling:
    """The server, as long as it is entered; its address is ``url``."""

    def __enter__(self) -> Stalling:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/a"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
