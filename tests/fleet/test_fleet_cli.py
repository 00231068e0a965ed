"""``watch --plugin forward``, ``forward`` and ``follow``, as a user has them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from sending import PATIENCE_S, Kept
from waiting import until

PROGRAM = [sys.executable, "-m", "inotify_cffi"]


class Started:
    """The program with its messages in a file."""

    def __init__(self, directory, *words):
        self.log = directory / f"{words[0]}-{id(self)}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, *map(os.fspath, words)], stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL
            )

    def has_said(self, text):
        return text in self.log.read_text()

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out


@pytest.fixture
def start(tmp_path):
    started = []

    def run(*words):
        started.append(Started(tmp_path, *words))
        return started[-1]

    yield run
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate(timeout=PATIENCE_S)


def told(*words):
    done = subprocess.run([*PROGRAM, *words], check=False, capture_output=True, text=True, timeout=PATIENCE_S)
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_two_hosts_in_one_stream(server, start, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    stream = ("--stream", "TWO", "--prefix", "two")
    first = start(
        "watch",
        "--plugin",
        "journal",
        "--plugin",
        "forward",
        "--no-plugin",
        "console",
        tmp_path / "a",
        "--journal-file",
        tmp_path / "a.sqlite",
        "--forward-to",
        server.url,
        "--forward-host",
        "alpha",
        "--forward-stream",
        "TWO",
        "--forward-prefix",
        "two",
    )
    second = start(
        "watch",
        "--plugin",
        "journal",
        "--no-plugin",
        "console",
        tmp_path / "b",
        "--journal-file",
        tmp_path / "b.sqlite",
    )
    for one in (first, second):
        until(lambda one=one: one.has_said("Watches established."))
    third = start(
        "forward", "--journal-file", tmp_path / "b.sqlite", "--to", server.url, "--host", "beta", *stream
    )
    until(lambda: third.has_said("synchronises"))
    (tmp_path / "a" / "x").mkdir()
    (tmp_path / "b" / "y").mkdir()
    code, lines, _ = told("follow", server.url, "--since", "0", "--count", "2", *stream)
    assert code == 0
    assert sorted(lines) == [f"CREATE,ISDIR alpha:{tmp_path}/a/x", f"CREATE,ISDIR beta:{tmp_path}/b/y"]
    code, lines, _ = told(
        "follow", server.url, "--since", "0", "--host", "beta", "--until-now", "--format", "json", *stream
    )
    row = json.loads(lines[0])
    assert (row["host"], row["path"], row["number"]) == ("beta", f"{tmp_path}/b/y", 1)
    assert third.end()[0] == 143
    assert first.end()[0] == 143
    code, _, log = told("follow", server.url, "--since", "0", "--until-now", "--notices", *stream)
    assert "alpha: end at" in log and "beta: end at" in log


def test_follow_has_formats_and_ends_by_its_limits(server, tmp_path):
    kept = Kept(tmp_path).add(3)
    stream = ("--stream", "FORM", "--prefix", "form")
    code, _, log = told(
        "forward", "--journal-file", kept.file, "--to", server.url, "--host", "h", "--until-now", *stream
    )
    assert code == 0, log
    follow = ("follow", server.url, "--since", "0", *stream)
    assert told(*follow, "--count", "2", "--format", "%w%f %e")[1] == ["h:/srv/1 CREATE", "h:/srv/2 CREATE"]
    row = json.loads(told(*follow, "--count", "1", "--format", "cloudevents")[1][0])
    assert row["source"].startswith("inotify-cffi://h/")
    # Long enough for a slow machine to connect.
    code, lines, _ = told(*follow, "--count", "4", "--timeout", "6s")
    assert (code, len(lines)) == (2, 3)


def test_follow_hands_events_to_plugins(server, tmp_path):
    kept = Kept(tmp_path).add(2)
    stream = ("--stream", "PLUG", "--prefix", "plug")
    told("forward", "--journal-file", kept.file, "--to", server.url, "--host", "h", "--until-now", *stream)
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from inotify_cffi import hookimpl\n@hookimpl\ndef inotify_created(path, watcher):\n"
        "    print(watcher.host, path, flush=True)\n"
    )
    words = ("follow", server.url, "--since", "0", "--until-now", "--plugin", os.fspath(plugin))
    assert told(*words, "--no-plugin", "console", *stream)[1] == ["h /srv/1", "h /srv/2"]


@pytest.mark.parametrize(
    "words, text",
    [
        (("forward", "--to", "nats://me:secret@h"), "a password does not belong into an address"),
        (("forward", "--to", "x"), "is no address of a stream"),
        (("follow", "http://h"), "is no address of a stream"),
        (("forward", "--to", "nats://127.0.0.1:1", "--heartbeat", "often"), "often"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(words, text, tmp_path):
    code, _, log = told(*words, *(("--journal-file", os.fspath(tmp_path / "j")) if words[0] == "forward" else ()))
    assert code == 2 and text in log and log.count("\n") == 1


def test_forward_needs_the_journal_and_an_address(tmp_path):
    code, _, log = told("watch", "--plugin", "forward", "--forward-to", "nats://h", os.fspath(tmp_path))
    assert (code, log) == (1, "inotify-cffi: forward sends what the journal keeps; add --plugin journal\n")
    file = os.fspath(tmp_path / "j.sqlite")
    code, _, log = told(
        "watch", "--plugin", "forward", "--plugin", "journal", "--journal-file", file, os.fspath(tmp_path)
    )
    assert code == 1 and "add --forward-to" in log


def test_a_watcher_ends_where_the_stream_refuses_it(server, start, tmp_path):
    (tmp_path / "a").mkdir()
    one = start(
        "watch",
        "--plugin",
        "journal",
        "--plugin",
        "forward",
        "--journal-file",
        tmp_path / "j",
        tmp_path / "a",
        "--forward-to",
        server.url,
        "--forward-stream",
        "NONE",
        "--forward-no-create",
    )
    assert one.process.wait(PATIENCE_S) == 1
    assert one.has_said("the journal is not sent any more: there is no stream")


def test_a_watcher_does_not_wait_for_a_server_that_is_not_there(start, tmp_path):
    pytest.importorskip("nats")
    (tmp_path / "a").mkdir()
    one = start(
        "watch",
        "--plugin",
        "journal",
        "--plugin",
        "forward",
        "--journal-file",
        tmp_path / "j",
        tmp_path / "a",
        "--forward-to",
        "nats://127.0.0.1:9",
        "--count",
        "1",
    )
    until(lambda: one.has_said("the journal keeps all"))
    (tmp_path / "a" / "x").touch()
    out, _ = one.process.communicate(timeout=PATIENCE_S)
    assert out.startswith(b"CREATE ") and one.process.returncode == 0
    assert one.has_said("is sent at the next start")
