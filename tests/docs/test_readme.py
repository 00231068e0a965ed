"""The README's blocks print what it says, in a directory where nothing is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import Reader, blocks_of

README = Path(__file__).resolve().parent.parent.parent / "README.md"
BLOCKS = blocks_of(README)
PYTHON = [block for block in BLOCKS if block.language == "python"]


def test_there_are_two_blocks_of_the_shell_and_three_of_python():
    assert [block.language for block in BLOCKS] == ["sh", "python", "python", "python", "sh"]
    assert [block.mark for block in BLOCKS] == ["not run", None, None, None, "not run"]


@pytest.mark.parametrize("number", range(3))
def test_an_example_works_when_it_is_pasted(number, tmp_path):
    assert PYTHON[number].printed
    Reader(tmp_path).follow(PYTHON[number])


def test_each_page_that_the_readme_names_is_there():
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    assert len(links) > 30
    assert [link for link in links if not (README.parent / link).exists()] == []
