"""The other commands, the configuration, and life as a service."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios

import pytest
from replaying import COMMAND, PATIENCE_S, Watching, heed_ctrl_c

from inotify_cffi.cli.config import ConfigError, read
from inotify_cffi.cli.program import main
from inotify_cffi.cli.table import cut, fitted, size, table

try:
    import rich
except ImportError:
    rich = None

HAS_TOML = sys.version_info >= (3, 11) or importlib.util.find_spec("tomli") is not None


def run(*arguments, **options):
    return subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, timeout=PATIENCE_S, **options)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


# --- tables ---


def test_a_table_has_numbers_to_the_right():
    assert table(("NAME", "N"), [("a", 1), ("long", 100)]) == "NAME    N\na       1\nlong  100\n"


HEAD = ("TOTAL", "CREATED", "WRITTEN", "ATTRIB", "MOVED", "DELETED", "READ", "DIRECTORY")
LONG = "/srv/a/rather/long/way/down/to/the/end"


@pytest.mark.parametrize("width", range(24, 61))
@pytest.mark.parametrize(
    "counts",
    [(7, 1, 2, 0, 3, 1, 0), (1234, 1000, 200, 0, 34, 0, 0), (99999, 99999, 0, 0, 0, 99998, 99997), (0,) * 7],
)
@pytest.mark.parametrize("path", [LONG, "/x", "/データ/" * 12])
def test_a_narrow_table_keeps_counts_and_cuts_paths_in_the_middle(width, counts, path):
    text = fitted(HEAD, [(counts, path), (counts, "all 1 directories")], width, short="all 1")
    lines = text.splitlines()
    assert all(size(line) <= width for line in lines)
    shown = [int(number) for number in re.findall(r"(?<![a-z/])\d+(?!\S* dir)", text.replace("all 1", "all one"))]
    assert [number for number in shown if number] == [number for number in counts if number] * 2
    assert "all 1" in text
    assert path in text or any(re.search(r"\S…\S", line) for line in lines)
    if "…" in text and path == LONG:
        assert any(line.endswith(("end", "/end")) for line in lines)


def test_a_wide_table_is_as_it_is_in_a_pipe():
    counts = (7, 1, 2, 0, 3, 1, 0)
    assert fitted(HEAD, [(counts, LONG)], 200, short="").split() == table(HEAD, [(*counts, LONG)]).split()


@pytest.mark.parametrize(
    ("width", "names"), [(100, "TOTAL CREATED"), (60, "TOT CRE"), (40, "TOT CRE"), (30, "T C"), (24, "T C")]
)
def test_names_of_columns_are_shortened_before_a_path_is_lost(width, names):
    first = fitted(HEAD, [((7, 1, 2, 0, 3, 1, 0), LONG)] * 2, width, short="").splitlines()[0]
    assert " ".join(first.split()[:2]) == names


@pytest.mark.parametrize(
    ("text", "width", "cuts_to"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "ab…ef"),
        ("abcdef", 4, "a…ef"),
        ("abcdef", 2, "…f"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, ""),
        ("日本語の名前", 12, "日本語の名前"),
        ("日本語の名前", 9, "日本…名前"),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
    ],
)
def test_a_text_is_cut_in_the_middle(text, width, cuts_to):
    assert cut(text, width) == cuts_to
    assert size(cuts_to) <= width


# --- plugins ---


def test_plugins_lists_what_is_installed_and_what_it_does(capsys):
    assert main(["plugins"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "FROM", "HOOKS"]
    shipped = [line.split()[0] for line in lines[1:] if "inotify_cffi" in line]
    assert shipped == ["command", "console", "forward", "journal", "metrics"]


def test_plugins_says_why_one_can_not_be_used(tmp_path, monkeypatch, capsys):
    information = tmp_path / "bad-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[inotify_cffi]\nbad = no_such_module\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["plugins"]) == 0
    assert re.search(r"^bad +bad 1.0 +can not be used: .*no_such_module", capsys.readouterr().out, re.MULTILINE)


# --- stats ---


def test_stats_counts_by_directory_and_kind(root):
    (root / "d").mkdir()
    for name in ("d/a", "d/b", "c"):
        (root / name).touch()
    done = run("stats", "--existing", "--count", "4", "-q", str(root))
    head, *lines = (line.split() for line in done.stdout.decode().splitlines())
    assert head == ["TOTAL", "CREATED", "WRITTEN", "ATTRIB", "MOVED", "DELETED", "READ", "DIRECTORY"]
    assert sorted(lines[:2]) == [
        ["2", "2", "0", "0", "0", "0", "0", name] for name in sorted([f"{root}", f"{root}/d"])
    ]
    assert lines[2] == ["4", "4", "0", "0", "0", "0", "0", "all", "2", "directories"]


LISTINGS = [["doctor", "."], ["plugins"], ["stats", "-q", "-t", "0", "."]]


@pytest.mark.parametrize("command", LISTINGS)
def test_an_output_that_is_closed_is_one_line(root, command):
    done = run_with_output("&-", command, root)
    assert (done.returncode, done.stderr) == (
        1,
        b"inotify-cffi: the standard output is closed, so nothing can be printed\n",
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", LISTINGS)
def test_an_output_that_is_full_is_one_line(root, command, unbuffered):
    done = run_with_output("/dev/full", command, root, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert done.stderr.endswith(b"No space left on device\n")


def run_with_output(output, command, place, **environment):
    return subprocess.run(
        ["sh", "-c", f'exec "$@" >{output}', "sh", *COMMAND, *command],
        check=False, stderr=subprocess.PIPE, timeout=PATIENCE_S, cwd=place, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.skipif(rich is None, reason="the extra cli is not installed")
def test_a_live_table_is_drawn_afresh_when_the_terminal_has_another_size(root):
    process, terminal = on_a_terminal("stats", "-q", str(root), size=(24, 100))
    try:
        assert b"\x1b[2J" not in read_until(terminal, b"all 0 directories")
        resize(terminal, (20, 80))
        _, _, afresh = read_until(terminal, b"\x1b[2J").partition(b"\x1b[2J")
        if b"all 0 directories" not in afresh:
            read_until(terminal, b"all 0 directories")
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def resize(terminal, size):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))


def on_a_terminal(*arguments, size=(24, 100), **environment):
    """Run it with a terminal for its output; what it is and the terminal's other end."""
    ours, theirs = pty.openpty()
    resize(ours, size)
    environment = {**os.environ, "TERM": "xterm", **environment}
    environment.pop("COLUMNS", None)
    environment.pop("LINES", None)
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509  # the tests have no threads here
        env=environment,
    )  # fmt: skip
    os.close(theirs)
    return process, ours


