"""The command line as process 1 of a container."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys

import pytest
from replaying import COMMAND, PATIENCE_S, Watching

NAMESPACE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]


@pytest.fixture(scope="module", autouse=True)
def pid_namespaces():
    try:
        done = subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True, timeout=PATIENCE_S)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if done.returncode:
        pytest.skip(f"process namespaces are not allowed here: {done.stderr.decode()}")


def run(*arguments, **options):
    return subprocess.run(
        [*NAMESPACE, *COMMAND, *arguments], check=False, capture_output=True, timeout=PATIENCE_S, **options
    )


class Contained(Watching):
    """A process 1; what it is outside of its namespace."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options, before=NAMESPACE)
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(children, encoding="ascii") as file:
            self.pid = int(file.read())

    def end(self, number=signal.SIGTERM):
        os.kill(self.pid, number)
        return super().end(0)


# Leaves three orphans that end, and waits until the last of them has; says which processes there are.
ORPHANS = """
import os, subprocess, sys, time
reading, writing = os.pipe()
for number in range(3):
    subprocess.run(["sh", "-c", "(exit 3) & (sleep 0.05; exit 4) & exit 0"], pass_fds=[writing])
os.close(writing)
os.read(reading, 1)
"""

STATES = (
    "import os, time\nend = time.monotonic() + 20\n"
    """
def zombies():
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                name, _, rest = file.read().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if rest.split()[0] == "Z":
            found.append(name)
    return found
left = zombies()
while left and time.monotonic() < end:
    os.sched_yield()
    left = zombies()
print(len(left), "zombies of process", os.getppid(), flush=True)
"""
)


def test_orphans_are_reaped(tmp_path):
    (tmp_path / "orphans.py").write_text(ORPHANS + STATES)
    done = run(
        "run", "-q", "--initial", "--once", str(tmp_path), "--", sys.executable, str(tmp_path / "orphans.py")
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"0 zombies of process 2\n", b"")


PLUGIN = """
import inotify_cffi, subprocess, time
@inotify_cffi.hookimpl
def inotify_start():
    child = subprocess.Popen(["sh", "-c", "exit 7"])
    with open(f"/proc/{child.pid}/stat") as file:
        while ") Z " not in file.read():
            file.seek(0)
    other = subprocess.Popen(["sh", "-c", "exit 8"], start_new_session=True)
    print(child.wait(), other.wait(), flush=True)
"""


def test_the_children_of_a_plugin_are_not_stolen(tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN)
    done = run("watch", "-q", "-t", "0", "--plugin", str(tmp_path / "plugin.py"), str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"7 8\n", b"")


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("kill -KILL $$", 137)])
def test_the_exit_code_is_that_of_the_command(tmp_path, command, code):
    assert run("run", "--initial", "--once", "--shell", str(tmp_path), "--", command).returncode == code


def test_wrong_usage_is_2_there_as_well():
    assert run("watch").returncode == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_passed_on(tmp_path, number):
    """To process 1 a signal does nothing, unless it heeds it."""
    with Contained("watch", str(tmp_path)) as watching:
        (tmp_path / "a").mkdir()
        assert watching.line().endswith(b"/a")
        assert watching.end(number) == 128 + number


def test_a_signal_ends_the_command_and_then_the_rest(tmp_path):
    command = ["sh", "-c", "trap 'echo asked; exit' TERM; echo begun; while :; do sleep 0.01; done"]
    with Contained("run", "--initial", str(tmp_path), "--", *command) as watching:
        assert watching.line() == b"begun"
        assert watching.end() == 143
        assert watching.left() == [b"asked"]


def test_what_is_killed_has_the_exit_code_of_a_shell(tmp_path):
    (tmp_path / "kill.py").write_text(
        "import inotify_cffi, os, signal\n@inotify_cffi.hookimpl\ndef inotify_start():\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert run("watch", "--plugin", str(tmp_path / "kill.py"), str(tmp_path)).returncode == 137


def test_ctrl_c_of_a_terminal_comes_once(tmp_path):
    """A second one would kill the command that is just ending."""
    (tmp_path / "slow.py").write_text(
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(print('ended', flush=True)))\n"
        "print('begun', flush=True)\nwhile True:\n    signal.pause()\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        arguments = [
            *NAMESPACE,
            *COMMAND,
            "run",
            "--initial",
            str(tmp_path),
            "--",
            sys.executable,
            str(tmp_path / "slow.py"),
        ]
        os.execvp(NAMESPACE[0], arguments)
    printed = b""
    while b"begun" not in printed:
        assert select.select([terminal], [], [], PATIENCE_S)[0], printed
        printed += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    while b"was stopped" not in printed:
        assert select.select([terminal], [], [], PATIENCE_S)[0], printed
        printed += os.read(terminal, 1000)
    assert os.waitpid(pid, 0)[0] == pid
    os.close(terminal)
    assert re.search(rb"ended\r\n.*was stopped with exit code 0\r\n", printed, re.DOTALL), printed
