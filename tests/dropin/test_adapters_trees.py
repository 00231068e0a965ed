"""The trees of the drop-in: what they tell, and that they follow the file system."""

from __future__ import annotations

import gc
import os
import shutil

import pytest
from drop_in import READS, brief, drain, is_open, more_than_the_queue_holds, replayed, told, without_reads

from inotify_cffi import constants
from inotify_cffi.adapters import InotifyTree, InotifyTrees, TerminalEventException
from inotify_cffi.calls import InotifyError
from tests.stress.queue import room
from tests.stress.writers import Writer

CHANGES = constants.IN_CREATE | constants.IN_DELETE | constants.IN_MOVE


@pytest.fixture
def top(tmp_path):
    """The directory of the tree; beside it there is room for other things."""
    top = tmp_path / "top"
    top.mkdir()
    return top


@pytest.fixture
def make(top):
    """Make a tree that never blocks, of the test's top directory if nothing else is said."""
    made = []

    def make(path=top, **options):
        tree = InotifyTree(os.fspath(path), block_duration_s=0, **options)
        made.append(tree)
        return tree

    yield make
    for tree in made:
        tree.close()


@pytest.fixture
def tree(make):
    """A tree that tells changes alone, made while its directory is empty."""
    return make(mask=CHANGES)


def path(directory, *parts):
    return os.path.join(os.fspath(directory), *parts)


def fds_of(tree):
    return [instance.fileno() for instance in tree.inotify._cycles._instances]


def watches_of(tree):
    """How many watches the kernel has for a tree and what is beside it."""
    count = 0
    for fd in fds_of(tree):
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
            count += sum(line.startswith("inotify ") for line in file)
    return count


def entries_below(top):
    return {os.path.join(at, name) for at, dirs, files in os.walk(top) for name in dirs + files}


# --- what is told ---


def test_what_is_there_at_the_start_is_watched_and_not_told(make, top):
    (top / "a" / "b").mkdir(parents=True)
    tree = make()
    assert drain(tree) == []
    (top / "a" / "b" / "file").touch()
    assert [event[0].wd for event in drain(tree)] == [3, 3, 3]


def test_watch_descriptors_are_counted_from_the_top_down(make, top):
    (top / "a" / "b").mkdir(parents=True)
    tree = make(mask=CHANGES)
    (top / "1").touch()
    (top / "a" / "2").touch()
    (top / "a" / "b" / "3").touch()
    assert [(event[0].wd, event[3]) for event in drain(tree)] == [(1, "1"), (2, "2"), (3, "3")]


def test_the_path_of_an_event_is_the_directory_below_the_path_that_was_given(make, top, monkeypatch):
    monkeypatch.chdir(top)
    (top / "a").mkdir()
    tree = make(path="./", mask=CHANGES)
    (top / "file").touch()
    (top / "a" / "file").touch()
    assert told(tree) == [("CREATE", "./", "file"), ("CREATE", "./a", "file")]


def test_a_new_directory_is_watched_when_its_event_is_handed_out(tree, top):
    (top / "a").mkdir()
    events = tree.event_gen()
    assert brief([next(events)]) == [("CREATE ISDIR", path(top), "a")]
    (top / "a" / "file").touch()
    assert ("CREATE", path(top, "a"), "file") in told(tree)


def test_the_listing_of_a_new_directory_is_seen_by_the_watch_above_it(make, top):
    tree = make()
    (top / "a").mkdir()
    assert brief(drain(tree)) == [
        (f"{name} ISDIR", path(top), "a") for name in ("CREATE", "OPEN", "ACCESS", "CLOSE_NOWRITE")
    ]


def test_a_renamed_directory_is_listed_once_and_both_watches_see_it(make, top):
    (top / "a").mkdir()
    tree = make()
    (top / "a").rename(top / "b")
    events = drain(tree)
    assert brief(without_reads(events)) == [
        ("MOVED_FROM ISDIR", path(top), "a"),
        ("MOVED_TO ISDIR", path(top), "b"),
        ("MOVE_SELF", path(top, "b"), ""),
    ]
    places = [(path(top), "b"), (path(top, "b"), "")]
    reads = [
        (f"{name} ISDIR", *place) for name in ("OPEN", "ACCESS", "ACCESS", "CLOSE_NOWRITE") for place in places
    ]
    assert brief(events)[3:] == reads


