"""A web page that shows what happens in a directory while it happens: ``live_page.py DIRECTORY PORT``.

asyncio and the standard library: the events go to each browser as server-sent events. A browser that does not keep
up is cut off when its queue is full; it connects again by itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Set

from inotify_cffi import Watcher, awatch

PAGE = """<!doctype html>
<meta charset="utf-8"><title>what happens</title>
<h1>what happens</h1><p id="state">connecting</p><ol id="events" reversed></ol>
<script>
const list = document.getElementById("events"), state = document.getElementById("state");
const source = new EventSource("events");
source.onopen = () => { state.textContent = "connected"; };
source.onerror = () => { state.textContent = "connecting"; };
source.onmessage = (message) => {
  const event = JSON.parse(message.data), row = document.createElement("li");
  row.textContent = event.what + " " + event.path;
  list.prepend(row);
};
</script>
"""
MOST_WAITING = 1000
Clients = Set["asyncio.Queue[str]"]


async def read_events(watcher: Watcher[str], clients: Clients) -> None:
    """Hand each event to all browsers that are connected."""
    async for event in watcher:
        line = json.dumps({"what": ",".join(event.names), "path": event.path})
        for queue in list(clients):
            if queue.full():
                clients.discard(queue)
            else:
                queue.put_nowait(line)


async def send_events(writer: asyncio.StreamWriter, clients: Clients) -> None:
    """Send events to one browser until it leaves, or is too slow."""
    queue: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
    clients.add(queue)
    try:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n")
        while queue in clients or not queue.empty():
            await writer.drain()
            writer.write(f"data: {await queue.get()}\n\n".encode())
    finally:
        clients.discard(queue)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clients: Clients) -> None:
    """Answer one request."""
    try:
        request = await reader.readuntil(b"\r\n\r\n")
        if request.startswith(b"GET /events "):
            await send_events(writer, clients)
        elif request.startswith(b"GET / "):
            head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n"
            writer.write(f"{head}Content-Length: {len(PAGE)}\r\n\r\n{PAGE}".encode())
        else:
            writer.write(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        # It is gone, or speaks something else.
        pass
    finally:
        writer.close()


async def main(directory: str, port: str) -> None:
    """Serve until Ctrl-C."""
    clients: Clients = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer, clients)

    async with awatch(directory) as watcher:
        server = await asyncio.start_server(connected, "127.0.0.1", int(port))
        try:
            print("serving on port", server.sockets[0].getsockname()[1], flush=True)
            await read_events(watcher, clients)
        finally:
            # From Python 3.12 on "async with server" would wait for all browsers to leave.
            server.close()


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
