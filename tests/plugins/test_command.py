"""The command plugin: what is run, when, how often, and that nothing of it is left."""

from __future__ import annotations

import argparse
import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from replaying import COMMAND, PATIENCE_S, Watching

from inotify_cffi import Event, Mask, Watcher, event_from_json
from inotify_cffi.plugins.command import Command, expand

MOVED = Event.of("/r/new", Mask.MOVED_TO, moved_from="/r/old", cookie=1)


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*COMMAND, "run", *arguments], check=False, capture_output=True, timeout=PATIENCE_S, **options
    )


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def script(place, text):
    """A program that is run with our interpreter; its first argument is its name."""
    (place / "script.py").write_text(text)
    return [sys.executable, str(place / "script.py")]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", "rb") as stat:
        return stat.read().rpartition(b")")[2].split()[0] != b"Z"


# --- the arguments ---


@pytest.mark.parametrize(
    ("argument", "becomes"),
    [
        ("{path}", ["/r/new"]),
        ("a{name}b", ["anewb"]),
        ("{dir}/{name}", ["/r/new"]),
        ("{dir}", ["/r"]),
        ("{old}", ["/r/old"]),
        ("{event}", ["MOVED_TO"]),
        ("{paths}", ["/r/new", "/r/x"]),
        ("{other}", ["{other}"]),
        ("{{path}}", ["{/r/new}"]),
        ("{", ["{"]),
    ],
)
def test_a_placeholder_becomes(argument, becomes):
    assert expand([argument], {"/r/new": MOVED, "/r/x": Event.of("/r/x", Mask.CREATE)}) == becomes


def test_what_was_filled_in_is_not_looked_at_again():
    assert expand(["{path}"], {"{name}": Event.of("{name}", Mask.CREATE)}) == ["{name}"]


def test_without_a_change_placeholders_are_empty():
    assert expand(["a", "{path}", "{paths}"], {}) == ["a", ""]


# --- what is run ---


def test_a_directory_that_is_to_be_read_again_has_changed(tmp_path):
    parser = argparse.ArgumentParser()
    plugin = Command()
    plugin.inotify_add_options(parser)
    plugin.inotify_configure(parser.parse_args(["--exec", "true", "--per", "event"]))
    with Watcher(tmp_path) as watcher:
        plugin.inotify_start(watcher)
        asked = []
        plugin._runner.request = lambda changes, *, merge: asked.append([*changes])
        plugin.inotify_events([Event.of("/r/a", flag) for flag in (Mask.RESCAN, Mask.IN_SYNC, Mask.Q_OVERFLOW)])
        plugin.inotify_stop()
    assert asked == [["/r/a"]]


NAMES = ["; echo pwned", "$(echo pwned)", "`echo pwned`", "a\nb", "-rf", "'\"", "{paths}", "x y"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["direct", "shell"])
def test_a_name_is_only_a_name(root, name, how):
    shell = ["--shell"] if how == "shell" else []
    command = ['printf "%s" "$1"'] if shell else ["printf", "%s", "{name}"]
    with Watching("run", "--once", *shell, str(root), "--", *command) as watching:
        (root / name).mkdir()
        printed, _ = watching.process.communicate(timeout=PATIENCE_S)
    assert printed == os.fsencode(root / name if shell else name)


def test_the_environment_and_the_input_tell_what_changed(tmp_path, root):
    command = script(
        tmp_path,
        "import os, sys\nprint(*(os.environ['INOTIFY_' + key] for key in ('PATH', 'EVENT', 'COUNT')))\n"
        "print(sys.stdin.read(), end='')",
    )
    with Watching("run", "--once", "--stdin", "json", str(root), "--", *command) as watching:
        (root / "a").mkdir()
        assert watching.line() == os.fsencode(f"{root / 'a'} CREATE,ISDIR 1")
        assert event_from_json(json.loads(watching.line())) == Event.of(f"{root / 'a'}", Mask.CREATE | Mask.ISDIR)


def test_paths_can_be_read_with_a_nul_behind_each(root):
    with Watching("run", "--once", "--stdin", "paths0", str(root), "--", "cat") as watching:
        (root / "a\nb").mkdir()
        printed, _ = watching.process.communicate(timeout=PATIENCE_S)
    assert printed == os.fsencode(root / "a\nb") + b"\0"


def test_a_command_may_ignore_its_input(root):
    with Watching("run", "--once", "--stdin", "paths0", str(root), "--", "true") as watching:
        for number in range(2000):
            (root / f"{number:0100}").mkdir()
        assert watching.process.wait(PATIENCE_S) == 0


def test_a_command_for_each_event(root):
    with Watching("run", "--per", "event", str(root), "--", "echo", "{event}", "{name}") as watching:
        for name in "ab":
            (root / name).mkdir()
            (root / name).rmdir()
        lines = [watching.line() for _ in range(4)]
    assert lines == [b"CREATE,ISDIR a", b"DELETE,ISDIR a", b"CREATE,ISDIR b", b"DELETE,ISDIR b"]


