"""The fixture ``file_events`` for pytest.

pytest loads this in each run where inotify_cffi is installed. So nothing is imported here that pytest has not
imported already, and nothing of inotify_cffi before a test takes the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from inotify_cffi.testing import FileEvents

__all__ = ["file_events"]


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers", "file_events(**options): options of the inotify_cffi.Watcher behind the fixture file_events"
    )


@pytest.fixture
def file_events(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileEvents]:
    """What happens in ``tmp_path`` and all below it: ``now()``, ``lines()``, ``wait_for(match, timeout)``.

    The mark ``@pytest.mark.file_events(exclude=["*.tmp"])`` has options of the watcher.
    """
    from inotify_cffi.testing import temporary_watcher

    mark = request.node.get_closest_marker("file_events")
    with temporary_watcher(tmp_path, **(mark.kwargs if mark else {})) as events:
        yield events
