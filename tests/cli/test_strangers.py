"""The command line among strangers: nothing that others put in its way holds it up, and no name obeys a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import pty
import signal
import socket
import stat
import subprocess
import sys
import termios
import time

import pytest
from replaying import COMMAND, PATIENCE_S, Watching, heed_ctrl_c

from inotify_cffi import printable
from inotify_cffi.cli.program import main

HAS_TOML = sys.version_info >= (3, 11) or importlib.util.find_spec("tomli") is not None


def run(*arguments, **options):
    return subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, timeout=PATIENCE_S, **options)


# --- the service manager ---


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A service manager's socket, and the name of it in NOTIFY_SOCKET."""
    name = f"@inotify-cffi-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if request.param == "abstract" else name)
        manager.settimeout(PATIENCE_S)
        yield manager, name


def fill(manager):
    """Fill the queue of a socket, until nobody can send to it; the number of messages."""
    count = 0
    while True:
        # Afresh each time: a sender has a bound of its own.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    sender.sendto(b"x", manager.getsockname())
                    sent += 1
        if not sent:
            return count
        count += sent


def test_a_manager_that_does_not_read_holds_nobody_up(tmp_path, manager):
    fill(manager[0])
    done = run("watch", "-t", "0.1", str(tmp_path), env={**os.environ, "NOTIFY_SOCKET": manager[1]})
    assert done.returncode == 0
    said = b"inotify-cffi: the queue of NOTIFY_SOCKET is full; READY=1 is sent as soon as there is room\n"
    assert done.stderr == b"Watches established.\n" + said


def test_a_manager_that_reads_late_is_told_then(tmp_path, manager):
    """It would wait for it, and kill what is not ready in time."""
    socket, name = manager
    queued = fill(socket)
    with Watching("watch", str(tmp_path), environment={"NOTIFY_SOCKET": name}) as watching:
        assert [socket.recv(100) for _ in range(queued)] == [b"x"] * queued
        assert socket.recv(100) == b"READY=1"
        assert watching.end() == 143
        assert socket.recv(100) == b"STOPPING=1"


def test_sigterm_ends_it_while_the_manager_does_not_read(tmp_path, manager):
    fill(manager[0])
    with Watching("watch", str(tmp_path), environment={"NOTIFY_SOCKET": manager[1]}) as watching:
        assert watching.end() == 143


