"""What may be asked for one root: to be told as another path, each entry of a move, links."""

from __future__ import annotations

import os

import pytest

from inotify_cffi import Mask, Watcher


def told(watcher):
    return [str(event) for event in watcher.sync()]


def test_a_directory_is_told_as_the_path_that_was_given_for_it(tmp_path):
    with Watcher() as watcher:
        watcher.add(str(tmp_path), told_as="here")
        (tmp_path / "a").mkdir()
        assert told(watcher) == ["CREATE,ISDIR here/a"]


def test_one_directory_is_told_to_each_who_added_it_with_his_own_options(tmp_path):
    (tmp_path / "a").mkdir()
    with Watcher() as watcher:
        watcher.add(str(tmp_path), told_as="1")
        watcher.add(str(tmp_path), told_as="2", recursive=False, mask=Mask.CREATE)
        watcher.add(str(tmp_path / "a"), told_as="3", mask=Mask.CREATE | Mask.CLOSE_WRITE)
        (tmp_path / "a" / "b").write_text("")
        (tmp_path / "c").mkdir()
        assert told(watcher) == [
            "CREATE 1/a/b",
            "CREATE 3/b",
            "CLOSE_WRITE 1/a/b",
            "CLOSE_WRITE 3/b",
            "CREATE,ISDIR 1/c",
            "CREATE,ISDIR 2/c",
        ]


def test_those_who_added_it_have_one_watch(tmp_path):
    with Watcher() as watcher:
        for name in ("1", "2", "3"):
            watcher.add(str(tmp_path), told_as=name)
        assert watcher.stats()["watches"] == 1


def test_one_of_them_is_removed_and_the_others_are_told_on(tmp_path):
    with Watcher() as watcher:
        watcher.add(str(tmp_path), told_as="1")
        watcher.add(str(tmp_path), told_as="2")
        watcher.remove(str(tmp_path), told_as="1")
        (tmp_path / "a").mkdir()
        assert told(watcher) == ["CREATE,ISDIR 2/a"]


def test_the_same_path_told_in_the_same_way_is_refused(tmp_path):
    with Watcher() as watcher:
        watcher.add(str(tmp_path), told_as="1")
        with pytest.raises(FileExistsError):
            watcher.add(str(tmp_path), told_as="1")


def test_what_was_added_as_another_path_is_not_removed_as_itself(tmp_path):
    with Watcher() as watcher:
        watcher.add(str(tmp_path), told_as="1")
        with pytest.raises(FileNotFoundError):
            watcher.remove(str(tmp_path))


def test_a_file_is_told_by_its_name_beside_what_it_is_told_as(tmp_path):
    (tmp_path / "file").touch()
    with Watcher() as watcher:
        watcher.add(str(tmp_path / "file"), told_as="1/x", mask=Mask.MODIFY)
        (tmp_path / "file").write_text("text")
        assert told(watcher) == ["MODIFY 1/file"]


def test_bytes_are_told_as_bytes_beside_text(tmp_path):
    with Watcher() as watcher:
        watcher.add(str(tmp_path), told_as="1")
        watcher.add(os.fsencode(tmp_path), told_as=b"2")
        (tmp_path / "a").mkdir()
        assert [event.path for event in watcher.sync()] == ["1/a", b"2/a"]


def test_an_error_names_what_it_would_be_told_as(tmp_path):
    with Watcher() as watcher, pytest.raises(FileNotFoundError) as caught:
        watcher.add(str(tmp_path / "missing"), told_as="1")
    assert caught.value.filename == "1"


