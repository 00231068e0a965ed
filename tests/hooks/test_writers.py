"""The judge of ``python -m tests.writers`` sees what is wrong, and its page has a row for each program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inotify_cffi import Mask
from inotify_cffi.hooks.dispatch import Dispatcher
from inotify_cffi.hooks.settle import Look
from tests.writers import recording
from tests.writers.page import BEGIN, END, _short
from tests.writers.programs import PROGRAMS, command
from tests.writers.recording import Finished, Recording, digest, record, version_of, writers_of

WRITERS = Path(__file__).resolve().parent.parent.parent / "docs" / "writers.md"
PAUSES = command("pauses", "sh -c true", "exec 3> a; echo x >&3; sleep 1.2; echo y >&3")
# So long that whoever looks at it finds it open, also on a machine that has much else to do.
PAUSES_LONG = command("pauses", "sh -c true", "exec 3> a; echo x >&3; sleep 6; echo y >&3")


def test_a_program_that_pauses_is_told_once_at_its_end():
    recorded = record(PAUSES, sys.executable)
    assert recorded.verdict == []
    assert [(one.path, one.evidence, one.writers, one.is_early) for one in recorded.finished] == [
        ("a", "unopened", (), False)
    ]


def test_a_look_that_is_wrong_is_found(monkeypatch):
    """As if a lease had been given though somebody has the file open."""
    monkeypatch.setattr(Dispatcher, "_look", lambda *_: Look(False, 1))
    recorded = record(PAUSES_LONG, sys.executable)
    assert any("told as unopened while" in fault for fault in recorded.verdict)


def test_a_file_that_is_never_told_is_found(monkeypatch):
    monkeypatch.setattr(Dispatcher, "_look", lambda *_: None)
    assert record(PAUSES, sys.executable).verdict == ["a: never told as finished"]


def test_a_last_call_with_another_content_is_found(tmp_path):
    (tmp_path / "a").write_text("now")
    recorded = Recording(tmp_path)
    recorded.events.append((Mask.CLOSE_WRITE, "a", None))
    recorded.finished.append(Finished("a", "unopened", "another", (), False))
    assert recorded.faults() == ["a: its last call had another content than it has"]
    recorded.finished.append(Finished("a", "unopened", digest(tmp_path / "a"), (), False))
    assert recorded.faults() == []


def test_a_program_that_fails_is_no_program_that_is_right():
    with pytest.raises(subprocess.CalledProcessError):
        record(command("fails", "sh -c true", "exit 3"), sys.executable)


def test_who_writes_is_found_without_the_library(tmp_path):
    with open(tmp_path / "a", "w"):
        assert writers_of(f"{tmp_path}/a") == [str(os.getpid())]
    assert writers_of(f"{tmp_path}/a") == writers_of(f"{tmp_path}/missing") == []
    with open(tmp_path / "a"):
        assert writers_of(f"{tmp_path}/a") == []


def test_what_is_not_installed_has_no_version():
    assert version_of(command("none", "no-such-command --version", "")) == ""
    assert version_of(PAUSES._replace(version=f"{sys.executable} --version")) == ".".join(
        map(str, sys.version_info[:3])
    )


@pytest.mark.skipif(shutil.which("sed") is None, reason="sed is not installed")
def test_one_of_the_table_is_right():
    (sed,) = (program for program in PROGRAMS if program.name == "sed -i")
    assert record(sed, sys.executable).verdict == []


@pytest.mark.skipif(not WRITERS.exists(), reason="the documentation is not here")
def test_each_program_has_its_row():
    """And each row is of a program that is there still, and says that its file was told."""
    table = WRITERS.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = re.findall(r"^\| (.*?) \|.*\| (.*?) \| .*\|$", table, re.MULTILINE)[1:]
    assert [name.rpartition(", ")[0] for name, _ in rows] == [program.name for program in PROGRAMS]
    assert all("at its end" in told for _, told in rows)
    assert len(rows) >= 30


def test_the_quick_ones_are_of_ten_kinds():
    quick = " ".join(program.name for program in PROGRAMS if program.is_quick)
    for name in ("np.", "h5py", "pyarrow", "zip", "rsync", "curl", "git", "sed", "sqlite", "O_TMPFILE"):
        assert name in quick


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("a.parquet", "a.parquet"),
        ("a.safetensors", "a.safetensors"),
        (".b.Qx81Zk", ".b.X"),
        ("sedIgnL9I", "sedX"),
        ("XXVblWFM", "XXX"),
        (".~tmp~/b", ".~tmp~/b"),
        ("config.lock", "config.lock"),
    ],
)
def test_what_is_random_in_a_name_is_left_out(name, short):
    assert _short(name) == short


def test_a_program_is_given_its_time(monkeypatch):
    monkeypatch.setattr(recording, "PROGRAM_S", 0.2)
    with pytest.raises(subprocess.TimeoutExpired):
        record(command("sleeps", "sh -c true", "sleep 60"), sys.executable)
