"""No number reaches memory unchecked: every verb of C refuses a node that is not in use, and then does nothing."""

from __future__ import annotations

import errno
import inspect

import pytest

from inotify_cffi import LedgerError
from inotify_cffi._inotify import ffi, lib
from inotify_cffi.kernel.buffers import Records
from inotify_cffi.kernel.listings import CrawlBuffer, CrawlColumns
from inotify_cffi.ledger.ledger import Ledger
from inotify_cffi.ledger.nodes import Node, Root
from inotify_cffi.ledger.rules import Rules
from inotify_cffi.ledger.storage import FRESH, LINK, LISTED, NONE, TWINS, Memory, Told
from tests.helpers.records import packed

GENERATION = 1 << 32
# How often a place is used before it is left alone: csrc/ledger.c, IL_GENERATION_BITS.
GENERATIONS = 1 << 19


class World:
    """A root, a directory in it with a file and a directory, and a watch of each; and numbers that are not in use."""

    def __init__(self):
        self.memory = memory = Memory()
        self.ledger = memory._ledger
        self.root = memory.add_root(b"/r", asked=1, is_plain=True, passes=False)
        self.a = memory.create(self.root, b"a", is_dir=True)
        memory.create(self.a, b"f", is_dir=False)
        freed = memory.create(self.root, b"freed", is_dir=True)
        again = memory.create(self.root, b"again", is_dir=True)
        assert (freed, again) == (2, 3)
        memory.drop(self.root, b"again")
        self.b = memory.create(self.a, b"b", is_dir=True)
        memory.drop(self.root, b"freed")
        for wd, node in enumerate((self.root, self.a, self.b), 1):
            memory.own(wd, node)
        self.wrong = {
            "none": -1,
            "absent": -2,
            "least": -(1 << 63),
            "most": (1 << 63) - 1,
            "large": (1 << 31) - 1,
            "largest place": (1 << 32) - 1,
            "behind the last": 4,
            "freed": freed,
            "what a freed one will be": freed + GENERATION,
            "freed and used again": again,
            "of the next generation": self.a + GENERATION,
            "of a generation before": self.b - GENERATION,
            "negative, of a place that is in use": self.a - (1 << 63),
        }
        assert self.b == again + GENERATION

    def state(self):
        """All that is there."""
        memory, todo, found = self.memory, [self.root], []
        while todo:
            node = todo.pop()
            flags = [memory.has(node, flag) for flag in (lib.IL_ROOT, LINK, TWINS, FRESH, LISTED)]
            found.append((node, memory.look(node), memory.entries(node), flags, memory.prefix(node)))
            todo += [child for child in memory.entries(node)[1] if child != NONE]
        return found, sorted(memory.wds()), [memory.owner(wd) for wd in range(6)]


WRONG = sorted(World().wrong)


def adopt(world, number):
    buffer = CrawlBuffer()
    buffer.fill(CrawlColumns([7], [1], [0], [0], ["x"], []))
    return lib.il_adopt(world.ledger, buffer._crawl, ffi.new("int64_t[]", [number]), 1, 1)


def agree(world, number):
    buffer = CrawlBuffer()
    buffer.fill(CrawlColumns([7], [1], [0], [0], ["x"], []))
    nodes, left = ffi.new("int64_t[]", [number]), ffi.new("int64_t[]", 1)
    return lib.il_agree(world.ledger, buffer._crawl, nodes, left, 1, 1, ffi.new("struct il_agreed *"))


def a_stamp():
    return ffi.new("struct ic_stamp[]", 1)


def room(size):
    return ffi.new("char[]", size)


