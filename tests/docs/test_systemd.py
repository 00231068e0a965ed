"""The unit files are accepted by systemd, and their configurations by the program."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from inotify_cffi.testing import run_command_line

UNITS = Path(__file__).resolve().parent.parent.parent / "examples" / "systemd"

pytestmark = pytest.mark.skipif(not UNITS.is_dir(), reason="the examples are not here")


def services():
    return sorted(UNITS.glob("*.service"))


def test_there_are_three():
    names = [path.name for path in services()]
    assert names == [f"inotify-cffi-{name}@.service" for name in ("forward", "run", "watch")]


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("unit", services(), ids=lambda path: path.name)
def test_systemd_has_nothing_to_say_against_it(unit, tmp_path):
    program = tmp_path / "inotify-cffi"
    program.symlink_to(sys.executable)
    made = tmp_path / unit.name.replace("@", "@incoming")
    made.write_text(unit.read_text().replace("/usr/local/bin/inotify-cffi", os.fspath(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", made],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    # Of units of the system it says what it likes.
    assert [line for line in done.stderr.splitlines() if "inotify-cffi" in line] == []
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("unit", services(), ids=lambda path: path.name)
def test_it_can_be_installed_and_is_not_root(unit):
    text = unit.read_text()
    assert "[Install]\nWantedBy=multi-user.target" in text
    assert "DynamicUser=yes" in text
    assert "CapabilityBoundingSet=\n" in text


@pytest.mark.needs("sh")
@pytest.mark.parametrize("unit", services(), ids=lambda path: path.name)
def test_what_systemd_runs_reloads_and_ends_it_and_its_end_is_no_failure(unit, tmp_path):
    """Of programs nothing is needed but a shell: a small system has no /bin/kill."""
    pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli", reason="not installed: tomli")
    text = unit.read_text()
    reload = shlex.split(re.search(r"^ExecReload=(.*)$", text, re.MULTILINE)[1])
    command = re.search(r"^ExecStart=\S+ (\w+)", text, re.MULTILINE)[1]
    (tmp_path / "srv").mkdir()
    more = 'command = ["true"]\n' if command == "run" else ""
    (tmp_path / "one.toml").write_text(f'[{command}]\npaths = ["{tmp_path}/srv"]\n{more}')
    words = [command, "--config", tmp_path / "one.toml"]
    with subprocess.Popen(
        [sys.executable, "-m", "inotify_cffi", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stderr.readline() == "Watches established.\n"
            words = [word.replace("$MAINPID", str(process.pid)) for word in reload]
            subprocess.run(words, check=True, env={"PATH": os.fspath(tmp_path)}, timeout=60)
            assert process.stderr.readline() == "Watches established.\n"
        finally:
            process.terminate()
        code = process.wait(60)
    assert str(code) in re.search(r"^SuccessExitStatus=(.*)$", text, re.MULTILINE)[1].split()


@pytest.mark.parametrize(("name", "command"), [("incoming", "watch"), ("convert", "run")])
def test_the_program_takes_the_arguments_and_the_configuration(name, command, tmp_path, monkeypatch):
    pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli", reason="not installed: tomli")
    monkeypatch.setenv("XDG_STATE_HOME", os.fspath(tmp_path / "state"))
    (tmp_path / "srv").mkdir()
    text = (UNITS / f"{name}.toml").read_text()
    (tmp_path / f"{name}.toml").write_text(
        text.replace("/srv/incoming", f"{tmp_path}/srv").replace("/usr/local/bin/convert-one", "echo")
    )
    unit = (UNITS / f"inotify-cffi-{command}@.service").read_text()
    words = re.search(r"^ExecStart=\S+ (.*) --config /etc/inotify-cffi/%i\.toml$", unit, re.MULTILINE)[1].split()
    done = run_command_line(
        *words, "--config", tmp_path / f"{name}.toml", "--timeout", "1s", "--settle", "10ms",
        when_ready=(tmp_path / "srv" / "a").touch,
    )  # fmt: skip
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path}/srv/a\n" if command == "run" else "")
    assert "Watches established." in done.stderr
    if command == "watch":
        assert "a" in run_command_line("journal", "entries").stdout


def test_the_service_that_forwards_takes_its_password_from_systemd(tmp_path, monkeypatch):
    """With the server away it watches all the same, and the journal has what happened."""
    pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli", reason="not installed: tomli")
    pytest.importorskip("nats", reason="not installed: nats-py")
    monkeypatch.setenv("XDG_STATE_HOME", os.fspath(tmp_path / "state"))
    (tmp_path / "srv").mkdir()
    (tmp_path / "password").touch(0o600)
    text = (UNITS / "fleet.toml").read_text().replace("/srv/incoming", f"{tmp_path}/srv")
    text = re.sub(r"^forward-tls-ca = .*\n", "", text, flags=re.MULTILINE)
    (tmp_path / "fleet.toml").write_text(text.replace("tls://stream.example:4222", "nats://127.0.0.1:9"))
    unit = (UNITS / "inotify-cffi-forward@.service").read_text().replace("\\\n", " ")
    assert re.search(r"^LoadCredential=password:/etc/inotify-cffi/%i.password$", unit, re.MULTILINE)
    line = re.search(r"^ExecStart=\S+ (.*)$", unit, re.MULTILINE)[1]
    words = (
        line.replace("%d", os.fspath(tmp_path))
        .replace("/etc/inotify-cffi/%i.toml", f"{tmp_path}/fleet.toml")
        .split()
    )
    done = run_command_line(
        *words, "--timeout", "1s", "--forward-linger", "0s", when_ready=(tmp_path / "srv" / "a").touch
    )
    assert (done.exit_code, done.stdout) == (0, "")
    assert "a" in run_command_line("journal", "entries").stdout


def test_the_unit_that_forwards_may_talk_to_the_network_and_the_others_may_not():
    families = {
        path.name: re.search(r"^RestrictAddressFamilies=(.*)$", path.read_text(), re.MULTILINE)[1]
        for path in services()
    }
    assert families.pop("inotify-cffi-forward@.service") == "AF_UNIX AF_INET AF_INET6"
    assert set(families.values()) == {"AF_UNIX"}
