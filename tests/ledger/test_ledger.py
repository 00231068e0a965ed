"""The ledger: pure bookkeeping of places, watch descriptors and what the consumer was told."""

import os

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inotify_cffi import LedgerError
from inotify_cffi.ledger.ledger import Ledger
from inotify_cffi.ledger.nodes import NO_WD, Node, Root
from inotify_cffi.ledger.rules import Rules
from tests.helpers import reference


def root_of(ledger, given="/r"):
    root = Root(given, os.path.join("/", os.fsdecode(given)), asked=1, kernel_mask=1, rules=Rules())
    ledger.add_root(root)
    return root


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def root(ledger):
    return root_of(ledger)


# --- places ---


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/r", "/r/a/b"),
        ("/r/", "/r/a/b"),
        ("/", "/a/b"),
        (".", "./a/b"),
        (b"/r", b"/r/a/b"),
        (b"/\xff", b"/\xff/a/b"),
        (b"/", b"/a/b"),
    ],
)
def test_a_path_begins_with_the_root_as_it_was_given(ledger, given, path):
    root = root_of(ledger, given)
    node = ledger.create(ledger.create(root, "a", is_dir=True), "b", is_dir=True)
    assert ledger.place(node).path == path
    assert ledger.place(root).path == given


@pytest.mark.parametrize(("given", "prefix"), [("/r", "/r/"), ("/r/", "/r/"), ("/", "/"), (b"/r", b"/r/")])
def test_the_prefix_of_a_root_makes_paths_of_its_entries(ledger, given, prefix):
    assert ledger.place(root_of(ledger, given)).prefix == prefix


def test_a_move_changes_all_paths_below(ledger, root):
    a, b = (ledger.create(root, name, is_dir=True) for name in "ab")
    deep = ledger.create(ledger.create(a, "c", is_dir=True), "d", is_dir=True)
    assert ledger.place(deep).path == "/r/a/c/d"
    ledger.graft(root, "a", b, "x")
    assert ledger.place(deep).path == "/r/b/x/c/d"


def test_a_move_touches_no_node_below(ledger, root):
    """A rename is one re-link: what is below keeps its parent, its name and its watch."""
    a = ledger.create(root, "a", is_dir=True)
    child = ledger.create(a, "c", is_dir=True)
    ledger.bind(child, 3)
    ledger.graft(root, "a", root, "z")
    assert (child.parent, child.name, child.wd, ledger.owner(3)) == (a, "c", 3, child)


def test_a_name_that_begins_like_another_is_not_below_it(ledger, root):
    a, ab = (ledger.create(root, name, is_dir=True) for name in ("a", "ab"))
    assert not ledger.is_within(ab, a)
    assert ledger.is_within(a, a)
    assert ledger.is_within(a, root)


def test_the_lineage_goes_from_the_root_to_the_node(ledger, root):
    a = ledger.create(root, "a", is_dir=True)
    b = ledger.create(a, "b", is_dir=True)
    assert ledger.lineage(b) == [root, a, b]


def test_what_is_dropped_is_not_attached(ledger, root):
    node = ledger.create(root, "a", is_dir=True)
    assert ledger.is_attached(node)
    ledger.drop(root, "a")
    assert not ledger.is_attached(node)


def test_a_dropped_node_has_no_place(ledger, root):
    node = ledger.create(root, "a", is_dir=True)
    ledger.drop(root, "a")
    with pytest.raises(TypeError, match="not below a root"):
        ledger.place(node)


def test_a_subtree_lists_parents_first(ledger, root):
    a = ledger.create(root, "a", is_dir=True)
    ledger.create(a, "b", is_dir=True)
    ledger.create(a, "file", is_dir=False)
    ledger.create(root, "c", is_dir=True)
    order = list(ledger.subtree(root))
    assert {node.name for node in order} == {"/r", "a", "b", "c"}
    assert all(order.index(node.parent) < order.index(node) for node in order[1:])


def test_a_deep_tree_needs_no_recursion(ledger, root):
    node = root
    for _ in range(5000):
        node = ledger.create(node, "d", is_dir=True)
    assert ledger.place(node).path == "/r" + "/d" * 5000
    assert sum(1 for _ in ledger.subtree(root)) == 5001
    assert len(ledger.snapshot()) == 5000


# --- kinds ---


def test_a_node_knows_its_entries_by_name_and_kind(ledger, root):
    ledger.create(root, "file", is_dir=False)
    ledger.create(root, "dir", is_dir=True)
    assert root.knows("file", is_dir=False)
    assert root.knows("dir", is_dir=True)
    assert not root.knows("file", is_dir=True)
    assert not root.knows("dir", is_dir=False)
    assert not root.knows("nothing", is_dir=False)