# Each verb, and which of its arguments is a number: a call with that one given, and all others right.
VERBS = {
    ("il_adopt", 2): adopt,
    ("il_agree", 2): agree,
    ("il_clear", 1): lambda w, n: lib.il_clear(w.ledger, n),
    ("il_compare", 1): lambda w, n: lib.il_compare(w.ledger, n, b"f", 2, a_stamp(), 1, room(1)),
    ("il_create", 1): lambda w, n: lib.il_create(w.ledger, n, b"new", 3, 1),
    ("il_drop", 1): lambda w, n: lib.il_drop(w.ledger, n, b"f", 1),
    ("il_drop_root", 1): lambda w, n: lib.il_drop_root(w.ledger, n),
    ("il_fell", 1): lambda w, n: lib.il_fell(w.ledger, n, Told().cdata, 1, 1, ffi.new("int64_t[]", 9), 9),
    ("il_forget_files", 1): lambda w, n: lib.il_forget_files(w.ledger, n),
    ("il_get", 1): lambda w, n: lib.il_get(w.ledger, n, b"f", 1),
    ("il_graft", 1): lambda w, n: lib.il_graft(w.ledger, n, b"f", 1, w.root, b"new", 3),
    ("il_graft", 4): lambda w, n: lib.il_graft(w.ledger, w.a, b"f", 1, n, b"new", 3),
    ("il_has_flag", 1): lambda w, n: lib.il_has_flag(w.ledger, n, LINK),
    ("il_is_node", 1): lambda w, n: -errno.ESTALE * (1 - lib.il_is_node(w.ledger, n)),
    ("il_is_within", 1): lambda w, n: lib.il_is_within(w.ledger, n, w.root),
    ("il_is_within", 2): lambda w, n: lib.il_is_within(w.ledger, w.b, n),
    ("il_list", 1): lambda w, n: lib.il_list(w.ledger, n, room(4), 4, ffi.new("int64_t[]", 2), 2),
    ("il_list_size", 1): lambda w, n: lib.il_list_size(w.ledger, n),
    ("il_live", 1): lambda w, n: lib.il_live(w.ledger, n),
    ("il_name", 1): lambda w, n: lib.il_name(w.ledger, n, room(9), 9),
    ("il_own", 2): lambda w, n: lib.il_own(w.ledger, 2, n),
    ("il_parent", 1): lambda w, n: lib.il_parent(w.ledger, n),
    ("il_prefix", 1): lambda w, n: lib.il_prefix(w.ledger, n, room(9), 9),
    ("il_raze", 2): lambda w, n: lib.il_raze(w.ledger, w.root, [n], 1, ffi.new("int32_t[]", 1)),
    ("il_set_flag", 1): lambda w, n: lib.il_set_flag(w.ledger, n, LINK | FRESH | LISTED | TWINS, 1),
    ("il_set_root", 1): lambda w, n: lib.il_set_root(w.ledger, n, b"/new", 4, 0, 0, 1),
    ("il_set_wd", 1): lambda w, n: lib.il_set_wd(w.ledger, n, 3),
    ("il_stamp", 1): lambda w, n: lib.il_stamp(w.ledger, n, b"f", 2, a_stamp(), 1, b"\1"),
    ("il_stamps_of", 1): lambda w, n: lib.il_stamps_of(w.ledger, n, b"f", 2, a_stamp(), 1),
    ("il_way", 1): lambda w, n: lib.il_way(w.ledger, n, 1, ffi.new("int32_t *"), ffi.new("int32_t *")),
    ("il_wd", 1): lambda w, n: lib.il_wd(w.ledger, n),
}
# Arguments of these types that are no nodes: watch descriptors and counts.
OTHER_NUMBERS = {
    ("il_adopt", 4),
    ("il_agree", 5),
    ("il_apply", 4),
    ("il_fell", 6),
    ("il_raze", 3),
    ("il_disown", 1),
    ("il_own", 1),
    ("il_owner", 1),
    ("il_set_wd", 2),
    ("il_told_have", 1),
    ("il_way", 2),
}


# What is given to be filled in; and a node that is only compared with others.
NO_NUMBERS = {("il_list", 4), ("il_agree", 3), ("il_fell", 5), ("il_raze", 1)}


def arguments(*types):
    """The arguments of verbs of the ledger that are of these types: what the cdef says."""
    return {
        (name, place)
        for name in dir(lib)
        if name.startswith("il_")
        for place, argument in enumerate(ffi.typeof(getattr(lib, name)).args)
        if argument.cname in types and (name, place) not in NO_NUMBERS
    }


def test_no_verb_that_takes_a_node_is_left_out_here():
    """A node is an int64_t, or is in an array of these."""
    assert set(VERBS) == arguments("int64_t", "int64_t *")


def test_no_verb_takes_a_node_as_another_type():
    assert arguments("int32_t", "int16_t", "long", "long long", "ssize_t") == OTHER_NUMBERS


@pytest.mark.parametrize("number", WRONG)
@pytest.mark.parametrize("verb", sorted(VERBS), ids=str)
def test_a_verb_refuses_a_number_that_is_not_in_use(verb, number):
    world = World()
    before = world.state()
    assert VERBS[verb](world, world.wrong[number]) == -errno.ESTALE
    assert world.state() == before


