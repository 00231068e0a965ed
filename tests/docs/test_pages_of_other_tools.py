"""The pages for those who come from other tools: each block of code does what its page says, on a real directory.

The old ones are run as well where their tool is installed: nothing here needs them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from typing import NamedTuple

import pytest
from pages import DOCS, apart, prepare
from replaying import PATIENCE_S

PAGES = {
    name: DOCS / f"from-{name}.md"
    for name in ("inotify_simple", "asyncinotify", "inotifywait", "watchexec-and-entr")
}

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not here")


def blocks(name, language):
    return apart(PAGES[name], language) if PAGES[name].is_file() else []


# --- Python ---

# What each block prints, in their order.
PRINTED = {
    "inotify_simple": [
        "file ['CREATE']\n",
        "file ('CREATE',)\n",
        "incoming/a\n[]\n",
        "incoming/a\nincoming/a/b\n",
        "['a', 'b']\n",
        "['a', 'b']\n[]\n",
        "",
        "incoming/new\n",
        "True b'file' ['CREATE']\n",
    ],
    "asyncinotify": [
        "incoming/file True\n",
        "incoming/file True\n",
        "incoming/new\nincoming/new/file False\n",
        "incoming/new/file ('CLOSE_WRITE',)\n",
        "[]\nincoming/file\n",
        "incoming/file\n",
        "incoming/file\n",
    ],
}


@pytest.mark.needs("bash")
@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name, printed in PRINTED.items() for number in range(len(printed))]
)
def test_python_prints_what_the_page_says(name, number, tmp_path, monkeypatch, capsys):
    block = blocks(name, "python")[number]
    if block.startswith(f"# {name}\n") and importlib.util.find_spec(name) is None:
        pytest.skip(f"not installed: {name}")
    monkeypatch.chdir(tmp_path)
    # As one who has run another block before.
    for _ in range(2):
        prepare(PAGES[name], tmp_path)
    exec(compile(block, PAGES[name].name, "exec"), {"__name__": "page"})
    assert capsys.readouterr().out == PRINTED[name][number]


@pytest.mark.parametrize("name", PRINTED)
def test_no_python_of_the_pages_is_left_out(name):
    assert len(blocks(name, "python")) == len(PRINTED[name])


# --- the shell ---


class Trial(NamedTuple):
    """What happens when a block is ready, what it prints then, and how it ends if it does so by itself."""

    change: str
    printed: str
    code: int | None = None
    # What of the block is there first, where no message says that it is ready.
    ready: bytes = b"established"
    # It prints that and nothing else.
    whole: bool = False


NOT_TRIED = None
WRITE = "echo x > incoming/file"
PY = "echo x > src/a.py"
ADDED = "touch src/b.py"
LEFT_OUT = "touch incoming/a.o incoming/b.tmp; touch incoming/c.c"

TRIALS = {
    "inotifywait": [
        *[Trial("mkdir incoming/new", "incoming/new CREATE,ISDIR\n")] * 2,
        *[Trial(WRITE, "new: incoming/file\n")] * 3,
        *[Trial(f"{WRITE}; until [ -s done/file ]; do sleep 0.05; done", "")] * 2,
        # Of the loop it is what the command in its condition prints.
        Trial(WRITE, "incoming/ CREATE file\n"),
        Trial(f"{WRITE}; until [ -s done/file ]; do sleep 0.05; done", ""),
        *[Trial(WRITE, "written\n", 0)] * 2,
        *[Trial("touch incoming/ready", "ready\n", 0)] * 2,
        Trial(LEFT_OUT, "incoming/ CREATE c.c\n", whole=True),
        Trial(LEFT_OUT, "CREATE incoming/c.c\n", whole=True),
        Trial(f"mkdir incoming/build; touch incoming/build/b.c; {LEFT_OUT}", "CREATE incoming/c.c\n", whole=True),
        # It leaves the process group.
        NOT_TRIED,
        NOT_TRIED,
        Trial(WRITE, "incoming/\n", 0, ready=b"Finished"),
        Trial(WRITE, "incoming\n", 0),
    ],
    "watchexec-and-entr": [
        Trial(PY, "built\nbuilt\n", ready=b"built"),
        Trial(ADDED, "built\nbuilt\n"),
        Trial(PY, "serving\nserving\n", ready=b"serving"),
        Trial(PY, "serving\nserving\n"),
        # It does not say when it is ready.
        NOT_TRIED,
        Trial(PY, "changed src/a.py\n"),
        Trial(ADDED, "built\nbuilt\n", ready=b"built"),
        Trial(ADDED, "built\nbuilt\n"),
        Trial(PY, "1\nsh returned exit code 0\n1\n", ready=b"1"),
        Trial(PY, "1\n1\n"),
        NOT_TRIED,
        Trial(PY, "", 7),
        NOT_TRIED,
        Trial("touch src/a.css src/a.log", "npm run build\nnpm run build\n"),
        NOT_TRIED,
        Trial(PY, "served\nserved\n"),
        NOT_TRIED,
        Trial("touch lib/x src/y", "make \nmake \n"),
        NOT_TRIED,
        Trial("mkdir src/new", '"path": "./src/new", "mask": ["CREATE", "ISDIR"]'),
        Trial("mkdir src/new", "read ./src/new\n"),
    ],
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory, and programs that stand for those of a reader."""
    (tmp_path / "programs").mkdir()
    for name in ("npm", "make"):
        (tmp_path / "programs" / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
        (tmp_path / "programs" / name).chmod(0o755)
    (tmp_path / "programs" / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    # The shell of entr.
    monkeypatch.setenv("SHELL", "/bin/sh")
    # In front of its own directory: a virtual environment is found by the path of its interpreter.
    path = [os.path.dirname(sys.executable), str(tmp_path / "programs"), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    return tmp_path


class Running:
    """A block that is run by bash, as the leader of a group, and what it says."""

    def __init__(self, block):
        self.process = subprocess.Popen(
            ["bash", "-c", block],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self.out = self.err = b""
        self._news = threading.Condition()
        self._open = 2
        self._threads = [threading.Thread(target=self._read, args=(name,)) for name in ("out", "err")]
        for thread in self._threads:
            thread.start()

    def _read(self, name):
        stream = getattr(self.process, f"std{name}")
        while chunk := os.read(stream.fileno(), 4096):
            with self._news:
                setattr(self, name, getattr(self, name) + chunk)
                self._news.notify_all()
        with self._news:
            self._open -= 1
            self._news.notify_all()

    def text(self):
        return self.out.decode()

    def prints(self, text, wait):
        with self._news:
            return self._news.wait_for(lambda: text in self.text() or not self._open, wait)

    def until(self, condition):
        with self._news:
            self._news.wait_for(lambda: condition() or not self._open, PATIENCE_S)
            assert condition(), (self.out, self.err)

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(PATIENCE_S)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self.process.stdout.close()
        self.process.stderr.close()


def tool_of(block):
    first = re.match(r"# (\S+)\n", block)
    return {"inotify-tools": "inotifywait", None: "inotify-cffi"}.get(first and first[1], first and first[1])


@pytest.mark.needs("bash", "git")
@pytest.mark.parametrize(
    ("name", "number"),
    [
        (name, number)
        for name, trials in TRIALS.items()
        for number, trial in enumerate(trials)
        if trial is not NOT_TRIED
    ],
)
def test_a_command_does_what_the_page_says(name, number, place):
    block, trial = blocks(name, "sh")[number], TRIALS[name][number]
    if shutil.which(tool_of(block)) is None:
        pytest.skip(f"not installed: {tool_of(block)}")
    prepare(PAGES[name], place)
    if "git" in block:
        subprocess.run(["git", "init", "-q", "."], check=True)
        subprocess.run(["git", "add", "src"], check=True)
    running = Running(block)
    try:
        running.until(lambda: trial.ready in running.out + running.err)
        # What is run at the start comes first, so that a change is not taken for the same.
        running.until(lambda: "--initial" not in block or running.out)
        # What changes while its command runs is dropped by entr.
        for wait in [1] * int(PATIENCE_S) if tool_of(block) == "entr" else [PATIENCE_S]:
            subprocess.run(["bash", "-c", trial.change], check=True, timeout=PATIENCE_S)
            if running.prints(trial.printed, wait):
                break
        assert trial.printed in running.text()
        assert not trial.whole or trial.printed == running.text()
        if trial.code is not None:
            assert running.process.wait(PATIENCE_S) == trial.code
    finally:
        running.end()


@pytest.mark.parametrize("name", TRIALS)
def test_each_command_of_the_pages_is_tried_or_said_not_to_be(name):
    assert len(blocks(name, "sh")) == len(TRIALS[name])
    untried = [block for block, trial in zip(blocks(name, "sh"), TRIALS[name]) if trial is NOT_TRIED]
    ours = [block for block in untried if tool_of(block) == "inotify-cffi"]
    # The one in the background has a test of its own.
    assert [block for block in ours if not block.endswith("&\n")] == []


@pytest.mark.needs("bash")
def test_the_command_in_the_background_logs(place):
    (block,) = [block for block in blocks("inotifywait", "sh") if block.endswith("&\n")]
    prepare(PAGES["inotifywait"], place)
    (place / "errors").touch()
    # bash waits, so that it is known when it has ended.
    running = Running(
        f"{block}tail -n +1 -f --pid=$! errors >&2 & until [ -s log ]; do sleep 0.05; done; cat log; kill %1; wait"
    )
    try:
        running.until(lambda: b"established" in running.err)
        (place / "incoming" / "file").touch()
        running.until(lambda: running.out == b"incoming/file\n")
    finally:
        running.end()
