"""Bad input: a typed error with errno and path, and nothing left open."""

import copy
import errno
import math
import os
import pickle
import re
from multiprocessing.reduction import ForkingPickler

import pytest

from inotify_cffi import ClosedError, Instance, Mask, PathError, Watcher, awatch, watch

pytestmark = pytest.mark.usefixtures("no_fd_left")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a file and a directory in it."""
    tmp_path.joinpath("file").touch()
    tmp_path.joinpath("sub").mkdir()
    monkeypatch.chdir(tmp_path)
    return os.fspath(tmp_path)


BAD_PATHS = [
    pytest.param("missing", FileNotFoundError, errno.ENOENT, id="missing"),
    pytest.param(b"missing", FileNotFoundError, errno.ENOENT, id="missing-bytes"),
    pytest.param("sub/missing/below", FileNotFoundError, errno.ENOENT, id="below-missing"),
    pytest.param("file/", NotADirectoryError, errno.ENOTDIR, id="a-file-as-a-directory"),
    pytest.param(b"file/", NotADirectoryError, errno.ENOTDIR, id="a-file-as-a-directory-bytes"),
    pytest.param("file/below", NotADirectoryError, errno.ENOTDIR, id="below-a-file"),
    pytest.param("", PathError, errno.EINVAL, id="empty"),
    pytest.param(b"", PathError, errno.EINVAL, id="empty-bytes"),
    pytest.param("a\0b", PathError, errno.EINVAL, id="nul"),
    pytest.param(b"a\0b", PathError, errno.EINVAL, id="nul-bytes"),
    pytest.param("a" * 256, OSError, errno.ENAMETOOLONG, id="name-too-long"),
]


@pytest.mark.parametrize("function", [Watcher, watch, awatch])
def test_an_option_that_there_is_not_says_which_may_have_been_meant(here, function):
    with pytest.raises(TypeError) as caught:
        function(here, recursiv=True)
    message = f"{function.__name__}() got an unexpected keyword argument 'recursiv'; did you mean recursive?"
    assert str(caught.value) == message


@pytest.mark.parametrize(("path", "error", "code"), BAD_PATHS)
def test_a_watcher_of_a_bad_path_is_not_made(here, path, error, code):
    with pytest.raises(error) as raised:
        Watcher(path)
    assert (raised.value.errno, raised.value.filename) == (code, path)


@pytest.mark.parametrize(("path", "error", "code"), BAD_PATHS)
def test_a_bad_path_is_not_added(here, path, error, code):
    good = os.fsencode(here) if isinstance(path, bytes) else here
    with Watcher(good) as watcher:
        with pytest.raises(error) as raised:
            watcher.add(path)
        assert (raised.value.errno, raised.value.filename) == (code, path)


def test_a_bad_path_leaves_the_watcher_as_it_was(here):
    with Watcher("sub") as watcher:
        before = (watcher.snapshot(), watcher.stats()["watches"])
        with pytest.raises(FileNotFoundError):
            watcher.add("missing")
        assert (watcher.snapshot(), watcher.stats()["watches"]) == before
        open("sub/new", "w").close()
        assert [event.path for event in watcher.sync() if event.mask & Mask.CREATE] == ["sub/new"]


def test_a_bad_path_behind_a_good_one_leaves_no_watcher(here):
    with pytest.raises(FileNotFoundError) as raised:
        Watcher("sub", "missing")
    assert raised.value.filename == "missing"


@pytest.mark.parametrize("mode", [0o000, 0o300])
def test_an_unreadable_directory(unprivileged, tmp_path, mode):
    os.mkdir(tmp_path / "closed", mode)
    told = unprivileged("""
        import os
        from inotify_cffi import Watcher
        for path in "closed", b"closed":
            try:
                Watcher(path)
            except PermissionError as error:
                print(error.errno, error.filename)
        print(len(os.listdir("/proc/self/fd")) - 1)
    """)
    assert told == f"{errno.EACCES} closed\n{errno.EACCES} b'closed'\n3\n"


def test_a_directory_that_may_not_be_entered(unprivileged, tmp_path):
    os.makedirs(tmp_path / "closed" / "below")
    os.chmod(tmp_path / "closed", 0o600)
    told = unprivileged("""
        from inotify_cffi import Watcher
        try:
            Watcher("closed/below")
        except PermissionError as error:
            print(error)
    """)
    os.chmod(tmp_path / "closed", 0o700)
    assert told == "[Errno 13] Permission denied: 'closed/below'\n"


@pytest.mark.parametrize("path", [None, 3, ["sub"]])
def test_what_is_no_path(here, path):
    with pytest.raises(TypeError):
        Watcher(path)


@pytest.mark.parametrize("again", ["sub", "sub/", "absolute"])
def test_a_root_is_added_once(here, again):
    again = os.path.join(here, "sub") if again == "absolute" else again
    with Watcher("sub") as watcher:
        with pytest.raises(FileExistsError) as raised:
            watcher.add(again)
        assert (raised.value.errno, raised.value.filename) == (errno.EEXIST, again)


@pytest.mark.parametrize("path", ["file", "missing", "sub/below", b"sub/below"])
def test_what_is_no_root_is_not_removed(here, path):
    with Watcher("sub") as watcher:
        with pytest.raises(FileNotFoundError) as raised:
            watcher.remove(path)
        assert (raised.value.errno, raised.value.filename) == (errno.ENOENT, path)


def test_a_root_is_removed_once(here):
    with Watcher("sub") as watcher:
        watcher.remove("sub")
        with pytest.raises(FileNotFoundError):
            watcher.remove("sub")


@pytest.mark.parametrize("path", ["", b"", "a\0b"])
def test_a_path_that_can_be_no_root_is_not_removed(here, path):
    with Watcher("sub") as watcher, pytest.raises(PathError):
        watcher.remove(path)


@pytest.mark.parametrize("timeout", [-1, -0.001, -math.inf, math.nan])
@pytest.mark.parametrize("method", ["read", "sync"])
def test_a_negative_timeout(watcher, method, timeout):
    with pytest.raises(
        ValueError, match=r"timeout is a number of seconds, 0 or more, or None; not -?(nan|inf|1|0\.001)"
    ):
        getattr(watcher, method)(timeout)


@pytest.mark.parametrize("duration", [-1, math.nan])
def test_a_negative_block_duration(here, duration):
    with pytest.raises(ValueError, match="block_duration_s"):
        Watcher("sub", block_duration_s=duration)


def test_a_callable_that_returns_a_negative_block_duration(watcher):
    with pytest.raises(ValueError, match="0 or more"):
        next(watcher.event_gen(block_duration_s=lambda: -1))


@pytest.mark.parametrize(
    "mask", [0, Mask.ISDIR, Mask.ONLYDIR, Mask.Q_OVERFLOW, -1, 1 << 40, 1 << 40 | Mask.CREATE]
)
def test_a_mask_that_asks_for_no_event(here, mask):
    with pytest.raises(ValueError, match=f"{int(mask):#x} asks for no event"):
        Watcher("sub", mask=mask)


@pytest.mark.parametrize("mask", ["create", b"create", None, 1.5, ["create"]])
@pytest.mark.parametrize("call", ["Watcher", "add", "awatch"])
def test_a_mask_that_is_no_mask_is_told_what_one_is(here, mask, call):
    says = r"a mask is flags of inotify_cffi\.Mask, as in Mask\.CREATE \| Mask\.DELETE, not "
    says += re.escape(repr(mask)) + (r"; parse_mask\(\) makes one of words" if isinstance(mask, str) else "$")
    with Watcher() as watcher, pytest.raises(TypeError, match=says):
        {"Watcher": Watcher, "add": watcher.add, "awatch": awatch}[call]("sub", mask=mask)


def test_a_depth_at_which_nothing_is(here):
    with pytest.raises(ValueError, match="max_depth"):
        Watcher("sub", max_depth=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda watcher: watcher.add("sub"),
        lambda watcher: watcher.remove("sub"),
        lambda watcher: watcher.read(0),
        lambda watcher: watcher.read(None),
        Watcher.sync,
        Watcher.snapshot,
        Watcher.unwatched,
        Watcher.retry,
        Watcher.stats,
        Watcher.fileno,
    ],
)
def test_a_closed_watcher_says_so(here, call):
    watcher = Watcher("sub")
    watcher.close()
    with pytest.raises(ClosedError, match="closed"):
        call(watcher)


def test_an_unknown_option_leaves_nothing_open(here):
    with pytest.raises(TypeError):
        Watcher("sub", no_such_option=1)


def test_no_watch_left_for_a_root_leaves_nothing_open(limited, tmp_path):
    told = limited(
        """
        import os
        from inotify_cffi import Watcher, WatchLimitError
        try:
            Watcher(".")
        except WatchLimitError as error:
            print(error.errno, error.filename)
        print(len(os.listdir("/proc/self/fd")) - 1)
        """,
        max_inotify_watches=0,
    )
    assert told == f"{errno.ENOSPC} .\n3\n"


def test_no_instance_left_leaves_nothing_open(limited, tmp_path):
    told = limited(
        """
        import os
        from inotify_cffi import InstanceLimitError, Watcher
        try:
            Watcher(".")
        except InstanceLimitError as error:
            print(error.errno)
        print(len(os.listdir("/proc/self/fd")) - 1)
        """,
        max_inotify_instances=0,
    )
    assert told == f"{errno.EMFILE}\n3\n"


@pytest.mark.parametrize("room", range(4))
def test_no_descriptor_left_leaves_nothing_open(python, tmp_path, room):
    """A watcher needs three descriptors, and a fourth to look at a root: with less it is not made, and what to raise is told."""
    told = python(
        """
        import errno, os, resource, sys
        from inotify_cffi import Watcher
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, hard))
        taken = []
        try:
            while True:
                taken.append(os.open("/", os.O_RDONLY))
        except OSError:
            pass
        for _ in range(int(sys.argv[1])):
            os.close(taken.pop())
        try:
            Watcher(".")
        except OSError as error:
            print(errno.errorcode[error.errno], "RLIMIT_NOFILE (ulimit -n, now 32)" in error.strerror)
        left = []
        try:
            while True:
                left.append(os.open("/", os.O_RDONLY))
        except OSError:
            print(len(left))
        """,
        str(room),
    )
    assert told == f"EMFILE True\n{room}\n"


COPYING = [copy.copy, copy.deepcopy, pickle.dumps]


@pytest.mark.parametrize("call", COPYING, ids=lambda call: call.__name__)
@pytest.mark.parametrize("kind", [Watcher, Instance])
def test_what_holds_descriptors_is_neither_copied_nor_pickled(call, kind):
    """Else two would own one descriptor, and the first that is closed would take it from the other."""
    with kind() as one:
        with pytest.raises(TypeError, match=f"{kind.__name__} can not be copied or pickled, for its descriptor"):
            call(one)
        assert one.fileno() >= 0


def test_a_watcher_that_is_sent_to_another_process_says_what_to_send(here):
    with Watcher("sub") as watcher, pytest.raises(TypeError, match="hand the paths over and make one there"):
        # As a process that is spawned is given its arguments.
        ForkingPickler.dumps(watcher)
