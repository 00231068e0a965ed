"""Mounts: what is mounted over a directory, and unmounted, in a mount namespace of its own."""

import inside
import pytest
from consumer import write_all


@pytest.fixture
def run(python, private, root):
    """Run code that has the names of ``inside`` and may mount."""
    return lambda code: python(inside.code(code), root, prefix=private)


# --- below the root ---


@pytest.mark.parametrize("kind", ["fspath", "fsencode"])
def test_a_mount_over_a_watched_directory(run, root, kind):
    write_all(root, "a/d/f")
    run(f"""
        with Consumer(ROOT, kind=os.{kind}) as consumer:
            mount("-t", "tmpfs", "x", ROOT + "/a")
            write_all(ROOT, "a/e/g")
            said = consumer.entries()
            assert said[:2] == [f"DELETE {{ROOT}}/a/d/f", f"DELETE,ISDIR {{ROOT}}/a/d"]
            assert sorted(said[2:]) == [f"CREATE {{ROOT}}/a/e/g", f"CREATE,ISDIR {{ROOT}}/a/e"]
            consumer.assert_each_directory_reports()
    """)


def test_a_mount_is_noticed_by_who_only_reads(run, root):
    """No inotify event tells of it."""
    write_all(root, "a/f")
    run("""
        with Consumer(ROOT) as consumer:
            mount("-t", "tmpfs", "x", ROOT + "/a")
            assert brief(consumer.take(consumer.read(20))) == [f"DELETE {ROOT}/a/f"]
            assert consumer.read(0) == []
            consumer.assert_each_directory_reports()
    """)


def test_a_mount_before_stop_is_told(run, root):
    write_all(root, "a/f")
    run("""
        for iterate in (iter, lambda watcher: filter(None, watcher.event_gen(block_duration_s=0))):
            with Watcher(ROOT) as watcher:
                mount("-t", "tmpfs", "x", ROOT + "/a")
                watcher.stop()
                assert brief(iterate(watcher)) == [f"DELETE {ROOT}/a/f"]
            subprocess.run(["umount", ROOT + "/a"], check=True)
    """)


@pytest.mark.parametrize("command", ["umount", "umount -l"])
def test_an_unmount(run, root, command):
    """The entries of what was mounted are taken back, those of the directory itself are told."""
    write_all(root, "a/d/f")
    run(f"""
        mount("-t", "tmpfs", "x", ROOT + "/a")
        write_all(ROOT, "a/e/g")
        with Consumer(ROOT) as consumer:
            mount(*{command.split()!r}, ROOT + "/a")
            events = consumer.sync()
            said = brief(event for event in events if event.mask & ENTRIES)
            assert said[:2] == [f"DELETE {{ROOT}}/a/e/g", f"DELETE,ISDIR {{ROOT}}/a/e"]
            assert sorted(said[2:]) == [f"CREATE {{ROOT}}/a/d/f", f"CREATE,ISDIR {{ROOT}}/a/d"]
            consumer.assert_each_directory_reports()
    """)


def test_an_unmount_is_told_as_such(run, root):
    write_all(root, "a/")
    run("""
        mount("-t", "tmpfs", "x", ROOT + "/a")
        with Consumer(ROOT, mask=Mask.CREATE) as consumer:
            mount("umount", ROOT + "/a")
            assert brief(consumer.watcher.sync()) == [f"UNMOUNT,ISDIR {ROOT}/a"]
    """)


def test_detached_while_somebody_is_in_it(run, root):
    """The file system lives on, with its watches; it is not in the tree any more."""
    write_all(root, "a/f")
    run("""
        mount("-t", "tmpfs", "x", ROOT + "/a")
        write_all(ROOT, "a/d/g")
        with Consumer(ROOT) as consumer:
            held = os.open(ROOT + "/a/d", os.O_RDONLY)
            mount("umount", "-l", ROOT + "/a")
            assert consumer.entries() == [
                f"DELETE {ROOT}/a/d/g", f"DELETE,ISDIR {ROOT}/a/d", f"CREATE {ROOT}/a/f"
            ]
            os.mknod("h", dir_fd=held)
            assert consumer.entries() == []
            os.close(held)
            consumer.assert_each_directory_reports()
    """)


