"""A journal with rows, a forwarder for it, and what has come out of the stream."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import time

from waiting import until

from inotify_cffi import Mask
from inotify_cffi.fleet import Access, Background, Forwarder, Outbox, follow, open_outlet
from inotify_cffi.plugins.journal import Journal
from inotify_cffi.plugins.store import Store

PATIENCE_S = 30

_names = itertools.count(1)


def access(server, **options):
    """A stream of the test's own, on a server that others use as well."""
    name = f"T{os.getpid()}x{next(_names)}"
    return Access([server.url], stream=name, prefix=name.lower(), **options)


class Kept:
    """A journal that a test writes itself."""

    def __init__(self, directory, name="journal.sqlite"):
        self.file = os.path.join(os.fspath(directory), name)
        self._count = 0

    def add(self, count=1, *, mask=Mask.CREATE, path=None, **options):
        """Append events; the paths count on."""
        store = Store(self.file, **options)
        with store.batch():
            store.add([(time.time(), path or self._path(), int(mask), 0, None, 0, None) for _ in range(count)])
        store.close()
        return self

    def _path(self):
        self._count += 1
        return b"/srv/%d" % self._count

    def numbers(self):
        return [event.number for event in Journal().since(self.file, 0)]


def forwarder(kept, to, host="alpha", **options):
    return Forwarder(Outbox(Journal(), kept.file), open_outlet(to, host), host=host, **options)


def forward(kept, to, host="alpha", **options):
    """Send all that is there; the forwarder."""
    made = forwarder(kept, to, host, until_now=True, **options)
    asyncio.run(asyncio.wait_for(made.run(), PATIENCE_S))
    return made


def come(to, **options):
    """All that the stream has: host and number."""
    options.setdefault("since", 0)
    return [(host, event.number) for host, event in follow(to, until_now=True, **options)]


class Running:
    """A forwarder that goes on beside the test."""

    def __init__(self, kept, to, host="alpha", **options):
        self.forwarder = forwarder(kept, to, host, **options)

    def __enter__(self):
        self.background = Background(self.forwarder)
        return self

    def until_sent(self):
        until(lambda: self.forwarder.is_up_to_date, "all is sent")
        return self

    def __exit__(self, *_):
        self.is_finished = self.background.finish(PATIENCE_S)


def secret(directory, text, mode=0o600):
    """A file with a secret in it."""
    file = directory / "secret"
    file.write_text(text + "\n")
    file.chmod(mode)
    return os.fspath(file)


def with_certificates(server, directory):
    """A stream of the test's own, over TLS, with what :func:`certificates` has made."""
    ca, cert, key = (os.path.join(directory, name) for name in ("ca.pem", "client.pem", "client.key"))
    return access(server, tls_ca=ca, tls_cert=cert, tls_key=key)


def certificates(directory):
    """Make ca.pem, and what it has signed for this machine: server.pem and client.pem, with .key beside each."""

    def made(*words):
        subprocess.run(["openssl", *words], check=True, cwd=directory, capture_output=True)

    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    # By default such a certificate may sign others; from 3.13 on Python wants one that says so.
    new += ("-addext", "keyUsage=critical,digitalSignature,keyCertSign")
    made(*new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    for name in ("server", "client"):
        options = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1"]
        made(*new, *options, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
