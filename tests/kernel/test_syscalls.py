"""The one door to C: each errno that can be produced is the exception that says it, with its path."""

import errno
import gc
import os
import socket

import pytest

from inotify_cffi import DecodeError, Mask, PathError
from inotify_cffi.kernel import buffers, listings, syscalls

CHANGES = int(Mask.CHANGES)
NO_FD = 2**20


@pytest.fixture
def inotify():
    made = syscalls.inotify_init()
    yield made.fd
    made.close()


@pytest.fixture
def epoll():
    made = syscalls.epoll_create()
    yield made.fd
    made.close()


def path_of(tmp_path, name=""):
    return os.path.join(os.fspath(tmp_path), name)


# --- descriptors ---


@pytest.mark.parametrize("make", [syscalls.inotify_init, syscalls.epoll_create, syscalls.eventfd])
def test_a_new_descriptor_is_not_inherited(make):
    made = make()
    assert not os.get_inheritable(made.fd)
    made.close()


@pytest.mark.parametrize("make", [syscalls.inotify_init, syscalls.eventfd])
def test_a_new_descriptor_does_not_block(make):
    made = make()
    assert not os.get_blocking(made.fd)
    made.close()


def test_both_ends_of_a_pipe_are_like_that():
    for end in syscalls.pipe():
        assert (os.get_inheritable(end.fd), os.get_blocking(end.fd)) == (False, False)
        end.close()


def test_a_descriptor_is_closed_once_by_whoever_comes_first(no_fd_left):
    """Its number may be somebody else's by then."""
    made = syscalls.eventfd()
    number = made.fd
    made.close()
    other = syscalls.eventfd()
    assert (made.fd, other.fd) == (-1, number)
    made.close()
    assert os.fstat(number)
    other.close()


def test_a_descriptor_that_is_forgotten_is_closed(no_fd_left):
    made = [syscalls.eventfd(), syscalls.epoll_create(), syscalls.open_fd("/", os.O_RDONLY), *syscalls.pipe()]
    assert all(each.fd >= 0 for each in made)
    made.clear()
    gc.collect()


def test_a_descriptor_that_was_let_go_is_its_taker_s(no_fd_left):
    made = syscalls.eventfd()
    number = made.let_go()
    made.close()
    os.close(number)


def test_a_path_to_be_opened_is_not_cut_at_its_nul():
    with pytest.raises(PathError):
        syscalls.open_fd("/\0", os.O_RDONLY)


def test_o_path_opens_what_may_not_be_read(unprivileged, tmp_path):
    os.mkdir(path_of(tmp_path, "closed"), 0o100)
    assert (
        unprivileged("""
            import os
            from inotify_cffi.kernel import buffers, listings, syscalls
            os.close(os.open("closed", syscalls.O_PATH | os.O_DIRECTORY))
            try:
                os.open("closed", os.O_RDONLY)
            except PermissionError:
                print("not to be read")
        """)
        == "not to be read\n"
    )


# --- watches: what the kernel refuses ---


def test_a_missing_path(inotify, tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        syscalls.add_watch(inotify, path_of(tmp_path, "missing"), CHANGES)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOENT, path_of(tmp_path, "missing"))


def test_the_error_has_the_path_as_it_was_given(inotify):
    with pytest.raises(FileNotFoundError) as raised:
        syscalls.add_watch(inotify, b"missing/\xff", CHANGES)
    assert raised.value.filename == b"missing/\xff"


def test_a_file_where_a_directory_is_meant(inotify, tmp_path):
    tmp_path.joinpath("file").touch()
    with pytest.raises(NotADirectoryError):
        syscalls.add_watch(inotify, path_of(tmp_path, "file"), CHANGES | Mask.ONLYDIR)


def test_a_link_where_none_is_to_be_followed(inotify, tmp_path):
    os.symlink(tmp_path, path_of(tmp_path, "link"))
    with pytest.raises(NotADirectoryError):
        syscalls.add_watch(inotify, path_of(tmp_path, "link"), CHANGES | Mask.ONLYDIR | Mask.DONT_FOLLOW)


def test_a_loop_of_links(inotify, tmp_path):
    os.symlink("loop", path_of(tmp_path, "loop"))
    with pytest.raises(OSError) as raised:
        syscalls.add_watch(inotify, path_of(tmp_path, "loop"), CHANGES)
    assert raised.value.errno == errno.ELOOP