def test_who_lists_a_directory_is_told(make, top):
    (top / "a").mkdir()
    tree = make()
    os.listdir(top / "a")
    assert {name for _, names, _, _ in drain(tree) for name in names} == {*READS, "IN_ISDIR"}


def test_a_directory_tells_of_itself_and_the_one_above_tells_of_it_by_name(make, top):
    (top / "a").mkdir()
    tree = make()
    (top / "a").chmod(0o700)
    (top / "a").rmdir()
    assert told(tree) == [
        ("ATTRIB ISDIR", path(top), "a"),
        ("ATTRIB ISDIR", path(top, "a"), ""),
        ("DELETE_SELF", path(top, "a"), ""),
        ("IGNORED", path(top, "a"), ""),
        ("DELETE ISDIR", path(top), "a"),
    ]


def test_creations_and_deletions_are_told_whatever_was_asked(make, top):
    tree = make(mask=constants.IN_CLOSE_WRITE)
    (top / "a").mkdir()
    (top / "file").touch()
    (top / "file").rename(top / "other")
    (top / "other").unlink()
    (top / "a").rmdir()
    names = [names for names, _, _ in told(tree)]
    assert names == ["CREATE ISDIR", "CREATE", "CLOSE_WRITE", "DELETE", "DELETE ISDIR"]


def test_what_the_tree_needs_and_nobody_asked_for_is_not_told(make, top):
    (top / "a").mkdir()
    tree = make(mask=constants.IN_CREATE)
    (top / "a").rename(top / "b")
    (top / "b").rename(top.parent / "b")
    assert drain(tree) == []


def test_a_file_without_a_name_is_still_told_by_the_name_it_had(make, top):
    tree = make()
    with (top / "file").open("w") as file:
        (top / "file").unlink()
        file.write("text")
    assert [names for names, _, _ in told(tree)] == ["CREATE", "OPEN", "DELETE", "MODIFY", "CLOSE_WRITE"]


def test_a_file_moved_over_another_sends_no_delete(tree, top):
    (top / "file").touch()
    (top / "new").touch()
    drain(tree)
    (top / "new").rename(top / "file")
    assert told(tree) == [("MOVED_FROM", path(top), "new"), ("MOVED_TO", path(top), "file")]


def test_a_bytes_path_gives_bytes_events_all_the_way_down(top):
    with InotifyTree(os.fsencode(top), CHANGES, 0) as tree:
        below = os.path.join(os.fsencode(top), b"\xff")
        os.mkdir(below)
        drain(tree)
        open(os.path.join(below, b"\xfe"), "wb").close()
        assert told(tree) == [("CREATE", below, b"\xfe")]


def test_names_that_are_not_utf_8_come_as_os_fsdecode_has_them(tree, top):
    os.mkdir(os.path.join(os.fsencode(top), b"\xff"))
    events = drain(tree)
    assert told_of(events) == [("CREATE ISDIR", path(top), os.fsdecode(b"\xff"))]
    assert events[0][0].len == 16


def told_of(events):
    return brief(without_reads(events))


def test_of_a_symbolic_link_no_more_is_told_than_the_kernel_says(tree, top):
    (top.parent / "other").mkdir()
    (top / "link").symlink_to(top.parent / "other")
    (top / "link").rename(top / "moved")
    (top / "moved").unlink()
    assert [names for names, _, _ in told(tree)] == ["CREATE", "MOVED_FROM", "MOVED_TO", "DELETE"]


# --- what the original loses ---


def test_what_was_made_in_a_new_directory_before_it_was_watched_is_told_as_created(tree, top):
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "b" / "file").touch()
    events = drain(tree)
    assert told_of(events) == [
        ("CREATE ISDIR", path(top), "a"),
        ("CREATE ISDIR", path(top, "a"), "b"),
        ("CREATE", path(top, "a", "b"), "file"),
    ]
    assert [(event[0].wd, event[0].mask, event[0].cookie, event[0].len) for event in events] == [
        (1, 0x40000100, 0, 16),
        (2, 0x40000100, 0, 16),
        (3, 0x100, 0, 16),
    ]


