"""Runs of plain events: they change and tell what the same events change and tell one at a time."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inotify_cffi import Mask
from inotify_cffi.ledger import storage
from inotify_cffi.ledger.nodes import Root
from inotify_cffi.ledger.rules import Rules
from inotify_cffi.tree import apply
from inotify_cffi.tree.disk import Disk
from inotify_cffi.tree.plain import Plain
from inotify_cffi.tree.tree import Tree
from tests.helpers.records import packed

FILE_MASKS = [
    int(mask)
    for mask in (
        Mask.CREATE,
        Mask.DELETE,
        Mask.MODIFY,
        Mask.ATTRIB,
        Mask.MODIFY | Mask.ATTRIB,
        Mask.CLOSE_WRITE,
        Mask.OPEN,
        Mask.ACCESS,
    )
]

DIRECTORY_MASKS = [
    int(mask)
    for mask in (
        Mask.CREATE | Mask.ISDIR,
        Mask.DELETE | Mask.ISDIR,
        Mask.DELETE_SELF,
        Mask.MOVE_SELF,
        Mask.DELETE_SELF | Mask.ISDIR,
        Mask.ATTRIB | Mask.ISDIR,
    )
]


class NoDisk(Disk):
    """A disk on which nothing can be looked at; the tests give the tree what was read."""

    def __init__(self):
        self.by_path = False
        self._open = set()

    def queued(self):
        return 0

    def unwatch(self, wd):
        pass


class World:
    """A tree of a root and two directories in it, all watched, which applies what it is given."""

    def __init__(self, given="/r", asked=int(Mask.ALL), *, fresh=False, **rules):
        self.tree = Tree(NoDisk())
        ledger = self.tree.ledger
        root = Root(given, "/r", asked=asked, kernel_mask=int(Mask.ALL), rules=Rules(**rules))
        ledger.add_root(root)
        self.nodes = [root, *(ledger.create(root, name, is_dir=True) for name in ("a", "b"))]
        for wd, node in enumerate(self.nodes, 1):
            ledger.bind(node, wd)
            node.fresh = fresh
        # Nothing is forgotten here, and nothing is looked at.
        self.tree._fences.pass_by = lambda *_: None
        self.tree._files.rearm = lambda *_: None

    def apply(self, raws):
        self.tree._intake.waiting.extend(packed(*((wd, mask, 0, name) for wd, mask, name in raws)))
        self.tree._applier.apply(self.tree._intake.waiting)
        return self.tree.take()

    def state(self):
        return self.tree.ledger.snapshot(), [list(node.children) for node in self.nodes]


raws = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.sampled_from([*FILE_MASKS, *DIRECTORY_MASKS, 0]),
        # Two are of one length and end alike.
        st.sampled_from([b"f", b"g", b"\xff", b"a", b"", b"1-like", b"2-like"]),
    ),
    max_size=40,
)
ASKED = [int(Mask.ALL), int(Mask.CLOSE_WRITE | Mask.CREATE), int(Mask.MODIFY)]


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"exclude": ("g",)},
        {"only": frozenset(["f"])},
        {"tracks_files": False},
        {"tracks_files": False, "fresh": True},
    ],
    ids=["all", "some", "one", "directories", "fresh directories"],
)
@given(
    raws=raws,
    given_as=st.sampled_from(["/r", b"/r", "/r/", b"/"]),
    asked=st.sampled_from(ASKED),
    most=st.integers(1, 50),
    room=st.integers(1, 300),
)
def test_a_run_does_what_its_events_do_one_at_a_time(rules, raws, given_as, asked, most, room):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Plain, "apply", lambda *_arguments, ends: 0)
        reference = World(given_as, asked, **rules)
        expected = reference.apply(raws)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "MOST_TOLD", most)
        patch.setattr(storage, "PATHS_ROOM", room)
        world = World(given_as, asked, **rules)
    told = world.apply(raws)
    assert told == expected
    assert [(event.watch_path, event.name) for event in told] == [
        (event.watch_path, event.name) for event in expected
    ]
    assert list(map(type, told)) == list(map(type, expected))
    assert world.state() == reference.state()


@pytest.mark.parametrize("given", ["/r", b"/r"])
def test_events_of_one_file_share_its_path_and_its_name(given):
    """Also if others stand in between; of files in two directories that are called alike the name is theirs."""
    told = World(given).apply([(wd, mask, b"a file") for mask in (Mask.CREATE, Mask.OPEN) for wd in (2, 3)])
    first, other, second, _ = told
    assert first.path is second.path
    assert first.name is second.name
    assert (os.fsdecode(first.path), os.fsdecode(first.name)) == ("/r/a/a file", "a file")
    assert (os.fsdecode(other.path), os.fsdecode(other.name)) == ("/r/b/a file", "a file")


def test_plain_events_are_applied_in_one_run(monkeypatch):
    """Or all of this would be for nothing."""
    world = World()
    monkeypatch.setattr(world.tree._applier, "_apply", None)
    told = world.apply(
        [(2, Mask.CREATE, b"f"), (3, Mask.CREATE, b"f"), (2, Mask.MODIFY, b"f"), (2, Mask.DELETE, b"f")]
    )
    assert [(event.path, event.names) for event in told] == [
        ("/r/a/f", ("CREATE",)),
        ("/r/b/f", ("CREATE",)),
        ("/r/a/f", ("MODIFY",)),
        ("/r/a/f", ("DELETE",)),
    ]


def test_where_files_are_not_tracked_no_name_is_kept(monkeypatch):
    world = World(tracks_files=False)
    monkeypatch.setattr(world.tree._applier, "_apply", None)
    told = world.apply(
        [(2, Mask.DELETE, b"f"), (2, Mask.CREATE, b"f"), (2, Mask.OPEN, b"f"), (2, Mask.MODIFY, b"g")]
    )
    assert [event.names for event in told] == [("DELETE",), ("CREATE",), ("OPEN",), ("MODIFY",)]
    assert world.tree.ledger.memory.count(world.nodes[1].number) == 0


def test_the_way_to_a_root_is_not_passed_over(monkeypatch):
    """A watch may be of a directory of the tree and of one on the way to a root that is waited for."""
    world = World()
    world.tree._anchors._names[2] = set()
    heard = []
    monkeypatch.setattr(world.tree._anchors, "heard", heard.append)
    world.apply([(2, Mask.CREATE, b"f")])
    assert [raw.name for raw in heard] == ["f"]


def test_a_path_is_that_of_now_after_a_directory_moved():
    world = World()
    world.apply([(2, Mask.CREATE, b"f")])
    ledger = world.tree.ledger
    ledger.graft(world.nodes[0], "a", world.nodes[2], "c")
    assert [event.path for event in world.apply([(2, Mask.MODIFY, b"f")])] == ["/r/b/c/f"]


def test_an_inode_at_two_places_is_told_at_both():
    world = World()
    world.apply([(2, Mask.CREATE, b"f")])
    world.tree.ledger.bind(world.nodes[2], 2)
    told = world.apply([(2, Mask.CREATE, b"g")])
    assert [event.path for event in told] == ["/r/a/g", "/r/b/g"]
    world.tree.ledger.unbind(world.nodes[2])
    assert [event.path for event in world.apply([(2, Mask.CREATE, b"h")])] == ["/r/a/h"]


@pytest.mark.one_turn("a run ends after one event")
@pytest.mark.parametrize("moment", ["before it is told", "behind"])
def test_what_was_applied_before_an_interruption_is_told_once(monkeypatch, moment):
    world = World()
    tell, count = world.tree._teller.tell_behind, world.tree.ledger.memory.count

    def interrupted(*arguments):
        monkeypatch.undo()
        if moment == "behind":
            tell(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(world.tree._teller, "tell_behind", interrupted)
    with pytest.raises(KeyboardInterrupt):
        world.apply([(2, Mask.CREATE, name) for name in (b"first", b"second")])
    assert count(world.nodes[1].number) == 2
    world.tree.distrust()
    assert [event.name for event in world.tree.take()] == ["first", "second"]
    assert world.tree.take() == []


def test_a_run_is_divided_where_its_time_is_over(monkeypatch):
    world = World()
    raws = [(2, int(Mask.CREATE), 0, b"%d" % number) for number in range(600)]
    waiting = world.tree._intake.waiting
    waiting.extend(packed(*raws))
    monkeypatch.setattr(apply, "PLAIN_RUN", 270)
    counts = []
    while len(waiting):
        world.tree._turn.begin(0.0)
        world.tree._applier.apply(waiting)
        counts.append(len(world.tree.take()))
    assert counts == [270, 270, 60]


def test_what_the_directory_above_says_as_well_is_not_told(monkeypatch):
    """Of a directory below a root the entry is told; of the root itself nobody else says that it is gone."""
    world = World()
    applied = []
    monkeypatch.setattr(world.tree._applier, "_apply", lambda raw: applied.append(raw) or True)
    world.apply([(2, Mask.DELETE_SELF, b""), (3, Mask.MOVE_SELF, b""), (1, Mask.DELETE_SELF, b"")])
    assert [(raw.wd, raw.mask) for raw in applied] == [(1, Mask.DELETE_SELF)]
