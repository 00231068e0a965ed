"""Permissions: what may not be read is told and listed; when it is opened, that is noticed and its content told.

All of it as one who is barred by permissions: root is not.
"""

import os
import shutil

import inside
import pytest
from consumer import write_all

# Under these masks the user asked for attributes, or did not: to notice a chmod is our own business.
MASKS = pytest.mark.parametrize("mask", ["Mask.CHANGES", "ENTRIES"], ids=["attrib", "no-attrib"])


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    yield os.fspath(root)
    for parent, directories, _ in os.walk(root):
        for name in directories:
            os.chmod(os.path.join(parent, name), 0o700)
    shutil.rmtree(root)


@pytest.fixture
def run(unprivileged, root):
    """Run code that has the names of ``inside``."""
    return lambda code: unprivileged(inside.code(code), root)


# --- unreadable ---


@pytest.mark.parametrize("kind", ["fspath", "fsencode"])
@pytest.mark.parametrize("mode", [0o000, 0o100, 0o200, 0o300])
def test_a_directory_that_may_not_be_read_in_the_crawl(run, root, kind, mode):
    write_all(root, "closed/f", "open/f")
    os.chmod(f"{root}/closed", mode)
    run(f"""
        with Consumer(ROOT, kind=os.{kind}) as consumer:
            (event,) = consumer.watcher.sync()
            assert brief([event]) == [f"UNWATCHED,ISDIR {{ROOT}}/closed"]
            assert isinstance(event.error, PermissionError)
            assert os.fsdecode(event.error.filename) == f"{{ROOT}}/closed"
            assert consumer.unwatched() == {{event.path: event.error}}
            assert consumer.snapshot() == {{
                f"{{ROOT}}/closed": True, f"{{ROOT}}/open": True, f"{{ROOT}}/open/f": False
            }}
    """)


@MASKS
def test_a_directory_that_may_not_be_read_later(run, mask):
    run(f"""
        with Consumer(ROOT, mask={mask}) as consumer:
            os.mkdir(ROOT + "/closed", 0)
            assert told(consumer) == [f"CREATE,ISDIR {{ROOT}}/closed", f"UNWATCHED,ISDIR {{ROOT}}/closed"]
            assert list(consumer.unwatched()) == [ROOT + "/closed"]
    """)


def test_what_else_there_is_goes_on(run, root):
    write_all(root, "closed/f", "open/f")
    os.chmod(f"{root}/closed", 0)
    run("""
        with Consumer(ROOT) as consumer:
            consumer.sync()
            write(f"{ROOT}/open/g")
            write(f"{ROOT}/h")
            assert told(consumer) == [f"CREATE {ROOT}/open/g", f"CREATE {ROOT}/h"]
    """)


def test_the_end_of_a_closed_directory_is_told(run):
    run("""
        os.mkdir(ROOT + "/closed", 0)
        with Consumer(ROOT) as consumer:
            consumer.sync()
            os.rmdir(ROOT + "/closed")
            assert told(consumer) == [f"DELETE,ISDIR {ROOT}/closed"]
            assert consumer.unwatched() == {}
    """)


# --- opened ---


@MASKS
@pytest.mark.parametrize("place", ["closed", "a/b/closed"])
def test_a_directory_that_is_opened_is_covered_and_its_content_told(run, root, mask, place):
    write_all(root, f"{place}/f", f"{place}/d/g")
    os.chmod(f"{root}/{place}", 0)
    run(f"""
        with Consumer(ROOT, mask={mask}) as consumer:
            place = ROOT + "/{place}"
            consumer.sync()
            os.chmod(place, 0o700)
            said = told(consumer)
            assert said[0] == f"WATCHED,ISDIR {{place}}"
            assert sorted(said[1:]) == [f"CREATE {{place}}/d/g", f"CREATE {{place}}/f", f"CREATE,ISDIR {{place}}/d"]
            consumer.assert_each_directory_reports()
    """)


@MASKS
def test_a_directory_that_came_closed_is_opened(run, mask):
    run(f"""
        with Consumer(ROOT, mask={mask}) as consumer:
            os.mkdir(ROOT + "/closed", 0)
            consumer.sync()
            os.chmod(ROOT + "/closed", 0o700)
            write(ROOT + "/closed/f")
            assert told(consumer) == [f"WATCHED,ISDIR {{ROOT}}/closed", f"CREATE {{ROOT}}/closed/f"]
            consumer.assert_each_directory_reports()
    """)