def test_mounted_and_unmounted_before_anybody_reads(run, root):
    write_all(root, "a/d/f")
    run("""
        with Consumer(ROOT) as consumer:
            mount("-t", "tmpfs", "x", ROOT + "/a")
            write_all(ROOT, "a/e/g")
            mount("umount", ROOT + "/a")
            assert consumer.entries() == []
            consumer.assert_each_directory_reports()
    """)


def test_two_mounts_one_over_the_other(run, root):
    write_all(root, "a/zero")
    run("""
        with Consumer(ROOT) as consumer:
            for name in "one", "two":
                mount("-t", "tmpfs", "x", ROOT + "/a")
                write(f"{ROOT}/a/{name}")
                consumer.assert_at_rest()
                assert f"{ROOT}/a/{name}" in consumer.snapshot()
            for name in "one", "zero":
                mount("umount", ROOT + "/a")
                consumer.assert_at_rest()
                assert f"{ROOT}/a/{name}" in consumer.snapshot()
            consumer.assert_each_directory_reports()
    """)


def test_a_mount_point_with_a_strange_name(run):
    run(r"""
        place = ROOT + "/a b\n\\c\t" + os.fsdecode(b"\xff")
        os.mkdir(place)
        with Consumer(ROOT) as consumer:
            mount("-t", "tmpfs", "x", place)
            write(place + "/f")
            consumer.assert_each_directory_reports()
            mount("umount", place)
            consumer.assert_each_directory_reports()
    """)


def test_a_mount_below_a_mount(run, root):
    write_all(root, "a/b/c/f")
    run("""
        with Consumer(ROOT) as consumer:
            mount("-t", "tmpfs", "x", ROOT + "/a/b")
            write_all(ROOT, "a/b/d/")
            mount("-t", "tmpfs", "y", ROOT + "/a/b/d")
            write(ROOT + "/a/b/d/g")
            consumer.assert_each_directory_reports()
            mount("umount", "-l", ROOT + "/a/b")
            consumer.assert_each_directory_reports()
    """)


def test_a_directory_is_mounted_in_a_directory_that_came_late(run):
    run("""
        with Consumer(ROOT) as consumer:
            write_all(ROOT, "new/a/f")
            mount("-t", "tmpfs", "x", ROOT + "/new/a")
            write(ROOT + "/new/a/g")
            consumer.assert_each_directory_reports()
    """)


def test_a_directory_with_a_mount_in_it_is_renamed(run, root):
    write_all(root, "a/b/f")
    run("""
        with Consumer(ROOT) as consumer:
            mount("-t", "tmpfs", "x", ROOT + "/a/b")
            write_all(ROOT, "a/b/d/g")
            consumer.sync()
            os.rename(ROOT + "/a", ROOT + "/c")
            assert consumer.entries() == [f"MOVED_FROM,ISDIR {ROOT}/a", f"MOVED_TO,ISDIR {ROOT}/c (from {ROOT}/a)"]
            mount("umount", ROOT + "/c/b")
            consumer.assert_each_directory_reports()
    """)


# --- the root itself ---


def test_a_mount_over_the_root(run, root):
    write_all(root, "f")
    run("""
        with Consumer(ROOT) as consumer:
            mount("-t", "tmpfs", "x", ROOT)
            write_all(ROOT, "d/g")
            consumer.assert_each_directory_reports()
            mount("umount", ROOT)
            consumer.assert_each_directory_reports()
    """)


def test_a_mount_above_the_root(run, root):
    """The root is not to be found any more; when it is, it is covered."""
    write_all(root, "a/b/f")
    run("""
        with Watcher(ROOT + "/a/b") as watcher:
            mount("-t", "tmpfs", "x", ROOT + "/a")
            assert told(watcher) == [f"DELETE {ROOT}/a/b/f", f"UNWATCHED,ISDIR {ROOT}/a/b"]
            assert [type(error) for error in watcher.unwatched().values()] == [FileNotFoundError]
            mount("umount", ROOT + "/a")
            assert told(watcher) == [f"WATCHED,ISDIR {ROOT}/a/b", f"CREATE {ROOT}/a/b/f"]
            assert watcher.unwatched() == {}
    """)