@pytest.mark.parametrize("verb", sorted(VERBS), ids=str)
def test_a_verb_takes_a_number_that_is_in_use(verb):
    """Else the tests above would say nothing."""
    world = World()
    number = {
        ("il_graft", 4): world.b,
        ("il_own", 2): world.a,
        ("il_drop_root", 1): world.memory.add_root(b"", asked=0, is_plain=True, passes=False),
        ("il_adopt", 2): world.memory.create(world.root, b"new", is_dir=True),
        ("il_set_root", 1): world.root,
        ("il_set_wd", 1): world.b,
    }.get(verb, world.a if verb[0] != "il_clear" else world.b)
    assert VERBS[verb](world, number) > lib.IL_ABSENT


@pytest.mark.parametrize("verb", ["il_set_root", "il_drop_root"])
def test_a_directory_is_no_root(verb):
    world = World()
    before = world.state()
    assert VERBS[verb, 1](world, world.a) == -errno.ESTALE
    assert world.state() == before


@pytest.mark.parametrize("flag", [lib.IL_ROOT, 1, 128, 256, -1])
def test_what_makes_a_node_a_free_one_or_a_root_is_not_set_from_outside(flag):
    world = World()
    before = world.state()
    assert lib.il_set_flag(world.ledger, world.a, flag, 1) == -errno.EINVAL
    assert lib.il_set_flag(world.ledger, world.a, flag, 0) == -errno.EINVAL
    assert world.state() == before


def test_a_number_is_of_one_directory_for_ever():
    """A place is used again so often, and then left alone: no number comes twice."""
    memory = Memory()
    root = memory.add_root(b"/r", asked=1, is_plain=True, passes=False)
    first = memory.create(root, b"a", is_dir=True)
    before = first - GENERATION
    number = first
    for _ in range(GENERATIONS):
        assert number == before + GENERATION
        before = number
        memory.drop(root, b"a")
        number = memory.create(root, b"a", is_dir=True)
    assert number == first + 1
    assert not any(memory.is_node(first + times * GENERATION) for times in (0, 1, GENERATIONS - 1, GENERATIONS))
    assert memory.entries(root) == (b"a\0", [number])


@pytest.mark.parametrize("size", [0, 1, 3, 5, 100])
@pytest.mark.parametrize("count", [0, 1, 3, 100])
def test_a_listing_that_does_not_fit_as_it_was_measured_is_refused(size, count):
    """Something may come between the measure and the listing: then it is measured again."""
    world = World()
    for given in ((size, count), (4, count), (size, 2)):
        names, children = room(101), ffi.new("int64_t[]", 101)
        assert lib.il_list(world.ledger, world.a, names, given[0], children, given[1]) == -errno.EAGAIN
        assert ffi.buffer(names)[given[0] :] == bytes(101 - given[0])
        assert ffi.unpack(children, 101)[given[1] :] == [0] * (101 - given[1])


# --- what is no node ---


def test_the_owner_of_a_watch_does_not_say_that_it_has_another():
    """It would stand in the table where nobody looks for it, also when it is gone."""
    world = World()
    before = world.state()
    assert lib.il_set_wd(world.ledger, world.b, 9) == -errno.EBUSY
    assert lib.il_set_wd(world.ledger, world.b, -1) == -errno.EBUSY
    assert lib.il_own(world.ledger, 9, world.b) == -errno.EBUSY
    assert lib.il_own(world.ledger, -1, world.root) == -errno.EINVAL
    assert world.state() == before


@pytest.mark.parametrize(
    "columns",
    [
        ([1], [0], [0], [1], [], []),
        ([1], [0], [0], [-1], [], []),
        ([1, 2], [0, 0], [0, 0], [0], [], []),
        ([1, 2], [0, 0], [0, 0], [0, 0], [], ["d"]),
        ([1, 2], [0, 0], [0, 1], [0, 1], [], ["d"]),
        ([1, 2], [0, 0], [0, 1], [1, 0], [], ["d"]),
        ([1], [0], [1], [0], [], ["d"]),
        ([1], [0], [2], [0, -1], [], ["d"]),
        ([1], [0], [-1], [0], [], []),
        ([1], [-1], [0], [0], [], []),
        ([1], [2], [0], [0], ["f"], []),
        ([1], [2_000_000_000], [0], [0], ["f"], []),
        ([1], [0], [0], [0, -1], [], []),
        ([-5], [0], [0], [0], [], []),
    ],
    ids=str,
)
def test_a_crawl_that_can_not_have_been_is_not_adopted(columns):
    world = World()
    top = world.memory.create(world.root, b"top", is_dir=True)
    before = world.state()
    with pytest.raises(LedgerError):
        world.memory.adopt([top], CrawlBuffer().fill(CrawlColumns(*columns)))
    if "f" not in columns[4]:
        assert world.state() == before
    assert world.memory.is_node(top)


