"""One inotify instance in kernel terms."""

import os
import select

import pytest

from inotify_cffi import ClosedError, Instance, Mask, RawEvent

CREATE = int(Mask.CREATE)
IGNORED = int(Mask.IGNORED)


@pytest.fixture
def instance():
    with Instance() as instance:
        yield instance


def test_a_raw_event_tells_watch_mask_cookie_and_name(instance, tmp_path):
    wd = instance.add_watch(tmp_path, CREATE)
    tmp_path.joinpath("file").touch()
    assert instance.read() == [RawEvent(wd, CREATE, 0, b"file")]


def test_both_halves_of_a_move_have_one_cookie(instance, tmp_path):
    instance.add_watch(tmp_path, Mask.MOVE)
    tmp_path.joinpath("a").touch()
    tmp_path.joinpath("a").rename(tmp_path / "b")
    out, into = instance.read()
    assert (out.name, into.name) == (b"a", b"b")
    assert out.cookie == into.cookie != 0


@pytest.mark.parametrize("name", [b"\xff\xfe", b"new\nline", b"a" * 255])
def test_any_name_comes_as_its_bytes(instance, tmp_path, name):
    instance.add_watch(os.fsencode(tmp_path), CREATE)
    open(os.path.join(os.fsencode(tmp_path), name), "w").close()
    assert [raw.name for raw in instance.read()] == [name]


def test_nothing_queued_reads_as_no_events(instance):
    assert instance.read() == []
    assert instance.read_columns() is None


def test_one_inode_has_one_watch_descriptor(instance, tmp_path):
    wd = instance.add_watch(os.fspath(tmp_path), CREATE)
    assert instance.add_watch(os.fsencode(tmp_path), CREATE) == wd


def test_an_open_directory_has_the_watch_descriptor_of_its_path(instance, tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    wd = instance.watch_fd(fd, CREATE)
    os.close(fd)
    assert instance.add_watch(tmp_path, CREATE) == wd


def test_a_removed_watch_ends_with_ignored(instance, tmp_path):
    wd = instance.add_watch(tmp_path, CREATE)
    assert instance.rm_watch(wd) is True
    tmp_path.joinpath("file").touch()
    assert instance.read() == [RawEvent(wd, IGNORED, 0, b"")]


def test_a_watch_that_the_kernel_removed_is_no_error(instance, tmp_path):
    tmp_path.joinpath("sub").mkdir()
    wd = instance.add_watch(tmp_path / "sub", CREATE)
    tmp_path.joinpath("sub").rmdir()
    assert instance.rm_watch(wd) is False


def test_a_read_takes_at_most_its_size(tmp_path):
    with Instance(read_size=272) as instance:
        instance.add_watch(tmp_path, CREATE)
        for number in range(10):
            tmp_path.joinpath(str(number)).touch()
        assert [len(instance.read()) for _ in range(3)] == [8, 2, 0]


def test_a_read_size_below_one_record_is_refused(no_fd_left):
    with pytest.raises(ValueError, match="272"):
        Instance(read_size=271)


def test_the_descriptor_is_readable_when_events_wait(instance, tmp_path):
    instance.add_watch(tmp_path, CREATE)
    assert select.select([instance], [], [], 0)[0] == []
    tmp_path.joinpath("file").touch()
    assert select.select([instance], [], [], 0)[0] == [instance]


def test_queued_bytes_is_the_size_of_what_waits(instance, tmp_path):
    instance.add_watch(tmp_path, CREATE)
    tmp_path.joinpath("file").touch()
    assert instance.queued_bytes() == 32


def test_close_frees_the_descriptor_once(no_fd_left):
    instance = Instance()
    instance.close()
    instance.close()
    with pytest.raises(ClosedError):
        instance.fileno()


def test_the_with_block_closes_also_after_an_error(no_fd_left):
    with pytest.raises(KeyError), Instance():
        raise KeyError


@pytest.mark.parametrize(
    "call",
    [
        Instance.fileno,
        Instance.read,
        Instance.read_columns,
        Instance.queued_bytes,
        lambda instance: instance.add_watch("/", CREATE),
        lambda instance: instance.watch_fd(0, CREATE),
        lambda instance: instance.rm_watch(1),
    ],
)
def test_a_closed_instance_says_so(call):
    instance = Instance()
    instance.close()
    with pytest.raises(ClosedError, match="closed"):
        call(instance)