def test_the_file_system_of_the_root_is_unmounted(run, root):
    run("""
        mount("-t", "tmpfs", "x", ROOT)
        write_all(ROOT, "d/f")
        with Consumer(ROOT) as consumer:
            mount("umount", ROOT)
            write(ROOT + "/g")
            assert f"UNMOUNT,ISDIR {ROOT}" in brief(consumer.sync())
            consumer.assert_each_directory_reports()
    """)


# --- bind mounts ---


@pytest.mark.parametrize("kind", ["fspath", "fsencode"])
def test_what_happens_in_a_directory_that_is_at_two_places_is_told_of_both(run, root, kind):
    write_all(root, "a/d/f", "b/")
    run(f"""
        mount("--bind", ROOT + "/a", ROOT + "/b")
        with Consumer(ROOT, kind=os.{kind}) as consumer:
            write(ROOT + "/a/g")
            assert sorted(consumer.entries()) == [f"CREATE {{ROOT}}/a/g", f"CREATE {{ROOT}}/b/g"]
            os.mkdir(ROOT + "/b/e")
            assert sorted(consumer.entries()) == [f"CREATE,ISDIR {{ROOT}}/a/e", f"CREATE,ISDIR {{ROOT}}/b/e"]
            os.rename(ROOT + "/a/d", ROOT + "/a/e/d")
            assert sorted(consumer.entries()) == sorted(
                line for top in (ROOT + "/a", ROOT + "/b")
                for line in (f"MOVED_FROM,ISDIR {{top}}/d", f"MOVED_TO,ISDIR {{top}}/e/d (from {{top}}/d)")
            )
            os.unlink(ROOT + "/b/e/d/f")
            assert sorted(consumer.entries()) == [f"DELETE {{ROOT}}/{{top}}/e/d/f" for top in "ab"]
            consumer.assert_at_rest()
    """)


def test_a_directory_that_is_mounted_at_many_places_is_entered_at_all(run, root):
    """A mount is no link. And one place more costs no look at the others."""
    write_all(root, "d/a/f", "d/b/", *(f"{number}/" for number in range(12)))
    run("""
        from inotify_cffi.tree.disk import Disk
        entered = []
        real = Disk.enter
        def enter(disk, fd, name, *, follow):
            entered.append(name)
            return real(disk, fd, name, follow=follow)
        Disk.enter = enter
        for number in range(11):
            mount("--bind", ROOT + "/d", f"{ROOT}/{number}")
        with Consumer(ROOT, follow_symlinks=True, max_places=1) as consumer:
            assert consumer.stats()["listed"] == 2 + 3 * 12
            assert len(entered) < 2 * 3 * 12
            del entered[:]
            mount("--bind", ROOT + "/d", ROOT + "/11")
            consumer.assert_at_rest()
            assert len(entered) < 2 * 3 * 12
            os.rename(ROOT + "/d/a", ROOT + "/d/b/a")
            tops = [f"{ROOT}/{top}" for top in ("d", *range(12))]
            assert sorted(consumer.entries()) == sorted(
                line for top in tops
                for line in (f"MOVED_FROM,ISDIR {top}/a", f"MOVED_TO,ISDIR {top}/b/a (from {top}/a)")
            )
            write(ROOT + "/3/b/a/g")
            assert sorted(consumer.entries()) == sorted(f"CREATE {top}/b/a/g" for top in tops)
            consumer.assert_at_rest()
    """)


def test_a_bind_mount_comes_and_goes(run, root):
    """Neither is an inotify event."""
    write_all(root, "a/d/f", "b/h")
    run("""
        with Consumer(ROOT) as consumer:
            for _ in range(2):
                mount("--bind", ROOT + "/a", ROOT + "/b")
                consumer.assert_at_rest()
                assert f"{ROOT}/b/d/f" in consumer.snapshot()
                mount("umount", ROOT + "/b")
                consumer.assert_each_directory_reports()
    """)


