"""The constants and the calls of the drop-in."""

from __future__ import annotations

import os

import pytest

import inotify_cffi
from inotify_cffi import calls, constants
from inotify_cffi.calls import InotifyError

# As inotify(7) and the kernel's <linux/inotify.h> have them.
VALUES = {
    "IN_ACCESS": 0x1,
    "IN_MODIFY": 0x2,
    "IN_ATTRIB": 0x4,
    "IN_CLOSE_WRITE": 0x8,
    "IN_CLOSE_NOWRITE": 0x10,
    "IN_OPEN": 0x20,
    "IN_MOVED_FROM": 0x40,
    "IN_MOVED_TO": 0x80,
    "IN_CREATE": 0x100,
    "IN_DELETE": 0x200,
    "IN_DELETE_SELF": 0x400,
    "IN_MOVE_SELF": 0x800,
    "IN_CLOSE": 0x18,
    "IN_MOVE": 0xC0,
    "IN_ALL_EVENTS": 0xFFF,
    "IN_UNMOUNT": 0x2000,
    "IN_Q_OVERFLOW": 0x4000,
    "IN_IGNORED": 0x8000,
    "IN_ONLYDIR": 0x1000000,
    "IN_DONT_FOLLOW": 0x2000000,
    "IN_MASK_ADD": 0x20000000,
    "IN_ISDIR": 0x40000000,
    "IN_ONESHOT": 0x80000000,
    "IN_CLOEXEC": os.O_CLOEXEC,
    "IN_NONBLOCK": os.O_NONBLOCK,
}


@pytest.fixture
def fd():
    """An inotify instance."""
    fd = calls.inotify_init()
    yield fd
    os.close(fd)


# --- constants ---


def test_the_constants_are_those_of_the_kernel_and_no_others():
    assert {name: getattr(constants, name) for name in dir(constants) if name.startswith("IN_")} == VALUES


def test_the_lookup_has_21_names_with_move_self_in_the_place_of_nonblock():
    assert list(constants.MASK_LOOKUP.values()) == [
        "IN_CLOEXEC",
        "IN_MOVE_SELF",
        "IN_ACCESS",
        "IN_MODIFY",
        "IN_ATTRIB",
        "IN_CLOSE_WRITE",
        "IN_CLOSE_NOWRITE",
        "IN_OPEN",
        "IN_MOVED_FROM",
        "IN_MOVED_TO",
        "IN_CREATE",
        "IN_DELETE",
        "IN_DELETE_SELF",
        "IN_UNMOUNT",
        "IN_Q_OVERFLOW",
        "IN_IGNORED",
        "IN_ONLYDIR",
        "IN_DONT_FOLLOW",
        "IN_MASK_ADD",
        "IN_ISDIR",
        "IN_ONESHOT",
    ]


def test_each_name_in_the_lookup_has_its_own_value():
    assert {name: bit for bit, name in constants.MASK_LOOKUP.items()}.items() <= VALUES.items()


# --- calls ---


def test_an_instance_reports_what_is_watched_and_its_read_blocks_as_the_originals_does(fd, tmp_path):
    assert os.get_blocking(fd)
    assert calls.inotify_add_watch(fd, os.fsencode(tmp_path), constants.IN_CREATE) == 1
    (tmp_path / "file").touch()
    [event] = inotify_cffi.decode(os.read(fd, 4096))
    assert event == (1, constants.IN_CREATE, 0, b"file")


def test_an_instance_is_not_inherited_by_programs(fd):
    assert not os.get_inheritable(fd)


def test_to_remove_a_watch_gives_0(fd):
    wd = calls.inotify_add_watch(fd, b"/", constants.IN_CREATE)
    assert calls.inotify_rm_watch(fd, wd) == 0


def test_to_remove_a_watch_that_is_gone_is_an_error(fd):
    with pytest.raises(InotifyError) as caught:
        calls.inotify_rm_watch(fd, 7)
    assert caught.value.errno == calls.errno.EINVAL


@pytest.mark.parametrize(
    "call", [lambda: calls.inotify_add_watch(-1, b"/", 1), lambda: calls.inotify_rm_watch(-1, 1)]
)
def test_a_descriptor_that_is_none_is_an_error(call):
    with pytest.raises(InotifyError) as caught:
        call()
    assert caught.value.errno == calls.errno.EBADF


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ENOENT", FileNotFoundError),
        ("ENOTDIR", NotADirectoryError),
        ("EACCES", PermissionError),
        ("EIO", OSError),
    ],
)
def test_an_error_is_also_the_one_that_python_has_for_its_errno(code, kind):
    number = getattr(calls.errno, code)
    with pytest.raises(InotifyError) as caught:
        calls.fail("it failed", OSError(number, os.strerror(number), "path"))
    error = caught.value
    assert isinstance(error, kind)
    assert isinstance(error, inotify_cffi.InotifyError)
    assert (error.errno, error.strerror, error.errmsg) == (number, os.strerror(number), os.strerror(number))
    assert error.filename == "path"


def test_the_text_of_an_error_is_the_message_with_the_errno_and_what_it_means():
    with pytest.raises(InotifyError) as caught:
        calls.fail("it failed", OSError(5, "Input/output error"))
    assert str(caught.value) == "it failed ERRNO=(5) [Input/output error]"
    assert caught.value.args == (str(caught.value),)


def test_an_error_takes_a_message_and_more_as_the_originals_does():
    error = InotifyError("message", 1, 2, 3, 4)
    assert error.args == ("message ERRNO=(0) [Success]", 1, 2, 3, 4)
    assert (error.errno, error.errmsg) == (0, "Success")


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [(calls._check_zero, 0, 1), (calls._check_nonzero, 1, 0), (calls._check_nonnegative, 0, -1)],
)
def test_a_check_hands_on_a_good_result_and_raises_for_a_bad_one(check, good, bad):
    assert check(good) == good
    with pytest.raises(InotifyError):
        check(bad)