@pytest.mark.parametrize("path", ["a" * 256, "a/" * 2048])
def test_a_name_or_a_path_that_is_too_long(inotify, path):
    with pytest.raises(OSError) as raised:
        syscalls.add_watch(inotify, path, CHANGES)
    assert (raised.value.errno, raised.value.filename) == (errno.ENAMETOOLONG, path)


def test_an_unreadable_directory(unprivileged, tmp_path):
    os.mkdir(path_of(tmp_path, "closed"), 0o300)
    assert (
        unprivileged("""
            from inotify_cffi import Mask
            from inotify_cffi.kernel import buffers, listings, syscalls
            try:
                made = syscalls.inotify_init()
                syscalls.add_watch(made.fd, "closed", Mask.CHANGES)
            except PermissionError as error:
                print(error)
        """)
        == "[Errno 13] Permission denied: 'closed'\n"
    )


def test_a_watch_that_must_be_new_and_is_not(inotify, tmp_path):
    syscalls.add_watch(inotify, path_of(tmp_path), CHANGES)
    with pytest.raises(FileExistsError):
        syscalls.add_watch(inotify, path_of(tmp_path), CHANGES | Mask.MASK_CREATE)


@pytest.mark.parametrize("mask", [0, Mask.CREATE | Mask.MASK_CREATE | Mask.MASK_ADD])
def test_a_mask_that_asks_for_nothing_or_for_opposites(inotify, tmp_path, mask):
    with pytest.raises(OSError) as raised:
        syscalls.add_watch(inotify, path_of(tmp_path), mask)
    assert raised.value.errno == errno.EINVAL


@pytest.mark.parametrize("path", ["a\0b", b"a\0b"])
def test_a_path_that_c_would_cut_at_its_nul(inotify, path):
    with pytest.raises(PathError) as raised:
        syscalls.add_watch(inotify, path, CHANGES)
    assert (raised.value.errno, raised.value.filename) == (errno.EINVAL, path)


def test_an_empty_path(inotify):
    with pytest.raises(FileNotFoundError):
        syscalls.add_watch(inotify, "", CHANGES)


def test_no_watch_left_for_the_user(limited, tmp_path):
    for name in ("a", "b", "c"):
        tmp_path.joinpath(name).mkdir()
    told = limited(
        """
        from inotify_cffi import Mask, WatchLimitError
        from inotify_cffi.kernel import buffers, listings, syscalls
        made = syscalls.inotify_init()
        fd = made.fd
        syscalls.add_watch(fd, "a", Mask.CREATE)
        syscalls.add_watch(fd, "b", Mask.CREATE)
        syscalls.add_watch(fd, "a", Mask.DELETE)  # known already: takes none
        try:
            syscalls.add_watch(fd, "c", Mask.CREATE)
        except WatchLimitError as error:
            print(error.errno, error.filename, error.strerror)
        """,
        max_inotify_watches=2,
    )
    limit = syscalls.sysctl("max_user_watches")
    assert told == (
        f"{errno.ENOSPC} c no watch is left for this user; raise fs.inotify.max_user_watches (now {limit})"
        " and user.max_inotify_watches (now 2)\n"
    )


def test_no_watch_left_for_a_directory_that_is_open(limited, tmp_path):
    told = limited(
        """
        import os
        from inotify_cffi import Mask, WatchLimitError
        from inotify_cffi.kernel import buffers, listings, syscalls
        made = syscalls.inotify_init()
        try:
            syscalls.watch_fd(made.fd, os.open(".", os.O_RDONLY), Mask.CREATE, "the/path")
        except WatchLimitError as error:
            print(error.errno, error.filename)
        """,
        max_inotify_watches=0,
    )
    assert told == f"{errno.ENOSPC} the/path\n"


def test_no_instance_left_for_the_user(limited):
    told = limited(
        """
        from inotify_cffi import InstanceLimitError
        from inotify_cffi.kernel import buffers, listings, syscalls
        first = syscalls.inotify_init()
        try:
            syscalls.inotify_init()
        except InstanceLimitError as error:
            print(error.errno, error.strerror)
        """,
        max_inotify_instances=1,
    )
    limit = syscalls.sysctl("max_user_instances")
    assert told == (
        f"{errno.EMFILE} no inotify instance is left for this user; "
        f"raise fs.inotify.max_user_instances (now {limit}) and user.max_inotify_instances (now 1)\n"
    )