@MASKS
def test_a_directory_that_came_closed_in_a_tree_is_opened_whatever_one_step_did(run, root, mask):
    """The directories around it were watched before it was known that they are to report attributes."""
    write_all(root + "/../outside", "t/a/closed/", "t/a/b/c/f", "t/d/")
    os.chmod(root + "/../outside/t/a/closed", 0)
    os.mkdir(root + "/in")
    run(f"""
        with Consumer(ROOT, mask={mask}) as consumer:
            os.rename(ROOT + "/../outside/t", ROOT + "/in/t")
            consumer.take(consumer.watcher.read(0))
            assert consumer.unwatched()
            consumer.sync()
            os.chmod(ROOT + "/in/t/a/closed", 0o700)
            write(ROOT + "/in/t/a/closed/f")
            closed = ROOT + "/in/t/a/closed"
            assert told(consumer) == [f"WATCHED,ISDIR {{closed}}", f"CREATE {{closed}}/f"]
            consumer.assert_each_directory_reports()
    """)


@MASKS
def test_a_directory_that_is_opened_before_anybody_reads(run, mask):
    run(f"""
        with Consumer(ROOT, mask={mask}) as consumer:
            os.mkdir(ROOT + "/closed", 0)
            os.chmod(ROOT + "/closed", 0o700)
            consumer.assert_each_directory_reports()
    """)


@MASKS
def test_a_directory_that_is_opened_right_after_it_was_found_closed(run, mask):
    """Between the failed watch and the watch for its being opened."""
    run(f"""
        with Consumer(ROOT, mask={mask}) as consumer:
            disk = consumer.watcher._tree._disk
            real = disk.watch
            def watch(fd, mask):
                try:
                    return real(fd, mask)
                except PermissionError:
                    os.chmod(ROOT + "/closed", 0o700)
                    raise
            disk.watch = watch
            os.mkdir(ROOT + "/closed", 0)
            consumer.sync()
            consumer.assert_each_directory_reports()
    """)


def test_no_attributes_are_told_to_who_did_not_ask_for_them(run):
    run("""
        os.mkdir(ROOT + "/closed", 0)
        with Consumer(ROOT, mask=ENTRIES) as consumer:
            consumer.sync()
            os.chmod(ROOT + "/closed", 0o100)
            write(ROOT + "/f")
            os.chmod(ROOT + "/f", 0o600)
            assert brief(consumer.sync()) == [f"CREATE {ROOT}/f"]
    """)


def test_a_directory_that_is_opened_and_closed_again_at_once(run):
    run("""
        os.mkdir(ROOT + "/closed", 0)
        with Consumer(ROOT) as consumer:
            consumer.sync()
            os.chmod(ROOT + "/closed", 0o700)
            os.chmod(ROOT + "/closed", 0)
            assert told(consumer) == []
            assert list(consumer.unwatched()) == [ROOT + "/closed"]
            os.chmod(ROOT + "/closed", 0o700)
            assert told(consumer) == [f"WATCHED,ISDIR {ROOT}/closed"]
    """)


@MASKS
def test_a_closed_directory_is_moved_and_opened(run, root, mask):
    write_all(root, "a/closed/f", "b/")
    os.chmod(f"{root}/a/closed", 0o300)
    run(f"""
        with Consumer(ROOT, mask={mask}) as consumer:
            consumer.sync()
            os.rename(ROOT + "/a/closed", ROOT + "/b/c")
            consumer.sync()
            assert list(consumer.unwatched()) == [ROOT + "/b/c"]
            os.chmod(ROOT + "/b/c", 0o700)
            assert told(consumer) == [f"WATCHED,ISDIR {{ROOT}}/b/c", f"CREATE {{ROOT}}/b/c/f"]
            consumer.assert_each_directory_reports()
    """)


@MASKS
def test_the_parent_of_a_closed_directory_is_moved(run, root, mask):
    write_all(root, "a/closed/f")
    os.chmod(f"{root}/a/closed", 0)
    run(f"""
        with Consumer(ROOT, mask={mask}) as consumer:
            consumer.sync()
            os.rename(ROOT + "/a", ROOT + "/b")
            consumer.sync()
            os.chmod(ROOT + "/b/closed", 0o700)
            assert told(consumer) == [f"WATCHED,ISDIR {{ROOT}}/b/closed", f"CREATE {{ROOT}}/b/closed/f"]
            consumer.assert_each_directory_reports()
    """)


def test_a_closed_directory_is_replaced_by_an_open_one(run, root):
    write_all(root, "closed/", "open/f")
    os.chmod(f"{root}/closed", 0)
    run("""
        with Consumer(ROOT) as consumer:
            consumer.sync()
            os.rename(ROOT + "/open", ROOT + "/closed")
            consumer.assert_each_directory_reports()
    """)


# --- readable, not searchable ---