@pytest.mark.parametrize(
    "columns",
    [
        ([7], [5], [0], [0], ["f"], []),
        ([7], [0], [5], [0, -1, -1, -1, -1, -1], [], ["a"]),
        ([7, 8], [0, 0], [0, 0], [0, 0], [], []),
        ([7], [-1], [0], [0], [], []),
    ],
    ids=str,
)
def test_a_crawl_that_can_not_have_been_agrees_with_nothing(columns):
    world = World()
    before = world.state()
    with pytest.raises(LedgerError):
        world.memory.agree([world.a], CrawlBuffer().fill(CrawlColumns(*columns)))
    assert world.state() == before


def test_what_has_entries_in_a_directory_is_not_razed_with_that():
    """Each is to stand behind those in it."""
    world = World()
    with pytest.raises(OSError, match="not empty"):
        world.memory.raze(world.root, [world.root])


def test_more_directories_than_a_crawl_was_given_are_not_adopted():
    world = World()
    tops = [world.memory.create(world.root, name, is_dir=True) for name in (b"x", b"y")]
    crawled = CrawlBuffer().fill(CrawlColumns([7], [0], [0], [0], [], []))
    for given in ([], tops):
        with pytest.raises((LedgerError, IndexError)):
            world.memory.adopt(given, crawled)
    assert world.memory.adopt(tops[:1], crawled) == []


@pytest.mark.parametrize(
    "columns",
    [
        ([1] * 5, [0] * 5, [0] * 5, [0], [], []),
        ([1], [0], [0], [0] * 5, [], []),
        ([1], [9], [0], [0], ["x" * 5] * 9, []),
        ([1], [0], [9], [0], [], ["x" * 5] * 9),
        ([1], [0, 0], [0], [0], [], []),
    ],
    ids=str,
)
def test_a_buffer_is_not_filled_with_more_than_it_holds(columns):
    buffer = CrawlBuffer(records=4, slots=4, room=40)
    crawled = buffer.fill(CrawlColumns([7], [1], [0], [0], ["f"], []))
    before = crawled.columns()
    with pytest.raises(ValueError, match="a crawl"):
        buffer.fill(CrawlColumns(*columns))
    assert crawled.columns() == before


@pytest.mark.parametrize("at", [3, 4, 1 << 63, (1 << 64) - 1])
def test_a_record_that_is_not_there_is_refused(at):
    records = Records()
    records.feed(packed((1, 2, 3, b"name"), (4, 5, 6, b"")))
    with pytest.raises(LedgerError):
        records.at = at
    with pytest.raises(LedgerError):
        records.raw(at)
    with pytest.raises(LedgerError):
        records.columns(at)
    assert (records.at, records.count) == (0, 2)
    records.at = 2
    with pytest.raises(LedgerError):
        records.raw(2)
    assert records.columns(2) == ([], [], [])


def test_a_record_has_a_name_of_any_length():
    records = Records()
    records.feed(packed((1, 2, 3, b"x" * 255), (1, 2, 3, b"y" * 256), (-1, 1 << 31, (1 << 32) - 1, b"z" * 5000)))
    assert [len(records.raw(at)[3]) for at in range(3)] == [255, 256, 5000]
    assert records.raw(2)[:3] == (-1, 1 << 31, (1 << 32) - 1)
    assert records.columns(1) == ([1, -1], [2, 1 << 31], [3, (1 << 32) - 1])


# --- in Python ---


def takers():
    """The methods of the memory that take nodes, and which argument that is."""
    for name, method in inspect.getmembers(Memory, inspect.isfunction):
        for place, parameter in enumerate(list(inspect.signature(method).parameters)[1:]):
            if parameter in ("node", "parent", "source", "ancestor") and not name.startswith("_"):
                yield name, place


