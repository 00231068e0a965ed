"""Stamps stand with the entries that have one, whatever becomes of these."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inotify_cffi.ledger.ledger import Ledger
from inotify_cffi.ledger.nodes import Root
from inotify_cffi.ledger.rules import Rules
from inotify_cffi.ledger.storage import NONE, UNKNOWN

NAMES = [b"a", b"b", b"\xff", b"n" * 255, *(b"%d" % number for number in range(40))]
STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "mkdir", "drop", "stamp", "graft", "clear"]), st.sampled_from(NAMES)),
    max_size=120,
)


def packed(*stamp):
    return struct.pack("=4q", *stamp)


@pytest.fixture
def memory():
    ledger = Ledger()
    root = Root("/r", "/r", asked=1, kernel_mask=1, rules=Rules())
    ledger.add_root(root)
    ledger.memory.top = root
    return ledger.memory


def joined(*names):
    return b"".join(name + b"\0" for name in names)


def number_of(memory):
    return memory.top.number


def test_what_has_none_is_not_known(memory):
    memory.create(number_of(memory), b"f", is_dir=False)
    assert memory.stamp_of(number_of(memory), b"f")[1] == UNKNOWN
    assert memory.compare(number_of(memory), joined(b"f"), packed(1, 2, 3, 4)) == b"\1"


@pytest.mark.parametrize("other", [(0, 2, 3, 4), (1, 0, 3, 4), (1, 2, 0, 4), (1, 2, 3, 0)])
def test_each_of_the_four_counts(memory, other):
    memory.create(number_of(memory), b"f", is_dir=False)
    memory.stamp(number_of(memory), joined(b"f"), packed(1, 2, 3, 4), b"\1")
    assert memory.compare(number_of(memory), joined(b"f", b"f"), packed(1, 2, 3, 4) + packed(*other)) == b"\0\1"


def test_what_is_gone_differs_in_nothing_and_what_can_not_be_known_in_all(memory):
    memory.create(number_of(memory), b"f", is_dir=False)
    memory.stamp(number_of(memory), joined(b"f"), packed(0, UNKNOWN, 0, 0), b"\1")
    gone, unknown = packed(0, -1, 0, 0), packed(0, UNKNOWN, 0, 0)
    assert memory.compare(number_of(memory), joined(b"f", b"f"), gone + unknown) == b"\0\1"


def test_of_what_is_not_there_there_is_none(memory):
    memory.stamp(number_of(memory), joined(b"f"), packed(1, 2, 3, 4), b"\1")
    with pytest.raises(KeyError):
        memory.stamp_of(number_of(memory), b"f")


@pytest.mark.parametrize("to", ["same", "other"])
def test_it_goes_along_when_its_entry_is_renamed(memory, to):
    other = memory.create(number_of(memory), b"d", is_dir=True)
    memory.create(number_of(memory), b"f", is_dir=False)
    memory.stamp(number_of(memory), joined(b"f"), packed(1, 2, 3, 4), b"\1")
    target = number_of(memory) if to == "same" else other
    memory.graft(number_of(memory), b"f", target, b"g")
    assert memory.stamp_of(target, b"g") == (1, 2, 3, 4)


@given(STEPS)
def test_it_goes_along_with_its_entry(steps):
    """Held against a dict: two directories, in which entries come, go, are stamped and moved to the other one."""
    ledger = Ledger()
    root = Root("/r", "/r", asked=1, kernel_mask=1, rules=Rules())
    ledger.add_root(root)
    memory = ledger.memory
    tops = [memory.create(root.number, name, is_dir=True) for name in (b"one", b"two")]
    known = [{}, {}]
    for at, (step, name) in enumerate(steps):
        which = at % 2
        top, names = tops[which], known[which]
        if step in ("create", "mkdir") and name not in names:
            memory.create(top, name, is_dir=step == "mkdir")
            names[name] = None if step == "create" else "directory"
        elif step == "drop" and name in names:
            memory.drop(top, name)
            del names[name]
        elif step == "stamp":
            stamps = [(at, number, 0, 1) for number in range(len(names))]
            marks = bytes(number % 3 > 0 for number in range(len(names)))
            memory.stamp(top, joined(*names), b"".join(packed(*stamp) for stamp in stamps), marks)
            for each, stamp, mark in zip(list(names), stamps, marks):
                if mark and names[each] != "directory":
                    names[each] = stamp
        elif step == "graft" and name in names and name not in known[1 - which]:
            memory.graft(top, name, tops[1 - which], name)
            known[1 - which][name] = names.pop(name)
        elif step == "clear":
            memory.clear(top)
            names.clear()
        for number, entries in zip(tops, known):
            listed, children = memory.entries(number)
            found = dict(zip(listed.split(b"\0"), children))
            assert {each: child != NONE for each, child in found.items()} == {
                each: value == "directory" for each, value in entries.items()
            }
            for each, value in entries.items():
                stamp = memory.stamp_of(number, each)
                assert stamp == value or (stamp[1] == UNKNOWN and value in (None, "directory"))
