"""The pages on testing are true: their tests pass, and the template is copied, renamed, installed and tested as it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from replaying import PATIENCE_S

from inotify_cffi.testing import Feed, FileEvents

TOP = Path(__file__).resolve().parent.parent.parent
DOCS = TOP / "docs"
TEMPLATE = TOP / "examples" / "plugin-template"

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not here")


def blocks(path, language="python"):
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run_pytest(where, *arguments, path=""):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *arguments]
    # What this run of pytest was given is not for that one.
    environment = {**os.environ, "PYTHONPATH": os.fspath(path), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        command, check=False, cwd=where, capture_output=True, text=True, timeout=PATIENCE_S * 2, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tests_in_the_documentation_pass(tmp_path):
    made = blocks(DOCS / "testing.md")
    for number, block in enumerate(made):
        (tmp_path / f"test_{number}.py").write_text(block)
    (greeter,) = (block for block in blocks(DOCS / "write-a-plugin.md") if block.startswith("# greeter.py"))
    (tmp_path / "greeter.py").write_text(greeter)
    (test,) = (block for block in blocks(DOCS / "write-a-plugin.md") if "def test_" in block)
    (tmp_path / "test_greeter.py").write_text(test)
    assert "5 passed" in run_pytest(tmp_path, f"--basetemp={tmp_path}/made")
    assert len(made) == 3


@pytest.mark.parametrize("of", [Feed, FileEvents], ids=lambda of: of.__name__)
def test_every_method_is_on_the_page(of):
    page = (DOCS / "testing.md").read_text(encoding="utf-8")
    names = {name for name, value in vars(of).items() if not name.startswith("_") and callable(value)}
    assert names <= set(re.findall(r"`(?:feed\.)?(\w+)\(", page))


@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.implementation.name != "cpython", reason="the same files, and pip takes long there")
def test_the_template_is_copied_and_renamed_as_its_readme_says_and_passes_its_tests(tmp_path):
    pytest.importorskip("pip", reason="not installed: pip")
    shutil.copytree(
        TEMPLATE, tmp_path / "examples" / "plugin-template", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(
        TOP / "examples" / "checksum", tmp_path / "checksum", ignore=shutil.ignore_patterns("__pycache__")
    )
    subprocess.run(["sh", "-e", "-c", blocks(TEMPLATE / "README.md", "sh")[0]], check=True, cwd=tmp_path)
    made = tmp_path / "inotify-cffi-shout"
    left = [path for path in made.rglob("*") if path.is_file() and "xample" in path.read_text(encoding="utf-8")]
    assert left == []
    installed = tmp_path / "installed"
    # With the setuptools that is here: nothing is fetched.
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", installed, made, tmp_path / "checksum"], check=True, timeout=240)
    for source in made / "tests", tmp_path / "checksum" / "tests":
        run_pytest(source.parent, "tests", f"--basetemp={tmp_path}/made", path=installed)


def test_the_template_is_called_as_the_rule_says():
    text = (TEMPLATE / "pyproject.toml").read_text(encoding="utf-8")
    assert 'name = "inotify-cffi-example"' in text
    assert 'example = "inotify_cffi_example:Example"' in text
    text = (TOP / "examples" / "checksum" / "pyproject.toml").read_text(encoding="utf-8")
    assert 'name = "inotify-cffi-checksum"' in text
    assert 'checksum = "inotify_cffi_checksum:Checksum"' in text