STAMP = bytes(ffi.sizeof("struct ic_stamp"))
GIVEN = {
    "compare": ([0, b"f\0", STAMP], {}),
    "stamp": ([0, b"f\0", STAMP, b"\1"], {}),
    "stamp_of": ([0, b"f"], {}),
    "stamps_of": ([0, b"f\0", 1], {}),
    "create": ([0, b"new"], {"is_dir": True}),
    "get": ([0, b"f"], {}),
    "drop": ([0, b"f"], {}),
    "graft": ([1, b"f", 0, b"new"], {}),
    "has": ([0, LINK], {}),
    "mark": ([0, LINK], {"is_set": True}),
    "is_within": ([0, 0], {}),
    "set_root": ([0, b"x"], {"asked": 1, "is_plain": True, "passes": False}),
    "own": ([2, 0], {}),
    "set_wd": ([0, 3], {}),
}


@pytest.mark.parametrize("number", WRONG)
@pytest.mark.parametrize(("name", "place"), sorted(takers()), ids=str)
def test_the_memory_raises_ledger_error(name, place, number):
    world = World()
    before = world.state()
    given, options = GIVEN.get(name, ([0], {}))
    given = [*given[:place], world.wrong[number], *given[place + 1 :]]
    if name == "is_node":
        assert world.memory.is_node(*given) is False
    else:
        with pytest.raises(LedgerError, match=r"not in the ledger any more; nothing was changed"):
            getattr(world.memory, name)(*given, **options)
    assert world.state() == before


# --- handles ---


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def root(ledger):
    root = Root("/r", "/r", asked=1, kernel_mask=1, rules=Rules())
    ledger.add_root(root)
    return root


SETTERS = sorted(name for name, value in vars(Node).items() if isinstance(value, property) and value.fset)


def test_each_setter_of_a_handle_is_tried_here():
    assert SETTERS == ["fresh", "link", "listed"]


@pytest.mark.parametrize("setter", SETTERS)
@pytest.mark.parametrize("is_set", [True, False])
def test_a_handle_of_nothing_is_not_set(ledger, root, setter, is_set):
    gone = ledger.create(root, "a", is_dir=True)
    ledger.drop(root, "a")
    other = ledger.create(root, "b", is_dir=True)
    setattr(other, setter, not is_set)
    with pytest.raises(LedgerError, match="the directory 'a' is not in the ledger any more"):
        setattr(gone, setter, is_set)
    assert getattr(other, setter) is not is_set
    assert not getattr(gone, setter)


@pytest.mark.parametrize("setter", SETTERS)
def test_a_handle_whose_number_was_used_again_writes_to_nobody(ledger, root, setter):
    """As it is between a change of the memory and that of the handle, if an exception comes there."""
    gone = ledger.create(root, "a", is_dir=True)
    stale = gone.number
    ledger.drop(root, "a")
    gone.number = stale
    other = ledger.create(root, "b", is_dir=True)
    assert other.number & 0xFFFFFFFF == stale & 0xFFFFFFFF
    with pytest.raises(LedgerError):
        setattr(gone, setter, True)
    with pytest.raises(LedgerError):
        ledger.create(gone, "x", is_dir=False)
    with pytest.raises(LedgerError):
        list(gone.children)
    assert not getattr(other, setter)
    assert ledger.snapshot() == {"/r/b": True}


@pytest.mark.parametrize("setter", SETTERS)
def test_a_root_that_is_in_no_ledger_yet_has_nothing_and_is_not_set(setter):
    root = Root("/r", "/r", asked=1, kernel_mask=1, rules=Rules())
    assert (root.link, root.listed, root.fresh, list(root.children), len(root.children)) == (
        False,
        False,
        False,
        [],
        0,
    )
    assert not root.knows("x", is_dir=False)
    assert root.children.get("x") is None
    with pytest.raises(LedgerError, match="'/r' is not in the ledger"):
        setattr(root, setter, True)


def test_the_entries_of_a_handle_are_nobodys_when_it_is_gone(ledger, root):
    """Also where somebody holds them from before."""
    gone = ledger.create(root, "a", is_dir=True)
    children = gone.children
    ledger.drop(root, "a")
    other = ledger.create(root, "b", is_dir=True)
    ledger.create(other, "f", is_dir=False)
    assert (list(children), len(children), "f" in children, children.directories()) == ([], 0, False, [])
