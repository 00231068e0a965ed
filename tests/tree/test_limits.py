"""Limits: what can not be watched is told with a typed error and listed, the rest goes on, and coverage is completed.

The limits are those of a user namespace of its own, so no other process is concerned.
"""

import os

import inside
import pytest
from consumer import write_all


@pytest.fixture
def run(limited, root):
    """Run code that has the names of ``inside``, with so many watches."""

    def run(code, watches=1000, **limits):
        limited(inside.code(code), root, max_inotify_watches=watches, **limits)

    return run


# --- at the root ---


def test_no_watch_for_the_root(run):
    run(
        """
        before = open_fds()
        try:
            Watcher(ROOT)
        except WatchLimitError as error:
            with open("/proc/sys/fs/inotify/max_user_watches") as file:
                value = file.read().strip()
            assert error.errno == errno.ENOSPC
            assert error.filename == ROOT
            assert f"fs.inotify.max_user_watches (now {value})" in str(error)
        else:
            raise AssertionError
        assert open_fds() == before
        """,
        watches=0,
    )


def test_no_watch_for_a_second_root(run):
    run(
        """
        other = ROOT + "-2"
        os.mkdir(other)
        with Watcher(ROOT) as watcher:
            before = open_fds()
            try:
                watcher.add(os.fspath(other))
            except WatchLimitError as error:
                assert error.filename == other
            else:
                raise AssertionError
            assert (open_fds(), watcher.stats()["watches"], watcher.unwatched()) == (before, 1, {})
            write(ROOT + "/f")
            assert told(watcher, Mask.CREATE) == [f"CREATE {ROOT}/f"]
        """,
        watches=1,
    )


def test_no_watch_for_a_root_given_as_bytes(run):
    run(
        """
        try:
            Watcher(os.fsencode(ROOT))
        except WatchLimitError as error:
            assert error.filename == os.fsencode(ROOT)
        else:
            raise AssertionError
        """,
        watches=0,
    )


def test_no_inotify_instance(run):
    run(
        """
        before = open_fds()
        try:
            Watcher(ROOT)
        except InstanceLimitError as error:
            with open("/proc/sys/fs/inotify/max_user_instances") as file:
                value = file.read().strip()
            assert error.errno == errno.EMFILE
            assert f"fs.inotify.max_user_instances (now {value})" in str(error)
        else:
            raise AssertionError
        assert open_fds() == before
        """,
        max_inotify_instances=0,
    )


def test_forgotten_instances_are_freed_before_there_is_no_room_for_another(run):
    """Where a collector frees them, PyPy's at some time, there may be many that nobody has closed."""
    run(
        """
        from inotify_cffi.adapters import Inotify
        gc.disable()
        for _ in range(20):
            forgotten = Inotify(paths=[ROOT])
            forgotten.itself = forgotten
        """,
        max_inotify_instances=5,
    )


# --- in the crawl ---


@pytest.mark.parametrize("kind", ["fspath", "fsencode"])
def test_the_crawl_tells_each_directory_that_there_is_no_watch_for(run, root, kind):
    write_all(root, *(f"d{number}/f" for number in range(8)))
    run(
        f"""
        with Consumer(ROOT, kind=os.{kind}) as consumer:
            unwatched = consumer.unwatched()
            events = [event for event in consumer.watcher.sync() if event.mask & Mask.UNWATCHED]
            assert len(unwatched) == 9 - 4
            assert {{event.path: event.error for event in events}} == unwatched
            assert len(events) == len(unwatched)
            for path, error in unwatched.items():
                assert isinstance(error, WatchLimitError)
                assert error.filename == path
                assert "raise fs.inotify.max_user_watches (now " in error.strerror
            watched = {{ROOT}} | {{path for path, is_dir in consumer.snapshot().items() if not is_dir}}
            assert len(watched) == 1 + 3
        """,
        watches=4,
    )


def test_what_is_watched_goes_on(run, root):
    write_all(root, *(f"d{number}/" for number in range(8)))
    run(
        """
        with Consumer(ROOT) as consumer:
            consumer.sync()
            directories = [path for path, is_dir in consumer.snapshot().items() if is_dir]
            for path in directories:
                write(path + "/f")
            covered = sorted(set(directories) - set(consumer.unwatched()))
            assert len(covered) == 3
            assert sorted(told(consumer, Mask.CREATE)) == [f"CREATE {path}/f" for path in covered]
        """,
        watches=4,
    )


def test_what_is_below_one_without_a_watch_is_not_known(run, root):
    write_all(root, "a/b/c/f")
    run(
        """
        with Consumer(ROOT) as consumer:
            assert consumer.snapshot() == {f"{ROOT}/a": True, f"{ROOT}/a/b": True}
            assert list(consumer.unwatched()) == [f"{ROOT}/a/b"]
        """,
        watches=2,
    )


