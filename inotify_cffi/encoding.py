"""Names from bytes to text and back, as ``os.fsdecode`` and ``os.fsencode`` do it, and fast whatever they are.

A name that is not UTF-8 has its bytes escaped (PEP 383). PyPy's codec takes a microsecond for each of these, and
to encode them a time that grows with the square of how many there are: 40,000 take 20 seconds. And anyone who may
make files may name them so. So on PyPy it is done here; its compiler makes the loops fast.
"""

from __future__ import annotations

import os
import sys

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable

__all__ = ["decoded", "encoded"]

# What escapes a byte.
ESCAPE = 0xDC00
# By its first byte, 0xC0 to 0xFF: how long a sequence is, and what its second byte is at least and at most. The
# ranges keep out what is too long, what is a surrogate, and what is behind the last character (RFC 3629).
SEQUENCES = {
    **dict.fromkeys(range(194, 224), (2, 128, 191)),
    **dict.fromkeys(range(224, 240), (3, 128, 191)),
    **dict.fromkeys(range(240, 245), (4, 128, 191)),
    0xE0: (3, 0xA0, 0xBF),
    0xED: (3, 0x80, 0x9F),
    0xF0: (4, 0x90, 0xBF),
    0xF4: (4, 0x80, 0x8F),
}
LEADS = [SEQUENCES.get(lead, (0, 0, 0)) for lead in range(0xC0, 0x100)]


def sequence(raw: bytes, at: int) -> int:
    """Return how many bytes of UTF-8 a character has that begins at a place; 0 if none does."""
    lead = raw[at]
    if lead < 0x80:
        return 1
    if lead < 0xC0:
        return 0
    length, least, most = LEADS[lead - 0xC0]
    if not length or at + length > len(raw) or not least <= raw[at + 1] <= most:
        return 0
    for other in range(at + 2, at + length):
        if not 0x80 <= raw[other] <= 0xBF:
            return 0
    return length


def escaped(raw: bytes) -> str:
    """Return bytes as text, those escaped that are not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    parts: list[str] = []
    begin = at = 0
    while at < len(raw):
        length = sequence(raw, at)
        if length:
            at += length
            continue
        if begin < at:
            parts.append(raw[begin:at].decode())
        parts.append(chr(ESCAPE + raw[at]))
        begin = at = at + 1
    parts.append(raw[begin:].decode())
    return "".join(parts)


def unescaped(text: str) -> bytes:
    """Return text as the bytes that it was. Raises UnicodeEncodeError for what is no text and no escaped byte."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    raw = bytearray()
    for character in text:
        code = ord(character)
        if code < 0x80:
            raw.append(code)
        elif ESCAPE + 0x80 <= code <= ESCAPE + 0xFF:
            raw.append(code - ESCAPE)
        else:
            raw += character.encode()
    return bytes(raw)


decoded: Callable[[bytes], str] = os.fsdecode
encoded: Callable[[str], bytes] = os.fsencode
if sys.implementation.name == "pypy" and sys.getfilesystemencoding() == "utf-8":
    decoded, encoded = escaped, unescaped
