"""An exception at each place of the calls of a watcher; ``each_place.py`` has the cases, and more of them.

A place is a line as a tracer sees it, and each version of Python has its own. The suite goes through those of the
version that they were made with, and of what takes long at each third one; ``.ci/parts/interruptions`` goes through
all of them with any interpreter.
"""

import sys

import pytest
from interrupting import EachPlace

from tests.helpers.each_place import (  # noqa: F401  # they are collected here
    fresh_root,
    quiet,
    test_a_call_comes_once,
    test_awatch,
    test_dispatcher,
    test_drop_in,
    test_each_public_call_of_a_watcher_is_tried,
    test_ends,
    test_events_of_all_kinds,
    test_events_of_files,
    test_making_one_leaves_no_descriptor,
    test_questions,
    test_save,
    test_what_could_not_be_added_leaves_nothing,
    test_what_could_not_be_added_to_report_reads_leaves_nothing,
    test_what_is_removed_is_gone_or_there,
)

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 11),
    reason="the places of CPython 3.11; .ci/parts/interruptions tries others",
)

TAKES_LONG = (
    test_awatch,
    test_dispatcher,
    test_events_of_all_kinds,
    test_making_one_leaves_no_descriptor,
)


@pytest.fixture(autouse=True)
def sparsely(request, monkeypatch):
    if request.function in TAKES_LONG:
        monkeypatch.setattr(EachPlace, "sparsely", 3 * EachPlace.sparsely)