def test_what_a_listing_and_the_kernel_both_report_is_told_once(tree, top):
    """The events of b are queued already when a is listed with b in it."""
    (top / "a").mkdir()
    events = tree.event_gen()
    next(events)
    for number in range(50):
        (top / "a" / str(number)).mkdir()
        (top / "a" / str(number) / "file").touch()
    assert replayed({path(top, "a")}, drain(tree, terminal_events=())) == entries_below(top)


def test_a_name_that_is_made_anew_after_a_rename_is_watched(make, top):
    (top / "a" / "c").mkdir(parents=True)
    tree = make(mask=CHANGES)
    (top / "a").rename(top / "b")
    (top / "a" / "c").mkdir(parents=True)
    drain(tree)
    (top / "a" / "c" / "new").touch()
    (top / "b" / "c" / "old").touch()
    assert told(tree) == [("CREATE", path(top, "a", "c"), "new"), ("CREATE", path(top, "b", "c"), "old")]


def test_below_a_renamed_directory_paths_are_the_new_ones(make, top):
    (top / "a" / "b").mkdir(parents=True)
    tree = make(mask=CHANGES)
    (top / "a").rename(top / "z")
    (top / "z" / "b" / "file").touch()
    assert told(tree)[-1] == ("CREATE", path(top, "z", "b"), "file")


def test_what_is_below_a_directory_that_was_moved_out_is_told_as_deleted(make, top):
    (top / "a" / "b").mkdir(parents=True)
    tree = make(mask=CHANGES)
    (top / "a").rename(top.parent / "a")
    assert told(tree) == [("DELETE ISDIR", path(top, "a"), "b"), ("MOVED_FROM ISDIR", path(top), "a")]


def test_a_directory_that_was_moved_out_is_watched_no_more(make, top):
    (top / "a" / "b").mkdir(parents=True)
    tree = make(mask=CHANGES)
    (top / "a").rename(top.parent / "a")
    drain(tree)
    (top.parent / "a" / "b" / "file").touch()
    assert drain(tree) == []
    assert watches_of(tree) == 1


@pytest.mark.parametrize("mask", [CHANGES, constants.IN_CREATE])
def test_a_directory_that_is_moved_in_is_watched_whatever_was_asked(make, top, mask):
    tree = make(mask=mask)
    (top.parent / "a" / "b").mkdir(parents=True)
    (top.parent / "a").rename(top / "a")
    moved = [("MOVED_TO ISDIR", path(top), "a")] if mask == CHANGES else []
    assert told(tree) == [*moved, ("CREATE ISDIR", path(top, "a"), "b")]
    (top / "a" / "b" / "file").touch()
    assert told(tree) == [("CREATE", path(top, "a", "b"), "file")]


def test_quick_renames_are_no_error_and_the_last_name_is_watched(tree, top):
    (top / "a").mkdir()
    (top / "a").rename(top / "b")
    (top / "b").rename(top / "c")
    names = [names for names, _, _ in told(tree)]
    assert names == ["CREATE ISDIR", *["MOVED_FROM ISDIR", "MOVED_TO ISDIR"] * 2]
    (top / "c" / "file").touch()
    assert told(tree) == [("CREATE", path(top, "c"), "file")]


@pytest.mark.parametrize("ignore_missing_new_folders", [False, True])
def test_a_new_directory_that_is_gone_already_is_no_error(tree, top, ignore_missing_new_folders):
    (top / "a").mkdir()
    (top / "a").rmdir()
    events = drain(tree, ignore_missing_new_folders=ignore_missing_new_folders)
    assert told_of(events) == [("CREATE ISDIR", path(top), "a"), ("DELETE ISDIR", path(top), "a")]


def test_after_an_overflow_the_next_generator_tells_what_was_lost(make, top):
    tree = make(mask=CHANGES | constants.IN_ATTRIB)
    more_than_the_queue_holds(top)
    (top / "lost" / "below").mkdir(parents=True)
    with pytest.raises(TerminalEventException):
        drain(tree)
    assert replayed({path(top, "one"), path(top, "two")}, drain(tree)) == entries_below(top)


