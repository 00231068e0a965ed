"""The command line, as a process: what it prints where, and how it ends."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import termios
import time

import pytest
from replaying import (
    COMMAND,
    PATIENCE_S,
    Replay,
    Watching,
    clone_and_delete,
    listing,
    make_repository,
    path_bytes,
)

from inotify_cffi import event_from_json
from inotify_cffi.cli.program import main


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, timeout=PATIENCE_S, **options)


# --- what it prints ---


def test_an_event_is_one_json_object_with_the_documented_keys(tmp_path):
    with Watching("watch", "--format", "json", str(tmp_path)) as watching:
        before = time.time()
        (tmp_path / "a").mkdir()
        event = watching.event()
    assert before <= event.pop("time") <= time.time()
    assert event == {
        "path": str(tmp_path / "a"),
        "mask": ["CREATE", "ISDIR"],
        "is_dir": True,
        "cookie": 0,
        "moved_from": None,
        "synthetic": False,
        "cause": "kernel",
    }


def test_a_move_names_its_source_and_both_halves_have_one_cookie(tmp_path):
    (tmp_path / "a").touch()
    with Watching("watch", "--format", "json", str(tmp_path)) as watching:
        (tmp_path / "a").rename(tmp_path / "b")
        source, target = watching.until(str(tmp_path / "b"), "MOVED_TO")
    assert target["moved_from"] == source["path"] == str(tmp_path / "a")
    assert target["cookie"] == source["cookie"] != 0


@pytest.mark.parametrize("name", [b"caf\xe9", b"new\nline", "snow☃".encode(), b"\xed\xb3\xbf", b"-x", b"n" * 255])
def test_any_name_survives_json(tmp_path, name):
    root = os.fsencode(tmp_path)
    with Watching("watch", "--format", "json", str(tmp_path)) as watching:
        os.mkdir(os.path.join(root, name))
        line = watching.line()
    assert line.isascii()
    event = json.loads(line)
    assert os.fsencode(event_from_json(event).path) == os.path.join(root, name)
    assert path_bytes(event) == os.path.join(root, name)


def test_it_is_recursive_unless_told_otherwise(tmp_path):
    (tmp_path / "a").mkdir()
    with Watching("watch", "--no-recursive", "--format", "%f", str(tmp_path)) as watching:
        (tmp_path / "a" / "below").mkdir()
        (tmp_path / "b").mkdir()
        assert watching.line() == b"b"


def test_only_the_events_asked_for_are_printed(tmp_path):
    with Watching("watch", "-e", "delete,close_write", "-e", "moved_to", "--format", "%e %f", str(tmp_path)) as it:
        (tmp_path / "a").write_text("x")
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "b").unlink()
        assert [it.line() for _ in range(3)] == [b"CLOSE_WRITE a", b"MOVED_TO b", b"DELETE b"]


def test_what_is_there_at_the_start_is_told_if_asked_for(tmp_path):
    (tmp_path / "a").touch()
    done = run("watch", "--existing", "--count", "1", "--format", "json", str(tmp_path))
    event = json.loads(done.stdout)
    assert (event["path"], event["mask"], event["synthetic"]) == (str(tmp_path / "a"), ["CREATE"], True)


def test_the_depth_can_be_limited(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").mkdir()
    with Watching("watch", "--max-depth", "2", "--format", "%p", str(tmp_path)) as watching:
        (tmp_path / "a" / "b" / "deep").mkdir()
        (tmp_path / "a" / "c").mkdir()
        assert watching.line() == os.fsencode(tmp_path / "a" / "c")


def test_the_places_to_which_links_lead_can_be_limited(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "root").mkdir()
    for name in "abc":
        (tmp_path / "root" / name).symlink_to(tmp_path / "target")
    arguments = ("--follow-symlinks", "--max-places", "2", "--format", "%e")
    with Watching("watch", *arguments, str(tmp_path / "root")) as watching:
        (tmp_path / "target" / "new").touch()
        assert [watching.line() for _ in range(3)] == [b"UNWATCHED,ISDIR", b"CREATE", b"CREATE"]


def test_what_matches_a_pattern_is_left_out(tmp_path):
    (tmp_path / "skipped").mkdir()
    (tmp_path / ".gitignore").write_text("*.o\n")
    arguments = ("--exclude", "skip*", "--exclude", "*.tmp", "--gitignore", "--format", "%f", str(tmp_path))
    with Watching("watch", *arguments) as watching:
        for name in ("skipped/a", "b.tmp", "c.o", "d"):
            (tmp_path / name).mkdir()
        assert watching.line() == b"d"


def test_of_files_only_those_are_told_that_are_included(tmp_path):
    arguments = (
        "--include",
        "*.py",
        "--include",
        "Makefile",
        "--exclude",
        "test_*",
        "--format",
        "%f",
        str(tmp_path),
    )
    with Watching("watch", "--events", "create", *arguments) as watching:
        for name in ("a.txt", "test_b.py", "c.py", "Makefile"):
            (tmp_path / name).touch()
        (tmp_path / "d").mkdir()
        assert [watching.line() for _ in range(3)] == [b"c.py", b"Makefile", b"d"]


@pytest.mark.parametrize("option", ["exclude", "include"])
def test_a_pattern_that_can_match_nothing_is_told_with_its_option(tmp_path, option):
    told = run("watch", f"--{option}", "[a", str(tmp_path))
    said = f"inotify-cffi: argument --{option}: '[a' is not a gitignore pattern: a bracket is not closed\n"
    assert (told.returncode, told.stderr.decode()) == (2, said)


def test_no_names_of_files_are_kept_if_asked_for(tmp_path):
    """What a move replaces is told as deleted only where it is known."""
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    with Watching("watch", "--format", "%e", "--track", "directories", str(tmp_path)) as watching:
        (tmp_path / "a").rename(tmp_path / "b")
        assert [watching.line(), watching.line()] == [b"MOVED_FROM", b"MOVED_TO"]


def test_the_queue_is_read_ahead_if_asked_for(tmp_path):
    (tmp_path / "plugin.py").write_text(
        "import os, inotify_cffi\n@inotify_cffi.hookimpl\ndef inotify_start(watcher):\n"
        "    print(len(os.listdir('/proc/self/task')), flush=True)\n"
    )
    for arguments, threads in (([], 1), (["--read-ahead", "1M"], 2)):
        done = subprocess.run(
            [*COMMAND, "watch", "-q", "-t", "0", *arguments, "--plugin", str(tmp_path / "plugin.py"), str(tmp_path)],
            check=True, capture_output=True, timeout=PATIENCE_S,
        )  # fmt: skip
        assert int(done.stdout) == threads


def test_a_path_can_be_waited_for(tmp_path):
    with Watching("watch", "--wait", "--format", "%p", str(tmp_path / "later")) as watching:
        (tmp_path / "later").mkdir()
        (tmp_path / "later" / "a").mkdir()
        lines = [watching.line()]
        while lines[-1] != os.fsencode(tmp_path / "later" / "a"):
            lines.append(watching.line())


def test_paths_are_printed_as_they_were_given(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").touch()
    done = run("watch", "--existing", "--count", "1", "--format", "%p", "d", cwd=tmp_path)
    assert done.stdout == b"d/a\n"


def test_what_is_not_covered_is_a_line_with_its_reason(tmp_path, as_user):
    """Its flags come lowest bit first."""
    deep = tmp_path / "shut"
    deep.mkdir()
    deep.chmod(0)
    try:
        with Watching("watch", "--format", "json", str(tmp_path), before=as_user) as watching:
            event = watching.event()
    finally:
        deep.chmod(0o700)
    assert (event["path"], event["mask"], event["error"]) == (
        str(deep),
        ["UNWATCHED", "ISDIR"],
        "Permission denied",
    )


# --- where it prints ---


def test_the_standard_output_is_only_data(tmp_path):
    with Watching("watch", str(tmp_path)) as watching:
        assert watching.end() == 143
    assert watching.left() == []
    assert watching.errors == b"Watches established.\n"


def test_quiet_says_nothing(tmp_path):
    done = run("watch", "--quiet", "--timeout", "0", str(tmp_path))
    assert (done.stdout, done.stderr) == (b"", b"")


def test_the_printing_is_a_plugin(tmp_path):
    (tmp_path / "a").touch()
    done = run("watch", "--no-plugin", "console", "--existing", "--count", "1", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, b"")


# --- plugins ---


PLUGIN = """
import inotify_cffi