def test_behind_the_move_of_a_directory_comes_a_move_of_each_entry_below(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").touch()
    with Watcher() as watcher:
        watcher.add(str(tmp_path), told_as="r", each_move=True)
        (tmp_path / "a").rename(tmp_path / "z")
        (tmp_path / "z" / "b" / "new").mkdir()
        events = watcher.sync()
        assert [str(event) for event in events] == [
            "MOVED_FROM,ISDIR r/a",
            "MOVED_TO,ISDIR r/z (from r/a)",
            "MOVED_FROM,ISDIR r/a/b",
            "MOVED_TO,ISDIR r/z/b (from r/a/b)",
            "MOVED_FROM r/a/b/c",
            "MOVED_TO r/z/b/c (from r/a/b/c)",
            "CREATE,ISDIR r/z/b/new",
        ]
        assert [event.synthetic for event in events] == [False, False, True, True, True, True, False]


def test_only_who_asked_is_told_of_each_entry(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    with Watcher() as watcher:
        watcher.add(str(tmp_path), told_as="1")
        watcher.add(os.fsencode(tmp_path), told_as=b"2", each_move=True)
        (tmp_path / "a").rename(tmp_path / "z")
        assert [event.path for event in watcher.sync()] == ["1/a", "1/z", b"2/a", b"2/z", b"2/a/b", b"2/z/b"]


def test_a_move_into_another_root_is_told_to_both_entry_by_entry(tmp_path):
    (tmp_path / "1" / "a" / "b").mkdir(parents=True)
    (tmp_path / "2").mkdir()
    with Watcher() as watcher:
        watcher.add(str(tmp_path / "1"), told_as="1", each_move=True)
        watcher.add(os.fsencode(tmp_path / "2"), told_as=b"2", each_move=True)
        (tmp_path / "1" / "a").rename(tmp_path / "2" / "z")
        said = [(event.path, event.moved_from) for event in watcher.sync()]
        assert said == [("1/a", None), (b"2/z", b"1/a"), ("1/a/b", None), (b"2/z/b", b"1/a/b")]


def test_each_entry_is_told_only_where_moves_are(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    with Watcher() as watcher:
        watcher.add(str(tmp_path), told_as="1", each_move=True, mask=Mask.CREATE)
        (tmp_path / "a").rename(tmp_path / "z")
        assert told(watcher) == []


def test_links_are_followed_for_the_root_that_is_to_follow_them(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "link").symlink_to(tmp_path / "target")
    with Watcher() as watcher:
        watcher.add(str(tmp_path / "top"), told_as="1", follow_symlinks=True)
        watcher.add(str(tmp_path / "top"), told_as="2")
        (tmp_path / "target" / "a").mkdir()
        assert told(watcher) == ["CREATE,ISDIR 1/link/a"]


def test_no_links_are_followed_where_no_files_are_known(tmp_path):
    with Watcher(track="directories") as watcher, pytest.raises(ValueError, match="follow_symlinks"):
        watcher.add(str(tmp_path), follow_symlinks=True)


def reads(watcher):
    return [str(event) for event in watcher.sync() if event.mask & Mask.READS]


@pytest.mark.parametrize("own_reads", [True, False])
def test_the_own_listing_is_queued_unless_it_is_not_to_be(tmp_path, own_reads):
    (tmp_path / "a" / "b").mkdir(parents=True)
    with Watcher() as watcher:
        watcher.add(str(tmp_path), mask=Mask.ALL, own_reads=own_reads)
        watcher.sync()
        assert bool(watcher.stats()["raw_events"]) == own_reads
        (tmp_path / "a" / "b" / "file").touch()
        assert reads(watcher) == [f"OPEN {tmp_path}/a/b/file"]


def test_a_file_in_a_new_directory_reports_who_reads_it_where_the_own_listing_is_not_queued(tmp_path):
    with Watcher() as watcher:
        watcher.add(str(tmp_path), told_as="r", mask=Mask.ALL, own_reads=False)
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "a" / "b" / "file").touch()
        watcher.sync()
        (tmp_path / "a" / "b" / "file").read_bytes()
        assert "OPEN r/a/b/file" in reads(watcher)


# --- each root filters for itself ---


def write_some(top):
    for name in ("a.py", "a.o", "below/b.py", "below/b.o"):
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text("")


def files(watcher):
    return sorted(os.path.basename(event.path) for event in watcher.sync() if not event.is_dir)


@pytest.mark.parametrize(
    ("options", "told_of"),
    [
        ({}, ["a.o", "a.py", "b.o", "b.py"]),
        ({"exclude": ["*.o"]}, ["a.py", "b.py"]),
        ({"exclude": ["below"]}, ["a.o", "a.py"]),
        ({"include": ["*.o"]}, ["a.o", "b.o"]),
        ({"max_depth": 1}, ["a.o", "a.py"]),
        ({"recursive": False}, ["a.o", "a.py"]),
        ({"gitignore": True}, ["a.py", "b.py"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("first", [{"exclude": ["*.py"]}, {"recursive": False}, {}], ids=str)
def test_an_option_is_that_of_its_root_alone(tmp_path, options, told_of, first):
    """In one watcher, on one directory: of the other root nothing is hidden, and nothing more is told."""
    (tmp_path / ".gitignore").write_text("*.o\n")
    with Watcher(mask=Mask.CREATE) as watcher, Watcher(tmp_path, mask=Mask.CREATE, **first) as alone:
        watcher.add(str(tmp_path), told_as="1", **first)
        watcher.add(str(tmp_path), told_as="2", **options)
        write_some(tmp_path)
        events = watcher.sync() + watcher.sync()
        mine = [event for event in events if event.path.startswith("2/") and not event.is_dir]
        others = [event for event in events if event.path.startswith("1/") and not event.is_dir]
        assert sorted(event.name for event in mine) == told_of
        assert sorted(event.name for event in others) == files(alone)


def test_what_is_given_for_the_watcher_holds_where_a_root_has_nothing_of_its_own(tmp_path):
    with Watcher(mask=Mask.CREATE, exclude=(pattern for pattern in ["*.o"])) as watcher:
        watcher.add(str(tmp_path), told_as="1", max_depth=1)
        watcher.add(str(tmp_path), told_as="2", exclude=[])
        write_some(tmp_path)
        events = [event.path for event in watcher.sync() if not event.is_dir]
        assert sorted(events) == ["1/a.py", "2/a.o", "2/a.py", "2/below/b.o", "2/below/b.py"]


def test_a_root_may_be_waited_for_beside_one_that_is_there(tmp_path):
    with Watcher(mask=Mask.CREATE) as watcher:
        watcher.add(str(tmp_path / "late"), missing="wait")
        with pytest.raises(FileNotFoundError):
            watcher.add(str(tmp_path / "never"))
        (tmp_path / "late").mkdir()
        (tmp_path / "late" / "a").touch()
        assert [event.name for event in watcher.sync() if event.mask & Mask.CREATE] == ["a"]


def test_what_exists_may_be_told_of_one_root(tmp_path):
    (tmp_path / "a").touch()
    with Watcher() as watcher:
        watcher.add(str(tmp_path), told_as="1")
        watcher.add(str(tmp_path), told_as="2", existing=True)
        assert told(watcher) == ["CREATE 2/a"]


def test_roots_that_overlap_are_told_each_with_its_own_kinds(tmp_path):
    (tmp_path / "below").mkdir()
    with Watcher() as watcher:
        watcher.add(str(tmp_path), mask=Mask.CREATE)
        watcher.add(str(tmp_path / "below"), mask=Mask.CLOSE_WRITE)
        assert watcher.stats()["watches"] == 2
        (tmp_path / "below" / "a").write_text("")
        assert told(watcher) == [f"CREATE {tmp_path}/below/a", f"CLOSE_WRITE {tmp_path}/below/a"]


def test_two_hundred_roots_have_one_instance(tmp_path):
    for number in range(200):
        (tmp_path / str(number) / "below").mkdir(parents=True)
    before = set(os.listdir("/proc/self/fd"))
    with Watcher() as watcher:
        few = len(os.listdir("/proc/self/fd"))
        for number in range(200):
            watcher.add(str(tmp_path / str(number)), exclude=["*.o"] if number % 2 else [])
            watcher.add(str(tmp_path), told_as=f"all {number}", recursive=bool(number % 2))
        assert len(os.listdir("/proc/self/fd")) == few
        assert watcher.stats()["watches"] == 401
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"exclud": []}, TypeError, "exclud.*did you mean.*exclude"),
        ({"read_ahead": 1 << 20}, TypeError, "read_ahead is the whole watcher's"),
        ({"exclude": "*.o"}, TypeError, "list of patterns"),
        ({"max_depth": 0}, ValueError, "max_depth"),
        ({"missing": "no"}, ValueError, "missing"),
        ({"mask": 0}, ValueError, "mask"),
        ({"max_places": 0}, ValueError, "max_places"),
        ({"follow_symlinks": "all"}, ValueError, "follow_symlinks"),
    ],
    ids=str,
)
def test_a_wrong_option_is_an_error_and_nothing_is_added(tmp_path, options, error, text):
    with Watcher() as watcher:
        with pytest.raises(error, match=text):
            watcher.add(str(tmp_path), **options)
        assert watcher.roots == []
        watcher.add(str(tmp_path))


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_they_are_those_of_aadd_as_well(tmp_path):
    with Watcher(mask=Mask.CREATE) as watcher:
        await watcher.aadd(str(tmp_path), exclude=["*.o"])
        write_some(tmp_path)
        assert files(watcher) == ["a.py", "b.py"]
