"""The documentation is true: the help in it is today's, its Python runs, and the example plugin works."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import jsonschema
import pytest
from journalling import Session
from replaying import PATIENCE_S

import inotify_cffi
from inotify_cffi import Columns, Dispatcher, Event, Mask, event_from_json
from inotify_cffi.cli import document
from inotify_cffi.cloudevents import TYPES

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCS = os.path.join(ROOT, "docs")
EXAMPLE = os.path.join(ROOT, "examples", "checksum")

pytestmark = pytest.mark.skipif(not os.path.isdir(DOCS), reason="the documentation is not here")


def page(*name):
    with open(os.path.join(DOCS, *name), encoding="utf-8") as stream:
        return stream.read()


def test_the_help_in_the_documentation_is_up_to_date():
    text = page("command-line.md")
    known = json.loads(page("since.json"))
    late = {name: when for kind in known.values() for name, when in kind.items() if when != "0.1"}
    assert document.replaced(text, late) == text, "run: python docs/generate.py"


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="no marks"):
        document.replaced("text")


@pytest.mark.parametrize("name", document.shipped())
def test_every_shipped_plugin_has_a_page_and_every_option_of_it_is_known(name):
    dispatcher = Dispatcher()
    dispatcher.load(name)
    known = set(re.findall(r"--[a-z-]+", page("command-line.md")))
    known |= {"--no-plugin", "--plugin", "--json", "--exec", "--"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page("plugins", f"{name}.md"))) <= known


def test_the_plugins_in_the_documentation_can_be_registered():
    classes = {}
    for block in re.findall(r"```python\n(.*?)```", page("write-a-plugin.md") + page("hooks.md"), re.DOTALL):
        if "Watcher(" not in block and "def test_" not in block:
            exec(compile(block, "write-a-plugin.md", "exec"), classes)
    dispatcher = Dispatcher()
    for name in ("Greeter", "Uploader"):
        assert dispatcher.register(classes[name]()) == name


def blocks(text, language="python"):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_mirror_in_the_documentation_follows_a_directory(tmp_path, monkeypatch, capsys, when_main_is_blocked):
    monkeypatch.chdir(tmp_path)
    when_main_is_blocked((tmp_path / "incoming" / "done").touch)
    names = {}
    exec(compile(blocks(page("mirror.md"))[0], "mirror.md", "exec"), names)
    assert capsys.readouterr().out == "CREATE incoming/done 1\n"
    assert names["mirror"].paths() == {"incoming/done": False}


def test_the_move_that_the_documentation_spells_out_is_printed_as_it_says(capsys):
    text = page("mirror.md")
    exec(compile(blocks(text)[1], "mirror.md", "exec"), {})
    assert [capsys.readouterr().out] == blocks(text, "text")


def test_the_lines_of_the_command_line_can_be_replayed_as_the_documentation_says(tmp_path):
    (block,) = blocks(page("command-line.md"))
    watch = [
        sys.executable,
        "-m",
        "inotify_cffi",
        "watch",
        "-q",
        "--existing",
        "--format",
        "json",
        "--timeout",
        "0",
    ]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").touch()
    lines = subprocess.run([*watch, tmp_path], check=True, capture_output=True, timeout=PATIENCE_S).stdout
    done = subprocess.run([sys.executable, "-c", block], check=True, input=lines, capture_output=True)
    assert done.stdout.decode().split() == [f"{tmp_path}/a", f"{tmp_path}/a/b"]


def test_the_plugins_in_the_documentation_work_as_it_says(tmp_path):
    """Each block as a file of its own, by the command that stands there."""
    text = page("write-a-plugin.md")
    (tmp_path / "root" / "there").mkdir(parents=True)
    printed = {"hello.py": b"new: root/there\n", "greeter.py": b"hey root/there\n"}
    commands = re.findall(r"^inotify-cffi watch .*$", text, re.MULTILINE)
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        name = re.match(r"# (\S+\.py)\n", block)
        if name is None:
            continue
        (tmp_path / name[1]).write_text(block)
        command = next(command for command in commands if f"./{name[1]}" in command).split()
        arguments = [*command[1:-1], "-q", "--existing", "--count", "1", "root"]
        done = subprocess.run(
            [sys.executable, "-m", "inotify_cffi", *arguments],
            check=False, capture_output=True, cwd=tmp_path, timeout=PATIENCE_S,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, printed.pop(name[1]), b"")
    assert printed == {}


def test_a_program_takes_the_plugin_of_the_documentation(tmp_path, monkeypatch, capsys, when_main_is_blocked):
    """The file at the top of the page is beside it, as it says."""
    python = blocks(page("write-a-plugin.md"))
    (program,) = [block for block in python if "import hello" in block]
    (tmp_path / "hello.py").write_text(python[0])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names = {}

    def happen():
        (tmp_path / "incoming" / "new").mkdir()
        names["watcher"].stop()

    when_main_is_blocked(happen)
    try:
        exec(compile(program, "write-a-plugin.md", "exec"), names)
    finally:
        sys.modules.pop("hello", None)
    assert capsys.readouterr().out == "new: incoming/new\n"


def test_the_columns_in_the_documentation_are_printed(capsys):
    (block,) = [block for block in blocks(page("hooks.md")) if "columns.masks" in block]
    names = {}
    exec(compile(block, "hooks.md", "exec"), names)
    events = [Event.of("in/a", Mask.CREATE | Mask.ISDIR), Event.of("in/b", Mask.CLOSE_WRITE)]
    names["inotify_events"](Columns(events))
    assert capsys.readouterr().out == "CREATE,ISDIR in/a\nCLOSE_WRITE in/b\n"


def test_the_patterns_in_the_documentation_leave_out_what_they_say(tmp_path, monkeypatch, capsys):
    for name in ("a.py", "a.o", "Makefile", "build/a.py", "of/a.py"):
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).touch()
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks(page("patterns.md"))[0], "patterns.md", "exec"), {})
    assert capsys.readouterr().out == "['project/Makefile', 'project/a.py', 'project/of', 'project/of/a.py']\n"


@pytest.fixture
def a_journal(tmp_path, monkeypatch):
    """A journal in state/, in which something happened; call it with what is to happen next."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    (tmp_path / "root").mkdir()

    def happen(*names):
        with Session("state/journal.sqlite", tmp_path / "root"):
            for name in names:
                (tmp_path / "root" / name).mkdir()

    happen("before")
    return happen