def test_no_descriptor_left_is_not_taken_for_a_limit_of_inotify(python):
    told = python("""
        import os, resource
        from inotify_cffi import InstanceLimitError
        from inotify_cffi.kernel import buffers, listings, syscalls
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, hard))
        taken = []
        try:
            while True:
                taken.append(os.open("/", os.O_RDONLY))
        except OSError:
            pass
        def open_fd():
            syscalls.open_fd("/", os.O_RDONLY)
        for call in syscalls.inotify_init, syscalls.epoll_create, syscalls.eventfd, open_fd:
            try:
                call()
            except OSError as error:
                print(error.errno, isinstance(error, InstanceLimitError), error.strerror)
    """)
    remedy = "no file descriptor is left; raise RLIMIT_NOFILE (ulimit -n, now 16)"
    assert told.splitlines() == [f"{errno.EMFILE} False {remedy}"] * 4


def test_the_remedy_is_the_system_s_where_that_has_no_descriptor_left():
    with open("/proc/sys/fs/file-max") as file:
        value = file.read().strip()
    assert syscalls.reason(errno.ENFILE) == (
        f"no file descriptor is left for all processes together; raise fs.file-max (now {value})"
    )


def test_any_other_error_has_the_reason_of_the_system():
    assert syscalls.reason(errno.ENOENT) == os.strerror(errno.ENOENT)


def test_a_failed_open_is_told_with_its_path():
    with pytest.raises(FileNotFoundError) as caught:
        syscalls.open_fd("/no such directory", os.O_RDONLY)
    assert caught.value.filename == "/no such directory"


def test_an_unknown_sysctl_is_told_as_unknown():
    assert syscalls.sysctl("no_such_limit") == "unknown"


def test_a_sysctl_is_read_as_it_stands():
    assert int(syscalls.sysctl("max_queued_events")) > 0


# --- watches: what they do ---


def test_an_open_directory_is_watched_under_whatever_path(inotify, tmp_path):
    tmp_path.joinpath("old").mkdir()
    target = os.open(path_of(tmp_path, "old"), os.O_RDONLY)
    os.rename(path_of(tmp_path, "old"), path_of(tmp_path, "new"))
    wd = syscalls.watch_fd(inotify, target, CHANGES)
    os.close(target)
    assert syscalls.add_watch(inotify, path_of(tmp_path, "new"), CHANGES) == wd


def test_a_closed_target_is_an_error_with_the_path_it_stood_for(inotify):
    with pytest.raises(FileNotFoundError) as raised:
        syscalls.watch_fd(inotify, NO_FD, CHANGES, b"the/path")
    assert raised.value.filename == b"the/path"


def test_a_watch_is_removed_once(inotify, tmp_path):
    wd = syscalls.add_watch(inotify, path_of(tmp_path), CHANGES)
    assert syscalls.rm_watch(inotify, wd) is True
    assert syscalls.rm_watch(inotify, wd) is False


def test_the_next_watch_descriptor_can_be_chosen(inotify, tmp_path):
    try:
        syscalls.set_next_wd(inotify, 4711)
    except OSError as error:
        pytest.skip(f"the kernel has no CONFIG_CHECKPOINT_RESTORE: {error}")
    assert syscalls.add_watch(inotify, path_of(tmp_path), CHANGES) == 4711


@pytest.mark.parametrize(
    "call",
    [
        lambda: syscalls.add_watch(NO_FD, "/", CHANGES),
        lambda: syscalls.watch_fd(NO_FD, 0, CHANGES),
        lambda: syscalls.rm_watch(NO_FD, 1),
        lambda: syscalls.queued_bytes(NO_FD),
        lambda: syscalls.set_next_wd(NO_FD, 1),
        lambda: buffers.ReadBuffer(4096).read(NO_FD),
        lambda: listings.ListBuffer().first_entries(NO_FD),
        lambda: syscalls.epoll_add(NO_FD, 0, syscalls.POLL_IN),
        lambda: syscalls.EpollBuffer().wait(NO_FD, 0),
    ],
)
def test_a_descriptor_that_is_not_open(call):
    with pytest.raises(OSError) as raised:
        call()
    assert raised.value.errno == errno.EBADF


# --- reading ---


def test_an_empty_queue_reads_as_none(inotify):
    assert buffers.ReadBuffer(4096).read(inotify) is None