def test_a_directory_that_may_be_listed_and_not_entered(run, root):
    """Its entries are known and its own changes are told; of its directories it is said that they are not covered."""
    write_all(root, "dim/d/f", "dim/f")
    os.chmod(f"{root}/dim", 0o600)
    run("""
        with Consumer(ROOT) as consumer:
            assert [(event.path, type(event.error)) for event in consumer.sync()] == [
                (f"{ROOT}/dim/d", PermissionError)
            ]
            assert list(consumer.unwatched()) == [f"{ROOT}/dim/d"]
            assert consumer.snapshot() == {f"{ROOT}/dim": True, f"{ROOT}/dim/d": True, f"{ROOT}/dim/f": False}
    """)


@MASKS
def test_a_directory_that_may_be_entered_again(run, root, mask):
    write_all(root, "dim/d/e/f", "dim/f")
    os.chmod(f"{root}/dim", 0o600)
    run(f"""
        with Consumer(ROOT, early=True, mask={mask}) as consumer:
            consumer.sync()
            os.chmod(f"{{ROOT}}/dim", 0o700)
            assert told(consumer) == [
                f"WATCHED,ISDIR {{ROOT}}/dim/d", f"CREATE,ISDIR {{ROOT}}/dim/d/e", f"CREATE {{ROOT}}/dim/d/e/f"
            ]
            consumer.assert_each_directory_reports()
    """)


# --- ancestors ---


def test_what_is_watched_below_a_directory_that_is_closed_stays_watched(run, root):
    write_all(root, "a/b/f")
    run("""
        with Consumer(ROOT) as consumer:
            held = os.open(f"{ROOT}/a/b", os.O_RDONLY)
            os.chmod(f"{ROOT}/a", 0)
            os.mknod("g", dir_fd=held)
            os.unlink("f", dir_fd=held)
            assert told(consumer) == [f"CREATE {ROOT}/a/b/g", f"DELETE {ROOT}/a/b/f"]
            assert consumer.unwatched() == {}
            os.chmod(f"{ROOT}/a", 0o700)
            assert told(consumer) == []
            os.close(held)
            consumer.assert_each_directory_reports()
    """)


def test_a_new_directory_below_one_that_is_closed_is_not_covered_until_that_is_opened(run, root):
    write_all(root, "a/b/")
    run("""
        with Consumer(ROOT) as consumer:
            held = os.open(f"{ROOT}/a/b", os.O_RDONLY)
            os.chmod(f"{ROOT}/a", 0)
            os.mkdir("new", dir_fd=held)
            inner = os.open("new", os.O_RDONLY, dir_fd=held)
            os.mknod("f", dir_fd=inner)
            assert told(consumer) == [f"CREATE,ISDIR {ROOT}/a/b/new", f"UNWATCHED,ISDIR {ROOT}/a/b/new"]
            assert list(consumer.unwatched()) == [f"{ROOT}/a/b/new"]
            os.chmod(f"{ROOT}/a", 0o700)
            assert told(consumer) == [f"WATCHED,ISDIR {ROOT}/a/b/new", f"CREATE {ROOT}/a/b/new/f"]
            os.close(held)
            os.close(inner)
            consumer.assert_each_directory_reports()
    """)


@MASKS
def test_the_way_is_opened_and_then_the_directory(run, root, mask):
    write_all(root, "a/b/c/f")
    for name in "a/b/c", "a/b", "a":
        os.chmod(f"{root}/{name}", 0)
    run(f"""
        with Consumer(ROOT, mask={mask}) as consumer:
            for place in "a", "a/b", "a/b/c":
                consumer.sync()
                assert list(consumer.unwatched()) == [f"{{ROOT}}/{{place}}"]
                os.chmod(f"{{ROOT}}/{{place}}", 0o700)
            consumer.assert_each_directory_reports()
    """)


@pytest.mark.parametrize("closed", ["a", "a/b"])
def test_what_was_lost_of_a_directory_that_is_closed_now(run, root, closed):
    """What is in it is not known any more: it is not covered until it is opened again."""
    write_all(root, "a/b/f", "a/g", "one", "two")
    run(f"""
        with Consumer(ROOT, mask=ENTRIES) as consumer:
            instance, size = consumer.watcher._instance, -1
            while instance.queued_bytes() != size:
                size = instance.queued_bytes()
                for _ in range(500):
                    os.rename(f"{{ROOT}}/one", f"{{ROOT}}/three")
                    os.rename(f"{{ROOT}}/three", f"{{ROOT}}/one")
            os.unlink(f"{{ROOT}}/a/b/f")
            write(f"{{ROOT}}/a/b/h")
            os.chmod(f"{{ROOT}}/{closed}", 0)
            consumer.sync()
            assert list(consumer.unwatched()) == [f"{{ROOT}}/{closed}"]
            os.chmod(f"{{ROOT}}/{closed}", 0o700)
            consumer.assert_each_directory_reports()
    """)