def test_a_followed_link_is_no_directory_to_the_kernel(ledger, root):
    node = ledger.create(root, "link", is_dir=True)
    node.link = True
    assert root.knows("link", is_dir=False)
    assert not root.knows("link", is_dir=True)


# --- watch descriptors ---


def test_one_descriptor_may_have_several_nodes(ledger, root):
    a, b, c = (ledger.create(root, name, is_dir=True) for name in "abc")
    for node in (a, b, c):
        ledger.bind(node, 5)
    assert ledger.owners(5) == [a, b, c]
    assert ledger.owner(5) is a
    assert ledger.has_twins(5)


def test_the_descriptor_is_free_when_its_last_node_leaves(ledger, root):
    a, b = (ledger.create(root, name, is_dir=True) for name in "ab")
    ledger.bind(a, 5)
    ledger.bind(b, 5)
    assert ledger.unbind(a) is False
    assert ledger.owner(5) is b
    assert not ledger.has_twins(5)
    assert ledger.unbind(b) is True
    assert ledger.owner(5) is None
    assert ledger.owners(5) == []


def test_to_unbind_what_is_not_bound_frees_nothing(ledger, root):
    assert ledger.unbind(root) is False


def test_a_node_has_one_descriptor_at_a_time(ledger, root):
    ledger.bind(root, 1)
    ledger.bind(root, 2)
    assert ledger.owner(1) is None
    assert ledger.owner(2) is root
    assert ledger.wds() == {2}


def test_to_bind_again_changes_nothing(ledger, root):
    ledger.bind(root, 1)
    ledger.bind(root, 1)
    assert ledger.owners(1) == [root]


# --- against a model ---


NAMES = st.sampled_from(["a", "ab", "b", "\udcff", "new\nline"])
WDS = st.integers(1, 4)


class LedgerModel(RuleBasedStateMachine):
    """The ledger beside a plain dict of paths, and a plain list of nodes for each watch descriptor."""

    def __init__(self):
        super().__init__()
        self.ledger = Ledger()
        self.root = root_of(self.ledger)
        self.paths = {}
        self.nodes = {"/r": self.root}
        self.bound = {}

    def directory(self, data):
        return data.draw(st.sampled_from(sorted(self.nodes)), "directory")

    @rule(data=st.data(), name=NAMES, is_dir=st.booleans())
    def create(self, data, name, is_dir):
        parent = self.directory(data)
        path = f"{parent}/{name}"
        if path in self.paths:
            return
        node = self.ledger.create(self.nodes[parent], name, is_dir=is_dir)
        assert isinstance(node, Node) is is_dir
        self.paths[path] = is_dir
        if is_dir:
            self.nodes[path] = node

    @precondition(lambda self: self.paths)
    @rule(data=st.data())
    def drop(self, data):
        path = data.draw(st.sampled_from(sorted(self.paths)), "entry")
        if any(other.startswith(path + "/") for other in self.paths):
            return
        parent, _, name = path.rpartition("/")
        if path in self.nodes:
            self.unbind_node(path)
        self.ledger.drop(self.nodes[parent], name)
        del self.paths[path]
        self.nodes.pop(path, None)

    @precondition(lambda self: self.paths)
    @rule(data=st.data(), name=NAMES)
    def graft(self, data, name):
        old = data.draw(st.sampled_from(sorted(self.paths)), "entry")
        parent = self.directory(data)
        new = f"{parent}/{name}"
        if new in self.paths or (new + "/").startswith(old + "/"):
            return
        source, _, old_name = old.rpartition("/")
        moved = self.ledger.graft(self.nodes[source], old_name, self.nodes[parent], name)
        assert moved is self.nodes.get(old)
        for table in (self.paths, self.nodes):
            for path in [path for path in table if (path + "/").startswith(old + "/")]:
                table[new + path[len(old) :]] = table.pop(path)

    @rule(data=st.data(), wd=WDS)
    def bind(self, data, wd):
        node = self.nodes[self.directory(data)]
        if node.wd != wd:
            self.forget(node)
            self.bound.setdefault(wd, []).append(node)
        self.ledger.bind(node, wd)

    @rule(data=st.data())
    def unbind(self, data):
        self.unbind_node(self.directory(data))

    def unbind_node(self, path):
        node = self.nodes[path]
        wd = node.wd
        self.forget(node)
        assert self.ledger.unbind(node) is (wd != NO_WD and wd not in self.bound)
        assert node.wd == NO_WD

    def forget(self, node):
        if node.wd != NO_WD:
            self.bound[node.wd].remove(node)
            if not self.bound[node.wd]:
                del self.bound[node.wd]

    @invariant()
    def the_snapshot_is_the_model(self):
        assert self.ledger.snapshot() == self.paths

    @invariant()
    def every_node_is_at_its_path(self):
        for path, node in self.nodes.items():
            assert self.ledger.place(node).path == path
            assert self.ledger.is_attached(node)

    @invariant()
    def every_descriptor_has_its_nodes(self):
        assert self.ledger.wds() == set(self.bound)
        for wd in range(1, 5):
            assert self.ledger.owners(wd) == self.bound.get(wd, [])
            assert self.ledger.owner(wd) is (self.bound[wd][0] if wd in self.bound else None)
            assert self.ledger.has_twins(wd) is (len(self.bound.get(wd, [])) > 1)


