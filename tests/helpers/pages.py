"""The blocks of a page of the documentation, run one after the other in one directory as a reader would do it.

What a block needs to be said of stands in a comment right in front of it, which no reader sees:

- nothing: it is run, and ends by itself with exit code 0;
- ``<!-- ends with: 2 -->``: with this one;
- ``<!-- meanwhile: COMMAND -->``: it goes on until it is ended by Ctrl-C. The command is run until the block has
  printed what the page says;
- ``<!-- not run: REASON -->``: it can not be, and the tests count how many of these there are.

On pages whose blocks do not go on from each other ``<!-- before: each block -->`` stands in front of the one that makes
what they need; :func:`prepare` does it.

A block of text right behind is what it prints, each ``...`` standing for anything. Python that begins with
``# NAME.py`` is a file of that name, for a block of the shell to use.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[^:\n]*): (?P<about>[^\n]*) -->\n)?"
    r"^```(?P<language>python|sh)\n(?P<text>.*?)^```\n"
    r"(?:\n```text\n(?P<printed>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
BEFORE = re.compile(r"^<!-- before: each block -->\n```sh\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
ANY_BLOCK = re.compile(r"^```(?:python|sh)\n", re.MULTILINE)
MARKS = (None, "ends with", "meanwhile", "not run")
# For one block: an interpreter with a JIT takes long to start on a busy machine.
PATIENCE_S = 120
# How long what is changed has to be seen before it is changed once more.
ONCE_MORE_S = 1


class Block(NamedTuple):
    """One block of a page, and what the page says of it."""

    mark: str | None
    about: str | None
    language: str
    text: str
    printed: str | None

    @property
    def file(self) -> str | None:
        """The name of the file that it is, if it is one."""
        found = re.match(r"# (\S+\.py)\n", self.text) if self.language == "python" else None
        return found[1] if found else None

    def uses(self, file: str) -> bool:
        """Whether it names that file, or the directory that it is in."""
        return (os.path.dirname(file) or file) in self.text

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-c", self.text] if self.language == "python" else ["bash", "-ec", self.text]


def blocks_of(path: Path) -> list[Block]:
    """All blocks of Python and of the shell of a page; a mark that is not known is an error."""
    text = path.read_text(encoding="utf-8")
    found = [Block(**match.groupdict()) for match in FENCE.finditer(text)]
    assert len(found) == len(ANY_BLOCK.findall(text)), f"{path}: a block that is not understood"
    for block in found:
        assert block.mark in MARKS, f"{path}: {block.mark}"
    return found


def prepare(page: Path, directory: Path) -> None:
    """Do what a page says is to be done before each of its blocks."""
    (block,) = BEFORE.findall(page.read_text(encoding="utf-8"))
    subprocess.run(["bash", "-ec", block], cwd=directory, check=True, timeout=PATIENCE_S)


def apart(page: Path, language: str) -> list[str]:
    """The blocks of a page that do not go on from each other, without the one that is run before each."""
    text = BEFORE.sub("", page.read_text(encoding="utf-8"))
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def pattern(printed: str) -> str:
    """A regular expression for what a page says is printed."""
    return ".*".join(re.escape(part) for part in printed.split("..."))


class Reader:
    """Runs the blocks of a page in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {
            # What is said to the tests is not said to tests that a page runs.
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
            "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
            "HOME": str(directory),
            "XDG_STATE_HOME": str(directory / ".state"),
            "PYTHONUNBUFFERED": "1",
        }

    def follow(self, block: Block) -> None:
        """Do what the page says, and see what it says."""
        if block.mark == "not run":
            return
        if block.file is not None and block.mark is None:
            compile(block.text, block.file, "exec")
            (self.directory / block.file).write_text(block.text)
        elif block.mark == "meanwhile":
            self._until_it_is_printed(block)
        else:
            self._to_its_end(block)

    def _to_its_end(self, block: Block) -> None:
        done = subprocess.run(
            block.command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            cwd=self.directory, env=self.environment, timeout=PATIENCE_S,
        )  # fmt: skip
        code = int(block.about) if block.mark == "ends with" and block.about else 0
        assert done.returncode == code, (block.text, done.stdout, done.stderr)
        if block.printed is not None:
            # The words for people, as the page has them, are on the standard error.
            told = done.stdout or done.stderr
            assert re.fullmatch(pattern(block.printed), told, re.DOTALL), (block.text, told, done.stderr)

    def _until_it_is_printed(self, block: Block) -> None:
        assert block.printed is not None, f"a block that goes on says nothing: {block.text}"
        wanted = [re.compile(pattern(line)) for line in block.printed.splitlines()]
        process = subprocess.Popen(
            block.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=self.directory, env=self.environment, start_new_session=True,
        )  # fmt: skip
        told: list[str] = []
        news, over = threading.Condition(), threading.Event()

        def read() -> None:
            for line in process.stdout:
                with news:
                    told.append(line.decode().rstrip("\n"))
                    news.notify_all()
            over.set()
            with news:
                news.notify_all()

        def complete() -> bool:
            return all(any(one.fullmatch(line) for line in told) for one in wanted)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            with news:
                if "inotify-cffi" in block.text:
                    news.wait_for(lambda: "Watches established." in told or over.is_set(), PATIENCE_S)
            for _ in range(PATIENCE_S // ONCE_MORE_S):
                subprocess.run(
                    ["bash", "-ec", block.about], cwd=self.directory, env=self.environment, check=True,
                    timeout=PATIENCE_S,
                )  # fmt: skip
                with news:
                    news.wait_for(lambda: complete() or over.is_set(), ONCE_MORE_S)
                    if complete() or over.is_set():
                        break
            with news:
                assert complete(), (block.text, told)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            process.wait(PATIENCE_S)
            thread.join(PATIENCE_S)
            process.stdout.close()
