"""Redis and Valkey: who is let in, what a server may lose, what it forgets; the page's permissions are enough."""

from __future__ import annotations

import asyncio
import time

import pytest
from broker import ENGINES, Redis
from sending import PATIENCE_S, Kept, access, certificates, come, forward, secret, with_certificates

from inotify_cffi.fleet import Access, open_inlet, open_outlet
from inotify_cffi.fleet.broker import DeniedError, Start
from inotify_cffi.fleet.settings import of_redis


@pytest.fixture(scope="module", params=["valkey", "redis"])
def engine(request):
    return ENGINES[request.param]


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path).add(3)


@pytest.fixture
def serving(engine, tmp_path):
    servers = []

    def serve(config=""):
        servers.append(engine(tmp_path / f"server{len(servers)}", config))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


def test_a_password_comes_from_a_file_or_the_environment(serving, kept, tmp_path, monkeypatch):
    to = access(serving("requirepass s3cret"))
    with_file = to._replace(password_file=secret(tmp_path, "s3cret"))
    forward(kept, with_file)
    assert len(come(with_file)) == 3
    (tmp_path / "wrong").mkdir()
    for wrong in (to, to._replace(password_file=secret(tmp_path / "wrong", "no"))):
        with pytest.raises(DeniedError, match="does not let us in"):
            forward(kept, wrong)
    monkeypatch.setenv("INOTIFY_CFFI_PASSWORD", "s3cret")
    assert len(come(to)) == 3


@pytest.mark.needs("openssl")
def test_tls_with_a_certificate_of_its_own_and_of_the_client(kept, tmp_path):
    certificates(tmp_path)

    class OverTls(Redis):
        scheme = "rediss"

    server = OverTls(
        tmp_path / "server",
        f"port 0\ntls-port PORT\ntls-cert-file {tmp_path}/server.pem\ntls-key-file {tmp_path}/server.key\n"
        f"tls-ca-cert-file {tmp_path}/ca.pem\ntls-auth-clients yes",
    )
    try:
        to = with_certificates(server, tmp_path)
        forward(kept, to)
        assert len(come(to)) == 3
        with pytest.raises(DeniedError, match="not trusted"):
            forward(kept, to._replace(tls_ca=None))
    finally:
        server.close()


# As the page has them.
USERS = """
user default off
user alpha on >b ~fs.alpha.* ~fs:keys +@connection +evalsha +script|load +xrevrange +xadd +sadd +exists +time
user reader on >c %R~fs.* %R~fs:keys ~fs:place:* +@connection +xread +xrange +xrevrange +smembers +time +hgetall +hset +hsetnx
"""


def test_a_forwarder_may_write_its_own_host_and_one_who_follows_nothing(serving, kept, tmp_path):
    server = serving(USERS)

    def of(user, password):
        file = tmp_path / user
        file.mkdir(exist_ok=True)
        return Access([server.url], user=user, password_file=secret(file, password))

    alpha, reader = of("alpha", "b"), of("reader", "c")
    forward(kept, alpha)
    assert len(come(reader)) == len(come(reader, durable="d")) == 3
    for refused in (lambda: forward(kept, alpha, "beta"), lambda: come(alpha), lambda: forward(kept, reader)):
        with pytest.raises(DeniedError, match="does not allow that"):
            refused()


def test_no_create_ends_where_there_is_no_key(serving, kept):
    with pytest.raises(DeniedError, match=r"there is no stream t\w+: the server has no key t\w+:keys"):
        forward(kept, access(serving(), create=False))


# --- what may be lost ---


def warned(to):
    async def ask():
        outlet = await open_outlet(to, "alpha")("j")
        try:
            return await outlet.warnings(time.time() - 86400)
        finally:
            await outlet.close()

    return asyncio.run(ask())


def test_a_server_says_how_often_it_synchronises(serving):
    (line,) = warned(access(serving()))
    assert "synchronises once a second" in line and "appendfsync always" in line


def test_a_server_that_always_synchronises_has_nothing_to_be_warned_of(serving):
    assert warned(access(serving("appendfsync always"))) == []


def test_strict_ends_it(serving, kept):
    with pytest.raises(DeniedError, match="leave --strict out"):
        forward(kept, access(serving()), strict=True)


def test_what_can_not_be_seen_is_said(serving):
    (line,) = warned(access(serving('rename-command CONFIG ""')))
    assert "can not be seen" in line and "CONFIG GET is refused" in line


def test_a_retention_below_what_the_journal_has_is_told(serving):
    (line,) = warned(access(serving("appendfsync always"), retention_s=3600))
    assert "forgets after 1h what the journal has for 1d" in line


@pytest.mark.parametrize(
    "config, text",
    [
        ({"appendonly": "no"}, "keeps no log"),
        ({"appendonly": "yes", "appendfsync": "no"}, "when the kernel sees fit"),
        (
            {"appendonly": "yes", "appendfsync": "always", "maxmemory": "1", "maxmemory-policy": "allkeys-lru"},
            "forgets whole hosts",
        ),
    ],
)
def test_each_setting_that_loses_something_is_a_line(config, text):
    (line,) = of_redis("redis://h", config)
    assert text in line


# --- keys ---


async def aged(to, seconds):
    """Put all messages of one host anew, with times so long ago."""
    inlet = await open_inlet(to)()
    await inlet.begin(Start(0), {})
    found = await inlet.next(PATIENCE_S)
    await inlet._connection.ask("DEL", found[0].key)
    for message in found:
        words = [word for pair in message.fields.items() for word in pair]
        stamp = f"{message.position - seconds * 10**6}-1"
        await inlet._connection.ask("XADD", message.key, stamp, *words, "body", message.body)
    await inlet.close()


def test_what_is_older_than_the_retention_is_forgotten_and_its_absence_told(serving, kept):
    to = access(serving(), retention_s=3600)
    forward(kept.add(97), to)
    asyncio.run(aged(to, 7200))
    forward(kept.add(100), to)
    assert [number for _, number in come(to)] == [100, *range(101, 201)]


def test_many_hosts_are_read(serving, kept):
    to = access(serving())
    hosts = [f"h{number}" for number in range(70)]
    for host in hosts:
        forward(kept, to, host)
    found = come(to)
    assert sorted(set(found)) == sorted((host, number) for host in hosts for number in kept.numbers())
    assert len(found) == 210
    assert come(to, hosts=["h1"]) == [("h1", number) for number in kept.numbers()]


@pytest.mark.parametrize(
    "urls, options, text",
    [
        (["redis://a", "nats://b"], {}, "of two engines"),
        (["redis://a"], {"creds_file": "x"}, "--creds is for NATS"),
        (["redis://a"], {"token_file": "x"}, "--token-file is for NATS"),
        (["nats://a"], {"retention_s": 1.0}, "max_age"),
        (["redis://a/b"], {}, "names no database"),
        (["redis://a"], {"prefix": "a:b"}, "nothing that a key begins with"),
    ],
)
def test_what_an_engine_can_not_do_is_refused(urls, options, text):
    with pytest.raises(ValueError, match=text):
        Access(urls, **options).check()