def test_a_directory_without_a_watch_is_told_before_all_else(run, root):
    write_all(root, "a/f")
    run(
        """
        with Watcher(ROOT, existing=True) as watcher:
            assert brief(watcher.sync()) == [f"CREATE,ISDIR {ROOT}/a", f"UNWATCHED,ISDIR {ROOT}/a"]
        """,
        watches=1,
    )


# --- later ---


def test_a_new_directory_without_a_watch_is_told(run):
    run(
        """
        with Consumer(ROOT) as consumer:
            write_all(ROOT, "a/f", "b/f")
            events = consumer.sync()
            assert brief(event for event in events if event.mask & COVERAGE) == [f"UNWATCHED,ISDIR {ROOT}/b"]
            assert list(consumer.unwatched()) == [f"{ROOT}/b"]
            assert consumer.snapshot() == {f"{ROOT}/a": True, f"{ROOT}/a/f": False, f"{ROOT}/b": True}
        """,
        watches=2,
    )


def test_it_is_told_once(run):
    run(
        """
        with Consumer(ROOT) as consumer:
            os.mkdir(f"{ROOT}/a")
            assert told(consumer, COVERAGE) == [f"UNWATCHED,ISDIR {ROOT}/a"]
            for _ in range(3):
                os.chmod(f"{ROOT}/a", 0o750)
                consumer.retry()
                assert told(consumer, COVERAGE) == []
            assert list(consumer.unwatched()) == [f"{ROOT}/a"]
        """,
        watches=1,
    )


def test_its_own_removal_is_told_and_it_is_not_listed_any_more(run):
    run(
        """
        with Consumer(ROOT) as consumer:
            write_all(ROOT, "a/f")
            consumer.sync()
            shutil.rmtree(f"{ROOT}/a")
            assert consumer.entries() == [f"DELETE,ISDIR {ROOT}/a"]
            assert consumer.unwatched() == {}
        """,
        watches=1,
    )


@pytest.mark.parametrize("moving", ["a/blind", "a"])
def test_it_is_listed_where_it_is_moved_to(run, root, moving):
    write_all(root, "a/")
    run(
        f"""
        with Consumer(ROOT) as consumer:
            write_all(ROOT, "a/blind/f")
            consumer.sync()
            assert list(consumer.unwatched()) == [f"{{ROOT}}/a/blind"]
            os.rename(f"{{ROOT}}/{moving}", f"{{ROOT}}/moved")
            assert consumer.entries() == [
                f"MOVED_FROM,ISDIR {{ROOT}}/{moving}", f"MOVED_TO,ISDIR {{ROOT}}/moved (from {{ROOT}}/{moving})"
            ]
            expected = f"{{ROOT}}/moved{"/blind" if moving == "a" else ""}"
            assert list(consumer.unwatched()) == [expected]
            limit(100)
            consumer.retry()
            assert told(consumer, ENTRIES | COVERAGE) == [
                f"WATCHED,ISDIR {{expected}}", f"CREATE {{expected}}/f"
            ]
            consumer.assert_each_directory_reports()
        """,
        watches=2,
    )


def test_an_error_of_a_moved_directory_names_it_where_it_is(run):
    run(
        """
        with Consumer(ROOT) as consumer:
            os.mkdir(f"{ROOT}/a")
            consumer.sync()
            os.rename(f"{ROOT}/a", f"{ROOT}/b")
            consumer.sync()
            assert [error.filename for error in consumer.unwatched().values()] == [f"{ROOT}/b"]
        """,
        watches=1,
    )


def test_it_left_the_tree(run):
    run(
        """
        with Consumer(ROOT) as consumer:
            write_all(ROOT, "a/f")
            consumer.sync()
            os.rename(f"{ROOT}/a", f"{ROOT}-outside")
            assert consumer.entries() == [f"MOVED_FROM,ISDIR {ROOT}/a"]
            assert consumer.unwatched() == {}
        """,
        watches=1,
    )


def test_another_directory_of_its_name_took_its_place(run, root):
    write_all(root, "a/f")
    run(
        """
        with Consumer(ROOT) as consumer:
            write_all(ROOT, "b/f")
            consumer.sync()
            assert list(consumer.unwatched()) == [f"{ROOT}/b"]
            os.rename(f"{ROOT}/a", f"{ROOT}/b~")
            shutil.rmtree(f"{ROOT}/b")
            os.rename(f"{ROOT}/b~", f"{ROOT}/b")
            consumer.assert_each_directory_reports()
        """,
        watches=2,
    )