def test_a_storm_is_told_such_that_the_events_give_what_is_on_the_disk(tree, top):
    outside = top.parent / "outside"
    outside.mkdir()
    events = []
    for number in range(20):
        a, b, c = top / f"a{number}", top / f"b{number}", top / f"c{number % 3}"
        (a / "x" / "y").mkdir(parents=True)
        (a / "x" / "file").touch()
        a.rename(b)
        (a / "x").mkdir(parents=True)
        shutil.rmtree(c, ignore_errors=True)
        (b / "x").rename(c)
        if number % 4 == 0:
            a.rename(outside / a.name)
        if number % 5 == 0:
            events += drain(tree, terminal_events=())
    events += drain(tree, terminal_events=())
    assert replayed(set(), events) == entries_below(top)
    assert watches_of(tree) == 1 + sum(os.path.isdir(entry) for entry in entries_below(top))


@pytest.mark.parametrize("mask", [CHANGES, constants.IN_ALL_EVENTS], ids=["changes", "all"])
@pytest.mark.parametrize("seed", range(8))
def test_of_any_random_changes_the_events_give_what_is_on_the_disk(make, top, monkeypatch, seed, mask):
    # A link to a directory gives what is there a second path, which os.walk does not see.
    monkeypatch.setattr(os, "symlink", lambda target, link: None)
    outside = top.parent / "outside"
    outside.mkdir()
    writer = Writer(seed, os.fspath(top), os.fspath(outside))
    writer.populate(30)
    before = entries_below(top)
    tree = make(mask=mask)
    events = []
    for _ in range(300):
        writer.change()
        if writer.dice.random() < 0.1:
            events += drain(tree, terminal_events=())
    events += drain(tree, terminal_events=())
    assert replayed(before, events) == entries_below(top)
    assert watches_of(tree) == 1 + sum(os.path.isdir(entry) for entry in entries_below(top))


# --- roots ---


def test_a_missing_directory_is_an_error_and_not_a_tree_that_watches_nothing(top):
    with pytest.raises(InotifyError) as caught:
        InotifyTree(path(top, "missing"))
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.filename == path(top, "missing")


def test_a_file_is_a_not_a_directory_error(top):
    (top / "file").touch()
    with pytest.raises(NotADirectoryError) as caught:
        InotifyTree(path(top, "file"))
    assert isinstance(caught.value, InotifyError)


def test_an_empty_path_is_an_error():
    with pytest.raises(InotifyError):
        InotifyTree("")


def test_several_directories_are_told_under_their_own_paths(top):
    paths = [path(top, name) for name in "ab"]
    for one in paths:
        os.mkdir(one)
    with InotifyTrees(paths, CHANGES, 0) as trees:
        for one in paths:
            open(path(one, "file"), "w").close()
        assert told(trees) == [("CREATE", one, "file") for one in paths]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_directory_below_another_one_is_told_once_and_a_warning_is_logged(top, caplog, reverse):
    (top / "a").mkdir()
    paths = sorted([path(top), path(top, "a")], reverse=reverse)
    with InotifyTrees(paths, CHANGES, 0) as trees:
        (top / "a" / "file").touch()
        assert told(trees) == [("CREATE", path(top, "a"), "file")]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_one_missing_directory_of_several_is_an_error_that_names_it(top):
    with pytest.raises(InotifyError) as caught:
        InotifyTrees([path(top), path(top.parent, "missing")])
    assert caught.value.filename == path(top.parent, "missing")


def test_a_root_that_is_deleted_tells_its_end(tree, make, top):
    tree = make()
    top.rmdir()
    assert told(tree) == [("DELETE_SELF", path(top), ""), ("IGNORED", path(top), "")]