def test_a_bind_mount_of_what_is_outside(run, root):
    write_all(root, "a/f")
    write_all(root + "-outside", "d/g")
    run("""
        with Consumer(ROOT) as consumer:
            mount("--bind", ROOT + "-outside", ROOT + "/a")
            consumer.assert_each_directory_reports()
            write(ROOT + "-outside/d/h")
            assert consumer.entries() == [f"CREATE {ROOT}/a/d/h"]
            mount("umount", ROOT + "/a")
            consumer.assert_at_rest()
            write(ROOT + "-outside/d/i")
            assert consumer.entries() == []
    """)


@pytest.mark.parametrize("bind", ["--bind", "--rbind"])
@pytest.mark.parametrize("source", ["", "/a"])
def test_a_loop_of_bind_mounts_ends(run, root, bind, source):
    """A directory that is mounted below itself is not entered there."""
    write_all(root, "a/loop/", "a/f")
    run(f"""
        mount({bind!r}, ROOT + {source!r}, ROOT + "/a/loop")
        with Watcher(ROOT) as watcher:
            assert watcher.snapshot() == {{ROOT + "/a": True, ROOT + "/a/f": False, ROOT + "/a/loop": True}}
            write(ROOT + "/a/loop/g")
            top = ROOT + {source!r}
            assert told(watcher) == [f"CREATE {{top}}/g"]
            os.mkdir(ROOT + "/h")
            assert told(watcher) == [f"CREATE,ISDIR {{ROOT}}/h"]
    """)


def test_a_mount_of_what_the_root_is_in_ends(run, root):
    """No mount point, but the root itself is found below the root then."""
    write_all(root, "m/", "d/f")
    run("""
        with Watcher(ROOT) as watcher:
            mount("--bind", os.path.dirname(ROOT), ROOT + "/m")
            watcher.sync(20)
            assert set(watcher.snapshot()) == {ROOT + "/" + name for name in ("m", "m/root", "d", "d/f")}
            mount("umount", ROOT + "/m")
            watcher.sync(20)
            assert set(watcher.snapshot()) == {ROOT + "/" + name for name in ("m", "d", "d/f")}
    """)


def test_a_loop_comes_and_goes(run, root):
    write_all(root, "a/loop/x", "a/f")
    run("""
        with Consumer(ROOT) as consumer:
            mount("--bind", ROOT, ROOT + "/a/loop")
            consumer.sync()
            write(ROOT + "/g")
            consumer.sync()
            mount("umount", ROOT + "/a/loop")
            consumer.assert_each_directory_reports()
    """)


# --- overlapping roots ---


def test_roots_that_overlap_are_each_told(run, root):
    write_all(root, "a/b/")
    run("""
        with Watcher(ROOT, ROOT + "/a") as watcher:
            write(ROOT + "/a/b/f")
            assert told(watcher) == [f"CREATE {ROOT}/a/b/f"] * 2
            write(ROOT + "/g")
            assert told(watcher) == [f"CREATE {ROOT}/g"]
    """)


# --- one file system ---


def test_what_is_mounted_is_not_entered(run, root):
    write_all(root, "a/", "b/")
    run("""
        mount("-t", "tmpfs", "x", ROOT + "/a")
        write_all(ROOT, "a/d/f")
        with Watcher(ROOT, one_file_system=True) as watcher:
            assert watcher.snapshot() == {ROOT + "/a": True, ROOT + "/b": True}
            assert (watcher.stats()["watches"], watcher.unwatched()) == (2, {})
            write(ROOT + "/a/g")
            assert watcher.sync() == []
    """)


def test_what_is_mounted_later_is_left(run, root):
    write_all(root, "a/d/f")
    run("""
        with Watcher(ROOT, one_file_system=True) as watcher:
            mount("-t", "tmpfs", "x", ROOT + "/a")
            write_all(ROOT, "a/e/g")
            assert told(watcher) == [f"DELETE {ROOT}/a/d/f", f"DELETE,ISDIR {ROOT}/a/d"]
            assert (watcher.stats()["watches"], watcher.unwatched()) == (1, {})
    """)


