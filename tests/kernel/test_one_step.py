"""What belongs to C changes in one step: an exception at any line of Python leaves it whole, and the ledger is mended."""

from __future__ import annotations

import ast
import functools
import gc
import inspect
import os
import sys

import pytest
from conftest import HELPERS

from inotify_cffi import Instance, Mask, Watcher
from inotify_cffi.kernel import buffers, listings, syscalls
from inotify_cffi.kernel.buffers import Records
from inotify_cffi.kernel.listings import CrawlBuffer, CrawlColumns
from inotify_cffi.ledger import ledger, nodes, storage
from inotify_cffi.ledger.ledger import Ledger
from inotify_cffi.ledger.nodes import NO_WD, Root
from inotify_cffi.ledger.rules import Rules
from inotify_cffi.ledger.storage import Memory, Told
from tests.helpers.records import packed

DOORS = (storage, buffers, listings, syscalls)
CREATE = int(Mask.CREATE)


class Interrupted(BaseException):
    """As Ctrl-C, at one line."""


def interrupted_at(line, step, *modules):
    """Do a step that is interrupted in front of the line of these modules that is the so-manieth; was it?"""
    files, left = {module.__file__ for module in modules}, line

    def trace(frame, what, _):
        nonlocal left
        if frame.f_code.co_filename not in files:
            return None
        if what == "line":
            left -= 1
            if left < 0:
                sys.settrace(None)
                raise Interrupted
        return trace

    before = sys.gettrace()
    # What a collector would end in between is of other tests, and its lines are in these modules, too.
    gc.disable()
    sys.settrace(trace)
    try:
        step()
    except Interrupted:
        return True
    finally:
        sys.settrace(before)
        gc.enable()
    return False


# --- what Python stores ---