def test_a_root_that_is_moved_away_is_covered_no_more_and_a_warning_says_so(make, top, caplog):
    (top / "a").mkdir()
    tree = make()
    top.rename(top.parent / "away")
    assert told(tree) == [("MOVE_SELF", path(top), ""), ("DELETE ISDIR", path(top), "a")]
    assert list(tree.unwatched()) == [path(top)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


# --- symbolic links ---


def test_a_link_to_a_directory_outside_is_followed(make, top):
    (top.parent / "other").mkdir()
    (top / "link").symlink_to(top.parent / "other")
    tree = make(mask=CHANGES)
    (top.parent / "other" / "file").touch()
    assert told(tree) == [("CREATE", path(top, "link"), "file")]


def test_a_link_that_is_made_later_is_followed(tree, top):
    (top.parent / "other").mkdir()
    (top / "link").symlink_to(top.parent / "other")
    drain(tree)
    (top.parent / "other" / "file").touch()
    assert told(tree) == [("CREATE", path(top, "link"), "file")]


@pytest.mark.parametrize("target", [".", "..", "../top"])
def test_a_link_to_a_directory_that_it_is_in_is_not_entered(make, top, target):
    (top / "a").mkdir()
    (top / "a" / "loop").symlink_to(target)
    tree = make(mask=CHANGES)
    (top / "a" / "file").touch()
    assert ("CREATE", path(top, "a"), "file") in told(tree)
    assert watches_of(tree) <= 3


def test_the_root_may_be_a_link(make, top):
    (top.parent / "link").symlink_to(top)
    tree = make(path=top.parent / "link", mask=CHANGES)
    (top / "file").touch()
    assert told(tree) == [("CREATE", path(top.parent, "link"), "file")]


# --- what can not be watched ---


def test_an_unreadable_directory_is_logged_and_the_rest_is_watched(unprivileged, top):
    (top / "open").mkdir()
    (top / "secret").mkdir(mode=0)
    top.chmod(0o777)
    (top / "open").chmod(0o777)
    code = """
        import logging, os, sys
        from inotify_cffi.adapters import InotifyTree
        logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(name)s %(message)s")
        top = sys.argv[1]
        with InotifyTree(top, block_duration_s=0) as tree:
            print([os.path.relpath(path, top) for path in tree.unwatched()])
            open(os.path.join(top, "open", "file"), "w").close()
            print([filename for _, _, _, filename in tree.event_gen(timeout_s=0, yield_nones=False)])
    """
    warning, unwatched, names = unprivileged(code, top).splitlines()
    assert warning == f"WARNING inotify_cffi.adapters {path(top, 'secret')} is not watched: Permission denied"
    assert unwatched == "['secret']"
    assert names == "['file', 'file', 'file']"


def test_the_limit_of_watches_is_an_error_also_below_the_root(limited, top):
    (top / "a" / "b").mkdir(parents=True)
    code = """
        import sys
        from inotify_cffi.adapters import InotifyTree
        from inotify_cffi.calls import InotifyError
        try:
            InotifyTree(sys.argv[1])
        except InotifyError as error:
            print(error.errno, error.filename)
    """
    assert limited(code, top, max_inotify_watches=2).split() == ["28", path(top, "a", "b")]


# --- the inner Inotify ---


def test_a_directory_of_the_tree_is_watched_already(make, top, caplog):
    (top / "a").mkdir()
    assert make().inotify.add_watch(path(top, "a")) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_removed_directory_is_watched_no_more_nor_what_is_below(make, top):
    (top / "a" / "b").mkdir(parents=True)
    tree = make(mask=CHANGES)
    tree.inotify.remove_watch(path(top, "a"))
    assert watches_of(tree) == 1
    (top / "a" / "file").touch()
    (top / "a" / "b" / "file").touch()
    (top / "a" / "c").mkdir()
    assert drain(tree) == []


def test_what_was_read_of_a_removed_directory_and_not_handed_out_is_dropped(make, top):
    (top / "a" / "b").mkdir(parents=True)
    tree = make(mask=CHANGES)
    for place in (top, top / "a", top / "a" / "b", top):
        (place / f"file{len(os.listdir(place))}").touch()
    events = tree.event_gen(timeout_s=0, yield_nones=False)
    first = next(events)
    tree.inotify.remove_watch(path(top, "a"))
    assert [event[2] for event in (first, *events)] == [path(top)] * 2


def test_a_removed_directory_stays_an_entry_that_can_be_renamed_and_deleted(make, top):
    (top / "a" / "b").mkdir(parents=True)
    tree = make(mask=CHANGES)
    tree.inotify.remove_watch(path(top, "a"))
    (top / "a").rename(top / "z")
    shutil.rmtree(top / "z")
    assert [names for names, _, _ in told(tree)] == ["MOVED_FROM ISDIR", "MOVED_TO ISDIR", "DELETE ISDIR"]
    assert watches_of(tree) == 1


def test_a_directory_with_a_removed_one_in_it_can_be_renamed_and_it_stays_removed(make, top):
    (top / "a" / "b").mkdir(parents=True)
    tree = make(mask=CHANGES)
    tree.inotify.remove_watch(path(top, "a", "b"))
    (top / "a").rename(top / "z")
    drain(tree)
    (top / "z" / "b" / "file").touch()
    (top / "z" / "file").touch()
    assert told(tree) == [("CREATE", path(top, "z"), "file")]


def test_a_removed_directory_can_be_added_again_with_all_below_it(make, top):
    (top / "a" / "b").mkdir(parents=True)
    tree = make(mask=CHANGES)
    tree.inotify.remove_watch(path(top, "a"))
    (top / "a" / "c").mkdir()
    assert tree.inotify.add_watch(path(top, "a")) == 4
    assert drain(tree) == []
    (top / "a" / "b" / "file").touch()
    (top / "a" / "c" / "file").touch()
    assert told(tree) == [("CREATE", path(top, "a", name), "file") for name in "bc"]


def test_a_removed_directory_that_is_gone_can_not_be_added_again(make, top):
    (top / "a").mkdir()
    tree = make(mask=CHANGES)
    tree.inotify.remove_watch(path(top, "a"))
    (top / "a").rmdir()
    with pytest.raises(InotifyError) as caught:
        tree.inotify.add_watch(path(top, "a"))
    assert isinstance(caught.value, FileNotFoundError)


def test_a_directory_can_be_removed_by_its_watch_descriptor(make, top):
    (top / "a").mkdir()
    tree = make(mask=CHANGES)
    tree.inotify.remove_watch_with_id(2)
    (top / "a" / "file").touch()
    assert drain(tree) == []
    with pytest.raises(KeyError):
        tree.inotify.remove_watch_with_id(2)


def test_a_removed_root_is_watched_no_more(tree, top):
    (top / "a").mkdir()
    tree.inotify.remove_watch(path(top))
    assert drain(tree) == []
    assert watches_of(tree) == 0


def test_something_beside_the_tree_can_be_watched_and_removed(tree, top):
    beside = top.parent / "beside"
    beside.touch()
    wd = tree.inotify.add_watch(path(beside), constants.IN_MODIFY)
    beside.write_text("text")
    (top / "file").touch()
    events = drain(tree)
    assert sorted(told_of(events)) == [("CREATE", path(top), "file"), ("MODIFY", path(beside), "")]
    assert {event[0].wd for event in events} == {1, wd}
    tree.inotify.remove_watch_with_id(wd)
    beside.write_text("more")
    assert drain(tree) == []


def test_what_is_beside_the_tree_wakes_it(top, background):
    beside = top.parent / "beside"
    beside.touch()
    with InotifyTree(path(top), block_duration_s=None) as tree:
        tree.inotify.add_watch(path(beside), constants.IN_MODIFY)
        reader = background(next, tree.event_gen()).until_blocked()
        beside.write_text("text")
        assert brief([reader.result()]) == [("MODIFY", path(beside), "")]


def test_to_remove_an_unknown_path_does_nothing(tree, top):
    assert tree.inotify.remove_watch(path(top, "missing")) is None


# --- resources ---


@pytest.mark.usefixtures("no_fd_left")
def test_close_frees_all_descriptors(top):
    tree = InotifyTree(path(top))
    tree.inotify.add_watch("/")
    fds = fds_of(tree)
    tree.close()
    tree.close()
    assert len(fds) == 2
    assert not any(map(is_open, fds))


@pytest.mark.usefixtures("no_fd_left")
def test_an_error_in_the_constructor_leaves_no_descriptor_open(top):
    with pytest.raises(InotifyError):
        InotifyTrees([path(top), path(top.parent, "missing")])


@pytest.mark.usefixtures("no_fd_left")
def test_who_never_closes_has_the_descriptors_freed_with_the_object(top):
    tree = InotifyTree(path(top))
    [fd] = fds_of(tree)
    del tree
    gc.collect()
    assert not is_open(fd)


def test_a_tree_has_one_inotify_instance_and_one_watch_for_each_directory(make, top):
    (top / "a" / "b").mkdir(parents=True)
    (top / "file").touch()
    tree = make()
    assert len(fds_of(tree)) == 1
    assert watches_of(tree) == 3


def test_a_tree_that_is_larger_than_the_queue_is_listed_without_an_overflow(make, top):
    """Of a renamed tree and of one that is scanned again each listing makes eight events."""
    limit = room()
    if limit > 20000:
        pytest.skip("the queue holds too much to be filled by listings")
    for number in range(limit // 8 + 100):
        (top / str(number)).mkdir()
    tree = make()
    tree.inotify._watches._roots._tree.distrust()
    assert drain(tree) == []