def test_what_is_unmounted_is_entered(run, root):
    write_all(root, "a/d/f")
    run("""
        mount("-t", "tmpfs", "x", ROOT + "/a")
        with Consumer(ROOT, one_file_system=True) as consumer:
            mount("umount", ROOT + "/a")
            assert told(consumer) == [f"CREATE,ISDIR {ROOT}/a/d", f"CREATE {ROOT}/a/d/f"]
            consumer.assert_each_directory_reports()
    """)


def test_a_move_from_another_file_system_is_a_creation(run, root):
    write_all(root, "a/")
    run("""
        mount("-t", "tmpfs", "x", ROOT + "/a")
        write_all(ROOT, "a/d/f")
        with Consumer(ROOT) as consumer:
            shutil.move(ROOT + "/a/d", ROOT + "/d")
            consumer.assert_each_directory_reports()
    """)


def test_a_directory_without_permission_is_mounted_over(run, root):
    """It was not covered, and need not be any more."""
    write_all(root, "a/f")
    run("""
        with Consumer(ROOT, one_file_system=True) as consumer:
            tree = consumer.watcher._tree
            node = tree.ledger.roots[0].children["a"]
            tree._places.go_blind(node, PermissionError(errno.EACCES, "", ROOT + "/a"))
            consumer.sync()
            assert list(consumer.unwatched()) == [ROOT + "/a"]
            mount("-t", "tmpfs", "x", ROOT + "/a")
            consumer.sync()
            assert consumer.unwatched() == {}
    """)


# --- what no event tells ---


@pytest.fixture
def overlay(run, root):
    """Run code in which ``ROOT/over`` is an overlay of ``ROOT/lower``."""
    write_all(root, "lower/a/f", "lower/gone", "upper/", "work/", "over/")
    options = "lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work"
    begin = f"""
        try:
            mount("-t", "overlay", "-o", "{options}".format(ROOT), "x", ROOT + "/over")
        except OSError:
            print("there is none")
            raise SystemExit(0) from None
    """

    def run_there(code):
        if run(begin + code):
            pytest.skip("an overlay can not be mounted here")

    return run_there


def test_what_is_done_in_the_lower_layer_of_an_overlay_is_polled(overlay):
    """With "auto", though what is done through it is told by inotify; a file beside it is not polled."""
    overlay("""
        with Watcher(ROOT, mask=Mask.CREATE | Mask.DELETE | Mask.MODIFY, poll_s="auto") as watcher:
            watcher.sync()
            os.unlink(ROOT + "/lower/gone")
            write(ROOT + "/lower/a/f", "more")
            write(ROOT + "/over/a/g")
            said = [(brief([event])[0], event.cause) for event in watcher.sync()]
            assert (f"DELETE {ROOT}/over/gone", Cause.POLL) in said, said
            assert (f"MODIFY {ROOT}/over/a/f", Cause.POLL) in said, said
            assert (f"CREATE {ROOT}/over/a/g", Cause.KERNEL) in said, said
            assert (f"DELETE {ROOT}/lower/gone", Cause.KERNEL) in said, said
    """)


def test_what_is_done_in_the_lower_layer_of_an_overlay_is_told_by_resync(overlay):
    overlay("""
        with Consumer(ROOT + "/over", mask=Mask.CREATE | Mask.DELETE) as consumer:
            os.unlink(ROOT + "/lower/gone")
            write(ROOT + "/lower/new")
            write(ROOT + "/lower/a/g")
            assert brief(consumer.sync()) == []
            consumer.watcher.resync()
            said = consumer.take(consumer.watcher.sync())
            assert sorted(brief(said)) == [
                f"CREATE {ROOT}/over/a/g", f"CREATE {ROOT}/over/new", f"DELETE {ROOT}/over/gone"
            ]
            assert {event.cause for event in said} == {Cause.RESYNC}
    """)
