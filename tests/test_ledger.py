"""The ledger: pure bookkeeping of places, watch descriptors and what the consumer was told."""

import os

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inotify_cffi.ledger import NO_WD, Ledger, Node, Root
from inotify_cffi.rules import Rules


def root_of(ledger, given="/r"):
    root = Root(given, os.path.join("/", os.fsdecode(given)), asked=1, kernel_mask=1, rules=Rules())
    ledger.roots.append(root)
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