def test_the_queue_has_the_size_that_is_read(inotify, tmp_path):
    syscalls.add_watch(inotify, path_of(tmp_path), Mask.CREATE)
    assert syscalls.queued_bytes(inotify) == 0
    for name in ("a", "b" * 255):
        tmp_path.joinpath(name).touch()
    assert syscalls.queued_bytes(inotify) == (16 + 16) + (16 + 256)
    assert buffers.ReadBuffer(4096).read(inotify).size == (16 + 16) + (16 + 256)
    assert syscalls.queued_bytes(inotify) == 0


def test_the_smallest_buffer_takes_the_longest_name(inotify, tmp_path):
    syscalls.add_watch(inotify, path_of(tmp_path), Mask.CREATE)
    tmp_path.joinpath("b" * 255).touch()
    assert buffers.ReadBuffer(272).read(inotify).names == b"b" * 255 + b"\0"


def test_a_buffer_that_is_too_small_for_a_record_is_refused():
    with pytest.raises(ValueError, match="272 bytes"):
        buffers.ReadBuffer(271)


def test_a_read_takes_no_more_than_it_is_told_to(inotify, tmp_path):
    syscalls.add_watch(inotify, path_of(tmp_path), Mask.CREATE)
    for number in range(20):
        tmp_path.joinpath(f"{number:02}").touch()
    columns = buffers.ReadBuffer(4096).read(inotify, 272)
    assert columns.size == 272 // 32 * 32
    assert columns.names == b"00\00001\00002\00003\00004\00005\00006\00007\0"


def test_what_is_no_inotify_record_is_told_as_such():
    here, there = socket.socketpair()
    with here, there:
        there.send(b"not an inotify record")
        with pytest.raises(DecodeError):
            buffers.ReadBuffer(4096).read(here.fileno())


# --- listing ---


def listed(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return sorted(listings.entries_at_once(fd))
    finally:
        os.close(fd)


def test_each_entry_comes_with_its_kind(tmp_path):
    tmp_path.joinpath("directory").mkdir()
    tmp_path.joinpath("file").touch()
    os.symlink("directory", path_of(tmp_path, "link"))
    os.mkfifo(path_of(tmp_path, "pipe"))
    assert listed(tmp_path) == ["-file", "-pipe", "ddirectory", "llink"]


def test_an_empty_directory_has_no_entries(tmp_path):
    assert listed(tmp_path) == []


@pytest.mark.parametrize("name", [b"\xff\xfe", b"new\nline", b"a" * 255, b" ", b"...", "ä".encode()])
def test_any_name_is_listed(tmp_path, name):
    open(os.path.join(os.fsencode(tmp_path), name), "w").close()
    assert listed(tmp_path) == ["-" + os.fsdecode(name)]


def test_a_large_directory_is_listed_whole(tmp_path):
    names = [f"{number:04}".ljust(200, "x") for number in range(1000)]
    for name in names:
        tmp_path.joinpath(name).touch()
    assert listed(tmp_path) == ["-" + name for name in names]


def test_what_is_no_directory_is_not_listed(tmp_path):
    tmp_path.joinpath("file").touch()
    fd = os.open(path_of(tmp_path, "file"), os.O_RDONLY)
    with pytest.raises(NotADirectoryError):
        listings.ListBuffer().first_entries(fd)
    os.close(fd)


def test_a_removed_directory_is_not_listed(tmp_path):
    tmp_path.joinpath("gone").mkdir()
    fd = os.open(path_of(tmp_path, "gone"), os.O_RDONLY)
    tmp_path.joinpath("gone").rmdir()
    with pytest.raises(FileNotFoundError):
        listings.ListBuffer().first_entries(fd)
    os.close(fd)


# --- epoll ---


def test_a_descriptor_can_be_waited_for_once(epoll, inotify):
    syscalls.epoll_add(epoll, inotify, syscalls.POLL_IN)
    with pytest.raises(FileExistsError):
        syscalls.epoll_add(epoll, inotify, syscalls.POLL_IN)


def test_a_regular_file_can_not_be_waited_for(epoll, tmp_path):
    with open(path_of(tmp_path, "file"), "w") as file, pytest.raises(PermissionError):
        syscalls.epoll_add(epoll, file.fileno(), syscalls.POLL_IN)


def test_a_wait_names_the_descriptor_that_is_ready(epoll, inotify, tmp_path):
    syscalls.epoll_add(epoll, inotify, syscalls.POLL_IN)
    syscalls.add_watch(inotify, path_of(tmp_path), Mask.CREATE)
    assert syscalls.EpollBuffer().wait(epoll, 0) == []
    tmp_path.joinpath("file").touch()
    assert syscalls.EpollBuffer().wait(epoll, -1) == [inotify]
