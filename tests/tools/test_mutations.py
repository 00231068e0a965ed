"""Each mutation is one of a text that is there once; whether the tests notice it, ``python -m tests.mutations`` says."""

from __future__ import annotations

import pytest

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