@inotify_cffi.hookimpl
def inotify_add_options(parser):
    parser.add_argument("--greeting", default="hello")

@inotify_cffi.hookimpl
def inotify_configure(options):
    global greeting
    greeting = options.greeting

@inotify_cffi.hookimpl
def inotify_created(path):
    print(greeting, path.rsplit("/", 1)[-1])
"""


def test_a_file_is_a_plugin_with_options_of_its_own(tmp_path):
    (tmp_path / "greet.py").write_text(PLUGIN)
    (tmp_path / "d" / "you").mkdir(parents=True)
    done = run(
        "watch", "--plugin", str(tmp_path / "greet.py"), "--no-plugin", "console", "--greeting", "hey",
        "--existing", "--count", "1", str(tmp_path / "d"),
    )  # fmt: skip
    assert done.stdout == b"hey you\n"


CLASSES = """
import inotify_cffi
from functools import partial

def hook(function):
    return function

class _Base:
    @inotify_cffi.hookimpl
    def inotify_created(self, path):
        print(type(self).__name__, flush=True)

class Greeter(_Base):
    unrelated = partial(print)

class Helper:
    pass
"""

OTHER = """
class Other(_Base):
    class Inner(_Base):
        pass

made = Other()
"""

IMPORTED = "import sys, os\nsys.path.insert(0, os.path.dirname(__file__))\nfrom classes import Greeter\n"


@pytest.mark.parametrize(
    ("source", "text", "greets"),
    [
        ("mine.py", CLASSES, "Greeter"),
        ("mine.py:Greeter", CLASSES + OTHER, "Greeter"),
        ("mine.py:Other.Inner", CLASSES + OTHER, "Inner"),
        ("mine.py:made", CLASSES + OTHER, "Other"),
        ("mine.py:_Base", CLASSES, "_Base"),
        ("mine.py:Greeter", IMPORTED, "Greeter"),
        ("a:b.py", CLASSES, "Greeter"),
        ("a:b.py:Greeter", CLASSES, "Greeter"),
    ],
)
def test_a_class_in_a_file_is_a_plugin(tmp_path, source, text, greets):
    (tmp_path / (source.partition(".py")[0] + ".py")).write_text(text)
    (tmp_path / "classes.py").write_text(CLASSES)
    (tmp_path / "d" / "a").mkdir(parents=True)
    done = run("watch", "-q", "--plugin", f"{tmp_path}/{source}", "--no-plugin", "console", "--existing", "-t", "0",
               str(tmp_path / "d"))  # fmt: skip
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, greets + "\n", b"")


@pytest.mark.parametrize(
    ("source", "text", "says"),
    [
        (
            "mine.py",
            CLASSES + OTHER,
            "has several classes with hooks; choose one of {path}:Greeter, {path}:Other\n",
        ),
        ("mine.py", IMPORTED, "plugin 'mine' has no hook: mark its functions with @inotify_cffi.hookimpl"),
        ("mine.py", "", "plugin 'mine' has no hook"),
        ("mine.py:Helper", CLASSES, "plugin 'mine:Helper' has no hook"),
        ("mine.py:Greter", CLASSES, "can not be imported: AttributeError"),
        ("none.py:Greeter", CLASSES, "can not be imported: FileNotFoundError"),
        (
            "mine.py:Made",
            CLASSES + "class Made(_Base):\n    def __init__(self, x): pass\n",
            "can not be imported: TypeError",
        ),
    ],
)
def test_what_in_a_file_is_no_plugin_is_said(tmp_path, source, text, says):
    (tmp_path / "mine.py").write_text(text)
    (tmp_path / "classes.py").write_text(CLASSES)
    done = run("watch", "--plugin", f"{tmp_path}/{source}", str(tmp_path))
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert says.format(path=tmp_path / "mine.py") in done.stderr.decode()


def test_a_file_with_hooks_is_the_plugin_also_with_a_class(tmp_path):
    hooks = "@inotify_cffi.hookimpl\ndef inotify_created():\n    print('file', flush=True)\n"
    (tmp_path / "mine.py").write_text(CLASSES + hooks)
    (tmp_path / "d" / "a").mkdir(parents=True)
    arguments = ["-q", "--plugin", f"{tmp_path}/mine.py", "--no-plugin", "console", "--existing", "-t", "0"]
    assert run("watch", *arguments, str(tmp_path / "d")).stdout == b"file\n"


def test_a_plugin_that_raises_is_reported_in_one_line_and_the_others_go_on(tmp_path):
    (tmp_path / "bad.py").write_text(
        "import inotify_cffi\n@inotify_cffi.hookimpl\ndef inotify_event(event):\n    raise KeyError('a\\nb')\n"
    )
    for name in "abc":
        (tmp_path / "d" / name).mkdir(parents=True)
    done = run(
        "watch", "-q", "--plugin", str(tmp_path / "bad.py"), "--existing", "--count", "3", "--format", "%e",
        str(tmp_path / "d"),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"CREATE,ISDIR\n" * 3)
    assert done.stderr.count(b"\n") == 1
    assert b"plugin 'bad' failed in inotify_event: KeyError" in done.stderr


def test_a_plugin_that_fails_too_often_is_unregistered_with_one_warning(tmp_path):
    (tmp_path / "bad.py").write_text(
        "import inotify_cffi\n@inotify_cffi.hookimpl\ndef inotify_event():\n    raise ValueError\n"
    )
    for name in "abcdef":
        (tmp_path / "d" / name).mkdir(parents=True)
    done = run(
        "watch", "-q", "--plugin", str(tmp_path / "bad.py"), "--most-failures", "3", "--existing", "--count", "6",
        str(tmp_path / "d"),
    )  # fmt: skip
    assert done.stderr.count(b"\n") == 2, done.stderr
    report, warning = done.stderr.splitlines()
    assert b"plugin 'bad' failed in inotify_event" in report
    assert warning == b"inotify-cffi: plugin 'bad' is unregistered: it failed in inotify_event 3 times in a row"


def test_a_required_plugin_that_fails_too_often_ends_it_with_1(tmp_path):
    (tmp_path / "bad.py").write_text(
        "import inotify_cffi\n@inotify_cffi.hookimpl\ndef inotify_event():\n    raise ValueError('no')\n"
    )
    for name in "abcdef":
        (tmp_path / "d" / name).mkdir(parents=True)
    done = run(
        "watch", "-q", "--plugin", str(tmp_path / "bad.py"), "--require", "bad", "--most-failures", "3", "--existing",
        "--format", "%f", str(tmp_path / "d"),
    )  # fmt: skip
    # The others get the rest of the batch.
    assert (done.returncode, sorted(done.stdout.split())) == (1, [b"a", b"b", b"c", b"d", b"e", b"f"])
    assert done.stderr.splitlines()[-1] == (
        b"inotify-cffi: plugin 'bad' is required, and failed in inotify_event 3 times in a row: ValueError: no"
    )


@pytest.mark.parametrize("hook", ["inotify_add_options", "inotify_configure", "inotify_start"])
def test_a_required_plugin_that_can_not_be_set_up_is_one_line_and_1(tmp_path, hook):
    (tmp_path / "bad.py").write_text(
        f"import inotify_cffi\n@inotify_cffi.hookimpl\ndef {hook}():\n    raise ValueError('no')\n"
    )
    plugin = str(tmp_path / "bad.py")
    done = run("watch", "--plugin", plugin, "--require", plugin, "--timeout", "0", str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (
        1, b"", b"inotify-cffi: plugin 'bad' is required, and could not be set up: ValueError: no\n",
    )  # fmt: skip


def test_what_is_required_has_to_be_loaded(tmp_path):
    done = run("watch", "--require", "journal", str(tmp_path))
    assert (done.returncode, done.stderr) == (
        1, b"inotify-cffi: plugin 'journal' is required and not loaded; there are: console\n",
    )  # fmt: skip


BAD_OPTION = """
import inotify_cffi