def test_a_journal_is_followed_as_the_documentation_says(a_journal, tmp_path, capsys):
    first, then = blocks(page("plugins", "journal.md"))[0].split("# ... later\n")
    names = {}
    exec(first, names)
    a_journal("a", "b")
    exec(then, names)
    assert capsys.readouterr().out.splitlines() == [
        f"{number} ['CREATE', 'ISDIR'] {tmp_path}/root/{name}" for number, name in ((2, "a"), (3, "b"))
    ]
    capsys.readouterr()
    exec(then, names)
    assert capsys.readouterr().out == ""


def test_a_mirror_of_a_journal_is_made_as_the_documentation_says(a_journal, tmp_path, capsys):
    block = blocks(page("plugins", "journal.md"))[1].replace("/srv/in", f"{tmp_path}/root")
    first, then = block.split("# ... later, again and again\n")
    names = {}
    exec(first, names)
    a_journal("a", "b")
    exec(then, names)
    assert capsys.readouterr().out == "3\n"
    assert set(names["mirror"].paths()) == {os.fsencode(tmp_path / "root" / name) for name in ("before", "a", "b")}


def test_the_object_in_the_documentation_is_by_the_schema():
    (row,) = blocks(page("plugins", "console.md"), "json")
    assert str(event_from_json(json.loads(row))) == "MOVED_TO in/b (from in/a)"
    schema = json.loads((Path(inotify_cffi.__file__).parent / "event.schema.json").read_text())
    jsonschema.validate(json.loads(row), schema)
    keys = set(
        re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", page("plugins", "console.md"), re.MULTILINE)))
    )
    assert set(schema["properties"]) <= keys


def test_every_type_of_a_cloudevent_is_in_the_documentation():
    told = set(re.findall(r"`([a-z-]+)`", page("plugins", "console.md").split("NAME is one of")[1]))
    assert told >= {name.split(".")[1] for name in TYPES.values()}


@pytest.mark.timeout(300)
def test_the_example_is_installed_in_a_fresh_environment_and_used(tmp_path):
    pytest.importorskip("pip", reason="not installed: pip")
    fresh = tmp_path / "fresh"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], check=True)
    site = subprocess.run(
        [fresh / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip

    def link():
        """Let the library be taken from here: only the example is installed there."""
        with open(os.path.join(site, "from_here.pth"), "w") as stream:
            stream.write(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")

    copy = tmp_path / "checksum"
    copy.mkdir()
    for name in ("pyproject.toml", "inotify_cffi_checksum.py"):
        with open(os.path.join(EXAMPLE, name)) as source, open(copy / name, "w") as target:
            target.write(source.read())
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(fresh / "bin" / "python"),
        "install",
        "--quiet",
        "--no-deps",
    ]
    # With the setuptools that is here: nothing is fetched.
    link()
    subprocess.run([*pip, "--no-build-isolation", "--no-index", str(copy)], check=True, timeout=240)

    command = [str(fresh / "bin" / "python"), "-m", "inotify_cffi"]
    listed = subprocess.run([*command, "plugins"], check=True, capture_output=True, text=True, timeout=PATIENCE_S)
    assert re.search(r"^checksum +inotify-cffi-checksum 1.0 ", listed.stdout, re.MULTILINE)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("content")
    done = subprocess.run(
        [*command, "watch", "-q", "--plugin", "checksum", "--no-plugin", "console", "--settle", "10ms", "--existing",
         "--timeout", "500ms", str(tmp_path / "in")],
        check=True, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.stdout == f"{hashlib.sha256(b'content').hexdigest()}  {tmp_path / 'in' / 'a'}\n"