TestLedgerAgainstItsModel = LedgerModel.TestCase
TestLedgerAgainstItsModel.settings = settings(max_examples=60, stateful_step_count=40)


# --- against the ledger in plain Python ---


# Enough for an index, and for its growth.
NUMBERS = st.integers(0, 60)


class BothLedgers(RuleBasedStateMachine):
    """The same steps on both; then they have the same entries, places and owners."""

    def __init__(self):
        super().__init__()
        self.ledger, self.reference = Ledger(), reference.Ledger()
        self.pairs = []
        for given in ("/r", b"/s/", "/"):
            root = reference.Root(given)
            self.reference.add_root(root)
            self.pairs.append((root_of(self.ledger, given), root))

    def draw(self, data):
        return data.draw(st.sampled_from(self.pairs), "directory")

    def same(self, made, expected):
        """What both made of an entry; a directory is kept."""
        assert (made is None) is (expected is None)
        if made is not None:
            self.pairs.append((made, expected))

    @rule(
        data=st.data(),
        numbers=st.lists(NUMBERS, min_size=1, unique=True),
        is_dir=st.booleans(),
        long=st.booleans(),
    )
    def create(self, data, numbers, is_dir, long):
        node, expected = self.draw(data)
        for number in numbers:
            name = f"{number}" + "\udcff" * (200 * long)
            if name not in expected.children:
                made = self.ledger.create(node, name, is_dir=is_dir)
                self.same(made, self.reference.create(expected, name, is_dir=is_dir))

    @rule(data=st.data(), numbers=st.lists(NUMBERS, min_size=1, unique=True), long=st.booleans())
    def drop(self, data, numbers, long):
        node, expected = self.draw(data)
        for number in numbers:
            name = f"{number}" + "\udcff" * (200 * long)
            below = expected.children.get(name)
            if name in expected.children and not (below and below.children):
                self.leave(below)
                self.reference.drop(expected, name)
                self.ledger.drop(node, name)

    def leave(self, below):
        for pair in [pair for pair in self.pairs if pair[1] is below]:
            self.pairs.remove(pair)
            assert self.ledger.unbind(pair[0]) is self.reference.unbind(pair[1])

    @rule(data=st.data())
    def clear(self, data):
        node, expected = self.draw(data)
        before = self.ledger.snapshot()
        if any(below is not None and below.children for below in expected.children.values()):
            with pytest.raises(OSError, match="not empty"):
                self.ledger.clear(node)
            assert self.ledger.snapshot() == before
            return
        for name, below in list(expected.children.items()):
            self.leave(below)
            self.reference.drop(expected, name)
        self.ledger.clear(node)

    @rule(data=st.data(), number=NUMBERS, new=NUMBERS)
    def graft(self, data, number, new):
        (source, from_), (target, to) = self.draw(data), self.draw(data)
        old_name, new_name = str(number), str(new)
        if old_name not in from_.children or new_name in to.children:
            return
        below = from_.children[old_name]
        if below is not None and self.reference.is_within(to, below):
            with pytest.raises(OSError, match="levels of symbolic links"):
                self.ledger.graft(source, old_name, target, new_name)
            return
        moved = self.ledger.graft(source, old_name, target, new_name)
        self.reference.graft(from_, old_name, to, new_name)
        assert [moved] == [node for node, expected in self.pairs if expected is below] or moved is below is None

    @rule(data=st.data(), wd=st.integers(1, 40))
    def bind(self, data, wd):
        node, expected = self.draw(data)
        self.ledger.bind(node, wd)
        self.reference.bind(expected, wd)

    @rule(data=st.data())
    def unbind(self, data):
        node, expected = self.draw(data)
        assert self.ledger.unbind(node) is self.reference.unbind(expected)

    @invariant()
    def they_have_the_same_entries_in_the_same_order(self):
        assert self.ledger.snapshot() == self.reference.snapshot()
        for node, expected in self.pairs:
            assert list(node.children) == list(expected.children)
            assert len(node.children) == len(expected.children)

    @invariant()
    def their_nodes_are_at_the_same_places(self):
        for node, expected in self.pairs:
            assert self.ledger.place(node)[2:] == self.reference.place(expected)[2:]
            assert [each.name for each in self.ledger.lineage(node)] == [
                os.fsdecode(each.name) for each in self.reference.lineage(expected)
            ]

    @invariant()
    def their_descriptors_have_the_same_nodes(self):
        nodes = {id(expected): node for node, expected in self.pairs}
        assert self.ledger.wds() == self.reference.wds()
        for wd in range(1, 41):
            assert self.ledger.owners(wd) == [nodes[id(expected)] for expected in self.reference.owners(wd)]
            assert self.ledger.has_twins(wd) is self.reference.has_twins(wd)


