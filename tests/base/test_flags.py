"""The masks: their values, their names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inotify_cffi import Mask, flag_names, parse_mask

# <linux/inotify.h>, which never changes.
KERNEL = {
    "ACCESS": 0x1,
    "MODIFY": 0x2,
    "ATTRIB": 0x4,
    "CLOSE_WRITE": 0x8,
    "CLOSE_NOWRITE": 0x10,
    "OPEN": 0x20,
    "MOVED_FROM": 0x40,
    "MOVED_TO": 0x80,
    "CREATE": 0x100,
    "DELETE": 0x200,
    "DELETE_SELF": 0x400,
    "MOVE_SELF": 0x800,
    "UNMOUNT": 0x2000,
    "Q_OVERFLOW": 0x4000,
    "IGNORED": 0x8000,
    "ONLYDIR": 0x1000000,
    "DONT_FOLLOW": 0x2000000,
    "EXCL_UNLINK": 0x4000000,
    "MASK_CREATE": 0x10000000,
    "MASK_ADD": 0x20000000,
    "ISDIR": 0x40000000,
    "ONESHOT": 0x80000000,
}
OWN = ("UNWATCHED", "WATCHED", "IN_SYNC", "RESCAN", "RESTART")
SINGLE = [member for member in Mask.__members__.values() if member.value & (member.value - 1) == 0]
masks = st.sets(st.sampled_from(SINGLE), min_size=1).map(lambda flags: sum(int(flag) for flag in flags))


@pytest.mark.parametrize("name", KERNEL)
def test_a_flag_has_the_value_of_the_kernel(name):
    assert Mask[name] == KERNEL[name]


@pytest.mark.parametrize("name", OWN)
def test_a_flag_of_the_library_uses_no_bit_of_the_kernel(name):
    assert not Mask[name] & sum(KERNEL.values())


def test_every_flag_is_the_kernels_or_the_librarys():
    assert {name for name, member in Mask.__members__.items() if member in SINGLE} == {*KERNEL, *OWN}


def test_the_default_holds_no_reads():
    assert not Mask.CHANGES & Mask.READS


def test_all_is_changes_and_reads():
    assert Mask.ALL == Mask.CHANGES | Mask.READS == 0xFFF


def test_names_come_lowest_bit_first():
    assert flag_names(Mask.ISDIR | Mask.CREATE) == ["CREATE", "ISDIR"]


def test_no_flag_has_no_name():
    assert flag_names(0) == []


def test_a_bit_without_a_name_is_not_hidden():
    assert flag_names(Mask.CREATE | 0x100000) == ["CREATE", "0x100000"]


def test_a_combination_is_told_by_its_parts():
    assert flag_names(Mask.CLOSE) == ["CLOSE_WRITE", "CLOSE_NOWRITE"]


@given(masks)
def test_parsing_the_names_gives_the_mask_again(mask):
    assert parse_mask(",".join(flag_names(mask))) == mask


@given(st.integers(0, 2**32 - 1))
def test_the_names_cover_every_bit(mask):
    names = flag_names(mask)
    assert sum(int(name, 16) if name.startswith("0x") else int(Mask[name]) for name in names) == mask


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("create", Mask.CREATE),
        ("CREATE,delete", Mask.CREATE | Mask.DELETE),
        (" Create , moved_to ", Mask.CREATE | Mask.MOVED_TO),
        ("IN_CREATE", Mask.CREATE),
        ("in_sync", Mask.IN_SYNC),
        ("IN_IN_SYNC", Mask.IN_SYNC),
        ("close,move", Mask.CLOSE | Mask.MOVE),
        ("all", Mask.ALL),
    ],
)
def test_a_mask_is_read_from_names_in_any_case_with_or_without_the_prefix(text, mask):
    assert parse_mask(text) == mask


@pytest.mark.parametrize("text", ["", "creat", "create,,delete", "0x100", "create delete"])
def test_what_is_no_flag_is_refused_with_the_flags_there_are(text):
    with pytest.raises(ValueError, match=r"is not an event; use some of .*create"):
        parse_mask(text)


def test_the_refusal_quotes_the_word():
    with pytest.raises(ValueError, match=re.escape("'creat'")):
        parse_mask("delete, creat")