def read_until(fd, text):
    data = b""
    while text not in data:
        ready, _, _ = select.select([fd], [], [], PATIENCE_S)
        assert ready, data
        data += os.read(fd, 4096)
    return data


@pytest.mark.skipif(rich is None, reason="the extra cli is not installed")
@pytest.mark.parametrize("columns", [24, 40, 60])
def test_a_live_table_on_a_narrow_terminal_has_its_counts(root, columns):
    for number in range(30):
        (root / f"{number:02}-with-a-rather-long-name" / "below").mkdir(parents=True)
    arguments = ["stats", "-q", "--existing", "--count", "60", "--top", "50", str(root)]
    process, terminal = on_a_terminal(*arguments, size=(12, columns))
    with contextlib.ExitStack() as ended:
        ended.callback(os.close, terminal)
        ended.callback(process.wait)
        ended.callback(process.kill)
        printed = b""
        with contextlib.suppress(OSError):  # it has ended
            while True:
                printed += os.read(terminal, 4096)
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed.decode()).rstrip().split("\r\n")
    # The sum is there, though not all rows are.
    assert last[-1].split()[:2] == ["60", "60"]
    assert " all 31" in last[-1]
    assert last[-2].split()[:2] == ["1", "1"]
    assert re.search(r"\S…\S", last[-2])
    assert all(len(line) <= columns for line in last[-9:])


