"""Runs of plain events: they change and tell what the same events change and tell one at a time."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inotify_cffi import Mask, plain
from inotify_cffi._syscalls import Columns
from inotify_cffi.ledger import Root
from inotify_cffi.rules import Rules
from inotify_cffi.scan import Disk
from inotify_cffi.tree import Tree

RUNS = [plain.by_columns, plain.one_by_one]
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

    def __init__(self, given="/r", asked=int(Mask.ALL), **rules):
        self.tree = Tree(NoDisk())
        ledger = self.tree.ledger
        root = Root(given, "/r", asked=asked, kernel_mask=int(Mask.ALL), rules=Rules(**rules))
        ledger.roots.append(root)
        self.nodes = [root, *(ledger.create(root, name, is_dir=True) for name in ("a", "b"))]
        for wd, node in enumerate(self.nodes, 1):
            ledger.bind(node, wd)

    def apply(self, raws):
        names = b"".join(name + b"\0" for _, _, name in raws)
        wds, masks = [wd for wd, _, _ in raws], [int(mask) for _, mask, _ in raws]
        self.tree._intake.waiting.extend(Columns(wds, masks, [0] * len(raws), names, 1))
        self.tree._apply_all()
        return self.tree.take()

    def state(self):
        return self.tree.ledger.snapshot()


@pytest.fixture(params=RUNS, ids=lambda run: run.__name__)
def run(request, monkeypatch):
    """Each way to apply a run."""
    use(monkeypatch, request.param)
    return request.param


def use(monkeypatch, function):
    monkeypatch.setattr(plain, "by_columns", function)
    monkeypatch.setattr(plain, "one_by_one", function)


def none(_ledger, _teller, _anchors, _queue, _count):
    """No run at all: each event is applied by itself."""
    return 0


raws = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.sampled_from([*FILE_MASKS, int(Mask.CREATE | Mask.ISDIR), int(Mask.DELETE | Mask.ISDIR), 0]),
        st.sampled_from([b"f", b"g", b"\xff", b"a", b""]),
    ),
    max_size=40,
)
ASKED = [int(Mask.ALL), int(Mask.CLOSE_WRITE | Mask.CREATE), int(Mask.MODIFY)]


@pytest.mark.parametrize("function", RUNS)
@pytest.mark.parametrize(
    "rules", [{}, {"exclude": ("g",)}, {"only": frozenset(["f"])}], ids=["all", "some", "one"]
)
@given(raws=raws, given_as=st.sampled_from(["/r", b"/r"]), asked=st.sampled_from(ASKED), chunk=st.integers(1, 300))
def test_a_run_does_what_its_events_do_one_at_a_time(function, rules, raws, given_as, asked, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "CHUNK", chunk)
        use(patch, none)
        reference = World(given_as, asked, **rules)
        expected = reference.apply(raws)
        use(patch, function)
        world = World(given_as, asked, **rules)
        told = world.apply(raws)
    assert told == expected
    assert list(map(type, told)) == list(map(type, expected))
    assert world.state() == reference.state()


def test_plain_events_are_applied_in_one_run(run, monkeypatch):
    """Or all of this would be for nothing."""
    world = World()
    monkeypatch.setattr(world.tree, "_apply", None)
    told = world.apply(
        [(2, Mask.CREATE, b"f"), (3, Mask.CREATE, b"f"), (2, Mask.MODIFY, b"f"), (2, Mask.DELETE, b"f")]
    )
    assert [(event.path, event.names) for event in told] == [
        ("/r/a/f", ["CREATE"]),
        ("/r/b/f", ["CREATE"]),
        ("/r/a/f", ["MODIFY"]),
        ("/r/a/f", ["DELETE"]),
    ]


def test_the_way_to_a_root_is_not_passed_over(run, monkeypatch):
    """A watch may be of a directory of the tree and of one on the way to a root that is waited for."""
    world = World()
    world.tree._anchors._names[2] = set()
    heard = []
    monkeypatch.setattr(world.tree._anchors, "heard", heard.append)
    world.apply([(2, Mask.CREATE, b"f")])
    assert [raw.name for raw in heard] == ["f"]


def test_a_path_is_that_of_now_after_a_directory_moved(run):
    world = World()
    world.apply([(2, Mask.CREATE, b"f")])
    ledger = world.tree.ledger
    ledger.graft(world.nodes[0], "a", world.nodes[2], "c")
    assert [event.path for event in world.apply([(2, Mask.MODIFY, b"f")])] == ["/r/b/c/f"]


def test_an_inode_at_two_places_is_told_at_both(run):
    world = World()
    world.apply([(2, Mask.CREATE, b"f")])
    world.tree.ledger.bind(world.nodes[2], 2)
    told = world.apply([(2, Mask.CREATE, b"g")])
    assert [event.path for event in told] == ["/r/a/g", "/r/b/g"]
    world.tree.ledger.unbind(world.nodes[2])
    assert [event.path for event in world.apply([(2, Mask.CREATE, b"h")])] == ["/r/a/h"]


def test_what_was_applied_before_an_interruption_is_told(run, monkeypatch):
    world = World()

    class Interrupting(dict):
        def __contains__(self, name):
            if name == "third":
                raise KeyboardInterrupt
            return super().__contains__(name)

    world.nodes[1].children = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        world.apply([(2, Mask.CREATE, name) for name in (b"first", b"second", b"third")])
    assert [event.name for event in world.tree.take()] == list(world.nodes[1].children) == ["first", "second"]
    assert len(world.tree._intake.waiting) == 1


def test_a_bound_of_events_is_kept(run):
    world = World()
    names = b"".join(os.fsencode(f"{number}") + b"\0" for number in range(600))
    world.tree._intake.waiting.extend(Columns([2] * 600, [int(Mask.CREATE)] * 600, [0] * 600, names, 1))
    counts = []
    while len(world.tree._intake.waiting):
        world.tree._apply_all(270)
        counts.append(len(world.tree.take()))
    assert counts == [270, 270, 60]
