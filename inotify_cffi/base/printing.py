"""Text that others chose, a name above all, so that it can be shown: one rule for all that is printed. Pure.

Whoever can make a file below a root chooses a name, and a terminal obeys some of what may be in it.
"""

from __future__ import annotations

import os

__all__ = ["printable"]

# What shows nothing, though Python takes it for printable: Unicode's Default_Ignorable_Code_Point.
INVISIBLE = frozenset(
    map(
        chr,
        (
            0x034F,
            *range(0x115F, 0x1161),
            *range(0x17B4, 0x17B6),
            *range(0x180B, 0x1810),
            0x3164,
            *range(0xFE00, 0xFE10),
            0xFFA0,
            *range(0xE0000, 0xE1000),
        ),
    )
)


def printable(text: str | bytes) -> str:
    r"""Return *text* in one line, with everything escaped that is not seen as what it is.

    Escaped as Python does it are what a terminal obeys (C0, DEL, C1), ends of lines, what turns the direction of
    text, what shows nothing, all spaces but the plain one, and what no character is assigned to. So is each byte
    that is not UTF-8: ``\xff`` is shown as ``\udcff``, the form that it has in a str (PEP 383). A backslash stays
    as it is. So this is for people; to a program give the bytes, or JSON.

    Args:
        text: any text; bytes are decoded as file names are.

    """
    decoded = os.fsdecode(text)
    if decoded.isascii() and decoded.isprintable():
        return decoded
    return "".join(map(_shown, decoded))


def _shown(character: str) -> str:
    if character.isprintable() and character not in INVISIBLE:
        return character
    return character.encode("unicode_escape").decode("ascii")