def test_a_command_for_each_file_that_has_settled(root):
    arguments = ("--per", "settled", "--settle", "50ms", "--events", "changes")
    with Watching("run", *arguments, str(root), "--", "echo", "{path}") as watching:
        (root / "a.tmp").write_text("x")
        (root / "a.tmp").rename(root / "a")
        assert watching.line() == os.fsencode(root / "a")


@pytest.mark.parametrize(("options", "runs"), [((), [b"3"]), (("--per", "event"), [b"1"] * 3)])
def test_what_was_counted_is_run_for_before_the_end(root, options, runs):
    """It may wait for a quiet moment, or for the run before it."""
    for name in "abcd":
        os.mkdir(f"{root}/{name}")
    done = run(
        "-q", "--existing", "--count", "3", "--debounce", "50ms", *options, str(root),
        "--", sys.executable, "-c", "import os; print(os.environ['INOTIFY_COUNT'])",
    )  # fmt: skip
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, runs, b"")


def test_a_signal_ends_also_what_is_run_for_what_was_counted(root):
    os.mkdir(f"{root}/a")
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    command = ("--existing", "--count", "1", str(root), "--", sys.executable, "-c", code)
    with Watching("run", *command) as watching:
        child = int(watching.line())
        assert watching.end() == 143
    assert not alive(child)


def test_a_command_at_the_start(root):
    assert run("-q", "--initial", "--once", str(root), "--", "echo", "begun").stdout == b"begun\n"


# --- how often ---


def test_a_burst_is_one_run(root):
    with Watching("run", "--once", "--debounce", "300ms", str(root), "--", "echo", "{paths}") as watching:
        for name in "abcdefghij":
            (root / name).mkdir()
        line = watching.line()
    assert line.split() == [os.fsencode(root / name) for name in "abcdefghij"]


# Prints its number, and waits for a line in the pipe before it ends.
COUNTING = """
import os, sys
place = sys.argv[1]
number = len(os.listdir(os.path.join(place, "runs")))
open(os.path.join(place, "runs", str(number)), "w").close()
print("run", number, flush=True)
with open(os.path.join(place, "gate")) as gate:
    gate.read()
print("end", number, flush=True)
"""


@pytest.fixture
def gated(tmp_path):
    (tmp_path / "runs").mkdir()
    os.mkfifo(tmp_path / "gate")
    return [*script(tmp_path, COUNTING), str(tmp_path)]


def open_gate(tmp_path):
    with open(tmp_path / "gate", "w"):
        pass


def test_a_change_during_a_run_is_one_more_run(tmp_path, root, gated):
    with Watching("run", "--debounce", "10ms", str(root), "--", *gated) as watching:
        (root / "a").mkdir()
        assert watching.line() == b"run 0"
        (root / "b").mkdir()
        (root / "c").mkdir()
        open_gate(tmp_path)
        assert [watching.line() for _ in range(2)] == [b"end 0", b"run 1"]
        open_gate(tmp_path)
        assert watching.line() == b"end 1"
        watching.end()
        assert watching.left() == []


def test_a_change_during_a_run_can_start_it_again(root, gated):
    with Watching("run", "--on-busy", "restart", "--debounce", "10ms", str(root), "--", *gated) as watching:
        (root / "a").mkdir()
        assert watching.line() == b"run 0"
        (root / "b").mkdir()
        assert watching.line() == b"run 1"
        watching.end()
        assert b"is started again; it was ended with exit code 143" in watching.errors


def test_a_change_during_a_run_can_be_ignored(tmp_path, root, gated):
    with Watching("run", "--on-busy", "ignore", "--debounce", "10ms", str(root), "--", *gated) as watching:
        (root / "a").mkdir()
        assert watching.line() == b"run 0"
        (root / "b").mkdir()
        open_gate(tmp_path)
        assert watching.line() == b"end 0"
        watching.end()
        assert watching.left() == []


# --- how it ends ---


def test_once_ends_with_the_exit_code_of_the_command(root):
    assert run("--initial", "--once", str(root), "--", "sh", "-c", "exit 3").returncode == 3
    assert run("--initial", "--once", str(root), "--", "sh", "-c", "kill -KILL $$").returncode == 137


def test_a_command_that_is_gone_by_then_is_exit_code_127(tmp_path, root):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    with Watching("run", "--once", str(root), "--", str(program)) as watching:
        program.unlink()
        (root / "a").mkdir()
        _, errors = watching.process.communicate(timeout=PATIENCE_S)
    assert (watching.process.returncode, errors) == (
        127,
        b"inotify-cffi: program can not be run: No such file or directory\n",
    )


def test_once_ends_also_after_a_run_that_took_too_long(root):
    done = run("-q", "--initial", "--once", "--run-timeout", "50ms", str(root), "--", "sleep", "1000")
    assert (done.returncode, done.stderr) == (143, b"")


def test_the_exit_code_is_reported(root):
    done = run("--initial", "--once", str(root), "--", "false")
    assert b"inotify-cffi: false ended with exit code 1\n" in done.stderr


