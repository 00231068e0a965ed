"""Raw events as the kernel lays them out, made by hand."""

from __future__ import annotations

import struct


def packed(*raws):
    """What read(2) returns for these: each a watch descriptor, a mask, a cookie and a name in bytes."""
    data = b""
    for wd, mask, cookie, name in raws:
        # A name is ended by NULs, up to a multiple of the header's size (fs/notify/inotify/inotify_user.c).
        size = (len(name) // 16 + 1) * 16 if name else 0
        data += struct.pack("=iIII", wd, mask, cookie, size) + name.ljust(size, b"\0")
    return data
