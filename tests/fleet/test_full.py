"""A stream that is full: the server refuses, the journal keeps, and what waits is sent when there is room."""

from __future__ import annotations

import asyncio
import logging

import pytest
from broker import Server
from sending import Kept, Running, access, come
from waiting import until

pytest.importorskip("nats")

from inotify_cffi.fleet.nats import Connection


async def ask(to, what, body=None):
    connection = await Connection.open(to)
    try:
        answer = await connection.ask(what, body)
        assert "error" not in answer, answer
        return answer
    finally:
        await connection.close()


def test_what_a_full_stream_refuses_is_sent_when_there_is_room(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    server = Server(tmp_path / "nats")
    try:
        to = access(server)._replace(create=False)
        config = {
            "name": to.stream, "subjects": [f"{to.prefix}.*.*"], "storage": "file", "discard": "new",
            "allow_direct": True, "max_bytes": 20_000,
        }  # fmt: skip
        asyncio.run(ask(to, f"STREAM.CREATE.{to.stream}", config))
        kept = Kept(tmp_path).add(10)
        with Running(kept, to, heartbeat_s=3600) as running:
            running.until_sent()
            kept.add(40)
            until(lambda: "maximum bytes exceeded" in caplog.text, "it is refused")
            assert running.forwarder.lag == 40
            asyncio.run(ask(to, f"STREAM.UPDATE.{to.stream}", {**config, "max_bytes": 10_000_000}))
            running.until_sent()
    finally:
        told = come(to)
        server.close()
    assert told == [("alpha", number) for number in range(1, 51)]
