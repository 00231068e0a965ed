"""In the end a watcher knows what a new one finds, whatever its options, and whatever it could not cover meanwhile."""

import inside
import pytest
from afresh import OPTIONS, compared

SEEDS = range(12)
# The first four of these once told of a directory that could not be looked at as if it were known.
BARRED = (361, 363, 384, 567, *range(30))

CODE = """
    from afresh import complaints
    found = [complaint for seed in {seeds} for complaint in complaints(seed, {kind!r})]
    assert not found, found
"""


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_watcher_knows_what_a_new_one_finds(kind):
    for seed in SEEDS:
        old, new = compared(seed, kind)
        assert old == new, f"seed {seed}"


def test_what_was_barred_by_permissions_is_made_up_for(unprivileged):
    unprivileged(inside.code(CODE.format(seeds=BARRED, kind="permissions")))


def test_what_there_was_no_watch_for_is_made_up_for(limited):
    limited(inside.code(CODE.format(seeds=range(30), kind="watches")), max_inotify_watches=1000)