def test_a_manager_that_went_away_before_it_read_ends_nobody(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        fill(manager)
        watching = Watching("watch", str(tmp_path), environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    with watching:
        (tmp_path / "a").mkdir()
        assert watching.line().endswith(b"/a")
        assert watching.end() == 143
        assert (
            os.fsencode(f"the service manager can not be told READY=1: {tmp_path}/notify: Connection refused\n")
            in watching.errors
        )


# --- files that are none ---


def odd_files(place):
    """A FIFO, a socket, a directory, and a file that never ends."""
    os.mkfifo(place / "fifo.py")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(place / "socket.py"))
    (place / "directory.py").mkdir()
    os.symlink("/dev/zero", place / "device.py")


KINDS = {"fifo": b"a FIFO", "socket": b"a socket", "directory": b"a directory", "device": b"a device"}


@pytest.mark.parametrize("option", ["--config", "--plugin"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_to_be_read_has_to_be_one(tmp_path, option, kind):
    odd_files(tmp_path)
    done = run("watch", "-t", "0", option, str(tmp_path / f"{kind}.py"), str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert b"it is %s, not a regular file" % KINDS[kind] in done.stderr


def test_a_configuration_has_a_bound(tmp_path):
    with open(tmp_path / "c.toml", "wb") as file:
        file.truncate(1 << 40)
    done = run("watch", "--config", str(tmp_path / "c.toml"), str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert done.stderr.endswith(b"c.toml: it is larger than a configuration may be, 1048576 bytes\n")


needs_toml = pytest.mark.skipif(not HAS_TOML, reason="TOML comes with Python 3.11, or with the extra cli")


@needs_toml
def test_a_configuration_that_became_a_fifo_does_not_hold_up_a_service(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(f'[watch]\npaths = ["{tmp_path}"]\n')
    with Watching("watch", "--config", str(config)) as watching:
        config.unlink()
        os.mkfifo(config)
        watching.process.send_signal(signal.SIGHUP)
        while b"stays as it was" not in watching.errors or watching.errors.count(b"established") < 2:
            watching.errors += os.read(watching.process.stderr.fileno(), 4096)
        assert b"c.toml: it is a FIFO, not a regular file\n" in watching.errors
        assert watching.end() == 143


# --- signals ---


TERMINATED = """
import os, signal, sys

if "{kind}" == "again" and not hasattr(sys, "loaded_before"):
    sys.loaded_before = True
else:
    os.kill(os.getpid(), signal.SIGTERM)

import inotify_cffi
@inotify_cffi.hookimpl
def inotify_event():
    pass
"""


@needs_toml
@pytest.mark.parametrize("kind", ["at once", "again"])
def test_sigterm_while_a_plugin_is_loaded_is_the_end(tmp_path, kind):
    """At the start it is no failure of the plugin, and after SIGHUP none that a service survives."""
    (tmp_path / "mine.py").write_text(TERMINATED.format(kind=kind))
    config = tmp_path / "c.toml"
    config.write_text(f'[watch]\npaths = ["{tmp_path}"]\nplugin = ["{tmp_path}/mine.py"]\n')
    with Watching("watch", "--config", str(config), ready=kind == "again") as watching:
        if kind == "again":
            watching.process.send_signal(signal.SIGHUP)
        assert watching.process.wait(PATIENCE_S) == 143
        said = watching.errors + watching.process.stderr.read()
    assert said == (b"Watches established.\n" if kind == "again" else b"")


def pipe_that_is_full():
    """The ends of a pipe in which there is no room."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    return reading, writing


def until_it_waits_to_write(pid):
    """Return when a process is inside of write(2), or of poll(2) to write."""
    numbers = {"x86_64": ("1", "7", "271"), "aarch64": ("64", "73")}[os.uname().machine]
    end = time.monotonic() + PATIENCE_S
    while True:
        with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            if file.read().split()[0] in numbers:
                return
        assert time.monotonic() < end, "it does not write"
        os.sched_yield()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_while_nobody_reads_what_it_prints(tmp_path, stream, unbuffered, number):
    (tmp_path / "d" / "a").mkdir(parents=True)
    (tmp_path / "loud.py").write_text(
        "import inotify_cffi\n@inotify_cffi.hookimpl\ndef inotify_event(event):\n    raise ValueError('loud')\n"
    )
    reading, writing = pipe_that_is_full()
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: writing}
    plugins = ["--plugin", str(tmp_path / "loud.py")] if stream == "stderr" else []
    process = subprocess.Popen(
        [*COMMAND, "watch", "-q", "--existing", *plugins, str(tmp_path / "d")],
        **streams,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509  # the tests have no threads here
    )
    try:
        os.close(writing)
        until_it_waits_to_write(process.pid)
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 128 + number
    finally:
        process.kill()
        process.wait()
        os.close(reading)


def test_what_was_printed_by_others_is_not_lost_where_there_is_room(tmp_path):
    """A plugin's print() waits in a buffer when the signal comes."""
    (tmp_path / "quiet.py").write_text(
        "import inotify_cffi\n@inotify_cffi.hookimpl\ndef inotify_start():\n    print('buffered')\n"
    )
    with Watching("watch", "--plugin", str(tmp_path / "quiet.py"), str(tmp_path)) as watching:
        assert watching.end() == 143
    assert watching.left() == [b"buffered"]


# --- text ---


NAMES = {
    "C0": (b"esc\x1b[31m", "esc\\x1b[31m"),
    "newline": (b"new\nline", "new\\nline"),
    "DEL": (b"del\x7f", "del\\x7f"),
    "C1": ("c1\x9b31m".encode(), "c1\\x9b31m"),
    "raw 0x9b": (b"raw\x9b31m", "raw\\udc9b31m"),
    "raw 0xff": (b"raw\xff", "raw\\udcff"),
    "right to left": ("a\u202egpj.exe".encode(), "a\\u202egpj.exe"),
    "isolate": ("a\u2066b\u2069".encode(), "a\\u2066b\\u2069"),
    "marks": ("a\u200e\u200f\u061c".encode(), "a\\u200e\\u200f\\u061c"),
    "line separator": ("a\u2028b\u2029".encode(), "a\\u2028b\\u2029"),
    "zero width": ("a\u200b\u200c\u200d\u2060\ufeff".encode(), "a\\u200b\\u200c\\u200d\\u2060\\ufeff"),
    "tag": ("a\U000e0041".encode(), "a\\U000e0041"),
    "variation": ("a\U000e0101\ufe01".encode(), "a\\U000e0101\\ufe01"),
    "filler": ("a\u3164\u115f\uffa0".encode(), "a\\u3164\\u115f\\uffa0"),
    "another space": ("a\xa0b".encode(), "a\\xa0b"),
    "unassigned": ("a\U0003fffd".encode(), "a\\U0003fffd"),
    "letters": ("é☃日本 \U0001f600".encode(), "é☃日本 \U0001f600"),
}


@pytest.mark.parametrize("kind", NAMES)
def test_what_is_only_text_stays_and_all_else_is_escaped(kind):
    name, shown = NAMES[kind]
    assert printable(name) == printable(os.fsdecode(name)) == shown


def test_everything_that_is_shown_can_be_printed():
    for code in range(sys.maxunicode + 1):
        assert printable(chr(code)).isprintable()


def obeyed(data):
    """The bytes of an output that a terminal would obey; colours, and the ends of lines, are ours."""
    text = data.decode().replace("\x1b[32m", "").replace("\x1b[0m", "")
    return [character for character in text if character not in "\r\n" and printable(character) != character]


@pytest.fixture
def odd_names(tmp_path):
    root = os.fsencode(tmp_path / "odd")
    os.mkdir(root)
    for name, _ in NAMES.values():
        os.mkdir(os.path.join(root, name))
    return root


@pytest.mark.parametrize("command", [
    ["watch", "--existing", "-q", "-t", "0"],
    ["watch", "--existing", "-q", "-t", "0", "--color", "always"],
    ["stats", "--existing", "-q", "-t", "0"],
])  # fmt: skip
def test_no_name_is_obeyed_in_what_is_printed(odd_names, command):
    """Also in a pipe: what is in a file is shown on a terminal one day."""
    for name, _ in NAMES.values():
        os.mkdir(os.path.join(odd_names, name, b"below"))
    done = run(*command, odd_names)
    assert done.stderr == b""
    assert obeyed(done.stdout) == []
    for _, shown in NAMES.values():
        assert f"odd/{shown}" in done.stdout.decode()


def test_no_name_is_obeyed_in_what_the_journal_prints(odd_names, tmp_path):
    journal = ["--journal-file", str(tmp_path / "journal")]
    for _ in range(2):
        assert (
            run(
                "watch", "-q", "-t", "0", "--no-plugin", "console", "--plugin", "journal", *journal, odd_names
            ).stderr
            == b""
        )
        for name, _ in NAMES.values():
            with contextlib.suppress(FileExistsError):
                os.mkdir(os.path.join(odd_names, name, b"below"))
    done = run("journal", "since", "0", *journal)
    assert obeyed(done.stdout) == []
    for _, shown in NAMES.values():
        assert f"odd/{shown}/below" in done.stdout.decode()


@pytest.mark.parametrize("kind", NAMES)
def test_no_name_is_obeyed_in_an_error(tmp_path, capfdbinary, kind):
    name = os.fsdecode(NAMES[kind][0]).replace(" ", "")
    path = f"{tmp_path}/{name}.py"
    for arguments in (["watch"], ["doctor"], ["watch", "--plugin"], ["watch", "--config"], ["watch", f"--{name}"]):
        assert main([*arguments, path]) in {1, 2}
        printed = capfdbinary.readouterr().err
        assert obeyed(printed) == [], arguments
        assert printed.count(b"\n") == 1


@pytest.mark.parametrize("form", ["text", "debug"])
def test_no_name_is_obeyed_in_a_message_of_a_plugin(odd_names, tmp_path, form):
    (tmp_path / "bad.py").write_text(
        "import inotify_cffi\n@inotify_cffi.hookimpl\ndef inotify_events(events):\n"
        "    raise ValueError(' '.join(event.path for event in events))\n"
    )
    done = run(
        "watch", "-q", "-t", "0", "--existing", "--no-plugin", "console", "--plugin", str(tmp_path / "bad.py"), odd_names,
        env={**os.environ, "INOTIFY_CFFI_DEBUG": "1" if form == "debug" else ""},
    )  # fmt: skip
    assert obeyed(done.stderr) == []
    assert b"ValueError" in done.stderr
    assert (done.stderr.count(b"\n") == 1) is (form == "text")


def test_a_message_that_is_an_object_has_no_half_of_a_pair(odd_names, tmp_path):
    """Strict readers of JSON refuse it."""
    (tmp_path / "bad.py").write_text(
        "import inotify_cffi\n@inotify_cffi.hookimpl\ndef inotify_events(events):\n"
        "    raise ValueError(' '.join(event.path for event in events))\n"
    )
    arguments = ["--log", "json", "--no-plugin", "console", "--plugin", str(tmp_path / "bad.py"), odd_names]
    done = run("watch", "-q", "-t", "0", "--existing", *arguments)
    row = json.loads(done.stderr)
    assert "raw\\udcff" in row["message"]
    assert "\u202e" in row["message"]
    for text in (row["message"], row["traceback"]):
        text.encode("utf-8")


def test_no_name_is_obeyed_in_a_live_table(odd_names):
    pytest.importorskip("rich")
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, b"\x64\x00\xc8\x00\x00\x00\x00\x00")
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    for name, _ in NAMES.values():
        os.mkdir(os.path.join(odd_names, name, b"below"))
    process = subprocess.Popen(
        [*COMMAND, "stats", "-q", "--existing", "-t", "0.5", odd_names],
        stdout=theirs, stderr=theirs, stdin=theirs, env=environment,
    )  # fmt: skip
    os.close(theirs)
    printed = b""
    with contextlib.suppress(OSError):  # the terminal has gone
        while chunk := os.read(ours, 4096):
            printed += chunk
    assert process.wait(PATIENCE_S) == 0
    os.close(ours)
    assert "esc\\x1b[31m" in printed.decode()
    for name, shown in NAMES.values():
        if name != shown.encode():
            assert name not in printed


# --- what a name is in a command ---


SHOW = """
import os, sys
print(*sys.argv[1:], os.environ["INOTIFY_PATH"], *sys.stdin.read().split("\\0"), sep="|")
"""


@pytest.mark.parametrize("name", ["-rf", "--help"])
@pytest.mark.parametrize("place", [".", "-x", "-file"])
def test_a_path_in_a_command_is_no_option(tmp_path, name, place):
    """However the root is called: in the arguments, in the environment and in what it reads."""
    (tmp_path / "show.py").write_text(SHOW)
    working = tmp_path / "working"
    working.mkdir()
    if place == "-file":
        (working / "-file").touch()
    else:
        (working / place / name).mkdir(parents=True)
    path = {".": f"./{name}", "-x": f"./-x/{name}", "-file": "./-file"}[place]
    directory, last = os.path.split(path)
    command = f"{sys.executable} {tmp_path / 'show.py'} {{path}} {{paths}} {{dir}} {{dir}}/{{name}} {{name}}"
    done = run(
        "watch", "-q", "--no-plugin", "console", "--plugin", "command", "--exec", command, "--stdin", "paths0",
        "--existing", "--once", "--no-recursive", "--", place, cwd=working,
    )  # fmt: skip
    assert done.stdout.decode() == f"{path}|{path}|{directory}|{path}|{last}|{path}|{path}|\n"


@pytest.mark.parametrize("kind", ["path", "old"])
def test_a_path_that_a_script_is_given_is_no_option(tmp_path, kind):
    (tmp_path / "-x").mkdir()
    (tmp_path / "-x" / "a").mkdir()
    what = {"path": "$1", "old": "$INOTIFY_OLD_PATH"}[kind]
    config = tmp_path / "c.toml"
    config.write_text(
        f"[run]\npaths = ['-x']\ncommand = ['echo \"{what}\"']\nshell = true\nonce = true\nevents = 'moved_to'\n"
    )
    if not HAS_TOML:
        pytest.skip("TOML comes with Python 3.11")
    process = subprocess.Popen(
        [*COMMAND, "run", "--config", str(config)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert process.stderr.readline() == b"Watches established.\n"
        os.rename(tmp_path / "-x" / "a", tmp_path / "-x" / "b")
        printed, _ = process.communicate(timeout=PATIENCE_S)
    assert printed == {"path": b"./-x/b\n", "old": b"./-x/a\n"}[kind]


# --- .gitignore ---


def test_a_gitignore_that_never_ends_holds_nobody_up(tmp_path):
    """By the command line, for a hang is a test's end."""
    for kind in ("fifo", "device", "socket"):
        (tmp_path / kind).mkdir()
    os.mkfifo(tmp_path / "fifo" / ".gitignore")
    with contextlib.suppress(PermissionError):  # root's alone; a link is not followed
        os.mknod(tmp_path / "device" / ".gitignore", stat.S_IFCHR | 0o644, os.makedev(1, 5))
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket" / ".gitignore"))
    done = run("watch", "-q", "-t", "0", "--gitignore", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, b"")


# --- the journal ---


@pytest.mark.parametrize("ending", ["", "-journal", "-wal", "-shm"])
@pytest.mark.parametrize("command", ["watch", "journal"])
def test_a_fifo_in_the_place_of_a_file_of_the_journal_holds_nobody_up(tmp_path, ending, command):
    """SQLite would wait for who writes into it, and no signal would end that."""
    (tmp_path / "root").mkdir()
    file = f"{tmp_path}/journal"
    writing = ["watch", "-q", "-t", "0", "--no-plugin", "console", "--plugin", "journal", str(tmp_path / "root")]
    assert run(*writing, "--journal-file", file).returncode == 0
    with contextlib.suppress(FileNotFoundError):
        os.unlink(file + ending)
    os.mkfifo(file + ending)
    done = run(*(writing if command == "watch" else ["journal", "since", "0"]), "--journal-file", file)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert os.fsencode(f"{file}{ending} is no regular file\n") in done.stderr


def test_a_plugin_that_swallows_a_signal_does_not_keep_it_from_being_the_end(tmp_path):
    (tmp_path / "stubborn.py").write_text(
        "import inotify_cffi, os, signal\n@inotify_cffi.hookimpl\ndef inotify_start():\n"
        "    try:\n        os.kill(os.getpid(), signal.SIGTERM)\n    except BaseException:\n        print('no')\n"
    )
    done = run("watch", "-q", "--plugin", str(tmp_path / "stubborn.py"), str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (143, b"no\n", b"")


# --- plugins in the working directory ---


EVIL = "import inotify_cffi\nprint('loaded')\n@inotify_cffi.hookimpl\ndef inotify_event():\n    pass\n"

ISOLATED = ["-P"] if sys.version_info >= (3, 11) else ["-I"]


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ([sys.executable, "-m", "inotify_cffi"], b"loaded\n"),
        ([sys.executable, *ISOLATED, "-m", "inotify_cffi"], b""),
        ([os.path.join(os.path.dirname(sys.executable), "inotify-cffi")], b""),
    ],
    ids=["module", "isolated module", "script"],
)
def test_a_plugin_of_the_working_directory_is_loaded_as_the_documentation_says(tmp_path, program, printed):
    if not os.path.exists(program[0]):
        pytest.skip(f"the script is not installed: {program[0]}")
    information = tmp_path / "evil-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[inotify_cffi]\nconsole = evil\n")
    (tmp_path / "evil.py").write_text(EVIL)
    done = subprocess.run(
        [*program, "watch", "-q", "-t", "0", "."],
        check=False,
        capture_output=True,
        timeout=PATIENCE_S,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, printed)