# --- room again ---


@pytest.mark.parametrize("freed", ["rmtree", "rename", "remove"])
def test_a_freed_watch_goes_to_a_directory_without_one(run, root, freed):
    write_all(root, "a/b/")
    run(
        f"""
        with Consumer(ROOT) as consumer:
            write_all(ROOT, "d/e", "d/f/g")
            assert told(consumer, COVERAGE) == [f"UNWATCHED,ISDIR {{ROOT}}/d"]
            if {freed!r} == "rmtree":
                shutil.rmtree(f"{{ROOT}}/a")
            elif {freed!r} == "rename":
                os.rename(f"{{ROOT}}/a", f"{{ROOT}}-outside")
            else:
                os.rmdir(f"{{ROOT}}/a/b")
                os.rmdir(f"{{ROOT}}/a")
            said = told(consumer, COVERAGE | Mask.CREATE)
            assert said[0] == f"WATCHED,ISDIR {{ROOT}}/d"
            assert sorted(said[1:]) == sorted([
                f"CREATE {{ROOT}}/d/e", f"CREATE,ISDIR {{ROOT}}/d/f", f"CREATE {{ROOT}}/d/f/g"
            ])
            consumer.assert_each_directory_reports()
        """,
        watches=3,
    )


def test_removing_a_root_frees_watches_for_another(run, root):
    write_all(root, "one/a/", "two/b/f")
    run(
        """
        with Watcher(f"{ROOT}/one", f"{ROOT}/two") as watcher:
            assert list(watcher.unwatched()) == [f"{ROOT}/two/b"]
            watcher.sync()
            watcher.remove(f"{ROOT}/one")
            assert brief(watcher.sync()) == [f"WATCHED,ISDIR {ROOT}/two/b", f"CREATE {ROOT}/two/b/f"]
            assert watcher.unwatched() == {}
        """,
        watches=3,
    )


def test_a_directory_that_is_removed_while_somebody_holds_it_open_frees_its_watch(run, root):
    """Of that one only its parent reports the end."""
    write_all(root, "a/", "held/", "b/f")
    run(
        """
        with Consumer(ROOT) as consumer:
            (blind,) = consumer.unwatched()
            consumer.sync()
            gone = f"{ROOT}/held" if blind != f"{ROOT}/held" else f"{ROOT}/a"
            held = os.open(gone, os.O_RDONLY)
            shutil.rmtree(gone)
            assert told(consumer, COVERAGE) == [f"WATCHED,ISDIR {blind}"]
            os.close(held)
            consumer.assert_each_directory_reports()
        """,
        watches=3,
    )


def test_no_more_are_covered_than_there_is_room_for(run, root):
    write_all(root, *(f"d{number}/f" for number in range(6)))
    run(
        """
        with Consumer(ROOT) as consumer:
            consumer.sync()
            assert len(consumer.unwatched()) == 3
            limit(6)
            consumer.retry()
            assert len(told(consumer, Mask.WATCHED)) == 2
            assert len(consumer.unwatched()) == 1
            limit(7)
            consumer.retry()
            assert len(told(consumer, Mask.WATCHED)) == 1
            consumer.assert_each_directory_reports()
        """,
        watches=4,
    )


def test_retry_tells_what_was_missed(run, root):
    write_all(root, "a/f")
    run(
        """
        with Consumer(ROOT) as consumer:
            consumer.sync()
            write_all(ROOT, "a/b/c/g")
            assert told(consumer, ENTRIES) == []
            limit(100)
            consumer.retry()
            said = told(consumer, COVERAGE | ENTRIES)
            assert said[0] == f"WATCHED,ISDIR {ROOT}/a"
            assert sorted(said[1:]) == sorted([
                f"CREATE {ROOT}/a/f", f"CREATE,ISDIR {ROOT}/a/b",
                f"CREATE,ISDIR {ROOT}/a/b/c", f"CREATE {ROOT}/a/b/c/g",
            ])
            consumer.assert_each_directory_reports()
        """,
        watches=1,
    )


def test_retry_wakes_who_waits_for_the_descriptor(run, root):
    write_all(root, "a/f")
    run(
        """
        with Consumer(ROOT) as consumer:
            consumer.sync()
            limit(100)
            consumer.retry()
            assert select.select([consumer.watcher.fileno()], [], [], 20)[0]
            assert brief(consumer.read(20))[0] == f"WATCHED,ISDIR {ROOT}/a"
        """,
        watches=1,
    )