@pytest.mark.skipif(rich is None, reason="the extra cli is not installed")
def test_stats_draws_a_live_table_on_a_terminal(root):
    process, terminal = on_a_terminal("stats", str(root))
    try:
        read_until(terminal, b"all 0 directories")
        (root / "a").mkdir()
        read_until(terminal, b"all 1 directories")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_without_rich_there_is_a_plain_table_at_the_end(root, tmp_path, quiet):
    (tmp_path / "rich.py").write_text("raise ImportError('not here')")
    (root / "long" / "way" / "to" / "the-end").mkdir(parents=True)
    arguments = ["stats", *quiet, "--existing", "--count", "4", str(root)]
    process, terminal = on_a_terminal(*arguments, size=(24, 60), PYTHONPATH=str(tmp_path))
    with contextlib.ExitStack() as ended:
        ended.callback(os.close, terminal)
        ended.callback(process.wait)
        ended.callback(process.kill)
        printed = read_until(terminal, b"all 4 directories")
        assert process.wait(PATIENCE_S) == 0
    lines = printed.decode().splitlines()
    said = "inotify-cffi: a live table needs rich: pip install 'inotify_cffi[cli]'; this one is printed at the end"
    assert (lines[0] == said) is not quiet
    assert lines[-6].split() == ["TOT", "CRE", "WRI", "ATT", "MOV", "DEL", "REA", "DIRECTORY"]
    assert lines[-1] == "  4   4   0   0   0   0   0 all 4 directories"
    assert all(len(line) <= 60 for line in lines[-6:])
    assert any("…" in line and line.endswith("/way/to") for line in lines[-6:])


def test_watch_on_a_terminal_works_without_rich_and_in_colour(root, tmp_path):
    (tmp_path / "rich.py").write_text("raise ImportError('not here')")
    process, terminal = on_a_terminal("watch", str(root), PYTHONPATH=str(tmp_path), NO_COLOR="")
    try:
        read_until(terminal, b"Watches established.")
        (root / "a").mkdir()
        assert b"\x1b[32mCREATE,ISDIR\x1b[0m " in read_until(terminal, b"/a")
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


# --- configuration ---


TABLES = ("watch", "run", "stats")

needs_toml = pytest.mark.skipif(not HAS_TOML, reason="TOML comes with Python 3.11, or with the extra cli")


@needs_toml
def test_a_table_becomes_arguments(tmp_path):
    (tmp_path / "c.toml").write_text(
        '[run]\npaths = ["a", "b"]\ncommand = ["make", "-s"]\nexclude = ["x", "y"]\nquiet = true\ntty = false\n'
        'recursive = false\nsettle = 2.5\n[watch]\nformat = "json"\n'
    )
    assert read(str(tmp_path / "c.toml"), "run", TABLES) == (
        ("--exclude=x", "--exclude=y", "--quiet", "--no-recursive", "--settle=2.5"), ("a", "b"), ("make", "-s"),
    )  # fmt: skip
    assert read(str(tmp_path / "c.toml"), "stats", TABLES) == ((), (), ())


@needs_toml
@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (
            '[watch]\npaths = ["."]\nexcude = ["*.o"]',
            2,
            "'excude' in the configuration is no option; did you mean exclude?",
        ),
        ('[watch]\npath = ["."]', 2, "'path' in the configuration is no option; did you mean paths?"),
        (
            '[wacth]\npaths = ["."]',
            1,
            "'wacth' is no command; did you mean watch? there are tables for watch, run",
        ),
    ],
)
def test_a_key_that_is_mistyped_gets_a_suggestion(tmp_path, text, code, says):
    (tmp_path / "c.toml").write_text(text)
    done = run("watch", "--config", str(tmp_path / "c.toml"))
    assert (done.returncode, done.stderr.count(b"\n")) == (code, 1)
    assert says in done.stderr.decode()


