"""Every block of Python and of the shell in the guides is run, and prints what the page says."""

from __future__ import annotations

import itertools
import re
import shlex

import pytest
from pages import BEFORE, DOCS, Reader, blocks_of, pattern

import inotify_cffi
from inotify_cffi.cli.parser import parse

# The other pages have tests of their own.
PAGES = sorted(
    page
    for names in ("start.md", "comparison.md", "guides/*.md", "reference/*.md")
    for page in (DOCS.glob(names) if DOCS.is_dir() else ())
)

# How many blocks of a page are not run, for a reason that stands in front of each.
NOT_RUN = {
    "comparison.md": 1,
    "guides/limits.md": 1,
    "guides/mirror-a-directory.md": 1,
    "guides/slow-consumers.md": 1,
    "start.md": 2,
}

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not here")


def name(path):
    return str(path.relative_to(DOCS))


@pytest.mark.needs("bash")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_blocks_of_a_page_do_what_it_says(page, tmp_path):
    reader = Reader(tmp_path)
    for block in blocks_of(page):
        reader.follow(block)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_file_of_a_page_is_used_by_a_block_behind_it(page):
    blocks = blocks_of(page)
    for number, block in enumerate(blocks):
        if block.file is not None and block.mark is None:
            assert any(other.uses(block.file) for other in blocks[number + 1 :] if other.mark != "not run")


def test_no_more_blocks_are_left_out_than_is_known():
    left_out = {name(page): sum(block.mark == "not run" for block in blocks_of(page)) for page in PAGES}
    assert {page: count for page, count in left_out.items() if count} == NOT_RUN


def test_a_block_makes_the_directory_that_it_watches_or_its_page_says_what_makes_it():
    """On pages that are not read from their beginning; docs/testing.md has made-up paths alone."""
    lacking = []
    for page in set(DOCS.rglob("*.md")) - set(PAGES) - {DOCS / "testing.md"}:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            for name in set(re.findall(r"""(?<!=)"(incoming|project|src)\b""", block)):
                is_made = re.search(rf"""(?:makedirs|Path)\("{name}"(?:, exist_ok=True\)|\)\.mkdir)""", block)
                if not is_made and not BEFORE.search(text) and "def test_" not in block:
                    lacking.append((page.name, name, block))
    assert lacking == []


def test_what_a_page_says_is_printed_may_leave_things_out():
    assert re.fullmatch(pattern("a ... b\n"), "a 1 + (2) b\n", re.DOTALL)
    assert not re.fullmatch(pattern("a.b\n"), "a-b\n", re.DOTALL)


def commands_of(path):
    """The words of each inotify-cffi that stands at the beginning of a line of the shell; files of plugins left out."""
    blocks = re.findall(r"^```sh\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    text = "\n".join(blocks).replace("\\\n", " ")
    for start in re.finditer(r"^ *inotify-cffi ", text, re.MULTILINE):
        # To the end of the line outside of quotes, or of the command.
        lexer = shlex.shlex(text[start.end() :], posix=True, punctuation_chars=";|&<>()\n")
        lexer.whitespace, lexer.whitespace_split = " \t", True
        words = list(itertools.takewhile(lambda word: not set(word) & set(";|&<>()\n"), lexer))
        if not any(word.startswith("./") and ".py" in word for word in words):
            yield words


def test_each_command_line_of_the_documentation_is_understood():
    commands = [(page, words) for page in DOCS.rglob("*.md") for words in commands_of(page)]
    assert len(commands) > 50
    for page, words in commands:
        try:
            parse(words)
        except SystemExit as error:
            pytest.fail(f"{name(page)}: {words}: {error}")


def test_the_reference_has_every_public_name_once():
    page = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    told = re.findall(r"^\.\. (?:auto\w+|py:data):: (\w+)", page, re.MULTILINE)
    assert sorted(told) == sorted(inotify_cffi.__all__)


def test_every_page_is_in_the_table_of_contents_once():
    contents = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = [entry for tree in re.findall(r"```\{toctree\}\n(.*?)```", contents, re.DOTALL)
              for entry in tree.splitlines() if entry and not entry.startswith(":")]  # fmt: skip
    pages = {name(path).removesuffix(".md") for path in DOCS.rglob("*.md")} - {"index"}
    assert sorted(listed) == sorted(pages)


def test_each_test_that_the_promises_name_is_there():
    page = (DOCS / "promises.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert [section.split(".")[0] for section in sections if section[0].isdigit()] == [
        str(n) for n in range(1, 12)
    ]
    for section in sections:
        named = 0
        for file, text in re.findall(r"^- `(tests/\S+\.py)`(.*?)(?=^- |\Z)", section, re.MULTILINE | re.DOTALL):
            source = (DOCS.parent / file).read_text(encoding="utf-8")
            for test in re.findall(r"`([a-z]\w+_\w+|story)`", text):
                assert f"def test_{test}(" in source, (file, test)
                named += 1
        assert named or not section[0].isdigit(), section
