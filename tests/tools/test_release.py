"""What a release has, by the names of its files, and which Pythons a wheel serves."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent.parent
CHECK = TOP / ".ci" / "check_release.py"

pytestmark = pytest.mark.skipif(not CHECK.is_file(), reason="the machinery is not here")


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem + "_under_test", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def release():
    return module(CHECK)


@pytest.fixture
def files(release):
    start = f"inotify_cffi-{release.version()}"
    wheels = [
        f"{start}-{serves + ('73' if serves == release.PYPY else '')}-{libc}_{arch}.whl"
        for serves, libc, arch in release.wanted()
    ]
    return [f"{start}.tar.gz", *wheels]


def test_what_is_wanted_is_complete(release, files):
    assert len(files) == 1 + 3 * 6 + 2
    assert release.complaints("", files) == []
    assert release.complaints(f"v{release.version()}", files) == []


def test_a_wheel_whose_tag_has_older_ones_with_it_counts(release, files):
    older = "manylinux_2_27_x86_64.manylinux_2_28_x86_64"
    assert release.complaints("", [name.replace("manylinux_2_28_x86_64", older) for name in files]) == []


def test_one_that_lacks_is_named(release, files):
    files.remove(next(name for name in files if "cp39-abi3-musllinux_1_2_riscv64" in name))
    assert release.complaints("", files) == [
        "there are 0 wheels for cp39-abi3, musllinux_1_2_riscv64; 1 is wanted"
    ]


def test_a_tag_without_a_libc_and_another_version_are_refused(release, files):
    wrong = release.complaints("v9.9", [*files, "inotify_cffi-9.9-cp39-abi3-linux_x86_64.whl"])
    assert wrong == [
        f"the tag is v9.9, the version {release.version()}",
        f"inotify_cffi-9.9-cp39-abi3-linux_x86_64.whl is not of version {release.version()}",
        "inotify_cffi-9.9-cp39-abi3-linux_x86_64.whl says nothing of its libc",
    ]


@pytest.mark.parametrize(
    ("implementation", "version", "free_threaded", "oldest"),
    [
        ("cpython", (3, 9), False, "cp39"),
        ("cpython", (3, 15), False, "cp39"),
        ("cpython", (3, 13), True, None),
        ("cpython", (3, 14), True, None),
        ("cpython", (3, 15), True, "cp315"),
        ("pypy", (3, 11), False, None),
    ],
)
def test_which_pythons_a_wheel_serves(implementation, version, free_threaded, oldest):
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("not installed: setuptools")
    # In a process of its own: setuptools does not come behind distutils.
    asked = f"({implementation!r}, {version!r}, free_threaded={free_threaded!r})"
    code = f"import runpy; print(runpy.run_path('setup.py')['stable_abi']{asked})"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=TOP, check=True, capture_output=True, text=True
    ).stdout
    assert found == f"{oldest}\n"


def test_the_images_are_those_of_the_tags(release):
    text = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    images = dict(re.findall(r'^manylinux-(\w+)-image = "(\w+)"$', text, re.MULTILINE))
    assert {arch: images[arch] for arch in release.GLIBC} == release.GLIBC
    assert {images["pypy_x86_64"], images["pypy_aarch64"]} == {"manylinux_2_28"}


def test_the_version_is_in_one_place(release):
    text = re.escape(release.version())
    told = re.compile(rf"^(__version__|version|release)\s*=\s*[\"']{text}", re.MULTILINE)
    sources = [*TOP.glob("*.py"), *(TOP / "docs").glob("*.py"), *(TOP / "inotify_cffi").rglob("*.py")]
    assert [path.name for path in sources if told.search(path.read_text(encoding="utf-8"))] == []


def test_the_workflow_publishes_only_what_somebody_released():
    text = (TOP / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    publish = text[text.index("\n  publish:\n") :]
    assert "if: github.event_name == 'release'\n    needs: check\n" in publish
    assert text.count("id-token: write") == publish.count("id-token: write") == 1
    assert "password" not in publish


def test_what_is_for_nox_and_pre_commit_has_the_versions_and_names_of_the_rest():
    pinned = (TOP / ".ci" / "tools.txt").read_text(encoding="utf-8").splitlines()
    hooks = (TOP / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"[\w-]+==[\d.]+", hooks)) <= set(pinned)
    sessions = re.findall(
        r"^@nox\.session.*\ndef (\w+)", (TOP / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    guide = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert sorted(sessions) == sorted(re.search(r"`nox -s ([\w ]+)`", guide)[1].split())