TestBothLedgers = BothLedgers.TestCase
TestBothLedgers.settings = settings(max_examples=60, stateful_step_count=40)


# --- what goes wrong ---


def test_a_directory_with_entries_is_not_dropped(ledger, root):
    ledger.create(ledger.create(root, "a", is_dir=True), "f", is_dir=False)
    with pytest.raises(OSError, match="not empty"):
        ledger.drop(root, "a")
    assert ledger.snapshot() == {"/r/a": True, "/r/a/f": False}


def test_the_handle_of_a_directory_that_is_gone_is_of_nothing(ledger, root):
    node = ledger.create(root, "a", is_dir=True)
    ledger.drop(root, "a")
    other = ledger.create(root, "b", is_dir=True)
    ledger.create(other, "f", is_dir=False)
    assert (node.parent, node.wd, node.link, list(node.children), "f" in node.children) == (
        None,
        -1,
        False,
        [],
        False,
    )
    assert node.children.get("f") is None
    assert not node.knows("f", is_dir=False)
    with pytest.raises(LedgerError, match="not in the ledger any more"):
        ledger.create(node, "g", is_dir=False)
    with pytest.raises(LedgerError, match="not in the ledger any more"):
        ledger.bind(node, 1)
    assert ledger.snapshot() == {"/r/b": True, "/r/b/f": False}


def test_there_is_one_handle_of_a_directory_while_somebody_holds_it(ledger, root):
    node = ledger.create(root, "a", is_dir=True)
    for number in range(3000):
        ledger.create(root, str(number), is_dir=True)
    assert root.children["a"] is node


def test_handles_that_nobody_holds_are_forgotten(ledger, root):
    for number in range(5000):
        ledger.create(root, str(number), is_dir=True)
        ledger.drop(root, str(number))
    assert len(ledger._nodes._handles) < 2000


def test_a_path_longer_than_any_buffer(ledger, root):
    node = root
    for _ in range(40):
        node = ledger.create(node, "d" * 255, is_dir=True)
    assert ledger.place(node).path == "/r" + ("/" + "d" * 255) * 40


def test_a_name_that_is_too_long_for_any_file_system_is_refused(ledger, root):
    with pytest.raises(OSError, match="name too long"):
        ledger.create(root, "d" * 65536, is_dir=True)
    assert ledger.snapshot() == {}


@pytest.mark.parametrize("verb", ["graft", "drop", "own", "disown"])
def test_what_was_interrupted_behind_the_memory_is_made_good(ledger, root, monkeypatch, verb):
    """A handle says what the memory says, though Ctrl-C may come between the two."""
    a, b = (ledger.create(root, name, is_dir=True) for name in "ab")
    ledger.bind(b, 7)
    ledger.place(a)
    real = getattr(ledger.memory, verb)

    def interrupted(*arguments):
        real(*arguments)
        raise KeyboardInterrupt

    steps = {
        "graft": lambda: ledger.graft(root, "a", b, "c"),
        "drop": lambda: ledger.drop(root, "a"),
        "own": lambda: ledger.bind(a, 8),
        "disown": lambda: ledger.unbind(b),
    }
    monkeypatch.setattr(ledger.memory, verb, interrupted)
    with pytest.raises(KeyboardInterrupt):
        steps[verb]()
    monkeypatch.undo()
    ledger.refresh()
    assert ledger.snapshot() == ({"/r/b": True} if verb == "drop" else {ledger.place(a).path: True, "/r/b": True})
    assert (a.number < 0) is (verb == "drop")
    assert ledger.owners(8) == ([a] if a.wd == 8 else [])
    assert (a.wd, b.wd) == (8 if verb == "own" else -1, -1 if verb == "disown" else 7)
    assert ledger.unbind(b) is (verb != "disown")
    assert ledger.bound == (verb == "own")