def test_a_run_that_takes_too_long_is_ended(root):
    arguments = ("--initial", "--run-timeout", "50ms", "--per", "event", str(root), "--", "sleep", "1000")
    with Watching("run", *arguments) as watching:
        while b"took too long and was ended with exit code 143\n" not in watching.errors:
            watching.errors += os.read(watching.process.stderr.fileno(), 1000)


STUBBORN = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "1000"], preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
print(os.getpid(), child.pid, flush=True)
child.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["gentle", "stubborn"])
def test_the_end_leaves_no_process(tmp_path, root, number, kind):
    gentle = ["sh", "-c", "sleep 1000 & echo $$ $!; wait"]
    command = gentle if kind == "gentle" else script(tmp_path, STUBBORN)
    with Watching("run", "--initial", "--stop-timeout", "100ms", str(root), "--", *command) as watching:
        pids = [int(word) for word in watching.line().split()]
        assert all(alive(pid) for pid in pids)
        assert watching.end(number) == 128 + number
    assert not any(alive(pid) for pid in pids)


def test_a_command_that_is_not_there_is_an_error(root):
    done = run(str(root), "--", "no-such-command")
    assert (done.returncode, done.stderr) == (1, b"inotify-cffi: no-such-command: command not found\n")


def test_no_command_is_an_error(root):
    done = run(str(root))
    assert done.returncode == 2
    assert b"there is no command to run" in done.stderr


def test_a_time_may_be_longer_than_threads_can_wait(root):
    done = run("-q", "--initial", "--once", "--run-timeout", "100000000d", str(root), "--", "sleep", "0.01")
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_keeps_commands_from_running_ends_it(tmp_path, root):
    done = run(
        "-q", "--initial", "--stdin", "paths0", str(root), "--", "cat",
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": breaking(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert (
        done.stderr
        == b"inotify-cffi: no command can be run any more: OSError: [Errno 28] No space left on device\n"
    )


BEGUN = ["sh", "-c", "echo begun; exec sleep 1000"]


def breaking(place):
    """A directory for PYTHONPATH whose sitecustomize leaves no space for temporary files."""
    (place / "sitecustomize.py").write_text(
        "import errno, os, tempfile\n"
        "def full():\n    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
        "tempfile.TemporaryFile = full\n"
    )
    return os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])


def test_a_command_that_is_stopped_is_ended_at_once(root):
    command = ["sh", "-c", "trap 'echo asked; exit' TERM; echo $$; kill -STOP $$"]
    with Watching("run", "--initial", "--stop-timeout", "1h", str(root), "--", *command) as watching:
        until_stopped(int(watching.line()))
        assert watching.end() == 143
        assert watching.left() == [b"asked"]


def until_stopped(pid):
    until_state(pid, b"T")


def until_ended(pid):
    until_state(pid, b"Z")


def until_state(pid, wanted):
    patience = time.monotonic() + PATIENCE_S
    state = b""
    while state != wanted:
        assert time.monotonic() < patience, f"{pid} is {state.decode()}"
        with open(f"/proc/{pid}/stat", "rb") as stat:
            state = stat.read().rpartition(b")")[2].split()[0]
        os.sched_yield()


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="PyPy can not look for a process that is stopped")
def test_ctrl_z_does_not_keep_the_terminal(root):
    """No shell is there that could let it go on later, so it goes on at once."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*COMMAND, "run", "-q", "--tty", "--initial", str(root), "--", *BEGUN])
    try:
        printed = b""
        while b"begun" not in printed:
            printed += os.read(terminal, 1000)
        os.write(terminal, b"\x1a\x03")
        until_ended(pid)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, os.WNOHANG)[1]) == 130
    finally:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
        os.close(terminal)


def test_a_terminal_of_another_session_is_not_lent(root):
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [*COMMAND, "run", "-q", "--tty", "--initial", "--once", str(root), "--", "echo", "begun"],
            check=False, stdin=theirs, capture_output=True, timeout=PATIENCE_S, start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"begun\n", b"")


MAKEFILE = """\
$(OUT)/program: main.c part.c part.h
\t@echo building >> $(OUT)/log
\t@$(CC) -o $@ main.c part.c
\t@echo built
"""


@pytest.mark.needs("make", "cc")
def test_a_real_build_is_made_once_for_a_burst_of_edits(tmp_path, root):
    (tmp_path / "out").mkdir()
    (root / "Makefile").write_text(MAKEFILE)
    (root / "main.c").write_text('#include "part.h"\nint main(void) { return part(); }\n')
    (root / "part.h").write_text("int part(void);\n")
    (root / "part.c").write_text("int part(void) { return 0; }\n")
    make = ("make", "-s", "-C", str(root), f"OUT={tmp_path / 'out'}")
    with Watching("run", "--debounce", "300ms", str(root), "--", *make) as watching:
        for number in range(10):
            (root / "part.c").write_text(f"int part(void) {{ return {number}; }}\n")
        assert watching.line() == b"built"
        assert subprocess.run([tmp_path / "out" / "program"], check=False).returncode == 9
        assert (tmp_path / "out" / "log").read_text() == "building\n"
        watching.end()
        assert watching.left() == []
