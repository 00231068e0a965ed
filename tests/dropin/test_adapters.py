"""The flat Inotify of the drop-in: watches by path, and the event tuples."""

from __future__ import annotations

import gc
import os

import pytest
from drop_in import brief, drain, is_open

from inotify_cffi import adapters, constants
from inotify_cffi.adapters import _INOTIFY_EVENT, Inotify
from inotify_cffi.calls import InotifyError

# A name that is not UTF-8, and the same as str.
ODD = b"\xff\xfe"
ODD_TEXT = os.fsdecode(ODD)


@pytest.fixture
def watch():
    """An Inotify that never blocks."""
    with Inotify(block_duration_s=0) as watch:
        yield watch


@pytest.fixture
def place(tmp_path):
    return os.fspath(tmp_path)


# --- the event ---


def test_an_event_is_a_tuple_of_header_names_path_and_filename(watch, tmp_path, place):
    wd = watch.add_watch(place)
    (tmp_path / "file").touch()
    event = drain(watch)[0]
    assert event == (_INOTIFY_EVENT(wd=wd, mask=0x100, cookie=0, len=16), ["IN_CREATE"], place, "file")
    assert type(event) is tuple
    assert type(event[1]) is list


def test_each_event_has_a_list_of_names_of_its_own(watch, tmp_path, place):
    watch.add_watch(place, constants.IN_CREATE)
    (tmp_path / "one").touch()
    (tmp_path / "two").touch()
    one, two = drain(watch)
    one[1].append("mine")
    assert two[1] == ["IN_CREATE"]


@pytest.mark.parametrize(("length", "room"), [(1, 16), (15, 16), (16, 32), (31, 32), (32, 48), (255, 256)])
def test_len_is_the_room_of_the_name_in_steps_of_16_with_its_nul(watch, tmp_path, place, length, room):
    watch.add_watch(place, constants.IN_CREATE)
    (tmp_path / ("n" * length)).touch()
    assert [event[0].len for event in drain(watch)] == [room]


def test_an_event_of_the_watched_object_itself_has_no_name_and_len_0(watch, tmp_path, place):
    watch.add_watch(place)
    tmp_path.chmod(0o700)
    (header, names, path, filename), *_ = drain(watch)
    assert (header.len, names, path, filename) == (0, ["IN_ATTRIB", "IN_ISDIR"], place, "")


def test_both_halves_of_a_move_have_one_cookie(watch, tmp_path, place):
    watch.add_watch(place, constants.IN_MOVE)
    (tmp_path / "old").mkdir()
    (tmp_path / "old").rename(tmp_path / "new")
    source, target = drain(watch)
    assert brief([source, target]) == [("MOVED_FROM ISDIR", place, "old"), ("MOVED_TO ISDIR", place, "new")]
    assert source[0].cookie == target[0].cookie != 0


