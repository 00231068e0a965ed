"""Names from bytes to text and back, as ``os.fsdecode`` and ``os.fsencode`` do it, and fast whatever they are.

A name that is not UTF-8 has its bytes escaped (PEP 383). PyPy's codec takes a microsecond for each of these, and
to encode them a time that grows with the square of how many there are: 40,000 take 20 seconds. And anyone who may
make files may name them so. So on PyPy it is done in C, see ``csrc/names.c``.
"""

from __future__ import annotations

import sys

from inotify_cffi._inotify import ffi, lib
from inotify_cffi.typed import TYPE_CHECKING, cast, methodcaller

if TYPE_CHECKING:
    from typing import Callable

__all__ = ["decoded", "encoded", "joined"]


def escaped(raw: bytes) -> str:
    """Return bytes as text, those escaped that are not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    text = ffi.new("char32_t[]", len(raw))
    count = lib.ic_text(ffi.from_buffer(raw), len(raw), text)
    return cast("str", ffi.unpack(text, count))


def unescaped(text: str) -> bytes:
    """Return text as the bytes that it was. Raises UnicodeEncodeError for what is no text and no escaped byte."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    raw = ffi.new("char32_t[]", text)
    size = lib.ic_raw(raw, len(text))
    if size < 0:
        raise UnicodeEncodeError("utf-8", text, -1 - size, -size, "surrogates not allowed")
    return bytes(ffi.buffer(raw, size)[:])


# What os.fsdecode and os.fsencode call for these types, and no more: it is called for each event that is alone.
CODEC = (sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())
decoded: Callable[[bytes], str] = methodcaller("decode", *CODEC)
encoded: Callable[[str], bytes] = methodcaller("encode", *CODEC)
if sys.implementation.name == "pypy" and CODEC[0] == "utf-8":
    decoded, encoded = escaped, unescaped


def joined(names: list[str]) -> bytes:
    """Return names as they are handed to C: each ended by a NUL."""
    return encoded("\0".join([*names, ""]))
