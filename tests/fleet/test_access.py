"""Who is let in: files for what is secret, TLS, permissions; and what a server's settings may lose is told."""

from __future__ import annotations

import asyncio
import json
import os

import pytest
from broker import Server
from sending import Kept, access, certificates, come, forward, secret, with_certificates

from inotify_cffi.fleet.broker import DeniedError
from inotify_cffi.fleet.jetstream import open_outlet
from inotify_cffi.fleet.nats import Connection
from inotify_cffi.fleet.settings import of_server, of_stream

pytest.importorskip("nats")


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path).add(3)


@pytest.fixture
def serving(tmp_path):
    servers = []

    def serve(config="", jetstream=""):
        servers.append(Server(tmp_path / f"nats{len(servers)}", config, jetstream))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


def test_a_password_comes_from_a_file(serving, kept, tmp_path):
    server = serving('authorization { user: "me", password: "s3cret" }')
    to = access(server, user="me", password_file=secret(tmp_path, "s3cret"))
    forward(kept, to)
    assert len(come(to)) == 3
    for wrong in (to._replace(user=None, password_file=None), to._replace(password_file=secret(tmp_path, "no"))):
        with pytest.raises(DeniedError, match="does not let us in"):
            forward(kept, wrong)


def test_a_token_comes_from_a_file(serving, kept, tmp_path):
    to = access(serving('authorization { token: "t0ken" }'), token_file=secret(tmp_path, "t0ken"))
    forward(kept, to)
    assert len(come(to)) == 3


def test_a_secret_that_others_can_read_is_refused(serving, kept, tmp_path):
    to = access(serving(), token_file=secret(tmp_path, "t0ken", 0o644))
    with pytest.raises(DeniedError, match="can be read by others; chmod 600"):
        forward(kept, to)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(("mode", "is_taken"), [(0o440, True), (0o460, False), (0o444, False)])
def test_a_file_of_roots_may_be_for_our_group(tmp_path, monkeypatch, mode, is_taken):
    """So systemd and Kubernetes hand out what is secret, and nobody else is in that group."""
    from inotify_cffi.fleet.opening import read_secret

    file = secret(tmp_path, "s3cret", mode)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    if is_taken:
        assert read_secret(file) == "s3cret"
    else:
        with pytest.raises(DeniedError, match="can be read by others"):
            read_secret(file)


@pytest.mark.parametrize(
    "url",
    ["nats://me:secret@host", "nats://t0ken@host:1", "http://host", "host", "redis://:secret@h", "redis://h/x"],
)
def test_an_address_has_no_password_and_is_of_an_engine_that_is_known(url):
    from inotify_cffi.fleet import Access

    with pytest.raises(ValueError) as raised:
        Access([url]).check()
    assert "secret@" not in str(raised.value) and "t0ken@" not in str(raised.value)


@pytest.mark.needs("openssl")
def test_tls_with_a_certificate_of_its_own_and_of_the_client(serving, kept, tmp_path):
    certificates(tmp_path)
    server = serving(
        f'tls {{ cert_file: "{tmp_path}/server.pem", key_file: "{tmp_path}/server.key", '
        f'ca_file: "{tmp_path}/ca.pem", verify: true }}'
    )
    server.scheme = "tls"
    to = with_certificates(server, tmp_path)
    forward(kept, to)
    assert len(come(to)) == 3
    with pytest.raises(DeniedError, match="not trusted"):
        forward(kept, to._replace(tls_ca=None))


# As the page has them.
ACCOUNTS = """
authorization {
  users: [
    { user: admin, password: a }
    { user: alpha, password: b, permissions: {
        publish: ["fs.alpha.*", "$JS.API.STREAM.INFO.FS", "$JS.API.DIRECT.GET.FS.fs.alpha.*"]
        subscribe: ["_INBOX.alpha.>"] } }
    { user: reader, password: c, permissions: {
        publish: ["$JS.API.STREAM.INFO.FS", "$JS.API.DIRECT.GET.FS", "$JS.API.CONSUMER.*.FS.>",
                  "$JS.API.CONSUMER.MSG.NEXT.FS.>", "$JS.ACK.FS.>"]
        subscribe: ["_INBOX.reader.>"] } }
  ]
}
"""


def test_a_forwarder_may_write_its_own_host_and_read_nothing_else(serving, kept, tmp_path):
    server = serving(ACCOUNTS)

    def of(user, password):
        file = tmp_path / user
        file.mkdir(exist_ok=True)
        return access(server, user=user, password_file=secret(file, password))._replace(stream="FS", prefix="fs")

    asyncio.run(made(of("admin", "a")))
    alpha = of("alpha", "b")
    forward(kept, alpha)
    assert len(come(of("reader", "c"))) == len(come(of("reader", "c"), durable="d")) == 3
    for refused in (lambda: forward(kept, alpha, "beta"), lambda: come(alpha)):
        with pytest.raises(DeniedError, match="does not allow that: permissions violation"):
            refused()


async def made(to):
    connection = await Connection.open(to)
    await connection.stream(create=True)
    await connection.close()


# --- what may be lost ---


def warned(server, kept, **options):
    to = access(server, monitor=server.monitor)

    async def ask():
        await made(to)
        outlet = await open_outlet(to._replace(**options), "alpha", "j")
        try:
            return await outlet.warnings(None)
        finally:
            await outlet.close()

    return asyncio.run(ask())


def test_a_server_as_it_comes_says_how_often_it_synchronises(serving, kept):
    (line,) = warned(serving(), kept)
    assert "synchronises every 2m" in line and "sync_interval: always" in line


def test_a_server_that_always_synchronises_has_nothing_to_be_warned_of(serving, kept):
    assert warned(serving(jetstream="sync_interval: always"), kept) == []


def test_what_can_not_be_seen_is_said(serving, kept):
    (line,) = warned(serving(), kept, monitor=None)
    assert "can not be seen" in line and "--monitor" in line


def test_strict_ends_it(serving, kept):
    with pytest.raises(DeniedError, match="leave --strict out"):
        forward(kept, access(serving()), strict=True)


def test_a_stream_in_memory_or_that_forgets_is_told():
    kept_long = 7 * 86400.0
    (line,) = of_stream("FS", {"storage": "memory", "discard": "new"}, None)
    assert "is in memory" in line
    (line,) = of_stream("FS", {"storage": "file", "max_age": 86400 * 10**9, "discard": "new"}, kept_long)
    assert "forgets after 1d what the journal has for 7d" in line
    (line,) = of_stream("FS", {"storage": "file", "max_bytes": 5, "max_msgs": -1}, kept_long)
    assert "beyond max_bytes 5" in line
    assert of_stream("FS", {"storage": "file", "discard": "new", "max_bytes": 5}, kept_long) == []
    assert of_server("u", {"config": {"sync_always": True}}) == []


def test_the_stream_that_is_made_has_nothing_to_be_warned_of():
    from inotify_cffi.fleet import Access
    from inotify_cffi.fleet.nats import new_stream

    assert of_stream("FS", new_stream(Access(["nats://h"])), 1e9) == []
    json.dumps(new_stream(Access(["nats://h"])))
