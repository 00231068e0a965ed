"""Deep trees: to go through one costs the same for each directory, however deep it is."""

from __future__ import annotations

import os
import subprocess

import pytest
from consumer import Consumer, before, write_all

from inotify_cffi import Watcher
from inotify_cffi.tree.crawl import Crawler
from inotify_cffi.tree.crawls import WAY_BACK
from inotify_cffi.tree.disk import Disk
from tests.helpers.slices import short_turns
from tests.stress import oracles

DEEP = 300
NAME = "d"
# In such a chain of that depth paths are longer than PATH_MAX: no oracle can look at what is there by path.
LONG_NAME = "d" * 20


def nothing(fd):
    """Have nothing beside the next directory."""


def leaves(fd):
    for name in "az":
        os.mkdir(name, dir_fd=fd)


@pytest.fixture
def entered(monkeypatch):
    """The names by which directories were opened one at a time. No turn ends: how many there are goes by the time."""
    monkeypatch.setattr(Disk, "is_over", lambda _disk, _share: False)
    names = []
    real = Disk.enter

    def enter(disk, fd, name, *, follow):
        names.append(name)
        return real(disk, fd, name, follow=follow)

    monkeypatch.setattr(Disk, "enter", enter)
    return names


@pytest.fixture
def chain(root):
    """Make a directory in another one, and so on, and more in each; removed as no path could do it."""

    def chain(more=nothing, *, name=LONG_NAME, top=root):
        fd = os.open(top, os.O_RDONLY)
        for _ in range(DEEP):
            more(fd)
            os.mkdir(name, dir_fd=fd)
            below = os.open(name, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        fds.append(fd)
        return fd

    fds = []
    yield chain
    for fd in fds:
        os.close(fd)
    subprocess.run(["rm", "-rf", root], check=True)


def link_to_itself(fd):
    os.symlink(".", "link", dir_fd=fd)


# --- the start ---


@pytest.mark.parametrize(
    "options", [{}, {"track": "directories"}, {"existing": True}, {"max_depth": 2 * DEEP}], ids=str
)
@pytest.mark.parametrize("more", [nothing, leaves])
def test_a_deep_chain_is_listed_in_steps_that_do_not_grow_with_its_depth(root, chain, entered, options, more):
    chain(more)
    with Watcher(root, **options) as watcher:
        listed = watcher.stats()["listed"]
        assert listed == 1 + DEEP * (3 if more is leaves else 1)
        assert len(entered) < 2 * listed


def test_links_in_a_deep_chain_are_entered_in_steps_that_do_not_grow_with_its_depth(root, outside, chain, entered):
    """Each leads to another directory, so one has to come back from there each time."""
    numbers = iter(range(DEEP))

    def link_out(fd):
        path = f"{outside}/{next(numbers)}"
        os.makedirs(path + "/below")
        os.symlink(path, "link", dir_fd=fd)

    chain(link_out)
    with Watcher(root, follow_symlinks=True) as watcher:
        listed = watcher.stats()["listed"]
        assert listed == 1 + 3 * DEEP
        assert len(entered) < 3 * listed


def test_loops_in_a_deep_chain_are_known_in_steps_that_do_not_grow_with_its_depth(root, chain, entered):
    chain(link_to_itself)
    with Watcher(root, follow_symlinks=True) as watcher:
        assert watcher.stats()["listed"] == 1 + DEEP
        assert watcher.unwatched() == {}
        assert len(entered) < 4 * DEEP


def test_a_crawl_holds_no_more_descriptors_in_a_deep_tree(root, chain, monkeypatch):
    """32, what is being entered, and the directory that it may go on from."""
    chain(leaves)
    held = []
    real = Disk.watch

    def watch(disk, fd, mask):
        held.append(len(disk._open))
        return real(disk, fd, mask)

    monkeypatch.setattr(Disk, "watch", watch)
    for options in {}, {"existing": True}:
        with Watcher(root, **options) as watcher:
            assert not watcher._disk._open
    assert 3 < max(held) <= 34


def test_of_places_that_no_path_leads_to_only_the_last_is_kept(root, chain):
    """All paths of a deep chain take memory by the square of its depth."""
    chain(leaves)
    with Watcher(root, existing=True) as watcher:
        ledger = watcher._tree.ledger
        nodes = list(ledger.subtree(ledger.roots[0]))
        assert max(len(ledger.place(node).path) for node in nodes) > 6000
        assert max(len(node.place.path) for node in nodes if node.place is not None) <= 4096


# --- later ---


@pytest.mark.parametrize("track", ["entries", "directories"])
def test_a_deep_chain_is_moved_in_and_out_in_steps_that_do_not_grow_with_its_depth(
    root, outside, chain, entered, track
):
    chain(leaves, name=NAME, top=outside)
    with Watcher(root, track=track) as watcher:
        os.rename(f"{outside}/d", f"{root}/d")
        told = watcher.sync()
        assert len(told) == 1 + 3 * (DEEP - 1)
        os.rename(f"{root}/d", f"{outside}/d")
        assert len(watcher.sync()) == len(told)
        assert len(entered) < 4 * len(told)


@pytest.mark.parametrize("track", ["entries", "directories"])
def test_a_deep_chain_is_compared_in_steps_that_do_not_grow_with_its_depth(root, chain, entered, track):
    chain(leaves)
    with Watcher(root, track=track) as watcher:
        del entered[:]
        watcher._tree.distrust()
        watcher.sync()
        assert len(entered) < 6 * DEEP
        assert len(watcher.snapshot()) == 3 * DEEP


def test_a_link_to_a_deep_chain_is_entered_in_steps_that_do_not_grow_with_its_depth(root, chain, entered):
    """Nobody looks whether all that is at another place by now is still where it was."""
    chain()
    with Watcher(root, follow_symlinks=True) as watcher:
        del entered[:]
        os.symlink(LONG_NAME, f"{root}/link")
        assert len(watcher.sync()) == DEEP
        assert len(entered) < 2 * DEEP


def test_what_happens_at_the_bottom_of_a_deep_chain_is_looked_at_from_there(root, chain, entered):
    """From the root once for each batch."""
    bottom = chain(name=NAME)
    with Consumer(root) as consumer:
        del entered[:]
        for number in range(200):
            os.mkdir(f"{number}", dir_fd=bottom)
            os.rename(f"{number}", f"{number} renamed", src_dir_fd=bottom, dst_dir_fd=bottom)
        consumer.sync()
        assert len(entered) < 10 * 200 + 10 * DEEP
        consumer.assert_each_directory_reports()


def test_no_descriptor_is_left_open_by_a_look(root, chain):
    bottom = chain(name=NAME)
    with Watcher(root) as watcher:
        os.mkdir("new", dir_fd=bottom)
        watcher.sync()
        assert not watcher._disk._open
        os.rmdir("new", dir_fd=bottom)
        watcher.read(0)
        assert not watcher._disk._open
        watcher._tree.distrust()
        watcher.sync()
        assert not watcher._disk._open


# --- the way back up ---


@pytest.fixture
def one_open(monkeypatch):
    """Directories that a crawl is in are closed at once, and found again by the way back."""
    monkeypatch.setattr(Crawler, "_enter_at_once", lambda *_: 0)
    monkeypatch.setattr("inotify_cffi.tree.crawl.MOST_OPEN", 1)
    monkeypatch.setattr("inotify_cffi.tree.atonce.MOST_OPEN", 1)


@pytest.mark.one_turn("the crawl comes back in the turn in which it went")
@pytest.mark.usefixtures("one_open")
@pytest.mark.parametrize("where", ["a/b/c", "a/b", "a"])
def test_a_directory_is_moved_out_right_before_a_crawl_comes_back_from_it(root, outside, where):
    """What is above by "..", then, is the ledger's directory or not: nothing outside is told, or watched in the end."""
    write_all(outside, "secret/f")
    write_all(root, "1/2/3/4/")
    write_all(outside, *(f"in/a/b/c/{name}/g" for name in "xyz"), *(f"in/a/{name}/h/" for name in "xyz"))
    with Consumer(root) as consumer:
        top = f"{root}/1/2/3/4/in"
        os.rename(f"{outside}/in", top)
        before(
            consumer.watcher._disk,
            "enter",
            lambda: os.rename(f"{top}/{where}", f"{outside}/secret/moved"),
            when=lambda fd, name: name == "..",
        )
        told = consumer.sync()
        assert os.path.isdir(f"{outside}/secret/moved")
        assert not [event for event in told if "secret" in event.path or event.path.endswith("/f")]
        consumer.assert_each_directory_reports()


@pytest.mark.usefixtures("one_open")
def test_a_crawl_comes_back_through_a_link_by_its_place(root, outside, entered):
    """From behind a link ".." leads elsewhere."""
    write_all(outside, "a/b/c/d/f", "a/e/g", "above/")
    write_all(root, "1/2/3/4/z/")
    os.symlink(f"{outside}/a", f"{root}/1/2/3/4/link")
    with Watcher(root, follow_symlinks=True) as watcher:
        found, wrong = oracles.followed(root, 8, watcher.unwatched())
        assert (watcher.snapshot(), wrong) == (found, [])
        assert not [path for path in found if "above" in path]


def test_a_directory_that_may_not_be_searched_is_left_by_the_way_from_the_root(unprivileged, root):
    """It has no ".." for us; what is beside it is found all the same."""
    write_all(root, *(f"1/2/3/a/{name}/b/" for name in "xyz"))
    for name in "xyz":
        os.chmod(f"{root}/1/2/3/a/{name}", 0o400)
    try:
        told = unprivileged(
            """
            import os, sys
            from inotify_cffi import Watcher
            from inotify_cffi.tree import atonce, crawl
            crawl.MOST_OPEN = atonce.MOST_OPEN = 1
            with Watcher(sys.argv[1], existing=True) as watcher:
                print(len(watcher.snapshot()), sorted(map(os.path.basename, watcher.unwatched())))
            """,
            root,
        )
    finally:
        for name in "xyz":
            os.chmod(f"{root}/1/2/3/a/{name}", 0o700)
    assert told == "10 ['b', 'b', 'b']\n"


@pytest.mark.parametrize("track", ["entries", "directories"])
def test_however_short_the_turns_are_a_directory_costs_the_same_at_any_depth(root, outside, chain, entered, track):
    """The way back to where a crawl was is paid by what is entered before the next look at the clock."""
    chain(leaves, name=NAME, top=outside)
    with Watcher(root, track=track) as watcher, short_turns():
        os.rename(f"{outside}/d", f"{root}/d")
        told = watcher.sync()
        assert len(told) == 1 + 3 * (DEEP - 1)
        assert len(entered) < 3 * WAY_BACK * len(told)
