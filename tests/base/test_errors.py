"""The exceptions: what they are besides, and what they carry."""

import errno
import pickle

import pytest

import inotify_cffi
from inotify_cffi import (
    BusyError,
    ClosedError,
    DecodeError,
    InotifyError,
    InstanceLimitError,
    LedgerError,
    PathError,
    WatchLimitError,
    errors,
)

BUILTIN = {
    BusyError: [RuntimeError],
    ClosedError: [ValueError],
    DecodeError: [ValueError],
    InstanceLimitError: [OSError],
    LedgerError: [RuntimeError],
    PathError: [OSError, ValueError],
    WatchLimitError: [OSError],
}


@pytest.mark.parametrize("error", BUILTIN)
def test_every_error_is_an_inotify_error_and_a_builtin_one(error):
    assert issubclass(error, InotifyError)
    assert all(issubclass(error, builtin) for builtin in BUILTIN[error])


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_exported_by_the_package(name):
    assert getattr(inotify_cffi, name) is getattr(errors, name)
    assert name in inotify_cffi.__all__


@pytest.mark.parametrize("name", errors.__all__)
def test_one_except_clause_catches_every_error(name):
    assert issubclass(getattr(errors, name), InotifyError)


@pytest.mark.parametrize("error", [error for error in BUILTIN if issubclass(error, OSError)])
def test_an_os_error_keeps_errno_reason_and_path(error):
    raised = error(errno.ENOSPC, "no watch is left", "/a/b")
    assert (raised.errno, raised.strerror, raised.filename) == (errno.ENOSPC, "no watch is left", "/a/b")
    assert str(raised) == "[Errno 28] no watch is left: '/a/b'"


@pytest.mark.parametrize("error", [error for error in BUILTIN if issubclass(error, OSError)])
def test_an_os_error_crosses_process_borders(error):
    raised = pickle.loads(pickle.dumps(error(errno.ENOSPC, "no watch is left", b"/a/\xff")))
    assert type(raised) is error
    assert (raised.errno, raised.strerror, raised.filename) == (errno.ENOSPC, "no watch is left", b"/a/\xff")