@needs_toml
@pytest.mark.parametrize("text", [
    "[watch", "watch = 1", "[watch]\npaths = 'a'", "[watch]\nexclude = [1]", "\xff",
    "quiet = true", "[wacth]\nquiet = true", "[watch]\nhelp = true", "[watch]\nconfig = 'other.toml'",
])  # fmt: skip
def test_what_is_no_configuration_is_refused_and_named(tmp_path, text):
    (tmp_path / "c.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"c\.toml"):
        read(str(tmp_path / "c.toml"), "watch", TABLES)


@needs_toml
def test_the_configuration_is_used_and_the_command_line_counts_more(tmp_path, root):
    (root / "a").touch()
    (root / "b.tmp").touch()
    config = tmp_path / "c.toml"
    config.write_text(
        f'[watch]\npaths = ["{root}"]\nexclude = ["*.tmp"]\nexisting = true\ntimeout = "0"\nquiet = true\nformat = "json"\n'
    )
    assert json.loads(run("watch", "--config", str(config)).stdout)["path"] == str(root / "a")
    assert run("watch", "--config", str(config), "--format", "%f").stdout == b"a\n"


@needs_toml
def test_plugins_are_loaded_that_the_configuration_names(tmp_path, root):
    (tmp_path / "mine.py").write_text(
        "import inotify_cffi\n@inotify_cffi.hookimpl\ndef inotify_add_options(parser):\n"
        "    parser.add_argument('--word')\n@inotify_cffi.hookimpl\ndef inotify_configure(options):\n"
        "    print(options.word, flush=True)\n"
    )
    (tmp_path / "c.toml").write_text(
        f'[watch]\nplugin = ["{tmp_path / "mine.py"}"]\nno-plugin = ["console"]\nword = "hello"\ntimeout = 0\n'
    )
    assert run("watch", "--config", str(tmp_path / "c.toml"), str(root)).stdout == b"hello\n"


@needs_toml
@pytest.mark.parametrize(("text", "code"), [("[watch]\nno_such_option = 1", 2), ("[watch", 1), ("", 2)])
def test_a_wrong_configuration_is_one_line(tmp_path, text, code):
    (tmp_path / "c.toml").write_text(text)
    done = run("watch", "--config", str(tmp_path / "c.toml"))
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (code, b"", 1)


def test_a_configuration_that_is_not_there_is_an_error(tmp_path, root):
    assert run("watch", "--config", str(tmp_path / "none"), str(root)).returncode == 1


@pytest.mark.skipif(HAS_TOML, reason="TOML is in the standard library")
def test_without_toml_it_is_said_what_to_install(tmp_path, root):
    (tmp_path / "tomli.py").write_text("raise ImportError('not here')")
    (tmp_path / "c.toml").write_text("")
    done = run(
        "watch", "--config", str(tmp_path / "c.toml"), str(root), env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    assert (done.returncode, done.stderr) == (
        1,
        b"inotify-cffi: --config needs tomli: pip install 'inotify_cffi[cli]'\n",
    )


# --- a service ---


def ready_again(watching):
    watching.errors = b""
    while b"Watches established.\n" not in watching.errors:
        chunk = os.read(watching.process.stderr.fileno(), 4096)
        assert chunk
        watching.errors += chunk


@needs_toml
def test_sighup_reads_the_configuration_again(tmp_path, root):
    config = tmp_path / "c.toml"
    config.write_text(f'[watch]\npaths = ["{root}"]\nformat = "%f"\n')
    with Watching("watch", "--config", str(config)) as watching:
        (root / "a").mkdir()
        assert watching.line() == b"a"
        config.write_text(f'[watch]\npaths = ["{root}"]\nformat = "%e"\n')
        watching.process.send_signal(signal.SIGHUP)
        ready_again(watching)
        (root / "b").mkdir()
        assert watching.line() == b"CREATE,ISDIR"
        assert watching.end() == 143


@needs_toml
def test_a_wrong_configuration_does_not_end_a_service(tmp_path, root):
    config = tmp_path / "c.toml"
    config.write_text(f'[watch]\npaths = ["{root}"]\nformat = "%f"\n')
    with Watching("watch", "--config", str(config)) as watching:
        config.write_text("[watch")
        watching.process.send_signal(signal.SIGHUP)
        ready_again(watching)
        assert b"the configuration stays as it was: " in watching.errors
        (root / "a").mkdir()
        assert watching.line() == b"a"


@needs_toml
def test_sighup_changes_how_messages_look(tmp_path, root):
    config = tmp_path / "c.toml"
    config.write_text(f'[watch]\npaths = ["{root}"]\n')
    with Watching("watch", "--config", str(config)) as watching:
        config.write_text(f'[watch]\npaths = ["{root}"]\nlog = "json"\n')
        watching.process.send_signal(signal.SIGHUP)
        watching.errors = b""
        while b"\n" not in watching.errors:
            watching.errors += os.read(watching.process.stderr.fileno(), 4096)
        assert json.loads(watching.errors)["message"] == "Watches established."


@needs_toml
def test_a_wrong_configuration_leaves_a_script_as_it_was(tmp_path, root):
    config = tmp_path / "c.toml"
    config.write_text(f'[run]\npaths = ["{root}"]\nshell = true\ndebounce = 0\ncommand = [\'echo "got $1"\']\n')
    with Watching("run", "--config", str(config)) as watching:
        config.write_text("[run")
        watching.process.send_signal(signal.SIGHUP)
        ready_again(watching)
        (root / "a").mkdir()
        assert watching.line() == os.fsencode(f"got {root / 'a'}")


@needs_toml
def test_a_wrong_configuration_does_not_end_a_count(tmp_path, root):
    config = tmp_path / "c.toml"
    config.write_text(f'[stats]\npaths = ["{root}"]\n')
    with Watching("stats", "--config", str(config)) as watching:
        config.write_text("[stats")
        watching.process.send_signal(signal.SIGHUP)
        ready_again(watching)
        assert watching.end() == 143


# Sends itself a second SIGHUP as soon as the first one has ended the watching, and before the configuration is read.
TWICE = """
import os, signal, sys
from inotify_cffi import hookimpl

@hookimpl
def inotify_stop():
    global Again
    from inotify_cffi.cli import parser
    before = parser.read
    def read(*arguments):
        parser.read = before
        os.kill(os.getpid(), signal.SIGHUP)
        return before(*arguments)
    if not hasattr(sys, "seen"):
        sys.seen = True
        parser.read = read
"""


@needs_toml
def test_a_second_sighup_while_the_configuration_is_read_is_not_the_end(tmp_path, root):
    (tmp_path / "twice.py").write_text(TWICE)
    config = tmp_path / "c.toml"
    config.write_text(f'[watch]\npaths = ["{root}"]\nplugin = ["{tmp_path / "twice.py"}"]\n')
    with Watching("watch", "--config", str(config)) as watching:
        watching.process.send_signal(signal.SIGHUP)
        ready_again(watching)
        ready_again(watching)
        assert watching.end() == 143


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_service_manager_is_told_of_start_and_end(tmp_path, root, kind):
    name = f"@inotify-cffi-{os.getpid()}" if kind == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if kind == "abstract" else name)
        manager.settimeout(PATIENCE_S)
        with Watching("watch", "-q", str(root), ready=False, environment={"NOTIFY_SOCKET": name}) as watching:
            assert manager.recv(100) == b"READY=1"
            assert watching.end() == 143
            assert manager.recv(100) == b"STOPPING=1"


@needs_toml
def test_the_service_manager_is_told_that_it_comes_back_after_sighup(tmp_path, root):
    """A manager that hears of the end waits for it, and kills what does not end."""
    config = tmp_path / "c.toml"
    config.write_text(f'[watch]\npaths = ["{root}"]\n')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with Watching("watch", "-q", "--config", str(config), ready=False, environment=environment) as watching:
            assert manager.recv(100) == b"READY=1"
            # Right or wrong: it goes on.
            for text in (config.read_text(), "[watch"):
                config.write_text(text)
                watching.process.send_signal(signal.SIGHUP)
                assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", manager.recv(100))
                assert manager.recv(100) == b"READY=1"
            assert watching.end() == 143
            assert manager.recv(100) == b"STOPPING=1"


def test_a_plugin_may_be_called_as_a_part_of_the_command_line_is(tmp_path, root):
    (tmp_path / "ready.py").write_text(
        "import inotify_cffi\n@inotify_cffi.hookimpl\ndef inotify_start():\n    print('mine')\n"
    )
    done = run("stats", "-t", "0", "--plugin", str(tmp_path / "ready.py"), str(root))
    assert done.stdout.startswith(b"mine\n")
    assert done.stderr == b"Watches established.\n"


def test_a_service_manager_that_is_not_there_stops_nobody(root, tmp_path):
    done = run("watch", "-q", "-t", "0", str(root), env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "none")})
    assert done.returncode == 0
    said = (
        f"inotify-cffi: the service manager can not be told READY=1: {tmp_path}/none: No such file or directory\n"
    )
    assert done.stderr == os.fsencode(said)


def test_messages_can_be_objects(tmp_path, root):
    (tmp_path / "bad.py").write_text(
        "import inotify_cffi\n@inotify_cffi.hookimpl\ndef inotify_event(event):\n    raise ValueError('mine')\n"
    )
    (root / "a").touch()
    done = run(
        "watch", "--log", "json", "--plugin", str(tmp_path / "bad.py"), "--existing", "--count", "1", str(root)
    )
    ready, failure = map(json.loads, done.stderr.splitlines())
    assert (ready["level"], ready["message"]) == ("info", "Watches established.")
    assert failure["level"] == "error"
    assert "plugin 'bad' failed" in failure["message"]
    assert "ValueError: mine" in failure["traceback"]


@pytest.mark.parametrize("command", [["doctor", "/"], ["plugins"], ["stats", "-q", "-t", "0", "/dev/null"]])
def test_a_closed_pipe_ends_a_listing_quietly(command):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "inotify_cffi", *command],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=50,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