@inotify_cffi.hookimpl
def inotify_add_options(parser):
    parser.add_argument("--word", type=lambda text: {}[text])
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BAD_OPTION, b"KeyError: 'no'; INOTIFY_CFFI_DEBUG=1 shows where"),
        ("raise SystemExit", b"can not be imported: SystemExit"),
    ],
)
def test_what_a_plugin_raises_before_it_is_called_is_one_line(tmp_path, text, says):
    (tmp_path / "bad.py").write_text(text)
    done = run("watch", "--plugin", str(tmp_path / "bad.py"), "--word", "no", "-t", "0", str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert says in done.stderr


def test_a_plugin_that_is_not_there_is_an_error(tmp_path):
    done = run("watch", "--plugin", "no-such", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"'no-such'" in done.stderr


# --- how it ends ---


def test_count_ends_it_after_so_many_events(tmp_path):
    for name in "abc":
        (tmp_path / name).touch()
    done = run("watch", "--existing", "--count", "2", "--format", "json", str(tmp_path))
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2


def test_what_is_told_of_the_watching_does_not_count(tmp_path):
    """A script that waits for its file would go on without it."""
    late = tmp_path / "late"
    with Watching("watch", "--wait", "-e", "create", "--count", "1", "--format", "%e", str(late)) as watching:
        assert watching.line().startswith(b"UNWATCHED")
        late.touch()
        assert watching.process.wait(PATIENCE_S) == 0
        line = watching.line()
        # That it is covered may be told before.
        assert b"CREATE" in {line, watching.line()}


@pytest.mark.parametrize(("there", "code"), [(True, 0), (False, 2)])
def test_a_script_can_wait_for_a_file(tmp_path, there, code):
    if there:
        (tmp_path / "file").touch()
    arguments = ("-q", "--wait", "--existing", "-e", "create", "--count", "1", "-t", "0.2", str(tmp_path / "file"))
    assert run("watch", *arguments).returncode == code


def test_what_a_listing_finds_counts_also_where_it_is_told_in_other_words(tmp_path):
    (tmp_path / "a").touch()
    done = run("watch", "-q", "-e", "close_write", "--existing", "--count", "1", "-t", "10", str(tmp_path))
    assert (done.returncode, done.stdout.split()[0]) == (0, b"CLOSE_WRITE")


def test_timeout_ends_it(tmp_path):
    assert run("watch", "--timeout", "10ms", str(tmp_path)).returncode == 0


def test_events_that_did_not_come_in_time_are_exit_code_2(tmp_path):
    assert run("watch", "--timeout", "0", "--count", "1", str(tmp_path)).returncode == 2


def test_ctrl_c_is_exit_code_130_without_a_traceback(tmp_path):
    with Watching("watch", str(tmp_path)) as watching:
        assert watching.end(signal.SIGINT) == 130
    assert watching.errors == b"Watches established.\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_another_ending_signal_is_128_and_its_number(tmp_path, number):
    with Watching("watch", str(tmp_path)) as watching:
        assert watching.end(number) == 128 + number
    assert watching.errors == b"Watches established.\n"


def test_plugins_are_told_of_the_end_when_a_signal_ends_it(tmp_path):
    (tmp_path / "last.py").write_text(
        "import inotify_cffi\n@inotify_cffi.hookimpl\ndef inotify_stop():\n    print('stopped', flush=True)\n"
    )
    with Watching("watch", "--plugin", str(tmp_path / "last.py"), str(tmp_path)) as watching:
        watching.end(signal.SIGINT)
    assert watching.left() == [b"stopped"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_ends_it_quietly(tmp_path, unbuffered):
    for name in range(3000):
        (tmp_path / f"{name:0100}").touch()
    command = [*COMMAND, "watch", "-q", "--existing", str(tmp_path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    "command", [["watch"], ["watch", "--count", "5"], ["watch", "--format", "json"], ["stats"]]
)
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_it_ends_when_its_reader_has_gone_and_not_with_the_next_event(tmp_path, command, kind, blocked_thread):
    reading, writing = map(int, os.pipe()) if kind == "pipe" else (one.detach() for one in socket.socketpair())
    process = subprocess.Popen([*COMMAND, *command, str(tmp_path)], stdout=writing, stderr=subprocess.PIPE)
    with process:
        os.close(writing)
        assert process.stderr.readline() == b"Watches established.\n"
        blocked_thread(process.pid, process.pid)
        os.close(reading)
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr.read() == b""


def test_a_reader_that_has_gone_is_nothing_to_who_prints_nothing(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    command = [*COMMAND, "watch", "-q", "--no-plugin", "console", "--count", "1", "-t", "0.1", str(tmp_path)]
    done = subprocess.run(command, check=False, stdout=writing, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    os.close(writing)
    assert (done.returncode, done.stderr) == (2, b"")


# --- when nothing is left to watch ---


@pytest.mark.parametrize("command", [["watch"], ["stats"], ["run", "--exec", "true"]])
@pytest.mark.parametrize("how", ["removed", "moved"])
def test_when_the_last_root_is_gone_it_ends_and_says_so(tmp_path, command, how):
    root = tmp_path / "root"
    root.mkdir()
    with Watching(*command, str(root)) as watching:
        root.rmdir() if how == "removed" else root.rename(tmp_path / "elsewhere")
        _, errors = watching.process.communicate(timeout=PATIENCE_S)
        assert watching.process.returncode == 1
    assert errors == os.fsencode(
        f"inotify-cffi: nothing is left to watch: {root}: No such file or directory; see --wait\n"
    )


def test_it_says_so_also_where_the_output_is_closed(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "remove.py").write_text(
        "import inotify_cffi, os\n@inotify_cffi.hookimpl\ndef inotify_start():\n"
        f"    os.rmdir({str(tmp_path / 'root')!r})\n"
    )
    command = [*COMMAND, "watch", "-q", "--no-plugin", "console", "--plugin", str(tmp_path / "remove.py")]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command, str(tmp_path / "root")],
        check=False, stderr=subprocess.PIPE, timeout=PATIENCE_S,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"nothing is left to watch" in done.stderr


def test_what_was_told_before_is_printed_then(tmp_path):
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    with Watching("watch", "--format", "%e %p", str(root)) as watching:
        (root / "a").rmdir()
        root.rmdir()
        lines = [watching.line() for _ in range(4)]
        assert watching.process.wait(PATIENCE_S) == 1
    told = ["DELETE,ISDIR", "DELETE_SELF,ISDIR", "UNWATCHED,ISDIR"]
    assert lines == [f"{told[0]} {root}/a".encode(), *(f"{word} {root}".encode() for word in told[1:]), b""]


def test_a_count_that_is_reached_by_then_is_no_error(tmp_path):
    (tmp_path / "root").mkdir()
    with Watching("watch", "--count", "1", str(tmp_path / "root")) as watching:
        (tmp_path / "root").rmdir()
        assert watching.process.wait(PATIENCE_S) == 0


def test_while_one_root_is_there_it_goes_on(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    with Watching("watch", "--format", "%e", str(tmp_path / "a"), str(tmp_path / "b")) as watching:
        (tmp_path / "a").rmdir()
        assert [watching.line() for _ in range(2)] == [b"DELETE_SELF,ISDIR", b"UNWATCHED,ISDIR"]
        (tmp_path / "b" / "c").mkdir()
        assert watching.line() == b"CREATE,ISDIR"
        assert watching.end() == 143


def test_what_is_waited_for_may_go(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    with Watching("watch", "--wait", "--format", "%e", str(root)) as watching:
        root.rmdir()
        assert [watching.line() for _ in range(2)] == [b"DELETE_SELF,ISDIR", b"UNWATCHED,ISDIR"]
        root.mkdir()
        assert watching.line() == b"WATCHED,ISDIR"
        assert watching.end() == 143


def test_a_file_that_is_removed_is_watched_still(tmp_path):
    """It is by its name in its directory: an editor may make it anew."""
    (tmp_path / "file").touch()
    with Watching("watch", "-e", "create,delete", "--format", "%e", str(tmp_path / "file")) as watching:
        (tmp_path / "file").unlink()
        (tmp_path / "file").touch()
        assert [watching.line() for _ in range(2)] == [b"DELETE", b"CREATE"]
        assert watching.end() == 143


# fcntl has it since Python 3.10.
F_SETPIPE_SZ = 1031


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_another_program_made_non_blocking_is_waited_for(tmp_path, unbuffered):
    for name in range(3000):
        (tmp_path / f"{name:0100}").touch()
    command = [*COMMAND, "watch", "-q", "--existing", "--count", "3000", "--format", "%f", str(tmp_path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    with subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, env=environment) as process:
        os.close(writing)
        with open(reading, "rb") as stream:
            # Not before it is full.
            queued = bytearray(4)
            while int.from_bytes(queued, sys.byteorder) < 4000 and process.poll() is None:
                fcntl.ioctl(reading, termios.FIONREAD, queued)
            names = stream.read().split()
        assert (process.wait(PATIENCE_S), process.stderr.read()) == (0, b"")
    assert sorted(names) == [b"%0100d" % name for name in range(3000)]


def test_an_output_that_can_not_be_written_is_one_line_and_exit_code_1(tmp_path):
    (tmp_path / "a").touch()
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "watch", "-q", "--existing", str(tmp_path)],
            check=False, stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE_S,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == b"inotify-cffi: the standard output can not be written: No space left on device\n"


def test_a_closed_output_is_one_line_and_exit_code_1(tmp_path):
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "watch", "-q", str(tmp_path)],
        check=False, stderr=subprocess.PIPE, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(b"inotify-cffi: the standard output is closed")


# --- errors ---


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("missing", b"missing: No such file or directory"),
        ("", b"'': a path can not be empty"),
        ("new\nline", b"new\\nline: No such file"),
    ],
)
def test_a_path_that_can_not_be_watched_is_one_line_and_exit_code_1(tmp_path, path, says):
    (tmp_path / "file").touch()
    done = run("watch", path, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"inotify-cffi: " + says)
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["watch"],
        ["watch", "--nonsense", "."],
        ["watch", "--events", "nonsense", "."],
        ["watch", "--events", "isdir", "."],
        ["watch", "--format", "nonsense", "."],
        ["watch", "--format", "%q", "."],
        ["watch", "--format", "%", "."],
        ["watch", "--count", "0", "."],
        ["watch", "--max-depth", "-1", "."],
        ["watch", "--max-places", "0", "."],
        ["watch", "--timeout", "soon", "."],
        ["watch", "--plugin"],
        ["watch", "--no\nsense", "."],
        ["watch", "--exclude", "!", "."],
        ["watch", "--include", "", "."],
        ["watch", "--timefmt", "\ud800", "."],
        ["watch", "--plugin", "journal", "--events", "modify", "."],
        ["watch", "--plugin", "journal", "--track", "directories", "."],
        ["watch", "--track", "names", "."],
        ["watch", "--track", "directories", "--gitignore", "."],
        ["watch", "--track", "directories", "--follow-symlinks", "."],
        ["watch", "--read-ahead", "much", "."],
        ["watch", "--read-ahead", "1K", "."],
        ["run", "."],
        ["run", ".", "--"],
        ["run", "--exec", "it's", "."],
        ["doctor", "--top", "-1"],
        ["journal", "changed", "since", "yesterday"],
        ["journal", "changed", "since", "0001-01-01"],
        ["journal", "since", "9" * 5000],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    # Without any argument it is the help.
    assert printed.err.count("\n") == 1 or not arguments


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["watch", "--recursiv", "."], "unrecognized arguments: --recursiv; did you mean --recursive?"),
        (["watch", "--exclud=*.o", "."], "did you mean --exclude?"),
        (["watch", ".", "--nonsense", "x"], "unrecognized arguments: --nonsense x; see"),
        # That of a plugin, and one behind the paths.
        (["watch", ".", "--formt", "json"], "did you mean --format?"),
        (["run", "--on-bussy", "restart", ".", "--", "true"], "did you mean --on-busy?"),
        (["stats", "--tpo", "3", "."], "did you mean --top?"),
        (["wacth", "."], "'wacth' is no command; did you mean watch? there are watch, run, stats"),
        (["--verson"], "unrecognized arguments: --verson; did you mean --version?"),
        (["nonsense", "."], "'nonsense' is no command; there are watch, run, stats"),
        (["watch", "-e", "creat", "."], "; did you mean create?; see"),
    ],
)
def test_what_is_mistyped_gets_a_suggestion(arguments, says, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert (says in printed, printed.count("\n")) == (True, 1), printed


def test_a_plugin_that_is_mistyped_gets_a_suggestion(capfd):
    assert main(["watch", "--plugin", "consol", "."]) == 1
    assert "no plugin 'consol' is installed; did you mean console?; there are:" in capfd.readouterr().err


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("inotify-cffi 0.")


def test_the_program_leaves_the_process_as_it_was(tmp_path, capfd):
    before = signal.getsignal(signal.SIGTERM), len(os.listdir("/proc/self/fd"))
    assert main(["watch", "-q", "--timeout", "0", str(tmp_path)]) == 0
    assert (signal.getsignal(signal.SIGTERM), len(os.listdir("/proc/self/fd"))) == before


# --- the whole of it ---


@pytest.mark.needs("git")
@pytest.mark.parametrize("writers", [1, 4])
def test_replaying_the_lines_gives_the_listing_while_git_works(tmp_path, writers):
    source = str(tmp_path / "source")
    make_repository(source, directories=30, files=10)
    root = str(tmp_path / "watched")
    os.mkdir(root)
    replay = Replay()
    with Watching("watch", "--format", "json", root) as watching:
        lives = [clone_and_delete(source, os.path.join(root, f"clone{number}")) for number in range(writers)]
        for step in range(2):
            processes = [subprocess.Popen(steps[step]) for steps in lives]
            assert [process.wait(PATIENCE_S) for process in processes] == [0] * writers
            watching.follow(replay, root)
        assert watching.end() == 143
        for line in watching.left():
            replay.apply(json.loads(line))
    assert replay.entries == listing(root)
    assert replay.events > 300 * writers