def test_coverage_that_was_lost_and_won_again_and_again(run, root):
    write_all(root, "a/f", "b/")
    run(
        """
        with Consumer(ROOT) as consumer:
            consumer.sync()
            for _ in range(5):
                (blind,) = consumer.unwatched()
                (other,) = {f"{ROOT}/a", f"{ROOT}/b"} - {blind}
                shutil.rmtree(other)
                assert told(consumer, COVERAGE) == [f"WATCHED,ISDIR {blind}"]
                os.mkdir(other)
                assert told(consumer, COVERAGE) == [f"UNWATCHED,ISDIR {other}"]
        """,
        watches=2,
    )


def test_lost_events_while_a_directory_is_not_covered(run, root):
    write_all(root, "a/f", "x", "y")
    run(
        """
        with Consumer(ROOT) as consumer:
            consumer.sync()
            size = -1
            while consumer.watcher._instance.queued_bytes() != size:
                size = consumer.watcher._instance.queued_bytes()
                for _ in range(500):
                    os.utime(ROOT + "/x")
                    os.utime(ROOT + "/y")
            write(f"{ROOT}/z")
            assert told(consumer.watcher, COVERAGE | ENTRIES) == [f"CREATE {ROOT}/z"]
            assert list(consumer.unwatched()) == [f"{ROOT}/a"]
        """,
        watches=1,
    )


def test_another_directory_takes_the_watch_of_the_one_whose_place_it_has(run, root):
    write_all(f"{root}-outside", "a/f", "b/g")
    os.symlink(f"{root}-outside/a", f"{root}/link")
    run(
        """
        with Consumer(ROOT, follow_symlinks=True) as consumer:
            os.rename(f"{ROOT}-outside/a", f"{ROOT}-outside/c")
            os.rename(f"{ROOT}-outside/b", f"{ROOT}-outside/a")
            consumer.sync()
            assert consumer.snapshot() == {f"{ROOT}/link": True, f"{ROOT}/link/g": False}
            assert consumer.unwatched() == {}
        """,
        watches=2,
    )


# --- descriptors ---


def test_no_descriptor_for_a_watcher(run):
    run(
        """
        before = open_fds()
        for number in range(len(before), len(before) + 5):
            resource.setrlimit(resource.RLIMIT_NOFILE, (number, 4096))
            try:
                Watcher(ROOT).close()
            except OSError as error:
                assert error.errno == errno.EMFILE, error
                assert not isinstance(error, InstanceLimitError), error
            else:
                break
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        assert number > len(before)
        assert open_fds() == before
        """
    )


def test_no_descriptor_for_a_part_of_the_crawl(run, root):
    """A crawl holds one descriptor for each level: what lies too deep is not covered, and later is."""
    write_all(root, "a/b/c/d/e/f/g", "h/i")
    run(
        """
        with Consumer(ROOT) as consumer:
            os.rename(f"{ROOT}/a", f"{ROOT}-outside")
            consumer.sync()
            spare = [os.open("/", os.O_RDONLY) for _ in range(3)]
            lowest = max(spare) + 1
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, 4096))
            for fd in spare:
                os.close(fd)
            os.rename(f"{ROOT}-outside", f"{ROOT}/a")
            events = consumer.sync()
            unwatched = consumer.unwatched()
            assert {event.path for event in events if event.mask & Mask.UNWATCHED} >= set(unwatched)
            assert unwatched
            for path, error in unwatched.items():
                assert error.errno == errno.EMFILE
                assert error.filename == path
                assert error.strerror == (
                    f"no file descriptor is left; raise RLIMIT_NOFILE (ulimit -n, now {lowest})"
                )
            resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
            consumer.retry()
            consumer.assert_each_directory_reports()
        """
    )


def test_no_descriptor_at_all_for_some_time(run, root):
    """Nothing can be looked at meanwhile; nothing is lost when that is over."""
    write_all(root, "a/b/c", "d/e")
    run(
        """
        with Consumer(ROOT) as consumer:
            free = os.open("/", os.O_RDONLY)
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, 4096))
            os.rename(f"{ROOT}/a/b", f"{ROOT}/d/b")
            os.mkdir(f"{ROOT}/f")
            os.rename(f"{ROOT}/d", f"{ROOT}/a/d")
            assert told(consumer, COVERAGE)[-1] == f"UNWATCHED,ISDIR {ROOT}"
            ((path, error),) = consumer.unwatched().items()
            assert (path, error.errno, error.filename) == (ROOT, errno.EMFILE, ROOT)
            assert "raise RLIMIT_NOFILE (ulimit -n, now" in error.strerror
            resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
            write_all(ROOT, "f/g", "a/d/b/h")
            consumer.retry()
            consumer.assert_each_directory_reports()
        """
    )