@pytest.mark.parametrize("mode", [0o300, 0o600])
@MASKS
def test_a_move_in_a_directory_that_can_not_be_looked_at(run, root, mode, mask):
    """Two are exchanged, and one of the places can not be seen: it is said that this is not certain, until it is."""
    write_all(root, "a/c/x", "b/y")
    run(f"""
        with Consumer(ROOT, mask={mask}, early=True) as consumer:
            held = os.open(ROOT + "/a", os.O_RDONLY)
            write(ROOT + "/a/f")
            consumer.sync()
            exchange(ROOT + "/b", ROOT + "/a/c")
            os.chmod(ROOT + "/a", {mode})
            os.close(held)
            consumer.sync()
            if {mode} == 0o300:
                assert ROOT + "/a" in consumer.unwatched()
            os.chmod(ROOT + "/a", 0o700)
            consumer.assert_each_directory_reports()
    """)


def test_a_directory_is_moved_to_where_the_way_to_it_is_not_barred(run, root):
    """Only who has privileges can move it from there, so the disk is made to refuse."""
    write_all(root, "a/b/f", "c/")
    run("""
        with Consumer(ROOT) as consumer:
            consumer.sync()
            tree = consumer.watcher._tree
            disk = tree._disk
            real = disk.enter
            def enter(fd, name, *, follow):
                if name == "a":
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
                return real(fd, name, follow=follow)
            disk.enter = enter
            tree._doubts.doubt(tree.ledger.roots[0].children["a"].children["b"], relist=False)
            consumer.sync()
            assert list(consumer.unwatched()) == [f"{ROOT}/a/b"]
            os.rename(f"{ROOT}/a/b", f"{ROOT}/c/b")
            assert told(consumer, COVERAGE) == [f"UNWATCHED,ISDIR {ROOT}/a", f"WATCHED,ISDIR {ROOT}/c/b"]
            assert list(consumer.unwatched()) == [f"{ROOT}/a"]
    """)


# --- roots ---


def test_a_root_that_is_closed_stays_watched(run):
    run("""
        write(f"{ROOT}/f")
        with Consumer(ROOT, mask=Mask.MODIFY) as consumer, open(f"{ROOT}/f", "w") as held:
            os.chmod(ROOT, 0)
            held.write("changed")
            held.flush()
            assert brief(consumer.sync()) == [f"MODIFY {ROOT}/f"]
            assert consumer.unwatched() == {}
            os.chmod(ROOT, 0o700)
            consumer.watcher.sync()
            assert consumer.snapshot() == {f"{ROOT}/f": False}
    """)


@MASKS
def test_a_root_that_is_waited_for_comes_closed_and_is_opened(run, mask):
    run(f"""
        place = ROOT + "/x"
        with Watcher(place, mask={mask}, missing="wait") as watcher:
            watcher.sync()
            os.mkdir(place, 0)
            watcher.sync()
            assert [type(error) for error in watcher.unwatched().values()] == [PermissionError]
            os.chmod(place, 0o700)
            write(place + "/f")
            assert told(watcher) == [f"WATCHED,ISDIR {{place}}", f"CREATE {{place}}/f"]
            assert watcher.unwatched() == {{}}
    """)


# --- many ---

COUNTING = """
        from inotify_cffi.ledger.ledger import Ledger
        calls = []
        for name in "is_within", "is_attached", "lineage", "root", "within":
            real = getattr(Ledger, name)
            def counted(*args, real=real):
                calls.append(real)
                return real(*args)
            setattr(Ledger, name, counted)
"""


def test_attributes_of_other_directories_cost_nothing_of_those_that_are_closed(run, root):
    """However many these are."""
    write_all(root, "open/", *(f"closed/{number}/" for number in range(300)))
    for number in range(300):
        os.chmod(f"{root}/closed/{number}", 0)
    run(f"""
        {COUNTING}
        with Consumer(ROOT) as consumer:
            consumer.sync()
            del calls[:]
            for _ in range(50):
                os.chmod(ROOT + "/open", 0o755)
                consumer.sync()
            assert len(calls) < 50 * 30, len(calls)
            os.chmod(ROOT + "/closed/7", 0o700)
            assert [str(event) for event in consumer.sync() if event.mask & Mask.WATCHED] == [
                f"WATCHED,ISDIR {{ROOT}}/closed/7"
            ]
    """)


def test_watches_that_are_freed_cost_nothing_of_those_that_are_closed(run, root):
    write_all(root, *(f"closed/{number}/" for number in range(300)))
    for number in range(300):
        os.chmod(f"{root}/closed/{number}", 0)
    run(f"""
        {COUNTING}
        with Consumer(ROOT) as consumer:
            consumer.sync()
            del calls[:]
            for _ in range(50):
                os.mkdir(ROOT + "/new")
                consumer.sync()
                os.rmdir(ROOT + "/new")
                consumer.sync()
            assert len(calls) < 50 * 50
    """)