def test_the_path_is_the_string_that_was_given(watch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    watch.add_watch("./.", constants.IN_CREATE)
    (tmp_path / "file").touch()
    assert brief(drain(watch)) == [("CREATE", "./.", "file")]


def test_the_header_takes_keywords_and_sorts_and_has_asdict():
    header = _INOTIFY_EVENT(wd=1, mask=2, cookie=3, len=4)
    assert header._asdict() == {"wd": 1, "mask": 2, "cookie": 3, "len": 4}
    assert header < header._replace(len=5)


# --- any name, any kind of path ---


def test_a_name_that_is_not_utf_8_comes_as_os_fsdecode_has_it(watch, tmp_path, place):
    watch.add_watch(place, constants.IN_CREATE)
    open(os.path.join(os.fsencode(tmp_path), ODD), "wb").close()
    assert brief(drain(watch)) == [("CREATE", place, ODD_TEXT)]


def test_a_bytes_path_gives_bytes_events(watch, tmp_path):
    watch.add_watch(os.fsencode(tmp_path), constants.IN_CREATE)
    open(os.path.join(os.fsencode(tmp_path), ODD), "wb").close()
    assert brief(drain(watch)) == [("CREATE", os.fsencode(tmp_path), ODD)]


def test_a_pathlike_path_gives_str_events(watch, tmp_path, place):
    watch.add_watch(tmp_path, constants.IN_CREATE)
    (tmp_path / "file").touch()
    assert brief(drain(watch)) == [("CREATE", place, "file")]


def test_a_single_file_can_be_watched(watch, tmp_path):
    file = tmp_path / "file"
    file.touch()
    watch.add_watch(os.fspath(file), constants.IN_MODIFY)
    file.write_text("text")
    assert brief(drain(watch)) == [("MODIFY", os.fspath(file), "")]


# --- watches ---


def test_the_paths_of_the_constructor_are_watched_for_all_events(tmp_path, place):
    with Inotify([place], block_duration_s=0) as watch:
        (tmp_path / "file").touch()
        assert [names for names, _, _ in brief(drain(watch))] == ["CREATE", "OPEN", "CLOSE_WRITE"]


def test_a_path_that_is_watched_already_gives_none_and_a_warning(watch, place, caplog):
    assert watch.add_watch(place) == 1
    assert watch.add_watch(place) is None
    assert [(record.name, record.levelname) for record in caplog.records] == [("inotify_cffi.adapters", "WARNING")]


def test_to_add_a_path_twice_leaves_its_mask_alone(watch, tmp_path, place):
    watch.add_watch(place, constants.IN_CREATE)
    watch.add_watch(place, constants.IN_DELETE)
    (tmp_path / "file").touch()
    (tmp_path / "file").unlink()
    assert brief(drain(watch)) == [("CREATE", place, "file")]


def test_a_second_path_of_one_inode_has_its_watch_descriptor_and_is_the_one_reported(watch, tmp_path, place):
    assert watch.add_watch(place) == watch.add_watch(place + "/.", constants.IN_CREATE)
    (tmp_path / "file").touch()
    assert brief(drain(watch)) == [("CREATE", place + "/.", "file")]


def test_to_remove_one_of_two_paths_of_an_inode_keeps_the_watch_for_the_other(watch, tmp_path, place):
    watch.add_watch(place)
    watch.add_watch(place + "/.", constants.IN_CREATE)
    watch.remove_watch(place + "/.")
    (tmp_path / "file").touch()
    assert brief(drain(watch)) == [("CREATE", place, "file")]


def test_what_happens_to_a_removed_path_is_not_reported(watch, tmp_path, place):
    watch.add_watch(place)
    watch.remove_watch(place)
    (tmp_path / "file").touch()
    assert drain(watch) == []


def test_what_was_queued_of_a_removed_path_is_dropped_and_so_is_its_ignored(watch, tmp_path, place):
    watch.add_watch(place)
    (tmp_path / "file").touch()
    watch.remove_watch(place)
    assert drain(watch) == []


def test_what_was_read_of_a_removed_path_and_not_handed_out_is_dropped(watch, tmp_path, place):
    watch.add_watch(place)
    (tmp_path / "file").touch()
    events = watch.event_gen(yield_nones=False, timeout_s=0)
    next(events)
    watch.remove_watch(place)
    assert list(events) == []


def test_to_remove_an_unknown_path_does_nothing(watch, place):
    assert watch.remove_watch(place) is None


def test_a_watch_can_be_removed_by_its_descriptor_and_its_path_added_again(watch, tmp_path, place):
    wd = watch.add_watch(place)
    watch.remove_watch_with_id(wd)
    assert watch.add_watch(place, constants.IN_CREATE) == wd + 1
    (tmp_path / "file").touch()
    assert brief(drain(watch)) == [("CREATE", place, "file")]


def test_to_remove_an_unknown_descriptor_is_a_key_error(watch):
    with pytest.raises(KeyError):
        watch.remove_watch_with_id(7)


@pytest.mark.parametrize("superficial", [False, True])
def test_to_remove_a_watch_superficially_leaves_it_to_the_kernel(watch, place, superficial):
    watch.add_watch(place)
    watch.remove_watch(place, superficial)
    assert (number_of_watches(watch) == 1) is superficial


def number_of_watches(watch):
    """How many watches the kernel has for an Inotify."""
    fd = watch._cycles._instances[0].fileno()
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
        return sum(line.startswith("inotify ") for line in file)


# --- a path whose object is gone ---


@pytest.fixture
def gone(watch, tmp_path):
    """A watched directory that was deleted."""
    (tmp_path / "gone").mkdir()
    watch.add_watch(os.fspath(tmp_path / "gone"), constants.IN_CREATE | constants.IN_DELETE_SELF)
    (tmp_path / "gone").rmdir()
    return tmp_path / "gone"


def test_a_deleted_path_reports_its_end(watch, gone):
    path = os.fspath(gone)
    assert brief(drain(watch)) == [("DELETE_SELF", path, ""), ("IGNORED", path, "")]


def test_a_deleted_path_can_be_watched_again(watch, gone):
    drain(watch)
    gone.mkdir()
    assert watch.add_watch(os.fspath(gone), constants.IN_CREATE) == 2
    (gone / "file").touch()
    assert brief(drain(watch)) == [("CREATE", os.fspath(gone), "file")]


def test_a_deleted_path_can_be_watched_again_before_its_end_was_read(watch, gone):
    path = os.fspath(gone)
    gone.mkdir()
    assert watch.add_watch(path, constants.IN_CREATE) == 2
    (gone / "file").touch()
    assert brief(drain(watch)) == [("DELETE_SELF", path, ""), ("IGNORED", path, ""), ("CREATE", path, "file")]
    assert watch.add_watch(path) is None


def test_a_deleted_path_can_be_removed(watch, gone):
    watch.remove_watch(os.fspath(gone))
    assert drain(watch) == []


def test_a_deleted_path_that_is_not_there_again_can_not_be_watched(watch, gone):
    with pytest.raises(InotifyError):
        watch.add_watch(os.fspath(gone))


def test_a_path_that_another_file_has_by_now_is_watched_again(watch, tmp_path):
    """As log rotation does it; the old file is not watched any more."""
    log, old = tmp_path / "log", tmp_path / "old"
    log.touch()
    watch.add_watch(os.fspath(log), constants.IN_MODIFY)
    log.rename(old)
    log.touch()
    assert watch.add_watch(os.fspath(log), constants.IN_MODIFY) == 2
    old.write_text("old")
    log.write_text("new")
    assert [(names, header.wd) for header, names, _, _ in drain(watch)] == [
        (["IN_IGNORED"], 1),
        (["IN_MODIFY"], 2),
    ]


def test_a_watch_for_one_event_ends_with_it_and_can_be_added_again(watch, tmp_path, place):
    watch.add_watch(place, constants.IN_CREATE | constants.IN_ONESHOT)
    (tmp_path / "one").touch()
    (tmp_path / "two").touch()
    assert brief(drain(watch)) == [("CREATE", place, "one"), ("IGNORED", place, "")]
    assert watch.add_watch(place) == 2


# --- errors ---


def test_a_missing_path_is_an_inotify_error_and_a_file_not_found_error(watch, place):
    with pytest.raises(InotifyError) as caught:
        watch.add_watch(place + "/missing")
    assert isinstance(caught.value, FileNotFoundError)
    assert (caught.value.errno, caught.value.filename) == (2, place + "/missing")


def test_a_file_that_must_be_a_directory_is_an_inotify_error_and_a_not_a_directory_error(watch, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InotifyError) as caught:
        watch.add_watch(os.fspath(tmp_path / "file"), constants.IN_ONLYDIR)
    assert isinstance(caught.value, NotADirectoryError)


@pytest.mark.parametrize(("path", "error"), [("nul\0", 22), ("", 2), ("n" * 256, 36), ("p/" * 2500, 36)])
def test_a_path_that_can_not_be_is_an_inotify_error(watch, path, error):
    with pytest.raises(InotifyError) as caught:
        watch.add_watch(path)
    assert caught.value.errno == error


def test_a_mask_without_an_event_is_an_inotify_error(watch, place):
    with pytest.raises(InotifyError) as caught:
        watch.add_watch(place, 0)
    assert caught.value.errno == 22


def test_a_directory_that_may_not_be_read_is_a_permission_error(unprivileged, tmp_path):
    (tmp_path / "secret").mkdir(mode=0)
    code = """
        import sys
        from inotify_cffi.adapters import Inotify
        from inotify_cffi.calls import InotifyError
        try:
            Inotify([sys.argv[1]])
        except PermissionError as error:
            print(isinstance(error, InotifyError), error.errno, error.filename == sys.argv[1])
    """
    assert unprivileged(code, tmp_path / "secret").split() == ["True", "13", "True"]


def test_the_limit_of_watches_is_an_inotify_error_that_names_it(limited, tmp_path):
    code = """
        import sys
        from inotify_cffi.adapters import Inotify
        from inotify_cffi.calls import InotifyError
        try:
            Inotify([sys.argv[1], "/"])
        except InotifyError as error:
            print(error.errno, "max_user_watches" in str(error))
    """
    assert limited(code, tmp_path, max_inotify_watches=1).split() == ["28", "True"]


def test_the_limit_of_instances_is_an_inotify_error_that_names_it(limited):
    code = """
        from inotify_cffi.adapters import Inotify
        from inotify_cffi.calls import InotifyError
        try:
            Inotify()
        except InotifyError as error:
            print(error.errno, "max_user_instances" in str(error))
    """
    assert limited(code, max_inotify_instances=0).split() == ["24", "True"]


# --- resources ---


@pytest.mark.usefixtures("no_fd_left")
def test_close_frees_all_descriptors(place):
    watch = Inotify([place])
    fd = watch.fileno()
    watch.close()
    watch.close()
    assert not is_open(fd)


@pytest.mark.usefixtures("no_fd_left")
def test_an_error_in_the_constructor_leaves_no_descriptor_open(place):
    with pytest.raises(InotifyError):
        Inotify([place, place + "/missing"])


@pytest.mark.usefixtures("no_fd_left")
def test_who_never_closes_has_the_descriptors_freed_with_the_object(place):
    watch = Inotify([place])
    fd = watch.fileno()
    del watch
    gc.collect()
    assert not is_open(fd)


def test_no_descriptor_is_inherited_by_programs(place):
    with Inotify([place]) as watch:
        fds = [watch.fileno(), watch._cycles._instances[0].fileno()]
        assert [os.get_inheritable(fd) for fd in fds] == [False, False]


def test_a_closed_one_refuses_new_watches_and_has_no_descriptor(place):
    watch = Inotify()
    watch.close()
    with pytest.raises(ValueError, match="closed"):
        watch.add_watch(place)
    with pytest.raises(ValueError, match="closed"):
        watch.fileno()


# --- names that the original has ---


def test_the_names_of_a_mask_come_in_the_order_of_the_lookup():
    names = Inotify()._get_event_names(sum(constants.MASK_LOOKUP))
    assert names == list(constants.MASK_LOOKUP.values())


def test_a_bit_that_has_no_name_is_an_assertion_error():
    with pytest.raises(AssertionError, match="0x10000"):
        Inotify()._get_event_names(0x10100)


def test_the_defaults_of_the_original_are_there():
    assert adapters._DEFAULT_EPOLL_BLOCK_DURATION_S == 1
    assert adapters._DEFAULT_TERMINAL_EVENTS == ("IN_Q_OVERFLOW", "IN_UNMOUNT")
    assert adapters._LOGGER.name == "inotify_cffi.adapters"
    assert issubclass(adapters.EventTimeoutException, Exception)


def test_the_environment_is_not_read_at_import(python, monkeypatch):
    monkeypatch.setenv("DEBUG", "not a number")
    assert python("import inotify_cffi.adapters; print('fine')") == "fine\n"
