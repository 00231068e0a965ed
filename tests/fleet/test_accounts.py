"""The server's configuration of examples/nats, with the real server: who may write what, and who may read."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest
from broker import PATIENCE_S, Server
from sending import Kept, come, forward

pytest.importorskip("nats")

from inotify_cffi.fleet import Access
from inotify_cffi.fleet.broker import BrokerError, DeniedError
from inotify_cffi.fleet.nats import Connection

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "nats" / "nats.conf"

pytestmark = pytest.mark.skipif(not EXAMPLE.is_file(), reason="the examples are not here")

USERS = ("admin", "alpha", "beta", "reader")


class AsInTheExample(Server):
    """The configuration as it is, but for its ports and its directory."""

    def configure(self, config):
        text = EXAMPLE.read_text(encoding="utf-8")
        for before, now in (
            ("0.0.0.0:4222", f"127.0.0.1:{self.port}"),
            ("127.0.0.1:8222", f"127.0.0.1:{self.monitor_port}"),
            ("/var/lib/nats", os.fspath(self.store)),
        ):
            assert before in text
            text = text.replace(before, now)
        self._config.write_text(text)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for user in USERS:
            patch.setenv(user.upper(), f"the-word-of-{user}")
        server = AsInTheExample(tmp_path_factory.mktemp("accounts"))
    asyncio.run(_make_the_stream(of(server, "admin")))
    yield server
    server.close()


def of(server, user):
    file = server.directory / f"{user}.password"
    file.touch(0o600)
    file.write_text(f"the-word-of-{user}\n")
    return Access([server.url], user=user, password_file=os.fspath(file), monitor=server.monitor, create=False)


async def _make_the_stream(access):
    connection = await Connection.open(access)
    await connection.stream(create=True)
    await connection.close()


async def asked(access, subject):
    """What the server's API answers somebody."""
    connection = await Connection.open(access)
    try:
        return await asyncio.wait_for(connection.ask(subject), PATIENCE_S)
    finally:
        await connection.close()


def test_each_host_writes_its_own_and_a_reader_has_both(server, tmp_path):
    for host in ("alpha", "beta"):
        forward(Kept(tmp_path, f"{host}.sqlite").add(3), of(server, host), host, strict=True)
    assert sorted(come(of(server, "reader"), hosts=["alpha", "beta"])) == [
        (host, number) for host in ("alpha", "beta") for number in (1, 2, 3)
    ]
    assert come(of(server, "reader"), hosts=["beta"]) == [("beta", number) for number in (1, 2, 3)]


def test_a_reader_may_have_its_place_kept(server, tmp_path):
    forward(Kept(tmp_path).add(2), of(server, "alpha"), "alpha")
    seen = come(of(server, "reader"), durable="one")
    assert len(seen) >= 2
    assert come(of(server, "reader"), durable="one") == []


def test_a_host_can_not_write_as_another(server, tmp_path):
    with pytest.raises(BrokerError, match="does not allow that: permissions violation"):
        asyncio.run(_try_once(of(server, "alpha"), "beta"))
    assert asyncio.run(_last(of(server, "admin"), "beta")) is None


async def _try_once(access, host):
    from inotify_cffi.fleet import open_outlet

    outlet = await open_outlet(access, host)("stolen")
    try:
        await outlet.send({}, b"[]", expected=0, once=None)
    finally:
        await outlet.close()


async def _last(access, host):
    from inotify_cffi.fleet import open_outlet

    outlet = await open_outlet(access, host)("stolen")
    try:
        return await outlet.last()
    finally:
        await outlet.close()


def test_a_host_can_not_read_what_another_has_written(server, tmp_path):
    forward(Kept(tmp_path).add(1), of(server, "beta"), "beta")
    with pytest.raises(BrokerError):
        come(of(server, "alpha"))


@pytest.mark.parametrize("user", ["alpha", "reader"])
@pytest.mark.parametrize("what", ["STREAM.DELETE.FS", "STREAM.PURGE.FS", "STREAM.MSG.DELETE.FS"])
def test_nobody_but_the_administrator_can_take_anything_away(server, user, what):
    with pytest.raises(BrokerError):
        asyncio.run(asked(of(server, user), what))
    assert asyncio.run(asked(of(server, "admin"), "STREAM.INFO.FS"))["config"]["name"] == "FS"


def test_a_reader_can_not_write(server):
    with pytest.raises(BrokerError):
        asyncio.run(_try_once(of(server, "reader"), "alpha"))


def test_nobody_hears_the_answers_to_others(server):
    """A user who listens to all inboxes would be told the paths."""
    for user in ("alpha", "reader"):
        with pytest.raises(BrokerError, match="permissions violation"):
            asyncio.run(_listened(of(server, user), "_INBOX.>"))
        asyncio.run(_listened(of(server, user), f"_INBOX.{user}.>"))


async def _listened(access, subject):
    connection = await Connection.open(access)
    try:
        await connection.client.subscribe(subject)
        await connection.ask("STREAM.INFO.FS")
    finally:
        await connection.close()


def test_a_wrong_password_is_not_let_in(server, tmp_path):
    wrong = of(server, "reader")._replace(password_file=of(server, "alpha").password_file)
    with pytest.raises(DeniedError, match="does not let us in"):
        come(wrong)


def test_no_password_is_in_it():
    assert set(re.findall(r"password: *([^\s,]+)", EXAMPLE.read_text(encoding="utf-8"))) == {
        f"${user.upper()}" for user in USERS
    }
