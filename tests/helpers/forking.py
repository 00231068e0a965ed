"""To fork beside a second thread, which Python warns of."""

from __future__ import annotations

import contextlib
import os
import warnings
from typing import Iterator


@contextlib.contextmanager
def forking_beside_threads() -> Iterator[None]:
    """Let Python not warn of a fork beside a second thread (that which reads ahead, a test's own).

    It warns from 3.12 on. From 3.15 on the warning is raised where warnings are errors: in the parent, which then
    does not learn the child's number, while the child goes on.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        yield


def fork() -> int:
    """os.fork(), whatever threads there are."""
    with forking_beside_threads():
        return os.fork()
