"""The plugin ``metrics``: what it counts is what happened, and Prometheus' own parser takes it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from broker import Server
from pages import DOCS, Reader, blocks_of
from sending import Kept, Running, access

from inotify_cffi import Cause, Dispatcher, Event, Mask, Watcher
from inotify_cffi.cli.program import main
from inotify_cffi.plugins.journal import Journal
from inotify_cffi.plugins.metrics import WATCH_LIMITS, Address, Metrics
from tests.helpers.ports import free_port

prometheus_client = pytest.importorskip("prometheus_client")

PATIENCE_S = 30


def parsed(text):
    """The values of a text of Prometheus, by name and labels."""
    from prometheus_client.parser import text_string_to_metric_families

    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Counting:
    """A watcher with the plugin, and what its collector says."""

    def __init__(self, root, **options):
        self.watcher = Watcher(root, **options)
        self.plugin = Metrics()
        self.dispatcher = Dispatcher()
        self.dispatcher.register(self.plugin)
        self.registry = prometheus_client.CollectorRegistry()
        self.registry.register(self.plugin)
        self.dispatcher.start(self.watcher)

    def read(self):
        events = self.watcher.sync()
        if events:
            self.dispatcher.dispatch(events, self.watcher)
        return self.told()

    def told(self):
        return parsed(prometheus_client.generate_latest(self.registry).decode())

    def close(self):
        self.dispatcher.stop(self.watcher)
        self.watcher.close()


@pytest.fixture
def counting(tmp_path):
    made = []

    def make(**options):
        (tmp_path / "root").mkdir(exist_ok=True)
        made.append(Counting(tmp_path / "root", **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_events_are_counted_by_kind(counting, tmp_path):
    one = counting()
    (tmp_path / "root" / "d").mkdir()
    (tmp_path / "root" / "a").touch()
    (tmp_path / "root" / "a").rename(tmp_path / "root" / "b")
    told = one.read()
    assert told["inotify_events_total", "create"] == 2
    assert told["inotify_events_total", "moved_to"] == told["inotify_events_total", "moved_from"] == 1
    assert ("inotify_events_total", "isdir") not in told


def test_the_queue_is_what_was_not_read(counting, tmp_path):
    one = counting(mask=Mask.CREATE)
    assert one.told()["inotify_queue_bytes",] == 0
    (tmp_path / "root" / "abc").mkdir()
    # inotify(7): 16 bytes, and the name filled up with zeros to a multiple of that.
    assert one.told()["inotify_queue_bytes",] == 32
    assert one.read()["inotify_queue_bytes",] == 0


def test_watches_and_their_limit(counting, tmp_path):
    for name in "abc":
        (tmp_path / "root" / name).mkdir(parents=True)
    told = counting().told()
    assert told["inotify_watches",] == 4
    limits = [int(Path(file).read_text()) for file in WATCH_LIMITS if os.path.exists(file)]
    assert told["inotify_max_user_watches",] == min(limits)


def test_what_is_not_covered_is_counted(counting, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    one = counting(follow_symlinks=True, max_places=1)
    for number in range(3):
        (tmp_path / "root" / f"link{number}").symlink_to(tmp_path / "elsewhere")
        assert one.read()["inotify_unwatched",] == number
    assert len(one.watcher.unwatched()) == 2


def test_it_is_not_in_sync_from_a_loss_until_the_difference_is_told(counting):
    one = counting()
    begun = one.told()["inotify_last_in_sync_timestamp_seconds",]
    assert one.told()["inotify_in_sync",] == 1 and begun > 0
    one.dispatcher.dispatch([Event.of("", Mask.Q_OVERFLOW)], one.watcher)
    assert one.told()["inotify_in_sync",] == 0
    assert one.told()["inotify_last_in_sync_timestamp_seconds",] == begun
    one.dispatcher.dispatch([Event.of("", Mask.IN_SYNC, cause=Cause.LOSS)], one.watcher)
    told = one.told()
    assert told["inotify_in_sync",] == 1 and told["inotify_last_in_sync_timestamp_seconds",] >= begun
    assert told["inotify_events_total", "q_overflow"] == told["inotify_events_total", "in_sync"] == 1


def test_an_overflow_of_the_kernel_is_counted_and_then_it_is_in_sync(counting, tmp_path):
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100_000:
        pytest.skip("the kernel's queue is long here")
    one = counting(mask=Mask.CREATE | Mask.DELETE)
    for _ in range(limit // 2 + 1):
        os.mkdir(tmp_path / "root" / "d")
        os.rmdir(tmp_path / "root" / "d")
    told = one.read()
    assert (
        told["inotify_overflows_total",]
        == told["inotify_events_total", "q_overflow"]
        == told["inotify_in_sync",]
        == 1
    )


def test_a_closed_watcher_has_no_figures_but_those_that_were_counted(counting, tmp_path):
    one = counting()
    (tmp_path / "root" / "d").mkdir()
    one.read()
    one.watcher.close()
    told = one.told()
    assert told["inotify_events_total", "create"] == 1
    assert ("inotify_watches",) not in told


# --- served, with the command line ---


def served(tmp_path, *words, plugin=""):
    """Run ``watch`` with the plugin until one directory was made; what was scraped then."""
    (tmp_path / "root").mkdir(exist_ok=True)
    file = tmp_path / "scraping.py"
    file.write_text(
        "import os, urllib.request\nfrom inotify_cffi import hookimpl\n"
        f"TOP = {os.fspath(tmp_path)!r}\n"
        "class Scraping:\n"
        "    @hookimpl(trylast=True)\n"
        "    def inotify_start(self): os.mkdir(TOP + '/root/new')\n"
        "    @hookimpl(trylast=True)\n"
        "    def inotify_events(self, watcher):\n"
        "        with open(TOP + '/port') as file: port = file.read()\n"
        "        with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=30) as answer:\n"
        "            with open(TOP + '/scraped', 'wb') as file: file.write(answer.read())\n"
    )
    port = free_port()
    (tmp_path / "port").write_text(str(port))
    code = main(
        ["watch", "--plugin", "metrics", "--plugin", os.fspath(file), "--metrics-listen", str(port), "--count", "1",
         "--timeout", "30s", "--quiet", *words, os.fspath(tmp_path / "root")]
    )  # fmt: skip
    assert code == 0
    # The port is free again.
    with socket.create_server(("127.0.0.1", port)):
        pass
    return (tmp_path / "scraped").read_text()


def test_it_is_served_while_it_watches_and_no_longer(tmp_path, capsys):
    told = parsed(served(tmp_path))
    assert told["inotify_events_total", "create"] == 1
    assert told["process_open_fds",] > 0
    assert ("inotify_journal_last_number",) not in told


def test_with_a_journal_its_numbers_are_there(tmp_path, capsys):
    file = tmp_path / "journal.sqlite"
    told = parsed(served(tmp_path, "--plugin", "journal", "--journal-file", os.fspath(file)))
    assert told["inotify_journal_last_number",] == Journal().status(os.fspath(file)).last > 0
    assert told["inotify_journal_held_bytes",] == 0
    assert told["inotify_journal_held_limit_bytes",] == 32 << 20


def test_no_path_is_in_it(tmp_path, capsys):
    assert os.path.basename(tmp_path) not in served(tmp_path)


def test_with_a_forwarder_it_says_how_far_that_is(tmp_path, capsys):
    """Nobody is at that address, so all that the journal has is behind."""
    pytest.importorskip("nats")
    file = tmp_path / "journal.sqlite"
    words = ("--plugin", "forward", "--forward-to", "nats://127.0.0.1:9", "--forward-linger", "0s")
    told = parsed(served(tmp_path, "--plugin", "journal", "--journal-file", os.fspath(file), *words))
    assert told["inotify_forward_lag",] == told["inotify_journal_last_number",] > 0
    assert told["inotify_forward_messages_total",] == told["inotify_forward_connections_total",] == 0


def test_what_was_forwarded_is_counted(tmp_path, counting):
    pytest.importorskip("nats")
    kept = Kept(tmp_path).add(3)
    server = Server(tmp_path / "nats")
    try:
        one = counting()
        with Running(kept, access(server)) as running:
            one.plugin.inotify_configure(Namespace(metrics_listen=Address("127.0.0.1", 0), forward=running))
            running.until_sent()
            told = one.told()
    finally:
        server.close()
    assert told["inotify_forward_lag",] == 0
    assert told["inotify_forward_events_total",] == 3
    # One that says that it starts, and a batch.
    assert told["inotify_forward_messages_total",] == 2


@pytest.mark.needs("promtool")
def test_promtool_has_nothing_to_say_against_it(tmp_path, capsys):
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=served(tmp_path), check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_parser_of_openmetrics_takes_it(counting):
    from prometheus_client.openmetrics.exposition import generate_latest
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    names = {
        family.name for family in text_string_to_metric_families(generate_latest(counting().registry).decode())
    }
    assert {"inotify_watches", "inotify_overflows", "inotify_events"} <= names


# --- what can be wrong ---


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9750", ("127.0.0.1", 9750)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
        ("[::1]:80", ("::1", 80)),
        ("host:0", ("host", 0)),
    ],
)
def test_an_address(text, address):
    assert Address.of(text) == address


@pytest.mark.parametrize("text", ["", "host", "host:", "host:http", "1:65536", "::1:80", "1:-1", "h:²"])
def test_what_is_no_address_is_wrong_usage(text, tmp_path, capsys):
    assert main(["watch", "--plugin", "metrics", "--metrics-listen", text, os.fspath(tmp_path)]) == 2
    assert "is no address to listen on; write HOST:PORT" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told_before_anything_is_listed(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["watch", "--plugin", "metrics", "--metrics-listen", where, os.fspath(tmp_path / "no")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"metrics can not be served on {where}: Address already in use" in line


def test_a_host_that_is_not_known_is_told(tmp_path, capsys):
    assert main(["watch", "--plugin", "metrics", "--metrics-listen", "no.invalid:1", os.fspath(tmp_path)]) == 1
    assert "metrics can not be served on no.invalid:1" in capsys.readouterr().err


WITHOUT = """import sys
sys.modules["prometheus_client"] = None
from inotify_cffi.cli.program import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_the_package_it_says_what_to_install(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "watch", "--plugin", "metrics", os.fspath(tmp_path)],
        check=False, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'inotify_cffi[prometheus]'" in done.stderr


# --- the page ---

PAGE = DOCS / "plugins" / "metrics.md"


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here")
def test_the_page_has_every_metric(counting, tmp_path):
    one = counting()
    (tmp_path / "root" / "d").mkdir()
    told = {name for name, *_ in one.read()}
    table = PAGE.read_text(encoding="utf-8").split("## In a program")[0]
    assert [name for name in told if name not in table] == []
    named = {name.removesuffix("_total") for name in re.findall(r"`(inotify_[a-z_]+)", table)}
    source = Path(Metrics.collect.__code__.co_filename).read_text(encoding="utf-8")
    assert [name for name in named if f'"{name}"' not in source] == []


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here")
def test_the_program_of_the_page_prints_them(tmp_path):
    (program,) = (block for block in blocks_of(PAGE) if block.language == "python")
    Reader(tmp_path).follow(program._replace(printed="...\ninotify_in_sync 1.0\n..."))
