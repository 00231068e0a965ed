"""Each mutation is one of a text that is there once; whether the tests notice it, ``python -m tests.mutations`` says."""

from __future__ import annotations

import pytest

from tests import mutations
from tests.mutations import MUTATIONS, TESTS, TOP


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_fits_once(name):
    file, old, new = MUTATIONS[name]
    path = TOP / file if file.startswith("csrc/") else TOP / "inotify_cffi" / file
    if not path.exists():
        pytest.skip("the sources are not here")
    assert path.read_text().count(old) == 1
    assert old != new


@pytest.mark.parametrize("path", TESTS)
def test_the_tests_that_are_to_notice_are_there(path):
    assert (TOP / path).exists()


def test_those_that_are_named_are_listed_and_nothing_is_run(monkeypatch, capsys):
    monkeypatch.setattr(mutations, "fails", None)
    assert mutations.main(["--list", "the poll of sync()", "tree/exchanges.py"]) == 0
    expected = [f"{file}: {name}" for name, (file, _, _) in MUTATIONS.items()
                if name == "the poll of sync()" or file == "tree/exchanges.py"]  # fmt: skip
    assert len(expected) > 1
    assert capsys.readouterr().out.splitlines() == expected


def test_what_is_run_is_a_copy_without_a_change_and_those_that_are_named(monkeypatch, capsys):
    if not (TOP / "inotify_cffi").exists():
        pytest.skip("the sources are not here")
    ran = []

    def fails(top):
        ran.append((top / "inotify_cffi" / "watching" / "reading.py").read_text())
        return None if len(ran) == 1 else "tests/some.py::test"

    monkeypatch.setattr(mutations, "fails", fails)
    assert mutations.main(["the poll of sync()"]) == 0
    source = (TOP / "inotify_cffi" / "watching" / "reading.py").read_text()
    _, old, new = MUTATIONS["the poll of sync()"]
    assert ran == [source, source.replace(old, new)]
    assert capsys.readouterr().out.endswith("\n1 mutations, 0 not as they should be\n")


def test_a_name_that_fits_none_is_an_error():
    with pytest.raises(SystemExit, match="no mutation has 'quux' in its name or file"):
        mutations.main(["quux"])


def test_its_help_runs_nothing(monkeypatch, capsys):
    monkeypatch.setattr(mutations, "fails", None)
    with pytest.raises(SystemExit) as ended:
        mutations.main(["--help"])
    assert ended.value.code == 0
    assert "--list" in capsys.readouterr().out
