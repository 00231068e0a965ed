"""Plain moves: they change and tell what the same moves change and tell one half at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inotify_cffi import Mask
from inotify_cffi.ledger.nodes import Root
from inotify_cffi.ledger.rules import Rules
from inotify_cffi.ledger.storage import LINK
from inotify_cffi.tree.anchors import Followed
from inotify_cffi.tree.disk import Disk
from inotify_cffi.tree.shifts import Shifts
from inotify_cffi.tree.tree import Tree
from tests.helpers.records import packed

FROM, TO, SELF, ISDIR = (int(getattr(Mask, name)) for name in ("MOVED_FROM", "MOVED_TO", "MOVE_SELF", "ISDIR"))
CREATE, DELETE = int(Mask.CREATE), int(Mask.DELETE)

# The directories: the watch of each, the watch of the one that it is in, and its name.
DIRECTORIES = [(2, 1, "a"), (3, 1, "b"), (4, 2, "c"), (5, 4, "d"), (6, 3, "e")]
NAMES = [b"f", b"g", b"\xff", b"a", b"b", b"c", b"d", b"e"]


class NoDisk(Disk):
    """A disk on which nothing can be looked at; the tests give the tree what was read."""

    def __init__(self):
        self.by_path = False
        self._open = {}
        self._kept = {}

    def open_root(self, path):
        raise FileNotFoundError(2, "no such file", path)

    def read(self, records):
        return 0

    def queued(self):
        return 0

    def unwatch(self, wd):
        pass

    def watched(self):
        return []

    def can_be_flagged(self):
        return False


class World:
    """A tree of a root and some directories with a file in each, all watched, which applies what it is given."""

    def __init__(self, given="/r", asked=int(Mask.ALL), *, raw=False, each_move=False, **rules):
        self.tree = Tree(NoDisk())
        ledger = self.tree.ledger
        root = Root(given, "/r", asked=asked, kernel_mask=int(Mask.ALL), rules=Rules(**rules))
        root.raw, root.each_move = raw, each_move
        ledger.add_root(root)
        self.nodes = {1: root}
        for wd, above, name in DIRECTORIES:
            self.nodes[wd] = ledger.create(self.nodes[above], name, is_dir=True)
        for wd, node in self.nodes.items():
            ledger.bind(node, wd)
            if root.rules.tracks_files:
                ledger.create(node, "f", is_dir=False)
        # Nothing is looked at here.
        self.tree._files.rearm = lambda *_: None

    @property
    def queue(self):
        return self.tree._intake.waiting

    def give(self, *raws):
        self.queue.extend(packed(*raws))

    def apply(self, raws):
        self.give(*raws)
        self.tree._turn.begin(None)
        while len(self.queue):
            self.tree._applier.apply(self.queue)
        return self.tree.take()

    def shift(self, *raws):
        """How many raw events are taken as a plain move."""
        self.give(*raws)
        return self.tree._applier._shifts.apply(self.queue)

    def state(self):
        place, doubts = self.tree.ledger.place, self.tree._doubts
        attached = [wd for wd, node in self.nodes.items() if self.tree.ledger.is_attached(node)]
        return (
            self.tree.ledger.snapshot(),
            [(wd, self.nodes[wd].wd, place(self.nodes[wd]).path) for wd in attached],
            [(place(node).path, name) for node, name in doubts._suspects if node.number >= 0],
            [
                [place(node).path for node in batch.marked if node.number >= 0]
                for batch in (doubts.unsure, doubts.stale)
            ],
            self.tree._entries.counts["moves"],
            self.tree._entries._over,
        )


def a_move(wd, name, new_wd, new_name, cookie=7, *, itself=None):
    """What the kernel queues for a move; *itself*: of the directory that is watched as that.

    To move something to where it is does nothing.
    """
    if (wd, name) == (new_wd, new_name):
        return []
    kind = 0 if itself is None else ISDIR
    halves = [(wd, FROM | kind, cookie, name), (new_wd, TO | kind, cookie, new_name)]
    return halves if itself is None else [*halves, (itself, SELF, 0, b"")]


watches = st.integers(1, 7)
names = st.sampled_from(NAMES)
# A move of a directory where it is at first, and where others may have put it since; of a file; half of one; the same
# there and back; and other things.
moves_of_directories = st.sampled_from(DIRECTORIES).flatmap(
    lambda each: st.builds(
        lambda new_wd, name, cookie: a_move(each[1], each[2].encode(), new_wd, name, cookie, itself=each[0]),
        watches,
        names,
        st.integers(1, 9),
    )
)
moves_of_anything = st.builds(
    lambda wd, name, new_wd, new_name, cookie, itself: a_move(wd, name, new_wd, new_name, cookie, itself=itself),
    watches,
    names,
    watches,
    names,
    st.integers(1, 9),
    st.one_of(st.none(), watches),
)
others = st.builds(
    lambda wd, mask, cookie, name: [(wd, mask, cookie, name)],
    watches,
    st.sampled_from([CREATE, DELETE, CREATE | ISDIR, DELETE | ISDIR, FROM, TO, FROM | ISDIR, TO | ISDIR, SELF]),
    st.integers(0, 9),
    st.sampled_from([*NAMES, b""]),
)


def there_and_back(halves):
    if not halves:
        return []
    first, second, *itself = halves
    back = [(second[0], first[1], first[2] + 20, second[3]), (first[0], second[1], first[2] + 20, first[3])]
    return [*halves, *back, *itself]


steps = st.one_of(
    moves_of_directories,
    moves_of_anything,
    others,
    st.one_of(moves_of_directories, moves_of_anything).map(there_and_back),
)


def with_own_cookies(parts):
    """The raw events of all parts; no cookie comes twice, as the kernel counts them."""
    return [
        (wd, mask, cookie and cookie + 40 * number, name)
        for number, part in enumerate(parts)
        for wd, mask, cookie, name in part
    ]


raws = st.lists(steps, max_size=12).map(with_own_cookies)


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"exclude": ("g",)},
        {"include": ("g", "a")},
        {"tracks_files": False},
        {"max_depth": 2},
        {"follow_symlinks": True},
        {"raw": True},
        {"each_move": True},
    ],
    ids=lambda rules: ", ".join(rules) or "all",
)
@given(
    raws=raws,
    given_as=st.sampled_from(["/r", b"/r", "/r/", b"/"]),
    asked=st.sampled_from([int(Mask.ALL), FROM, TO, CREATE]),
)
def test_a_plain_move_does_what_its_halves_do(rules, raws, given_as, asked):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shifts, "apply", lambda *_: 0)
        reference = World(given_as, asked, **rules)
        expected = reference.apply(raws)
    world = World(given_as, asked, **rules)
    told = world.apply(raws)
    assert told == expected
    assert [(event.watch_path, event.name) for event in told] == [
        (event.watch_path, event.name) for event in expected
    ]
    assert world.state() == reference.state()


def test_most_moves_are_plain(monkeypatch):
    """Or all of this would be for nothing."""
    world = World()
    monkeypatch.setattr(world.tree._applier, "_apply", None)
    told = world.apply(
        [
            *a_move(2, b"f", 2, b"g", 1),
            *a_move(2, b"g", 6, b"g", 2),
            *a_move(2, b"c", 3, b"x", 3, itself=4),
            *a_move(3, b"x", 3, b"y", 4, itself=4),
            (4, CREATE, 0, b"new"),
            *a_move(4, b"new", 4, b"newer", 5),
        ]
    )
    assert [(event.path, event.moved_from) for event in told] == [
        ("/r/a/f", None),
        ("/r/a/g", "/r/a/f"),
        ("/r/a/g", None),
        ("/r/b/e/g", "/r/a/g"),
        ("/r/a/c", None),
        ("/r/b/x", "/r/a/c"),
        ("/r/b/x", None),
        ("/r/b/y", "/r/b/x"),
        ("/r/b/y/new", None),
        ("/r/b/y/new", None),
        ("/r/b/y/newer", "/r/b/y/new"),
    ]


A_FILE = a_move(2, b"f", 3, b"g")
A_DIRECTORY = a_move(2, b"c", 3, b"g", itself=4)

NOT_PLAIN = {
    "its second half is not there yet": A_FILE[:1],
    "something stands between the halves": [A_FILE[0], (6, CREATE, 0, b"x"), A_FILE[1]],
    "its halves have different cookies": [A_FILE[0], (3, TO, 8, b"g")],
    "its halves are of different kinds": [A_FILE[0], (3, TO | ISDIR, 7, b"g")],
    "the ledger does not have it": a_move(2, b"x", 3, b"g"),
    "the ledger has another kind there": a_move(2, b"c", 3, b"g"),
    "something is at the target": a_move(2, b"f", 3, b"f"),
    "it comes from where nothing is watched": a_move(9, b"f", 3, b"g"),
    "it goes to where nothing is watched": a_move(2, b"f", 9, b"g"),
    "its names are very long": a_move(2, b"f", 3, b"g" * 600),
    "it does not say so itself": A_DIRECTORY[:2],
    "another one says so": [*A_DIRECTORY[:2], (5, SELF, 0, b"")],
    "it goes into itself": a_move(2, b"c", 5, b"g", itself=4),
    "it may be an exchange": [*A_DIRECTORY, *a_move(3, b"g", 2, b"c", 8)],
    "it may be an exchange, and others have queued something": [
        *A_DIRECTORY,
        (6, CREATE, 0, b"x"),
        *a_move(3, b"g", 2, b"c", 8),
    ],
}


@pytest.mark.parametrize("moves", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_a_move_is_not_plain_if(moves):
    assert World().shift(*moves) == 0


@pytest.mark.parametrize(("moves", "count"), [(A_FILE, 2), (A_DIRECTORY, 3)], ids=["a file", "a directory"])
def test_a_plain_move_takes_all_that_is_said_of_it(moves, count):
    world = World()
    assert world.shift(*moves, *a_move(2, b"other", 3, b"another", 8)) == count
    assert len(world.queue) == 2


def test_of_another_root_a_move_is_not_plain():
    world = World()
    other = Root("/s", "/s", asked=int(Mask.ALL), kernel_mask=int(Mask.ALL), rules=Rules())
    world.tree.ledger.add_root(other)
    world.tree.ledger.bind(other, 20)
    assert world.shift(*a_move(2, b"f", 20, b"g")) == 0


@pytest.mark.parametrize("wd", [2, 3, 4], ids=["the source", "the target", "what is moved"])
def test_of_an_inode_at_two_places_a_move_is_not_plain(wd):
    world = World()
    other = world.tree.ledger.create(world.nodes[6], "other", is_dir=True)
    world.tree.ledger.bind(other, wd)
    assert world.shift(*A_DIRECTORY) == 0


def test_of_a_link_that_is_followed_a_move_is_not_plain():
    world = World()
    world.tree.ledger.memory.mark(world.nodes[4].number, LINK, is_set=True)
    assert world.shift(*A_DIRECTORY) == 0


def one_that_was_taken(world):
    world.queue.take(0)


REMEMBERED = {
    "when a directory was bound": lambda world: world.tree._moments.bound(world.nodes[6]),
    "when many were bound": lambda world: world.tree._moments.bound_at_once(30, 40),
    "what was put off": lambda world: world.tree._moments._put_off.update({world.nodes[6]: None}),
    "what was listed too early": lambda world: world.tree._moments._unlisted.update({world.nodes[6]: 0}),
    "a crawl": lambda world: world.tree._crawls._under_way.append(None),
    "what was counted": lambda world: world.tree._fences.counted(),
    "what is to be listed": lambda world: world.tree._doubts.doubt(world.nodes[6], relist=True),
    "a way to a root": lambda world: world.tree._anchors.note(2, world.nodes[1], "f"),
    "a link to a file": lambda world: world.tree._files.links._files.update(
        {world.nodes[6]: {"f": Followed(world.nodes[6], "f")}}
    ),
    "what files were": lambda world: setattr(world.tree._ground, "stamps", object()),
    "a file that was moved over another one": lambda world: setattr(
        world.tree._entries, "_over", (2, "f", 3, "g")
    ),
    "a place where names fold": lambda world: setattr(world.tree._ground.mounted, "_folding", {"/": 1}),
    "that its first half was taken": one_that_was_taken,
}


@pytest.mark.parametrize("remember", REMEMBERED.values(), ids=REMEMBERED)
@pytest.mark.parametrize("moves", [A_FILE, A_DIRECTORY], ids=["a file", "a directory"])
def test_no_move_is_plain_while_something_is_remembered(remember, moves):
    world = World()
    world.give(*moves)
    remember(world)
    assert world.shift() == 0


@pytest.mark.one_turn("a move is applied in one turn")
@pytest.mark.parametrize("moves", [A_FILE, A_DIRECTORY], ids=["a file", "a directory"])
@pytest.mark.parametrize(
    "where", ["_teller._tell", "_teller._made", "ledger.graft", "_doubts.suspect", "queue.done"]
)
@pytest.mark.parametrize("moment", ["before", "behind"])
def test_a_plain_move_that_is_interrupted_is_told_once(monkeypatch, moves, where, moment):
    world = World()
    *way, name = where.split(".")
    owner = world.queue if way == ["queue"] else getattr(world.tree, way[0])
    verb = getattr(owner, name)

    def interrupted(*arguments, **options):
        monkeypatch.undo()
        if moment == "behind":
            verb(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, name, interrupted)
    world.give(*moves)
    world.tree._turn.begin(None)
    world.tree.is_whole = False
    with pytest.raises(KeyboardInterrupt):
        world.tree._applier.apply(world.queue)
    world.tree.make_good()
    while len(world.queue) or world.tree._applier.is_busy:
        world.tree._applier.apply(world.queue)
    told = [(event.path, event.moved_from, event.synthetic) for event in world.tree.take()]
    old, new = ("/r/a/f", "/r/b/g") if moves is A_FILE else ("/r/a/c", "/r/b/g")
    assert told == [(old, None, False), (new, old, False)]