def stores(module):
    """All places outside of its own objects that the code of a module stores to, as they stand there."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            for part in target.elts if isinstance(target, ast.Tuple) else [target]:
                text = ast.unparse(part) if part is not None else ""
                if isinstance(part, (ast.Attribute, ast.Subscript)) and not text.startswith("self._"):
                    yield text


@pytest.mark.parametrize("module", DOORS, ids=lambda module: module.__name__)
def test_python_stores_nothing_in_what_belongs_to_c(module):
    """But that all was told; what else it fills in is an array of its own, or an attribute of its own objects."""
    own = {"self.cdata", "self.kept", "self.cdata.count", "nodes[0:len(tops)]", "error.strerror"}
    assert set(stores(module)) <= own


def test_one_field_is_stored_from_outside_and_that_in_one_place():
    assert [text for module in DOORS for text in stores(module)].count("self.cdata.count") == 1


# --- what is to be told ---


def applied(memory, told, name):
    """Let a file of this name be made in the only root; what is told."""
    records = Records()
    records.feed(packed((1, CREATE, 0, name)))
    while not memory.apply(records, 1, (), told):
        told.grow()
    paths, *others = told.columns()
    told.clear()
    assert others == [name + b"\0", [], [CREATE], [1], []]
    return paths


def long_root(length):
    memory = Memory()
    node = memory.add_root(b"/" * 2 + b"x" * length, asked=CREATE, is_plain=True, passes=False)
    memory.own(1, node)
    return memory


def test_the_room_for_paths_grows_in_one_step():
    """With an exception in front of each line a path that is longer than before is told whole."""
    expected = b"//" + b"x" * 1_000_000 + b"/a\0"
    lines = 0
    while True:
        told, memory = Told(), long_root(1_000_000)
        was_interrupted = interrupted_at(lines, told.grow, *DOORS)
        assert applied(memory, told, b"a") == expected
        if not was_interrupted:
            break
        lines += 1
    assert lines >= 1


@pytest.mark.unsanitized("the address space is limited, of which they need a part for each byte")
def test_without_memory_the_room_for_paths_stays_as_it_was(python):
    told = python(
        """
        import resource, sys
        from inotify_cffi.ledger.storage import Memory, Told
        from inotify_cffi.kernel.buffers import Records
        sys.path.insert(0, sys.argv[1])
        from records import packed
        memory, told, records = Memory(), Told(), Records()
        memory.own(1, memory.add_root(b"/" + b"x" * 300_000, asked=256, is_plain=True, passes=False))
        records.feed(packed((1, 256, 0, b"a")))
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
        grown = 0
        try:
            while grown < 20:
                told.grow()
                grown += 1
        except MemoryError:
            print(0 < grown < 20, memory.apply(records, 1, (), told), len(told.one()[0]))
        """,
        HELPERS[1],
    )
    assert told == "True 1 300003\n"


# --- a crawl ---


def columns(names):
    return CrawlColumns([5], [len(names)], [0], [0], names, [])


def test_a_buffer_is_filled_in_one_step():
    """It has what it had, or what it is to have, whole."""
    old, new = columns(["a", "b"]), columns(["c" * 30])
    lines = 0
    while True:
        buffer = CrawlBuffer(records=2, slots=2, room=64)
        crawled = buffer.fill(old)
        was_interrupted = interrupted_at(lines, lambda buffer=buffer: buffer.fill(new), *DOORS)
        assert crawled.columns() in ((old, new) if was_interrupted else (new,))
        if not was_interrupted:
            break
        lines += 1
    assert lines > 3


def test_a_visit_that_is_interrupted_leaves_what_can_be_adopted(tmp_path):
    """It has the directories that it had, or those that it is to have, and both are whole."""
    for name in ("a", "b/c", "b/d"):
        (tmp_path / name).mkdir(parents=True)
    fd, lines, was_interrupted = os.open(tmp_path, os.O_RDONLY), 0, True
    while was_interrupted:
        with Instance() as instance:
            buffer, ledger = CrawlBuffer(), Ledger()
            visit = functools.partial(instance.crawl, buffer, fd, mask=CREATE, last_wd=0, most=9)
            crawled = visit(["a"])
            syscalls.rm_watch(instance.fileno(), 1)
            was_interrupted = interrupted_at(lines, functools.partial(visit, ["a", "b"]), *DOORS)
            assert crawled.slots in ((1, 4) if was_interrupted else (4,))
            top = Root("/r", "/r", asked=1, kernel_mask=1, rules=Rules())
            ledger.add_root(top)
            tops = [ledger.create(top, name, is_dir=True) for name in "ab"[: crawled.slots]]
            assert ledger.adopt(tops, crawled) == {}
            assert len(ledger.snapshot()) == crawled.slots
        lines += 1
    os.close(fd)
    assert lines > 2


# --- the ledger ---


class World:
    """A ledger with directories, some of them at one inode, and what can be done with it."""

    def __init__(self):
        self.ledger = Ledger()
        self.root = self.new_root("/r")
        self.other = self.new_root("/s")
        create = self.ledger.create
        self.a, self.b, self.c, self.d = (create(self.root, name, is_dir=True) for name in "abcd")
        self.e = create(self.c, "e", is_dir=True)
        create(self.c, "file", is_dir=False)
        for node, wd in ((self.root, 1), (self.a, 2), (self.b, 2), (self.d, 2), (self.c, 3)):
            self.ledger.bind(node, wd)

    def new_root(self, given):
        root = Root(given, given, asked=1, kernel_mask=1, rules=Rules())
        self.ledger.add_root(root)
        return root

    def adopt(self):
        crawled = CrawlBuffer().fill(CrawlColumns([8, 9], [1, 0], [2, 0], [0, 1, -1], ["f"], ["x", "y"]))
        self.ledger.adopt([self.e], crawled)


STEPS = {
    "add_root": lambda world: world.new_root("/t"),
    "adopt": World.adopt,
    "become_file": lambda world: world.root.become_file(),
    "bind first": lambda world: world.ledger.bind(world.e, 7),
    "bind second": lambda world: world.ledger.bind(world.e, 1),
    "bind third": lambda world: world.ledger.bind(world.e, 2),
    "bind elsewhere": lambda world: world.ledger.bind(world.a, 3),
    "clear": lambda world: world.ledger.clear(world.c),
    "create a directory": lambda world: world.ledger.create(world.e, "new", is_dir=True),
    "create a file": lambda world: world.ledger.create(world.e, "new", is_dir=False),
    "drop": lambda world: world.ledger.drop(world.c, "e"),
    "forget_files": lambda world: world.ledger.forget_files(world.c),
    "graft": lambda world: world.ledger.graft(world.root, "c", world.a, "new"),
    "link": lambda world: setattr(world.e, "link", True),
    "remove_root": lambda world: world.ledger.remove_root(world.other),
    "unbind the first": lambda world: world.ledger.unbind(world.a),
    "unbind the second": lambda world: world.ledger.unbind(world.b),
    "unbind the last": lambda world: world.ledger.unbind(world.c),
}


def look(ledger, root, handles):
    """Check that the handles, the memory and the twins say the same of a ledger; what its inodes are bound to."""
    memory, bound = ledger.memory, {}
    for node in handles:
        if node.number == -1:
            assert (node.parent, node.wd, list(node.children)) == (None, NO_WD, [])
            continue
        parent, wd, link, name = memory.look(node.number)
        assert (node.wd, node.link) == (wd, link)
        assert (node.parent.number if node.parent else -1) == parent
        assert node.parent is None or (os.fsencode(node.name) == name and node.parent.children[node.name] is node)
        if wd != NO_WD:
            bound.setdefault(wd, set()).add(node)
    owned = {wd: set(ledger.owners(wd)) for wd in ledger.wds()}
    assert {wd: owners & set(handles) for wd, owners in owned.items() if owners & set(handles)} == bound
    for wd, owners in owned.items():
        assert len(ledger.owners(wd)) == len(owners)
        assert ledger.has_twins(wd) is (len(owners) > 1)
        first = memory.owner(wd)
        for node in owners:
            is_first_of_many = node.number == first and len(owners) > 1
            assert memory.has(node.number, storage.TWINS) is is_first_of_many
    return bound


@pytest.mark.parametrize("step", STEPS)
def test_what_was_interrupted_at_a_line_is_made_good(step):
    """In front of each line of what the ledger is made of: then it is whole, and everything can be taken out of it."""
    lines = 0
    while True:
        world = World()
        handles = [world.root, world.other, world.a, world.b, world.c, world.d, world.e]
        was_interrupted = interrupted_at(lines, lambda world=world: STEPS[step](world), ledger, nodes, *DOORS)
        if was_interrupted:
            world.ledger.refresh()
        look(world.ledger, world.root, handles)
        take_all_out(world)
        if not was_interrupted:
            break
        lines += 1
    assert lines > 0


def take_all_out(world):
    ledger = world.ledger
    for top in list(ledger.roots):
        for node in reversed(list(ledger.subtree(top))):
            ledger.unbind(node)
            ledger.clear(node)
        ledger.remove_root(top)
    assert (ledger.wds(), ledger.bound, ledger.snapshot(), ledger.has_any_twins()) == (set(), 0, {}, False)


def test_what_was_made_ready_is_not_told_twice(tmp_path, monkeypatch):
    """CPython 3.9 and PyPy look for signals between any two instructions: so also within that one line."""
    with Watcher(tmp_path, mask=Mask.CREATE) as watcher:
        (tmp_path / "a").touch()
        (tmp_path / "b").touch()
        interruptions = [KeyboardInterrupt]

        def set_attribute(teller, name, value):
            if name == "told" and value == [] and watcher._ready and interruptions:
                raise interruptions.pop()
            object.__setattr__(teller, name, value)

        monkeypatch.setattr(type(watcher._tree._teller), "__setattr__", set_attribute)
        with pytest.raises(KeyboardInterrupt):
            next(iter(watcher))
        (tmp_path / "c").touch()
        names = [event.name for _, event in zip(range(3), watcher)]
        assert (names, interruptions) == (["a", "b", "c"], [])
        assert watcher.sync() == []
